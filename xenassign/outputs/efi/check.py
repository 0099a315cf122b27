"""The complete /chosen of xen.dtb, read again from its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xenassign.findings import Finding
from xenassign.outputs.boot.check import check_tree
from xenassign.outputs.efi import TREE
from xenassign.outputs.efi.decide import EfiPlan
from xenassign.system.system import SystemPlan


def check(system: SystemPlan, plan: EfiPlan, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """The errors in the domains' nodes."""
    return check_tree(system, files[TREE], plan.beside_dom0)
