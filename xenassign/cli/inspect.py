"""``xenassign inspect``: the devices of a board, and whether each can be assigned."""

from __future__ import annotations

import sys

import click

from xenassign.cli import printing
from xenassign.cli.options import driver_option, host_argument, xen_option


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
@click.option("--assignable", is_flag=True, help="Show only devices that can be assigned alone.")
@click.option(
    "--iommu-overlay",
    "overlay",
    is_flag=True,
    help="Print an overlay of HOST that connects each PATH with an IOMMU that Xen drives. What no"
    " public document states (stream IDs) is left for you to fill in.",
)
@xen_option
@driver_option
def command(
    host: str,
    paths: tuple[str, ...],
    form: str,
    scmi: bool,
    assignable: bool,
    overlay: bool,
    release: str | None,
    drivers: tuple[str, ...],
) -> None:
    """Show the devices of HOST, what is known about each, and whether it can be assigned.

    With PATH (as for generate -d), show only these devices, in detail: registers, interrupts,
    IOMMU, SCMI ids, DMA, and every finding.

    HOST is a .dtb, a .dts, or on the board itself the live tree: /proc/device-tree, or as root
    /sys/firmware/fdt. In dom0 that is the tree that Xen made; inspect reports what it lacks.

    \b
    Example:
      xenassign inspect board.dtb
      xenassign inspect board.dtb ethernet0 --format json
      xenassign inspect board.dtb --scmi
      xenassign inspect board.dtb ethernet0 --iommu-overlay >iommu.dtso
      xenassign inspect /proc/device-tree
    """
    from xenassign.errors import UsageError
    from xenassign.host.load import read_host
    from xenassign.host.platform import read_platform
    from xenassign.outputs.report.plan_json import inspect, to_json
    from xenassign.planning.assess import assess
    from xenassign.request.command_line import driver_set, release_of
    from xenassign.request.resolve import select

    if overlay and not paths:
        raise UsageError("--iommu-overlay requires a PATH: the device to connect with an IOMMU")
    tree = read_host(host)
    only = [*select(tree, paths)] if paths else None
    xen = release_of(release, [tree])
    assessment = assess(read_platform(tree), xen, only, driver_set(drivers), assignable)
    if overlay:
        from xenassign.outputs.iommu_overlay import iommu_overlay

        printing.document(iommu_overlay(assessment.board, assessment.devices))
        return
    if form == "json":
        printing.document(to_json(inspect(assessment, scmi)))
        return
    from xenassign.outputs.report.board_table import show, show_scmi

    if scmi:
        show_scmi(assessment, sys.stdout)
        return
    show(assessment, detail=bool(paths), stream=sys.stdout)
