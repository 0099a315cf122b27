"""The parts of devicetree source: statements, nodes, properties, and pieces of values.

Nodes and properties change while the tree is built. Deleted ones are only marked: like dtc the tree
keeps their position, and uses it again when later source gives them new content. All places are
offsets (:mod:`xenassign.devicetree.places`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

from xenassign.devicetree.places import TextSpan

Kind = Literal["cell", "string", "byte", "phandle", "path", "incbin", "label"]


@dataclass(eq=False, slots=True)
class Piece:
    """A piece of a value: a number, a string, a byte, a reference, a file, or a label.

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


@dataclass(eq=False, slots=True)
class SourceProperty:
    """A property. ``labels``: label to whether it is still valid, oldest first."""

    name: str
    pieces: list[Piece]
    named: TextSpan
    start: int
    end: int
    labels: dict[str, bool] = field(default_factory=dict)
    deleted: bool = False

    @property
    def value(self) -> bytes:
        """The bytes of the value, as far as they are known."""
        return b"".join([piece.data for piece in self.pieces])

    def references(self) -> list[Piece]:
        """The cells that are references."""
        return [piece for piece in self.pieces if piece.kind == "phandle"]

    def delete(self) -> None:
        self.deleted = True
        self.labels = dict.fromkeys(self.labels, False)


T = TypeVar("T", "SourceProperty", "SourceNode")


class Members(Generic[T]):
    """Properties or subnodes in order, with those that are deleted; names may occur twice."""

    __slots__ = ("_named", "all")

    def __init__(self) -> None:
        self.all: list[T] = []
        self._named: dict[str, list[T]] = {}

    def __iter__(self) -> Iterator[T]:
        return (member for member in self.all if not member.deleted)

    def add(self, member: T) -> None:
        self.all.append(member)
        self._named.setdefault(member.name, []).append(member)

    def remove(self, member: T) -> None:
        self.all.remove(member)
        self._named[member.name].remove(member)

    def first(self, name: str) -> T | None:
        """The first of that name, deleted or not."""
        named = self._named.get(name)
        return named[0] if named else None

    def get(self, name: str) -> T | None:
        """The first of that name that is not deleted."""
        return next((member for member in self._named.get(name, ()) if not member.deleted), None)


@dataclass(eq=False, slots=True)
class SourceNode:
    """A node. ``opened``: the places of its name, one for each statement that gives it content.

    ``optional``: left out when nothing refers to it. ``path`` is set when the tree is complete.
    """

    name: str = ""
    properties: Members[SourceProperty] = field(default_factory=Members)
    children: Members[SourceNode] = field(default_factory=Members)
    parent: SourceNode | None = None
    labels: dict[str, bool] = field(default_factory=dict)
    opened: list[TextSpan] = field(default_factory=list)
    deleted: bool = False
    optional: bool = False
    referenced: bool = False
    phandle: int = 0
    path: str = "/"

    def adopt(self, child: SourceNode) -> None:
        child.parent = self
        self.children.add(child)

    def lineage(self) -> Iterator[SourceNode]:
        """The node itself, its parent, and so on up to the root."""
        node: SourceNode | None = self
        while node is not None:
            yield node
            node = node.parent

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
