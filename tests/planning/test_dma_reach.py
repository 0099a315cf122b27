"""Which part of the guest's memory a device's DMA reaches (XA424 to XA426, XA504)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import of
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

GEM = "/axi/ethernet@ff0e0000"


def board(variant: Variant, more: str = "") -> Tree:
    """A ZynqMP whose protected GEM3 has a driver that takes 32-bit addresses."""
    return variant("zynqmp", f'&gem3 {{ compatible = "fsl,imx8qm-fec"; {more} }};')


@pytest.mark.parametrize(
    ("memory", "warned"),
    [(None, False), (3056, False), (3072, False), (3073, True), (8192, True)],
)
def test_a_32_bit_master_reaches_bank_0(
    plan: Plan, variant: Variant, memory: int | None, warned: bool, wording: Wording
) -> None:
    made = plan(board(variant), GEM, memory=memory, maps=("auto",))
    found = of(made, "XA424", "XA425")
    assert [f.code for f in found] == ["XA424"] * warned
    wording(*found)


def test_a_driver_of_unknown_width_is_not_spoken_of(plan: Plan) -> None:
    assert not of(plan("zynqmp", GEM, memory=8192, maps=("auto",)), "XA424", "XA425")


@pytest.mark.parametrize(
    ("ranges", "memory", "code"),
    [
        ("<0x0 0x0 0x0 0x0 0x0 0x80000000>", 2048, "XA424"),
        ("<0x0 0x0 0x0 0x0 0x0 0x80000000>", 1024, None),
        ("<0x0 0x0 0x0 0x0 0x0 0x40000000>", 1024, "XA425"),
        ("<0x0 0x0 0x0 0x0 0x0 0x40000000>", None, "XA425"),
        ("<0x0 0x0 0x0 0x0 0x0 0x80000000>", None, None),
        # an offset does not count before an IOMMU: the window is what the master emits
        ("<0x0 0x40000000 0x8 0x0 0x0 0xc0000000>", 1024, None),
        ("<0x8 0x0 0x0 0x40000000 0x0 0xc0000000>", 1024, "XA425"),
        # two windows, one inside of the other, count once
        (
            "<0x0 0x0 0x0 0x0 0x0 0x80000000>, <0x0 0x40000000 0x0 0x40000000 0x0 0x20000000>",
            2048,
            "XA424",
        ),
        ("", 2048, None),
    ],
)
def test_windows_of_the_bus(
    plan: Plan,
    variant: Variant,
    ranges: str,
    memory: int | None,
    code: str | None,
    wording: Wording,
) -> None:
    value = f" = {ranges}" if ranges else ""
    tree = variant("zynqmp", f"/ {{ axi {{ dma-ranges{value}; }}; }};")
    found = of(plan(tree, GEM, memory=memory), "XA424", "XA425", "XA426", "XA504")
    assert [f.code for f in found] == ([code] if code else [])
    wording(*found)


def test_an_unprotected_master_is_told_of_moved_addresses(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    master = "&dma_dev { dma-coherent; };"
    made = plan(variant("tricky", master), "/bus@61000000/dma@0", policy="trust")
    (finding,) = of(made, "XA424", "XA425", "XA426", "XA504")
    assert finding.code == "XA426"
    wording(finding)
    assert not of(plan("tricky", "/dma@78000000", policy="trust"), "XA426", "XA504")
    # of what does no DMA as far as is known, nothing is said
    assert not of(plan("tricky", "/bus@61000000/dma@0", policy="trust"), "XA426")


def test_addresses_through_two_buses(plan: Plan, variant: Variant, wording: Wording) -> None:
    """The bus above moves them once more, as of_translate_dma_address does."""
    more = (
        "&dma_dev { dma-coherent; };"
        " / { dma-ranges = <0x0 0x0 0x0 0x0 0x1 0x0>; };"  # the root's own is none
        " &dma_bus { dma-ranges = <0x0 0x0 0xa0000000 0x20000000>; };"
    )
    made = plan(variant("tricky", more), "/bus@61000000/dma@0", policy="trust")
    (finding,) = of(made, "XA426")
    wording(finding)
