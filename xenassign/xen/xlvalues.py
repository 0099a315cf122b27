"""The values of irqs, iomem and arm_sci as xl reads them (parse_config_data in xl_parse.c)."""

from __future__ import annotations

import re
from typing import NamedTuple

from xenassign.devicetree.spans import Span

#: Numbers as strtoul reads them in base 10, and sscanf in base 16.
_DECIMAL = re.compile(r"[ \t\n\v\f\r]*([+-]?)0*([0-9]+)")
_NUMBER = r"[ \t\n\v\f\r]*([+-]?(?:0[xX][0-9a-fA-F]*|[0-9a-fA-F]+))"
_IOMEM = re.compile(f"{_NUMBER},{_NUMBER}(?:@{_NUMBER})?")
_U64 = (1 << 64) - 1


class IomemRange(NamedTuple):
    """An entry of iomem in pages: first of the host, count, first of the guest."""

    mfn: int
    pages: int
    gfn: int

    @property
    def text(self) -> str:
        """The entry in the form of dom.cfg, in hexadecimal."""
        moved = f"@{self.gfn:#x}" if self.gfn != self.mfn else ""
        return f"{self.mfn:#x},{self.pages:#x}{moved}"

    @property
    def host(self) -> Span:
        """The pages of the host."""
        return Span.sized(self.mfn, self.pages)

    def covers(self, other: IomemRange) -> bool:
        """Whether it maps every page of the other, to the same guest pages."""
        return self.gfn - self.mfn == other.gfn - other.mfn and self.host.covers(other.host)


def intid(text: str) -> int | None:
    """An entry of irqs as strtoul reads it: an INTID; None if xl refuses it."""
    match = _DECIMAL.fullmatch(text)
    if match is None or len(match[2]) > 20:  # Python refuses to convert thousands of digits
        return None
    value = int(match[1] + match[2])
    value = value & _U64 if abs(value) <= _U64 else _U64
    return value if value < 0xFFFFFFFF else None


def page_range(text: str) -> IomemRange | None:
    """An entry of iomem as sscanf reads it; None if xl refuses it."""
    match = _IOMEM.fullmatch(text)
    if match is None:
        return None
    mfn, count, gfn = (_hexadecimal(text) if text else _U64 for text in match.groups())
    return IomemRange(mfn, count, mfn if gfn == _U64 else gfn)


def _hexadecimal(text: str) -> int:
    """A number as glibc's sscanf reads it: "0x" alone is 0, a sign wraps, too large is all ones."""
    value = int(text + "0", 16) >> 4 if text[-1] in "xX" else int(text, 16)
    return value & _U64 if abs(value) <= _U64 else _U64


def sci_types(text: str) -> list[str]:
    """The types that arm_sci names, in order: the last one counts, and any other part is ignored.

    Source: parse_arm_sci_config. The names are compared without regard to case.
    """
    return [part[5:].lower() for part in text.split(",") if part.startswith("type=")]
