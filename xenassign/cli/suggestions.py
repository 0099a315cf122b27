"""The lines ``try:``: complete commands, made of the one that the user gave."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from xenassign.advice.search import Advice, Changes, Suggestion
    from xenassign.devicetree.tree import Tree
    from xenassign.findings import Finding
    from xenassign.outputs.hosts import BuildOptions, Built
    from xenassign.request.system_request import SystemRequest


def of(
    given: Mapping[str, Any],
    trees: Sequence[Tree],
    request: SystemRequest,
    built: Built,
    options: BuildOptions,
) -> Advice:
    """What to try for a domain that is given by options."""
    from xenassign.advice.change import changed_options
    from xenassign.advice.search import Target, advise
    from xenassign.outputs.hosts import build
    from xenassign.request.command_line import system_of_options

    def attempt(changes: Changes) -> Built:
        changed = system_of_options(changed_options(given, changes), trees)
        return build(trees, changed, options)

    return advise(Target(request.domains[0].name, request), built, attempt)


def about(
    generate: click.Command,
    paths: Sequence[str],
    host: str,
    tree: Tree,
    given: Mapping[str, Any],
) -> tuple[tuple[Finding, ...], list[str]]:
    """What ``generate`` says about devices, the gravest first, and the lines of what to try.

    ``generate``: the command to try. ``host``: as the user named the board. ``given``: its other
    options.
    """
    from xenassign.advice.change import changed_options
    from xenassign.advice.verdict import ranked
    from xenassign.findings import Finding
    from xenassign.outputs.hosts import BuildOptions, build
    from xenassign.request.command_line import system_of_options

    values, options = {**given, "devices": tuple(paths)}, BuildOptions()
    request = system_of_options(values, [tree])
    built = build([tree], request, options)
    advice = of(values, [tree], request, built, options)
    refusals = [refusal for refusal in built.refusals if isinstance(refusal, Finding)]
    findings = ranked(f._replace(file=None, domain=None) for f in (*refusals, *built.findings))

    def command(changes: Changes) -> str:
        return shlex.join(words(generate, changed_options({"host": host, **values}, changes)))

    shown = list(_lines(advice, lambda suggestion: command(suggestion.changes)))
    if not (built.refusals or advice.suggestions):
        shown.append(f"try: {command(())}")
    return findings, shown


def lines(advice: Advice, overwrite: bool) -> Iterator[str]:
    """The lines that end the output of the running command. ``overwrite``: files are in the way."""
    return _lines(advice, lambda suggestion: shlex.join(rerun(suggestion, overwrite)))


def _lines(advice: Advice, command: Callable[[Suggestion], str]) -> Iterator[str]:
    from xenassign.advice.search import MOST_PLANS

    if advice.stopped:
        yield f"note: the search for what helps stopped after {MOST_PLANS} plans"
    for suggestion in advice.suggestions:
        if suggestion.risk != "none":
            yield f"note: {suggestion.risk}: {suggestion.why}"
        yield f"try: {command(suggestion)}"
    if advice.nothing is not None:
        yield f"nothing helps: {advice.nothing}"


def to_data(advice: Advice) -> list[dict[str, Any]]:
    """The commands as JSON has them."""
    return [
        {"argv": rerun(each), "why": each.why, "risk": each.risk} for each in advice.suggestions
    ]


def rerun(suggestion: Suggestion, overwrite: bool = False) -> list[str]:
    """The running command with the changes of a suggestion, as words."""
    from xenassign.advice.change import changed_options

    context = click.get_current_context()
    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    values = changed_options(given, suggestion.changes) | ({"overwrite": True} if overwrite else {})
    return words(context.command, values)


def words(command: click.Command, values: Mapping[str, Any]) -> list[str]:
    """A command of xenassign with the values of its parameters, by name."""
    result = ["xenassign", str(command.name)]
    for param in sorted(command.params, key=lambda param: isinstance(param, click.Option)):
        value = values.get(str(param.name))
        if value is None:
            continue
        if isinstance(param, click.Option):
            result += _words(param, value)
        else:
            result.append(str(value))
    return result


def _words(option: click.Option, value: Any) -> Iterator[str]:
    """An option with its value or values, as the command line has them."""
    if option.is_flag:
        yield from (option.opts if value else option.secondary_opts)[:1]
    else:
        for each in value if option.multiple else (value,):
            yield from (option.opts[0], str(each))
