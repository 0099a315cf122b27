"""The cause of a failure, from the lines that Xen, xl or a guest's Linux printed.

A line that fits a message of :mod:`xenassign.xen.boot_messages` has its rules; the node follows
from the facts in it. A line of Xen's or xl's that reports a failure and fits no message is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, Rule, some
from xenassign.host.device import is_device, read_device
from xenassign.host.platform import Platform
from xenassign.linting.catalogue import find
from xenassign.xen.boot_messages import BootMessage, boot_messages

#: The prefix of a line: of Xen (with or without a time), of xl and libxl, and of Linux.
_PREFIX = re.compile(
    r"^(?:\(d\d+\) |DOM\d+: )?"
    r"(?:\(XEN\) (?:\[[^\]]*\] )?|xl: |ERROR: "
    r"|libxl: (?:error|warning): [^:]*:\d+:\w+: (?:Domain \d+:)?)?"
)
#: Whose lines can be about the assignment.
_XEN = re.compile(r"^(?:\(XEN\) |libxl: error: |xl: )")
_FAILURE = re.compile(
    r"\b(fail|failed|failure|error|unable|cannot|can't|could ?n['o]t|could not|invalid|missing"
    r"|not supported|already|conflict\w*|panic|no such)\b",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(
    r"passthrough|device|irq|iomem|mmio|iommu|smmu|\bdt\b|dtb|fdt|dom ?u|\bd\d+\b|domain|guest|map",
    re.IGNORECASE,
)
#: From here on the lines are about another domain.
_NEXT_DOMAIN = re.compile(r"\*\*\* LOADING DOM|^Parsing config from ")
#: The last line of U-Boot.
_BOOT_LOADER = re.compile(r"^Starting kernel", re.MULTILINE)
#: A boot that Xen finished, whatever came before.
_RUNNING = re.compile(r"Freed \d+kB init memory|Xen is relinquishing VGA console")
_PANIC = re.compile(r"Panic on CPU \d+|Reboot in five seconds|Unexpected Trap")


class LogCause(NamedTuple):
    """A line of a log that reports a failure. ``number`` counts lines from 1.

    ``codes``: the rules that it may be about, the most frequent first; none for an unknown line.
    ``facts``: what it names, by the words of the table (INTID, NODE, PAGE, ADDRESS, DEVICE).
    """

    number: int
    text: str
    codes: tuple[str, ...]
    facts: Mapping[str, str]


def causes(text: str) -> list[LogCause]:
    """The failures that a log reports, in its order; what follows from another is left out."""
    lines = [line.replace("\r", "").rstrip() for line in text.split("\n")]
    reported = list(_reported(lines))
    return reported or list(_hangs(lines))


def _reported(lines: Sequence[str]) -> Iterator[LogCause]:
    """The lines that report a failure, without those that follow from one about the same domain."""
    explained = False
    for number, line in enumerate(lines, 1):
        if _NEXT_DOMAIN.search(line):
            explained = False
        content = _content(line)
        message, facts = _fitting(content, last=False)
        if message is not None and message.codes:
            if not (message.general and explained):
                yield LogCause(number, content, message.codes, facts)
            explained = True
        elif (
            message is None
            and _XEN.match(line)
            and _FAILURE.search(content)
            and _ASSIGNMENT.search(content)
        ):
            yield LogCause(number, content, (), {})


def nodes_of(cause: LogCause, platform: Platform) -> list[Node]:
    """The nodes of a board that a line is about, by what it names."""
    facts, tree = cause.facts, platform.tree
    if "NODE" in facts:
        node = tree.find_as_xen(facts["NODE"])
        return [node] if node is not None else []
    devices = [node for node in tree.nodes() if is_device(node)]
    if "DEVICE" in facts:  # Linux names a device UNIT_ADDRESS.NAME
        unit = facts["DEVICE"].partition(".")[0]
        return [node for node in devices if node.name.partition("@")[2] == unit]
    if "INTID" in facts:
        intid = int(facts["INTID"])
        lines = ((node, read_device(platform, node).interrupts) for node in devices)
        return [node for node, own in lines if any(line.intid == intid for line in own)]
    if "PAGE" in facts or "ADDRESS" in facts:
        start = int(facts["PAGE"], 16) * PAGE_SIZE if "PAGE" in facts else int(facts["ADDRESS"], 16)
        blocks = ((node, read_device(platform, node).blocks) for node in devices)
        return [
            node
            for node, own in blocks
            if any(b.address < start + PAGE_SIZE and start < b.end for b in own)
        ]
    return []


def _content(line: str) -> str:
    """A line without its prefix."""
    match = _PREFIX.match(line)
    return line[match.end() :] if match else line


def _fitting(content: str, *, last: bool) -> tuple[BootMessage | None, Mapping[str, str]]:
    """The first message that a line fits, and the facts in it."""
    for message in boot_messages():
        for pattern in message.last if last else message.lines:
            if match := pattern.match(content):
                return message, match.groupdict()
    return None, {}


def _hangs(lines: Sequence[str]) -> Iterator[LogCause]:
    """What the last line says where Xen neither went on nor gave up."""
    if any(_RUNNING.search(line) or _PANIC.search(line) for line in lines):
        return
    content, number = "(nothing)", len(lines)
    for own, line in enumerate(lines, 1):
        if line.startswith("(XEN) "):
            content, number = _content(line), own
    started = content != "(nothing)" or not any(lines) or _BOOT_LOADER.search("\n".join(lines))
    message, facts = _fitting(content, last=True)
    if message is not None and started:
        yield LogCause(number, content, message.codes, facts)


def report(
    file: str,
    reported: Sequence[LogCause],
    platform: Platform | None = None,
    findings: Sequence[Finding] | None = None,
) -> Iterator[str]:
    """The causes as lines of text: each line of the log, its node, and the rules with their fixes.

    ``findings``: those of a plan, which show the rule in question and the fix for that very device.
    """
    for cause in reported:
        yield f"{file}:{cause.number}: {cause.text}"
        if not cause.codes:
            yield "  unknown: no rule is known to have this line; see Xen's sources for it"
            continue
        nodes = [node.path for node in nodes_of(cause, platform)] if platform else []
        if nodes:
            yield f"  node: {some(nodes)}"
        planned = [
            finding
            for finding in findings or ()
            if finding.code in cause.codes and (not nodes or finding.node in {None, *nodes})
        ]
        if planned:
            yield from (f"  {finding.text()}" for finding in planned)
            continue
        if findings is not None:
            yield "  the plan has no such error: Xen was booted with other files than it writes"
        yield from (line for code in cause.codes for line in _rule(find(code)))


def _rule(rule: Rule) -> Iterator[str]:
    yield f"  {rule.code}: {rule.title}"
    yield f"    fix: {' '.join(rule.fix.split())}"
