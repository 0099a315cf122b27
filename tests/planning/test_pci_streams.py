"""What the streams of a PCI host with an iommu-map mean: XA409, XA410."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes, of
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

PCIE = "/pcie@75000000"  # of tricky: iommu-map = <0x0 &smmu0 0x1000 0x1000>


@pytest.mark.parametrize(
    ("iommus", "more", "expected"),
    [
        ("<&smmu0 0x1008>, <&smmu0 0x1110>", "", ["XA409"]),
        ("<&smmu0 0x1008>, <&smmu0 0x8>", "", ["XA409", "XA410"]),
        ("<&smmu0 0x8>", "", ["XA410"]),
        ("<&smmu0 0x2000>, <&smmu0 0xfff>", "", ["XA410", "XA410"]),
        # a mask of requester IDs; no map
        ("<&smmu0 0x1008>", "iommu-map-mask = <0xff00>;", []),
        ("<&smmu0 0x1008>", "/delete-property/ iommu-map;", []),
        # a map of two ranges, one of which is at another IOMMU
        (
            "<&smmu0 0x1108>",
            "iommu-map = <0 &smmu3 0 0x100>, <0x100 &smmu0 0x1100 0x100>;",
            ["XA409"],
        ),
    ],
)
def test_the_streams(
    plan: Plan,
    variant: Variant,
    iommus: str,
    more: str,
    expected: list[str],
    wording: Wording,
) -> None:
    tree = variant("tricky", f"&pcie {{ iommus = {iommus}; {more} }};")
    made = plan(tree, PCIE)
    assert made.devices[0].protection.protected
    findings = of(made, "XA409", "XA410")
    assert codes(findings) == expected
    wording(*findings)


def test_an_unprotected_one_has_none(plan: Plan) -> None:
    assert not of(plan("tricky", PCIE, policy="trust"), "XA409", "XA410")
