"""Judges that owe nothing to xenassign: libfdt and dtc, and rules applied to what libfdt reads.

The one thing taken from xenassign is its table of property names that bear phandles: no tool knows
them all. How their entries are walked is written here anew.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import libfdt

from xenassign.devicetree.phandle_properties import REMAINDER, PhandleProperty, lookup

#: GUEST_PHANDLE_GIC: the phandle that Xen and libxl give to the guest's GIC.
GUEST_GIC = 0xFDE8
PAGE = 4096

Properties = list[tuple[str, bytes]]
Cells = tuple[int, ...]


@dataclass
class Plain:
    """A node as libfdt tells it."""

    path: str
    parent: Plain | None
    properties: dict[str, bytes] = field(default_factory=dict)

    def cells(self, name: str) -> Cells:
        """A property as cells; those of a remainder of less than 4 bytes are left out."""
        value = self.properties.get(name, b"")
        return struct.unpack(f">{len(value) // 4}I", value[: len(value) // 4 * 4])

    def cell(self, name: str, default: int) -> int:
        """The first cell of a property."""
        values = self.cells(name)
        return values[0] if values else default

    def string(self, name: str) -> str:
        """The first string of a property."""
        return self.properties[name].split(b"\0")[0].decode()

    def lineage(self) -> Iterator[Plain]:
        """The node, its parent, and so on."""
        node: Plain | None = self
        while node is not None:
            yield node
            node = node.parent


def read(blob: bytes) -> list[Plain]:
    """Every node of a blob in its order, through libfdt. Raises libfdt.FdtException."""
    fdt = libfdt.Fdt(blob)
    nodes: list[Plain] = []
    above: list[Plain] = []
    offset, depth = 0, 0
    while offset >= 0 and depth >= 0:
        name = fdt.get_name(offset)
        del above[depth:]
        parent = above[-1] if above else None
        path = "/" if parent is None else f"{parent.path.rstrip('/')}/{name}"
        node = Plain(path, parent, dict(_properties(fdt, offset)))
        above.append(node)
        nodes.append(node)
        offset, depth = fdt.next_node(offset, depth, (libfdt.NOTFOUND,))
    return nodes


def _properties(fdt: libfdt.Fdt, node: int) -> Iterator[tuple[str, bytes]]:
    offset = fdt.first_property_offset(node, (libfdt.NOTFOUND,))
    while offset >= 0:
        prop = fdt.get_property_by_offset(offset)
        yield prop.name, bytes(prop)
        offset = fdt.next_property_offset(offset, (libfdt.NOTFOUND,))


def content(blob: bytes) -> list[tuple[str, Properties]]:
    """A blob as values that can be compared: paths and properties, both in order."""
    return [(node.path, list(node.properties.items())) for node in read(blob)]


def difference(left: bytes, right: bytes) -> str | None:
    """The first difference of two blobs' trees, or None."""
    one, other = content(left), content(right)
    for (path, mine), (path2, theirs) in zip(one, other, strict=False):
        if path != path2:
            return f"{path} is at the place of {path2}"
        if mine != theirs:
            unequal = [pair for pair in mine if pair not in theirs]
            unequal += [pair for pair in theirs if pair not in mine]
            return f"{path}: {unequal or 'properties in another order'}"
    return None if len(one) == len(other) else f"{len(one)} nodes and {len(other)} nodes"


# ---------------------------------------------------------------------------- dtc


