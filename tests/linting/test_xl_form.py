"""The form that xl alone requires (Xen's docs/misc/arm/passthrough.txt): no xen,path, no
interrupt-parent; iomem, irqs and dtdev of dom.cfg tie the guest's nodes to the host's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.answers import of
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.formats.xlcfg_parser import parse
from xenassign.linting.documents import document
from xenassign.linting.guest.view import View
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.xen.releases import release

from .trees import BUS, blob, compiled, context

HOST = """/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    chosen { stdout-path = "/soc/serial@9000000"; };
    memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x80000000>; };
    gic: interrupt-controller@8000000 {
        compatible = "arm,gic-v3"; reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>;
        interrupt-controller; #interrupt-cells = <3>;
    };
    soc {
        compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges;
        serial@9000000 { compatible = "arm,pl011"; reg = <0 0x9000000 0 0x1000>;
            interrupts = <0 1 4>; };
        rtc@9010000 { compatible = "arm,pl031"; reg = <0 0x9010000 0 0x1000>;
            interrupts = <0 2 4>; };
        smmu: iommu@fd00000 { compatible = "arm,mmu-500"; reg = <0 0xfd00000 0 0x10000>;
            #iommu-cells = <1>; #global-interrupts = <1>; interrupts = <0 60 4>, <0 60 4>; };
        ethernet@9300000 { compatible = "cdns,gem"; reg = <0 0x9300000 0 0x1000>;
            interrupts = <0 63 4>, <0 64 4>; iommus = <&smmu 7>; xen,passthrough; };
        ethernet@9400000 { compatible = "cdns,gem"; reg = <0 0x9400000 0 0x1000>;
            interrupts = <0 65 4>; iommus = <&smmu 8>; xen,passthrough; };
        dma-controller@9500000 { compatible = "arm,pl330"; reg = <0 0x9500000 0 0x1000>;
            interrupts = <0 66 4>; xen,passthrough; };
        serial@9600000 { compatible = "arm,pl011"; reg = <0 0x9600000 0 0x200>;
            interrupts = <0 70 4>; xen,passthrough; };
        serial@9600200 { compatible = "arm,pl011"; reg = <0 0x9600200 0 0x200>;
            interrupts = <0 71 4>; xen,passthrough; };
        adc@9700000 { compatible = "x,adc"; reg = <0 0x9700000 0 0x1000>, <0 0x9710000 0 0x1000>;
            interrupts = <0 72 4>; xen,passthrough; };
    };
};"""
ETHERNET = (
    'ethernet@b000000 { compatible = "cdns,gem"; reg = <0 0xb000000 0 0x1000>;'
    " interrupts = <0 63 4>, <0 64 4>; };"
)
CONFIG = {
    "dtdev": '["/soc/ethernet@9300000"]',
    "irqs": "[95, 96]",
    "iomem": '["0x9300,1@0xb000"]',
}


@pytest.fixture(scope="module", name="host")
def compiled_host() -> Tree:
    return read_blob(blob(HOST), "host.dtb")


def config(**values: str | None) -> str:
    """A dom.cfg; None leaves out a key."""
    keys = {"name": '"guest"', "kernel": '"Image"', "memory": "256", "device_tree": '"p.dtb"'}
    given = {**keys, **CONFIG, **values}
    return "".join(f"{key} = {value}\n" for key, value in given.items() if value is not None)


def partial(*nodes: str) -> str:
    return f"/dts-v1/; / {{ passthrough {{ {BUS} {' '.join(nodes)} }}; }};"


def linted(host: Tree | None, tree: str | None, cfg: str, **options: Any) -> Report:
    """What the lint says about a configuration and its tree with xl."""
    files = [document("m.cfg", cfg.encode())]
    if tree is not None:
        files.append(document("p.dts", tree.encode()))
    asked = Options(release("4.20"), routes=("xl",), host=host, **options)
    return lint(files, asked)


def said(report: Report) -> list[tuple[str, str]]:
    return [(finding.code, finding.message) for finding in report.findings]


def test_the_form_of_the_documents_is_right(host: Tree) -> None:
    report = linted(host, partial(ETHERNET), config())
    assert said(report) == []
    assert report.verdict == {"xl": "accepted"}


def test_the_roots_interrupt_parent_is_that_of_libxl(host: Tree) -> None:
    tree = partial(ETHERNET)
    stated = tree.replace("/ { passthrough {", "/ { passthrough { interrupt-parent = <0xfde8>;")
    of_root = tree.replace("/ {", "/ { interrupt-parent = <7>;")  # libxl copies nothing of it
    assert tree not in (stated, of_root)
    assert said(linted(host, stated, config())) == []
    assert said(linted(host, of_root, config())) == []


def test_dom0less_xen_writes_no_interrupt_parent_into_the_root(host: Tree) -> None:
    more = 'xen,path = "/soc/ethernet@9300000"; xen,reg = <0 0x9300000 0 0x1000 0 0xb000000>; };'
    tree = partial(ETHERNET.replace("};", more))
    tree = tree.replace("/ {", "/ { interrupt-parent = <0xfde8>;")
    report = lint([document("p.dts", tree.encode())], Options(release("4.20"), host=host))
    (finding,) = of(report.findings, "XA322")
    assert finding.routes == ("dom0less",)


def test_a_blob_is_judged_as_its_source(host: Tree) -> None:
    files = [document("m.cfg", config(irqs="[95]").encode())]
    files.append(document("p.dtb", blob(partial(ETHERNET))))
    report = lint(files, Options(release("4.20"), routes=("xl",), host=host))
    assert [f.code for f in report.findings] == ["XA315"]


WRONG: Sequence[tuple[dict[str, str | None], list[str]]] = (
    ({"irqs": "[95]"}, ["XA315 96"]),
    ({"irqs": None}, ["XA315 95", "XA315 96"]),
    ({"irqs": "[63, 64]"}, ["XA316", "XA325 95", "XA316", "XA325 96"]),
    ({"irqs": "[0x5f, 0x60]"}, ["XA602", "XA602"]),
    ({"irqs": '["95", "96"]'}, []),
    ({"irqs": "[95, 96, 104]"}, ["XA326 104"]),
    ({"dtdev": None}, ["XA423 /soc/ethernet@9300000"]),
    ({"dtdev": '["/soc/ethernet@9400000"]'}, ["XA422 9400000", "XA423 9300000"]),
    (
        {"dtdev": '["/soc/ethernet@9300000", "/soc/ethernet@9400000"]'},
        ["XA422 no node of the guest is /soc/ethernet@9400000"],
    ),
    ({"iomem": '["0x9301,1@0xb000"]'}, ["XA340 0x9301000"]),
    ({"iomem": '["0x9200,0x101@0xaf00"]'}, ["XA221"]),
)


@pytest.mark.parametrize(("values", "expected"), WRONG)
def test_one_mistake(host: Tree, values: dict[str, str | None], expected: list[str]) -> None:
    found = said(linted(host, partial(ETHERNET), config(**values)))
    assert len(found) == len(expected), found
    for (code, message), wanted in zip(found, expected, strict=True):
        rule, _, text = wanted.partition(" ")
        assert (code, text in message) == (rule, True)


def test_a_host_node_that_is_not_marked() -> None:
    plain = read_blob(blob(HOST.replace("xen,passthrough;", "")), "host.dtb")
    report = linted(plain, partial(ETHERNET), config())
    assert report.verdict == {"xl": "rejected"}
    (finding,) = report.findings
    assert (finding.code, [f.code for f in finding.follows]) == ("XA415", ["XA317", "XA317"])


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (1, "/soc/rtc@9010000, /soc/alternative0"),
        (3, "/soc/rtc@9010000, /soc/alternative0, /soc/alternative1 and 1 more"),
    ],
)
def test_the_host_nodes_whose_interrupt_dom0_holds(others: int, expected: str) -> None:
    """Each must be marked, disabled alternatives included."""
    text = 'alternative{} {{ compatible = "x"; status = "disabled"; interrupts = <0 2 4>; }};'
    end = HOST.rindex("};\n};")
    alternatives = " ".join(text.format(number) for number in range(others))
    plain = read_blob(blob(f"{HOST[:end]}{alternatives}{HOST[end:]}"), "host.dtb")
    report = linted(plain, partial(CLOCK), config(**CLOCK_CONFIG, irqs="[34]"))
    (finding,) = report.findings
    assert (finding.code, finding.message) == ("XA317", f"dom0 uses INTID 34 of {expected}")


# ---------------------------------------------------------------------------- which node it is


def tied(host: Tree, tree: str, **values: str | None) -> dict[str, str]:
    """The host paths of the guest's nodes, by their names."""
    parsed = parse(config(**values), "m.cfg")
    view = View(read_blob(blob(tree)), context(host), parsed)
    return {partial.node.name: device.path for partial, device in view.assigned}


