"""Mutations of a partial device tree, of the domain it is for, and of the bytes of the blob."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from .blob import MIB, PAGE, Blob, Place, RawNode, cells_of, string
from .tables import DOMAIN_CHANGES, STACK, STACK_BESIDE_DOMAIN, InapplicableError, Mutations, pick

REG, PATH, FORCE = "xen,reg", "xen,path", "xen,force-assign-without-iommu"
XEN = (REG, PATH, FORCE)
CELLS = ("#address-cells", "#size-cells")


@dataclass
class PartialDraft:
    """A partial device tree and its domain, to be mutated."""

    random: Random
    blob: Blob
    host_paths: Sequence[str]
    domain: dict[str, int]
    changed: set[str] = field(default_factory=set)

    def places(self) -> list[Place]:
        """Every node."""
        return list(self.blob.root.walk())

    def place(self) -> Place:
        """Any node."""
        return self.random.choice(self.places())

    def with_parent(self) -> tuple[Place, RawNode]:
        """Any node but the root, and its parent."""
        place = pick(self.random, self.places()[1:])
        assert place.parent is not None
        return place, place.parent

    def device(self, *names: str) -> tuple[Place, RawNode]:
        """A node with the properties, xen,path when none is named, and its parent."""
        wanted = names or (PATH,)
        found = [p for p in self.places() if all(p.node.get(n) is not None for n in wanted)]
        place = pick(self.random, [p for p in found if p.parent is not None])
        assert place.parent is not None
        return place, place.parent

    def passthrough(self) -> tuple[RawNode, int]:
        """The /passthrough node, and its place among the root's children."""
        root = self.blob.root
        found = [(node, at) for at, node in enumerate(root.children) if node.name == "passthrough"]
        return pick(self.random, found)

    def property(self) -> tuple[Place, int]:
        """A node and the index of a property of it; two of three times one of Xen's."""
        every = [(p, at) for p in self.places() for at in range(len(p.node.properties))]
        own = [(p, at) for p, at in every if p.node.properties[at][0] in XEN]
        return pick(self.random, own if own and self.random.random() < 2 / 3 else every)

    def host_path(self, other_than: str = "") -> str:
        """A path of the host."""
        return pick(self.random, [path for path in self.host_paths if path != other_than])


class Entry(NamedTuple):
    """An entry of xen,reg: addresses and size in bytes."""

    host: int
    size: int
    guest: int


