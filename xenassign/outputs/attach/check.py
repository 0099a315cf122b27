"""The overlays of ``generate --attach-overlay``, read again from the bytes to be written.

The host overlay has to fit the board's tree without the nodes that it brings: its targets are
there, its nodes are not, and every phandle names a node of one of the two. The guest overlay has
to say what the partial device tree says, which the other rules have looked at.
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

#: What the two forms of a guest's tree have different: the kind of their buses.
_DIFFERENT = frozenset({"compatible"})


class _New(NamedTuple):
    """A node of the host overlay: where it will be, and where its fixups are, if it has some."""

    path: str
    node: Node
    fixups: Node | None


def check(system: SystemPlan, attach: AttachPlans, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """What is wrong with the overlays of a system."""
    for name in attach.of_domains:
        for finding in misfits(files, name, system.resolved.platform.tree):
            yield finding._replace(domain=name)


def misfits(files: Mapping[str, bytes], name: str, host: Tree) -> Iterator[Finding]:
    """What is wrong with the overlays of a domain; ``host`` has the devices."""
    blob = files[f"{name}.attach.host.dtbo"]
    if len(blob) > DT_OVERLAY_BYTES_MAX:
        yield MISFIT(f"the overlay has {len(blob)} bytes; Xen takes {DT_OVERLAY_BYTES_MAX}")
    overlay = read_blob(blob, f"{name}.attach.host.dtbo")
    yield from _host(overlay, host)
    guest = read_blob(files[f"{name}.attach.dtbo"], f"{name}.attach.dtbo")
    partial = read_blob(files[f"{name}.dtb"], f"{name}.dtb")
    yield from _guest(guest, partial)


# ---------------------------------------------------------------------------- the host's


def _host(overlay: Tree, host: Tree) -> Iterator[Finding]:
    tops = [
        _New(fragment.path(node), node, child(fragment.fixups, node.name))
        for fragment in fragments(overlay)
        for node in fragment.content.children.values()
    ]
    gone = {
        node for top in tops if (found := host.find(top.path)) is not None for node in found.walk()
    }
    for target, content, _ in fragments(overlay):
        there = host.find(target or "")
        if there is None or there in gone:
            yield MISFIT(f"{target or 'a target'} is not in the tree that Xen boots with")
        if content.properties or not content.children:
            yield MISFIT(f"the overlay changes {target}; Xen adds nodes only")
    stack = tops
    while stack:
        new = stack.pop()
        there = host.find(new.path)
        if there is None:
            yield MISFIT(f"{new.path} is no node of the board", node=new.path)
            continue
        yield from _references(new, there, overlay, host, gone)
        stack += (
            _New(f"{new.path}/{name}", below, child(new.fixups, name))
            for name, below in new.node.children.items()
        )


def _references(
    new: _New, there: Node, overlay: Tree, host: Tree, gone: set[Node]
) -> Iterator[Finding]:
    """Phandles that name nothing, or another node than on the board."""
    for prop in new.node.properties.values():
        mine = prop.cells() if len(prop.value) % 4 == 0 else ()
        local = set(new.fixups.cells(prop.name)) if new.fixups is not None else set[int]()
        stated = there.get(prop.name)
        cells = phandle_cells(host, there, stated) if stated is not None else ()
        wanted = {4 * cell.at: cell for cell in cells if cell.provider is not None}
        for offset in sorted(local | wanted.keys()):
            cell = wanted.get(offset)
            at = offset // 4
            named = overlay.phandles.get(mine[at]) if offset in local and at < len(mine) else None
            if cell is None or cell.provider is None:
                good = False
            elif cell.provider in gone:
                good = named is not None and named.name == cell.provider.name
            else:
                good = offset not in local and at < len(mine) and mine[at] == cell.phandle
            if not good:
                what = cell.provider.path if cell is not None and cell.provider else "no node"
                message = f"{prop.name} of {new.path} does not name {what}"
                yield MISFIT(message, node=new.path, prop=prop.name)


# ---------------------------------------------------------------------------- the guest's


def _guest(overlay: Tree, partial: Tree) -> Iterator[Finding]:
    contents = list(fragments(overlay))
    if [fragment.target for fragment in contents] != ["/"]:
        yield MISFIT("the guest's overlay has another target than the root")
        return
    ((_, content, _),) = contents
    pairs = [(content, partial.root)]
    while pairs:
        mine, other = pairs.pop()
        same = mine is content or _said(mine) == _said(other)
        if not same or [*mine.children] != [*other.children]:
            yield MISFIT(f"the guest's overlay differs at {other.path} from the partial tree")
            return
        pairs += zip(mine.children.values(), other.children.values(), strict=True)


def _said(node: Node) -> dict[str, bytes]:
    return {name: p.value for name, p in node.properties.items() if name not in _DIFFERENT}
