"""What two domains of one system do to each other (XA001 to XA009)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.wording import Wording
from xenassign.checks.conflicts import Conflict
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import errors
from xenassign.outputs.generated import generate_system
from xenassign.request.demands import Demand
from xenassign.request.request import Accepted, MapOption, Request
from xenassign.request.system_request import Allowance, SystemRequest
from xenassign.system.system import SystemPlan, decide_system
from xenassign.xen.releases import release

from ..linting.trees import compiled

Board = Callable[[str], Tree]

#: A GIC, an SMMU, and devices that share a page, a line, a stream, and a clock controller.
BOARD = """
    #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    gic: interrupt-controller@1000000 {
        compatible = "arm,gic-v3"; reg = <0x1000000 0x10000 0x1100000 0x100000>;
        interrupt-controller; #interrupt-cells = <3>; #address-cells = <0>;
    };
    smmu: iommu@2000000 {
        compatible = "arm,mmu-500"; reg = <0x2000000 0x10000>; #iommu-cells = <1>;
        #global-interrupts = <1>; interrupts = <0 1 4>;
    };
    cru: clock-controller@3000000 {
        compatible = "acme,cru"; reg = <0x3000000 0x1000>; #clock-cells = <1>;
    };
    memory@340000000 { device_type = "memory"; reg = <0x40000000 0x40000000>; };
    soc {
        compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges;
        half0: half@34000000 { compatible = "arm,pl031"; reg = <0x34000000 0x800>; };
        half1: half@34000800 { compatible = "arm,pl031"; reg = <0x34000800 0x800>; };
        line0: line@34001000 {
            compatible = "arm,pl031"; reg = <0x34001000 0x1000>; interrupts = <0 9 4>;
        };
        line1: line@34002000 {
            compatible = "arm,pl031"; reg = <0x34002000 0x1000>; interrupts = <0 8 4>, <0 9 4>;
        };
        dma0: dma@34003000 {
            compatible = "acme,dma"; reg = <0x34003000 0x1000>; iommus = <&smmu 0x10>;
        };
        dma1: dma@34004000 {
            compatible = "acme,dma"; reg = <0x34004000 0x1000>; iommus = <&smmu 0x11>, <&smmu 0x10>;
        };
        dma@3400a000 {
            compatible = "acme,dma"; reg = <0x3400a000 0x1000>; iommus = <&smmu 0x8010>;
            status = "disabled";
        };
        clocked: clocked@34005000 {
            compatible = "arm,pl031"; reg = <0x34005000 0x1000>; clocks = <&cru 7>;
        };
        wrapper@34006000 {
            compatible = "acme,wrapper"; reg = <0x34006000 0x1000>; #address-cells = <1>;
            #size-cells = <1>; ranges;
            core@34007000 { compatible = "acme,core"; reg = <0x34007000 0x1000>; };
        };
        big0: big@35000000 { compatible = "arm,pl031"; reg = <0x35000000 0x3000>; };
        gpio: gpio@34008000 {
            compatible = "arm,pl061"; reg = <0x34008000 0x1000>; #gpio-cells = <2>;
            interrupt-controller; #interrupt-cells = <2>; interrupts = <0 20 4>;
        };
        reset@34009000 {
            compatible = "arm,pl031"; reg = <0x34009000 0x1000>; reset-gpios = <&gpio 1 0>;
            interrupts-extended = <&gpio 3 4>;
        };
        alias: alias@35001000 { compatible = "arm,pl031"; reg = <0x35001000 0x1000>; };
    };
