"""The interrupt tree: the boards' interrupts by hand, and small trees for each rule."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.answers import at
from tests.rows import Rows
from xenassign.devicetree.interrupts import interrupt_parent, interrupts
from xenassign.devicetree.tree import Property, Tree

from .trees import board, needs_dtc
from .trees import forced as compiled

Found = list[tuple[str, tuple[int, ...]]]


def ends(tree: Tree, path: str) -> Found:
    """Where the interrupts of a node end: controller and specifier; none may be a problem."""
    found = interrupts(tree, at(tree, path))
    assert found.problems == ()
    assert [entry.index for entry in found.entries] == list(range(len(found.entries)))
    return [(entry.controller.path, entry.specifier) for entry in found.entries]


def problems(tree: Tree, path: str) -> tuple[str, ...]:
    """Why the interrupts of a node can't be followed; none may be good."""
    found = interrupts(tree, at(tree, path))
    assert found.entries == ()
    return found.problems


# --- the boards ---

GIC = "/interrupt-controller@f1000000"
INTC2 = "/interrupt-controller@f2000000"
GPIO = "/gpio@74000000"
MOTHERBOARD = "/bus@8000000/motherboard-bus@8000000"
IOFPGA = f"{MOTHERBOARD}/iofpga-bus@300000000"
JUNO_GIC = "/interrupt-controller@2c010000"
RK_GIC = "/interrupt-controller@fe600000"
TI_GIC = "/bus@f0000/interrupt-controller@1800000"


WHERE_INTERRUPTS_END: tuple[tuple[str, str, Found], ...] = (
    ("tricky", "/touch@74010000", [(GPIO, (5, 8))]),
    (
        "tricky",
        "/dev@74020000",
        [(GIC, (0, 60, 4)), (GPIO, (7, 8)), (GIC, (0, 61, 1)), (INTC2, (3, 4))],
    ),
    ("tricky", "/dev@74030000", [(GIC, (0, 71, 4))]),
    ("tricky", "/dev@74050000", [(GIC, (0, 73, 4)), (GIC, (1, 14, 4))]),
    ("tricky", "/dev@74060000", [(GIC, (2, 4, 4))]),
    ("tricky", INTC2, [(GIC, (0, 44, 4))]),
    ("tricky", GPIO, [(GIC, (0, 45, 4))]),
    ("tricky", GIC, [(GIC, (1, 9, 4))]),
    ("tricky", "/bus@72000000/dev@1000", [(GIC, (0, 50, 4)), (GIC, (0, 51, 1))]),
    ("tricky", "/bus@72000000/dev@2000", [(INTC2, (7, 4))]),
    ("tricky", "/bus@72000000/dev@13000", [(GIC, (0, 52, 4))]),
    ("tricky", "/wrapper@7a000000/glue/core@7a100000", [(GIC, (0, 131, 4))]),
    ("juno-like", f"{MOTHERBOARD}/ethernet@200000000", [(JUNO_GIC, (0, 160, 4))]),
    ("juno-like", f"{IOFPGA}/rtc@170000", [(JUNO_GIC, (0, 68, 4))]),
    ("juno-like", f"{IOFPGA}/kmi@60000", [(JUNO_GIC, (0, 165, 4))]),
    ("juno-like", f"{IOFPGA}/kmi@70000", [(JUNO_GIC, (0, 165, 4))]),
    ("juno-like", f"{IOFPGA}/timer@110000", [(JUNO_GIC, (0, 166, 4))]),
    ("juno-like", f"{IOFPGA}/gpio@1d0000", [(JUNO_GIC, (0, 163, 4))]),
    ("juno-like", "/tlx-bus@60000000/fpga-block@1000", [(JUNO_GIC, (0, 168, 4))]),
    ("juno-like", "/timer@2a810000/frame@10000", [(JUNO_GIC, (0, 60, 4))]),
    ("rk3588-like", "/serial@feb50000", [(RK_GIC, (0, 333, 4, 0))]),
    ("rk3588-like", "/i2c@fec80000/rtc@51", [("/pinctrl/gpio@fec50000", (8, 8))]),
    (
        "rcar-gen4-spider",
        "/soc/iommu@eefc0000",
        [("/soc/interrupt-controller@f1000000", x) for x in ((0, 21, 4), (0, 22, 4))],
    ),
    ("ti-k3-like", "/bus@f0000/ethernet@8000000/cpts@3d000", [(TI_GIC, (0, 102, 4))]),
    (
        "ti-k3-like",
        "/bus@f0000/gpio@600000",
        [("/bus@f0000/interrupt-controller@a00000", (number,)) for number in range(190, 196)],
    ),
    (
        "ti-k3-like",
        "/bus@f0000/i2c@20010000/gpio@22",
        [("/bus@f0000/gpio@601000", (23, 2))],
    ),
    (
        "imx8-board",
        "/soc@0/bus@30400000/pwm@30660000",
        [("/soc@0/bus@30000000/gpc@303a0000", (0, 81, 4))],
    ),
    (
        "imx8-board",
        "/soc@0/bus@32c00000/i2c@32fd0000",
        [("/soc@0/bus@32c00000/interrupt-controller@32fc2000", (10,))],
    ),
    ("qemu-virt-gicv3", "/pl061@9030000", [("/intc@8000000", (0, 7, 4))]),
)


