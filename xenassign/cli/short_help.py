"""``-h``: a screen of help, with the options that most people use. --help has all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from xenassign.cli import printing

#: Lines that a terminal shows at the least.
LINES = 24
_WIDTH = 80
_COLUMN = 30  # of the texts of options
_LEAST = 16  # characters before a colon that say enough

#: The options of a command, by the names of their parameters. One that is not here shows all.
_COMMON = {
    "inspect": ("kinds", "assignable", "sort", "companions", "overlay", "form", "include"),
    "generate": (
        *("output", "devices", "name", "memory", "vcpus", "maps", "forced", "shared", "routes"),
        *("release", "config", "overwrite", "verbose"),
    ),
    "complete": (
        *("host", "output", "memory", "vcpus", "maps", "forced", "shared", "routes"),
        *("release", "overwrite", "verbose"),
    ),
    "report": ("output", "form", "devices", "memory", "vcpus", "maps", "release", "config"),
    "plan": ("devices", "memory", "vcpus", "maps", "routes", "release", "config", "form"),
    "lint": (
        *("host", "overlays", "config", "select", "ignore", "fix", "unsafe_fixes", "diff"),
        *("form", "quiet", "fail_on"),
    ),
}


def _show(context: click.Context, _: click.Parameter, given: bool) -> None:
    if given and not context.resilient_parsing:
        printing.document(short_help(context.command, context) + "\n", colour=context.color)
        context.exit()


#: The option of every command.
OPTION = click.Option(
    ["-h"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show,
    help="Show a short help and exit.",
)


def short_help(command: click.Command, context: click.Context) -> str:
    """The help of a command in LINES lines at the most: usage, purpose, options, an example."""
    from shutil import get_terminal_size

    width = max(60, min(get_terminal_size((_WIDTH, LINES)).columns, 100))
    usage = " ".join(command.collect_usage_pieces(context))
    text = cleandoc(command.help or "")
    purpose = " ".join(re.split(r"(?<=\.)\s", text.split("\n\n")[0], maxsplit=1)[0].split())
    head = [_cut(f"Usage: {context.command_path} {usage}", width), "", _cut(f"  {purpose}", width)]
    end = [f"All options: {context.command_path} --help"]
    if isinstance(command, click.Group):
        listed = _commands(command, context, width)
        end = [f"Options of a command: {context.command_path} COMMAND -h"]
    else:
        listed = _options(command, context, width)
    example = _example(text, width)
    room = LINES - len(head) - len(end) - len(example) - 4
    return "\n".join([*head, "", *[*listed][:room], "", *example, "", *end])


def _commands(group: click.Group, context: click.Context, width: int) -> Iterator[str]:
    yield "Commands:"
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        summary = command.get_short_help_str(limit=200) if command is not None else ""
        yield _cut(f"  {name:12}{summary}", width)


def _options(command: click.Command, context: click.Context, width: int) -> Iterator[str]:
    yield "Options:"
    options = {p.name: p for p in command.get_params(context) if isinstance(p, click.Option)}
    every = [name for name, option in options.items() if option.opts[-1] not in ("-h", "--help")]
    names = _COMMON.get(command.name or "", every)
    for option in (options[name] for name in names if name in options):
        record = option.get_help_record(context)
        if record is not None:
            flags, text = record
            if len(flags) > _COLUMN - 4:  # a list of choices, or a long name
                flags = re.sub(r"\[.*\]$", (option.name or "").upper(), flags)
            yield _cut(f"  {flags:{_COLUMN - 4}}  {_clause(text, width - _COLUMN)}", width)


def _clause(text: str, width: int) -> str:
    """The first sentence of a text, or as much of it as makes sense and fits."""
    first = re.split(r"[.;](?=\s|$)|\s\s\[", text, maxsplit=1)[0]
    clause = first.partition(":")[0]
    return clause if len(first) > width and len(clause) > _LEAST else first


def _example(text: str, width: int) -> list[str]:
    """The first command of the help's example."""
    from textwrap import wrap

    _, _, lines = text.partition("Example:\n")
    command = re.split(r"(?<!\\)\n", lines, maxsplit=1)[0].replace("\\\n", " ")
    parts = wrap(
        " ".join(command.split()),
        width - 8,
        initial_indent="  ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return ["Example:", *(f"{part} \\" for part in parts[:-1]), parts[-1]] if parts else []


def _cut(line: str, width: int) -> str:
    """A line that fits; what is cut off ends with a sign."""
    return line if len(line) <= width else f"{line[: width - 1].rpartition(' ')[0]} …"
