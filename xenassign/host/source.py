"""Reading the host device tree: a .dtb or .dts; ``-`` is standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from xenassign.devicetree.blob import MAX_SIZE, read_blob
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError

#: How a blob begins.
BLOB = b"\xd0\x0d\xfe\xed"


def read_tree(path: str, include: Sequence[str] = ()) -> Tree:
    """The devicetree of a .dtb or .dts file. Raises InputError."""
    name = "<stdin>" if path == "-" else path
    data = read_file(path, name)
    if data.startswith(BLOB):
        return read_blob(data, name)
    if is_source(path, data):
        from xenassign.devicetree.source import read_source

        return read_blob(read_source(data, name, include=include, symbols=True).blob, name)
    what = "is empty" if not data else "is not a devicetree (neither a blob nor /dts-v1/ source)"
    raise InputError(f"{name}: {what}; give the .dtb that the board boots with")


def is_source(path: str, data: bytes) -> bool:
    """Whether a file is devicetree source: by its name, else by /dts-v1/ near its beginning."""
    return path.endswith((".dts", ".dtso")) or b"/dts-v1/" in data[:65536]


def read_host(path: str, include: Sequence[str] = ()) -> Tree:
    """The device tree of a board. Raises InputError, also for an overlay given as one."""
    tree = read_tree(path, include)
    if any("__overlay__" in node.children for node in tree.root.children.values()):
        raise InputError(
            f"{tree.file}: this is an overlay, not a board; apply it to the board's .dtb first"
            " (fdtoverlay -i board.dtb -o host.dtb overlay.dtbo)"
        )
    return tree


def read_file(path: str, name: str) -> bytes:
    """The bytes of a file, ``-`` for standard input; ``name`` is for errors. Raises InputError."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_SIZE + 1)
        else:
            with open(path, "rb") as stream:
                data = stream.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: {reason}; give a .dtb or .dts file") from None
    if len(data) > MAX_SIZE:
        raise InputError(
            f"{name}: larger than {MAX_SIZE >> 20} MiB; that is no board's device tree"
        )
    return data
