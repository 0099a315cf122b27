"""``xenassign diff``: what differs between two plans or two boards."""

from __future__ import annotations

import click

from xenassign.cli import printing
from xenassign.cli.options import driver_option, include_option, xen_option


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "-d",
    "--device",
    "devices",
    metavar="PATH",
    multiple=True,
    help="Of two boards: show this device first and in full. Repeat it.",
)
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="Of two boards: the xenassign.toml whose plans on both boards come first.",
)
@include_option
@xen_option
@driver_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: the schema xenassign/diff/1.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit status is the answer.")
@click.option(
    "-v", "--verbose", is_flag=True, help="List every difference of devices that no plan assigns."
)
def command(  # noqa: PLR0913, PLR0917 (click gives each option as a parameter)
    old: str,
    new: str,
    devices: tuple[str, ...],
    config: str | None,
    include: tuple[str, ...],
    release: str | None,
    drivers: tuple[str, ...],
    form: str,
    quiet: bool,
    verbose: bool,
) -> None:
    """Show what differs between two plans, or between two boards.

    OLD and NEW are two of xenassign.toml and xenassign.lock: the plans are compared, and the keys
    of the files. Or both are boards, as HOST of generate: then their devices are compared, for
    example before an update of the kernel whose device tree the board boots with. -d and -c say
    what is assigned, which comes first. Device nodes are the same if they have the same path, or
    the same registers. Exit status 0: no difference; 1: they differ; 2: one cannot be read.

    \b
    Example:
      xenassign diff xenassign.lock xenassign.toml
      xenassign diff board-6.12.dtb board-7.2.dtb -d ethernet0
      xenassign diff board-6.12.dtb board-7.2.dtb -c xenassign.toml
    """
    from xenassign.errors import UsageError
    from xenassign.outputs import comparison
    from xenassign.outputs.report import comparison_text
    from xenassign.outputs.report.plan_json import to_json

    before, after = comparison.side_of(old), comparison.side_of(new)
    boards = [side.kind == "board" for side in (before, after)]
    if any(boards) and not all(boards):
        board, other = sorted((before, after), key=lambda side: side.kind != "board")
        problem = f"{board.file} is a board, {other.file} a plan"
        raise UsageError(f"{problem}; give two boards, or two of xenassign.toml and its lock")
    if all(boards):
        options = comparison.BoardOptions(devices, config, include, release, drivers)
        answer = comparison.compare_boards(before, after, options)
    else:
        _check_plans(devices, config, release, drivers)
        answer = comparison.compare_plans(before, after)
    if form == "json" and not quiet:
        printing.document(to_json(comparison_text.to_data(answer)))
    elif not quiet:
        printing.lines(comparison_text.text_lines(answer, verbose))
    if not answer.same:
        raise click.exceptions.Exit(1)


def _check_plans(
    devices: tuple[str, ...], config: str | None, release: str | None, drivers: tuple[str, ...]
) -> None:
    """Raises UsageError for an option that has no effect on plans."""
    from xenassign.errors import UsageError

    options = {"-d": devices, "-c": config, "--xen": release, "--iommu-driver": drivers}
    for option, value in options.items():
        if value:
            raise UsageError(f"{option} has no effect without two boards; omit it")
