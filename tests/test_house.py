"""What holds for the source of the whole package."""

from __future__ import annotations

import ast
from pathlib import Path


def test_nothing_is_keyed_by_id(repository: Path) -> None:
    """A Node is a key itself: mypy checks it, and unlike a number it is not used again."""
    modules = sorted((repository / "xenassign").rglob("*.py"))
    assert modules
    uses = [
        f"{module.relative_to(repository)}:{node.lineno}"
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Name) and node.id == "id" and isinstance(node.ctx, ast.Load)
    ]
    assert not uses
