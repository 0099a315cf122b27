"""``xenassign plan``: the guests' address spaces, without writing files."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from xenassign.cli import printing, suggestions
from xenassign.cli.headings import Grouped
from xenassign.cli.options import (
    board_options,
    given_of,
    lock_option,
    report_options,
    request_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xenassign.devicetree.tree import Tree
    from xenassign.outputs.hosts import Built
    from xenassign.outputs.report.plans import Draw


@click.command("plan", cls=Grouped)
@board_options
@request_options
@lock_option
@report_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "column", "json"]),
    default="table",
    show_default=True,
    help="column: a drawing, in which what the guest does not use is a break. json: the schema"
    " xenassign/space/1; for several domains or boards xenassign/hosts/1.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw the column in ASCII.")
def command(  # noqa: PLR0913, PLR0917 (click gives each option as a parameter)
    host: str | None,
    config: str | None,
    hosts: tuple[str, ...],
    include: tuple[str, ...],
    lock: str | None,
    form: str,
    ascii_only: bool,
    verbose: bool,
    quiet: bool,
    ignore: tuple[str, ...],
    strict: bool,
    **options: Any,
) -> None:
    """Show the address space of a guest with devices of HOST.

    Takes the options of generate, and writes no files. The rows are ordered by address: RAM, what
    Xen puts there, each register block with its host address and what chose its place, and the
    holes. Then plan shows the maximum memory of the domain, and what limits it. With -c it also
    shows how many devices, pages, INTIDs and streams of the board each domain has, dom0, Xen and
    nobody, and what is shared; with several boards the differences between them. If there is a
    lock, auto keeps the places in it (pinned), as generate does. Exit status 1: generate would
    refuse; the table is shown as far as possible, and the reasons follow.

    \b
    Example:
      xenassign plan board.dtb -d ethernet0 --memory 4096 --map auto
      xenassign plan board.dtb -d ethernet0 --memory 4096 --format column
      xenassign plan -c xenassign.toml
    """
    from xenassign.outputs.hosts import BuildOptions, build, lines
    from xenassign.outputs.report import plans
    from xenassign.outputs.report.plan_json import to_json
    from xenassign.request.command_line import read_system
    from xenassign.system.lock import lock_path
    from xenassign.system.lock_file import older_lock

    draw = _drawing(form, ascii_only)
    given = given_of(options)
    request, trees = read_system(given, host, hosts, config, include)
    path = lock_path(lock, config, own=host is None and not hosts)
    older = older_lock(path, required=bool(lock))
    only = given.get("name") if config is not None else None
    how = BuildOptions(True, only, older, ignore=ignore, strict=strict)
    built = printing.naming(config, lambda: build(trees, request, how))
    wording = printing.wording(config)
    refusals = [*map(wording, lines(built.refusals))]
    of_plan = given, trees, request, built, how
    advice = suggestions.of(*of_plan) if refusals and not quiet else None
    if form == "json":
        data = plans.to_data(built.plan, refusals, only, owners=config is not None)
        printing.document(to_json(data | (advice.to_data() if advice is not None else {})))
    else:
        plans.show(built.plan, sys.stdout, only, owners=config is not None, draw=draw)
        if verbose and not refusals:
            printing.lines(map(wording, _findings(built, trees)), err=True)
    printing.lines(refusals, err=True)
    if advice is not None and form != "json":
        printing.lines(advice.lines(), err=True)
    click.get_current_context().exit(1 if refusals else 0)


def _findings(built: Built, trees: Sequence[Tree]) -> Iterable[str]:
    """All warnings and notes."""
    from xenassign.outputs.report import messages

    return messages.lines(built.findings, trees[0].file if len(trees) == 1 else None, True)


def _drawing(form: str, ascii_only: bool) -> Draw | None:
    """What draws an address space; None: it is a table. Raises UsageError."""
    from xenassign.errors import UsageError

    if form == "column":
        from xenassign.outputs.report import address_column

        return partial(address_column.show, ascii_only=ascii_only)
    if ascii_only:
        raise UsageError("--ascii has no effect without --format column; add it")
    return None
