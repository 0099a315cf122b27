"""Data flows in one direction: a package imports those above it, never below (docs/model.md)."""

from __future__ import annotations

import ast
from pathlib import Path

ORDER = (
    "devicetree",
    "host",
    "xen",
    "formats",
    "request",
    "checks",
    "planning",
    "system",
    "linting",
    "advice",
    "outputs",
    "server",
    "cli",
)


def imported(path: Path) -> set[str]:
    """The modules of xenassign that a module imports, anywhere in it, without the first part."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name.removeprefix("xenassign.") for name in names if name.startswith("xenassign.")}


def test_every_package_has_its_place_in_the_order(repository: Path) -> None:
    packages = {path.parent.name for path in (repository / "xenassign").glob("*/__init__.py")}
    assert packages == set(ORDER)


def test_a_package_imports_only_those_above_it(repository: Path) -> None:
    root = repository / "xenassign"
    against = set()
    for number, package in enumerate(ORDER):
        modules = sorted((root / package).rglob("*.py"))
        assert modules
        for module in modules:
            for name in imported(module):
                if name.partition(".")[0] in ORDER[number + 1 :]:
                    against.add((module.relative_to(root).as_posix(), name))
    assert not against


def test_devicetree_stands_alone(repository: Path) -> None:
    """It could be published by itself, with errors, escapes, parsers and the reading of files."""
    own = {"devicetree", "errors", "escape", "grammars", "reading", "tables"}
    for module in (repository / "xenassign" / "devicetree").rglob("*.py"):
        packages = {name.partition(".")[0] for name in imported(module)}
        assert packages <= own, module.name
