"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from xenassign.xen.releases import DEFAULT, RELEASES

F = Callable[..., Any]

host_argument = click.argument("host", metavar="HOST")

xen_option = click.option(
    "--xen",
    "version",
    metavar="RELEASE",
    default=DEFAULT,
    show_default=True,
    help=f"The Xen release: {', '.join(RELEASES)}.",
)

driver_option = click.option(
    "--iommu-driver",
    "drivers",
    multiple=True,
    type=click.Choice(["smmu", "smmu-v3", "ipmmu"]),
    help="An IOMMU driver that your build of Xen has; repeat it. Default: all that the release"
    " knows. A default build has smmu only.",
)


console_option = click.option(
    "--xen-console",
    metavar="PATH|none",
    help="The UART that Xen uses, where it is not that of stdout-path.",
)


def driver_set(drivers: tuple[str, ...]) -> frozenset[str] | None:
    """None: all drivers of the release."""
    return frozenset(drivers) or None
