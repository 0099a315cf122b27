#!/usr/bin/env python3
"""The device trees of real boards: all .dtb files of Debian's arm64 kernel.

    python tests/corpus/fetch_boards.py [--refresh]

downloads the kernel package of Debian trixie for arm64 through this system's own apt sources,
keeps its .dtb files below ``$XENASSIGN_CACHE`` (``~/.cache/xenassign`` by default), and prints
where they are. Nothing is installed: apt works on lists, cache and status of its own, below the
same directory, and needs no privileges. A second run finds the boards there and does nothing.

``XENASSIGN_BOARDS=DIR`` names a directory that has .dtb files already; then nothing is fetched.

Only apt's sources of the Debian archive are used, with their suite replaced by trixie; mirrors,
proxies, keys and credentials stay what the system's administrator set up.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SUITE = "trixie"
META_PACKAGE = "linux-image-arm64"
COMMAND = "python tests/corpus/fetch_boards.py"

#: Present in a directory of boards that was unpacked to its end.
_MARKER = "complete.json"

#: Suites of the Debian archive that a system may have in its sources.
_SUITES = frozenset(
    {"bullseye", "bookworm", "trixie", "forky", "duke", "sid"}
    | {"oldoldstable", "oldstable", "stable", "testing", "unstable"}
)

#: Fields of a deb822 stanza that are written anew or that narrow what is fetched.
_REPLACED = frozenset(
    {"types", "uris", "suites", "components", "enabled", "x-repolib-name"}
    | {"architectures", "languages", "targets"}
)

_OTHERWISE = "or set XENASSIGN_BOARDS to a directory of .dtb files"


class FetchError(Exception):
    """The boards can't be had. One line that says why, and what to do."""


@dataclass(frozen=True)
class Source:
    """One apt source: where it is, its suites, and its other options, by lower-case name."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...]


def cache_directory() -> Path:
    """Where fetched boards are kept."""
    named = os.environ.get("XENASSIGN_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "xenassign"


def boards(directory: Path) -> list[Path]:
    """The .dtb files below a directory, in a fixed order."""
    found = [path for path in directory.rglob("*.dtb") if path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(directory).as_posix())


def available() -> Path | None:
    """The directory of boards that are there already, or None. Raises FetchError."""
    named = os.environ.get("XENASSIGN_BOARDS")
    if named:
        directory = Path(named).expanduser()
        if not boards(directory):
            raise FetchError(
                f"XENASSIGN_BOARDS={named}: no .dtb file there; unset it or name another directory"
            )
        return directory
    directory = _target()
    return directory if _complete(directory) else None


def fetch(*, refresh: bool = False) -> Path:
    """The directory of boards, fetched when they are not there. Raises FetchError."""
    found = None if refresh else available()
    if found is not None:
        return found
    directory = _target()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _locked(directory.parent / "lock"):
            # Another process may have fetched them meanwhile.
            if refresh or not _complete(directory):
                _fetch(directory)
    except OSError as error:
        raise FetchError(
            f"{error}; set XENASSIGN_CACHE to a directory that can be written"
        ) from None
    return directory


def _target() -> Path:
    return cache_directory() / "boards" / SUITE


def _complete(directory: Path) -> bool:
    try:
        expected = json.loads((directory / _MARKER).read_text())["boards"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(expected == len(boards(directory)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One fetch at a time; the lock ends with the process that holds it."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _fetch(directory: Path) -> None:
    for tool in ("apt-get", "apt-cache", "apt-config", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FetchError(f"{tool} is not here; fetch the boards on Debian, {_OTHERWISE}")
    work = directory.with_name(f".{SUITE}.work")
    _remove(work)
    try:
        apt = _Apt(work / "apt")
        package = apt.kernel_package()
        deb = apt.download(package, work)
        fresh = work / "boards"
        count = _unpack(deb, fresh)
        if not count:
            raise FetchError(
                f"{deb.name} has no .dtb files; {COMMAND} needs another suite, {_OTHERWISE}"
            )
        version = deb.name.split("_")[1].replace("%3a", ":")
        marker = {"package": package, "version": version, "boards": count}
        _remove(directory)
        fresh.rename(directory)
        # Last of all: a fetch that is interrupted before this is done again.
        partial = directory / f"{_MARKER}.new"
        partial.write_text(json.dumps(marker, indent=2) + "\n")
        partial.rename(directory / _MARKER)
    finally:
        _remove(work)


def _remove(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


# ---------------------------------------------------------------------------- apt's sources


def debian_sources() -> list[Source]:
    """The sources of the Debian archive that this system's apt has, the likeliest first."""
    known = _SUITES | _own_codename()
    found = [
        source
        for source in _sources()
        if "main" in source.components and known.intersection(source.suites)
    ]
    unique = {source.uri: source for source in reversed(found)}
    # Other archives name their suites after Debian's too; theirs seldom end in /debian.
    return sorted(unique.values(), key=lambda s: not s.uri.rstrip("/").endswith("/debian"))


