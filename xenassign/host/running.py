"""Trees of running systems: whether one is the board's, that which Xen made for dom0, or a guest's.

Without Xen, Linux hands on the board's tree, with /chosen and /memory as booted. Xen makes another
one for dom0 (handle_node, write_properties of domain_build.c). Nodes of devices are copied as they
are, but for these:

* gone, with all below: /cpus and the memory, whose stand-ins tell of dom0; the PMU and PSCI; the
  console UART and every IOMMU that this build of Xen has a driver for, used or not; nodes with a
  PPI; all GICs but the first;
* rewritten: the GIC (``interrupt-controller`` without unit address), the timer, and /chosen;
* ``xen,passthrough`` is gone, and the status of these nodes is "disabled";
* ``iommus`` and ``iommu-map`` of devices behind such an IOMMU are gone (before 4.19 ``iommu-map``
  only where there is ``iommus`` too);
* /aliases and /__symbols__ stay, and so name what is gone.

/hypervisor, which Xen adds, names the release (make_hypervisor_node). It is the same in Xen 4.17 to
4.22.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.cells import bus_cells
from xenassign.devicetree.tree import Node, Property, PropertyError, Tree
from xenassign.host.gic import primary_gic

#: GUEST_PHANDLE_GIC of Xen's arch-arm.h: the GIC's in the trees that Xen and libxl make.
_GUEST_GIC = 65000
_RELEASE = re.compile(r"xen,xen-([0-9]+\.[0-9]+)")


class Lost(NamedTuple):
    """A node that dom0's tree names but has not. ``address``: of its first register, in bytes as
    the processor sees them, read from its unit address; None where that tells nothing."""

    path: str
    names: tuple[str, ...]
    address: int | None


class Dom0Tree(NamedTuple):
    """That a tree is the one that Xen made for dom0. ``xen``: the release, as 4.20, or None.

    ``lost``: what /aliases and /__symbols__ name and the tree lacks; without those of /cpus.
    """

    xen: str | None
    lost: tuple[Lost, ...]


def dom0_tree(tree: Tree) -> Dom0Tree | None:
    """What is known of dom0's tree; None for any other."""
    hypervisor = _hypervisor(tree)
    if hypervisor is None or guest_of(tree) is not None:
        return None
    found = (_RELEASE.fullmatch(text) for text in hypervisor.compatible)
    release = next((match[1] for match in found if match), None)
    return Dom0Tree(release, tuple(_lost(tree)))


def guest_of(tree: Tree) -> str | None:
    """Whose tree it is where it is that of a guest of Xen, or None.

    libxl calls the root ``xen,xenvm`` (make_root_properties). dom0less Xen gives it neither a
    ``compatible`` nor a ``model`` (prepare_dtb_domU), which every board has.
    """
    root = tree.root
    if "xen,xenvm" in root.compatible:
        return "a guest that xl made"
    if root.has("compatible") or root.has("model"):
        return None
    gic = primary_gic(tree)
    xen = _hypervisor(tree) is not None
    if gic is None:
        return "a dom0 with ACPI" if xen else None
    made = xen or gic.node.phandle == _GUEST_GIC or "passthrough" in root.children
    return "a dom0less guest" if made else None


def no_board(tree: Tree) -> str | None:
    """Why a tree can't be taken for a board's, and what to give instead; or None."""
    guest = guest_of(tree)
    if guest is None:
        return None
    return (
        f"this is the tree of {guest}, not the board's; give the .dtb that the boot loader loads,"
        " or dom0's live tree"
    )


def _hypervisor(tree: Tree) -> Node | None:
    """The node by which Xen tells a domain that it is there."""
    node = tree.root.children.get("hypervisor")
    return node if node is not None and "xen,xen" in node.compatible else None


def _lost(tree: Tree) -> list[Lost]:
    names: dict[str, list[str]] = {}
    for name, path in (*tree.aliases.items(), *tree.labels.items()):
        if tree.find(path) is None and not path.startswith("/cpus/"):
            names.setdefault(path, []).append(name)
    return [
        Lost(path, tuple(dict.fromkeys(named)), _address(tree, path))
        for path, named in names.items()
    ]


def _address(tree: Tree, path: str) -> int | None:
    """Where the unit address of a node that is gone lies, through the ranges of its parent."""
    above, _, name = path.rpartition("/")
    unit = name.partition("@")[2]
    parent = tree.find(above or "/")
    if parent is None or re.fullmatch(r"[0-9a-f]{1,16}", unit) is None:
        return None
    try:
        cells = bus_cells(parent)
        if not {*cells} <= {1, 2}:
            return None
        reg = int(unit, 16).to_bytes(4 * cells.address, "big") + (4).to_bytes(4 * cells.size, "big")
        blocks = registers(Node(name, parent, {"reg": Property("reg", reg)})).blocks
    except (PropertyError, OverflowError):
        return None
    return blocks[0].address if blocks else None
