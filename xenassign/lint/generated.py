"""``generate``: decide, render, and check what was rendered from the bytes to be written."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.assign.decide import decide
from xenassign.assign.plan import DomainPlan
from xenassign.assign.request import Request
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, errors
from xenassign.host.platform import Platform, read_platform
from xenassign.lint import domcfg, partial
from xenassign.render.files import render
from xenassign.xen.iommu import iommus
from xenassign.xen.xlcfg import parse


def generate(tree: Tree, request: Request) -> tuple[DomainPlan, dict[str, bytes], list[str]]:
    """(plan, files by name, refusals). With refusals there are no files.

    Raises XenassignError where the request or the tree can't be read.
    """
    platform = read_platform(tree)
    plan = decide(tree, request, platform)
    refused = errors(plan.findings)
    if refused:
        return plan, {}, [finding.text(tree.file) for finding in refused]
    files = render(plan)
    refused = errors(check(files, request, platform))
    if refused:
        return plan, {}, [finding.text(tree.file) for finding in refused]
    return plan, files, []


def check(files: dict[str, bytes], request: Request, platform: Platform) -> Iterator[Finding]:
    """Every finding about rendered files that concerns a route of the request."""
    name = request.name
    context = partial.Context(
        release=request.release,
        platform=platform,
        iommus=iommus(platform, request.release, request.drivers),
        vcpus=request.vcpus or 1,
        vpl011=request.vpl011,
        bootargs=request.extra,
    )
    blob = files[f"{name}.dtb"]
    tree = read_blob(blob, f"{name}.dtb")
    found = list(partial.check(tree, len(blob), context))
    if f"{name}.cfg" in files:
        config = parse(files[f"{name}.cfg"].decode("utf-8"), f"{name}.cfg")
        nodes = list(partial.partial_nodes(tree))
        lines = {n.path: partial.guest_intids(tree, n) for n in tree.nodes()}
        found += domcfg.check(config, context)
        found += domcfg.cross(config, nodes, lines)
    for finding in found:
        if set(finding.routes) & set(request.routes):
            yield finding
