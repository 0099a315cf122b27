"""What inputs are made of before they are mutated: small boards, and files for their devices.

A board is a shipped one, cut to a device and what that refers to: small enough for hundreds of
inputs a second, with the constructs of a real one. The files are xenassign's own of such a board.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.fuzz.execute import Case, run
from tests.xen.mutants.blob import Blob, RawNode

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "fixtures" / "host_dtbs"
EXAMPLES = REPOSITORY / "docs" / "examples"
DESCRIBED = REPOSITORY / "fixtures" / "system-device-tree"
BASES = REPOSITORY / "docs" / "rules" / "bases"

#: Properties that lead to what a device needs; with their names' endings.
_REFERENCES = frozenset(
    {
        *("clocks", "assigned-clocks", "assigned-clock-parents", "resets", "power-domains"),
        *("interrupt-parent", "interrupts-extended", "interrupt-map", "iommus", "iommu-map"),
        *("msi-parent", "msi-map", "memory-region", "pinctrl-0", "phys", "phy-handle", "mboxes"),
        *("interconnects", "remote-endpoint", "nvmem-cells", "shmem", "dmas"),
    }
)
_ENDINGS = ("-supply", "-gpios", "-gpio")
#: Nodes that each board keeps, by the beginning of their paths.
_ALWAYS = ("/chosen", "/aliases", "/memory", "/psci", "/timer", "/cpus", "/__symbols__")
_NODES_MAX = 40


class Board(NamedTuple):
    """A small board. ``device``: the path of the device that it was cut to; ``paths``: all."""

    name: str
    data: bytes
    device: str
    paths: tuple[str, ...]

    def blob(self) -> Blob:
        """The tree, to be changed."""
        return Blob.read(self.data)


def board(random: Random) -> Board:
    """One of the small boards."""
    while True:
        name, device = random.choice(_devices())
        made = _cut(name, device)
        if made is not None:
            return made


@cache
def _devices() -> tuple[tuple[str, str], ...]:
    """A device of each kind of the shipped boards, by ``compatible``."""
    devices: dict[bytes, tuple[str, str]] = {}
    for path in sorted(SHIPPED.glob("*.dtb")):
        for place in _shipped(path.stem).root.walk():
            compatible = place.node.get("compatible")
            if place.parent is not None and compatible is not None:
                devices.setdefault(compatible, (path.stem, place.path))
    return tuple(devices.values())


def warm() -> None:
    """Makes all boards and files, which processes then share."""
    for name, device in _devices():
        made = _cut(name, device)
        if made is not None:
            _generated(made)


@cache
def _shipped(name: str) -> Blob:
    """The tree of a shipped board, to be read only."""
    return Blob.read((SHIPPED / f"{name}.dtb").read_bytes())


@cache
def _cut(name: str, device: str) -> Board | None:
    """A board with one device of a shipped board; None if that is too much for a small board."""
    blob = _shipped(name)
    places = {place.path: place.node for place in blob.root.walk()}
    by_phandle = {node.get("phandle"): path for path, node in places.items()}
    by_phandle.pop(None, None)
    kept = {path for path in places if path == "/" or path.startswith(_ALWAYS)}
    kept -= {path for path in kept if path.startswith("/cpus/") and not path.endswith("@0")}
    kept |= {path for path in places if path.startswith(f"{device}/")}
    todo = [device, *kept]
    while todo:
        path = todo.pop()
        for above in (path, *_above(path)):
            if above not in kept or above == path:
                kept.add(above)
                todo += [to for to in _leads_to(places[above], by_phandle) if to not in kept]
    if len(kept) > _NODES_MAX:
        return None
    small = replace(blob, root=_pruned(blob.root, "", kept))
    paths = tuple(place.path for place in small.root.walk())
    return Board(f"{name}:{device}", small.write(), device, paths)


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path


def _leads_to(node: RawNode, by_phandle: Mapping[bytes | None, str]) -> Iterator[str]:
    for name, value in node.properties:
        if name in _REFERENCES or name.endswith(_ENDINGS):
            cells = (value[at : at + 4] for at in range(0, len(value) - 3, 4))
            yield from (by_phandle[cell] for cell in cells if cell in by_phandle)


def _pruned(node: RawNode, path: str, kept: set[str]) -> RawNode:
    properties = node.properties
    if path in {"/aliases", "/__symbols__"}:
        properties = [
            (name, value)
            for name, value in properties
            if value.rstrip(b"\0").decode(errors="replace") in kept or name == "ghost0"
        ]
    kept_children = [child for child in node.children if f"{path}/{child.name}" in kept]
    children = [_pruned(child, f"{path}/{child.name}", kept) for child in kept_children]
    return RawNode(node.name, properties, children)


#: What every set of files is generated with; ImageBuilder's configuration is one of them.
REQUEST = (
    *("--name", "domu1", "--memory", "512", "--vcpus", "1", "--kernel", "Image"),
    *("--iommu-policy", "trust", "--map", "auto", "--memory-region", "drop"),
)


class Made(NamedTuple):
    """A board, and what xenassign makes of it, by file name."""

    board: Board
    files: Mapping[str, bytes]


def made(random: Random) -> Made:
    """A board that xenassign accepts, with its files."""
    while True:
        chosen = board(random)
        files = _generated(chosen)
        if files:
            return Made(chosen, files)


@cache
def _generated(chosen: Board) -> Mapping[str, bytes]:
    """The files that generate writes for a board; empty if it refuses the device."""
    command = ("generate", "board.dtb", "-d", chosen.device, *REQUEST, "-o", "out")
    shared = ("--allow-shared-page", chosen.device)
    for more in (("--imagebuilder", *shared), ()):
        case = Case({"board.dtb": chosen.data}, ((*command, *more),))
        (result,) = run(case)
        if result.raised is None and result.status == 0:
            return {name.removeprefix("out/"): data for name, data in result.written.items()}
    return {}


def project(chosen: Board) -> str:
    """A xenassign.toml with the device of a board."""
    return (
        'host = "board.dtb"\nxen = "4.20"\n\n[[domain]]\nname = "domu1"\nmemory = 512\nvcpus = 1\n'
        'map = "auto"\niommu-policy = "trust"\nmemory-region = "drop"\n\n'
        f'[[domain.device]]\npath = "{chosen.device}"\n'
    )


def system(chosen: Board) -> str:
    """A xenassign.toml with the device of a board, and all that dom0less domains have besides."""
    whole = project(chosen).replace('"4.20"', '"4.22"\nroute = "dom0less"\nformat = 1')
    return (
        f'{whole}\n[domain.dom0less]\n"xen,enhanced" = "no-xenstore"\nmax_grant_frames = 16\n\n'
        '[[domain.shared-memory]]\nid = "ring"\nrole = "owner"\nsize = "64K"\n\n'
        '[[domain.event-channel]]\nto = "second"\nport = 10\n\n'
        '[[domain]]\nname = "second"\nmemory = 128\nvcpus = 1\ncpus = "0"\ncpu-pool = "rt"\n\n'
        '[[domain.shared-memory]]\nid = "ring"\nrole = "borrower"\n\n'
        '[[domain.line]]\ninterrupt = "SPI 170"\ntrigger = "edge-rising"\nreason = "x"\n\n'
        '[[domain.page]]\naddress = 0xf00000000\nsize = "64K"\nmap = "auto"\nreason = "x"\n\n'
        '[[cpu-pool]]\nname = "rt"\ncpus = "0"\nscheduler = "null"\n\n'
        '[[forbid]]\nkind = ["gpu", "display"]\nreason = "x"\n\n'
        f'[[require]]\ndevice = "{chosen.device}"\nmax-domains = 1\nreason = "x"\n'
    )


@cache
def lock(chosen: Board) -> bytes:
    """The lock that generate writes with ``project``; empty if it refuses."""
    files = {"board.dtb": chosen.data, "xenassign.toml": project(chosen).encode()}
    case = Case(files, (("generate", "-c", "xenassign.toml", "-o", "out"),))
    (result,) = run(case)
    return result.written.get("xenassign.lock", b"")


@cache
def texts(suffix: str) -> tuple[str, ...]:
    """The hand-written files of the documents with that ending, by name."""
    paths = [path for folder in (EXAMPLES, BASES) for path in sorted(folder.rglob(f"*{suffix}"))]
    return tuple(path.read_text(encoding="utf-8") for path in paths)
