"""``xenassign inspect``: the devices of a board, and whether each can be assigned."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xenassign.cli import printing, suggestions
from xenassign.cli.options import driver_option, host_argument, include_option, xen_option

if TYPE_CHECKING:
    from xenassign.advice.assess import BoardAssessment, Query
    from xenassign.findings import Finding


@click.command("inspect")
@host_argument
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: the schema xenassign/inspect/1.",
)
@click.option(
    "--scmi",
    is_flag=True,
    help="Show the users of each SCMI id, CPUs included. A user of a shared id cannot switch it"
    " off alone.",
)
@click.option(
    "--assignable",
    is_flag=True,
    help="Show only devices with the verdict yes or with.",
)
@click.option(
    "--kind",
    "kinds",
    metavar="KIND",
    multiple=True,
    help="Show only devices of this kind: ethernet, can, serial, mmc, … Repeat it, or use commas.",
)
@click.option(
    "--compatible",
    "compatibles",
    metavar="TEXT",
    multiple=True,
    help="Show only devices with this compatible string; * ? [] as in a shell. Repeat it.",
)
@click.option(
    "--irq",
    "intid",
    metavar="INTID",
    help="Show only devices with this interrupt: the INTID, which is the number of an SPI plus 32.",
)
@click.option(
    "--address",
    metavar="ADDRESS",
    help="Show only devices with registers at this address of the host.",
)
@click.option(
    "--sort",
    type=click.Choice(["tree", "verdict", "kind", "path", "address", "irq"]),
    default="tree",
    show_default=True,
    help="The order of the devices.",
)
@click.option(
    "--with",
    "companions",
    metavar="PATH",
    help="Show what must or should be assigned together with this device, with the reasons.",
)
@click.option(
    "--iommu-overlay",
    "overlay",
    is_flag=True,
    help="Print an overlay of HOST that connects each PATH with an IOMMU that Xen drives. What no"
    " public document states (stream IDs) is left for you to fill in.",
)
@click.option(
    "--html",
    metavar="FILE",
    help="Write the board as one HTML file: its devices with a filter, what blocks them, the"
    " address map, shared pages, IOMMUs.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing FILE of --html.")
@include_option
@xen_option
@driver_option
def command(
    host: str,
    paths: tuple[str, ...],
    form: str,
    scmi: bool,
    companions: str | None,
    overlay: bool,
    html: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Show the devices of HOST, and whether each can be assigned.

    The verdict is yes (generate accepts the device alone, and nothing is known that keeps it from
    working in the guest), with OPTION (yes if generate gets that option too) or no: WORD, the
    reason, which xenassign explain accepts. On a terminal the table is as wide as the terminal.
    Elsewhere each device is a line with tabs: verdict, path, kind, status, registers, INTIDs,
    IOMMU, DMA.

    With PATH (as for generate -d), show only these devices, in detail: registers, interrupts,
    IOMMU, SCMI ids, DMA, every finding of generate, the gravest first, and what to try. If each
    PATH is a pattern, show them in the table.

    HOST is a .dtb, a .dts, or on the board itself the live tree: /proc/device-tree, or as root
    /sys/firmware/fdt. In dom0 that is the tree that Xen made; inspect reports what it lacks.

    \b
    Example:
      xenassign inspect board.dtb
      xenassign inspect board.dtb --kind ethernet,can --assignable
      xenassign inspect board.dtb '/soc/serial@*' --sort verdict
      xenassign inspect board.dtb --compatible '*,pl011' --irq 53 --address 0xff000000
      xenassign inspect board.dtb ethernet0 --format json
      xenassign inspect board.dtb --with ethernet0
      xenassign inspect board.dtb --html board.html
      xenassign inspect board.dtb --scmi
      xenassign inspect board.dtb ethernet0 --iommu-overlay >iommu.dtso
      xenassign inspect /proc/device-tree
    """
    from xenassign.request.select import is_pattern

    _check(paths, overlay, html, overwrite)
    if html is not None:
        of_devices = bool(paths or companions is not None or scmi or form == "json")
        _write_page(html, overwrite, host, options, of_devices)
        return
    assessment = _assessed(host, paths if companions is None else (companions,), **options)
    tree = assessment.board.platform.tree
    detail = not all(is_pattern(tree, path) for path in paths)
    if companions is not None:
        _together(assessment, host, form, options)
    elif overlay:
        _iommu_overlay(assessment)
    elif form == "json":
        _as_json(assessment, host, scmi, detail, options)
    else:
        advised = _advised(assessment, host, options) if detail and not scmi else assessment
        _for_people(advised, scmi, detail)


def _check(paths: tuple[str, ...], overlay: bool, html: str | None, overwrite: bool) -> None:
    """Raises UsageError for an option that lacks what it is about."""
    from xenassign.errors import UsageError

    if overlay and not paths:
        raise UsageError("--iommu-overlay requires a PATH: the device to connect with an IOMMU")
    if overwrite and html is None:
        raise UsageError("--overwrite has no effect without --html; add it")


def _iommu_overlay(assessment: BoardAssessment) -> None:
    from xenassign.outputs.iommu_overlay import iommu_overlay

    printing.document(iommu_overlay(assessment.board, assessment.devices))


