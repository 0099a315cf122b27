"""The files that are linted: their kinds, and the places of their statements and comments.

The content decides about the kind: a blob has its magic (or a name ending in .dtb or .dtbo), source
has ``/dts-v1/`` (or .dts, .dtso), anything else is an xl configuration. A tree with domains below
/chosen is a board's tree or an overlay for one; every other tree is a partial device tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.overlay import is_overlay
from xenassign.devicetree.places import Place
from xenassign.devicetree.tree import DevicetreeError, Tree
from xenassign.errors import InputError, NothingToJudgeError
from xenassign.findings import Finding
from xenassign.formats.xlcfg import Atom, XlAssignment, XlComment, XlConfig, decode
from xenassign.host.load import BLOB, is_source, read_file
from xenassign.linting.verdict import domcfg
from xenassign.linting.verdict.domain import is_compatible
from xenassign.reading import MAX_TEXT

if TYPE_CHECKING:
    from xenassign.devicetree.source.reader import DtsSource, NodePlace, PropertyPlace


class ConfigFile:
    """An xl configuration; ``config`` is the finding about its syntax if it can't be read."""

    def __init__(self, file: str, text: str, config: XlConfig | Finding) -> None:
        self.file = file
        self.text = text
        self.config = config

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


class Layer(NamedTuple):
    """A source that a tree is made of. ``paths``: those in the source, by path of the tree.

    None: they are equal.
    """

    source: DtsSource
    paths: Mapping[str, str] | None = None

    def written(self, path: str) -> str | None:
        """The path in the source of a node of the tree; None if the source does not have it."""
        inner = path if self.paths is None else self.paths.get(path)
        return inner if inner is not None and self.source.has(inner) else None

    def nodes(self) -> Iterator[tuple[str, NodePlace]]:
        """(path in the tree, places) of each node of the source that the tree has."""
        if self.paths is None:
            yield from self.source.nodes.items()
            return
        nodes = self.source.nodes
        yield from ((path, nodes[inner]) for path, inner in self.paths.items() if inner in nodes)

    def inner_nuls(self) -> Iterator[tuple[str, str, PropertyPlace]]:
        """(path in the tree, name, place) as ``DtsSource.inner_nuls`` gives them."""
        outer = {inner: path for path, inner in (self.paths or {}).items()}
        for inner, name, place in self.source.inner_nuls():
            path = inner if self.paths is None else outer.get(inner)
            if path is not None:
                yield path, name, place


class TreeFile:
    """A device tree: its bytes as Xen reads them, and its source if it was given as source.

    ``layers``: the sources of a tree that is composed of several, the last one applied first.
    """

    def __init__(
        self,
        file: str,
        blob: bytes,
        source: DtsSource | None = None,
        text: str | None = None,
        layers: tuple[Layer, ...] = (),
    ) -> None:
        self.file = file
        self.blob = blob
        self.source = source
        self.text = text
        self.layers = layers

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

    @cached_property
    def sources(self) -> tuple[Layer, ...]:
        """The sources that it is made of; none for a blob."""
        return (Layer(self.source),) if self.source is not None else self.layers

    def place(self, path: str, prop: str | None = None, cell: int | None = None) -> Place | None:
        """The place of a node, property or cell, as ``DtsSource.place`` gives it.

        Of several sources it is the last one applied that has the property, or else the node.
        """
        if self.source is not None:
            return self.source.place(path, prop, cell)
        if not self.layers:
            return None
        written = [(layer.source, layer.written(path)) for layer in self.layers]
        having = [(source, inner) for source, inner in written if inner is not None]
        if not having:
            return self.place(path.rpartition("/")[0] or "/") if path != "/" else None
        with_property = (
            entry for entry in having if prop is not None and entry[0].has(entry[1], prop)
        )
        source, inner = next(with_property, having[0])
        return source.place(inner, prop, cell)

    @property
    def overlay(self) -> bool:
        """Whether it is an overlay; one without any fragment is known by its name."""
        if self.tree is None:
            return False
        empty = not self.tree.root.children and self.file.endswith((".dtbo", ".dtso"))
        return empty or is_overlay(self.tree)

    @cached_property
    def has_domains(self) -> bool:
        """Whether any node is compatible with xen,domain, also outside of /chosen."""
        nodes = self.tree.nodes() if self.tree is not None else ()
        return any(is_compatible(node, "xen,domain") for node in nodes)

    @property
    def is_board(self) -> bool:
        """Whether it is a board's tree without domains and without /passthrough."""
        return self.is_of_host and not self.has_domains

    @property
    def is_of_host(self) -> bool:
        """Whether it is a board's tree, with or without domains."""
        if self.tree is None:
            return False
        names = {node.base_name.lower() for node in self.tree.root.children.values()}
        return "cpus" in names and "passthrough" not in names


Document = ConfigFile | TreeFile

#: The name of standard input, if the caller has no better one.
STDIN = "<stdin>"


def read_document(
    path: str,
    include: tuple[str, ...] = (),
    symbols: bool = False,
    stdin: str | None = None,
) -> Document:
    """The file of a path, ``-`` for standard input, whose name is ``stdin``.

    ``symbols``: source has its labels. Raises InputError if it is missing, or source that dtc
    would refuse.
    """
    name = (stdin or STDIN) if path == "-" else path
    return document(name, read_file(path, name), include, symbols)


def document(
    name: str, data: bytes, include: tuple[str, ...] = (), symbols: bool = False
) -> Document:
    """The file of that name with these bytes. Raises InputError as :func:`read_document`."""
    if data.startswith(BLOB) or name.endswith((".dtb", ".dtbo")):
        return TreeFile(name, data)
    if is_source(name, data):
        from xenassign.devicetree.source.reader import read_source

        source = read_source(data, name, include=include, symbols=symbols)
        return TreeFile(name, source.blob, source, decode(data))
    if name.endswith(".dtsi"):
        problem = "nothing here to judge: it is a part that other sources include"
        fix = "give the .dts or .dtso that includes it"
        raise NothingToJudgeError(f"{name}: {problem}; {fix}")
    if not data.strip():
        raise InputError(f"{name}: is empty; give a .dtb, a .dts or an xl configuration")
    if len(data) > MAX_TEXT:
        raise InputError(f"{name}: larger than {MAX_TEXT >> 20} MiB; give an xl configuration")
    text = decode(data)
    return ConfigFile(name, text, domcfg.read(text, name))


def read_tree_file(path: str, include: tuple[str, ...] = (), symbols: bool = False) -> TreeFile:
    """The device tree of a path. Raises InputError also for a configuration."""
    document = read_document(path, include, symbols)
    if isinstance(document, ConfigFile):
        fix = "give a .dtb, .dtbo, .dts or .dtso"
        raise InputError(f"{document.file}: is not a device tree; {fix}")
    return document
