"""``xenassign plan``: the guest's address space, without writing files."""

from __future__ import annotations

import sys
from typing import Any

import click

from xenassign.cli.options import host_argument, make_request, request_options


@click.command("plan")
@host_argument
@request_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: the schema xenassign/space/1.",
)
def command(host: str, form: str, **asked: Any) -> None:
    """Show the address space of a guest with devices of HOST, and write nothing.

    Takes the options of generate. A row for everything, by address: RAM, what Xen puts there,
    each register block with its host address and what chose its place, and the holes. Then the
    most memory that the domain can have, and what is in the way of more. Exit status 1: generate
    would refuse; the table goes as far as it can, the reasons follow.

    \b
    Example:
      xenassign plan board.dtb -d ethernet0 --memory 4096 --map auto
    """
    from xenassign.host.source import read_host
    from xenassign.lint.generated import generate
    from xenassign.render import space
    from xenassign.render.report import to_json

    wanted = make_request(asked)
    plan, _, refusals = generate(read_host(host), wanted)
    if form == "json":
        click.echo(to_json(space.to_dict(plan, refusals)), nl=False)
    else:
        space.show(plan, sys.stdout)
    for line in refusals:
        click.echo(line, err=True)
    if refusals:
        raise click.exceptions.Exit(1)
