"""What a user asks for, checked for form. What it means on a board is decided elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.errors import OptionError, UsageError
from xenassign.findings import ROUTES
from xenassign.formats.xlcfg import XlConfig
from xenassign.request.options import ALIGNMENTS
from xenassign.request.origin import Origin
from xenassign.request.property_edits import PropertyEdit, check_edits
from xenassign.xen.layout import MIB
from xenassign.xen.releases import (
    DEFAULT,
    DOMAIN_NAME,
    GUEST_MEMORY_MAX_MIB,
    Release,
    release,
)
from xenassign.xen.sci import SCMI_SMC

VCPUS_MAX = 128
MEMORY_ACTIONS = ("map", "drop")
PLACEMENTS = ("identity", "auto")


@dataclass(frozen=True, slots=True)
class Pin:
    """A place that ``auto`` keeps while it is free and allowed: from a lock, or of another board.

    ``path``: host path of the node; ``index``: number of its block, of its PCI windows where
    ``window``; ``guest``: address of the first page of it, in bytes.
    """

    path: str
    index: int
    window: bool
    guest: int


class MapOption(NamedTuple):
    """One ``--map``: where a device's registers go in the guest.

    ``node`` None: all devices. ``block``: the ``reg`` entry, None for the whole device, whose
    first block goes to the address and whose others keep their distance from it. ``target``: a
    guest address in bytes, ``identity``, ``auto``, or a window: ``auto`` inside of it only.
    """

    node: str | None
    block: int | None
    target: int | str | Span


class ClockRate(NamedTuple):
    """One ``--clock-rate``: ``node`` is an assigned device or a clock provider.

    ``clock``: index or name of one clock of the device, None for all of them. ``rate`` in Hz.
    """

    node: str
    clock: str | None
    rate: int


class Bank(NamedTuple):
    """One ``--static-memory``: host memory of the domain's own, in bytes."""

    base: int
    size: int


class MemoryOption(NamedTuple):
    """One ``--memory-region``: ``node`` is a region, an assigned device, or None for all."""

    node: str | None
    action: str


class Accepted(NamedTuple):
    """A node for which the user accepts what is refused otherwise, and why if it was said."""

    node: str
    reason: str | None = None

    @property
    def because(self) -> str:
        """The reason as the end of a sentence."""
        return f"; accepted: {' '.join(self.reason.split())}" if self.reason else ""


