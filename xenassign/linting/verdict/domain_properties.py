"""Rules about the properties of a dom0less domain's node: values that Xen refuses or misreads.

Source: create_domUs, construct_domU (dom0less-build.c; domain_build.c in 4.17).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from xenassign.checks.requested_properties import UNKNOWN
from xenassign.devicetree.cells import xen_first_number
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import scanned_as_dom0, string
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.spelling import did_you_mean
from xenassign.xen.node_properties import BY_NAME, INT32_MAX, PROPERTIES, first_release
from xenassign.xen.sci_agents import BINDING, KCONFIG

PASSTHROUGH = rule(
    "XA705",
    "passthrough-without-effect",
    "warning",
    "style",
    routes=DOM0LESS,
    applies=lambda xen: "passthrough" in xen.domain_properties,
)
FORM = rule("XA709", "value-misread", "warning", "broken", routes=DOM0LESS)
XENSTORE = rule("XA715", "xenstore-without-dom0", "error", "rejected", routes=DOM0LESS)
REFUSED = rule(
    "XA716",
    "value-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: "max_grant_version" in xen.domain_properties,
)
NOT_BUILT = rule("XA717", "option-not-built", "error", "rejected", routes=DOM0LESS)
_HARDWARE, _XENSTORE = 0b010, 0b100
#: Properties that any node may have. Of these Xen reads only the cells.
_STANDARD = frozenset(
    {"compatible", "#address-cells", "#size-cells", "ranges", "phandle", "linux,phandle", "status"}
)


def passthrough(view: DomainView) -> Iterator[Finding]:
    """passthrough has no effect."""
    value, path = view.domain.passthrough, view.node.path
    if not view.reads("passthrough") or value in (None, "enabled"):
        return
    if value != "disabled":
        yield PASSTHROUGH(f"{path}: passthrough is {value!r}", node=path, prop="passthrough")
    elif any(module.kind == "device-tree" for module in view.domain.modules):
        message = f"{path}: the device-tree module turns the IOMMU on"
        yield PASSTHROUGH(message, node=path, prop="passthrough")


def not_built(view: DomainView) -> Iterator[Finding]:
    """Properties that require an option that Xen is built without."""
    for name, option in view.release.domain_options.items():
        if not view.node.has(name) or option in view.context.options:
            continue
        if name == "llc-colors" and string(view.node, name) is None:
            continue  # it counts as absent
        message = f"{view.node.path}: {name} requires a Xen with CONFIG_{option}"
        yield NOT_BUILT(message, node=view.node.path, prop=name)


def xenstore(view: DomainView) -> Iterator[Finding]:
    """xen,enhanced has an unknown value, or no domain serves Xenstore."""
    prop, path = view.node.get("xen,enhanced"), view.node.path
    if prop is None:
        return
    value = string(view.node, "xen,enhanced")
    if value is not None and value not in view.release.enhanced_values:
        known = ", ".join(sorted(view.release.enhanced_values))
        message = f"{path}: xen,enhanced is {value!r}; Xen {view.release.name} knows {known}"
        yield FORM(message, node=path, prop="xen,enhanced")
    elif value not in ("no-xenstore", "disabled") and not _xenstore_served(view):
        message = f"{path}: xen,enhanced requires Xenstore, and there is no dom0"
        yield XENSTORE(message, node=path, prop="xen,enhanced")


def _xenstore_served(view: DomainView) -> bool:
    """Whether a dom0 or a domain with the capability serves Xenstore."""
    if view.context.beside_dom0 or scanned_as_dom0(view.domain, view.release):
        return True
    if "capabilities" not in view.release.domain_properties or view.node.parent is None:
        return False
    siblings = view.node.parent.children.values()
    return any((xen_first_number(node.value("capabilities")) or 0) & _XENSTORE for node in siblings)


def refused_values(view: DomainView) -> Iterator[Finding]:
    """Numbers that Xen refuses."""
    for name in (prop.name for prop in PROPERTIES if prop.cells and view.reads(prop.name)):
        number = xen_first_number(view.node.value(name))
        if number is not None and _refused(view, name, number):
            message = f"{view.node.path}: {name} is {number}"
            yield REFUSED(message, node=view.node.path, prop=name)


def _refused(view: DomainView, name: str, number: int) -> bool:
    known = BY_NAME[name]
    if name == "max_grant_version":
        return number & 0xF != known.most
    if name == "sve":  # read as an int: what is negative is the longest vector
        built = view.release.domain_options[name] in view.context.options
        return built and number <= INT32_MAX and (number > known.most or number % 128 != 0)
    if name == "capabilities":
        return _capabilities_refused(view, number)
    return known.cells == 1 and not known.least <= number <= known.most


def _capabilities_refused(view: DomainView, value: int) -> bool:
    """Unknown bits, or the hardware domain with properties that it can't have."""
    if value & ~BY_NAME["capabilities"].most:
        return True
    if not value & _HARDWARE:
        return False
    trees = any(module.kind == "device-tree" for module in view.domain.modules)
    others = view.domain.passthrough is not None or view.domain.nr_spis is not None
    return view.context.beside_dom0 or trees or others


def misread_values(view: DomainView) -> Iterator[Finding]:
    """Values in a form that Xen ignores or reads otherwise."""
    for name, prop in view.node.properties.items():
        problem = _misread(view.node, name, prop.value) if view.reads(name) else None
        if problem:
            message = f"{view.node.path}: {name} {problem}"
            yield FORM(message, node=view.node.path, prop=name, cell=BY_NAME[name].cells or None)


def _misread(node: Node, name: str, value: bytes) -> str | None:
    """What is wrong with the form of a value; cpus and memory have their own rules."""
    known, size = BY_NAME[name], len(value)
    expected = 4 * known.cells if size or known.form != "vector-length" else 0
    if 0 < expected < size:
        return f"has {size} bytes; Xen reads {expected}"
    if expected > size and name not in ("cpus", "memory"):
        return f"has {size} bytes; Xen requires {expected}, and treats it as absent"
    if known.form == "boolean" and size and not any(value):
        return "is 0; it is a boolean, true if it is present"
    # xen,enhanced without value means "enabled".
    text = known.form == "string" and (size or name != "xen,enhanced")
    return "is not a string" if text and string(node, name) is None else None


def _could_be(node: Node, unknown: str, known: str) -> bool:
    """Whether a known property that the node lacks could have the value of an unknown one."""
    size, (_, form, cells, *_) = len(node.properties[unknown].value), BY_NAME[known]
    if form == "boolean":
        fits = size == 0
    elif form == "string":
        fits = string(node, unknown) is not None
    elif form == "cells":
        fits = size == 4 * cells
    else:
        fits = size % 4 == 0 and (size > 0 or form == "vector-length")
    return fits and not node.has(known)


def unknown_properties(view: DomainView) -> Iterator[Finding]:
    """Properties that the release does not read."""
    known = view.release.domain_properties
    for name in view.node.properties:
        if name in known or name in _STANDARD:
            continue
        if name == BINDING.domain_agent and KCONFIG in view.context.options:
            continue
        message = f"{view.node.path}: Xen {view.release.name} does not read {name}"
        since = first_release(name)
        question = did_you_mean(name, known, partial(_could_be, view.node, name))
        if since is not None:
            fix = f"use Xen {since.version}, or leave it out"
        elif name == "bootargs":
            fix = "move bootargs into the kernel's module"
        else:
            fix = question or "leave it out"
        yield UNKNOWN(message, node=view.node.path, prop=name, fix=fix)
