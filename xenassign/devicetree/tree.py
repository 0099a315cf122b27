"""The model of a devicetree: ``Tree``, ``Node`` and ``Property``.

A ``Tree`` has one root ``Node``. A node has a name (``ethernet@ff0e0000``), properties and
children, both in the order of the blob and both unique by name. A ``Property`` keeps its raw bytes
and their byte offset in the blob. The format stores no types, so the reader of a property chooses
one: ``u32()``, ``cells()``, ``strings()`` … decode the bytes and raise :class:`PropertyError` when
they do not fit.

Trees come from :func:`xenassign.devicetree.blob.read_blob` and are not changed afterwards.
Trees to be *written* are made of the draft types of :mod:`xenassign.devicetree.draft`.

Sections named below are those of the Devicetree Specification 0.4.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from xenassign.errors import InputError

#: Values that are not phandles (section 2.3.3 and libfdt's FDT_MAX_PHANDLE).
NO_PHANDLE = (0, 0xFFFFFFFF)


class DevicetreeError(InputError):
    """Something in a devicetree that its format or the specification does not allow."""


class PropertyError(DevicetreeError):
    """A property whose value has not the form that its binding requires."""


class Property(NamedTuple):
    """One property: its name, its raw bytes, and the byte offset of the value in the blob."""

    name: str
    value: bytes
    offset: int = -1

    def u32(self) -> int:
        """The value as one 32-bit cell. Raises PropertyError, as all views do."""
        if len(self.value) != 4:
            raise PropertyError(f"{self.name} has {len(self.value)} bytes; requires one cell of 4")
        return int.from_bytes(self.value, "big")

    def u64(self) -> int:
        """The value as one 64-bit number of two cells."""
        if len(self.value) != 8:
            raise PropertyError(f"{self.name} has {len(self.value)} bytes; requires two cells")
        return int.from_bytes(self.value, "big")

    def cells(self) -> tuple[int, ...]:
        """The value as 32-bit cells."""
        value = self.value
        if len(value) % 4:
            raise PropertyError(f"{self.name} has {len(value)} bytes; requires whole cells of 4")
        return struct.unpack(f">{len(value) // 4}I", value)

    def strings(self) -> tuple[str, ...]:
        """The value as NUL-terminated strings; an empty value has none."""
        if not self.value:
            return ()
        if not self.value.endswith(b"\0"):
            raise PropertyError(f"{self.name} is not NUL-terminated; requires a string")
        try:
            return tuple(self.value[:-1].decode("utf-8").split("\0"))
        except UnicodeDecodeError:
            raise PropertyError(f"{self.name} is not text; requires a string") from None

    def string(self) -> str:
        """The first string of the value."""
        strings = self.strings()
        if not strings:
            raise PropertyError(f"{self.name} is empty; requires a string")
        return strings[0]


_Fact = TypeVar("_Fact")
_Key = TypeVar("_Key")


class Node:
    """A node. ``offset`` is the byte offset of its FDT_BEGIN_NODE token in the blob.

    Nodes compare and hash by identity, so they are keys of dicts and members of sets. A set
    of nodes has another order in each run: where order matters, dicts keep it.
    """

    __slots__ = (
        *("_compatible", "_facts", "_path"),
        *("children", "name", "offset", "parent", "properties"),
    )

    def __init__(
        self,
        name: str,
        parent: Node | None = None,
        properties: dict[str, Property] | None = None,
        offset: int = -1,
    ) -> None:
        self.name = name
        self.parent = parent
        self.properties: dict[str, Property] = {} if properties is None else properties
        self.children: dict[str, Node] = {}
        self.offset = offset
        self._facts: dict[Callable[[Node], Any], Any] | None = None
        self._path: str | None = None
        self._compatible: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"<Node {self.path}>"

    def once(self, fact: Callable[[Node], _Fact]) -> _Fact:
        """What a function says about the node, which is asked once: nothing changes a tree."""
        if self._facts is None:
            self._facts = {}
        elif fact in self._facts:
            known: _Fact = self._facts[fact]
            return known
        self._facts[fact] = value = fact(self)
        return value

    @property
    def path(self) -> str:
        """The full path, ``/`` for the root."""
        if self._path is None:
            names = []
            node = self
            while node.parent is not None:
                names.append(node.name)
                node = node.parent
            names.reverse()
            self._path = "/" + "/".join(names)
        return self._path

    def lineage(self) -> Iterator[Node]:
        """The node itself, its parent, and so on up to the root."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def ancestors(self) -> Iterator[Node]:
        """The parent, its parent, and so on up to the root."""
        lineage = self.lineage()
        next(lineage)
        return lineage

    def walk(self) -> Iterator[Node]:
        """The node and everything below it, parents first, in the order of the blob."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children.values()))

    def walk_where(self, keep: Callable[[Node], bool]) -> Iterator[Node]:
        """As ``walk``, without the subtrees below the node whose root ``keep`` is false for."""
        yield self
        stack = [*reversed(self.children.values())]
        while stack:
            node = stack.pop()
            if keep(node):
                yield node
                stack.extend(reversed(node.children.values()))

    @property
    def base_name(self) -> str:
        """The name without its unit address."""
        return self.name.partition("@")[0]

    def get(self, name: str) -> Property | None:
        """The property of that name, or None."""
        return self.properties.get(name)

    def value(self, name: str) -> bytes | None:
        """The bytes of a property, or None."""
        prop = self.properties.get(name)
        return prop.value if prop is not None else None

    def has(self, name: str) -> bool:
        """Whether the node has the property, empty or not."""
        return name in self.properties

    def cells(self, name: str) -> tuple[int, ...]:
        """The cells of a property; none when it is absent. Raises PropertyError."""
        prop = self.properties.get(name)
        return prop.cells() if prop else ()

    def strings(self, name: str) -> tuple[str, ...]:
        """The strings of a property; none when it is absent or not text."""
        prop = self.properties.get(name)
        try:
            return prop.strings() if prop else ()
        except PropertyError:
            return ()

    def text(self, name: str) -> str | None:
        """The first string of a property, or None when it is absent or not text."""
        strings = self.strings(name)
        return strings[0] if strings else None

    @property
    def compatible(self) -> tuple[str, ...]:
        """The strings of ``compatible``, most specific first (section 2.3.1)."""
        if self._compatible is None:
            self._compatible = self.strings("compatible")
        return self._compatible

    @property
    def status(self) -> str:
        """``status``, ``okay`` when absent (section 2.3.4); ``ok`` is the old spelling of it."""
        if "status" not in self.properties:
            return "okay"
        status = self.text("status") or ""
        return "okay" if status == "ok" else status

    @property
    def available(self) -> bool:
        """Whether ``status`` is absent, ``okay`` or ``ok``, as Linux and Xen test it."""
        return self.status == "okay"

    @property
    def enabled(self) -> bool:
        """Whether it and all nodes above it are ``available``: Linux probes no others."""
        return all(node.available for node in self.lineage())

    @property
    def phandle(self) -> int | None:
        """The node's phandle (``linux,phandle`` in old blobs), or None."""
        for name in ("phandle", "linux,phandle"):
            prop = self.properties.get(name)
            if prop is not None and len(prop.value) == 4:
                value = int.from_bytes(prop.value, "big")
                return None if value in NO_PHANDLE else value
        return None


