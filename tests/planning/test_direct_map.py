"""Static memory and direct-map domains: the request, the address space, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.answers import codes, of
from tests.wording import Wording
from xenassign.checks.static_memory import StaticMemory, chosen_cells, static_memory_findings
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.draft import Cells
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import ROUTES
from xenassign.host.platform import read_platform
from xenassign.outputs.boot.host_changes import domain_node
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Bank, Request, parse_static_memory, routes_of
from xenassign.xen.direct_map import overlapping, redistributors, vpl011_intid, vuart, windows
from xenassign.xen.layout import MIB, Guest, clashes, memory_limit
from xenassign.xen.releases import RELEASES, release

Plan = Callable[..., DomainPlan]
Board = Callable[[str], Tree]
Variant = Callable[[str, str], Tree]

CLOCK = "/pl031@9010000"
SLOT = "/virtio_mmio@a000600"
BANK = (0x80000000, 256 * MIB)
ONLY: dict[str, Any] = {"routes": ("dom0less",)}


def direct(plan: Plan, host: str | Tree, *devices: str, **options: Any) -> DomainPlan:
    asked = {"static_memory": (BANK,), "direct_map": True, **ONLY, **options}
    return plan(host, *devices, **asked)


# ---------------------------------------------------------------------------- the request


@pytest.mark.parametrize(
    ("text", "bank"),
    [
        ("0x80000000:0x10000000", (0x80000000, 0x10000000)),
        ("0x80000000:512M", (0x80000000, 512 * MIB)),
        ("2147483648:1g", (0x80000000, 1 << 30)),
        ("0x1000:64K", (0x1000, 0x10000)),
        ("0x0:0x1000", (0, 0x1000)),
    ],
)
def test_a_bank_is_read(text: str, bank: tuple[int, int]) -> None:
    assert parse_static_memory(text) == Bank(*bank)


@pytest.mark.parametrize("text", ["0x80000000", "0x80000000:", ":512M", "x:1M", "0:1T", "0:M", ""])
def test_a_malformed_bank_is_told(text: str, wording: Wording) -> None:
    with wording.raises(UsageError):
        parse_static_memory(text)


@pytest.mark.parametrize(
    "options",
    [
        {"direct_map": True},
        {"static_memory": (BANK,), "routes": ROUTES},
        {"static_memory": (BANK,), "direct_map": True, "routes": ("xl",)},
        {"static_memory": ((0x80000800, MIB),)},
        {"static_memory": ((0x80000000, MIB + 1),)},
        {"static_memory": ((0x80000000, 0),)},
        {"static_memory": ((0x80000000, MIB + 0x1000),)},
        {"static_memory": (BANK,), "memory": 255},
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], wording: Wording) -> None:
    with wording.raises(UsageError):
        Request(("x",), **{**ONLY, **options})


def test_memory_is_the_sum() -> None:
    banks = (BANK, (0xA0000000, 3 * MIB))
    assert Request(("x",), static_memory=banks, **ONLY).memory == 259
    assert Request(("x",), static_memory=banks, memory=259, **ONLY).memory == 259
    assert Request(("x",)).memory is None


def test_the_routes() -> None:
    assert routes_of((), dom0less_only=False) == ROUTES
    assert routes_of((), dom0less_only=True) == ("dom0less",)
    assert routes_of(("xl",), dom0less_only=True) == ("xl",)  # which the request refuses
    assert routes_of(("xl", "dom0less"), dom0less_only=False) == ROUTES


# ---------------------------------------------------------------------------- the address space


def test_gicv3_with_one_region(board: Board) -> None:
    platform = read_platform(board("qemu"))
    made = {w.name: (w.base, w.size) for w in windows(platform, (BANK,), 4, vpl011=True)}
    assert made == {  # of Linux' /proc/iomem in such a guest, tests/xen/test_direct_map.py
        "RAM bank 0": BANK,
        "GICv3 distributor": (0x8000000, 0x10000),
        "GICv3 redistributors": (0x80A0000, 0xF60000),
        "vPL011": (0x9000000, 0x1000),
    }
    assert vpl011_intid(platform, direct_map=True) == 33
    assert vpl011_intid(platform, direct_map=False) == 32
    assert vpl011_intid(None, direct_map=True) is None
    assert redistributors(platform) == 123


REGIONS = """&gic { #redistributor-regions = <2>; reg = <0x0 0xf1000000 0x0 0x10000>,
    <0x0 0xf1080000 0x0 0x40000>, <0x0 0xf1100000 0x0 0x40000>, <0x0 0xf1200000 0x0 0x2000>; };"""


@pytest.mark.parametrize(("vcpus", "regions"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)])
def test_gicv3_with_two_regions(variant: Variant, vcpus: int, regions: int) -> None:
    platform = read_platform(variant("tricky", REGIONS))
    made = windows(platform, (BANK,), vcpus, vpl011=False)
    found = [(w.base, w.size) for w in made if w.name == "GICv3 redistributors"]
    assert found == [(0xF1080000, 0x40000), (0xF1100000, 0x40000)][:regions]
    assert redistributors(platform) == 4


def test_gicv2(board: Board) -> None:
    platform = read_platform(board("zynqmp"))
    assert platform.gic is not None
    dist, cpu = registers(platform.gic.node).blocks[:2]
    made = {w.name: (w.base, w.size) for w in windows(platform, (), 1, vpl011=False)}
    assert made == {
        "GICv2 distributor": (dist.address, 0x1000),
        "GICv2 CPU interface": (cpu.address, 0x2000),
    }
    assert redistributors(platform) is None


@pytest.mark.parametrize(
    ("host", "change", "why"),
    [
        ("qemu", "&{/pl011@9000000} { reg = <0 0x9000000 0 0x800>; };", "take 0x800 bytes"),
        ("qemu", "&{/pl011@9000000} { /delete-property/ interrupts; };", "has no interrupt"),
        ("qemu", "&{/pl011@9000000} { /delete-property/ reg; };", "has no registers"),
        ("qemu", "/ { chosen { /delete-property/ stdout-path; }; };", "no console UART"),
    ],
)
def test_no_vpl011(variant: Variant, plan: Plan, host: str, change: str, why: str) -> None:
    tree = variant(host, change)
    told = vuart(read_platform(tree))
    assert isinstance(told, str)
    assert why in told
    assert "XA734" in codes(direct(plan, tree, CLOCK))
    assert "XA734" not in codes(direct(plan, tree, CLOCK, vpl011=False))
    assert "XA734" not in codes(plan(tree, CLOCK, static_memory=(BANK,), **ONLY))


@pytest.mark.parametrize("xen", RELEASES)
def test_no_vpl011_of_a_uart_that_xen_does_not_drive(board: Board, plan: Plan, xen: str) -> None:
    """The i.MX 8M's, of which 4.23-unstable drives the UART. Xen panics at such a vPL011."""
    tree, pwm = board("imx8"), "/soc@0/bus@30400000/pwm@30660000"
    driven = "fsl,imx6q-uart" in release(xen).uarts
    assert ("XA734" in codes(direct(plan, tree, pwm, xen=xen))) != driven
    assert "XA734" not in codes(direct(plan, tree, pwm, xen=xen, vpl011=False))


