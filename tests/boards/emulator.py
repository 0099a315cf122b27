"""A QEMU that is new enough for the boards, of Debian's own packages; nothing is installed.

The packages are those of this machine's architecture, with all libraries that they need, through
this system's own apt (tests/debian.py). They are kept below ``$XENASSIGN_CACHE/qemu`` and run from
there. ``XENASSIGN_QEMU`` names a qemu-system-aarch64 to use instead.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..debian import (
    Facts,
    FetchError,
    cache_directory,
    contents,
    download_with_dependencies,
    kept,
    own_architecture,
)
from ..xen.machine import QEMU, UnavailableError

SUITE = "forky"
_PACKAGE = "qemu-system-arm"
_PROGRAM = PurePosixPath("usr/bin", QEMU)
_DATA = PurePosixPath("usr/share/qemu")
_LOADER = re.compile(r"ld-linux-.*\.so\.\d+")
_LIBRARY_FOLDERS = ("lib", "usr/lib")


class Emulator(NamedTuple):
    """A QEMU: its command, its version, and the names of the machines that it emulates."""

    command: tuple[str, ...]
    version: str
    machines: frozenset[str]


@cache
def emulator() -> Emulator:
    """The QEMU to boot boards with. Raises UnavailableError."""
    named = os.environ.get("XENASSIGN_QEMU")
    command = (named,) if named else _fetched()
    try:
        version = re.search(r"version (\S+)", _output(*command, "--version"))
        listed = _output(*command, "-machine", "help").splitlines()[1:]
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnavailableError(f"QEMU does not run: {error}; unset XENASSIGN_QEMU") from None
    machines = frozenset(line.split()[0] for line in listed if line.strip())
    return Emulator(command, version[1] if version else "?", machines)


@cache
def own_tree(machine: tuple[str, ...]) -> bytes:
    """The device tree that a machine makes, without the free space that QEMU leaves in it."""
    name, *arguments = machine
    with tempfile.TemporaryDirectory(prefix="xenassign-") as work:
        blob = Path(work) / "board.dtb"
        value = f"{name},dumpdtb={str(blob).replace(',', ',,')}"
        command = [*emulator().command, "-machine", value, *arguments, "-display", "none"]
        subprocess.run(command, check=True, capture_output=True)
        pack = ["dtc", "-q", "-I", "dtb", "-O", "dtb", str(blob)]
        return subprocess.run(pack, check=True, capture_output=True).stdout


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _fetched() -> tuple[str, ...]:
    """The command that runs the packages' QEMU."""
    directory = _directory()
    # QEMU 11.1 sleeps in WFE; with a thread for each processor a SEV was lost now and then.
    threads = ("-accel", "tcg,thread=single")
    return (*with_libraries(directory / QEMU), *threads, "-L", str(directory / "share"))


def with_libraries(program: Path) -> tuple[str, ...]:
    """The command that runs a program of this architecture with the packages' libraries."""
    libraries = _directory() / "lib"
    (loader,) = (path for path in libraries.iterdir() if _LOADER.fullmatch(path.name))
    return (str(loader), "--library-path", str(libraries), str(program))


@cache
def _directory() -> Path:
    try:
        architecture = own_architecture()
        directory = cache_directory() / "qemu" / f"{SUITE}-{architecture}"
        return kept(directory, lambda fresh, work: _fill(architecture, fresh, work))
    except FetchError as error:
        raise UnavailableError(f"no QEMU of {SUITE}: {error}") from None


def _fill(architecture: str, fresh: Path, work: Path) -> Facts:
    for name in ("lib", "share"):
        (fresh / name).mkdir()
    debs = download_with_dependencies(SUITE, _PACKAGE, work, architecture)
    for deb in debs:
        for path, content in contents(deb):
            _put(path, content, fresh)
    return {"packages": [deb.name.removesuffix(".deb") for deb in debs]}


def _put(path: PurePosixPath, content: bytes | str, fresh: Path) -> None:
    """Writes a file of a package, if QEMU requires it."""
    place: Path | None = None
    if path == _PROGRAM:
        place = fresh / QEMU
    elif path.is_relative_to(_DATA):
        place = fresh / "share" / path.relative_to(_DATA)
    elif ".so" in path.name and str(path.parent.parent) in _LIBRARY_FOLDERS:
        place = fresh / "lib" / path.name
        if isinstance(content, str):
            content = PurePosixPath(content).name  # in the same folder here
    if place is None or (place.is_symlink() or place.exists()):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        place.symlink_to(content)
    else:
        place.write_bytes(content)
        place.chmod(0o755)
