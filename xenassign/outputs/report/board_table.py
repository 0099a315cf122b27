"""A board for people: its platform, its devices as a table or in detail, its SCMI ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from textwrap import wrap
from typing import Any, NamedTuple, TextIO

import click

from xenassign import escape
from xenassign.advice.assess import Assessment, BoardAssessment
from xenassign.advice.companions import Together
from xenassign.checks.dom0_tree import NO_DOM0
from xenassign.devicetree.tree import Node
from xenassign.findings import some
from xenassign.host.kinds import kind_of
from xenassign.host.platform import stdout_path
from xenassign.host.running import Dom0Tree
from xenassign.outputs.report.device_table import fields, protected, table
from xenassign.outputs.report.terminal import WIDTH, coloured, is_terminal, width
from xenassign.xen.board import Board
from xenassign.xen.console import drives, has_driver
from xenassign.xen.dom0_cures import cures


def show_scmi(board: BoardAssessment, stream: TextIO) -> None:
    """Prints every SCMI id, and a line for each of its users."""
    shared = 0
    ids = board.board.by_scmi_id()
    for first, users in ids:
        sharing = len({user.node.path for user in users if user.available and user.use.counts})
        shared += sharing > 1
        several = f", {sharing} users" if sharing > 1 else ""
        line = f"{first.use.text} of {first.use.provider.path}{several}"
        stream.write(f"{escape.terminal(line)}\n")
        for user in users:
            name = f" ({user.use.name})" if user.use.name else ""
            state = "" if user.available else ", disabled"
            line = f"{user.node.path}: {user.use.prop}{name}{state}"
            stream.write(f"    {escape.terminal(line)}\n")
    stream.write(f"{len(ids)} SCMI ids, {shared} of them with more than one user.\n")


#: Columns of a line of the platform before its text.
TAG = 7


def show(board: BoardAssessment, detail: bool, stream: TextIO) -> None:
    """Prints the devices: on a terminal a table below the platform, elsewhere a line for each.

    With ``detail`` the platform and all facts of each device.
    """
    if not detail and not is_terminal(stream):
        for device in board.devices:
            stream.write("\t".join(map(escape.terminal, fields(device))) + "\n")
        return
    printer = _Printer.to(stream)
    for line in platform_lines(board):
        printer.line(line)
    if detail:
        for device in board.devices:
            printer.line("")
            for text, style in detail_lines(device):
                printer.line(text, style)
        return
    printer.line("")
    tree = board.board.platform.tree
    for line, answer in table(board.devices, tree, printer.width or WIDTH):
        printer.line(line, _ANSWERS.get(answer))
    printer.line("")
    for line in summary(board):
        printer.line(line)


_ANSWERS: dict[str, str] = {"yes": "green", "with": "yellow", "no": "dim"}


class _Printer(NamedTuple):
    """Prints lines, which are continued where they are wider than the terminal.

    Commands are not: what is copied from a terminal has to be the command. ``width``: None if it is
    not a terminal.
    """

    stream: TextIO
    width: int | None
    coloured: bool

    @classmethod
    def to(cls, stream: TextIO) -> _Printer:
        """For a stream."""
        return cls(stream, width() if is_terminal(stream) else None, coloured(stream))

    def line(self, text: str, style: str | None = None) -> None:
        """Prints a line. ``style``: a colour, ``bold`` or ``dim``."""
        lines = [escape.terminal(text)]
        command = text.lstrip().startswith("try: ")
        if self.width is not None and len(lines[0]) > self.width and not command:
            indent = " " * (len(text) - len(text.lstrip()) + 4)
            lines = wrap(lines[0], self.width, subsequent_indent=indent, break_on_hyphens=False)
        for line in lines:
            styled = click.style(line, **_STYLES[style]) if style and self.coloured else line
            self.stream.write(f"{styled}\n")


_STYLES: dict[str, dict[str, Any]] = {
    "bold": {"bold": True},
    "dim": {"dim": True},
    **{colour: {"fg": colour} for colour in ("green", "yellow", "red")},
}


def summary(board: BoardAssessment) -> Iterator[str]:
    """How many devices can be assigned, and of which kinds."""
    answers = Counter(device.verdict.answer for device in board.devices)
    yield (
        f"{answers['yes']} of {len(board.devices)} devices can be assigned alone with no option,"
        f" {answers['with']} with options."
    )
    all_of = Counter(device.kind for device in board.devices)
    good = Counter(device.kind for device in board.devices if device.verdict.answer != "no")
    if good:
        counts = (f"{kind} {good[kind]} of {all_of[kind]}" for kind in sorted(good))
        yield f"By kind: {', '.join(counts)}."
    yield "Why: xenassign inspect HOST PATH. The word after no: xenassign explain WORD."


def platform_lines(board: BoardAssessment) -> list[str]:
    """The interrupt, MSI, IOMMU and SCMI controllers and the console, a line each."""
    platform = board.board.platform
    gic = platform.gic
    lines = [f"BOARD  {platform.model or '(no model)'}"]
    lines.append(
        f"GIC    {gic.node.path} (GICv{gic.version})" if gic else "GIC    none that Xen drives"
    )
    for msi in platform.msi:
        lines.append(f"MSI    {msi.node.path} ({msi.kind})")
    for iommu in platform.iommus:
        driver = board.board.iommus.driver(iommu.node)
        used = iommu.node in board.board.iommus.nodes
        driven = f"Xen's {driver.name} driver" if driver else "no driver of Xen"
        state = "" if used or not driver else ", not used by it"
        disabled = "" if iommu.available else " (disabled)"
        lines.append(f"IOMMU  {iommu.node.path}{disabled}: {driven}{state}")
    for provider in platform.scmi:
        numbers = " ".join(f"{number:#x}" for number in provider.protocols)
        lines.append(f"SCMI   {provider.node.path} over {provider.transport}, protocols {numbers}")
    if platform.console is not None:
        lines.append(f"UART   {platform.console.path} ({_console(board.board, platform.console)})")
    return lines + board_problems(board.board)


def board_problems(board: Board) -> list[str]:
    """What the board's tree lacks as dom0's, and why Xen cannot build dom0 from it."""
    dom0 = board.platform.dom0_tree
    return [*(dom0_lines(dom0) if dom0 is not None else ()), *no_dom0_lines(board)]


def _console(board: Board, console: Node) -> str:
    """What names the UART of Xen's console, and whether Xen drives it."""
    named_by = "stdout-path" if console is stdout_path(board.platform.tree) else "dtuart"
    if not has_driver(board.iommus.release, console):
        return f"{named_by}: Xen has no driver for it, and prints nothing"
    if not drives(board.iommus.release, console):
        return f"{named_by}: Xen does not drive it, and prints nothing"
    return f"{named_by}: Xen's console"