@pytest.mark.parametrize("xen", RELEASES)
def test_the_usual_windows_are_not_there(board: Board, xen: str) -> None:
    made = windows(read_platform(board("qemu")), (BANK,), 1, vpl011=True)
    guest = Guest(release(xen), 3, True, BANK[1], made)
    assert guest.ram() == (Span.sized(*BANK),)
    for free in (0x22000000, 0x3001000, 0x38000000, 0x39000000, 0x40000000, 0x7FFFF000, 0x90000000):
        assert not list(clashes(guest, Span.sized(free, 0x1000)))
    for used in (0x80000000, 0x8FFFF000, 0x8000000, 0x9000000, 0x80A0000):
        assert {clash.hard for clash in clashes(guest, Span.sized(used, 0x1000))} == {True}
    assert memory_limit(guest, [Span.sized(0x9010000, 0x1000)]) == 256


def test_static_memory_alone_has_the_usual_addresses(plan: Plan) -> None:
    made = plan("qemu", CLOCK, static_memory=(BANK,), maps=(f"{CLOCK}=0x80000000",), **ONLY)
    assert set(codes(made)) & {"XA203", "XA204"} == set()  # the rest of the usual bank of RAM
    made = plan("qemu", CLOCK, static_memory=(BANK,), maps=(f"{CLOCK}=0x40000000",), **ONLY)
    assert "XA203" in codes(made)


