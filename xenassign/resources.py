"""Where the files that the program reads are: in the package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def directory(name: str) -> Path:
    """A directory of this installation: ``grammar``, ``knowledge``, ``docs/rules`` …"""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
