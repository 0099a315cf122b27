"""The properties of a dom0less domain's node: the form of their values, and what excludes them.

One table for both directions: [domain.dom0less] of xenassign.toml has a key for each
(:mod:`xenassign.request.keys`), and the lint compares the nodes of others with it
(:mod:`xenassign.linting.verdict.domain_properties`). The releases that read a property are in
``Release.domain_properties``, the options that Xen must be built with in
``Release.domain_options``. Source: parse_dom0less_node (dom0less-bindings.c), construct_domU
(dom0less-build.c), arch_parse_dom0less_node (arch/arm/dom0less-build.c).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from xenassign.xen.releases import RELEASES, Release

#: ``vector-length``: no value, for the longest, or one cell.
Form = Literal["boolean", "cells", "string", "vector-length", "other"]

INT32_MAX = 0x7FFFFFFF


class DomainProperty(NamedTuple):
    """A property. ``cells``: how many Xen reads. ``least``, ``most``: what it accepts in one cell.

    ``key``: the key of [[domain]] that states it; None: it is one of [domain.dom0less]. ``values``:
    the strings that Xen knows. ``excludes``: another property with which Xen refuses it. ``doc``
    and ``example`` (as TOML): of the key in [domain.dom0less].
    """

    name: str
    form: Form
    cells: int = 0
    least: int = 0
    most: int = 0xFFFFFFFF
    key: str | None = None
    values: tuple[str, ...] = ()
    excludes: str | None = None
    doc: str = ""
    example: str = ""


PROPERTIES = (
    DomainProperty("memory", "cells", 2, key="memory"),
    DomainProperty("cpus", "cells", 1, key="vcpus"),
    DomainProperty("vpl011", "boolean", key="vpl011"),
    DomainProperty("direct-map", "boolean", key="direct-map"),
    DomainProperty("xen,static-mem", "other", key="static-memory"),
    DomainProperty("xen,sci_type", "string", key="sci"),
    DomainProperty("domain-cpupool", "other", key="cpu-pool"),
    DomainProperty(
        "xen,enhanced",
        "string",
        values=tuple(sorted({value for xen in RELEASES.values() for value in xen.enhanced_values})),
        doc="PV interfaces: grant tables, event channels and Xenstore, which dom0 serves.",
        example='"no-xenstore"',
    ),
    DomainProperty(
        "llc-colors",
        "string",
        excludes="xen,static-mem",
        doc="Colors of the last level cache that the domain's memory has.",
        example='"0-3,6"',
    ),
    DomainProperty(
        "sve",
        "vector-length",
        1,
        most=2048,
        doc="The longest SVE vector in bits, a multiple of 128; `true`: what the processor has.",
        example="true",
    ),
    DomainProperty(
        "capabilities",
        "cells",
        1,
        most=0b111,
        doc="What the domain may do: 1 control, 2 hardware domain, 4 Xenstore, or a sum of them.",
        example="4",
    ),
    DomainProperty(
        "max_grant_version", "cells", 1, 1, 1, doc="The version of grant tables.", example="1"
    ),
    DomainProperty(
        "max_grant_frames",
        "cells",
        1,
        1,
        INT32_MAX,
        doc="Frames of the grant table.",
        example="64",
    ),
    DomainProperty(
        "max_maptrack_frames",
        "cells",
        1,
        0,
        INT32_MAX,
        doc="Frames for the grants that the domain maps.",
        example="1024",
    ),
    DomainProperty(
        "trap-unmapped-accesses",
        "cells",
        1,
        0,
        1,
        doc="1: an access to an address without anything is an abort in the guest; 0: it reads"
        " ones.",
        example="0",
    ),
    DomainProperty(
        "nr_spis",
        "cells",
        1,
        doc="How many SPIs the guest has; without it as many as the host's GIC.",
        example="128",
    ),
    DomainProperty(
        "xen,domain-p2m-mem-mb",
        "cells",
        1,
        doc="MiB for the stage 2 tables, instead of the amount that the mappings require.",
        example="16",
    ),
    DomainProperty(
        "passthrough",
        "string",
        values=("enabled", "disabled"),
        doc="Whether the domain has the IOMMU; a partial device tree turns it on.",
        example='"enabled"',
    ),
    DomainProperty(
        "v8r_el1_msa",
        "string",
        values=("mpu", "mmu"),
        doc="Memory system of a guest on Armv8-R.",
        example='"mmu"',
    ),
)

BY_NAME = {prop.name: prop for prop in PROPERTIES}


def first_release(name: str) -> Release | None:
    """The oldest release that reads a property; None: none does."""
    return next((xen for xen in RELEASES.values() if name in xen.domain_properties), None)
