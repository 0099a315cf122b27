"""xen.cfg and xen.dtb, which are copied beside xen.efi.

xen.cfg has Xen's command line and the name of the tree; everything else is in the tree. The form is
that of Xen's docs/misc/efi.pandoc; pre_parse and get_value (xen/common/efi/boot.c) read it: a value
ends at the end of the line or at a #, and the last line requires its end.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.blob_edit import edited
from xenassign.escape import hash_comment
from xenassign.outputs.domain.text import joined
from xenassign.outputs.efi import CONFIG, TREE
from xenassign.outputs.efi.decide import EfiPlan
from xenassign.system.system import SystemPlan


def write(system: SystemPlan, plan: EfiPlan) -> dict[str, bytes]:
    """The files by name."""
    tree = edited(plan.data, plan.changes, system.resolved.platform.tree.file)
    return {CONFIG: joined(_lines(plan)).encode("ascii"), TREE: tree}


def _lines(plan: EfiPlan) -> Iterator[str]:
    yield "# Made by xenassign for the EFI loader of Xen, which reads this file beside xen.efi."
    yield "# Copy these files to the folder of xen.efi on the EFI system partition:"
    for name in (CONFIG, TREE, *plan.names):
        yield f"#   {hash_comment(name)}"
    yield "# dom0, the domains and their command lines are in xen.dtb."
    yield from ("[global]", "default=xen", "", "[xen]")
    if plan.options is not None:
        yield f"options={plan.options}"
    yield f"dtb={TREE}"
