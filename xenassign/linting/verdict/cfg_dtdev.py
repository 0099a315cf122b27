"""Rules about dtdev and passthrough of an xl configuration: what Xen answers to each device.

Source: libxl__arch_domain_prepare_config, iommu_do_dt_domctl of Xen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.checks.protection import IOMMU_REFUSES, STREAMS_OVERLAP
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.host.device import read_device
from xenassign.host.platform import Platform
from xenassign.linting.verdict.cfg_keys import XL, list_items
from xenassign.linting.verdict.dom0less import (
    ASSIGNED_TWICE,
    DOM0_HOLDS_DEVICE,
)
from xenassign.xen.dom0 import dom0_masters
from xenassign.xen.iommu import Iommus, Shield, StreamTable, protection

DTDEV_UNPROTECTED = rule(
    "XA417", "dtdev-unprotected", "error", "rejected", routes=XL, needs_host=True
)
BAD_PASSTHROUGH = rule("XA418", "passthrough-mode", "error", "rejected", routes=XL)
_MODES = ("default", "disabled", "enabled", "sync_pt", "share_pt")


def assigned_devices(
    config: XlConfig, platform: Platform, known: Iommus, marked: frozenset[str]
) -> Iterator[Finding]:
    """dtdev and passthrough: xl takes the strings up to the first list."""
    items = list_items(config, "dtdev")
    stop = next((i for i, item in enumerate(items) if not isinstance(item, Atom)), len(items))
    paths = [item for item in items[:stop] if isinstance(item, Atom)]
    yield from _mode(config, known, bool(paths))
    held = dom0_masters(platform, known, marked) if paths else []
    taken = _Taken({device.node for device in held}, set(), StreamTable(known, held))
    for atom in paths:
        finding = _assigned(atom.text, platform, known, taken)
        if finding is not None:
            yield finding._replace(place=config.place(atom))


def _mode(config: XlConfig, known: Iommus, devices: bool) -> Iterator[Finding]:
    """passthrough, beside dtdev."""
    wanted = config.get("passthrough")
    if not isinstance(wanted, Atom):
        return
    mode = wanted.text
    at, prop = config.place(wanted), "passthrough"
    if mode not in _MODES or mode == "sync_pt":
        yield BAD_PASSTHROUGH(f"passthrough is {mode!r}", prop=prop, place=at)
    elif mode == "disabled" and devices:
        yield BAD_PASSTHROUGH("passthrough is disabled, but dtdev is given", prop=prop, place=at)
    elif mode not in ("default", "disabled") and known.active is None:
        yield DTDEV_UNPROTECTED(f"passthrough is {mode}, but Xen has no IOMMU", prop=prop, place=at)


class _Taken(NamedTuple):
    """The nodes that dom0 owns, of those assigned so far, and the streams of both."""

    owned: set[Node]
    seen: set[Node]
    streams: StreamTable


def _assigned(path: str, platform: Platform, known: Iommus, taken: _Taken) -> Finding | None:
    """What Xen says to one path of dtdev."""
    node = platform.tree.find_as_xen(path)
    if node is None:
        return DTDEV_UNPROTECTED(f"{path} is no node of the host tree", node=path, prop="dtdev")
    device = read_device(platform, node)
    shield = protection(platform, known, device)
    again = node in taken.seen
    taken.seen.add(node)
    if shield.shield is Shield.REFUSED:
        return IOMMU_REFUSES(f"{path}: {shield.why}", node=path, prop="dtdev", routes=XL)
    if not shield.believed:
        return DTDEV_UNPROTECTED(f"{path} is not protected", node=path, prop="dtdev")
    if node in taken.owned:
        return DOM0_HOLDS_DEVICE(f"{path} is not marked", node=path, prop="dtdev", routes=XL)
    if again:
        return ASSIGNED_TWICE(f"{path} stands twice", node=path, prop="dtdev", routes=XL)
    clash = taken.streams.take(device)
    if clash is not None:
        return STREAMS_OVERLAP(f"{path}: {clash}", node=path, prop="dtdev", routes=XL)
    return None
