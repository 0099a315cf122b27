"""Debian's kernel for the guests, with all of its modules, and Linux' own device trees of boards.

Image and modules come out of one package, so that they fit. All are kept below
``$XENASSIGN_CACHE/kernel``. The guests of all releases of Xen run the same kernel.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

from ..debian import (
    KERNEL,
    KERNEL_BASE,
    Facts,
    FetchError,
    cache_directory,
    contents,
    download,
    facts,
    kept,
)
from ..xen import initramfs
from ..xen.machine import UnavailableError, arm64_image
from .drivers import drivers

#: Of each suite the package that has its device trees.
_PACKAGES = {"trixie": KERNEL, "forky": KERNEL_BASE}
#: The suite whose kernel the guests run.
_GUEST = "trixie"

#: Folders of modules that no board's guest uses; they are most of them.
_UNUSED = frozenset({"gpu", "infiniband", "media", "sound", "wireless"})

#: The release of Linux that each suite's device trees are of.
TREES = {"trixie": "6.12", "forky": "7.2"}


def suite_of(linux: str) -> str:
    """The suite whose device trees are of this release of Linux."""
    return next(suite for suite, release in TREES.items() if release == linux)


@cache
def _directory(suite: str) -> Path:
    directory = cache_directory() / "kernel" / suite
    try:
        return kept(directory, lambda fresh, work: _fill(suite, fresh, work))
    except FetchError as error:
        raise UnavailableError(f"no kernel of {suite}: {error}") from None


def tree(suite: str, name: str) -> bytes:
    """The blob of a board: ``xilinx/zynqmp-zcu102-rev1.0.dtb``. Raises UnavailableError."""
    with zipfile.ZipFile(_directory(suite) / "files.zip") as files:
        try:
            return files.read(f"dtb/{name}")
        except KeyError:
            raise UnavailableError(f"Linux of {suite} has no {name}") from None


def image() -> Path:
    """The guests' Linux, a raw arm64 Image. Raises UnavailableError."""
    return _directory(_GUEST) / "Image"


def _release() -> str:
    """The kernel's own, as in /lib/modules."""
    return str((facts(_directory(_GUEST)) or {})["release"])


@cache
def modules(wanted: tuple[str, ...]) -> bytes:
    """An archive with modules, and those that they need, where modprobe looks for them.

    Debian's own, and those of drivers.py. Raises UnavailableError.
    """
    directory = _directory(_GUEST)
    release = _release()
    with zipfile.ZipFile(directory / "files.zip") as packed:
        known = {name.partition(".ko")[0].replace("-", "_") for name in packed.namelist()}
        own = {name for name in wanted if name.replace("-", "_") not in known}
        found = _Modules(packed, drivers(_GUEST, release) if own else {})
        files, needs = initramfs.modules(found, wanted)
    place = f"lib/modules/{release}"
    lines = [f"{name}: {' '.join(above)}\n" for name, above in needs.items()]
    placed: dict[str, bytes | str] = {f"{place}/{name}": data for name, data in files.items()}
    return initramfs.archive({**placed, f"{place}/modules.dep": "".join(lines).encode()})


def _fill(suite: str, fresh: Path, work: Path) -> Facts:
    package = _PACKAGES[suite]
    (deb,) = download(suite, [package], work)
    noted: Facts = {"package": deb.name}
    with zipfile.ZipFile(fresh / "files.zip", "w") as packed:
        for path, content in contents(deb):
            if path.name.startswith("vmlinuz-"):
                (fresh / "Image").write_bytes(arm64_image(content))
                noted["release"] = path.name.removeprefix("vmlinuz-")
            elif isinstance(content, bytes) and (name := _place(path)) is not None:
                packed.writestr(name, content)
    return noted


def _place(path: PurePosixPath) -> str | None:
    """``NAME.ko`` and ``dtb/VENDOR/BOARD.dtb``; None for what is neither."""
    if ".ko" in path.name:
        return None if _UNUSED.intersection(path.parts) else path.name
    if path.suffix == ".dtb":
        return f"dtb/{path.parts[-2]}/{path.name}"
    return None


class _Modules(Mapping[str, bytes]):
    """Modules by file name, read when they are used: members of an archive, and files."""

    def __init__(self, packed: zipfile.ZipFile, files: Mapping[str, Path]) -> None:
        self._packed, self._files = packed, files
        self._names = dict.fromkeys([*packed.namelist(), *files])

    def __getitem__(self, name: str) -> bytes:
        path = self._files.get(name)
        return self._packed.read(name) if path is None else path.read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def prepare(suites: Iterable[str] = _PACKAGES) -> list[Path]:
    """Fetches all that is not here. Raises UnavailableError."""
    directories = [_directory(suite) for suite in suites]
    drivers(_GUEST, _release())
    return directories
