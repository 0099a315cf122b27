"""``xenassign report``: a plan as one HTML file, to look at."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
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
    from xenassign.outputs.hosts import Built
    from xenassign.reading import Inputs


@click.command("report", cls=Grouped)
@board_options
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write.  [default: standard output]"
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "svg", "json"]),
    default="html",
    show_default=True,
    help="md: the answer, who has what, and the findings. svg: the address map alone. json: all"
    " that the page shows.",
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
    """Write a plan as one HTML file to look at.

    Takes the options of generate. The file needs no network and prints well. At the top is the
    answer: what goes to which domain, whether it holds, what is forced, what dom0 must leave on,
    and every finding with its rule. Below are the address spaces of host and guests side by side,
    who has each device, page, interrupt and stream, and the files that generate writes.
    Exit status 1: generate would refuse; the report shows the reasons.

    \b
    Example:
      xenassign report board.dtb -d ethernet0 --memory 1024 --vcpus 2 -o report.html
      xenassign report -c xenassign.toml -o report.html
    """
    from xenassign.outputs.hosts import BuildOptions, build, lines
    from xenassign.reading import recorded
    from xenassign.request.command_line import read_system
    from xenassign.system.lock import lock_path
    from xenassign.system.lock_file import older_lock

    given = given_of(options)
    target = Path(output) if output not in {None, "-"} else None
    if target is not None:
        recover([target.parent])
    path = lock_path(lock, config, own=host is None and not hosts)
    only = given.get("name") if config is not None else None
    with recorded() as inputs:
        request, trees = read_system(given, host, hosts, config, include)
        older = older_lock(path, required=bool(lock))
        how = BuildOptions(len(trees) > 1, only, older, ignore=ignore, strict=strict)
        built = printing.naming(config, lambda: build(trees, request, how))
        advice = None
        if config is None and form == "html":
            advice = suggestions.of(given, trees, request, built, how).advice
    boards = {"host": host, "hosts": hosts, "config": config, "include": include, "lock": lock}
    judged = {"ignore": ignore, "strict": strict, "per_host": bool(hosts)}
    text = _text(built, form, {**boards, **judged, **given}, advice)
    if target is None:
        printing.document(text)
    else:
        _write(text, target, overwrite, quiet, inputs)
    if built.refusals:
        printing.lines(lines(built.refusals), err=True)
        raise click.exceptions.Exit(1)


def _text(built: Built, form: str, values: Mapping[str, Any], advice: Advice | None) -> str:
    """The report. ``values``: what the user gave that ``generate`` has too, by parameter."""
    from xenassign.outputs.report import markdown
    from xenassign.outputs.report.page.picture import picture
    from xenassign.outputs.report.page.render import render
    from xenassign.outputs.report.plan_json import to_json
    from xenassign.outputs.report.report_json import to_data

    if form == "md":
        return markdown.render(built)
    if form == "json":
        return to_json(to_data(built))
    if form == "svg":
        return picture(built)
    return render(built, _generate(values), _tries(advice, values))


def _write(text: str, target: Path, overwrite: bool, quiet: bool, inputs: Inputs) -> None:
    from xenassign.files import write

    written = write({target.name: text.encode()}, target.parent, overwrite, inputs=inputs)
    if not quiet:
        printing.lines(f"wrote {path}" for path in written)


def _generate(values: Mapping[str, Any]) -> str:
    """The command that writes files, with the values of its parameters among these."""
    from xenassign.cli.generate import command as generate

    return shlex.join(suggestions.words(generate, {**values, "output": "out"}))


def _tries(advice: Advice | None, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(command, remark) of each suggestion; without a command, why there is none."""
    from xenassign.advice.change import changed_options

    if advice is None:
        return []
    tries = []
    for suggestion in advice.suggestions:
        line = _generate(changed_options(values, suggestion.changes))
        safe = suggestion.risk == "none"
        tries.append((line, suggestion.why if safe else f"{suggestion.risk}: {suggestion.why}"))
    if advice.nothing is not None:
        why = f"No other options were found that are accepted: {advice.nothing}."
        tries.append(("", f"{why} Each error below has its fix."))
    return tries
