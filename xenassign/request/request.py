"""The request for one domain, checked for form: values, ranges, contradictions.

Names of nodes are text here; :mod:`xenassign.request.resolve` looks them up on a board.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.errors import OptionError, UsageError
from xenassign.escape import xlcfg_problem
from xenassign.findings import ROUTES
from xenassign.formats.xlcfg import XlConfig
from xenassign.request import sci_section, units
from xenassign.request.added_nodes import AddedNode
from xenassign.request.node_request import NOTHING, NodeRequest
from xenassign.request.options import ALIGNMENTS
from xenassign.request.origin import Origin
from xenassign.request.property_edits import PropertyEdit, check_edits
from xenassign.xen.layout import MIB
from xenassign.xen.releases import (
    DEFAULT,
    DOMAIN_NAME,
    GUEST_MEMORY_MAX_MIB,
    GUEST_VCPUS_MAX,
    Release,
    options_of,
    release,
)
from xenassign.xen.sci_agents import BINDING, KCONFIG, Agents
from xenassign.xen.xlvalues import IomemRange

if TYPE_CHECKING:
    from xenassign.host.clock_summary import ClockSummary
    from xenassign.host.regulator_summary import RegulatorSummary
    from xenassign.request.device_part import PartOption
    from xenassign.request.own_tree import PartialTree

VCPUS_MAX = max(GUEST_VCPUS_MAX.values())
MEMORY_ACTIONS = ("map", "drop")
PLACEMENTS = ("identity", "auto")
#: The fix for a name that ``DOMAIN_NAME`` does not match.
DOMAIN_NAME_RULE = "use a letter, then up to 30 letters, digits or . _ + -"


@dataclass(frozen=True, slots=True)
class Pin:
    """A place that ``auto`` keeps if it is free and allowed: of a lock, or of another board.

    ``path``: host path of the node, or title of the shared memory; ``index``: number of its block,
    or of its PCI window with ``window``; ``guest``: guest address of the first page, in bytes.
    ``host``: the host address of a lock, which planned shared memory keeps too.
    """

    path: str
    index: int
    window: bool
    guest: int
    host: int | None = None


class MapOption(NamedTuple):
    """One ``--map``: the guest addresses of a device's registers.

    ``node`` None: all devices. ``block``: the index of a ``reg`` entry; None for the whole device,
    whose first block goes to the address and whose others keep their distance from it. ``target``:
    a guest address in bytes, ``identity``, ``auto``, or a window: ``auto`` within it only.
    """

    node: str | None
    block: int | None
    target: int | str | Span


class ClockRate(NamedTuple):
    """One ``--clock-rate``. ``node``: an assigned device or a clock provider.

    ``clock``: index or name of one clock of the device, None for all of them; of a provider, its
    arguments. ``rate`` in Hz.
    """

    node: str
    clock: str | None
    rate: int


class Bank(NamedTuple):
    """One ``--static-memory``: a range of host memory for the domain, in bytes."""

    base: int
    size: int


class MemoryOption(NamedTuple):
    """One ``--memory-region``. ``node``: a region, or an assigned device; None for all regions.

    ``action``: one of ``MEMORY_ACTIONS``.
    """

    node: str | None
    action: str


class Accepted(NamedTuple):
    """A node for which the user accepts what is refused by default, with the reason if given."""

    node: str
    reason: str | None = None

    @property
    def because(self) -> str:
        """The reason as the end of a sentence."""
        return f"; accepted: {' '.join(self.reason.split())}" if self.reason else ""


@dataclass(frozen=True, slots=True)
class Request:
    """The request for one domain. ``memory`` is in MiB. Names of nodes are as the user wrote them.

    A name of xenassign.toml is a :class:`~xenassign.request.origin.Written`, and ``origin`` is the
    place of the domain there. ``request.resolve`` finds the nodes of a board.

    ``forced``, ``shared`` and ``controls``: devices that may be unprotected, nodes whose pages may
    be shared, devices that may rule over the machine.
    ``excepted``: (pattern of ``devices``, name of what it matches and that is not assigned).
    ``parts``: devices of which the guest gets some register blocks and interrupts only.
    ``added``: lines and pages that no device of the board has.
    ``sci``: the system control interface of the guest, ``scmi_smc``, that of
    ``sci_agents.BINDING`` with the number of its ``agent``, or None. ``agents``: those that the
    project states; None: the host's tree may. ``permissions``: the ids of devices, by the names
    in ``devices``, in the firmware's permissions.
    ``align``: one of ``ALIGNMENTS``. ``pins``: places that ``auto`` prefers, never a refusal.
    ``avoid``: guest addresses in bytes that ``auto`` leaves free.
    ``base``: the user's own dom.cfg; ``request.base_cfg.request`` reads its values. ``partial``:
    the partial tree that it names, if what is passed follows from that one. ``pages``: guest pages
    that it states; a block that begins in one has its place. ``follows``: whether what is passed
    follows from ``base`` and what it names; then it may have more devices than ``devices``.
    ``clock_summary`` and ``regulator_summary``: the rates and voltages of the running board.
    ``static_memory``: the host memory of the domain, (base, size) in bytes; ``memory`` is their
    sum. ``direct_map``: guest addresses are host addresses. Both require dom0less only.
    ``attach_overlay``: whether overlays are written for ``xl dt-overlay`` of a running Xen.
    ``node``: what else is asked for in the node of the domain in /chosen.

    Raises UsageError for a value that is invalid on every board, OptionError if it is an option's.
    """

    devices: tuple[str, ...]
    name: str = "domu1"
    release: Release = field(default_factory=lambda: release(DEFAULT))
    routes: tuple[str, ...] = ROUTES
    maps: tuple[MapOption, ...] = ()
    align: str = "page"
    pins: tuple[Pin, ...] = ()
    avoid: tuple[Span, ...] = ()
    policy: str = "auto"
    forced: tuple[Accepted, ...] = ()
    shared: tuple[Accepted, ...] = ()
    controls: tuple[Accepted, ...] = ()
    clock_rates: tuple[ClockRate, ...] = ()
    clock_summary: ClockSummary | None = None
    regulator_summary: RegulatorSummary | None = None
    keep_supplies: bool = False
    memory_regions: tuple[MemoryOption, ...] = ()
    memory: int | None = None
    vcpus: int | None = None
    kernel: str | None = None
    ramdisk: str | None = None
    extra: str | None = None
    device_tree_path: str | None = None
    vpl011: bool = True
    xen_console: str | None = None
    drivers: frozenset[str] | None = None
    sci: str | None = None
    agent: int | None = None
    agents: Agents | None = None
    permissions: tuple[tuple[str, tuple[int, ...]], ...] = ()
    keep_firmware: bool = False
    edits: tuple[PropertyEdit, ...] = ()
    excepted: tuple[tuple[str, str], ...] = ()
    parts: tuple[PartOption, ...] = ()
    added: tuple[AddedNode, ...] = ()
    base: XlConfig | None = None
    partial: PartialTree | None = None
    pages: tuple[IomemRange, ...] = ()
    follows: bool = False
    direct_map: bool = False
    static_memory: tuple[tuple[int, int], ...] = ()
    attach_overlay: bool = False
    node: NodeRequest = NOTHING
    origin: Origin | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        self._check_static_memory()
        if not (self.devices or self.added or self.follows or self.node.connected):
            raise UsageError("no device is given; give at least one with -d PATH")
        if not re.fullmatch(DOMAIN_NAME, self.name):
            raise UsageError(f"the name {self.name!r} is invalid; {DOMAIN_NAME_RULE}")
        if self.memory is not None and not 1 <= self.memory <= GUEST_MEMORY_MAX_MIB:
            raise OptionError(
                "--memory", f"{self.memory} is out of range (1 to {GUEST_MEMORY_MAX_MIB} MiB)"
            )
        if self.vcpus is not None and not 1 <= self.vcpus <= VCPUS_MAX:
            raise OptionError("--vcpus", f"{self.vcpus} is out of range (1 to {VCPUS_MAX})")
        for name in ("kernel", "ramdisk", "extra", "device_tree_path"):
            option, value = f"--{name.replace('_', '-')}", getattr(self, name) or ""
            if "\0" in value:
                raise OptionError(option, "contains a NUL, which ends a string; remove it")
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise OptionError(
                    option, "is not valid UTF-8, which dom.cfg requires; correct it"
                ) from None
            hidden = xlcfg_problem(value)
            if hidden is not None:
                problem = f"contains {hidden}, which no string of dom.cfg can state"
                raise OptionError(option, f"{problem}; remove it")
        if self.align not in ALIGNMENTS:
            raise OptionError("--align", f"{self.align} is invalid; give {', '.join(ALIGNMENTS)}")
        sci_section.check(self.sci, self.agent, self.agents, self.permissions)
        twice = {name for name in self.devices if self.devices.count(name) > 1}
        if twice:
            raise UsageError(f"{min(twice)} is named twice; name each device once")
        self.node.check(self.routes, self.vcpus, own_cfg=self.base is not None)
        check_edits(self.edits)

    @property
    def kconfig(self) -> frozenset[str]:
        """The options that Xen has to be built with for what is set of the domain's node."""
        static = {"STATIC_MEMORY"} if self.static_memory else set[str]()
        agent = {KCONFIG} if self.sci == BINDING.type else set[str]()
        return options_of(static | agent | self.node.kconfig(self.release))

    def where(self, *keys: str | int) -> str:
        """The place of a key of the domain as the end of a phrase: `` (FILE:LINE)``, or nothing."""
        return f" ({self.origin.below(*keys).place})" if self.origin is not None else ""

    def _check_static_memory(self) -> None:
        """Sets ``memory`` to the sum of the banks. Raises OptionError."""
        if self.direct_map and not self.static_memory:
            raise OptionError("--direct-map", "requires --static-memory BASE:SIZE; give both")
        if not self.static_memory:
            return
        if "xl" in self.routes:
            option = "--direct-map" if self.direct_map else "--static-memory"
            raise OptionError(option, "is not available with xl; give --route dom0less only")
        for base, size in self.static_memory:
            if base % PAGE_SIZE or size % PAGE_SIZE or not size:
                raise OptionError(
                    "--static-memory",
                    f"{base:#x}:{size:#x} is not whole pages; give multiples of {PAGE_SIZE:#x}",
                )
            if base + size > _LIMIT:
                raise OptionError(
                    "--static-memory", f"{base:#x}:{size:#x} ends above 64 bits; correct it"
                )
        total = sum(size for _, size in self.static_memory)
        if total % MIB:
            raise OptionError(
                "--static-memory",
                f"adds up to {total:#x} bytes, which is not a multiple of 1 MiB; correct a size",
            )
        if self.memory is None:
            object.__setattr__(self, "memory", total // MIB)
        elif self.memory * MIB != total:
            raise OptionError(
                "--memory",
                f"{self.memory} differs from the {total // MIB} MiB of --static-memory; omit it",
            )


def is_window(span: Span) -> bool:
    """Whether a span of guest addresses is a valid window: one page or more, page-aligned."""
    return span.size > 0 and span.is_aligned()


#: Why a window is invalid, and the fix.
INVALID_WINDOW = (
    f"not a range of whole pages; give multiples of {PAGE_SIZE:#x}, the lower one first"
)

#: The first number that 64 bits do not have.
_LIMIT = 1 << 64

_WINDOW = "window:"
_FORM = "window:BASE-END"


def _split(text: str, option: str, form: str) -> tuple[str, str]:
    """The parts before and after the last ``=``. Raises UsageError if one is empty."""
    left, sign, right = text.rpartition("=")
    if not sign or not left or not right:
        raise UsageError(f"{option} {text!r} is malformed; write {option} {form}")
    return left, right


def number_of(text: str, option: str, meaning: str, form: str = "1234 or 0x12ab") -> int:
    """A number in decimal or with 0x, of 64 bits. Raises UsageError.

    ``meaning``: "an address"; ``form``: how to write it.
    """
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if value < 0:
        raise UsageError(f"{option}: {text!r} is not {meaning}; write it as {form}")
    if value >= _LIMIT:
        raise UsageError(f"{option}: {text[:40]!r} has more than 64 bits; write a smaller number")
    return value


def parse_map(text: str) -> MapOption:
    """``WHERE`` or ``PATH[#INDEX]=WHERE``. Raises UsageError.

    WHERE: an address in bytes, ``identity``, ``auto`` or ``window:BASE-END``.
    """
    if text in PLACEMENTS or text.startswith(_WINDOW):
        return MapOption(None, None, _target(text))
    left, right = _split(text, "--map", f"PATH[#INDEX]=ADDRESS, or identity, auto or {_FORM}")
    path, sign, number = left.rpartition("#")
    index = number_of(number, "--map", "an index of a register block") if sign else None
    return MapOption(path if sign else left, index, _target(right))


def _target(text: str) -> int | str | Span:
    if text in PLACEMENTS:
        return text
    if not text.startswith(_WINDOW):
        return number_of(text, "--map", "a guest address")
    first, sign, last = text.removeprefix(_WINDOW).partition("-")
    if not sign:
        raise UsageError(
            f"--map {text!r} is malformed; write {_FORM}, where END is the address after the last"
            " byte"
        )
    base, end = (number_of(part, "--map", "a guest address") for part in (first, last))
    window = Span(base, end)
    if not is_window(window):
        raise UsageError(f"--map {text!r}: {INVALID_WINDOW}")
    return window


#: In Hz: what a cell of clock-frequency holds (fixed-clock.yaml).
CLOCK_RATE_MAX = (1 << 32) - 1


def parse_clock_rate(text: str) -> ClockRate:
    """``PATH[#CLOCK]=HZ``. Raises UsageError."""
    left, right = _split(text, "--clock-rate", "PATH[#INDEX|#NAME]=HZ")
    path, sign, clock = left.rpartition("#")
    rate = units.hertz(right)
    if rate is None:
        rate = number_of(right, "--clock-rate", "a rate in Hz", "125000000 or 125MHz")
    if not 0 < rate <= CLOCK_RATE_MAX:
        raise UsageError(f"--clock-rate {text}: {rate} is out of range (1 to {CLOCK_RATE_MAX} Hz)")
    return ClockRate(path if sign else left, clock if sign else None, rate)


def parse_static_memory(text: str) -> Bank:
    """``BASE:SIZE``, both in bytes; SIZE may end with K, M or G. Raises UsageError."""
    base, sign, size = text.partition(":")
    if not sign:
        raise UsageError(
            f"--static-memory {text!r} is malformed; write --static-memory BASE:SIZE, as in"
            " 0x80000000:512M"
        )
    length = units.size(size)
    if length is None:
        length = number_of(size, "--static-memory", "a size", "0x10000000 or 256M")
    return Bank(number_of(base, "--static-memory", "an address"), length)


def routes_of(named: Sequence[str], dom0less_only: bool) -> tuple[str, ...]:
    """The routes to write files for, in the order of ``ROUTES``.

    ``named``: those that the user gives; if there are none, all that are possible.
    """
    if not named:
        return ("dom0less",) if dom0less_only else ROUTES
    return tuple(route for route in ROUTES if route in named)


def parse_memory_region(text: str) -> MemoryOption:
    """``[PATH=]map`` or ``[PATH=]drop``. Raises UsageError."""
    if text in MEMORY_ACTIONS:
        return MemoryOption(None, text)
    node, action = _split(text, "--memory-region", "PATH=map or PATH=drop")
    if action not in MEMORY_ACTIONS:
        raise UsageError(f"--memory-region {text!r}: {action!r} is invalid; give map or drop")
    return MemoryOption(node, action)
