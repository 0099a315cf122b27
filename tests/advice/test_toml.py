"""``try`` with -c: the lines, put into the file as they say, make it accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli
from xenassign.request.keys.domain_devices import DEVICE
from xenassign.request.keys.domain_section import DOMAIN
from xenassign.request.keys.whole_file import BOOT, TOP
from xenassign.request.option_names import KEYS, in_toml

from ..rows import Rows
from ..toml_lines import blocks, put


def run(*words: str) -> Result:
    """A command, in this process."""
    return CliRunner().invoke(cli, words)


SMALL = "memory = 128\nvcpus = 1\n"
TWO = '\n[[domain]]\nname = "two"\n'


def device(path: str) -> str:
    """A table."""
    return f'\n[[domain.device]]\npath = "{path}"\n'


#: By case the board, and its domain ``net`` after its name.
FILES = {
    "a name in a list": ("zynqmp", SMALL + 'device = ["/axi/pcie@fd0e0000"]\n'),
    "tables": ("zynqmp", SMALL + device("/axi/can@ff070000") + device("ams-ps@0")),
    "a table in a list": ("zynqmp", SMALL + 'device = [{ path = "ams-ps@0", map = "auto" }]\n'),
    "two domains": (
        "zynqmp",
        device("ams-ps@0") + TWO + SMALL + device("/axi/pcie@fd0e0000"),
    ),
    "an accepted one": ("zynqmp", device("/axi/can@ff070000") + TWO + device("/axi/can@ff060000")),
    "a pattern": ("zynqmp", SMALL + 'device = ["/axi/pcie@*"]\n'),
    "an INTID": ("rcar", SMALL + 'device = ["interrupt-controller@e61c0000"]\n'),
    "a mapping": ("qemu", SMALL + 'map = "identity"\ndevice = ["/flash@0"]\n'),
    "a mapping of its own": ("qemu", SMALL + device("/flash@0") + 'map = "identity"\n'),
    "a chip on a bus": ("rk3588", SMALL + 'device = ["rtc@51"]\n'),
    "a chip in a table": ("rk3588", SMALL + device("rtc@51")),
    "a stream": ("imx8", SMALL + 'device = ["mmc@30b50000"]\n'),
    "a route": ("imx8", 'route = ["dom0less", "xl"]\n' + SMALL + device("dma-controller@30bd0000")),
    "a release": ("qemu", SMALL + 'attach-overlay = true\ndevice = ["pl061@9030000"]\n'),
}


@pytest.mark.parametrize("case", FILES)
def test_the_lines_make_the_file_accepted(
    case: str, host_files: dict[str, Path], tmp_path: Path
) -> None:
    board, domain = FILES[case]
    file, out = tmp_path / "xenassign.toml", str(tmp_path / "out")
    release = 'xen = "4.18"\n' if case == "a release" else ""
    text = f'host = "{host_files[board]}"\n{release}\n[[domain]]\nname = "net"\n{domain}'
    file.write_text(text)
    first = run("generate", "-c", str(file), "-o", out)
    assert first.exit_code == (case != "an accepted one"), first.stderr
    proposed = blocks(first.stderr.splitlines())
    assert proposed, first.stderr
    for lines in proposed:
        file.write_text(put(text, lines))
        done = run("generate", "-c", str(file), "-o", out, "--overwrite")
        assert done.exit_code == 0, (file.read_text(), done.stderr)
        assert not blocks(done.stderr.splitlines()), done.stderr


def test_advice_names_keys(host_files: dict[str, Path], tmp_path: Path) -> None:
    """A refusal, a warning and JSON; the file is changed by what JSON says as well."""
    file = tmp_path / "xenassign.toml"
    text = f'host = "{host_files["zynqmp"]}"\n\n[[domain]]\nname = "net"\n' + device("ams-ps@0")
    file.write_text(text)
    for words in (("generate", "-o", str(tmp_path / "out")), ("plan",)):
        refused = run(*words, "-c", str(file))
        assert "allow-shared-page = {" in refused.stderr
        assert not re.search(r" --(allow|map|memory|vcpus|route)", refused.stderr), refused.stderr
    answer = json.loads(run("plan", "-c", str(file), "--format", "json").stdout)
    first = answer["try"][0]
    assert first["file"] == str(file)
    assert {"table": ["domain", 0], "set": {"map": "auto", "memory": 512, "vcpus": 1}} in first[
        "edits"
    ]


def test_what_two_domains_share_is_for_the_user_to_decide(
    host_files: dict[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "xenassign.toml"
    first, second = (f'device = ["{path}"]\n' for path in ("ams-ps@0", "ams-pl@400"))
    text = f'host = "{host_files["zynqmp"]}"\n\n[[domain]]\nname = "net"\n' + SMALL + first
    file.write_text(text + TWO + SMALL + second)
    refused = run("generate", "-c", str(file), "-o", str(tmp_path / "out"))
    assert refused.exit_code == 1
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("nothing helps: ")
    assert "(of net)" in last
    assert "(of two)" in last
    assert "you decide: assign both devices to one domain" in last


def test_a_command_line_that_overrides_the_file_is_respected(
    host_files: dict[str, Path], tmp_path: Path
) -> None:
    """With --route xl no key of the file makes a direct-map domain."""
    file = tmp_path / "xenassign.toml"
    text = f'host = "{host_files["imx8"]}"\n[[domain]]\nname = "net"\n'
    file.write_text(text + device("dma-controller@30bd0000"))
    refused = run("generate", "-c", str(file), "-o", str(tmp_path / "out"), "--route", "xl")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("nothing helps: ")


def test_options_in_messages_become_keys(rows: Rows) -> None:
    for text, expected in (
        ("(--map /a=0x10 or --map auto)", '(map = 0x10 (device /a) or map = "auto")'),
        ("--memory 512 at most; --memory", "memory = 512 at most; memory"),
        ("--clock-rate /a#pclk=HZ.", "clock-rate = { pclk = HZ } (device /a)."),
        (
            "--clock-rate /a#p=HZ --clock-rate /a#1=HZ",
            "clock-rate = { p = HZ, 1 = HZ } (device /a)",
        ),
        ("set it with --clock-rate PATH[#NAME]=HZ", "set it with clock-rate = HZ (device PATH)"),
        ("--no-vpl011, --direct-map", "vpl011 = false, direct-map = true"),
        ("--static-memory BASE:SIZE", 'static-memory = ["BASE:SIZE"]'),
        ("--memory-region /r=drop leaves", 'memory-region = "drop" (device /r) leaves'),
        ("give --load xen=ADDRESS:FILE", 'give load = { xen = "ADDRESS:FILE" }'),
        ("(-d /a), --host-out, a--b", '([[domain.device]] path = "/a"), --host-out, a--b'),
        ("--xen 4.21 or --xen", 'xen = "4.21" or xen'),
    ):
        with rows(text):
            assert in_toml(text) == expected


def test_every_option_with_a_key_is_known() -> None:
    sections = (TOP, DOMAIN, DEVICE, BOOT)
    names = {key.name for section in sections for key in section.keys}
    assert names >= KEYS
    assert names - KEYS == {"host", "domain", "allow", "boot", "lint", "name", "device"} | {
        "include",
        "format",
        "except",
        "path",
        "set",
        "drop",
        "dom0less",
        "forbid",
        "require",
        "shared-memory",
        "event-channel",
        "cpus",
        "cpu-pool",
        "interrupts",
        "regs",
        "sci-device",
        "line",
        "page",
    }
