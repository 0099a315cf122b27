"""Reading the host device tree: a .dtb, or a .dts through ``dtc``; ``-`` is standard input."""

from __future__ import annotations

import sys

from xenassign.devicetree.blob import MAX_SIZE, read_blob
from xenassign.devicetree.tree import DevicetreeError, Tree
from xenassign.errors import InputError

_MAGIC = b"\xd0\x0d\xfe\xed"


def read_tree(path: str) -> Tree:
    """The devicetree of a .dtb or .dts file. Raises InputError."""
    name = "<stdin>" if path == "-" else path
    data = _read(path, name)
    if data.startswith(_MAGIC):
        return read_blob(data, name)
    if path.endswith((".dts", ".dtso")) or b"/dts-v1/" in data[:65536]:
        return read_blob(compile_source(data, path, name), name)
    what = "is empty" if not data else "is not a devicetree (neither a blob nor /dts-v1/ source)"
    raise InputError(f"{name}: {what}; give the .dtb that the board boots with")


def read_host(path: str) -> Tree:
    """The device tree of a board. Raises InputError, also for an overlay given as one."""
    tree = read_tree(path)
    if any("__overlay__" in node.children for node in tree.root.children.values()):
        raise InputError(
            f"{tree.file}: this is an overlay, not a board; apply it to the board's .dtb first"
            " (fdtoverlay -i board.dtb -o host.dtb overlay.dtbo)"
        )
    return tree


def _read(path: str, name: str) -> bytes:
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


def compile_source(data: bytes, path: str, name: str) -> bytes:
    """The blob that dtc makes of source text. Raises InputError with dtc's own first complaint."""
    import shutil
    import subprocess
    from pathlib import Path

    dtc = shutil.which("dtc")
    if dtc is None:
        raise InputError(
            f"{name}: reading source needs dtc; install device-tree-compiler or give the .dtb"
        )
    folder = None if path == "-" else str(Path(path).resolve().parent)
    command = [dtc, "-q", "-@", "-I", "dts", "-O", "dtb", "-"]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, cwd=folder, check=False, timeout=60
        )
    except subprocess.TimeoutExpired:
        raise DevicetreeError(f"{name}: dtc does not come to an end; mend the source") from None
    if done.returncode or not done.stdout:
        complaint = done.stderr.decode("utf-8", "replace").strip().splitlines()
        first = complaint[0] if complaint else f"dtc ended with {done.returncode}"
        first = first.removeprefix("Error: ").replace("<stdin>", name)
        raise DevicetreeError(f"{first}; mend the source (dtc refuses it)")
    return done.stdout
