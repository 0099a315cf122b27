"""--load, and what a file says of its size."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tests.wording import Wording
from xenassign.errors import UsageError
from xenassign.request.boot_request import (
    UBOOT,
    BootRequest,
    LoadOption,
    load_option,
    measured,
    parse_load,
)


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("xen=0x49000000", LoadOption("xen", None, 0x49000000)),
        ("kernel=1024:0x20", LoadOption("kernel", None, 1024, 0x20)),
        ("kernel=4096:32M", LoadOption("kernel", None, 4096, 32 << 20)),
        ("net/dtb=2G", LoadOption("dtb", "net", 2 << 30)),
        ("ramdisk=0:boot/rd.gz", LoadOption("ramdisk", None, 0, None, "boot/rd.gz")),
        ("kernel=0x10:0x10.bin", LoadOption("kernel", None, 0x10, None, "0x10.bin")),
        ("kernel=0x10:a=b:c", LoadOption("kernel", None, 0x10, None, "a=b:c")),
        ("dom0-kernel=010", LoadOption("dom0-kernel", None, 10)),  # no octal
    ],
)
def test_forms(text: str, option: LoadOption) -> None:
    assert parse_load(text) == option


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kernel", "is malformed; write --load"),
        ("=0x10", "'' is unknown; give xen, host"),
        ("kernel=", "is malformed"),
        ("kernel=0x10:", "is malformed"),
        ("kernel=-1", "is malformed"),
        ("kernel=0xg", "is malformed"),
        ("kernels=0x10", "'kernels' is unknown; give xen, host, dom0-kernel"),
        ("a/xen=0x10", "--load a/xen: 'xen' is unknown; give kernel, ramdisk, dtb"),
        ("../kernel=0x10", "is malformed"),
        ("kernel=0x10:0", "the size is 0"),
        ("kernel=0xffffffffffffffff:4K", "the end is above 0xffffffffffffffff"),
    ],
)
def test_what_is_none(text: str, message: str, wording: Wording) -> None:
    with wording.raises(UsageError) as told:
        parse_load(text)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_what_is_said_for_a_domain_comes_first() -> None:
    loads = tuple(map(parse_load, ("kernel=0x1000", "net/kernel=0x2000", "net/dtb=0x3000")))
    boot = BootRequest(loads=loads)
    assert boot.load("kernel", "net") == loads[1]
    assert boot.load("kernel", "log") == loads[0]
    assert boot.load("dtb", "log") is None


def test_what_is_said_twice(wording: Wording) -> None:
    with wording.raises(UsageError):
        BootRequest(loads=tuple(map(parse_load, ("kernel=1", "net/kernel=2", "net/kernel=2"))))


def test_the_command_line_comes_before_the_file() -> None:
    file = BootRequest(
        loads=tuple(map(parse_load, ("xen=0x1000", "host=0x2000"))), xen_bootargs="a", load_with="x"
    )
    line = BootRequest(frozenset([UBOOT]), (parse_load("xen=0x5000"),), xen_bootargs="b")
    both = file.overridden_by(line)
    assert both.load("xen") == line.loads[0]
    assert both.load("host") == file.loads[1]
    assert (both.outputs, both.xen_bootargs, both.load_with) == (line.outputs, "b", "x")


@pytest.mark.parametrize(
    "command", ["load mmc 0:1", "load ${devtype} ${devnum}:${distro_bootpart}", "tftpboot"]
)
def test_a_command_that_loads(command: str) -> None:
    assert BootRequest(load_with=command).load_with == command


def test_what_is_no_single_command(wording: Wording) -> None:
    commands = ("", " ", "load mmc 0:1 ", "tftp;", "a && b", "a\nb")
    for command in (*commands, 'load "mmc', "load mmc #", "a | b", "a\\", "é"):
        with wording.raises(UsageError):
            BootRequest(load_with=command)


def image(size: int) -> bytes:
    """An arm64 Image that takes so many bytes in memory (booting.rst of Linux)."""
    return struct.pack("<II3Q24x4s4x", 0, 0, 0, size, 0, b"ARM\x64").ljust(4096, b"\0")


def sizes(folder: Path, text: str, *, later: bool = False) -> tuple[int | None, int]:
    (load,) = measured([parse_load(text)], folder, later=later)
    return load.size, load.room


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(image(1 << 20))
    (tmp_path / "other").write_bytes(bytes(100))
    assert sizes(tmp_path, "xen=0x200000:image") == (4096, 1 << 20)
    assert sizes(tmp_path, "kernel=0x200000:image") == (4096, 0)  # Xen copies it
    assert sizes(tmp_path, "xen=0x200000:other") == (100, 0)
    assert sizes(tmp_path, "kernel=0x200000:5") == (5, 0)
    assert sizes(tmp_path, "dtb=0x200000:not-written-yet") == (None, 0)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sizes(tmp_path, "kernel=0:absent", later=True) == (None, 0)
    for text, later, message in (
        ("kernel=0:absent", False, "--load kernel: absent: No such file or directory; name"),
        ("kernel=0:.", True, "Is a directory"),
        ("net/kernel=0:a\0b", False, "--load net/kernel: a\0b: embedded null byte"),
        ("kernel=0:empty", True, "is empty; name the file to load"),
    ):
        with pytest.raises(UsageError) as told:
            sizes(tmp_path, text, later=later)
        assert message in str(told.value)


def test_a_fifo_is_not_waited_for(tmp_path: Path, wording: Wording) -> None:
    os.mkfifo(tmp_path / "fifo")
    with wording.raises(UsageError):
        measured([parse_load("kernel=0x1000:fifo")], tmp_path, later=True)


def test_where_alone() -> None:
    assert load_option("kernel", "a", "0x10:f") == LoadOption("kernel", "a", 0x10, None, "f")
