"""What the host must keep running for the assigned devices.

dom0's Linux does not see the assigned devices (Xen sets their status to "disabled"), so it treats
their clocks, power domains and regulators as unused and switches them off. Resets, PHYs, pins and
interconnects are not switched off, but dom0 does not set them up either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from xenassign.checks.scope import Scope
from xenassign.devicetree.references import Reference, references
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, rule
from xenassign.host.supplier_kinds import SUPPLIER_KINDS, HostDuty
from xenassign.planning.kept_firmware import KeptFirmware, within
from xenassign.planning.plan import HostKeep

HOST_KEEPS = rule("XA507", "host-must-keep", "note", "broken")

#: The kinds that the host must keep on or set up, and those that a bus has for what is below it.
_KEPT = frozenset(name for name, kind in SUPPLIER_KINDS.items() if kind.duty is not HostDuty.NONE)
_OF_A_BUS = frozenset(name for name, kind in SUPPLIER_KINDS.items() if kind.of_a_bus)

#: Providers without hardware of their own: the host must keep their suppliers instead.
_VIRTUAL = frozenset({"fixed-factor-clock", "gpio-gate-clock", "usb-nop-xceiv"})


#: Power domains of firmware, which Linux takes for off until a device of its own uses them: it
#: switches none off, so that pd_ignore_unused has no effect, and none on for a guest.
#: Source: drivers/pmdomain/ti/ti_sci_pm_domains.c (pm_genpd_init with is_off).
_TAKEN_FOR_OFF = frozenset({"ti,sci-pm-domain"})


#: By (kind, host path of the provider, arguments): (name, host paths of the users).
_Keeps = dict[tuple[str, str, tuple[int, ...]], tuple[str | None, list[str]]]


def host_keeps(
    tree: Tree, scope: Scope, kept: tuple[KeptFirmware, ...] = ()
) -> tuple[HostKeep, ...]:
    """What the host must keep, in the order of the devices that use it.

    ``kept``: firmware that the guest calls by itself.
    """
    keeps: _Keeps = {}
    devices = scope.device_nodes
    roots = set(scope.roots)
    inside: dict[Node, list[str]] = {}
    for device in scope.devices:
        for above in roots.intersection(device.node.lineage()):
            inside.setdefault(above, []).append(device.path)
    for root in scope.roots:
        for node in root.walk():
            if not scope.has(node):
                continue
            user = next((n for n in node.lineage() if n in devices), node).path
            for kind, reference in _used(tree, scope, node, _KEPT):
                _add(keeps, kind, reference, user)
        users = inside.get(root, [root.path])
        for bus in root.ancestors():
            for kind, reference in _used(tree, scope, bus, _OF_A_BUS):
                for user in users:
                    _add(keeps, kind, reference, user)
    return tuple(
        HostKeep(kind, provider, args, name, tuple(users))
        for (kind, provider, args), (name, users) in keeps.items()
        if not any(within(provider, firmware.root.path) for firmware in kept)
    )


def _add(keeps: _Keeps, kind: str, reference: Reference, user: str) -> None:
    path = reference.provider.path if reference.provider else ""
    _, users = keeps.setdefault((kind, path, reference.args), (reference.name, []))
    if user not in users:
        users.append(user)


def _used(
    tree: Tree, scope: Scope, node: Node, kinds: frozenset[str]
) -> Iterator[tuple[str, Reference]]:
    """(kind, reference) of the suppliers that stay with the host.

    Providers without hardware of their own are replaced by their suppliers, each once: they may
    refer to each other.
    """
    passed: set[Node] = set()
    unfinished = [_suppliers(tree, node, kinds)]
    while unfinished:
        for kind, reference in unfinished[-1]:
            provider = reference.provider
            if provider is None or scope.has(provider) or provider in passed:
                continue
            compatible = set(provider.compatible)
            if compatible & _VIRTUAL or ("regulator-fixed" in compatible and not _gated(provider)):
                passed.add(provider)
                unfinished.append(_suppliers(tree, provider, kinds))
                break
            if "fixed-clock" not in compatible:
                yield kind, reference
        else:
            unfinished.pop()


def _suppliers(tree: Tree, node: Node, kinds: frozenset[str]) -> Iterator[tuple[str, Reference]]:
    """(kind, reference) of the suppliers of a node that are in use in normal operation."""
    for group in references(tree, node):
        kind = group.rule.kind
        if kind not in kinds or group.prop.startswith("assigned-clock"):
            continue
        if kind == "pinctrl" and group.prop != _default_pins(node):
            continue
        for reference in group.entries:
            yield kind, reference


def _default_pins(node: Node) -> str:
    """The property with the pins of normal operation (pinctrl/pinctrl-consumer.yaml)."""
    names = node.strings("pinctrl-names")
    return f"pinctrl-{names.index('default') if 'default' in names else 0}"


def _gated(regulator: Node) -> bool:
    """Whether a fixed regulator is switched by a GPIO."""
    return regulator.has("gpio") or regulator.has("gpios")


def regulators_to_keep_on(tree: Tree, keeps: tuple[HostKeep, ...]) -> tuple[str, ...]:
    """Host paths of the regulators to mark always-on: those that dom0 drives and may switch off."""
    regulators = (tree.find(keep.provider) for keep in keeps if keep.kind == "regulator")
    return tuple(
        node.path
        for node in regulators
        if node is not None and not node.has("regulator-always-on") and node.enabled
    )


def dom0_options(
    tree: Tree, keeps: tuple[HostKeep, ...], kept_on: tuple[str, ...]
) -> tuple[str, ...]:
    """Options for dom0's kernel command line. ``kept_on``: regulators that are marked always-on."""
    off = _taken_for_off(tree, keeps)
    kinds = {
        keep.kind
        for keep in keeps
        if not (keep.kind == "regulator" and keep.provider in kept_on)
        and not (keep.kind == "power-domain" and keep.provider in off)
    }
    chosen = (kind.keep_option for name, kind in SUPPLIER_KINDS.items() if name in kinds)
    return tuple(option for option in chosen if option is not None)


def _taken_for_off(tree: Tree, keeps: tuple[HostKeep, ...]) -> tuple[str, ...]:
    """The providers of power domains that dom0's Linux takes for off."""
    paths = dict.fromkeys(keep.provider for keep in keeps if keep.kind == "power-domain")
    nodes = (tree.find(path) for path in paths)
    return tuple(node.path for node in nodes if node and _TAKEN_FOR_OFF & {*node.compatible})


def keep_findings(
    tree: Tree, keeps: tuple[HostKeep, ...], kept_on: tuple[str, ...]
) -> Iterator[Finding]:
    """One finding about all that the host must keep."""
    if not keeps:
        return
    kinds = Counter(keep.kind for keep in keeps)
    counts = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items())
    line = " ".join(dom0_options(tree, keeps, kept_on))
    fix = f"put {line} on dom0's kernel command line" if line else "have the firmware set them up"
    for path in _taken_for_off(tree, keeps):
        fix += f"; have the boot loader switch on the power domains of {path}: dom0 cannot"
    yield HOST_KEEPS(
        f"the host must leave on and set up: {counts} (host_keeps of the plan)", fix=fix
    )
