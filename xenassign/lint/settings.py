"""The ``[lint]`` section of xenassign.toml, and which findings are wanted.

[lint]
host = "board.dtb"          # paths are relative to the file
host-overlay = ["marks.dtbo"]
xen = "4.20"
route = ["xl"]
select = ["XA2", "XA3"]     # codes or their beginnings; default: all
ignore = ["XA405"]
kconfig = ["STATIC_MEMORY"] # what Xen is built with although it is off by default
include = ["include"]       # folders for #include and /include/
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from xenassign.errors import InputError, UsageError
from xenassign.findings import ROUTES, Finding
from xenassign.lint.catalogue import nearest, rules

NAME = "xenassign.toml"
_LISTS = ("host-overlay", "route", "select", "ignore", "include", "kconfig")
_TEXTS = ("host", "xen")


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
    """The settings of a file; of xenassign.toml in this folder, if there is one, for None."""
    if path is None:
        path = Path(NAME)
        if not path.exists():
            return Settings()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(f"{path}: {reason}; give a file with a [lint] section") from None
    section = _parse(text, path).get("lint", {})
    if not isinstance(section, dict):
        raise InputError(f"{_where(text, path, 'lint')}: lint is no section; write [lint]")
    for key, value in section.items():
        _check(text, path, key, value)

    def near(name: str) -> str:
        return str(path.parent / name)

    host = section.get("host")
    return Settings(
        host=near(host) if host is not None else None,
        overlays=tuple(map(near, section.get("host-overlay", ()))),
        xen=section.get("xen"),
        routes=tuple(section.get("route", ())),
        select=tuple(section.get("select", ())),
        ignore=tuple(section.get("ignore", ())),
        include=tuple(map(near, section.get("include", ()))),
        kconfig=tuple(section.get("kconfig", ())),
    )


def _parse(text: str, path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        parsed: dict[str, Any] = tomllib.loads(text)
        return parsed
    except tomllib.TOMLDecodeError as error:
        what, _, at = str(error).partition(" (at ")
        found = re.match(r"line (\d+), column (\d+)", at)
        where = f"{path}:{found[1]}:{found[2]}" if found else str(path)
        raise InputError(f"{where}: {what}; mend the TOML") from None


def _check(text: str, path: Path, key: str, value: object) -> None:
    where = _where(text, path, key)
    if key in _TEXTS and not isinstance(value, str):
        raise InputError(f'{where}: {key} is no string; write {key} = "..."')
    if key in _LISTS and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        raise InputError(f'{where}: {key} is no list of strings; write {key} = ["..."]')
    if key not in (*_TEXTS, *_LISTS):
        hint = nearest(key, (*_TEXTS, *_LISTS)) or f"it has {', '.join((*_TEXTS, *_LISTS))}"
        raise InputError(f"{where}: [lint] has no key {key}; {hint}")
    if key == "route" and isinstance(value, list):
        for route in value:
            if route not in ROUTES:
                raise InputError(f"{where}: no route {route}; there are {' and '.join(ROUTES)}")


def _where(text: str, path: Path, key: str) -> str:
    """FILE:LINE of a key; TOML's readers don't keep it."""
    pattern = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=|\s*\[\s*{re.escape(key)}\s*\]")
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return f"{path}:{number}"
    return str(path)


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
