"""The quick start: its three commands, in a fresh copy of the repository, to the guest's clock."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ..missing import skip_or_fail
from .commands import bash
from .pages import blocks, copy_repository

PAGE = "docs/quickstart/README.md"
SAID = r"The guest's clock \(rtc-pl031 9010000\.pl031\): (\d+-\d+-\d+ \d+:\d+:\d+)\n"
XEN_REG = bytes.fromhex("00000000 09010000 00000000 00001000 00000000 09010000")

FORCE = b"xen,force-assign-without-iommu\0"

#: Each takes a program of a package: the test installs none.
NEEDED = {"qemu-system-aarch64": "qemu-system-arm", "apt-get": "apt", "dpkg-deb": "dpkg"}


@pytest.fixture(name="get")
def _get(tmp_path: Path) -> Path:
    """The copy of the repository in which the first command has run."""
    for program, package in NEEDED.items():
        if shutil.which(program) is None:
            skip_or_fail(f"{program} is missing: apt-get install {package}")
    here = copy_repository(tmp_path / "xenassign")
    done = run(commands()[0], here)
    if done.returncode:
        skip_or_fail(f"docs/quickstart/get ended with {done.returncode}: {done.stdout[-2000:]}")
    return here


def commands() -> list[str]:
    """Those of the page."""
    found = [block.text for block in blocks(PAGE) if block.mark == "run: quickstart"]
    assert len(found) == 3
    return found


def run(command: str, here: Path) -> subprocess.CompletedProcess[str]:
    """Runs it as a user would who has none of the developers' Python."""
    own = str(Path(sys.prefix).resolve())
    path = [p for p in os.environ["PATH"].split(":") if str(Path(p).resolve().parent) != own]
    environment = {**os.environ, "PATH": ":".join(path)}
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        environment.pop(name, None)
    return bash(command, here, environment, 600)


@pytest.mark.xen
def test_three_commands(get: Path) -> None:
    """The guest says what time it is; and not, when its tree is wrong."""
    _, generate, boot = commands()
    done = run(generate, get)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^wrote 8 files to \S+ \(.*notes; -v shows all\)$", done.stdout, re.M)
    done = run(boot, get)
    assert done.returncode == 0, done.stdout
    said = re.fullmatch(SAID, done.stdout)
    assert said, done.stdout
    told = datetime.strptime(said[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    assert abs(told.timestamp() - time.time()) < 600
    shown = (get / PAGE).read_text()
    assert re.search(rf"^    {SAID}", shown, re.MULTILINE), "the page shows another line"

    # What the page says of mistakes; `boot` tells of them by 1.
    other_page = XEN_REG.replace(b"\x09\x01\x00", b"\x09\x03\x00", 1)
    said_of_page = _boot_damaged(get, boot, XEN_REG, other_page)
    assert "The guest has no clock" in said_of_page
    assert "Panic" not in said_of_page
    said_of_force = _boot_damaged(get, boot, FORCE, FORCE.replace(b"x", b"y", 1))
    assert "Panic on CPU" in said_of_force
    assert "The guest has no clock" not in said_of_force


def _boot_damaged(get: Path, boot: str, old: bytes, new: bytes) -> str:
    """What is printed when the guest's tree has other bytes of the same length at one place."""
    blob = get / "out" / "quickstart" / "clock.dtb"
    data = blob.read_bytes()
    assert data.count(old) == 1
    blob.write_bytes(data.replace(old, new))
    done = run(boot, get)
    blob.write_bytes(data)
    assert done.returncode == 1
    return done.stdout
