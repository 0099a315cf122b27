"""/chosen with everything that Xen boots: the nodes of dom0's modules, and those of the domains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, DraftProperty, numbered, text
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.host.platform import Platform
from xenassign.outputs.boot.cpu_pools import new_phandles, pool_node, pools_of
from xenassign.outputs.boot.host_changes import chosen_cells, domain_node
from xenassign.planning.plan import DomainPlan
from xenassign.request.boot_request import OF_DOMAIN, BootRequest, LoadOption

#: compatible of the nodes that Xen reads as modules (process_multiboot_node).
_MODULES = frozenset({"multiboot,module", "xen,multiboot-module"})

#: compatible of the modules of a domain, or of dom0.
_KINDS = {"kernel": "kernel", "ramdisk": "ramdisk", "dtb": "device-tree"}


def board_blob(platform: Platform) -> bytes:
    """The board's tree as it boots. Raises UsageError for source, a live tree or that of dom0."""
    tree = platform.host_tree
    if tree.data is None or platform.dom0_tree is not None:
        problem = "not a blob" if tree.data is None else "dom0's, not the board's"
        raise UsageError(f"{tree.file}: this tree is {problem}; give the .dtb that the board boots")
    return tree.data


def built_by_xen(plans: Sequence[DomainPlan]) -> list[DomainPlan]:
    """The plans with a node in /chosen."""
    return [plan for plan in plans if "dom0less" in plan.request.routes]


def loads_of_dom0(request: BootRequest, form: str) -> Iterator[LoadOption]:
    """dom0's kernel and ramdisk. ``form``: of a value of --load, in messages. Raises UsageError."""
    kernel, ramdisk = request.load("dom0-kernel"), request.load("dom0-ramdisk")
    if kernel is None and ramdisk is not None:
        raise UsageError(f"--load dom0-ramdisk requires --load dom0-kernel={form}")
    yield from (load for load in (kernel, ramdisk) if load is not None)


def without_kernel(request: BootRequest, plans: Sequence[DomainPlan], form: str) -> Iterator[str]:
    """A line of an error for each domain of dom0less that has no kernel."""
    for plan in built_by_xen(plans):
        if request.load("kernel", plan.name) is None:
            yield f"domain {plan.name} has no kernel; give --load kernel={form}"


def loads_of(request: BootRequest, plan: DomainPlan) -> Iterator[LoadOption]:
    """The images of a domain, as given for it or for all; of its ``dtb`` with file and size."""
    for kind in OF_DOMAIN:
        load = request.load(kind, plan.name)
        if kind == "dtb":
            load = load or LoadOption(kind, plan.name, None)
            file = load.file or f"{plan.name}.dtb"
            load = load._replace(size=len(to_blob(plan.tree)), file=file)
        if load is not None:
            yield load._replace(domain=plan.name)


def module_node(
    load: LoadOption, name: str, where: DraftProperty, bootargs: str | None = None
) -> DraftNode:
    """A module's node. ``where``: the property with its place. ``bootargs``: the domain's command
    line, for its kernel's node.
    """
    kind = load.image.removeprefix("dom0-")
    properties = [text("compatible", f"multiboot,{_KINDS[kind]}", "multiboot,module"), where]
    if bootargs is not None and kind == "kernel":
        properties.append(text("bootargs", bootargs))
    return DraftNode(name, tuple(properties))


def change_of_chosen(
    tree: Tree,
    plans: Sequence[DomainPlan],
    of_dom0: Sequence[DraftNode],
    of_domains: Sequence[tuple[DraftNode, ...]],
    more: Sequence[DraftProperty],
) -> Change:
    """The change of /chosen: dom0's modules, then the domains in their order.

    ``of_domains``: the modules of each of :func:`built_by_xen`. ``more``: further properties.
    """
    built = built_by_xen(plans)
    with_banks = [plan for plan in built if plan.request.static_memory]
    properties: list[DraftProperty] = []
    if of_dom0 or with_banks:
        properties += chosen_cells(cells_of_chosen(plans))
    phandles, unused = new_phandles(tree, built)
    pools = (pool_node(pool, phandles) for pool in pools_of(built))
    nodes = [*of_dom0, *numbered([*pools, *map(domain_node, built, of_domains)], unused)]
    old = tree.find("/chosen")
    # Xen would use the memory that they name as dom0's ramdisk (process_chosen_node).
    initrd = ("linux,initrd-start", "linux,initrd-end")
    drop = tuple(name for name in initrd if old is not None and old.has(name))
    new = {node.name for node in nodes}
    return Change(
        "/chosen",
        (*properties, *more),
        tuple(nodes),
        drop,
        tuple(node.name for node in _others(old, new)) if of_dom0 else (),
        why="what Xen boots",
    )


def cells_of_chosen(plans: Sequence[DomainPlan]) -> tuple[int, int]:
    """#address-cells and #size-cells: the board's, unless the address of a bank needs more."""
    with_banks = [plan for plan in built_by_xen(plans) if plan.request.static_memory]
    return (*with_banks, *plans)[0].chosen_cells


def check_dom0(tree: Tree, form: str) -> None:
    """Raises UsageError if the board's own /chosen has no module, for a boot without others."""
    if not any(_others(tree.find("/chosen"), set())):
        raise UsageError(
            "Xen would have nothing to boot: no domain is for dom0less, and dom0 has no kernel;"
            f" give --load dom0-kernel={form}"
        )


def kept_modules(tree: Tree, chosen: Change | None) -> Iterator[Node]:
    """The boot modules of the board's /chosen that are not replaced."""
    old = tree.find("/chosen")
    if old is None or chosen is None:
        return
    replaced = {*chosen.remove, *(node.name for node in chosen.children)}
    for node in old.children.values():
        for module in (node, *node.children.values()) if node.name not in replaced else ():
            if _MODULES & {*module.compatible}:
                yield module


def _others(chosen: Node | None, new: set[str]) -> Iterator[Node]:
    """dom0's modules that /chosen has besides those of ``new``: Xen boots the first kernel."""
    for node in chosen.children.values() if chosen is not None else ():
        if node.name not in new and _MODULES & {*node.compatible}:
            yield node
