"""``xenassign lint``: hand-written partial device trees and dom.cfg files, checked for Xen."""

from __future__ import annotations

from pathlib import Path

import click

from xenassign.cli.options import console_option, driver_option
from xenassign.xen.releases import DEFAULT, KCONFIG, RELEASES


@click.command("lint")
@click.argument("files", nargs=-1, metavar="FILE…")
@click.option(
    "--host",
    metavar="HOST",
    help="The board's device tree as Xen gets it: .dtb, .dts, or the live tree of a boot without"
    " Xen. Rules that require it do not run without it.",
)
@click.option(
    "--host-overlay",
    "overlays",
    multiple=True,
    metavar="FILE",
    help="An overlay (.dtbo, .dtso) with marks or domains that the boot loader applies to HOST.",
)
@click.option(
    "--live-host",
    is_flag=True,
    help="HOST comes from the running board (/sys/firmware/fdt, /proc/device-tree): its /memory is"
    " the memory that Xen uses.",
)
@click.option(
    "--partial",
    metavar="FILE",
    help="The partial device tree for device_tree of the configurations.",
)
@click.option(
    "--xen",
    "version",
    metavar="RELEASE",
    help=f"The Xen release: {', '.join(RELEASES)}.  [default: {DEFAULT}]",
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    type=click.Choice(["dom0less", "xl"]),
    help="Check for this route only. Default: both.",
)
@click.option("--memory", type=click.IntRange(min=1), metavar="MIB", help="Memory of the domain.")
@click.option(
    "--vcpus", type=click.IntRange(min=1), metavar="N", help="Virtual CPUs of the domain."
)
@click.option(
    "--dom0/--no-dom0",
    default=True,
    show_default=True,
    help="Whether there is a dom0. It keeps the devices that HOST does not mark.",
)
@driver_option
@console_option
@click.option(
    "--together",
    is_flag=True,
    help="The files belong to domains that run at the same time: report what two of them share"
    " (XA0xx). Requires --host.",
)
@click.option(
    "--kconfig",
    multiple=True,
    type=click.Choice(KCONFIG),
    help="An option that your Xen is built with and that is off by default; repeat it.",
)
@click.option(
    "-I",
    "--include",
    multiple=True,
    metavar="DIR",
    help="A folder for #include and /include/ of .dts files; repeat it.",
)
@click.option(
    "--select",
    multiple=True,
    metavar="CODE",
    help="Report only these findings: codes or prefixes of codes (XA2), repeated or with commas.",
)
@click.option("--ignore", multiple=True, metavar="CODE", help="Do not report these findings.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="The output format.",
)
@click.option("--fix", is_flag=True, help="Apply the mechanical fixes; the diff is shown first.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, without changing files.")
@click.option(
    "--config",
    metavar="FILE",
    help="The file with the [lint] section.  [default: xenassign.toml, if it exists]",
)
@click.option("--list-rules", is_flag=True, help="List the rules and exit.")
def command(  # noqa: PLR0913, PLR0917 (click gives each option as a parameter)
    files: tuple[str, ...],
    host: str | None,
    overlays: tuple[str, ...],
    live_host: bool,
    partial: str | None,
    version: str | None,
    routes: tuple[str, ...],
    memory: int | None,
    vcpus: int | None,
    dom0: bool,
    drivers: tuple[str, ...],
    xen_console: str | None,
    together: bool,
    kconfig: tuple[str, ...],
    include: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    form: str,
    fix: bool,
    diff: bool,
    config: str | None,
    list_rules: bool,
) -> None:
    """Check partial device trees and xl configurations as Xen reads them.

    FILE is a partial device tree (.dtb, .dts), an xl configuration, or a device tree or overlay
    with dom0less domains in /chosen; - is standard input. A configuration is checked together with
    the partial device tree that its device_tree names. Exit status 1: an error was found.

    A comment at a statement waives a finding there: xenassign: allow CODE: reason.

    \b
    Example:
      xenassign lint domu1.dts domu1.cfg --host board.dtb --host-overlay domu1.host.dtbo
    """
    from xenassign.linting import formats
    from xenassign.linting.session import Session, rule_list

    if list_rules:
        for line in rule_list():
            click.echo(line)
        return
    session = Session.of(
        files,
        host=host,
        overlays=overlays,
        live_host=live_host,
        partial=partial,
        version=version,
        routes=routes,
        memory=memory,
        vcpus=vcpus,
        dom0=dom0,
        drivers=frozenset(drivers) or None,
        xen_console=xen_console,
        together=together,
        kconfig=frozenset(kconfig),
        include=include,
        select=_codes(select),
        ignore=_codes(ignore),
        config=Path(config) if config is not None else None,
    )
    if fix or diff:
        click.echo(session.fix(write=fix), err=form != "text", nl=False)
    report = session.report()
    click.echo(formats.FORMATS[form](report), nl=False)
    if report.refused:
        raise click.exceptions.Exit(1)


def _codes(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code.strip() for text in given for code in text.split(","))
