"""What a board and its runs are: facts, from which files are generated and booted.

A run boots Xen once on a board, with one or several guests. Each device of a guest has a script,
which must print exactly the line that the table of the documentation shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..xen.machine import RELEASES


@dataclass(frozen=True)
class Device:
    """A device that is assigned, and what the guest's driver does with it."""

    path: str  #: as ``generate -d`` takes it
    driver: str  #: of Linux, by its name in /sys
    does: str
    """The line that the script prints when the driver has done its job."""
    script: str
    """For busybox' sh, run in the device's directory of /sys, with the functions of scripts.py."""
    modules: tuple[str, ...] = ()
    """Of Linux, each with its parameters, loaded before all scripts. Name no built-in ones."""
    options: dict[str, Any] = field(default_factory=dict)  #: keys of its [[domain.device]]
    guest_node: str = ""
    """The name of the guest's node that the driver binds to, where it is another: that of a node
    below, or with the address after translation."""
    programs: bool = False  #: whether its script needs those of programs.py

    @property
    def node(self) -> str:
        """The name of the guest's node that the driver binds to."""
        return self.guest_node or self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Guest:
    """A domain with its devices. It reports to a vPL011 unless one of the devices is its UART."""

    name: str
    devices: tuple[Device, ...]
    memory: int = 192  #: MiB
    options: dict[str, Any] = field(default_factory=dict)  #: keys of its [[domain]]
    console: str | None = None  #: Linux' name of the assigned UART that it reports to
    before: str = ""  #: a script before those of the devices
    uart: int = 0x22000000  #: the address of its vPL011; a direct-map domain has the host's


@dataclass(frozen=True)
class Run:
    """One boot."""

    name: str
    guests: tuple[Guest, ...]
    qemu: tuple[str, ...] = ()
    """More arguments for QEMU; ``{disk}`` is a file with the bytes of scripts.DISK, named disk, and
    ``{folder}`` the folder that it is in."""
    serials: tuple[str, ...] | None = None  #: other than the board's
    overlay: str = ""  #: source of one more overlay, after the board's
    releases: tuple[str, ...] = tuple(RELEASES.values())
    """Of Debian's Xen, those that can make it: 4.17 has 4096 bytes for a guest's tree."""
    kconfig: frozenset[str] = frozenset()
    """What Xen must be built with, as STATIC_MEMORY: then the run is made by hand."""
    by_hand: tuple[str, ...] = ()  #: releases of Xen that such a run was made with
    xl: bool = False  #: with a dom0, whose xl creates the guests; these load no modules


class Edit(NamedTuple):
    """A change of Linux' tree before ``generate`` reads it. The page says why it is required."""

    fdtput: str  #: arguments; FILE stands for the tree
    xen: str | None = None  #: for this release only


@dataclass(frozen=True)
class Board:
    """A board that QEMU emulates, with Linux' own device tree of it."""

    name: str
    title: str
    tree: str  #: of Linux: ``VENDOR/BOARD.dtb``; empty for QEMU's own
    machine: tuple[str, ...]  #: for QEMU: the value of ``-machine``, and more arguments
    memory: int  #: MiB
    modules_at: int  #: the address where kernels, ramdisks and trees are loaded from
    runs: tuple[Run, ...]
    processors: int = 1  #: that Xen uses
    serials: tuple[str, ...] = ("stdio",)
    """What QEMU's serial ports lead to: ``stdio`` is read; ``echo`` answers (see serial.py)."""
    overlay: str = ""  #: source of an overlay for the tree: what is connected to the board
    edits: tuple[Edit, ...] = ()  #: of Linux' tree, where QEMU or a release of Xen requires them
    silent: bool = False  #: whether Xen has no driver for a console; then a run has one guest
    bootargs: str = ""  #: more of them for Xen
    options: dict[str, Any] = field(default_factory=dict)  #: keys of xenassign.toml
    remarks: tuple[str, ...] = ()  #: paragraphs for the page, Markdown
