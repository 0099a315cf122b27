"""Rates that a board's tree tells of its clocks, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenassign.devicetree.references import references
from xenassign.devicetree.tree import Tree
from xenassign.host.clock_rates import ClockRates, Rate

Compiled = Callable[[str], Tree]

_CONTROLLER = 'cru: cru { compatible = "x,cru"; #clock-cells = <1>; };'


def rates(compiled: Compiled, clocks: str, device: str) -> list[Rate | None]:
    """The rates of the clocks of /dev on a board with the nodes ``clocks``."""
    tree = compiled(f"/dts-v1/; / {{ {clocks} dev: dev {{ {device} }}; }};")
    node = tree.find("/dev")
    assert node is not None
    known = ClockRates(tree)
    (group,) = [group for group in references(tree, node) if group.prop == "clocks"]
    return [known.of(node, reference) for reference in group.entries]


def hertz(compiled: Compiled, clocks: str, device: str) -> list[int | None]:
    return [rate.hz if rate else None for rate in rates(compiled, clocks, device)]


FIXED = (
    'osc: osc { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; };'
)


def factor(label: str, parent: str, mult: str, div: str) -> str:
    return (
        f'{label}: {label} {{ compatible = "fixed-factor-clock"; #clock-cells = <0>;'
        f" clocks = <&{parent}>; clock-mult = <{mult}>; clock-div = <{div}>; }};"
    )


@pytest.mark.parametrize(
    ("clock", "rate"),
    [
        ('compatible = "fixed-clock"; clock-frequency = <5>;', 5),
        ('compatible = "fixed-clock"; clock-frequency = <0>;', None),
        ('compatible = "fixed-clock";', None),
        ('compatible = "fixed-clock"; clock-frequency = <0 5>;', None),
        ('compatible = "gated-fixed-clock"; clock-frequency = <7>;', 7),
        ('compatible = "pwm-clock"; clock-frequency = <32768>; clocks = <&osc>;', 32768),
        ('compatible = "silabs,si570"; clock-frequency = <156250000>;', 156250000),
        ('compatible = "x,codec"; clock-frequency = <9600000>; clocks = <&osc>;', None),
        ('compatible = "gpio-gate-clock"; clocks = <&osc>;', 24000000),
        ('compatible = "gpio-gate-clock";', None),
        ('compatible = "gpio-mux-clock"; clocks = <&osc>, <&osc>;', None),
        ('compatible = "x,pll"; clocks = <&osc>;', None),
    ],
)
def test_the_rate_of_one_clock(compiled: Compiled, clock: str, rate: int | None) -> None:
    clocks = f"{FIXED} one: one {{ {clock} #clock-cells = <0>; }};"
    assert hertz(compiled, clocks, "clocks = <&one>;") == [rate]


def test_a_fixed_clock_with_an_argument(compiled: Compiled) -> None:
    """As on APM's boards; Linux' driver takes no notice of the argument."""
    clocks = FIXED.replace("#clock-cells = <0>", "#clock-cells = <1>")
    assert hertz(compiled, clocks, "clocks = <&osc 3>;") == [24000000]


@pytest.mark.parametrize(
    ("mult", "div", "rate"),
    [
        ("40", "1", 960000000),
        ("1", "7", 3428571),  # rounded down, as Linux does
        ("200", "1", 4800000000),  # no number of 32 bits
        ("1", "0", None),
        ("1 2", "1", None),
    ],
)
def test_a_fixed_factor(compiled: Compiled, mult: str, div: str, rate: int | None) -> None:
    clocks = FIXED + factor("pll", "osc", mult, div)
    assert hertz(compiled, clocks, "clocks = <&pll>;") == [rate]


def test_a_chain_tells_where_its_rate_comes_from(compiled: Compiled) -> None:
    clocks = FIXED + factor("pll", "osc", "40", "1") + factor("half", "pll", "1", "2")
    (rate,) = rates(compiled, clocks, "clocks = <&half>;")
    assert rate is not None
    assert rate.source == "clock-frequency of /osc, times 40 / 1 by /pll, times 1 / 2 by /half"


def test_clocks_that_feed_each_other_have_no_rate(compiled: Compiled) -> None:
    clocks = factor("a", "b", "2", "1") + factor("b", "a", "1", "2") + factor("c", "c", "1", "1")
    assert hertz(compiled, clocks, "clocks = <&a>, <&b>, <&c>;") == [None, None, None]


def test_a_diamond_is_no_loop(compiled: Compiled) -> None:
    clocks = FIXED + factor("a", "osc", "2", "1") + factor("b", "a", "1", "2")
    assert hertz(compiled, clocks, "clocks = <&b>, <&a>, <&b>;") == [24000000, 48000000, 24000000]


# --- requests ------------------------------------------------------------------------------------


def asks(cells: str, rate: str, more: str = "") -> str:
    return f"assigned-clocks = {cells}; assigned-clock-rates = {rate}; {more}"


@pytest.mark.parametrize(
    ("others", "device", "rate"),
    [
        ("", asks("<&cru 1>", "<100>"), 100),
        ("", asks("<&cru 2>", "<100>"), None),
        ("", asks("<&cru 2>, <&cru 1>", "<100>, <200>"), 200),
        ("", asks("<&cru 2>, <&cru 1>", "<100>"), None),
        ("", asks("<&cru 1>", "<0>"), None),
        ("", asks("<&cru 1>, <&cru 1>", "<0>, <300>"), 300),
        (f"other {{ {asks('<&cru 1>', '<100>')} }};", "", 100),
        (
            f"other {{ {asks('<&cru 1>', '<100>')} status = 'x'; }};".replace("'x'", '"okay"'),
            "",
            100,
        ),
        (
            f"other {{ {asks('<&cru 1>', '<100>')} status = 'x'; }};".replace("'x'", '"disabled"'),
            "",
            None,
        ),
        (f"other {{ {asks('<&cru 1>', '<100>')} }};", asks("<&cru 1>", "<100>"), 100),
        (f"other {{ {asks('<&cru 1>', '<100>')} }};", asks("<&cru 1>", "<200>"), None),
        (f"other {{ {asks('<&cru 1>', '<0>')} }};", asks("<&cru 1>", "<200>"), 200),
        (
            'bus { status = "disabled"; other { ' + asks("<&cru 1>", "<100>") + " }; };",
            "",
            None,
        ),
        ("", asks("<&cru 1>", "<100>", 'status = "disabled";'), 100),
        (
            "",
            "assigned-clocks = <&cru 1>; assigned-clock-rates-u64 = /bits/ 64 <6000000000>;",
            6000000000,
        ),
        ("", asks("<&cru 1>", "<100>", "assigned-clock-rates-u64 = /bits/ 64 <200>;"), 200),
        ("", "assigned-clocks = <&cru 1>; assigned-clock-rates = [00 01];", None),
        ("", "assigned-clocks = <0x7777 1>; assigned-clock-rates = <5>;", None),
    ],
)
def test_a_rate_is_known_where_all_that_ask_agree(
    compiled: Compiled, others: str, device: str, rate: int | None
) -> None:
    assert hertz(compiled, _CONTROLLER + others, f"clocks = <&cru 1>; {device}") == [rate]


def test_those_that_ask_are_named(compiled: Compiled) -> None:
    others = "".join(f"o{i} {{ {asks('<&cru 1>', '<100>')} }};" for i in range(5))
    (rate,) = rates(compiled, _CONTROLLER + others, "clocks = <&cru 1>;")
    assert rate is not None
    assert rate.source == "assigned-clock-rates of /o0, /o1, /o2 and 2 more"
    assert [node.path for node in rate.requesters] == ["/o0", "/o1", "/o2", "/o3", "/o4"]


def test_a_request_reaches_through_a_fixed_factor(compiled: Compiled) -> None:
    clocks = _CONTROLLER + factor("half", "cru 1", "1", "2")
    assert hertz(compiled, clocks, "clocks = <&half>;") == [None]
    clocks += f"other {{ {asks('<&cru 1>', '<100>')} }};"
    (rate,) = rates(compiled, clocks, "clocks = <&half>;")
    assert rate is not None
    assert rate.hz == 50
    assert [node.path for node in rate.requesters] == ["/other"]


# --- a device's own clock-frequency --------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "found"),
    [
        ('compatible = "ns16550a"; clocks = <&cru 1>;', [48]),
        ('compatible = "x,uart", "ns16550a"; clocks = <&cru 1>, <&cru 2>;', [48, None]),
        (
            'compatible = "snps,dw-apb-uart"; clocks = <&cru 1>, <&cru 2>;'
            ' clock-names = "apb_pclk", "baudclk";',
            [None, 48],
        ),
        ('compatible = "ti,am654-uart"; clocks = <&cru 1>; clock-names = "fclk";', [48]),
        ('compatible = "snps,dw-apb-timer"; clocks = <&cru 1>; clock-names = "timer";', [48]),
        ('compatible = "snps,designware-i2c"; clocks = <&cru 1>;', [None]),
        ('compatible = "qcom,geni-i2c"; clocks = <&cru 1>; clock-names = "se";', [None]),
        ('compatible = "arm,cortex-a53"; clocks = <&cru 1>;', [None]),
    ],
)
def test_the_rate_that_a_device_states_of_its_input(
    compiled: Compiled, device: str, found: list[int | None]
) -> None:
    assert hertz(compiled, _CONTROLLER, f"{device} clock-frequency = <48>;") == found


# --- clocks that a controller provides by number (knowledge/controller-clocks.txt) ---------------

_CCM = """ccm: ccm { compatible = "fsl,imx8mp-ccm"; #clock-cells = <1>; };
osc: osc { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <7000000>; };"""
#: The gate of UART1's clock, and the clock itself.
_GATE, _UART = 251, 142


@pytest.mark.parametrize(
    ("clock", "request_", "rate"),
    [
        (_GATE, "", 24000000),
        (_UART, "", 24000000),
        (_GATE, "assigned-clocks = <&ccm 142>; assigned-clock-parents = <&ccm 49>;", 80000000),
        (_GATE, "assigned-clocks = <&ccm 142>; assigned-clock-parents = <&osc>;", 7000000),
        # 46 is a PLL, whose rate is not known: so is that of the UART.
        (_GATE, "assigned-clocks = <&ccm 142>; assigned-clock-parents = <&ccm 46>;", None),
        (_GATE, "assigned-clocks = <&ccm 142>; assigned-clock-parents = <0>;", 24000000),
        (_GATE, "assigned-clocks = <&ccm 143>; assigned-clock-parents = <&ccm 49>;", 24000000),
        (_GATE, "assigned-clocks = <&ccm 142>; assigned-clock-rates = <9>;", 9),
        (
            _GATE,
            "assigned-clocks = <&ccm 142>; assigned-clock-rates = <9>;"
            " assigned-clock-parents = <&ccm 49>;",
            9,
        ),
        (48, "", 40000000),
        # The clock of a USDHC: requested for the one that it switches, or unknown.
        (257, "assigned-clocks = <&ccm 136>; assigned-clock-rates = <400000000>;", 400000000),
        (257, "", None),
        (999, "", None),
    ],
)
def test_a_clock_by_number(compiled: Compiled, clock: int, request_: str, rate: int | None) -> None:
    assert hertz(compiled, _CCM, f"clocks = <&ccm {clock}>; {request_}") == [rate]


def test_parents_that_differ_leave_it_unknown(compiled: Compiled) -> None:
    other = "other { assigned-clocks = <&ccm 142>; assigned-clock-parents = <&ccm 48>; };"
    own = "clocks = <&ccm 251>; assigned-clocks = <&ccm 142>; assigned-clock-parents = <&ccm 49>;"
    assert hertz(compiled, _CCM + other, own) == [None]


def test_only_a_usual_rate_is_marked_as_one(compiled: Compiled) -> None:
    (usual,) = rates(compiled, _CCM, "clocks = <&ccm 251>;")
    (fixed,) = rates(compiled, _CCM, "clocks = <&ccm 49>;")
    assert usual is not None
    assert fixed is not None
    assert (bool(usual.usual), bool(fixed.usual)) == (True, False)
    assert "U-Boot" in usual.source
