"""The ``[lint]`` section of xenassign.toml, and which findings are wanted.

``host`` (where there is one), ``xen`` and ``route`` of the file count where the section does not
say its own. The keys stand in :mod:`xenassign.request.keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from xenassign.errors import InputError, UsageError, nearest
from xenassign.findings import Finding
from xenassign.formats.toml_text import read_toml
from xenassign.linting.catalogue import rules
from xenassign.request.keys import LINT, TOP, Section, mistakes, sentence
from xenassign.request.project import NAME
from xenassign.request.value_kinds import as_list

#: What the section takes from the file.
_INHERITED = ("host", "xen", "route")


class Settings(NamedTuple):
    """The section's values; None or empty where it says nothing."""

    host: str | None = None
    overlays: tuple[str, ...] = ()
    xen: str | None = None
    routes: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    kconfig: tuple[str, ...] = ()


def read_settings(path: Path | None) -> Settings:
    """The settings of a file; of xenassign.toml in this folder, if there is one, for None.

    Of the rest of the file only what the section takes from it is checked.
    """
    if path is None:
        path = Path(NAME)
        if not path.exists():
            return Settings()
    toml = read_toml(path, "a file with a [lint] section")
    top = {key: toml.values[key] for key in _INHERITED if key in toml.values}
    inherited = Section(TOP.header, tuple(key for key in TOP.keys if key.name in _INHERITED))
    section = toml.values.get("lint", {})
    for mistake in (*mistakes(inherited, top), *mistakes(LINT, section, ("lint",))):
        raise InputError(sentence(toml, mistake))
    if len(as_list(top.get("host"))) != 1:
        top.pop("host", None)

    def near(name: str) -> str:
        return str(path.parent / name)

    def said(key: str) -> tuple[str, ...]:
        return tuple(as_list(section.get(key, top.get(key))))

    return Settings(
        host=next(map(near, said("host")), None),
        overlays=tuple(map(near, said("host-overlay"))),
        xen=next(iter(said("xen")), None),
        routes=said("route"),
        select=said("select"),
        ignore=said("ignore"),
        include=tuple(map(near, said("include"))),
        kconfig=said("kconfig"),
    )


def wanted(
    findings: Iterable[Finding], select: Sequence[str], ignore: Sequence[str]
) -> tuple[Finding, ...]:
    """The findings whose codes begin as one of ``select`` (all if empty) and none of ``ignore``.

    Raises UsageError for a beginning that no code has.
    """
    codes = [rule.code for rule in rules()]
    chosen = [beginning.upper() for beginning in select]
    refused = [beginning.upper() for beginning in ignore]
    for beginning in (*chosen, *refused):
        if not beginning or not any(code.startswith(beginning) for code in codes):
            hint = nearest(beginning, codes) or "`xenassign lint --list-rules` lists them"
            raise UsageError(f"{beginning or 'an empty code'}: no such finding; {hint}")
    return tuple(
        finding
        for finding in findings
        if (not chosen or finding.code.startswith(tuple(chosen)))
        and not finding.code.startswith(tuple(refused) or ("-",))
    )
