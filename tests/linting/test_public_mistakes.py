"""What partial device trees made by hand get wrong most, as seen in public ones: each has a rule
that says so, and says nothing else that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from xenassign.devicetree.tree import Tree
from xenassign.formats.xlcfg_parser import parse
from xenassign.linting.verdict import domcfg

from .trees import clock, context, device, everything, passthrough, xen_reg

Board = Callable[[str], Tree]

GPIO = device("/pl061@9030000", 0x9030000, irq="0 7 4")
GEM = device("/axi/ethernet@ff0e0000", 0xFF0E0000, irq="0 63 4", force="")
SMALL = device("/axi/rtc@ffa60000", 0xFFA60000, 0x100, irq="0 26 4>, <0 27 4")
GPU = device("/axi/gpu@fd4b0000", 0xFD4B0000, 0x10000, irq="0 132 4")
PWM = device("/soc@0/bus@30400000/pwm@30660000", 0x30660000, 0x10000, irq="0 81 4")
INNER = (
    "#address-cells = <2>; #size-cells = <2>; ranges;"
    ' dwc3@9030000 { compatible = "x,y"; reg = <0 0x9030000 0 0x1000>; };'
)


class Mistake(NamedTuple):
    """A tree with one mistake, on a board, and the rules that name it."""

    what: str
    text: str
    rules: set[str]
    board: str = "qemu"
    mib: int | None = 256
    beside_dom0: bool = False


MISTAKES = (
    Mistake("none", passthrough(clock()), set()),
    Mistake("empty-xen-reg", passthrough(clock(reg="xen,reg;")), {"XA223"}),
    Mistake("empty-xen-reg-on-a-child", passthrough(clock("child { xen,reg; };")), {"XA411"}),
    Mistake("missing-xen-reg-on-a-child", passthrough(clock(INNER)), {"XA215"}),
    Mistake("clocks-of-nothing", passthrough(clock("clocks = <3 11>;")), {"XA511"}),
    Mistake("phy-handle-of-nothing", passthrough(clock("phy-handle = <0x1c>;")), {"XA511"}),
    Mistake(
        "compatible-with-an-escaped-nul",
        passthrough(clock().replace('"x,y"', '"arm,pl031\\\\0arm,primecell"')),
        {"XA811"},
    ),
    Mistake(
        "covering-each-others-pages",
        passthrough(
            clock(reg=xen_reg((0x9010000, 0x1000, 0x9010000), (0x9030000, 0x1000, 0x9030000))), GPIO
        ),
        {"XA225"},
    ),
    Mistake("forced-dma-master", passthrough(GPU), {"XA403", "XA428"}, "zynqmp"),
    Mistake("host-node-not-marked", passthrough(clock()), {"XA416", "XA305"}, beside_dom0=True),
    Mistake("spi-off-by-32", passthrough(clock(irq="0 34 4")), {"XA320"}),
    Mistake("below-page-size-not-rounded", passthrough(SMALL), {"XA213"}, "zynqmp"),
    Mistake("secondary-controllers-interrupt", passthrough(PWM), {"XA307"}, "imx8"),
    Mistake("iommus-left", passthrough(clock("iommus = <0xa 0x877>;")), {"XA421"}),
    Mistake("power-domains-left", passthrough(clock("power-domains = <0xc 7>;")), {"XA514"}),
    Mistake("pinctrl-left", passthrough(clock("pinctrl-0 = <0x18>;")), {"XA514"}),
    Mistake("interrupt-parent-left", passthrough(clock("interrupt-parent = <4>;")), {"XA322"}),
    Mistake("memory-too-large-for-1-to-1", passthrough(GEM), {"XA203"}, "zynqmp", 4096),
)


@pytest.mark.parametrize("one", MISTAKES, ids=lambda one: one.what)
def test_a_mistake_of_public_trees(board: Board, one: Mistake) -> None:
    asked = context(board(one.board))._replace(
        memory=one.mib << 10 if one.mib else None, beside_dom0=one.beside_dom0
    )
    found = everything(one.text, asked)
    assert {f.code for f in found} == one.rules


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("irqs = [2]\n", "XA316"),  # the SPI number of INTID 34
        ("iomem = ['0x9010,0x1000']\n", "XA221"),  # a size in bytes instead of pages
    ],
    ids=["irqs-off-by-32", "iomem-size-in-bytes"],
)
def test_a_mistake_of_public_configurations(board: Board, text: str, rule: str) -> None:
    asked = context(board("qemu"))._replace(marked=frozenset({"/pl031@9010000"}))
    assert rule in {f.code for f in domcfg.check(parse(text, "dom.cfg"), asked)}
