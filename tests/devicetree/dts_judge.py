"""What dtc says to a source, and what we say: both accept, with the same bytes, or both refuse."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import DevicetreeError

_ERROR = re.compile(r"(.+):[0-9]+:[0-9]+: .+; .+")


class Crashed(Exception):  # noqa: N818
    """dtc ended by a signal: an assertion of its own failed, and it is no judge."""


@functools.cache
def dtc_version() -> tuple[int, ...]:
    """The version of the dtc that judges."""
    said = subprocess.run(["dtc", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"[0-9]+", said)[:3])


def by_dtc(data: bytes, *options: str, folder: Path | None = None) -> bytes | None:
    """The blob that dtc makes, None when it refuses. Raises Crashed."""
    command = ["dtc", "-q", "-q", *options, "-I", "dts", "-O", "dtb", "-"]
    done = subprocess.run(
        command, input=data, capture_output=True, check=False, timeout=60, cwd=folder
    )
    if done.returncode < 0:
        raise Crashed(done.stderr.decode("utf-8", "replace"))
    return done.stdout if done.returncode == 0 else None


def by_us(data: bytes, *, symbols: bool = False, file: str = "a.dts") -> tuple[bytes | None, str]:
    """Our blob, or None and why; an error is one line with a place."""
    try:
        return read_source(data, file, symbols=symbols).blob, ""
    except DevicetreeError as error:
        message = str(error)
        assert _ERROR.fullmatch(message), message
        return None, message


_UNREAD = re.compile(r"syntax error at '(\\x00|\\u[0-9a-f]{4}|[^\x00-\x7f])'")
_NO_ROOT = b"\0\0\0\x09"  # FDT_END and nothing before it


def _has_root(blob: bytes) -> bool:
    start = int.from_bytes(blob[8:12], "big")
    return blob[start : start + 4] != _NO_ROOT


def disagreement(data: bytes, *, symbols: bool = False) -> str | None:
    """How we differ from dtc, or None. Raises Crashed.

    A blob without a root, which dtc makes when the root is deleted, is taken for a refusal: nobody
    can read it. Where releases of dtc differ, we are as the newer, but for numbers that do not fit.
    A NUL, or (where char has a sign) a byte beyond ASCII, outside of strings and comments ends the
    source for dtc's parser, which then leaves the rest unread; we refuse it. So we do ``&{}``, for
    which dtc's own assertion fails once it looks it up.
    """
    theirs = by_dtc(data, *(["-@"] if symbols else []))
    ours, why = by_us(data, symbols=symbols)
    if theirs is not None and not _has_root(theirs):
        theirs = None
    if ours == theirs:
        return None
    if _UNREAD.search(why) or "a reference to nothing" in why:
        return None
    old = dtc_version() < (1, 7)
    if (old and "is not part of the overlay" in why) or (not old and "does not fit" in why):
        return None
    if theirs is None:
        return None if old and re.search(rb"&\{(?!/)", data) else "we accept what dtc refuses"
    return f"dtc accepts; we say: {why}" if ours is None else "the blobs differ"
