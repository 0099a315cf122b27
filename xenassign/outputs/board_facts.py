"""The facts about all devices of a board, by which two boards are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from xenassign.advice.assess import Assessment, BoardAssessment
from xenassign.devicetree.draft import from_bytes
from xenassign.devicetree.references import References, references
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.device import is_device
from xenassign.host.neighbours import streams_of
from xenassign.outputs.report.device_table import protected
from xenassign.planning.guest_tree.copies import only_for_host
from xenassign.system.differences import Facts, Value
from xenassign.system.outcome import (
    ELSEWHERE,
    FindingOutcome,
    LineOutcome,
    StreamOutcome,
    source_text,
)
from xenassign.xen.board import Board

_PROTECTION = {
    "yes": "protected by an IOMMU",
    "no": "not protected",
    "-": "not behind an IOMMU",
    "?": "protection unknown",
}


#: What other facts say, and phandles that are only numbers.
_ELSEWHERE = ELSEWHERE | {"status", "interrupt-map"}


def board_facts(board: BoardAssessment, names: Mapping[Node, str]) -> Facts:
    """The facts of a board and its devices. ``names``: of all devices (``names_of``)."""
    facts: dict[tuple[str, str, str], Value] = {}
    for title, value in _platform(board.board):
        facts["", "platform", title] = value
    no_dom0 = bool(board.board.dom0_obstacles)
    facts["", "verdict", ""] = f"Xen {'cannot' if no_dom0 else 'can'} build dom0"
    moved = moves(names)
    for device in board.devices:
        name = names[device.device.node]
        for kind, title, value in _device(board.board.platform.tree, device, moved):
            facts[name, kind, title] = value
    return facts


def _platform(board: Board) -> Iterator[tuple[str, Value]]:
    """What all devices depend on: model, RAM, interrupt controllers, IOMMUs, SCMI, console."""
    platform = board.platform
    if platform.model:
        yield "model", platform.model
    yield "RAM", tuple(str(block.span) for block in platform.memory if block.size)
    if platform.gic is not None:
        yield "GIC", f"version {platform.gic.version} {platform.gic.node.path}"
    for msi in platform.msi:
        yield f"MSI controller {msi.node.path}", msi.kind
    for iommu in platform.iommus:
        driver = board.iommus.driver(iommu.node)
        driven = f"Xen's {driver.name} driver" if driver else "no driver of Xen"
        state = "enabled" if iommu.available else "disabled"
        yield f"IOMMU {iommu.node.path}", f"{state}, {driven}"
    for provider in platform.scmi:
        protocols = " ".join(f"{number:#x}" for number in provider.protocols)
        yield f"SCMI {provider.node.path}", f"{provider.transport}, protocols {protocols}"
    if platform.console is not None:
        yield "Xen's console", platform.console.path


def _device(tree: Tree, device: Assessment, moved: Moves) -> Iterator[tuple[str, str, Value]]:
    host = device.device
    yield "path", "", host.path
    yield "status", "", "enabled" if host.node.available else "disabled"
    yield "verdict", "", str(device.verdict)
    for name, blocks in (("block", host.blocks), ("window", host.windows)):
        for block in blocks:
            yield "host address", f"{name} {block.index}", block.address
            yield "size", f"{name} {block.index}", block.size
    lines = (LineOutcome(line.intid, line.trigger) for line in host.lines)
    yield "interrupts", "", tuple(line.text for line in lines)
    streams = {
        StreamOutcome(iommu.path, ids.first, ids.mask, ids.size) for iommu, ids in streams_of(host)
    }
    yield "streams", "", tuple(stream.text for stream in sorted(streams))
    yield "protection", "", _PROTECTION[protected(device)]
    for finding in device.findings:
        own = finding.node in (host.path, None)
        about = None if own else where(str(finding.node), moved)
        yield "finding", FindingOutcome(finding.code, about).text, "yes"
    for node in _own(host.node):
        below = node.path[len(host.path) + 1 :]
        yield from _properties(tree, node, f"{below}: " if below else "", moved)


def _own(node: Node) -> Iterator[Node]:
    """A device with what is below it, down to the next devices."""
    yield node
    for child in node.children.values():
        if not is_device(child):
            yield from _own(child)


def _properties(
    tree: Tree, node: Node, below: str, moved: Moves
) -> Iterator[tuple[str, str, Value]]:
    """The properties, those with references by their providers, since phandles are only numbers."""
    groups = {group.prop: group for group in references(tree, node)}
    for prop in node.properties.values():
        if prop.name in _ELSEWHERE or only_for_host(prop.name):
            continue
        if prop.name in groups:
            yield from _suppliers(groups[prop.name], below, moved)
        else:
            yield "property", f"{below}{prop.name}", source_text(from_bytes(prop)) or "there"


def _suppliers(group: References, below: str, moved: Moves) -> Iterator[tuple[str, str, Value]]:
    arguments: dict[str, list[str]] = {}
    for entry in group.entries:
        if entry.provider is not None:
            cells = (*map(hex, (*entry.args, *entry.trail)),)
            text = " ".join((*([entry.name] if entry.name else ()), *cells))
            arguments.setdefault(where(entry.provider.path, moved), []).append(text)
    for provider, texts in arguments.items():
        title = f"{below}{group.prop} of {provider}"
        yield "supplier", title, tuple(texts) if any(texts) else "there"


# ---------------------------------------------------------------------- the same device


Moves = Mapping[str, str]
"""The new paths of devices by their old ones, if these differ."""


def moves(names: Mapping[Node, str]) -> Moves:
    """The moves of a board's devices (``names_of``)."""
    return {node.path: name for node, name in names.items() if node.path != name}


def where(path: str, moved: Moves) -> str:
    """A path of the old board on the new one."""
    above = path
    while above:
        if above in moved:
            return moved[above] + path[len(above) :]
        above = above.rpartition("/")[0]
    return path


def names_of(old: BoardAssessment, new: BoardAssessment) -> tuple[dict[Node, str], dict[Node, str]]:
    """The names of the devices of two boards; what is the same device has the same name.

    It is the path on the new board. The same device has the same path, else the same registers that
    no other one has, else the same path below the same device.
    """
    before, after = ({d.device.path: d for d in board.devices} for board in (old, new))
    same = {path: path for path in before if path in after}
    left = [device for path, device in before.items() if path not in same]
    free = [device for path, device in after.items() if path not in same]
    by_registers = _by_registers(free)
    for registers, device in _by_registers(left).items():
        if registers in by_registers:
            same[device.device.path] = by_registers[registers].device.path
    unnamed = {device.device.path for device in free} - set(same.values())
    for path in (d.device.path for d in left if d.device.path not in same):
        moved = where(path, same)
        if moved in unnamed:
            same[path] = moved
            unnamed.discard(moved)
    of_old = {d.device.node: same.get(path, path) for path, d in before.items()}
    return of_old, {d.device.node: path for path, d in after.items()}


def _by_registers(devices: Sequence[Assessment]) -> dict[object, Assessment]:
    """The devices by their registers, if no other one of them has these."""
    keys = [tuple((b.address, b.size) for b in device.device.blocks) for device in devices]
    count = Counter(keys)
    pairs = zip(keys, devices, strict=True)
    return {key: device for key, device in pairs if key and count[key] == 1}


def selected(facts: Iterable[str], devices: Iterable[str]) -> set[str]:
    """The names among ``facts`` that are those of ``devices``, or of devices below them."""
    above = tuple(devices)
    return {name for name in facts if any(f"{name}/".startswith(f"{d}/") for d in above)}
