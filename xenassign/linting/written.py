"""Rules about how source is written, which the blob does not show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenassign.devicetree.source.reader import DtsSource
from xenassign.findings import Finding, rule

NUL_ESCAPE = rule("XA814", "nul-escape", "warning", "portability")

#: A character of a string as it is written.
_WRITTEN = re.compile(r"\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)|[^\\]", re.DOTALL)
_NUL = re.compile(r"\\(?:0+|x0+)")


def check(source: DtsSource) -> Iterator[Finding]:
    """What is wrong with the text of a partial device tree."""
    for path, node in source.nodes.items():
        for name, prop in node.properties.items():
            for element in prop.elements:
                parts = _parts(element.text) if element.text.startswith('"') else []
                if len(parts) > 1:
                    yield NUL_ESCAPE(
                        f"{path}: {name} has a string with an escaped NUL",
                        node=path,
                        prop=name,
                        place=element.place,
                        replacement=", ".join(f'"{part}"' for part in parts)
                        if all(parts)
                        else None,
                    )


def _parts(text: str) -> list[str]:
    """A string as it is written, cut at its escaped NULs."""
    parts = [""]
    for char in _WRITTEN.findall(text[1:-1]):
        if _NUL.fullmatch(char):
            parts.append("")
        else:
            parts[-1] += char
    return parts
