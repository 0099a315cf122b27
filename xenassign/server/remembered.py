"""Results that hold until a file that they were read from changes, on disk or in the editor."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

from xenassign.reading import recorded

_Result = TypeVar("_Result")
State = tuple[int, ...] | str | None
"""Of a file: its times, size and inode; its text if it is open; None if it is not there."""

#: Results that are kept; the one that was not used for the longest time goes first.
_MOST = 1024


class _Entry(NamedTuple):
    result: Any
    states: dict[str, State]


class Remembered:
    """The results. ``texts``: the open files by real path. ``used``: files that were read."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts
        self._entries: dict[Hashable, _Entry] = {}
        self.used: set[str] = set()

    def get(self, key: Hashable, make: Callable[[], _Result]) -> _Result:
        """What ``make`` returns, which is called again when a file that it reads has changed.

        What it raises is not kept.
        """
        entry = self._entries.pop(key, None)
        if entry is None or any(self.state(p) != state for p, state in entry.states.items()):
            outer, self.used = self.used, set()
            try:
                with recorded() as inputs:
                    result = make()
            finally:
                self.used |= {os.path.realpath(name) for name in inputs.values()}
                inner, self.used = self.used, outer
                self.used |= inner
            entry = _Entry(result, {path: self.state(path) for path in inner})
        self._entries[key] = entry
        self.used |= entry.states.keys()
        while len(self._entries) > _MOST:
            del self._entries[next(iter(self._entries))]
        result_of_entry: _Result = entry.result
        return result_of_entry

    def __len__(self) -> int:
        return len(self._entries)

    def state(self, path: str) -> State:
        """What a file has now, by which a change is seen."""
        text = self._texts.get(path)
        if text is not None:
            return text
        try:
            status = os.stat(path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
