"""SCMI and other firmware kept for the guest (XA521 to XA528)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import at, guest, of
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan
from xenassign.planning.sci import ARGUMENTS_LOST, UNFILTERED
from xenassign.xen.releases import RELEASES

Plan = Callable[..., DomainPlan]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]
Variant = Callable[[str, str], Tree]

RNG = "/rng@fe378000"
MMC = "/mmc@fe2c0000"
SHMEM = "/sram@fd600000/scmi-shmem@f000"
SCMI = {"sci": "scmi_smc", "xen": "4.21"}
GEM = "/axi/ethernet@ff0e0000"
FIRMWARE = "/passthrough/firmware/scmi"


def actions(plan: DomainPlan, path: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for planned in plan.devices:
        for supplier in planned.suppliers if planned.path == path else ():
            found.setdefault(supplier.property, set()).add(supplier.action)
    return found


# --- what the guest gets ---


def test_references_to_scmi_are_kept_with_their_arguments(plan: Plan) -> None:
    made = plan("rk3588", RNG, **SCMI)
    assert actions(made, RNG) == {"clocks": {"kept"}, "resets": {"kept"}}
    tree = guest(made)
    node = at(tree, "/passthrough/rng@fe378000")
    clock, reset = node.cells("clocks"), node.cells("resets")
    assert (tree.phandles[clock[0]].path, clock[1:]) == (f"{FIRMWARE}/protocol@14", (17,))
    assert (tree.phandles[reset[0]].path, reset[1:]) == (f"{FIRMWARE}/protocol@16", (48,))


def test_the_node_has_the_hosts_number_and_its_shared_memory(plan: Plan) -> None:
    made = plan("rk3588", RNG, **SCMI)
    tree = guest(made)
    node = at(tree, FIRMWARE)
    assert node.compatible == ("arm,scmi-smc",)
    assert node.cells("arm,smc-id") == (0x82000010,)
    assert at(tree, "/passthrough/firmware").compatible == ("simple-bus",)
    memory = tree.phandles[node.cells("shmem")[0]]
    assert memory.compatible == ("arm,scmi-shmem",)
    assert memory.cells("reg") == (0, 0xFD60F000, 0, 0x100)
    assert memory.cells("xen,reg") == (0, 0xFD60F000, 0, 0x1000, 0, 0xFD60F000)
    assert memory.has("xen,force-assign-without-iommu")
    assert not memory.has("xen,path")
    (region,) = made.regions
    assert (region.path, region.users) == (SHMEM, (RNG,))


def test_only_the_protocols_that_are_used_are_there(plan: Plan) -> None:
    made = plan("rk3588", MMC, policy="trust", **SCMI)
    assert list(at(guest(made), FIRMWARE).children) == ["protocol@14"]
    assert actions(made, MMC)["clocks"] == {"kept", "stubbed"}
    both = plan("rk3588", MMC, RNG, policy="trust", **SCMI)
    assert list(at(guest(both), FIRMWARE).children) == ["protocol@14", "protocol@16"]


def test_the_host_overlay_leaves_scmi_alone(plan: Plan) -> None:
    """Xen makes no mediator of a node that is marked (seen on 4.21)."""
    assert [mark.path for mark in plan("rk3588", RNG, **SCMI).marks] == [RNG]


PROTOCOLS = """
&scmi {
    #access-controller-cells = <1>;
    volt: protocol@17 { reg = <0x17>;
        regulators { #address-cells = <1>; #size-cells = <0>;
            vdd: regulator@5 { reg = <5>; vin-supply = <&vin>; };
            vin: regulator@6 { reg = <6>; };
            regulator@7 { reg = <7>; }; }; };
    pins: protocol@19 { reg = <0x19>;
        group: i2c { mux { function = "i2c"; }; };
        other { }; };
};
&rng { vdd-supply = <&vdd>; pinctrl-names = "default"; pinctrl-0 = <&group>;
    access-controllers = <&scmi 9>; };
