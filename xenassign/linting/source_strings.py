"""Rules about the strings of source, as they are written there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from xenassign.findings import Finding, rule
from xenassign.linting.documents import Layer

NUL_ESCAPE = rule("XA814", "nul-escape", "note", "portability")

#: A character of a string as it is written in source, an escape included.
_CHARACTER = re.compile(r"\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)|[^\\]", re.DOTALL)
_NUL = re.compile(r"\\(?:0+|x0+)")


def check(sources: Iterable[Layer]) -> Iterator[Finding]:
    """Strings of a partial device tree with an escaped NUL, which makes several strings of one."""
    for path, name, prop in (nul for layer in sources for nul in layer.inner_nuls()):
        for element in prop.elements:
            parts = _parts(element.text) if element.text.startswith('"') else []
            if len(parts) > 1:
                strings = ", ".join(f'"{part}"' for part in parts)
                yield NUL_ESCAPE(
                    f"{path}: {name} has a string with an escaped NUL",
                    node=path,
                    prop=name,
                    place=element.place,
                    replacement=strings if all(parts) else None,
                    fix=f"write a list: {name} = {strings}" if all(parts) else None,
                )


def _parts(text: str) -> list[str]:
    """A quoted string of source, split at its escaped NULs."""
    parts = [""]
    for char in _CHARACTER.findall(text[1:-1]):
        if _NUL.fullmatch(char):
            parts.append("")
        else:
            parts[-1] += char
    return parts