def dtc(source: Path, target: Path, *options: str) -> tuple[int, str]:
    """Runs dtc on a file; its exit status and all that it said."""
    kind = "dtb" if source.suffix in (".dtb", ".dtbo") else "dts"
    out = "dtb" if target.suffix in (".dtb", ".dtbo") else "dts"
    command = ["dtc", "-I", kind, "-O", out, "-o", str(target), *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def apply_overlay(base: Path, overlay: Path, target: Path) -> str | None:
    """Runs fdtoverlay; what it said when it failed, or None."""
    command = ["fdtoverlay", "-i", str(base), "-o", str(target), str(overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip() or f"status {done.returncode}")


@dataclass(frozen=True)
class Harmless:
    """A warning of dtc that says nothing against a partial device tree, and why not."""

    check: str
    message: str
    reason: str


#: Warnings of dtc on NAME.dtb that are no defect, wherever they come. Anything else fails the test,
#: but for those below.
HARMLESS = (
    Harmless(
        "interrupts_property",
        r"Bad phandle|Missing interrupt-parent",
        "interrupt-parent 0xfde8 is the guest's GIC, a node that Xen or libxl adds later",
    ),
    Harmless(
        "simple_bus_reg",
        r"missing or empty reg/ranges property",
        "copied providers (fixed clocks, regulators) and devices with an interrupt alone have no"
        " registers; Linux populates them below a simple-bus all the same",
    ),
    Harmless(
        "avoid_unnecessary_addr_size",
        r"unnecessary #address-cells/#size-cells",
        "a flash without partitions on the board, or a device none of whose children has registers"
        " of its own: nothing reads the cells",
    ),
    Harmless(
        "graph_child_address",
        r"graph node has single child node",
        "a board that uses one of several ports or endpoints, or whose others are cut: they keep"
        " their numbers, which drivers know them by",
    ),
)

#: Warnings that are no defect where dtc says the same of the host's node: the copy is a true one.
HARMLESS_AS_HOST = (
    Harmless(
        "interrupt_provider",
        r"Missing #address-cells in interrupt provider",
        "most boards leave it out; it counts for nodes with an interrupt-map only",
    ),
    Harmless(
        "unit_address_vs_reg",
        r"node has a unit name, but no reg or ranges property",
        "parts of a system controller that state their place in a property of their binding",
    ),
    Harmless(
        "unique_unit_address",
        r"duplicate unit-address",
        "nvmem cells that are bits of one byte",
    ),
)


def warnings(blob: Path, scratch: Path) -> list[tuple[str, str, str]]:
    """(check, node, message) of every warning of dtc on a blob."""
    status, said = dtc(blob, scratch)
    found = re.findall(r"(?:Warning|ERROR) \((\w+)\): ([^:\n]*): ?(.*)", said)
    if status and not found:
        found = [("dtc", "/", said.strip())]
    return [(check, node, message) for check, node, message in found]


def harmless(check: str, message: str, *, as_host: bool) -> bool:
    """Whether the lists above know the warning. ``as_host``: dtc says it of the host's node too."""
    known = HARMLESS + HARMLESS_AS_HOST if as_host else HARMLESS
    return any(h.check == check and re.search(h.message, message) for h in known)


# ---------------------------------------------------------------------------- phandles


def dangling(nodes: list[Plain]) -> Iterator[str]:
    """Every phandle of a partial device tree that leads nowhere, as text."""
    targets = {n.cell("phandle", 0): n for n in nodes if "phandle" in n.properties}
    for node in nodes:
        if node.path.startswith(("/aliases", "/__")):
            continue
        parents = node.cells("interrupt-parent")
        if parents and parents[0] != GUEST_GIC and parents[0] not in targets:
            yield f"{node.path}: interrupt-parent {parents[0]:#x}"
        if "interrupt-map" in node.properties:
            yield from dangling_in_map(node, targets)
        for name, value in node.properties.items():
            rule = lookup(name)
            if rule is None or not value or name == "interrupt-parent":
                continue
            if rule.unless is not None and rule.unless in node.properties:
                continue
            if len(value) % 4:
                yield f"{node.path}: {name} has {len(value)} bytes"
                continue
            for problem in _walk(node.cells(name), rule, targets):
                yield f"{node.path}: {name}: {problem}"


def _walk(values: Cells, rule: PhandleProperty, targets: dict[int, Plain]) -> Iterator[str]:
    is_map = rule.shape == "map"
    before, behind = rule.lead or int(is_map), rule.trail or int(is_map)
    at = 0
    while at < len(values):
        if at + before >= len(values):
            yield f"cut off at cell {at}"
            return
        phandle = values[at + before]
        if phandle == 0 and not before:
            at += 1
            continue
        target = targets.get(phandle)
        if target is None and phandle != GUEST_GIC:
            yield f"phandle {phandle:#x} names no node"
            return
        if rule.cells == REMAINDER:
            return
        if isinstance(rule.cells, int):
            count = rule.cells
        elif target is None:
            count = 3  # the guest's GIC
        elif rule.cells in target.properties:
            count = target.cell(rule.cells, 0)
        elif rule.default_cells is not None:
            count = rule.default_cells
        else:
            yield f"{target.path} has no {rule.cells}"
            return
        at += before + 1 + count + behind
    if at > len(values):
        yield "the last entry is cut off"


def dangling_in_map(node: Plain, targets: dict[int, Plain]) -> Iterator[str]:
    """The first phandle of ``interrupt-map`` that leads nowhere, or where the map is cut off.

    The guest's GIC has three cells and no address.
    """
    values, at = node.cells("interrupt-map"), 0
    width = node.cell("#address-cells", 2) + node.cell("#interrupt-cells", 1)
    while at < len(values):
        phandle = values[at + width] if at + width < len(values) else 0
        if phandle == GUEST_GIC:
            cells = 3
        elif phandle in targets:
            controller = targets[phandle]
            cells = controller.cell("#address-cells", 0) + controller.cell("#interrupt-cells", 0)
        else:
            yield f"{node.path}: interrupt-map: phandle {phandle:#x}"
            return
        at += width + 1 + cells
    if at > len(values):
        yield f"{node.path}: interrupt-map is cut off"


def pointers(nodes: list[Plain]) -> dict[tuple[str, str, int], str]:
    """(path, property, number of the cell) of every phandle that names a node: that node's path.

    But for interrupt-map. A property is read up to where it names none.
    """
    targets = {n.cell("phandle", 0): n for n in reversed(nodes) if "phandle" in n.properties}
    found: dict[tuple[str, str, int], str] = {}
    for node in nodes:
        for name in node.properties if not node.path.startswith(("/aliases", "/__")) else ():
            rule = lookup(name)
            if rule is None or (rule.unless is not None and rule.unless in node.properties):
                continue
            values, at = node.cells(name), 0
            before, behind = rule.lead or int(rule.shape == "map"), rule.trail
            behind = behind or int(rule.shape == "map")
            while at + before < len(values):
                phandle = values[at + before]
                if phandle == 0 and not before:
                    at += 1
                    continue
                target = targets.get(phandle)
                if target is None:
                    break
                found[node.path, name, at + before] = target.path
                if rule.cells == REMAINDER:
                    break
                count = rule.cells if isinstance(rule.cells, int) else 0
                if not isinstance(rule.cells, int):
                    count = target.cell(rule.cells, rule.default_cells or 0)
                at += before + 1 + count + behind
    return found


# ---------------------------------------------------------------------------- overlays

#: What the nodes of an overlay may have different from the board's.
_OWN = frozenset({"phandle", "linux,phandle"})


def readded(board: Path, taken: Sequence[str], overlay: Path, work: Path) -> Iterator[str]:
    """What differs when nodes are taken out of a board's tree and an overlay brings them again.

    fdtput takes them out and fdtoverlay brings them. They have to be the board's but for a mark and
    their phandles, and every phandle in them has to name the node that it named before.
    """
    base, result = work / "boot.dtb", work / "again.dtb"
    base.write_bytes(board.read_bytes())
    subprocess.run(["fdtput", "-r", str(base), *taken], check=True)
    failed = apply_overlay(base, overlay, result)
    if failed:
        yield f"fdtoverlay refuses it: {failed}"
        return
    before, after = read(board.read_bytes()), read(result.read_bytes())
    old, new = {node.path: node for node in before}, {node.path: node for node in after}
    without = {node.path for node in read(base.read_bytes())}
    named, names = pointers(before), pointers(after)
    phandles = {n.cell("phandle", 0): n.path for n in before if "phandle" in n.properties}
    numbers = {n.path: n.cell("phandle", 0) for n in after}
    yield from (f"{path} is new" for path in new.keys() - old.keys())
    for path in sorted(new.keys() - without):
        mine, theirs = old[path].properties, new[path].properties
        kept = {name for name in mine if name not in _OWN and not name.startswith("bootph-")}
        for name in sorted(kept ^ (theirs.keys() - _OWN - {"xen,passthrough"})):
            yield f"{path}: {name} is there once only"
        for name in sorted(kept & theirs.keys()):
            left, right = old[path].cells(name), new[path].cells(name)
            if len(mine[name]) != len(theirs[name]):
                yield f"{path}: {name} has another length"
            elif len(mine[name]) % 4 and mine[name] != theirs[name]:
                yield f"{path}: {name} differs"
            for at, (one, other) in enumerate(zip(left, right, strict=False)):
                key = (path, name, at)
                if named.get(key) != names.get(key):
                    yield f"{path}: {name}[{at}] named {named.get(key)}, now {names.get(key)}"
                elif one != other and other != numbers.get(phandles.get(one, "")):
                    yield f"{path}: {name}[{at}] was {one:#x} and is {other:#x}"


# ---------------------------------------------------------------------------- addresses


def entries(values: Cells, *widths: int) -> Iterator[tuple[int, ...]]:
    """Numbers of so many cells each, entry after entry."""
    for start in range(0, len(values), sum(widths)):
        numbers, at = [], start
        for width in widths:
            number = 0
            for cell in values[at : at + width]:
                number = number << 32 | cell
            numbers.append(number)
            at += width
        yield tuple(numbers)


def windows(node: Plain) -> list[tuple[int, int, int]]:
    """(host address, size, guest address) of a node's xen,reg."""
    assert node.parent is not None
    address, size = node.parent.cell("#address-cells", 2), node.parent.cell("#size-cells", 1)
    found = entries(node.cells("xen,reg"), address, size, address)
    return [(host, length, guest) for host, length, guest in found]


def misplaced(nodes: list[Plain]) -> Iterator[str]:
    """What is wrong with the xen,reg of a partial device tree and with reg against them."""
    for node in nodes:
        if "xen,reg" not in node.properties or node.parent is None:
            continue
        here = windows(node)
        if len(node.properties["xen,reg"]) != 24 * len(here):
            yield f"{node.path}: xen,reg of {len(node.properties['xen,reg'])} bytes"
        for numbers in here:
            if any(number % PAGE for number in numbers):
                yield f"{node.path}: xen,reg {[hex(n) for n in numbers]} is not page aligned"
        if "reg" not in node.properties:
            continue
        cells = node.parent.cell("#address-cells", 2), node.parent.cell("#size-cells", 1)
        for address, size in entries(node.cells("reg"), *cells):
            if not any(g <= address and address + size <= g + s for _, s, g in here):
                yield f"{node.path}: reg {address:#x}+{size:#x} is outside of its xen,reg"


def merged(mappings: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """(host address, size, guest address) of the same pages with the fewest entries, in order."""
    found: list[tuple[int, int, int]] = []
    # Those of one distance between host and guest side by side, so that neighbours meet.
    for host, size, guest in sorted(mappings, key=lambda m: (m[2] - m[0], m[0])):
        if found:
            first, length, where = found[-1]
            if where - first == guest - host and host <= first + length:
                found[-1] = (first, max(length, host + size - first), where)
                continue
        found.append((host, size, guest))
    return found


# ---------------------------------------------------------------------------- dom.cfg


def lists(config: str, key: str) -> list[str]:
    """The elements of a list of dom.cfg as written, without comments."""
    text = "\n".join(line.partition("#")[0] for line in config.splitlines())
    match = re.search(rf"^{key} = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    inside = match[1] if match else ""
    return re.findall(r'"[^"]*"|[^\s,"]+', inside)