"""


def labelled(text: str) -> str:
    """The source with a label for the random number generator."""
    return text.replace("&rng", f"&{{{RNG}}}")


def test_regulators_and_pin_groups_come_with_what_they_need(plan: Plan, variant: Variant) -> None:
    made = plan(variant("rk3588", labelled(PROTOCOLS)), RNG, **SCMI)
    tree = guest(made)
    assert set(at(tree, FIRMWARE).children) == {
        *("protocol@14", "protocol@16", "protocol@17", "protocol@19"),
    }
    regulators = at(tree, f"{FIRMWARE}/protocol@17/regulators")
    assert list(regulators.children) == ["regulator@5", "regulator@6"]
    assert list(at(tree, f"{FIRMWARE}/protocol@19").children) == ["i2c"]
    assert list(at(tree, f"{FIRMWARE}/protocol@19/i2c").children) == ["mux"]


def test_access_controllers_stay_where_scmi_does(plan: Plan, variant: Variant) -> None:
    tree = variant("rk3588", labelled(PROTOCOLS))
    kept = at(guest(plan(tree, RNG, **SCMI)), "/passthrough/rng@fe378000")
    assert kept.cells("access-controllers")[1:] == (9,)
    alone = at(guest(plan(tree, RNG, xen="4.21")), "/passthrough/rng@fe378000")
    assert not alone.has("access-controllers")


def test_a_rate_that_the_user_gives_is_a_stub(plan: Plan) -> None:
    made = plan("rk3588", RNG, rates=[f"{RNG}#0=24000000"], **SCMI)
    assert actions(made, RNG) == {"clocks": {"stubbed"}, "resets": {"kept"}}
    assert list(at(guest(made), FIRMWARE).children) == ["protocol@16"]


def test_a_fixed_factor_of_a_kept_clock_is_copied(plan: Plan, variant: Variant) -> None:
    half = """/ { half: half { compatible = "fixed-factor-clock"; #clock-cells = <0>;
        clock-mult = <1>; clock-div = <2>; clocks = <&scmi_clk 17>; }; };
        &rng { clocks = <&half>; };"""
    made = plan(variant("rk3588", labelled(half)), RNG, **SCMI)
    assert actions(made, RNG)["clocks"] == {"copied"}
    clock = at(guest(made), "/passthrough/half").cells("clocks")
    assert (guest(made).phandles[clock[0]].name, clock[1]) == ("protocol@14", 17)


def test_the_files_of_both_routes_say_it(generate: Generate) -> None:
    _, files, refused = generate("rk3588", RNG, **SCMI)
    assert refused == []
    assert b'arm_sci = "type=scmi_smc"' in files["domu1.cfg"]
    assert b'"0xfd60f,0x1"' in files["domu1.cfg"]
    assert b'xen,sci_type = "scmi_smc";' in files["domu1.dom0less.dtso"]
    _, without, _ = generate("rk3588", RNG, xen="4.21")
    assert b"sci" not in without["domu1.cfg"] + without["domu1.dom0less.dtso"]


# --- the shared memory ---


def test_shared_memory_may_be_moved(generate: Generate) -> None:
    plan, files, refused = generate("rk3588", RNG, maps=[f"{SHMEM}=0x22001000"], **SCMI)
    assert refused == []
    assert [m.guest for region in plan.regions for m in region.mappings] == [0x22001000]
    assert b'"0xfd60f,0x1@0x22001"' in files["domu1.cfg"]


def test_shared_memory_on_the_guests_own_is_refused_with_advice(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    low = """/ { low: sram@38000000 { compatible = "mmio-sram"; reg = <0 0x38000000 0 0x1000>;
        ranges = <0 0 0x38000000 0x1000>; #address-cells = <1>; #size-cells = <1>;
        here: shmem@0 { compatible = "arm,scmi-shmem"; reg = <0 0x100>; }; }; };
        &scmi { shmem = <&here>; };"""
    tree = variant("rk3588", low)
    (clash,) = of(plan(tree, RNG, **SCMI), "XA203")
    wording(clash)
    assert "--map /sram@38000000/shmem@0=" in clash.fix
    assert of(plan(tree, RNG, maps=["auto"], **SCMI), "XA203") == []


@pytest.mark.parametrize(
    ("more", "whom"),
    [
        (
            '&system_sram { b@f100 { compatible = "arm,scmi-shmem"; reg = <0xf100 0x80>; }; };',
            "/sram@fd600000/b@f100",
        ),
        ("&system_sram { part@f800 { reg = <0xf800 0x80>; }; };", "/sram@fd600000/part@f800"),
        ("&{/i2c@fec80000} { sram = <&system_sram>; };", "/i2c@fec80000"),
    ],
)
def test_who_has_a_part_of_the_page_is_named(
    plan: Plan, variant: Variant, more: str, whom: str, wording: Wording
) -> None:
    tree = variant("rk3588", more)
    (shared,) = of(plan(tree, RNG, **SCMI), "XA201")
    assert shared.severity == "error"
    assert SHMEM in shared.message
    wording(shared)
    allowed = plan(tree, RNG, shared=(SHMEM,), **SCMI)
    assert of(allowed, "XA201") == []
    assert [whom in finding.message for finding in of(allowed, "XA202")] == [True]


@pytest.mark.parametrize(
    ("line", "more", "free"),
    [
        ("no-map;", "", True),
        ("", "", False),
        ("no-map;", "&{/i2c@fec80000} { memory-region = <&own>; };", False),
    ],
)
def test_memory_that_the_firmware_reserved_holds_it(
    plan: Plan, variant: Variant, line: str, more: str, free: bool
) -> None:
    """As on Amlogic's C3: shared memory inside of the secure monitor's."""
    reserved = f"""/ {{ reserved-memory {{ #address-cells = <2>; #size-cells = <2>; ranges;
        own: own@fd600000 {{ compatible = "shared-dma-pool"; reg = <0 0xfd600000 0 0x100000>;
        {line} }}; }}; }}; {more}"""
    found = of(plan(variant("rk3588", reserved), RNG, **SCMI), "XA201")
    assert [SHMEM in finding.message for finding in found] == ([] if free else [True])


def test_another_page_of_the_pool_is_no_neighbour(plan: Plan, variant: Variant) -> None:
    apart = "&system_sram { part@8000 { reg = <0x8000 0x1000>; }; };"
    assert of(plan(variant("rk3588", apart), RNG, **SCMI), "XA201") == []


def test_shared_memory_that_is_assigned_itself_is_there_once(generate: Generate) -> None:
    plan, _, refused = generate(
        "rk3588", RNG, SHMEM, shared=(SHMEM,), controls=(SHMEM,), policy="trust", **SCMI
    )
    assert refused == []
    assert plan.regions == ()
    tree = guest(plan)
    memory = tree.phandles[at(tree, FIRMWARE).cells("shmem")[0]]
    assert memory.text("xen,path") == SHMEM


# --- refusals ---


@pytest.mark.parametrize("xen", [name for name, one in RELEASES.items() if not one.scmi_smc])
def test_older_releases_have_no_scmi_for_guests(plan: Plan, xen: str, wording: Wording) -> None:
    (refused,) = of(plan("rk3588", RNG, sci="scmi_smc", xen=xen), "XA521")
    wording(refused)


def test_no_other_type_is_known(plan: Plan, wording: Wording) -> None:
    with wording.raises(UsageError):
        plan("rk3588", RNG, sci="scmi", xen="4.21")


def test_boards_without_scmi_by_smc(plan: Plan, wording: Wording) -> None:
    (none,) = of(plan("qemu", "/pl031@9010000", **SCMI), "XA521")
    (mailbox,) = of(plan("juno", "/hdlcd@7ff60000", policy="trust", **SCMI), "XA521")
    wording(none, mailbox)


@pytest.mark.parametrize(
    "more",
    [
        "&scmi { /delete-property/ arm,smc-id; };",
        "&scmi { arm,smc-id = <0x83000010>; };",
        '&scmi { status = "disabled"; };',
        "&scmi { xen,passthrough; };",
        "&scmi { /delete-property/ shmem; };",
        "&scmi_shmem { /delete-property/ compatible; };",
        "&scmi_shmem { /delete-property/ reg; };",
        "&scmi { interrupts = <0 5 4 0>; };",
        '&scmi { compatible = "arm,scmi-smc-param"; };',
        '&scmi { compatible = "linaro,scmi-optee"; };',
    ],
)
def test_what_xen_would_not_forward_is_refused(
    plan: Plan, variant: Variant, more: str, wording: Wording
) -> None:
    (refused,) = of(plan(variant("rk3588", more), RNG, **SCMI), "XA521")
    assert refused.severity == "error"
    wording(refused)


def test_scmi_elsewhere_works_but_dom0_has_to_be_kept_away(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    """Seen on Xen 4.21: any path is forwarded, only that of dom0's tree is compared."""
    other = """/ { other { compatible = "arm,scmi-smc"; arm,smc-id = <0x82000010>;
        shmem = <&scmi_shmem>; #address-cells = <1>; #size-cells = <0>;
        clk2: protocol@14 { reg = <0x14>; #clock-cells = <1>; }; }; };
        /delete-node/ &scmi; &rng { clocks = <&clk2 3>; /delete-property/ resets; };
        &{/cpus/cpu@0} { /delete-property/ clocks; };
        &{/cpus/cpu@400} { /delete-property/ clocks; };
        &{/mmc@fe2c0000} { /delete-property/ clocks; };"""
    made = plan(variant("rk3588", labelled(other)), RNG, **SCMI)
    assert of(made, "XA521") == []
    wording(*of(made, "XA522"))


