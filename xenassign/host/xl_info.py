"""What ``xl info`` printed in dom0 of a running board: the release of Xen, and whether it has an
active IOMMU.

Source: output_xeninfo, output_physinfo (tools/xl/xl_info.c): ``xen_version``, ``virt_caps``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError
from xenassign.host.linux_names import beside

_LINE = re.compile(r"^(\w+)\s*: ?(.*)$", re.M)
_VERSION = r"(\d+\.\d+)(?:\.\d+)?"


class XlInfo(NamedTuple):
    """``versions``: the release, first with its point release if it has one: 4.20.4, 4.20.

    ``iommu``: whether Xen can assign devices behind an IOMMU (``hvm_directio``); None: not said.
    """

    source: str
    versions: tuple[str, ...]
    iommu: bool | None


def xl_info_of(tree: Tree) -> XlInfo | None:
    """That which was read of the running board with its tree, or None."""
    return beside(tree, "xl_info", parse_xl_info)


def parse_xl_info(text: str, source: str) -> XlInfo:
    """The facts in a text. Raises InputError if it does not have the release."""
    fields = {match[1]: match[2].strip() for match in _LINE.finditer(text)}
    version = re.match(_VERSION, fields.get("xen_version", ""))
    if version is None:
        raise InputError(f"{source}: has no xen_version; give what `xl info` printed in dom0")
    capabilities = fields.get("virt_caps")
    iommu = "hvm_directio" in capabilities.split() if capabilities is not None else None
    return XlInfo(source, tuple(dict.fromkeys((version[0], version[1]))), iommu)
