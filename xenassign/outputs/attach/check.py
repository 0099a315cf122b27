"""The overlays of ``generate --attach-overlay``, read again from the bytes to be written.

The host overlay has to fit the board's tree without the nodes that it adds: its targets exist, its
nodes do not, and every phandle is of a node of the tree or of the overlay. The guest overlay has to
have the content of the partial device tree, which the other rules check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.overlay import child, fragments
from xenassign.devicetree.phandle_cells import phandle_cells
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.outputs.attach.decide import MISFIT, AttachPlans
from xenassign.system.system import SystemPlan
from xenassign.xen.releases import DT_OVERLAY_BYTES_MAX

#: Properties that differ between the guest overlay and the partial device tree: the kind of a bus.
_DIFFERENT = frozenset({"compatible"})


class _New(NamedTuple):
    """A node of the host overlay: its path on the host, and its node of __local_fixups__."""

    path: str
    node: Node
    fixups: Node | None


def check(system: SystemPlan, attach: AttachPlans, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Errors in the overlays of a system."""
    for name in attach.of_domains:
        for finding in misfits(files, name, system.resolved.platform.tree):
            yield finding._replace(domain=name)


def misfits(files: Mapping[str, bytes], name: str, host: Tree) -> Iterator[Finding]:
    """Errors in the overlays of a domain. ``host``: the board's tree, with the devices."""
    blob = files[f"{name}.attach.host.dtbo"]
    if len(blob) > DT_OVERLAY_BYTES_MAX:
        yield MISFIT(f"the overlay has {len(blob)} bytes; Xen takes {DT_OVERLAY_BYTES_MAX}")
    overlay = read_blob(blob, f"{name}.attach.host.dtbo")
    yield from _host(overlay, host)
    guest = read_blob(files[f"{name}.attach.dtbo"], f"{name}.attach.dtbo")
    partial = read_blob(files[f"{name}.dtb"], f"{name}.dtb")
    yield from _guest(guest, partial)


# ---------------------------------------------------------------------------- host overlay


def _host(overlay: Tree, host: Tree) -> Iterator[Finding]:
    tops = [
        _New(fragment.path(node), node, child(fragment.fixups, node.name))
        for fragment in fragments(overlay)
        for node in fragment.content.children.values()
    ]
    replaced = [host.find(top.path) for top in tops]
    removed = {node for top in replaced if top is not None for node in top.walk()}
    for target, content, _ in fragments(overlay):
        node = host.find(target or "")
        if node is None or node in removed:
            yield MISFIT(f"{target or 'a target'} is not in the tree that Xen boots with")
        if content.properties or not content.children:
            yield MISFIT(f"the overlay changes {target}; Xen adds nodes only")
    stack = tops
    while stack:
        new = stack.pop()
        node = host.find(new.path)
        if node is None:
            yield MISFIT(f"{new.path} is not a node of the board", node=new.path)
            continue
        yield from _references(new, node, overlay, host, removed)
        stack += (
            _New(f"{new.path}/{name}", below, child(new.fixups, name))
            for name, below in new.node.children.items()
        )


def _references(
    new: _New, node: Node, overlay: Tree, host: Tree, removed: set[Node]
) -> Iterator[Finding]:
    """Phandles without a node, or of another node than on the board. ``node``: the board's."""
    for prop in new.node.properties.values():
        values = prop.cells() if len(prop.value) % 4 == 0 else ()
        local = set(new.fixups.cells(prop.name)) if new.fixups is not None else set[int]()
        original = node.get(prop.name)
        cells = phandle_cells(host, node, original) if original is not None else ()
        expected = {4 * cell.at: cell for cell in cells if cell.provider is not None}
        for offset in sorted(local | expected.keys()):
            cell = expected.get(offset)
            value = values[offset // 4] if offset // 4 < len(values) else None
            provider = cell.provider if cell is not None else None
            if cell is None or provider is None:
                fits = False
            elif provider in removed:
                target = overlay.phandles.get(value) if value is not None else None
                fits = offset in local and target is not None and target.name == provider.name
            else:
                fits = offset not in local and value == cell.phandle
            if not fits:
                path = provider.path if provider is not None else "no node"
                message = f"{prop.name} of {new.path} does not name {path}"
                yield MISFIT(message, node=new.path, prop=prop.name)


# ---------------------------------------------------------------------------- guest overlay


def _guest(overlay: Tree, partial: Tree) -> Iterator[Finding]:
    contents = list(fragments(overlay))
    if [fragment.target for fragment in contents] != ["/"]:
        yield MISFIT("the guest's overlay has another target than the root")
        return
    ((_, content, _),) = contents
    pairs = [(content, partial.root)]
    while pairs:
        node, original = pairs.pop()
        same = node is content or _values(node) == _values(original)
        if not same or [*node.children] != [*original.children]:
            yield MISFIT(f"the guest's overlay differs at {original.path} from the partial tree")
            return
        pairs += zip(node.children.values(), original.children.values(), strict=True)


def _values(node: Node) -> dict[str, bytes]:
    return {name: p.value for name, p in node.properties.items() if name not in _DIFFERENT}
