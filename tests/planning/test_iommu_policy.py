"""Which devices are passed protected, forced or refused (XA401 to XA407)."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product

import pytest

from tests.answers import of
from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Accepted

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

PROTECTED, HARMLESS, UNKNOWN, MASTER = "protected", "no DMA", "unknown", "master"
PATHS = {
    PROTECTED: ("zynqmp", "/axi/ethernet@ff0e0000"),
    HARMLESS: ("zynqmp", "/axi/watchdog@fd4d0000"),
    UNKNOWN: ("tricky", "/dev@740f0000"),
    MASTER: ("rcar", "/soc/ufs@e6860000"),
}


def iommu_codes(plan: DomainPlan) -> set[str]:
    return {f.code for f in plan.findings if f.code.startswith("XA4")}


def expected(policy: str, kind: str, forced: bool) -> set[str]:
    if kind == PROTECTED:
        return set()
    if not forced and policy == "strict":
        return {"XA406"}
    if not forced and policy == "auto" and kind in (UNKNOWN, MASTER):
        return {"XA401"}
    if kind == HARMLESS:
        return {"XA402"}
    return {"XA403" if kind == MASTER else "XA402", "XA428"}


def test_the_policy_decides(plan: Plan, rows: Rows) -> None:
    for policy, kind, forced in list(product(("auto", "strict", "trust"), PATHS, (False, True))):
        with rows(policy, kind, forced):
            host, path = PATHS[kind]
            made = plan(host, path, policy=policy, forced=(path,) if forced else ())
            assert iommu_codes(made) == expected(policy, kind, forced)
            device = made.devices[0]
            assert device.protection.protected == (kind == PROTECTED)
            assert device.forced == bool({"XA402", "XA403"} & iommu_codes(made))


def test_the_warning_has_the_words_of_xen_devel(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("qemu", "/pl031@9010000"), "XA402")
    wording(finding)


def test_a_refusal_says_what_is_known_and_names_the_option(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("tricky", "/dev@740f0000"), "XA401")
    wording(finding)
    assert "--force-assign-without-iommu /dev@740f0000" in finding.fix


def test_a_forced_master_is_told_that_memory_will_be_corrupted(
    plan: Plan, wording: Wording
) -> None:
    path = PATHS[MASTER][1]
    (finding,) = of(plan("rcar", path, forced=(path,)), "XA403")
    wording(finding)


def test_forcing_holds_for_what_is_below(plan: Plan) -> None:
    wrapper = "/wrapper@7a000000"
    made = plan("tricky", wrapper, forced=(wrapper,))
    assert not of(made, "XA401")
    assert [device.forced for device in made.devices] == [True, True, False]


def test_forcing_what_is_not_assigned_is_a_usage_error(plan: Plan, wording: Wording) -> None:
    with wording.raises(UsageError):
        plan("tricky", "/dev@740f0000", forced=("/dev@740e0000",))


def test_a_forced_device_carries_the_property_and_a_protected_one_does_not(plan: Plan) -> None:
    for host, path, there in (*((*PATHS[PROTECTED], False),), *((*PATHS[HARMLESS], True),)):
        nodes = [n for n in plan(host, path).tree.walk() if n.get("xen,path")]
        assert [bool(n.get("xen,force-assign-without-iommu")) for n in nodes] == [there]


# --- what Xen refuses to add ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/dma@78030000", "/vpu@78060000", "/dma@78070000"])
def test_what_the_active_driver_does_not_know_is_refused_for_dom0less_only(
    plan: Plan, path: str
) -> None:
    """Two IOMMUs; one without a driver of Xen; one whose driver is not the active one."""
    for routes in (("dom0less",), ("dom0less", "xl")):
        (finding,) = of(plan("tricky", path, forced=(path,), routes=routes), "XA404")
        assert finding.severity == "error"
        assert finding.routes == ("dom0less",)
    alone = plan("tricky", path, forced=(path,), routes=("xl",))
    assert not of(alone, "XA404")
    assert alone.devices[0].forced


def test_a_foreign_iommu_without_any_active_driver_only_leaves_unprotected(plan: Plan) -> None:
    path = "/video-codec@fdb50000"
    made = plan("rk3588", path, forced=(path,))
    assert not of(made, "XA404")
    assert of(made, "XA403")


@pytest.mark.parametrize("path", ["/dma@78040000", "/dma@78050000"])
def test_an_iommu_that_is_off_leaves_unprotected(plan: Plan, path: str, wording: Wording) -> None:
    made = plan("tricky", path)
    assert of(made, "XA401")
    wording(of(made, "XA401")[0])
    assert not of(made, "XA404")


# --- drivers and releases ------------------------------------------------------------------------


def test_a_driver_of_no_default_build_is_noted(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("rcar", "/soc/mmc@ee140000"), "XA405")
    wording(finding)
    assert not of(plan("zynqmp", "ethernet0"), "XA405")


def test_without_its_driver_the_device_is_unprotected(plan: Plan, wording: Wording) -> None:
    made = plan("rcar", "/soc/mmc@ee140000", drivers=frozenset({"smmu"}))
    wording(of(made, "XA401")[0])


@pytest.mark.parametrize(
    ("drivers", "protected"),
    [
        (None, ["/dma@78000000"]),
        ({"smmu"}, ["/dma@78000000"]),
        ({"smmu-v3"}, ["/dma@78070000"]),
        ({"smmu", "smmu-v3"}, ["/dma@78000000"]),
        ({"ipmmu"}, []),
    ],
)
def test_the_drivers_of_the_build_decide_which_is_active(
    plan: Plan, drivers: set[str] | None, protected: list[str]
) -> None:
    built = frozenset(drivers) if drivers else None
    made = plan("tricky", "/dma@78000000", "/dma@78070000", drivers=built, policy="trust")
    assert [d.path for d in made.devices if d.protection.protected] == protected


@pytest.mark.parametrize(("xen", "known"), [("4.19", False), ("4.20", True), ("4.22", True)])
def test_r8a779g0_is_known_from_4_20_on(
    plan: Plan, variant: Variant, xen: str, known: bool
) -> None:
    source = variant("rcar", "").file  # the variant is built from the board's own source
    assert source
    more = "".join(
        f'&{label} {{ compatible = "renesas,ipmmu-r8a779g0", "renesas,rcar-gen4-ipmmu-vmsa"; }};\n'
        for label in variant("rcar", "").labels
        if label.startswith("ipmmu")
    )
    made = plan(variant("rcar", more), "/soc/mmc@ee140000", xen=xen)
    assert made.devices[0].protection.protected == known


# --- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "first", "second"),
    [
        ("tricky", "/dma@78000000", "/dma@78010000"),
        ("juno", "/usb@7ffb0000", "/usb@7ffc0000"),
        (
            "imx8",
            "/soc@0/bus@30800000/mmc@30b50000",
            "/soc@0/bus@30800000/mmc@30b60000",
        ),
    ],
)
def test_a_shared_stream_forbids_to_part_two_devices(
    plan: Plan, host: str, first: str, second: str
) -> None:
    alone = of(plan(host, first), "XA407")
    assert any(second in finding.message for finding in alone)
    assert not of(plan(host, first, second), "XA407")


def test_a_stream_of_its_own_is_fine(plan: Plan) -> None:
    assert not of(plan("tricky", "/dma@78020000"), "XA407")


def test_a_disabled_device_with_the_same_stream_does_not_matter(
    plan: Plan, variant: Variant
) -> None:
    tree = variant("tricky", '&same_stream { status = "disabled"; };')
    assert not of(plan(tree, "/dma@78000000"), "XA407")


def test_a_stream_under_the_mask_of_another_is_shared(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " iommus = <&smmu1 0x410 0>; }; };",
    )
    assert of(plan(tree, "/dma@78020000"), "XA407")


# --- what a device is assigned with --------------------------------------------------------------


def test_the_child_of_an_assigned_bus_is_covered_by_its_bus(plan: Plan, variant: Variant) -> None:
    tree = variant("zynqmp", "&phy0 { interrupt-parent = <&gic>; interrupts = <0 99 4>; };")
    made = plan(tree, "ethernet0")
    assert [(d.path, d.forced) for d in made.devices] == [
        ("/axi/ethernet@ff0e0000", False),
        ("/axi/ethernet@ff0e0000/mdio/ethernet-phy@c", True),
    ]
    assert not of(made, "XA401")


def test_legacy_mmu_masters_protect(plan: Plan) -> None:
    made = plan("juno", "/hdlcd@7ff60000")
    assert made.devices[0].protection.protected
    assert not iommu_codes(made)


@pytest.mark.parametrize(("kind", "code"), [(HARMLESS, "XA402"), (MASTER, "XA403")])
def test_a_reason_reaches_the_message_the_source_and_the_plan(
    generate: Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]],
    kind: str,
    code: str,
    wording: Wording,
) -> None:
    host, path = PATHS[kind]
    options = {"forced": (Accepted(path, "we */ know\nit"),), "maps": ("auto",)}
    made, files, refused = generate(host, path, shared=(path,), **options)
    assert not refused
    (finding,) = of(made, code)
    wording(finding)
    source = files["domu1.dts"].decode()
    (comment,) = [line for line in source.split("\n") if "/* forced" in line]
    assert comment.endswith("; accepted: we * / know it */")
    told = json.loads(files["domu1.json"])
    assert told["devices"][0]["forced_reason"] == "we */ know\nit"
    assert finding.message in [one["message"] for one in told["findings"]]


def test_a_reason_for_a_node_holds_for_those_below(plan: Plan) -> None:
    wrapper = "/wrapper@7a000000"
    made = plan("tricky", wrapper, forced=(Accepted(wrapper, "why"),))
    assert [d.accepted and d.accepted.reason for d in made.devices] == ["why", "why", None]


def test_without_a_reason_nothing_is_said_of_one(plan: Plan) -> None:
    path = PATHS[HARMLESS][1]
    for forced in ((), (path,)):
        made = plan("zynqmp", path, forced=forced)
        assert not any("; accepted" in finding.message for finding in made.findings)
