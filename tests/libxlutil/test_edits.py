"""What we make of a configuration libxlutil reads as it was meant, and the rest stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from xenassign.escape import xlcfg_string
from xenassign.formats.xlcfg import Atom, ConfigError, ListValue, XlConfig, decode, encode
from xenassign.formats.xlcfg_edit import (
    Edit,
    add_items,
    add_statements,
    apply,
    set_value,
    written,
)
from xenassign.formats.xlcfg_parser import parse

from .cases import READ
from .judge import Judge
from .texts import KINDS

TEXTS = KINDS["grammatical"] | KINDS["damaged"] | st.sampled_from(READ)
SLOW = settings(
    deadline=None, max_examples=300, derandomize=True, suppress_health_check=list(HealthCheck)
)


def config_of(data: bytes) -> XlConfig:
    try:
        return parse(decode(data))
    except ConfigError:
        assume(False)
        raise


def values(judge: Judge, text: str) -> dict[str, dict[str, Any]]:
    """What libxlutil reads, without the names that have nothing."""
    answer = judge.ask(encode(text))
    assert answer.status == 0, answer.said
    return {name: entry for name, entry in answer.values.items() if entry}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def check_rest(old: str, edits: list[Edit], new: str) -> None:
    """What no edit names is there as it was, in its order."""
    at = shift = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        assert old[at : edit.start] == new[at + shift : edit.start + shift]
        shift += len(edit.text) - (edit.end - edit.start)
        at = edit.end
    assert old[at:] == new[at + shift :]


@SLOW
@given(
    data=TEXTS,
    pick=st.integers(0, 99),
    value=st.text(
        st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \a\b\f\n\r\t\v"),
        max_size=9,
    ),
)
def test_a_value_is_set(judge: Judge, data: bytes, pick: int, value: str) -> None:
    config = config_of(data)
    assume(config.statements)
    name = config.statements[pick % len(config.statements)].name
    edits = set_value(config, name, xlcfg_string(value))
    new = apply(config.text, edits)
    check_rest(config.text, edits, new)
    found = values(judge, new)
    assert found[name]["string"] == value.encode().decode("latin-1")
    assert changed(values(judge, config.text), found) <= {name}
    assert apply(new, set_value(parse(new), name, xlcfg_string(value))) == new


@SLOW
@given(data=TEXTS, items=st.lists(st.sampled_from(["1", "'x,y'", '"#"', "0x9"]), max_size=4))
def test_items_are_added(judge: Judge, data: bytes, items: list[str]) -> None:
    config = config_of(data)
    lists = [
        n
        for n in dict.fromkeys(s.name for s in config.statements)
        if isinstance(config.get(n), ListValue)
    ]
    assume(lists)
    before = values(judge, config.text)
    for name in lists:
        edits = add_items(config, name, items)
        new = apply(config.text, edits)
        check_rest(config.text, edits, new)
        after = values(judge, new)
        assert after[name]["list"] == before[name]["list"] + [
            "=" + one.strip("'\"") for one in items
        ]
        assert changed(before, after) <= {name}


@SLOW
@given(data=TEXTS, items=st.lists(st.sampled_from(["1", "'x,y'"]), max_size=3))
def test_statements_are_added(judge: Judge, data: bytes, items: list[str]) -> None:
    config = config_of(data)
    assume(not config.named("new"))
    try:
        edits = add_statements(config, [written("new", items), written("one", "1")], "of ours")
    except ConfigError:
        # A stray last byte, which libxlutil did not mention.
        assert judge.ask(encode(config.text) + b"\n").status != 0
        return
    new = apply(config.text, edits)
    assert new.startswith(config.text)
    after = values(judge, new)
    assert after["new"]["list"] == ["=" + one.strip("'") for one in items]
    assert changed(values(judge, config.text), after) == {"new", "one"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a = []\n", "a = [8, 9]\n"),
        ("a = [ ]\n", "a = [8, 9 ]\n"),
        ("a = [ 1 ]\n", "a = [ 1, 8, 9 ]\n"),
        ("a = [1,] # c\n", "a = [1, 8, 9,] # c\n"),
        ("a = [\n]\n", "a = [\n    8,\n    9,\n]\n"),
        ("a = [\n  1\n]\n", "a = [\n  1,\n  8,\n  9,\n]\n"),
        ("a = [\n\t1, # one, two\n\t]\n", "a = [\n\t1, # one, two\n\t8,\n\t9,\n\t]\n"),
        ("a = [\n  1 # one, two\n]\n", "a = [\n  1, # one, two\n  8,\n  9,\n]\n"),
        ("a = [ 1,\n  2 ]\n", "a = [ 1,\n  2, 8, 9 ]\n"),
        ("a = [1, [2\n  ]\n]", "a = [1, [2\n  ],\n    8,\n    9,\n]"),
        ("a = [1]\na += [2]; b = 1", "a = [1]\na += [2, 8, 9]; b = 1"),
        ("a = 'x'\na = [\n 1]\na += []", "a = 'x'\na = [\n 1]\na += [8, 9]"),
    ],
)
def test_how_items_are_written(old: str, new: str) -> None:
    assert apply(old, add_items(parse(old), "a", ["8", "9"])) == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a = 1\n", "a = 9\n"),
        ("a=[1,\n2] # c\n", "a=9 # c\n"),
        ("a = 1; b = 2; a = 3", "a = 1; b = 2; a = 9"),
        ("a = 'x'\n a  +=  'y' ;", "a = 'x'\n a = 9 ;"),
    ],
)
def test_how_a_value_is_written(old: str, new: str) -> None:
    assert apply(old, set_value(parse(old), "a", "9")) == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "# c\na = 1\n"),
        ("b = 2\n", "b = 2\n\n# c\na = 1\n"),
        ("b = 2", "b = 2\n\n# c\na = 1\n"),
        ("b = 2\n#", "b = 2\n#\n\n# c\na = 1\n"),
    ],
)
def test_how_statements_are_added(old: str, new: str) -> None:
    assert apply(old, add_statements(parse(old), ["a = 1"], "c")) == new


def test_edits_must_not_overlap() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply("abc", [Edit(0, 2, ""), Edit(1, 3, "")])


def test_a_long_list_has_one_item_a_line() -> None:
    items = [str(10**9 + n) for n in range(20)]
    text = written("a", items)
    assert max(map(len, text.splitlines())) < 20
    value = parse(text).get("a")
    assert isinstance(value, ListValue)
    assert [item.text for item in value.items if isinstance(item, Atom)] == items
