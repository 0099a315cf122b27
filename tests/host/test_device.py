"""HostDevice: INTIDs, SCMI ids, IOMMUs, MSI and DMA evidence of the boards' devices, by hand."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.rows import Rows
from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.tree import Tree
from xenassign.host.device import (
    HostDevice,
    devices,
    iommus_problem,
    is_device,
    is_simple_bus,
    read_device,
)
from xenassign.host.platform import Platform, read_platform
from xenassign.host.scmi import ScmiId

BOARDS = Path(__file__).parents[2] / "fixtures" / "host_dtbs"
NAMES = sorted(path.stem for path in BOARDS.glob("*.dtb"))

needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


@cache
def platform(name: str) -> Platform:
    return read_platform(read_blob_file(BOARDS / f"{name}.dtb"))


def device(board: Platform, path: str) -> HostDevice:
    node = board.tree.find(path)
    assert node is not None, path
    return read_device(board, node)


def compiled(source: str) -> Platform:
    command = ["dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-"]
    text = f"/dts-v1/;\n{source}".encode()
    data = subprocess.run(command, input=text, capture_output=True, check=True).stdout
    return read_platform(read_blob(data))


def lines(found: HostDevice) -> list[tuple[int, str, str]]:
    return [(line.intid, line.kind, line.trigger) for line in found.interrupts]


MOTHERBOARD = "/bus@8000000/motherboard-bus@8000000"
IOFPGA = f"{MOTHERBOARD}/iofpga-bus@300000000"
HIGH = "level-high"


INTERRUPTS: tuple[tuple[str, str, list[tuple[int, str, str]]], ...] = (
    # Known from running Linux: ZynqMP's GEM3 has SPI 63 (INTID 95), its SD1 SPI 49 (INTID 81).
    ("zynqmp-zcu102", "/axi/ethernet@ff0e0000", [(95, "spi", HIGH)] * 2),
    ("zynqmp-zcu102", "/axi/mmc@ff170000", [(81, "spi", HIGH)]),
    ("qemu-virt-gicv3", "/pl011@9000000", [(33, "spi", HIGH)]),
    ("qemu-virt-gicv3", "/pl031@9010000", [(34, "spi", HIGH)]),
    ("qemu-virt-gicv3", "/virtio_mmio@a000000", [(48, "spi", "edge-rising")]),
    ("qemu-virt-gicv3", "/virtio_mmio@a003e00", [(79, "spi", "edge-rising")]),
    (
        "qemu-virt-gicv3",
        "/timer",
        [(29, "ppi", HIGH), (30, "ppi", HIGH), (27, "ppi", HIGH), (26, "ppi", HIGH)],
    ),
    ("rk3588-like", "/serial@feb50000", [(365, "spi", HIGH)]),
    ("rk3588-like", "/mmc@fe2e0000", [(237, "spi", HIGH)]),
    ("rk3588-like", "/pmu-a55", [(23, "ppi", HIGH)]),
    ("imx8-board", "/soc@0/bus@30800000/mmc@30b50000", [(55, "spi", HIGH)]),
    (
        "imx8-board",
        "/soc@0/bus@30800000/ethernet@30be0000",
        [(intid, "spi", HIGH) for intid in (150, 151, 152, 153)],
    ),
    ("juno-like", f"{MOTHERBOARD}/ethernet@200000000", [(192, "spi", HIGH)]),
    ("juno-like", f"{IOFPGA}/kmi@60000", [(197, "spi", HIGH)]),
    ("juno-like", "/tlx-bus@60000000/fpga-block@1000", [(200, "spi", HIGH)]),
    ("juno-like", "/gpu@2d000000", [(65, "spi", HIGH), (66, "spi", HIGH), (64, "spi", HIGH)]),
    ("ti-k3-like", "/bus@f0000/ethernet@8000000/cpts@3d000", [(134, "spi", HIGH)]),
    ("ti-k3-like", "/bus@f0000/serial@2800000", [(210, "spi", HIGH)]),
    ("tricky", "/dev@74030000", [(103, "spi", HIGH)]),
    ("tricky", "/dev@74040000", [(31, "ppi", HIGH)]),
    ("tricky", "/dev@74050000", [(105, "spi", HIGH), (30, "ppi", HIGH)]),
    ("tricky", "/dev@74060000", [(4100, "espi", HIGH)]),
    ("tricky", "/dev@74070000", [(1058, "eppi", HIGH)]),
    ("tricky", "/dev@74080000", [(32, "spi", HIGH)]),
    ("tricky", "/dev@74090000", [(33, "spi", HIGH), (34, "spi", HIGH), (35, "spi", HIGH)]),
    (
        "tricky",
        "/dev@740e0000",
        [
            (122, "spi", "edge-rising"),
            (123, "spi", "edge-falling"),
            (124, "spi", HIGH),
            (125, "spi", "level-low"),
            (126, "spi", "none"),
        ],
    ),
    ("tricky", "/bus@72000000/dev@1000", [(82, "spi", HIGH), (83, "spi", "edge-rising")]),
    ("tricky", "/bus@72000000/dev@13000", [(84, "spi", HIGH)]),
    ("tricky", "/bus@72000000/dev@2000", []),
    ("tricky", "/touch@74010000", []),
)


def test_interrupts(rows: Rows) -> None:
    for name, path, expected in INTERRUPTS:
        with rows(name, path, expected):
            assert lines(device(platform(name), path)) == expected


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("tricky", "/touch@74010000", [("/gpio@74000000", (5, 8))]),
        ("tricky", "/bus@72000000/dev@2000", [("/interrupt-controller@f2000000", (7, 4))]),
        (
            "tricky",
            "/dev@74020000",
            [("/gpio@74000000", (7, 8)), ("/interrupt-controller@f2000000", (3, 4))],
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
        ("tricky", "/dev@740e0000", []),
    ],
)
def test_other_interrupts(name: str, path: str, expected: list[tuple[str, object]]) -> None:
    found = device(platform(name), path)
    assert [(o.controller.path, o.specifier) for o in found.other_interrupts] == expected


def test_interrupts_keep_their_index_among_those_of_other_controllers() -> None:
    found = device(platform("tricky"), "/dev@74020000")
    assert [(line.index, line.intid) for line in found.interrupts] == [(0, 92), (2, 93)]
    assert [other.index for other in found.other_interrupts] == [1, 3]


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/bus@72000000/dev@4000", "has no entry"),
        ("/bus@800000000/dev@20000000", "in no entry of the ranges"),
    ],
)
def test_problems_are_listed(path: str, word: str) -> None:
    (problem,) = device(platform("tricky"), path).problems
    assert word in problem


@needs_dtc
def test_a_specifier_that_the_gic_does_not_know_is_a_problem() -> None:
    board = compiled(
        """/ { interrupt-parent = <&gic>;
            gic: gic { compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>; };
            dev { compatible = "x"; interrupts = <7 1 4>, <0 1 4>; }; };"""
    )
    found = device(board, "/dev")
    assert [line.intid for line in found.interrupts] == [33]
    assert found.problems == ("interrupt 0: no such GIC specifier (7, 1, 4)",)


@needs_dtc
def test_without_a_gic_every_interrupt_is_another_controllers() -> None:
    board = compiled(
        """/ { pic: pic { interrupt-controller; #interrupt-cells = <3>; };
            dev { compatible = "x"; interrupt-parent = <&pic>; interrupts = <0 1 4>; }; };"""
    )
    found = device(board, "/dev")
    assert found.interrupts == ()
    assert [other.specifier for other in found.other_interrupts] == [(0, 1, 4)]


# --- SCMI ---


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("rk3588-like", "/mmc@fe2c0000", [("clock", 23), ("clock", 9)]),
        ("rk3588-like", "/rng@fe378000", [("clock", 17), ("reset", 48)]),
        ("rk3588-like", "/mmc@fe2e0000", []),
        ("juno-like", "/gpu@2d000000", [("performance", 2), ("power-domain", 9)]),
        ("juno-like", "/hdlcd@7ff60000", [("clock", 3)]),
        (
            "juno-like",
            "/fan-controller",
            [("sensor", 0), ("sensor", 3), ("performance", 0)],
        ),
        ("juno-like", "/iommu@2b400000", [("power-domain", 9)]),
        ("juno-like", "/serial@7ff70000", []),
        ("tricky", "/dev@79040000", []),
    ],
)
def test_scmi_ids(name: str, path: str, expected: list[tuple[str, int]]) -> None:
    found = device(platform(name), path).scmi
    assert [(scmi.protocol, scmi.id) for scmi in found] == expected


SCMI = """/ {
    firmware { scmi: scmi { compatible = "arm,scmi-smc"; #address-cells = <1>; #size-cells = <0>;
        #access-controller-cells = <1>;
        pd: protocol@11 { reg = <0x11>; #power-domain-cells = <1>; };
        perf: protocol@13 { reg = <0x13>; #performance-domain-cells = <1>; };
        clk: protocol@14 { reg = <0x14>; #clock-cells = <1>; };
        rst: protocol@16 { reg = <0x16>; #reset-cells = <1>; };
        volt: protocol@17 { reg = <0x17>; regulators { #address-cells = <1>; #size-cells = <0>;
            vdd: regulator@5 { reg = <5>; }; }; };
        pin: protocol@19 { reg = <0x19>; group: group { }; };
        unknown: protocol@80 { reg = <0x80>; #clock-cells = <1>; }; }; };
    firewall: firewall { #access-controller-cells = <1>; };
    osc: osc { #clock-cells = <0>; };
    dev { compatible = "x";
        clocks = <&clk 1>, <&osc>, <&clk 2>, <&clk 1>, <0>, <&unknown 3>;
        assigned-clocks = <&clk 2>;
        resets = <&rst 4>;
        power-domains = <&pd 6>;
        performance-domains = <&perf 7>;
        vdd-supply = <&vdd>;
        pinctrl-0 = <&group>;
        access-controllers = <&firewall 8>, <&scmi 9>;
    };
    shared { compatible = "arm,scmi-shmem"; };
};"""


@needs_dtc
def test_scmi_ids_of_every_protocol_each_once() -> None:
    assert device(compiled(SCMI), "/dev").scmi == (
        ScmiId("clock", 1),
        ScmiId("clock", 2),
        ScmiId("reset", 4),
        ScmiId("power-domain", 6),
        ScmiId("performance", 7),
        ScmiId("voltage", 5),
        ScmiId("access", 9),
    )


# --- IOMMUs, MSI, DMA ---


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("zynqmp-zcu102", "/axi/ethernet@ff0e0000", [("/axi/iommu@fd800000", (0x877,))]),
        ("imx8-board", "/soc@0/bus@30800000/mmc@30b50000", [("/iommu@51400000", (0x11, 0x7F80))]),
        (
            "tricky",
            "/dma@78050000",
            [("/iommu@f3100000", (0x30,)), ("/iommu@f3000000", (2,))],
        ),
        ("tricky", "/vpu@78060000", [("/iommu@f3300000", ())]),
        ("juno-like", "/dma-controller@7ff00000", [("/iommu@7fb00000", (n,)) for n in range(9)]),
        ("zynqmp-zcu102", "/axi/gpu@fd4b0000", []),
    ],
)
def test_iommus(name: str, path: str, expected: list[tuple[str, object]]) -> None:
    found = device(platform(name), path).iommus
    assert [(use.node.path if use.node else None, use.args) for use in found] == expected
    assert not any(use.legacy for use in found)


def test_an_smmu_of_the_legacy_binding_lists_the_device() -> None:
    found = device(platform("juno-like"), "/hdlcd@7ff60000")
    (use,) = found.iommus
    assert use.node is not None
    assert (use.node.path, use.args, use.legacy) == ("/iommu@7fb20000", (0,), True)
    assert found.dma.answer == "yes"
    assert "mmu-masters" in found.dma.evidence


@needs_dtc
def test_iommus_that_cannot_be_read_to_the_end() -> None:
    board = compiled(
        """/ { smmu: smmu { #iommu-cells = <1>; };
            good { iommus = <&smmu 1>; };
            bad { compatible = "x"; iommus = <&smmu 1>, <&smmu>; };
            none { }; };"""
    )
    good, bad, none = (board.tree.find(path) for path in ("/good", "/bad", "/none"))
    assert good is not None
    assert bad is not None
    assert none is not None
    assert iommus_problem(board, good) is None
    assert iommus_problem(board, none) is None
    assert iommus_problem(board, bad) == "iommus ends inside of entry 1"
    found = device(board, "/bad")
    assert len(found.iommus) == 1
    assert found.problems == ("iommus: iommus ends inside of entry 1",)
    assert found.dma.answer == "yes"


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("tricky", "/dev@77800000", ("msi-parent",)),
        ("tricky", "/pcie@75000000", ("msi-map",)),
        ("juno-like", "/pcie@40000000", ("msi-parent",)),
        ("rk3588-like", "/pcie@fe190000", ("msi-map",)),
        ("tricky", "/dev@740e0000", ()),
    ],
)
def test_msi(name: str, path: str, expected: tuple[str, ...]) -> None:
    assert device(platform(name), path).msi == expected


@pytest.mark.parametrize(
    ("name", "path", "answer"),
    [
        ("zynqmp-zcu102", "/axi/ethernet@ff0e0000", "yes"),
        ("zynqmp-zcu102", "/axi/gpu@fd4b0000", "yes"),
        ("zynqmp-zcu102", "/axi/pcie@fd0e0000", "yes"),
        ("zynqmp-zcu102", "/axi/watchdog@fd4d0000", "no"),
        ("zynqmp-zcu102", "/axi/serial@ff010000", "no"),
        ("qemu-virt-gicv3", "/pl061@9030000", "no"),
        ("qemu-virt-gicv3", "/pl031@9010000", "no"),
        ("qemu-virt-gicv3", "/virtio_mmio@a000000", "yes"),
        ("qemu-virt-gicv3", "/fw-cfg@9020000", "yes"),
        ("qemu-virt-gicv3", "/pcie@10000000", "yes"),
        ("rcar-gen4-spider", "/soc/ufs@e6860000", "yes"),
        ("imx8-board", "/soc@0/bus@30800000/ethernet@30bf0000", "yes"),
        ("tricky", "/iommu-only", "yes"),
        ("tricky", "/dev@740e0000", "unknown"),
        ("tricky", "/bus@7b000000", "no"),
    ],
)
def test_dma(name: str, path: str, answer: str) -> None:
    found = device(platform(name), path).dma
    assert found.answer == answer
    assert found.evidence


@needs_dtc
@pytest.mark.parametrize(
    ("properties", "answer"),
    [
        ("dma-coherent;", "yes"),
        ("dma-noncoherent;", "yes"),
        ("dma-ranges;", "yes"),
        ("iommus = <0>;", "yes"),
        ("iommu-map = <0 0 0 0>;", "yes"),
        ('device_type = "pci";', "yes"),
        ("", "unknown"),
    ],
)
def test_what_a_tree_says_about_dma(properties: str, answer: str) -> None:
    board = compiled(f'/ {{ dev {{ compatible = "nobody,knows-this"; {properties} }}; }};')
    assert device(board, "/dev").dma.answer == answer


def test_windows_of_a_pci_host() -> None:
    found = device(platform("tricky"), "/pcie@75000000")
    assert [(w.address, w.size) for w in found.windows] == [(0x7600_0000, 0x100_0000)]
    assert [(b.address, b.size) for b in found.blocks] == [(0x7500_0000, 0x100_0000)]


# --- what is a device ---


def tree(name: str) -> Tree:
    return platform(name).tree


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/irq-only", True),
        ("/iommu-only", True),
        ("/nothing", False),
        ("/dev@74020000", True),
        ("/dev@77800000", True),
        ("/dev@7d000000", True),
        ("/wrapper@7a000000", True),
        ("/wrapper@7a000000/glue", True),
        ("/wrapper@7a000000/glue/core@7a100000", True),
        ("/bus@60000000/dev@60001000", True),
        ("/bus@7b000000", False),
        ("/memory@80000000", False),
        ("/cpus/cpu@0", False),
        ("/efuse@79010000/mac@10", False),
        ("/", False),
    ],
)
def test_which_nodes_are_devices(path: str, expected: bool) -> None:
    node = tree("tricky").find(path)
    assert node is not None
    assert is_device(node) is expected


@pytest.mark.parametrize("name", NAMES)
def test_devices_come_in_the_order_of_the_tree(name: str) -> None:
    expected = [node.path for node in tree(name).nodes() if is_device(node)]
    assert [found.path for found in devices(platform(name))] == expected
    assert len(expected) > 20


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("imx8-board", "/soc@0/bus@30800000", True),
        ("ti-k3-like", "/bus@f0000/bus@fc00000", True),
        ("tricky", "/bus@7b000000", True),
        ("tricky", "/bus@60000000", False),
        ("rk3588-like", "/syscon@fd5d8000", False),
        ("tricky", "/wrapper@7a000000", False),
    ],
)
def test_which_nodes_are_buses(name: str, path: str, expected: bool) -> None:
    node = tree(name).find(path)
    assert node is not None
    assert is_simple_bus(node) is expected
