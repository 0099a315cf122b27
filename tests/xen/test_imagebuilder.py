"""ImageBuilder itself makes a boot of what xenassign writes, by hand: with a checkout of it.

    XENASSIGN_IMAGEBUILDER=…/imagebuilder python -m pytest tests/xen/test_imagebuilder.py

ImageBuilder is no package of Debian and lies on GitLab; without a checkout there is no test here,
nor a skip. It needs mkimage (u-boot-tools), file, fdtput, dtc and awk. Xen boots from the tree that
it edits on this machine; and real U-Boot runs its script, which loads the files one by one, or its
FIT image of them.

FIT is what the tree is looked at with: of the copy without it ImageBuilder (2023.2 of Xilinx) calls
the cells of /chosen ``\\#address-cells``, as its U-Boot commands have to.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Node, Tree
from xenassign.formats.imagebuilder_cfg import parse
from xenassign.outputs.boot.write import boot_scr
from xenassign.outputs.generated import generate_system
from xenassign.outputs.imagebuilder import CONFIG
from xenassign.outputs.imagebuilder.decide import decide_imagebuilder, room_needed
from xenassign.outputs.imagebuilder.write import imagebuilder
from xenassign.request.request import Request
from xenassign.request.system_request import SystemRequest
from xenassign.xen.releases import release

from ..examples import made as example
from .boot import XEN_ARGUMENTS, Domain, bootargs, guest_files, outcome
from .guest import ALARM
from .machine import Machine, UnavailableError, board, uboot
from .qemu import PLAIN, Console, Load, booting, running

_NAMED = os.environ.get("XENASSIGN_IMAGEBUILDER")
#: pytest collects nothing of a module that says no. Empty parameters would count as a skip.
__test__ = _NAMED is not None

CLOCK = "/pl031@9010000"
#: Behind what QEMU loads itself.
START = 0x49000000
END = 0x100000000  # only compared, in FIT mode with twice what is used
FIT = 'FIT="boot.fit"\nFDTEDIT="edited.dtb"\n'
ELSEWHERE = 0x60000000
SECONDS = 120
SCRIPT = f"""
if cd /sys/class/rtc/rtc0; then
    cat since_epoch >/out/time
{ALARM}
    grep pl031 /proc/interrupts >/out/line
fi 2>/dev/null
"""


def base(more: str = FIT) -> str:
    """What a user has: everything but the domains."""
    return f"""# my board
MEMORY_START="{START:#x}"
MEMORY_END="{END:#x}"
LOAD_CMD="load virtio 0:1"
BOOT_CMD="booti"
DEVICE_TREE="board.dtb"
XEN="xen"
XEN_CMD="{XEN_ARGUMENTS}"
NUM_DOMUS=0
UBOOT_SOURCE="made.source"
UBOOT_SCRIPT="made.scr"
{more}"""


def clock(
    ready: Machine, config: str, pool: int | None = None, **options: object
) -> dict[str, bytes]:
    """The files for one guest with the clock, and those for ImageBuilder."""
    values = {"memory": 256, "vcpus": 1, "extra": bootargs(Domain()), "kernel": "Image"}
    request = Request(
        devices=(CLOCK,),
        name="clock",
        release=release(ready.release),
        **{**values, "ramdisk": "guest.cpio", **options},  # type: ignore[arg-type]
    )
    made = generate_system(read_blob(board()), SystemRequest((request,)))
    files = made.files
    assert not made.refusals
    domains = [one._replace(pool_mib=pool) for one in made.plan.domains]
    told = decide_imagebuilder(domains, parse(config))
    found = {finding.code for finding in told.findings}
    assert found == ({"XA034"} if "static_memory" in options else set())  # END is above it
    return {**files, **imagebuilder(told)}


def run(folder: Path, files: dict[str, bytes]) -> None:
    """Runs uboot-script-gen."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    command = ["bash", f"{_NAMED}/scripts/uboot-script-gen", "-c", str(folder / CONFIG), "-d", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Generated uboot" in done.stdout, done.stdout


def edited(folder: Path) -> Tree:
    """The tree that it edited."""
    return read_blob((folder / "edited.dtb").read_bytes())


