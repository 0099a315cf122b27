"""The ``[lint]`` section of xenassign.toml, and the selection of findings.

``host`` (if there is only one), ``include``, ``xen``, ``xen-flavour`` and ``route`` at the top of
the file are the defaults of the section. The keys are listed in :mod:`xenassign.request.keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xenassign.errors import InputError, UsageError
from xenassign.findings import Finding
from xenassign.spelling import did_you_mean

if TYPE_CHECKING:
    from xenassign.formats.toml_text import TomlFile

NAME = "xenassign.toml"
#: The keys that the section inherits from the top of the file.
_INHERITED = ("host", "include", "xen", "xen-flavour", "route")


class Settings(NamedTuple):
    """The section's values; None or empty if a key is missing."""

    host: str | None = None
    overlays: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    xen: str | None = None
    routes: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    kconfig: tuple[str, ...] = ()
    flavour: str | None = None


def read_settings(path: Path | None) -> Settings:
    """The settings of a file; None: of xenassign.toml in this folder, if it exists.

    The rest of the file is not checked, except the inherited keys. Raises InputError for an invalid
    file, key or value.
    """
    if path is None:
        path = Path(NAME)
        if not path.exists():
            return Settings()
    from xenassign.formats.toml_text import read_toml

    return settings_of(read_toml(path, "a file with a [lint] section"))


def settings_of(toml: TomlFile) -> Settings:
    """The settings of a text, whose file names are relative to its file. Raises InputError."""
    from xenassign.formats.toml_text import as_list
    from xenassign.request.keys.mistakes import mistakes, sentence
    from xenassign.request.keys.section import Section
    from xenassign.request.keys.whole_file import LINT, TOP

    folder = Path(toml.file).parent
    top = {key: toml.values[key] for key in _INHERITED if key in toml.values}
    inherited = Section(TOP.header, tuple(key for key in TOP.keys if key.name in _INHERITED))
    section = toml.values.get("lint", {})
    wrong = [*mistakes(inherited, top), *mistakes(LINT, section, ("lint",))]
    if wrong:
        raise InputError(*(sentence(toml, mistake) for mistake in wrong))
    if len(as_list(top.get("host"))) != 1:
        top.pop("host", None)

    def relative(name: str) -> str:
        return str(folder / name)

    def values(key: str) -> tuple[str, ...]:
        return tuple(as_list(section.get(key, top.get(key))))

    return Settings(
        host=next(map(relative, values("host")), None),
        overlays=tuple(map(relative, values("host-overlay"))),
        bases=tuple(map(relative, values("base"))),
        xen=next(iter(values("xen")), None),
        routes=values("route"),
        select=values("select"),
        ignore=values("ignore"),
        include=tuple(map(relative, values("include"))),
        kconfig=values("kconfig"),
        flavour=next(iter(values("xen-flavour")), None),
    )


def selected(
    findings: Iterable[Finding], select: Sequence[str], ignore: Sequence[str]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """(findings whose codes have a prefix of ``select`` and none of ``ignore``, the others).

    An empty ``select`` selects all. What follows from a finding that is not selected stays, if it
    is selected itself. Raises UsageError for a prefix that no code has.
    """
    kept = tuple(prefix.upper() for prefix in select)
    ignored = tuple(prefix.upper() for prefix in ignore)
    codes: list[str] = []
    if kept or ignored:  # all modules with rules are imported for their codes
        from xenassign.linting.catalogue import rules

        codes = [rule.code for rule in rules()]
    for prefix in (*kept, *ignored):
        if not prefix or not any(code.startswith(prefix) for code in codes):
            hint = did_you_mean(prefix, codes) or "`xenassign lint --list-rules` lists them"
            raise UsageError(f"{prefix or 'an empty code'}: no such finding; {hint}")

    def is_selected(finding: Finding) -> bool:
        in_selection = not kept or finding.code.startswith(kept)
        return in_selection and not finding.code.startswith(ignored)

    shown: list[Finding] = []
    hidden: list[Finding] = []
    for finding in findings:
        follows = [consequence for consequence in finding.follows if is_selected(consequence)]
        others = [consequence for consequence in finding.follows if consequence not in follows]
        if is_selected(finding):
            shown.append(finding._replace(follows=tuple(follows)))
            hidden += others
        else:
            hidden.append(finding._replace(follows=tuple(others)))
            shown += follows
    return tuple(shown), tuple(hidden)
