"""The platform, which the devices of a board share: GIC, MSI, IOMMUs, SCMI, memory, console."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Tree
from xenassign.host import scmi
from xenassign.host.boot_arguments import names_uart, stated_line, value
from xenassign.host.gic import Gic, primary_gic
from xenassign.host.msi import MsiController, msi_controller
from xenassign.host.running import Dom0Tree, dom0_tree

if TYPE_CHECKING:
    from xenassign.devicetree.changes import Change

#: SMMUs that Xen's smmu.c drives. With the legacy binding they have no #iommu-cells, and are
#: recognized by `compatible` alone.
SMMU_V2 = frozenset({"arm,smmu-v1", "arm,smmu-v2", "arm,mmu-400", "arm,mmu-401", "arm,mmu-500"})

#: Beginnings of `compatible` of the IOMMUs that Xen keeps, whether it drives them or not.
_KEPT_IOMMUS = ("arm,smmu", "arm,mmu-", "renesas,ipmmu-")


def is_kept_iommu(node: Node) -> bool:
    """Whether a node is an IOMMU that Xen gives to nobody, by its `compatible`."""
    return any(name.startswith(_KEPT_IOMMUS) for name in node.compatible)


class Iommu(NamedTuple):
    """An IOMMU. ``available``: its status. ``masters``: (node, stream IDs) of ``mmu-masters``."""

    node: Node
    available: bool
    masters: tuple[tuple[Node, tuple[int, ...]], ...] = ()


class Platform(NamedTuple):
    """The facts about a board that its devices share. Memory blocks are in bytes.

    ``dom0_tree``: set if they are read from the tree that Xen made for dom0, which lacks some.
    ``added``: nodes of ``tree`` that the request adds to the board, whose own tree is ``bare``.
    """

    tree: Tree
    gic: Gic | None
    msi: tuple[MsiController, ...]
    iommus: tuple[Iommu, ...]
    scmi: tuple[scmi.ScmiProvider, ...]
    memory: tuple[Block, ...]
    reserved: tuple[tuple[Node, Block], ...]
    console: Node | None
    masters: Mapping[Node, tuple[tuple[Iommu, tuple[int, ...]], ...]]
    dom0_tree: Dom0Tree | None = None
    added: tuple[Change, ...] = ()
    bare: Tree | None = None

    @property
    def host_tree(self) -> Tree:
        """The board's tree without what the request adds."""
        return self.bare if self.bare is not None else self.tree

    @property
    def model(self) -> str:
        """The board's ``model``, or its first compatible, or ""."""
        root = self.tree.root
        return root.text("model") or next(iter(root.compatible), "")


def read_platform(tree: Tree) -> Platform:
    """The facts about a board, read once. Never raises: what is malformed is left out."""
    return tree.once(_platform, tree.root)


def _platform(tree: Tree, _: Node) -> Platform:
    msi: list[MsiController] = []
    iommus: list[Iommu] = []
    for node in tree.nodes():
        controller = msi_controller(node)
        if controller is not None:
            msi.append(controller)
        if node.has("#iommu-cells") or SMMU_V2.intersection(node.compatible):
            iommus.append(Iommu(node, node.available, _masters(tree, node)))
    masters: dict[Node, list[tuple[Iommu, tuple[int, ...]]]] = defaultdict(list)
    for iommu in iommus:
        for master, streams in iommu.masters:
            masters[master].append((iommu, streams))
    return Platform(
        tree=tree,
        gic=primary_gic(tree),
        msi=tuple(msi),
        iommus=tuple(iommus),
        scmi=scmi.providers(tree),
        memory=tuple(b for node in _memory_nodes(tree) for b in registers(node).blocks),
        reserved=tuple((n, b) for n in _reserved_nodes(tree) for b in registers(n).blocks),
        console=console_of(tree, stated_line(tree)),
        masters={key: tuple(value) for key, value in masters.items()},
        dom0_tree=dom0_tree(tree),
    )


def _memory_nodes(tree: Tree) -> list[Node]:
    return [n for n in tree.root.children.values() if n.text("device_type") == "memory"]


def _reserved_nodes(tree: Tree) -> list[Node]:
    parent = tree.root.children.get("reserved-memory")
    return list(parent.children.values()) if parent else []


def _masters(tree: Tree, smmu: Node) -> tuple[tuple[Node, tuple[int, ...]], ...]:
    """``mmu-masters`` of the legacy SMMU binding (arm,smmu.txt): phandle, then #stream-id-cells."""
    prop = smmu.get("mmu-masters")
    group = property_references(tree, smmu, prop) if prop else None
    entries = group.entries if group else ()
    return tuple((entry.provider, entry.args) for entry in entries if entry.provider is not None)


def console_of(tree: Tree, line: str) -> Node | None:
    """The UART of Xen's console with a command line: that of ``dtuart=``, else of stdout-path.

    None: they name no node, or ``console=`` has no UART.
    """
    if not names_uart(line):
        return None
    dtuart = value(line, "dtuart")
    return uart(tree, dtuart) if dtuart else stdout_path(tree)


def stdout_path(tree: Tree) -> Node | None:
    """The node of /chosen's stdout-path."""
    chosen = tree.root.children.get("chosen")
    if chosen is None:
        return None
    return uart(tree, chosen.text("stdout-path") or chosen.text("linux,stdout-path") or "")


def uart(tree: Tree, name: str) -> Node | None:
    """The node of ``dtuart=`` or stdout-path: a path or an alias, with options after ``:``.

    Source: dt_uart_init.
    """
    path = name.partition(":")[0]
    return tree.find(path if path.startswith("/") else tree.aliases.get(path, ""))
