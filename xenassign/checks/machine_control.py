"""Devices that rule over the machine: who has one decides about what is not assigned to him.

Two sources say so: the table of known blocks (:mod:`xenassign.host.machine_control`), and the tree,
where a provider of clocks, resets, power domains, pins, interconnects or regulators, or a stage of
interrupts, has users that stay with the host. An IOMMU does not help against either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.addresses import on_processor_bus
from xenassign.devicetree.phandle_properties import kind_of
from xenassign.findings import Finding, Rule, rule, some
from xenassign.host.device import HostDevice, block_of
from xenassign.host.machine_control import MachineControl, machine_control
from xenassign.host.supplier_kinds import supplier_kind

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.devicetree.tree import Node
    from xenassign.request.request import Accepted
    from xenassign.xen.board import Board

MACHINE_CONTROL = rule("XA119", "machine-control", "error", "unsafe")
SUPPLIES_OTHERS = rule("XA107", "host-depends-on-it", "error", "unsafe")
SERVES_HOST = rule("XA124", "host-uses-it", "warning", "unsafe")
RESETS_MACHINE = rule("XA120", "resets-machine", "warning", "unsafe")

#: Properties of vital kinds that need nothing of the provider at run time.
_NOT_SUPPLIED = ("assigned-clock", "devfreq-events")
#: The DMA of the user goes where the provider says.
_TRANSLATED = frozenset({"iommus", "iommu-map"})
#: How the user sends messages to firmware, which may supply others.
_TRANSPORTS = frozenset({"mboxes", "shmem", "qcom,ipc", "qcom,rpm-msg-ram"})
#: The interrupts of the user go through the provider. GPIOs, and chips on a bus, serve what is on
#: the board; a block of the SoC is between its devices and the CPU cores. A user without registers
#: (buttons, the Ethernet of TI's ICSSG) is made of what it names.
_ROUTED = frozenset({"interrupts", "msi-parent", "msi-map", "wakeup-parent"})
#: Users without hardware of their own, which pass on what they are supplied with; a connector of a
#: display passes it to what is plugged in.
_RELAYS = frozenset(
    {
        "dp-connector",
        "fixed-factor-clock",
        "gpio-gate-clock",
        "hdmi-connector",
        "pwm-clock",
        "pwm-regulator",
    }
)

#: What is in a node that has no other compatible string.
_UNNAMED = MachineControl(
    "syscon",
    "control",
    "system registers",
    "a system controller (syscon): registers of several functions, which the tree does not name",
    "bindings/mfd/syscon.yaml",
)
#: Which devices it translates for is not in the tree, or they are disabled.
_IDLE_IOMMU = MachineControl(
    "",
    "control",
    "IOMMU",
    "an IOMMU of devices that are not assigned with it: it decides which memory their DMA reaches",
    "bindings/iommu/iommu.txt (#iommu-cells)",
)

_GENERIC = frozenset({"syscon", "simple-mfd"})

#: More users than these are not proposed together.
_FEW = 4
_ASSIGN_ALL = "leave it to the host, or assign all devices that it supplies to the same domain"


class Control:
    """What a device rules over.

    ``known``: the entry of the table for ``part``, the device or a node inside of it. ``parts``:
    the device and the nodes inside of it. ``checks.conflicts`` judges what other domains use.
    """

    def __init__(
        self,
        node: Node,
        known: MachineControl | None,
        part: Node,
        parts: tuple[Node, ...],
        outside: _Outside,
    ) -> None:
        self.node = node
        self.known = known
        self.part = part
        self.parts = parts
        self.outside = outside

    @cached_property
    def users(self) -> dict[Node, str]:
        """The users of the host that it supplies, each with the property."""
        return dict(self._supplied())

    @cached_property
    def served(self) -> dict[Node, str]:
        """Those of the host that use it otherwise."""
        served: dict[Node, str] = {}
        for provider in self.parts:
            for prop, user in self.outside.users(provider):
                if user not in self.users and not any(self.outside.supplied(provider, prop, user)):
                    served.setdefault(user, prop)
        return served

    def _supplied(self) -> Iterator[tuple[Node, str]]:
        for provider in self.parts:
            for prop, user in self.outside.users(provider):
                for other in self.outside.supplied(provider, prop, user):
                    yield other, prop

    @property
    def listed(self) -> bool:
        """Whether the table says that it rules over the machine."""
        return self.known is not None and self.known.level == "control"

    @cached_property
    def refused(self) -> bool:
        """Whether it is assigned only if the user allows it: one user of the host is enough."""
        return self.listed or any(True for _ in self._supplied())

    @property
    def rule(self) -> Rule:
        """The rule that refuses it."""
        return MACHINE_CONTROL if self.listed else SUPPLIES_OTHERS

    @property
    def message(self) -> str:
        """Why it is refused."""
        if self.known is None or not self.listed:
            return f"{self.node.path} supplies {_named(self.users)}, which it can stop"
        supplied = f"; it supplies {_named(self.users)}" if self.users else ""
        return f"{self.part.path} is {self.known.evidence}{supplied}"

    @property
    def fix(self) -> str:
        """What to do, without the option that allows it."""
        if not self.listed and all(user.has("reg") and not _is_cpu(user) for user in self.users):
            return _ASSIGN_ALL
        return self.rule.fix

    @property
    def companions(self) -> tuple[str, ...]:
        """The paths of the users to assign it with, if it has the settings of a few devices.

        Other providers are left to the host: what they supply is not related otherwise.
        """
        users = self.users
        settings = all(kind_of(prop) == "syscon" for prop in users.values())
        if self.listed or not settings or len(users) > _FEW or not all(map(_is_device, users)):
            return ()
        return tuple(user.path for user in users)


def _is_cpu(node: Node) -> bool:
    return node.text("device_type") == "cpu"


def _is_device(node: Node) -> bool:
    return node.has("reg") and not _is_cpu(node) and on_processor_bus(node)


def _named(users: Mapping[Node, str]) -> str:
    return some(f"{path} ({prop})" for path, prop in sorted((n.path, p) for n, p in users.items()))


def control(board: Board, scope: Scope, node: Node) -> Control:
    """What a device rules over, which is in a domain or could be added to it.

    The nodes that are copied with it and that Xen does not treat as devices count as parts of it.
    """
    # A supplier is asked about for each device that it supplies. A scope is of one tree, and the
    # neighbours of a board are those of its tree.
    answers = scope.controls
    if node not in answers:
        answers[node] = _control(board, scope, node)
    return answers[node]


def is_listed(scope: Scope, node: Node) -> bool:
    """Whether the table says that a device rules over the machine, whoever uses it."""
    known = _listed(list(_parts(scope, node)))
    return known is not None and known[0].level == "control"


def _control(board: Board, scope: Scope, node: Node) -> Control:
    parts = list(_parts(scope, node))
    outside = _Outside(board, scope, node)
    known, part = _listed(parts) or _idle_iommu(board, scope, parts) or (None, node)
    return Control(node, known, part, tuple(parts), outside)


def _listed(parts: list[Node]) -> tuple[MachineControl, Node] | None:
    """The first entry of the table for one of the nodes; one of a control before a warning."""
    known = ((_entry(block_of(part).compatible), part) for part in parts)
    listed = [(entry, part) for entry, part in known if entry and entry.level != "ordinary"]
    return min(listed, key=lambda pair: pair[0].level != "control", default=None)


def _entry(compatibles: Sequence[str]) -> MachineControl | None:
    if "syscon" in compatibles and _GENERIC.issuperset(compatibles):
        return _UNNAMED
    return machine_control(compatibles)


def _idle_iommu(
    board: Board, scope: Scope, parts: list[Node]
) -> tuple[MachineControl, Node] | None:
    """An IOMMU that no device of the domain uses, and no enabled one of the host (else XA107)."""
    users = board.neighbours.users
    for part in parts:
        if part.has("#iommu-cells") and not users.get(part):
            uses = (use.node for device in scope.devices for use in device.iommus)
            if part not in uses:
                return _IDLE_IOMMU, part
    return None


def _parts(scope: Scope, node: Node) -> Iterator[Node]:
    """The device and the nodes inside of it, without those that the domain does not get."""
    if node in scope.device_nodes:
        return scope.parts(node)
    return node.walk_where(lambda part: part.available)  # all of its devices would be assigned


class _Outside(NamedTuple):
    """What stays with the host and uses a device."""

    board: Board
    scope: Scope
    device: Node

    def users(self, provider: Node) -> Iterator[tuple[str, Node]]:
        """(property, node) of the enabled users of a node."""
        for prop, user in self.board.neighbours.users.get(provider, ()):
            if not self._goes_along(user):
                yield prop, user

    def _goes_along(self, user: Node) -> bool:
        return self.device in user.lineage() or not self.scope.stays_with_host(user)

    def supplied(self, provider: Node, prop: str, user: Node) -> Iterator[Node]:
        """Who cannot do without the provider: the user, those it passes it on to, or nobody."""
        relay = bool(_RELAYS.intersection(user.compatible))
        if relay and (_is_supply(prop) or prop == "pwms"):
            yield from (other for passed, other in self.users(user) if _is_supply(passed))
        elif _is_supply(prop):
            if not self._is_companion(provider, prop, user):
                yield user
        elif prop in _TRANSPORTS:
            if self._supplies_others(user):
                yield user
        elif prop in _ROUTED and user.has("reg") and _is_stage(provider):
            yield user

    def _is_companion(self, provider: Node, prop: str, user: Node) -> bool:
        """Whether a user serves the device only, as the PHY that gets its clock from it does.

        A clock controller that can choose the clock of a PHY uses it for what the PHY connects.
        """
        if _chooses(user, prop, provider):
            return True
        uses = self.board.neighbours.users.get(user, ())
        others = [o for name, o in uses if not _chooses(o, name, user)]
        return bool(others) and all(map(self._goes_along, others))

    def _supplies_others(self, firmware: Node) -> bool:
        """Whether firmware that gets its messages from the device supplies others."""
        own = frozenset(firmware.walk())
        return any(
            _is_supply(prop) and user not in own for node in own for prop, user in self.users(node)
        )


def _chooses(controller: Node, prop: str, phy: Node) -> bool:
    return prop == "clocks" and controller.has("#clock-cells") and phy.has("#phy-cells")


def _is_stage(controller: Node) -> bool:
    """Whether an interrupt controller is a block of the SoC, not a GPIO controller or a chip."""
    return not controller.has("gpio-controller") and on_processor_bus(controller)


def _is_supply(prop: str) -> bool:
    vital = supplier_kind(kind_of(prop)).vital and not prop.startswith(_NOT_SUPPLIED)
    return vital or prop in _TRANSLATED


def machine_control_findings(
    board: Board,
    scope: Scope,
    device: HostDevice,
    allowed: Mapping[Node, Accepted],
) -> Iterator[Finding]:
    """What a device of a domain rules over, and who uses it.

    ``allowed``: --allow-machine-control by node; it applies to the devices below the node too.
    """
    # Completion asks for ``control`` alone.
    from xenassign.checks.protection import TRUST, accepted_for

    path, ruled = device.path, control(board, scope, device.node)
    if ruled.refused:
        option = accepted_for(device.node, allowed)
        if option is None:
            fix = f"{ruled.fix}; --allow-machine-control {path} assigns it anyway"
            yield ruled.rule(ruled.message, node=path, fix=fix, others=ruled.companions)
        else:
            message = f"{ruled.message}{option.because}"
            stated = bool(option.because)
            yield ruled.rule(message, node=path, severity="warning", fix=TRUST, accepted=stated)
    elif ruled.known is not None:
        yield RESETS_MACHINE(f"{ruled.part.path} is {ruled.known.evidence}", node=path)
    if ruled.served:
        yield SERVES_HOST(f"{path} serves {_named(ruled.served)}", node=path)
