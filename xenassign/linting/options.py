"""The options of ``lint`` that say what is judged and how, as a table."""

from __future__ import annotations

from xenassign.request.options import (
    INCLUDE,
    IOMMU_DRIVER,
    KNOWN_RELEASES,
    XEN_CONSOLE,
    XEN_FLAVOUR,
    Option,
)
from xenassign.xen.releases import DEFAULT, KCONFIG

LINT = (
    Option(
        "--host",
        "host",
        "The board's device tree as Xen gets it: .dtb, .dts, or the live tree of a boot without"
        " Xen. Rules that require it do not run without it.",
        metavar="HOST",
    ),
    Option(
        "--host-overlay",
        "overlays",
        "An overlay (.dtbo, .dtso) with marks or domains that the boot loader applies to HOST.",
        metavar="FILE",
        repeated=True,
    ),
    Option(
        "--base",
        "bases",
        "The partial device tree that an overlay (.dtbo, .dtso) among the files is for, and further"
        " overlays that are applied to it before, in order.",
        metavar="FILE",
        repeated=True,
    ),
    Option(
        "--live-host",
        "live_host",
        "HOST comes from the running board (/sys/firmware/fdt, /proc/device-tree): its /memory is"
        " the memory that Xen uses.",
    ),
    Option(
        "--partial",
        "partial",
        "The partial device tree for device_tree of the configurations.",
        metavar="FILE",
    ),
    Option(
        "--xen",
        "version",
        f"The Xen release: {KNOWN_RELEASES}.  [default: {DEFAULT}]",
        metavar="RELEASE",
    ),
    XEN_FLAVOUR,
    Option(
        "--route",
        "routes",
        "Check for this route only. Default: both.",
        choices=("dom0less", "xl"),
        repeated=True,
    ),
    Option(
        "--memory",
        "memory",
        "Memory of the domain in MiB, or with a unit: 512M, 4G.",
        metavar="SIZE",
        size=True,
        least=1,
    ),
    Option("--vcpus", "vcpus", "Virtual CPUs of the domain.", metavar="N", number=True, least=1),
    Option(
        "--dom0/--no-dom0",
        "dom0",
        "Whether there is a dom0. It keeps the devices that HOST does not mark.",
        default=True,
    ),
    IOMMU_DRIVER,
    XEN_CONSOLE,
    Option(
        "--together",
        "together",
        "The files belong to domains that run at the same time: report what two of them share"
        " (XA0xx). Requires --host.",
    ),
    Option(
        "--kconfig",
        "kconfig",
        "An option that your Xen is built with and that is off by default; repeat it. One of"
        f" {', '.join(KCONFIG)}.",
        "OPTION",
        choices=KCONFIG,
        repeated=True,
    ),
    INCLUDE,
    Option(
        "--select",
        "select",
        "Report only these findings: codes or prefixes of codes (XA2), repeated or with commas.",
        metavar="CODE",
        repeated=True,
    ),
    Option("--ignore", "ignore", "Do not report these findings.", metavar="CODE", repeated=True),
)
