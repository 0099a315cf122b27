"""Devices that rule over the machine, and providers with users that are not in the domain."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.answers import codes, of
from tests.wording import Wording
from xenassign.cli import cli
from xenassign.cli.completion import _assignable
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import errors
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Accepted

Plan = Callable[..., DomainPlan]
Compiled = Callable[[str], Tree]

PROVIDER, USER, OTHER = "/soc/provider@1000", "/soc/user@2000", "/soc/other@3000"

BOARD = """/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    cpus { #address-cells = <1>; #size-cells = <0>;
        cpu: cpu@0 { device_type = "cpu"; compatible = "arm,cortex-a53"; reg = <0>; };
    };
    gic: gic@8000000 { compatible = "arm,gic-v3"; reg = <0x8000000 0x10000>, <0x80a0000 0xf60000>;
        interrupt-controller; #interrupt-cells = <3>; };
    soc: soc { compatible = "simple-bus"; ranges; #address-cells = <1>; #size-cells = <1>;
        provider: provider@1000 { compatible = "acme,provider"; reg = <0x1000 0x1000>;
            #clock-cells = <0>; #reset-cells = <0>; #power-domain-cells = <0>; #gpio-cells = <0>;
            #interconnect-cells = <0>; #mbox-cells = <0>; #pwm-cells = <0>;
            #phy-cells = <0>; #hwlock-cells = <0>; #performance-domain-cells = <0>;
            #dma-cells = <0>;
            part: part { };
        };
        user: user@2000 { compatible = "acme,user"; reg = <0x2000 0x1000>; };
        other: other@3000 { compatible = "acme,other"; reg = <0x3000 0x1000>; };
    };
};
"""


@pytest.fixture
def board(compiled: Compiled) -> Callable[[str], Tree]:
    """The board with more source after its own."""
    return lambda more: compiled(BOARD + more)


Board = Callable[[str], Tree]


def assigned(plan: Plan, tree: Tree, *devices: str, **options: object) -> DomainPlan:
    return plan(tree, *devices, policy="trust", **options)


# --- XA107: users that are not in the domain -----------------------------------------------------

SUPPLIES = [
    "clocks = <&provider>;",
    "resets = <&provider>;",
    "power-domains = <&provider>;",
    'pinctrl-0 = <&part>; pinctrl-names = "default";',
    "interconnects = <&provider>, <&provider>;",
    "vmmc-supply = <&part>;",
    "performance-domains = <&provider>;",
    "iommus = <&provider 1>; }; &provider { #iommu-cells = <1>;",
    "rockchip,grf = <&provider>;",
]


@pytest.mark.parametrize("supplied", SUPPLIES)
def test_a_provider_whose_users_stay_is_refused(plan: Plan, board: Board, supplied: str) -> None:
    made = assigned(plan, board(f"&user {{ {supplied} }};"), PROVIDER)
    (finding,) = errors(made.findings)
    assert (finding.code, finding.node) == ("XA107", PROVIDER)
    assert USER in finding.message


@pytest.mark.parametrize("supplied", SUPPLIES)
def test_a_provider_that_goes_with_its_users_is_not(
    plan: Plan, board: Board, supplied: str
) -> None:
    made = assigned(plan, board(f"&user {{ {supplied} }};"), PROVIDER, USER)
    assert "XA107" not in codes(made)


STAGE = "&provider { interrupt-controller; #interrupt-cells = <1>; msi-controller; };"
ROUTED = [
    "interrupts-extended = <&provider 7>;",
    "interrupt-parent = <&provider>; interrupts = <7>;",
    "msi-parent = <&provider>;",
    "wakeup-parent = <&provider>;",
]


@pytest.mark.parametrize("routed", ROUTED)
def test_a_stage_of_the_interrupts_of_others_is_refused(
    plan: Plan, board: Board, routed: str
) -> None:
    tree = board(f"{STAGE} &user {{ {routed} }};")
    (finding,) = errors(assigned(plan, tree, PROVIDER).findings)
    assert (finding.code, finding.node) == ("XA107", PROVIDER)
    assert USER in finding.message
    assert "XA107" not in codes(assigned(plan, tree, PROVIDER, USER))


@pytest.mark.parametrize("routed", ROUTED[:2])
def test_a_gpio_or_a_chip_with_interrupts_of_others_is_not(
    plan: Plan, board: Board, routed: str
) -> None:
    gpio = board(f"{STAGE} &provider {{ gpio-controller; }}; &user {{ {routed} }};")
    made = assigned(plan, gpio, PROVIDER)
    assert not errors(made.findings)
    assert "XA124" in codes(made)
    chip = board(
        """&provider { #address-cells = <1>; #size-cells = <0>; pmic: pmic@20 {
            compatible = "acme,pmic"; reg = <0x20>; interrupt-controller; #interrupt-cells = <1>; };
        };"""
        f" &user {{ {routed.replace('provider', 'pmic')} }};"
    )
    made = assigned(plan, chip, PROVIDER)
    assert not errors(made.findings)
    assert "XA124" in codes(made)


IOMMU = "&provider { #iommu-cells = <0>; };"


def test_an_iommu_of_nobody_is_refused(plan: Plan, board: Board, wording: Wording) -> None:
    (finding,) = errors(assigned(plan, board(IOMMU), PROVIDER).findings)
    assert (finding.code, finding.node) == ("XA119", PROVIDER)
    wording(finding)


@pytest.mark.parametrize("disabled", ["", 'status = "disabled";'])
def test_an_iommu_that_xen_does_not_drive_goes_with_its_device(
    plan: Plan, board: Board, disabled: str
) -> None:
    tree = board(f"{IOMMU} &user {{ iommus = <&provider>; {disabled} }};")
    assert not errors(assigned(plan, tree, PROVIDER, USER).findings)
    assert errors(assigned(plan, tree, PROVIDER, OTHER).findings)


@pytest.mark.parametrize("disabled", ["user", "soc/bus"])
def test_disabled_users_do_not_count(plan: Plan, board: Board, disabled: str) -> None:
    more = {
        "user": '&user { clocks = <&provider>; status = "disabled"; };',
        "soc/bus": '&soc { bus { compatible = "simple-bus"; ranges; status = "disabled";'
        ' #address-cells = <1>; #size-cells = <1>; in@4000 { compatible = "acme,in";'
        " reg = <0x4000 0x1000>; clocks = <&provider>; }; }; };",
    }
    assert "XA107" not in codes(assigned(plan, board(more[disabled]), PROVIDER))


def test_a_cpu_is_a_user(plan: Plan, board: Board, wording: Wording) -> None:
    wording(*of(assigned(plan, board("&cpu { clocks = <&provider>; };"), PROVIDER), "XA107"))


def test_a_clock_is_passed_on_to_those_who_use_it(plan: Plan, board: Board) -> None:
    factor = '/ { half: half { compatible = "fixed-factor-clock"; clocks = <&provider>;'
    factor += " #clock-cells = <0>; clock-div = <2>; clock-mult = <1>; }; };"
    assert "XA107" not in codes(assigned(plan, board(factor), PROVIDER))
    used = board(factor + "&user { clocks = <&half>; };")
    (finding,) = errors(assigned(plan, used, PROVIDER).findings)
    assert USER in finding.message
    assert "/half" not in finding.message
    assert "XA107" not in codes(assigned(plan, used, PROVIDER, USER))


def test_a_pwm_that_sets_the_voltage_of_the_cpu_is_refused(plan: Plan, board: Board) -> None:
    backlight = '/ { backlight { compatible = "pwm-backlight"; pwms = <&provider>; }; };'
    assert not errors(assigned(plan, board(backlight), PROVIDER).findings)
    regulator = '/ { vdd: vdd { compatible = "pwm-regulator"; pwms = <&provider>; }; };'
    made = assigned(plan, board(regulator + "&cpu { cpu-supply = <&vdd>; };"), PROVIDER)
    (finding,) = errors(made.findings)
    assert "/cpus/cpu@0" in finding.message


def test_the_connector_of_a_display_is_no_user(plan: Plan, board: Board) -> None:
    connector = '/ { connector { compatible = "hdmi-connector"; hdmi-pwr-supply = <&part>; }; };'
    made = assigned(plan, board(connector), PROVIDER)
    assert not errors(made.findings)
    assert "XA124" in codes(made)


def test_firmware_behind_a_mailbox_counts_by_what_it_supplies(plan: Plan, board: Board) -> None:
    firmware = '/ { firmware { scmi { compatible = "arm,scmi"; mboxes = <&provider>;'
    firmware += " #address-cells = <1>; #size-cells = <0>;"
    firmware += " clk: protocol@14 { reg = <0x14>; #clock-cells = <1>; }; }; }; };"
    ordinary = assigned(plan, board(firmware), PROVIDER)
    assert not errors(ordinary.findings)
    assert "XA124" in codes(ordinary)
    made = assigned(plan, board(firmware + "&user { clocks = <&clk 3>; };"), PROVIDER)
    (finding,) = errors(made.findings)
    assert "/firmware/scmi (mboxes)" in finding.message


def test_the_interrupts_of_what_is_made_of_the_device_are_no_supply(
    plan: Plan, board: Board
) -> None:
    """The Ethernet of TI's ICSSG has no registers of its own."""
    routed = f"{STAGE} &user {{ interrupts-extended = <&provider 7>; }};"
    made = assigned(plan, board(f"{routed} &user {{ /delete-property/ reg; }};"), PROVIDER)
    assert not errors(made.findings)
    assert errors(assigned(plan, board(routed), PROVIDER).findings)


