"""We read what libxlutil reads, with the same values, and stop at the line that it names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from xenassign.formats.xlcfg import ConfigError, decode, encode
from xenassign.formats.xlcfg_parser import parse

from .agreement import campaign, disagreement
from .cases import READ, REFUSED
from .judge import Judge
from .texts import KINDS

EXAMPLES = 250  # of each kind and release; python -m tests.libxlutil.agreement asks about more

Record = Callable[[str, object], None]


@pytest.fixture
def figures(record_property: Record) -> Callable[[Counter[str]], None]:
    """Hands counts over to the terminal summary."""
    return lambda counts: record_property("xenassign-figures", json.dumps(counts))


def test_texts_by_hand(judge: Judge, figures: Callable[[Counter[str]], None]) -> None:
    differ = [
        f"{data[:80]!r}: {told}" for data in READ + REFUSED if (told := disagreement(judge, data))
    ]
    assert not differ
    figures(Counter({"texts that libxlutil was asked about": len(READ + REFUSED)}))


def test_each_text_is_where_it_belongs(judge: Judge) -> None:
    assert [data for data in READ if judge.ask(data, []).status != 0] == []
    assert [data for data in REFUSED if judge.ask(data, []).status == 0] == []


@pytest.mark.parametrize("kind", KINDS)
def test_texts_by_chance(judge: Judge, kind: str, figures: Callable[[Counter[str]], None]) -> None:
    counts = campaign(judge, KINDS[kind], 4, EXAMPLES)
    assert counts["read"] > EXAMPLES // 10
    assert counts["refused"] > EXAMPLES // 10
    figures(Counter({"texts that libxlutil was asked about": counts.total()}))


def test_libxlutil_aborts_at_a_nul_in_a_string_and_is_asked_on(judge: Judge) -> None:
    assert judge.ask(b"a='x\0y'\n").status is None
    assert judge.ask(b"a='x'\n").status == 0


def test_libxlutil_names_the_line_before_an_unexpected_newline(judge: Judge) -> None:
    """We name the line itself."""
    assert judge.ask(b"\n\na =\n").line == 2
    with pytest.raises(ConfigError, match=r"^f:3:4: syntax error at the end of the line; "):
        parse("\n\na =\n", "f")


@pytest.mark.parametrize("data", READ, ids=lambda data: repr(data[:20]))
def test_the_bytes_come_back_and_the_places_are_right(data: bytes) -> None:
    text = decode(data)
    assert encode(text) == data
    config = parse(text)
    lines = text.split("\n")
    for one in config.statements:
        assert lines[one.line - 1][one.column - 1 :].startswith(one.name)
        assert text[one.start : one.end].startswith(one.name)
        assert text[one.start : one.end].endswith(text[one.value.start : one.value.end])
    for comment in config.comments:
        assert lines[comment.line - 1][comment.column - 1 :] == "#" + comment.text
        assert text[comment.start : comment.end] == "#" + comment.text