def test_where_interrupts_end(rows: Rows) -> None:
    for name, path, expected in WHERE_INTERRUPTS_END:
        with rows(name, path, expected):
            assert ends(board(name), path) == expected


def test_the_partition_of_a_ppi_is_the_fourth_cell() -> None:
    tree = board("rk3588-like")
    partition = tree.find(f"{RK_GIC}/ppi-partitions/interrupt-partition-0")
    assert partition is not None
    assert ends(tree, "/pmu-a55") == [(RK_GIC, (1, 7, 4, partition.phandle))]


def test_what_a_device_names_first_is_kept() -> None:
    tree = board("tricky")
    found = interrupts(tree, at(tree, "/bus@72000000/dev@1000"))
    assert [entry.first.path for entry in found.entries] == ["/bus@72000000"] * 2
    found = interrupts(tree, at(tree, "/touch@74010000"))
    assert [entry.first.path for entry in found.entries] == [GPIO]


def test_an_interrupt_without_an_entry_in_the_map_is_a_problem() -> None:
    message = "interrupt 0: interrupt-map of /bus@72000000 has no entry for it"
    assert problems(board("tricky"), "/bus@72000000/dev@4000") == (message,)


def test_a_node_without_interrupts() -> None:
    for path in ("/", "/nothing", "/psci"):
        found = interrupts(board("tricky"), at(board("tricky"), path))
        assert (found.entries, found.problems) == ((), ())


def test_many_interrupts() -> None:
    tree = board("rcar-gen4-spider")
    assert len(ends(tree, "/soc/ethernet@e6880000")) == 47
    assert len(ends(tree, "/soc/dma-controller@e7350000")) == 17


# --- small trees ---

TWO = """/ {
    interrupt-parent = <&one>;
    #address-cells = <1>; #size-cells = <1>;
    one: one { interrupt-controller; #interrupt-cells = <1>; };
    two: two { interrupt-controller; #interrupt-cells = <2>; };
    inherits { bus { dev { interrupts = <7>; }; }; };
    own { interrupt-parent = <&two>; dev { interrupts = <7 8>; };
        back { interrupt-parent = <&one>; dev { interrupts = <9>; }; }; };
    self { interrupt-parent = <&two>; interrupts = <1 2>, <3 4>; };
    extended { interrupts = <1>; interrupts-extended = <&two 5 6>, <&one 7>; };
    extended-empty { interrupts = <1>; interrupts-extended; };
    inside { interrupt-controller; #interrupt-cells = <2>; dev { interrupts = <1 2>; }; };
    none { interrupts; };
};"""


@needs_dtc
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/inherits/bus/dev", [("/one", (7,))]),
        ("/own/dev", [("/two", (7, 8))]),
        ("/own/back/dev", [("/one", (9,))]),
        ("/self", [("/two", (1, 2)), ("/two", (3, 4))]),
        ("/extended", [("/two", (5, 6)), ("/one", (7,))]),
        ("/extended-empty", []),
        ("/none", []),
    ],
)
def test_the_interrupt_parent_is_inherited(path: str, expected: Found) -> None:
    assert ends(compiled(TWO), path) == expected