def test_a_clock_controller_may_choose_the_clock_of_a_phy(plan: Plan, board: Board) -> None:
    chooses = "&user { clocks = <&provider>; #clock-cells = <1>; };"
    assert not errors(assigned(plan, board(chooses), PROVIDER).findings)
    no_phy = board(chooses + "&provider { /delete-property/ #phy-cells; };")
    assert [f.code for f in errors(assigned(plan, no_phy, PROVIDER).findings)] == ["XA107"]


def test_a_phy_that_serves_the_device_only_is_no_user(plan: Plan, board: Board) -> None:
    companion = "&user { clocks = <&provider>; #phy-cells = <0>; };"
    own = board(companion + "&provider { phys = <&user>; };")
    assert not errors(assigned(plan, own, PROVIDER).findings)
    gates = "&other { clocks = <&user>; #clock-cells = <1>; }; &user { #clock-cells = <0>; };"
    tree = board(companion + "&provider { phys = <&user>; };" + gates)
    assert not errors(assigned(plan, tree, PROVIDER).findings)
    shared = board(companion + "&provider { phys = <&user>; }; &other { phys = <&user>; };")
    assert [f.code for f in errors(assigned(plan, shared, PROVIDER).findings)] == ["XA107"]


@pytest.mark.parametrize(
    "used",
    [
        "cd-gpios = <&provider>;",
        "nvmem-cells = <&part>;",
        "phys = <&provider>;",
        "dmas = <&provider>;",
        "hwlocks = <&provider>;",
        "assigned-clocks = <&provider>;",
    ],
)
def test_other_services_are_a_warning(plan: Plan, board: Board, used: str) -> None:
    made = assigned(plan, board(f"&user {{ {used} }};"), PROVIDER)
    assert not errors(made.findings)
    assert [(f.severity, USER in f.message) for f in of(made, "XA124")] == [("warning", True)]


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        (
            '/ { keys { compatible = "gpio-keys"; power { gpios = <&provider>; }; }; };',
            "/keys/power (gpios)",
        ),
        (
            "&provider { #thermal-sensor-cells = <0>; };"
            " / { thermal-zones { cpu-thermal { thermal-sensors = <&provider>; }; }; };",
            "/thermal-zones/cpu-thermal (thermal-sensors)",
        ),
        (
            "&provider { #sound-dai-cells = <0>; };"
            ' / { sound { compatible = "simple-audio-card";'
            " codec { sound-dai = <&provider>; clocks = <&provider>; }; }; };",
            "/sound/codec (sound-dai)",
        ),
    ],
)
def test_a_part_of_a_device_is_a_user(plan: Plan, board: Board, parts: str, named: str) -> None:
    made = assigned(plan, board(parts), PROVIDER)
    assert not errors(made.findings)
    (finding,) = of(made, "XA124")
    assert finding.message == f"{PROVIDER} serves {named}"


