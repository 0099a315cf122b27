"""``generate``: decide, render, and check what was rendered from the bytes to be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from xenassign.assign.decide import decide
from xenassign.assign.plan import DomainPlan
from xenassign.assign.request import Request
from xenassign.assign.select import with_console
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, errors
from xenassign.host.platform import Platform, read_platform
from xenassign.lint import cross, dom0less, domcfg, partial
from xenassign.lint.context import Context
from xenassign.lint.overlays import marks
from xenassign.lint.view import View
from xenassign.render.files import render
from xenassign.xen.iommu import iommus
from xenassign.xen.xlcfg import Config, decode, parse


def generate(tree: Tree, request: Request) -> tuple[DomainPlan, dict[str, bytes], list[str]]:
    """(plan, files by name, refusals). With refusals there are no files.

    Raises XenassignError where the request or the tree can't be read.
    """
    platform = with_console(read_platform(tree), request.xen_console)
    plan = decide(tree, request, platform)
    refused = errors(plan.findings)
    if refused:
        return plan, {}, [finding.text(tree.file) for finding in refused]
    # Without the user's own file first: what it has already would excuse the plan's own errors.
    alone = replace(request, base=None)
    files = render(plan._replace(request=alone))
    refused = errors(check(files, alone, platform, plan.pool_mib))
    if request.base is not None and not refused:
        files = render(plan)
        found = list(check(files, request, platform, plan.pool_mib))
        refused = errors(found)
        older = [finding for finding in found if finding.file == request.base.file]
        plan = plan._replace(findings=(*plan.findings, *older))
        files = render(plan)
    if refused:
        return plan, {}, [finding.text(tree.file) for finding in refused]
    return plan, files, []


def check(
    files: dict[str, bytes], request: Request, platform: Platform, pool_mib: int | None = None
) -> Iterator[Finding]:
    """Every finding about rendered files that concerns a route of the request.

    Errors that the user's own configuration had before become warnings about that file.
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
        sci=request.sci or "none",
        marked=marks(None, [read_blob(files[f"{name}.host.dtbo"])]),
    )
    context = context._replace(rights=context.dom0())
    blob = files[f"{name}.dtb"]
    view = View(read_blob(blob, f"{name}.dtb"), context)
    found = [*dom0less.check(blob, context), *partial.check(view, decided=True)]
    found += domcfg.blob(blob)
    if f"{name}.cfg" in files:
        config = parse(decode(files[f"{name}.cfg"]), f"{name}.cfg")
        told = [*domcfg.check(config, context), *cross.check(config, view)]
        base = request.base
        if base is not None:
            had = (*domcfg.check(base, context), *cross.check(base, view))
            before = {_same(one): one for one in had}
            told = [_older(before[_same(f)], base) if _same(f) in before else f for f in told]
        found += told
    for finding in found:
        if set(finding.routes) & set(request.routes):
            yield finding


def _same(finding: Finding) -> tuple[str, str, str | None, str | None]:
    """What makes two findings the same wherever they stand."""
    return finding.code, finding.message, finding.node, finding.prop


def _older(finding: Finding, base: Config) -> Finding:
    """A finding about what stood in the user's file already: a warning, with its place there."""
    severity = "warning" if finding.severity == "error" else finding.severity
    older = finding._replace(severity=severity, file=base.file)
    # NAME.json is UTF-8, whatever the user's file is.
    message, node = (
        text and text.encode("utf-8", "backslashreplace").decode()
        for text in (finding.message, finding.node)
    )
    return older._replace(message=message or "", node=node)