"""


@pytest.fixture(scope="module")
def tree() -> Tree:
    return compiled(BOARD)


def asked(*domains: str, allow: tuple[Allowance, ...] = (), **more: object) -> SystemRequest:
    """Domains a, b, … with the devices that a text of names says."""
    made = (
        Request(devices=tuple(text.split()), name="abcdefgh"[number], policy="trust", **more)  # type: ignore[arg-type]
        for number, text in enumerate(domains)
    )
    return SystemRequest(tuple(made), allow)


def between(plan: SystemPlan) -> list[tuple[str, tuple[str, str], tuple[str, str]]]:
    return [
        (c.rule.code, c.domains, (c.paths[0].rpartition("/")[2], c.paths[1].rpartition("/")[2]))
        for c in plan.conflicts
    ]


AB = ("a", "b")


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        (("half@34000000 half@34000800", "clocked@34005000"), []),
        (
            ("half@34000000", "half@34000800"),
            [("XA003", AB, ("half@34000000", "half@34000800"))],
        ),
        (("line@34001000", "line@34002000"), [("XA004", AB, ("line@34001000", "line@34002000"))]),
        (("dma@34003000", "dma@34004000"), [("XA005", AB, ("dma@34003000", "dma@34004000"))]),
        # Xen takes 15 bits of an ID.
        (("dma@34003000", "dma@3400a000"), [("XA005", AB, ("dma@34003000", "dma@3400a000"))]),
        (
            ("clock-controller@3000000", "clocked@34005000"),
            [("XA006", AB, ("clock-controller@3000000", "clocked@34005000"))],
        ),
        (
            ("clocked@34005000", "clock-controller@3000000"),
            [("XA006", ("b", "a"), ("clock-controller@3000000", "clocked@34005000"))],
        ),
        (("dma@34003000", "dma@34003000"), [("XA001", AB, ("dma@34003000", "dma@34003000"))]),
        (("/soc", "/soc"), [("XA001", AB, ("half@34000000", "half@34000000"))]),
        (
            ("wrapper@34006000", "core@34007000"),
            [("XA002", AB, ("core@34007000", "core@34007000"))],
        ),
        (
            ("core@34007000", "wrapper@34006000"),
            [("XA002", ("b", "a"), ("core@34007000", "core@34007000"))],
        ),
        (("big@35000000", "alias@35001000"), [("XA003", AB, ("big@35000000", "alias@35001000"))]),
        # A neighbour of the page's other half may be anybody's: it is told once, of the pair.
        (
            ("half@34000000", "clocked@34005000", "half@34000800"),
            [("XA003", ("a", "c"), ("half@34000000", "half@34000800"))],
        ),
    ],
)
def test_what_two_domains_share(
    tree: Tree,
    domains: tuple[str, ...],
    expected: list[tuple[str, tuple[str, str], tuple[str, str]]],
) -> None:
    plan = decide_system(tree, asked(*domains))
    assert between(plan) == expected
    assert plan.refused == bool(expected)


def test_the_domains_themselves_are_not_told_of_each_other(tree: Tree) -> None:
    plan = decide_system(
        tree,
        asked(
            "half@34000000 line@34001000 dma@34003000", "half@34000800 line@34002000 dma@34004000"
        ),
    )
    assert [c.rule.code for c in plan.conflicts] == ["XA003", "XA004", "XA005"]
    assert not any(errors(domain.findings) for domain in plan.domains)


def test_both_sides_and_what_resolves_it_are_named(tree: Tree) -> None:
    made = generate_system(tree, asked("line@34001000", "line@34002000"))
    assert not made.files
    assert [refusal.text() for refusal in made.refusals] == [
        "error: p.dtb: /soc/line@34001000 (of a) and /soc/line@34002000 (of b) have the same INTID"
        " 41; assign both devices to one domain [XA004]"
    ]


def test_a_domain_alone_is_judged_as_ever(tree: Tree) -> None:
    """What stays with the host is told by the domain's own rules, in a system too."""
    plan = decide_system(tree, asked("half@34000000", "dma@34004000"))
    assert not plan.conflicts
    codes = [[f.code for f in errors(domain.findings)] for domain in plan.domains]
    assert codes == [["XA201"], ["XA407"]]


def test_what_a_device_does_without_is_told(tree: Tree) -> None:
    """A GPIO and an interrupt of a controller that another domain has."""
    plan = decide_system(tree, asked("gpio@34008000", "reset@34009000"))
    conflict = conflict_of(plan, "XA006")
    assert conflict.finding.severity == "warning"
    assert conflict.message == (
        "/soc/gpio@34008000 (of a) is named by interrupts, reset-gpios of /soc/reset@34009000"
        " (of b); b does not get it"
    )
    assert not plan.refused


