"""Which node the path of a missing node probably stands for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.linting.trees import compiled
from xenassign.devicetree.tree import Tree
from xenassign.host.near_paths import near_names, near_paths, path_question

Board = Callable[[str], Tree]
NET = "/axi/ethernet@ff0e0000"


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/amba/ethernet@ff0e0000", [NET]),  # a renamed bus
        ("/ethernet@ff0e0000", [NET]),
        ("/amba/soc/Ethernet@FF0E0000", [NET]),
        ("/axi/gem@ff0e0000", [NET]),  # a renamed node
        ("/axi/ethernet@ff0e000", [NET]),
        ("/axi/ethernet@f0fe0000", [NET]),
        ("/axi/ethernte@ff0e0001", [NET]),  # an error in the name and one in the address
        ("/axi/ethernte@ff0e1100", []),
        ("ethernet0", [NET]),  # an alias
        ("/amba/ethernet@ff0e0000/mdio/ethernet-phy@c", [f"{NET}/mdio/ethernet-phy@c"]),
        ("/nowhere/at-all", []),
        ("/", []),
        ("", []),
    ],
)
def test_near_paths(board: Board, path: str, near: list[str]) -> None:
    assert near_paths(board("zynqmp"), path) == near


def test_a_generic_name_is_not_guessed() -> None:
    nodes = " ".join(f"dev{number} {{ port@0 {{ }}; }};" for number in range(5))
    tree = compiled(nodes)
    assert near_paths(tree, "/other/port@0") == []
    assert near_paths(tree, "/other/dev3/port@0") == ["/dev3/port@0"]
    assert path_question(tree, "/other/port@0") == ""
    assert path_question(tree, "/dev33") == "did you mean /dev3?"


def test_aliases_and_labels(board: Board) -> None:
    assert near_names(board("zynqmp"), "etherent0") == ["ethernet0"]
    assert near_names(board("zynqmp"), "nothing") == []


def test_thousands_of_missing_paths() -> None:
    addresses = range(0x10000000, 0x15000000, 0x4000)  # 5120 nodes
    tree = compiled(" ".join(f"dev@{number:x} {{ port@0 {{ }}; }};" for number in addresses))
    for number in addresses:
        assert near_paths(tree, f"/soc/dev@{number:x}") == [f"/dev@{number:x}"]
        assert near_paths(tree, f"/soc/devx/port@{number:x}") == [f"/dev@{number:x}"]
        assert near_paths(tree, "/soc/devx/port@0") == []
        assert f"/dev@{number:x}" in near_paths(tree, f"/dev@{number + 1:x}")
