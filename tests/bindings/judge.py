"""dt-schema's judgement of one node: which required properties of its binding it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dtschema
import libfdt

from xenassign.xen.releases import GUEST_PHANDLE_GIC

Decoded = dict[str, Any]


class Bindings:
    """The processed bindings. A tree is decoded once, its nodes are judged one by one."""

    def __init__(self, processed: Path) -> None:
        self.validator = dtschema.DTValidator([str(processed)])

    def decode(self, blob: bytes) -> Decoded:
        """A tree as dt-schema sees it: properties by their types, nodes as dictionaries."""
        (root,) = self.validator.decode_dtb(blob, [])
        return dict(root)

    def knows(self, compatible: tuple[str, ...]) -> bool:
        """Whether a binding speaks of such a node."""
        return any(one in self.validator.compat_map for one in compatible)

    def missing(self, tree: Decoded, path: str) -> set[str]:
        """The properties that the binding requires of a node and that it lacks.

        Of alternatives, all: who compares two nodes sees where they differ.
        """
        node = tree
        for name in path.strip("/").split("/"):
            node = node[name]
        found: set[str] = set()
        errors = list(self.validator.iter_errors(node, compatible_match=True))
        while errors:
            error = errors.pop()
            errors += error.context or ()
            if error.validator == "required" and error.instance is node:
                found |= {name for name in error.validator_value if name not in node}
        return found


def with_gic(partial: bytes) -> bytes:
    """A partial device tree with the GIC that Xen and libxl add to it, as far as bindings look."""
    fdt = libfdt.Fdt(bytearray(partial))
    fdt.resize(fdt.totalsize() + 512)
    gic = fdt.add_subnode(0, "interrupt-controller")
    fdt.setprop(gic, "interrupt-controller", b"")
    fdt.setprop_u32(gic, "#interrupt-cells", 3)
    fdt.setprop_u32(gic, "phandle", GUEST_PHANDLE_GIC)
    fdt.pack()
    return bytes(fdt.as_bytearray())