def test_a_stream_of_an_iommu_that_xen_does_not_run_tells_nothing(tree: Tree) -> None:
    idle = compiled(
        BOARD.replace("#global-interrupts = <1>;", '#global-interrupts = <1>; status = "disabled";')
    )
    request = asked("dma@34003000", "dma@34004000")
    assert between(decide_system(tree, request))
    assert not between(decide_system(idle, request))


# ---------------------------------------------------------------------- what is accepted


def conflict_of(plan: SystemPlan, code: str) -> Conflict:
    (found,) = (c for c in plan.conflicts if c.rule.code == code)
    return found


def test_a_page_is_allowed_with_a_reason(tree: Tree, wording: Wording) -> None:
    allow = Allowance("XA003", ("half@34000000", "half@34000800"), "both are ours")
    made = generate_system(tree, asked("half@34000000", "half@34000800", allow=(allow,)))
    plan = made.plan
    assert not made.refusals
    assert {"a.dtb", "b.dtb"} <= set(made.files)
    assert conflict_of(plan, "XA003").finding.severity == "warning"
    wording(conflict_of(plan, "XA003").finding)
    assert "accept it" not in conflict_of(plan, "XA003").finding.fix
    assert not plan.findings


def test_a_bus_covers_what_is_below_it(tree: Tree) -> None:
    allow = Allowance("XA003", ("/soc",), "one board support package")
    plan = decide_system(tree, asked("half@34000000", "half@34000800", allow=(allow,)))
    assert not plan.refused


def test_both_sides_have_to_be_named(tree: Tree) -> None:
    allow = Allowance("XA003", ("half@34000000",), "one side")
    plan = decide_system(tree, asked("half@34000000", "half@34000800", allow=(allow,)))
    assert plan.refused
    (idle,) = plan.findings
    assert (idle.code, idle.severity) == ("XA009", "warning")


def test_the_option_for_a_shared_page_serves_too(tree: Tree) -> None:
    request = asked("half@34000000", "half@34000800", shared=(Accepted("half@34000000"),))
    assert not decide_system(tree, request).refused


def test_what_xen_refuses_cannot_be_allowed(tree: Tree, wording: Wording) -> None:
    allow = Allowance("XA004", ("line@34001000", "line@34002000"), "please")
    with wording.raises(UsageError):
        decide_system(tree, asked("line@34001000", "line@34002000", allow=(allow,)))


def test_an_allowance_for_a_node_that_is_not_there(tree: Tree, wording: Wording) -> None:
    allow = Allowance("XA003", ("/soc/nowhere",), "please")
    with wording.raises(UsageError):
        decide_system(tree, asked("half@34000000", "half@34000800", allow=(allow,)))


# ---------------------------------------------------------------------- the system as a whole


def test_more_memory_than_the_board_has(tree: Tree, wording: Wording) -> None:
    plan = decide_system(tree, asked("half@34000000 half@34000800", "clocked@34005000", memory=512))
    conflict = conflict_of(plan, "XA008")
    wording(conflict.finding)
    assert not plan.refused
    plan = decide_system(tree, asked("half@34000000 half@34000800", "clocked@34005000", memory=511))
    assert "XA008" not in [c.rule.code for c in plan.conflicts]


def test_scmi_is_for_one_domain(board: Board) -> None:
    request = asked(
        "rng@fe378000", "mmc@fe2c0000", sci="scmi_smc", release=release("4.21"), memory=256
    )
    plan = decide_system(board("rk3588"), request)
    assert conflict_of(plan, "XA007").domains == AB
    assert plan.refused


def test_a_domain_with_scmi_switches_what_another_needs(board: Board) -> None:
    first, second = asked("rng@fe378000", "mmc@fe2c0000", release=release("4.21")).domains
    assert not decide_system(board("rk3588"), SystemRequest((first, second))).conflicts
    request = SystemRequest((replace(first, sci="scmi_smc"), second))
    conflict = conflict_of(decide_system(board("rk3588"), request), "XA006")
    assert conflict.domains == AB
    assert conflict.message == (
        "/firmware/scmi/protocol@14 (of a) is the clock of /mmc@fe2c0000 (of b)"
    )


