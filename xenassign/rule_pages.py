"""The pages of docs/rules: the texts of each rule, and its wrong and right example.

A page is plain Markdown whose parts have a fixed order (``_PARTS``). It is read when a finding is
printed or explained, never when rules are registered or applied.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from xenassign.errors import InputError
from xenassign.resources import directory

#: The folder of the pages, and of the files that the examples change.
FOLDER = directory("docs/rules")

#: The parts of a page in their order, each with its name for errors. Paragraphs may be wrapped.
_PARTS = (
    (r"# (?P<code>XA\d{3}) \((?P<name>[a-z0-9-]+)\): (?P<title>.+)\n", "# CODE (name): title"),
    (r"\n\*(?P<applicability>.+)\*\n", "*severity, effect, on routes*"),
    (r"\n(?P<why>(?:.+\n)+)", "a paragraph: the behaviour of Xen"),
    # The base is the file that has the right lines; whole files and command lines have none.
    (r"\n.+?(?:\(bases/(?P<base>.+?)\).*)?:\n", "Wrong, in [FILE](bases/…/FILE):"),
    (r"\n```(?P<language>\w+)\n(?P<wrong>(?:.*\n)+?)```\n", "a fence with the wrong lines"),
    (r"\n.+:\n", "Right:"),
    (r"\n```\w+\n(?P<right>(?:.*\n)+?)```\n", "a fence with the right lines"),
    # Facts about the rest of the file or the board.
    (r"(?:\n(?P<note>(?!Found by `|Fix: )(?:.+\n)+))?", "a note"),
    # Unless the example is a command line.
    (r"(?:\nFound by\s`(?P<command>[^`]+)`\.\n)?", "Found by `COMMAND`."),
    (r"\nFix: (?P<fix>(?:.+\n)+)", "Fix: what to do."),
    (r"\nSource: (?P<source>(?:.+\n)+)\Z", "Source: the function or specification, at the end"),
)


class Example(NamedTuple):
    """Lines with a mistake, and the right ones. ``language``: dts, toml, or console (commands).

    ``base`` is a file below docs/rules/bases, None for whole files and command lines. It has the
    right lines, whole, each with the same indentation before it; with the wrong ones in their place
    ``command`` has the finding. A ``console`` example has no other command than its own.
    """

    language: str
    wrong: str
    right: str
    base: str | None
    command: str | None


class Page(NamedTuple):
    """The texts of a rule, each on one line; ``title``, ``fix`` and ``source`` without full stop.

    ``code``, ``name`` and ``applicability`` are the rule's own, which a test compares.
    """

    code: str
    name: str
    title: str
    applicability: str
    why: str
    example: Example
    note: str
    fix: str
    source: str


#: The last cell of a rule in the index that requires the host's tree.
HOST_REQUIRED = "--host"


@cache
def host_codes() -> tuple[str, ...]:
    """The codes of the rules that require the host's tree, from the index of the pages.

    The modules with these rules, a third of all, are not imported for it.
    """
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    return tuple(re.findall(rf"^\| \[(XA\d+)\].*\| {HOST_REQUIRED} \|$", index, re.MULTILINE))


@cache
def page(code: str) -> Page:
    """The page of a rule. Raises InputError if it is missing or malformed."""
    path = FOLDER / f"{code}.md"
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; every rule requires a page") from error


def parse(text: str, file: str) -> Page:
    """Parses a page. Raises InputError with the file and line of the first missing part."""
    values: dict[str, str | None] = {}
    at = 0
    for pattern, expected in _PARTS:
        match = re.compile(pattern).match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise InputError(f"{file}:{line}: malformed page; expected after this: {expected}")
        values.update(match.groupdict())
        at = match.end()

    def lines(name: str) -> str:
        return (values[name] or "").removesuffix("\n")

    def paragraph(name: str) -> str:
        return " ".join(lines(name).split())

    def phrase(name: str) -> str:
        return paragraph(name).removesuffix(".")

    language = lines("language")
    wrong, right = lines("wrong"), lines("right")
    if language == "console":
        wrong, right = wrong.removeprefix("$ "), right.removeprefix("$ ")
    command = paragraph("command") or None
    return Page(
        code=lines("code"),
        name=lines("name"),
        title=lines("title"),
        applicability=lines("applicability"),
        why=paragraph("why"),
        example=Example(language, wrong, right, values["base"], command),
        note=paragraph("note"),
        fix=phrase("fix"),
        source=phrase("source"),
    )
