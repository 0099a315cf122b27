"""The SPIs by which a controller of message-signalled interrupts delivers them.

They are not in ``interrupts``, the only property that Xen reads: ``msi-ranges`` (controller,
first specifier, number of interrupts: msi-controller.yaml), and ``arm,msi-base-spi`` with
``arm,msi-num-spis`` (arm,gic.yaml; INTIDs, although called SPIs).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from xenassign.devicetree.tree import Node, PropertyError
from xenassign.host.gic import GicInterrupt, decode

#: No GIC has more SPIs; a larger count is malformed.
_SPIS_MAX = 1024
_SPI_FIRST_INTID = 32
_EDGE_RISING = 1
_ENTRY = 5  # cells: phandle, three of a specifier, count


def msi_interrupts(node: Node, gic: Collection[int]) -> tuple[GicInterrupt, ...]:
    """The interrupts, in the order of the node. ``gic``: the phandles of the GIC."""
    try:
        specifiers = [*_of_ranges(node, gic), *_of_base(node)]
    except PropertyError:
        return ()
    lines = (decode(index, specifier) for index, specifier in enumerate(specifiers))
    return tuple(line for line in lines if line is not None)


def _of_ranges(node: Node, gic: Collection[int]) -> Iterator[tuple[int, int, int]]:
    numbers = node.cells("msi-ranges")
    for at in range(0, len(numbers) - _ENTRY + 1, _ENTRY):
        phandle, kind, first, flags, count = numbers[at : at + _ENTRY]
        if phandle in gic and count <= _SPIS_MAX:
            yield from ((kind, number, flags) for number in range(first, first + count))


def _of_base(node: Node) -> Iterator[tuple[int, int, int]]:
    base, count = node.cells("arm,msi-base-spi"), node.cells("arm,msi-num-spis")
    if len(base) == len(count) == 1 and base[0] >= _SPI_FIRST_INTID and count[0] <= _SPIS_MAX:
        first = base[0] - _SPI_FIRST_INTID
        yield from ((0, number, _EDGE_RISING) for number in range(first, first + count[0]))
