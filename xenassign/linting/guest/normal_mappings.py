"""Rules about pages that AMD's Xen maps as Normal memory (``Release.normal_mappings``).

What a release that does not know them makes of the property and of the memory type in iomem is in
:mod:`xenassign.linting.guest.tree_form` and :mod:`xenassign.linting.verdict.domcfg`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule, some
from xenassign.formats.xlcfg import XlConfig
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.mappings import iomem_ranges
from xenassign.xen.releases import CACHEABLE, PCI_ASSIGNED, Release

if TYPE_CHECKING:
    from xenassign.xen.board import Board


def _normal(release: Release) -> bool:
    return release.normal_mappings


REGISTERS = rule(
    "XA236", "registers-as-memory", "warning", "unsafe", applies=_normal, needs_host=True
)
BOTH = rule("XA237", "xen-reg-not-read", "error", "broken", routes=DOM0LESS, applies=_normal)
BAD_FUNCTIONS = rule(
    "XA238",
    "pci-assigned-malformed",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.pci_assigned,
)

#: The cells of a function in xen,pci-assigned, with the bits that each may have.
_FUNCTION = (("segment", 16), ("bus", 8), ("device and function", 8))


def registers(view: View) -> Iterator[Finding]:
    """Registers of devices in pages that are Normal memory to the guest."""
    board = view.board
    if board is None or not REGISTERS.applies(view.context.release):
        return
    for partial in view.nodes:
        spans = [entry.host_span for entry in partial.entries if entry.normal and entry.size]
        names = _registers(board, spans)
        if names:
            message = f"{partial.node.path}: {CACHEABLE} has registers of {some(names)}"
            yield REGISTERS(message, node=partial.node.path, prop=partial.reg, routes=DOM0LESS)


def in_iomem(config: XlConfig, context: Context) -> Iterator[Finding]:
    """The same in entries of iomem with the type memory."""
    board = context.board
    if board is None or not REGISTERS.applies(context.release):
        return
    for atom, pages in iomem_ranges(config, context.release):
        names = _registers(board, [pages.host.in_bytes] if pages.normal and pages.pages else [])
        if names:
            message = f"iomem: {atom.text} has registers of {some(names)}"
            yield REGISTERS(message, prop="iomem", place=config.place(atom), routes=("xl",))


def _registers(board: Board, spans: list[Span]) -> list[str]:
    """The host paths of the nodes with registers, not memory, in host addresses (bytes)."""
    from xenassign.checks.memory_type import is_memory

    nodes: dict[Node, None] = {}
    for span in spans:
        nodes |= dict.fromkeys(node for _, node in board.neighbours.overlapping(span))
    return [node.path for node in nodes if not is_memory(node)]


def both(view: View) -> Iterator[Finding]:
    """Nodes with xen,reg and xen,reg-cacheable, of which Xen reads the last one."""
    for node in view.copied if BOTH.applies(view.context.release) else ():
        if node.has(CACHEABLE) and node.has("xen,reg"):
            last = next(n for n in reversed(node.properties) if n in ("xen,reg", CACHEABLE))
            unread = "xen,reg" if last == CACHEABLE else CACHEABLE
            message = f"{node.path}: Xen maps {last} alone, as Normal memory"
            yield BOTH(message, node=node.path, prop=unread)


def functions(view: View) -> Iterator[Finding]:
    """xen,pci-assigned that Xen refuses, if it has PCI at all."""
    for node in view.passthrough if BAD_FUNCTIONS.applies(view.context.release) else ():
        prop = node.get(PCI_ASSIGNED)
        problem = _malformed(prop.value) if prop is not None else None
        if problem is not None:
            message = f"{node.path}: {PCI_ASSIGNED} {problem}"
            yield BAD_FUNCTIONS(message, node=node.path, prop=PCI_ASSIGNED)


def _malformed(value: bytes) -> str | None:
    """Why Xen refuses a value of xen,pci-assigned; None if it does not."""
    cells = [int.from_bytes(value[at : at + 4], "big") for at in range(0, len(value) // 4 * 4, 4)]
    if not value:
        return "is empty"
    if len(cells) % len(_FUNCTION):
        return f"has {len(cells)} cells, which is not a multiple of {len(_FUNCTION)}"
    for number, cell in enumerate(cells):
        name, bits = _FUNCTION[number % len(_FUNCTION)]
        if cell >> bits:
            return f"has the {name} {cell:#x}, of more than {bits} bits"
    return None


CHECKS: tuple[Check, ...] = (both, functions, registers)