def test_a_mapping_over_the_ram(plan: Plan, wording: Wording) -> None:
    made = direct(plan, "qemu", CLOCK, maps=(f"{CLOCK}=0x80000000",))
    (finding,) = of(made, "XA203")
    wording(finding)
    assert made.memory_mb_max == 0
    moved = direct(plan, "qemu", CLOCK, maps=(f"{CLOCK}=0x40000000",))
    assert set(codes(moved)) & {"XA203", "XA204"} == set()
    assert moved.memory_mb_max == 256


def test_a_mapping_over_the_vpl011(plan: Plan, wording: Wording) -> None:
    made = direct(plan, "qemu", CLOCK, maps=(f"{CLOCK}=0x9000000",))
    (finding,) = of(made, "XA203")
    wording(finding)


@pytest.mark.parametrize(
    ("xen", "code", "effect"),
    [
        ("4.19", "XA736", "broken"),
        ("4.20.3", "XA736", "broken"),
        ("4.20.4", "XA741", "rejected"),
        ("4.20", "XA741", "rejected"),
        ("4.21.1", "XA736", "broken"),
        ("4.21", "XA741", "rejected"),
        ("4.22", "XA741", "rejected"),
    ],
)
def test_vcpus_and_redistributors(
    plan: Plan, xen: str, code: str, effect: str, wording: Wording
) -> None:
    def made(vcpus: int) -> DomainPlan:
        options: dict[str, Any] = {"vpl011": False, "vcpus": vcpus, "policy": "trust"}
        options["xen"] = xen
        return direct(plan, "rk3588", "/pwm@fd8b0000", "/pwm@fd8b0010", **options)

    assert {"XA736", "XA741"}.isdisjoint(codes(made(8)))
    (finding,) = [f for f in made(9).findings if f.code in ("XA736", "XA741")]
    assert (finding.code, finding.effect) == (code, effect)
    wording(finding)


# ---------------------------------------------------------------------------- the host's memory


@pytest.mark.parametrize(
    ("banks", "told"),
    [
        ([(0x40000000, 256)], set()),
        ([(0xF0000000, 256)], set()),
        ([(0xF0000000, 512)], {"XA229"}),
        ([(0x10000000000, 256)], {"XA229"}),
        ([(0x80100000, 256)], {"XA735"}),
        ([(0x80000000, 3)], {"XA735"}),
        ([(0x80000000, 128), (0x84000000, 128)], {"XA733"}),
        ([(0x80000000, 128), (0x88000000, 128)], set()),
        ([(0x8000000, 256)], {"XA229", "XA231"}),
        ([(0x20000000, 256)], {"XA229", "XA231"}),  # in a window of the PCI host
    ],
)
def test_banks_and_the_host(plan: Plan, banks: list[tuple[int, int]], told: set[str]) -> None:
    spans = tuple((base, mib * MIB) for base, mib in banks)
    found = set(codes(plan("qemu", CLOCK, static_memory=spans, **ONLY)))
    assert found & {f"XA{n}" for n in (229, 230, 231, *range(731, 737))} == told


RESERVED = """/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
    hole@88000000 { reg = <0 0x88000000 0 0x1000>; %s }; }; };"""


@pytest.mark.parametrize("xen", RELEASES)
@pytest.mark.parametrize("status", ["", 'status = "disabled";'])
def test_reserved_memory(variant: Variant, plan: Plan, xen: str, status: str) -> None:
    tree = variant("qemu", RESERVED % status)
    found = set(codes(plan(tree, CLOCK, static_memory=(BANK,), xen=xen, **ONLY)))
    refused = xen not in ("4.17", "4.18") and not status
    assert found & {"XA230", "XA732"} == {"XA732" if refused else "XA230"}


