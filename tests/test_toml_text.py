"""Where keys stand in TOML: tomllib, which says no places, judges that none is missed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenassign.errors import InputError
from xenassign.formats.toml_text import KeyPath, parse_toml, places, read_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Every construct of TOML's specification, and what could be taken for another.
HARD = (
    r'''# comment [with] = "signs"
title = "a # no comment"
"quoted key" = 'literal \'
'lit' . "b\u00e9" . c = 1 # dotted
1.2 = 3.4
true = false
1979-05-27 = 1979-05-27 07:32:00
inf=-inf
"" = ""
many = """
[no.header]
k = 1 """""
other = '''
    + "'''it's\n''''"
    + r'''
escaped = """\"""" # c
list = [ [1, 2], # [x]
  ["a]", 'b['], [], { x.y = 1, z = [{}] },
  1979-05-27 07:32:00Z, ]
empty = {}
[ table . "sub table" ]
a = [[1]]
[[fruit]]
name = "apple"
[fruit.physical]
color = "red"
[[fruit.variety]]
name = "red delicious"
[[fruit.variety]]
[[fruit]]
[[fruit.variety]]
name = "plantain"
[fruit.variety.deep]
x = 07:32:00
[[table.new]]
'''
)


def key_paths(value: object, inside: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of everything in what tomllib read."""
    below: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, dict):
        below = iter(value.items())
    elif isinstance(value, list):
        below = iter(enumerate(value))
    for key, item in below:
        yield (*inside, key)
        yield from key_paths(item, (*inside, key))


def check(text: str) -> None:
    """That every key path has a place, and that the key stands there."""
    values = tomllib.loads(text)
    found = places(text)
    assert set(found) == set(key_paths(values))
    lines = text.split("\n")
    for path, (line, column) in found.items():
        key, behind = path[-1], lines[line - 1][column - 1 :]
        if isinstance(key, int):
            continue
        if behind[0] in "\"'":
            end = next(
                n
                for n in range(2, len(behind) + 1)
                if behind[n - 1] == behind[0] and _is(behind[:n], key)
            )
            assert _is(behind[:end], key)
        else:
            assert behind.startswith(key)
            assert not behind[len(key) : len(key) + 1].isalnum()


def _is(text: str, key: str) -> bool:
    try:
        return list(tomllib.loads(f"{text} = 1")) == [key]
    except tomllib.TOMLDecodeError:
        return False


def test_every_construct() -> None:
    check(HARD)


def test_places() -> None:
    found = parse_toml(HARD, "x.toml")
    lines = HARD.split("\n")
    at = {
        ("lit", "b\u00e9", "c"): '"lit"',
        ("list", 3, "x", "y"): '["a]"',
        ("fruit", 0, "variety", 1): "[[fruit.variety]]",
        ("fruit", 1, "variety", 0, "deep", "x"): "x = 07",
    }
    for path in at:
        assert found.place(path) is not None
    line, column = found.place(("list", 3, "x", "y")) or (0, 0)
    assert lines[line - 1][column - 1 :].startswith("y = 1")
    line, column = found.place(("fruit", 1, "variety", 0, "deep", "x")) or (0, 0)
    assert (lines[line - 1], column) == ("x = 07:32:00", 1)
    assert found.place(("fruit", 2)) is None
    assert found.where(("fruit", 1, "nothing")) == f"x.toml:{lines.index('[[fruit]]', 27) + 1}"
    assert found.where(("nothing",)) == "x.toml"


# Texts by chance: statements of which some contradict each other; those are no TOML.
BARE = st.sampled_from(["a", "b", "c-d", "1", "true", "1979-05-27", "x_y"])
QUOTED = st.text(st.characters(exclude_categories=["C"]), max_size=4).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
LITERAL = st.text('ab #=[]{}.,"\\', max_size=4).map(lambda text: f"'{text}'")
KEY = st.lists(st.one_of(BARE, BARE, QUOTED, LITERAL), min_size=1, max_size=3).map(".".join)
SPACE = st.sampled_from(["", " ", "\t ", " \n", "# c ]}'\"\n", "\n\n "])
SCALARS = [
    *("1", "-1.5e3", "0x1f", "true", "nan", "+inf", '""'),
    *("1979-05-27", "1979-05-27 07:32:00-07:00", "1979-05-27T07:32:00Z", "07:32:00.5"),
    *('"""x\n[y]\nz="""', '""""a"""""', "Q3\n'qQ3'".replace("Q3", "'" * 3)),
]
SCALAR = st.one_of(st.sampled_from(SCALARS), QUOTED, LITERAL)


def _array(items: Any) -> Any:
    return st.builds(
        lambda parts, gap, last: (
            f"[{gap}{f',{gap}'.join(parts)}{gap}{',' if parts and last else ''}]"
        ),
        st.lists(items, max_size=3),
        SPACE,
        st.sampled_from(["", ","]),
    )


def _inline(items: Any) -> Any:
    return st.lists(st.tuples(KEY, items), max_size=3).map(
        lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
    )


VALUE = st.recursive(SCALAR, lambda items: st.one_of(_array(items), _inline(items)), max_leaves=6)
STATEMENT = st.one_of(
    st.builds(lambda key, value: f"{key} = {value}", KEY, VALUE),
    KEY.map(lambda key: f"[{key}]"),
    KEY.map(lambda key: f"[[ {key} ]] # c"),
    st.sampled_from(["", "# only [a] = comment", "[a]", "[[b]]", "[[b.a]]", "[b.a.c-d]"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STATEMENT, max_size=8).map("\n".join))
def test_by_chance(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    check(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(BARE, VALUE), max_size=6, unique_by=lambda pair: pair[0]))
def test_texts_that_are_always_toml(pairs: list[tuple[str, str]]) -> None:
    try:
        tomllib.loads("".join(f"{key} = {value}\r\n" for key, value in pairs))
    except tomllib.TOMLDecodeError as error:
        assert "verwrite" in str(error) or "mutable" in str(error) or "uplicate" in str(error)  # noqa: PT017
        return
    check("".join(f"{key} = {value}\n" for key, value in pairs))


def test_line_ends_of_windows() -> None:
    found = parse_toml('a = 1\r\n[[b]]\r\nc = """\r\n"""\r\nd = 2\r\n', "x.toml")
    assert found.where(("b", 0, "d")) == "x.toml:5"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = \n", r"x\.toml:1:5: .*; "),
        (b"a = 1\n[b", r"x\.toml:2(:3)?: .*; "),
        (b"\xff", r"x\.toml: is not .*; "),
        (b"a = " + b"[" * 5000 + b"]" * 5000, r"x\.toml: .*nest.*; "),
    ],
)
def test_what_is_no_toml(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_toml(path, "a file")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; "):
        read_toml(tmp_path / "x.toml", "a file")
