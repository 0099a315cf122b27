"""The files that are linted: their kinds, and the places of their statements and comments.

The content decides about the kind: a blob has its magic (or a name ending in .dtb or .dtbo), source
has ``/dts-v1/`` (or .dts, .dtso), anything else is an xl configuration. A tree with domains below
/chosen is a board's tree or an overlay for one; every other tree is a partial device tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.overlay import is_overlay
from xenassign.devicetree.places import Place
from xenassign.devicetree.source.reader import DtsSource, read_source
from xenassign.devicetree.tree import DevicetreeError, Tree
from xenassign.errors import InputError
from xenassign.findings import Finding
from xenassign.formats.xlcfg import Atom, XlAssignment, XlComment, XlConfig, decode
from xenassign.host.load import BLOB, is_source, read_file
from xenassign.linting.verdict import domcfg
from xenassign.linting.verdict.domain import is_compatible
from xenassign.reading import MAX_TEXT


@dataclass(frozen=True, eq=False)
class ConfigFile:
    """An xl configuration; ``config`` is the finding about its syntax if it can't be read."""

    file: str
    text: str
    config: XlConfig | Finding

    @property
    def device_tree(self) -> str | None:
        """The file that device_tree names."""
        value = self.config.get("device_tree") if isinstance(self.config, XlConfig) else None
        return value.text if isinstance(value, Atom) else None

    @property
    def comments(self) -> tuple[XlComment, ...]:
        """Its comments; empty if it can't be read."""
        return self.config.comments if isinstance(self.config, XlConfig) else ()

    @property
    def statements(self) -> tuple[XlAssignment, ...]:
        """Its statements; empty if it can't be read."""
        return self.config.statements if isinstance(self.config, XlConfig) else ()

    def place(self, item: XlComment | XlAssignment) -> Place:
        """The place of a comment or a statement."""
        assert isinstance(self.config, XlConfig)
        return self.config.place(item)


@dataclass(frozen=True, eq=False)
class TreeFile:
    """A device tree: its bytes as Xen reads them, and its source if it was given as source."""

    file: str
    blob: bytes
    source: DtsSource | None = None
    text: str | None = None

    @cached_property
    def _read(self) -> Tree | DevicetreeError:
        try:
            return read_blob(self.blob, self.file)
        except DevicetreeError as error:
            return error

    @property
    def tree(self) -> Tree | None:
        """The tree; None if the blob is malformed for the strict reader (Xen may accept it)."""
        return self._read if isinstance(self._read, Tree) else None

    @property
    def problem(self) -> str | None:
        """Why there is no tree: ``problem; fix``, without the file's name."""
        if isinstance(self._read, Tree):
            return None
        return str(self._read).removeprefix(f"{self.file}: ")

    @property
    def overlay(self) -> bool:
        """Whether it is an overlay."""
        return self.tree is not None and is_overlay(self.tree)

    @cached_property
    def has_domains(self) -> bool:
        """Whether any node is compatible with xen,domain, also outside of /chosen."""
        nodes = self.tree.nodes() if self.tree is not None else ()
        return any(is_compatible(node, "xen,domain") for node in nodes)

    @property
    def is_board(self) -> bool:
        """Whether it is a board's tree without domains and without /passthrough."""
        if self.tree is None or self.has_domains:
            return False
        names = {node.base_name.lower() for node in self.tree.root.children.values()}
        return "cpus" in names and "passthrough" not in names


Document = ConfigFile | TreeFile


def read_document(path: str, include: tuple[str, ...] = ()) -> Document:
    """The file of a path, ``-`` for standard input.

    Raises InputError if it is missing, or source that dtc would refuse.
    """
    name = "<stdin>" if path == "-" else path
    return document(name, read_file(path, name), include)


def document(name: str, data: bytes, include: tuple[str, ...] = ()) -> Document:
    """The file of that name with these bytes. Raises InputError as :func:`read_document`."""
    if data.startswith(BLOB) or name.endswith((".dtb", ".dtbo")):
        return TreeFile(name, data)
    if is_source(name, data):
        source = read_source(data, name, include=include)
        return TreeFile(name, source.blob, source, decode(data))
    if not data.strip():
        raise InputError(f"{name}: is empty; give a .dtb, a .dts or an xl configuration")
    if len(data) > MAX_TEXT:
        raise InputError(f"{name}: larger than {MAX_TEXT >> 20} MiB; give an xl configuration")
    text = decode(data)
    return ConfigFile(name, text, domcfg.read(text, name))


def read_tree_file(path: str, include: tuple[str, ...] = ()) -> TreeFile:
    """The device tree of a path. Raises InputError also for a configuration."""
    document = read_document(path, include)
    if isinstance(document, ConfigFile):
        fix = "give a .dtb, .dtbo, .dts or .dtso"
        raise InputError(f"{document.file}: is not a device tree; {fix}")
    return document
