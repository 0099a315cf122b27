"""The properties of a domain's node for ImageBuilder: as variables, and as commands of U-Boot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import Cells, DraftNode, numbered
from xenassign.escape import uboot_word
from xenassign.outputs.boot.cpu_pools import (
    pool_node,
    pool_property,
    pools_of,
    without_phandle,
)
from xenassign.outputs.boot.host_changes import (
    channel_node,
    domain_node,
    shared_memory_nodes,
    vcpu_nodes,
)
from xenassign.outputs.boot.write import value_words
from xenassign.planning.plan import DomainPlan

#: The variables of properties, as of 2024. Where a copy of ImageBuilder is too old for a variable,
#: it has no effect, which is why the properties with newer ones are set by commands.
_VARIABLES = {
    "max_grant_version": "DOMU_GRANT_VER",
    "max_grant_frames": "DOMU_GRANT_FRAMES",
    "max_maptrack_frames": "DOMU_MAPTRACK_FRAMES",
    "nr_spis": "DOMU_NR_SPIS",
}
#: Properties that other variables state (``_values``).
_STATED = frozenset(
    {
        "compatible",
        "#address-cells",
        "#size-cells",
        "memory",
        "cpus",
        "vpl011",
        "xen,static-mem",
        "direct-map",
    }
)
#: DOMU_ENHANCED by the value of xen,enhanced.
_ENHANCED = {"disabled": 0, "enabled": 1, "no-xenstore": 2}
_WHY = {
    "xen,domain-p2m-mem-mb": "MiB for the stage 2 tables of the mappings",
    "xen,sci_type": "SCMI; XEN_CMD requires scmi-smc-passthrough",
}


class Command(NamedTuple):
    """A U-Boot command and its comment."""

    text: str
    why: str


def change_commands(change: Change, new: bool) -> Iterator[Command]:
    """The commands for a change of the board's tree. ``new``: it is a new node of the root."""
    path = uboot_word(change.path)
    if new:
        yield Command(f"fdt mknod / {uboot_word(change.path.removeprefix('/'))}", change.why)
    for prop in change.properties:
        words = f"fdt set {path} {uboot_word(prop.name)} {value_words(prop)}"
        yield Command(words.rstrip(), change.why)


def variables(plan: DomainPlan) -> Iterator[tuple[str, int | str]]:
    """The variables of properties with their values, and that of the first shared memory.

    The variable has one memory, and not its role.
    """
    for share in plan.shares[:1]:
        pages = share.placed.mapping
        yield "DOMU_SHARED_MEM", f"{share.id} {pages.host:#x} {pages.guest:#x} {pages.size:#x}"
    enhanced = plan.request.node.get("xen,enhanced")
    if enhanced is not None:
        yield "DOMU_ENHANCED", _ENHANCED.get(str(enhanced), 0)
    for prop in domain_node(plan, pooled=False).properties:
        if prop.name in _VARIABLES:
            (numbers,) = (piece.values for piece in prop.pieces if isinstance(piece, Cells))
            yield _VARIABLES[prop.name], next(n for n in numbers if isinstance(n, int))


def commands(plan: DomainPlan, node: str) -> Iterator[Command]:
    """The commands for the properties that no variable states. ``node``: the path of the node."""
    enhanced = plan.request.node.get("xen,enhanced")
    stated = {"xen,enhanced"} if enhanced in _ENHANCED else set()
    for prop in domain_node(plan, pooled=False).properties:
        if prop.name not in stated | _STATED | _VARIABLES.keys():
            why = f"{plan.name}: {_WHY.get(prop.name, prop.comment or 'of [domain.dom0less]')}"
            words = f"fdt set {node} {uboot_word(prop.name)} {value_words(prop)}"
            yield Command(words.rstrip(), why)
    for child in vcpu_nodes(plan):
        yield from node_commands(node, child, f"{plan.name}: the CPUs that it may run on")
    for share, child in zip(plan.shares, shared_memory_nodes(plan), strict=True):
        why = f"{plan.name}: {share.title}"
        if share is not plan.shares[0]:
            yield from node_commands(node, child, why)
            continue
        path = f"{node}/shared-mem@{share.placed.mapping.host:#x}"
        yield Command(f'fdt set {uboot_word(path)} role "{share.role}"', why)


class Linked(NamedTuple):
    """What refers to phandles. ``domains``: nodes with what each domain has, by name; ``commands``:
    for the CPU pools.
    """

    domains: dict[str, DraftNode]
    commands: tuple[Command, ...]


def linked(plans: Sequence[DomainPlan], unused: Iterable[int]) -> Linked:
    """The event channels and CPU pools of domains. ``unused``: phandles for them."""
    pools, numbers = pools_of(plans), iter(unused)
    cpus = dict(zip(without_phandle(pools), numbers, strict=False))
    domains = [
        DraftNode(
            plan.name,
            (pool_property(plan.pool),) if plan.pool is not None else (),
            tuple(map(channel_node, plan.channels)),
        )
        for plan in plans
    ]
    nodes = numbered([*(pool_node(pool, cpus) for pool in pools), *domains], numbers)
    commands = [
        Command(f'fdt set {uboot_word(cpu.path)} phandle "<{number:#x}>"', _POOL)
        for cpu, number in cpus.items()
    ]
    for node in nodes[: len(pools)]:
        commands += node_commands("/chosen", node, _POOL)
    return Linked({node.name: node for node in nodes[len(pools) :]}, tuple(commands))


_POOL = "a CPU pool"


def linked_commands(node: str, content: DraftNode, name: str) -> Iterator[Command]:
    """The commands for what a domain refers to. ``node``: its path."""
    for prop in content.properties:
        words = f"fdt set {node} {uboot_word(prop.name)} {value_words(prop)}"
        yield Command(words, f"{name}: its CPU pool")
    for child in content.children:
        yield from node_commands(node, child, f"{name}: an event channel")


def node_commands(above: str, node: DraftNode, why: str) -> Iterator[Command]:
    """The commands that add a node with its properties."""
    yield Command(f"fdt mknod {uboot_word(above)} {uboot_word(node.name)}", why)
    path = uboot_word(f"{above}/{node.name}")
    for prop in node.properties:
        words = f"fdt set {path} {uboot_word(prop.name)} {value_words(prop)}"
        yield Command(words.rstrip(), why)