def uart(name: str, base: int, spi: int) -> str:
    reg = f"reg = <0 {base:#x} 0 0x200>; interrupts = <0 {spi} 4>;"
    return f'{name} {{ compatible = "arm,pl011"; {reg} }};'


def test_devices_in_one_page_are_told_apart_by_their_place(host: Tree) -> None:
    tree = partial(uart("a", 0xB000000, 70), uart("b", 0xB000200, 71))
    page = '["0x9600,1@0xb000"]'
    assert tied(host, tree, iomem=page, dtdev=None) == {
        "a": "/soc/serial@9600000",
        "b": "/soc/serial@9600200",
    }
    whole = partial(uart("b", 0xB000000, 71).replace("0 0x200>", "0 0x1000>"))
    assert tied(host, whole, iomem=page, dtdev=None) == {"b": "/soc/serial@9600000"}
    other = whole.replace("0xb000000", "0xb000100")  # in the page, where no device begins
    assert tied(host, other, iomem=page, dtdev=None) == {"b": "/soc/serial@9600200"}


def test_dtdev_and_the_interrupts_tie_what_iomem_does_not(host: Tree) -> None:
    elsewhere = '["0xa300,1@0xa300"]'
    listed = {"dtdev": '["/soc/ethernet@9400000"]', "irqs": "[]"}
    assert tied(host, partial(ETHERNET), iomem=elsewhere, **listed) == {
        "ethernet@b000000": "/soc/ethernet@9400000"
    }
    assert tied(host, partial(ETHERNET), iomem=elsewhere, dtdev=None) == {
        "ethernet@b000000": "/soc/ethernet@9300000"
    }
    plain = ETHERNET.replace("interrupts = <0 63 4>, <0 64 4>;", "")
    assert tied(host, partial(plain), iomem=elsewhere, dtdev=None) == {}


