"""The configuration of ImageBuilder: its values for the domains, and what it cannot express.

uboot-script-gen inserts the values into U-Boot commands and command lines, mostly without quotes.
What it has no variable for is in a file of U-Boot commands, which it puts before the boot command
(APPEND_EXTRA_CMDS). Its node of the domain with number n is /chosen/domU<n>.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, NoReturn

from xenassign.checks.guest_addresses import OPTIONAL_WINDOW
from xenassign.devicetree.draft import DraftNode
from xenassign.devicetree.places import Place
from xenassign.devicetree.references import unused_phandles
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule, some
from xenassign.formats.imagebuilder_cfg import OLD_PATHS, BashAssignment, BashConfig
from xenassign.outputs.boot.host_changes import UBOOT_VALUE_MAX, beside_marks, marks
from xenassign.outputs.imagebuilder import COMMANDS
from xenassign.outputs.imagebuilder.node import (
    Command,
    change_commands,
    commands,
    linked,
    linked_commands,
    variables,
)
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan
from xenassign.xen.layout import clashes, routes_with_extended_regions

DOM0LESS = ("dom0less",)

CANNOT_CARRY = rule("XA031", "imagebuilder-cannot-carry", "error", "broken", routes=DOM0LESS)
NO_KERNEL = rule("XA032", "imagebuilder-no-kernel", "warning", "broken", routes=DOM0LESS)
XL_ONLY = rule("XA033", "imagebuilder-xl-only", "note", "style", routes=("xl",))
BY_HAND = rule("XA034", "imagebuilder-by-hand", "warning", "broken")
ROOM = rule("XA035", "imagebuilder-no-room", "warning", "broken", routes=DOM0LESS)
REPLACED = rule("XA036", "imagebuilder-replaces-the-tree", "error", "broken")

#: Words that bash and U-Boot do not split or expand.
_PLAIN = re.compile(r"[A-Za-z0-9_./+:@%=,][-A-Za-z0-9_./+:@%=,]*")
#: A number of at most 64 bits, or little more.
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[1-9][0-9]{0,19}|0")
_PATH = re.compile(r"/[-A-Za-z0-9_./+,@]*")
#: Characters of a kernel's command line that U-Boot's shell or its fdt command would interpret.
_SPECIAL = {"$": "a $", '"': 'a "', "'": "a '", "\\": "a \\", "`": "a `", "\n": "a line end"}
_RESIZED = 0x1024  # bytes by which the script of uboot-script-gen enlarges the tree

# The most bytes that uboot-script-gen adds to a tree, without command lines: once (the names of the
# properties, /chosen, dom0), for each domain, its ramdisk, its static memory, and each mark.
_ROOM_ONCE = 700
_ROOM_DOMAIN = 440
_ROOM_RAMDISK = 110
_ROOM_BANK = 40
_ROOM_MARK = 12

DTB, PATHS = "DOMU_PASSTHROUGH_DTB", "DOMU_PASSTHROUGH_PATHS"


class DomU(NamedTuple):
    """A domain: its number, its values by variable, and commands for what has no variable.

    ``new``: the base has no such domain.
    """

    plan: DomainPlan
    number: int
    values: dict[str, str]
    commands: tuple[Command, ...]
    new: bool


class ImageBuilderPlan(NamedTuple):
    """The content of the configuration. ``total``: NUM_DOMUS.

    ``commands``: of the domains and about the host. ``append``: the value of APPEND_EXTRA_CMDS;
    None: it is not set, or stays as in the base.
    """

    base: BashConfig | None
    domus: tuple[DomU, ...]
    total: int
    commands: tuple[Command, ...]
    append: str | None
    findings: tuple[Finding, ...]


def decide(system: SystemPlan) -> ImageBuilderPlan | None:
    """The configuration of a system; None: it is not requested. Raises UsageError."""
    request = system.resolved.request.imagebuilder
    if request is None:
        return None
    unused = unused_phandles(system.resolved.platform.tree)
    return decide_imagebuilder(system.domains, request.base, unused)


def decide_imagebuilder(
    plans: Sequence[DomainPlan], base: BashConfig | None, unused: Iterable[int] = ()
) -> ImageBuilderPlan:
    """The configuration of the domains. ``base``: the user's own. ``unused``: phandles that the
    board's tree does not have, for event channels and CPU pools.

    Raises UsageError if the user's configuration contradicts itself or the request.
    """
    numbers, total = _numbers(plans, base)
    domus = []
    links = linked([plan for plan in plans if "dom0less" in plan.request.routes], unused)
    for plan, (index, new) in zip(plans, numbers, strict=True):
        values = _values(plan, index, base)
        booted = "DOMU_NOBOOT" not in values and not _value(base, "DOMU_NOBOOT", index)
        commands = tuple(_commands(plan, index, links.domains[plan.name])) if booted else ()
        domus.append(DomU(plan, index, values, commands, new))
    of_domains = (command for domu in domus for command in domu.commands)
    commands = (*_beside_marks(plans), *links.commands, *of_domains)
    append = _append(base, commands)
    findings = [f for domu in domus for f in _domain_findings(domu, base)]
    findings += [*_base_findings(base, domus, commands, append), *_room(domus, base)]
    return ImageBuilderPlan(base, tuple(domus), total, commands, append, tuple(findings))


# ---------------------------------------------------------------------- numbers of domains


def _numbers(
    plans: Sequence[DomainPlan], base: BashConfig | None
) -> tuple[list[tuple[int, bool]], int]:
    """((number, new) of each domain, NUM_DOMUS).

    A domain that the base has is identified by the name of its partial device tree; the others get
    the numbers after those of the base.
    """
    if base is None:
        return [(number, True) for number in range(len(plans))], len(plans)
    count = _count(base)
    numbers: list[tuple[int, bool]] = []
    total = count
    for plan in plans:
        entry = _dtb_entry(base, plan.name)
        if entry is None:
            _check_free(base, total, count)
            numbers.append((total, True))
            total += 1
            continue
        if entry.at >= count:
            problem = f"{DTB}[{entry.at}] is not less than NUM_DOMUS={count}"
            _stop(base, entry, f"{problem}; raise NUM_DOMUS, or delete the line")
        numbers.append((entry.at, False))
    return numbers, total


def _count(base: BashConfig) -> int:
    """NUM_DOMUS of the base; 0 without it."""
    count = base.get("NUM_DOMUS")
    if count is None or (count.literal and not count.value):
        return 0
    if not count.literal or not re.fullmatch(r"0|[1-9]\d{0,3}", count.value):
        _stop(base, count, f"NUM_DOMUS is {count.value!r}; write a decimal number")
    return int(count.value)


def _dtb_entry(base: BashConfig, name: str) -> BashAssignment | None:
    """The assignment of the base with the partial device tree of a domain."""
    numbers = dict.fromkeys(a.at for a in base.assignments if a.name == DTB)
    entries = [base.get(DTB, number) for number in numbers]
    matching = [a for a in entries if a and PurePosixPath(a.value).name == f"{name}.dtb"]
    if len(matching) > 1:
        first, second = matching[:2]
        problem = f"{name}.dtb is in {DTB}[{first.at}] and in [{second.at}]"
        _stop(base, second, f"{problem}; keep one")
    return matching[0] if matching else None


def _check_free(base: BashConfig, number: int, count: int) -> None:
    """Raises UsageError if the base has values for the number of a new domain."""
    for entry in base.assignments:
        if entry.name.startswith("DOMU_") and entry.at == number:
            problem = f"{entry.name}[{number}] is set, but NUM_DOMUS is {count}"
            _stop(base, entry, f"{problem}; raise NUM_DOMUS, or delete the line")


# ---------------------------------------------------------------------- values and commands


def _values(plan: DomainPlan, index: int, base: BashConfig | None) -> dict[str, str]:
    """The values to set, by variable without the number, in the order of the file."""
    request = plan.request
    values: dict[str, str | int | None] = {
        "DOMU_KERNEL": request.kernel,
        "DOMU_RAMDISK": request.ramdisk,
        "DOMU_CMD": request.extra,
        PATHS: " ".join(mark.path for mark in plan.marks),
        DTB: f"{plan.name}.dtb",
        "DOMU_MEM": request.memory,
        "DOMU_VCPUS": request.vcpus,
    }
    if PurePosixPath(_value(base, DTB, index)).name == values[DTB]:
        values[DTB] = None  # the base has it with a folder, which may be a variable
    if request.static_memory:
        spans = (f"{start:#x} {size:#x}" for start, size in request.static_memory)
        values["DOMU_STATIC_MEM"] = " ".join(spans)
        values["DOMU_DIRECT_MAP"] = int(request.direct_map)
    elif base is not None and _value(base, "DOMU_STATIC_MEM", index):
        entry = base.get("DOMU_STATIC_MEM", index)
        problem = f"DOMU_STATIC_MEM[{index}] is set, but {plan.name} has no --static-memory"
        _stop(base, entry, f"{problem}; give it, or delete the line")
    if "dom0less" not in request.routes:
        values["DOMU_NOBOOT"] = 1
    elif base is None or base.get("DOMU_ENHANCED", index) is None:
        values["DOMU_ENHANCED"] = 0  # as in NAME.dom0less.dtso; ImageBuilder's default is dom0's
    if not request.vpl011:
        values["DOMU_VPL011"] = 0
    elif _value(base, "DOMU_VPL011", index):
        values["DOMU_VPL011"] = 1
    if "DOMU_NOBOOT" not in values:
        values.update(variables(plan))
    return {name: str(value) for name, value in values.items() if value is not None}


def _value(base: BashConfig | None, name: str, index: int | None = None) -> str:
    return base.value(name, index) if base is not None else ""


def _commands(plan: DomainPlan, index: int, content: DraftNode) -> Iterator[Command]:
    """The commands for what ImageBuilder has no variable for. ``content``: of its node."""
    request, node = plan.request, f"/chosen/domU{index}"
    yield from commands(plan, node)
    yield from linked_commands(node, content, plan.name)
    if not request.vpl011:
        why = f"{plan.name}: no emulated UART; set first, since fdt rm requires the property"
        yield Command(f"fdt set {node} vpl011", why)
        yield Command(f"fdt rm {node} vpl011", why)


def _beside_marks(plans: Sequence[DomainPlan]) -> Iterator[Command]:
    """The commands for the changes of the board's nodes that are not marks."""
    added = dict.fromkeys(change for plan in plans for change in plan.added)
    others = dict.fromkeys(change for plan in plans for change in beside_marks(plan))
    for change in (*added, *others):
        if _PATH.fullmatch(change.path):  # CANNOT_CARRY refuses the others
            yield from change_commands(change, new=change in added)


