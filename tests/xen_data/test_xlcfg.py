"""Reading xl.cfg as libxlutil does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rows import Rows
from xenassign.errors import InputError
from xenassign.formats.xlcfg import Atom, ListValue
from xenassign.formats.xlcfg_parser import parse


def value(text: str, name: str = "a") -> object:
    """Text of an atom, list of values of a list."""

    def plain(found: object) -> object:
        if isinstance(found, ListValue):
            return [plain(item) for item in found.items]
        return found.text if isinstance(found, Atom) else found

    return plain(parse(text).get(name))


WHAT_IS_READ: tuple[tuple[str, object], ...] = (
    ("a = 1", "1"),
    ("a=1\n", "1"),
    ("a = 0x1f\n", "0x1f"),
    ('a = "x"', "x"),
    ("a = 'x \"y\"'", 'x "y"'),
    ('a = "x\'s"', "x's"),
    ("a = []\n", []),
    ("a = [ ]\n", []),
    ("a = [\n]\n", []),
    ("a = [1]\n", ["1"]),
    ("a = [1,]\n", ["1"]),
    ("a = [\n 1,\n 'b'\n ,\n]\n", ["1", "b"]),
    ("a = [ [1, 2], 'b', ]\n", [["1", "2"], "b"]),
    ("a = [ # comment\n 1, # more\n]\n", ["1"]),
    ("# only a comment\na = 1\n", "1"),
    ("a = 1; b = 2\n", "1"),
    (";;\n;a = 1;\n", "1"),
    ("a = 1 # behind\n", "1"),
    ("a = 1\na = 2\n", "2"),
    ("a = [1]\na += [2]\n", ["1", "2"]),
    ("a = 'x'\na += 'y'\n", "xy"),
    ("a += [1]\n", ["1"]),
    ("b = 1\n", None),
    ("", None),
    ("a.b_9 = 1\n", None),
    ("\ta\t=\t1\n", "1"),
    ("a = 'é'\n", "é"),
)


def test_what_is_read(rows: Rows) -> None:
    for text, expected in WHAT_IS_READ:
        with rows(text, expected):
            assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'a = "\n\t\r\a\b\f\v"', "\n\t\r\a\b\f\v"),
        (r'a = "\\\"\'"', "\\\"'"),
        (r"a = 'it\'s'", "it's"),
    ],
)
def test_escapes(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('a = "x" + "y"\n', 1, 9),
        ("a = 1\nb = (1)\n", 2, 5),
        ("a = {}\n", 1, 5),
        ("A = 1\n", 1, 1),
        ("a = True\n", 1, 5),
        ("a = 1 2\n", 1, 7),
        ("a = [1 2]\n", 1, 8),
        ("a = [,]\n", 1, 6),
        ("= 1\n", 1, 1),
        ("a == 1\n", 1, 4),
        ("a 1\n", 1, 3),
        ('a = "open\n', 1, 5),
        ("a = 1\n\n  b = 'x\\q'\n", 3, 9),
        ("a = -1\n", 1, 5),
        ("a =\n", 1, 4),
        ("a = [1,\n\n", None, None),
        ("a", None, None),
        ("a = 1\n# no newline at the end", 2, 1),
    ],
)
def test_errors_have_line_and_column(text: str, line: int | None, column: int | None) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "dom.cfg")
    place = re.match(r"dom\.cfg:(\d+):(\d+): (syntax|lexical) error", str(caught.value))
    assert place is not None, str(caught.value)
    if line is not None:
        assert (int(place[1]), int(place[2])) == (line, column)


def test_values_know_their_place() -> None:
    config = parse("a = 1\n  irqs = [ 34,\n   35 ]\n")
    irqs = config.texts("irqs")
    assert [(atom.line, atom.column) for atom in irqs] == [(2, 12), (3, 4)]
    statement = config.statements[1]
    assert (statement.name, statement.line, statement.column) == ("irqs", 2, 3)


def test_an_atom_is_no_list() -> None:
    assert parse("irqs = 34\n").texts("irqs") == ()


def complaint(text: str) -> str | None:
    try:
        parse(text, "f")
    except InputError as error:
        return str(error)
    return None


@settings(deadline=None)
@given(st.text(alphabet="ab1 =+[],;#\n'\"\\x0", max_size=30))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    assert complaint(text) is None or re.match(r"f:\d+:\d+: ", complaint(text) or "")


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_unicode_is_read_or_refused(text: str) -> None:
    assert complaint(text) is None or re.match(r"f:\d+:\d+: ", complaint(text) or "")
