"""What the devices of a board share: GIC, MSI, IOMMUs, SCMI, memory, console."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.gic import GicInterrupt, decode, primary_gic
from xenassign.host.platform import Platform, read_platform

BOARDS = Path(__file__).parents[2] / "fixtures" / "host_dtbs"
NAMES = sorted(path.stem for path in BOARDS.glob("*.dtb"))

needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


@cache
def platform(name: str) -> Platform:
    return read_platform(read_blob_file(BOARDS / f"{name}.dtb"))


def compiled(source: str) -> Tree:
    command = ["dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-"]
    text = f"/dts-v1/;\n{source}".encode()
    return read_blob(subprocess.run(command, input=text, capture_output=True, check=True).stdout)


def path(node: Node | None) -> str | None:
    return node.path if node else None


# --- GIC ---


@pytest.mark.parametrize(
    ("name", "expected", "version"),
    [
        ("imx8-board", "/soc@0/interrupt-controller@38800000", 3),
        ("juno-like", "/interrupt-controller@2c010000", 2),
        ("qemu-virt-gicv3", "/intc@8000000", 3),
        ("rcar-gen4-spider", "/soc/interrupt-controller@f1000000", 3),
        ("rk3588-like", "/interrupt-controller@fe600000", 3),
        ("ti-k3-like", "/bus@f0000/interrupt-controller@1800000", 3),
        ("tricky", "/interrupt-controller@f1000000", 3),
        ("zynqmp-zcu102", "/axi/interrupt-controller@f9010000", 2),
    ],
)
def test_the_gic(name: str, expected: str, version: int) -> None:
    gic = platform(name).gic
    assert gic is not None
    assert (gic.node.path, gic.version) == (expected, version)


GICS = """/ {{
    a {{ compatible = "arm,gic-v3"; }};
    b {{ compatible = "other,intc"; interrupt-controller; #interrupt-cells = <1>;
        c {{ {c} compatible = "x,y", "arm,gic-400";
            interrupt-controller; #interrupt-cells = <3>; }};
    }};
    d {{ compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>; }};
}};"""


@needs_dtc
def test_the_first_gic_that_is_an_interrupt_controller_counts() -> None:
    gic = primary_gic(compiled(GICS.format(c="")))
    assert gic is not None
    assert (gic.node.path, gic.version) == ("/b/c", 2)


@needs_dtc
@pytest.mark.parametrize("mark", ['status = "disabled";', "xen,passthrough;"])
def test_a_gic_that_xen_leaves_out_is_not_the_primary_one(mark: str) -> None:
    gic = primary_gic(compiled(GICS.format(c=mark)))
    assert gic is not None
    assert (gic.node.path, gic.version) == ("/d", 3)


@needs_dtc
def test_a_board_without_a_gic() -> None:
    assert read_platform(compiled("/ { };")).gic is None


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        ((0, 0, 4), (32, "spi", "level-high")),
        ((0, 1, 1), (33, "spi", "edge-rising")),
        ((0, 2, 2), (34, "spi", "edge-falling")),
        ((0, 987, 8), (1019, "spi", "level-low")),
        ((0, 5, 0), (37, "spi", "none")),
        ((0, 5, 3), (37, "spi", "none")),
        ((1, 9, 0xF04), (25, "ppi", "level-high")),
        ((1, 15, 4), (31, "ppi", "level-high")),
        ((2, 0, 4), (4096, "espi", "level-high")),
        ((2, 4, 1), (4100, "espi", "edge-rising")),
        ((3, 2, 4), (1058, "eppi", "level-high")),
        ((0, 203, 4, 0), (235, "spi", "level-high")),
        ((1, 7, 4, 0x1234), (23, "ppi", "level-high")),
    ],
)
def test_what_a_specifier_means(specifier: tuple[int, ...], expected: tuple[int, str, str]) -> None:
    intid, kind, trigger = expected
    cells = (specifier[0], specifier[1], specifier[2])
    assert decode(7, specifier) == GicInterrupt(7, intid, kind, trigger, cells)


@pytest.mark.parametrize("specifier", [(), (0,), (0, 1), (4, 1, 4), (0xFFFFFFFF, 1, 4)])
def test_specifiers_without_meaning(specifier: tuple[int, ...]) -> None:
    assert decode(0, specifier) is None


# --- MSI ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qemu-virt-gicv3", [("/intc@8000000/its@8080000", "its")]),
        (
            "rk3588-like",
            [
                ("/interrupt-controller@fe600000", "other"),
                ("/interrupt-controller@fe600000/msi-controller@fe640000", "its"),
                ("/interrupt-controller@fe600000/msi-controller@fe660000", "its"),
            ],
        ),
        (
            "juno-like",
            [
                (f"/interrupt-controller@2c010000/v2m@{offset}", "v2m")
                for offset in ("0", "10000", "20000", "30000")
            ],
        ),
        (
            "tricky",
            [
                ("/interrupt-controller@f1000000/its@f1020000", "its"),
                ("/interrupt-controller@f1000000/v2m@f1200000", "v2m"),
            ],
        ),
        (
            "ti-k3-like",
            [
                ("/bus@f0000/interrupt-controller@1800000/msi-controller@1820000", "its"),
                ("/bus@f0000/bus@48000000/interrupt-controller@48000000", "other"),
            ],
        ),
        ("zynqmp-zcu102", [("/axi/pcie@fd0e0000", "other")]),
        ("imx8-board", []),
        ("rcar-gen4-spider", []),
    ],
)
def test_msi_controllers(name: str, expected: list[tuple[str, str]]) -> None:
    assert [(msi.node.path, msi.kind) for msi in platform(name).msi] == expected


# --- IOMMUs ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "tricky",
            [
                ("/iommu@f3000000", False),
                ("/iommu@f3100000", True),
                ("/iommu@f3200000", True),
                ("/iommu@f3300000", True),
                ("/iommu@f3400000", True),
                ("/iommu@f3500000", True),
            ],
        ),
        (
            "juno-like",
            [
                ("/iommu@2b400000", False),
                ("/iommu@2b500000", True),
                ("/iommu@7fb00000", True),
                ("/iommu@7fb20000", True),
                ("/iommu@7fb30000", True),
            ],
        ),
        ("rk3588-like", [("/iommu@fc900000", False), ("/iommu@fdb50800", True)]),
        ("zynqmp-zcu102", [("/axi/iommu@fd800000", True)]),
        ("imx8-board", [("/iommu@51400000", True), ("/soc@0/bus@32c00000/iommu@32fc7000", True)]),
        (
            "rcar-gen4-spider",
            [
                ("/soc/iommu@ee480000", True),
                ("/soc/iommu@eed00000", True),
                ("/soc/iommu@eed40000", True),
                ("/soc/iommu@eefc0000", True),
            ],
        ),
        ("ti-k3-like", []),
        ("qemu-virt-gicv3", []),
    ],
)
def test_iommus(name: str, expected: list[tuple[str, bool]]) -> None:
    found = [(iommu.node.path, iommu.available) for iommu in platform(name).iommus]
    assert found == expected


def test_the_legacy_binding_lists_its_masters() -> None:
    listed = {
        iommu.node.path: [(node.path, streams) for node, streams in iommu.masters]
        for iommu in platform("juno-like").iommus
        if iommu.masters
    }
    assert listed == {"/iommu@7fb20000": [("/hdlcd@7ff60000", (0,))]}
    juno = platform("juno-like")
    hdlcd = juno.tree.find("/hdlcd@7ff60000")
    assert hdlcd is not None
    assert [(iommu.node.path, ids) for iommu, ids in juno.masters[hdlcd]] == [
        ("/iommu@7fb20000", (0,))
    ]


LEGACY = """/ {{
    a: a {{ #stream-id-cells = <2>; }};
    b: b {{ #stream-id-cells = <1>; }};
    bare: bare {{ }};
    smmu {{ compatible = "arm,mmu-500"; mmu-masters = {masters}; }};
    other {{ compatible = "arm,smmu-v2"; mmu-masters = <&b 9>; }};
}};"""


@needs_dtc
def test_masters_with_several_stream_ids_and_several_smmus() -> None:
    found = read_platform(compiled(LEGACY.format(masters="<&a 1 2>, <&b 3>")))
    first, second = found.iommus
    assert [(node.path, ids) for node, ids in first.masters] == [("/a", (1, 2)), ("/b", (3,))]
    b = found.tree.find("/b")
    assert b is not None
    assert [(iommu.node.path, ids) for iommu, ids in found.masters[b]] == [
        ("/smmu", (3,)),
        ("/other", (9,)),
    ]
    assert second.node.path == "/other"


@needs_dtc
@pytest.mark.parametrize(
    ("masters", "expected"),
    [
        ("<&b 3>, <&bare 1>, <&b 4>", [("/b", (3,))]),
        ("[00 01]", []),
        ("<&b 3>, <0x99>, <&b 4>", [("/b", (3,))]),
    ],
)
def test_strange_masters_are_left_out(masters: str, expected: list[tuple[str, object]]) -> None:
    found = read_platform(compiled(LEGACY.format(masters=masters)))
    assert [(node.path, ids) for node, ids in found.iommus[0].masters] == expected


# --- SCMI ---


def test_scmi_by_smc() -> None:
    (provider,) = platform("rk3588-like").scmi
    assert provider.node.path == "/firmware/scmi"
    assert (provider.transport, provider.protocols) == ("smc", (0x14, 0x16))


def test_scmi_by_mailbox() -> None:
    (provider,) = platform("juno-like").scmi
    assert (provider.transport, provider.protocols) == ("mailbox", (0x11, 0x13, 0x14, 0x15))


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("rk3588-like", "juno-like")])
def test_boards_without_scmi(name: str) -> None:
    assert platform(name).scmi == ()


@needs_dtc
@pytest.mark.parametrize(
    ("compatible", "transport"),
    [
        ("arm,scmi", "mailbox"),
        ("arm,scmi-smc", "smc"),
        ("arm,scmi-smc-param", "smc-param"),
        ("linaro,scmi-optee", "optee"),
        ("arm,scmi-virtio", "virtio"),
    ],
)
def test_scmi_transports(compatible: str, transport: str) -> None:
    found = read_platform(
        compiled(
            f"""/ {{ scmi {{ compatible = "{compatible}"; #address-cells = <1>; #size-cells = <0>;
                protocol@19 {{ reg = <0x19>; }}; protocol@10 {{ reg = [01]; }};
                protocol@11 {{ reg = <0x11 0>; }}; other@14 {{ reg = <0x14>; }}; }}; }};"""
        )
    )
    (provider,) = found.scmi
    assert (provider.transport, provider.protocols) == (transport, (0x19,))


# --- memory and console ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qemu-virt-gicv3", [(0x4000_0000, 0xC000_0000)]),
        ("zynqmp-zcu102", [(0, 0x8000_0000), (0x8_0000_0000, 0x8000_0000)]),
        (
            "imx8-board",
            [
                (0x4000_0000, 0x1000_0000),
                (0x6000_0000, 0xA000_0000),
                (0x1_0000_0000, 0xC000_0000),
            ],
        ),
        ("rcar-gen4-spider", [(0x4800_0000, 0x7800_0000), (0x4_8000_0000, 0x8000_0000)]),
        ("juno-like", [(0x8000_0000, 0x7F00_0000), (0x8_8000_0000, 0x1_8000_0000)]),
        ("rk3588-like", [(0x20_0000, 0xEFE0_0000), (0x1_0000_0000, 0x3_0000_0000)]),
        ("ti-k3-like", [(0x8000_0000, 0x8000_0000)]),
        ("tricky", [(0x8000_0000, 0x6000_0000), (0x80_0000_0000, 0x1_0000_0000)]),
    ],
)
def test_memory(name: str, expected: list[tuple[int, int]]) -> None:
    assert [(block.address, block.size) for block in platform(name).memory] == expected


def test_reserved_memory() -> None:
    found = [(node.path, block.address, block.size) for node, block in platform("tricky").reserved]
    assert found == [
        ("/reserved-memory/firmware@90000000", 0x9000_0000, 0x10_0000),
        ("/reserved-memory/pool@91000000", 0x9100_0000, 0x40_0000),
    ]
    assert platform("qemu-virt-gicv3").reserved == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qemu-virt-gicv3", "/pl011@9000000"),
        ("zynqmp-zcu102", "/axi/serial@ff000000"),
        ("imx8-board", "serial@30890000"),
        ("rcar-gen4-spider", "/soc/serial@e6540000"),
        ("juno-like", "/serial@7ff80000"),
        ("rk3588-like", "/serial@feb50000"),
        ("ti-k3-like", "/bus@f0000/serial@2800000"),
        ("tricky", "/serial@f5000000"),
    ],
)
def test_the_console(name: str, expected: str) -> None:
    node = platform(name).console
    assert node is not None
    assert node.path.endswith(expected)


DOM0_LINE = 'bootargs = "dtuart=/other"; module {{ compatible = {}; bootargs = "{}"; }};'


@needs_dtc
@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ('stdout-path = "/uart";', "/uart"),
        ('stdout-path = "/uart:115200n8";', "/uart"),
        ('stdout-path = "s0";', "/uart"),
        ('stdout-path = "s0:9600";', "/uart"),
        ('linux,stdout-path = "/uart";', "/uart"),
        ('stdout-path = "s1";', None),
        ('stdout-path = "/none";', None),
        ('stdout-path = "";', None),
        ("stdout-path;", None),
        ("stdout-path = <1>;", None),
        ("", None),
        ('stdout-path = "/uart"; xen,xen-bootargs = "dtuart=/other:9600";', "/other"),
        ('stdout-path = "/other"; xen,xen-bootargs = "console=dtuart dtuart=s0";', "/uart"),
        ('stdout-path = "/other"; xen,xen-bootargs = "dtuart=/none";', None),
        ('stdout-path = "/uart"; xen,xen-bootargs = "console=none sched=null";', None),
        ('stdout-path = "/uart"; xen,xen-bootargs = "sched=null";', "/uart"),
        # boot_fdt_cmdline: bootargs is Xen's if dom0's command line is elsewhere
        ('bootargs = "dtuart=/other"; stdout-path = "/uart";', "/uart"),
        ('bootargs = "dtuart=/other"; xen,dom0-bootargs = "";', "/other"),
        ('bootargs = "dtuart=/other"; xen,xen-bootargs = ""; xen,dom0-bootargs = "";', None),
        (DOM0_LINE.format('"multiboot,kernel", "multiboot,module"', "console=hvc0"), "/other"),
        (DOM0_LINE.format('"xen,linux-zimage", "xen,multiboot-module"', "a"), "/other"),
        (DOM0_LINE.format('"multiboot,kernel", "multiboot,module"', ""), None),
        (DOM0_LINE.format('"multiboot,ramdisk", "multiboot,module"', "a"), None),
        (DOM0_LINE.format('"multiboot,kernel"', "a"), None),
        # process_multiboot_node: the first module without a kind is the kernel
        (DOM0_LINE.format('"multiboot,module"', "a"), "/other"),
        (
            DOM0_LINE.format('"multiboot,module"', "")
            + 'initrd { compatible = "multiboot,module"; bootargs = "a"; };',
            None,
        ),
    ],
)
def test_the_console_is_that_of_the_command_line_or_of_stdout_path(
    chosen: str, expected: str | None
) -> None:
    source = (
        f"""/ {{ aliases {{ s0 = "/uart"; }}; chosen {{ {chosen} }}; uart {{ }}; other {{ }}; }};"""
    )
    assert path(read_platform(compiled(source)).console) == expected


@needs_dtc
def test_no_chosen_node() -> None:
    assert read_platform(compiled("/ { };")).console is None


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("qemu-virt-gicv3", "linux,dummy-virt"),
        ("tricky", "xenassign fixture: tricky"),
    ],
)
def test_the_model(name: str, model: str) -> None:
    assert platform(name).model == model


@needs_dtc
def test_the_model_of_a_board_that_states_none() -> None:
    assert read_platform(compiled('/ { compatible = "a,b", "c"; };')).model == "a,b"
    assert read_platform(compiled("/ { };")).model == ""
