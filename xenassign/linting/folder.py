"""A folder as the files of one system: those of the domains, the board, and the plans beside them.

Of a source and its blob only the source is judged, since it has places and waivers, if the two are
the same tree. The folders below are systems of their own, as those of ``generate --per-host``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.errors import InputError, UsageError, reason_of
from xenassign.findings import ROUTES
from xenassign.host.load import read_file
from xenassign.linting.composition import is_of_another_program
from xenassign.linting.documents import Document, TreeFile, read_document
from xenassign.planning.plan import SCHEMA
from xenassign.reading import MAX_SIZE
from xenassign.request.request import Request
from xenassign.xen.releases import UPSTREAM, Release, release

_BLOB_OF = {"dts": "dtb", "dtso": "dtbo"}
_SUFFIXES = (*_BLOB_OF, *_BLOB_OF.values(), "cfg")
#: Nodes that dtc adds for labels.
_OF_LABELS = ("__symbols__", "__fixups__", "__local_fixups__")


class DomainFacts(NamedTuple):
    """What the request of a domain states and its files do not. ``memory``: MiB.

    ``kconfig``: the options that Xen is built with, since the domain requires them.
    """

    name: str
    release: Release
    routes: tuple[str, ...] = ROUTES
    memory: int | None = None
    vcpus: int | None = None
    drivers: frozenset[str] | None = None
    xen_console: str | None = None
    kconfig: frozenset[str] = frozenset()


class Folder(NamedTuple):
    """The files of a folder. ``boards``: trees of boards, which may have domains too."""

    path: str
    documents: tuple[Document, ...]
    boards: tuple[TreeFile, ...]
    facts: tuple[DomainFacts, ...]


def facts_of(request: Request) -> DomainFacts:
    """The facts of a domain of a request."""
    return DomainFacts(
        request.name,
        request.release,
        request.routes,
        request.memory,
        request.vcpus,
        request.drivers,
        request.xen_console,
        request.kconfig,
    )


def read_folders(path: str, include: tuple[str, ...]) -> list[Folder]:
    """A folder and those below it that have files to judge.

    Raises InputError if there is none, and for a file that can't be read.
    """
    folders = [_read(folder, include) for folder in _with_folders(Path(path))]
    kept = [folder for folder in folders if folder.documents]
    if not kept:
        raise InputError(
            f"{path}: nothing here to judge: the folder has no partial device tree, xl"
            " configuration or domain of /chosen; write them with `xenassign generate`, or give"
            " another folder"
        )
    return kept


def _with_folders(path: Path) -> Iterator[Path]:
    yield path
    for below in _entries(path):
        if below.is_dir() and not below.is_symlink() and not below.name.startswith("."):
            yield from _with_folders(below)


def _entries(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}; give a folder that can be read") from None


def _read(path: Path, include: tuple[str, ...]) -> Folder:
    files = {file.name: file for file in _entries(path) if file.is_file()}
    documents = (
        read_document(str(file), include) for name, file in files.items() if is_judged(name)
    )
    kept = without_equal_blobs(documents)
    trees = [document for document in kept if isinstance(document, TreeFile)]
    boards = tuple(tree for tree in trees if tree.is_of_host)
    judged = tuple(d for d in kept if not (isinstance(d, TreeFile) and d.is_board))
    plans = (facts_in(file) for name, file in files.items() if file.suffix == ".json")
    return Folder(str(path), judged, boards, tuple(facts for facts in plans if facts is not None))


def is_judged(name: str) -> bool:
    """Whether a file of a folder is judged, by its name."""
    return "." in name and name.rpartition(".")[2] in _SUFFIXES


def without_equal_blobs(documents: Iterable[Document]) -> tuple[Document, ...]:
    """The documents of a folder without blobs that are compiled of one of the sources.

    The configurations of ImageBuilder and of Xen's EFI loader are left out too.
    """
    named = {document.file: document for document in documents}
    for name in list(named):
        stem, _, suffix = name.rpartition(".")
        blob = f"{stem}.{_BLOB_OF[suffix]}" if suffix in _BLOB_OF else None
        if blob in named and _same_tree(named[name], named[blob]):
            del named[blob]
    return tuple(document for document in named.values() if not is_of_another_program(document))


def _same_tree(source: Document, blob: Document) -> bool:
    if not isinstance(source, TreeFile) or not isinstance(blob, TreeFile):
        return False
    if source.blob == blob.blob:
        return True
    if source.tree is None or blob.tree is None:
        return False
    pairs = [(source.tree.root, blob.tree.root)]
    while pairs:
        node, compiled = pairs.pop()
        if _values(node) != _values(compiled):
            return False
        if _names(node) != _names(compiled):
            return False
        pairs += [(node.children[name], compiled.children[name]) for name in _names(node)]
    return True


def _names(node: Node) -> list[str]:
    return [name for name in node.children if name not in _OF_LABELS]


def _values(node: Node) -> dict[str, bytes]:
    return {name: prop.value for name, prop in node.properties.items()}


def facts_in(file: Path) -> DomainFacts | None:
    """The facts of NAME.json; None for another file."""
    if file.stat().st_size > MAX_SIZE:
        return None
    try:
        plan = json.loads(read_file(str(file), str(file)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(plan, dict) or plan.get("schema") != SCHEMA:
        return None
    version, name = plan.get("xen"), plan.get("name")
    flavour = plan.get("xen_flavour", UPSTREAM)
    if not isinstance(version, str) or not isinstance(name, str) or not isinstance(flavour, str):
        return None
    try:
        xen = release(version, flavour)
    except UsageError:
        return None
    drivers, console = plan.get("iommu_drivers"), plan.get("xen_console")
    return DomainFacts(
        name,
        xen,
        tuple(route for route in ROUTES if route in _strings(plan.get("routes"))),
        _number(plan.get("memory_mb")),
        _number(plan.get("vcpus")),
        frozenset(_strings(drivers)) if drivers is not None else None,
        console if isinstance(console, str) else None,
        frozenset(_strings(plan.get("kconfig"))),
    )


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
