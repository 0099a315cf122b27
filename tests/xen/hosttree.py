"""A host's device tree to boot with: a new /chosen, an overlay; all the rest stays as it is."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from .mutants.blob import Blob


def compiled(source: str) -> bytes:
    """The blob that dtc makes of source text."""
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"dtc does not take it: {done.stderr.decode().strip()}\n{source}")
    return done.stdout


def with_chosen(host: bytes, content: str) -> bytes:
    """The host's blob with another /chosen, of 2/2 cells; ``stdout-path`` is the host's."""
    cells = "#address-cells = <2>; #size-cells = <2>;"
    source = f"/dts-v1/; / {{ chosen {{ {cells} {content} }}; }};"
    (new,) = Blob.read(compiled(source)).root.children
    made = Blob.read(host)
    children = made.root.children
    at = next((i for i, node in enumerate(children) if node.name == "chosen"), len(children))
    for old in children[at : at + 1]:
        console = old.get("stdout-path")
        if console is not None:
            new.put("stdout-path", console)
    children[at : at + 1] = [new]
    return made.write()


def with_overlay(host: bytes, overlay: bytes) -> bytes:
    """The host's blob with an overlay, as fdtoverlay applies it."""
    with tempfile.TemporaryDirectory(prefix="xenassign-") as name:
        work = Path(name)
        (work / "host.dtb").write_bytes(host)
        (work / "overlay.dtbo").write_bytes(overlay)
        command = ["fdtoverlay", "-i", "host.dtb", "-o", "out.dtb", "overlay.dtbo"]
        subprocess.run(command, cwd=work, check=True, capture_output=True)
        return (work / "out.dtb").read_bytes()
