"""generate with what a boot loader needs: --host-out, --chosen, --uboot-script, --load."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, cells, text
from xenassign.devicetree.tree import Node
from xenassign.errors import XenassignError

from ..conftest import FIXTURES

Invoke = Callable[..., Result]

NET = ("-d", "ethernet0", "--clock-rate", "ethernet0=125000000", "--memory", "512", "--vcpus", "1")
LOADS = ("--load", "kernel=0x60000000:Image", "--load", "dtb=0x62000000")
ALL = ("--uboot-script", "--load", "host=0x61000000", *LOADS)

SYSTEM = """\
host = "zynqmp-zcu102.dtb"

[boot]
load = { xen = "0x5f000000:xen", host = "0x61000000", kernel = "0x60000000:Image" }
xen-bootargs = "console=dtuart"

[[domain]]
name = "net"
memory = 512
vcpus = 1
load = { dtb = "0x62000000" }

[[domain.device]]
path = "ethernet0"
clock-rate = 125000000
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a board, a kernel and Xen, in which the commands run."""
    shutil.copy(FIXTURES / "zynqmp-zcu102.dtb", tmp_path / "board.dtb")
    (tmp_path / "Image").write_bytes(bytes(0x1234))
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def generate(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["generate", "board.dtb", *NET, "-o", "out", *arguments])


def asked_wrongly(done: Result) -> XenassignError:
    """What is said of a command that could not be meant; nothing was written."""
    assert isinstance(done.exception, XenassignError)
    assert done.exception.exit_status == 2
    assert not Path("out").exists()
    assert all("\n" not in line for line in done.exception.lines)
    return done.exception


def node(file: str, path: str) -> Node:
    found = read_blob(Path(file).read_bytes()).find(path)
    assert found is not None
    return found


def test_the_tree_goes_where_it_is_named(folder: Path) -> None:
    done = generate("--host-out", "sub/xen.dtb", "-v")
    assert done.exit_code == 0, done.output
    assert "sub/xen.dtb" in done.output.splitlines()
    assert node("sub/xen.dtb", "/axi/ethernet@ff0e0000").has("xen,passthrough")
    assert not node("sub/xen.dtb", "/chosen").children
    assert not (folder / "out" / "boot.cmd").exists()


def test_what_is_there_stays_without_overwrite(folder: Path, wording: Wording) -> None:
    (folder / "sub" / "xen.dtb").write_text("mine")
    done = generate("--host-out", "sub/xen.dtb")
    wording(done)
    assert (folder / "sub" / "xen.dtb").read_text() == "mine"
    assert not (folder / "out").exists()
    assert generate("--host-out", "sub/xen.dtb", "--overwrite").exit_code == 0


def test_the_host_tree_of_a_board_with_a_folder(folder: Path) -> None:
    assert generate("--host-out", "alone.dtb").exit_code == 0
    assert generate("--host-out", "xen.dtb", "--per-host", "--overwrite").exit_code == 0
    assert (folder / "xen.dtb").read_bytes() == (folder / "alone.dtb").read_bytes()
    assert not [*folder.rglob("host-out")]


def test_its_own_output_gives_itself(folder: Path) -> None:
    """A tree that has all of it already stays as it is, byte for byte."""
    options = ("--chosen", *LOADS)
    assert generate("--host-out", "one.dtb", *options).exit_code == 0
    shutil.copy("one.dtb", "board.dtb")
    assert generate("--host-out", "two.dtb", *options, "--overwrite").exit_code == 0
    assert (folder / "one.dtb").read_bytes() == (folder / "two.dtb").read_bytes()


def test_errors_of_outputs_name_keys_of_the_file(folder: Path) -> None:
    """With -c what to do is what to write there; so it is found by who reads the file."""
    shutil.copy(folder / "board.dtb", folder / "zynqmp-zcu102.dtb")
    without = SYSTEM.replace(', kernel = "0x60000000:Image"', "")
    (folder / "x.toml").write_text(without)
    (folder / "xen").write_bytes(bytes(4096))
    for options, said in (
        (("--uboot-script",), 'domain net has no kernel; give load = { kernel = "ADDRESS'),
        (("--route", "xl", "--zephyr"), 'requires values for net; give kernel = "PATH"'),
    ):
        done = CliRunner().invoke(cli, ["generate", "-c", "x.toml", "-o", "out", *options])
        assert said in str(done.exception)


def test_chosen() -> None:
    assert generate("--host-out", "xen.dtb", "--chosen", *LOADS).exit_code == 0
    reg = node("xen.dtb", "/chosen/domu1/module@60000000").cells("reg")
    assert reg == (0, 0x60000000, 0, 0x1234)
    assert node("xen.dtb", "/chosen/domu1").has("vpl011")


def test_a_script_has_no_path_of_this_machine(folder: Path) -> None:
    arguments = [one.replace(":Image", f":{folder}/Image") for one in ALL]
    assert generate(*arguments).exit_code == 0
    script = Path("out/boot.cmd").read_text()
    assert str(folder) not in script
    assert script.encode() in Path("out/boot.scr").read_bytes()


def test_the_same_twice(folder: Path) -> None:
    assert generate(*ALL).exit_code == 0
    first = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert generate(*ALL, "--overwrite").exit_code == 0
    assert first == {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert {"boot.cmd", "boot.scr"} < first.keys()


INVALID = (
    ("--chosen",),
    LOADS,
    ("--uboot-script", *LOADS),
    ("--uboot-script", "--load", "host=1"),
    ("--host-out", "x", "--chosen", "--load", "kernel=4096:no"),
    ("--host-out", "x", "--host", "Image"),
    ("--load", "kernel"),
    (*ALL, "--load", "kernel=0x70000000:1M"),
    (*ALL, "--load-with", "load mmc 0:1 #"),
    (*ALL, "--xen-bootargs", "console=dtuart\ndom0_mem=1G"),
    (*ALL, "--dom0-bootargs", "\udcff"),
    (*ALL[:-1], "dtb=0x62000000:\udc85"),
    ("--host-out", "out/domu1.dtb"),
    ("--host-out", "./sub/../out/domu1.dtb"),
    ("--host-out", "x.lock", "--lock", "x.lock"),
    ("--host-out", "sub/../board.dtb", "--overwrite"),
    ("--host-out", "sub", "--overwrite"),
)


def test_invalid_options(wording: Wording) -> None:
    for arguments in INVALID:
        wording(asked_wrongly(generate(*arguments)))


def test_an_input_is_not_replaced(folder: Path, wording: Wording) -> None:
    before = (folder / "board.dtb").read_bytes()
    (folder / "link.dtb").symlink_to("board.dtb")
    wording(asked_wrongly(generate("--host-out", "link.dtb", "--overwrite")))
    assert (folder / "board.dtb").read_bytes() == before


def test_an_overlay_that_would_mark_another_node(folder: Path, wording: Wording) -> None:
    """fdtoverlay takes /rtc for the /rtc@9100000 that comes before it."""
    nodes = [
        DraftNode(
            name,
            (
                text("compatible", "arm,pl031", "arm,primecell"),
                cells("reg", 0, address, 0, 0x1000),
                cells("interrupts", 0, spi, 4),
            ),
        )
        for name, address, spi in (("rtc@9100000", 0x9100000, 50), ("rtc", 0x9200000, 51))
    ]
    board = (FIXTURES / "qemu-virt-gicv3.dtb").read_bytes()
    arguments = ["generate", "rtc.dtb", "-d", "/rtc", "--memory", "64", "--vcpus", "1", "-o", "out"]
    for children in (nodes, nodes[::-1]):
        blob = edited(board, [Change("/", children=tuple(children))])
        (folder / "rtc.dtb").write_bytes(blob)
        done = CliRunner().invoke(cli, arguments)
        if children is nodes:
            assert done.exit_code == 1
            wording(done)
            assert not (folder / "out").exists()
        else:
            assert done.exit_code == 0, done.output


WITHOUT_EFFECT = (
    ("--load-with", "load mmc 0:1"),
    ("--host-out", "x", "--dom0-bootargs", "a"),
    ("--xen-bootargs", ""),
    (*ALL, "--load", "kernel=0x50000000:Image"),
    ("--uboot-script", "--load", "host=0:Image", *LOADS),
    ("--uboot-script", "--load", "host=0", *LOADS[:2]),
    ("--host-out", "x", "--chosen", "--route", "xl"),
    (*ALL[:3], "--route", "xl", "--load", "xen=0x40000000"),
    ("--host-out", "sub/../board.dtb", "--overwrite"),
)


def test_options_without_effect(wording: Wording) -> None:
    before = Path("board.dtb").read_bytes()
    for arguments in WITHOUT_EFFECT:
        wording(asked_wrongly(generate(*arguments)))
        assert Path("board.dtb").read_bytes() == before


def test_without_xen_the_marks_alone_do(folder: Path) -> None:
    """The rest is for a boot command of the user's own."""
    assert generate(*ALL[:3], "--route", "xl").exit_code == 0
    fitting = [line for line in Path("out/boot.cmd").read_text().splitlines() if "booti" in line]
    assert not fitting


