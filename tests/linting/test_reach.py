"""DMA reach and memory types of hand-made trees (XA232, XA330, XA424, XA425, XA504)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wording import Wording
from xenassign.devicetree.tree import Tree

from .trees import about, context, device, passthrough

Variant = Callable[[str, str], Tree]


@pytest.mark.parametrize(("memory", "warned"), [(None, False), (3072, False), (8192, True)])
def test_a_32_bit_master(
    variant: Variant, memory: int | None, warned: bool, wording: Wording
) -> None:
    host = variant("zynqmp", '&gem3 { compatible = "fsl,imx8qm-fec"; };')
    gem = device("/axi/ethernet@ff0e0000", 0xFF0E0000, irq="0 63 4", force="")
    asked = context(host)._replace(memory=memory << 10 if memory else None)
    found = [f for f in about(passthrough(gem), asked) if f.code in ("XA424", "XA425")]
    assert [f.code for f in found] == ["XA424"] * warned
    wording(*found)
    assert all(f.node == "/passthrough/ethernet@ff0e0000" for f in found)


def test_memory_of_the_chip(variant: Variant) -> None:
    host = variant(
        "tricky",
        '/ { sram@7e000000 { compatible = "mmio-sram"; reg = <0 0x7e000000 0 0x1000>; }; };',
    )
    tree = passthrough(device("/sram@7e000000", 0x7E000000, 0x1000))
    found = [f for f in about(tree, context(host)) if f.code == "XA232"]
    assert [(f.node, f.prop) for f in found] == [("/passthrough/sram@7e000000", "xen,reg")]


MOVED = "dma-ranges = <0 0x00000000 0 0x80000000 0 0x40000000>;"
OTHER = "dma-ranges = <0 0x00000000 0 0x90000000 0 0x40000000>;"


@pytest.mark.parametrize(
    ("stated", "direct", "severities"),
    [
        (MOVED, True, ["note"]),
        (OTHER, True, ["warning"]),
        ("", True, ["warning"]),
        (MOVED, False, ["warning"]),
    ],
)
def test_moved_addresses_that_the_tree_states(
    variant: Variant, stated: str, direct: bool, severities: list[str]
) -> None:
    """As ``generate`` writes them for a direct-map domain, whose RAM is at the host's addresses."""
    master = device("/bus@61000000/dma@0", 0x61000000)
    text = passthrough(master).replace("passthrough {", f"passthrough {{ {stated}")
    asked = context(variant("tricky", "&dma_dev { dma-coherent; };"))
    if direct:
        asked = asked._replace(direct_map=True, static_memory=((0x90000000, 1 << 20),))
    found = [f for f in about(text, asked) if f.code in ("XA424", "XA425", "XA426")]
    assert [(f.code, f.severity) for f in found] == [("XA426", one) for one in severities]


PCI_HOST = (
    'pci@62000000 { compatible = "x,pci"; device_type = "pci"; #address-cells = <3>;'
    " #size-cells = <2>; reg = <0 0x62000000 0 0x1000>;"
    " dma-ranges = <0x2000000 0 0 0 0x80000000 0 0x40000000>; };"
)


@pytest.mark.parametrize("kept", [False, True])
def test_dma_ranges_that_a_pci_host_keeps_are_not_dropped(variant: Variant, kept: bool) -> None:
    host = variant("tricky", f"/ {{ {PCI_HOST} }};")
    more = "dma-ranges = <0x2000000 0 0 0 0x80000000 0 0x40000000>;" if kept else ""
    tree = passthrough(device("/pci@62000000", 0x62000000, more=more))
    found = [f.code for f in about(tree, context(host)) if f.code == "XA504"]
    assert found == ["XA504"] * (not kept)
