"""Real U-Boot runs the script that ``generate --uboot-script`` writes, and Xen boots from it.

Debian's U-Boot for QEMU, of both suites: 2023.01 takes 16 words a command and goes on behind
``exit``, neither has ``fdt apply``. It finds boot.scr on a disk by itself, as on a board. The guest
reads the time of the PL031 that it was given.
"""

from __future__ import annotations

import random
import socket as socketing
import string
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from xenassign.advice.assess import assess
from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.tree import Tree
from xenassign.escape import uboot_string
from xenassign.host.platform import read_platform
from xenassign.outputs.boot import SCRIPT as BOOT_CMD
from xenassign.outputs.boot.decide import decide as decide_boot
from xenassign.outputs.boot.write import boot_scr
from xenassign.outputs.boot.write import write as write_boot
from xenassign.request.boot_request import UBOOT, BootRequest, parse_load
from xenassign.request.request import Accepted, Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import decide_system
from xenassign.xen.releases import DEFAULT, release

from .. import hostile
from ..conftest import FIXTURES
from ..devicetree.directories import content
from ..missing import skip_or_fail
from .boot import (
    DONE,
    XEN_ARGUMENTS,
    Domain,
    Outcome,
    bootargs,
    guest_files,
    outcome,
    spoken,
)
from .machine import Machine, UnavailableError, board, uboot
from .mutants.blob import Blob
from .qemu import PLAIN, Console, Load, Setup, booting, running

#: Where things go: below 0x40400000 is what U-Boot itself uses, and QEMU's tree.
PLACES = {
    "xen": 0x48000000,
    "host": 0x4A000000,
    "dtb": 0x4A800000,
    "kernel": 0x4C000000,
    "ramdisk": 0x50000000,
}
#: The guest's command line has what U-Boot's shell would take for its own.
EXTRA = f"""{bootargs(Domain())} quoted="a 'b' $c;d" """.strip()
SCRIPT = "cat /sys/class/rtc/rtc0/since_epoch >/out/time; cat /proc/cmdline >/out/cmdline"


@pytest.fixture(name="firmware")
def _firmware(machine: Machine) -> Path:
    """U-Boot of the machine's suite."""
    try:
        return uboot(machine.suite)
    except UnavailableError as error:
        skip_or_fail(str(error))


@pytest.fixture(name="files")
def _files(machine: Machine, tmp_path: Path) -> dict[str, Path]:
    """What is loaded, by what ``--load`` calls it."""
    # Without the padding: QEMU doubles what it is given, and Xen takes 2 MiB.
    (tmp_path / "board.dtb").write_bytes(Blob.read(board()).write())
    (tmp_path / "initrd").write_bytes(machine.guest.read_bytes() + guest_files(SCRIPT))
    return {
        "xen": machine.xen,
        "host": tmp_path / "board.dtb",
        "kernel": machine.linux,
        "ramdisk": tmp_path / "initrd",
    }