def test_a_power_domain_of_a_controller_is_a_user(plan: Plan, board: Board) -> None:
    made = assigned(plan, board("&user { domain@7 { clocks = <&provider>; }; };"), PROVIDER)
    (finding,) = errors(made.findings)
    assert f"{USER}/domain@7 (clocks)" in finding.message


@pytest.mark.parametrize(
    "described",
    [
        '&other { compatible = "arm,mmu-500"; mmu-masters = <&provider 1>; };'
        " &provider { #stream-id-cells = <1>; };",
        "/ { thermal-zones { zone { cooling-maps { map0 { cooling-device = <&provider 0 9>; }; };"
        " }; }; };"
        " &provider { #cooling-cells = <2>; };",
        "&user { port { endpoint { remote-endpoint = <&part>; }; }; };",
    ],
)
def test_a_description_is_no_user(plan: Plan, board: Board, described: str) -> None:
    assert not {"XA107", "XA124"}.intersection(codes(assigned(plan, board(described), PROVIDER)))


# --- XA119 and XA120: the table ------------------------------------------------------------------


def listed(compatible: str) -> str:
    return f'&provider {{ compatible = "{compatible}"; }};'


def test_a_listed_device_is_refused_without_users(
    plan: Plan, board: Board, wording: Wording
) -> None:
    made = assigned(plan, board(listed("xlnx,zynqmp-ddrc-2.40a")), PROVIDER)
    assert [f.code for f in errors(made.findings)] == ["XA119"]
    wording(*of(made, "XA119"))


