"""Completion of the command line; loaded only when a shell requests it.

click completes commands, options and choices. This module completes values, by their metavar in
--help: FILE, PATH, CODE. A file that cannot be read gives no candidates: a shell that waits for
words cannot show an error. The scripts of the shells are in completions/ and use click's protocol.
In bash, where ``@``, ``=`` and ``:`` separate words, the line is read instead of bash's words.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from xenassign import escape
from xenassign.resources import directory

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node, Tree

Items = Iterator["CompletionItem[str]"]
#: From the other options of the line and the beginning of the word to the candidates.
Candidates = Callable[[Mapping[str, Any], str], Items]


def _files(_line: Mapping[str, Any], _word: str) -> Items:
    yield CompletionItem("", type="file")  # the shell completes its own word


def _folders(_line: Mapping[str, Any], _word: str) -> Items:
    yield CompletionItem("", type="dir")


def _words(*words: str) -> Candidates:
    return lambda _line, _word: (CompletionItem(word) for word in words)


def _both(*kinds: Candidates) -> Candidates:
    return lambda line, word: (item for kind in kinds for item in kind(line, word))


def _devices(line: Mapping[str, Any], word: str) -> Items:
    """Devices of the line's board: aliases and paths; labels and names if the word is not empty."""
    tree = _board(line)
    if tree is not None:
        yield from (_item(name, node) for name, node in _named(tree, word))


def _assignable(line: Mapping[str, Any], word: str) -> Items:
    """The devices without those that rule over the machine, which are not offered to a guest."""
    tree = _board(line)
    named = [*_named(tree, word)] if tree is not None else []
    fitting = [(name, node) for name, node in named if _fits(name, word)]
    if tree is None or not fitting:  # what judges them is as much to import as the rest
        return
    from xenassign.checks.machine_control import control
    from xenassign.checks.scope import domain_scope
    from xenassign.host.platform import read_platform
    from xenassign.xen.board import read_board
    from xenassign.xen.releases import DEFAULT, release

    board = read_board(read_platform(tree), release(DEFAULT))
    nobody = domain_scope(board.platform, ())
    for name, node in fitting:
        if not control(board, nobody, node).refused:
            yield _item(name, node)


def _named(tree: Tree, word: str) -> Iterator[tuple[str, Node]]:
    """The devices of a tree, each with its names."""
    nodes = {node.path: node for node in tree.nodes() if _is_device(node)}
    if not word.startswith("/"):
        for alias, path in tree.aliases.items():
            if path in nodes:
                yield alias, nodes[path]
        if word:
            yield from ((name, nodes[p]) for name, p in tree.labels.items() if p in nodes)
            count = Counter(node.name for node in tree.nodes())
            yield from ((n.name, n) for n in nodes.values() if count[n.name] == 1)
    yield from nodes.items()


def _regions(line: Mapping[str, Any], _word: str) -> Items:
    tree = _board(line)
    reserved = tree.find("/reserved-memory") if tree is not None else None
    for node in reserved.children.values() if reserved is not None else ():
        yield _item(node.path, node)


def _is_device(node: Node) -> bool:
    """Whether a node may be a device: it has ``compatible``, and is not a CPU or memory."""
    return (
        node.parent is not None
        and "compatible" in node.properties
        and not node.path.startswith(("/cpus/", "/reserved-memory/"))
    )


def _item(name: str, node: Node) -> CompletionItem[str]:
    """A name of a node. fish and zsh show its first ``compatible`` next to it."""
    compatible = node.properties.get("compatible")
    kinds = compatible.value.split(b"\0") if compatible is not None else [b""]
    return CompletionItem(name, help=kinds[0].decode("ascii", "replace") or None)


def _assigned(of: Candidates, *words: str) -> Candidates:
    """``WORD`` or ``PATH=WORD``."""

    def candidates(line: Mapping[str, Any], word: str) -> Items:
        path, equals, _ = word.partition("=")
        if equals:
            yield from (CompletionItem(f"{path}={value}") for value in words)
        else:
            yield from map(CompletionItem, words)
            yield from (CompletionItem(f"{item.value}=", help=item.help) for item in of(line, word))

    return candidates


def _images(_line: Mapping[str, Any], _word: str) -> Items:
    """What the boot loader loads."""
    from xenassign.request.boot_request import OF_DOMAIN, OF_SYSTEM

    return (CompletionItem(image) for image in (*OF_SYSTEM, *OF_DOMAIN))


def _codes(_line: Mapping[str, Any], word: str) -> Items:
    """The codes of the rules; after a comma the next code of a list."""
    from xenassign.linting.catalogue import rules

    before = word[: word.rfind(",") + 1]
    yield from (CompletionItem(f"{before}{rule.code}", help=rule.title) for rule in rules())


def _releases(_line: Mapping[str, Any], _word: str) -> Items:
    from xenassign.xen.releases import RELEASES

    yield from map(CompletionItem, RELEASES)


def _kinds(_line: Mapping[str, Any], _word: str) -> Items:
    from xenassign.host.kinds import kind_table

    yield from map(CompletionItem, kind_table().kinds())


def _domains(line: Mapping[str, Any], _word: str) -> Items:
    """The names of the domains of the line's xenassign.toml."""
    domains = _project(line).get("domain", ())
    yield from (CompletionItem(domain["name"]) for domain in domains)


