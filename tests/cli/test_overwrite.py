"""--overwrite: what was read is not replaced, and nothing of the run before contradicts the new."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.errors import OutputError

CLOCK, GPIO = ("-d", "/pl031@9010000"), ("-d", "/pl061@9030000")
XL, DOM0LESS = ("--route", "xl"), ("--route", "dom0less")
#: What boot.cmd requires.
LOADED = ("--uboot-script", "--load", "host=0x44000000:1000", *XL)
GUEST = ("--memory", "256", "--vcpus", "1")

BOARD = """/dts-v1/;
%s
/ {
	#address-cells = <1>; #size-cells = <1>; compatible = "a,board"; model = "a board";
	interrupt-parent = <&gic>;
	memory@40000000 { device_type = "memory"; reg = <0x40000000 0x40000000>; };
	gic: gic@8000000 { compatible = "arm,cortex-a15-gic"; reg = <0x8000000 0x1000 0x8010000 0x1000>;
		interrupt-controller; #interrupt-cells = <3>; };
	cpus { #address-cells = <1>; #size-cells = <0>;
		cpu@0 { device_type = "cpu"; compatible = "arm,cortex-a57"; reg = <0>; }; };
	rtc@9010000 { compatible = "arm,pl031", "arm,primecell"; reg = <0x9010000 0x1000>;
		interrupts = <0 2 4>; %s };
};
"""


@pytest.fixture
def qemu(host_files: dict[str, Path]) -> Path:
    return host_files["qemu"]


def generate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["generate", *map(str, arguments)])


def done(*arguments: object) -> Result:
    result = generate(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(result: Result) -> OutputError:
    assert isinstance(result.exception, OutputError), result.output
    return result.exception


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ---------------------------------------------------------------------- inputs


@pytest.mark.parametrize("name", ["domu1.dts", "domu1.cfg", "domu1.json"])
@pytest.mark.parametrize("how", ["include", "#include", "macro", "incbin", "symlink", "hard link"])
def test_what_the_host_includes_is_not_replaced(tmp_path: Path, name: str, how: str) -> None:
    """Neither is what leads to it under another name."""
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_bytes(b"\n")
    line = {
        "include": f'/include/ "out/{name}"',
        "#include": f'#include "out/{name}"',
        "macro": f'#define NAME "out/{name}"\n#include NAME',
        "symlink": '/include/ "link.dtsi"',
        "hard link": '/include/ "hard.dtsi"',
    }
    (tmp_path / "link.dtsi").symlink_to(out / name)
    os.link(out / name, tmp_path / "hard.dtsi")
    data = f'data = /incbin/("out/{name}");' if how == "incbin" else ""
    host = tmp_path / "board.dts"
    host.write_text(BOARD % (line.get(how, ""), data))
    before = content(out)
    error = refused(generate(host, "-d", "rtc@9010000", "-o", out, *GUEST, "--overwrite"))
    assert str(out / name) in str(error)
    assert content(out) == before


@pytest.mark.parametrize("how", ["the same", "symlink", "hard link"])
def test_the_host_is_not_replaced(tmp_path: Path, qemu: Path, how: str, wording: Wording) -> None:
    host, out = tmp_path / "domu1.dtb", tmp_path / "out"
    shutil.copy(qemu, host)
    out.mkdir()
    if how == "the same":
        out = tmp_path
    elif how == "symlink":
        (out / "domu1.dtb").symlink_to(host)
    else:
        os.link(host, out / "domu1.dtb")
    wording(refused(generate(host, *CLOCK, "-o", out, *GUEST, "--overwrite")))
    assert host.read_bytes() == qemu.read_bytes()


def test_other_inputs_are_not_replaced(tmp_path: Path, qemu: Path, wording: Wording) -> None:
    """The own dom.cfg, the xenassign.toml, and a kernel whose size is read."""
    base = tmp_path / "domu1.cfg"
    base.write_text('name = "domu1"\nmemory = 256\nvcpus = 1\n')
    to = ("-o", tmp_path, "--overwrite")
    wording(refused(generate(qemu, *CLOCK, *to, "--base-cfg", base)))
    config = tmp_path / "domu1.dts"
    text = f'host = "{qemu}"\n[[domain]]\nname = "domu1"\nmemory = 256\nvcpus = 1\n'
    config.write_text(text + 'device = ["/pl031@9010000"]\n')
    wording(refused(generate("-c", config, *to)))
    config.unlink()
    base.unlink()
    kernel = tmp_path / "domu1.json"
    kernel.write_bytes(bytes(4096))
    loads = (f"kernel=0x50000000:{kernel}", "domu1/dtb=0x60000000")
    load = [word for load in loads for word in ("--load", load)]
    load += ["--host-out", str(tmp_path / "x.dtb"), "--chosen"]
    wording(refused(generate(qemu, *CLOCK, *GUEST, *to, *load, *DOM0LESS)))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["domu1.json"]


def test_init_does_not_replace_the_host(tmp_path: Path, qemu: Path, wording: Wording) -> None:
    host = tmp_path / "board.dtb"
    shutil.copy(qemu, host)
    result = CliRunner().invoke(cli, ["init", str(host), "-o", str(host), "--overwrite"])
    wording(refused(result))
    assert host.read_bytes() == qemu.read_bytes()


# ---------------------------------------------------------------------- the run before


def test_the_plan_lists_the_files(tmp_path: Path, qemu: Path) -> None:
    done(qemu, *CLOCK, "-o", tmp_path, *GUEST, *LOADED, "-q", "--host-out", tmp_path / "h")
    listed = json.loads((tmp_path / "domu1.json").read_text())["files"]
    assert listed.keys() == {path.name for path in tmp_path.iterdir()} - {"domu1.json", "h"}
    assert {len(digest) for digest in listed.values()} == {64}


def test_files_of_another_request_are_removed(tmp_path: Path, qemu: Path) -> None:
    """And no others: those of another domain, and of the user."""
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    done(qemu, *GPIO, "-o", out, *GUEST, "--name", "other", "-q")
    others = content(out)
    (out / "mine.txt").write_bytes(b"mine")
    done(qemu, *CLOCK, "-o", out, *GUEST, *LOADED, "--imagebuilder", "-q")
    result = done(qemu, *GPIO, "-o", out, *GUEST, *DOM0LESS, "--overwrite", "-v")
    for name in ("domu1.cfg", "boot.cmd", "boot.scr", "imagebuilder.cfg"):
        assert f"note: {out / name}: removed" in result.stderr
    done(qemu, *GPIO, "-o", fresh, *GUEST, *DOM0LESS, "-q")
    assert content(out) == {**others, **content(fresh), "mine.txt": b"mine"}


@pytest.mark.parametrize("changed", ["domu1.cfg", "domu1.json"])
def test_a_file_that_was_changed_since_is_not_removed(
    tmp_path: Path, qemu: Path, changed: str, wording: Wording
) -> None:
    """Without its plan no file is known to be of the run before. The advice works."""
    done(qemu, *CLOCK, "-o", tmp_path, *GUEST, "-q")
    with (tmp_path / changed).open("ab") as stream:
        stream.write(b"# mine")
    before = content(tmp_path)
    again = (qemu, *GPIO, "-o", tmp_path, *GUEST, *DOM0LESS, "-q", "--overwrite")
    wording(refused(generate(*again)))
    assert content(tmp_path) == before
    (tmp_path / "domu1.cfg").rename(tmp_path / "mine.cfg")
    done(*again)


def test_a_script_that_was_changed_since_is_refused(tmp_path: Path, qemu: Path) -> None:
    """It marks the devices of the run before; one that another domain's run wrote stays."""
    out = tmp_path / "out"
    done(qemu, *CLOCK, "-o", out, *GUEST, *LOADED, "-q")
    with (out / "boot.cmd").open("a") as script:
        script.write("# mine\n")
    before = content(out)
    error = refused(generate(qemu, *GPIO, "-o", out, *GUEST, *XL, "--overwrite"))
    assert "boot.cmd: the run before did not write it, or it was changed since" in str(error)
    assert content(out) == before
    (out / "boot.cmd").rename(tmp_path / "boot.cmd")
    done(qemu, *GPIO, "-o", out, *GUEST, *LOADED, "--name", "d2", "--overwrite", "-q")
    script_of_d2 = (out / "boot.cmd").read_bytes()
    done(qemu, *CLOCK, "-o", out, *GUEST, *XL, "--overwrite", "-q")
    assert (out / "boot.cmd").read_bytes() == script_of_d2


def test_a_foreign_file_of_such_a_name_is_refused(tmp_path: Path, qemu: Path) -> None:
    (tmp_path / "domu1.cfg").write_text("mine")
    again = (qemu, *CLOCK, "-o", tmp_path, *GUEST, "-q", *DOM0LESS)
    refused(generate(*again, "--overwrite"))
    assert content(tmp_path) == {"domu1.cfg": b"mine"}


def test_a_hostile_list_removes_nothing_else(tmp_path: Path, qemu: Path) -> None:
    """A NAME.json may be somebody else's."""
    out = tmp_path / "out"
    done(qemu, *CLOCK, "-o", out, *GUEST, "-q")
    plan = json.loads((out / "domu1.json").read_text())
    (digest,) = {plan["files"]["domu1.cfg"]}
    for name in ("mine.txt", "../mine.cfg"):
        shutil.copy(out / "domu1.cfg", out / name)
        plan["files"][name] = digest
    plan["files"]["x.cfg"] = [digest]
    (out / "domu1.json").write_text(json.dumps(plan))
    done(qemu, *CLOCK, "-o", out, *GUEST, "-q", *DOM0LESS, "--overwrite")
    assert (out / "mine.txt").exists()
    assert (tmp_path / "mine.cfg").exists()
    assert not (out / "domu1.cfg").exists()


def system(folder: Path, host: Path, **domains: str) -> Path:
    text = f'host = "{host}"\n'
    for name, device in domains.items():
        text += f'[[domain]]\nname = "{name}"\nmemory = 256\nvcpus = 1\ndevice = ["{device}"]\n'
    config = folder / "xenassign.toml"
    config.write_text(text)
    return config


def test_a_domain_that_the_system_no_longer_has(tmp_path: Path, qemu: Path) -> None:
    """Its files are removed by a run for the whole system, not by one for a domain alone."""
    out = tmp_path / "out"
    config = system(tmp_path, qemu, a="/pl031@9010000", b="/pl061@9030000")
    to = ("-c", config, "-o", out, "-q", "--overwrite")
    done(*to)
    both = content(out)
    done(*to, "--name", "a", *XL)
    assert content(out).keys() == both.keys() - {"a.dom0less.dtso"}
    done(*to)
    system(tmp_path, qemu, a="/pl061@9030000")
    done(*to)
    assert content(out).keys() == {name for name in both if name.startswith("a.")}


def test_a_domain_that_has_a_run_of_its_own_now(tmp_path: Path, qemu: Path) -> None:
    out = tmp_path / "out"
    config = system(tmp_path, qemu, a="/pl031@9010000", b="/pl061@9030000")
    done("-c", config, "-o", out, "-q")
    done(qemu, *GPIO, "-o", out, "--memory", 128, "--vcpus", 2, "--name", "b", "-q", "--overwrite")
    own = {name: data for name, data in content(out).items() if name.startswith("b.")}
    system(tmp_path, qemu, a="/pl031@9010000")
    done("-c", config, "-o", out, "-q", "--overwrite", *XL)
    assert own.items() <= content(out).items()


def test_several_boards(tmp_path: Path, qemu: Path) -> None:
    """One set for all, then a folder for each, then one board less."""
    boards = [tmp_path / name for name in ("one.dtb", "two.dtb")]
    for board in boards:
        shutil.copy(qemu, board)
    out = tmp_path / "out"
    to = (*CLOCK, "-o", out, *GUEST, "-q", "--overwrite")
    done(boards[0], "--host", boards[1], *to)
    assert {"domu1.one.json", "domu1.two.json", "domu1.cfg"} <= content(out).keys()
    done(boards[0], *to, *DOM0LESS)
    assert content(out).keys() & {"domu1.one.json", "domu1.two.json", "domu1.cfg"} == set()
    done(boards[0], "--host", boards[1], *to, "--per-host")
    done(boards[0], "--host", boards[1], *to, "--per-host", *DOM0LESS)
    assert not (out / "one" / "domu1.cfg").exists()
    assert not (out / "two" / "domu1.cfg").exists()
