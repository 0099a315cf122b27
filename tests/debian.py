"""Debian's packages, through this system's own apt; nothing is installed.

Only apt's sources of the Debian archive are used, with their suite replaced; mirrors, proxies, keys
and credentials stay what the system's administrator set up. apt works on lists, cache and status of
its own, in the directory that the caller names, and needs no privileges.

What is made of the packages is kept below ``$XENASSIGN_CACHE`` (``~/.cache/xenassign`` by default).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: Stand for the newest kernel of a suite, packages of which the names change.
KERNEL = "linux-image-arm64"
CLOUD_KERNEL = "linux-image-cloud-arm64"  #: for virtual machines: the same with fewer drivers
KERNEL_BASE = "linux-base-arm64"  #: its device trees, which forky packages on their own

#: Present in a directory that was filled to its end; holds what ``fill`` returned.
MARKER = "complete.json"

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

#: Debian's keys, of the package debian-archive-keyring, which Ubuntu has too.
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

Facts = dict[str, object]


class FetchError(Exception):
    """What is wanted can't be had. One line that says why, and what to do."""


@dataclass(frozen=True)
class Source:
    """One apt source: where it is, its suites, and its other options, by lower-case name."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...]


# ---------------------------------------------------------------------------- what is kept


def cache_directory() -> Path:
    """Where fetched things are kept."""
    named = os.environ.get("XENASSIGN_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "xenassign"


def kept(
    directory: Path,
    fill: Callable[[Path, Path], Facts],
    whole: Callable[[Path, Facts], bool] = lambda directory, facts: True,
    *,
    refresh: bool = False,
) -> Path:
    """The directory, filled when it is not there or not whole. Raises FetchError.

    ``fill(fresh, work)`` gets two empty directories: the first becomes ``directory``, with the
    facts that ``fill`` returns in its marker; the second is removed. One process fills, the others
    wait.
    """
    if not refresh and _is_whole(directory, whole):
        return directory
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _locked(directory.with_name(f".{directory.name}.lock")):
            # Another process may have filled it meanwhile.
            if refresh or not _is_whole(directory, whole):
                _fill(directory, fill)
    except OSError as error:
        raise FetchError(
            f"{error}; set XENASSIGN_CACHE to a directory that can be written"
        ) from None
    return directory


def facts(directory: Path) -> Facts | None:
    """What was noted when the directory was filled; None when it was not, or not to its end."""
    try:
        found = json.loads((directory / MARKER).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_whole(directory: Path, whole: Callable[[Path, Facts], bool]) -> bool:
    noted = facts(directory)
    return noted is not None and whole(directory, noted)


def _fill(directory: Path, fill: Callable[[Path, Path], Facts]) -> None:
    scratch = directory.with_name(f".{directory.name}.work")
    _remove(scratch)
    try:
        fresh, work = scratch / "fresh", scratch / "work"
        fresh.mkdir(parents=True)
        work.mkdir()
        noted = fill(fresh, work)
        (fresh / MARKER).write_text(json.dumps(noted, indent=2) + "\n")
        _remove(directory)
        fresh.rename(directory)
    finally:
        _remove(scratch)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock ends with the process that holds it."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _remove(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


# ---------------------------------------------------------------------------- packages


def download(
    suite: str, packages: Sequence[str], work: Path, architecture: str = "arm64"
) -> list[Path]:
    """The .deb files of packages of a suite, in their order. Raises FetchError.

    ``work`` is a directory for apt's state and for the files.
    """
    for tool in ("apt-get", "apt-cache", "apt-config", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FetchError(f"{tool} is not here; use Debian")
    apt = _Apt(work / "apt", suite, architecture)
    kernels = (KERNEL, CLOUD_KERNEL, KERNEL_BASE)
    wanted = next((name for name in packages if name in kernels), None)
    if wanted is None:
        apt.find(packages[0])
        return apt.download(packages, work)
    kernel = apt.find_kernel(KERNEL if wanted == KERNEL_BASE else wanted)
    if wanted == KERNEL_BASE:
        kernel = kernel.replace("linux-image-", "linux-base-")
    return apt.download([kernel if name == wanted else name for name in packages], work)


def download_with_dependencies(
    suite: str, package: str, work: Path, architecture: str
) -> list[Path]:
    """The .deb files of a package of a suite and of all that it depends on. Raises FetchError."""
    apt = _Apt(work / "apt", suite, architecture)
    apt.find(package)
    return apt.download_with_dependencies(package)


def own_architecture() -> str:
    """Debian's name of this system's architecture. Raises FetchError."""
    if shutil.which("dpkg") is None:
        raise FetchError("dpkg is not here; use Debian")
    return _run(["dpkg", "--print-architecture"]).stdout.strip()


def version(deb: Path) -> str:
    """The version in a package's file name."""
    return deb.name.split("_")[1].replace("%3a", ":")


