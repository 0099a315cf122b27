"""Keys of an xl configuration that require a build of Xen: llc_colors and sve.

Source: parse_config_data (xl_parse.c), libxl__arch_domain_build_info_setdefault (libxl_arm.c),
libxl__domain_make (libxl_create.c), libxl_sve_type (libxl_types.idl).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.linting.verdict.cfg_keys import XL, list_items
from xenassign.linting.verdict.context import Context

NOT_BUILT = rule(
    "XA622",
    "key-not-built",
    "error",
    "rejected",
    routes=XL,
    applies=lambda xen: xen.knows_key("sve"),
)
REFUSED = rule(
    "XA623",
    "sve-or-colors-malformed",
    "error",
    "rejected",
    routes=XL,
    applies=lambda xen: xen.knows_key("sve"),
)
_COLORS = r"\s*[+-]?(\d+)(?:-\s*[+-]?(\d+))?"
#: The lengths of libxl_sve_type, in bits; its names are compared without case.
_LENGTHS = {str(bits) for bits in range(128, 2049, 128)}


def builds(config: XlConfig, context: Context) -> Iterator[Finding]:
    """llc_colors and sve, on the releases that know them."""
    if context.release.knows_key("llc_colors"):
        yield from _llc_colors(config, context)
    value = config.get("sve")
    if not context.release.knows_key("sve") or not isinstance(value, Atom):
        return
    text, at = value.text.lower(), config.place(value)
    if text not in {"hw", "disabled"} | _LENGTHS:
        message = f"sve is {value.text!r}: not hw, disabled or a multiple of 128 up to 2048"
        yield REFUSED(message, prop="sve", place=at)
    elif text != "disabled" and "ARM64_SVE" not in context.options:
        yield NOT_BUILT("sve requires a Xen with CONFIG_ARM64_SVE", prop="sve", place=at)


def _llc_colors(config: XlConfig, context: Context) -> Iterator[Finding]:
    """A list of colors and ranges; anything but a list counts for nothing."""
    items = list_items(config, "llc_colors")
    for item in items:
        read = re.match(_COLORS, item.text) if isinstance(item, Atom) else None
        if read is None or (read[2] is not None and int(read[1]) > int(read[2])):
            text = repr(item.text) if isinstance(item, Atom) else "a list"
            message = f"llc_colors contains {text}, which is not a color or FIRST-LAST"
            yield REFUSED(message, prop="llc_colors", place=config.place(item))
            return
    if items and "LLC_COLORING" not in context.options:
        message = "llc_colors requires a Xen with CONFIG_LLC_COLORING"
        yield NOT_BUILT(message, prop="llc_colors", place=config.place(items[0]))
