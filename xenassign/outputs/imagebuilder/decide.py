"""What the configuration of ImageBuilder has to say of the domains, and what it cannot say.

uboot-script-gen pastes the values into U-Boot commands and calls programs with them, mostly without
quotes. What it has no name for goes into a file of U-Boot commands, which it puts before the boot
command (APPEND_EXTRA_CMDS). Its node of the domain with number n is /chosen/domU<n>.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, NoReturn

from xenassign.devicetree.places import Place
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule, some
from xenassign.formats.imagebuilder_cfg import OLD_PATHS, BashAssignment, BashConfig
from xenassign.outputs.boot.host_changes import UBOOT_VALUE_MAX, kept_on
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan

#: The files that are made.
CONFIG = "imagebuilder.cfg"
COMMANDS = "imagebuilder.cmds"
NAMES = (CONFIG, COMMANDS)

CANNOT_CARRY = rule("XA031", "imagebuilder-cannot-carry", "error", "broken", routes=("dom0less",))
NO_KERNEL = rule("XA032", "imagebuilder-no-kernel", "warning", "broken", routes=("dom0less",))
XL_ONLY = rule("XA033", "imagebuilder-xl-only", "note", "style", routes=("xl",))
BY_HAND = rule("XA034", "imagebuilder-by-hand", "warning", "broken")
ROOM = rule("XA035", "imagebuilder-no-room", "warning", "broken", routes=("dom0less",))
REPLACED = rule("XA036", "imagebuilder-replaces-the-tree", "error", "broken")

#: What may stand in a word that bash splits and expands, and U-Boot after it.
_PLAIN = re.compile(r"[A-Za-z0-9_./+:@%=,][-A-Za-z0-9_./+:@%=,]*")
_PATH = re.compile(r"/[-A-Za-z0-9_./+,@]*")
#: What U-Boot's shell, or fdt, reads otherwise in a command line.
_TAKEN = {"$": "a $", '"': 'a "', "'": "a '", "\\": "a \\", "`": "a `", "\n": "a line end"}
_RESIZED = 0x1024  # bytes

# Bytes that uboot-script-gen adds to a tree at most, without command lines: once (the names of the
# properties, /chosen, dom0), for a domain, its ramdisk, its static memory, and a mark.
_ROOM_ONCE = 700
_ROOM_DOMAIN = 440
_ROOM_RAMDISK = 110
_ROOM_BANK = 40
_ROOM_MARK = 12

DTB, PATHS = "DOMU_PASSTHROUGH_DTB", "DOMU_PASSTHROUGH_PATHS"


class Command(NamedTuple):
    """A U-Boot command, and why."""

    text: str
    why: str


class DomU(NamedTuple):
    """A domain: its number, what is set of it by name, and what only a command can say.

    ``new``: the base has no such domain.
    """

    plan: DomainPlan
    number: int
    values: dict[str, str]
    commands: tuple[Command, ...]
    new: bool


class ImageBuilderPlan(NamedTuple):
    """What the configuration has to say. ``total``: NUM_DOMUS.

    ``commands``: all of them, with those about the host. ``append``: what APPEND_EXTRA_CMDS has to
    be; None: nothing, or what the base has.
    """

    base: BashConfig | None
    domus: tuple[DomU, ...]
    total: int
    commands: tuple[Command, ...]
    append: str | None
    findings: tuple[Finding, ...]


def decide(system: SystemPlan) -> ImageBuilderPlan | None:
    """It for the domains of a system; None: it was not requested. Raises UsageError."""
    asked = system.resolved.request.imagebuilder
    return decide_imagebuilder(system.domains, asked.base) if asked is not None else None


def decide_imagebuilder(plans: Sequence[DomainPlan], base: BashConfig | None) -> ImageBuilderPlan:
    """What ImageBuilder has to be told. ``base``: the user's configuration.

    Raises UsageError where the configuration contradicts itself or the request.
    """
    if any(plan.name == PurePosixPath(CONFIG).stem for plan in plans):
        raise UsageError(f"a domain called imagebuilder has a file {CONFIG} of its own; rename it")
    numbers, total = _numbers(plans, base)
    domus = []
    for plan, (index, new) in zip(plans, numbers, strict=True):
        values = _values(plan, index, base)
        booted = "DOMU_NOBOOT" not in values and not _said(base, "DOMU_NOBOOT", index)
        commands = tuple(_commands(plan, index)) if booted else ()
        domus.append(DomU(plan, index, values, commands, new))
    commands = (*_kept_on(plans), *(c for domu in domus for c in domu.commands))
    append = _append(base, commands)
    findings = [f for domu in domus for f in _about(domu, base)]
    findings += [*_about_base(base, domus, commands, append), *_room(domus, base)]
    return ImageBuilderPlan(base, tuple(domus), total, commands, append, tuple(findings))


# ---------------------------------------------------------------------- which number


def _numbers(
    plans: Sequence[DomainPlan], base: BashConfig | None
) -> tuple[list[tuple[int, bool]], int]:
    """((number, new) of each domain, how many there are then).

    A domain that the base has is known by the name of its partial device tree; the others follow
    those of the base.
    """
    if base is None:
        return [(number, True) for number in range(len(plans))], len(plans)
    count = _count(base)
    numbers: list[tuple[int, bool]] = []
    total = count
    for plan in plans:
        found = _found(base, plan.name)
        if found is None:
            _check_free(base, total, count)
            numbers.append((total, True))
            total += 1
            continue
        number = found.at
        if number >= count:
            what = f"{DTB}[{number}] is beyond NUM_DOMUS={count}"
            _stop(base, found, f"{what}; raise NUM_DOMUS, or delete the line")
        numbers.append((number, False))
    return numbers, total


def _count(base: BashConfig) -> int:
    said = base.get("NUM_DOMUS")
    if said is None or (said.literal and not said.value):
        return 0
    if not said.literal or not re.fullmatch(r"0|[1-9]\d{0,3}", said.value):
        _stop(base, said, f"NUM_DOMUS is {said.value!r}; write a decimal number")
    return int(said.value)


def _found(base: BashConfig, name: str) -> BashAssignment | None:
    """Where the base names the partial device tree of a domain."""
    numbers = dict.fromkeys(a.at for a in base.assignments if a.name == DTB)
    there = [base.get(DTB, number) for number in numbers]
    fitting = [a for a in there if a and PurePosixPath(a.value).name == f"{name}.dtb"]
    if len(fitting) > 1:
        first, second = fitting[:2]
        what = f"{name}.dtb is in {DTB}[{first.at}] and in [{second.at}]"
        _stop(base, second, f"{what}; keep one")
    return fitting[0] if fitting else None


def _check_free(base: BashConfig, number: int, count: int) -> None:
    """That no leftover entries would join those of a new domain."""
    for one in base.assignments:
        if one.name.startswith("DOMU_") and one.at == number:
            what = f"{one.name}[{number}] is set, but NUM_DOMUS is {count}"
            _stop(base, one, f"{what}; raise NUM_DOMUS if the domain is meant, or delete the line")


# ---------------------------------------------------------------------- what is said


def _values(plan: DomainPlan, index: int, base: BashConfig | None) -> dict[str, str]:
    """What is to be set, without the number, in the order in which it is written."""
    request = plan.request
    asked: dict[str, str | int | None] = {
        "DOMU_KERNEL": request.kernel,
        "DOMU_RAMDISK": request.ramdisk,
        "DOMU_CMD": request.extra,
        PATHS: " ".join(mark.path for mark in plan.marks),
        DTB: f"{plan.name}.dtb",
        "DOMU_MEM": request.memory,
        "DOMU_VCPUS": request.vcpus,
    }
    if PurePosixPath(_said(base, DTB, index)).name == asked[DTB]:
        asked[DTB] = None  # its folder, which may be a variable, is the user's
    if request.static_memory:
        spans = (f"{start:#x} {size:#x}" for start, size in request.static_memory)
        asked["DOMU_STATIC_MEM"] = " ".join(spans)
        asked["DOMU_DIRECT_MAP"] = int(request.direct_map)
    elif base is not None and _said(base, "DOMU_STATIC_MEM", index):
        at = base.get("DOMU_STATIC_MEM", index)
        what = f"DOMU_STATIC_MEM[{index}] is set, but {plan.name} is decided for other memory"
        _stop(base, at, f"{what}; give --static-memory, or delete the line")
    if "dom0less" not in request.routes:
        asked["DOMU_NOBOOT"] = 1
    elif base is None or base.get("DOMU_ENHANCED", index) is None:
        asked["DOMU_ENHANCED"] = 0  # as in NAME.dom0less.dtso; ImageBuilder's default is dom0's
    if not request.vpl011:
        asked["DOMU_VPL011"] = 0
    elif _said(base, "DOMU_VPL011", index):
        asked["DOMU_VPL011"] = 1
    return {name: str(value) for name, value in asked.items() if value is not None}


def _said(base: BashConfig | None, name: str, index: int | None = None) -> str:
    return base.value(name, index) if base is not None else ""


def _commands(plan: DomainPlan, index: int) -> Iterator[Command]:
    """What ImageBuilder has no name for."""
    request, node = plan.request, f"/chosen/domU{index}"
    if plan.pool_mib is not None:
        why = f"{plan.name}: MiB for the tables of stage 2, as the mappings need"
        yield Command(f'fdt set {node} xen,domain-p2m-mem-mb "<{plan.pool_mib:#x}>"', why)
    if request.sci is not None:
        why = f"{plan.name}: SCMI; XEN_CMD needs scmi-smc-passthrough"
        yield Command(f'fdt set {node} xen,sci_type "{request.sci}"', why)
    if not request.vpl011:
        why = f"{plan.name}: no emulated UART; set first, so that there is one to remove"
        yield Command(f"fdt set {node} vpl011", why)
        yield Command(f"fdt rm {node} vpl011", why)


def _kept_on(plans: Sequence[DomainPlan]) -> Iterator[Command]:
    """What the host overlay says of regulators."""
    for change in dict.fromkeys(change for plan in plans for change in kept_on(plan)):
        for prop in change.properties:
            yield Command(f"fdt set {change.path} {prop.name}", change.why)


def _append(base: BashConfig | None, commands: Sequence[Command]) -> str | None:
    """What APPEND_EXTRA_CMDS has to be; None where it stays what it is."""
    there = _said(base, "APPEND_EXTRA_CMDS")
    if there:
        return there if PurePosixPath(there).name == COMMANDS else None
    return COMMANDS if commands else None


# ---------------------------------------------------------------------- what is to be said about it


def _about(domu: DomU, base: BashConfig | None) -> Iterator[Finding]:
    """Findings about one domain."""
    plan, values = domu.plan, domu.values
    line = values.get("DOMU_CMD", "")
    problem = _line_problem(line)
    if problem is not None:
        yield CANNOT_CARRY(f"{plan.name}: DOMU_CMD[{domu.number}] has {problem}")
    for name in ("DOMU_KERNEL", "DOMU_RAMDISK"):
        if name in values and not _PLAIN.fullmatch(values[name]):
            what = f"{plan.name}: {name}[{domu.number}] is {values[name]!r}"
            yield CANNOT_CARRY(f"{what}, which bash would split or expand")
    for path in (*(mark.path for mark in plan.marks), *plan.kept_on):
        if not _PATH.fullmatch(path):
            yield CANNOT_CARRY(f"{plan.name}: the path {path!r} would be split or expanded")
    if "DOMU_NOBOOT" in values:
        yield XL_ONLY(f"{plan.name}: DOMU_NOBOOT[{domu.number}] is set: no --route dom0less")
    elif "DOMU_KERNEL" not in values and not _said(base, "DOMU_KERNEL", domu.number):
        yield NO_KERNEL(f"{plan.name}: DOMU_KERNEL[{domu.number}] is not known")


def _line_problem(line: str) -> str | None:
    """What of a kernel's command line ImageBuilder or U-Boot would read otherwise."""
    for char, what in _TAKEN.items():
        if char in line:
            return what
    if any(not " " <= char <= "~" for char in line):
        return "a character that is not printable ASCII"
    if line[:1] in ("<", "[", "-"):
        return f"a {line[0]} at its begin"
    if len(line) >= UBOOT_VALUE_MAX:  # its last zero counts
        return f"{len(line)} characters, {UBOOT_VALUE_MAX - 1} fit"
    return None


