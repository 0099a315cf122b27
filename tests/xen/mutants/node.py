"""Mutations of a dom0less domain's node in the host's tree.

A kernel that is moved within memory is none any more, which no rule can know: it is moved out of it
only. What stops Xen before it has a console costs the whole time limit, so there is little of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .blob import MIB, PAGE, RawNode, cells_of, string
from .tables import InapplicableError, Mutations, pick

PLACES = (
    0x49000000,
    0x49200000,
    0x49400000,
)  # of kernel, ramdisk and device tree (tests/xen/boot.py)
_RARELY = 0.12
_NUMBERS = {
    "cpus": (1, (0, 1, 2, 8, 127, 128, 129, 1 << 16)),
    "memory": (
        2,
        (
            *(0, 4, 1024, 4096, 6144, 8192, 8196, 10240, 1 << 16, 1 << 18, 700 << 10),
            *(1100 << 10, 1 << 28, 1 << 31, 1 << 40, 1 << 53),
        ),
    ),
    "nr_spis": (1, (0, 1, 32, 33, 64, 960, 961, 988, 1000, (1 << 32) - 32, (1 << 32) - 1)),
    "xen,domain-p2m-mem-mb": (1, (0, 1, 2, 16, 900, 1023, 2000, 1 << 24, (1 << 24) + 1)),
    "max_grant_version": (1, (0, 1, 2, 16, 17)),
    "max_grant_frames": (1, (0, 1, 64, 65, 1 << 31)),
    "max_maptrack_frames": (1, (0, 1, 1024, 1 << 31)),
    "capabilities": (1, (0, 1, 7, 8)),
    "trap-unmapped-accesses": (1, (0, 1, 2)),
    "xen,sci-agent-id": (1, (0, 1)),
    "xen,static-heap": (1, (0, 1)),
    "#address-cells": (1, (0, 1, 3)),
    "#size-cells": (1, (0, 1, 3)),
}
_STRINGS = {
    "passthrough": ("enabled", "disabled", "yes", ""),
    "xen,enhanced": ("enabled", "no-xenstore", "disabled", "legacy", "Enabled", ""),
    "xen,sci_type": ("none", "scmi_smc", "scmi", ""),
    "llc-colors": ("0-3", ""),
    "memory": ("262144", "0x40000", "256 MiB"),
    "cpus": ("1",),
    "status": ("okay", "disabled"),
    "bootargs": ("console=ttyAMA0",),
}
_FLAGS = (
    *("vpl011", "direct-map", "sve", "xen,static-mem", "xen,enhanced", "llc-colors", "ranges"),
    *("v8r_el1_msa", "domain-cpupool", "xen,sci_type"),
)


@dataclass
class NodeDraft:
    """The node of a domain, and /chosen with it, to be mutated."""

    random: Random
    node: RawNode
    chosen: RawNode

    def module(self, *kinds: str) -> RawNode:
        """A module, of one of the kinds when some are given."""
        wanted = [f"multiboot,{kind}".encode() for kind in kinds]
        found = [
            child
            for child in self.node.children
            if not kinds or any(w in (child.get("compatible") or b"").split(b"\0") for w in wanted)
        ]
        return pick(self.random, found)


NODE: Mutations[NodeDraft] = Mutations()


@NODE.each(1.0, _NUMBERS)
def set_number(draft: NodeDraft, name: str, entry: tuple[int, tuple[int, ...]]) -> str:
    """Another number."""
    cells, values = entry
    value = draft.random.choice(values)
    draft.node.put(name, cells_of(value, cells))
    return f"{name} is {value}"


@NODE.each(0.4, _NUMBERS)
def set_width(draft: NodeDraft, name: str, entry: tuple[int, tuple[int, ...]]) -> str:
    """A number with other bytes than it has cells; values that are there keep their start."""
    cells, values = entry
    value = draft.node.get(name) or cells_of(values[1], cells)
    size = draft.random.choice([n for n in (0, 1, 3, 4, 5, 7, 8, 12) if n != 4 * cells])
    draft.node.put(name, value[:size].ljust(size, b"\0"))
    return f"{name} has {size} bytes"


@NODE.each(0.4, _STRINGS)
def set_string(draft: NodeDraft, name: str, values: tuple[str, ...]) -> str:
    """A string, with its NUL or without."""
    value = string(draft.random.choice(values))
    if draft.random.random() < 0.2:
        value = value[:-1]
    draft.node.put(name, value)
    return f"{name} is {value!r}"


@NODE.each(0.3, dict.fromkeys(_FLAGS, ()))
def set_flag(draft: NodeDraft, name: str, _: object) -> str:
    """A property without a value, or with a number."""
    value = draft.random.choice((b"", b"", bytes(4), cells_of(1, 1)))
    draft.node.put(name, value)
    return f"{name} is {value!r}"


@NODE.one(_RARELY)
def odd_memory(draft: NodeDraft) -> str:
    """memory that is no multiple of a page."""
    kib = draft.random.choice((1, 2, 262145, 262146))
    draft.node.put("memory", cells_of(kib, 2))
    return f"memory is {kib}"


@NODE.one(4.0)
def drop_property(draft: NodeDraft) -> str:
    """Any property of the node."""
    name, _ = pick(draft.random, draft.node.properties)
    draft.node.drop(name)
    return f"{name} is dropped"


@NODE.one(2.0)
def misspell_property(draft: NodeDraft) -> str:
    """A name that nobody knows."""
    name, value = pick(draft.random, draft.node.properties)
    new = draft.random.choice((name.upper(), name[:-1], f"{name}s", f"xen,{name}"))
    if draft.node.get(new) is not None:
        raise InapplicableError
    draft.node.drop(name)
    draft.node.put(new, value)
    return f"{name} is called {new}"


@NODE.one(1.0)
def first_property(draft: NodeDraft) -> str:
    """Another order."""
    at = draft.random.randrange(1, max(2, len(draft.node.properties)))
    if len(draft.node.properties) < 2:
        raise InapplicableError
    draft.node.properties.insert(0, draft.node.properties.pop(at))
    return f"{draft.node.properties[0][0]} comes first"


@NODE.each(
    0.5,
    {
        "another first": b"other\0xen,domain\0",
        "another case": b"Xen,Domain\0",
        "no NUL": b"xen,domain",
        "both cases": b"XEN,DOMAIN\0xen,domain\0",
        "empty": b"",
        "longer": b"xen,domains\0",
    },
)
def domain_compatible(draft: NodeDraft, name: str, value: bytes) -> str:
    """compatible of the domain."""
    draft.node.put("compatible", value)
    return f"compatible: {name}"


@NODE.each(0.7, {"@": "domU1@1", "at the limit": "d" * 40, "long": "d" * 41, "longer": "d" * 60})
def rename_domain(draft: NodeDraft, _name: str, new: str) -> str:
    """Another name."""
    draft.node.name = new
    return f"the domain is called {new}"


@NODE.one(2.0)
def rename_module(draft: NodeDraft) -> str:
    """A name that makes a path of 90 to 93 characters."""
    module = draft.module()
    length = draft.random.choice((90, 91, 92, 93))
    module.name = (module.name + "x" * 99)[: length - len(f"/chosen/{draft.node.name}/")]
    if any(other.name == module.name for other in draft.node.children if other is not module):
        module.name = "y" + module.name[1:]
    return f"a module's path has {length} characters"


@NODE.one(3.0)
def drop_module(draft: NodeDraft) -> str:
    """One module less."""
    module = draft.module()
    draft.node.children.remove(module)
    return f"{module.name} is dropped"


@NODE.one(1.5)
def order_of_modules(draft: NodeDraft) -> str:
    """The modules in another order."""
    draft.random.shuffle(draft.node.children)
    return "modules: " + ", ".join(child.name for child in draft.node.children)


@NODE.each(
    0.8,
    {
        "kind alone": lambda kind: [f"multiboot,{kind}"],
        "module alone": lambda kind: ["multiboot,module"],
        "old name": lambda kind: [f"multiboot,{kind}", "xen,multiboot-module"],
        "module first": lambda kind: ["multiboot,module", f"multiboot,{kind}"],
        "case of the kind": lambda kind: [f"Multiboot,{kind.capitalize()}", "multiboot,module"],
        "case of module": lambda kind: [f"multiboot,{kind}", "MULTIBOOT,MODULE"],
        "Linux's": lambda kind: ["xen,linux-zimage", "multiboot,module"],
        "initrd": lambda kind: ["xen,linux-initrd", "multiboot,module"],
        "misspelt": lambda kind: [f"multiboot,{kind}s", "multiboot,module"],
        "dtb": lambda kind: ["multiboot,dtb", "multiboot,module"],
        "none": lambda kind: [],
    },
)
def module_compatible(draft: NodeDraft, name: str, make: Callable[[str], list[str]]) -> str:
    """compatible of a module."""
    kind = draft.random.choice(("kernel", "ramdisk", "device-tree"))
    module = draft.module(kind)
    module.put("compatible", b"".join(map(string, make(kind))))
    return f"{module.name}: {name}"


@NODE.each(
    1.0,
    {
        "0": 0,
        "a header": 0x38,
        "a page": PAGE,
        "a page and one": PAGE + 1,
        "up to the next": 2 * MIB,
        "into the next": 2 * MIB + 1,
        "6 MiB": 6 * MIB,
        "20 MiB": 20 * MIB,  # a larger one takes its time to copy
        "300 MiB": 300 * MIB,
        "4 GiB": 4096 * MIB,
    },
)
def resize_module(draft: NodeDraft, name: str, size: int) -> str:
    """Another size."""
    module = draft.module()
    reg = module.get("reg")
    if reg is None or len(reg) < 16:
        raise InapplicableError
    module.put("reg", reg[:8] + cells_of(size, 2) + reg[16:])
    return f"{module.name}: size {name}"


@NODE.one(4.0)
def move_module(draft: NodeDraft) -> str:
    """Ramdisk or device tree onto another module, or anything to where there is no memory."""
    random = draft.random
    places: tuple[int, ...] = (0x0901_0000, 0x9000_0000, 0x3F00_0000, 1 << 40)
    kinds: tuple[str, ...] = ("kernel", "ramdisk", "device-tree")
    if random.random() < 0.6:
        places = (*PLACES, PLACES[0] + 0x800)
        kinds = ("ramdisk", "device-tree")
    module = draft.module(*kinds)
    reg = module.get("reg")
    if reg is None or len(reg) < 16:
        raise InapplicableError
    address = random.choice(places)
    module.put("reg", cells_of(address, 2) + reg[8:])
    return f"{module.name} is at {address:#x}"


@NODE.one(0.8)
def longer_reg(draft: NodeDraft) -> str:
    """Something behind the entry."""
    module = draft.module()
    reg = module.get("reg")
    if reg is None:
        raise InapplicableError
    module.put("reg", reg + bytes(draft.random.choice((1, 4, 16))))
    return f"{module.name}: reg is longer"


@NODE.one(_RARELY)
def shorter_reg(draft: NodeDraft) -> str:
    """Too few cells, or none."""
    module = draft.module()
    reg = module.get("reg")
    if reg is None:
        raise InapplicableError
    module.put("reg", reg[: draft.random.choice((0, 4, 12, 15))])
    return f"{module.name}: reg is cut off"


@NODE.one(_RARELY)
def drop_reg(draft: NodeDraft) -> str:
    """A module without reg."""
    module = draft.module()
    module.drop("reg")
    return f"{module.name}: no reg"


@NODE.one(1.0)
def hidden_without_reg(draft: NodeDraft) -> str:
    """A module that the scan does not see, and the domain does, without reg."""
    kind = draft.random.choice(("kernel", "ramdisk", "device-tree"))
    module = draft.module(kind)
    module.drop("reg")
    module.put("compatible", string(f"multiboot,{kind}"))
    return f"{module.name}: no reg, and no module"


@NODE.one(1.5)
def second_module(draft: NodeDraft) -> str:
    """A copy of a module, at its place or behind all, before or behind the others."""
    module = draft.module()
    copy = RawNode("second@0", list(module.properties))
    reg = copy.get("reg")
    if any(other.name == copy.name for other in draft.node.children) or reg is None:
        raise InapplicableError
    draft.node.children.insert(draft.random.choice((0, len(draft.node.children))), copy)
    return f"{module.name} twice"


@NODE.one(1.0)
def nest_module(draft: NodeDraft) -> str:
    """A module one level below."""
    module = draft.module()
    at = draft.node.children.index(module)
    cells = [("#address-cells", cells_of(2, 1)), ("#size-cells", cells_of(2, 1))]
    draft.node.children[at] = RawNode("modules", cells, [module])
    return f"{module.name} is below a node of its own"


@NODE.one(1.0)
def other_child(draft: NodeDraft) -> str:
    """A child that Xen does not read."""
    compatible = draft.random.choice(("", "xen,cpupool", "simple-bus"))
    child = RawNode("child", [("compatible", string(compatible))])
    draft.node.children.insert(draft.random.choice((0, len(draft.node.children))), child)
    return f"a child with {compatible!r}"


@NODE.one(1.0)
def move_bootargs(draft: NodeDraft) -> str:
    """bootargs of another module, or of several."""
    module = draft.module("ramdisk", "device-tree")
    module.put("bootargs", string("quiet " * draft.random.choice((1, 100, 170))))
    return f"bootargs in {module.name}"


@NODE.one(_RARELY)
def long_bootargs(draft: NodeDraft) -> str:
    """Around the limit."""
    module = draft.module()
    length = draft.random.choice((1023, 1024, 1025))
    module.put("bootargs", string("x" * length))
    return f"bootargs of {length} characters"
