"""The form of the tables of knowledge/, and what is said of mistakes in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rows import Rows
from xenassign.errors import InputError
from xenassign.tables import Table, TableEntry, TableStatement, Word, fits


def read(tmp_path: Path, text: str, **options: bool) -> Table:
    path = tmp_path / "facts.txt"
    path.write_text(text)
    return Table(path, headings=("driver", "source"), verbs=("has", "lacks"), **options)


def statements(tmp_path: Path, text: str) -> list[TableStatement]:
    table = read(tmp_path, text)
    return [table.statement(entry) for entry in table.entries()]


def test_a_table(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        """\
# A comment: driver: x
driver:  drivers/a.c
source: Arm IHI 0069: chapter 5

acme,a acme,b
  # indented, too
acme,c
\thas  one two(a b): a sentence: with colons, and has

\tlacks three
\t
acme,d has four
    lacks two
driver: drivers/b.c
acme,e lacks five: no
""",
    )
    first = {"driver": "drivers/a.c", "source": "Arm IHI 0069: chapter 5"}
    words = (Word("one"), Word("two", ("a", "b")))
    abc = (
        TableStatement(8, "has", words, "a sentence: with colons, and has"),
        TableStatement(10, "lacks", (Word("three"),), ""),
    )
    d = (
        TableStatement(12, "has", (Word("four"),), ""),
        TableStatement(13, "lacks", (Word("two"),), ""),
    )
    e = TableStatement(15, "lacks", (Word("five"),), "no")
    assert list(table.entries()) == [
        TableEntry("acme,a", 5, first, abc),
        TableEntry("acme,b", 5, first, abc),
        TableEntry("acme,c", 7, first, abc),
        TableEntry("acme,d", 12, first, d),
        TableEntry("acme,e", 15, {"driver": "drivers/b.c"}, (e,)),
    ]
    assert list(table.names) == ["acme,a", "acme,b", "acme,c", "acme,d", "acme,e"]
    entry = table.entry("acme,e")
    assert entry is not None
    assert table.statement(entry) == e
    assert table.entry("acme,f") is None


MISTAKES: tuple[tuple[str, str], ...] = (
    ("acme,a has x\nacme,b acme,a has y\n", "2: acme,a has an entry already, in line 1; "),
    ("acme,a acme,a has y\n", "1: acme,a has an entry already, in line 1; "),
    ("acme,a\n    hass x\n", "2: unknown verb 'hass'; write NAME VERB"),
    ("acme,a hass x\nacme,b has y\n", "1: 'hass' is neither a name nor a verb; "),
    ("acme,a hass-x\nacme,b has y\n", "1: acme,a has no statement; "),
    ("acme,a hass: x\n", "1: 'hass:' is neither a name nor a verb; "),
    ("acme,a hass: acme,b\nacme,b has y\n", "1: 'hass:' is neither a name nor a verb; "),
    ("acme,a hass: it has x\n", "1: 'hass:' is neither a name nor a verb; "),
    ("acme,a x1(y)\nacme,b has y\n", "1: 'x1(y)' is neither a name nor a verb; "),
    ("acme,a\n\nacme,b has x\n", "1: acme,a has no statement; write NAME VERB"),
    ("acme,a\ndriver: x\n", "1: acme,a has no statement; "),
    ("acme,a", "1: acme,a has no statement; "),
    ("has x\n", "1: 'has x' has no name before the verb; "),
    ("    has x\n", "1: an indented line has no entry above it; "),
    ("acme,a has x\ndriver: y\n    has x\n", "3: an indented line has no entry above it; "),
    ("acme,a has x(y\n", "1: 'x(y' is not well-formed; write word(word word)"),
    ("acme,a has x(y))\n", "1: 'x(y))' is not well-formed; "),
    ("acme,a has x (y)\n", "1: 'x (y)' is not well-formed; "),
    ("acme,a has x(y)z\n", "1: 'x(y)z' is not well-formed; "),
    ("acme,a\n    has:\n", "2: unknown verb 'has:'; "),
    ("acme,a has x:\n", "1: no text after the colon; "),
    ("acme,a has x: \n", "1: no text after the colon; "),
    ("acme,a has x\n    has y\n", "2: a second statement about acme,a; write one"),
    ("acme,a\n    # has x\n", "1: acme,a has no statement; "),
    ("drivers: x\n", "1: unknown heading 'drivers:'; the headings are 'driver:', 'source:'"),
    ("driver: x\ndriver: y\nacme,a has x\n", "2: 'driver:' has two values; "),
    ("driver:\nacme,a has x\n", "1: 'driver:' has no value; write it"),
)


def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, rows: Rows) -> None:
    for text, error in MISTAKES:
        with rows(text, error):
            with pytest.raises(InputError) as raised:
                statements(tmp_path, text)
            message = str(raised.value)
            assert message.startswith(f"{tmp_path}/facts.txt:{error}")
            assert "; " in message
            assert "\n" not in message


def test_letters_alone_are_a_name_where_the_table_has_such(tmp_path: Path) -> None:
    table = read(tmp_path, "clocks has x\n", plain_names=True)
    assert list(table.names) == ["clocks"]


def test_a_table_of_names_alone(tmp_path: Path) -> None:
    path = tmp_path / "facts.txt"
    path.write_text("driver: x\nacme,a acme,b\nacme,c\ndriver: y\nacme,d\n")
    entries = Table(path, headings=("driver",)).entries()
    assert {entry.name: entry.headings["driver"] for entry in entries} == {
        "acme,a": "x",
        "acme,b": "x",
        "acme,c": "x",
        "acme,d": "y",
    }
    path.write_text("driver: x\nacme,a acme,b: sentence\n")
    with pytest.raises(InputError, match=r"facts\.txt:2: 'acme,b:' is neither a name nor a verb"):
        list(Table(path, headings=("driver",)).entries())


def test_a_heading_that_is_required(tmp_path: Path) -> None:
    table = read(tmp_path, "source: x\n\n# why\nacme,a has y\n")
    (entry,) = table.entries()
    assert table.heading(entry, "source") == "x"
    with pytest.raises(InputError, match=r"facts\.txt:4: acme,a has no heading 'driver'; write"):
        table.heading(entry, "driver")


def test_headings_above_a_comment_hold(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, "driver: x\n\n# why\n\nsource: y\nacme,a has z\n").entries()
    assert entry.headings == {"driver": "x", "source": "y"}


def test_numbers(tmp_path: Path) -> None:
    table = read(tmp_path, "")
    assert table.number(7, "32", 1, 64) == 32
    for text in ("0", "65", "-1", "0x20", "", "²"):
        with pytest.raises(InputError, match=r"facts\.txt:7: '.*' is not a valid number here; "):
            table.number(7, text, 1, 64)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"facts\.txt: cannot be read: No such file or "):
        Table(tmp_path / "facts.txt", headings=())


@pytest.mark.parametrize(
    ("name", "text", "fit"),
    [
        ("ab", "ab", True),
        ("ab", "abc", False),
        ("a*", "a", True),
        ("*a", "ba", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "axbyc", True),
        ("a*b*c", "abc", True),
        ("a*b*c", "acb", False),
        ("a*bc*c", "abc", False),
        ("*", "", True),
    ],
)
def test_wildcards(name: str, text: str, fit: bool) -> None:
    assert fits(name.split("*"), text) is fit