def test_boot_outputs_require_a_single_board(wording: Wording) -> None:
    shutil.copy("board.dtb", "other.dtb")
    wording(asked_wrongly(generate("--host", "other.dtb", "--host-out", "x")))


def test_an_overlap_is_refused(folder: Path, wording: Wording) -> None:
    done = generate(*ALL[:-1], "dtb=0x60001000")
    assert done.exit_code == 1
    wording(done)
    assert not (folder / "out").exists()


def test_a_domain_without_memory_is_refused(folder: Path, wording: Wording) -> None:
    """The complete /chosen is checked from its bytes, as Xen reads it."""
    device = ("-d", "ethernet0", "--clock-rate", "ethernet0=125000000")
    arguments = ["generate", "board.dtb", *device, "-o", "out", *ALL]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1
    wording(done)
    assert not (folder / "out").exists()


@pytest.fixture
def system(folder: Path) -> Path:
    (folder / "sub" / "xenassign.toml").write_text(SYSTEM)
    shutil.copy("board.dtb", folder / "sub" / "zynqmp-zcu102.dtb")
    shutil.copy("Image", folder / "sub" / "Image")
    (folder / "sub" / "xen").write_bytes(bytes(0x100))
    return folder / "sub" / "xenassign.toml"


def of_system(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["generate", "-c", str(file), "-o", "out", *arguments])


