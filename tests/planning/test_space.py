"""The rows of a guest's address space: everything of the release, of the plan, and the holes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from xenassign.planning.address_map import Row, RowSource, rows
from xenassign.planning.plan import DomainPlan
from xenassign.xen.releases import RELEASES, release

Plan = Callable[..., DomainPlan]

ETH = "/axi/ethernet@ff0e0000"


def named(found: tuple[Row, ...], kind: str) -> list[tuple[str, int, int]]:
    return [(row.name, row.span.start, row.span.end) for row in found if row.kind == kind]


@pytest.mark.parametrize("xen", list(RELEASES))
@pytest.mark.parametrize("memory", [None, 4096, 8192])
def test_the_rows_tile_the_address_space(plan: Plan, xen: str, memory: int | None) -> None:
    """With auto nothing overlaps, so from 0 to the last window each byte is in one row."""
    found = rows(plan("zynqmp", ETH, maps=["auto"], xen=xen, memory=memory, policy="trust"))
    covered = [row for row in found if row.span.start < row.span.end]
    assert covered[0].span.start == 0
    assert all(one.span.end == other.span.start for one, other in pairwise(covered))
    assert covered[-1].span.end == max(window.end for window in release(xen).windows)


def test_every_window_of_the_guest_is_a_row(plan: Plan) -> None:
    found = rows(plan("zynqmp", ETH, memory=1024))
    windows = {name for name, _, _ in named(found, "window")}
    assert windows == {
        *("GICv2 distributor", "GICv2 CPU interface", "vPL011", "grant table", "magic pages")
    }
    optional = [name for name, _, _ in named(found, "optional")]
    assert "vPCI ECAM" in optional
    assert "RAM bank 0, unused, extended regions" in optional
    assert named(found, "ram") == [("RAM bank 0", 0x40000000, 0x80000000)]


def test_a_guest_without_vpl011_has_a_hole_there(plan: Plan) -> None:
    found = rows(plan("zynqmp", ETH, vpl011=False))
    assert any(base <= 0x22000000 < end for _, base, end in named(found, "hole"))
    assert "vPL011" not in {row.name for row in found}


def test_from_4_21_on_no_extended_regions_are_over_devices(plan: Plan) -> None:
    names = [row.name for row in rows(plan("zynqmp", ETH, xen="4.21"))]
    assert "RAM bank 0, size not given" in names


def test_a_block_says_where_it_is_from(plan: Plan) -> None:
    can = "/bus@f0000/can@20701000"
    found = rows(plan("ti", can, maps=["auto"], policy="trust"))
    blocks = [row.block for row in found if row.block]
    assert sorted(blocks, key=lambda one: one.index) == [
        RowSource(0x20701000, can, 0, False, "m_can", "auto"),
        RowSource(0x20708000, can, 1, False, "message_ram", "auto"),
    ]


def test_a_pci_window_says_so(plan: Plan) -> None:
    found = rows(plan("qemu", "/pcie@10000000", policy="trust"))
    windows = [row.block.index for row in found if row.block and row.block.window]
    assert sorted(windows) == [0, 1, 2]


def test_rows_that_overlap_are_told_all_the_same(plan: Plan) -> None:
    found = rows(plan("zynqmp", ETH, memory=4096))
    (block,) = [row for row in found if row.kind == "block"]
    (bank,) = [row for row in found if row.name == "RAM bank 0"]
    assert bank.span.start < block.span.start < block.span.end < bank.span.end
    assert found.index(bank) < found.index(block)
