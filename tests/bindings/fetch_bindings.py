"""Linux' devicetree bindings, processed by dt-schema.

    python -m tests.bindings.fetch_bindings [--refresh]

downloads the kernel's source package of Debian trixie as tests/debian.py says (150 MB), has
dt-schema (a test dependency) process the bindings in it, and keeps the one file that comes of it
below ``$XENASSIGN_CACHE`` (``~/.cache/xenassign`` by default). A second run finds it there.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
from importlib.metadata import version as installed
from pathlib import Path, PurePosixPath

from ..debian import Facts, FetchError, cache_directory, contents, download, kept, version

SUITE = "trixie"
PACKAGE = "linux-source-6.12"
COMMAND = "python -m tests.bindings.fetch_bindings"

_BINDINGS = PurePosixPath("Documentation/devicetree/bindings")
_FILE = "processed-schema.json"


def fetch(*, refresh: bool = False) -> Path:
    """The processed bindings, made when they are not there. Raises FetchError.

    dt-schema refuses what another version of it processed, so each version has a directory.
    """
    directory = cache_directory() / "bindings" / f"{SUITE}-dtschema-{installed('dtschema')}"
    return kept(directory, _fill, refresh=refresh) / _FILE


def _fill(fresh: Path, work: Path) -> Facts:
    (deb,) = download(SUITE, [PACKAGE], work)
    archive = next(
        (
            data
            for path, data in contents(deb)
            if path.name.startswith(PACKAGE) and ".tar" in path.name
        ),
        None,
    )
    if not isinstance(archive, bytes):
        raise FetchError(f"{deb.name} has no source of the kernel; {COMMAND} needs another suite")
    count = _unpack(archive, work / "bindings")
    # The script of this Python's own environment, not one that happens to be on the PATH.
    script = Path(sys.executable).with_name("dt-mk-schema")
    command = [str(script), "-j", "-o", str(fresh / _FILE), str(work / "bindings")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FetchError(f"dt-mk-schema ended with {done.returncode} ({last}); install dtschema")
    return {"package": PACKAGE, "version": version(deb), "bindings": count}


def _unpack(archive: bytes, directory: Path) -> int:
    """Writes the .yaml files of the bindings; returns how many they are."""
    count = 0
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r|*") as members:
        for member in members:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if not (member.isreg() and path.suffix == ".yaml" and path.is_relative_to(_BINDINGS)):
                continue
            stream = members.extractfile(member)
            assert stream is not None
            place = directory / path.relative_to(_BINDINGS)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(stream.read())
            count += 1
    return count


def main() -> int:
    """The script."""
    parser = argparse.ArgumentParser(description="Fetch and process Linux' devicetree bindings.")
    parser.add_argument("--refresh", action="store_true", help="fetch and process them again")
    try:
        print(fetch(refresh=parser.parse_args().refresh))
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
