"""Rules about irqs, nr_spis and vuart of an xl configuration, before xl calls Xen.

Source: parse_config_data (xl_parse.c), libxl__arch_domain_prepare_config (libxl_arm.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenassign.checks.guest_addresses import used_windows
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.linting.verdict.builds import TOO_MANY as TOO_MANY_SPIS
from xenassign.linting.verdict.builds import check_count
from xenassign.linting.verdict.cfg_keys import NOT_A_STRING, XL, list_items
from xenassign.linting.verdict.context import Context
from xenassign.xen.releases import (
    SPI_FIRST_INTID,
    VIRTIO_MMIO_INTIDS,
    VPL011_INTID,
    spi_ranges,
)
from xenassign.xen.xlvalues import intid

BAD_IRQ = rule("XA602", "irq-not-decimal", "error", "rejected", routes=XL)
IRQ_TWICE = rule("XA319", "irq-twice", "error", "rejected", routes=XL)
VUART_LINE = rule("XA318", "interrupt-of-vuart", "error", "rejected", routes=XL)
NR_SPIS_LOW = rule(
    "XA621",
    "nr-spis-too-low",
    "error",
    "rejected",
    routes=XL,
    applies=lambda xen: xen.low_nr_spis_refused,
)


def read_irqs(config: XlConfig, lines: list[tuple[Atom, int]]) -> Iterator[Finding]:
    """Adds the valid entries of irqs to ``lines``; the findings about the others."""
    for atom in list_items(config, "irqs"):
        number = intid(atom.text) if isinstance(atom, Atom) else None
        at = config.place(atom)
        if not isinstance(atom, Atom):
            yield NOT_A_STRING("irqs contains a list", prop="irqs", place=at)
        elif number is None:
            corrected = corrected_intid(atom)
            yield BAD_IRQ(
                f"{atom.text!r} is not a decimal number",
                prop="irqs",
                place=at,
                replacement=None if corrected is None else str(corrected),
            )
        else:
            lines.append((atom, number))


def corrected_intid(atom: Atom) -> int | None:
    """The INTID of an entry of irqs, also of a hexadecimal one, which xl refuses; else None."""
    hexadecimal = re.fullmatch(r"0[xX]0*([0-9a-fA-F]{1,8})", atom.text)
    return intid(str(int(hexadecimal[1], 16)) if hexadecimal else atom.text)


def has_vuart(config: XlConfig) -> bool:
    """Whether the guest has a vPL011."""
    value = config.get("vuart")
    return isinstance(value, Atom) and value.text == "sbsa_uart"


def check_irqs(
    config: XlConfig, context: Context, lines: list[tuple[Atom, int]]
) -> Iterator[Finding]:
    """Findings of libxl about irqs, before it calls Xen."""
    first: dict[int, Atom] = {}
    for atom, number in lines:
        if number in first:
            yield IRQ_TWICE(f"{number} is listed twice", prop="irqs", place=config.place(atom))
        first.setdefault(number, atom)
    if has_vuart(config) and VPL011_INTID in first:
        at = config.place(first[VPL011_INTID])
        yield VUART_LINE("irqs has 32 and vuart is sbsa_uart", prop="irqs", place=at)
    for number, atom in first.items():
        if number in VIRTIO_MMIO_INTIDS and "virtio-mmio" in used_windows(config):
            from xenassign.checks.interrupts import VIRTIO_INTID

            message = f"{number} may be that of a virtio-mmio device"
            yield VIRTIO_INTID(message, prop="irqs", place=config.place(atom))
    yield from _spis(config, context, first)


def _spis(config: XlConfig, context: Context, first: dict[int, Atom]) -> Iterator[Finding]:
    """Too many SPIs, or an nr_spis that is less than irqs and vuart require.

    ``first``: the entries of irqs by INTID.
    """
    required = max([int(has_vuart(config)), *(n - SPI_FIRST_INTID + 1 for n in first)])
    given = config.integer("nr_spis") if context.release.knows_key("nr_spis") else None
    if given is not None and given < required and NR_SPIS_LOW.applies(context.release):
        at = config.place(config.named("nr_spis")[-1].value)
        message = f"nr_spis is {given}, and {required} are required"
        yield NR_SPIS_LOW(message, prop="nr_spis", place=at, replacement=str(required))
        return
    spis = max(required, given or 0)
    highest = first.get(spis + SPI_FIRST_INTID - 1)
    prop = "irqs" if highest is not None else "nr_spis"
    for finding in check_count(f"the guest would need {spis} SPIs", spis, context):
        at = config.place(highest or config.named("nr_spis")[-1])
        fix = finding.own_fix or ("remove the entry" if highest is not None else None)
        yield finding._replace(prop=prop, place=at, routes=XL, own_fix=fix)
    ranges = spi_ranges(context.release, context.options, spis)
    for number, atom in first.items() if ranges else ():
        if number >= SPI_FIRST_INTID and not any(number in intids for intids in ranges):
            message, at = f"no guest has INTID {number}", config.place(atom)
            yield TOO_MANY_SPIS(message, prop="irqs", place=at, routes=XL, fix="remove the entry")