def _own_codename() -> frozenset[str]:
    release = _os_release()
    codename = release.get("VERSION_CODENAME")
    return frozenset([codename] if codename and release.get("ID") == "debian" else [])


def _os_release() -> dict[str, str]:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: value.strip("\"'") for name, _, value in pairs}


def _sources() -> Iterator[Source]:
    shell = _run(
        ["apt-config", "shell", "A", "Dir::Etc::sourcelist/f", "B", "Dir::Etc::sourceparts/d"]
    )
    paths = dict(re.findall(r"^(\w)='(.*)'$", shell.stdout, re.MULTILINE))
    files = [Path(paths["A"])] if "A" in paths else []
    if "B" in paths and Path(paths["B"]).is_dir():
        files += sorted(Path(paths["B"]).iterdir())
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if file.suffix == ".list":
            yield from _one_line_style(text)
        elif file.suffix == ".sources":
            yield from _deb822_style(text)


def _one_line_style(text: str) -> Iterator[Source]:
    """Lines of ``deb [option=value ...] URI SUITE COMPONENT...`` (sources.list(5))."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match is None:
            continue
        options = []
        for option in (match[1] or "").split():
            name, _, value = option.partition("=")
            if not name.startswith(("arch", "lang", "target")):
                options.append((name.rstrip("+-").lower(), value.replace(",", " ")))
        yield Source(match[2], (match[3],), tuple(match[4].split()), tuple(options))


def _deb822_style(text: str) -> Iterator[Source]:
    """Stanzas of fields, separated by empty lines (sources.list(5))."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        last = ""
        for line in stanza.splitlines():
            if line[:1].isspace() and last:
                fields[last] += "\n" + line  # an embedded key is one such field
            elif ":" in line:
                last, _, value = line.partition(":")
                last = last.strip().lower()
                fields[last] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        options = tuple((k, v) for k, v in fields.items() if k not in _REPLACED)
        suites = tuple(fields.get("suites", "").split())
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            yield Source(uri, suites, components, options)


# ---------------------------------------------------------------------------- apt


