"""What a guest's driver requires: suppliers, rates, firmware (XA501, XA506, XA526, XA539)."""

from __future__ import annotations

import pytest

from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.linting.guest import requirements
from xenassign.linting.guest.view import View

from .trees import BUS, compiled, context

MMC = "/passthrough/mmc@ff170000"
UART = "/passthrough/serial@ff010000"
FIXED = 'z: z { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <0>; };'
HALF = (
    'half: half { compatible = "fixed-factor-clock"; #clock-cells = <0>; clocks = <&z>;'
    " clock-mult = <1>; clock-div = <2>; };"
)
ON_HOST = 'xen,path = "/soc/mmc@ff170000";'
COMPATIBLE = 'compatible = "arasan,sdhci-8.9a";'
CLOCKS = 'clocks = <&{0}>, <&{0}>; clock-names = "clk_xin", "clk_ahb";'


def host(more: str, clock: str = FIXED, slot: str = "") -> Tree:
    """A board with the controller, and a clock input to which nothing is connected."""
    node = f"mmc@ff170000 {{ {more} reg = <0 0xff170000 0 0x1000>; {slot} }};"
    return compiled(f"soc {{ {BUS} {clock} {node} }}; cpus {{ }};")


def passthrough(body: str, board: Tree | None = None) -> View:
    return View(compiled(f"passthrough {{ {BUS} {body} }};"), context(board))


def mmc(more: str, compatible: str = COMPATIBLE) -> str:
    """The controller, whose driver requires clk_xin and clk_ahb."""
    return f"mmc@ff170000 {{ reg = <0 0xff170000 0 0x1000>; {more} {compatible} }};"


def about(findings: list[Finding]) -> list[tuple[str, str | None, str | None]]:
    return [(finding.code, finding.node, finding.prop) for finding in findings]


def test_clocks_that_the_driver_requires(wording: Wording) -> None:
    (finding,) = requirements.required(passthrough(mmc("")))
    assert about([finding]) == [("XA506", MMC, None)]
    tree = FIXED + mmc('clocks = <&z>; clock-names = "clk_xin";')
    (named,) = requirements.required(passthrough(tree))
    assert "have no entry named clk_ahb: " in named.message
    wording(finding, named)


@pytest.mark.parametrize(
    "node",
    [
        mmc('clocks = <&z>, <&z>; clock-names = "clk_ahb", "clk_xin";'),
        mmc("", 'compatible = "acme,mmc";'),  # a driver that is not known
        mmc('status = "disabled";'),
    ],
)
def test_nothing_that_is_known_is_missing(node: str) -> None:
    assert list(requirements.required(passthrough(FIXED + node))) == []


def test_a_supplier_of_another_kind(wording: Wording) -> None:
    node = 'i2c@e6500000 { compatible = "renesas,rcar-gen3-i2c"; reg = <0 0xe6500000 0 0x40>; };'
    found = list(requirements.required(passthrough(node)))
    assert {finding.code for finding in found} == {"XA506"}
    assert any("it has no resets: " in finding.message for finding in found)
    wording(*found)


@pytest.mark.parametrize(("on_host", "number"), [("", 0), (CLOCKS.format("z"), 1)])
def test_what_the_host_lacks_too_is_not_missing(on_host: str, number: int) -> None:
    board = host(COMPATIBLE + on_host)
    assert len(list(requirements.required(passthrough(mmc(ON_HOST), board)))) == number


@pytest.mark.parametrize(("on_host", "number"), [("", 0), (CLOCKS.format("z"), 1)])
def test_a_node_below_is_compared_with_the_one_below(on_host: str, number: int) -> None:
    board = host("", slot=f"slot {{ {COMPATIBLE} {on_host} }};")
    slot = f"slot {{ {COMPATIBLE} }};"
    node = mmc(ON_HOST, f'compatible = "acme,mmc"; {slot}')
    findings = list(requirements.required(passthrough(node, board)))
    assert [finding.node for finding in findings] == [f"{MMC}/slot"] * number


