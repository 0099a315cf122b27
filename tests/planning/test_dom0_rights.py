"""Devices of nodes that Xen withholds from dom0: xl cannot assign them, dom0less can."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes, generate, of
from xenassign.advice.assess import assess
from xenassign.checks.dom0_rights import NOT_DOM0S_LINE, NOT_DOM0S_PAGES
from xenassign.devicetree.tree import Tree
from xenassign.host.platform import read_platform
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.xen.releases import DEFAULT, release

Plan = Callable[..., DomainPlan]

BOARD = """/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    gic: gic@8000000 { compatible = "arm,gic-v3"; reg = <0x8000000 0x10000>, <0x80a0000 0xf60000>;
        interrupt-controller; #interrupt-cells = <3>; };
    pmu { compatible = "arm,armv8-pmuv3"; interrupts = <0 60 4>, <0 61 4>; };
    edac@20000 { compatible = "arm,cortex-a53-edac"; reg = <0x20000 0x1000>; };
    serial@30000 { compatible = "arm,pl011", "arm,primecell"; reg = <0x30000 0x1000>;
        interrupts = <0 5 4>; };
};
"""


@pytest.fixture
def tree(compiled: Callable[[str], Tree]) -> Tree:
    return compiled(BOARD)


def test_xl_cannot_assign_the_interrupts(plan: Plan, tree: Tree) -> None:
    (finding,) = of(plan(tree, "/pmu"), "XA316")
    assert (finding.rule, finding.node, finding.severity) == (NOT_DOM0S_LINE, "/pmu", "error")
    assert "INTID 92, 93" in finding.message
    assert codes(plan(tree, "/pmu", routes=("dom0less",))) == ["XA101", "XA402"]


def test_xl_cannot_assign_the_pages(plan: Plan, tree: Tree) -> None:
    (finding,) = of(plan(tree, "/edac@20000", policy="trust"), "XA221")
    assert (finding.rule, finding.node) == (NOT_DOM0S_PAGES, "/edac@20000")
    assert not of(plan(tree, "/edac@20000", policy="trust", routes=("dom0less",)), "XA221")


def test_what_dom0_has_can_be_assigned(plan: Plan, tree: Tree) -> None:
    assert not of(plan(tree, "/serial@30000"), "XA316", "XA221")


def test_files_without_xl_are_accepted(tree: Tree) -> None:
    request = Request(("/pmu",), release=release(DEFAULT), routes=("dom0less",))
    _, files, refusals = generate(tree, request)
    assert files
    assert not refusals


def test_inspect_names_the_route(tree: Tree) -> None:
    judged = {d.device.path: d for d in assess(read_platform(tree), release(DEFAULT)).devices}
    assert str(judged["/pmu"].verdict) == "no: nothing-to-assign"
    assert not judged["/pmu"].assignable
    assert str(judged["/edac@20000"].verdict) == (
        "with --route dom0less --force-assign-without-iommu"
    )
