"""Phandle references: the boards' by hand, and small trees for each shape of entry."""

from __future__ import annotations

import pytest

from tests.answers import at
from tests.rows import Rows
from xenassign.devicetree.references import (
    Reference,
    References,
    property_references,
    references,
)
from xenassign.devicetree.tree import Tree

from .trees import NAMES, board, needs_dtc
from .trees import forced as compiled


def group(tree: Tree, path: str, name: str) -> References:
    node = at(tree, path)
    found = property_references(tree, node, node.properties[name])
    assert found is not None
    return found


def brief(entry: Reference) -> tuple[str | None, str | None, tuple[int, ...]]:
    """Name, provider and arguments of an entry."""
    return entry.name, entry.provider.path if entry.provider else None, entry.args


Brief = list[tuple[str | None, str | None, tuple[int, ...]]]

CRU = "/clock-controller@f4000000"
CLOCKED = "/dev@79030000"
EVERYTHING = "/dev@79040000"
PROVIDER = "/provider@79000000"


REFERENCES_OF_BOARDS: tuple[tuple[str, str, str, Brief | None], ...] = (
    (
        "tricky",
        CLOCKED,
        "clocks",
        [
            ("osc", "/clock-osc", ()),
            ("div", "/clock-pll-div4", ()),
            ("zero", "/clock-zero", ()),
            ("assigned", CRU, (1, 5)),
            ("unknown", CRU, (1, 6)),
            ("half", "/clock-cru-div2", ()),
            ("none", None, ()),
        ],
    ),
    ("tricky", CLOCKED, "assigned-clocks", [(None, CRU, (0, 2)), (None, CRU, (1, 5))]),
    ("tricky", CLOCKED, "assigned-clock-parents", [(None, "/clock-osc", ())]),
    ("tricky", EVERYTHING, "resets", [("core", CRU, (7,))]),
    ("tricky", EVERYTHING, "power-domains", [(None, CRU, (7,))]),
    ("tricky", EVERYTHING, "vcc-supply", [(None, "/regulator-vcc", ())]),
    (
        "tricky",
        EVERYTHING,
        "pinctrl-1",
        [(None, "/pinctrl@79020000/sleep-pins", ())],
    ),
    (
        "tricky",
        EVERYTHING,
        "dmas",
        [("tx", "/dma@78000000", (3,)), ("rx", "/bus@61000000/dma@0", (4,))],
    ),
    ("tricky", EVERYTHING, "reset-gpios", [(None, "/gpio@74000000", (9, 1))]),
    ("tricky", EVERYTHING, "phys", [("a", PROVIDER, (0,)), ("b", PROVIDER, (1,))]),
    (
        "tricky",
        EVERYTHING,
        "nvmem-cells",
        [("mac-address", "/efuse@79010000/mac@10", ())],
    ),
    (
        "tricky",
        EVERYTHING,
        "interconnects",
        [("dma-mem", PROVIDER, (1,)), ("dma-mem", PROVIDER, (2,))],
    ),
    (
        "tricky",
        EVERYTHING,
        "memory-region",
        [
            (None, "/reserved-memory/firmware@90000000", ()),
            (None, "/reserved-memory/pool@91000000", ()),
        ],
    ),
    ("tricky", EVERYTHING, "mboxes", [(None, PROVIDER, (0,))]),
    ("tricky", EVERYTHING, "hwlocks", [(None, PROVIDER, (3,))]),
    ("tricky", EVERYTHING, "io-channels", [(None, PROVIDER, (4,))]),
    (
        "tricky",
        EVERYTHING,
        "msi-parent",
        [(None, "/interrupt-controller@f1000000/its@f1020000", (0x77,))],
    ),
    (
        "tricky",
        "/dev@77900000",
        "msi-parent",
        [(None, "/interrupt-controller@f1000000/v2m@f1200000", ())],
    ),
    (
        "tricky",
        "/dma@78030000",
        "iommus",
        [(None, "/iommu@f3100000", (0x20,)), (None, "/iommu@f3200000", (0x21, 0))],
    ),
    ("tricky", "/vpu@78060000", "iommus", [(None, "/iommu@f3300000", ())]),
    ("tricky", "/regulator-vcc-gpio", "gpio", [(None, "/gpio@74000000", (4, 0))]),
    ("tricky", "/regulator-vcc-gpio", "vin-supply", [(None, "/regulator-vcc", ())]),
    ("imx8-board", "/soc@0/bus@30800000/mmc@30b50000", "cd-gpios", None),
    (
        "ti-k3-like",
        "/bus@f0000/dwc3-usb@f900000",
        "ti,syscon-phy-pll-refclk",
        [(None, "/bus@f0000/bus@b00000/syscon@43000000/syscon@4008", (0,))],
    ),
    (
        "ti-k3-like",
        "/bus@f0000/ethernet@8000000",
        "dmas",
        [
            (n, "/bus@f0000/bus@48000000/dma-controller@485c0000", (thread, 15))
            for n, thread in (("tx0", 0xC600), ("tx1", 0xC601), ("rx", 0x4600))
        ],
    ),
    (
        "juno-like",
        "/firmware/scmi",
        "mboxes",
        [("tx", "/mhu@2b1f0000", (0, 0)), ("rx", "/mhu@2b1f0000", (0, 1))],
    ),
    (
        "rk3588-like",
        "/mmc@fe2c0000",
        "clocks",
        [
            ("biu", "/firmware/scmi/protocol@14", (23,)),
            ("ciu", "/firmware/scmi/protocol@14", (9,)),
            ("ciu-drive", "/clock-controller@fd7c0000", (685,)),
            ("ciu-sample", "/clock-controller@fd7c0000", (686,)),
        ],
    ),
)