def generate(host: Path, out: Path, *options: str) -> None:
    """Runs the command for one guest with the PL031."""
    arguments = ["generate", str(host), "-d", "/pl031@9010000", "--memory", "256", "--vcpus", "1"]
    arguments += ["--extra", EXTRA, "--xen-bootargs", XEN_ARGUMENTS, "-o", str(out)]
    done = CliRunner().invoke(cli, [*arguments, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def check(told: Outcome) -> None:
    """Xen has built the domain, and its guest has told the time."""
    assert (told.verdict, told.message) == ("accepted", "")
    assert abs(int(told.files["time"]) - time.time()) < 600
    assert told.files["cmdline"].decode().strip() == EXTRA


def test_script_that_loads(
    machine: Machine, firmware: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    """``--load-with``: U-Boot loads everything, and says the sizes."""
    disk, out = tmp_path / "disk", tmp_path / "out"
    options = ["--uboot-script", "--load-with", "load virtio 0:1"]
    for what, address in PLACES.items():
        options += ["--load", f"{what}={address:#x}:{what}"]
    generate(files["host"], out, *options)
    disk.mkdir()
    for what, file in {**files, "dtb": out / "domu1.dtb", "boot.scr": out / "boot.scr"}.items():
        (disk / what).write_bytes(file.read_bytes())
    with booting(firmware, disk, [], 1, PLAIN, 120) as console:
        check(outcome(console, guest_speaks=True))


def test_script_for_what_is_loaded(
    machine: Machine, firmware: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    """Everything lies in memory already; the script has the sizes."""
    disk, out = tmp_path / "disk", tmp_path / "out"
    options = ["--uboot-script"]
    for what, address in PLACES.items():
        file = f":{files[what]}" if what not in ("host", "dtb") else ""
        options += ["--load", f"{what}={address:#x}{file}"]
    generate(files["host"], out, *options)
    disk.mkdir()
    (disk / "boot.scr").write_bytes((out / "boot.scr").read_bytes())
    files["dtb"] = out / "domu1.dtb"
    loads = [Load(file, PLACES[what]) for what, file in files.items()]
    with booting(firmware, disk, loads, 1, PLAIN, 120) as console:
        check(outcome(console, guest_speaks=True))


def test_script_that_fails_does_not_boot(
    machine: Machine, firmware: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    """A device that is not in the tree that U-Boot has: Xen is not started without its mark."""
    disk, out = tmp_path / "disk", tmp_path / "out"
    options = ["--uboot-script"]
    for what, address in PLACES.items():
        options += ["--load", f"{what}={address:#x}:0x100000"]
    generate(files["host"], out, *options)
    disk.mkdir()
    (disk / "boot.scr").write_bytes((out / "boot.scr").read_bytes())
    other = board().replace(b"pl031@9010000", b"pl031@9010009")
    loads = [Load(other, PLACES["host"]), Load(machine.xen, PLACES["xen"])]
    with booting(firmware, disk, loads, 1, PLAIN, 60) as console:
        last = next(line for line in console if "Xen is not started" in line or "(XEN)" in line)
        assert "(XEN)" not in last


def test_host_out_with_chosen(machine: Machine, files: dict[str, Path], tmp_path: Path) -> None:
    """The tree of ``--host-out --chosen`` needs nothing of a boot loader but the modules."""
    out = tmp_path / "out"
    options = ["--host-out", str(tmp_path / "xen.dtb"), "--chosen"]
    for what in ("kernel", "ramdisk"):
        options += ["--load", f"{what}={PLACES[what]:#x}:{files[what]}"]
    generate(files["host"], out, *options, "--load", f"dtb={PLACES['dtb']:#x}")
    files["dtb"] = out / "domu1.dtb"
    loads = [Load(files[what], PLACES[what]) for what in ("kernel", "ramdisk", "dtb")]
    host = (tmp_path / "xen.dtb").read_bytes()
    with running(machine.xen, host, loads, 1, PLAIN, 60) as console:
        check(outcome(console, guest_speaks=True))


def test_host_out_with_dom0(machine: Machine, files: dict[str, Path], tmp_path: Path) -> None:
    """dom0 alone, for a domain of xl: it has its kernel, ramdisk and command line, and no PL031."""
    script = (
        "cat /proc/device-tree/pl031@9010000/status >/out/status; cat /proc/cmdline >/out/cmdline"
    )
    files["ramdisk"].write_bytes(machine.guest.read_bytes() + guest_files(script))
    said = "console=hvc0 rdinit=/init loglevel=4 panic=1"
    options = ["--host-out", str(tmp_path / "xen.dtb"), "--chosen", "--route", "xl"]
    options += ["--xen-bootargs", f"{XEN_ARGUMENTS} dom0_mem=256M", "--dom0-bootargs", said]
    for what in ("kernel", "ramdisk"):
        options += ["--load", f"dom0-{what}={PLACES[what]:#x}:{files[what]}"]
    generate(files["host"], tmp_path / "out", *options)
    loads = [Load(files[what], PLACES[what]) for what in ("kernel", "ramdisk")]
    host = (tmp_path / "xen.dtb").read_bytes()
    with running(machine.xen, host, loads, 1, PLAIN, 60) as console:
        _, told = spoken(list(until(console, DONE)))
    assert told["status"] == b"disabled\0"
    assert told["cmdline"].decode().strip() == said


def until(console: Console, last: str) -> Iterator[str]:
    """The lines, as far as one."""
    for line in console:
        yield line
        if line == last:
            return


#: Where the boards' trees lie, a MiB from one to the next.
TREES = 0x50000000


def test_u_boot_makes_the_tree_of_host_out(firmware: Path, tmp_path: Path) -> None:
    """On every shipped board: what U-Boot has made of the tree is what --host-out would have."""
    disk, socket = tmp_path / "disk", tmp_path / "monitor"
    disk.mkdir()
    script, loads, wanted = "", [], []
    for number, file in enumerate(sorted(FIXTURES.glob("*.dtb"))):
        tree = read_blob_file(file)
        plan = decide_system(tree, system_of(tree, f"host={TREES + (number << 20):#x}"))
        boot = decide_boot(plan)
        assert boot is not None
        script += write_boot(plan, boot)[BOOT_CMD].decode()
        loads.append(Load(file, TREES + (number << 20)))
        wanted.append(edited(boot.data, boot.changes))
    assert len(wanted) == 8
    (disk / "boot.scr").write_bytes(boot_scr(script))
    setup = Setup(arguments=("-monitor", f"unix:{socket},server=on,wait=off"))
    with booting(firmware, disk, loads, 1, setup, 60) as console:
        lines = (line for line in console if line.startswith("xenassign: "))
        for number in range(len(wanted)):
            assert next(lines) == f"xenassign: the tree at {TREES + (number << 20):#x} is ready"
        memory = in_memory(socket, tmp_path / "memory", TREES, len(wanted) << 20)
    for number, blob in enumerate(wanted):
        made, told = read_blob(memory[number << 20 : (number + 1) << 20]), read_blob(blob)
        assert content(made.root) == content(told.root)
        assert made.reservations == told.reservations
        names = [node.name for node in made.root.children["chosen"].children.values()]
        assert names == [node.name for node in told.root.children["chosen"].children.values()]


#: Words of printable ASCII, of which U-Boot's shell interprets some.
_WORDS = random.Random(15)
WORDS = [
    "".join(_WORDS.choices(string.printable[:95], k=_WORDS.randint(1, 5))) for _ in range(2000)
]


def test_u_boot_executes_nothing_of_a_hostile_board(
    firmware: Path, variant: Callable[[str, str], Tree], tmp_path: Path
) -> None:
    """Names, strings and command lines stay data, and words that are accepted stay as they are."""
    disk, socket = tmp_path / "disk", tmp_path / "monitor"
    disk.mkdir()
    tree = variant("qemu", hostile.BOARD)
    line = "".join(char for char in hostile.TEXT if " " <= char <= "~")
    domain = Request(
        devices=(hostile.DEVICE,),
        forced=(Accepted(hostile.DEVICE, hostile.TEXT),),
        name="one",
        memory=64,
        vcpus=1,
        extra=line,
        routes=("dom0less",),
    )
    loads = (f"host={TREES:#x}", "kernel=0x1000:4K", "dtb=0x3000", "dom0-kernel=0x7000:9")
    request = BootRequest(frozenset({UBOOT}), tuple(map(parse_load, loads)), None, line, line)
    plan = decide_system(tree, SystemRequest((domain,), boot=request))
    boot = decide_boot(plan)
    assert boot is not None
    script = "echo the beginning\n" + write_boot(plan, boot)[BOOT_CMD].decode()
    words = {word: quoted for word in WORDS if (quoted := uboot_string(word)) is not None}
    assert len(words) > 100
    script += "".join(f"echo = {quoted}\n" for quoted in words.values()) + "echo the end\n"
    (disk / "boot.scr").write_bytes(boot_scr(script))
    setup = Setup(arguments=("-monitor", f"unix:{socket},server=on,wait=off"))
    loaded = [Load(boot.data, TREES)]
    with booting(firmware, disk, loaded, 1, setup, 60) as console:
        said = list(until(console, "the end"))
        memory = in_memory(socket, tmp_path / "memory", TREES, 1 << 20)
    begin = said.index("the beginning")
    ready = said.index(f"xenassign: the tree at {TREES:#x} is ready")
    assert all(text.startswith("Working FDT") for text in said[begin + 1 : ready])
    assert said[ready + 1 : -1] == [f"= {word}" for word in words]
    made, told = read_blob(memory), read_blob(edited(boot.data, boot.changes))
    assert content(made.root) == content(told.root)
    assert (
        made.root.children["chosen"].children["one"].children["module@1000"].text("bootargs")
        == line
    )


def test_u_boot_executes_what_is_not_quoted(firmware: Path, tmp_path: Path) -> None:
    """The test above can fail: with the same words as they are, U-Boot runs a command."""
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "boot.scr").write_bytes(boot_scr("echo = a;echo forged\necho the end\n"))
    with booting(firmware, disk, [], 1, PLAIN, 60) as console:
        said = list(until(console, "the end"))
    assert said[-3:] == ["= a", "forged", "the end"]


def system_of(tree: Tree, *loads: str) -> SystemRequest:
    """Two domains: with the first device that is assigned without a question, and with the next."""
    judged = assess(read_platform(tree), release(DEFAULT))
    free = [each.device.path for each in judged.devices if each.assignable]
    asked = [
        Request(devices=(path,), name=name, memory=64, vcpus=1, extra='a="b"', routes=("dom0less",))
        for path, name in zip(free, ("one", "two"), strict=False)
    ]
    texts = (*loads, "kernel=0x1000:4K", "one/dtb=0x3000", "two/dtb=0x5000", "dom0-kernel=0x7000:9")
    boot = BootRequest(frozenset({UBOOT}), tuple(map(parse_load, texts)), None, "console=dtuart")
    return SystemRequest(tuple(asked), boot=boot)


def in_memory(monitor: Path, file: Path, address: int, size: int) -> bytes:
    """What QEMU's monitor saves of the machine's memory."""
    with socketing.socket(socketing.AF_UNIX) as connection:
        connection.connect(str(monitor))
        with connection.makefile("rwb", buffering=0) as stream:
            stream.write(f'pmemsave {address:#x} {size:#x} "{file}"\nquit\n'.encode())
            stream.read()
    return file.read_bytes()
