"""Clocks: copied, or a fixed-clock of the rate that is known or given (XA501)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.answers import of
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.host.clock_summary import read_clock_summary
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import parse_clock_rate

Plan = Callable[..., DomainPlan]

CLOCKED = "/dev@79030000"
CRU = "/clock-controller@f4000000"
ETH = "/axi/ethernet@ff0e0000"


def rate(tree: Tree, node: Node | None) -> float | None:
    """Hz of a fixed clock or a chain of fixed factors; None for no such clock."""
    if node is None:
        return None
    if "fixed-clock" in node.compatible:
        return node.properties["clock-frequency"].u32()
    (group,) = [g for g in references(tree, node) if g.prop == "clocks"]
    parent = rate(tree, group.entries[0].provider)
    factor = node.properties["clock-mult"].u32() / node.properties["clock-div"].u32()
    return None if parent is None else parent * factor


def clocks(plan: DomainPlan, path: str) -> dict[str, float | None]:
    """Name (or index) to Hz of the clocks of a device, as the guest computes them."""
    tree = read_blob(to_blob(plan.tree))
    node = tree.find(next(d.guest_path for d in plan.devices if d.path == path))
    assert node is not None
    (group,) = [g for g in references(tree, node) if g.prop == "clocks"]
    assert group.problem is None
    return {r.name or str(r.index): rate(tree, r.provider) for r in group.entries}


def test_clocks_of_every_kind(plan: Plan) -> None:
    assert clocks(plan("tricky", CLOCKED, policy="trust"), CLOCKED) == {
        "osc": 24_000_000,
        "div": 240_000_000,
        "zero": 0,
        "assigned": 50_000_000,
        "unknown": 0,
        "half": 0,
        "none": None,
    }


def test_the_names_stay_aligned_around_an_empty_entry(plan: Plan) -> None:
    tree = read_blob(to_blob(plan("tricky", CLOCKED, policy="trust").tree))
    node = tree.find("/passthrough/dev@79030000")
    assert node is not None
    names = ("osc", "div", "zero", "assigned", "unknown", "half", "none")
    assert node.strings("clock-names") == names
    assert len(node.cells("clocks")) == len(names)
    assert node.cells("clocks")[-1] == 0


def test_fixed_clocks_and_their_chain_are_copied(plan: Plan) -> None:
    made = plan("tricky", CLOCKED, policy="trust")
    found = {s.provider: s.action for s in made.devices[0].suppliers if s.property == "clocks"}
    del found["/clock-zero"]
    assert found == {
        "/clock-osc": "copied",
        "/clock-pll-div4": "copied",
        CRU: "stubbed",
        "/clock-cru-div2": "stubbed",
    }


def test_unknown_rates_are_warned_about_with_the_option(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("tricky", CLOCKED, policy="trust"), "XA501")
    wording(finding)
    assert finding.fix.startswith(f"give --clock-rate {CLOCKED}#zero=HZ --clock-rate {CLOCKED}#")


def test_a_fixed_clock_of_0_hz_is_unknown_too(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("tricky", CLOCKED, policy="trust"), "XA501")
    wording(finding)


def test_a_rate_that_the_driver_requires_is_named(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("imx8", "ethernet@30be0000", policy="trust"), "XA501")
    assert "0 for ipg: " in finding.message
    wording(finding)


def test_assigned_clocks_of_the_host_are_dropped(plan: Plan) -> None:
    tree = read_blob(to_blob(plan("tricky", CLOCKED, policy="trust").tree))
    node = tree.find("/passthrough/dev@79030000")
    assert node is not None
    assert not [name for name in node.properties if name.startswith("assigned-clock")]


def test_assigned_clocks_stay_when_the_controllers_are_the_guests(plan: Plan) -> None:
    path = "/clock-controller@f4000000"
    tree = read_blob(to_blob(plan("tricky", CLOCKED, path, policy="trust").tree))
    node = tree.find("/passthrough/dev@79030000")
    assert node is not None
    (group,) = [g for g in references(tree, node) if g.prop == "clocks"]
    assert group.entries[3].args == (1, 5)


# --- --clock-rate --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        (f"{CLOCKED}#unknown=1000", {"unknown": 1000}),
        (f"{CLOCKED}#4=1000", {"unknown": 1000}),
        (f"{CLOCKED}#assigned=1000", {"assigned": 1000}),
        (f"{CLOCKED}#osc=1000", {"osc": 1000}),
        (f"{CRU}=1000", {"assigned": 1000, "unknown": 1000}),
        (f"{CRU}#1,6=1000", {"unknown": 1000}),
        ("cru=1000", {"assigned": 1000, "unknown": 1000}),
        (
            f"{CLOCKED}=1000",
            dict.fromkeys(("osc", "div", "zero", "assigned", "unknown", "half"), 1000),
        ),
        (f"{CLOCKED}#half=0x10", {"half": 16}),
    ],
)
def test_a_rate_for_a_device_a_name_an_index_or_a_provider(
    plan: Plan, option: str, changed: dict[str, int]
) -> None:
    before = clocks(plan("tricky", CLOCKED, policy="trust"), CLOCKED)
    after = clocks(plan("tricky", CLOCKED, policy="trust", rates=[option]), CLOCKED)
    assert after == {**before, **changed}


def test_the_devices_own_option_comes_before_the_providers(plan: Plan) -> None:
    rates = [f"{CRU}=1000", f"{CLOCKED}#unknown=2000"]
    found = clocks(plan("tricky", CLOCKED, policy="trust", rates=rates), CLOCKED)
    assert (found["assigned"], found["unknown"]) == (1000, 2000)


def test_rates_for_all_leave_no_warning(plan: Plan) -> None:
    names = ("pclk", "hclk", "tx_clk", "rx_clk", "tsu_clk")
    rates = [f"{ETH}#{name}={1000 + number}" for number, name in enumerate(names)]
    made = plan("zynqmp", ETH, rates=rates)
    assert not of(made, "XA510")
    assert list(clocks(made, ETH).values()) == [1000, 1001, 1002, 1003, 1004]


def test_the_usual_rates_of_the_soc_are_named(plan: Plan, wording: Wording) -> None:
    """Ethernet of the ZCU102 requires no rate. What is given is no usual one."""
    made = plan("zynqmp", ETH, rates=[f"{ETH}#rx_clk=25000000"])
    assert list(clocks(made, ETH).values()) == [
        100000000,
        125000000,
        125000000,
        25000000,
        250000000,
    ]
    assert not of(made, "XA501")
    (finding,) = of(made, "XA510")
    assert "rx_clk" not in finding.message
    assert "tx_clk 125000000 Hz" in finding.message
    wording(finding)


def test_equal_rates_share_one_stub(plan: Plan) -> None:
    made = plan("zynqmp", ETH, rates=[f"{ETH}=125000000"])
    stubs = [node for node in made.tree.walk() if node.name.startswith("clock-")]
    assert [node.name for node in stubs] == ["clock-125000000"]
    assert len([c for c in stubs[0].comments if c.startswith("replaces")]) == 5


@pytest.mark.parametrize(
    "text", ["x", "=5", "x=", "x=fast", "x=-1", "x=4294967296", "x=1.5", "x=5MW", "x=0.1Hz"]
)
def test_a_malformed_rate_is_a_usage_error(text: str, wording: Wording) -> None:
    with wording.raises(UsageError):
        parse_clock_rate(text)


def test_a_rate_for_no_node_is_a_usage_error(plan: Plan, wording: Wording) -> None:
    with wording.raises(UsageError):
        plan("tricky", CLOCKED, rates=["/no-such=1"])


@pytest.mark.parametrize("option", [f"{CLOCKED}#misspelt=1", f"{CLOCKED}#99=1", "/timer=1"])
def test_a_rate_that_fits_no_clock_is_told(plan: Plan, option: str) -> None:
    with pytest.raises(UsageError):
        plan("tricky", CLOCKED, policy="trust", rates=[option])


# --- where a rate comes from, and who sets it ----------------------------------------------------


def why(plan: DomainPlan, path: str, provider: str) -> list[str]:
    (planned,) = [d for d in plan.devices if d.path == path]
    return [s.why for s in planned.suppliers if s.provider == provider and s.property == "clocks"]


def test_the_reason_says_where_the_rate_comes_from(plan: Plan) -> None:
    made = plan("tricky", CLOCKED, policy="trust", rates=[f"{CLOCKED}#unknown=1000"])
    assert why(made, CLOCKED, CRU) == [
        f"50000000 Hz: assigned-clock-rates of {CLOCKED}",
        "1000 Hz: --clock-rate",
    ]


def test_a_stub_says_which_clock_of_which_device_it_stands_for(plan: Plan) -> None:
    made = plan("tricky", CLOCKED, policy="trust")
    (stub,) = [node for node in made.tree.walk() if node.name == "clock-50000000"]
    assert stub.comments[0] == f"replaces {CRU} 0x1 0x5, for assigned of {CLOCKED}"


BOARD = """
/ {{
    a@7e000000 {{
        compatible = "x,a"; reg = <0 0x7e000000 0 0x1000>; clocks = <&cru 1 2>; {device}
    }};
    b@7e001000 {{ compatible = "x,b"; reg = <0 0x7e001000 0 0x1000>; {other} }};
}};
"""
ASKS = "assigned-clocks = <&cru 1 2>; assigned-clock-rates = <{}>;"


@pytest.mark.parametrize(
    ("device", "other", "assigned", "found"),
    [
        (ASKS.format(7), "", (), True),
        ("", ASKS.format(7), (), False),
        ("", ASKS.format(7), ("/b@7e001000",), True),
        ("", ASKS.format(7) + " xen,passthrough;", (), True),
        (ASKS.format(7), ASKS.format(7), (), False),
    ],
)
def test_a_rate_that_only_the_guests_devices_ask_for_is_a_note(
    plan: Plan,
    variant: Callable[[str, str], Tree],
    device: str,
    other: str,
    assigned: tuple[str, ...],
    found: bool,
    wording: Wording,
) -> None:
    tree = variant("tricky", BOARD.format(device=device, other=other))
    made = plan(tree, "/a@7e000000", *assigned, policy="trust")
    assert clocks(made, "/a@7e000000") == {"0": 7}
    told = of(made, "XA509")
    assert bool(told) == found
    wording(*told)


def test_a_rate_given_is_no_rate_asked_for(plan: Plan, variant: Callable[[str, str], Tree]) -> None:
    tree = variant("tricky", BOARD.format(device=ASKS.format(7), other=""))
    made = plan(tree, "/a@7e000000", policy="trust", rates=["/a@7e000000=8"])
    assert clocks(made, "/a@7e000000") == {"0": 8}
    assert not of(made, "XA509")


def test_a_rate_above_32_bits_cannot_be_stated(
    plan: Plan, variant: Callable[[str, str], Tree]
) -> None:
    device = "assigned-clocks = <&cru 1 2>; assigned-clock-rates-u64 = /bits/ 64 <6000000000>;"
    made = plan(
        variant("tricky", BOARD.format(device=device, other="")), "/a@7e000000", policy="trust"
    )
    assert clocks(made, "/a@7e000000") == {"0": 0}
    assert of(made, "XA501")


def test_clocks_that_feed_each_other_are_unknown(
    plan: Plan, variant: Callable[[str, str], Tree]
) -> None:
    loop = (
        '/ {{ {0}: {0} {{ compatible = "fixed-factor-clock"; #clock-cells = <0>; clocks = <&{1}>;'
        " clock-mult = <1>; clock-div = <1>; }}; }};"
    )
    device = BOARD.format(device="", other="").replace("<&cru 1 2>", "<&l1>")
    tree = variant("tricky", loop.format("l1", "l2") + loop.format("l2", "l1") + device)
    made = plan(tree, "/a@7e000000", policy="trust")
    assert clocks(made, "/a@7e000000") == {"0": 0}
    assert of(made, "XA501")


def test_the_rates_of_the_running_board(plan: Plan, tmp_path: Path) -> None:
    """They count before the tree's, and after --clock-rate."""
    summary = tmp_path / "clk_summary.txt"
    summary.write_text(
        " gem   1 1 0 124999998 0 0 50000 Y ff0e0000.ethernet pclk\n"
        " tx    1 1 0 25000000 0 0 50000 Y ff0e0000.ethernet tx_clk\n"
    )
    made = plan(
        "zynqmp",
        ETH,
        rates=[f"{ETH}#tx_clk=2500000"],
        clock_summary=read_clock_summary(str(summary)),
    )
    (device,) = made.devices
    why = [s.why for s in device.suppliers if s.property == "clocks"]
    assert f"124999998 Hz: read from {summary}" in why
    assert "2500000 Hz: --clock-rate" in why
    assert any("usual for clock" in text for text in why)