def test_references_of_boards(rows: Rows) -> None:
    for name, path, prop, expected in REFERENCES_OF_BOARDS:
        with rows(name, path, prop, expected):
            found = group(board(name), path, prop)
            assert found.problem is None
            if expected is not None:
                assert [brief(entry) for entry in found.entries] == expected


def test_an_entry_left_out_keeps_its_place_and_its_name() -> None:
    last = group(board("tricky"), CLOCKED, "clocks").entries[-1]
    assert last.empty
    assert (last.index, last.phandle, last.width, last.provider) == (6, 0, 1, None)
    assert last.name == "none"


def test_where_entries_lie_among_the_cells() -> None:
    entries = group(board("tricky"), CLOCKED, "clocks").entries
    spans = [(entry.cell, entry.width) for entry in entries]
    assert spans == [(0, 1), (1, 1), (2, 1), (3, 3), (6, 3), (9, 1), (10, 1)]


@pytest.mark.parametrize(
    ("name", "path", "prop", "provider", "args", "cells"),
    [
        ("tricky", "/pcie@75000000", "iommu-map", "/iommu@f3100000", (0x1000,), (0, 0x1000)),
        (
            "tricky",
            "/pcie@75000000",
            "msi-map",
            "/interrupt-controller@f1000000/its@f1020000",
            (0x1000,),
            (0, 0x1000),
        ),
        (
            "zynqmp-zcu102",
            "/axi/pcie@fd0e0000",
            "iommu-map",
            "/axi/iommu@fd800000",
            (0x4D0,),
            (0, 1),
        ),
        ("juno-like", "/pcie@40000000", "iommu-map", "/iommu@2b500000", (0,), (0, 1)),
    ],
)
def test_maps(
    name: str, path: str, prop: str, provider: str, args: tuple[int, ...], cells: tuple[int, int]
) -> None:
    tree = board(name)
    (entry,) = group(tree, path, prop).entries
    assert brief(entry) == (None, provider, args)
    assert (entry.cell, entry.width) == (0, 4)
    values = at(tree, path).cells(prop)
    assert (values[0], values[3]) == cells


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_of_a_board_can_be_read(name: str) -> None:
    tree = board(name)
    for node in tree.nodes():
        if node.name in ("aliases", "__symbols__"):
            continue
        for found in references(tree, node):
            assert found.problem is None, (node.path, found)
            assert all(entry.provider or entry.empty for entry in found.entries), node.path


@pytest.mark.parametrize("name", NAMES)
def test_entries_cover_their_property_without_gaps(name: str) -> None:
    tree = board(name)
    for node in tree.nodes():
        if node.name in ("aliases", "__symbols__"):
            continue
        for prop in node.properties.values():
            found = property_references(tree, node, prop)
            end = 0
            for index, entry in enumerate(found.entries if found else ()):
                assert (entry.index, entry.cell) == (index, end)
                end += entry.width
            assert found is None or end == len(prop.cells())


def test_properties_that_bear_no_reference() -> None:
    tree = board("tricky")
    node = at(tree, EVERYTHING)
    for name in ("compatible", "reg", "interrupts", "clock-names", "pinctrl-names"):
        assert property_references(tree, node, node.properties[name]) is None


def test_references_of_a_node_come_in_the_order_of_its_properties() -> None:
    tree = board("tricky")
    node = at(tree, EVERYTHING)
    kinds = [found.rule.kind for found in references(tree, node)]
    assert len(kinds) == 18
    assert kinds[:3] == ["clock", "reset", "power-domain"]


# --- small trees ---

