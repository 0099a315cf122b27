"""Where grammar/, templates/ and completions/ lie: inside a wheel, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def directory(name: str) -> Path:
    """The directory ``grammar``, ``templates`` or ``completions`` of this installation."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