@needs_dtc
def test_interrupt_parent() -> None:
    tree = compiled(TWO)

    def parent(path: str) -> str | None:
        found = interrupt_parent(tree, at(tree, path))
        return found.path if found else None

    assert parent("/inherits/bus/dev") == "/one"
    assert parent("/own") == "/two"
    assert parent("/own/back") == "/one"
    assert parent("/one") == "/one"
    # The tree parent is a controller: it counts before the interrupt-parent of the root.
    assert parent("/inside/dev") == "/inside"


@needs_dtc
def test_an_interrupt_parent_without_interrupt_cells_passes_on_to_its_own() -> None:
    tree = compiled(
        """/ { pic: pic { interrupt-controller; #interrupt-cells = <1>; };
            via: via { interrupt-parent = <&pic>; };
            dev { interrupt-parent = <&via>; interrupts = <3>; }; };"""
    )
    assert ends(tree, "/dev") == [("/pic", (3,))]


@needs_dtc
def test_a_domain_that_is_no_controller_passes_on_to_its_interrupt_parent() -> None:
    tree = compiled(
        """/ { pic: pic { interrupt-controller; #interrupt-cells = <1>; };
            via: via { interrupt-parent = <&pic>; #interrupt-cells = <1>; };
            dev { interrupt-parent = <&via>; interrupts = <3>; }; };"""
    )
    assert ends(tree, "/dev") == [("/pic", (3,))]


@needs_dtc
@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("/ { dev { interrupts = <1>; }; };", "without an interrupt parent"),
        ("/ { dev { interrupt-parent = <99>; interrupts = <1>; }; };", "interrupt parent"),
        ("/ { dev { interrupt-parent = <&p>; interrupts = <1>; }; p: p { }; };", "parent"),
        (
            """/ { dev { interrupt-parent = <&p>; interrupts = <1 2 3>; };
                p: p { interrupt-controller; #interrupt-cells = <2>; }; };""",
            "3 cells",
        ),
        (
            """/ { dev { interrupt-parent = <&p>; interrupts = [01 02]; };
                p: p { interrupt-controller; #interrupt-cells = <2>; }; };""",
            "interrupts has 2 bytes",
        ),
        (
            """/ { dev { interrupt-parent = <&p>; interrupts = <1>; };
                p: p { interrupt-controller; #interrupt-cells = <0>; }; };""",
            "not a multiple of",
        ),
        ("/ { dev { interrupts-extended = <99 1>; }; };", "names no node: phandle 0x63"),
        ("/ { dev { interrupts-extended = <0>; }; };", "names no node: phandle 0x0"),
        ("/ { dev { interrupts-extended = <&p 1>; }; p: p { }; };", "no #interrupt-cells"),
        (
            """/ { dev { interrupts-extended = <&p 1>, <&p>; };
                p: p { interrupt-controller; #interrupt-cells = <1>; }; };""",
            "ends inside of an entry",
        ),
        (
            """/ { dev { interrupt-parent = <&p>; interrupts = <1>; };
                p: p { #interrupt-cells = <1>; }; };""",
            "neither interrupt controller nor nexus",
        ),
    ],
)
def test_malformed_interrupts_are_one_problem(source: str, word: str) -> None:
    found = problems(compiled(source), "/dev")
    assert len(found) == 1
    assert word in found[0]


PLAIN = """/ { dev { interrupt-parent = <&p>; interrupts = <1>; };
    extended { interrupts-extended = <&p 1>; };
    p: p { interrupt-controller; #interrupt-cells = <1>; #address-cells = <0>; }; };"""


def changed(source: str, path: str, name: str, value: bytes) -> Tree:
    """A tree with one property set to bytes that some releases of dtc hang or crash on."""
    tree = compiled(source)
    at(tree, path).properties[name] = Property(name, value)
    return tree


