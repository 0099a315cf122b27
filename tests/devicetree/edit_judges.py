"""Judges of changed blobs: the same changes made by fdtput, and by libfdt in memory.

Both give the bytes that they give; what they leave to chance is evened out by ``zero_padded``.
libfdt puts the newest property first. So that several stand in their order, they are set from the
last to the first; and so that their names stand in their order in the strings block all the same,
each is set and deleted again before (libfdt keeps the name).
"""

from __future__ import annotations

import difflib
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import libfdt

from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Ref, Text

_ROOM = 1 << 16


class Judge(Protocol):
    """What changes a blob. Paths are exact."""

    def has(self, path: str, prop: str | None = None) -> bool: ...
    def set(self, path: str, prop: str, value: bytes) -> None: ...
    def delete(self, path: str, prop: str) -> None: ...
    def create(self, path: str) -> None: ...
    def remove(self, path: str) -> None: ...


class Libfdt:
    """A blob changed in memory."""

    def __init__(self, blob: bytes) -> None:
        self.fdt = libfdt.Fdt(bytearray(blob))
        self.fdt.resize(len(blob) + _ROOM)  # version 17, blocks in order

    def _find(self, path: str) -> int:
        at = 0
        for name in path.split("/")[1:] if path != "/" else []:
            at = self.fdt.first_subnode(at, libfdt.QUIET_NOTFOUND)
            while at >= 0 and self.fdt.get_name(at) != name:
                at = self.fdt.next_subnode(at, libfdt.QUIET_NOTFOUND)
            if at < 0:
                return -1
        return at

    def has(self, path: str, prop: str | None = None) -> bool:
        at = self._find(path)
        return at >= 0 and (prop is None or prop in self._names(at))

    def _names(self, at: int) -> Iterator[str]:
        offset = self.fdt.first_property_offset(at, libfdt.QUIET_NOTFOUND)
        while offset >= 0:
            yield self.fdt.get_property_by_offset(offset).name
            offset = self.fdt.next_property_offset(offset, libfdt.QUIET_NOTFOUND)

    def set(self, path: str, prop: str, value: bytes) -> None:
        self.fdt.setprop(self._find(path), prop, value)

    def delete(self, path: str, prop: str) -> None:
        self.fdt.delprop(self._find(path), prop)

    def create(self, path: str) -> None:
        above, _, name = path.rpartition("/")
        self.fdt.add_subnode(self._find(above or "/"), name)

    def remove(self, path: str) -> None:
        self.fdt.del_node(self._find(path))

    def blob(self) -> bytes:
        """The blob, packed: without room or gaps."""
        self.fdt.pack()
        return bytes(self.fdt.as_bytearray()[: self.fdt.totalsize()])


