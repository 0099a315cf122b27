"""The data files of the program: in the installed package, or next to it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def directory(name: str) -> Path:
    """The path of a directory of this installation: ``grammar``, ``knowledge``, ``docs/rules`` …"""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
