"""Regulators: stubs of a known voltage where a driver reads it, dropped elsewhere (XA508)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import guest_device
from tests.wording import Wording
from xenassign.checks import required_suppliers
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.driver_needs import DriverNeeds, Need
from xenassign.host.regulator_summary import parse_regulator_summary
from xenassign.planning.guest_tree import losses
from xenassign.planning.plan import DomainPlan, Supplier

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

MMC = "/mmc@7e000000"


def board(
    variant: Variant, device: str, regulators: str, compatible: str = "xenassign,mmc"
) -> Tree:
    return variant(
        "tricky",
        f'/ {{ mmc@7e000000 {{ compatible = "{compatible}"; reg = <0 0x7e000000 0 0x1000>;'
        f" {device} }}; pmic {{ {regulators} }}; }};",
    )


def volts(label: str, low: int, high: int) -> str:
    return (
        f"{label}: {label} {{ regulator-min-microvolt = <{low}>;"
        f" regulator-max-microvolt = <{high}>; }};"
    )


def supplier(plan: DomainPlan, name: str) -> Supplier:
    (found,) = [s for s in plan.devices[0].suppliers if s.property == name]
    return found


def supply(plan: DomainPlan, name: str) -> Node:
    tree = read_blob(to_blob(plan.tree))
    return tree.phandles[guest_device(plan).properties[name].u32()]


@pytest.mark.parametrize("name", ["vmmc-supply", "vqmmc-supply", "vref-supply"])
def test_a_supply_whose_voltage_is_read_becomes_a_stub(
    plan: Plan, variant: Variant, name: str
) -> None:
    tree = board(variant, f"{name} = <&ldo>;", volts("ldo", 1800000, 1800000))
    made = plan(tree, MMC, policy="trust")
    assert supplier(made, name).action == "stubbed"
    assert "1800000 uV, as /pmic/ldo states" in supplier(made, name).why
    stub = supply(made, name)
    assert stub.compatible == ("regulator-fixed",)
    assert stub.text("regulator-name") == "host-1800000uV"
    assert stub.properties["regulator-min-microvolt"].u32() == 1800000
    assert stub.properties["regulator-max-microvolt"].u32() == 1800000
    assert stub.has("regulator-always-on")
    assert not guest_device(made).has("no-1-8-v")


def test_supplies_of_one_voltage_share_a_stub_that_says_what_it_stands_for(
    plan: Plan, variant: Variant
) -> None:
    device = "vmmc-supply = <&a>; vqmmc-supply = <&b>; vref-supply = <&c>;"
    regulators = volts("a", 3, 3) + volts("b", 3, 3) + volts("c", 4, 4)
    made = plan(board(variant, device, regulators), MMC, policy="trust")
    stubs = [n for n in made.tree.walk() if n.name.startswith("regulator-")]
    assert [node.name for node in stubs] == ["regulator-3", "regulator-4"]
    assert stubs[0].comments[:2] == (
        f"replaces /pmic/a, for vmmc-supply of {MMC}",
        f"replaces /pmic/b, for vqmmc-supply of {MMC}",
    )


@pytest.mark.parametrize(
    ("supply", "why"),
    [
        ("vmmc-supply", "3300000 uV, read from reg.txt"),
        ("vcc-supply", "3300000 uV, read from reg.txt"),
        ("vqmmc-supply", "states no single voltage"),  # the host's driver changes it for a card
    ],
)
def test_the_voltage_of_the_running_board(
    plan: Plan, variant: Variant, supply: str, why: str
) -> None:
    """Only where the tree allows several."""
    text = " rail 1 1 0 unknown 3300mV 0mA 1800mV 3300mV\n"
    summary = parse_regulator_summary(text, "reg.txt")
    named = volts("ldo", 1800000, 3300000).replace("{ ", '{ regulator-name = "rail"; ')
    tree = board(variant, f"{supply} = <&ldo>;", named)
    made = plan(tree, MMC, policy="trust", regulator_summary=summary)
    assert why in supplier(made, supply).why
    one_voltage = named.replace("<3300000>", "<1800000>")
    tree = board(variant, f"{supply} = <&ldo>;", one_voltage)
    made = plan(tree, MMC, policy="trust", regulator_summary=summary)
    assert "1800000 uV, as /pmic/ldo states" in supplier(made, supply).why


@pytest.mark.parametrize("other", ["vcc-supply", "vdda-supply"])
def test_a_supply_that_linux_replaces_is_dropped_and_said(
    plan: Plan, variant: Variant, other: str
) -> None:
    tree = board(variant, f"{other} = <&ldo>;", volts("ldo", 1800000, 3300000))
    made = plan(tree, MMC, policy="trust", routes=("xl",))
    assert supplier(made, other).action == "dropped"
    assert "dummy regulator" in supplier(made, other).why


def test_every_supply_becomes_a_stub_where_linux_may_refuse_dummies(
    plan: Plan, variant: Variant
) -> None:
    """The root of a dom0less guest's tree has no compatible (tests/boards, rpi4)."""
    tree = board(variant, "vcc-supply = <&ldo>;", volts("ldo", 1800000, 3300000))
    made = plan(tree, MMC, policy="trust")
    assert supplier(made, "vcc-supply").action == "stubbed"
    stub = supply(made, "vcc-supply")
    assert stub.compatible == ("regulator-fixed",)
    assert not stub.has("regulator-min-microvolt")