def _about_base(
    base: BashConfig | None, domus: Sequence[DomU], commands: Sequence[Command], append: str | None
) -> Iterator[Finding]:
    """Findings about the user's configuration."""
    if base is None:
        return
    for name in ("LOPPER_PATH", "PASSTHROUGH_DTS_REPO"):
        at = base.get(name)
        if at is not None and at.value:
            names = some(f"{domu.plan.name}.dtb" for domu in domus)
            yield REPLACED(f"{name} is set: {names} would be of no use", place=_place(base, at))
    there = base.get("APPEND_EXTRA_CMDS")
    if commands and append is None and there is not None:
        what = f"APPEND_EXTRA_CMDS is {there.value}: append {COMMANDS} to that file yourself"
        yield BY_HAND(what, place=_place(base, there))
    old = base.get(OLD_PATHS)
    if old is not None and old.value:
        what = f"{OLD_PATHS} is read by no ImageBuilder since 2022: delete it, and take a newer one"
        yield BY_HAND(what, place=_place(base, old))
    yield from _loaded_over(base, domus)


def _loaded_over(base: BashConfig, domus: Sequence[DomU]) -> Iterator[Finding]:
    """Static memory that ImageBuilder may load files to: Xen wants no module there."""
    end = base.get("MEMORY_END")
    first, last = _number(base.get("MEMORY_START")), _number(end)
    if end is None or first is None or last is None:
        return
    for domu in domus:
        for start, size in domu.plan.request.static_memory:
            if start < last and first < start + size:
                what = (
                    f"{domu.plan.name} has static memory at {start:#x}, where files may be loaded"
                )
                fix = "lower MEMORY_END, or raise MEMORY_START"
                yield BY_HAND(what, fix=fix, place=_place(base, end))