def _append(base: BashConfig | None, commands: Sequence[Command]) -> str | None:
    """The value of APPEND_EXTRA_CMDS; None: it is not set, or another file of the user's."""
    path = _value(base, "APPEND_EXTRA_CMDS")
    if path:
        return path if PurePosixPath(path).name == COMMANDS else None
    return COMMANDS if commands else None


# ---------------------------------------------------------------------- findings


def _domain_findings(domu: DomU, base: BashConfig | None) -> Iterator[Finding]:
    """Findings about one domain."""
    plan, values = domu.plan, domu.values
    line = values.get("DOMU_CMD", "")
    problem = _line_problem(line)
    if problem is not None:
        yield CANNOT_CARRY(f"{plan.name}: DOMU_CMD[{domu.number}] has {problem}")
    for name in ("DOMU_KERNEL", "DOMU_RAMDISK"):
        if name in values and not _PLAIN.fullmatch(values[name]):
            value = f"{name}[{domu.number}] is {values[name]!r}"
            yield CANNOT_CARRY(f"{plan.name}: {value}, which bash would split or expand")
    for path in (change.path for change in marks(plan)):
        if not _PATH.fullmatch(path):
            yield CANNOT_CARRY(f"{plan.name}: the path {path!r} would be split or expanded")
    if "DOMU_NOBOOT" in values:
        yield XL_ONLY(f"{plan.name}: DOMU_NOBOOT[{domu.number}] is set: no --route dom0less")
    elif "DOMU_KERNEL" not in values and not _value(base, "DOMU_KERNEL", domu.number):
        yield NO_KERNEL(f"{plan.name}: DOMU_KERNEL[{domu.number}] is not known")
    if "DOMU_NOBOOT" not in values:
        yield from _extended_regions(domu, base)