def modules(domain: Node) -> dict[str, tuple[int, int]]:
    """(address, size) of the boot modules of a domain by their kinds."""
    found = {}
    for node in domain.children.values():
        kind = node.strings("compatible")[0].removeprefix("multiboot,")
        high, low, *size = node.cells("reg")
        found[kind] = (high << 32 | low, size[0] << 32 | size[1])
    return found


def used(blob: bytes) -> int:
    """Bytes of a blob's structure and strings: size_dt_strings and size_dt_struct of the header."""
    return sum(struct.unpack_from(">2I", blob, 32))


def boot_files(folder: Path, ready: Machine) -> None:
    """What a guest boots from, and Xen."""
    (folder / "board.dtb").write_bytes(board())
    shutil.copy(ready.xen, folder / "xen")
    shutil.copy(ready.linux, folder / "Image")
    ramdisk = ready.guest.read_bytes() + guest_files(SCRIPT)
    (folder / "guest.cpio").write_bytes(ramdisk)


def check_guest(console: Console) -> None:
    """The guest read the time of the clock and got its alarm."""
    told = outcome(console, guest_speaks=True)
    assert (told.verdict, told.message) == ("accepted", "")
    assert abs(int(told.files["time"]) - time.time()) < 600
    assert b"rtc-pl031" in told.files["line"]


def test_the_example(tmp_path: Path, dom0less_machine: Machine) -> None:
    """Three domains: the tree has our marks and domains, and is else the board's."""
    boot_files(tmp_path, dom0less_machine)
    domains = example("qemu", dom0less_machine.release)
    text = base(FIT + 'DOMU_CMD[0]="mine"\n').replace("NUM_DOMUS=0", "NUM_DOMUS=1")
    text += 'DOMU_KERNEL[0]="Image"\nDOMU_PASSTHROUGH_DTB[0]="sub/gpio.dtb"\n'
    text += 'DOMU_KERNEL[1]="Image"\nDOMU_KERNEL[2]="Image"\n'
    text = text.replace("NUM_DOMUS=1", "NUM_DOMUS=3")
    text += 'DOMU_PASSTHROUGH_DTB[1]="clock.dtb"\nDOMU_PASSTHROUGH_DTB[2]="config.dtb"\n'
    told = decide_imagebuilder([one.plan for one in domains.values()], parse(text))
    assert not told.findings
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/gpio.dtb").write_bytes(domains["gpio"].files["dtb"])
    files = {f"{name}.dtb": one.files["dtb"] for name, one in domains.items()}
    run(tmp_path, {**files, **imagebuilder(told)})
    tree, plain = edited(tmp_path), read_blob(board())
    marked = {node.path for node in tree.nodes() if node.has("xen,passthrough")}
    assert marked == {mark.path for one in domains.values() for mark in one.plan.marks}
    chosen = tree.root.children["chosen"].children
    numbers = {"gpio": 0, "clock": 1, "config": 2}
    assert [name for name in chosen if name.startswith("domU")] == ["domU2", "domU1", "domU0"]
    for name, number in numbers.items():
        node = chosen[f"domU{number}"]
        assert node.cells("memory") == (0, 128 << 10)
        assert node.cells("cpus") == (1,)
        assert node.has("vpl011")
        assert not node.has("xen,enhanced")
        found = modules(node)
        assert found.keys() == {"kernel", "device-tree"}
        assert found["device-tree"][1] == len(domains[name].files["dtb"])
    grown = used((tmp_path / "edited.dtb").read_bytes()) - used(board())
    needed = room_needed(told.domus, parse(text))
    assert grown <= needed <= 2 * grown
    kept = {node.path for node in plain.nodes()}
    new = {node.path for node in tree.nodes()} - kept
    assert all(path.startswith("/chosen/domU") for path in new)
    for node in plain.nodes():
        now = tree.find(node.path)
        assert now is not None
        added = {p for p in now.properties if p not in node.properties}
        assert added <= {"xen,passthrough", "xen,xen-bootargs", "#address-cells", "#size-cells"}
        for name, value in node.properties.items():
            assert now.properties[name].value == value.value


