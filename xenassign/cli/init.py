"""``xenassign init``: a xenassign.toml to start from."""

from __future__ import annotations

import os
from pathlib import Path

import click

from xenassign.cli import printing
from xenassign.cli.options import driver_option, host_argument, include_option, xen_option
from xenassign.cli.recovery import recover


@click.command("init")
@host_argument
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write.  [default: standard output]"
)
@include_option
@xen_option
@driver_option
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def command(
    host: str,
    output: str | None,
    include: tuple[str, ...],
    release: str | None,
    drivers: tuple[str, ...],
    overwrite: bool,
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
        tree = read_host(host, include)
    xen = release_of(release, [tree])
    driver_names = driver_set(drivers)
    assessment = assess(read_platform(tree), xen, drivers=driver_names)
    names = ["board.dtb" if host == "-" else host, *include]
    if target is not None:
        base = target.parent
        names = [name if os.path.isabs(name) else os.path.relpath(name, base) for name in names]
    text = starter(assessment, names[0], xen, driver_names, names[1:])
    if target is None:
        printing.document(text)
        return
    written = write({target.name: text.encode("utf-8")}, target.parent, overwrite, inputs=inputs)
    printing.lines(map(str, written))
