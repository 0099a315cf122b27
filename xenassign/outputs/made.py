"""The files that ``generate -c`` would write, for ``lint -c`` without files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from xenassign.formats.toml_text import read_toml
from xenassign.linting.session import Made
from xenassign.outputs.hosts import BuildOptions, Refusal, build
from xenassign.request.command_line import read_system
from xenassign.request.project import Project, read_project
from xenassign.system.lock import lock_path
from xenassign.system.lock_file import read_lock


class MadeFiles(NamedTuple):
    """The files of each board, or why there are none."""

    made: tuple[Made, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def project_of(config: str) -> Project | None:
    """The xenassign.toml; None if it has a [lint] section only. Raises XenassignError."""
    toml = read_toml(Path(config), "a file with [[domain]] tables or a [lint] section")
    return read_project(Path(config)) if "domain" in toml.values else None


def made_of(config: str) -> MadeFiles:
    """The files of a xenassign.toml, with the decisions of its lock. Raises XenassignError."""
    request, trees = read_system({}, None, (), config)
    path = lock_path(None, config, own=True)
    lock = read_lock(path) if path is not None and path.exists() else None
    several = len(trees) > 1
    built = build(trees, request, BuildOptions(per_host=several, lock=lock))
    if built.refusals:
        return MadeFiles((), tuple(built.refusals))
    made = []
    for host in built.plan.hosts:
        folder = f"{host.name}/" if several else ""
        files = {name: data for name, data in built.files.items() if name.startswith(folder)}
        made.append(Made(files, host.request.tree))
    return MadeFiles(tuple(made), ())
