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
from xenassign.lint import dom0less, domcfg, partial
from xenassign.lint.context import Context
from xenassign.lint.view import partial_nodes
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
    refused = errors(check(files, request, platform, plan.pool_mib))
    if refused:
        return plan, {}, [finding.text(tree.file) for finding in refused]
    return plan, files, []


def check(
    files: dict[str, bytes], request: Request, platform: Platform, pool_mib: int | None = None
) -> Iterator[Finding]:
    """Every finding about rendered files that concerns a route of the request.

    ``pool_mib``: what the dom0less node says, which is no file of its own.
    """
    name = request.name
    context = Context(
        release=request.release,
        platform=platform,
        iommus=iommus(platform, request.release, request.drivers),
        vcpus=request.vcpus or 1,
        vpl011=request.vpl011,
        bootargs=request.extra,
        memory=request.memory * 1024 if request.memory else None,
        pool_mib=pool_mib,
        beside_dom0=True,
        marked=overlay_marks(read_blob(files[f"{name}.host.dtbo"])),
    )
    context = context._replace(rights=context.dom0())
    blob = files[f"{name}.dtb"]
    tree = read_blob(blob, f"{name}.dtb")
    found = [*dom0less.check(blob, context), *partial.check(tree, context)]
    found += domcfg.blob(blob)
    if f"{name}.cfg" in files:
        config = parse(files[f"{name}.cfg"].decode("utf-8"), f"{name}.cfg")
        nodes = list(partial_nodes(tree))
        lines = {n.path: partial.guest_intids(tree, n) for n in tree.nodes()}
        found += domcfg.check(config, context)
        found += domcfg.cross(config, nodes, lines)
    for finding in found:
        if set(finding.routes) & set(request.routes):
            yield finding


def overlay_marks(overlay: Tree) -> frozenset[str]:
    """The paths of the host nodes that an overlay with ``target-path`` marks xen,passthrough."""
    found = set()
    for fragment in overlay.root.children.values():
        content = fragment.children.get("__overlay__")
        target = fragment.text("target-path")
        if content is not None and target is not None and content.has("xen,passthrough"):
            found.add(target)
    return frozenset(found)