@pytest.mark.parametrize("xen", RELEASES)
@pytest.mark.parametrize(("nodes", "first"), [("chosen { }; %s", False), ("%s chosen { };", True)])
def test_which_of_the_two_is_scanned_first(
    compiled: Callable[[str], Tree], xen: str, nodes: str, first: bool
) -> None:
    """It is all the difference for 4.18."""
    reserved = RESERVED[4:-3] % ""
    tree = compiled(f"/dts-v1/; / {{ {nodes % reserved} }};")
    asked = StaticMemory(release(xen), (BANK,), False, 1, True)
    found = {finding.code for finding in static_memory_findings(read_platform(tree), asked)}
    refused = xen not in ("4.17", "4.18") or (xen == "4.18" and first)
    assert found & {"XA230", "XA732"} == {"XA732" if refused else "XA230"}


@pytest.mark.parametrize("xen", RELEASES)
@pytest.mark.parametrize("within", [False, True])
def test_reservations_of_the_blob(board: Board, plan: Plan, xen: str, within: bool) -> None:
    tree = board("qemu")
    block = (0x80000000, 1 << 30) if within else (0x88000000, 0x1000)
    made = Tree(tree.root, tree.file, (block,), tree.boot_cpu)
    found = set(codes(plan(made, CLOCK, static_memory=(BANK,), xen=xen, **ONLY)))
    refused = xen not in ("4.17", "4.18") and not within
    assert found & {"XA230", "XA732"} == {"XA732" if refused else "XA230"}


def test_memory_in_pieces_counts_as_one(variant: Variant, plan: Plan) -> None:
    change = "&{/memory@40000000} { reg = <0 0x88000000 0 0x8000000 0 0x80000000 0 0x8000000>; };"
    assert "XA229" not in codes(plan(variant("qemu", change), CLOCK, static_memory=(BANK,), **ONLY))
    change = "&{/memory@40000000} { reg = <0 0x88001000 0 0x8000000 0 0x80000000 0 0x8000000>; };"
    assert "XA229" in codes(plan(variant("qemu", change), CLOCK, static_memory=(BANK,), **ONLY))


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (((0, 16),), ((16, 16),), None),
        (((0, 17),), ((16, 16),), (16, 17)),
        (((64, 8), (0, 8)), ((4, 100),), (64, 72)),
        ((), ((0, 1),), None),
    ],
)
def test_overlapping(
    one: tuple[tuple[int, int], ...],
    other: tuple[tuple[int, int], ...],
    common: tuple[int, int] | None,
) -> None:
    assert overlapping(one, other) == common


# ---------------------------------------------------------------------------- DMA, cells


def test_a_dma_master_without_iommu(plan: Plan, wording: Wording) -> None:
    shared = {"shared": (SLOT,)}
    plain = plan("qemu", SLOT, forced=(SLOT,), **shared)
    (finding,) = of(plain, "XA403")
    wording(finding)
    made = direct(plan, "qemu", SLOT, forced=(SLOT,), **shared)
    (finding,) = of(made, "XA403")
    wording(finding)
    assert finding.severity == "warning"
    (refused,) = of(direct(plan, "qemu", SLOT, **shared), "XA401")
    assert f"add --force-assign-without-iommu {SLOT} only if you accept" in refused.fix
    (refused,) = of(plan("qemu", SLOT, **shared), "XA401")
    assert "only a direct-map domain can use it" in refused.fix
    assert "--" not in refused.fix  # the commands are those of try:


def test_the_line_of_the_vpl011(variant: Variant, plan: Plan) -> None:
    """INTID 32 is free in a direct-map domain."""
    tree = variant("qemu", "&{/pl031@9010000} { interrupts = <0 0 4>; };")
    assert "XA306" in codes(plan(tree, CLOCK))
    assert "XA306" not in codes(direct(plan, tree, CLOCK))


def test_the_spis_are_counted_where_no_vpl011_has_the_line_of_a_console(plan: Plan) -> None:
    """Without nr_spis Xen panics on a board of which it drives no UART (tests/boards, imx8mp)."""
    silent = direct(plan, "qemu", CLOCK, vpl011=False)
    (spis,) = [entry for entry in domain_node(silent).properties if entry.name == "nr_spis"]
    assert spis.pieces == (Cells((32,), decimal=True),)  # INTID 34: they come in 32s
    for heard in (direct(plan, "qemu", CLOCK), plan("qemu", CLOCK, vpl011=False)):
        assert "nr_spis" not in {entry.name for entry in domain_node(heard).properties}