#: So many mistakes and changes by the overlay have their lines: a board can have dozens of each.
_LISTED = 3


def no_dom0_lines(board: Board) -> list[str]:
    """Nodes with which Xen cannot build dom0, and the changes that cure it; all that are manual."""
    obstacles = board.dom0_obstacles
    changes, rest = cures(board.platform, obstacles)
    manual = [cure.text for cure in changes if not cure.in_overlay]
    manual += dict.fromkeys(f"remove {o.node.path} or its mistake" for o in rest)
    return [
        *_listed(
            "DOM0   no dom0: ",
            [f"{o.node.path}: {o.why} [{NO_DOM0.code}]" for o in obstacles],
            f"mistakes, of {', '.join(dict.fromkeys(o.node.name for o in obstacles[_LISTED:]))}",
        ),
        *_listed(
            "       fix: ",
            [cure.text for cure in changes if cure.in_overlay],
            "changes, which generate writes into the overlay of the host's tree too",
        ),
        *(f"       fix: {text}" for text in manual),
    ]


def _listed(tag: str, texts: list[str], others: str) -> list[str]:
    """A line for each of the first texts, and one for how many others there are."""
    more = len(texts) - _LISTED
    shown = [*texts[:_LISTED], f"… and {more} more {others}"] if more > 1 else texts
    return [f"{tag}{text}" for text in shown]