@needs_dtc
@pytest.mark.parametrize(
    ("device", "path", "name", "value", "word"),
    [
        ("/dev", "/dev", "interrupt-parent", b"\1", "interrupt-parent has 1"),
        ("/dev", "/p", "#interrupt-cells", b"", "#interrupt-cells has 0 bytes"),
        ("/dev", "/p", "#interrupt-cells", b"\0\1", "#interrupt-cells has 2 bytes"),
        ("/dev", "/p", "#interrupt-cells", b"\xff" * 4, "out of range (0 to 16)"),
        ("/dev", "/p", "#address-cells", b"\0\1", "#address-cells has 2 bytes"),
        ("/extended", "/p", "#interrupt-cells", b"", "#interrupt-cells has 0 bytes"),
        ("/extended", "/p", "#interrupt-cells", b"\0\0\0\2", "ends inside of an entry"),
        ("/extended", "/extended", "interrupts-extended", b"\0", "interrupts-extended has 1"),
    ],
)
def test_malformed_bytes_are_one_problem(
    device: str, path: str, name: str, value: bytes, word: str
) -> None:
    found = problems(changed(PLAIN, path, name, value), device)
    assert len(found) == 1
    assert word in found[0]


@needs_dtc
@pytest.mark.parametrize(
    "source",
    [
        # Two domains that are each other's interrupt parent.
        """/ { dev { interrupt-parent = <&a>; interrupts = <1>; };
            a: a { #interrupt-cells = <1>; interrupt-parent = <&b>; };
            b: b { #interrupt-cells = <1>; interrupt-parent = <&a>; }; };""",
        # A nexus that maps to itself, and two that map to each other.
        """/ { dev { interrupt-parent = <&a>; interrupts = <1>; };
            a: a { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &a 1>; }; };""",
        """/ { dev { interrupt-parent = <&a>; interrupts = <1>; };
            a: a { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &b 2>; };
            b: b { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <2 &a 1>; }; };""",
    ],
)
def test_a_cycle_is_a_problem(source: str) -> None:
    found = problems(compiled(source), "/dev")
    assert len(found) == 1
    assert "cycle" in found[0]


@needs_dtc
def test_a_cycle_of_interrupt_parents_without_cells_ends() -> None:
    tree = compiled(
        """/ { dev { interrupt-parent = <&a>; interrupts = <1>; };
            a: a { interrupt-parent = <&b>; }; b: b { interrupt-parent = <&a>; }; };"""
    )
    assert interrupt_parent(tree, at(tree, "/dev")) is None
    assert len(problems(tree, "/dev")) == 1


# --- nexus ---


def nexus(body: str, device: str = "reg = <0x1000 0x10>; interrupts = <1>;") -> Tree:
    return compiled(
        f"""/ {{ #address-cells = <1>; #size-cells = <1>;
            pic: pic {{ interrupt-controller; #interrupt-cells = <2>; }};
            wide: wide {{ interrupt-controller; #interrupt-cells = <1>; #address-cells = <2>; }};
            nexus: nexus {{ #interrupt-cells = <1>; #address-cells = <1>; #size-cells = <1>;
                {body} dev {{ {device} }}; }}; }};"""
    )


@needs_dtc
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("interrupt-map = <0x1000 1 &pic 8 4>;", ("/pic", (8, 4))),
        ("interrupt-map = <0x1000 1 &wide 0x10 0x20 9>;", ("/wide", (9,))),
        # Entries before it whose parents have other cells than its own.
        ("interrupt-map = <0 1 &wide 1 2 3>, <0x1000 1 &pic 8 4>;", ("/pic", (8, 4))),
        ("interrupt-map = <0 1 &pic 1 2>, <0x1000 1 &wide 1 2 9>;", ("/wide", (9,))),
        # The first of two counts.
        ("interrupt-map = <0x1000 1 &pic 8 4>, <0x1000 1 &pic 9 4>;", ("/pic", (8, 4))),
        # The mask hides the address, or bits of both sides.
        ("interrupt-map-mask = <0 7>; interrupt-map = <0 1 &pic 8 4>;", ("/pic", (8, 4))),
        ("interrupt-map-mask = <0 7>; interrupt-map = <0xff00 9 &pic 8 4>;", ("/pic", (8, 4))),
        ("interrupt-map-mask = <0xf000 0>; interrupt-map = <0x1234 5 &pic 8 4>;", ("/pic", (8, 4))),
        ("interrupt-map-mask = <0 0>; interrupt-map = <9 9 &pic 8 4>;", ("/pic", (8, 4))),
    ],
)
def test_a_nexus_maps(body: str, expected: tuple[str, tuple[int, ...]]) -> None:
    assert ends(nexus(body), "/nexus/dev") == [expected]


