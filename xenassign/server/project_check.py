"""What is wrong in a xenassign.toml: its form, the names of devices, the plans of domains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from xenassign.errors import XenassignError
from xenassign.findings import Finding
from xenassign.formats.toml_text import KeyPath, TomlFile, read_toml
from xenassign.linting.settings import settings_of
from xenassign.outputs.made import made_of
from xenassign.reading import is_there
from xenassign.request.keys.mistakes import mistakes
from xenassign.request.keys.whole_file import LINT, TOP


class Remark(NamedTuple):
    """A sentence about a key path. ``finding``: if a rule says it."""

    at: KeyPath
    text: str
    finding: Finding | None = None


class ProjectCheck(NamedTuple):
    """A file that is TOML, what is said about its keys, and lines of errors with their place."""

    toml: TomlFile
    remarks: tuple[Remark, ...]
    errors: tuple[str, ...] = ()


def check_project(path: str) -> ProjectCheck:
    """The check of a file. Raises InputError if it is not TOML."""
    toml = read_toml(Path(path), "a xenassign.toml")
    section, known = (TOP, toml.values) if "domain" in toml.values else (LINT, None)
    if known is not None:
        wrong = tuple(Remark(m.at, m.text) for m in mistakes(section, known))
        return ProjectCheck(toml, wrong) if wrong else _planned(toml, path)
    try:
        return ProjectCheck(toml, tuple(_missing(toml)))
    except XenassignError as error:
        return ProjectCheck(toml, (), error.lines)


def _missing(toml: TomlFile) -> Iterator[Remark]:
    """The files that the lint is to read, and that are not there. Raises InputError.

    The host of domains is not one of them: it is read for the plan.
    """
    settings, section = settings_of(toml), toml.values.get("lint", {})
    hosts = (settings.host,) if settings.host is not None else ()
    for key, files in (
        ("host", hosts),
        ("host-overlay", settings.overlays),
        ("base", settings.bases),
    ):
        at = ("lint", key) if key in section else (key,)
        for file in files if key in section or "domain" not in toml.values else ():
            if not is_there(file):
                yield Remark(at, f"{file}: No such file; correct {key}, or add the file")


def _planned(toml: TomlFile, path: str) -> ProjectCheck:
    """What the plan of the domains says; notes are for the output of ``plan``."""
    try:
        remarks = [*_missing(toml)]
        made = made_of(path)
    except XenassignError as error:
        return ProjectCheck(toml, (), error.lines)
    errors: list[str] = []
    for refusal in made.refusals:
        if isinstance(refusal, Finding):
            remarks.append(Remark(_place_of(toml, refusal), refusal.message, refusal))
        else:
            errors += refusal.lines
    return ProjectCheck(toml, tuple(dict.fromkeys(remarks)), tuple(dict.fromkeys(errors)))


def _place_of(toml: TomlFile, finding: Finding) -> KeyPath:
    """The key path of the device that a finding is about, of its domain, or of the file."""
    domains = toml.values["domain"]
    for index, domain in enumerate(domains):
        if finding.domain not in (None, domain["name"]):
            continue
        for number, device in enumerate(domain.get("device", ())):
            path = device["path"] if isinstance(device, dict) else device
            if finding.node is not None and finding.node.endswith(str(path).strip("/")):
                return ("domain", index, "device", number)
        if finding.domain is not None or len(domains) == 1:
            return ("domain", index)
    return ()
