"""The settings of an editor: the keys of the [lint] section, for files without a xenassign.toml."""

from __future__ import annotations

from typing import Any

from xenassign.errors import UsageError
from xenassign.formats.toml_text import TomlFile
from xenassign.linting.settings import NAME, Settings, settings_of


def editor_settings(values: Any, root: str) -> Settings:
    """The settings of a JSON object. ``root``: the folder that file names are relative to.

    Raises UsageError with a line for each key or value that is invalid.
    """
    if values in (None, {}, []):
        return Settings()
    toml = TomlFile("settings", "", {"lint": values})
    from xenassign.request.keys.mistakes import mistakes
    from xenassign.request.keys.whole_file import LINT

    wrong = [mistake.text for mistake in mistakes(LINT, values, ("lint",))]
    if wrong:
        raise UsageError(*(f"settings of xenassign: {text}" for text in wrong))
    toml.file = f"{root}/{NAME}"
    return settings_of(toml)
