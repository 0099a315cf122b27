"""The firmware of AMD's chips on AMD's Xen: what a guest may call with the pages that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.answers import at, codes, guest, of
from tests.rows import Rows
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, errors
from xenassign.host.eemi import EemiId, EemiTable
from xenassign.linting.documents import document
from xenassign.linting.linter import Options, lint
from xenassign.planning.plan import DomainPlan
from xenassign.tables import table_path
from xenassign.xen.releases import release

Plan = Callable[..., DomainPlan]
GEM, DMA, OTHER_DMA = "ethernet@ff0e0000", "dma-controller@ffa80000", "dma-controller@ffa90000"
AMD: dict[str, Any] = {"flavour": "amd", "policy": "trust"}

#: As Linux' bindings number them (xlnx-zynqmp-power.h, -resets.h, -clk.h; xlnx-versal-power.h).
LSBUS = EemiId("clock", 31)
TIMERS = [0xFF110000, 0xFF120000, 0xFF130000, 0xFF140000]


def spans(*pages: int) -> list[Span]:
    return [Span.sized(page, 0x1000) for page in pages]


def test_the_rights_of_pages(rows: Rows) -> None:
    zynqmp = EemiTable(table_path("eemi-zynqmp"))
    for kind, number, page in (
        ("node", 32, 0xFF0E0000),  # PD_ETH_3
        ("reset", 32, 0xFF0E0000),  # ZYNQMP_RESET_GEM3
        ("clock", 48, 0xFF0E0000),  # GEM3_TX
        ("node", 43, 0xFFA80000),  # PD_ADMA: the first channel alone
        ("clock", 56, 0xFF000000),  # UART0_REF
    ):
        with rows(kind, number):
            right = EemiId(kind, number)
            assert zynqmp.missing(right, spans(page)) == []
            assert zynqmp.missing(right, spans(page + 0x1000)) == [page]
            assert right in zynqmp.granted(spans(page))
    versal = EemiTable(table_path("eemi-versal"))
    assert versal.missing(EemiId("node", 0x18224019 & 0x3FFF), spans(0xFF0C0000)) == []


def test_a_clock_requires_the_pages_of_all_its_devices() -> None:
    table = EemiTable(table_path("eemi-zynqmp"))
    assert table.missing(LSBUS, spans(TIMERS[0], TIMERS[2])) == [TIMERS[1], TIMERS[3]]
    assert table.missing(LSBUS, spans(*TIMERS)) == []
    assert LSBUS not in table.granted(spans(*TIMERS[:3]))
    assert table.missing(EemiId("node", 60), spans(0)) is None  # PD_PCAP


def test_the_firmware_is_kept_without_pins(plan: Plan) -> None:
    made = plan("zynqmp", GEM, keep_firmware=True, **AMD)
    assert not errors(made.findings)
    root = at(guest(made), "/passthrough/firmware/zynqmp-firmware")
    assert set(root.children) == {"clock-controller", "reset-controller"}
    actions = {s.property: s.action for device in made.devices for s in device.suppliers}
    assert actions["pinctrl-0"] == "dropped"
    assert {actions[p] for p in ("clocks", "resets", "power-domains")} == {"kept"}
    (lacking,) = of(made, "XA542")
    assert lacking.severity == "note"
    assert lacking.message.startswith(
        "/axi/ethernet@ff0e0000: Xen refuses the guest clock 31, which requires /axi/timer@ff110000"
    )
    assert "clock 44, which requires /axi/ethernet@ff0b0000" in lacking.message
    assert not {"XA526", "XA543"} & set(codes(made))
    upstream = plan("zynqmp", GEM, keep_firmware=True)
    assert "XA526" in codes(upstream)
    assert not {"XA542", "XA543"} & set(codes(upstream))


def test_a_power_node_that_another_page_gives(plan: Plan) -> None:
    """Of a DMA controller the first channel has it."""
    made = plan("zynqmp", OTHER_DMA, keep_firmware=True, **AMD)
    (lacking,) = of(made, "XA542")
    assert lacking.severity == "warning"
    assert "power node 43, which requires /axi/dma-controller@ffa80000" in lacking.message


def test_rights_to_what_others_have(plan: Plan, rows: Rows) -> None:
    """With the firmware's node and without: a guest can make the calls all the same."""
    for keep in (False, True):
        with rows(keep):
            found = of(plan("zynqmp", DMA, keep_firmware=keep, **AMD), "XA543")
            assert {finding.severity for finding in found} == {"warning"}
            reached = {finding.message.split("the guest has ")[1] for finding in found}
            others = "also of /axi/dma-controller@ffa90000"
            assert reached == {f"clock 68, {others}", f"power node 43, {others}"}
    assert not of(plan("zynqmp", DMA, OTHER_DMA, **AMD), "XA543")
    assert not of(plan("zynqmp", DMA, policy="trust"), "XA543")


