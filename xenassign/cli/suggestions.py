"""What to try: complete commands, made of the one that the user gave, or lines for his file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from xenassign.cli import printing
from xenassign.cli.options import given_of
from xenassign.errors import UsageError

if TYPE_CHECKING:
    from xenassign.advice.advise import Advice, Suggestion
    from xenassign.advice.search import Changes
    from xenassign.advice.toml_change import TableEdit
    from xenassign.devicetree.tree import Tree
    from xenassign.findings import Finding
    from xenassign.formats.toml_text import TomlFile
    from xenassign.outputs.hosts import BuildOptions, Built
    from xenassign.request.system_request import SystemRequest


class Proposals(NamedTuple):
    """The advice about a command, and how its suggestions are shown.

    ``words``: the command with changes. ``toml``: the xenassign.toml to change instead.
    """

    advice: Advice
    words: Callable[[Changes], list[str]]
    toml: TomlFile | None = None
    trees: Sequence[Tree] = ()

    def lines(self, overwrite: bool = False) -> Iterator[str]:
        """The lines that end the output. ``overwrite``: files are in the way of the command."""
        from xenassign.advice.advise import MOST_PLANS

        if self.advice.stopped:
            yield f"note: the search for what helps stopped after {MOST_PLANS} plans"
        for suggestion in self.advice.suggestions:
            if suggestion.risk != "none":
                yield f"note: {suggestion.risk}: {suggestion.why}"
            yield from self._lines(suggestion, overwrite)
        if self.advice.nothing is not None:
            wording = printing.wording(self.toml.file if self.toml is not None else None)
            yield wording(f"nothing helps: {self.advice.nothing}")

    def _lines(self, suggestion: Suggestion, overwrite: bool) -> Iterator[str]:
        from xenassign.advice.toml_change import lines

        if self.toml is None:
            import shlex

            command = self.words(suggestion.changes)
            more = ["--overwrite"] if overwrite and "--overwrite" not in command else []
            yield f"try: {shlex.join([*command, *more])}"
            return
        yield f"try: in {self.toml.file}:"
        yield from (f"  {line}" for line in lines(self.toml, self._edits(self.toml, suggestion)))

    def _edits(self, toml: TomlFile, suggestion: Suggestion) -> list[TableEdit]:
        from xenassign.advice.toml_change import changed, edits

        return edits(toml, changed(toml, suggestion.changes, self.trees))

    def to_data(self) -> dict[str, Any]:
        """The fields of JSON: ``try``, and ``nothing_helps`` if so."""
        shown = [
            {**self._data(suggestion), "why": suggestion.why, "risk": suggestion.risk}
            for suggestion in self.advice.suggestions
        ]
        nothing = self.advice.nothing
        return {"try": shown, **({"nothing_helps": nothing} if nothing is not None else {})}

    def _data(self, suggestion: Suggestion) -> dict[str, Any]:
        if self.toml is None:
            return {"argv": self.words(suggestion.changes)}
        edits = [
            {"table": [*edit.at], "set": edit.keys} for edit in self._edits(self.toml, suggestion)
        ]
        return {"file": self.toml.file, "edits": edits}


def of(
    given: Mapping[str, Any],
    trees: Sequence[Tree],
    request: SystemRequest,
    built: Built,
    options: BuildOptions,
) -> Proposals:
    """What to try instead of the running command."""
    origin = request.domains[0].origin
    toml = origin.toml if origin is not None else None
    return Proposals(_advice(given, trees, request, built, options), _rerun, toml, trees)


def _advice(
    given: Mapping[str, Any],
    trees: Sequence[Tree],
    request: SystemRequest,
    built: Built,
    options: BuildOptions,
) -> Advice:
    from xenassign.advice.advise import advise
    from xenassign.advice.change import changed_options
    from xenassign.advice.toml_change import changed, edits
    from xenassign.outputs.hosts import build
    from xenassign.request.command_line import system_of_options, system_of_project
    from xenassign.request.project import project_of

    origin = request.domains[0].origin

    def attempt(changes: Changes) -> Built:
        if "base" in given and not given.get("devices") and _adds_devices(changes):
            raise UsageError("dom.cfg lists the devices, and no option adds one")
        if origin is None:
            system = system_of_options(changed_options(given, changes), trees)
        else:
            toml = changed(origin.toml, changes, trees)
            edits(origin.toml, toml)  # raises an error if no lines make the one of the other
            system = system_of_project(project_of(toml), given, trees)
        return build(trees, system, options)

    return advise(built, request.boot, attempt)


def _adds_devices(changes: Changes) -> bool:
    return any(field == "devices" for change in changes for field, _ in change.options)


def about(
    generate: click.Command,
    paths: Sequence[str],
    host: str,
    tree: Tree,
    given: Mapping[str, Any],
) -> tuple[tuple[Finding, ...], Proposals]:
    """What ``generate`` says about devices, the gravest first, and what to try.

    ``generate``: the command to try. ``host``: as the user named the board. ``given``: its other
    options.
    """
    from xenassign.advice.advise import Advice, Suggestion
    from xenassign.advice.change import changed_options
    from xenassign.advice.verdict import ranked
    from xenassign.findings import Finding
    from xenassign.outputs.hosts import BuildOptions, build
    from xenassign.request.command_line import system_of_options

    values, options = {**given, "devices": tuple(paths)}, BuildOptions()
    request = system_of_options(values, [tree])
    built = build([tree], request, options)
    advice = _advice(values, [tree], request, built, options)
    if not (built.refusals or advice.suggestions or advice.nothing):
        advice = Advice((Suggestion(()),))
    refusals = [refusal for refusal in built.refusals if isinstance(refusal, Finding)]
    findings = ranked(f._replace(file=None, domain=None) for f in (*refusals, *built.findings))

    def command(changes: Changes) -> list[str]:
        places = {"host": host, "output": "out"}
        return words(generate, changed_options({**places, **values}, changes))

    return findings, Proposals(advice, command)


def _rerun(changes: Changes) -> list[str]:
    """The running command with changes, as words."""
    from xenassign.advice.change import changed_options

    context = click.get_current_context()
    return words(context.command, changed_options(given_of(context.params), changes))


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
