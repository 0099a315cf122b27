"""Mutations of device trees: of nodes and properties, and of the bytes of a blob."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.fuzz.hostile import CELLS, TEXTS, without_nul
from tests.xen.mutants.blob import Blob, Place, RawNode, cells_of

#: Properties whose numbers decide how others are read.
STEERING = (
    "#address-cells", "#size-cells", "#interrupt-cells", "#clock-cells", "#iommu-cells",
    "#msi-cells", "#gpio-cells", "#power-domain-cells", "#reset-cells", "#phy-cells", "phandle",
    "interrupt-parent", "ranges", "dma-ranges", "reg", "interrupts", "interrupts-extended",
    "interrupt-map", "interrupt-map-mask", "iommus", "iommu-map", "iommu-map-mask", "msi-parent",
    "msi-map", "memory-region", "clocks", "clock-frequency", "clock-mult", "clock-div", "xen,reg",
    "xen,path", "assigned-clocks", "stdout-path", "target", "target-path", "compatible", "status",
)  # fmt: skip
#: Values for properties, by name; others take one of any type.
_FLAGS = ("xen,passthrough", "xen,force-assign-without-iommu", "dma-coherent", "no-map", "ranges")
_STATUS = (b"okay\0", b"disabled\0", b"ok\0", b"fail-x\0", b"\0", b"")
_COMPATIBLE = (
    "simple-bus", "arm,gic-v3", "arm,cortex-a15-gic", "arm,gic-v3-its", "arm,gic-v2m-frame",
    "arm,mmu-500", "arm,smmu-v3", "fixed-clock", "fixed-factor-clock", "shared-dma-pool",
    "pci-host-ecam-generic", "arm,scmi-smc", "arm,scmi-shmem", "xen,domain", "multiboot,module",
    "multiboot,kernel", "multiboot,device-tree", "arm,psci-1.0", "arm,armv8-timer", "syscon",
    "regulator-fixed", "renesas,ipmmu-vmsa", "xen,xen", "xen,domain-shared-memory-v1", "memory",
)  # fmt: skip

Mutation = Callable[[Blob, Random], None]
Change = Callable[[Blob, Random, str, bytes], tuple[str, bytes]]


def mutate(blob: Blob, random: Random) -> None:
    """Changes a tree, or what is done to its bytes when it is written."""
    (mutation,) = random.choices(_MUTATIONS, _WEIGHTS)
    mutation(blob, random)


def bytes_of(random: Random, data: bytes, other: bytes) -> bytes:
    """The bytes of a blob with damage. ``other``: a blob to take bytes from."""
    where = random.random()
    words = len(data) // 4
    if where < 0.25 and words > 10:
        return _put(data, 4 * random.randrange(10), _word(random, len(data)))
    if where < 0.55 and words:
        return _put(data, 4 * random.randrange(words), _word(random, len(data)))
    at = random.randrange(len(data) + 1)
    if where < 0.7:
        return _put(data, at, random.choice((b"\0", b"\xff", b"\x80", b"\n", b"/", b"@", b"\x1b")))
    if where < 0.8:
        return data[:at] + random.randbytes(random.choice((1, 4, 8))) + data[at:]
    if where < 0.88:
        return data[:at] + data[at + random.choice((1, 3, 4, 8, 40)) :]
    if where < 0.92:
        return data[:at]
    if where < 0.96:
        return data[:at] + other[random.randrange(len(other) + 1) :]
    return data[: random.choice((0, 3, 4, 39, 40))] + other[40:]


def _put(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def _word(random: Random, size: int) -> bytes:
    value = random.choice((*CELLS, size, size - 1, size + 4, 17, 0xD00DFEED, 9))
    return struct.pack(">I", value & 0xFFFFFFFF)


def _places(blob: Blob) -> list[Place]:
    return list(blob.root.walk())


def _property(blob: Blob, random: Random) -> tuple[RawNode, int] | None:
    """A property, by its node and index; half of them are those that decide how others are read."""
    candidates = [
        (place.node, at) for place in _places(blob) for at in range(len(place.node.properties))
    ]
    if random.random() < 0.6:
        steering = [(n, at) for n, at in candidates if n.properties[at][0] in STEERING]
        candidates = steering or candidates
    return random.choice(candidates) if candidates else None


def _changed(change: Change) -> Mutation:
    """A mutation that gives one property another name and value."""

    def mutation(blob: Blob, random: Random) -> None:
        chosen = _property(blob, random)
        if chosen is not None:
            node, at = chosen
            node.properties[at] = change(blob, random, *node.properties[at])

    return mutation


def _cell(blob: Blob, random: Random, name: str, value: bytes) -> tuple[str, bytes]:
    phandles = [v for p in _places(blob) if (v := p.node.get("phandle")) is not None]
    new = struct.pack(">I", random.choice(CELLS))
    if random.random() < 0.3 and phandles:
        new = random.choice(phandles)
    elif random.random() < 0.2:
        new = random.randbytes(4)
    index = 4 * random.randrange(max(len(value) // 4, 1))
    return name, _put(value, index, new)


def _size(_: Blob, random: Random, name: str, value: bytes) -> tuple[str, bytes]:
    changed = random.choice(
        (
            b"",
            value[: random.randrange(1, 8)],
            value[:-1],
            value[:-4],
            value + value,
            value + b"\0\0\0\1",
            value[4:] + value[:4],
            value * random.choice((3, 17, 100)),
            b"\xff" * len(value),
            b"\0" * len(value),
        )
    )
    return name, changed[: 1 << 16]


def _drop(blob: Blob, random: Random) -> None:
    chosen = _property(blob, random)
    if chosen is not None:
        node, at = chosen
        del node.properties[at]


def _string(_: Blob, random: Random, name: str, value: bytes) -> tuple[str, bytes]:
    text = random.choice(TEXTS).encode("utf-8", "surrogateescape")
    return name, random.choice((text + b"\0", text, value + text + b"\0", text + b"\0" + value))


def _name_of_property(_: Blob, random: Random, name: str, value: bytes) -> tuple[str, bytes]:
    new = random.choice(
        (_name(random), name + _name(random), random.choice(STEERING), name.upper(), name + "@0")
    )
    return new, value


def _name(random: Random) -> str:
    """A hostile name: a NUL would end it."""
    return without_nul(random.choice(TEXTS))


def _name_of_node(blob: Blob, random: Random) -> None:
    place = random.choice(_places(blob))
    name, hostile = place.node.name, _name(random)
    base, _, unit = name.partition("@")
    place.node.name = random.choice(
        (
            hostile,
            f"{name}{hostile}",
            f"{hostile}@{unit}",
            f"{base}@{random.choice(('0', 'ffffffffffffffffff', '1,0', 'x', ''))}",
            random.choice(("cpus", "chosen", "memory", "passthrough", "aliases", "__symbols__")),
            random.choice(("__fixups__", "__local_fixups__", "fragment@0", "__overlay__", "soc")),
        )
    )


def _values(blob: Blob, random: Random) -> None:
    """A known property with a value that the node may not be ready for."""
    node = random.choice(_places(blob)).node
    name = random.choice(
        (*STEERING, *_FLAGS, "device_type", "model", "clock-names", "power-domains")
    )
    value = b"".join(struct.pack(">I", random.choice(CELLS)) for _ in range(random.randrange(1, 9)))
    if name in _FLAGS:
        value = random.choice((b"", value))
    elif name == "compatible":
        value = b"".join(random.choice(_COMPATIBLE).encode() + b"\0" for _ in range(2))
    elif name == "status":
        value = random.choice(_STATUS)
    elif name.startswith("#"):
        value = value[:4]
    elif name in {"stdout-path", "xen,path", "target-path"}:
        value = random.choice(_places(blob)).path.encode("utf-8", "surrogateescape") + b"\0"
    node.put(name, value)


def _other_value(blob: Blob, random: Random) -> None:
    """A property of another node, under its own or another known name."""
    chosen = _property(blob, random)
    if chosen is not None:
        node, at = chosen
        name, value = node.properties[at]
        if random.random() < 0.3:
            name = random.choice(STEERING)
        random.choice(_places(blob)).node.put(name, value)


def _again(blob: Blob, random: Random) -> None:
    """A property twice, or one after the children."""
    chosen = _property(blob, random)
    if chosen is not None:
        node, at = chosen
        random.choice((node.properties, node.late)).append(node.properties[at])


def _below(random: Random, places: Sequence[Place]) -> Place | None:
    below = [place for place in places if place.parent is not None]
    return random.choice(below) if below else None


def _move(blob: Blob, random: Random) -> None:
    """A node somewhere else, or a copy of it, or nothing at all."""
    places = _places(blob)
    place = _below(random, places)
    if place is None or place.parent is None:
        return
    inside = {id(inner.node) for inner in place.node.walk()}
    homes = [other.node for other in places if id(other.node) not in inside]
    how = random.random()
    if how < 0.4:
        place.parent.children.remove(place.node)
    if how > 0.25:
        copied = copy(place.node)
        if random.random() < 0.5:
            copied.name = f"{copied.name.partition('@')[0]}@{random.choice(CELLS):x}"
        random.choice(homes).children.append(copied)


def _deep(blob: Blob, random: Random) -> None:
    """A node further in, below new nodes."""
    place = _below(random, _places(blob))
    if place is None or place.parent is None:
        return
    place.parent.children.remove(place.node)
    node = place.node
    for level in range(random.choice((1, 2, 3, 10, 62, 70))):
        above = RawNode(f"level{level}", [], [node])
        if random.random() < 0.5:
            one = cells_of(1, 1)
            above.properties += [("#address-cells", one), ("#size-cells", one), ("ranges", b"")]
            above.properties.append(("compatible", b"simple-bus\0"))
        node = above
    place.parent.children.append(node)


def _many(blob: Blob, random: Random) -> None:
    """Many children with the properties of one."""
    place = _below(random, _places(blob))
    if place is None or place.parent is None:
        return
    for number in range(random.choice((5, 40, 200))):
        place.parent.children.append(RawNode(f"n@{number:x}", list(place.node.properties)))


def _circle(blob: Blob, random: Random) -> None:
    """References that lead back to where they come from."""
    places = _places(blob)
    first, second = random.choice(places).node, random.choice(places).node
    for node, number in ((first, 0x777), (second, 0x778)):
        if node.get("phandle") is None:
            node.put("phandle", cells_of(number, 1))
    name = random.choice(("interrupt-parent", "clocks", "iommus", "msi-parent", "vin-supply"))
    first.put(name, second.get("phandle") or b"")
    second.put(name, first.get("phandle") or b"")


def _header(blob: Blob, random: Random) -> None:
    values = [0, 1, 0xFFF, 1 << 12, 1 << 31, 1 << 40, (1 << 64) - 1]
    entries = [(random.choice(values), random.choice(values)) for _ in range(random.randrange(4))]
    blob.reservations = tuple(entries)
    blob.boot_cpu = random.choice(CELLS)
    blob.nops.append(random.randrange(50))


def as_dom0(blob: Blob, random: Random) -> None:
    """The tree as Xen makes it for dom0: with /hypervisor, without CPUs and some of the rest."""
    root = blob.root
    names = f"xen,xen-{random.choice(('4.17', '4.20', '4.22', '9.9'))}\0xen,xen\0"
    root.children = [node for node in root.children if node.name != "cpus"]
    root.children.append(RawNode("hypervisor", [("compatible", names.encode())]))
    for place in _places(blob):
        compatible = place.node.get("compatible") or b""
        if place.parent is not None and (b"smmu" in compatible or random.random() < 0.05):
            place.parent.children = [n for n in place.parent.children if n is not place.node]


def copy(node: RawNode) -> RawNode:
    """A node and everything below it, to be changed alone."""
    children = [copy(child) for child in node.children]
    return RawNode(node.name, list(node.properties), children, list(node.late))


_TABLE: tuple[tuple[Mutation, int], ...] = (
    (_changed(_cell), 30),
    (_changed(_size), 12),
    (_drop, 8),
    (_changed(_string), 10),
    (_values, 10),
    (_other_value, 6),
    (_changed(_name_of_property), 6),
    (_name_of_node, 9),
    (_move, 8),
    (_deep, 2),
    (_many, 1),
    (_circle, 3),
    (_again, 1),
    (_header, 2),
)
_MUTATIONS = tuple(mutation for mutation, _ in _TABLE)
_WEIGHTS = tuple(weight for _, weight in _TABLE)


def source(root: RawNode) -> str:
    """The text of a tree, with labels, references and strings as people write them."""
    labels = {
        node.get("phandle"): f"l{number}"
        for number, (_, node, _) in enumerate(root.walk())
        if node.get("phandle") is not None
    }
    return "/dts-v1/;\n" + "".join(_lines(root, labels, 0))


def _lines(node: RawNode, labels: dict[bytes | None, str], depth: int) -> Iterator[str]:
    tabs = "\t" * depth
    label = labels.get(node.get("phandle"))
    name = node.name if depth else "/"
    yield f"{tabs}{label}: {name} {{\n" if label and depth else f"{tabs}{name} {{\n"
    for prop, value in node.properties:
        if prop != "phandle":
            yield f"{tabs}\t{prop}{_value(prop, value, labels)};\n"
    for child in node.children:
        yield from _lines(child, labels, depth + 1)
    yield f"{tabs}}};\n"


def _value(name: str, value: bytes, labels: dict[bytes | None, str]) -> str:
    if not value:
        return ""
    texts = value[:-1].split(b"\0")
    if value[-1:] == b"\0" and all(text and text.isascii() for text in texts):
        decoded = [text.decode() for text in texts]
        if all(text.isprintable() for text in decoded):
            return " = " + ", ".join(json.dumps(text) for text in decoded)
    if len(value) % 4:
        return f" = [{value.hex()}]"
    cells = [value[at : at + 4] for at in range(0, len(value), 4)]
    known = name in STEERING and not name.startswith("#") and name not in {"reg", "ranges"}
    words = (
        f"&{labels[c]}" if known and c in labels else f"{int.from_bytes(c, 'big'):#x}"
        for c in cells
    )
    return f" = <{' '.join(words)}>"


def directory(node: RawNode, path: str) -> Iterator[tuple[str, bytes]]:
    """The files of a live tree, as far as a file system has such names."""
    yield path, b""
    used = set()
    for name, value in node.properties:
        if _is_file(name) and name not in used:
            used.add(name)
            yield f"{path}{name}", value
    for child in node.children:
        if _is_file(child.name) and child.name not in used and len(path) < 500:
            used.add(child.name)
            yield from directory(child, f"{path}{child.name}/")


def _is_file(name: str) -> bool:
    return (
        name not in {"", ".", ".."}
        and not {"/", "\0"} & set(name)
        and len(name.encode("utf-8", "surrogateescape")) < 200
    )
