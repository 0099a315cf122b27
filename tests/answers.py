"""What tests ask of the answers of xenassign: findings by their codes, nodes by their paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import xenassign
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, errors
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request


def generate(tree: Tree, request: Request) -> tuple[DomainPlan, dict[str, bytes], list[Finding]]:
    """Plan, files and refusals of a domain."""
    made = xenassign.generate(tree, request)
    return made.plan, made.files, errors(made.findings)


class Answer(Protocol):
    """A plan or a report."""

    @property
    def findings(self) -> Iterable[Finding]:
        """Everything that it says."""


def findings_of(answer: Answer | Iterable[Finding]) -> list[Finding]:
    """The findings of a plan or report, or of a list that is one already."""
    return list(answer.findings if hasattr(answer, "findings") else answer)


def of(answer: Answer | Iterable[Finding], *codes: str) -> list[Finding]:
    """The findings with one of these codes, in their order."""
    return [finding for finding in findings_of(answer) if finding.code in codes]


def codes(answer: Answer | Iterable[Finding]) -> list[str]:
    """The codes of all findings, sorted, each as often as there is a finding with it."""
    return sorted(finding.code for finding in findings_of(answer))


def at(tree: Tree, path: str) -> Node:
    """The node of a path, which has to be there."""
    node = tree.find(path)
    assert node is not None, path
    return node


def guest(plan: DomainPlan) -> Tree:
    """The partial device tree of a plan, as its reader gets it."""
    return read_blob(to_blob(plan.tree))


def guest_device(plan: DomainPlan, path: str | None = None) -> Node:
    """The guest's node of an assigned device, by its path in the host; the first one without."""
    paths = {device.path: device.guest_path for device in plan.devices}
    return at(guest(plan), paths[path or plan.devices[0].path])
