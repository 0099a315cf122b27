"""The real libxlutil, of Debian's packages for this machine, asked through a process of its own.

    python -m tests.libxlutil.judge

prepares that of Xen 4.17 (Debian bookworm) and 4.20 (trixie) and prints what is ready. The packages
come through this system's own apt, nothing is installed (tests/debian.py); their libraries are kept
below ``$XENASSIGN_CACHE/libxlutil``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..debian import (
    Facts,
    FetchError,
    cache_directory,
    contents,
    download,
    facts,
    kept,
    own_architecture,
)

COMMAND = "python -m tests.libxlutil.judge"

#: Xen's release in each suite of Debian.
RELEASES = {"bookworm": "4.17", "trixie": "4.20"}

#: libxenmisc has libxlutil; the rest is what that needs, down to the C library.
_PACKAGES = (
    "libxenmisc{0} libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1"
    " libxenhypfs1 libxenstore4 libxentoolcore1 libxentoollog1 libyajl2 libuuid1 zlib1g liblzma5"
    " libzstd1 libbz2-1.0 libfdt1 libc6"
)
_LOADERS = ("ld-linux*.so.*", "ld64.so.*")
_LIBRARIES = re.compile(r"(^|/)(usr/)?lib(64)?/([^/]+-linux-gnu[^/]*/)?[^/]+$")
_SERVER = Path(__file__).with_name("server.py")


class UnavailableError(Exception):
    """libxlutil can't be had here. One line that says why, and the command that mends it."""


class Answer(NamedTuple):
    """What libxlutil makes of a text.

    ``status`` 0: it was read, and ``values`` has what was asked for; None: it aborted. ``line``:
    that of the first message. Texts are bytes as latin-1.
    """

    status: int | None
    said: str
    values: dict[str, dict[str, Any]]

    @property
    def line(self) -> int | None:
        """The line that the first message names."""
        found = re.match(r"f:(\d+): ", self.said)
        return int(found[1]) if found else None


class Judge:
    """libxlutil of one release."""

    def __init__(self, suite: str, directory: Path) -> None:
        self.suite, self.release = suite, RELEASES[suite]
        self._commands = _commands(directory)
        self._environment = {**os.environ, "LD_LIBRARY_PATH": str(directory / "xen")}
        self._process = self._start()

    def ask(self, data: bytes, names: list[str] | None = None) -> Answer:
        """What it makes of a text, and of these names; None: of all that could be names in it."""
        if names is None:
            names = sorted({n.decode() for n in re.findall(rb"[a-z][._0-9a-z]*", data)})
        question = json.dumps({"text": data.decode("latin-1"), "names": names})
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(question + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            self.close()
            self._process = self._start()
            return Answer(None, "", {})
        answer = json.loads(line)
        return Answer(answer["status"], answer["said"], answer.get("values", {}))

    def close(self) -> None:
        """Ends its process."""
        with suppress(OSError):
            self._process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        """With this system's C library, else with that of the packages."""
        complaint = ""
        for command in self._commands:
            process = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            if process.stdout.readline() == "ready\n":
                self._commands = [command]
                return process
            complaint = process.communicate()[1].strip().rpartition("\n")[2]
        raise UnavailableError(
            f"libxlutil {self.release} does not load ({complaint}); run Python of {self.suite}"
        )


def judge(suite: str) -> Judge:
    """libxlutil of a suite, fetched when it is not there yet. Raises UnavailableError."""
    release = RELEASES[suite]
    try:
        architecture = own_architecture()
        directory = cache_directory() / "libxlutil" / f"{suite}-{architecture}"
        kept(directory, lambda fresh, work: _fill(suite, architecture, fresh, work))
    except FetchError as error:
        raise UnavailableError(
            f"no libxlutil {release}: {error}. Fetch it with: {COMMAND}"
        ) from None
    return Judge(suite, directory)


def _fill(suite: str, architecture: str, fresh: Path, work: Path) -> Facts:
    """Writes the shared libraries of the packages: the C library's to libc, the others to xen."""
    debs = download(suite, _PACKAGES.format(RELEASES[suite]).split(), work, architecture)
    for name in ("libc", "xen"):
        (fresh / name).mkdir()
    for deb in debs:
        place = fresh / ("libc" if deb.name.startswith("libc6_") else "xen")
        for path, content in contents(deb):
            file = place / path.name
            if ".so" not in path.name or not _LIBRARIES.search(str(path)):
                continue  # plug-ins lie deeper
            if isinstance(content, str):
                if Path(content).name != path.name:  # the loader's link in another directory
                    file.symlink_to(Path(content).name)
            else:
                file.write_bytes(content)
                file.chmod(0o755)
    return {"packages": [deb.name.rpartition("_")[0].replace("%3a", ":") for deb in debs]}


def _commands(directory: Path) -> list[list[str]]:
    """How to start the server: with this system's C library, or with that of the packages."""
    (library,) = (directory / "xen").glob("libxlutil.so.*.*.*")
    server = [sys.executable, str(_SERVER), str(library)]
    folders = f"{directory / 'libc'}:{directory / 'xen'}"
    loaders = [path for form in _LOADERS for path in (directory / "libc").glob(form)]
    loaded = [[str(loader), "--library-path", folders, *server] for loader in loaders]
    return [server, *loaded]


def main() -> int:
    """The command."""
    try:
        for suite in RELEASES:
            one = judge(suite)
            one.close()
            noted = facts(cache_directory() / "libxlutil" / f"{suite}-{own_architecture()}")
            packages = (noted or {}).get("packages")
            print(f"libxlutil of Xen {one.release}")
            print("  " + " ".join(packages if isinstance(packages, list) else []))
    except UnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
