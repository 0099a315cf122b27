"""The example systems of docs/examples, and the files of their domains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from xenassign.devicetree.blob import read_blob_file
from xenassign.outputs.generated import generate_system
from xenassign.planning.plan import DomainPlan
from xenassign.request.project import Project, read_project
from xenassign.xen.releases import release

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"


class Made(NamedTuple):
    """What xenassign makes of a domain. ``files``: by their endings."""

    plan: DomainPlan
    files: dict[str, bytes]


def host_of(name: str) -> Path:
    """The blob of an example's board."""
    (host,) = _project(name).hosts
    return Path(host).resolve()


def _project(name: str) -> Project:
    return read_project(EXAMPLES / name / "xenassign.toml")


def made(name: str, xen: str | None = None) -> dict[str, Made]:
    """The domains of an example by their names, for its release of Xen or another one."""
    system = _project(name).system
    if xen is not None:
        domains = tuple(replace(one, release=release(xen)) for one in system.domains)
        system = replace(system, domains=domains)
    made = generate_system(read_blob_file(host_of(name)), system)
    assert not made.refusals, made.refusals
    return {plan.name: Made(plan, _of(made.files, plan.name)) for plan in made.plan.domains}


def _of(files: dict[str, bytes], domain: str) -> dict[str, bytes]:
    """The files of a domain, by their endings."""
    parted = ((file.partition("."), content) for file, content in files.items())
    return {ending: content for (name, _, ending), content in parted if name == domain}
