"""A board as a table: 100 columns and no colours, unless it is printed to a terminal."""

from __future__ import annotations

from typing import TextIO

from xenassign import escape
from xenassign.checks.dom0_tree import NO_DOM0
from xenassign.findings import some
from xenassign.host.running import Dom0Tree
from xenassign.outputs.report.terminal import console as terminal_console
from xenassign.planning.assess import Assessment, BoardAssessment
from xenassign.xen.board import Board
from xenassign.xen.dom0_cures import cures
from xenassign.xen.iommu import Shield


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


def show(board: BoardAssessment, detail: bool, stream: TextIO) -> None:
    """Prints the platform and a row for each device; with ``detail``, all facts of each device."""
    console = terminal_console(stream)
    for line in platform_lines(board):
        console.print(escape.terminal(line))
    if detail:
        for device in board.devices:
            console.print()
            for text, style in detail_lines(device):
                console.print(escape.terminal(text), style=style)
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), expand=False)
    for name, options in _COLUMNS:
        table.add_column(name, overflow="fold", **options)  # type: ignore[arg-type]
    for device in board.devices:
        style = None if device.assignable else "dim"
        table.add_row(*map(escape.terminal, row(device)), style=style)
    console.print(table)
    assignable = sum(device.assignable for device in board.devices)
    console.print(
        f"{assignable} of {len(board.devices)} devices can be assigned alone with no option."
    )
    console.print("Why not: xenassign inspect HOST PATH. A code: xenassign explain CODE.")


_COLUMNS: tuple[tuple[str, dict[str, object]], ...] = (
    ("device", {"ratio": 5, "min_width": 30}),
    ("registers", {"ratio": 3, "min_width": 18}),
    ("INTID", {"ratio": 2, "min_width": 7}),
    ("IOMMU", {"no_wrap": True}),
    ("DMA", {"no_wrap": True}),
    ("assign", {"no_wrap": True}),
)


def _few(items: list[str], most: int) -> str:
    """The first items, and how many more there are."""
    return ", ".join(items[:most]) + (f" +{len(items) - most}" if len(items) > most else "")


def row(assessment: Assessment) -> tuple[str, ...]:
    """The cells of a device's row."""
    device = assessment.device
    verdict = "yes" if assessment.assignable else _few(_error_codes(assessment), 1)
    return (
        device.path + ("" if device.node.available else " (disabled)"),
        _few([f"{b.address:#x}+{b.size:#x}" for b in device.blocks], 1),
        _few([str(line.intid) for line in device.interrupts], 2),
        _protected(assessment) if device.iommus or _is_unknown(assessment) else "-",
        device.dma.answer,
        verdict,
    )


def _is_unknown(assessment: Assessment) -> bool:
    return assessment.protection.shield is Shield.UNKNOWN


def _protected(assessment: Assessment) -> str:
    if _is_unknown(assessment):
        return "?"
    return "yes" if assessment.protection.protected else "no"


def _error_codes(assessment: Assessment) -> list[str]:
    return list(dict.fromkeys(f.code for f in assessment.findings if f.severity == "error"))


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
    if platform.dom0_tree is not None:
        lines += dom0_lines(platform.dom0_tree)
    if platform.console is not None:
        lines.append(f"UART   {platform.console.path} (stdout-path: Xen's console)")
    return lines + no_dom0_lines(board.board)


def no_dom0_lines(board: Board) -> list[str]:
    """A line for each node with which Xen cannot build dom0, and for each change that cures it."""
    obstacles = board.dom0_obstacles
    changes, rest = cures(board.platform, obstacles)
    lines = [f"DOM0   no dom0: {o.node.path}: {o.why} [{NO_DOM0.code}]" for o in obstacles]
    lines += [f"       fix: {cure.text}" for cure in changes]
    lines += [
        f"       fix: remove {path} or its mistake"
        for path in dict.fromkeys(obstacle.node.path for obstacle in rest)
    ]
    return lines


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
    add("protected", f"{_protected(assessment)}: {assessment.protection.why}")
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
    verdict = "can be assigned" if assessment.assignable else "cannot be assigned as it is"
    lines.append((f"  {verdict}", "green" if assessment.assignable else "red"))
    return lines
