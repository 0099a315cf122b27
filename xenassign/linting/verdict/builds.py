"""What a guest can have depends on the build of Xen: its SPIs, and devices at all.

Source: domain_vgic_init, vgic_def_nr_spis, route_irq_to_guest of Xen.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.flat import FlatNode
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.context import Context
from xenassign.xen.releases import (
    ESPI_INTIDS,
    GUEST_NR_SPIS_MAX,
    RELEASES,
    SPI_FIRST_INTID,
    spi_ranges,
)

TOO_MANY = rule("XA314", "too-many-spis", "error", "rejected")
NO_MMU = rule("XA747", "mpu-without-passthrough", "error", "rejected")
MPU = "MPU"
#: nr_spis with every extended SPI.
_ALL_EXTENDED = ESPI_INTIDS.stop - SPI_FIRST_INTID


def check_count(message: str, count: int, context: Context) -> Iterator[Finding]:
    """A number of SPIs that Xen refuses."""
    if spi_ranges(context.release, context.options, count):
        return
    fix = None
    if ESPI_INTIDS.start <= SPI_FIRST_INTID + count <= ESPI_INTIDS.stop:
        first = next(xen.version for xen in RELEASES.values() if xen.extended_spis)
        fix = (
            f"extended SPIs require Xen {first} or newer, built with CONFIG_GICV3_ESPI"
            " (--kconfig GICV3_ESPI)"
        )
    yield TOO_MANY(message, fix=fix)


def guest_intids(context: Context) -> tuple[range, ...]:
    """The INTIDs of the SPIs of a dom0less guest that the host may have too.

    Without nr_spis they are all that the host's GIC has. ``Context.gic_lines`` does not count
    extended SPIs, so with it there are none.
    """
    release, options, spis = context.release, context.options, context.nr_spis
    if spis is None:
        extended = spi_ranges(release, options, _ALL_EXTENDED)
        spis = _ALL_EXTENDED if extended else GUEST_NR_SPIS_MAX
    intids = spi_ranges(release, options, spis) or spi_ranges(release, options, GUEST_NR_SPIS_MAX)
    if context.gic_lines is not None:
        intids = (intids[0][: max(0, context.gic_lines - SPI_FIRST_INTID)],)
    return tuple(numbers for numbers in intids if numbers)


def without_mmu(passthrough: FlatNode, context: Context) -> Iterator[Finding]:
    """Any assignment of /passthrough, if Xen is built for an MPU."""
    for node in passthrough.walk() if MPU in context.options else ():
        if node.last("xen,reg") is not None or node.last("xen,path") is not None:
            message = f"{node.path} is assigned, and a build with CONFIG_{MPU} has no passthrough"
            yield NO_MMU(message, node=node.path, routes=("dom0less",))
            return