def test_all_timers_have_the_clock_of_the_bus(
    plan: Plan, variant: Callable[[str, str], Tree]
) -> None:
    tree = variant(
        "zynqmp",
        "".join(
            f'&{{/axi}} {{ timer@{page:x} {{ compatible = "cdns,ttc"; status = "okay";'
            f" reg = <0 {page:#x} 0 0x1000>; }}; }};"
            for page in TIMERS
        ),
    )
    names = [f"/axi/timer@{page:x}" for page in TIMERS]
    assert any("clock 31, also of" in f.message for f in of(plan(tree, *names, **AMD), "XA543"))
    assert not of(plan(tree, *names[1:], **AMD), "XA543")


VERSAL = """/dts-v1/;
/ { compatible = "xlnx,versal"; #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
	gic: interrupt-controller@f9000000 { compatible = "arm,gic-v3"; interrupt-controller;
		#interrupt-cells = <3>; reg = <0 0xf9000000 0 0x80000>, <0 0xf9080000 0 0x80000>; };
	firmware { fw: versal-firmware { compatible = "xlnx,versal-firmware"; method = "smc";
		#power-domain-cells = <1>; }; };
	ethernet@ff0c0000 { compatible = "cdns,versal-gem"; reg = <0 0xff0c0000 0 0x1000>;
		interrupts = <0 56 4>; power-domains = <&fw 0x18224019>; };
	serial@ff000000 { compatible = "arm,pl011"; reg = <0 0xff000000 0 0x1000>;
		interrupts = <0 18 4>; power-domains = <&fw POWER>; };
};
"""


@pytest.fixture
def versal(compiled: Callable[[str], Tree]) -> Callable[[str], Tree]:
    """A Versal whose UART has a power node."""
    return lambda power: compiled(VERSAL.replace("POWER", power))


def test_versal(plan: Plan, versal: Callable[[str], Tree]) -> None:
    """AMD's Xen alone knows its calls; the lowest 14 bits of an argument are the id."""
    options = {**AMD, "keep_firmware": True}
    made = plan(versal("0x18224021"), "/serial@ff000000", **options)
    assert not {"XA525", "XA542"} & set(codes(made))
    assert at(guest(made), "/passthrough/firmware/versal-firmware")
    other = plan(versal("0x18224022"), "/serial@ff000000", **options)
    (lacking,) = of(other, "XA542")
    assert "power node 34, which requires the page 0xff010000" in lacking.message
    nobody = plan(versal("0x18224003"), "/serial@ff000000", **options)
    assert "power node 3, which no page gives" in of(nobody, "XA542")[0].message
    assert "XA525" in codes(plan(versal("0x18224021"), "/serial@ff000000", keep_firmware=True))


# --- the lint ------------------------------------------------------------------------------------

TREE = """/dts-v1/;
/ { #address-cells = <2>; #size-cells = <2>;
	passthrough { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges;
		firmware { compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>;
			fw: zynqmp-firmware { compatible = "xlnx,zynqmp-firmware"; method = "smc";
				#power-domain-cells = <1>;
				pins: pinctrl { compatible = "xlnx,zynqmp-pinctrl"; state: a { }; }; }; };
		serial@ff000000 { compatible = "xlnx,xuartps"; reg = <0 0xff000000 0 0x1000>;
			xen,path = "/axi/serial@ff000000"; xen,force-assign-without-iommu;
			xen,reg = <0 0xff000000 0 0x1000 0 0xff000000>;
			power-domains = <&fw 33>; };
	}; };
"""


def reported(text: str, flavour: str, host: Tree | None = None) -> list[Finding]:
    options = Options(release("4.20", flavour), routes=("dom0less",), host=host)
    return list(lint([document("domu1.dts", text.encode())], options).findings)


def test_the_lint_asks_the_same(board: Callable[[str], Tree], rows: Rows) -> None:
    for host in (None, board("zynqmp")):
        with rows(host and host.file):
            assert not {"XA526", "XA542"} & set(codes(reported(TREE, "amd", host)))
            assert "XA526" in codes(reported(TREE, "upstream", host))
            (other,) = of(reported(TREE.replace("<&fw 33>", "<&fw 34>"), "amd", host), "XA542")
            assert "power node 34, which requires" in other.message
            named = 'pinctrl-names = "default"; pinctrl-0 = <&state>;'
            pins = TREE.replace("<&fw 33>;", f"<&fw 33>; {named}")
            (refused,) = of(reported(pins, "amd", host), "XA542")
            assert refused.message.endswith("pins, which are for the hardware domain")


def test_the_pages_of_the_timers_are_a_proof() -> None:
    """As trees by hand have them, in the xen,reg of the device."""
    node = 'clk: c { compatible = "xlnx,zynqmp-clk"; #clock-cells = <1>; };'
    clock = TREE.replace("pins: pinctrl", f"{node} pins: pinctrl")
    clock = clock.replace("power-domains = <&fw 33>;", "clocks = <&clk 31>;")
    (lacking,) = of(reported(clock, "amd"), "XA542")
    assert lacking.severity == "note"
    pages = "".join(f", <0 {page:#x} 0 0x1000 0 {page:#x}>" for page in TIMERS)
    proven = clock.replace("0 0xff000000>;\n", f"0 0xff000000>{pages};\n")
    assert not of(reported(proven, "amd"), "XA542")