def _number(at: BashAssignment | None) -> int | None:
    """A number as bash reads it; None where it cannot be known."""
    if at is None or not at.literal or not re.fullmatch(r"0[xX][0-9a-fA-F]+|[1-9]\d*|0", at.value):
        return None
    return int(at.value, 0)


def _room(domus: Sequence[DomU], base: BashConfig | None) -> Iterator[Finding]:
    """Whether all that U-Boot adds is sure to fit."""
    needed = room_needed(domus, base)
    if needed > _RESIZED and not _said(base, "FIT"):
        what = f"up to {needed} bytes come into the board's tree, {_RESIZED} are sure to fit"
        yield ROOM(what)


def room_needed(domus: Sequence[DomU], base: BashConfig | None) -> int:
    """Bytes that ImageBuilder adds to the board's tree at most, with the domains of the base."""
    said: dict[int, dict[str, str]] = defaultdict(dict)
    for one in base.assignments if base is not None else ():
        said[one.at][one.name] = one.value
    for domu in domus:
        said[domu.number].update(domu.values)
    total = max([_count(base) if base is not None else 0, *(domu.number + 1 for domu in domus)])
    lines = sum(len(_said(base, name)) for name in ("XEN_CMD", "DOM0_CMD"))
    return _ROOM_ONCE + lines + sum(_room_of(said[number]) for number in range(total))


def _room_of(values: dict[str, str]) -> int:
    """The same for one domain."""
    ramdisk = _ROOM_RAMDISK if values.get("DOMU_RAMDISK") else 0
    banks = _ROOM_BANK * len(values.get("DOMU_STATIC_MEM", "").split())
    marks = _ROOM_MARK * len(values.get(PATHS, "").split())
    return _ROOM_DOMAIN + len(values.get("DOMU_CMD", "")) + ramdisk + banks + marks


def _place(base: BashConfig, at: BashAssignment) -> Place:
    return Place(base.file, at.line, 1, at.line, 1)


def _stop(base: BashConfig, at: BashAssignment | None, what: str) -> NoReturn:
    raise UsageError(f"{base.where(at)}: {what}")
