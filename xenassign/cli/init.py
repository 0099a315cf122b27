"""``xenassign init``: a xenassign.toml to start from."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from xenassign.cli import printing
from xenassign.cli.options import driver_option, include_option, xen_option
from xenassign.cli.recovery import recover

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Tree
    from xenassign.host.platform import Platform
    from xenassign.request.described.facts import Described
    from xenassign.xen.releases import Release


@click.command("init")
@click.argument("host", metavar="[HOST]", required=False)
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write.  [default: standard output]"
)
@click.option(
    "--from-sdt",
    "sdt",
    metavar="FILE",
    help="Write the domains of a System Device Tree, a .dts or .dtb. HOST may be left out: it is"
    " FILE then.",
)
@click.option(
    "--from-domains",
    "domains_yaml",
    metavar="FILE",
    help="Write the domains of Lopper's domains.yaml.",
)
@include_option
@xen_option
@driver_option
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def command(
    host: str | None,
    output: str | None,
    sdt: str | None,
    domains_yaml: str | None,
    include: tuple[str, ...],
    release: str | None,
    drivers: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Write a xenassign.toml for HOST to start from.

    It has one domain, and in comments every key with its meaning and the devices of the board
    that can be assigned.

    With --from-sdt or --from-domains it has the domains that FILE describes; a note says what of
    FILE is not carried.

    \b
    Example:
      xenassign init board.dtb -o xenassign.toml
      xenassign init board.dtb --from-domains domains.yaml -o xenassign.toml
    """
    from xenassign.errors import UsageError
    from xenassign.files import write
    from xenassign.host.load import read_host
    from xenassign.host.platform import read_platform
    from xenassign.reading import recorded
    from xenassign.request.command_line import driver_set, release_of

    if sdt is not None and domains_yaml is not None:
        raise UsageError("--from-sdt and --from-domains contradict each other; give one of them")
    host = host if host is not None else sdt
    if host is None:
        raise UsageError("there is no HOST; give the board's .dtb")
    target = Path(output) if output not in {None, "-"} else None
    if target is not None:
        recover([target.parent])
    with recorded() as inputs:
        platform = read_platform(read_host(host, include))
        xen = release_of(release, [platform.tree])
        start = _Start(platform, xen, driver_set(drivers), _names(host, include, target))
        if sdt is not None:
            text = _of_sdt(start, sdt, None if sdt == host else include, target)
        elif domains_yaml is not None:
            text = _of_domains(start, domains_yaml, target)
        else:
            text = _empty(start)
    if target is None:
        printing.document(text)
        return
    written = write({target.name: text.encode("utf-8")}, target.parent, overwrite, inputs=inputs)
    described = sdt is not None or domains_yaml is not None
    choose = "" if described else 'remove the "# " of a device in it, then '
    run = shlex.join(["xenassign", "generate", "-c", output or "", "-o", "out"])
    printing.lines(f"wrote {path}; {choose}run: {run}" for path in written)


class _Start(NamedTuple):
    """What the file begins with. ``names``: of HOST and of -I, as the file sees them."""

    platform: Platform
    release: Release
    drivers: frozenset[str] | None
    names: list[str]

    @property
    def settings(self) -> dict[str, object]:
        """The keys of the whole file."""
        host, *include = self.names
        values: dict[str, object] = {"host": host}
        if include:
            values["include"] = include
        values["xen"] = self.release.version
        if self.drivers:
            values["iommu-driver"] = sorted(self.drivers)
        return values


def _names(host: str, include: tuple[str, ...], target: Path | None) -> list[str]:
    names = ["board.dtb" if host == "-" else host, *include]
    return [_as_seen(name, target) for name in names]


def _as_seen(name: str, target: Path | None) -> str:
    """The name of a file as the written file sees it."""
    if target is None or os.path.isabs(name):
        return name
    return os.path.relpath(name, target.parent)


def _empty(start: _Start) -> str:
    from xenassign.advice.assess import assess
    from xenassign.outputs.starter import starter

    assessment = assess(start.platform, start.release, drivers=start.drivers)
    host, *include = start.names
    return starter(assessment, host, start.release, start.drivers, include)


def _of_sdt(start: _Start, sdt: str, include: tuple[str, ...] | None, target: Path | None) -> str:
    """The file of a System Device Tree. ``include``: None if it is HOST, which was read already."""
    from xenassign.host.load import read_tree
    from xenassign.request.described.device_tree import read_system_tree

    system = read_tree(sdt, include) if include is not None else start.platform.tree
    return _described(start, read_system_tree(system), system, "--from-sdt", sdt, target)


def _of_domains(start: _Start, path: str, target: Path | None) -> str:
    from xenassign.request.described.domains_yaml import read_domains_yaml

    domains = read_domains_yaml(path, start.platform.tree)
    return _described(start, domains, None, "--from-domains", path, target)


def _described(
    start: _Start,
    domains: Sequence[Described],
    system: Tree | None,
    option: str,
    source: str,
    target: Path | None,
) -> str:
    from xenassign.advice.assess import assess
    from xenassign.errors import InputError
    from xenassign.outputs.described_system import described_system
    from xenassign.request.described.carry import carry

    carried = carry(domains, start.platform, system, start.release)
    notes = [note.line for note in carried.notes]
    if not carried.domains:
        why = "; ".join(carried.others)
        raise InputError(f"{source}: no guest of Xen has a device of the board: {why}", *notes)
    printing.lines((f"note: {note}" for note in notes), err=True)
    nodes = list(dict.fromkeys(n for domain in carried.domains for n in domain.devices))
    board = assess(start.platform, start.release, nodes, start.drivers)
    return described_system(carried, board, start.settings, option, _as_seen(source, target))