@pytest.mark.parametrize(
    ("chosen", "bank", "cells"),
    [
        ("", BANK, (2, 2)),
        ("#address-cells = <1>; #size-cells = <1>;", BANK, (1, 1)),
        ("#address-cells = <2>; #size-cells = <1>;", BANK, (2, 1)),
        ("#address-cells = <1>;", BANK, (1, 2)),
        ("#address-cells = <1>; #size-cells = <1>;", (0x100000000, MIB), (2, 2)),
        ("#address-cells = <2>; #size-cells = <1>;", (0x80000000, 1 << 32), (2, 2)),
        ("#address-cells = <3>; #size-cells = <2>;", BANK, (2, 2)),
    ],
)
def test_the_cells_of_chosen(
    variant: Variant, chosen: str, bank: tuple[int, int], cells: tuple[int, int]
) -> None:
    tree = variant("qemu", f"/ {{ chosen {{ {chosen} }}; }};")
    assert chosen_cells(tree, Request(("x",), static_memory=(bank,), **ONLY)) == cells


SOC = """/ { soc { compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
    ranges = <0x7e000000 0 0x0b000000 0x100000>; %s
    one: one@7e000000 { compatible = "one"; reg = <0x7e000000 0x1000>; dma-coherent; };
    two: two@7e001000 { compatible = "two"; reg = <0x7e001000 0x1000>; dma-coherent; }; };
    three: three@c000000 {
        compatible = "three"; reg = <0 0xc000000 0 0x1000>; dma-coherent;
    }; };"""
MOVED = "dma-ranges = <0xc0000000 0 0x00000000 0x40000000>;"


@pytest.mark.parametrize(
    ("ranges", "devices", "table"),
    [
        (MOVED, ("/soc/one@7e000000",), (0, 0xC0000000, 0, 0, 0, 0x40000000)),
        (MOVED, ("/soc/one@7e000000", "/soc/two@7e001000"), (0, 0xC0000000, 0, 0, 0, 0x40000000)),
        (MOVED, ("/soc/one@7e000000", CLOCK), (0, 0xC0000000, 0, 0, 0, 0x40000000)),
        (MOVED, ("/soc/one@7e000000", "/three@c000000"), None),  # whose addresses are not moved
        ("dma-ranges;", ("/soc/one@7e000000",), ()),
        ("", ("/soc/one@7e000000",), ()),
        ("dma-ranges = <0 0 0 0x40000000>;", ("/soc/one@7e000000",), ()),
    ],
)
def test_dma_ranges_of_the_host(
    variant: Variant,
    plan: Plan,
    ranges: str,
    devices: tuple[str, ...],
    table: tuple[int, ...] | None,
) -> None:
    """Of a direct-map domain they are true. ``table``: None where no one table is."""
    tree = variant("qemu", SOC % ranges)
    made = direct(plan, tree, *devices, policy="trust")
    (top,) = (node for node in made.tree.children if node.name == "passthrough")
    found = [prop for prop in top.properties if prop.name == "dma-ranges"]
    written = tuple(v for prop in found for piece in prop.pieces for v in piece[0])
    assert written == (table or ())
    severities = {finding.severity for finding in of(made, "XA426")}
    assert severities == ({"note"} if table else {"warning"} if table is None else set())
    other = plan(tree, *devices, policy="trust")
    (top,) = (node for node in other.tree.children if node.name == "passthrough")
    assert not [prop for prop in top.properties if prop.name == "dma-ranges"]
    assert bool(of(other, "XA426")) == (ranges == MOVED)


@pytest.mark.parametrize(
    ("base", "code"), [(0x10000000, None), (0x3F000000, "XA424"), (0xD0000000, "XA425")]
)
def test_reach_through_a_bus_that_moves_addresses(
    variant: Variant, plan: Plan, base: int, code: str | None
) -> None:
    """The RAM is where the processor has it, not at what the master emits (from 0xc0000000)."""
    bank = (base, 32 * MIB)
    tree = variant("qemu", SOC % MOVED)
    made = direct(plan, tree, "/soc/one@7e000000", policy="trust", static_memory=(bank,))
    assert set(codes(made)) & {"XA424", "XA425"} == ({code} if code else set())
