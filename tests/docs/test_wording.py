"""The wordings of docs/glossary.md that are not used, looked for in the text that people read.

All pages are checked, and of Python what ``PLAIN`` lists.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click

from tests.rows import Rows
from xenassign.cli import cli

from .pages import REPOSITORY, pages, prose

GLOSSARY = "docs/glossary.md"

#: Packages and modules that are written in the words of the glossary.
PLAIN = (
    "xenassign/__init__.py",
    "xenassign/api.py",
    "xenassign/checks",
    "xenassign/cli",
    "xenassign/dev.py",
    "xenassign/devicetree",
    "xenassign/errors.py",
    "xenassign/files.py",
    "xenassign/findings.py",
    "xenassign/formats",
    "xenassign/grammars.py",
    "xenassign/host",
    "xenassign/linting",
    "xenassign/outputs",
    "xenassign/planning",
    "xenassign/request",
    "xenassign/resources.py",
    "xenassign/rule_pages.py",
    "xenassign/system",
    "xenassign/tables.py",
    "xenassign/xen",
)

#: Python below these paths is checked: string literals, docstrings and comments, variable names.
STRINGS = COMMENTS = NAMES = PLAIN

#: Texts that are not Python, below a folder: templates, tables of facts, grammars.
TEXTS = (("templates", "*"), ("knowledge", "*.txt"), ("grammar", "*.lark"))

Text = tuple[str, str]  #: where, for messages, and the text


class Wording(NamedTuple):
    """A row of the glossary's table: what is not used, and the longer phrases that are."""

    phrases: tuple[str, ...]
    instead: str
    allowed: tuple[str, ...]


def _spans(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


@cache
def wordings() -> tuple[Wording, ...]:
    table = (REPOSITORY / GLOSSARY).read_text().partition("| not used |")[2]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    return tuple(
        Wording(_spans(phrases), instead.strip(), _spans(allowed))
        for phrases, instead, allowed in rows
    )


def forbidden_names() -> set[str]:
    last = (REPOSITORY / GLOSSARY).read_text().rpartition("Variables are named after")[2]
    return {*_spans(last)}


def _any_of(phrases: tuple[str, ...]) -> str:
    return rf"\b(?:{'|'.join(map(re.escape, phrases))})\b"


def wrong(text: str) -> list[str]:
    """What is wrong with a text: each phrase with its surroundings and what to say instead."""
    flat = " ".join(re.sub(r"``.+?``|`[^`]*`", "`…`", text, flags=re.DOTALL).split())
    reports = []
    for wording in wordings():
        rest = flat
        if wording.allowed:
            rest = re.sub(_any_of(wording.allowed), "…", flat, flags=re.IGNORECASE)
        for match in re.finditer(_any_of(wording.phrases), rest, re.IGNORECASE):
            around = rest[max(0, match.start() - 30) : match.end() + 30]
            reports.append(f"{match[0]!r} in {around!r}; instead: {wording.instead}")
    return reports


def words_of(page: str) -> str:
    """A page's prose: no indented code, no rule names, not the last table of the glossary."""
    text = re.sub(r"(?<=\n\n)(?: {4}(?![ *-]|\d\.).*\n)+(?=\n)", "", prose(page))
    text = re.sub(r"(?<=^# XA\d{3} )\([a-z0-9-]+\)", "", text)
    return text.partition("| not used |")[0] if page == GLOSSARY else text


def literals(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of the string literals that are sentences; a ``{}`` of an f-string is ``…``."""
    tree = ast.parse(source)
    inner = {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values)
            text = "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if node not in inner and node not in docstrings and " " in text.strip():
            yield node.lineno, text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of docstrings, and of comments; those on lines of their own as one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring is not None:
                yield node.body[0].lineno, docstring
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if block and line != last + 1:
            yield last, " ".join(block)
            block = []
        block.append(token.string.lstrip("#: "))
        last = line
    if block:
        yield last, " ".join(block)


def names(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of everything that is assigned, and of parameters."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def _python(folders: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(path, source) of the modules below the folders."""
    for folder in folders:
        root = REPOSITORY / folder
        modules = sorted(root.rglob("*.py")) if root.is_dir() else [root]
        assert modules
        for module in modules:
            yield str(module.relative_to(REPOSITORY)), module.read_text()


def _help(command: click.Command, context: click.Context) -> Iterator[Text]:
    """The help of a command and of those below it."""
    yield f"{context.command_path} --help", command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _help(below, click.Context(below, info_name=name, parent=context))


def _man(path: Path) -> str:
    text = re.sub(r"\\f[BRI]|\\&", "", path.read_text())
    return text.replace("\\-", "-").replace("\\(aq", "'").replace("\\(ga", "`")


def check(texts: Iterator[Text]) -> None:
    reports = [f"{place}: {report}" for place, text in texts for report in wrong(text)]
    assert not reports, "\n".join(reports)


def test_pages(rows: Rows) -> None:
    for page in pages():
        with rows(page):
            check(iter([(page, words_of(page))]))


def test_help() -> None:
    check(_help(cli, click.Context(cli, info_name="xenassign", **cli.context_settings)))


def test_man_pages() -> None:
    man = sorted((REPOSITORY / "man").iterdir())
    assert man
    check((path.name, _man(path)) for path in man)


def test_strings() -> None:
    """Messages, and everything else that a program says."""
    sources = _python(STRINGS)
    check((f"{path}:{line}", text) for path, source in sources for line, text in literals(source))


def test_comments() -> None:
    sources = _python(COMMENTS)
    check((f"{path}:{line}", text) for path, source in sources for line, text in comments(source))


def test_names() -> None:
    forbidden = forbidden_names()
    wrong_names = [
        f"{path}:{line}: {name}"
        for path, source in _python(NAMES)
        for line, name in names(source)
        if name in forbidden
    ]
    assert not wrong_names, "\n".join(wrong_names)


def test_texts() -> None:
    for folder, pattern in TEXTS:
        paths = sorted((REPOSITORY / folder).rglob(pattern))
        assert paths
        check((str(path.relative_to(REPOSITORY)), path.read_text()) for path in paths)


# --- the test itself -----------------------------------------------------------------------------


def test_each_wording_is_recognized() -> None:
    assert len(wordings()) > 20
    assert forbidden_names() == {"one", "what", "found", "told"}
    for wording in wordings():
        assert wording.phrases
        assert wording.instead
        for phrase in wording.phrases:
            assert any(phrase in report for report in wrong(f"A file {phrase} it.")), phrase
            assert wrong(f"Over\n  {phrase.replace(' ', chr(10)).upper()} lines"), phrase
            assert not wrong(f"A file `{phrase}` it, ``{phrase}``."), phrase
        for phrase in wording.allowed:
            assert not wrong(f"It is {phrase}."), phrase


SOURCE = '''"""Told first."""

X = "a b told"  # of lines

def f(one, y: int = 1) -> str:
    """Told again."""
    found = f"c {one!r} told"
    # first told
    # second told
    return found + ("d "
        "told" f" {y:>{y}} e")
'''


def test_the_parts_of_a_source() -> None:
    assert [*literals(SOURCE)] == [(3, "a b told"), (7, "c … told"), (10, "d told … e")]
    assert [*comments(SOURCE)] == [
        (1, "Told first."),
        (6, "Told again."),
        (3, "of lines"),
        (9, "first told second told"),
    ]
    assert {name for _, name in names(SOURCE)} == {"X", "one", "y", "found"}
