"""The device trees of real boards: all .dtb files of Debian's arm64 kernel.

    python -m tests.corpus.fetch_boards [--refresh]

downloads the kernel package of Debian trixie for arm64 as tests/debian.py says, keeps its .dtb
files below ``$XENASSIGN_CACHE`` (``~/.cache/xenassign`` by default), and prints where they are.
A second run finds the boards there and does nothing.

``XENASSIGN_BOARDS=DIR`` names a directory that has .dtb files already; then nothing is fetched.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path, PurePosixPath

from ..debian import KERNEL, Facts, FetchError, cache_directory, contents, download, kept, version

SUITE = "trixie"
COMMAND = "python -m tests.corpus.fetch_boards"

_OTHERWISE = "or set XENASSIGN_BOARDS to a directory of .dtb files"


def boards(directory: Path) -> list[Path]:
    """The .dtb files below a directory, in a fixed order."""
    found = [path for path in directory.rglob("*.dtb") if path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(directory).as_posix())


def fetch(*, refresh: bool = False) -> Path:
    """The directory of boards, fetched when they are not there. Raises FetchError."""
    named = os.environ.get("XENASSIGN_BOARDS")
    if named and not refresh:
        directory = Path(named).expanduser()
        if not boards(directory):
            raise FetchError(
                f"XENASSIGN_BOARDS={named}: no .dtb file there; unset it or name another directory"
            )
        return directory
    directory = cache_directory() / "boards" / SUITE
    try:
        return kept(directory, _fill, _is_whole, refresh=refresh)
    except FetchError as error:
        raise FetchError(f"{error}, {_OTHERWISE}") from None


def _is_whole(directory: Path, noted: Facts) -> bool:
    return noted.get("boards") == len(boards(directory))


def _fill(fresh: Path, work: Path) -> Facts:
    """Writes the .dtb files of the kernel's package as VENDOR/BOARD.dtb."""
    (deb,) = download(SUITE, [KERNEL], work)
    count = 0
    for name, content in contents(deb):
        place = _place(name)
        if place is not None and isinstance(content, bytes):
            path = fresh / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            count += 1
    if not count:
        raise FetchError(f"{deb.name} has no .dtb files; {COMMAND} needs another suite")
    return {"package": deb.name.partition("_")[0], "version": version(deb), "boards": count}


def _place(path: PurePosixPath) -> PurePosixPath | None:
    """Where a file of the package goes: its path below the kernel's directory of device trees."""
    if path.suffix != ".dtb" or ".." in path.parts:
        return None
    above = [i for i, part in enumerate(path.parts) if part.startswith("linux-image-")]
    return PurePosixPath(*path.parts[above[-1] + 1 :]) if above else None


def main() -> int:
    """The script."""
    parser = argparse.ArgumentParser(
        description="Fetch the board device trees of Debian's arm64 kernel."
    )
    parser.add_argument("--refresh", action="store_true", help="fetch again, for a newer kernel")
    arguments = parser.parse_args()
    try:
        directory = fetch(refresh=arguments.refresh)
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{directory}: {len(boards(directory))} boards")
    return 0


if __name__ == "__main__":
    sys.exit(main())
