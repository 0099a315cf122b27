"""Mutations of a domain's node: what it reserves of the host, and the domains beside it.

Debian's Xen is built without static memory, shared memory and cache colors. From 4.19 on such a
build stops at the first of these before it has a console, which costs the whole time limit, so they
are rare; a Xen that was built with them judges their values.
"""

from __future__ import annotations

from copy import deepcopy

from .blob import MIB, PAGE, RawNode, cells_of, string
from .node import NODE, NodeDraft
from .tables import InapplicableError, pick

_RARELY = 0.1

#: Banks of xen,static-mem, in bytes; the domain has 256 MiB, the host those from 1 to 2 GiB.
BANKS: dict[str, tuple[tuple[int, int], ...]] = {
    "as memory says": ((0x50000000, 256 * MIB),),
    "in two banks": ((0x50000000, 128 * MIB), (0x60000000, 128 * MIB)),
    "in two banks that overlap": ((0x50000000, 128 * MIB), (0x50000000, 128 * MIB)),
    "less than memory": ((0x50000000, 128 * MIB),),
    "with the modules in it": ((0x48000000, 256 * MIB),),
    "above the RAM": ((0x2_0000_0000, 256 * MIB),),
    "across the end of the RAM": ((0x78000000, 256 * MIB),),
    "not at a page": ((0x50000800, 256 * MIB),),
    "of nothing": ((0x50000000, 0),),
}


@NODE.each(_RARELY, BANKS)
def static_memory(draft: NodeDraft, name: str, banks: tuple[tuple[int, int], ...]) -> str:
    """Memory that is chosen for the domain, with direct-map or without, at times cut off."""
    value = b"".join(cells_of(number, 2) for bank in banks for number in bank)
    cut = draft.random.choice((0, 0, 0, 4, 8))
    draft.node.put("xen,static-mem", value[: len(value) - cut])
    direct = draft.random.random() < 0.5
    if direct:
        draft.node.put("direct-map", b"")
    return f"static memory {name}{' and direct-map' if direct else ''}, cut off by {cut} bytes"