class _Apt:
    """An apt of our own in one directory: the system's configuration, but nothing of its state."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.sources = directory / "sources.d" / "debian.sources"
        for name in ("sources.d", "lists/partial", "archives/partial", "log"):
            (directory / name).mkdir(parents=True)
        (directory / "status").touch()
        self.configuration = directory / "apt.conf"
        self.configuration.write_text(self._configuration())

    def _configuration(self) -> str:
        at = self.directory.resolve()
        values = {
            "APT::Architecture": "arm64",
            "APT::Architectures": "arm64",
            # As root apt would drop to a user who may not look into this directory.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Acquire::http::Timeout": "30",
            "Acquire::https::Timeout": "30",
            "Dir::State": f"{at}/",
            "Dir::State::Lists": f"{at}/lists/",
            "Dir::State::status": f"{at}/status",
            "Dir::Cache": f"{at}/",
            "Dir::Cache::Archives": f"{at}/archives/",
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": f"{at}/sources.d/",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::Log": f"{at}/log/",
        }
        # Lists are cleared first: setting one adds to it. The hooks are for the system's own lists.
        cleared = (
            "APT::Architectures",
            "Acquire::Languages",
            "APT::Update::Pre-Invoke",
            "APT::Update::Post-Invoke",
            "APT::Update::Post-Invoke-Success",
        )
        lines = [f"#clear {name};" for name in cleared]
        lines += [f'{name} "{value}";' for name, value in values.items()]
        return "\n".join(lines) + "\n"

    def run(self, tool: str, *arguments: str, cwd: Path | None = None) -> _Done:
        return _run([tool, "-q", "-c", str(self.configuration), *arguments], cwd)

    def kernel_package(self) -> str:
        """The kernel's real package, from the first source that has it. Raises FetchError."""
        candidates = debian_sources()
        if not candidates:
            system = _os_release().get("PRETTY_NAME", "this system")
            raise FetchError(
                f"apt on {system} has no source of the Debian archive;"
                f" run this on Debian, {_OTHERWISE}"
            )
        complaints: list[str] = []
        for source in candidates:
            self.sources.write_text(_stanza(source))
            updated = self.run("apt-get", "update")
            shown = self.run("apt-cache", "show", META_PACKAGE)
            match = re.search(r"^Depends:.*?\b(linux-image-[^\s,|(]+)", shown.stdout, re.MULTILINE)
            if match is not None:
                return match[1]
            said = [line for line in updated.stderr.splitlines() if line.startswith(("E:", "W:"))]
            complaints += said[:1]
        why = f" ({complaints[0]})" if complaints else ""
        raise FetchError(
            f"apt found no {META_PACKAGE} of {SUITE}{why}; mend apt's source or the network and run"
            f" {COMMAND}, {_OTHERWISE}"
        )

    def download(self, package: str, directory: Path) -> Path:
        """Downloads a package into a directory. Raises FetchError."""
        done = self.run("apt-get", "download", package, cwd=directory)
        found = list(directory.glob(f"{package}_*.deb"))
        if done.status or not found:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            why = said[0] if said else f"apt-get ended with {done.status}"
            raise FetchError(
                f"{package} was not downloaded ({why}); run {COMMAND} again, {_OTHERWISE}"
            )
        return found[0]


def _stanza(source: Source) -> str:
    fields = [
        ("Types", "deb"),
        ("URIs", source.uri),
        ("Suites", SUITE),
        ("Components", "main"),
        ("Targets", "Packages"),
        *source.options,
    ]
    return "".join(f"{name}: {value}\n" for name, value in fields)


@dataclass(frozen=True)
class _Done:
    status: int
    stdout: str
    stderr: str


def _run(command: Sequence[str], cwd: Path | None = None) -> _Done:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return _Done(done.returncode, done.stdout, done.stderr)


# ---------------------------------------------------------------------------- the package


def _unpack(deb: Path, directory: Path) -> int:
    """Writes the .dtb files of a package as VENDOR/BOARD.dtb. Returns how many."""
    directory.mkdir(parents=True)
    count = 0
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
    ) as unpacking:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
            for member in archive:
                place = _place(member.name)
                content = archive.extractfile(member) if place and member.isreg() else None
                if place is None or content is None:
                    continue
                path = directory / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
                count += 1
        assert unpacking.stdout is not None
        unpacking.stdout.read()  # what tar pads its end with
    if unpacking.returncode:
        raise FetchError(f"dpkg-deb could not unpack {deb.name}; run {COMMAND} again, {_OTHERWISE}")
    return count


def _place(name: str) -> PurePosixPath | None:
    """Where a file of the package goes: its path below the kernel's directory of device trees."""
    path = PurePosixPath(name)
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
