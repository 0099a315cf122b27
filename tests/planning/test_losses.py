"""What a driver does without a supplier, and those it can't do without (XA506)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import of
from tests.wording import Wording
from xenassign.checks import required_suppliers
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.tree import Tree
from xenassign.host.driver_needs import DriverNeeds, Need
from xenassign.planning.guest_tree import losses
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

ALL = "/dev@79040000"


def knows(monkeypatch: pytest.MonkeyPatch, *needs: Need) -> None:
    """Makes the driver of every device one that has these needs."""
    known = DriverNeeds("drivers/x.c", "bindings/x.yaml", needs)
    monkeypatch.setattr(losses, "needs", lambda _: known)
    monkeypatch.setattr(required_suppliers, "needs", lambda _: known)


def test_a_required_supplier_is_a_warning_of_its_own(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    knows(monkeypatch, Need("resets", True, (), 1, "the probe fails"))
    made = plan("tricky", ALL, policy="trust")
    (finding,) = of(made, "XA506")
    assert finding.severity == "warning"
    assert (finding.node, finding.prop) == (ALL, "resets")
    (note,) = of(made, "XA502")
    wording(finding, note)
    required = {s.property for s in made.devices[0].suppliers if s.required}
    assert required == {"resets"}


def test_only_the_names_that_are_required(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    knows(
        monkeypatch,
        Need("phys", True, ("b",), 1, "the probe fails"),
        Need("phys", False, (), 0, "the driver goes on"),
    )
    made = plan("tricky", ALL, policy="trust")
    (finding,) = of(made, "XA506")
    wording(finding)


@pytest.mark.parametrize("instead", ["clocks", "no-such-property"])
def test_what_does_as_well_is_no_loss(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, instead: str
) -> None:
    knows(monkeypatch, Need("resets", True, (), 1, "the probe fails", (instead,)))
    assert bool(of(plan("tricky", ALL, policy="trust"), "XA506")) == (instead != "clocks")


def test_a_supplier_that_is_assigned_or_stubbed_is_no_loss(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(
        monkeypatch,
        Need("phys", True, (), 1, "the probe fails"),
        Need("clocks", True, (), 1, "the probe fails"),
    )
    assert of(plan("tricky", ALL, policy="trust"), "XA506")
    assert not of(plan("tricky", ALL, "/provider@79000000", policy="trust"), "XA506")


def test_pins_that_a_driver_insists_on_become_empty_states(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, Need("pinctrl-0", True, (), 1, "the probe fails"))
    made = plan("tricky", ALL, policy="trust")
    node = read_blob(to_blob(made.tree)).find("/passthrough/dev@79040000")
    assert node is not None
    assert node.strings("pinctrl-names") == ("default", "sleep")
    assert node.properties["pinctrl-0"].value == node.properties["pinctrl-1"].value == b""
    assert not of(made, "XA506")
    found = {s.property: s.action for s in made.devices[0].suppliers}
    assert (found["pinctrl-0"], found["pinctrl-1"]) == ("stubbed", "stubbed")


@pytest.mark.parametrize(
    ("prop", "does"),
    [
        ("resets", "-ENOENT"),
        ("phys", "-ENODEV"),
        ("power-domains", "the host has to keep it on"),
        ("pinctrl-0", "the pins stay"),
        ("interconnects", "goes on"),
        ("dmas", "-ENODEV"),
        ("nvmem-cells", "missing"),
    ],
)
def test_the_reason_says_what_linux_does_without(plan: Plan, prop: str, does: str) -> None:
    made = plan("tricky", ALL, policy="trust")
    found = [s.why for s in made.devices[0].suppliers if s.property == prop]
    assert found
    assert all(does in why for why in found)


def test_the_reason_says_what_a_known_driver_does(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, Need("dmas", False, (), 0, "the processor moves the data"))
    made = plan("tricky", ALL, policy="trust")
    found = [s.why for s in made.devices[0].suppliers if s.property == "dmas"]
    assert found
    assert all(why.endswith("; the processor moves the data") for why in found)
