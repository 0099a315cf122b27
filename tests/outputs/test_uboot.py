"""The U-Boot script: what real U-Boot makes of it is tests/xen/test_uboot.py's."""

from __future__ import annotations

import re
import shlex
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wording import Wording
from xenassign.devicetree.draft import (
    Bytes,
    Cells,
    DraftProperty,
    Text,
    boolean,
    cells,
    encode,
    text,
)
from xenassign.devicetree.tree import Node
from xenassign.errors import OutputError
from xenassign.outputs.boot import write as uboot

from ..missing import skip_or_fail
from ..planning.test_boot import LOADS, NET, planned, zcu102

UBOOT = frozenset({"uboot-script"})


def script(*loads: str, **options: object) -> list[str]:
    plan = planned("host=0x50000000", *loads, outputs=UBOOT, **options)
    return uboot.boot_cmd(plan, zcu102()).splitlines()


def value_of(line: str) -> bytes:
    """The bytes that ``fdt set`` makes of its last words (fdt_parse_prop of U-Boot)."""
    command, _, _ = line.partition(" || ")
    words = shlex.split(command, posix=True)[4:]
    if not words:
        return b""
    if words[0].startswith("<"):
        numbers = " ".join(words).strip("<>").split()
        return b"".join(struct.pack(">I", int(number, 0)) for number in numbers)
    if words[0].startswith("["):
        return bytes.fromhex(" ".join(words).strip("[]"))
    return b"".join(word.encode() + b"\0" for word in words)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
PIECES = st.one_of(
    TEXTS.map(Text),
    st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=9).map(lambda v: Cells(tuple(v))),
    st.binary(min_size=1, max_size=40).map(Bytes),
)


@given(pieces=st.lists(PIECES, max_size=4))
def test_every_value_keeps_its_bytes(pieces: list[Text | Cells | Bytes]) -> None:
    prop = DraftProperty("a,b", tuple(pieces))
    line = uboot.set_property("/a/b@1", prop)
    assert value_of(line) == encode(prop, {})
    assert "\n" not in line
    # U-Boot's shell keeps or loses these in its own ways.
    assert not set(line.removesuffix(" || setenv xenassign_failed 1")) & set("'\\$;&|`")
    assert line.isascii()
    assert len(shlex.split(line)) <= 16


@pytest.mark.parametrize(
    ("prop", "line"),
    [
        (boolean("xen,passthrough"), "fdt set /a xen,passthrough"),
        (cells("#size-cells", 2, decimal=True), 'fdt set /a "#size-cells" "<0x2>"'),
        (text("compatible", "a,b", "c"), 'fdt set /a compatible "a,b" "c"'),
        (text("bootargs", "a=b  c"), 'fdt set /a bootargs "a=b  c"'),
        (text("bootargs", "<0>"), 'fdt set /a bootargs "[3c 30 3e 00]"'),
        (text("bootargs", ""), 'fdt set /a bootargs "[00]"'),
        (text("bootargs", " x"), 'fdt set /a bootargs "[20 78 00]"'),
        (text("bootargs", "a", 'b"'), 'fdt set /a bootargs "[61 00 62 22 00]"'),
    ],
)
def test_values(prop: DraftProperty, line: str) -> None:
    assert uboot.set_property("/a", prop) == f"{line} || setenv xenassign_failed 1"


def test_a_value_that_is_too_long(wording: Wording) -> None:
    assert uboot.set_property("/a", text("b", "x" * 1023))
    with wording.raises(OutputError):
        uboot.set_property("/a", text("b", "x" * 1024))


def test_every_step_is_watched() -> None:
    """A step that fails keeps Xen from being started, and nothing else is in a script."""
    lines = script(*LOADS, "xen=0x52000000:1M")
    at = lines.index('if test -n "${xenassign_failed}"; then')
    steps = [line for line in lines[:at] if line and not line.startswith("#")]
    quiet = {"setenv xenassign_failed", "setenv fdt_high 0xffffffffffffffff"}
    for step in steps:
        assert step in quiet or re.fullmatch(r"fdt .* \|\| setenv xenassign_failed 1", step), step
    assert lines[at + 2 :] == ["else", "  booti 0x52000000 - 0x50000000", "fi"]


def test_without_xen_the_tree_is_made_ready() -> None:
    assert not any("booti" in line for line in script(*LOADS))
    assert script(*LOADS)[-2] == '  echo "xenassign: the tree at 0x50000000 is ready"'


def test_a_path_that_u_boot_takes_for_another(wording: Wording) -> None:
    """A name without unit address: libfdt's fdt_path_offset takes the first, which has one."""
    tree = zcu102()
    chosen = tree.root.children.pop("chosen")
    root = {"chosen@0": Node("chosen@0", tree.root), "chosen": chosen, **tree.root.children}
    tree.root.children.clear()
    tree.root.children.update(root)
    with wording.raises(OutputError):
        uboot.boot_cmd(planned("host=0x50000000", *LOADS, outputs=UBOOT), tree)


def test_files_are_loaded_by_the_script() -> None:
    loads = ("kernel=0x60000000:Image", "dtb=0x62000000", "xen=0x52000000:boot/xen")
    lines = script(*loads, domains=(NET,), load_with="load mmc 0:1")
    failed = "|| setenv xenassign_failed 1"
    kernel = lines.index(f'load mmc 0:1 0x60000000 "Image" {failed}')
    reg = f'fdt set /chosen/net/module@60000000 reg "<0x0 0x60000000 0x0 0x${{filesize}}>" {failed}'
    assert lines[kernel + 1] == reg
    assert f'load mmc 0:1 0x62000000 "net.dtb" {failed}' in lines
    xen = lines.index(f'load mmc 0:1 0x52000000 "boot/xen" {failed}')
    assert xen > kernel
    assert not any("0x50000000 " in line and "load mmc" in line for line in lines)


@pytest.mark.parametrize("name", ["a'b", "a$b", 'a"b', "a\\b", "<a", "ü", "a\nb"])
def test_a_file_name_that_the_shell_would_read_otherwise(name: str, wording: Wording) -> None:
    loads = (f"kernel=0x60000000:{name}", "dtb=0x62000000")
    with wording.raises(OutputError):
        script(*loads, domains=(NET,), load_with="load mmc 0:1")


def test_the_image_is_that_of_mkimage(tmp_path: Path) -> None:
    mkimage = shutil.which("mkimage")
    if mkimage is None:
        skip_or_fail("mkimage is missing: apt-get install u-boot-tools")
    (tmp_path / "boot.cmd").write_text("echo hello\n")
    kind = ("-A", "arm64", "-T", "script", "-C", "none", "-n", "xenassign")
    command = [mkimage, *kind, "-d", "boot.cmd", "boot.scr"]
    time = {"SOURCE_DATE_EPOCH": "0"}
    subprocess.run(command, cwd=tmp_path, env=time, capture_output=True, check=True)
    assert uboot.boot_scr("echo hello\n") == (tmp_path / "boot.scr").read_bytes()
