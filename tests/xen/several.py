"""Several guests of one dom0less boot, each with the files that xenassign wrote for it.

Nothing of a domain is written here: its node in /chosen is the overlay NAME.dom0less.dtso, to which
only the modules are added, as whoever loads them does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from xenassign.devicetree.blob import read_blob

from .boot import (
    CRASHED,
    DONE,
    STAND_IN,
    STAND_IN_RAMDISK,
    XEN_ARGUMENTS,
    Domain,
    Outcome,
    bootargs,
    built,
    guest_files,
    module,
    own,
    placed,
    spoken,
)
from .hosttree import compiled, with_chosen, with_overlay
from .machine import Machine, board
from .qemu import PLAIN, BootError, Console, Setup, running

Files = Mapping[str, bytes]

#: Of the machine; under QEMU more of them only take from one another.
_PROCESSORS = 1
#: The console's input is Xen's, so that no guest is in front: each of their lines is printed whole,
#: with the domain's number before it (vpl011_write_data_xen).
INPUT_TO_XEN = "conswitch=ax"


class Guest(NamedTuple):
    """A domain by its name, and what was generated for it, by ending.

    With a ``script`` it is Linux, else its ``kernel``: a stand-in that only waits, or an image that
    prints ``DONE`` at its end.
    """

    name: str
    files: Files
    script: str | None = None
    kernel: bytes = STAND_IN

    @property
    def speaks(self) -> bool:
        """Whether its end is awaited."""
        return self.script is not None or self.kernel is not STAND_IN


class Together(NamedTuple):
    """What came of one boot with several guests. ``guests``: by name, none where Xen refuses."""

    message: str  #: the first line that says why Xen refuses; empty when it builds all domains
    log: list[str]
    guests: dict[str, Outcome]


def boot_together(
    machine: Machine,
    host: bytes | None,
    guests: Sequence[Guest],
    seconds: float = 240,
    setup: Setup = PLAIN,
) -> Together:
    """Boots Xen with all guests at once. Raises BootError.

    ``host`` is the board's blob, QEMU's own when None; the overlays of all guests are applied to
    it. Ends when all guests that say something are done.
    """
    parts: list[list[bytes | Path]] = []
    for guest in guests:
        parts += _modules(machine, guest)
    loads, spans = placed(*parts)
    tree = with_chosen(
        board() if host is None else host,
        f'xen,xen-bootargs = "{XEN_ARGUMENTS} {INPUT_TO_XEN} {setup.bootargs}";',
    )
    for number, guest in enumerate(guests):
        tree = with_overlay(tree, guest.files["host.dtbo"])
        tree = with_overlay(tree, compiled(guest.files["dom0less.dtso"].decode()))
        tree = with_overlay(tree, _module_nodes(guest.name, spans[3 * number : 3 * number + 3]))
    names = numbered(tree)
    assert sorted(names.values()) == sorted(guest.name for guest in guests)
    awaited = {guest.name for guest in guests if guest.speaks}
    with running(machine.xen, tree, loads, _PROCESSORS, setup, seconds) as console:
        lines = iter(console)
        xen, refusal = built(lines, console, setup.routine)
        if refusal:
            return Together(refusal, console.log, {})
        said = said_by(lines, console, names, awaited)
        outcomes = {
            name: Outcome("accepted", "", xen, console.log, *spoken(text), console.seconds)
            for name, text in said.items()
        }
        return Together("", console.log, outcomes)


def numbered(tree: bytes) -> dict[int, str]:
    """The domains' names by the numbers that Xen gives them: the order of the nodes in /chosen.

    fdtoverlay puts a new node before its siblings, so that the last one applied is the first.
    """
    chosen = read_blob(tree).root.children["chosen"]
    domains = [node for node in chosen.children.values() if "xen,domain" in node.compatible]
    return {number: node.name for number, node in enumerate(domains, 1)}


def _modules(machine: Machine, guest: Guest) -> list[list[bytes | Path]]:
    """What is loaded for a guest: kernel, ramdisk, partial device tree, each in parts."""
    partial = guest.files["dtb"]
    if guest.script is None:
        return [[guest.kernel], [bytes(STAND_IN_RAMDISK)], [partial]]
    return [[machine.linux], [machine.guest, guest_files(guest.script)], [partial]]


def _module_nodes(name: str, spans: Sequence[tuple[int, int]]) -> bytes:
    """The overlay that adds the modules to a domain's node."""
    kernel, ramdisk, tree = spans
    nodes = f"""
    {module("kernel", kernel, f'bootargs = "{bootargs(Domain())}";')}
    {module("ramdisk", ramdisk)}
    {module("device-tree", tree)}"""
    return compiled(
        "/dts-v1/; /plugin/; / { fragment@0 {"
        f' target-path = "/chosen/{name}"; __overlay__ {{ {nodes} }}; }}; }};'
    )


def said_by(
    lines: Iterator[str], console: Console, names: Mapping[int, str], awaited: set[str]
) -> dict[str, list[str]]:
    """What each guest prints until all that are awaited are done."""
    said: dict[str, list[str]] = {name: [] for name in names.values()}
    marks = {f"DOM{number}: ": name for number, name in names.items()}
    left = set(awaited)
    while left:
        text = own(next(lines)) or ""
        if CRASHED in text:
            raise BootError("a guest crashed", console.log)
        mark, sign, line = text.partition(": ")
        name = marks.get(mark + sign)
        if name is not None:
            said[name].append(line)
            left -= {name} if line == DONE else set()
    return said
