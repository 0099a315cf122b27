"""``plan``, ``generate`` and ``lint`` of the public API, which docs/api.md describes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import ROUTES, Finding, errors
from xenassign.linting import linter
from xenassign.linting.documents import document, read_document, read_tree_file
from xenassign.linting.lint_report import Report
from xenassign.linting.session import usable_host
from xenassign.outputs.generated import generate_system
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.request.system_request import SystemRequest
from xenassign.xen.releases import DEFAULT, RELEASES, Release

Path = str | os.PathLike[str]


class Result(NamedTuple):
    """What became of a request: the plan, the files by name, all findings.

    ``files`` is empty where the request is refused; then the plan is as far as it was decided.
    """

    plan: DomainPlan
    files: dict[str, bytes]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether a finding is an error, so that there are no files."""
        return bool(errors(self.findings))


def generate(host: Tree, request: Request) -> Result:
    """Everything that ``xenassign generate`` writes for one domain, checked, as bytes.

    Nothing is written to disk. Raises XenassignError where the request is invalid on this board,
    such as a name that no node has, with a line for each mistake.
    """
    made = generate_system(host, SystemRequest((request,)))
    findings = tuple(finding._replace(domain=None) for finding in made.findings)
    return Result(made.plan.domains[0], made.files, findings)


def plan(host: Tree, request: Request) -> Result:
    """The answer of :func:`generate` without the files: refused where that is. Same errors."""
    return generate(host, request)._replace(files={})


def lint(  # noqa: PLR0913 (what the files are judged for)
    files: Iterable[Path] | Mapping[str, bytes],
    *,
    host: Tree | None = None,
    overlays: Iterable[Path] = (),
    bases: Iterable[Path] = (),
    release: Release = RELEASES[DEFAULT],
    routes: Iterable[str] = ROUTES,
    memory: int | None = None,
    vcpus: int | None = None,
    dom0: bool = True,
    kconfig: Iterable[str] = (),
    together: bool = False,
) -> Report:
    """What ``xenassign lint`` reports about files, given by path or as bytes by name.

    ``host``: the board's tree; without it, the rules that need it do not run. ``overlays``: files
    with marks or domains that the boot loader applies to it. ``bases``: the partial device tree
    that an overlay among the files is for, and overlays that are applied before it. ``memory`` of
    the domain in MiB, and its ``vcpus``. ``dom0``: whether there is one. ``kconfig``: options of
    the Xen build that are off by default. ``together``: the domains of the files run at the same
    time. No xenassign.toml is read. Raises XenassignError for a file that cannot be read.
    """
    if isinstance(files, Mapping):
        documents = [document(name, data) for name, data in files.items()]
    else:
        documents = [read_document(os.fspath(path)) for path in files]
    chosen = frozenset(routes)
    if not documents or not chosen or not chosen.issubset(ROUTES):
        raise UsageError(f"nothing to judge; give files, and routes of {', '.join(ROUTES)}")
    options = linter.Options(
        release=release,
        routes=tuple(route for route in ROUTES if route in chosen),
        host=usable_host(host, release, None) if host is not None else None,
        overlays=tuple(read_tree_file(os.fspath(path)) for path in overlays),
        bases=tuple(read_tree_file(os.fspath(path), symbols=True) for path in bases),
        memory=memory,
        vcpus=vcpus,
        dom0=dom0,
        kconfig=frozenset(kconfig),
        together=together,
    )
    return linter.lint(documents, options)
