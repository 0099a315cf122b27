"""The man pages, made of the commands' help.

``python -m xenassign.dev regenerate`` writes man/*.1; a test compares the two. A page has no date,
so that its bytes depend on the help only. In a command's help a paragraph after a line with a
backspace is copied verbatim; the one that begins with ``Example:`` becomes the page's examples.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from inspect import cleandoc
from typing import NamedTuple

import click

from xenassign import __version__
from xenassign.cli import cli
from xenassign.cli.headings import Grouped, grouped
from xenassign.escape import roff

_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z]|xenassign|--|\[default|\[required)")
_REFUSED = re.compile(r"\s*Exit status 1: (.+?)\.(?=\s|$)", re.DOTALL)

_STATUS = (
    ("0", "Success."),
    ("1", ""),
    (
        "2",
        "An input is invalid or cannot be read, or the files cannot be written: a line on"
        " standard error says what to do; for wrong names a line for each.",
    ),
    ("130", "Interrupted."),
)
_NO = "Refused, or an error was found; each reason is on its own line: generate, plan and lint."

#: Options and arguments with which a command reads a .dts or a .toml.
_READS = ("host", "hosts", "files", "config")


class ManualItem(NamedTuple):
    """A file or a variable. ``params``: it concerns commands with one of these; empty: all."""

    name: str
    params: tuple[str, ...]
    text: str


_FILES = (
    ManualItem(
        "xenassign.toml", ("config",), "The boards and domains of a system; settings for lint."
    ),
    ManualItem(
        "xenassign.lock",
        ("lock",),
        "The decisions for the xenassign.toml in the same folder. Keep it in version control.",
    ),
    ManualItem(
        "~/.cache/xenassign",
        _READS,
        "Cached parsers for .dts and .toml, which take time to build. It may be deleted.",
    ),
)
_ENVIRONMENT = (
    ManualItem(
        "XDG_CACHE_HOME", _READS, "The parent folder of the cached parsers. Default: ~/.cache."
    ),
    ManualItem("XENASSIGN_DEBUG", (), "If set, an internal error prints its traceback."),
)
_OTHERS = ("dtc(1)", "fdtoverlay(1)", "xl(1)", "xl.cfg(5)")


class Help(NamedTuple):
    """A command's help in parts. ``text``: paragraphs, each with whether it is verbatim."""

    summary: str
    text: tuple[tuple[str, bool], ...]
    examples: str
    refused: str


def _line(text: str) -> str:
    """A line of escaped text that roff does not interpret as a request."""
    return f"\\&{text}" if text.startswith((".", "'")) else text


def _bold(text: str) -> str:
    return f"\\fB{roff(text)}\\fR"


def _italic(text: str) -> str:
    return f"\\fI{roff(text)}\\fR"


def _filled(text: str) -> Iterator[str]:
    """A paragraph, one sentence on each line, so that roff recognizes the end of a sentence."""
    for sentence in _SENTENCE.split(" ".join(text.split())):
        yield _line(roff(sentence))


def _verbatim(text: str) -> Iterator[str]:
    yield ".EX"
    yield from (_line(roff(line)) for line in text.splitlines())
    yield ".EE"


def _tagged(tag: str, text: Iterable[str]) -> Iterator[str]:
    """``tag``: text for roff."""
    yield from (".TP", _line(tag), *text)


def read_help(command: click.Command) -> Help:
    """The parts of a command's help text."""
    text: list[tuple[str, bool]] = []
    examples, refused = "", ""
    for paragraph in re.split(r"\n\s*\n", cleandoc(command.help or "")):
        if not paragraph.startswith("\b\n"):
            match = _REFUSED.search(paragraph)
            refused = " ".join(match[1].split()) if match else refused
            kept = _REFUSED.sub("", paragraph).strip()
            text += [(kept, False)] if kept else []
            continue
        head, _, rest = paragraph[2:].partition("\n")
        if head.rstrip("s:") == "Example":
            examples = textwrap.dedent(rest)
        else:
            text.append((f"{head}\n{rest}", True))
    summary = _SENTENCE.split(" ".join(text[0][0].split()))[0].rstrip(".")
    return Help(summary, tuple(text), examples, refused)


def _names(option: click.Option) -> str:
    """``-d, --device PATH`` for roff."""
    names = [*option.opts]
    names.sort(key=lambda name: name.startswith("--"))
    tag = ", ".join(_bold(name) for name in names)
    if option.secondary_opts:
        tag += ", " + ", ".join(_bold(name) for name in option.secondary_opts)
    return tag if option.is_flag or option.count else f"{tag} {_value(option)}"


def _value(option: click.Option) -> str:
    if option.metavar is None and isinstance(option.type, click.Choice):
        return "\\:|".join(_bold(str(choice)) for choice in option.type.choices)
    return _italic(option.metavar or option.type.name.upper())


