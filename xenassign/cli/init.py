"""``xenassign init``: a xenassign.toml to start from."""

from __future__ import annotations

import os
from pathlib import Path

import click

from xenassign.cli import printing
from xenassign.cli.options import driver_option, host_argument, xen_option
from xenassign.cli.recovery import recover


@click.command("init")
@host_argument
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write.  [default: standard output]"
)
@xen_option
@driver_option
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def command(
    host: str, output: str | None, release: str | None, drivers: tuple[str, ...], overwrite: bool
) -> None:
    """Write a xenassign.toml for HOST to start from.

    It has one domain, and in comments every key with its meaning and the devices of the board
    that can be assigned.

    \b
    Example:
      xenassign init board.dtb -o xenassign.toml
    """
    from xenassign.advice.assess import assess
    from xenassign.files import write
    from xenassign.host.load import read_host
    from xenassign.host.platform import read_platform
    from xenassign.outputs.starter import starter
    from xenassign.reading import recorded
    from xenassign.request.command_line import driver_set, release_of

    target = Path(output) if output not in {None, "-"} else None
    if target is not None:
        recover([target.parent])
    with recorded() as inputs:
        tree = read_host(host)
    xen = release_of(release, [tree])
    driver_names = driver_set(drivers)
    assessment = assess(read_platform(tree), xen, drivers=driver_names)
    name = "board.dtb" if host == "-" else host
    if target is not None and not os.path.isabs(name):
        name = os.path.relpath(name, target.parent)
    text = starter(assessment, name, xen, driver_names)
    if target is None:
        printing.document(text)
        return
    written = write({target.name: text.encode("utf-8")}, target.parent, overwrite, inputs=inputs)
    printing.lines(map(str, written))
