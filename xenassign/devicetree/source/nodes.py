"""The parts of devicetree source: statements, nodes, properties, and pieces of values.

Nodes and properties change while the tree is built. Deleted ones are only marked: like dtc the tree
keeps their position, and uses it again when later source gives them new content. All places are
offsets (:mod:`xenassign.devicetree.places`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from xenassign.devicetree.places import TextSpan

#: The words of a piece of ``cells`` or ``bytes``.
WORDS = re.compile(r"[^ \t-\r\[\]]+")

Kind = Literal["cell", "cells", "string", "byte", "bytes", "phandle", "path", "incbin", "label"]


#: Of all nodes and properties without labels: no dictionary of their own.
_NO_LABELS: dict[str, bool] = {}


@dataclass(eq=False, slots=True)
class Piece:
    """A piece of a value: a number, a string, a byte, a reference, a file, or a label.

    A piece may also be several ``cells`` of 32 bits, or ``bytes``, with space between them.
    ``data`` are its bytes; those of references are known when the tree is complete. ``name`` is
    the label or path that a reference names, the file of an ``incbin``, or the label itself.
    """

    kind: Kind
    data: bytes
    start: int
    end: int
    name: str = ""
    #: Of an incbin: bytes to skip, and to read (None: all).
    skip: int = 0
    size: int | None = None

    @property
    def span(self) -> TextSpan:
        return TextSpan(self.start, self.end)

    @property
    def braced(self) -> bool:
        """Whether a reference is written ``&{…}``."""
        return self.end - self.start > len(self.name) + 1


class PropertyDefinition(Protocol):
    """The value of a property in its last definition: pieces, bytes as far as known, and place.

    All pieces that are labels, references or files are ``symbolic``; others may be too.
    """

    @property
    def pieces(self) -> list[Piece]: ...
    @property
    def symbolic(self) -> list[Piece]: ...
    @property
    def has_escapes(self) -> bool: ...
    @property
    def value(self) -> bytes: ...
    @property
    def named(self) -> TextSpan: ...


@dataclass(eq=False, slots=True)
class Definition:
    """A definition by its pieces; ``named`` is the place of the name."""

    pieces: list[Piece]
    named: TextSpan

    @property
    def symbolic(self) -> list[Piece]:
        return self.pieces

    @property
    def has_escapes(self) -> bool:
        """Whether its strings may have escapes."""
        return any(piece.kind == "string" for piece in self.pieces)

    @property
    def value(self) -> bytes:
        return b"".join([piece.data for piece in self.pieces])


@dataclass(eq=False, slots=True)
class SourceProperty:
    """A property. ``labels``: label to whether it is still valid, oldest first."""

    name: str
    definition: PropertyDefinition
    start: int
    end: int
    labels: dict[str, bool] = field(default_factory=lambda: _NO_LABELS)
    deleted: bool = False

    @property
    def pieces(self) -> list[Piece]:
        """The pieces of the value."""
        return self.definition.pieces

    @property
    def symbolic(self) -> list[Piece]:
        """The pieces among which are all labels, references and files."""
        return self.definition.symbolic

    @property
    def value(self) -> bytes:
        """The bytes of the value, as far as they are known."""
        return self.definition.value

    @property
    def named(self) -> TextSpan:
        """The place of the name."""
        return self.definition.named

    def label(self, names: Iterable[str]) -> None:
        """Adds labels."""
        self.labels = _labelled(self.labels, names)

    def references(self) -> list[Piece]:
        """The cells that are references."""
        return [piece for piece in self.symbolic if piece.kind == "phandle"]

    def delete(self) -> None:
        self.deleted = True
        if self.labels:
            self.labels = dict.fromkeys(self.labels, False)


def _labelled(labels: dict[str, bool], names: Iterable[str]) -> dict[str, bool]:
    """The labels and further ones, in the same dictionary if it has any."""
    labels = labels or {}
    labels.update(dict.fromkeys(names, True))
    return labels


T = TypeVar("T", "SourceProperty", "SourceNode")


class Members(Generic[T]):
    """Properties or subnodes in order, with those that are deleted; names may occur twice."""

    __slots__ = ("_named", "all")

    def __init__(self) -> None:
        self.all: list[T] = []
        self._named: dict[str, list[T]] | None = None  # made for many members

    def __iter__(self) -> Iterator[T]:
        return (member for member in self.all if not member.deleted)

    def add(self, member: T) -> None:
        self.all.append(member)
        if self._named is not None:
            self._named.setdefault(member.name, []).append(member)

    def remove(self, member: T) -> None:
        self.all.remove(member)
        if self._named is not None:
            self._named[member.name].remove(member)

    def _of(self, name: str) -> Sequence[T]:
        """All of that name."""
        if len(self.all) <= _FEW:
            return [member for member in self.all if member.name == name] if self.all else ()
        if self._named is None:
            self._named = {}
            for member in self.all:
                self._named.setdefault(member.name, []).append(member)
        return self._named.get(name, ())

    def first(self, name: str) -> T | None:
        """The first of that name, deleted or not."""
        named = self._of(name)
        return named[0] if named else None

    def get(self, name: str) -> T | None:
        """The first of that name that is not deleted."""
        return next((member for member in self._of(name) if not member.deleted), None)


#: So many members are searched without an index.
_FEW = 8


@dataclass(eq=False, slots=True)
class SourceNode:
    """A node. ``opened``: the places of its name, one for each statement that gives it content.

    ``optional``: left out when nothing refers to it. ``path`` is set when the tree is complete.
    """

    name: str = ""
    properties: Members[SourceProperty] = field(default_factory=Members)
    children: Members[SourceNode] = field(default_factory=Members)
    parent: SourceNode | None = None
    labels: dict[str, bool] = field(default_factory=lambda: _NO_LABELS)
    opened: list[TextSpan] = field(default_factory=list)
    deleted: bool = False
    optional: bool = False
    referenced: bool = False
    phandle: int = 0
    path: str = "/"

    def adopt(self, child: SourceNode) -> None:
        child.parent = self
        self.children.add(child)

    def label(self, names: Iterable[str]) -> None:
        """Adds labels."""
        self.labels = _labelled(self.labels, names)

    def lineage(self) -> Iterator[SourceNode]:
        """The node itself, its parent, and so on up to the root."""
        node: SourceNode | None = self
        while node is not None:
            yield node
            node = node.parent

    def below(self, path: str) -> SourceNode | None:
        """The node of a path below this one. Slashes may be doubled, and one may end the path."""
        node = self
        while path:
            name, slash, path = path.lstrip("/").partition("/")
            child = node.children.get(name)
            if child is None or not slash:
                return child
            node = child
        return None if node.deleted else node

    @property
    def base_name(self) -> str:
        """The name without its unit address."""
        return self.name.partition("@")[0]

    def walk(self, deleted: bool = False) -> Iterator[SourceNode]:
        """The node and everything below it, parents first, with or without what is deleted."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            below = node.children.all if deleted else list(node.children)
            stack.extend(reversed(below))

    def delete(self) -> None:
        """Marks the node and everything below it as deleted."""
        for node in list(self.walk()):
            node.deleted = True
            if node.labels:
                node.labels = dict.fromkeys(node.labels, False)
            for prop in node.properties:
                prop.delete()


class Reservation(NamedTuple):
    """A memory reservation: address and size in bytes."""

    address: int
    size: int


class Content(NamedTuple):
    """``/ { … };`` or, with a target, ``label: &target { … };``."""

    node: SourceNode
    target: Piece | None = None
    label: str | None = None


class Delete(NamedTuple):
    """``/delete-node/ &target;``"""

    target: Piece


class Omit(NamedTuple):
    """``/omit-if-no-ref/ &target;``"""

    target: Piece


Statement = Content | Delete | Omit


class SourceFile(NamedTuple):
    """The statements of a source. ``overlay``: it has ``/plugin/``."""

    overlay: bool
    reservations: tuple[Reservation, ...]
    statements: list[Statement]
