"""Pages that are made of the code and kept in the source tree: docs/rules and man."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_pages(directory: Path, pages: Mapping[str, str]) -> None:
    """Writes the pages, by their file names, and takes away others of their kinds."""
    directory.mkdir(exist_ok=True)
    for ending in {Path(name).suffix for name in pages}:
        for path in directory.glob(f"*{ending}"):
            if path.name not in pages:
                path.unlink()
    for name, text in pages.items():
        (directory / name).write_text(text, encoding="utf-8")