@pytest.mark.parametrize("direct", [False, True])
def test_static_memory(tmp_path: Path, machine: Machine, direct: bool) -> None:
    """Two banks, as the script writes them."""
    boot_files(tmp_path, machine)
    banks = ((0x70000000, 1 << 26), (0x78000000, 1 << 26))
    options: dict[str, Any] = {"memory": None, "routes": ("dom0less",), "static_memory": banks}
    run(tmp_path, clock(machine, base(), **options, direct_map=direct))
    chosen = edited(tmp_path).root.children["chosen"]
    node = chosen.children["domU0"]
    assert node.cells("xen,static-mem") == (0, 0x70000000, 0, 1 << 26, 0, 0x78000000, 0, 1 << 26)
    assert (chosen.cells("#address-cells"), chosen.cells("#size-cells")) == ((2,), (2,))
    assert node.cells("memory") == (0, 128 << 10)
    assert node.has("direct-map") == direct


def test_xen_boots(tmp_path: Path, dom0less_machine: Machine) -> None:
    """From the tree that ImageBuilder edited, with the files where it loads them."""
    ready = dom0less_machine
    boot_files(tmp_path, ready)
    files = clock(ready, base())
    run(tmp_path, files)
    found = modules(edited(tmp_path).root.children["chosen"].children["domU0"])
    names = {"kernel": "Image", "ramdisk": "guest.cpio", "device-tree": "clock.dtb"}
    sizes = {kind: (tmp_path / name).stat().st_size for kind, name in names.items()}
    assert {kind: size for kind, (_, size) in found.items()} == sizes
    loads = [Load(tmp_path / names[kind], at) for kind, (at, _) in found.items()]
    tree = (tmp_path / "edited.dtb").read_bytes()
    with running(ready.xen, tree, loads, 1, PLAIN, SECONDS) as console:
        check_guest(console)


# ---------------------------------------------------------------------------- U-Boot


@pytest.fixture(name="firmware")
def _firmware(machine: Machine) -> Path:
    """U-Boot of the machine's suite."""
    try:
        return uboot(machine.suite)
    except UnavailableError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def start(folder: Path, file: str, part: str, *more: str) -> None:
    """The boot.scr that U-Boot finds by itself: it runs a script in another file."""
    at = f"{ELSEWHERE:#x}"
    lines = [f"load virtio 0:1 {at} {file}", f"source {at}{part}", *more]
    (folder / "boot.scr").write_bytes(boot_scr("".join(f"{line}\n" for line in lines)))


@pytest.mark.parametrize("fit", [False, True])
def test_uboot_boots_it(tmp_path: Path, machine: Machine, firmware: Path, fit: bool) -> None:
    """What ImageBuilder made: its script, or its image with the script in it."""
    boot_files(tmp_path, machine)
    run(tmp_path, clock(machine, base(FIT if fit else "")))
    start(tmp_path, "boot.fit" if fit else "made.scr", ":boot_scr" if fit else "")
    with booting(firmware, tmp_path, (), 1, PLAIN, SECONDS) as console:
        check_guest(console)


#: Everything that XA031 lets through.
ODD = "a=b;c & d|e #f !g *h ?i [j] {k} (l) ~m ^n <o>  %p @q ,r _s +t "


def test_uboot_takes_the_commands(tmp_path: Path, machine: Machine, firmware: Path) -> None:
    """What the tree in U-Boot says then: the odd command line, and what only commands can say."""
    boot_files(tmp_path, machine)
    config = base("").replace('"booti"', '"none"')
    run(tmp_path, clock(machine, config, vpl011=False, extra=ODD, pool=7))
    start(tmp_path, "made.scr", "", "fdt print /chosen/domU0", "echo the end")
    with booting(firmware, tmp_path, (), 1, PLAIN, SECONDS) as console:
        lines = [line.strip() for line in takewhile(lambda line: line != "the end", console)]
    assert f'bootargs = "{ODD}";' in lines
    assert {'compatible = "xen,domain";', "cpus = <0x00000001>;"} <= {*lines}
    assert re.search(r"^xen,domain-p2m-mem-mb = <0x0*7>;$", "\n".join(lines), re.MULTILINE)
    assert not [line for line in lines if line.startswith("vpl011") or "FDT_ERR" in line]