def _default(option: click.Option) -> str:
    """The default of the option, if --help shows it too."""
    if not option.show_default:
        return ""
    if option.secondary_opts:
        names = option.opts if option.default else option.secondary_opts
        return f"[default: {names[-1].lstrip('-')}]"
    return f"[default: {option.default}]"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """The options, each with its text of --help, under the headings of --help."""
    params = command.get_params(context)
    groups = grouped(params) if isinstance(command, Grouped) else [("", params)]
    for heading, members in groups:
        shown = [param for param in members if isinstance(param, click.Option) and not param.hidden]
        if heading and shown:
            yield f".SS {roff(heading)}"
        for option in shown:
            notes = [_default(option), "[required]" if option.required else ""]
            text = " ".join([option.help or "", *notes])
            yield from _tagged(_names(option), _filled(text))


def _synopsis(command: click.Command, name: str, context: click.Context) -> str:
    if isinstance(command, click.Group):
        more = "".join(f" [{_italic(word)}]..." for word in ("OPTION", "ARGUMENT"))
        return f"{_bold(name)} {_italic('COMMAND')}{more}"
    parts = [_bold(name), f"[{_italic('OPTION')}]..."]
    for param in command.get_params(context):
        if isinstance(param, click.Option) and param.required:
            parts.append(f"{_bold(param.opts[0])} {_value(param)}")
    for param in command.get_params(context):
        if isinstance(param, click.Argument):
            parts.append(_argument(param))
    return " ".join(parts)


def _argument(argument: click.Argument) -> str:
    if argument.metavar is not None:
        return _italic(argument.metavar)
    shown = _italic((argument.name or "").upper())
    return shown if argument.required else f"[{shown}]"


def _page_name(name: str) -> str:
    return name.replace(" ", "-")


def _page(command: click.Command, context: click.Context, others: Sequence[str]) -> str:
    """The page of a command. ``others``: the pages that it points to."""
    name = context.command_path
    parts = read_help(command)
    title = _page_name(name)
    lines = [
        '.\\" Written by `python -m xenassign.dev regenerate`; a test compares the two.',
        f'.TH {roff(title.upper())} 1 "" "xenassign {__version__}" "xenassign"',
        ".nh",
        ".nr HY 0",  # groff's man macros turn hyphenation on again at every heading
        ".ad l",
        ".SH NAME",
        f"{roff(title)} \\- {roff(parts.summary[0].lower() + parts.summary[1:])}",
        ".SH SYNOPSIS",
        _synopsis(command, name, context),
        ".SH DESCRIPTION",
    ]
    for index, (text, verbatim) in enumerate(parts.text):
        lines += [".PP"] if index else []
        lines += _verbatim(text) if verbatim else _filled(text)
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for sub in command.list_commands(context):
            summary = read_help(_sub(command, context, sub)[0]).summary
            lines += _tagged(f"{_bold(f'{title}-{sub}')}(1)", _filled(f"{summary}."))
    lines += [".SH OPTIONS", *_options(command, context)]
    if parts.examples:
        lines += [".SH EXAMPLES", *_verbatim(parts.examples)]
    lines += [".SH EXIT STATUS", *_statuses(_refused(command, parts))]
    for heading, entries, style in _SURROUNDINGS:
        listed = [line for entry in entries for line in _entry(entry, command, style)]
        lines += [f".SH {heading}", *listed] if listed else []
    lines += [".SH SEE ALSO", ",\n".join(_reference(other) for other in (*others, *_OTHERS))]
    return "\n".join(lines) + "\n"


_SURROUNDINGS = (("FILES", _FILES, _italic), ("ENVIRONMENT", _ENVIRONMENT, _bold))


def _entry(entry: ManualItem, command: click.Command, style: Callable[[str], str]) -> Iterator[str]:
    """The entry, if it concerns the command; all concern the group."""
    names = {param.name for param in command.params}
    if isinstance(command, click.Group) or not entry.params or names & {*entry.params}:
        yield from _tagged(style(entry.name), _filled(entry.text))


def _refused(command: click.Command, parts: Help) -> str:
    if isinstance(command, click.Group):
        return _NO
    return parts.refused and f"{parts.refused[0].upper()}{parts.refused[1:]}."


def _statuses(refused: str) -> Iterator[str]:
    for status, meaning in _STATUS:
        if meaning or refused:
            yield from _tagged(_bold(status), _filled(meaning or refused))


def _reference(page: str) -> str:
    name, _, section = page.partition("(")
    return f"{_bold(name)}({section}"


def _sub(
    group: click.Group, context: click.Context, name: str
) -> tuple[click.Command, click.Context]:
    """A command of the group, with the context that names it in full."""
    command = group.get_command(context, name)
    assert command is not None, name
    return command, click.Context(command, info_name=name, parent=context)


def pages() -> dict[str, str]:
    """Each page's file name and text."""
    context = click.Context(cli, info_name="xenassign", **cli.context_settings)
    subs = [_sub(cli, context, name) for name in cli.list_commands(context)]
    names = ["xenassign", *(_page_name(sub.command_path) for _, sub in subs)]
    texts = {}
    for command, command_context in [(cli, context), *subs]:
        name = _page_name(command_context.command_path)
        others = [f"{other}(1)" for other in names if other != name]
        texts[f"{name}.1"] = _page(command, command_context, others)
    return texts