@needs_dtc
def test_a_device_without_reg_has_the_unit_address_zero() -> None:
    assert ends(nexus("interrupt-map = <0 1 &pic 8 4>;", "interrupts = <1>;"), "/nexus/dev") == [
        ("/pic", (8, 4))
    ]


@needs_dtc
def test_a_nexus_behind_a_nexus_goes_on_with_the_unit_address_of_the_map() -> None:
    tree = compiled(
        """/ { #address-cells = <1>; #size-cells = <1>;
            pic: pic { interrupt-controller; #interrupt-cells = <1>; };
            outer: outer { #interrupt-cells = <1>; #address-cells = <2>;
                interrupt-map = <0 0x1000 2 &pic 1>, <0xa 0xb 2 &pic 42>; };
            nexus { #interrupt-cells = <1>; #address-cells = <1>; #size-cells = <1>;
                interrupt-map = <0x1000 1 &outer 0xa 0xb 2>;
                dev { reg = <0x1000 0x10>; interrupts = <1>; }; }; };"""
    )
    assert ends(tree, "/nexus/dev") == [("/pic", (42,))]


@needs_dtc
def test_interrupts_extended_may_name_a_nexus() -> None:
    tree = nexus(
        "interrupt-map = <0x1000 1 &pic 8 4>;",
        "reg = <0x1000 0x10>; interrupts-extended = <&pic 1 2>, <&nexus 1>;",
    )
    assert ends(tree, "/nexus/dev") == [("/pic", (1, 2)), ("/pic", (8, 4))]


@needs_dtc
def test_a_bad_interrupt_does_not_hide_its_neighbours() -> None:
    tree = nexus(
        "interrupt-map = <0x1000 1 &pic 8 4>, <0x1000 3 &pic 9 4>;",
        "reg = <0x1000 0x10>; interrupts = <1 2 3>;",
    )
    found = interrupts(tree, at(tree, "/nexus/dev"))
    assert [(entry.index, entry.specifier) for entry in found.entries] == [(0, (8, 4)), (2, (9, 4))]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("interrupt 1: ")


@needs_dtc
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("interrupt-map = <0x2000 1 &pic 8 4>;", "has no entry"),
        ("interrupt-map;", "has no entry"),
        ("interrupt-map = <0x1000 1 99 8 4>;", "names no node"),
        ("interrupt-map = <0x1000 1 &pic 8>;", "ends inside of an entry"),
        ("interrupt-map = <0x1000 1>;", "ends inside of an entry"),
        ("interrupt-map = <0x2000 1 &pic 8 4>, <0x1000>;", "ends inside of an entry"),
        ("interrupt-map = [00 01];", "interrupt-map has 2 bytes"),
        ("interrupt-map = <0x1000 1 &nocells 8>; nocells: x { };", "no #interrupt-cells"),
        ("interrupt-map-mask = <0>; interrupt-map = <0x1000 1 &pic 8 4>;", "interrupt-map-mask"),
        ("interrupt-map-mask = [00]; interrupt-map = <0x1000 1 &pic 8 4>;", "interrupt-map-mask"),
    ],
)
def test_a_malformed_nexus_is_one_problem(body: str, word: str) -> None:
    found = problems(nexus(body), "/nexus/dev")
    assert len(found) == 1
    assert word in found[0]


@contextmanager
def little_memory(more: int = 1 << 28) -> Iterator[None]:
    """Lets the process have so many more bytes of address space and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


NEXUS = """/ { pic: p { interrupt-controller; #interrupt-cells = <1>; };
    n: n { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &pic 2>; };
    dev { interrupt-parent = <&n>; interrupts = <1>; }; };"""


@needs_dtc
@pytest.mark.parametrize(("source", "path"), [(PLAIN, "/p"), (NEXUS, "/n")])
def test_absurd_address_cells_of_a_controller_cost_no_memory(source: str, path: str) -> None:
    tree = changed(source, path, "#address-cells", b"\xff\0\0\2")
    with little_memory():
        found = interrupts(tree, at(tree, "/dev"))
    assert len(found.entries) + len(found.problems) == 1