class Fdtput:
    """A file changed by the tool. Values: bytes, or what ``-t`` takes (``arguments``)."""

    def __init__(self, blob: bytes, file: Path) -> None:
        self.file = file
        file.write_bytes(blob)

    def run(self, *arguments: str) -> None:
        """fdtput OPTIONS FILE ARGUMENTS; the options are the first, up to ``--``."""
        split = arguments.index("--")
        command = ["fdtput", *arguments[:split], str(self.file), *arguments[split + 1 :]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def has(self, path: str, prop: str | None = None) -> bool:
        return Libfdt(self.blob()).has(path, prop)

    def set(self, path: str, prop: str, value: bytes) -> None:
        self.run("-t", "bx", "--", path, prop, *(f"{byte:x}" for byte in value))

    def put(self, path: str, prop: DraftProperty) -> None:
        """The property in the form in which people give it to the tool."""
        (piece,) = prop.pieces or (None,)
        if isinstance(piece, Text):
            self.run("-t", "s", "--", path, prop.name, piece.value)
        elif isinstance(piece, Cells):
            self.run("-t", "x", "--", path, prop.name, *(f"{cell:x}" for cell in piece.values))
        else:
            assert piece is None
            self.run("--", path, prop.name)

    def delete(self, path: str, prop: str) -> None:
        self.run("-d", "--", path, prop)

    def create(self, path: str) -> None:
        self.run("-c", "--", path)

    def remove(self, path: str) -> None:
        self.run("-r", "--", path)

    def blob(self) -> bytes:
        return self.file.read_bytes()


def bytes_of(prop: DraftProperty) -> bytes:
    """A draft's value, worked out without the code that is judged."""
    out = b""
    for piece in prop.pieces:
        if isinstance(piece, Text):
            out += piece.value.encode() + b"\0"
        elif isinstance(piece, Cells):
            numbers = [cell for cell in piece.values if not isinstance(cell, Ref)]
            out += struct.pack(f">{len(numbers)}I", *numbers)
        else:
            out += piece.value
    return out


def make(judge: Judge, changes: Sequence[Change]) -> None:
    """Has a judge make the changes. None may replace a subnode: libfdt knows no such thing."""
    for change in changes:
        path = change.path
        if not judge.has(path):
            if change.properties or change.children or not (change.drop or change.remove):
                draft = DraftNode(path.rpartition("/")[2], change.properties, change.children)
                _learn(judge, draft)
                _create(judge, path, draft)
            continue
        new = [prop for prop in change.properties if not judge.has(path, prop.name)]
        _learn(judge, DraftNode("", tuple(new), change.children))
        for prop in change.properties:
            if prop not in new:
                judge.set(path, prop.name, bytes_of(prop))
        for prop in reversed(new):
            judge.set(path, prop.name, bytes_of(prop))
        for name in change.drop:
            if judge.has(path, name):
                judge.delete(path, name)
        for child in reversed(change.children):
            _create(judge, f"{path.rstrip('/')}/{child.name}", child)
        for name in change.remove:
            if judge.has(f"{path.rstrip('/')}/{name}"):
                judge.remove(f"{path.rstrip('/')}/{name}")


def _create(judge: Judge, path: str, draft: DraftNode) -> None:
    judge.create(path)
    for prop in reversed(draft.properties):
        judge.set(path, prop.name, bytes_of(prop))
    for child in reversed(draft.children):
        _create(judge, f"{path}/{child.name}", child)


def _learn(judge: Judge, draft: DraftNode) -> None:
    """Has the names of all properties put into the strings block, in their order."""
    for node in draft.walk():
        for prop in node.properties:
            if not judge.has("/", prop.name):
                judge.set("/", prop.name, b"")
                judge.delete("/", prop.name)


def by_libfdt(blob: bytes, changes: Sequence[Change]) -> bytes:
    """The packed blob with the changes, by libfdt's functions."""
    judge = Libfdt(blob)
    make(judge, changes)
    return judge.blob()


def by_fdtput(blob: bytes, changes: Sequence[Change]) -> bytes:
    """The packed blob with the changes, by the tool."""
    with tempfile.TemporaryDirectory() as directory:
        judge = Fdtput(blob, Path(directory, "board.dtb"))
        make(judge, changes)
        return judge.blob()


def packed(blob: bytes) -> bytes:
    """The blob in libfdt's order, without room or gaps."""
    return Libfdt(blob).blob()


def zero_padded(blob: bytes) -> bytes:
    """The blob with zeros behind each value; libfdt leaves what lay there before."""
    out = bytearray(blob)
    (structure,) = struct.unpack_from(">I", blob, 8)
    at = structure
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        if token == 9:
            return bytes(out)
        end = at + 4
        if token == 1:
            end = blob.index(b"\0", end) + 1
        elif token == 3:
            end += 8 + int(struct.unpack_from(">I", blob, at + 4)[0])
        at = end + -end % 4
        out[end:at] = bytes(at - end)


def decompiled(blob: bytes) -> list[str]:
    """The lines of dtc's source for a blob."""
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts", "-"]
    done = subprocess.run(command, input=blob, capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def lines_changed(before: bytes, after: bytes) -> list[str]:
    """The lines that dtc's source has more (+) or less (-), without their indentation."""
    diff = difflib.unified_diff(decompiled(before), decompiled(after), n=0, lineterm="")
    return [line[0] + line[1:].strip() for line in diff if line[:2] not in ("--", "++", "@@")]
