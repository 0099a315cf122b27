"""Data flows in one direction: a package imports those above it, never below (docs/model.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ORDER = ("devicetree", "host", "xen", "assign", "render", "lint", "cli")


def imported(path: Path) -> set[str]:
    """The packages of xenassign that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == "xenassign" and len(part) > 1}


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_those_above_it(package: str, repository: Path) -> None:
    above = ORDER[: ORDER.index(package) + 1]
    modules = sorted((repository / "xenassign" / package).glob("*.py"))
    assert modules
    for module in modules:
        below = imported(module) & set(ORDER) - set(above)
        assert not below, f"{module.name} imports {below}"


def test_devicetree_stands_alone(repository: Path) -> None:
    """It could be published by itself, with the errors and the readers of grammar/, knowledge/."""
    for module in (repository / "xenassign" / "devicetree").glob("*.py"):
        assert imported(module) <= {"devicetree", "errors", "grammars", "tables"}, module.name
