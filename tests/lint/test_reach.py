"""DMA reach and memory types of hand-made trees (XA232, XA330, XA424, XA425)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenassign.devicetree.tree import Tree

from .trees import about, context, device, passthrough

Variant = Callable[[str, str], Tree]


@pytest.mark.parametrize(
    ("memory", "said"), [(None, None), (3072, None), (8192, "3072 of 8192 MiB")]
)
def test_a_32_bit_master(variant: Variant, memory: int | None, said: str | None) -> None:
    host = variant("zynqmp", '&gem3 { compatible = "fsl,imx8qm-fec"; };')
    gem = device("/axi/ethernet@ff0e0000", 0xFF0E0000, irq="0 63 4", force="")
    asked = context(host)._replace(memory=memory << 10 if memory else None)
    found = [f for f in about(passthrough(gem), asked) if f.code in ("XA424", "XA425")]
    assert [f.code for f in found] == (["XA424"] if said else [])
    assert all(said and said in f.message for f in found)
    assert all(f.node == "/passthrough/ethernet@ff0e0000" for f in found)


def test_memory_of_the_chip(variant: Variant) -> None:
    host = variant(
        "tricky",
        '/ { sram@7e000000 { compatible = "mmio-sram"; reg = <0 0x7e000000 0 0x1000>; }; };',
    )
    tree = passthrough(device("/sram@7e000000", 0x7E000000, 0x1000))
    found = [f for f in about(tree, context(host)) if f.code == "XA232"]
    assert [(f.node, f.prop) for f in found] == [("/passthrough/sram@7e000000", "xen,reg")]
