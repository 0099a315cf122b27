"""Cache coloring: whether Xen's command line turns it on, and the colors of a domain.

Source: llc_coloring_init, parse_color_config (xen/common/llc-coloring.c), parse_size_and_unit.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE
from xenassign.host.boot_arguments import number, switch, value

#: The property of a domain's node, and the option that Xen is built with.
COLORS, COLORING_OPTION = "llc-colors", "LLC_COLORING"
#: 1 << CONFIG_LLC_COLORS_ORDER, by default.
COLORS_MAX = 128
_UNITS = {"b": 0, "k": 10, "m": 20, "g": 30, "t": 40}


class Coloring(NamedTuple):
    """``colors``: how many there are; COLORS_MAX if the processor decides."""

    on: bool
    colors: int = 0


def coloring(line: str) -> Coloring:
    """What a command line says of coloring."""
    wanted = switch(line, "llc-coloring")
    size = _size(value(line, "llc-size") or "")
    ways, _ = number(value(line, "llc-nr-ways") or "")
    if wanted is not False and size and ways:
        return Coloring(True, min(size // ways // PAGE_SIZE, COLORS_MAX))
    return Coloring(True, COLORS_MAX) if wanted else Coloring(False)


def _size(text: str) -> int:
    """Bytes; KiB without a unit."""
    count, rest = number(text)
    return (count or 0) << _UNITS.get(rest[:1].lower(), 10)


def colors(text: str, available: int, digits_required: bool) -> frozenset[int] | str:
    """The colors of a domain, or why Xen refuses them.

    ``digits_required``: whether a number without digits is an error, instead of 0.
    """
    count, rest, named = 0, text, set[int]()
    while rest:
        first, rest = number(rest)
        last = first
        if rest.startswith("-"):
            last, rest = number(rest[1:])
        if digits_required and (first is None or last is None):
            return "lacks a number"
        first, last = first or 0, last or 0
        if last >= COLORS_MAX or first > last or count + last - first >= available:
            return f"has {first}-{last}, and there are {available} colors"
        if last >= available:
            return f"has color {last}, and there are {available}"
        count += last - first + 1
        named.update(range(first, last + 1))
        if rest.startswith(","):
            rest = rest[1:]
        elif rest:
            return f"has {rest!r} after a color"
    return frozenset(named) or "names no color"