@pytest.mark.parametrize(
    "domains",
    [
        (),
        (Request(devices=("/a",)), Request(devices=("/b",))),
        (
            Request(devices=("/a",), name="a"),
            Request(devices=("/b",), name="b", release=release("4.17")),
        ),
    ],
)
def test_a_system_that_cannot_be_meant(domains: tuple[Request, ...], wording: Wording) -> None:
    with wording.raises(UsageError):
        SystemRequest(domains)


# ---------------------------------------------------------------------- the project's demands


def judged(tree: Tree, *demands: Demand) -> list[tuple[str, str]]:
    """(code, message) about a with half@34000000 and core's wrapper, b with dma@34003000."""
    request = asked("half@34000000 wrapper@34006000", "dma@34003000")
    plan = decide_system(tree, replace(request, demands=demands))
    return [(finding.code, finding.message) for finding in plan.findings]


def forbid(*devices: str, kinds: tuple[str, ...] = (), domains: tuple[str, ...] = ()) -> Demand:
    return Demand(True, "it is ours", devices, kinds, domains)


def require(*devices: str, **conditions: object) -> Demand:
    return Demand(False, "it is ours", devices, **conditions)  # type: ignore[arg-type]


WRAPPER = "/soc/wrapper@34006000"


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        (forbid("half@34000000"), "/soc/half@34000000 (of a) is forbidden: it is ours"),
        (forbid("half@34000000", domains=("b",)), None),
        (forbid("half@34000800", "big@35000000"), None),
        # A part of the subtree is forbidden too, and what is below a forbidden node.
        (forbid("core@*"), f"{WRAPPER}/core@34007000 (of a) is forbidden: it is ours"),
        (
            forbid("/soc", domains=("a",)),
            f"/soc/half@34000000, {WRAPPER} (of a) are forbidden: it is ours",
        ),
        (forbid(kinds=("rtc",)), "/soc/half@34000000 (of a) is forbidden: it is ours"),
        (forbid("dma*", "core@*", kinds=("rtc",)), None),
        (
            require(protected=True),
            f"{WRAPPER}, {WRAPPER}/core@34007000 (of a) are not protected by an IOMMU, which is"
            " required: it is ours",
        ),
        # It does no DMA; Xen protects it.
        (require("half@34000000", "dma@34003000", protected=True), None),
        (require("half*", "dma@*", max_domains=2), None),
        (
            require("half*", "dma@*", max_domains=1),
            "a has /soc/half@34000000, b has /soc/dma@34003000, but at most 1 domain may have such"
            " a device: it is ours",
        ),
        (require("half*", "dma@*", max_domains=1, domains=("b",)), None),
        (require(identity=True), None),
    ],
)
def test_demands(tree: Tree, demand: Demand, expected: str | None) -> None:
    code = "XA027" if demand.forbids else "XA028"
    assert judged(tree, demand) == ([(code, expected)] if expected is not None else [])


def test_a_required_identity(tree: Tree) -> None:
    request = asked("half@34000000", maps=(MapOption("half@34000000", None, 0x10000000),))
    plan = decide_system(tree, replace(request, demands=(require(identity=True),)))
    text = "/soc/half@34000000 (of a) is not at its host address, which is required: it is ours"
    assert [(finding.code, finding.message) for finding in plan.findings] == [("XA028", text)]


def test_a_demand_about_a_name_that_no_node_has(tree: Tree) -> None:
    with pytest.raises(UsageError, match=r"\[\[forbid\]\] device nix: no such node"):
        judged(tree, forbid("nix"))


def test_a_violated_demand_refuses_the_system(tree: Tree, wording: Wording) -> None:
    request = replace(asked("half@34000000", "dma@34003000"), demands=(forbid("half*"),))
    plan = decide_system(tree, request)
    assert plan.refused
    for finding in plan.findings:
        wording(finding)
    assert not generate_system(tree, request).files