def dom0_lines(dom0: Dom0Tree) -> list[str]:
    """Lines about a tree that Xen made for dom0, and the facts that it lacks."""
    lost = some(f"{node.path} ({', '.join(node.names)})" for node in dom0.lost)
    return [
        f"TREE   made for dom0 by Xen {dom0.xen or '(no release)'}; unlike the board's own tree, it"
        " does not show",
        "       which devices Xen protects, which disabled ones are marked xen,passthrough, and",
        f"       what Xen keeps{f'; missing are {lost}' if lost else ''}",
    ]


def detail_lines(assessment: Assessment) -> list[tuple[str, str | None]]:
    """The facts and findings of a device: (line, style of rich)."""
    device = assessment.device
    lines: list[tuple[str, str | None]] = [(device.path, "bold")]

    def add(name: str, value: str) -> None:
        if value:
            lines.append((f"  {name:<13}{value}", None))

    add("kind", assessment.kind)
    add("compatible", ", ".join(device.node.compatible))
    add("status", device.node.status if not device.node.available else "")
    for block in device.blocks:
        add("registers", f"{block.address:#x}, {block.size:#x} bytes")
    for window in device.windows:
        add("PCI window", f"{window.address:#x}, {window.size:#x} bytes")
    for line in device.interrupts:
        add("interrupt", f"INTID {line.intid} ({line.kind}, {line.trigger})")
    for other in device.other_interrupts:
        add("interrupt", f"ends at {other.controller.path}")
    for use in device.iommus:
        args = " ".join(f"{arg:#x}" for arg in use.args)
        add("stream", f"{use.node.path if use.node else 'nothing'} {args}")
    word = protected(assessment).replace("-", "no")
    add("protected", f"{word}: {assessment.protection.why}")
    add("DMA", f"{device.dma.answer}: {device.dma.evidence}")
    for scmi in device.scmi_uses:
        name = f" ({scmi.name})" if scmi.name else ""
        how = "" if scmi.counts else f", {scmi.prop}"
        add("SCMI", f"{scmi.text}{name} of {scmi.provider.path}{how}")
    for group in device.suppliers:
        providers = dict.fromkeys(r.provider.path for r in group.entries if r.provider)
        add("supplier", f"{group.prop}: {', '.join(providers)}" if providers else "")
    styles = {"error": "red", "warning": "yellow", "note": None}
    for finding in assessment.findings:
        lines.append((f"  {finding.text()}", styles[finding.severity]))
    answer = assessment.verdict.answer
    lines.append((f"  {verdict_text(assessment)}", "red" if answer == "no" else _ANSWERS[answer]))
    lines += [(f"  {line}", None) for line in assessment.suggestions]
    return lines


def verdict_text(assessment: Assessment) -> str:
    """The verdict as a sentence."""
    verdict = assessment.verdict
    if verdict.answer == "no":
        return f"no: {verdict.why}: cannot be assigned alone to a guest that can use it"
    options = f" with {' '.join(verdict.options)}" if verdict.options else ""
    return f"{verdict.answer}: can be assigned alone{options}"


def together_lines(answer: Together) -> Iterator[str]:
    """The device, what goes along with it and why, and the verdict on all."""
    yield f"{answer.devices[0].path} ({kind_of(answer.devices[0])})"
    for companion in answer.companions:
        reason = companion.reason
        why = f"{reason.message} [{reason.code}]" if reason else f"it is below {companion.of}"
        yield f"{companion.need:<7} {companion.node.path} ({kind_of(companion.node)}): {why}"
    yield f"together: {answer.verdict}"
