"""Rules about xen,sci_type of a dom0less domain's node: whether Xen forwards its SCMI calls."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import DomainNode, is_compatible, string
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.xen.sci import OPTION, SCMI_SMC, mediator

SCI_TYPE = rule(
    "XA708",
    "sci-type-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: "xen,sci_type" in xen.domain_properties,
)
SCI_IDLE = rule(
    "XA728",
    "sci-type-without-effect",
    "error",
    "broken",
    routes=DOM0LESS,
    applies=lambda xen: xen.scmi_smc,
    needs_host=True,
)
SCI_TAKEN = rule(
    "XA729",
    "scmi-not-given",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.scmi_smc,
    needs_host=True,
)


def sci_type(view: DomainView) -> Iterator[Finding]:
    """xen,sci_type is one that Xen knows; it is built with scmi_smc unless that is switched off."""
    value, path = view.domain.sci_type, view.node.path
    if not view.reads("xen,sci_type") or value == "none":
        return
    if value != "scmi_smc":
        message = f"{path}: xen,sci_type is {value!r}" if value else f"{path}: it is no string"
        yield SCI_TYPE(message, node=path, prop="xen,sci_type")
        return
    platform = view.context.platform
    if platform is None:
        return
    host = mediator(platform.tree, view.context.marked)
    if host.node is None:
        message = f"{path}: Xen forwards no SCMI: {host.why}"
        yield SCI_IDLE(message, node=path, prop="xen,sci_type")
    elif _granted(view.domain) is False:
        message = f"{path}: xen,xen-bootargs has no {OPTION}"
        yield SCI_TAKEN(message, node=path, prop="xen,sci_type")
    else:
        before = _first_with_scmi(view.domain)
        if before is not view.node:
            message = f"{path}: {before.path} has the SCMI already"
            yield SCI_TAKEN(message, node=path, prop="xen,sci_type")


def _first_with_scmi(domain: DomainNode) -> Node:
    """The first domain beside it, or it itself, that asks for SCMI: Xen builds them in order."""
    beside = domain.node.parent.children.values() if domain.node.parent else ()
    asking = (n for n in beside if is_compatible(n, "xen,domain") and _asks(n))
    return next(asking, domain.node)


def _asks(node: Node) -> bool:
    return string(node, "xen,sci_type") == SCMI_SMC


def _granted(domain: DomainNode) -> bool | None:
    """Whether Xen's command line gives SCMI away; None where the tree does not state it."""
    for node in domain.lineage[1:]:
        line = string(node, "xen,xen-bootargs")
        if line is not None:
            return _option(line)
    return None


_NO = ("0", "no", "off", "false", "disable")


def _option(line: str) -> bool:
    """A boolean of Xen's command line, the last one counts (parse_params, parse_boolean)."""
    given = False
    for word in line.split():
        name, _, value = word.partition("=")
        if name == OPTION and value in ("", "1", "yes", "on", "true", "enable"):
            given = True
        elif name == f"no-{OPTION}" or (name == OPTION and value in _NO):
            given = False
    return given