def test_a_listed_device_with_users_is_one_error(plan: Plan, board: Board) -> None:
    more = listed("fsl,imx6q-ccm") + "&user { clocks = <&provider>; };"
    (finding,) = errors(assigned(plan, board(more), PROVIDER).findings)
    assert finding.code == "XA119"
    assert finding.message.endswith(f"it supplies {USER} (clocks)")


@pytest.mark.parametrize("compatible", ['"syscon"', '"syscon", "simple-mfd"'])
def test_registers_that_the_tree_does_not_name_are_refused(
    plan: Plan, board: Board, compatible: str
) -> None:
    (finding,) = errors(
        assigned(plan, board(f"&provider {{ compatible = {compatible}; }};"), PROVIDER).findings
    )
    assert (finding.code, finding.node) == ("XA119", PROVIDER)
    named = board(f'&provider {{ compatible = "acme,phy-settings", {compatible}; }};')
    assert not errors(assigned(plan, named, PROVIDER).findings)


def test_what_is_inside_of_a_device_counts(plan: Plan, board: Board) -> None:
    more = '&part { compatible = "syscon-reboot"; };'
    (finding,) = errors(assigned(plan, board(more), PROVIDER).findings)
    assert finding.code == "XA119"
    assert f"{PROVIDER}/part" in finding.message


def test_a_part_without_compatible_is_what_the_node_above_says(plan: Plan, board: Board) -> None:
    """A bank of a pin controller, as in the trees of Amlogic's SoCs; its page is nobody else's."""
    bank = "/soc/pins/bank@2800"
    more = """&soc { pins { compatible = "amlogic,meson-gxbb-periphs-pinctrl"; ranges;
        #address-cells = <1>; #size-cells = <1>;
        bank@2800 { reg = <0x2800 0x100>; gpio-controller; #gpio-cells = <2>; }; }; };"""
    (finding, _) = errors(assigned(plan, board(more), bank).findings)
    assert (finding.code, finding.node) == ("XA119", bank)
    (finding,) = errors(assigned(plan, board(more), USER).findings)
    assert finding.code == "XA201"
    assert bank in finding.message


def test_a_device_that_xen_keeps_is_not_judged_twice(plan: Plan, board: Board) -> None:
    more = '&provider { compatible = "arm,mmu-500"; #iommu-cells = <1>; };'
    more += " &user { iommus = <&provider 1>; };"
    assert [f.code for f in errors(assigned(plan, board(more), PROVIDER).findings)] == ["XA102"]


def test_a_watchdog_is_a_warning(plan: Plan, board: Board, wording: Wording) -> None:
    made = assigned(plan, board(listed("snps,dw-wdt")), PROVIDER)
    assert not errors(made.findings)
    wording(*of(made, "XA120"))


# --- the option ----------------------------------------------------------------------------------

USED = "&user { clocks = <&provider>; };"


