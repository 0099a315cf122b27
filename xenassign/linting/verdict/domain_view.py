"""The subject of the rules about a dom0less domain's node: the node, and its context."""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import DomainNode
from xenassign.xen.releases import Release


class DomainView(NamedTuple):
    """A domain's node and the context in which it is judged."""

    domain: DomainNode
    context: Context

    @property
    def node(self) -> Node:
        """The domain's node."""
        return self.domain.node

    @property
    def release(self) -> Release:
        """The release of Xen."""
        return self.context.release

    def reads(self, name: str) -> bool:
        """Whether the node has a property that the release reads."""
        return self.node.has(name) and name in self.release.domain_properties


def round_up(size: int, step: int) -> int:
    """The size rounded up to a multiple of ``step``."""
    return -(-size // step) * step
