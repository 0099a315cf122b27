"""Writing a devicetree blob, through the ``fdt`` library."""

from __future__ import annotations

from typing import Any

from xenassign.devicetree.draft import DraftNode, encode, phandles


def to_blob(root: DraftNode) -> bytes:
    """The blob (version 17, last compatible 16) of a draft, with phandles numbered from 1.

    Raises DevicetreeError when a reference points at nothing.
    """
    import fdt

    numbers = phandles(root)
    tree = fdt.FDT()
    tree.header.version = 17
    tree.header.last_comp_version = 16
    tree.header.boot_cpuid_phys = 0
    tree.root = _node(fdt, root, numbers)
    return bytes(tree.to_dtb())


def _node(fdt: Any, draft: DraftNode, numbers: dict[str, int]) -> Any:
    node = fdt.Node(draft.name)
    for prop in draft.properties:
        node.append(_property(fdt, prop.name, encode(prop, numbers)))
    if draft.label in numbers:  # last, where dtc puts the phandles that it makes
        node.append(_property(fdt, "phandle", numbers[draft.label].to_bytes(4, "big")))
    for child in draft.children:
        node.append(_node(fdt, child, numbers))
    return node


def _property(fdt: Any, name: str, value: bytes) -> Any:
    return fdt.PropBytes(name, data=value) if value else fdt.Property(name)