def _write_page(
    file: str, overwrite: bool, host: str, options: Mapping[str, Any], of_devices: bool
) -> None:
    """Writes the page of a board. Raises UsageError if it is asked for a few devices only."""
    from xenassign.cli.recovery import recover
    from xenassign.errors import UsageError
    from xenassign.files import write
    from xenassign.outputs.report.page.board_page import render
    from xenassign.reading import recorded

    if of_devices:
        raise UsageError("--html shows the whole board; omit PATH and other formats")
    target = Path(file)
    recover([target.parent])
    with recorded() as inputs:
        text = render(_assessed(host, (), **options))
    pages = {target.name: text.encode()}
    written = write(pages, target.parent, overwrite, inputs=inputs, option="--html")
    printing.lines(f"wrote {path}" for path in written)


def _assessed(
    host: str,
    paths: tuple[str, ...],
    release: str | None,
    drivers: tuple[str, ...],
    include: tuple[str, ...],
    **query: Any,
) -> BoardAssessment:
    """The devices to show. Says if there are none. Raises XenassignError."""
    from xenassign.advice.assess import assess, why_nothing
    from xenassign.host.load import read_host
    from xenassign.host.platform import read_platform
    from xenassign.request.command_line import driver_set, release_of
    from xenassign.request.resolve import select

    tree = read_host(host, include)
    only = [*select(tree, paths)] if paths else None
    xen = release_of(release, [tree])
    platform, wanted = read_platform(tree), _query(query)
    assessment = assess(platform, xen, only, driver_set(drivers), wanted)
    if not assessment.devices:
        printing.lines([f"note: {why_nothing(platform, wanted)}"], err=True)
    return assessment


def _together(
    assessment: BoardAssessment, host: str, form: str, options: Mapping[str, Any]
) -> None:
    """Shows what goes along with the device, as text or JSON."""
    from xenassign.advice.assess import alone
    from xenassign.advice.companions import together
    from xenassign.cli.generate import command as generate
    from xenassign.outputs.report.board_table import together_lines
    from xenassign.outputs.report.plan_json import inspect, to_json
    from xenassign.outputs.report.plan_json import together as as_json

    board, (device, *others) = assessment.board, assessment.devices
    if others:
        raise click.UsageError("--with requires one device, not a pattern of several")
    answer = together(board, device.device.node, alone(board, device.device.node))
    paths = [node.path for node in answer.devices]
    _, proposals = suggestions.about(generate, paths, host, board.platform.tree, _given(options))
    if form == "json":
        both = {**as_json(answer), **proposals.to_data()}
        printing.document(to_json({**inspect(assessment), "together": both}))
        return
    printing.lines(together_lines(answer))
    printing.lines(proposals.lines())


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that generate has too."""
    return {name: options[name] for name in ("release", "drivers", "include") if options[name]}


def _as_json(
    assessment: BoardAssessment, host: str, scmi: bool, detail: bool, options: Mapping[str, Any]
) -> None:
    """Prints the document. ``detail``: with what to try for each device."""
    from xenassign.outputs.report.plan_json import inspect, to_json

    document = inspect(assessment, scmi)
    for device in document["devices"] if detail else ():
        _, proposals = _about(assessment, device["path"], host, options)
        device.update(proposals.to_data())
    printing.document(to_json(document))


def _advised(assessment: BoardAssessment, host: str, options: Mapping[str, Any]) -> BoardAssessment:
    """With all findings of generate about each device, and what to try."""
    devices = []
    for device in assessment.devices:
        findings, proposals = _about(assessment, device.device.path, host, options)
        advised = device._replace(findings=findings, suggestions=tuple(proposals.lines()))
        devices.append(advised)
    return assessment._replace(devices=tuple(devices))


def _about(
    assessment: BoardAssessment, path: str, host: str, options: Mapping[str, Any]
) -> tuple[tuple[Finding, ...], suggestions.Proposals]:
    from xenassign.cli.generate import command as generate

    tree = assessment.board.platform.tree
    return suggestions.about(generate, [path], host, tree, _given(options))


def _for_people(assessment: BoardAssessment, scmi: bool, detail: bool) -> None:
    from xenassign.outputs.report.board_table import TAG, board_problems, show, show_scmi
    from xenassign.outputs.report.terminal import is_terminal

    if scmi:
        show_scmi(assessment, sys.stdout)
        return
    show(assessment, detail, sys.stdout)
    if not detail and not is_terminal(sys.stdout):  # the lines of devices do not say it
        problems = board_problems(assessment.board)
        printing.lines((f"note: {text[TAG:]}" for text in problems), err=True)


def _query(given: dict[str, Any]) -> Query:
    """Which devices to show. Raises UsageError for a kind or a number that is invalid."""
    from xenassign.advice.assess import Query
    from xenassign.errors import UsageError
    from xenassign.host.kinds import kind_table
    from xenassign.request.request import number_of

    kinds = frozenset(kind for words in given["kinds"] for kind in words.split(","))
    known = kind_table().kinds() if kinds else ()
    for kind in sorted(kinds):
        if kind not in known:
            raise UsageError(f"--kind {kind}: no such kind; the kinds are {', '.join(known)}")
    numbers = {
        field: number_of(given[field], option, meaning)
        for field, option, meaning in (
            ("intid", "--irq", "an INTID"),
            ("address", "--address", "an address"),
        )
        if given[field] is not None
    }
    return Query(**{**given, "kinds": kinds, **numbers})