# --- what is said besides ---


def test_what_dom0_loses_is_named(plan: Plan, wording: Wording) -> None:
    (told,) = of(plan("rk3588", RNG, **SCMI), "XA522")
    assert told.severity == "warning"
    wording(told)
    assert "scmi-smc-passthrough" in told.fix
    (none,) = of(plan("rk3588", RNG, MMC, policy="trust", **SCMI), "XA522")
    assert none.severity == "note"


def test_linux_would_switch_off_what_the_host_uses(plan: Plan) -> None:
    (told,) = of(plan("rk3588", RNG, **SCMI), UNFILTERED.code)
    assert "/cpus/cpu@0" in told.message
    assert "clk_ignore_unused" in told.fix
    assert "pd_ignore_unused" not in told.fix
    assert of(plan("rk3588", RNG, extra="a clk_ignore_unused", **SCMI), UNFILTERED.code) == []


def test_a_release_that_loses_arguments_is_told(plan: Plan) -> None:
    lost = {
        xen: bool(of(plan("rk3588", RNG, sci="scmi_smc", xen=xen), ARGUMENTS_LOST.code))
        for xen in ("4.21", "4.22")
    }
    assert lost == {"4.21": False, "4.22": True}


def test_scmi_for_nothing_is_told(plan: Plan) -> None:
    made = plan("rk3588", "/i2c@fec80000", policy="trust", **SCMI)
    assert [finding.severity for finding in of(made, "XA523")] == ["warning"]
    assert list(at(guest(made), FIRMWARE).children) == []


