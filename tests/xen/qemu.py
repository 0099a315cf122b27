"""One run of QEMU: the hypervisor, a device tree, files in memory, and the lines of its console."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from .machine import BOARD, QEMU

#: Lines of the log that an error shows.
_SHOWN = 30

#: All limits of time are as many times longer: for a machine that does other things too.
PATIENCE_VARIABLE = "XENASSIGN_PATIENCE"


class BootError(Exception):
    """A boot that gave no clear answer. The text ends with the last lines of the log."""

    def __init__(self, what: str, log: Sequence[str]) -> None:
        self.log = [*log]
        super().__init__("\n  ".join([f"{what}; the last lines of the log:", *log[-_SHOWN:]]))


class NoAnswerError(BootError):
    """A boot that did not end within its time."""


class Load(NamedTuple):
    """Bytes, or a file, that lie in the machine's memory from the start, at an address."""

    content: bytes | Path
    address: int


@dataclass(frozen=True)
class Setup:
    """What a caller may change of the emulated machine."""

    memory: int = 1024  #: of the machine, MiB
    emulator: tuple[str, ...] = (QEMU, *BOARD)  #: the command, with the board that it emulates
    serials: tuple[str, ...] = ("stdio",)  #: what its serial ports lead to; one is stdio
    arguments: tuple[str, ...] = ()  #: more of them for QEMU
    loads: tuple[Load, ...] = ()  #: more of them; the harness's own begin at 0x49000000
    bootargs: str = ""  #: more of them for Xen
    chosen: str = ""  #: more source text for /chosen, beside a dom0
    routine: str = ""  #: a regular expression of lines that Xen may print besides the known ones


#: The machine as it is.
PLAIN = Setup()


class Console:
    """The lines of a serial port as they come; iterating ends with a BootError, never by itself.

    ``log`` has all lines so far.
    """

    def __init__(self, stream: IO[bytes], seconds: float) -> None:
        self.log: list[str] = []
        self._stream = stream
        self._start = time.monotonic()
        self._limit = seconds * float(os.environ.get(PATIENCE_VARIABLE, "1"))

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._start

    def __iter__(self) -> Iterator[str]:
        rest = b""
        while True:
            *lines, rest = (rest + self._read(rest)).replace(b"\r", b"").split(b"\n")
            for line in lines:
                self.log.append(line.decode(errors="backslashreplace"))
                yield self.log[-1]

    def _read(self, rest: bytes) -> bytes:
        """What has come, at least a byte. ``rest`` is what came before it without a line's end."""
        left = max(0.0, self._limit - self.seconds)
        log = [*self.log, rest.decode(errors="backslashreplace")]
        if not select.select([self._stream], [], [], left)[0]:
            raise NoAnswerError(f"no answer within {self._limit:.0f} seconds", log)
        data = os.read(self._stream.fileno(), 1 << 16)
        if not data:
            raise BootError("QEMU ended early", log)
        return data


#: How often QEMU was started by this process.
started = Counter[str]()


@contextmanager
def running(
    xen: Path, host: bytes, loads: Sequence[Load], processors: int, setup: Setup, seconds: float
) -> Iterator[Console]:
    """Runs Xen with a host's device tree until the end of the ``with`` block."""
    with tempfile.TemporaryDirectory(prefix="xenassign-") as name:
        tree = Path(name) / "host.dtb"
        tree.write_bytes(host)
        arguments = ["-kernel", str(xen), "-dtb", str(tree)]
        with _qemu(arguments, loads, processors, setup, seconds) as console:
            yield console


@contextmanager
def booting(
    uboot: Path, disk: Path, loads: Sequence[Load], processors: int, setup: Setup, seconds: float
) -> Iterator[Console]:
    """Runs U-Boot, with a disk that has the files of a directory, until the end of the block.

    QEMU makes a FAT partition of the directory. U-Boot runs the boot.scr that it finds there.
    """
    drive = f"file=fat:{str(disk).replace(',', ',,')},format=raw,if=none,id=disk,readonly=on"
    arguments = ["-bios", str(uboot), "-drive", drive, "-device", "virtio-blk-device,drive=disk"]
    with _qemu(arguments, loads, processors, setup, seconds) as console:
        yield console


@contextmanager
def _qemu(
    arguments: Sequence[str], loads: Sequence[Load], processors: int, setup: Setup, seconds: float
) -> Iterator[Console]:
    with tempfile.TemporaryDirectory(prefix="xenassign-") as name:
        # Linux ends QEMU when the thread that started it ends, even if that is killed.
        command = ["setpriv", "--pdeathsig", "KILL", *setup.emulator]
        command += ["-smp", str(processors), "-m", f"{setup.memory}M", "-no-reboot"]
        command += ["-display", "none", "-monitor", "none"]
        command += [word for port in setup.serials for word in ("-serial", port)]
        command += arguments
        for number, load in enumerate([*loads, *setup.loads]):
            path = load.content
            if isinstance(path, bytes):
                path = Path(name) / f"load{number}"
                path.write_bytes(load.content if isinstance(load.content, bytes) else b"")
            quoted = str(path).replace(",", ",,")
            command += ["-device", f"loader,file={quoted},addr={load.address:#x},force-raw=on"]
        started["boots"] += 1
        with subprocess.Popen(
            [*command, *setup.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as qemu:
            assert qemu.stdout is not None
            try:
                yield Console(qemu.stdout, seconds)
            finally:
                qemu.kill()