def test_a_host_without_the_node_ties_nothing() -> None:
    other = compiled(
        "#address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>; gic: gic@8000000 {"
        ' compatible = "arm,gic-v3"; reg = <0 0x8000000 0 0x10000>; interrupt-controller;'
        " #interrupt-cells = <3>; };"
    )
    assert tied(other, partial(ETHERNET)) == {}
    report = linted(other, partial(ETHERNET), config(dtdev=None))
    codes = {finding.code for finding in report.findings}
    assert {"XA221", "XA316"} <= codes
    assert codes.isdisjoint({"XA312", "XA326", "XA340"})


def test_the_interrupts_are_those_of_the_host_node(host: Tree) -> None:
    wrong = partial(ETHERNET.replace("<0 64 4>", "<0 66 4>"))
    (finding,) = of(linted(host, wrong, config(irqs="[95, 98]")).findings, "XA312")
    assert "INTID 98" in finding.message
    fewer = partial(ETHERNET.replace(", <0 64 4>", ""))
    assert [c for c, _ in said(linted(host, fewer, config(irqs="[95]")))] == ["XA323"]
    trigger = partial(ETHERNET.replace("<0 64 4>", "<0 64 1>"))
    assert [c for c, _ in said(linted(host, trigger, config()))] == ["XA321"]


def test_pages_that_others_share(host: Tree) -> None:
    """The neighbour in the page stays with dom0."""
    tree = partial(uart("a", 0xB000000, 70))
    cfg = config(iomem='["0x9600,1@0xb000"]', irqs="[102]", dtdev=None)
    (finding,) = linted(host, tree, cfg).findings
    assert (finding.code, finding.routes) == ("XA201", ("xl",))
    assert "/soc/serial@9600200" in finding.message


