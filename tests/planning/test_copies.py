"""Properties of a copy: as they are, rewritten or left out, in the order of the host's node."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenassign.devicetree.draft import boolean, cells, from_bytes
from xenassign.devicetree.tree import Node, Tree
from xenassign.planning.guest_tree.copies import added, copies, copy, only_for_host


@pytest.fixture
def node(compiled: Callable[[str], Tree]) -> Node:
    tree = compiled(
        "/dts-v1/; / { user = <&l>;"
        ' l: n { compatible = "x"; clocks = <5>; bootph-all; reg = <1>; up; }; };'
    )
    return tree.root.children["n"]


def test_a_property_is_copied_rewritten_or_dropped(node: Node) -> None:
    clocks = node.properties["clocks"]
    assert copy(clocks, {}) == (from_bytes(clocks),)
    assert copy(clocks, {"clocks": cells("clocks", 7)}) == (cells("clocks", 7),)
    assert copy(clocks, {"clocks": None}) == ()


def test_the_order_is_the_hosts_and_what_is_new_comes_last(node: Node) -> None:
    changed = {"new": boolean("new"), "clocks": cells("clocks", 7), "gone": None, "up": None}
    assert node.has("phandle")
    assert [prop.name for prop in copies(node, changed, {"reg"})] == ["compatible", "clocks", "new"]
    assert list(added(node, changed)) == [boolean("new")]


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("phandle", True),
        ("linux,phandle", True),
        ("bootph-all", True),
        ("bootph-pre-ram", True),
        ("linux,code", False),
        ("status", False),
    ],
)
def test_phandles_and_marks_for_boot_loaders_are_the_hosts(name: str, theirs: bool) -> None:
    assert only_for_host(name) is theirs