def test_the_file_says_where_things_lie(system: Path) -> None:
    """Its files are beside it."""
    done = of_system(system, "--uboot-script")
    assert done.exit_code == 0, done.output
    script = Path("out/boot.cmd").read_text()
    assert 'fdt set /chosen xen,xen-bootargs "console=dtuart"' in script
    assert "0x60000000 0x0 0x1234>" in script
    assert "booti 0x5f000000 - 0x61000000" in script


def test_the_file_and_a_tree_with_marks_alone(system: Path, wording: Wording) -> None:
    """What the file says of /chosen is for those who ask for it."""
    arguments = ["generate", "-c", str(system), "-o", "out", "--host-out", "marks.dtb"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert node("marks.dtb", "/axi/ethernet@ff0e0000").has("xen,passthrough")
    assert not node("marks.dtb", "/chosen").has("xen,xen-bootargs")
    # The lock is no place for a tree, though it need not be written again.
    lock = system.with_suffix(".lock")
    again = CliRunner().invoke(cli, [*arguments[:-1], str(lock), "--overwrite"])
    wording(again)


def test_the_command_line_comes_first(system: Path, folder: Path) -> None:
    (folder / "other").write_bytes(bytes(0x99))
    done = of_system(system, "--uboot-script", "--load", "kernel=0x63000000:other")
    assert done.exit_code == 0, done.output
    script = Path("out/boot.cmd").read_text()
    assert "0x63000000 0x0 0x99>" in script
    assert "0x60000000" not in script


def test_a_name_of_the_command_line_is_none_beside_the_file(system: Path) -> None:
    """U-Boot loads it, so it need not be here; another file of the name is not measured for it."""
    (system.parent / "other").write_bytes(bytes(0x2000))
    kernel = ("--load", "kernel=0x61fff000:other", "--load-with", "load mmc 0:1")
    done = of_system(system, "--uboot-script", *kernel)
    assert done.exit_code == 0, done.output  # with 0x2000 bytes it would overlap the dtb


def test_the_file_without_a_boot(system: Path) -> None:
    """What [boot] says is for those who ask for it."""
    (system.parent / "Image").unlink()
    assert of_system(system).exit_code == 0
    assert not Path("out/boot.cmd").exists()


def test_the_lock_is_the_same_with_a_boot_and_without(system: Path) -> None:
    """What is said of a boot is of no plan: here that the kernel lies beyond the board's memory."""
    assert of_system(system).exit_code == 0
    lock = system.with_suffix(".lock").read_bytes()
    options = ("--uboot-script", "--load", "kernel=0x90000000:Image", "--overwrite")
    done = of_system(system, *options, "--locked")
    assert done.exit_code == 0, done.output
    assert "[XA025]" in done.output
    assert of_system(system, *options).exit_code == 0
    assert system.with_suffix(".lock").read_bytes() == lock


def test_a_mistake_in_the_file_has_its_line(system: Path, wording: Wording) -> None:
    system.write_text(SYSTEM.replace('dtb = "0x62000000"', 'dbt = "0x62000000"'))
    done = of_system(system)
    wording(done)


def test_name_picks_files_of_a_domain_and_the_boot_is_that_of_all(system: Path) -> None:
    log = '\n[[domain]]\nname = "log"\nroute = "xl"\ndevice = ["i2c0"]\n'
    system.write_text(SYSTEM + log)
    done = of_system(system, "--name", "log", "--uboot-script")
    if done.exit_code:
        pytest.fail(done.output + str(done.exception))
    names = {path.name for path in Path("out").iterdir()}
    assert {"log.dtb", "boot.scr"} <= names
    assert "net.dtb" not in names
    assert "ethernet@ff0e0000 xen,passthrough" in Path("out/boot.cmd").read_text()