def contents(deb: Path) -> Iterator[tuple[PurePosixPath, bytes | str]]:
    """The files (bytes) and symbolic links (their target) of a package. Raises FetchError."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking:
        assert unpacking.stdout is not None
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if member.issym():
                    yield path, member.linkname
                elif member.isreg() and (stream := archive.extractfile(member)) is not None:
                    yield path, stream.read()
        unpacking.stdout.read()  # what tar pads its end with
    if unpacking.returncode:
        raise FetchError(f"dpkg-deb could not unpack {deb.name}; fetch it again")


# ---------------------------------------------------------------------------- apt's sources


def debian_sources() -> list[Source]:
    """The sources of the Debian archive that this system's apt has, the likeliest first.

    Debian's own where it has none, as on Ubuntu, and Debian's keys are there.
    """
    known = _SUITES | _own_codename()
    found = [
        source
        for source in _sources()
        if "main" in source.components and known.intersection(source.suites)
    ]
    unique = {source.uri: source for source in reversed(found)}
    # Other archives name their suites after Debian's too; theirs seldom end in /debian.
    found = sorted(unique.values(), key=lambda s: not s.uri.rstrip("/").endswith("/debian"))
    if not found and _KEYRING.exists():
        uri = "http://deb.debian.org/debian"
        found.append(Source(uri, (), ("main",), (("signed-by", str(_KEYRING)),)))
    return found


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

    def __init__(self, directory: Path, suite: str, architecture: str) -> None:
        self.directory = directory
        self.suite = suite
        self.architecture = architecture
        self.sources = directory / "sources.d" / "debian.sources"
        for name in ("sources.d", "lists/partial", "archives/partial", "log"):
            (directory / name).mkdir(parents=True)
        (directory / "status").touch()
        self.configuration = directory / "apt.conf"
        self.configuration.write_text(self._configuration())

    def _configuration(self) -> str:
        at = self.directory.resolve()
        values = {
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
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

    def find_kernel(self, package: str) -> str:
        """A kernel's real package, from the first source that has it. Raises FetchError."""
        real = r"^Depends:.*?\b(linux-image-[^\s,|(]+)"
        return self.find(package, real)[1]

    def find(self, package: str, wanted: str = r"^Package:") -> re.Match[str]:
        """Where a package's entry says what is wanted, in the first source that has the package.

        That source is apt's from here on. Raises FetchError.
        """
        candidates = debian_sources()
        if not candidates:
            system = _os_release().get("PRETTY_NAME", "this system")
            raise FetchError(
                f"apt on {system} has no source of the Debian archive nor its keys;"
                " apt-get install debian-archive-keyring"
            )
        complaints: list[str] = []
        for source in candidates:
            self.sources.write_text(_stanza(source, self.suite))
            updated = self.run("apt-get", "update")
            shown = self.run("apt-cache", "show", package)
            match = re.search(wanted, shown.stdout, re.MULTILINE)
            if match is not None:
                return match
            said = [line for line in updated.stderr.splitlines() if line.startswith(("E:", "W:"))]
            complaints += said[:1]
        why = f" ({complaints[0]})" if complaints else ""
        raise FetchError(
            f"apt found no {package} of {self.suite}{why}; mend apt's source or the network"
        )

    def download(self, packages: Sequence[str], directory: Path) -> list[Path]:
        """Downloads packages into a directory. Raises FetchError."""
        done = self.run("apt-get", "download", *packages, cwd=directory)
        found = {name: next(directory.glob(f"{name}_*.deb"), None) for name in packages}
        missing = [name for name, deb in found.items() if deb is None]
        if done.status or missing:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            why = said[0] if said else f"apt-get ended with {done.status}"
            names = " ".join(missing or packages)
            raise FetchError(f"{names} of {self.suite} not downloaded ({why}); fetch again")
        return [deb for deb in found.values() if deb is not None]

    def download_with_dependencies(self, package: str) -> list[Path]:
        """Downloads a package and its dependencies; nothing counts as installed."""
        options = ("--download-only", "--no-install-recommends", "--assume-yes")
        done = self.run("apt-get", "install", *options, package)
        debs = sorted((self.directory / "archives").glob("*.deb"))
        if done.status or not debs:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            why = said[0] if said else f"apt-get ended with {done.status}"
            raise FetchError(f"{package} of {self.suite} not downloaded ({why}); fetch again")
        return debs


def _stanza(source: Source, suite: str) -> str:
    fields = [
        ("Types", "deb"),
        ("URIs", source.uri),
        ("Suites", suite),
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
