"""Rules about llc-colors, for a Xen that is built with cache coloring."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.findings import Finding, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import string
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.xen.layout import MIB
from xenassign.xen.llc_coloring import (
    COLORING_OPTION,
    COLORS,
    COLORS_MAX,
    Coloring,
    coloring,
    colors,
)

REFUSED = rule(
    "XA751",
    "cache-colors-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: COLORS in xen.domain_properties,
)


def cache_colors(view: DomainView) -> Iterator[Finding]:
    """The colors of a domain that Xen does not accept."""
    text, path = string(view.node, COLORS), view.node.path
    if text is None or not view.reads(COLORS) or COLORING_OPTION not in view.context.options:
        return
    line = view.domain.xen_bootargs
    known = coloring(line) if line is not None else None
    if known is not None and not known.on:
        problem = (
            f"{COLORS} requires a Xen that colors the cache, and xen,xen-bootargs does not say so"
        )
        yield REFUSED(f"{path}: {problem}", node=path, prop=COLORS, fix=_FIX)
        return
    available = known.colors if known is not None else COLORS_MAX
    given = colors(text, available, view.release.color_digits_required)
    refusal = given if isinstance(given, str) else _too_small(view, len(given), known)
    if refusal is not None:
        yield REFUSED(f"{path}: {COLORS} {refusal}", node=path, prop=COLORS)


def _too_small(view: DomainView, count: int, known: Coloring | None) -> str | None:
    """Whether the domain's memory is more than the host's of its colors."""
    platform, memory = view.context.platform, view.domain.memory
    blocks = view.context.host_memory or (platform.memory if platform is not None else ())
    if known is None or known.colors == COLORS_MAX or memory is None or not blocks:
        return None  # the number of colors is not known
    size = sum(block.size for block in blocks) // known.colors * count
    if memory * 1024 <= size:
        return None
    return f"has {count} of {known.colors} colors: {size // MIB} MiB of the host's memory"


_FIX = "add llc-coloring=on to xen,xen-bootargs"
