"""``xenassign lint``: hand-written partial device trees and dom.cfg files, checked for Xen."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xenassign.cli import printing
from xenassign.cli.options import all_of
from xenassign.cli.recovery import recover, warn
from xenassign.linting.options import LINT

if TYPE_CHECKING:
    from xenassign.linting.lint_report import Report
    from xenassign.linting.session import Made
    from xenassign.request.project import Project


@click.command("lint")
@click.argument("files", nargs=-1, metavar="FILE…")
@all_of(LINT)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "concise", "gcc", "json", "sarif", "github", "gitlab", "junit"]),
    default="text",
    show_default=True,
    help="The output format. gcc is what editors read; gitlab is its report of code quality.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show only errors, and no closing lines.")
@click.option("--statistics", is_flag=True, help="Show how many findings each rule has.")
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="error",
    show_default=True,
    help="The least severity for exit status 1.",
)
@click.option("--exit-zero", is_flag=True, help="Exit status 0 whatever is found.")
@click.option(
    "--stdin-filename",
    "stdin",
    metavar="FILE",
    help="The name of standard input, for messages, and for its kind: .dts, .dtso or other.",
)
@click.option("--fix", is_flag=True, help="Apply the mechanical fixes; the diff is shown first.")
@click.option(
    "--unsafe-fixes",
    is_flag=True,
    help="Let --fix and --diff add what only the host's tree states, and give a device without"
    " protection.",
)
@click.option("--diff", is_flag=True, help="Show what --fix would change, without changing files.")
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="A xenassign.toml: its [lint] section, boards and domains. Without FILE… the files that"
    " `generate -c` writes are checked.  [default: the [lint] section of xenassign.toml]",
)
@click.option("--list-rules", is_flag=True, help="List the rules and exit.")
def command(
    files: tuple[str, ...],
    form: str,
    fix: bool,
    diff: bool,
    config: str | None,
    list_rules: bool,
    **options: Any,
) -> None:
    """Check partial device trees and dom.cfg as Xen reads them.

    FILE is a partial device tree (.dtb, .dts), an xl configuration, a device tree or overlay with
    dom0less domains in /chosen, or a folder with such files, as generate writes it; - is standard
    input. A configuration is checked together with the partial device tree that its device_tree
    names, and a xenassign.toml is as with -c. Exit status 1: an error was found.

    A comment at a statement waives a finding there: xenassign: allow CODE: reason.

    \b
    Example:
      xenassign lint domu1.dts domu1.cfg --host board.dtb --host-overlay domu1.host.dtbo
      xenassign lint out --host board.dtb
    """
    if list_rules:
        from xenassign.linting.catalogue import rule_list

        printing.lines(rule_list())
        return
    from xenassign.linting.session import Session

    for name in ("select", "ignore"):
        options[name] = _codes(options[name])
    options["drivers"] = frozenset(options["drivers"]) or None
    options["kconfig"] = frozenset(options["kconfig"])
    files, config = _with_project(_globbed(files), config)
    folders = [Path(os.path.realpath(file)).parent for file in files if file != "-"]
    (recover if fix else warn)(folders)
    project, made = _of_config(config, alone=not files) if config is not None else (None, ())
    path = Path(config) if config is not None else None
    quiet, statistics = options.pop("quiet"), options.pop("statistics")
    fail_on, exit_zero = options.pop("fail_on"), options.pop("exit_zero")
    session = Session.of(files, config=path, project=project, made=made, **options)
    if fix or diff:
        printing.document(session.fix(write=fix), err=form != "text")
    report = session.report()
    _show(report, form, quiet=quiet, statistics=statistics)
    if report.refuses(fail_on) and not exit_zero:
        raise click.exceptions.Exit(1)


def _with_project(files: tuple[str, ...], config: str | None) -> tuple[tuple[str, ...], str | None]:
    """The files without a xenassign.toml, which is as one of ``-c``. Raises UsageError."""
    from xenassign.errors import UsageError

    projects = [file for file in files if file.lower().endswith(".toml")]
    if len(projects) + (config is not None) > 1:
        several = " and ".join(filter(None, [config, *projects]))
        raise UsageError(f"{several} each have the domains of a system; give one")
    rest = tuple(file for file in files if file not in projects)
    return rest, projects[0] if projects else config


def _of_config(config: str, alone: bool) -> tuple[Project | None, tuple[Made, ...]]:
    """The domains of a xenassign.toml, and the files that ``generate`` makes of it if it is given
    ``alone``. Ends the program if these are refused."""
    from xenassign.outputs.hosts import lines
    from xenassign.outputs.made import made_of, project_of

    project = project_of(config)
    if project is None or not alone:
        return project, ()
    made, refusals = made_of(config)
    if refusals:
        printing.lines(lines(refusals), err=True)
        raise click.exceptions.Exit(1)
    return project, made


def _show(report: Report, form: str, *, quiet: bool, statistics: bool) -> None:
    from xenassign.linting import formats
    from xenassign.outputs.report.terminal import coloured

    shown = report.only_errors() if quiet else report
    if statistics:
        printing.document(formats.statistics(shown))
    elif form == "text":
        colour = coloured(sys.stdout)
        text = formats.to_text(shown, closing=not quiet, colour=colour)
        printing.document(text, colour=colour)
    else:
        printing.document(formats.FORMATS[form](shown))


def _globbed(files: tuple[str, ...]) -> tuple[str, ...]:
    """The files, with the sorted matches of a pattern that no file is named."""
    import glob

    from xenassign.errors import UsageError

    result: list[str] = []
    for file in files:
        if os.path.lexists(file) or not glob.has_magic(file):
            result.append(file)
            continue
        matches = sorted(glob.glob(file, recursive=True))
        if not matches:
            raise UsageError(f"{file}: no file matches; name a file, a folder or another pattern")
        result += matches
    return tuple(result)


def _codes(values: tuple[str, ...]) -> tuple[str, ...]:
    """The codes of an option that is repeated, or has several with commas."""
    return tuple(code.strip() for value in values for code in value.split(","))
