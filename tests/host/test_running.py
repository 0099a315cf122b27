"""Whose tree it is: the board's, dom0's, a guest's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xenassign.devicetree.tree import Tree
from xenassign.host.running import board_problem, dom0_tree, guest_of

Compiled = Callable[[str], Tree]

GIC = """interrupt-controller@3001000 {
    compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>; phandle = <%s>;
};"""
XEN = 'hypervisor { compatible = "xen,xen-4.20", "xen,xen"; };'


def tree(compiled: Compiled, root: str) -> Tree:
    return compiled(f"/dts-v1/; / {{ {root} }};")


@pytest.mark.parametrize(
    ("hypervisor", "release"),
    [
        ('"xen,xen-4.20", "xen,xen"', "4.20"),
        ('"xen,xen-4.17", "xen,xen"', "4.17"),
        ('"xen,xen-5.0", "xen,xen"', "5.0"),
        ('"xen,xen"', None),
        ('"xen,xen-4.20.1-pre", "xen,xen"', None),
    ],
)
def test_dom0(compiled: Compiled, hypervisor: str, release: str | None) -> None:
    text = f'compatible = "a,board"; hypervisor {{ compatible = {hypervisor}; }};'
    found = dom0_tree(tree(compiled, text))
    assert found is not None
    assert (found.xen, found.lost) == (release, ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        'hypervisor { compatible = "linux,kvm"; };',
        "hypervisor { };",
        f"soc {{ {XEN} }};",
    ],
)
def test_a_board(compiled: Compiled, text: str) -> None:
    made = tree(compiled, f'compatible = "a,board"; {text}')
    assert (dom0_tree(made), board_problem(made)) == (None, None)


def test_all_shipped_boards(board: Callable[[str], Tree], host_files: dict[str, Path]) -> None:
    for name in host_files:
        assert (dom0_tree(board(name)), guest_of(board(name))) == (None, None)


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        (f'compatible = "xen,xenvm-4.20", "xen,xenvm"; {XEN}', "a guest that xl made"),
        (GIC % "0xfde8", "a dom0less guest"),
        (GIC % "0x1" + XEN, "a dom0less guest"),
        (GIC % "0x1" + "passthrough { };", "a dom0less guest"),
        (GIC % "0x1", None),
        ('model = "a board";' + GIC % "0xfde8", None),
        (XEN, "a dom0 with ACPI"),
        ("", None),
    ],
)
def test_guests(compiled: Compiled, text: str, whose: str | None) -> None:
    made = tree(compiled, text)
    assert guest_of(made) == whose
    assert dom0_tree(made) is None or whose is None
    message = board_problem(made)
    assert message is None if whose is None else f"the tree of {whose}" in str(message)


LOST = """
    compatible = "a,board"; #address-cells = <2>; #size-cells = <1>;
    hypervisor { compatible = "xen,xen-4.20", "xen,xen"; };
    aliases { here = "/soc/here@0"; console = "/soc/uart@1000"; uart = "/soc/uart@1000";
              high = "/x@100000000"; chip = "/soc/i2c@0/chip@50"; plain = "/soc/gone";
              odd = "/soc/x@1000,2"; beyond = "/soc/x@10000"; below = "/gone@1/x@2"; };
    __symbols__ { console = "/soc/uart@1000"; cpu0 = "/cpus/cpu@0"; here = "/soc/here@0"; };
    soc { compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
          ranges = <0x0 0x0 0x9000000 0x10000>;
          here@0 { };
          i2c@0 { #address-cells = <1>; #size-cells = <0>; }; };
"""


def test_what_is_named_and_gone(compiled: Compiled) -> None:
    found = dom0_tree(tree(compiled, LOST))
    assert found is not None
    told = {one.path: (one.names, one.address) for one in found.lost}
    assert told == {
        "/soc/uart@1000": (("console", "uart"), 0x9001000),
        "/x@100000000": (("high",), 0x100000000),
        "/soc/i2c@0/chip@50": (("chip",), None),
        "/soc/gone": (("plain",), None),
        "/soc/x@1000,2": (("odd",), None),
        "/soc/x@10000": (("beyond",), None),
        "/gone@1/x@2": (("below",), None),
    }
