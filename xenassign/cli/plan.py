"""``xenassign plan``: the guests' address spaces, without writing files."""

from __future__ import annotations

import sys
from typing import Any

import click

from xenassign.cli import printing
from xenassign.cli.headings import Grouped
from xenassign.cli.options import (
    board_options,
    given_of,
    lock_option,
    request_options,
)


@click.command("plan", cls=Grouped)
@board_options
@request_options
@lock_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: the schema xenassign/space/1; for several domains or boards xenassign/hosts/1.",
)
def command(
    host: str | None,
    config: str | None,
    hosts: tuple[str, ...],
    lock: str | None,
    form: str,
    **options: Any,
) -> None:
    """Show the address space of a guest with devices of HOST, without writing files.

    Takes the options of generate. The rows are ordered by address: RAM, what Xen puts there, each
    register block with its host address and what chose its place, and the holes. Then plan shows
    the maximum memory of the domain, and what limits it. With several boards it shows the
    differences between them. If there is a lock, auto keeps the places in it (pinned), as generate
    does. Exit status 1: generate would refuse; the table is shown as far as possible, and the
    reasons follow.

    \b
    Example:
      xenassign plan board.dtb -d ethernet0 --memory 4096 --map auto
      xenassign plan -c xenassign.toml
    """
    from xenassign.outputs.hosts import generate_hosts, lines
    from xenassign.outputs.report import plans
    from xenassign.outputs.report.plan_json import to_json
    from xenassign.request.command_line import read_system
    from xenassign.system.lock import lock_path, pins_of
    from xenassign.system.lock_file import read_lock

    given = given_of(options)
    request, trees = read_system(given, host, hosts, config)
    path = lock_path(lock, config, own=host is None and not hosts)
    older = read_lock(path) if path is not None and (lock or path.exists()) else None
    generated = generate_hosts(trees, request, pins_of(older, trees) if older is not None else None)
    only = given.get("name") if config is not None else None
    refusals = list(lines(generated.refusals))
    if form == "json":
        printing.document(to_json(plans.to_data(generated.plan, refusals, only)))
    else:
        plans.show(generated.plan, sys.stdout, only)
    printing.lines(refusals, err=True)
    if refusals:
        raise click.exceptions.Exit(1)
