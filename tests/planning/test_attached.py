"""PHYs, chips on child buses, ports: copied with their bus, and what they miss (XA307, XA535-7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import guest, of
from tests.wording import Wording
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Compiled = Callable[[str], Tree]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

#: In the shapes of real boards: a FEC pair with one MDIO bus, an I2C touch screen whose interrupt
#: is a GPIO, SPI chips on GPIO chip selects, an USB host with a PHY of its own and one that two
#: share, a display pipeline of three.
BOARD = """
/dts-v1/;
/ {
	#address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
	chosen { stdout-path = "/serial@60000"; };
	serial: serial@60000 { compatible = "arm,pl011"; reg = <0x60000 0x1000>; #reset-cells = <0>; };
	off: reset@61000 { compatible = "x,reset"; reg = <0x61000 0x1000>; #reset-cells = <0>;
		status = "disabled"; };
	mfd: mfd@62000 { compatible = "x,mfd"; reg = <0x62000 0x2000>; #reset-cells = <0>;
		#address-cells = <1>; #size-cells = <1>; ranges;
		part@63000 { compatible = "x,part"; reg = <0x63000 0x1000>;
			resets = <&mfd>, <&off>, <&serial>; }; };
	gic: gic@8000000 { compatible = "arm,gic-v3"; reg = <0x8000000 0x10000>, <0x80a0000 0x100000>;
		interrupt-controller; #interrupt-cells = <3>; };
	clk: clock { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; };
	gpio: gpio@10000 { compatible = "x,gpio"; reg = <0x10000 0x1000>; gpio-controller;
		#gpio-cells = <2>; interrupt-controller; #interrupt-cells = <2>; };
	led { compatible = "gpio-leds"; led { gpios = <&gpio 1 0>; }; };
	user@11000 { compatible = "x,user"; reg = <0x11000 0x1000>; reset-gpios = <&gpio 2 0>; };
	first: ethernet@20000 { compatible = "x,mac"; reg = <0x20000 0x1000>; interrupts = <0 20 4>;
		phy-handle = <&near>; phy-mode = "rgmii-id";
		mdio { #address-cells = <1>; #size-cells = <0>;
			near: ethernet-phy@0 { reg = <0>; interrupt-parent = <&gpio>; interrupts = <3 8>;
				reset-gpios = <&gpio 9 1>; };
			far: ethernet-phy@1 { reg = <1>; }; }; };
	second: ethernet@21000 { compatible = "x,mac"; reg = <0x21000 0x1000>; interrupts = <0 21 4>;
		phy-handle = <&far>; phy-mode = "rgmii"; };
	ethernet@22000 { compatible = "x,mac"; reg = <0x22000 0x1000>; interrupts = <0 22 4>;
		phy-mode = "rgmii"; sfp = <&cage>; fixed-link { speed = <1000>; full-duplex; }; };
	cage: sfp { compatible = "sff,sfp"; i2c-bus = <&i2c>; };
	i2c: i2c@30000 { compatible = "x,i2c"; reg = <0x30000 0x1000>; interrupts = <0 30 4>;
		#address-cells = <1>; #size-cells = <0>;
		touch@38 { compatible = "x,touch"; reg = <0x38>; vcc-supply = <&pmic>;
			interrupts-extended = <&gpio 4 2>; reset-gpios = <&gpio 5 1>; };
		codec@39 { compatible = "x,codec"; reg = <0x39>; clocks = <&clk>; }; };
	spi@31000 { compatible = "x,spi"; reg = <0x31000 0x1000>; interrupts = <0 31 4>;
		#address-cells = <1>; #size-cells = <0>; cs-gpios = <0>, <&gpio 6 1>, <&own 7 1>;
		flash@0 { compatible = "x,flash"; reg = <0>; };
		panel@1 { compatible = "x,panel"; reg = <1>; };
		radio@2 { compatible = "x,radio"; reg = <2>; }; };
	own: gpio@32000 { compatible = "x,gpio"; reg = <0x32000 0x1000>; gpio-controller;
		#gpio-cells = <2>; };
	pmic: regulator@33000 { compatible = "x,pmic"; reg = <0x33000 0x1000>; };
	usb@40000 { compatible = "x,usb"; reg = <0x40000 0x1000>; interrupts = <0 40 4>;
		phys = <&lane0 1>, <&serdes 2>; phy-names = "usb2", "usb3"; };
	sata@41000 { compatible = "x,sata"; reg = <0x41000 0x1000>; phys = <&serdes 3>; };
	syscon@42000 { compatible = "x,phy", "syscon"; reg = <0x42000 0x1000>;
		lane0: phy@0 { #phy-cells = <1>; }; };
	serdes: serdes@43000 { compatible = "x,serdes"; reg = <0x43000 0x1000>; #phy-cells = <1>; };
	crtc@50000 { compatible = "x,crtc"; reg = <0x50000 0x1000>; ports {
		#address-cells = <1>; #size-cells = <0>;
		port@0 { reg = <0>; c0: endpoint { remote-endpoint = <&b0>; }; };
		port@1 { reg = <1>; endpoint { remote-endpoint = <&nowhere>; }; };
		port@2 { reg = <2>; }; }; };
	bridge@51000 { compatible = "x,bridge"; reg = <0x51000 0x1000>; ports {
		#address-cells = <1>; #size-cells = <0>;
		port@0 { reg = <0>; b0: endpoint { remote-endpoint = <&c0>; }; };
		port@1 { reg = <1>; b1: endpoint { remote-endpoint = <&p0>; }; }; }; };
	panel { compatible = "x,panel"; port { p0: endpoint { remote-endpoint = <&b1>; }; }; };
	tv@52000 { compatible = "x,tv"; reg = <0x52000 0x1000>;
		port { nowhere: endpoint { remote-endpoint = <&p0>; }; }; };
};
"""


@pytest.fixture
def made(plan: Plan, compiled: Compiled) -> Plan:
    """made(device…): the plan for devices of the board."""
    return lambda *devices: plan(compiled(BOARD), *devices, policy="trust")


def below(plan: DomainPlan, path: str) -> Node | None:
    return guest(plan).find(f"/passthrough{path}")


# ---------------------------------------------------------------------- Ethernet PHYs


def test_a_phy_inside_of_the_mac_comes_along(made: Plan) -> None:
    plan = made("/ethernet@20000")
    tree = guest(plan)
    mac, phy = (
        tree.find(f"/passthrough/ethernet@20000{name}") for name in ("", "/mdio/ethernet-phy@0")
    )
    assert mac is not None
    assert phy is not None
    assert mac.cells("phy-handle") == (phy.phandle,)
    assert mac.text("phy-mode") == "rgmii-id"
    assert not of(plan, "XA535")


def test_a_phy_on_the_bus_of_another_mac_is_said(made: Plan) -> None:
    plan = made("/ethernet@21000")
    (finding,) = of(plan, "XA535")
    assert "/ethernet@20000/mdio/ethernet-phy@1" in finding.message
    assert "-d /ethernet@20000" in finding.fix
    node = below(plan, "/ethernet@21000")
    assert node is not None
    assert not node.has("phy-handle")
    assert node.text("phy-mode") == "rgmii"
    assert not of(plan, "XA537")  # said once


def test_with_the_owner_of_the_bus_the_phy_comes_along(made: Plan) -> None:
    plan = made("/ethernet@21000", "/ethernet@20000")
    assert not of(plan, "XA535")
    node = below(plan, "/ethernet@21000")
    phy = below(plan, "/ethernet@20000/mdio/ethernet-phy@1")
    assert node is not None
    assert phy is not None
    assert node.cells("phy-handle") == (phy.phandle,)


def test_a_fixed_link_is_copied(made: Plan) -> None:
    plan = made("/ethernet@22000")
    link = below(plan, "/ethernet@22000/fixed-link")
    assert link is not None
    assert link.cells("speed") == (1000,)


def test_a_cage_of_the_hosts_is_said(made: Plan, wording: Wording) -> None:
    plan = made("/ethernet@22000")
    (finding,) = of(plan, "XA535")
    wording(finding)
    assert "-d" not in finding.fix
    assert "I2C bus" in plan.devices[0].suppliers[0].why


# ---------------------------------------------------------------------- GPIOs of chips on buses


@pytest.mark.parametrize(
    ("device", "node"),
    [
        ("/i2c@30000", "/i2c@30000/touch@38"),
        ("/ethernet@20000", "/ethernet@20000/mdio/ethernet-phy@0"),
    ],
)
def test_an_interrupt_of_a_child_at_a_gpio_controller(
    made: Plan, device: str, node: str, wording: Wording
) -> None:
    alone = made(device)
    (finding,) = of(alone, "XA307")
    wording(finding)
    copy = below(alone, node)
    assert copy is not None
    assert not copy.has("interrupts")
    assert not copy.has("interrupts-extended")
    assert not copy.has("reset-gpios")
    both = made(device, "/gpio@10000")
    assert not of(both, "XA307")
    copy = below(both, node)
    gpio = below(both, "/gpio@10000")
    assert copy is not None
    assert gpio is not None
    assert copy.cells("interrupts-extended")[0] == gpio.phandle
    assert copy.cells("reset-gpios")[0] == gpio.phandle


def test_the_suppliers_of_a_child_are_told_with_its_path(made: Plan) -> None:
    (device,) = made("/i2c@30000").devices
    told = {(s.node, s.property, s.action) for s in device.suppliers}
    assert told == {
        ("/i2c@30000/touch@38", "vcc-supply", "stubbed"),
        ("/i2c@30000/touch@38", "reset-gpios", "dropped"),
        ("/i2c@30000/codec@39", "clocks", "copied"),
    }


def test_a_chip_select_of_the_hosts_is_said(made: Plan, wording: Wording) -> None:
    alone = made("/spi@31000")
    nodes = [finding.node for finding in of(alone, "XA536")]
    assert nodes == ["/spi@31000/panel@1", "/spi@31000/radio@2"]
    copy = below(alone, "/spi@31000")
    assert copy is not None
    assert not copy.has("cs-gpios")
    one = made("/spi@31000", "/gpio@32000")
    (finding,) = of(one, "XA536")
    wording(finding)
    copy = below(one, "/spi@31000")
    assert copy is not None
    own = below(one, "/gpio@32000")
    assert own is not None
    assert copy.cells("cs-gpios") == (0, 0, own.phandle, 7, 1)
    assert not of(made("/spi@31000", "/gpio@32000", "/gpio@10000"), "XA536")


# ---------------------------------------------------------------------- what could come along


def test_a_provider_that_nothing_else_uses_is_named(made: Plan, wording: Wording) -> None:
    (finding,) = of(made("/usb@40000"), "XA537")
    wording(finding)
    assert finding.severity == "note"
    assert "-d /syscon@42000" in finding.fix
    assert "/serdes@43000" not in finding.fix


def test_a_provider_whose_other_users_come_along_is_free(made: Plan, wording: Wording) -> None:
    found = of(made("/usb@40000", "/sata@41000"), "XA537")
    assert len(found) == 2
    wording(*found)


def test_what_cannot_come_along_is_not_named(made: Plan) -> None:
    """The device's own parent, a disabled one, and Xen's console."""
    plan = made("/mfd@62000/part@63000")
    assert {s.property for s in plan.devices[0].suppliers if s.action == "dropped"} == {"resets"}
    assert not of(plan, "XA537")


def test_a_provider_that_is_assigned_is_not_named(made: Plan) -> None:
    plan = made("/usb@40000", "/sata@41000", "/syscon@42000", "/serdes@43000")
    assert not of(plan, "XA537")
    (usb,) = (d for d in plan.devices if d.path == "/usb@40000")
    assert {s.action for s in usb.suppliers} == {"copied"}


# ---------------------------------------------------------------------- graphs


def test_a_link_to_the_host_is_cut_with_its_port(made: Plan) -> None:
    plan = made("/crtc@50000")
    node = below(plan, "/crtc@50000/ports")
    assert node is not None
    assert list(node.children) == ["port@2"]  # which had no endpoint in the host's tree either
    told = {s.node: s.why for s in plan.devices[0].suppliers}
    assert told["/crtc@50000/ports/port@0/endpoint"].endswith("is not assigned: the link is cut")
    assert not of(plan, "XA502")


def test_links_inside_of_the_guest_stay_in_both_directions(made: Plan) -> None:
    tree = guest(made("/crtc@50000", "/bridge@51000"))
    ends = [node for node in tree.nodes() if node.has("remote-endpoint")]
    paths = {node.path for node in ends}
    assert paths == {
        "/passthrough/crtc@50000/ports/port@0/endpoint",
        "/passthrough/bridge@51000/ports/port@0/endpoint",
    }
    partners = {
        r.provider.path for n in ends for g in references(tree, n) for r in g.entries if r.provider
    }
    assert partners == paths
    assert tree.find("/passthrough/bridge@51000/ports/port@1") is None


def test_ports_that_hold_nothing_else_go_too(made: Plan) -> None:
    plan = made("/bridge@51000")
    node = below(plan, "/bridge@51000")
    assert node is not None
    assert list(node.children) == []
    assert len([s for s in plan.devices[0].suppliers if s.action == "dropped"]) == 2


def test_an_endpoint_that_names_a_cut_one_is_cut(made: Plan) -> None:
    """One-sided graphs: the other end names somebody else."""
    node = below(made("/crtc@50000", "/tv@52000"), "/tv@52000")
    assert node is not None
    assert list(node.children) == []
    crtc = below(made("/crtc@50000", "/tv@52000"), "/crtc@50000/ports")
    assert crtc is not None
    assert list(crtc.children) == ["port@2"]


def test_the_source_says_what_was_cut(generate: Generate, compiled: Compiled) -> None:
    _, files, refusals = generate(compiled(BOARD), "/bridge@51000", policy="trust")
    assert not refusals
    text = files["domu1.dts"].decode()
    assert "remote-endpoint dropped: /panel/port/endpoint is not assigned: the link is cut" in text
