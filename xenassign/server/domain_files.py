"""Which files are judged together with the one that is edited: those of its domain.

They are in one folder and have the domain's name, as ``generate`` names files, or are tied by the
``device_tree`` of a dom.cfg. Of a source and its blob the source counts. With a xenassign.toml they
are compared with the other domains of the system. What else an editor opens, a Makefile's ``.cfg``
or a board of Linux, is nobody's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import PurePath

from xenassign.linting.folder import is_judged
from xenassign.linting.pairing import domain_name
from xenassign.linting.settings import NAME
from xenassign.xen.releases import DEFAULT, RELEASES

_SOURCES = {".dtb": ".dts", ".dtbo": ".dtso"}
_OF_XEN = re.compile(r"\bxen,|\bpassthrough\b|\bmultiboot,")
_STATEMENT = re.compile(r"^[ \t]*([a-z][a-z0-9_.]*)[ \t]*\+?=", re.MULTILINE)
_SECTION = re.compile(r"^[ \t]*\[[^\]\n]*\][ \t]*$", re.MULTILINE)

#: What a file is to the server.
TREE, CONFIG, PROJECT = "tree", "config", "project"


def kind_of_file(path: str, text: str) -> str | None:
    """What an open file is; None if it is nothing for Xen."""
    name = os.path.basename(path)
    if name == NAME:
        return PROJECT
    if name.endswith((".dts", ".dtso")):
        return TREE if _OF_XEN.search(text) else None
    if name.endswith(".cfg") and not _SECTION.search(text):
        keys = {match[1] for match in _STATEMENT.finditer(text)}
        return CONFIG if keys & RELEASES[DEFAULT].xl_keys else None
    return None


def project_above(path: str) -> str | None:
    """The xenassign.toml in the folder of a file, or in the nearest one above it that has one."""
    folder = PurePath(path).parent
    for candidate in (folder, *folder.parents):
        file = str(candidate / NAME)
        if os.path.isfile(file):
            return file
    return None


def files_of_domain(
    path: str, opened: Collection[str], tree_of: Callable[[str], str | None]
) -> tuple[str, ...]:
    """The paths of the files of a file's domain, itself among them, sorted.

    ``opened``: files that are open, which need not be on disk. ``tree_of``: the ``device_tree`` of
    the configuration at a path, None if it has none.
    """
    folder, own = os.path.split(path)
    names = _judged_names(folder, opened) | {own}
    configs = [name for name in names if name.endswith(".cfg")]
    ties = [(domain_name(c), PurePath(t).stem) for c in configs if (t := tree_of(f"{folder}/{c}"))]
    domains = {domain_name(own)}
    while more := {name for tie in ties if domains & {*tie} for name in tie} - domains:
        domains |= more
    return tuple(sorted(f"{folder}/{name}" for name in names if domain_name(name) in domains))


def files_of_others(own: Iterable[str], opened: Collection[str], project: str) -> tuple[str, ...]:
    """The paths of trees and configurations of other domains of a system, sorted.

    ``own``: the files of a domain, of one folder. ``opened``: files that are open; those of the
    same xenassign.toml, at the path ``project``, count too.
    """
    domain = set(own)
    folders = {os.path.dirname(path) for path in domain}
    beside = {f"{folder}/{name}" for folder in folders for name in _judged_names(folder, opened)}
    beside |= {path for path in opened if project_above(path) == project}
    suffixes = (".dts", ".dtb", ".cfg")
    return tuple(sorted(path for path in beside - domain if path.endswith(suffixes)))


def _judged_names(folder: str, opened: Collection[str]) -> set[str]:
    """The files of a folder that are judged, without blobs that have a source beside them."""
    entries = {os.path.basename(path) for path in opened if os.path.dirname(path) == folder}
    with suppress(OSError):
        entries.update(os.listdir(folder))
    files = {name: f"{folder}/{name}" for name in entries if is_judged(name)}
    compiled = {name for name in files if _source(name) != name and _source(name) in files}
    return {
        name
        for name, path in files.items()
        if name not in compiled and (path in opened or os.path.isfile(path))
    }


def _source(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem + _SOURCES.get(suffix, "")
