"""The forms of Xen's own documents, on boards that they fit: the lint reports nothing.

docs/misc/arm: passthrough.txt (both routes), passthrough-noiommu.txt, device-tree/booting.txt;
features/dom0less.pandoc, misc/efi.pandoc, misc/cache-coloring.rst, arm-scmi.rst. The inputs are
ours: the same properties and the same layout, other devices and numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.rows import Rows
from xenassign.host.load import read_host
from xenassign.linting.documents import read_document, read_tree_file
from xenassign.linting.linter import Options, lint
from xenassign.xen.releases import RELEASES, release

#: A board with an SMMU, a network card behind it that is for a guest, and SCMI.
BOARD = """
/dts-v1/;
/ {
    model = "Example"; compatible = "example,board";
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    aliases { serial0 = &uart; };
    cpus {
        #address-cells = <1>; #size-cells = <0>;
        cpu@0 { compatible = "arm,cortex-a53"; reg = <0>; device_type = "cpu"; };
        cpu@1 { compatible = "arm,cortex-a53"; reg = <1>; device_type = "cpu"; };
    };
    memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x80000000>; };
    gic: interrupt-controller@f9010000 {
        compatible = "arm,gic-400"; #interrupt-cells = <3>; interrupt-controller;
        reg = <0 0xf9010000 0 0x10000>, <0 0xf9020000 0 0x20000>;
    };
    firmware {
        scmi {
            compatible = "arm,scmi-smc"; arm,smc-id = <0x82000010>; shmem = <&shmem>;
            #address-cells = <1>; #size-cells = <0>;
            protocol@14 { reg = <0x14>; #clock-cells = <1>; };
        };
    };
    shmem: sram@3ff0000 { compatible = "arm,scmi-shmem"; reg = <0 0x3ff0000 0 0x1000>; };
    soc {
        compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges;
        smmu: iommu@fd800000 {
            compatible = "arm,mmu-500"; reg = <0 0xfd800000 0 0x20000>; #iommu-cells = <1>;
            #global-interrupts = <1>; interrupts = <0 155 4>, <0 156 4>;
        };
        uart: serial@ff000000 {
            compatible = "arm,pl011"; reg = <0 0xff000000 0 0x1000>; interrupts = <0 21 4>;
        };
        ethernet@ff0c0000 {
            compatible = "cdns,zynqmp-gem"; reg = <0 0xff0c0000 0 0x1000>;
            interrupts = <0 59 4>, <0 59 4>; iommus = <&smmu 0x875>; xen,passthrough;
        };
        ethernet@ff0d0000 {
            compatible = "cdns,zynqmp-gem"; reg = <0 0xff0d0000 0 0x1000>;
            interrupts = <0 61 4>, <0 61 4>; xen,passthrough;
        };
    };
    chosen { #address-cells = <1>; #size-cells = <1>; stdout-path = "serial0"; };
};
"""

CLOCK = """
    clk: clk { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <125000000>; };
"""
CLOCKS = 'clocks = <&clk &clk &clk &clk>; clock-names = "pclk", "hclk", "tx_clk", "rx_clk";'

#: For xl: neither interrupt-parent nor xen,path, at an address that is free in the guest.
CLASSIC = f"""
/dts-v1/;
/ {{
    #address-cells = <2>; #size-cells = <2>;
    aliases {{ net = &mac; }};
    passthrough {{
        compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>;
        {CLOCK}
        mac: ethernet@12000000 {{
            compatible = "cdns,zynqmp-gem"; reg = <0 0x12000000 0 0x1000>; {CLOCKS}
            interrupts = <0 59 4  0 59 4>;
        }};
    }};
}};
"""
CLASSIC_CFG = """
name = "net"
kernel = "/root/Image"
memory = 512
device_tree = "/root/net.dtb"
dtdev = [ "/soc/ethernet@ff0c0000" ]
irqs = [ 91 ]
iomem = [ "0xff0c0,1@0x12000" ]
"""

#: For dom0less: a node /gic as a placeholder, and other cells.
PLACEHOLDER = f"""
/dts-v1/;
/ {{
    #address-cells = <2>; #size-cells = <1>;
    gic: gic {{ #interrupt-cells = <3>; interrupt-controller; }};
    passthrough {{
        compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <1>;
        {CLOCK}
        ethernet@ff0c0000 {{
            compatible = "cdns,zynqmp-gem"; status = "okay"; reg = <0 0xff0c0000 0x1000>;
            {CLOCKS} #address-cells = <1>; #size-cells = <0>;
            interrupt-parent = <&gic>; interrupts = <0 59 4 0 59 4>;
            xen,path = "/soc/ethernet@ff0c0000";
            xen,reg = <0x0 0xff0c0000 0x1000 0x0 0xff0c0000>;
            phy@7 {{ reg = <7>; ti,fifo-depth = <1>; }};
        }};
    }};
}};
"""

#: Without an IOMMU, for a domain at the host's addresses.
FORCED = PLACEHOLDER.replace("ff0c0000", "ff0d0000").replace("0 59 4", "0 61 4")
FORCED = FORCED.replace("phy@7", "xen,force-assign-without-iommu; phy@7")

KERNEL = """
    module@42000000 {
        compatible = "multiboot,kernel", "multiboot,module"; reg = <0x42000000 0xffffff>;
        bootargs = "console=ttyAMA0";
    };
"""
RAMDISK = """
    module@44000000 {
        compatible = "multiboot,ramdisk", "multiboot,module"; reg = <0x44000000 0xffffff>;
    };
"""


def domain(*lines: str, name: str = "domU1", modules: str = KERNEL) -> str:
    """A board with a domain in /chosen. ``modules``: its nodes."""
    properties = '#address-cells = <1>; #size-cells = <1>; compatible = "xen,domain";'
    body = f"{name} {{ {properties} cpus = <1>; {' '.join(lines)} {modules} }};"
    return f"{BOARD} / {{ chosen {{ {body} }}; }};"


MEMORY = "memory = <0 0x20000>;"
SECOND = KERNEL.replace("42000000", "48000000")
STATIC = "memory = <0 0x20000>; xen,static-mem = <0x60000000 0x8000000>;"
AFFINITY = """
    vcpu0 { compatible = "xen,vcpu"; id = <0>; hard-affinity = "0-1"; };
"""
BINARIES = """
    module@1 { compatible = "multiboot,kernel", "multiboot,module"; xen,uefi-binary = "Image"; };
    module@2 { compatible = "multiboot,ramdisk", "multiboot,module"; xen,uefi-binary = "rd"; };
    module@3 { compatible = "multiboot,device-tree", "multiboot,module"; xen,uefi-binary = "p"; };
"""
CHANNELS = f"""
    {
    domain(
        'xen,enhanced = "no-xenstore";',
        MEMORY,
        modules=KERNEL + 'a: evtchn@1 { compatible = "xen,evtchn-v1"; xen,evtchn = <10 &b>; };',
    )
}
    / {{ chosen {{ domU2 {{
        #address-cells = <1>; #size-cells = <1>; compatible = "xen,domain"; cpus = <1>;
        xen,enhanced = "no-xenstore"; {MEMORY} {SECOND}
        b: evtchn@2 {{ compatible = "xen,evtchn-v1"; xen,evtchn = <11 &a>; }};
    }}; }}; }};
"""
#: The shared memory of the firmware at another address in the guest.
SCMI = """
/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>;
    passthrough {
        compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>;
        shmem: sram@22001000 {
            compatible = "arm,scmi-shmem"; reg = <0 0x22001000 0 0x1000>; XEN_REG
        };
        firmware {
            compatible = "simple-bus";
            scmi {
                compatible = "arm,scmi-smc"; arm,smc-id = <0x82000010>; shmem = <&shmem>;
                #address-cells = <1>; #size-cells = <0>;
                protocol@14 { reg = <0x14>; #clock-cells = <1>; };
            };
        };
    };
};
"""
SCMI_REG = "xen,reg = <0 0x3ff0000 0 0x1000 0 0x22001000>; xen,force-assign-without-iommu;"
SCMI_CFG = """
name = "scmi"
kernel = "/root/Image"
memory = 512
device_tree = "/root/scmi.dtb"
arm_sci = "type=scmi_smc"
iomem = [
    "3ff0,1@22001",
]
"""

EVERY = tuple(RELEASES)


class Example(NamedTuple):
    """The files that a document shows together, and the releases whose documents have them.

    ``board``: the host, with the domain if it is one of dom0less. ``config``: for xl.
    ``options``: the build of Xen that the document requires. ``warnings``: the rules that warn of
    what the document warns of.
    """

    name: str
    board: str = BOARD
    partial: str = ""
    config: str = ""
    releases: tuple[str, ...] = EVERY
    options: frozenset[str] = frozenset()
    warnings: frozenset[str] = frozenset()


STATIC_MEMORY = frozenset({"STATIC_MEMORY"})
SINCE_4_21 = tuple(version for version in EVERY if version >= "4.21")
EXAMPLES = (
    Example("passthrough.txt, xl", partial=CLASSIC, config=CLASSIC_CFG),
    Example("passthrough.txt, dom0less", partial=PLACEHOLDER),
    Example(
        "passthrough-noiommu.txt",
        board=domain(STATIC, "direct-map;"),
        partial=FORCED,
        options=STATIC_MEMORY,
        warnings=frozenset({"XA403", "XA428"}),  # "not always secure", "a trusted guest"
    ),
    Example("dom0less.pandoc", board=domain(MEMORY, "vpl011;", modules=KERNEL + RAMDISK)),
    Example(
        "booting.txt, affinity",
        board=domain(MEMORY, "vpl011;", modules=AFFINITY + KERNEL),
        releases=SINCE_4_21,
    ),
    Example("booting.txt, static memory", board=domain(STATIC), options=STATIC_MEMORY),
    Example("booting.txt, event channels", board=CHANNELS),
    Example("efi.pandoc", board=domain(MEMORY, "vpl011;", modules=BINARIES)),
    Example(
        "cache-coloring.rst",
        board=domain(MEMORY, 'llc-colors = "4-8,10,11,12";', "vpl011 = <1>;"),
        releases=tuple(version for version in EVERY if version >= "4.20"),
        options=frozenset({"LLC_COLORING"}),
    ),
    Example(
        "arm-scmi.rst, xl",
        partial=SCMI.replace("XEN_REG", ""),
        config=SCMI_CFG,
        releases=SINCE_4_21,
    ),
    Example(
        "arm-scmi.rst, dom0less",
        board=domain(MEMORY, 'xen,sci_type = "scmi_smc";'),
        partial=SCMI.replace("XEN_REG", SCMI_REG),
        releases=SINCE_4_21,
    ),
)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_a_documented_example_is_right(example: Example, tmp_path: Path, rows: Rows) -> None:
    """In every release whose documents have it."""
    names = {"board.dts": example.board, "p.dts": example.partial, "p.cfg": example.config}
    for name, text in names.items():
        _written(tmp_path, name, text)
    host = read_host(tmp_path / "board.dts")
    given = ["p.cfg" if example.config else "p.dts"] if example.partial else ["board.dts"]
    if example.partial and not example.config and example.board is not BOARD:
        given.append("board.dts")
    documents = [read_document(str(tmp_path / name)) for name in given]
    partial = read_tree_file(str(tmp_path / "p.dts")) if example.config else None
    route = "xl" if example.config else "dom0less"
    for version in example.releases:
        options = Options(
            release(version),
            host=host,
            partial=partial,
            routes=(route,),
            kconfig=example.options,
        )
        with rows(version):
            report = lint(documents, options)
            assert [f.text() for f in report.findings if f.code not in example.warnings] == []
            assert {f.code for f in report.findings} == example.warnings
            assert report.verdict == {route: "accepted"}


def test_a_tree_alone_is_judged_for_the_route_of_its_form(tmp_path: Path) -> None:
    """Without --route: a note about xl for one for dom0less, one finding for one for xl."""
    host = read_host(_written(tmp_path, "board.dts", BOARD))
    for text, expected in ((PLACEHOLDER, [("XA515", "note")]), (CLASSIC, [("XA802", "error")])):
        tree = read_document(_written(tmp_path, "p.dts", text))
        report = lint([tree], Options(release("4.22"), host=host))
        assert [(f.code, f.severity) for f in report.findings] == expected


def _written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)
