"""``xenassign generate``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xenassign.cli.options import host_argument, make_request, request_options


@click.command("generate")
@host_argument
@click.option("-o", "--output", metavar="DIR", required=True, help="Where the files go.")
@request_options
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and warnings only.")
def command(host: str, output: str, overwrite: bool, quiet: bool, **asked: Any) -> None:
    """Write everything that Xen needs to give devices of HOST to a guest.

    HOST is the board's device tree (.dtb or .dts; - for standard input). The
    files are the partial device tree (NAME.dtb, NAME.dts), NAME.cfg for xl, NAME.host.dtbo and
    .dtso that mark the host's nodes, NAME.dom0less.dtso with the domain's /chosen node, and
    NAME.json, the plan. All are written or none. Exit status 1: refused, with every reason.

    \b
    Example:
      xenassign generate board.dtb -d ethernet0 -d /soc/serial@ff010000 \\
          --name domu1 --memory 1024 --vcpus 2 -o out
    """
    from xenassign.host.source import read_host
    from xenassign.lint.generated import generate
    from xenassign.render.files import write

    wanted = make_request(asked)
    tree = read_host(host)
    plan, files, refusals = generate(tree, wanted)
    if refusals:
        for line in refusals:
            click.echo(line, err=True)
        raise click.exceptions.Exit(1)
    written = write(files, Path(output), overwrite)
    for finding in plan.findings:
        if not quiet or finding.severity != "note":
            click.echo(finding.text(plan.host_file), err=True)
    if not quiet:
        for path in written:
            click.echo(f"{path}")