@pytest.mark.parametrize(
    ("clock", "label"),
    [(FIXED, "z"), (FIXED.replace("clock-frequency = <0>;", ""), "z"), (FIXED + HALF, "half")],
)
def test_a_clock_without_a_rate(clock: str, label: str, wording: Wording) -> None:
    (finding,) = requirements.rates(passthrough(clock + mmc(CLOCKS.format(label))))
    assert about([finding]) == [("XA501", MMC, "clocks")]
    wording(finding)


@pytest.mark.parametrize(
    "tree",
    [
        FIXED.replace("frequency = <0>", "frequency = <1>") + mmc(CLOCKS.format("z")),
        FIXED + mmc(f'status = "disabled"; {CLOCKS.format("z")}'),
        # Inputs of a clock controller may be unconnected.
        f'{FIXED} c {{ compatible = "xlnx,zynqmp-clk"; #clock-cells = <1>; clocks = <&z>; }};',
    ],
)
def test_rates_without_a_finding(tree: str) -> None:
    assert list(requirements.rates(passthrough(tree))) == []


@pytest.mark.parametrize(("rate", "number"), [(0, 0), (1, 1)])
def test_a_rate_that_the_host_does_not_have_either(rate: int, number: int) -> None:
    clock = FIXED.replace("frequency = <0>", f"frequency = <{rate}>")
    board = host(CLOCKS.format("z"), clock)
    view = passthrough(FIXED + mmc(CLOCKS.format("z") + ON_HOST), board)
    assert len(list(requirements.rates(view))) == number


EEMI = (
    'firmware { zynqmp-firmware { compatible = "xlnx,zynqmp-firmware"; #power-domain-cells = <1>;'
    " phandle = <0x77>;"
    ' clk: clock-controller { compatible = "xlnx,zynqmp-clk"; #clock-cells = <1>; }; }; };'
)
FIRMWARE = "/passthrough/firmware/zynqmp-firmware"


def uart(more: str) -> str:
    return f'serial@ff010000 {{ {more} compatible = "cdns,uart-r1p12"; }};'


@pytest.mark.parametrize("use", ["clocks = <&clk 57>, <&clk 31>;", "power-domains = <0x77 34>;"])
def test_firmware_that_refuses_a_guest(use: str, wording: Wording) -> None:
    (finding,) = requirements.firmware(passthrough(EEMI + uart(use)))
    assert about([finding]) == [("XA526", FIRMWARE, None)]
    assert UART in finding.message
    wording(finding)


def test_firmware_that_no_device_uses() -> None:
    assert list(requirements.firmware(passthrough(EEMI + uart("")))) == []


@pytest.mark.parametrize(
    "node",
    [
        'f { compatible = "xlnx,versal-firmware"; c { compatible = "xlnx,versal-clk"; }; };',
        'f { compatible = "qcom,scm-sdm845", "qcom,scm"; };',
        'f { method = "smc"; compatible = "intel,agilex-svc"; };',
        'f { compatible = "arm,smc-wdt"; };',
    ],
)
def test_firmware_that_xen_does_not_forward(node: str, wording: Wording) -> None:
    (finding,) = requirements.firmware(passthrough(node))
    assert about([finding]) == [("XA539", "/passthrough/f", None)]
    disabled = node.replace("{", '{ status = "disabled";', 1)
    assert list(requirements.firmware(passthrough(disabled))) == []
    wording(finding)


@pytest.mark.parametrize(("root", "code"), [("xlnx,zynqmp", "XA526"), ("acme,board", "XA539")])
def test_xen_forwards_eemi_on_a_zynqmp(root: str, code: str) -> None:
    board = compiled(f'compatible = "{root}"; cpus {{ }};')
    (finding,) = requirements.firmware(passthrough(EEMI + uart("clocks = <&clk 57>;"), board))
    assert finding.code == code
