"""The table that opens docs/README.md: its commands work as they are written, in its order."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.tree import Node

from ..rows import Rows
from .pages import REPOSITORY, written

ROW = re.compile(r"\| (?P<have>[^|]+) \| `(?P<command>[^`|]+)` \| (?P<more>[^|]+) \|")
#: Commands of other programs, and what runs them.
OTHERS = {"bitbake-layers": "tests/yocto"}
PROJECT = """\
host = "board.dtb"
[[domain]]
name = "net"
memory = 1024
vcpus = 2
kernel = "/lfs/Image"
device = [{ path = "ethernet0", map = "auto" }]
load = { kernel = "0x4c000000:Image", dtb = "0x4e000000" }
[boot]
load = { xen = "0x49000000:xen", host = "0x4a000000", dom0-kernel = "0x60000000:Image" }
load-with = "load mmc 0:1"
xen-bootargs = "console=dtuart dom0_mem=512M"
dom0-bootargs = "console=hvc0"
"""
CFG = 'name = "gw"\nmemory = 512\nvcpus = 1\nkernel = "/boot/Image"\ndtdev = ["ethernet0"]\n'
LOG = "libxl: error: Domain 1:failed give domain access to irq 95: Device or resource busy\n"


def rows_of_the_table() -> list[re.Match[str]]:
    text = (REPOSITORY / "docs" / "README.md").read_text(encoding="utf-8")
    section = text.partition("## What do you have?")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| ")][1:]
    matches = [ROW.fullmatch(line) for line in table]
    assert all(matches), table
    return [match for match in matches if match is not None]


def _directory(node: Node, path: Path) -> None:
    """A node as Linux shows it below /proc/device-tree."""
    path.mkdir()
    for prop in node.properties.values():
        (path / prop.name).write_bytes(prop.value)
    for child in node.children.values():
        _directory(child, path / child.name)


CORE = """\
host = "board.dtb"
[[domain]]
name = "core"
device = ["rtc0"]
[[domain.line]]
interrupt = "SPI 89"
trigger = "level-high"
reason = "the core raises it"
"""
RULES = """\
host = "board.dtb"
[[domain]]
name = "net"
device = [{ path = "ethernet0", map = "auto" }]
[[forbid]]
kind = "gpu"
reason = "dom0 drives the display"
"""
AGENTS = """\
host = "scmi.dtb"
xen = "4.21"
[sci]
smc-id = 0x82000003
shmem = 0xfe2ff000
dom0-agent = 1
[[sci.agent]]
id = 1
smc-id = 0x82000010
shmem = 0xfd60f000
[[sci.agent]]
id = 2
smc-id = 0x82000004
shmem = 0xfe2f2000
[[domain]]
name = "rng"
sci = "scmi_smc_multiagent"
agent = 2
device = [{ path = "rng@fe378000", sci-device = 5 }]
"""
TEXTS = {
    "xenassign.toml": PROJECT,
    "rules.toml": RULES,
    "agents.toml": AGENTS,
    "core.toml": CORE,
    "dom.cfg": CFG,
    "boot.log": LOG,
    "my.cfg": "MEMORY_START=0x0\n",
    "Image": "x" * 4096,
    "xen": "x" * 4096,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    board = REPOSITORY / "fixtures" / "host_dtbs" / "zynqmp-zcu102.dtb"
    for name in ("board.dtb", "rev1.dtb", "rev2.dtb"):
        shutil.copy(board, tmp_path / name)
    shutil.copy(board.with_name("rk3588-like.dtb"), tmp_path / "scmi.dtb")
    for path in (REPOSITORY / "fixtures" / "system-device-tree").iterdir():
        shutil.copy(path, tmp_path)
    _directory(read_blob_file(board).root, tmp_path / "live")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_table(folder: Path, rows: Rows) -> None:
    for row in rows_of_the_table():
        with rows(row["have"]):
            program, *words = shlex.split(row["command"])
            if program in OTHERS:
                assert (REPOSITORY / OTHERS[program]).is_dir()
                continue
            assert program == "xenassign"
            for name, text in TEXTS.items():
                (folder / name).write_text(text, encoding="utf-8")
            words = [word.replace("/proc/device-tree", "live") for word in words]
            output = words[words.index("-o") + 1] if "-o" in words else None
            words += ["--overwrite"] if output and words[0] != "complete" else []
            done = CliRunner().invoke(cli, words)
            answer = 1 if words[0] == "lint" else 0  # the board has no marks
            assert done.exit_code == answer, (done.output, done.exception)
            assert ("XA415" in done.output) is (answer == 1)
            assert output is None or (folder / output).exists()
            if (folder / "out" / "domu1.dts").exists():
                shutil.copy(folder / "out" / "domu1.dts", folder / "partial.dts")


def test_each_row_leads_to_a_page() -> None:
    for row in rows_of_the_table():
        links = re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", row["more"])
        assert links
        for link in links:
            assert written(f"docs/{link}"), link