def _entries(value: bytes) -> list[Entry]:
    """The entries of a xen,reg, as xenassign writes it: two cells for each number."""
    return [Entry(*entry) for entry in struct.iter_unpack(">3Q", value[: len(value) // 24 * 24])]


def _reg(entries: Iterable[Entry], address: int = 2, size: int = 2) -> bytes:
    return b"".join(
        cells_of(e.host, address) + cells_of(e.size, size) + cells_of(e.guest, address)
        for e in entries
    )


def _change_entry(draft: PartialDraft, change: Callable[[Entry], Entry]) -> str:
    """Changes one entry of one xen,reg; its node's path with the entry before and after."""
    places = [p for p in draft.places() if _entries(p.node.get(REG) or b"")]
    path, node, _ = pick(draft.random, places)
    entries = _entries(node.get(REG) or b"")
    at = draft.random.randrange(len(entries))
    old, new = entries[at], change(entries[at])
    if old == new:
        raise InapplicableError
    entries[at] = new
    node.put(REG, _reg(entries))
    return f"{REG} of {path} is {_said(new)} instead of {_said(old)}"


def _said(entry: Entry) -> str:
    return f"<{entry.host:#x} {entry.size:#x} {entry.guest:#x}>"


DOMAIN: Mutations[PartialDraft] = Mutations()
PARTIAL: Mutations[PartialDraft] = Mutations()


def mutate_with_domain(draft: PartialDraft) -> list[tuple[str, str]]:
    """Mutates a draft; the domain first, since guest addresses depend on its memory."""
    random = draft.random
    if random.random() >= DOMAIN_CHANGES:
        return PARTIAL.mutate(draft, random, random.choices(*STACK)[0])
    done = DOMAIN.mutate(draft, random, 1)
    return done + PARTIAL.mutate(draft, random, random.choices(*STACK_BESIDE_DOMAIN)[0])


# ---------------------------------------------------------------------------- the domain


def _set_domain(draft: PartialDraft, key: str, value: int) -> str:
    draft.domain[key] = value
    draft.changed.add(key)
    return f"the domain has {key} {value}"


@DOMAIN.one(4)
def nr_spis(draft: PartialDraft) -> str:
    """Few, just enough or too many for the devices, and around the limits of the GIC."""
    numbers = (0, 1, 2, 3, 7, 8, 31, 32, 33, 64, 255, 256, 288, 960, 961, 987, 988, 992, 5000)
    return _set_domain(draft, "nr_spis", draft.random.choice(numbers))


@DOMAIN.one(3)
def no_vpl011(draft: PartialDraft) -> str:
    """Frees INTID 32, 0x22000000 and 140 bytes of the guest's tree."""
    return _set_domain(draft, "vpl011", 0)


@DOMAIN.one(3)
def memory(draft: PartialDraft) -> str:
    """From 128 MiB on Xen may put the guest's tree at 0x48000000."""
    return _set_domain(
        draft, "memory", draft.random.choice((64, 100, 127, 128, 129, 160, 511, 512))
    )


@DOMAIN.one(1)
def vcpus(draft: PartialDraft) -> str:
    """Each vCPU takes 96 bytes of the guest's tree."""
    return _set_domain(draft, "vcpus", draft.random.choice((1, 2)))


# ---------------------------------------------------------------------------- any property


@PARTIAL.one(8)
def drop_property(draft: PartialDraft) -> str:
    """Without one property."""
    (path, node, _), at = draft.property()
    name, _value = node.properties.pop(at)
    return f"{path} has no {name}"


@PARTIAL.one(6)
def duplicate_property(draft: PartialDraft) -> str:
    """libfdt's fdt_getprop finds the first of two, a loop over all ends with the last."""
    (path, node, _), at = draft.property()
    name, value = node.properties[at]
    random = draft.random
    how = random.choice(("the same value", "an empty value", "another value"))
    new = {"the same value": value, "an empty value": b""}.get(how, b"")
    if how == "another value":
        new = _other_value(draft, name, value)
    place = random.choice((at, at + 1, len(node.properties)))
    node.properties.insert(place, (name, new))
    where = "before" if place == at else "after"
    return f"{path} has a second {name} {where} the first, with {how}"


def _other_value(draft: PartialDraft, name: str, value: bytes) -> bytes:
    if name == PATH:
        return string(draft.host_path())
    if name == REG:
        return _reg(Entry(e.host + PAGE, e.size, e.guest) for e in _entries(value))
    return draft.random.randbytes(len(value) or 4)


@PARTIAL.one(4)
def empty_value(draft: PartialDraft) -> str:
    """A property without a value, which is present still."""
    (path, node, _), at = draft.property()
    name, value = node.properties[at]
    if not value:
        raise InapplicableError
    node.properties[at] = (name, b"")
    return f"{name} of {path} is empty"


@PARTIAL.one(5)
def cut_value(draft: PartialDraft) -> str:
    """1 to 8 bytes too short."""
    (path, node, _), at = draft.property()
    name, value = node.properties[at]
    if not value:
        raise InapplicableError
    cut = draft.random.randint(1, 8)
    node.properties[at] = (name, value[:-cut])
    return f"{name} of {path} is cut by {cut} bytes"


@PARTIAL.one(5)
def append_value(draft: PartialDraft) -> str:
    """1 to 16 bytes too long."""
    (path, node, _), at = draft.property()
    name, value = node.properties[at]
    more = draft.random.randint(1, 16)
    fill = draft.random.choice((bytes(more), draft.random.randbytes(more)))
    node.properties[at] = (name, value + fill)
    return f"{name} of {path} has {fill.hex()} behind it"


@PARTIAL.one(4)
def respell_property(draft: PartialDraft) -> str:
    """Xen and libfdt compare the names of properties exactly."""
    (path, node, _), at = draft.property()
    name, value = node.properties[at]
    spellings = [name.upper(), name.capitalize(), name + "s", name[:-1], name.replace(",", "-")]
    new = pick(draft.random, [spelling for spelling in spellings if spelling not in (name, "")])
    node.properties[at] = (new, value)
    return f"{name} of {path} is spelt {new}"


@PARTIAL.one(4)
def late_property(draft: PartialDraft) -> str:
    """A property behind a subnode, where libfdt does not find it."""
    (path, node, _), at = draft.property()
    if not node.children:
        node.children.append(RawNode("subnode"))
    name, value = node.properties.pop(at)
    node.late.append((name, value))
    return f"{name} of {path} stands behind its subnodes"


def _size(draft: PartialDraft) -> int:
    """Bytes: anything up to 4000, half of the time close to what fits into the 4096 of Xen 4.17.

    Xen does not copy its own properties. Its nodes take about 1000 bytes beside what they share
    with the partial tree: 140 of them for the vPL011, 96 for each vCPU.
    """
    random = draft.random
    if random.random() < 0.5:
        return random.randint(1, 4000)
    copied = Blob(deepcopy(draft.blob.root))
    for place in copied.root.walk():
        for name in XEN:
            place.node.drop(name)
    return max(1, 4096 - 1000 - len(copied.write()) + random.randint(-150, 250))


def _below_passthrough(draft: PartialDraft) -> Place:
    """A node that Xen copies into the guest, so that its size counts."""
    node, _ = draft.passthrough()
    return pick(draft.random, list(node.walk("", draft.blob.root)))


@PARTIAL.one(5)
def large_value(draft: PartialDraft) -> str:
    """A property that hardly fits, or does not."""
    path, node, _ = _below_passthrough(draft)
    size = _size(draft)
    node.properties.append(("test,large", bytes(size)))
    return f"{path} has a property of {size} bytes"


@PARTIAL.one(3)
def long_property_name(draft: PartialDraft) -> str:
    """The names of properties take room too."""
    path, node, _ = _below_passthrough(draft)
    size = draft.random.choice((31, 32, 255, 256, _size(draft)))
    node.properties.append(("n" * size, b""))
    return f"{path} has a property with a name of {size} characters"


@PARTIAL.one(3)
def many_properties(draft: PartialDraft) -> str:
    """Each takes 12 bytes, its value and its name."""
    path, node, _ = _below_passthrough(draft)
    count = draft.random.choice((10, 50, 70, 80, 90, 100, 110, 120, 300))
    node.properties += [(f"p{number}", bytes(4)) for number in range(count)]
    return f"{path} has {count} more properties"


# ---------------------------------------------------------------------------- xen,reg


@PARTIAL.one(5)
def misalign(draft: PartialDraft) -> str:
    """Host address, size and guest address have to be whole pages."""
    name = draft.random.choice(Entry._fields)
    offset = draft.random.choice((0x1, 0x10, 0x200, 0x800, 0xFFF))
    return _change_entry(draft, lambda e: e._replace(**{name: getattr(e, name) + offset}))


SIZES = {
    "nothing": 0,
    "two pages": 2 * PAGE,
    "2 MiB": 2 * MIB,
    "256 MiB": 256 * MIB,
    "4 GiB": 1 << 32,
    "2^44": 1 << 44,
    "2^63": 1 << 63,
    "all but a page": (1 << 64) - PAGE,
}


@PARTIAL.each(1, SIZES)
def resize(draft: PartialDraft, _name: str, size: int) -> str:
    """Another size in bytes."""
    return _change_entry(draft, lambda e: e._replace(size=size))


@PARTIAL.one(3)
def swap_numbers(draft: PartialDraft) -> str:
    """The numbers of an entry in another order; where all is identity only the size matters."""
    order = draft.random.choice(((1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1)))
    return _change_entry(draft, lambda e: Entry(*(e[at] for at in order)))


RAM = 0x40000000
#: Guest addresses: a base, and how many quarters of the RAM are added.
GUEST_ADDRESSES = {
    "start of the RAM": (RAM, 0),
    "second page of the RAM": (RAM + PAGE, 0),
    "middle of the RAM": (RAM, 2),
    "last page of the RAM": (RAM - PAGE, 4),
    "behind the RAM": (RAM, 4),
    "before the RAM": (RAM - PAGE, 0),
    "where Xen puts the tree": (0x48000000, 0),
    "before Xen's tree": (0x48000000 - PAGE, 0),
    "behind Xen's tree": (0x48000000 + PAGE, 0),
    "2 MiB behind Xen's tree": (0x48000000 + 2 * MIB, 0),
    "GIC distributor": (0x3001000, 0),
    "GIC redistributor": (0x3020000, 0),
    "vPL011": (0x22000000, 0),
    "grant table": (0x38000000, 0),
    "magic pages": (0x39000000, 0),
    "0": (0, 0),
    "second bank of RAM": (0x200000000, 0),
    "2^40": (1 << 40, 0),
    "2^44": (1 << 44, 0),
    "2^47": (1 << 47, 0),
    "last page of 48 bits": ((1 << 48) - PAGE, 0),
    "2^48": (1 << 48, 0),
    "2^52": (1 << 52, 0),
    "last page of 64 bits": ((1 << 64) - PAGE, 0),
}


@PARTIAL.each(1, GUEST_ADDRESSES)
def guest_address(draft: PartialDraft, _name: str, where: tuple[int, int]) -> str:
    """Mapped elsewhere in the guest."""
    base, quarters = where
    address = base + quarters * draft.domain["memory"] * MIB // 4
    return _change_entry(draft, lambda e: e._replace(guest=address))


HOST_ADDRESSES = {
    "RAM": 0x40000000,
    "RAM above": 0x80000000,
    "GIC": 0x8000000,
    "console UART": 0x9000000,
    "nothing there": 0xF000000,
    "0": 0,
    "2^40": 1 << 40,
    "2^44": 1 << 44,
    "2^47": 1 << 47,
    "2^48": 1 << 48,
    "2^52": 1 << 52,
    "last page of 64 bits": (1 << 64) - PAGE,
}


@PARTIAL.each(1, HOST_ADDRESSES)
def host_address(draft: PartialDraft, _name: str, address: int) -> str:
    """Other registers than the device's."""
    return _change_entry(draft, lambda e: e._replace(host=address))


@PARTIAL.one(3)
def repeat_entry(draft: PartialDraft) -> str:
    """All entries twice or more often."""
    (path, node, _), _parent = draft.device(REG)
    times = draft.random.choice((2, 2, 3, 20))
    node.put(REG, (node.get(REG) or b"") * times)
    return f"{REG} of {path} stands {times} times"


@PARTIAL.one(4)
def add_entry(draft: PartialDraft) -> str:
    """One more mapping, before or after the others."""
    (path, node, _), _parent = draft.device(REG)
    value = node.get(REG) or b""
    last = (_entries(value) or [Entry(0x9010000, PAGE, 0x9010000)])[-1]
    random = draft.random
    new = random.choice(
        (
            Entry(last.host + last.size, last.size, last.guest + last.size),
            Entry(0x9020000, PAGE, last.guest),
            Entry(last.host, last.size, random.randrange(0x10, 0x2000) * PAGE),
        )
    )
    new = Entry(*(number % (1 << 64) for number in new))
    node.put(REG, random.choice((value + _reg([new]), _reg([new]) + value)))
    return f"{REG} of {path} also has {_said(new)}"


WIDTHS = {"1/1": (1, 1), "2/1": (2, 1), "1/2": (1, 2), "3/2": (3, 2), "2/3": (2, 3), "4/4": (4, 4)}


@PARTIAL.each(1, WIDTHS | {"default": (2, 1)})
def recode(draft: PartialDraft, name: str, width: tuple[int, int]) -> str:
    """Other cells of the container, and every xen,reg in it written for them."""
    (path, _, _), container = draft.device(REG)
    for child in container.children:
        value = child.get(REG)
        if value is not None:
            child.put(REG, _reg(_entries(value), *width))
    for cells, count in zip(CELLS, width, strict=True):
        container.drop(cells)
        if name != "default":
            container.put(cells, cells_of(count, 1))
    return f"the container of {path} has {name} cells, {REG} too"


#: Values of #address-cells and #size-cells; None: absent.
CELL_VALUES: dict[str, bytes | None] = {
    **{str(number): cells_of(number, 1) for number in (0, 1, 3, 4)},  # 2 is what xenassign writes
    "very many": b"\xff\xff\xff\xff",
    "many that wrap": b"\x40\x00\x00\x01",
    "absent": None,
    "empty": b"",
    "one byte short": b"\0\0\2",
    "two cells": b"\0\0\0\2\0\0\0\1",
}


@PARTIAL.each(1, CELL_VALUES)
def change_cells(draft: PartialDraft, name: str, value: bytes | None) -> str:
    """Other cells of the container, but no other xen,reg."""
    (path, _, _), container = draft.device(REG)
    changed = draft.random.choice((CELLS[:1], CELLS[1:], CELLS))
    for cells in changed:
        if value is None:
            container.drop(cells)
        else:
            container.put(cells, value)
    return f"the container of {path} has {' and '.join(changed)} {name}"


# ---------------------------------------------------------------------------- xen,path

PATH_SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "names nothing": lambda path: string(path + "0"),
    "upper case": lambda path: string(path.upper()),
    "mixed case": lambda path: string(path.title()),
    "trailing slash": lambda path: string(path + "/"),
    "doubled slash": lambda path: string(path.replace("/", "//")),
    "no unit address": lambda path: string(path.partition("@")[0]),
    "relative": lambda path: string(path[1:]),
    "alias": lambda _: b"serial0\0",
    "empty": lambda _: b"",
    "empty string": lambda _: b"\0",
    "second string": lambda path: string(path) + b"/nowhere\0",
    "wrong first string": lambda path: b"/nowhere\0" + string(path),
    "no NUL": lambda path: path.encode(),
    "no NUL in whole cells": lambda path: path.encode() + b"0" * (-len(path) % 4),
    "embedded NUL": lambda path: path[:4].encode() + b"\0" + string(path[4:]),
    "trailing blank": lambda path: string(path + " "),
    "not ASCII": lambda path: string(path) + b"\xff\xfe",
    "two NULs": lambda path: string(path) + b"\0",
}


def _path_of(node: RawNode) -> str:
    return (node.get(PATH) or b"").partition(b"\0")[0].decode("ascii", "replace")


@PARTIAL.each(1, PATH_SPELLINGS)
def respell_path(draft: PartialDraft, name: str, spell: Callable[[str], bytes]) -> str:
    """The path of the same host node, in a spelling that Xen may not understand."""
    (path, node, _), _parent = draft.device()
    value = spell(_path_of(node))
    if value == node.get(PATH):
        raise InapplicableError
    node.put(PATH, value)
    return f"{PATH} of {path} is spelt with: {name}"


@PARTIAL.one(25)
def other_host_node(draft: PartialDraft) -> str:
    """Any other node of the host, which need not be a device."""
    (path, node, _), _parent = draft.device()
    other = draft.host_path(_path_of(node))
    node.put(PATH, string(other))
    return f"{PATH} of {path} is {other}"


# ---------------------------------------------------------------------------- the force


@PARTIAL.one(4)
def drop_force(draft: PartialDraft) -> str:
    """Not protected and not forced."""
    (path, node, _), _parent = draft.device(FORCE)
    node.drop(FORCE)
    return f"{path} is not forced"


@PARTIAL.one(4)
def value_of_force(draft: PartialDraft) -> str:
    """The value means nothing to Xen; presence counts."""
    value = draft.random.choice((b"", b"\0\0\0\0", b"\0\0\0\1", b"no\0", b"\xff"))
    path, node, _ = pick(draft.random, [p for p in draft.places() if p.node.get(FORCE) != value])
    node.put(FORCE, value)
    return f"{path} is forced, with the value {value.hex() or 'nothing'}"


# ---------------------------------------------------------------------------- nodes


def _xen_properties(draft: PartialDraft, guest: int | None = None) -> list[tuple[str, bytes]]:
    """Some of Xen's properties, valid or not; ``guest``: address in bytes, identity when None."""
    random = draft.random
    host = random.choice((0x9020000, 0x9010000, 0xA000000))
    every = [
        (PATH, string(draft.host_path())),
        (REG, _reg([Entry(host, PAGE, host if guest is None else guest)])),
        (FORCE, b""),
    ]
    kept = random.choice(((0, 1, 2), (0, 1, 2), (0, 1), (1, 2), (0, 2), (0,), (1,), (2,), ()))
    return [every[at] for at in kept]


def _names(properties: Iterable[tuple[str, bytes]]) -> str:
    return ", ".join(name for name, _ in properties) or "nothing"


MOVES: dict[str, Callable[[PartialDraft, Place], RawNode]] = {
    "to a child": lambda _, place: _grown(place.node, "child"),
    "to its parent": lambda _, place: place.parent or place.node,
    "to a sibling": lambda _, place: _grown(place.parent or place.node, "clock"),
    "to any node": lambda draft, _: draft.place().node,
}


def _grown(node: RawNode, name: str) -> RawNode:
    """A new node below ``node``."""
    node.children.append(RawNode(name))
    return node.children[-1]


@PARTIAL.each(1.5, MOVES)
def move_xen_properties(
    draft: PartialDraft, name: str, target: Callable[[PartialDraft, Place], RawNode]
) -> str:
    """All of Xen's properties of a device, or one of them, in another node."""
    place, _ = draft.device()
    wanted = draft.random.choice((XEN, XEN, (draft.random.choice(XEN),)))
    moved = [prop for prop in place.node.properties if prop[0] in wanted]
    if not moved:
        raise InapplicableError
    other = target(draft, place)
    if other is place.node:
        raise InapplicableError
    place.node.properties = [prop for prop in place.node.properties if prop not in moved]
    other.properties += moved
    return f"{_names(moved)} of {place.path} moved {name} ({other.name})"


PASSTHROUGH_NAMES = {
    name: name for name in ("Passthrough", "PASSTHROUGH", "passthrough@0", "passthroughs", "pass")
}


@PARTIAL.each(1, PASSTHROUGH_NAMES)
def rename_passthrough(draft: PartialDraft, _name: str, new: str) -> str:
    """dom0less does not look at the case, libxl does; neither takes a unit address."""
    node, _ = draft.passthrough()
    node.name = new
    return f"/passthrough is called {new}"


@PARTIAL.one(4)
def rename_node(draft: PartialDraft) -> str:
    """Names that are odd, long, or taken."""
    place, parent = draft.with_parent()
    old, random = place.node.name, draft.random
    base, sibling = old.partition("@")[0], random.choice(parent.children).name
    odd = (base, f"{base}@1", f"{old}@0", old.upper(), "x" * 31, "x" * 300, "a b", "a/b", "é", "")
    new = pick(random, [name for name in (*odd, sibling, "passthrough") if name != old])
    place.node.name = new
    return f"{place.path} is called {new!r}"


@PARTIAL.one(1)
def name_root(draft: PartialDraft) -> str:
    """The root has no name, says the specification."""
    draft.blob.root.name = draft.random.choice(("root", "/", "passthrough"))
    return f"the root is called {draft.blob.root.name}"


@PARTIAL.one(3)
def add_aliases(draft: PartialDraft) -> str:
    """/aliases is copied into the guest as it is, whatever it says."""
    random = draft.random
    name = random.choice(("aliases", "aliases", "Aliases", "aliases@0"))
    values = [string(draft.place().path), string(draft.host_path()), b"", b"\0\0\0\1"]
    node = RawNode(name, [("serial0", random.choice(values))])
    if random.random() < 0.3:
        node.properties += _xen_properties(draft)
    draft.blob.root.children.insert(random.randint(0, len(draft.blob.root.children)), node)
    return f"there is /{name} with {_names(node.properties)}"


SECOND = {name: name for name in ("passthrough", "Passthrough", "PASSTHROUGH")}


@PARTIAL.each(1.5, SECOND)
def second_passthrough(draft: PartialDraft, _name: str, new: str) -> str:
    """Before or after the first one: a copy, empty, or with another device."""
    first, at = draft.passthrough()
    random = draft.random
    what = random.choice(("copy", "empty", "another device"))
    second = deepcopy(first) if what == "copy" else RawNode(new)
    second.name = new
    if what == "another device":
        second.properties = [(name, cells_of(2, 1)) for name in CELLS]
        second.children = [RawNode("device", _xen_properties(draft))]
    after = random.choice((0, 1))
    draft.blob.root.children.insert(at + after, second)
    return f"there is a second /{new} ({what}) {'behind' if after else 'before'} the first"


@PARTIAL.one(5)
def extra_node(draft: PartialDraft) -> str:
    """At the root, below /passthrough or a device, with or without Xen's properties."""
    path, parent, _ = draft.place()
    node = RawNode("extra", [*_xen_properties(draft), ("reg", cells_of(1, 1))])
    parent.children.insert(draft.random.randint(0, len(parent.children)), node)
    return f"{path} has an extra node with {_names(node.properties)}"


@PARTIAL.one(4)
def deep_nesting(draft: PartialDraft) -> str:
    """1 to 20 nodes, one in the other, below /passthrough; the last may be a device."""
    parent, _ = draft.passthrough()
    random = draft.random
    depth = random.randint(1, 20)
    cells = [(name, cells_of(2, 1)) for name in CELLS] if random.random() < 0.7 else []
    for _ in range(depth):
        parent = _grown(parent, "deep")
        parent.properties += cells
    last = _xen_properties(draft)
    parent.properties += last
    return f"{depth} nested nodes {'with' if cells else 'without'} cells; the last: {_names(last)}"


#: Values of phandle; None: absent.
PHANDLES: dict[str, bytes | None] = {
    "0": cells_of(0, 1),
    "1": cells_of(1, 1),
    "0xfde6": cells_of(0xFDE6, 1),
    "0xfde7": cells_of(0xFDE7, 1),
    "0xfde8": cells_of(0xFDE8, 1),
    "0xfde9": cells_of(0xFDE9, 1),
    "0xfffffffe": cells_of(0xFFFFFFFE, 1),
    "0xffffffff": cells_of(0xFFFFFFFF, 1),
    "of two bytes": b"\0\1",
    "of two cells": b"\0\0\0\1\0\0\0\2",
    "absent": None,
}


@PARTIAL.each(0.7, PHANDLES)
def gic_node(draft: PartialDraft, name: str, value: bytes | None) -> str:
    """The phandle of /gic becomes that of the guest's GIC."""
    random = draft.random
    node = RawNode(random.choice(("gic", "gic", "gic", "GIC", "gic@3001000")))
    if value is not None:
        node.properties = [(random.choice(("phandle", "phandle", "linux,phandle")), value)]
    draft.blob.root.children.insert(random.randint(0, len(draft.blob.root.children)), node)
    return f"there is /{node.name} with phandle {name}"


@PARTIAL.each(0.7, PHANDLES)
def phandle_value(draft: PartialDraft, name: str, value: bytes | None) -> str:
    """Xen 4.22 counts on from the highest phandle."""
    key = draft.random.choice(("phandle", "phandle", "phandle", "linux,phandle"))
    path, node, _ = pick(draft.random, [p for p in draft.places() if p.node.get(key) != value])
    if value is None:
        node.drop(key)
    else:
        node.put(key, value)
    return f"{path} has {key} {name}"


@PARTIAL.one(6)
def duplicate_device(draft: PartialDraft) -> str:
    """The same host node a second time, at the same or another guest address."""
    (path, node, _), parent = draft.device()
    random = draft.random
    copy = deepcopy(node)
    copy.name = random.choice((node.name, f"{node.name}0", "copy"))
    moved = random.choice((0, PAGE, 0x1000000))
    entries = [
        e._replace(guest=(e.guest + moved) % (1 << 64)) for e in _entries(copy.get(REG) or b"")
    ]
    if moved and entries:
        copy.put(REG, _reg(entries))
    parent.children.insert(random.randint(0, len(parent.children)), copy)
    return f"{path} stands twice, as {copy.name} with guest addresses {moved:#x} higher"


@PARTIAL.one(4)
def delete_node(draft: PartialDraft) -> str:
    """Without a node and all below it."""
    place, parent = draft.with_parent()
    parent.children = [child for child in parent.children if child is not place.node]
    return f"there is no {place.path}"


@PARTIAL.one(3)
def move_outside(draft: PartialDraft) -> str:
    """A device that is not below /passthrough, so that Xen does not see it."""
    place, parent = draft.device()
    root = draft.blob.root
    target = draft.random.choice(("the root", "/soc"))
    parent.children = [child for child in parent.children if child is not place.node]
    (root if target == "the root" else _grown(root, "soc")).children.append(place.node)
    return f"{place.path} stands in {target}"


# ---------------------------------------------------------------------------- bytes


@PARTIAL.one(4)
def nop_tokens(draft: PartialDraft) -> str:
    """FDT_NOP may stand between any two tokens."""
    random = draft.random
    nops = [random.randrange(1000) for _ in range(random.choice((1, 2, 5, 20)))]
    draft.blob.nops += nops
    return f"FDT_NOP before the tokens {', '.join(map(str, nops))} (modulo their number)"


@PARTIAL.one(1)
def nop_first(draft: PartialDraft) -> str:
    """The root node is not at offset 0 of the structure then."""
    draft.blob.nops.append(0)
    return "FDT_NOP before the root node"


def _put_word(data: bytes, offset: int, value: int) -> bytes:
    """Overwrites a word of the header, as far as the blob still has it."""
    if offset + 4 > len(data):
        return data
    return data[:offset] + cells_of(value, 1) + data[offset + 4 :]


#: Header fields: byte offset and value. As it is written the version is 17, last compatible 16.
FIELDS = {
    "magic of zeros": (0, 0),
    "magic in the other byte order": (0, 0xEDFE0DD0),
    "version 0": (20, 0),
    "version 1": (20, 1),
    "version 16": (20, 16),
    "version 18": (20, 18),
    "version 99": (20, 99),
    "version 15": (20, 15),
    "last compatible 1": (24, 1),
    "last compatible 17": (24, 17),
    "last compatible 18": (24, 18),
    "boot CPU 7": (28, 7),
    "totalsize 0": (4, 0),
    "totalsize of the header": (4, 40),
    "totalsize 2^31": (4, 1 << 31),
}


@PARTIAL.each(0.6, FIELDS)
def header_field(draft: PartialDraft, name: str, where: tuple[int, int]) -> str:
    """Another value in the header."""
    draft.blob.patches.append(lambda data: _put_word(data, *where))
    return f"header: {name}"


@PARTIAL.one(3)
def totalsize(draft: PartialDraft) -> str:
    """Larger or smaller than the file."""
    more = draft.random.choice((-100, -16, -8, -4, -1, 1, 4, 8, 64, 4096, 1 << 20))
    draft.blob.patches.append(
        lambda data: _put_word(data, 4, int.from_bytes(data[4:8], "big") + more)
    )
    return f"totalsize {more:+} bytes"


@PARTIAL.one(3)
def truncate(draft: PartialDraft) -> str:
    """The end of the file is missing."""
    cut = draft.random.choice((1, 4, 16, draft.random.randint(1, 900)))
    draft.blob.patches.append(lambda data: data[:-cut])
    return f"the last {cut} bytes are missing"


@PARTIAL.one(3)
def pad(draft: PartialDraft) -> str:
    """Bytes behind the blob, with or without a totalsize that covers them."""
    random = draft.random
    size = random.choice((1, 3, 4, 100, 4096, 65536))
    covered = random.random() < 0.5

    def patch(data: bytes) -> bytes:
        longer = data + bytes(size)
        return _put_word(longer, 4, len(longer)) if covered else longer

    draft.blob.patches.append(patch)
    return f"{size} bytes behind the blob, {'' if covered else 'not '}in totalsize"


@PARTIAL.one(1)
def cut_header(draft: PartialDraft) -> str:
    """Not even a whole header; an empty file is one of these."""
    left = draft.random.choice((0, 1, 3, 4, 8, 20, 36, 39, 40))
    draft.blob.patches.append(lambda data: data[:left])
    return f"only the first {left} bytes are there"
