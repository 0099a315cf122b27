"""Reading the host device tree: a .dtb, a .dts or a live tree; ``-`` is standard input."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.live import is_live, read_live
from xenassign.devicetree.overlay import is_overlay
from xenassign.devicetree.tree import RunningText, Tree
from xenassign.errors import InputError, reason_of
from xenassign.host.linux_names import CLK_SUMMARY, REGULATOR_SUMMARY
from xenassign.reading import MAX_TEXT, limited, read, record

#: The first bytes of a blob.
BLOB = b"\xd0\x0d\xfe\xed"
#: Where Linux shows the live tree.
_LINUX = ("/proc/device-tree", "/sys/firmware/")
LIVE = "/sys/firmware/"
#: What it says of the clocks and regulators of that tree, to root.
DEBUGFS = {"clk_summary": CLK_SUMMARY, "regulator_summary": REGULATOR_SUMMARY}


def read_tree(path: str, include: Sequence[str] = ()) -> Tree:
    """The devicetree of a .dtb or .dts file, or of a live tree's directory. Raises InputError."""
    if path != "-" and is_live(path):
        return _with_debugfs(read_live(path), path)
    name = "<stdin>" if path == "-" else path
    data = read_file(path, name)
    if data.startswith(BLOB):
        return _with_debugfs(read_blob(data, name), path)
    from xenassign.host.collected import is_tar, read_collected

    if is_tar(data):
        return read_collected(data, name)
    if is_source(path, data):
        from xenassign.devicetree.source.reader import read_source

        return read_blob(read_source(data, name, include=include, symbols=True).blob, name)
    problem = "is empty" if not data else "is not a devicetree (neither a blob nor /dts-v1/ source)"
    raise InputError(f"{name}: {problem}; give the .dtb that the board boots with")


def _with_debugfs(tree: Tree, path: str) -> Tree:
    """A tree with what the running kernel says of it, if it is the tree of that kernel."""
    if path != "-" and os.path.realpath(path).startswith(LIVE):
        for name, file in DEBUGFS.items():
            try:
                text = read(file, MAX_TEXT).decode(errors="backslashreplace")
                tree.running[name] = RunningText(file, text)
            except OSError as error:
                tree.running[name] = RunningText(file, problem=f"{file}: {reason_of(error)}")
    return tree


def is_source(path: str, data: bytes) -> bool:
    """Whether a file is devicetree source: by its name, else by /dts-v1/ near its beginning."""
    return path.endswith((".dts", ".dtso")) or b"/dts-v1/" in data[:65536]


def read_host(path: str | os.PathLike[str], include: Sequence[str] = ()) -> Tree:
    """The device tree of a board. Raises InputError, also for an overlay or a guest's tree."""
    tree = read_tree(os.fspath(path), include)
    if is_overlay(tree):
        raise InputError(
            f"{tree.file}: this is an overlay, not a board; apply it to the board's .dtb first"
            " (fdtoverlay -i board.dtb -o host.dtb overlay.dtbo)"
        )
    from xenassign.host.running import board_problem

    problem = board_problem(tree)
    if problem is not None:
        raise InputError(f"{tree.file}: {problem}")
    return tree


def read_file(path: str, name: str, instead: str = "give a .dtb or .dts file") -> bytes:
    """The bytes of a file, ``-`` for standard input. Raises InputError.

    ``name`` and ``instead``, what to give, are for errors.
    """
    try:
        if path == "-":
            return limited(_standard_input())
        return read(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = reason_of(error)
        raise InputError(f"{name}: {reason}; {_instead(path, error) or instead}") from None


def _standard_input() -> BinaryIO:
    if sys.stdin is None:  # closed by the caller
        raise OSError(errno.EBADF, "is closed")
    with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor
        record(sys.stdin.fileno(), "<stdin>")
    return sys.stdin.buffer


def _instead(path: str, error: Exception) -> str | None:
    """The fix for a file that can't be read, if its error or its place suggests one."""
    if isinstance(error, PermissionError):
        return "read it as root, or give a copy that you may read"
    if isinstance(error, FileNotFoundError) and path.startswith(_LINUX):
        return "this Linux was booted without a device tree (ACPI); give a .dtb file"
    return None
