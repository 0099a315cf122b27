"""Every device of a board, judged as if it were assigned alone: what ``inspect`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.assign.addresses import shared_pages
from xenassign.assign.checks import (
    Board,
    device_findings,
    platform_findings,
    selection_findings,
    xens_own,
)
from xenassign.assign.protection import judge
from xenassign.assign.request import Request
from xenassign.assign.scope import scope
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, errors
from xenassign.host.device import HostDevice, is_device, read_device
from xenassign.host.neighbours import neighbours
from xenassign.host.platform import Platform
from xenassign.xen.iommu import Iommus, Protection, iommus, protection
from xenassign.xen.releases import Release


class Assessment(NamedTuple):
    """One device: its facts, whether Xen would protect it, and all that was found."""

    device: HostDevice
    protection: Protection
    findings: tuple[Finding, ...]

    @property
    def assignable(self) -> bool:
        """Whether nothing forbids to assign it alone, with the default options."""
        return not errors(self.findings)


class BoardAssessment(NamedTuple):
    """A board: its platform, its IOMMUs as the release sees them, and its devices in tree order."""

    platform: Platform
    iommus: Iommus
    devices: tuple[Assessment, ...]


def assess(
    platform: Platform,
    release: Release,
    only: list[Node] | None = None,
    drivers: frozenset[str] | None = None,
    assignable: bool = False,
) -> BoardAssessment:
    """Judges the devices of a board.

    ``only``: these nodes, whether devices or not; ``assignable``: keep those that may be assigned.
    """
    known = iommus(platform, release, drivers)
    around = neighbours(platform)
    board = Board(platform, around, platform.console)
    wanted = only if only is not None else [n for n in platform.tree.nodes() if is_device(n)]

    def judged() -> Iterator[Assessment]:
        for node in wanted:
            request = Request(devices=(node.path,), release=release, drivers=drivers)
            inside = scope(platform, [node])
            device = next((d for d in inside.devices if d.node is node), None)
            device = device or read_device(platform, node)
            shield = protection(platform, known, device)
            findings = [
                *platform_findings(platform),
                *(f for f in selection_findings(platform, inside, [node]) if f.node == node.path),
                *device_findings(board, inside, request, device),
                *(
                    judge(inside, request, device, shield, frozenset())[1]
                    if xens_own(board, node) is None
                    else ()
                ),
                *shared_pages(inside, around, device),
            ]
            yield Assessment(device, shield, tuple(dict.fromkeys(findings)))

    found = tuple(one for one in judged() if one.assignable or not assignable)
    return BoardAssessment(platform, known, found)
