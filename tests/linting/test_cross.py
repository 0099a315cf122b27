"""A configuration and its partial device tree against each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.formats.xlcfg_parser import parse
from xenassign.host.platform import read_platform
from xenassign.linting.guest import config_and_tree
from xenassign.linting.guest.view import View
from xenassign.linting.verdict.context import Context
from xenassign.xen.board import read_board
from xenassign.xen.releases import release

from .bases import CONFIG, PARTIAL, PROTECTED, PROTECTED_CONFIG

Board = Callable[[str], Tree]
XEN = release("4.20")


def crossed(text: str, tree: str, host: Tree | None = None) -> list[Finding]:
    board = read_board(read_platform(host), XEN) if host is not None else None
    blob = read_source(tree.encode(), "domu1.dts").blob
    view = View(read_blob(blob), Context(XEN, board))
    return list(config_and_tree.check(parse(text, "domu1.cfg"), view))


def test_the_examples_agree(board: Board) -> None:
    assert codes(crossed(CONFIG, PARTIAL)) == []
    assert codes(crossed(CONFIG, PARTIAL, board("qemu"))) == []
    assert codes(crossed(PROTECTED_CONFIG, PROTECTED, board("zynqmp"))) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("34, 39", "39", ["XA315"]),
        ("34, 39", "34, 39, 40", ["XA326"]),
        ("34, 39", "2, 39", ["XA325"]),
        ("34, 39", "2, 7", ["XA325", "XA325"]),
        ("34, 39", "0x22, 39", []),  # XA602 says so
        ('"0x9010,0x1", ', "", ["XA220"]),
        ('"0x9010,0x1"', '"0x9010,0x1@0x9020"', ["XA220", "XA228"]),
        ('"0x9010,0x1", "0x9030,0x1"', '"0x9010,0x21"', ["XA220"]),
        ('"0x9010,0x1"', '"0x9010,0x1", "0xa000,0x1"', ["XA228"]),
        ("irqs", "dtdev = ['/pl031@9010000', '/other']\nirqs", ["XA422"]),
    ],
)
def test_one_mistake(old: str, new: str, expected: list[str]) -> None:
    assert old in CONFIG
    assert codes(crossed(CONFIG.replace(old, new), PARTIAL)) == expected


def test_findings_stand_where_the_mistake_is() -> None:
    (found,) = crossed(CONFIG.replace("34, 39", "34,\n 39, 40"), PARTIAL)
    assert found.place is not None
    assert (found.place.line, found.place.column, found.prop) == (7, 6, "irqs")
    (missing,) = crossed(CONFIG.replace("34, 39", "39"), PARTIAL)
    assert (missing.node, missing.prop) == ("/passthrough/rtc@9010000", "interrupts")


def test_a_tree_without_words_for_xen() -> None:
    plain = "\n".join(x for x in PARTIAL.splitlines() if not x.strip().startswith("xen,"))
    assert codes(crossed(CONFIG, plain)) == []
    (found,) = crossed(CONFIG.replace("0x9030,0x1", "0x9031,0x1"), plain)[:1]
    assert (found.code, found.node, found.routes) == (
        *("XA215", "/passthrough/gpio@9030000"),
        ("xl",),
    )


def test_an_interrupt_map_is_not_followed() -> None:
    tree = PARTIAL.replace("gpio-controller;", "gpio-controller; interrupt-map = <0>;")
    assert codes(crossed(CONFIG.replace("34, 39", "34, 39, 40"), tree)) == []


def test_a_protected_device_is_in_dtdev(board: Board) -> None:
    config = PROTECTED_CONFIG.replace('dtdev = ["/axi/ethernet@ff0e0000"]', "")
    (found,) = crossed(config, PROTECTED, board("zynqmp"))
    assert (found.code, found.effect, found.routes) == ("XA423", "unsafe", ("xl",))
    upper = PROTECTED_CONFIG.replace("/axi/ethernet@", "/AXI/ethernet@")
    assert (
        codes(crossed(upper, PROTECTED, board("zynqmp"))) == []
    )  # Xen compares without regard to case


def test_a_dma_master_without_iommu_is_passed_without_a_word_from_xl(
    board: Board, wording: Wording
) -> None:
    """The ZCU102's GPU: registers and interrupts are enough for xl, and no IOMMU is before it."""
    tree = PROTECTED.replace("/axi/ethernet@ff0e0000", "/axi/gpu@fd4b0000")
    found = crossed(PROTECTED_CONFIG.replace("/axi/ethernet@ff0e0000", ""), tree, board("zynqmp"))
    forced = [f for f in found if f.code == "XA403"]
    assert [(f.severity, f.routes) for f in forced] == [("warning", ("xl",))]
    wording(forced[0])
    marked = tree.replace("xen,reg =", "xen,force-assign-without-iommu; xen,reg =")
    found = crossed(PROTECTED_CONFIG, marked, board("zynqmp"))  # the mark is not one for xl
    assert [f.routes for f in found if f.code == "XA403"] == [("xl",)]
