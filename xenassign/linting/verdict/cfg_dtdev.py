"""Rules about dtdev and passthrough of an xl configuration: whether Xen assigns each device.

Source: libxl__arch_domain_prepare_config, iommu_do_dt_domctl of Xen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.checks.connection import connection
from xenassign.checks.protection import (
    IOMMU_REFUSES,
    STREAMS_OVERLAP,
    Unprotected,
    dma_in_scope,
    not_protected,
)
from xenassign.checks.scope import Scope, scope_of_paths
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.host.device import read_device
from xenassign.host.near_paths import path_question
from xenassign.host.platform import Platform
from xenassign.linting.verdict.cfg_keys import XL, list_items
from xenassign.linting.verdict.dom0less_host import ASSIGNED_TWICE, DOM0_HOLDS_DEVICE
from xenassign.xen.board import Board
from xenassign.xen.iommu import Iommus, Shield, StreamTable, protection

DTDEV_UNPROTECTED = rule(
    "XA417", "dtdev-unprotected", "error", "rejected", routes=XL, needs_host=True
)
BAD_PASSTHROUGH = rule("XA418", "passthrough-mode", "error", "rejected", routes=XL)
_WAYS = Unprotected(
    "remove it from dtdev, so that irqs and iomem assign it without protection",
    "dom0less, with xen,force-assign-without-iommu",
)
_MODES = ("default", "disabled", "enabled", "sync_pt", "share_pt")


def assigned_devices(
    config: XlConfig, board: Board, marked: frozenset[str], *, scmi: bool = False
) -> Iterator[Finding]:
    """Findings about dtdev and passthrough: xl reads the strings up to the first list.

    ``scmi``: whether the domain is an agent of SCMI, so that dtdev may list what is not protected.
    """
    items = list_items(config, "dtdev")
    stop = next((i for i, item in enumerate(items) if not isinstance(item, Atom)), len(items))
    paths = [item for item in items[:stop] if isinstance(item, Atom)]
    platform, iommus = board.platform, board.iommus
    yield from _mode(config, iommus, bool(paths))
    if not paths:
        return
    masters = board.dom0_masters(marked)
    scope = scope_of_paths(platform, (atom.text for atom in paths))
    state = _Assignments(scope, masters.nodes, set(), masters.streams.copy())
    for atom in paths:
        finding = _assign(atom.text, platform, iommus, state)
        if finding is not None and not (
            scmi
            and finding.rule is DTDEV_UNPROTECTED
            and (platform.tree.find_as_xen(atom.text) is not None)
        ):
            yield finding._replace(place=config.place(atom))


def _mode(config: XlConfig, iommus: Iommus, devices: bool) -> Iterator[Finding]:
    """passthrough is invalid, or contradicts dtdev or the board."""
    value = config.get("passthrough")
    if not isinstance(value, Atom):
        return
    mode = value.text
    at, prop = config.place(value), "passthrough"
    if mode not in _MODES or mode == "sync_pt":
        yield BAD_PASSTHROUGH(f"passthrough is {mode!r}", prop=prop, place=at)
    elif mode == "disabled" and devices:
        yield BAD_PASSTHROUGH("passthrough is disabled, but dtdev is given", prop=prop, place=at)
    elif mode not in ("default", "disabled") and iommus.active is None:
        message = f"passthrough is {mode}, but Xen has no IOMMU"
        fix = "remove passthrough; nothing of this board is protected"
        yield DTDEV_UNPROTECTED(message, prop=prop, place=at, fix=fix)


class _Assignments(NamedTuple):
    """What dtdev assigns, the nodes of dom0, those of dtdev so far, and the streams of both."""

    scope: Scope
    of_dom0: frozenset[Node]
    of_dtdev: set[Node]
    streams: StreamTable


def _assign(path: str, platform: Platform, iommus: Iommus, state: _Assignments) -> Finding | None:
    """Adds a path of dtdev to ``state``; the finding if Xen refuses it."""
    node = platform.tree.find_as_xen(path)
    if node is None:
        message = f"{path} is not a node of the host tree"
        fix = path_question(platform.tree, path) or "write the full path of a node of the host"
        return DTDEV_UNPROTECTED(message, node=path, prop="dtdev", fix=fix)
    device = read_device(platform, node)
    shield = protection(platform, iommus, device)
    duplicate = node in state.of_dtdev
    state.of_dtdev.add(node)
    if shield.shield is Shield.REFUSED:
        return IOMMU_REFUSES(f"{path}: {shield.why}", node=path, prop="dtdev", routes=XL)
    if not shield.believed:
        dma = dma_in_scope(state.scope, device)
        message = not_protected(path, shield, dma)
        lacking = connection(platform, iommus, device, shield, dma)
        fix = _WAYS.advice(dma, connection=lacking)
        return DTDEV_UNPROTECTED(message, node=path, prop="dtdev", fix=fix)
    if node in state.of_dom0:
        return DOM0_HOLDS_DEVICE(f"{path} is not marked", node=path, prop="dtdev", routes=XL)
    if duplicate:
        return ASSIGNED_TWICE(f"{path} is listed twice", node=path, prop="dtdev", routes=XL)
    clash = state.streams.take(device)
    if clash is not None:
        return STREAMS_OVERLAP(f"{path}: {clash}", node=path, prop="dtdev", routes=XL)
    return None
