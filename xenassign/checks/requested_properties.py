"""The properties that a request sets on a dom0less domain's node, compared with the release.

What Xen says of their values is judged by the lint, from the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.static_memory import COLORED
from xenassign.findings import Finding, rule
from xenassign.xen.node_properties import BY_NAME, first_release
from xenassign.xen.releases import RELEASES

if TYPE_CHECKING:
    from xenassign.request.request import Request

UNKNOWN = rule("XA710", "property-unknown", "warning", "broken", routes=("dom0less",))


def property_findings(request: Request) -> Iterator[Finding]:
    """Properties that the release does not read, and those that exclude another one."""
    xen = request.release
    if request.node.cpus and "dom0less" in request.routes and not xen.vcpu_nodes:
        first = next(release.version for release in RELEASES.values() if release.vcpu_nodes)
        where = f"xen,vcpu, for cpus{request.where('cpus')}"
        message = f"{request.name}: Xen {xen.version} does not read {where}"
        fix = f"use Xen {first} or newer, or the route xl, or remove cpus"
        yield UNKNOWN(message, prop="cpus", severity="error", fix=fix)
    for name, _ in request.node.properties:
        place, since = request.where("dom0less", name), first_release(name)
        if name not in request.release.domain_properties and since is not None:
            message = f"{request.name}: Xen {request.release.version} does not read {name}{place}"
            fix = f"use Xen {since.version} or newer, or remove {name}"
            yield UNKNOWN(message, prop=name, severity="error", fix=fix)
        elif BY_NAME[name].excludes == "xen,static-mem" and request.static_memory:
            memory = f"static memory{request.where('static-memory')}"
            message = f"{request.name}: {name}{place} excludes {memory}"
            yield COLORED(message, prop=name, fix="remove one of the two")