def _extended_regions(domu: DomU, base: BashConfig | None) -> Iterator[Finding]:
    """Extended regions over devices, if the user's configuration enables PV interfaces."""
    entry = base.get("DOMU_ENHANCED", domu.number) if base is not None else None
    if "DOMU_ENHANCED" in domu.values:
        return  # the plan has judged it
    if base is None or entry is None or entry.value == "0":
        return
    plan, variable = domu.plan, f"DOMU_ENHANCED[{domu.number}]"
    extended = routes_with_extended_regions(plan.request.release, DOM0LESS, enhanced=True)
    guest = plan.guest._replace(extended=extended)
    for owner in plan.owners:
        for placed in owner.placed:
            span = placed.mapping.guest_span
            for clash in (c for c in clashes(guest, span) if c.routes == DOM0LESS):
                message = f"{owner.path}: guest {span} lies in {clash.name} ({clash.span})"
                fix = f"set {variable} to 0, move it with --map, or use Xen 4.21 or newer"
                at = _place(base, entry)
                yield OPTIONAL_WINDOW(message, fix=fix, place=at, routes=DOM0LESS)


def _line_problem(line: str) -> str | None:
    """What of a kernel's command line ImageBuilder or U-Boot would change; None: nothing."""
    for char, text in _SPECIAL.items():
        if char in line:
            return text
    if any(not " " <= char <= "~" for char in line):
        return "a character that is not printable ASCII"
    if line[:1] in ("<", "[", "-"):
        return f"a {line[0]} as its first character"
    if len(line) >= UBOOT_VALUE_MAX:  # with the terminating zero
        return f"{len(line)} characters, of which {UBOOT_VALUE_MAX - 1} fit"
    return None


