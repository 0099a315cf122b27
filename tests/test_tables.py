"""The form of the tables of knowledge/, and what is said of mistakes in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenassign.errors import InputError
from xenassign.tables import Entry, Statement, Table, Word, read_table


def read(tmp_path: Path, text: str, **options: bool) -> Table:
    path = tmp_path / "facts.txt"
    path.write_text(text)
    return read_table(path, headings=("driver", "source"), verbs=("has", "lacks"), **options)


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
acme,d has four
driver: drivers/b.c
acme,e lacks five: no
""",
    )
    first = {"driver": "drivers/a.c", "source": "Arm IHI 0069: chapter 5"}
    words = (Word("one"), Word("two", ("a", "b")))
    assert table.entries == (
        Entry(
            5,
            ("acme,a", "acme,b", "acme,c"),
            first,
            (
                Statement(8, "has", words, "a sentence: with colons, and has"),
                Statement(9, "lacks", (Word("three"),), ""),
            ),
        ),
        Entry(10, ("acme,d",), first, (Statement(10, "has", (Word("four"),), ""),)),
        Entry(
            12,
            ("acme,e",),
            {"driver": "drivers/b.c"},
            (Statement(12, "lacks", (Word("five"),), "no"),),
        ),
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("acme,a has x\nacme,b acme,a has y\n", "2: acme,a has an entry already, in line 1; "),
        ("acme,a acme,a has y\n", "1: acme,a has an entry already, in line 1; "),
        ("acme,a\n    hass x\n", "2: unknown verb 'hass'; write NAME VERB"),
        ("acme,a hass x\nacme,b has y\n", "1: 'hass' is neither a name nor a verb; "),
        ("acme,a hass x1\nacme,b has y\n", "1: 'hass' is neither a name nor a verb; "),
        ("acme,a hass: x\n", "1: 'acme,a hass: x' has no verb; "),
        ("acme,a x1(y)\nacme,b has y\n", "1: 'x1(y)' is neither a name nor a verb; "),
        ("acme,a\n\nacme,b has x\n", "1: nothing is said about acme,a; write NAME VERB"),
        ("acme,a\ndriver: x\n", "1: nothing is said about acme,a; "),
        ("acme,a", "1: nothing is said about acme,a; "),
        ("has x\n", "1: 'has x' has no name before the verb; "),
        ("    has x\n", "1: an indented line has no entry above it; "),
        ("acme,a has x\ndriver: y\n    has x\n", "3: an indented line has no entry above it; "),
        ("acme,a has x(y\n", "1: 'x(y' is not well-formed; write word(word word)"),
        ("acme,a has x(y))\n", "1: 'x(y))' is not well-formed; "),
        ("acme,a has x(y)z\n", "1: 'x(y)z' is not well-formed; "),
        ("acme,a\n    has:\n", "2: 'has:' has no text; "),
        ("drivers: x\n", "1: unknown heading 'drivers:'; the headings are 'driver:', 'source:'"),
        ("driver: x\ndriver: y\n", "2: 'driver:' has two values; "),
        ("driver:\n", "1: 'driver:' has no value; write it after the colon"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path}/facts.txt:{error}")
    assert "; " in message
    assert "\n" not in message


def test_letters_alone_are_a_name_where_the_table_has_such(tmp_path: Path) -> None:
    table = read(tmp_path, "clocks has x\n", plain_names=True)
    assert table.entries[0].names == ("clocks",)


def test_a_table_of_names_alone(tmp_path: Path) -> None:
    path = tmp_path / "facts.txt"
    path.write_text("driver: x\nacme,a acme,b\nacme,c\ndriver: y\nacme,d\n")
    table = read_table(path, headings=("driver",))
    assert [(entry.headings["driver"], entry.names) for entry in table.entries] == [
        ("x", ("acme,a", "acme,b", "acme,c")),
        ("y", ("acme,d",)),
    ]
    path.write_text("driver: x\nacme,a: sentence\n")
    with pytest.raises(InputError, match=r"facts\.txt:2: "):
        read_table(path, headings=("driver",))


def test_a_heading_that_is_required(tmp_path: Path) -> None:
    table = read(tmp_path, "source: x\nacme,a has y\n")
    assert table.heading(table.entries[0], "source") == "x"
    with pytest.raises(InputError, match=r"facts\.txt:2: acme,a has no heading 'driver'; write"):
        table.heading(table.entries[0], "driver")


def test_numbers(tmp_path: Path) -> None:
    table = read(tmp_path, "")
    assert table.number(7, "32", 1, 64) == 32
    for text in ("0", "65", "-1", "0x20", "", "²"):
        with pytest.raises(InputError, match=r"facts\.txt:7: '.*' is not a valid number here; "):
            table.number(7, text, 1, 64)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"facts\.txt: cannot be read: No such file or "):
        read_table(tmp_path / "facts.txt", headings=())
