"""How Xen reads addresses and interrupts of the host's tree, which is less strict than Linux.

Source: xen/common/device-tree/device-tree.c (xen/common/device_tree.c up to 4.19): dt_match_bus,
dt_number_of_address, dt_device_get_address, __dt_translate_address, dt_for_each_range,
dt_irq_find_parent, dt_number_of_irq, dt_device_get_raw_irq, dt_irq_map_raw, dt_for_each_irq_map.
They are equal in all releases. Addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.cells import (
    ADDRESS_CELLS,
    BusCells,
    xen_bus_cells,
    xen_cell,
    xen_cells,
    xen_first_number,
    xen_number,
)
from xenassign.devicetree.tree import Node, Tree

_PCI, _PLAIN = "pci", "plain"
_PCI_TYPES = frozenset({"pci", "pciex", "vci", "ht"})
_PCI_CELLS = BusCells(3, 2)
_WORD = (1 << 64) - 1
#: The most cells of an interrupt specifier (DT_MAX_IRQ_SPEC).
_SPECIFIER_MOST = 4
_INTERRUPT_CELLS = "#interrupt-cells"


class UnreadableError(Exception):
    """Xen cannot follow an address or an interrupt; the text says why."""


class Lost(NamedTuple):
    """Why an address of a bus has no processor address. ``bus``: the bus at which Xen gives up.

    ``address``: the address there; None if Xen cannot translate any of it.
    """

    why: str
    bus: Node
    address: int | None = None


class Followed(NamedTuple):
    """An interrupt as Xen follows it: the controller, and the specifier there."""

    controller: Node
    specifier: tuple[int, ...]


#: An interrupt, or why Xen cannot follow it.
Line = Followed | UnreadableError


class HostReading:
    """A host tree as Xen reads it. What the nodes of one bus have in common is read once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._cells: dict[Node, BusCells] = {}
        self._kinds: dict[Node, str | None] = {}
        self._parents: dict[Node, Node | None] = {}

    # ------------------------------------------------------------------ addresses

    def addresses(self, node: Node) -> Iterator[tuple[int, int | Lost, int]]:
        """(index, processor address or why there is none, size) of each entry of ``reg``.

        Nothing where Xen sees no addresses: below a bus without ``ranges`` or size cells. On a PCI
        bus the property is ``assigned-addresses``.
        """
        bus = node.parent
        kind = self._kind(bus) if bus is not None else None
        if bus is None or kind is None:
            return
        value = node.value("assigned-addresses" if kind is _PCI else "reg")
        if not value:
            return
        cells = self._bus_cells(bus, kind)
        if not _usable(cells):
            return
        stated, width = xen_cells(value), cells.address + cells.size
        for index in range(len(stated) // width):
            entry = stated[index * width : (index + 1) * width]
            place = self._translated(bus, kind, cells, entry[: cells.address])
            yield index, place, xen_number(entry[cells.address :])

    def windows(self, host: Node) -> Iterator[tuple[int, int | Lost, int]]:
        """(index, processor address or why not, size) of each entry of a PCI node's ``ranges``.

        Raises UnreadableError where Xen gives up before the first entry.
        """
        bus = host.parent
        if bus is None:
            raise UnreadableError("it has no parent")
        value = host.value("ranges")
        if value is None:
            raise UnreadableError("it has no ranges")
        if not value:
            return
        kind = self._kind(bus)
        if kind is None:
            raise UnreadableError(f"{bus.path} has no ranges")
        above = self._bus_cells(bus, kind)
        if not _usable(above):
            raise UnreadableError(f"{bus.path} has {above.address} and {above.size} cells")
        stated, (address, size) = xen_cells(value), _PCI_CELLS
        width = address + above.address + size
        for index in range(len(stated) // width):
            entry = stated[index * width : (index + 1) * width]
            place = self._translated(bus, kind, above, entry[address : address + above.address])
            yield index, place, xen_number(entry[address + above.address :])

    def _kind(self, bus: Node) -> str | None:
        """Which translator Xen has for the children of a node; None: it is not a bus."""
        if bus not in self._kinds:
            if bus.text("device_type") in _PCI_TYPES or bus.base_name in ("pci", "pcie"):
                self._kinds[bus] = _PCI
            else:
                self._kinds[bus] = _PLAIN if bus.parent is None or bus.has("ranges") else None
        return self._kinds[bus]

    def _bus_cells(self, bus: Node, kind: str) -> BusCells:
        """The cells of the children: of the bus, or of the next node above that states them."""
        if kind is _PCI:
            return _PCI_CELLS
        if bus not in self._cells:
            self._cells[bus] = xen_bus_cells(*bus.lineage())
        return self._cells[bus]

    def _translated(
        self, bus: Node, kind: str, cells: BusCells, address: tuple[int, ...]
    ) -> int | Lost:
        """The processor address of one on a bus, or the reason why there is none."""
        while bus.parent is not None:
            above = bus.parent
            kind_above = self._kind(above)
            if kind_above is None:
                return Lost(f"{bus.path} has ranges, but {above.path} above it has none", bus)
            cells_above = self._bus_cells(above, kind_above)
            if not _usable(cells_above):
                return Lost(f"{above.path} has no address or size cells for {bus.path}", bus)
            moved = _through(bus, kind, cells, cells_above.address, address)
            if moved is None:
                if not bus.has("ranges"):
                    return Lost(f"{bus.path} has no ranges", bus)
                number = xen_number(address)
                return Lost(f"{number:#x} is in no entry of ranges of {bus.path}", bus, number)
            address = _added(kind_above, *moved)
            bus, kind, cells = above, kind_above, cells_above
        place = xen_number(address)
        return Lost("it is the last of all addresses", bus) if place == _WORD else place

    # ------------------------------------------------------------------ interrupts

    def lines(self, node: Node) -> list[Line]:
        """The interrupts that Xen sees at a node, followed to their controllers, or why not."""
        lines: list[Line] = []
        for index in range(self._count(node)):
            try:
                lines.append(self._line(node, index))
            except UnreadableError as error:
                lines.append(error)
        return lines

    def _count(self, node: Node) -> int:
        extended = self._extended(node)
        if extended is not None:
            return len(extended)
        value = node.value("interrupts")
        parent = self.interrupt_parent(node) if value is not None else None
        if value is None or parent is None:
            return 0
        width = xen_cell(parent.value(_INTERRUPT_CELLS)) or 0
        return len(value) // 4 // width if width else 0

    def _line(self, node: Node, index: int) -> Followed:
        """One interrupt of a node, followed to its controller. Raises UnreadableError."""
        unit = node.value("reg")
        address = xen_cells(unit) if unit is not None else None
        extended = self._extended(node)
        entry = extended[index] if extended is not None and index < len(extended) else None
        if entry is not None:
            return self._followed(*entry, address)
        value = node.value("interrupts")
        parent = self.interrupt_parent(node) if value is not None else None
        if value is None:
            raise UnreadableError("interrupts-extended has an entry that names no controller")
        if parent is None:
            raise UnreadableError("interrupts has no interrupt parent")
        width = xen_cell(parent.value(_INTERRUPT_CELLS)) or 0
        stated = xen_cells(value)
        if (index + 1) * width > len(stated):
            raise UnreadableError("interrupts ends inside of an entry")
        return self._followed(parent, stated[index * width : (index + 1) * width], address)

    def interrupt_parent(self, node: Node) -> Node | None:
        """The nearest node with #interrupt-cells by interrupt-parent, else upwards."""
        if node in self._parents:
            return self._parents[node]
        seen: list[Node] = []
        current: Node | None = node
        while current is not None and current not in seen:
            seen.append(current)
            stated = current.value("interrupt-parent")
            phandle = xen_cell(stated)
            current = current.parent if phandle is None else self._by_phandle(phandle)
            if current is not None and current.has(_INTERRUPT_CELLS):
                break
            if current in self._parents:
                current = self._parents[current]
                break
        else:
            current = None
        for passed in seen:
            self._parents[passed] = current
        return current

    def map_lines(self, nexus: Node) -> Iterator[Followed]:
        """What the interrupt-map of a PCI node leads to. Raises UnreadableError at a mistake."""
        parent: Node | None = nexus
        while parent is not None and not parent.has(_INTERRUPT_CELLS):
            parent = self.interrupt_parent(parent)
        if parent is None:
            raise UnreadableError("it has no interrupt parent")
        width = self._map_width(parent)
        value = nexus.value("interrupt-map")
        if value is None:
            return
        stated = xen_cells(value)
        at = 0
        while len(stated) - at > width + 1:
            controller, _, start, end = self._map_entry(nexus, stated, at + width)
            yield Followed(controller, stated[start:end])
            at = end

    def _by_phandle(self, phandle: int) -> Node | None:
        """The first node with a phandle; a node without one has 0, as the root usually does."""
        return self._tree.root if phandle == 0 else self._tree.phandles.get(phandle)

    def _extended(self, node: Node) -> list[tuple[Node, tuple[int, ...]] | None] | None:
        """The entries of interrupts-extended, None for an empty one; None if Xen ignores it."""
        value = node.value("interrupts-extended")
        if value is None:
            return None
        stated = xen_cells(value)
        entries: list[tuple[Node, tuple[int, ...]] | None] = []
        at = 0
        while at < len(stated):
            phandle = stated[at]
            at += 1
            if phandle == 0:
                entries.append(None)
                continue
            controller = self._by_phandle(phandle)
            width = xen_first_number(controller.value(_INTERRUPT_CELLS)) if controller else None
            if controller is None or width is None or at + width > len(stated):
                return None
            entries.append((controller, stated[at : at + width]))
            at += width
        return entries

    def _followed(
        self, controller: Node, specifier: tuple[int, ...], address: tuple[int, ...] | None
    ) -> Followed:
        """Follows an interrupt through each nexus and each node that is neither."""
        if controller.has("interrupt-controller") and len(specifier) <= _SPECIFIER_MOST:
            return Followed(controller, specifier)
        width = self._map_width(controller) - len(specifier)
        seen: set[Node] = set()
        current: Node | None = controller
        while current is not None and current not in seen:
            seen.add(current)
            if current.has("interrupt-controller"):
                if len(specifier) > _SPECIFIER_MOST:
                    raise UnreadableError(f"{current.path} has {len(specifier)} interrupt cells")
                return Followed(current, specifier)
            if not current.has("interrupt-map"):
                current = self.interrupt_parent(current)
                continue
            if address is None and width:
                raise UnreadableError(f"{current.path} maps by address, and it has no reg")
            current, address, specifier = self._mapped(current, width, address or (), specifier)
            width = len(address)
        raise UnreadableError(f"{controller.path} leads to no interrupt controller")

    def _mapped(
        self, nexus: Node, width: int, address: tuple[int, ...], specifier: tuple[int, ...]
    ) -> tuple[Node, tuple[int, ...], tuple[int, ...]]:
        """One step through an interrupt-map: controller, unit address, specifier."""
        stated = xen_cells(nexus.value("interrupt-map") or b"")
        if width > len(stated):
            raise UnreadableError(f"the interrupt-map of {nexus.path} has no entry for it")
        unit = (*address[:width], *(0,) * (width - len(address)))
        whole = (*unit, *specifier)
        mask_value = nexus.value("interrupt-map-mask")
        mask = xen_cells(mask_value) if mask_value is not None else (0xFFFFFFFF,) * len(whole)
        at = 0
        while len(stated) - at > len(whole) + 1:
            entry = stated[at : at + len(whole)]
            controller, middle, start, end = self._map_entry(nexus, stated, at + len(whole))
            if all(not (a ^ b) & m for a, b, m in zip(whole, entry, mask, strict=False)):
                return controller, stated[middle:start], stated[start:end]
            at = end
        raise UnreadableError(f"the interrupt-map of {nexus.path} has no entry for it")

    def _map_width(self, nexus: Node) -> int:
        """The cells that an entry of a map begins with: unit address and specifier."""
        stated = (xen_cell(node.value(ADDRESS_CELLS)) for node in nexus.lineage())
        address = next((count for count in stated if count is not None), 2)
        return address + (xen_cell(nexus.value(_INTERRUPT_CELLS)) or 0)

    def _map_entry(
        self, nexus: Node, stated: tuple[int, ...], at: int
    ) -> tuple[Node, int, int, int]:
        """The controller that an entry names at ``at``, where its unit address and its specifier
        begin, and the entry's end."""
        controller = self._by_phandle(stated[at])
        if controller is None:
            raise UnreadableError(f"the interrupt-map of {nexus.path} names no node")
        cells = xen_cell(controller.value(_INTERRUPT_CELLS))
        if cells is None:
            raise UnreadableError(f"{controller.path} has no #interrupt-cells")
        start = at + 1 + (xen_cell(controller.value(ADDRESS_CELLS)) or 0)
        if start + cells > len(stated):
            raise UnreadableError(f"the interrupt-map of {nexus.path} ends inside of an entry")
        return controller, at + 1, start, start + cells


def _usable(cells: BusCells) -> bool:
    """Whether Xen translates numbers of these cells (DT_CHECK_COUNTS)."""
    return 0 < cells.address <= 4 and cells.size > 0


def _through(
    bus: Node, kind: str, cells: BusCells, above: int, address: tuple[int, ...]
) -> tuple[tuple[int, ...], int] | None:
    """Where ``ranges`` of a bus puts an address: base above, and the offset to it."""
    value = bus.value("ranges")
    if value is None:
        return None
    if not value:
        return (0,) * above, xen_number(address)
    stated = xen_cells(value)
    upper = cells.address + above
    width = upper + cells.size
    number = xen_number(address)
    for at in range(0, len(stated) - width + 1, width):
        child = stated[at : at + cells.address]
        if kind is _PCI:
            if _space(child[0]) != _space(address[0]):
                continue
        elif cells.address > 2 and child != address:
            continue
        start = xen_number(child)
        size = xen_number(stated[at + upper : at + width])
        if start <= number < (start + size) & _WORD:
            return stated[at + cells.address : at + upper], number - start
    return None


def _space(flags: int) -> str:
    """The PCI space of an address: memory of 32 or 64 bits is one."""
    return ("", "io", "memory", "memory")[flags >> 24 & 3]


def _added(kind: str, base: tuple[int, ...], offset: int) -> tuple[int, ...]:
    """An address on the bus above, in its cells."""
    number = (xen_number(base) + offset) & _WORD
    flags = base[:1] if kind is _PCI else ()
    width = len(base) - len(flags)
    return flags + tuple(number >> 32 * n & 0xFFFFFFFF if n < 2 else 0 for n in range(width))[::-1]