#: By the metavar of a value in --help. click completes choices itself.
KINDS: dict[str, Candidates] = {
    "FILE": _files,
    "FILE…": _files,
    "HOST": _files,
    "[HOST]": _files,
    "OLD": _files,
    "NEW": _files,
    "DIR": _folders,
    "PATH": _devices,
    "[PATH]...": _devices,
    "PATH|none": _both(_words("none"), _devices),
    "[PATH[#INDEX]=]WHERE": _assigned(_devices, "auto", "identity", "window:"),
    "PATH[#CLOCK]=HZ": _assigned(_devices),
    "[PATH=]map|drop": _assigned(_both(_regions, _devices), "map", "drop"),
    "[DOMAIN/]WHAT=ADDRESS[:SIZE|:FILE]|FILE": _assigned(_images),
    "CODE": _codes,
    "KIND": _kinds,
    "RELEASE": _releases,
    "NAME": _domains,
}


#: By the name of a parameter, before its metavar.
_BY_NAME: dict[str, Candidates] = {"devices": _assignable}


def kind_of(param: click.Parameter) -> str:
    """The metavar of an option or argument in --help; empty if click completes it."""
    if param.metavar is not None and not isinstance(param.type, click.Choice):
        return param.metavar
    return (param.name or "").upper() if isinstance(param, click.Argument) else ""


def _board(line: Mapping[str, Any]) -> Tree | None:
    """The first board of the line, or of its xenassign.toml; never standard input."""
    from xenassign.host.load import read_host

    given = [line.get("host"), *(line.get("hosts") or ()), line.get("old")]
    for name in [*(_expanded(host) for host in given if host), *_of_project(line, "host")]:
        if os.path.isfile(name) or os.path.isdir(name):
            return read_host(name, _include(line))
    return None


def _include(line: Mapping[str, Any]) -> list[str]:
    """The folders for #include, of the line and of its xenassign.toml."""
    return [*map(_expanded, line.get("include") or ()), *_of_project(line, "include")]


def _of_project(line: Mapping[str, Any], key: str) -> list[str]:
    """The files or folders that a key of the line's xenassign.toml names."""
    values = _project(line)
    if key not in values:
        return []
    from xenassign.formats.toml_text import as_list

    folder = Path(_expanded(line.get("config") or "")).parent
    return [str(folder / name) for name in as_list(values[key])]


def _project(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of the line's xenassign.toml, which may be invalid."""
    config = line.get("config")
    if not config:
        return {}
    from xenassign.formats.toml_text import read_toml

    return read_toml(Path(_expanded(config)), "a file").values


def _expanded(name: str) -> str:
    """A word with variables and ``~`` expanded, as the shell would do before it runs a command."""
    return os.path.expanduser(os.path.expandvars(name))


class _Value(click.types.StringParamType):
    """The type of a parameter whose values have candidates."""

    def __init__(self, candidates: Candidates, line: Mapping[str, Any]) -> None:
        self._candidates, self._line = candidates, line

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        items = self._candidates(self._line, incomplete)
        return [item for item in items if item.type != "plain" or _fits(item.value, incomplete)]


def _fits(value: str, word: str) -> bool:
    return value.startswith(word) and escape.completion(value) is not None


class _Completing(ShellComplete):
    """Common to the shells: the candidates, and our script instead of click's."""

    script = ""

    def source(self) -> str:
        super().source()  # click's error for a shell that is too old
        return (directory("completions") / self.script).read_text(encoding="utf-8")

    def complete(self) -> str:
        try:
            return super().complete()
        except Exception:  # an unreadable board, a file that is being edited: no candidates
            return ""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        self._prepare(args)
        items = super().get_completions(args, incomplete)
        before = _option(incomplete)
        return [_prefixed(item, before) for item in {item.value: item for item in items}.values()]

    def _prepare(self, args: list[str]) -> None:
        """Sets the types of the command's parameters that have candidates."""
        name, *words = args or [""]
        group = self.cli
        command = (
            group.get_command(click.Context(group), name)
            if isinstance(group, click.Group)
            else None
        )
        if command is None:
            return
        if words and words[-1].startswith("-"):
            words.pop()  # the option of this value: click stops at an option without a value
        line = command.make_context(name, words, resilient_parsing=True).params
        for param in command.params:
            candidates = _BY_NAME.get(param.name or "") or KINDS.get(kind_of(param))
            if candidates is not None:
                param.type = _Value(candidates, line)


def _option(word: str) -> str:
    """``--option=``, if the word begins with it."""
    name, equals, _ = word.partition("=")
    return name + equals if word.startswith("-") and equals else ""


def _prefixed(item: CompletionItem[str], before: str) -> CompletionItem[str]:
    """The item with the option before its value, and its help on one printable line."""
    shown = escape.terminal(" ".join((item.help or "").split()))
    value = item.value if item.type != "plain" else before + item.value
    return CompletionItem(value, type=item.type, help=shown or None)


class _Bash(_Completing, BashComplete):
    """Reads the line, and completes the part of it that bash treats as the word."""

    script = "xenassign.bash"
    _before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE")
        if line is None:
            return super().get_completion_args()
        words = split_arg_string(line)
        word = words.pop() if words and not line[-1:].isspace() else ""
        self._before = word.removesuffix(os.environ.get("COMP_TEXT", word))
        return words[1:], word

    def format_completion(self, item: CompletionItem[str]) -> str:
        return f"{item.type},{item.value.removeprefix(self._before)}"


class _Zsh(_Completing, ZshComplete):
    script = "_xenassign"

    def format_completion(self, item: CompletionItem[str]) -> str:
        value = str(item.value).replace(":", "\\:") if item.help else item.value
        return f"{item.type}\n{value}\n{item.help or '_'}"


class _Fish(_Completing, FishComplete):
    script = "xenassign.fish"


def register() -> None:
    """Replaces click's classes for the shells by these."""
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)