EEPROM = "atmel,24c02"


def test_a_supply_that_the_driver_requests_is_stubbed_though_the_host_states_none(
    plan: Plan, variant: Variant
) -> None:
    made = plan(board(variant, "", "", EEPROM), MMC, policy="trust")
    assert supplier(made, "vcc-supply")[1:3] == (None, "stubbed")
    stub = supply(made, "vcc-supply")
    assert stub.compatible == ("regulator-fixed",)
    (node,) = [n for n in made.tree.walk() if n.name.startswith("regulator-")]
    assert node.comments[0] == (f"for vcc-supply of {MMC}, which the host's tree does not state")


def test_what_the_host_states_or_xl_gives_gets_no_second_stub(plan: Plan, variant: Variant) -> None:
    """libxl gives the root of the guest's tree a compatible, and so Linux has dummies there."""
    xl = plan(board(variant, "", "", EEPROM), MMC, policy="trust", routes=("xl",))
    assert not guest_device(xl).has("vcc-supply")
    assert [s for s in xl.devices[0].suppliers if s.property == "vcc-supply"] == []
    stated = board(variant, "vcc-supply = <&ldo>;", volts("ldo", 3, 3), EEPROM)
    assert supplier(plan(stated, MMC, policy="trust"), "vcc-supply").provider == "/pmic/ldo"


@pytest.mark.parametrize(
    "regulator",
    [
        volts("ldo", 1800000, 3300000),
        "ldo: ldo { };",
        "ldo: ldo { regulator-min-microvolt = <3300000>; };",
        volts("ldo", 0, 0),
    ],
)
def test_no_voltage_is_made_up(plan: Plan, variant: Variant, regulator: str) -> None:
    made = plan(board(variant, "vmmc-supply = <&ldo>;", regulator), MMC, policy="trust")
    assert supplier(made, "vmmc-supply").action == "dropped"
    assert "voltage" in supplier(made, "vmmc-supply").why
    assert not [n for n in made.tree.walk() if n.name.startswith("regulator-")]


MODES = "sd-uhs-sdr104; mmc-hs200-1_8v; cap-sd-highspeed; bus-width = <4>;"


def test_a_card_that_cannot_be_switched_stays_at_its_voltage(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    device = f"vqmmc-supply = <&ldo>; {MODES}"
    made = plan(board(variant, device, volts("ldo", 1800000, 3300000)), MMC, policy="trust")
    node = guest_device(made)
    assert node.has("no-1-8-v")
    assert not node.has("sd-uhs-sdr104")
    assert not node.has("mmc-hs200-1_8v")
    assert node.has("cap-sd-highspeed")
    (finding,) = [f for f in made.findings if f.code == "XA508"]
    assert finding.node == MMC
    wording(finding)


@pytest.mark.parametrize("assigned", [False, True])
def test_fast_modes_stay_with_a_known_voltage_or_an_own_regulator(
    plan: Plan, variant: Variant, assigned: bool
) -> None:
    low = 3300000 if assigned else 1800000
    supply = f"vqmmc-supply = <&{'own' if assigned else 'ldo'}>; {MODES}"
    more = volts("ldo", low, low)
    tree = variant(
        "tricky",
        f'/ {{ mmc@7e000000 {{ compatible = "xenassign,mmc"; reg = <0 0x7e000000 0 0x1000>;'
        f" {supply} }}; pmic {{ {more} }}; own: own@7e001000 {{"
        ' compatible = "xenassign,ldo"; reg = <0 0x7e001000 0 0x1000>;'
        " regulator-min-microvolt = <1800000>; regulator-max-microvolt = <3300000>; }; };",
    )
    made = plan(tree, MMC, *(["/own@7e001000"] if assigned else []), policy="trust")
    assert guest_device(made).has("sd-uhs-sdr104")
    assert not guest_device(made).has("no-1-8-v")
    assert "XA508" not in {f.code for f in made.findings}


@pytest.mark.parametrize("range_", [(5000000, 5000000), (1, 2)])
def test_a_supply_that_a_driver_insists_on_is_stubbed(
    plan: Plan, variant: Variant, monkeypatch: pytest.MonkeyPatch, range_: tuple[int, int]
) -> None:
    """With the voltage where it is known, else with none."""
    insists = DriverNeeds("x.c", "x.yaml", (Need("vbus-supply", True, (), 1, "the probe fails"),))
    monkeypatch.setattr(losses, "needs", lambda _: insists)
    monkeypatch.setattr(required_suppliers, "needs", lambda _: insists)
    tree = board(variant, "vbus-supply = <&ldo>;", volts("ldo", *range_))
    made = plan(tree, MMC, policy="trust")
    assert supplier(made, "vbus-supply").action == "stubbed"
    stub = supply(made, "vbus-supply")
    assert stub.has("regulator-min-microvolt") == (range_ == (5000000, 5000000))
    assert "XA506" not in {f.code for f in made.findings}
