"""imagebuilder.cfg as bash reads it, and what it leaves of the user's own file."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from xenassign.formats.imagebuilder_cfg import parse
from xenassign.formats.xlcfg import decode
from xenassign.outputs.imagebuilder.decide import decide_imagebuilder
from xenassign.outputs.imagebuilder.write import imagebuilder

from ..bash import sourced
from ..planning.test_imagebuilder import CARRIED, CLOCK, GPIO, planned

NAMES = (
    *("NUM_DOMUS", "APPEND_EXTRA_CMDS", "DOMU_KERNEL", "DOMU_RAMDISK", "DOMU_CMD", "DOMU_MEM"),
    *(
        "DOMU_PASSTHROUGH_PATHS",
        "DOMU_PASSTHROUGH_DTB",
        "DOMU_VCPUS",
        "DOMU_ENHANCED",
        "DOMU_NOBOOT",
    ),
    *("MEMORY_START", "XEN", "XEN_CMD", "UBOOT_SCRIPT", "DOMU_VPL011"),
)

#: As people write them: their own order, quotes, comments and tabs, and something that bash does.
MINE = """\
#!/bin/bash
# Our gateway \xe9
set -e
MEMORY_START=0x0
MEMORY_END="0x80000000"  # 2 GiB
BOARD=${BOARD:-zcu102}
if [ "$BOARD" = zcu102 ]; then
    DEVICE_TREE="zcu102.dtb"
else
    DEVICE_TREE="other.dtb"
fi
XEN='xen-4.20'
export XEN_CMD="console=dtuart \\
 dom0_mem=1G"

NUM_DOMUS=2   # the two
\tDOMU_KERNEL[0]="dom1/Image"
DOMU_CMD[0]="console=ttyAMA0 a=\\"b\\""

# the clock's guest
DOMU_KERNEL[1]='dom2/Image'
DOMU_PASSTHROUGH_DTB[1]="$BOARD/clock.dtb"   # of xenassign
DOMU_MEM[1]='256'
DOMU_VCPUS[1]=4