class RunningText(NamedTuple):
    """A text that the kernel of a running board printed; ``source`` is for messages.

    ``problem``: why it is empty, if it could not be read.
    """

    source: str
    text: str = ""
    problem: str = ""


@dataclass(eq=False)
class Tree:
    """A whole devicetree: the root, the memory reservations, and where it was read from.

    ``reservations`` are pairs of address and size in bytes, ``boot_cpu`` is boot_cpuid_phys.
    ``data`` is the blob that it was read from, up to totalsize; None for a tree made otherwise.
    ``ordered``: whether nodes and properties have the order of a blob; those of a directory
    (:mod:`xenassign.devicetree.live`) are sorted, and offsets count nodes in that order.
    ``running``: what was read of the running board with it, by the name of the file.
    """

    root: Node
    file: str = "<memory>"
    reservations: tuple[tuple[int, int], ...] = ()
    boot_cpu: int = 0
    data: bytes | None = field(default=None, repr=False)
    ordered: bool = True
    running: dict[str, RunningText] = field(default_factory=dict, repr=False)
    _facts: dict[tuple[Any, Any], Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, fact: Callable[[Tree, _Key], _Fact], key: _Key) -> _Fact:
        """As ``Node.once``, for what a function says about the tree and a node or another key."""
        known: _Fact | None = self._facts.get((fact, key))
        if known is None:
            known = self._facts[fact, key] = fact(self, key)
        return known

    def nodes(self) -> Iterator[Node]:
        """Every node, parents first, in the order of the blob."""
        return self.root.walk()

    def find(self, path: str) -> Node | None:
        """The node of a full path, compared exactly; doubled and trailing slashes match nothing."""
        if path == "/":
            return self.root
        if not path.startswith("/"):
            return None
        node = self.root
        for name in path[1:].split("/"):
            child = node.children.get(name)
            if child is None:
                return None
            node = child
        return node

    def find_as_xen(self, path: str) -> Node | None:
        """The node that Xen finds for a path: the first whose whole path equals it in any case.

        Source: dt_find_node_by_path, which compares whole paths with dt_node_cmp (strcasecmp).
        """
        return self._by_lower_path.get(path.lower())

    @cached_property
    def _by_lower_path(self) -> dict[str, Node]:
        index: dict[str, Node] = {}
        for node in self.nodes():
            index.setdefault(node.path.lower(), node)
        return index

    @cached_property
    def phandles(self) -> dict[int, Node]:
        """Phandle to node; of two nodes with one phandle the first counts, as for Xen and Linux."""
        index: dict[int, Node] = {}
        for node in self.nodes():
            phandle = node.phandle
            if phandle is not None:
                index.setdefault(phandle, node)
        return index

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The properties of /aliases: name to path (section 3.3)."""
        node = self.root.children.get("aliases")
        entries = ((name, node.text(name)) for name in node.properties) if node else ()
        return {name: path for name, path in entries if path and path.startswith("/")}

    @cached_property
    def labels(self) -> dict[str, str]:
        """The properties of /__symbols__, label to path; only blobs of ``dtc -@`` have them."""
        node = self.root.children.get("__symbols__")
        entries = ((name, node.text(name)) for name in node.properties) if node else ()
        return {name: path for name, path in entries if path and path.startswith("/")}

    @cached_property
    def labels_of(self) -> dict[str, str]:
        """Path to its first label."""
        index: dict[str, str] = {}
        for label, path in self.labels.items():
            index.setdefault(path, label)
        return index