SMALL = """/ {
    one: one { #clock-cells = <1>; };
    two: two { #clock-cells = <2>; };
    bare: bare { };
    odd: odd { #clock-cells = [01]; };
    huge: huge { #clock-cells = <0xffffffff>; };
    v2m: v2m { msi-controller; };
    smmu2: smmu2 { #iommu-cells = <2>; };
    gpio: gpio { gpio-controller; #gpio-cells = <2>;
        hog { gpio-hog; gpios = <3 0>; output-high; }; };

    holes { clocks = <0>, <&one 5>, <0>, <0>, <&two 6 7>, <0>; clock-names = "a", "b", "c"; };
    short { clocks = <&one 5>, <&two 6>; };
    cut { clocks = <&one>; };
    dangling { clocks = <&one 5>, <0x99 1>, <&one 6>; };
    supply { a-supply = <0x99>; };
    no-cells { clocks = <&one 5>, <&bare>; };
    odd-cells { clocks = <&odd 5>; };
    huge-cells { clocks = <&huge 5>; };
    odd-bytes { clocks = [00 00 00 01 05]; };
    empty { clocks; wakeup-source; };
    map { iommu-map = <0x0 &smmu2 0x100 0x10>, <0x10 &smmu2 0x200 0x10>; };
    map-masks { iommu-map = <0x0 &smmu2 0x100 0x0 0x1>, <0x100 &smmu2 0x101 0x3 0x1>; };
    map-four { iommu-map = <0x0 &smmu2 0x100 0x0 0x1>, <0x100 &smmu2 0x101 0x3 0x1>,
        <0x200 &smmu2 0x102 0x0 0x1>, <0x300 &smmu2 0x103 0x0 0x1>; };
    map-cut { iommu-map = <0x0 &smmu2 0x100 0x0 0x10>, <0x10 &smmu2 0x200 0x0>; };
    map-v2m { msi-map = <0x0 &v2m 0x0 0x1000>; };
    syscon { syscon = <&bare 1 2 3 4 5>; };
    gpios { reset-gpios = <&gpio 1 0>, <0>, <&gpio 2 1>; };
};"""


@needs_dtc
def test_holes_count_for_the_position_and_the_name() -> None:
    entries = group(compiled(SMALL), "/holes", "clocks").entries
    assert [brief(entry) for entry in entries] == [
        ("a", None, ()),
        ("b", "/one", (5,)),
        ("c", None, ()),
        (None, None, ()),
        (None, "/two", (6, 7)),
        (None, None, ()),
    ]
    assert [entry.empty for entry in entries] == [True, False, True, True, False, True]


@needs_dtc
@pytest.mark.parametrize(
    ("path", "good", "word"),
    [
        ("/short", 1, "ends inside of entry 1"),
        ("/cut", 0, "ends inside of entry 0"),
        ("/dangling", 1, "phandle 0x99 names no node"),
        ("/no-cells", 1, "/bare has no #clock-cells"),
        ("/odd-cells", 0, "#clock-cells has 1 bytes"),
        ("/huge-cells", 0, "#clock-cells 4294967295 of /huge is out of range (0 to 16)"),
        ("/odd-bytes", 0, "clocks has 5 bytes"),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_what_stands_before_it_is_kept(
    path: str, good: int, word: str
) -> None:
    found = group(compiled(SMALL), path, "clocks")
    assert len(found.entries) == good
    assert found.problem is not None
    assert word in found.problem


@needs_dtc
def test_a_dangling_phandle_without_arguments_is_an_entry_without_provider() -> None:
    found = group(compiled(SMALL), "/supply", "a-supply")
    assert found.problem is None
    (entry,) = found.entries
    assert (entry.phandle, entry.provider, entry.empty) == (0x99, None, False)


@needs_dtc
@pytest.mark.parametrize("name", ["clocks", "wakeup-source"])
def test_a_property_without_bytes_bears_no_reference(name: str) -> None:
    node = at(compiled(SMALL), "/empty")
    assert property_references(compiled(SMALL), node, node.properties[name]) is None


@needs_dtc
def test_a_map_has_one_argument_whatever_the_provider_says() -> None:
    entries = group(compiled(SMALL), "/map", "iommu-map").entries
    assert [(entry.cell, entry.args) for entry in entries] == [(0, (0x100,)), (4, (0x200,))]
    (entry,) = group(compiled(SMALL), "/map-v2m", "msi-map").entries
    assert brief(entry) == (None, "/v2m", (0,))


@needs_dtc
@pytest.mark.parametrize(("path", "count"), [("/map-masks", 2), ("/map-four", 4)])
def test_a_map_with_as_many_arguments_as_the_iommu_has_cells(path: str, count: int) -> None:
    found = group(compiled(SMALL), path, "iommu-map")
    assert found.problem is None
    assert [entry.cell for entry in found.entries] == [5 * index for index in range(count)]
    assert {entry.provider.path for entry in found.entries if entry.provider} == {"/smmu2"}
    assert (found.entries[1].args, found.entries[1].trail) == ((0x101, 3), (1,))


@needs_dtc
def test_a_map_cut_off() -> None:
    found = group(compiled(SMALL), "/map-cut", "iommu-map")
    assert len(found.entries) == 1
    assert found.problem is not None
    assert "ends inside of entry 1" in found.problem


@needs_dtc
def test_what_is_behind_the_phandle_of_a_remainder_is_its_arguments() -> None:
    (entry,) = group(compiled(SMALL), "/syscon", "syscon").entries
    assert brief(entry) == (None, "/bare", (1, 2, 3, 4, 5))
    assert entry.width == 6


@needs_dtc
def test_the_gpios_of_a_hog_are_no_references() -> None:
    node = at(compiled(SMALL), "/gpio/hog")
    assert property_references(compiled(SMALL), node, node.properties["gpios"]) is None


@needs_dtc
def test_a_hole_among_gpios() -> None:
    entries = group(compiled(SMALL), "/gpios", "reset-gpios").entries
    assert [brief(entry)[1:] for entry in entries] == [
        ("/gpio", (1, 0)),
        (None, ()),
        ("/gpio", (2, 1)),
    ]
