"""``xenassign report``: a plan as one HTML file, to look at."""

from __future__ import annotations

import shlex
from pathlib import Path
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
from xenassign.cli.recovery import recover

if TYPE_CHECKING:
    from xenassign.advice.advise import Advice


@click.command("report", cls=Grouped)
@board_options
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write.  [default: standard output]"
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md"]),
    default="html",
    show_default=True,
    help="md: the answer, who has what, and the findings as Markdown.",
)
@request_options
@lock_option
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@report_options
def command(  # noqa: PLR0913, PLR0917 (click gives each option as a parameter)
    host: str | None,
    config: str | None,
    hosts: tuple[str, ...],
    include: tuple[str, ...],
    output: str | None,
    lock: str | None,
    form: str,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
    ignore: tuple[str, ...],
    strict: bool,
    **options: Any,
) -> None:
    """Write a plan as one HTML file, which needs no network and prints well.

    Takes the options of generate. At the top is the answer: what goes to which domain, whether it
    holds, what is forced, what dom0 must leave on, and every finding with its rule. Below are the
    address spaces of host and guests side by side, who has each device, page, interrupt and stream,
    and the files that generate writes. Exit status 1: generate would refuse; the report shows the
    reasons.

    \b
    Example:
      xenassign report board.dtb -d ethernet0 --memory 1024 --vcpus 2 -o report.html
      xenassign report -c xenassign.toml -o report.html
    """
    from xenassign.files import write
    from xenassign.outputs.hosts import BuildOptions, build, lines
    from xenassign.outputs.report import markdown
    from xenassign.outputs.report.page.render import render
    from xenassign.reading import recorded
    from xenassign.request.command_line import read_system
    from xenassign.system.lock import lock_path
    from xenassign.system.lock_file import read_lock

    given = given_of(options)
    target = Path(output) if output not in {None, "-"} else None
    if target is not None:
        recover([target.parent])
    path = lock_path(lock, config, own=host is None and not hosts)
    only = given.get("name") if config is not None else None
    with recorded() as inputs:
        request, trees = read_system(given, host, hosts, config, include)
        older = read_lock(path) if path is not None and (lock or path.exists()) else None
        how = BuildOptions(len(trees) > 1, only, older, ignore=ignore, strict=strict)
        built = build(trees, request, how)
        advice = (
            suggestions.of(given, trees, request, built, how).advice if config is None else None
        )
    if form == "md":
        text = markdown.render(built)
    else:
        text = render(built, _generate(host, hosts, config, include, lock, given), _tries(advice))
    if target is None:
        printing.document(text)
    else:
        written = write({target.name: text.encode()}, target.parent, overwrite, inputs=inputs)
        if not quiet:
            printing.lines(map(str, written))
    if built.refusals:
        printing.lines(lines(built.refusals), err=True)
        raise click.exceptions.Exit(1)


def _generate(
    host: str | None,
    hosts: tuple[str, ...],
    config: str | None,
    include: tuple[str, ...],
    lock: str | None,
    given: dict[str, Any],
) -> str:
    """The command that writes the files of the report."""
    from xenassign.cli.generate import command as generate

    places = {"host": host, "hosts": hosts, "config": config, "include": include, "lock": lock}
    several = {"per_host": True} if hosts else {}
    return shlex.join(suggestions.words(generate, {**places, **given, **several, "output": "out"}))


def _tries(advice: Advice | None) -> list[tuple[str, str]]:
    """(command, remark) of each suggestion."""
    from xenassign.advice.change import changed_options
    from xenassign.cli.generate import command as generate

    if advice is None:
        return []
    given = given_of(click.get_current_context().params)
    shared = {param.name for param in generate.params} - {"output"}
    tries = []
    for suggestion in advice.suggestions:
        changed = changed_options(given, suggestion.changes)
        values = {name: value for name, value in changed.items() if name in shared}
        line = shlex.join(suggestions.words(generate, {**values, "output": "out"}))
        safe = suggestion.risk == "none"
        tries.append((line, suggestion.why if safe else f"{suggestion.risk}: {suggestion.why}"))
    return tries
