"""Numbers with a unit, as people write them: sizes of memory and clock rates.

A size is in bytes with K, M or G (of 1024; KiB, MB and the like are the same), a rate in Hz with
kHz, MHz or GHz, which may have a decimal point.
"""

from __future__ import annotations

import re

#: Bytes of a unit.
SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_RATES = {"HZ": 1, "KHZ": 10**3, "MHZ": 10**6, "GHZ": 10**9}
_NUMBER = r"(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})"

#: A memory of a domain with a unit.
MEMORY = _NUMBER + r" ?([MmGg])(?:[iI]?[bB])?"
#: A size in bytes, with a unit or without one.
SIZE = _NUMBER + r"(?: ?([KkMmGg])(?:[iI]?[bB])?)?"
#: A rate with a unit.
RATE = r"([0-9]{1,20}(?:\.[0-9]{1,12})?) ?([kKmMgG]?[hH][zZ])"
#: A bank of memory: its address and its size.
BANK = rf"{_NUMBER}:{SIZE}"


def mebibytes(text: str) -> int | None:
    """A memory as ``512M`` or ``1GiB`` in MiB; None for another text."""
    match = re.fullmatch(MEMORY, text)
    return int(match[1], 0) * SIZES[match[2].upper()] // SIZES["M"] if match else None


def size(text: str) -> int | None:
    """A size as ``0x1000``, ``512M`` or ``1GiB`` in bytes; None for another text."""
    match = re.fullmatch(SIZE, text)
    return int(match[1], 0) * SIZES[(match[2] or "").upper()] if match else None


def hertz(text: str) -> int | None:
    """A rate as ``40MHz`` or ``32.768 kHz`` in Hz; None for another text, or a fraction."""
    match = re.fullmatch(RATE, text)
    if match is None:
        return None
    from fractions import Fraction

    rate = Fraction(match[1]) * _RATES[match[2].upper()]
    return int(rate) if rate.denominator == 1 else None