def test_two_blocks_of_two_devices(host: Tree) -> None:
    node = (
        'adc { compatible = "x,adc"; reg = <0 0xb000000 0 0x1000>, <0 0xb010000 0 0x1000>;'
        " interrupts = <0 72 4>; };"
    )
    right = config(iomem='["0x9700,1@0xb000", "0x9710,1@0xb010"]', irqs="[104]", dtdev=None)
    codes = [code for code, _ in said(linted(host, partial(node), right))]
    assert codes == ["XA402"]
    wrong = right.replace("0x9710", "0x9500")
    (finding,) = of(linted(host, partial(node), wrong).findings, "XA340")
    assert (finding.severity, "0x9500000" in finding.message) == ("error", True)
    assert "/soc/adc@9700000" in finding.message


def test_two_nodes_of_one_device(host: Tree) -> None:
    tree = partial(ETHERNET, ETHERNET.replace("ethernet@b000000", "again"))
    (finding,) = linted(host, tree, config()).findings
    assert (finding.code, finding.severity) == ("XA340", "warning")
    assert "/passthrough/ethernet@b000000" in finding.message


def test_two_host_nodes_that_fit_equally() -> None:
    twins = HOST.replace(
        "adc@9700000 {",
        'twin { compatible = "x,adc"; reg = <0 0x9700000 0 0x1000>; interrupts = <0 72 4>;'
        " xen,passthrough; }; adc@9700000 {",
    )
    node = 'adc { compatible = "x,adc"; reg = <0 0xb000000 0 0x1000>; interrupts = <0 72 4>; };'
    cfg = config(iomem='["0x9700,1@0xb000"]', irqs="[104]", dtdev=None)
    report = linted(read_blob(blob(twins)), partial(node), cfg)
    (finding,) = of(report.findings, "XA340")
    assert finding.severity == "warning"
    assert "/soc/twin" in finding.message
    assert "/soc/adc@9700000" in finding.message


def test_a_dma_master_without_an_iommu(host: Tree) -> None:
    tree = partial(
        'dma@b000000 { compatible = "arm,pl330"; reg = <0 0xb000000 0 0x1000>;'
        " interrupts = <0 66 4>; };"
    )
    cfg = config(iomem='["0x9500,1@0xb000"]', irqs="[98]", dtdev=None)
    (finding,) = of(linted(host, tree, cfg).findings, "XA403")
    assert finding.node == "/passthrough/dma@b000000"
    assert "/soc/dma-controller@9500000" in finding.message


def test_a_tree_that_two_configurations_name(host: Tree) -> None:
    files = [document("p.dts", partial(ETHERNET).encode())]
    files += [document("a.cfg", config().encode()), document("b.cfg", config(irqs="[]").encode())]
    report = lint(files, Options(release("4.20"), routes=("xl",), host=host))
    assert [(f.code, f.file) for f in report.findings] == [("XA315", "p.dts")] * 2


def test_buses_without_ranges_are_reported_as_with_xen_reg(host: Tree) -> None:
    tree = partial(ETHERNET).replace("ranges;", "")
    assert "XA807" in {f.code for f in linted(host, tree, config()).findings}


# ---------------------------------------------------------------------------- without xen,path


def test_an_interrupt_of_a_node_that_assigns_nothing(host: Tree) -> None:
    """dom0less Xen routes those of the nodes of xen,path."""
    mapped = uart("a", 0x9600000, 70).replace(
        "};", "xen,reg = <0 0x9600000 0 0x1000 0 0x9600000>; interrupt-parent = <0xfde8>; };"
    )
    for force, expected in (("xen,force-assign-without-iommu;", ["XA312"]), ("", [])):
        tree = partial(mapped.replace("};", f"{force} }};"))
        report = lint([document("p.dts", tree.encode())], Options(release("4.20"), host=host))
        found = of(report.findings, "XA312")
        assert [finding.code for finding in found] == expected
        assert all(finding.routes == ("dom0less",) for finding in found)
    bare = uart("a", 0x9600000, 70).replace("};", "interrupt-parent = <0xfde8>; };")
    report = lint([document("p.dts", partial(bare).encode())], Options(release("4.20"), host=host))
    assert of(report.findings, "XA312") == []  # XA802 says so


# ---------------------------------------------------------------------------- by page


CLOCK = 'rtc { compatible = "arm,pl031"; reg = <0 0xb000000 0 0x1000>; interrupts = <0 2 4>; };'
CLOCK_CONFIG = {"iomem": '["0x9010,1@0xb000"]', "dtdev": None}