@dataclass(frozen=True, slots=True)
class Request:
    """A domain to be made. Memory is in MiB. Names of nodes are as the user wrote them.

    Where a name comes from xenassign.toml, it is :class:`~xenassign.request.origin.Written`, and
    ``origin`` is the place of the domain there. ``request.resolve`` finds the nodes of a board.

    ``forced`` and ``shared``: devices that may go unprotected, nodes whose pages may be shared.
    ``sci``: the system control interface that the guest gets, ``scmi_smc`` or None.
    ``align``: one of ``ALIGNMENTS``. ``pins``: places that ``auto`` prefers; they never refuse.
    ``avoid``: bytes of the guest that ``auto`` leaves free.
    ``base``: the user's own dom.cfg; ``request.base_cfg.request`` takes it.
    ``static_memory``: the host memory that the domain gets, (base, size) in bytes; ``memory`` is
    their sum. ``direct_map``: its addresses are the host's. Both are for dom0less alone.
    ``attach_overlay``: whether overlays are made for ``xl dt-overlay`` of a running Xen.
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
    clock_rates: tuple[ClockRate, ...] = ()
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
    keep_firmware: bool = False
    edits: tuple[PropertyEdit, ...] = ()
    base: XlConfig | None = None
    direct_map: bool = False
    static_memory: tuple[tuple[int, int], ...] = ()
    attach_overlay: bool = False
    origin: Origin | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        self._check_static_memory()
        if not self.devices:
            raise UsageError("no device is named; give at least one with -d PATH")
        if not DOMAIN_NAME.fullmatch(self.name):
            raise UsageError(
                f"the name {self.name!r} cannot be used; take a letter, then up to 30 letters,"
                " digits or . _ + -"
            )
        if self.memory is not None and not 1 <= self.memory <= GUEST_MEMORY_MAX_MIB:
            raise OptionError(
                "--memory",
                f"{self.memory} cannot be meant; give 1 to {GUEST_MEMORY_MAX_MIB} MiB",
            )
        if self.vcpus is not None and not 1 <= self.vcpus <= VCPUS_MAX:
            raise OptionError("--vcpus", f"{self.vcpus} cannot be meant; give 1 to {VCPUS_MAX}")
        for name in ("kernel", "ramdisk", "extra", "device_tree_path"):
            option, value = f"--{name.replace('_', '-')}", getattr(self, name) or ""
            if "\0" in value:
                raise OptionError(option, "has a NUL, at which every reader ends; take it out")
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise OptionError(option, "is no UTF-8 text; dom.cfg has to be") from None
        if self.align not in ALIGNMENTS:
            raise OptionError("--align", f"{self.align} is not known; give {', '.join(ALIGNMENTS)}")
        if self.sci not in (None, SCMI_SMC):
            raise OptionError("--sci", f"{self.sci} is not known; give {SCMI_SMC}")
        twice = {name for name in self.devices if self.devices.count(name) > 1}
        if twice:
            raise UsageError(f"{min(twice)} is named twice; name each device once")
        check_edits(self.edits)

    def _check_static_memory(self) -> None:
        """Takes ``memory`` from the banks. Raises UsageError for what no release of Xen takes."""
        if self.direct_map and not self.static_memory:
            raise OptionError("--direct-map", "needs --static-memory BASE:SIZE; say which memory")
        if not self.static_memory:
            return
        if "xl" in self.routes:
            option = "--direct-map" if self.direct_map else "--static-memory"
            raise OptionError(option, ": xl has no such thing; give --route dom0less alone")
        for base, size in self.static_memory:
            if base % PAGE_SIZE or size % PAGE_SIZE or not size:
                raise OptionError(
                    "--static-memory",
                    f"{base:#x}:{size:#x}: not whole pages; give multiples of {PAGE_SIZE:#x}",
                )
        total = sum(size for _, size in self.static_memory)
        if total % MIB:
            raise OptionError(
                "--static-memory",
                f": the sizes add up to {total:#x} bytes, which is not whole MiB; correct one",
            )
        if self.memory is None:
            object.__setattr__(self, "memory", total // MIB)
        elif self.memory * MIB != total:
            raise OptionError(
                "--memory",
                f"{self.memory} is not the {total // MIB} MiB of --static-memory; leave it out",
            )


#: Why a window is invalid.
def is_window(span: Span) -> bool:
    """Whether a span of guest addresses is one that a device can be placed in: of whole pages."""
    return span.size > 0 and span.is_aligned()


NO_WINDOW = f"no range of whole pages; give multiples of {PAGE_SIZE:#x}, the lower one first"

_WINDOW = "window:"
_FORM = "window:BASE-END"


def _split(text: str, option: str, form: str) -> tuple[str, str]:
    left, sign, right = text.rpartition("=")
    if not sign or not left or not right:
        raise UsageError(f"{option} {text!r} is malformed; write {option} {form}")
    return left, right


def _number(text: str, option: str, what: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if value < 0:
        raise UsageError(f"{option}: {text!r} is no {what}; write it as 1234 or 0x12ab")
    return value


def parse_map(text: str) -> MapOption:
    """``WHERE`` or ``PATH[#INDEX]=WHERE``. Raises UsageError.

    WHERE: an address, ``identity``, ``auto`` or ``window:BASE-END``.
    """
    if text in PLACEMENTS or text.startswith(_WINDOW):
        return MapOption(None, None, _target(text))
    left, right = _split(text, "--map", f"PATH[#INDEX]=ADDRESS, or identity, auto or {_FORM}")
    path, sign, number = left.rpartition("#")
    index = _number(number, "--map", "index of a register block") if sign else None
    return MapOption(path if sign else left, index, _target(right))


def _target(text: str) -> int | str | Span:
    if text in PLACEMENTS:
        return text
    if not text.startswith(_WINDOW):
        return _number(text, "--map", "guest address")
    first, sign, last = text.removeprefix(_WINDOW).partition("-")
    if not sign:
        raise UsageError(f"--map {text!r} is malformed; write {_FORM}, END behind the last byte")
    base, end = (_number(part, "--map", "guest address") for part in (first, last))
    window = Span(base, end)
    if not is_window(window):
        raise UsageError(f"--map {text!r}: {NO_WINDOW}")
    return window


def parse_clock_rate(text: str) -> ClockRate:
    """``PATH[#CLOCK]=HZ``. Raises UsageError."""
    left, right = _split(text, "--clock-rate", "PATH[#INDEX|#NAME]=HZ")
    path, sign, clock = left.rpartition("#")
    rate = _number(right, "--clock-rate", "rate in Hz")
    if not 0 < rate < 1 << 32:
        raise UsageError(f"--clock-rate {rate} is none that a fixed-clock can state; it is in Hz")
    return ClockRate(path if sign else left, clock if sign else None, rate)


_UNITS = {"K": 1 << 10, "M": MIB, "G": 1 << 30}


def parse_static_memory(text: str) -> Bank:
    """``BASE:SIZE``, the size in bytes, or with K, M or G behind it. Raises UsageError."""
    base, sign, size = text.partition(":")
    if not sign:
        raise UsageError(
            f"--static-memory {text!r} is malformed; write --static-memory BASE:SIZE, as in"
            " 0x80000000:512M"
        )
    unit = _UNITS.get(size[-1:].upper(), 1)
    digits = size if unit == 1 else size[:-1]
    length = unit * _number(digits, "--static-memory", "size")
    return Bank(_number(base, "--static-memory", "address"), length)


def routes_of(named: Sequence[str], dom0less_only: bool) -> tuple[str, ...]:
    """The routes to make files for; ``named``: those asked for, none for every one possible."""
    if not named:
        return ("dom0less",) if dom0less_only else ROUTES
    return tuple(route for route in ROUTES if route in named)


def parse_memory_region(text: str) -> MemoryOption:
    """``map``, ``drop``, or one of them behind ``PATH=``. Raises UsageError."""
    if text in MEMORY_ACTIONS:
        return MemoryOption(None, text)
    node, action = _split(text, "--memory-region", "PATH=map or PATH=drop")
    if action not in MEMORY_ACTIONS:
        raise UsageError(f"--memory-region {text!r}: {action!r} is neither map nor drop")
    return MemoryOption(node, action)