@pytest.mark.parametrize("more", [USED, listed("snps,ddrc-3.80a")])
@pytest.mark.parametrize("named", [PROVIDER, "/soc"])
def test_the_user_may_allow_it_with_a_reason(
    plan: Plan, board: Board, more: str, named: str
) -> None:
    allowed = (Accepted(named, "the guest is dom0's twin"),)
    made = assigned(plan, board(more), PROVIDER, controls=allowed)
    (finding,) = [f for f in made.findings if f.code in ("XA107", "XA119")]
    assert finding.severity == "warning"
    assert finding.message.endswith("; accepted: the guest is dom0's twin")


def test_allowing_a_device_that_is_not_assigned_is_an_error(
    plan: Plan, board: Board, wording: Wording
) -> None:
    with wording.raises(UsageError):
        assigned(plan, board(USED), OTHER, controls=(PROVIDER,))


def test_the_lint_refuses_it_and_takes_the_reason_of_the_source(
    board: Board, tmp_path: Path
) -> None:
    source = tmp_path / "host.dts"
    source.write_text(BOARD + USED)
    project = tmp_path / "xenassign.toml"
    project.write_text(f"""
host = "host.dts"
[[domain]]
name = "net"
iommu-policy = "trust"
[[domain.device]]
path = "{PROVIDER}"
allow-machine-control = "trusted as dom0"
""")
    out = tmp_path / "out"
    made = CliRunner().invoke(cli, ["generate", "-c", str(project), "-o", str(out)])
    assert made.exit_code == 0, made.output
    overlay = ["--host", str(source), "--host-overlay", str(out / "net.host.dtso")]
    checked = CliRunner().invoke(cli, ["lint", str(out / "net.dts"), *overlay])
    assert checked.exit_code == 0, checked.output
    assert "1 waived" in checked.output
    assert "trusted as dom0" in (out / "net.dts").read_text()
    blob = CliRunner().invoke(cli, ["lint", str(out / "net.dtb"), *overlay])
    assert blob.exit_code == 1
    assert "[XA107]" in blob.output


@pytest.mark.parametrize(("pages", "code"), [("0x1,1", "XA107"), ("0x0,8", "XA107"), ("0x2,1", "")])
def test_pages_of_iomem_are_judged_alike(tmp_path: Path, pages: str, code: str) -> None:
    (tmp_path / "host.dts").write_text(BOARD + USED)
    (tmp_path / "d.cfg").write_text(f'name = "d"\nkernel = "k"\nmemory = 64\niomem = ["{pages}"]\n')
    words = ["lint", str(tmp_path / "d.cfg"), "--host", str(tmp_path / "host.dts")]
    said = CliRunner().invoke(cli, [*words, "--select", "XA107,XA119"]).output
    assert (f"[{code}]" in said) == bool(code)
    assert ("XA107" in said) == bool(code)


@pytest.mark.parametrize(("page", "code"), [(1, "XA107"), (2, "")])
def test_pages_of_a_node_without_path_are_judged_alike(
    tmp_path: Path, page: int, code: str
) -> None:
    (tmp_path / "host.dts").write_text(BOARD + USED)
    (tmp_path / "d.dts").write_text(
        "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>;"
        ' passthrough { compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>;'
        f' in@{page}000 {{ compatible = "acme,in"; reg = <0 {page << 12:#x} 0 0x1000>;'
        f" xen,reg = <0 {page << 12:#x} 0 0x1000 0 {page << 12:#x}>;"
        " xen,force-assign-without-iommu; }; }; };"
    )
    words = ["lint", str(tmp_path / "d.dts"), "--host", str(tmp_path / "host.dts")]
    made = CliRunner().invoke(cli, [*words, "--select", "XA107"])
    assert (f"[{code}]" in made.output) == bool(code)
    assert made.exit_code == bool(code)


# --- wherever it is asked ------------------------------------------------------------------------


#: Devices that could be assigned without any option, if they ruled over nothing.
_NO_DMA = "".join(
    f'&{name} {{ compatible = "arm,pl061"; }};' for name in ("provider", "user", "other")
)