def _base_findings(
    base: BashConfig | None, domus: Sequence[DomU], commands: Sequence[Command], append: str | None
) -> Iterator[Finding]:
    """Findings about the user's configuration."""
    if base is None:
        return
    for name in ("LOPPER_PATH", "PASSTHROUGH_DTS_REPO"):
        entry = base.get(name)
        if entry is not None and entry.value:
            names = some(f"{domu.plan.name}.dtb" for domu in domus)
            yield REPLACED(f"{name} is set: {names} would not be used", place=_place(base, entry))
    extra = base.get("APPEND_EXTRA_CMDS")
    if commands and append is None and extra is not None:
        message = f"APPEND_EXTRA_CMDS is {extra.value}: append {COMMANDS} to that file yourself"
        yield BY_HAND(message, place=_place(base, extra))
    old = base.get(OLD_PATHS)
    if old is not None and old.value:
        message = f"{OLD_PATHS} has no effect since 2022: delete it, and use a newer ImageBuilder"
        yield BY_HAND(message, place=_place(base, old))
    yield from _load_range_overlaps(base, domus)


def _load_range_overlaps(base: BashConfig, domus: Sequence[DomU]) -> Iterator[Finding]:
    """Static memory that ImageBuilder may load files to; Xen refuses a module there."""
    end = base.get("MEMORY_END")
    first, last = _number(base.get("MEMORY_START")), _number(end)
    if end is None or first is None or last is None:
        return
    for domu in domus:
        for start, size in domu.plan.request.static_memory:
            if start < last and first < start + size:
                message = (
                    f"{domu.plan.name} has static memory at {start:#x}, where files may be loaded"
                )
                fix = "lower MEMORY_END, or raise MEMORY_START"
                yield BY_HAND(message, fix=fix, place=_place(base, end))


def _number(entry: BashAssignment | None) -> int | None:
    """The number that is assigned; None if there is none, or bash would expand it."""
    literal = entry.value if entry is not None and entry.literal else ""
    return int(literal, 0) if re.fullmatch(_NUMBER, literal) else None


def _room(domus: Sequence[DomU], base: BashConfig | None) -> Iterator[Finding]:
    """A tree that may be too small for what U-Boot adds."""
    needed = room_needed(domus, base)
    if needed > _RESIZED and not _value(base, "FIT"):
        yield ROOM(f"up to {needed} bytes are added to the board's tree, {_RESIZED} fit for sure")


def room_needed(domus: Sequence[DomU], base: BashConfig | None) -> int:
    """The most bytes that ImageBuilder adds to the board's tree, with the domains of the base."""
    values: dict[int, dict[str, str]] = defaultdict(dict)
    for entry in base.assignments if base is not None else ():
        values[entry.at][entry.name] = entry.value
    for domu in domus:
        values[domu.number].update(domu.values)
    total = max([_count(base) if base is not None else 0, *(domu.number + 1 for domu in domus)])
    lines = sum(len(_value(base, name)) for name in ("XEN_CMD", "DOM0_CMD"))
    return _ROOM_ONCE + lines + sum(_room_of(values[number]) for number in range(total))


def _room_of(values: dict[str, str]) -> int:
    """The most bytes for one domain."""
    ramdisk = _ROOM_RAMDISK if values.get("DOMU_RAMDISK") else 0
    banks = _ROOM_BANK * len(values.get("DOMU_STATIC_MEM", "").split())
    marks = _ROOM_MARK * len(values.get(PATHS, "").split())
    return _ROOM_DOMAIN + len(values.get("DOMU_CMD", "")) + ramdisk + banks + marks


def _place(base: BashConfig, entry: BashAssignment) -> Place:
    return Place(base.file, entry.line, 1, entry.line, 1)


def _stop(base: BashConfig, entry: BashAssignment | None, problem: str) -> NoReturn:
    raise UsageError(f"{base.where(entry)}: {problem}")
