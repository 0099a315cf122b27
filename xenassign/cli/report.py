"""``xenassign report``: a plan as one HTML file, to look at."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
    from xenassign.outputs.hosts import BuildOptions, Built
    from xenassign.reading import Inputs


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
    from xenassign.outputs.hosts import BuildOptions, lines
    from xenassign.system.lock import lock_path

    given = given_of(options)
    target = Path(output) if output not in {None, "-"} else None
    if target is not None:
        recover([target.parent])
    path = lock_path(lock, config, own=host is None and not hosts)
    only = given.get("name") if config is not None else None
    how = BuildOptions(per_host=False, only=only, ignore=ignore, strict=strict)
    places = {"host": host, "hosts": hosts, "config": config, "include": include, "lock": lock}
    report = _report(places, given, path, how, form)
    if target is None:
        printing.document(report.text)
    else:
        _write(report, target, overwrite, quiet)
    if report.built.refusals:
        printing.lines(lines(report.built.refusals), err=True)
        raise click.exceptions.Exit(1)


class _Report(NamedTuple):
    """The text, what it is about, and the files that were read."""

    text: str
    built: Built
    inputs: Inputs


def _report(
    places: dict[str, Any], given: dict[str, Any], lock: Path | None, how: BuildOptions, form: str
) -> _Report:
    """Plans and renders. ``places``: boards, xenassign.toml and lock as the user gave them."""
    from xenassign.outputs.hosts import build
    from xenassign.outputs.report import markdown
    from xenassign.outputs.report.page.render import render
    from xenassign.reading import recorded
    from xenassign.request.command_line import read_system
    from xenassign.system.lock_file import read_lock

    host, hosts, config = places["host"], places["hosts"], places["config"]
    with recorded() as inputs:
        request, trees = read_system(given, host, hosts, config, places["include"])
        if lock is not None and (places["lock"] or lock.exists()):
            how = how._replace(lock=read_lock(lock))
        how = how._replace(per_host=len(trees) > 1)
        built = build(trees, request, how)
        advice = None
        if config is None:
            advice = suggestions.of(given, trees, request, built, how).advice
    if form == "md":
        return _Report(markdown.render(built), built, inputs)
    return _Report(render(built, _generate(places, given), _tries(advice)), built, inputs)


def _write(report: _Report, target: Path, overwrite: bool, quiet: bool) -> None:
    from xenassign.files import write

    content = {target.name: report.text.encode()}
    written = write(content, target.parent, overwrite, inputs=report.inputs)
    if not quiet:
        printing.lines(map(str, written))


def _generate(places: dict[str, Any], given: dict[str, Any]) -> str:
    """The command that writes the files of the report."""
    from xenassign.cli.generate import command as generate

    several = {"per_host": True} if places["hosts"] else {}
    return shlex.join(suggestions.words(generate, {**places, **given, **several, "output": "out"}))


def _tries(advice: Advice | None) -> list[tuple[str, str]]:
    """(command, remark) of each suggestion; without a command, why there is none."""
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
    if advice.nothing is not None:
        tries.append(("", f"Nothing helps: {advice.nothing}"))
    return tries
