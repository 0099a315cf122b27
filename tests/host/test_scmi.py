"""What uses SCMI: by which property, by which name, and with whom."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenassign.devicetree.tree import Tree
from xenassign.host import scmi
from xenassign.host.device import read_device
from xenassign.host.platform import read_platform
from xenassign.host.scmi import ScmiId
from xenassign.xen.board import read_board
from xenassign.xen.releases import release

SOURCE = """/dts-v1/; / {
    firmware { scmi: scmi { compatible = "arm,scmi-smc"; #address-cells = <1>; #size-cells = <0>;
        clk: protocol@14 { reg = <0x14>; #clock-cells = <1>; };
        volt: protocol@17 { reg = <0x17>; regulators { #address-cells = <1>; #size-cells = <0>;
            vdd: regulator@5 { reg = <5>; }; }; };
        pin: protocol@19 { reg = <0x19>; one: one { }; two: two { }; }; }; };
    cpus { #address-cells = <1>; #size-cells = <0>;
        cpu@0 { device_type = "cpu"; reg = <0>; clocks = <&clk 1>; }; };
    first { compatible = "x"; interrupts = <0>; clocks = <&clk 1>, <&clk 2>;
        clock-names = "bus", "core"; assigned-clocks = <&clk 7>; vdd-supply = <&vdd>;
        pinctrl-0 = <&one>, <&two>; gpio-ranges = <&pin 0 3 8>; };
    off { compatible = "x"; status = "disabled"; interrupts = <0>; clocks = <&clk 2>;
        below { compatible = "y"; interrupts = <0>; resets; clocks = <&clk 2>; }; };
    gpio { #gpio-cells = <2>; };
};"""


@pytest.fixture(scope="module")
def tree(compiled: Callable[[str], Tree]) -> Tree:
    return compiled(SOURCE.replace("pin: protocol@19 {", "pin: protocol@19 { #gpio-cells = <0>;"))


def test_each_use_has_its_property_name_and_provider(tree: Tree) -> None:
    node = tree.find("/first")
    assert node is not None
    found = read_device(read_platform(tree), node)
    assert [(u.protocol, u.id, u.provider.path, u.prop, u.name) for u in found.scmi_uses] == [
        ("clock", 1, "/firmware/scmi/protocol@14", "clocks", "bus"),
        ("clock", 2, "/firmware/scmi/protocol@14", "clocks", "core"),
        ("clock", 7, "/firmware/scmi/protocol@14", "assigned-clocks", None),
        ("voltage", 5, "/firmware/scmi/protocol@17/regulators/regulator@5", "vdd-supply", None),
        ("pinctrl", None, "/firmware/scmi/protocol@19/one", "pinctrl-0", None),
        ("pinctrl", None, "/firmware/scmi/protocol@19/two", "pinctrl-0", None),
    ]


def test_what_only_sets_a_clock_up_is_no_id_of_the_device(tree: Tree) -> None:
    node = tree.find("/first")
    assert node is not None
    found = read_device(read_platform(tree), node)
    assert found.scmi == (ScmiId("clock", 1), ScmiId("clock", 2), ScmiId("voltage", 5))


def test_cpus_are_users_and_what_is_disabled_is_not_available(tree: Tree) -> None:
    platform = read_platform(tree)
    users = [(u.node.path, u.use.text, u.available) for u in scmi.users(tree, platform.scmi)]
    assert ("/cpus/cpu@0", "clock 1", True) in users
    assert ("/off", "clock 2", False) in users
    assert ("/off/below", "clock 2", False) in users
    assert ("/first", "pinctrl", True) in users


def test_the_users_of_an_id_stand_together(tree: Tree) -> None:
    board = read_board(read_platform(tree), release("4.21"))
    found = [(one.use.text, [u.node.path for u in users]) for one, users in board.by_scmi_id()]
    assert found == [
        ("clock 1", ["/cpus/cpu@0", "/first"]),
        ("clock 2", ["/first", "/off", "/off/below"]),
        ("clock 7", ["/first"]),
        ("pinctrl", ["/first"]),
        ("pinctrl", ["/first"]),
        ("voltage 5", ["/first"]),
    ]