SHARED = """&{/i2c@fec80000} { clocks = <&scmi_clk 17>; clock-names = "i2c"; };"""


def test_an_id_that_also_serves_the_host_is_told(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    tree = variant("rk3588", SHARED)
    (told,) = of(plan(tree, RNG, **SCMI), "XA524")
    assert told.severity == "warning"
    wording(told)
    (noted,) = of(plan(tree, RNG, xen="4.21"), "XA524")
    assert noted.severity == "note"
    assert of(plan(tree, RNG, "/i2c@fec80000", policy="trust", **SCMI), "XA524") == []
    off = variant("rk3588", SHARED + '&{/i2c@fec80000} { status = "disabled"; };')
    assert of(plan(off, RNG, **SCMI), "XA524") == []


def test_without_it_the_fix_names_the_option_where_it_would_work(plan: Plan) -> None:
    fixes = {
        xen: [f.fix for code in ("XA501", "XA502") for f in of(plan("rk3588", RNG, xen=xen), code)]
        for xen in ("4.20", "4.21")
    }
    assert len(fixes["4.21"]) == 2
    assert all("--sci scmi_smc" in fix for fix in fixes["4.21"])
    assert not any("--sci" in fix for fix in fixes["4.20"])
    juno = plan("juno", "/hdlcd@7ff60000", policy="trust", xen="4.21")
    assert not any("--sci" in finding.fix for finding in juno.findings)


def test_map_of_the_memory_without_scmi_is_no_request(plan: Plan, wording: Wording) -> None:
    with wording.raises(UsageError):
        plan("rk3588", RNG, maps=[f"{SHMEM}=0x22001000"], xen="4.21")


# --- EEMI ---


def test_the_xilinx_firmware_is_kept_with_what_is_used(plan: Plan) -> None:
    made = plan("zynqmp", GEM, keep_firmware=True)
    found = actions(made, GEM)
    for prop in ("clocks", "resets", "power-domains", "pinctrl-0"):
        assert found[prop] == {"kept"}, prop
    root = at(guest(made), "/passthrough/firmware/zynqmp-firmware")
    assert root.compatible == ("xlnx,zynqmp-firmware",)
    assert set(root.children) == {"clock-controller", "reset-controller", "pinctrl"}
    (told,) = of(made, "XA526")
    assert told.severity == "warning"
    host = plan("zynqmp", GEM).tree
    assert not any(node.name == "firmware" for node in host.walk())


def test_the_firmware_of_another_platform_is_refused(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    (none,) = of(plan("qemu", "/pl031@9010000", keep_firmware=True), "XA525")
    versal = variant("zynqmp", '/ { compatible = "xlnx,versal"; };')
    (other,) = of(plan(versal, GEM, keep_firmware=True), "XA525")
    wording(none, other)
