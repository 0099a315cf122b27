"""A host's device tree to boot with: a new /chosen, an overlay; all the rest stays as it is."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path

from xenassign.devicetree.blob import BEGIN_NODE, END, END_NODE, MAGIC, PROP, read_blob
from xenassign.devicetree.tree import Node, Tree


def compiled(source: str) -> bytes:
    """The blob that dtc makes of source text."""
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"dtc does not take it: {done.stderr.decode().strip()}\n{source}")
    return done.stdout


def with_chosen(host: bytes, content: str) -> bytes:
    """The host's blob with another /chosen, of 2/2 cells; ``stdout-path`` is the host's."""
    tree = read_blob(host, "host.dtb")
    cells = "#address-cells = <2>; #size-cells = <2>;"
    source = f"/dts-v1/; / {{ chosen {{ {cells} {content} }}; }};"
    new = read_blob(compiled(source)).root.children["chosen"]
    old = tree.root.children.get("chosen")
    if old is not None and (console := old.get("stdout-path")):
        new.properties["stdout-path"] = console
    tree.root.children["chosen"] = new
    return _blob(tree)


def with_overlay(host: bytes, overlay: bytes) -> bytes:
    """The host's blob with an overlay, as fdtoverlay applies it."""
    with tempfile.TemporaryDirectory(prefix="xenassign-") as name:
        work = Path(name)
        (work / "host.dtb").write_bytes(host)
        (work / "overlay.dtbo").write_bytes(overlay)
        command = ["fdtoverlay", "-i", "host.dtb", "-o", "out.dtb", "overlay.dtbo"]
        subprocess.run(command, cwd=work, check=True, capture_output=True)
        return (work / "out.dtb").read_bytes()


def _blob(tree: Tree) -> bytes:
    """A version 17 blob of a tree."""
    strings: dict[str, int] = {}
    body = bytearray()
    end = 0

    def add(node: Node) -> None:
        nonlocal end
        body.extend(struct.pack(">I", BEGIN_NODE) + _padded(node.name.encode() + b"\0"))
        for name, value, _ in node.properties.values():
            if name not in strings:
                strings[name] = end
                end += len(name) + 1
            body.extend(struct.pack(">3I", PROP, len(value), strings[name]) + _padded(value))
        for child in node.children.values():
            add(child)
        body.extend(struct.pack(">I", END_NODE))

    add(tree.root)
    body += struct.pack(">I", END)
    names = b"".join(name.encode() + b"\0" for name in strings)
    reserved = b"".join(struct.pack(">QQ", *each) for each in (*tree.reservations, (0, 0)))
    at = 40 + len(reserved)
    sizes = (len(names), len(body))
    total = at + sum(sizes)
    header = (MAGIC, total, at, at + len(body), 40, 17, 16, tree.boot_cpu, *sizes)
    return struct.pack(">10I", *header) + reserved + body + names


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
