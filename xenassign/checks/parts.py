"""A device of which the guest gets some register blocks and interrupts only.

The host's node is marked as a whole: Xen knows no part of a device, and dom0 would drive the rest
with the same driver. On dom0less Xen gives the domain every interrupt of the host's node
(map_device_irqs_to_domain), and only the pages of xen,reg.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from xenassign.findings import Finding, rule

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.devicetree.tree import Node
    from xenassign.host.device import HostDevice
    from xenassign.request.device_part import DevicePart
    from xenassign.request.request import Request

PART = rule("XA129", "device-part", "note", "style")


def with_parts(
    scope: Scope, parts: Mapping[Node, DevicePart], request: Request
) -> tuple[Scope, list[Finding]]:
    """The scope whose devices have only the entries that the guest gets, and the findings."""
    if not parts:
        return scope, []
    devices: list[HostDevice] = []
    findings: list[Finding] = []
    for device in scope.devices:
        part = parts.get(device.node)
        kept = device if part is None else _part(device, part)
        if part is not None:
            findings += _findings(device, kept, request)
        devices.append(kept)
    return replace(scope, devices=tuple(devices)), findings


def _part(device: HostDevice, part: DevicePart) -> HostDevice:
    blocks, lines, others = device.registers.blocks, device.interrupts, device.other_interrupts
    if part.regs is not None:
        blocks = tuple(block for block in blocks if block.index in part.regs)
    if part.interrupts is not None:
        lines = tuple(line for line in lines if line.index in part.interrupts)
        others = tuple(line for line in others if line.index in part.interrupts)
    registers = device.registers._replace(blocks=blocks)
    return device._replace(registers=registers, interrupts=lines, other_interrupts=others)


def _findings(device: HostDevice, kept: HostDevice, request: Request) -> Iterator[Finding]:
    left = [block for block in device.blocks if block not in kept.blocks]
    has = {line.intid for line in kept.interrupts}
    lines = dict.fromkeys(line.intid for line in device.interrupts if line.intid not in has)
    rest = [f"register block {block.index} ({block.span})" for block in left]
    rest += [f"INTID {intid}" for intid in lines]
    if not rest:
        return
    message = f"{device.path}: nobody has {_and(rest)}: dom0 loses the whole device"
    if lines and "dom0less" in request.routes:
        message += ", and on dom0less Xen gives all its interrupts to the guest"
    for block in left:
        own = next((k for k in kept.blocks if k.pages.overlaps(block.pages)), None)
        if own is not None:
            message += f"; blocks {own.index} and {block.index} share a page: the guest has both"
    yield PART(message, node=device.path, prop="interrupts" if lines else "reg")


def _and(texts: Iterable[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
