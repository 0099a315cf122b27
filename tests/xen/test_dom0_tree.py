"""Xen builds dom0 from a board's tree that is changed as xenassign says, and not from the tree."""

from __future__ import annotations

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.host.platform import read_platform
from xenassign.xen.dom0_build import Dom0Build
from xenassign.xen.dom0_cures import cures
from xenassign.xen.iommu import iommus
from xenassign.xen.releases import release

from . import boards, rejections
from .agreement import host_of
from .boot import Domain, boot_system, system
from .machine import Machine

#: The obstacles that a change of the tree removes, all on one board.
NODES = [
    rejections.NARROW,
    rejections.UNMAPPED,
    rejections.TRIGGERS,
    rejections.DISABLED_LINE,
    rejections.TWO_CELLS,
    rejections.FAR,
    "high { interrupts = <0 968 4>; };",
    """same { #address-cells = <1>; #size-cells = <1>; ranges = <0xb600000 0 0xb600000 0x1000>;
    msi@b700000 { reg = <0xb700000 0x1000>; }; };""",
    """off { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0xb000000 0x10000>;
    core@1 { reg = <0xfff00000 0x1000>; status = "disabled"; }; };""",
]


def test_the_changed_tree(machine: Machine) -> None:
    host = boards.grafted(host_of("virt"), f"/ {{ {' '.join(NODES)} }};")
    host = boards.marked(host, ["/pl031@9010000"])
    platform = read_platform(read_blob(host, "board.dtb"))
    obstacles = Dom0Build(platform, iommus(platform, release(machine.release))).obstacles()
    assert len({obstacle.node.path for obstacle in obstacles}) == len(NODES)
    assert "Unable to" in message(machine, host)
    changes, rest = cures(platform, obstacles)
    assert rest == ()
    changed = edited(host, [cure.change for cure in changes])
    assert message(machine, changed) == ""


def message(machine: Machine, host: bytes) -> str:
    """Xen's own words about the construction of dom0 and a domain beside it."""
    made = system(machine, rejections.GOOD, host, Domain(beside_dom0=True))
    outcome = boot_system(machine, made)
    return rejections.about_dom0(outcome.log) or outcome.message