def test_a_device_that_dom0_drives(host: Tree) -> None:
    """By the page of a node, of a node without xen,path, and of a page that no node has."""
    found = linted(host, partial(CLOCK), config(**CLOCK_CONFIG, irqs=None))
    assert [(f.code, f.node) for f in found.findings] == [
        ("XA416", "/passthrough/rtc"),
        ("XA315", "/passthrough/rtc"),
    ]
    assert found.verdict == {"xl": "accepted"}
    held = linted(host, partial(CLOCK), config(**CLOCK_CONFIG, irqs="[34]"))
    (refused,) = held.findings  # xl refuses it, which is enough
    assert (refused.code, refused.message) == ("XA317", "dom0 uses INTID 34 of /soc/rtc@9010000")
    elsewhere = partial(CLOCK.replace("0xb000000", "0xb100000"))
    codes = [f.code for f in linted(host, elsewhere, config(**CLOCK_CONFIG, irqs=None)).findings]
    assert "XA416" in codes
    (page,) = of(linted(host, None, config(**CLOCK_CONFIG, irqs=None)).findings, "XA416")
    assert (page.prop, "/soc/rtc@9010000" in page.message) == ("iomem", True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rtc@9010000 {", "rtc@9010000 { xen,passthrough;"),
        ("rtc@9010000 {", 'rtc@9010000 { status = "disabled";'),
    ],
)
def test_a_device_that_dom0_does_not_drive(old: str, new: str) -> None:
    board = read_blob(blob(HOST.replace(old, new)), "host.dtb")
    for tree in (partial(CLOCK), None):
        report = linted(board, tree, config(**CLOCK_CONFIG, irqs=None))
        assert of(report.findings, "XA416") == []


def test_xen_path_with_xl(host: Tree) -> None:
    """A node with xen,path is judged alike."""
    node = CLOCK.replace("};", 'xen,path = "/soc/rtc@9010000"; };')
    node = node.replace("};", "xen,reg = <0 0x9010000 0 0x1000 0 0xb000000>; };")
    report = linted(host, partial(node), config(**CLOCK_CONFIG, irqs=None))
    assert [f.node for f in of(report.findings, "XA416")] == ["/passthrough/rtc"]


def test_a_xen_path_of_no_node_with_xl(host: Tree) -> None:
    """xl does not read it."""
    node = ETHERNET.replace("};", 'xen,path = "/nope"; };')
    codes = [f.code for f in linted(host, partial(node), config(irqs="[95]")).findings]
    assert codes == ["XA315"]


def test_a_xen_reg_without_xen_path(host: Tree) -> None:
    """Of a device of dom0, of a DMA master, and of a master behind an IOMMU."""

    def codes(base: int, **options: Any) -> list[tuple[str, tuple[str, ...]]]:
        node = f"xen,reg = <0 {base:#x} 0 0x1000 0 {base:#x}>; xen,force-assign-without-iommu;"
        files = [document("p.dts", partial(f"mapped {{ {node} }};").encode())]
        report = lint(files, Options(release("4.20"), host=host, **options))
        found = (f for f in report.findings if f.code in ("XA416", "XA403"))
        return [(finding.code, finding.routes) for finding in found]

    dom0less = ("dom0less",)
    assert codes(0x9010000) == [("XA416", dom0less)]
    assert codes(0x9010000, dom0=False) == []
    assert codes(0x9500000) == [("XA403", dom0less)]
    assert codes(0x9300000) == [("XA403", dom0less)]
    assert codes(0x9700000) == []


def test_reserved_memory_is_no_device_of_dom0() -> None:
    memory = HOST.replace(
        "soc {",
        "reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; pool@50000000 {"
        ' compatible = "shared-dma-pool"; reg = <0 0x50000000 0 0x1000>; }; };'
        ' sram@9800000 { compatible = "mmio-sram"; reg = <0 0x9800000 0 0x1000>; }; soc {',
        1,
    )
    board = read_blob(blob(memory), "host.dtb")
    for page in ("0x50000", "0x9800"):
        cfg = config(iomem=f'["{page},1"]', dtdev=None, irqs=None)
        assert of(linted(board, None, cfg).findings, "XA416") == []


def test_a_configuration_alone(host: Tree) -> None:
    """The devices are those of iomem and dtdev."""

    def found(**values: str | None) -> list[tuple[str, str]]:
        cfg = config(**{"device_tree": None, **values})
        wanted = ("XA325", "XA341", "XA423", "XA403", "XA416")
        return [(c, m) for c, m in said(linted(host, None, cfg)) if c in wanted]

    assert found() == []
    assert found(irqs="[95]") == [("XA341", "INTID 96 of /soc/ethernet@9300000 is not in irqs")]
    assert [code for code, _ in found(irqs="[63, 64]")] == ["XA325", "XA325"]
    assert "INTID 95" in found(irqs="[63, 64]")[0][1]
    assert found(dtdev=None) == [("XA423", "/soc/ethernet@9300000 is not in dtdev")]
    assert [c for c, _ in found(iomem='["0x9500,1"]', irqs="[98]", dtdev=None)] == ["XA403"]
    assert [c for c, _ in found(iomem=None, irqs=None)] == ["XA341", "XA341"]


def test_the_consoles_own_interrupt_is_named_once(host: Tree) -> None:
    node = 'rtc { xen,path = "/soc/rtc@9010000"; xen,force-assign-without-iommu; xen,reg; };'
    files = [document("p.dts", partial(node).encode())]
    asked = Options(release("4.20"), host=host, xen_console="/soc/rtc@9010000")
    (finding,) = of(lint(files, asked).findings, "XA304")
    assert finding.message.endswith("INTID 34 of /soc/rtc@9010000 is used by Xen itself")


def test_what_speaks_for_two_devices(host: Tree) -> None:
    """Most decides, and the rest is a finding."""
    both = {"irqs": "[97]", "dtdev": '["/soc/ethernet@9400000"]'}  # the registers are the other's
    tree = partial(ETHERNET.replace("<0 63 4>, <0 64 4>", "<0 65 4>"))
    assert tied(host, tree, **both) == {"ethernet@b000000": "/soc/ethernet@9400000"}
    found = linted(host, tree, config(**both)).findings
    assert [f.code for f in found] == ["XA423", "XA340"]
    assert "0x9300000" in of(found, "XA340")[0].message
    only_listed = {**both, "irqs": "[95, 96]"}
    assert tied(host, partial(ETHERNET), **only_listed) == {
        "ethernet@b000000": "/soc/ethernet@9300000"
    }
    other_kind = CLOCK.replace("<0 2 4>", "<0 72 4>").replace("arm,pl031", "x,adc")
    wrong_page = {"iomem": '["0x9010,1@0xb000"]', "dtdev": None}
    assert tied(host, partial(other_kind), **wrong_page) == {"rtc": "/soc/adc@9700000"}


def test_a_tree_without_devices_is_one_mistake(host: Tree) -> None:
    """As the driver domains of xen-troops, whose nodes a key of their xl copies."""
    report = linted(host, partial(), config())
    assert [f.code for f in report.findings if f.code not in ("XA422", "XA423")] == [
        "XA326",
        "XA228",
    ]


def test_iomem_maps_the_windows_of_a_pci_host() -> None:
    bridge = """pcie@b000000 { compatible = "pci-host-ecam-generic"; device_type = "pci";
        reg = <0 0xb000000 0 0x100000>; #address-cells = <3>; #size-cells = <2>;
        ranges = <0x2000000 0 0 RANGE 0 0x100000>; };"""
    iomem = '["0x9300,100@0xb000", "0x9400,100@0xc000"]'
    for window, codes in (("0 0xc000000", []), ("0 0xd000000", ["XA228"]), ("", ["XA228"])):
        tree = partial(bridge.replace("RANGE", window))  # the last has no whole entry
        found = linted(None, tree, config(iomem=iomem, irqs=None, dtdev=None)).findings
        assert [f.code for f in found if f.code == "XA228"] == codes


@pytest.mark.parametrize("path", ["ethernet@ff0e0000", "usb@ff9d0000"])
def test_what_generate_writes_is_tied_by_xen_path(
    board: Callable[[str], Tree], generate: Callable[..., Any], path: str
) -> None:
    _, files, refused = generate("zynqmp", path, memory=256, vcpus=1, policy="trust")
    assert not refused
    tree = read_blob(files["domu1.dtb"])
    view = View(tree, context(board("zynqmp")), parse(files["domu1.cfg"].decode(), "domu1.cfg"))
    plain = View(tree, view.context)
    assert view.ties == {}
    assert view.nodes == plain.nodes
    assert view.assigned
