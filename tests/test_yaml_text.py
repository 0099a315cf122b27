"""YAML: the values that ruamel.yaml gives, the line of each, and texts that harm."""

from __future__ import annotations

import io
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.wording import REPOSITORY
from xenassign.errors import InputError
from xenassign.formats.yaml_text import MAX_VALUES, YamlValue, parse_yaml

FIXTURE = REPOSITORY / "fixtures" / "system-device-tree" / "domains.yaml"


def plain(value: YamlValue) -> Any:
    """The values without lines."""
    if isinstance(value.content, dict):
        return {key: plain(entry) for key, entry in value.content.items()}
    if isinstance(value.content, list):
        return [plain(entry) for entry in value.content]
    return value.content


@pytest.mark.parametrize(
    "text",
    [
        FIXTURE.read_text(encoding="utf-8").replace("<<+: *uarts", "dev: x"),
        "a: 0x10\nb: 0o17\nc: -3\nd: '0x10'\ne: \"a\\tb\"\nf: ~\ng:\nh: null\ni: True\nj: yes\n",
        "a: &x [1, 2, {b: c}]\nd: *x\ne: |\n  two\n  lines\nf: >\n  folded\n  text\n",
        "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
        "- a\n- - b\n  - c\n- {}\n- []\n",
        "text\n",
    ],
)
def test_values_are_those_of_the_parser(text: str) -> None:
    assert plain(parse_yaml(text, "x.yaml")) == YAML(typ="safe").load(io.StringIO(text))


def test_merges_of_lopper() -> None:
    text = "a: &a [{dev: x}, {dev: y}]\nb: &b [{dev: z}]\nc:\n- dev: w\n- <<+: [*a, *b]\n"
    value = parse_yaml(text, "x.yaml").entries["c"]
    assert [plain(item)["dev"] for item in value.items] == ["w", "x", "y", "z"]
    text = "r: &r [{start: 1, size: 2}]\nm:\n  ranges: true\n  size: 5\n  <<+: *r\n"
    assert plain(parse_yaml(text, "x.yaml").entries["m"]) == {"start": 1, "size": 5, "ranges": True}


def test_lines() -> None:
    value = parse_yaml("a:\n  - b\n  - c: 1\n    d: 2\n", "x.yaml").entries["a"]
    first, second = value.items
    assert (value.line, first.line, second.entries["d"].line) == (2, 2, 4)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        (BOMB, ":1", f"more than {MAX_VALUES} values"),
        ("a: &a [*a]\n", ":1", "contains itself"),
        ("a: &a {b: *a}\n", ":1", "contains itself"),
        ("[" * 100 + "]" * 100, ":1", "nested more than"),
        ("- " * 5_000, "", "YAML"),
        ("a: 1\nb: 2\na: 3\n", ":3", "twice"),
        ("a: 1\n b: [\n", ":2:3", "mapping values"),
        ("{1: 2, [a]: 3}\n", ":1", "not a text"),
        ("a: *b\n", ":1:4", "undefined alias"),
        ("a: 1\n---\nb: 2\n", ":2:1", "another document"),
        ("a: \x01\n", "", "special characters"),
        ("a: !!python/object/apply:os.system [x]\n", None, ""),
    ],
)
def test_hostile_texts(text: str, at: str | None, why: str) -> None:
    if at is None:  # a tag constructs nothing
        assert plain(parse_yaml(text, "x.yaml")) == {"a": ["x"]}
        return
    with pytest.raises(InputError) as error:
        parse_yaml(text, "x.yaml")
    (line,) = error.value.lines
    assert line.startswith(f"x.yaml{at}")
    assert why in line
    assert "\n" not in line
