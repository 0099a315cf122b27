"""The domains of a System Device Tree: the nodes below /domains."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenassign.devicetree.cells import ADDRESS_CELLS, SIZE_CELLS, cell_count
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.errors import InputError
from xenassign.request.described.facts import (
    DOMAIN_TEXTS,
    NOT_CARRIED,
    XEN_TEXTS,
    Access,
    Cpus,
    Described,
    MemoryBank,
    Note,
    flag_notes,
)

#: Properties that are read, or that only say how others are read.
_KNOWN = {
    "compatible", "cpus", "memory", "access", "id", "os,type", "phandle", "linux,phandle", "label",
    "#address-cells", "#size-cells", "ranges", "reg", "status", "lopper-label-0", "parent",
    "#access-flags-cells", "#memory-flags-cells", "#sram-flags-cells",
    "#access-implicit-default-cells", "#memory-implicit-default-cells",
    "#sram-implicit-default-cells", *XEN_TEXTS, *DOMAIN_TEXTS,
}  # fmt: skip
_SECURE = 1 << 31
_LEVEL = 0b11  # of the execution level of Cortex-A


def read_system_tree(tree: Tree) -> tuple[Described, ...]:
    """The domains, each after the one around it. Raises InputError if there are none."""
    root = tree.find("/domains")
    domains = tuple(_below(tree, root, None)) if root is not None else ()
    if not domains:
        raise InputError(
            f"{tree.file}: /domains has no domain; give a System Device Tree with the domains, or a"
            " domains.yaml with --from-domains"
        )
    return domains


def runs_xen(cluster: Node) -> bool:
    """Whether Xen can run on a cluster: one of Cortex-A or Neoverse.

    The first ``compatible`` counts: trees say ``arm,armv8`` of a Cortex-R5 too.
    """
    cores = [child for child in cluster.children.values() if child.base_name == "cpu"]
    names = [name for core in cores for name in core.compatible[:1]]
    if not names:
        return cluster.path == "/cpus"
    return any(re.match(r"arm,(cortex-a|neoverse|armv8$|armv9$)", name) for name in names)


def _below(tree: Tree, node: Node, parent: Described | None) -> Iterator[Described]:
    for child in node.children.values():
        if any(child.has(name) for name in ("compatible", "cpus", "access", "memory", "id")):
            domain = _DomainNode(tree, child).domain(parent)
            yield domain
            yield from _below(tree, child, domain)
        elif child.base_name not in {"chosen", *NOT_CARRIED}:
            yield from _below(tree, child, parent)


class _DomainNode:
    """Reads one domain, and notes what is malformed instead of raising."""

    def __init__(self, tree: Tree, node: Node) -> None:
        self._tree, self._node = tree, node
        self._notes: list[Note] = []
        self._flagged: list[tuple[str, str, str]] = []

    def domain(self, parent: Described | None) -> Described:
        node = self._node
        label = self._tree.labels_of.get(node.path)
        access = tuple(self._access())
        memory = tuple(self._memory())
        cpus = tuple(self._cpus())
        texts = {n: t for n in (*XEN_TEXTS, *DOMAIN_TEXTS) if (t := self._text(node, n))}
        chosen = next(
            (child for child in node.children.values() if child.base_name == "chosen"), None
        )
        if chosen is not None and (line := self._text(chosen, "bootargs")):
            texts.setdefault("xen,kernel-cmdline", line)
        self._left_out()
        self._notes += flag_notes(self._flagged)
        about = [node.path]
        if node.has("id"):
            about.append(f"id {'.'.join(map(hex, self._cells('id')))}")
        if kind := self._text(node, "os,type"):
            about.append(f"os,type {kind}")
        return Described(
            label or node.base_name,
            self._place(),
            parent,
            node.compatible,
            cpus,
            memory,
            access,
            texts,
            tuple(about),
            tuple(self._notes),
        )

    def _place(self, name: str = "") -> str:
        return f"{self._tree.file}: {self._node.path}{': ' if name else ''}{name}"

    def _note(self, name: str, text: str) -> None:
        self._notes.append(Note(self._place(name), text))

    def _cells(self, name: str) -> tuple[int, ...]:
        try:
            return self._node.cells(name) if self._node.has(name) else ()
        except PropertyError as error:
            self._note(name, f"{error}; it is left out")
            return ()

    def _text(self, node: Node, name: str) -> str | None:
        prop = node.get(name)
        try:
            return prop.string() if prop is not None and prop.value.strip(b"\0") else None
        except PropertyError as error:
            self._note(name, f"{error}; it is left out")
            return None

    def _count(self, name: str) -> int:
        values = self._cells(name)
        return values[0] if len(values) == 1 and values[0] <= 16 else 0

    def _entries(self, name: str, width: int) -> Iterator[tuple[int, ...]]:
        """The entries of a property, ``width`` cells each."""
        values = self._cells(name)
        if len(values) % width:
            self._note(name, f"{len(values)} cells, not a multiple of {width}; fix the property")
        for at in range(0, len(values) - width + 1, width):
            yield values[at : at + width]

    def _access(self) -> Iterator[Access]:
        prop = self._node.get("access")
        if prop is not None and prop.value.lstrip().startswith((b"[", b"{")):
            text = "the JSON of an expanded domains.yaml; give that file with --from-domains"
            self._note("access", text)
            return
        for phandle, *flags in self._entries("access", 1 + self._flags()):
            node = self._tree.phandles.get(phandle)
            if node is None:
                self._note("access", f"no node has the phandle {phandle:#x}; it is left out")
                continue
            shown = " ".join(map(hex, flags)) if any(flags) else ""
            self._flagged.append((self._place("access"), node.path, shown))
            yield Access(self._place("access"), node.path, path=node.path)

    def _flags(self) -> int:
        """The cells of flags. Lopper always reads one, also where the property is missing."""
        if self._node.has("#access-flags-cells"):
            return self._count("#access-flags-cells")
        values = self._cells("access")
        alternate = len(values) % 2 == 0 and all(v in self._tree.phandles for v in values[::2])
        return int(alternate and any(v not in self._tree.phandles for v in values[1::2]))

    def _memory(self) -> Iterator[MemoryBank]:
        above = self._node.parent
        assert above is not None
        try:
            widths = [cell_count(self._cells_of(n), n) for n in (ADDRESS_CELLS, SIZE_CELLS)]
        except PropertyError as error:
            self._note("memory", f"{error}; it is left out")
            return
        flags = self._count("#memory-flags-cells")
        for entry in self._entries("memory", sum(widths) + flags):
            if any(entry[sum(widths) :]):
                self._note("memory", "flags are for bus firewalls; Xen has none")
            numbers = (entry[: widths[0]], entry[widths[0] : sum(widths)])
            start, size = (int.from_bytes(b"".join(c.to_bytes(4, "big") for c in n), "big")
                           for n in numbers)  # fmt: skip
            yield MemoryBank(self._place("memory"), start, size)

    def _cells_of(self, name: str) -> Node:
        """The node whose cells ``memory`` has: the nearest around the domain that states them."""
        above = self._node.parent
        while above is not None and above.parent is not None and not above.has(name):
            above = above.parent
        assert above is not None
        return above

    def _cpus(self) -> Iterator[Cpus]:
        for phandle, mask, mode in self._entries("cpus", 3):
            cluster = self._tree.phandles.get(phandle)
            if cluster is None:
                self._note("cpus", f"no node has the phandle {phandle:#x}; it is left out")
                continue
            yield Cpus(
                self._place("cpus"),
                self._tree.labels_of.get(cluster.path, cluster.path),
                mask,
                mode & _LEVEL,
                bool(mode & _SECURE),
                runs_xen(cluster),
            )

    def _left_out(self) -> None:
        for name in [
            *self._node.properties,
            *(child.base_name for child in self._node.children.values()),
        ]:
            if name in NOT_CARRIED:
                self._note(name, f"not carried: {NOT_CARRIED[name]}")
            elif name in self._node.properties and name not in _KNOWN:
                self._note(name, "not carried: it is not known")
