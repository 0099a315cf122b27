"""Rules about the properties of a dom0less domain's node: what Xen refuses or reads otherwise.

Source: create_domUs, construct_domU (dom0less-build.c; domain_build.c in 4.17).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from xenassign.devicetree.cells import xen_first_number
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import string, taken_for_dom0
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.xen.releases import RELEASES

PASSTHROUGH = rule(
    "XA705",
    "passthrough-without-effect",
    "warning",
    "style",
    routes=DOM0LESS,
    applies=lambda xen: "passthrough" in xen.domain_properties,
)
FORM = rule("XA709", "value-misread", "warning", "broken", routes=DOM0LESS)
UNKNOWN = rule("XA710", "property-unknown", "warning", "broken", routes=DOM0LESS)
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
_CAPABILITIES, _HARDWARE, _XENSTORE = 0b111, 0b010, 0b100
#: Numbers of cells, by property. Those that a release does not know are unknown to it first.
_CELLS = {
    "cpus": 1,
    "memory": 2,
    "nr_spis": 1,
    "xen,domain-p2m-mem-mb": 1,
    "max_grant_version": 1,
    "max_grant_frames": 1,
    "max_maptrack_frames": 1,
    "capabilities": 1,
    "trap-unmapped-accesses": 1,
}
_BOOLEANS = ("vpl011", "direct-map")
_STRINGS = ("passthrough", "xen,enhanced", "xen,sci_type", "llc-colors")
#: What any node may have; Xen reads the cells, and of the rest nothing.
_STANDARD = frozenset(
    {"compatible", "#address-cells", "#size-cells", "ranges", "phandle", "linux,phandle", "status"}
)


def passthrough(view: DomainView) -> Iterator[Finding]:
    """passthrough does what it says."""
    value, path = view.domain.passthrough, view.node.path
    if not view.reads("passthrough") or value in (None, "enabled"):
        return
    if value != "disabled":
        yield PASSTHROUGH(f"{path}: passthrough is {value!r}", node=path, prop="passthrough")
    elif any(module.kind == "device-tree" for module in view.domain.modules):
        message = f"{path}: the device-tree module turns the IOMMU on"
        yield PASSTHROUGH(message, node=path, prop="passthrough")


def not_built(view: DomainView) -> Iterator[Finding]:
    """Properties that need an option of the build."""
    for name, option in view.release.domain_options.items():
        if not view.node.has(name) or option in view.context.options:
            continue
        if name == "llc-colors" and string(view.node, name) is None:
            continue  # it counts as absent
        message = f"{view.node.path}: {name} needs a Xen with CONFIG_{option}"
        yield NOT_BUILT(message, node=view.node.path, prop=name)


def xenstore(view: DomainView) -> Iterator[Finding]:
    """xen,enhanced has a value with a meaning, and a domain to serve it."""
    prop, path = view.node.get("xen,enhanced"), view.node.path
    if prop is None:
        return
    value = string(view.node, "xen,enhanced")
    if value is not None and value not in view.release.enhanced_values:
        known = ", ".join(sorted(view.release.enhanced_values))
        message = f"{path}: xen,enhanced is {value!r}; Xen {view.release.version} knows {known}"
        yield FORM(message, node=path, prop="xen,enhanced")
    elif value not in ("no-xenstore", "disabled") and not _xenstore_served(view):
        message = f"{path}: xen,enhanced asks for Xenstore, and there is no dom0"
        yield XENSTORE(message, node=path, prop="xen,enhanced")


def _xenstore_served(view: DomainView) -> bool:
    """By a dom0, or by a domain with the capability."""
    if view.context.beside_dom0 or taken_for_dom0(view.domain):
        return True
    if "capabilities" not in view.release.domain_properties or view.node.parent is None:
        return False
    beside = view.node.parent.children.values()
    return any((xen_first_number(node.value("capabilities")) or 0) & _XENSTORE for node in beside)


def values(view: DomainView) -> Iterator[Finding]:
    """Numbers that Xen refuses."""
    stated = {name: xen_first_number(view.node.value(name)) for name in _CELLS if view.reads(name)}
    version = stated.get("max_grant_version")
    refused = {
        "max_grant_version": version is not None and version & 0xF != 1,
        "max_grant_frames": stated.get("max_grant_frames") == 0,
        "trap-unmapped-accesses": (stated.get("trap-unmapped-accesses") or 0) > 1,
        "capabilities": _capabilities_refused(view, stated.get("capabilities") or 0),
    }
    for name in ("max_grant_frames", "max_maptrack_frames"):
        refused[name] = refused.get(name, False) or (stated.get(name) or 0) > 0x7FFFFFFF
    for name, bad in refused.items():
        if bad:
            message = f"{view.node.path}: {name} is {stated[name]}"
            yield REFUSED(message, node=view.node.path, prop=name)


def _capabilities_refused(view: DomainView, value: int) -> bool:
    """Bits that nobody knows, or a hardware domain with what only others can have."""
    if not value & _HARDWARE:
        return bool(value & ~_CAPABILITIES)
    trees = any(module.kind == "device-tree" for module in view.domain.modules)
    others = view.domain.passthrough is not None or view.domain.nr_spis is not None
    return bool(value & ~_CAPABILITIES) or view.context.beside_dom0 or trees or others


def forms(view: DomainView) -> Iterator[Finding]:
    """Values have the form that Xen reads."""
    for name, prop in view.node.properties.items():
        what = _odd(view.node, name, prop.value) if view.reads(name) else None
        if what:
            message = f"{view.node.path}: {name} {what}"
            yield FORM(message, node=view.node.path, prop=name, cell=_CELLS.get(name))


def _odd(node: Node, name: str, value: bytes) -> str | None:
    """What is odd about a value; cpus and memory have rules of their own."""
    wanted, size = 4 * _CELLS.get(name, 0), len(value)
    if wanted < size and wanted:
        return f"has {size} bytes; Xen reads {wanted}"
    if wanted > size and name not in ("cpus", "memory"):
        return f"has {size} bytes; Xen wants {wanted}, and takes it for absent"
    if name in _BOOLEANS and size and not any(value):
        return "is 0; that it is there means yes"
    # xen,enhanced without value means "enabled".
    text = name in _STRINGS and (size or name != "xen,enhanced")
    return "is no string" if text and string(node, name) is None else None


def properties(view: DomainView) -> Iterator[Finding]:
    """The release reads every property."""
    known = view.release.domain_properties
    for name in view.node.properties:
        if name in known or name in _STANDARD:
            continue
        message = f"{view.node.path}: Xen {view.release.version} does not read {name}"
        since = next((r.version for r in RELEASES.values() if name in r.domain_properties), None)
        near = difflib.get_close_matches(name, sorted(known), 1, cutoff=0.75)
        if since is not None:
            fix = f"take Xen {since}, or leave it out"
        elif name == "bootargs":
            fix = "move bootargs into the kernel's module"
        else:
            fix = f"did you mean {near[0]}?" if near else "leave it out"
        yield UNKNOWN(message, node=view.node.path, prop=name, fix=fix)
