"""Where grammar/, knowledge/, templates/ and completions/ lie: in a wheel, or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def directory(name: str) -> Path:
    """Where this installation has ``grammar``, ``knowledge``, ``templates`` or ``completions``."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
