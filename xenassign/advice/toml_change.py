"""Changes as keys of a xenassign.toml: the file with them, and the lines to put into it.

A change sets keys of the file, of a domain or of a device, or adds a device. No line of the file is
to be removed, but that of a key which is set again. The lines are the difference between the
values of the two, so that they say what was planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from xenassign.advice.change import OptionChange
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.escape import toml_key, toml_value
from xenassign.formats.toml_text import KeyPath, TomlFile
from xenassign.request.keys.domain_section import DOMAIN
from xenassign.request.select import find_all, is_pattern

Values = dict[str, Any]


class TableEdit(NamedTuple):
    """Keys to set in a table of a file. ``at``: its key path; a new device has the next number."""

    at: KeyPath
    keys: Values


def changed(toml: TomlFile, changes: Iterable[OptionChange], trees: Sequence[Tree]) -> TomlFile:
    """A file with changes of its domains, with the places of the file as it is.

    ``trees``: the boards. Raises UsageError for a change that the file cannot have.
    """
    top = deepcopy(toml.values)
    for domain in top["domain"]:
        domain.setdefault("device", [])
    for change in changes:
        names = [domain["name"] for domain in top["domain"]]
        target = _Changed(top, top["domain"][names.index(change.domain)], change, trees)
        for field, value in change.options:
            _SETTERS.get(field, _set_key(field))(target, value)
    return TomlFile(toml.file, toml.text, top)


def edits(before: TomlFile, after: TomlFile) -> list[TableEdit]:
    """The difference between a file and the same one with changes, in the order of the file.

    Raises UsageError if something is to be removed.
    """
    result = [_edit((), before.values, after.values, but="domain")]
    for index, (old, new) in enumerate(
        zip(before.values["domain"], after.values["domain"], strict=True)
    ):
        at: KeyPath = ("domain", index)
        tables = _are_tables(before, (*at, "device"))
        result.append(_edit(at, old, new, but="device" if tables else None))
        devices = old.get("device", []) if tables else []
        if tables and len(new["device"]) < len(devices):
            raise UsageError(f"{before.file}: a device would have to be removed")
        for number, device in enumerate(new["device"] if tables else ()):
            known = devices[number] if number < len(devices) else {}
            result.append(_edit((*at, "device", number), known, device))
    return [edit for edit in result if edit.keys]


def lines(toml: TomlFile, changes: Iterable[TableEdit]) -> Iterator[str]:
    """The lines to put into a file: for each table its header, with its line, and the keys."""
    for edit in changes:
        header = "".join(f".{part}" for part in edit.at if isinstance(part, str))[1:]
        place = toml.place(edit.at)
        if not header:
            yield "# above all tables"
        elif place is None:
            domain = toml.values["domain"][edit.at[1]]["name"]
            yield f"[[{header}]]  # new, after the others of {domain}"
        else:
            yield f"[[{header}]]  # line {place[0]}"
        yield from (f"{toml_key(key)} = {toml_value(value)}" for key, value in edit.keys.items())


def _edit(at: KeyPath, old: Values, new: Values, but: str | None = None) -> TableEdit:
    return TableEdit(
        at, {k: v for k, v in new.items() if k != but and (k not in old or old[k] != v)}
    )


def _are_tables(toml: TomlFile, at: KeyPath) -> bool:
    """Whether a list is made of ``[[…]]``, to which another may be added, and is no ``[…]``."""
    return toml.place(at) == toml.place((*at, 0))


class _Changed(NamedTuple):
    """What a change is applied to: the values of the file, and the domain among them."""

    top: Values
    domain: Values
    change: OptionChange
    trees: Sequence[Tree]

    def device(self, path: str) -> Values:
        """The table of the device that has a node or a node above it; made, if there is none."""
        nodes = [node for tree in self.trees if (node := tree.find(path)) is not None]
        above = {node: place for each in nodes for place, node in enumerate(each.lineage())}
        named = {
            node: index
            for index, device in enumerate(self.domain["device"])
            for node in self._nodes(device if isinstance(device, str) else device["path"])
        }
        holder = min((node for node in named if node in above), key=above.__getitem__, default=None)
        devices: list[Any] = self.domain["device"]
        if holder is None:
            devices.append({"path": path})
            return self._table(len(devices) - 1)
        entry = devices[named[holder]]
        name = entry if isinstance(entry, str) else entry["path"]
        if any(is_pattern(tree, name) for tree in self.trees):
            devices.append({"path": holder.path})
            return self._table(len(devices) - 1)
        return self._table(named[holder])

    def _nodes(self, name: str) -> list[Node]:
        return [node for tree in self.trees for node in find_all(tree, name)]

    def _table(self, index: int) -> Values:
        """The table of a device, in place of its name alone."""
        device = self.domain["device"][index]
        table: Values = {"path": device} if isinstance(device, str) else device
        self.domain["device"][index] = table
        return table


def _set_key(field: str) -> Callable[[_Changed, Any], None]:
    """Sets the key of the domain that has the value of a field of ``Request`` as it is."""
    name = next((key.name for key in DOMAIN.keys if key.field == field), field)

    def set_key(target: _Changed, value: Any) -> None:
        target.domain[name] = value

    return set_key


def _devices(target: _Changed, paths: tuple[str, ...]) -> None:
    devices: list[Any] = target.domain["device"]
    if "devices" not in target.change.replaced:
        of_tables = all(isinstance(device, dict) for device in devices)
        devices += [{"path": path} for path in paths] if of_tables else paths
        return
    names = [device if isinstance(device, str) else device["path"] for device in devices]
    for path in paths:
        if path not in names:
            gone = next(index for index, name in enumerate(names) if name not in paths)
            names[gone] = path
            entry = devices[gone]
            devices[gone] = path if isinstance(entry, str) else {**entry, "path": path}
    devices[:] = [device for device, name in zip(devices, names, strict=True) if name in paths]


def _forced(target: _Changed, paths: tuple[str, ...]) -> None:
    for path in paths:
        target.device(path)["force-assign-without-iommu"] = target.change.why


def _shared(target: _Changed, paths: tuple[str, ...]) -> None:
    for path in paths:
        table = target.device(path)
        table["allow-shared-page"] = {
            **table.get("allow-shared-page", {}),
            path: target.change.why,
        }


def _maps(target: _Changed, places: tuple[str, ...]) -> None:
    """The place of all devices; those with a place of their own keep it, unless it is replaced."""
    (target.domain["map"],) = places
    if "maps" in target.change.replaced:
        for device in target.domain["device"]:
            if isinstance(device, dict) and "map" in device:
                (device["map"],) = places


def _memory_regions(target: _Changed, actions: tuple[str, ...]) -> None:
    target.domain["memory-region"] = actions[0].rpartition("=")[2]


def _routes(target: _Changed, routes: tuple[str, ...]) -> None:
    (target.domain["route"],) = routes


def _static_memory(target: _Changed, banks: tuple[str, ...]) -> None:
    target.domain["static-memory"] = [*banks]
    if "route" in target.top or "route" in target.domain:
        target.domain["route"] = "dom0less"


def _release(target: _Changed, version: str) -> None:
    target.top["xen"] = version


_SETTERS: dict[str, Callable[[_Changed, Any], None]] = {
    "devices": _devices,
    "forced": _forced,
    "shared": _shared,
    "maps": _maps,
    "memory_regions": _memory_regions,
    "routes": _routes,
    "static_memory": _static_memory,
    "release": _release,
}
"""By field of ``Request``; the others are keys of the domain with the same value."""