def test_inspect_init_and_completion_do_not_offer_it(tmp_path: Path) -> None:
    source = tmp_path / "host.dts"
    source.write_text(BOARD + _NO_DMA + USED + '&other { compatible = "arm,tzc400"; };')

    def said(*words: str) -> str:
        return CliRunner().invoke(cli, words).output

    assert "XA107" in said("inspect", str(source), PROVIDER)
    assert "nothing helps: " in said("inspect", str(source), OTHER)
    listed = json.loads(said("inspect", str(source), "--assignable", "--format", "json"))
    assert [device["path"] for device in listed["devices"]] == [USER]
    started = said("init", str(source))
    assert USER in started
    assert not {PROVIDER, OTHER} & set(re.findall("/soc/[a-z@0-9]+", started))
    offered = {item.value for item in _assignable({"host": str(source)}, "/")}
    assert {PROVIDER, USER, OTHER} & offered == {USER}


def test_users_in_another_domain_are_a_conflict_of_the_two(tmp_path: Path) -> None:
    (tmp_path / "host.dts").write_text(BOARD + USED)
    project = tmp_path / "xenassign.toml"
    project.write_text(f"""
host = "host.dts"
[[domain]]
name = "a"
iommu-policy = "trust"
device = ["{PROVIDER}"]
[[domain]]
name = "b"
iommu-policy = "trust"
device = ["{USER}"]
""")
    refused = CliRunner().invoke(cli, ["generate", "-c", str(project), "-o", str(tmp_path / "o")])
    assert refused.exit_code == 1
    assert "[XA006]" in refused.output
    assert "[XA107]" not in refused.output


# --- advice --------------------------------------------------------------------------------------

NEEDS = {
    "XA537": "&user { resets = <&provider>; };",
    "XA201": "&user { reg = <0x1800 0x800>; }; &provider { reg = <0x1000 0x800>; };",
    "XA307": "&user { interrupts-extended = <&provider>; };"
    " &provider { interrupt-controller; #interrupt-cells = <0>; };",
}


@pytest.mark.parametrize("code", NEEDS)
def test_only_what_nobody_else_uses_is_proposed(plan: Plan, board: Board, code: str) -> None:
    alone = assigned(plan, board(NEEDS[code]), USER)
    assert [PROVIDER in f.fix for f in of(alone, code)] == [True]
    for more in ("&other { clocks = <&provider>; };", listed("acme,x-tlmm")):
        made = assigned(plan, board(NEEDS[code] + more), USER)
        assert [f.code for f in made.findings if f"-d {PROVIDER}" in f.fix] == []
        assert not any("too" in f.fix.split() for f in made.findings)


def test_a_bus_with_other_devices_is_not_proposed(plan: Plan, board: Board) -> None:
    bus = """&user { reset-gpios = <&expander>; };
        &provider { #address-cells = <1>; #size-cells = <0>;
            expander: gpio@20 { compatible = "acme,expander"; reg = <0x20>; #gpio-cells = <0>; };
            sensor@30 { compatible = "acme,sensor"; reg = <0x30>; status = "STATUS"; };
        };"""
    alone = assigned(plan, board(bus.replace("STATUS", "disabled")), USER)
    assert [f.fix for f in of(alone, "XA537") if f"-d {PROVIDER}" in f.fix] != []
    shared = assigned(plan, board(bus.replace("STATUS", "okay")), USER)
    assert [f for f in shared.findings if f"-d {PROVIDER}" in f.fix] == []


MARKS = "&provider { xen,passthrough; }; &user { xen,passthrough; };"


@pytest.mark.parametrize(
    ("more", "pages", "found"),
    [
        (MARKS, '"0x1,1", "0x2,1"', False),  # both are the guest's
        (MARKS, '"0x1,1"', True),
        ("", '"0x1,1", "0x2,1"', True),  # dom0 drives the user too
        (MARKS + "&user { codec { clocks = <&provider>; }; };", '"0x1,1", "0x2,1"', False),
    ],
)
def test_iomem_assigns_a_provider_with_its_users(
    tmp_path: Path, more: str, pages: str, found: bool
) -> None:
    """A tree in the form for xl alone, or none, does not say which devices are the guest's."""
    (tmp_path / "host.dts").write_text(BOARD + USED + more)
    (tmp_path / "d.cfg").write_text(f'name = "d"\nkernel = "k"\nmemory = 64\niomem = [{pages}]\n')
    words = ["lint", str(tmp_path / "d.cfg"), "--host", str(tmp_path / "host.dts")]
    said = CliRunner().invoke(cli, [*words, "--select", "XA107"]).output
    assert ("[XA107]" in said) == found