#: [host], guest, size of a shared region, in bytes.
REGIONS = {
    "a page": (0x70000000, 0x50000000, PAGE),
    "no host address": (0x50000000, PAGE),
    "a size alone": (PAGE,),
    "nothing": (),
    "no size": (0x70000000, 0x50000000, 0),
    "half a page": (0x70000000, 0x50000000, PAGE // 2),
    "not at a page": (0x70000800, 0x50000000, PAGE),
    "in the modules": (0x49000000, 0x50000000, PAGE),
    "above the RAM": (0x2_0000_0000, 0x50000000, PAGE),
    "in the guest's RAM": (0x70000000, 0x40000000, PAGE),
    "four numbers": (0x70000000, 0x50000000, PAGE, PAGE),
}
_IDS = ("a", "a", "b", "x" * 15, "x" * 16, "")
_ROLES = ("owner", "borrower", None, None, "Owner", "")
_SHARED = "xen,domain-shared-memory-v1"


@NODE.each(_RARELY, REGIONS)
def shared_memory(draft: NodeDraft, name: str, numbers: tuple[int, ...]) -> str:
    """A region below the domain, or below /chosen, where it is dom0's."""
    random = draft.random
    shm_id, role = random.choice(_IDS), random.choice(_ROLES)
    properties = [
        ("compatible", string(_SHARED)),
        ("xen,shm-id", string(shm_id)),
        ("xen,shared-mem", b"".join(cells_of(number, 2) for number in numbers)),
    ]
    if role is not None:
        properties.append(("role", string(role)))
    place = draft.node if random.random() < 0.8 else draft.chosen
    _insert(draft, place, RawNode(f"shm@{len(place.children)}", properties))
    return f"shared memory {shm_id!r} of {role} with {name} in {place.name}"


@NODE.each(
    0.3,
    {
        "another case": string("Xen,Domain-Shared-Memory-V1"),
        "a longer name": string(f"{_SHARED}0"),
        "a module too": string(_SHARED) + string("multiboot,module"),
        "no NUL": _SHARED.encode(),
    },
)
def shared_memory_compatible(draft: NodeDraft, name: str, compatible: bytes) -> str:
    """Nodes that are hardly shared memory, which the scan and the domain tell apart otherwise."""
    reg = cells_of(0x70000000, 2) + cells_of(PAGE, 2)
    _insert(draft, draft.node, RawNode("shm", [("compatible", compatible), ("reg", reg)]))
    return f"shared memory with {name}"


def _insert(draft: NodeDraft, parent: RawNode, child: RawNode) -> None:
    if any(other.name == child.name for other in parent.children):
        raise InapplicableError
    parent.children.insert(draft.random.randint(0, len(parent.children)), child)


#: Values of id; None: absent.
_VCPU_IDS = (cells_of(0, 1), cells_of(0, 1), cells_of(1, 1), cells_of(128, 1), b"", None)
AFFINITIES = {
    name: None if name == "none" else string(name)
    for name in ("0", "0-0", "0-1", "1-0", "0,0", "7", "4096", "0-", "x", "none", " 0", "")
}


@NODE.each(0.25, AFFINITIES)
def vcpu(draft: NodeDraft, name: str, affinity: bytes | None) -> str:
    """xen,vcpu, which Xen 4.21 and newer read: the number of a vCPU and its processors."""
    number = draft.random.choice(_VCPU_IDS)
    node = RawNode(f"vcpu@{len(draft.node.children)}", [("compatible", string("xen,vcpu"))])
    if number is not None:
        node.properties.append(("id", number))
    if affinity is not None:
        node.properties.append(("hard-affinity", affinity))
    _insert(draft, draft.node, node)
    return f"{node.name} has id {number!r}, hard-affinity {name!r}"


@NODE.each(
    0.4,
    {
        "no value": b"",
        "a dangling phandle": cells_of(0x7FFF, 1),
        "0": cells_of(0, 1),
        "two cells": cells_of(1, 2),
        "the number of a pool": cells_of(1, 1),
        "a string": b"pool\0",
    },
)
def cpupool(draft: NodeDraft, name: str, value: bytes) -> str:
    """domain-cpupool, which only a Xen with BOOT_TIME_CPUPOOLS reads."""
    draft.node.put("domain-cpupool", value)
    return f"domain-cpupool is {name}"


#: Numbers for llc-colors, valid or not.
COLORS = {text: string(text) for text in ("0", "0-3,8", "0-", "3-0", "a", "0,0", "1024", " 0", ",")}


@NODE.each(0.1, COLORS)
def colors(draft: NodeDraft, name: str, value: bytes) -> str:
    """llc-colors."""
    draft.node.put("llc-colors", value)
    return f"llc-colors is {name!r}"


#: Ports of both ends of an event channel, the phandles that they name, and the second's value.
_FIRST, _SECOND = 0x7001, 0x7002
CHANNELS: dict[str, tuple[int, int, int, int]] = {
    "in order": (1, 2, _SECOND, _FIRST),
    "of free ports": (0, 0, _SECOND, _FIRST),
    "of the last ports": (1023, 1022, _SECOND, _FIRST),
    "of a port too many": (1024, 2, _SECOND, _FIRST),
    "of one port": (3, 3, _SECOND, _FIRST),
    "to no node": (1, 2, 0x7FFF, _FIRST),
    "to 0": (1, 2, 0, 0),
    "to themselves": (0, 1, _FIRST, _SECOND),
    "to one of them": (1, 2, _SECOND, _SECOND),
}


@NODE.each(0.3, CHANNELS)
def event_channel(draft: NodeDraft, name: str, entry: tuple[int, int, int, int]) -> str:
    """Two nodes that are connected, in this domain, or the second one elsewhere."""
    random = draft.random
    port, other_port, remote, own = entry
    compatible = string(random.choice(("xen,evtchn-v1", "xen,evtchn-v1", "XEN,evtchn-V1")))
    cut = random.choice((8, 8, 8, 8, 12, 7, 4, 0))
    others = [n for n in draft.chosen.children if n is not draft.node and n.children]
    places = (draft.node, draft.node, *others, draft.chosen)
    place = random.choice(places) if random.random() < 0.5 else draft.node
    ends = ((draft.node, "a", port, remote, _FIRST), (place, "b", other_port, own, _SECOND))
    for parent, letter, number, phandle, mine in ends:
        value = (cells_of(number, 1) + cells_of(phandle, 1) + bytes(4))[:cut]
        properties = [("compatible", compatible), ("xen,evtchn", value)]
        properties.append(("phandle", cells_of(mine, 1)))
        _insert(draft, parent, RawNode(f"evtchn@{letter}", properties))
    return f"event channels {name}, {cut} bytes, the second in {place.name}"


@NODE.one(6.0)
def second_domain(draft: NodeDraft) -> str:
    """A domain with the same modules, before or after this one, with one thing changed.

    It has no devices, since no two domains can have the same ones.
    """
    random = draft.random
    other = deepcopy(draft.node)
    other.name = random.choice(("domU2", "domU0", f"{draft.node.name.partition('@')[0]}@2"))
    if any(child.name == other.name for child in draft.chosen.children):
        raise InapplicableError
    trees = [c for c in other.children if b"multiboot,device-tree" in (c.get("compatible") or b"")]
    other.children = [child for child in other.children if child not in trees]
    change = _change(draft, other)
    at = next(at for at, node in enumerate(draft.chosen.children) if node is draft.node)
    behind = random.choice((0, 1))
    draft.chosen.children.insert(at + behind, other)
    where = "after" if behind else "before"
    return f"{other.name} {where} it, {change}"


def _change(draft: NodeDraft, other: RawNode) -> str:
    """What a second domain has otherwise than the first."""
    random = draft.random
    kind = random.choice(("nothing", "nothing", "a property", "a module", "memory", "nr_spis"))
    if kind == "a property":
        name, _ = pick(random, other.properties)
        other.drop(name)
        return f"without {name}"
    if kind == "a module":
        child = pick(random, other.children)
        other.children.remove(child)
        return f"without {child.name}"
    if kind == "memory":
        kib = random.choice((4, 8192, 16384, 600 << 10, 1 << 20))
        other.put("memory", cells_of(kib, 2))
        return f"with {kib} KiB"
    if kind == "nr_spis":
        count = random.choice((0, 32, 960, 1000))
        other.put("nr_spis", cells_of(count, 1))
        return f"with nr_spis {count}"
    return "just like it"
