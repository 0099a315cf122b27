"""Live trees: the board's own, the one that Xen made for dom0, or a guest's.

Without Xen, Linux shows the board's tree, with /chosen and /memory as booted. Xen makes another one
for dom0 (handle_node, write_properties of domain_build.c). Nodes of devices are copied, with these
exceptions:

* removed, with all below: /cpus and the memory, whose replacements describe dom0; the PMU and PSCI;
  the console UART and every IOMMU that this build of Xen has a driver for, used or not; nodes with
  a PPI; all GICs after the first;
* rewritten: the GIC (``interrupt-controller`` without unit address), the timer, and /chosen;
* ``xen,passthrough`` is removed, and the status of these nodes is "disabled";
* ``iommus`` and ``iommu-map`` of devices behind an IOMMU with a driver are removed (before 4.19
  ``iommu-map`` only together with ``iommus``);
* /aliases and /__symbols__ are kept, and so name removed nodes.

/hypervisor, which Xen adds, names the release (make_hypervisor_node). This holds for Xen 4.17 to
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
_RELEASE = r"xen,xen-([0-9]+\.[0-9]+)"


class MissingNode(NamedTuple):
    """A node that dom0's tree names but does not have. ``address``: processor address of its first
    register in bytes, from its unit address; None if that does not determine it."""

    path: str
    names: tuple[str, ...]
    address: int | None


class Dom0Tree(NamedTuple):
    """The facts about a tree that Xen made for dom0. ``xen``: the release, as 4.20, or None.

    ``lost``: the nodes that /aliases and /__symbols__ name and the tree lacks, without /cpus.
    """

    xen: str | None
    lost: tuple[MissingNode, ...]


def dom0_tree(tree: Tree) -> Dom0Tree | None:
    """The facts about a tree that Xen made for dom0; None for any other."""
    hypervisor = _hypervisor(tree)
    if hypervisor is None or guest_of(tree) is not None:
        return None
    matches = (re.fullmatch(_RELEASE, text) for text in hypervisor.compatible)
    release = next((match[1] for match in matches if match), None)
    return Dom0Tree(release, tuple(_lost(tree)))


def guest_of(tree: Tree) -> str | None:
    """The kind of guest whose tree it is, for messages; None if it is not a guest's.

    libxl sets ``compatible`` of the root to ``xen,xenvm`` (make_root_properties). dom0less Xen adds
    neither ``compatible`` nor ``model`` (prepare_dtb_domU), which every board has.
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
    by_xen = xen or gic.node.phandle == _GUEST_GIC or "passthrough" in root.children
    return "a dom0less guest" if by_xen else None


def board_problem(tree: Tree) -> str | None:
    """Why a tree is not a board's, and which file to give instead; or None."""
    guest = guest_of(tree)
    if guest is None:
        return None
    return (
        f"this is the tree of {guest}, not the board's; give the .dtb that the boot loader loads,"
        " or dom0's live tree"
    )


def _hypervisor(tree: Tree) -> Node | None:
    """The node that Xen adds to the tree of each domain, or None."""
    node = tree.root.children.get("hypervisor")
    return node if node is not None and "xen,xen" in node.compatible else None


def _lost(tree: Tree) -> list[MissingNode]:
    names: dict[str, list[str]] = {}
    for name, path in (*tree.aliases.items(), *tree.labels.items()):
        if tree.find(path) is None and not path.startswith("/cpus/"):
            names.setdefault(path, []).append(name)
    return [
        MissingNode(path, tuple(dict.fromkeys(names_of_it)), _address(tree, path))
        for path, names_of_it in names.items()
    ]


def _address(tree: Tree, path: str) -> int | None:
    """The processor address of a removed node: its unit address through the parent's ranges."""
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
