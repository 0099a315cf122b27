"""The files of the run before, none of which ``--overwrite`` leaves beside others.

A file of one run contradicts those of another, even if both are for the same domain: NAME.cfg has
the registers of the devices of NAME.dtb. So NAME.json lists all files of its run by SHA-256. Of the
files that the run before wrote for a domain, those that this run does not write are removed, if
they were not changed since; other files of such names are an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePath

from xenassign import reading
from xenassign.errors import OutputError
from xenassign.outputs.generated import ENDINGS, NAMES, REPORT
from xenassign.outputs.report import plan_json
from xenassign.planning.plan import SCHEMA

#: The SHA-256 of files by name.
_Digests = dict[str, set[str]]

_BLOB = ".dtb"


def with_lists(files: Mapping[str, bytes], others: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, each NAME.json with the list of those in its folder.

    ``others``: further files of the system, which this run does not write.
    """
    lists: dict[str, dict[str, str]] = {}
    for name, data in {**others, **files}.items():
        path = PurePath(name)
        if not path.is_absolute() and not _is_plan(name, data):
            lists.setdefault(str(path.parent), {})[path.name] = sha256(data).hexdigest()
    result = dict(files)
    for name, data in files.items():
        if _is_plan(name, data):
            plan = {**json.loads(data), "files": lists.get(str(PurePath(name).parent), {})}
            result[name] = plan_json.to_json(plan).encode()
    return result


def _is_plan(name: str, data: bytes) -> bool:
    """Whether a file that is written is a plan; other outputs have JSON too."""
    return name.endswith(REPORT) and json.loads(data).get("schema") == SCHEMA


def stale(
    directory: Path, written: Collection[str], domains: Collection[str], *, alone: bool
) -> list[Path]:
    """The files to remove when ``written`` (by name) replaces what the run before wrote.

    ``domains``: those whose files are written; ``alone``: other domains of their system stay.
    Raises OutputError for a file of one of them that the run before did not write, or that was
    changed since.
    """
    removed: list[Path] = []
    for parent in dict.fromkeys(PurePath(name).parent for name in written):
        new = {PurePath(name).name for name in written if PurePath(name).parent == parent}
        removed += _stale(directory / parent, new, domains, alone)
    return removed


def _stale(
    folder: Path, new: Collection[str], domains: Collection[str], alone: bool
) -> Iterator[Path]:
    plans = _plans(folder, domains)
    before = _listed(plans)
    own = {path.name for path in plans}
    for name in sorted((_names(domains) | own) - set(new)):
        path = folder / name
        if os.path.lexists(path):
            if name not in own and not _is_one_of(path, before.get(name)):
                raise _changed(path)
            yield path
    of_system = {name: before[name] for name in before.keys() & NAMES - set(new)}
    for name in sorted(of_system):
        path = folder / name
        if _is_one_of(path, before[name]):
            yield path
        elif os.path.lexists(path) and not _is_one_of(path, _listed(_plans(folder)).get(name)):
            raise _changed(path)
    if not alone:
        blobs = (name for name in before if name.endswith(_BLOB) and name not in NAMES)
        for domain in sorted(name.removesuffix(_BLOB) for name in blobs):
            if domain not in domains:
                yield from _of_domain(folder, domain, before)


def _changed(path: Path) -> OutputError:
    return OutputError(
        f"{path}: the run before did not write it, or it was changed since, and it may"
        " contradict the new files; move it away, or give another -o"
    )


def _of_domain(folder: Path, domain: str, before: _Digests) -> Iterator[Path]:
    """The files of a domain that the system no longer has, unless a later run wrote them."""
    names = sorted(_names([domain]) & before.keys())
    plans = _plans(folder, [domain])
    latest = _listed(plans)
    if not plans or all(latest.get(name) == before[name] for name in names):
        yield from (folder / name for name in names if _is_one_of(folder / name, before[name]))
        yield from plans


def _names(domains: Iterable[str]) -> set[str]:
    return {f"{domain}{ending}" for domain in domains for ending in ENDINGS}


def _listed(plans: Mapping[Path, Mapping[str, str]]) -> _Digests:
    """The SHA-256 of the files that the run before wrote for the domains of plans, by name.

    A domain that the run before had is in the list of each of its domains.
    """
    digests: _Digests = {}
    for files in plans.values():
        for name, digest in files.items():
            digests.setdefault(name, set()).add(digest)
    return digests


def _plans(folder: Path, domains: Collection[str] | None = None) -> dict[Path, dict[str, str]]:
    """The plans of domains, or of all, in a folder: what each lists, by its path.

    They are NAME.json, or NAME.BOARD.json of several boards.
    """
    plans: dict[Path, dict[str, str]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.name.endswith(REPORT) or not _is_of(path, domains):
            continue
        try:
            plan = json.loads(reading.read(path))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(plan, dict) and plan.get("schema") == SCHEMA:
            name = plan.get("name")
            if (
                isinstance(name, str)
                and _is_of(path, [name])
                and (domains is None or name in domains)
            ):
                plans[path] = _own_files(plan.get("files"))
    return plans


def _own_files(listed: object) -> dict[str, str]:
    """The list of a plan. Only names that xenassign writes: it may be somebody else's."""
    return {
        name: digest
        for name, digest in (listed.items() if isinstance(listed, dict) else ())
        if isinstance(digest, str) and "/" not in name
        if name in NAMES or name.endswith(ENDINGS)
    }


def _is_of(path: Path, domains: Iterable[str] | None) -> bool:
    """Whether a file has the name of one of the domains, or of any."""
    return domains is None or any(path.name.startswith(f"{domain}.") for domain in domains)


def _is_one_of(path: Path, digests: Collection[str] | None) -> bool:
    """Whether a file is a regular one with one of these SHA-256."""
    try:
        return not path.is_symlink() and sha256(reading.read(path)).hexdigest() in (digests or ())
    except OSError:
        return False
