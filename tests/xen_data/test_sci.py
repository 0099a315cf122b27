"""Which SCMI node Xen forwards to: the cases that were put to Xen 4.21 and 4.22."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenassign.devicetree.tree import Tree
from xenassign.xen.sci import dom0_gives, mediator

SMC = 'compatible = "arm,scmi-smc"; arm,smc-id = <0xc20000fe>;'


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (f"firmware {{ scmi {{ {SMC} }}; }};", "/firmware/scmi"),
        (f"scmi {{ {SMC} }};", "/scmi"),
        (f"a {{ {SMC} }}; b {{ {SMC} }};", "/a"),
        (f'a {{ {SMC} status = "disabled"; }}; b {{ {SMC} }};', "/b"),
        (f"a {{ {SMC} xen,passthrough; }}; b {{ {SMC} }};", "/b"),
        (f"a {{ {SMC.replace('scmi-smc', 'SCMI-SMC')} }};", "/a"),
        ('a { compatible = "arm,scmi-smc"; arm,smc-id = <0>; };', "/a"),
        # A node without a number ends the search: sci_init returns.
        (f'a {{ compatible = "arm,scmi-smc"; }}; b {{ {SMC} }};', None),
        ('a { compatible = "arm,scmi"; arm,smc-id = <1>; };', None),
        ('a { compatible = "arm,scmi-smc-param"; arm,smc-id = <1>; };', None),
        ("a { };", None),
    ],
)
def test_what_xen_forwards(compiled: Callable[[str], Tree], source: str, path: str | None) -> None:
    found = mediator(compiled(f"/dts-v1/; / {{ {source} }};"))
    assert (found.node.path if found.node else None) == path
    assert bool(found.why) == (path is None)


def test_an_overlay_marks_too(compiled: Callable[[str], Tree]) -> None:
    tree = compiled(f"/dts-v1/; / {{ a {{ {SMC} }}; }};")
    assert mediator(tree, frozenset({"/a"})).node is None


@pytest.mark.parametrize(("name", "given"), [("firmware", 0x1100), ("other", None)])
def test_dom0_gives_the_shared_memory(
    compiled: Callable[[str], Tree], name: str, given: int | None
) -> None:
    """Only for the node of one path (DT_MATCH_PATH)."""
    tree = compiled(
        f"""/dts-v1/; / {{ #address-cells = <1>; #size-cells = <1>;
        s: s@1100 {{ reg = <0x1100 0x80>; }}; {name} {{ scmi {{ {SMC} shmem = <&s>; }}; }}; }};"""
    )
    found = dom0_gives(tree)
    assert (found.address if found else None) == given