UBOOT_SOURCE=boot.source
UBOOT_SCRIPT=boot.scr"""


def made(base: str | None, *plans: object) -> dict[str, bytes]:
    config = parse(base, "my.cfg") if base is not None else None
    return imagebuilder(decide_imagebuilder(plans, config))  # type: ignore[arg-type]


def test_bash_reads_what_was_meant(tmp_path: Path) -> None:
    plans = (
        planned(extra=CARRIED, memory=256, vcpus=2, ramdisk="sub/rd.gz"),
        planned("gpio", GPIO, routes=("xl",), kernel=None),
    )
    files = made(None, *plans)
    assert files.keys() == {"imagebuilder.cfg"}
    assert sourced(files["imagebuilder.cfg"], tmp_path, *NAMES) == {
        ("NUM_DOMUS", 0): b"2",
        ("UBOOT_SCRIPT", 0): b"boot.scr",
        ("DOMU_KERNEL", 0): b"Image",
        ("DOMU_RAMDISK", 0): b"sub/rd.gz",
        ("DOMU_CMD", 0): CARRIED.encode(),
        ("DOMU_MEM", 0): b"256",
        ("DOMU_VCPUS", 0): b"2",
        ("DOMU_PASSTHROUGH_PATHS", 0): CLOCK.encode(),
        ("DOMU_PASSTHROUGH_DTB", 0): b"clock.dtb",
        ("DOMU_ENHANCED", 0): b"0",
        ("DOMU_PASSTHROUGH_PATHS", 1): GPIO.encode(),
        ("DOMU_PASSTHROUGH_DTB", 1): b"gpio.dtb",
        ("DOMU_NOBOOT", 1): b"1",
    }


def test_lines_to_fill_in_are_comments(tmp_path: Path) -> None:
    text = made(None, planned(kernel=None))["imagebuilder.cfg"].decode()
    assert 'DEVICE_TREE="qemu.dtb"' in text
    for name in ("DOMU_KERNEL", "DOMU_RAMDISK", "DOMU_CMD", "DOMU_MEM", "DOMU_VCPUS"):
        assert f"\n#{name}[0]=" in text
    lines = [f"{line.removeprefix('#')}\n" for line in text.splitlines() if "=" in line]
    filled = sourced("".join(lines).encode(), tmp_path, *NAMES)
    assert filled["DOMU_KERNEL", 0] == b"Image"
    assert filled["MEMORY_START", 0] == b"0x0"


def test_what_is_mine_stays(tmp_path: Path) -> None:
    plans = (planned(kernel=None, memory=512, vcpus=4), planned("gpio", GPIO, extra="a"))
    new = made(MINE, *plans)["imagebuilder.cfg"].decode()
    shown = difflib.unified_diff(MINE.splitlines(), new.splitlines(), n=0, lineterm="")
    assert [line for line in shown if line[:2] not in ("--", "++", "@@")] == [
        "-NUM_DOMUS=2   # the two",
        "+NUM_DOMUS=3   # the two",
        "-DOMU_MEM[1]='256'",
        "+DOMU_MEM[1]=512",
        f'+DOMU_PASSTHROUGH_PATHS[1]="{CLOCK}"',
        "+DOMU_ENHANCED[1]=0",
        "+",
        "+# gpio: /chosen/domU2, written by xenassign",
        '+DOMU_KERNEL[2]="Image"',
        '+DOMU_CMD[2]="a"',
        f'+DOMU_PASSTHROUGH_PATHS[2]="{GPIO}"',
        '+DOMU_PASSTHROUGH_DTB[2]="gpio.dtb"',
        "+DOMU_ENHANCED[2]=0",
        '+#DOMU_RAMDISK[2]="domu-ramdisk.cpio.gz"',
        "+#DOMU_MEM[2]=512  # MiB; ImageBuilder's default",
        "+#DOMU_VCPUS[2]=1  # ImageBuilder's default",
    ]
    before = sourced(MINE.encode(), tmp_path, *NAMES)
    after = sourced(new.encode(), tmp_path, *NAMES)
    assert before.items() - after.items() == {
        (("NUM_DOMUS", 0), b"2"),
        (("DOMU_MEM", 1), b"256"),
    }
    assert after["DOMU_PASSTHROUGH_DTB", 1] == b"zcu102/clock.dtb"


@pytest.mark.parametrize("base", [None, MINE, "", "NUM_DOMUS=0", "# nothing"])
def test_again_it_makes_the_same(base: str | None) -> None:
    plans = (planned(memory=512, vcpus=2, vpl011=False, extra="a"), planned("gpio", GPIO))
    first = made(base, *plans)
    assert made(first["imagebuilder.cfg"].decode(), *plans) == first
    changed = made(first["imagebuilder.cfg"].decode(), planned(memory=300), plans[1])
    old, now = (decode(files["imagebuilder.cfg"]).splitlines() for files in (first, changed))
    lines = difflib.ndiff(old, now)
    new = [line[2:].split("=")[0] for line in lines if line.startswith("+ ")]
    number = 1 if base == MINE else 0
    assert new == [f"DOMU_MEM[{number}]", f"DOMU_VPL011[{number}]"]


def test_bytes_that_are_no_text_stay() -> None:
    base = decode(b"# \xff\xe9\nNUM_DOMUS=0\n")
    assert made(base, planned())["imagebuilder.cfg"].startswith(
        b"# \xff\xe9\nNUM_DOMUS=1\n\n# clock"
    )


@pytest.mark.parametrize("end", ["", "\n", " \\", " \\\n", "  # c", "\n\n\n"])
def test_whatever_ends_it(end: str, tmp_path: Path) -> None:
    base = f"NUM_DOMUS=1\nDOMU_KERNEL[0]=a\nXEN=x{end}"
    found = sourced(made(base, planned())["imagebuilder.cfg"], tmp_path, *NAMES)
    assert found["DOMU_PASSTHROUGH_DTB", 1] == b"clock.dtb"
    assert (found["NUM_DOMUS", 0], found["XEN", 0]) == (b"2", b"x")


def test_the_commands() -> None:
    files = made("APPEND_EXTRA_CMDS=imagebuilder.cmds\n", planned())
    assert files["imagebuilder.cmds"].decode().count("\n") == 2  # what an older one said is gone
    text = made(None, planned(vpl011=False))["imagebuilder.cmds"]
    assert text.isascii()  # ImageBuilder asks `file` for "ASCII text"
    assert [line for line in text.decode().splitlines() if not line.startswith("#")] == [
        "fdt resize 0x1000",
        "fdt set /chosen/domU0 vpl011",
        "fdt rm /chosen/domU0 vpl011",
    ]
