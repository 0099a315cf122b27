"""The lock against a real board that libfdt changes: exactly what was changed is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import libfdt
import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.request.request import Request, parse_map
from xenassign.request.system_request import SystemRequest
from xenassign.system.change_lines import lines
from xenassign.system.hosts import HostsPlan, decide_hosts
from xenassign.system.lock import Lock, differences, lock_of, pins_of
from xenassign.system.lock_file import parse_lock, to_text
from xenassign.xen.releases import release

pytestmark = pytest.mark.corpus

Change = Callable[[libfdt.Fdt], object]

I2C, USB = "/i2c@7ffa0000", ("/usb@7ffb0000", "/usb@7ffc0000")


@pytest.fixture(scope="session")
def juno(board_files: list[Path]) -> bytes:
    """Arm's Juno: fixed clocks, SMMUs that Xen drives, interrupts of the GIC."""
    (path,) = [path for path in board_files if path.name == "juno.dtb"]
    return path.read_bytes()


def planned(blob: bytes, pins: Lock | None = None, *maps: str) -> HostsPlan:
    domains = (
        Request(
            devices=("i2c@7ffa0000",),
            name="sensors",
            policy="trust",
            memory=512,
            release=release("4.20"),
            maps=tuple(parse_map(text) for text in maps),
        ),
        Request(devices=USB, name="usb", policy="trust", memory=512, release=release("4.20")),
    )
    trees = [read_blob(blob, "juno.dtb")]
    known = pins_of(pins, trees) if pins is not None else None
    return decide_hosts(trees, SystemRequest(domains), known)


def changed(blob: bytes, change: Change) -> bytes:
    tree = libfdt.Fdt(blob)
    tree.resize(tree.totalsize() + 4096)
    change(tree)
    return bytes(tree.as_bytearray())


def cells(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def put(path: str, name: str, value: bytes) -> Change:
    return lambda tree: tree.setprop(tree.path_offset(path), name, value)


def changes(old: Lock, new: Lock) -> list[str]:
    return lines(differences(old, new))


def part(path: str, name: str, cell: int, value: int) -> Change:
    """Another value of one cell."""

    def change(tree: libfdt.Fdt) -> None:
        node = tree.path_offset(path)
        now = bytearray(tree.getprop(node, name))
        now[4 * cell : 4 * cell + 4] = cells(value)
        tree.setprop(node, name, bytes(now))

    return change


#: What libfdt changes, and all that is told of it.
CHANGES: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda tree: None, []),
    "a comment of the board": (put("/", "model", b"Juno, another\0"), []),
    "an address": (
        part(I2C, "reg", 1, 0x7FFA8000),
        [
            "sensors: i2c@7ffa0000: block 0 moved in the host from 0x7ffa0000 to 0x7ffa8000",
            "sensors: i2c@7ffa0000: block 0 moved in the guest from 0x7ffa0000 to 0x7ffa8000",
        ],
    ),
    "an interrupt": (
        part(I2C, "interrupts", 1, 106),
        ["sensors: i2c@7ffa0000: INTID 136 (level-high) became 138 (level-high)"],
    ),
    "a trigger": (
        part(I2C, "interrupts", 2, 1),
        ["sensors: i2c@7ffa0000: INTID 136 (level-high) became 136 (edge-rising)"],
    ),
    "the rate of a clock": (
        put("/clock-50000000", "clock-frequency", cells(25000000)),
        ["sensors: i2c@7ffa0000: clock 0: stub 50000000 Hz became 25000000 Hz"],
    ),
    "a property": (
        put(I2C, "i2c-sda-hold-time-ns", cells(300)),
        ["sensors: i2c@7ffa0000: i2c-sda-hold-time-ns: <500> became <300>"],
    ),
    "a stream": (
        lambda tree: [part(usb, "iommus", 1, 5)(tree) for usb in USB],
        [f"usb: {usb}: stream 0x0 of /iommu@7fb30000 became 0x5 of /iommu@7fb30000" for usb in USB],
    ),
    "the status of the device": (
        put(I2C, "status", b"disabled\0"),
        ["sensors: finding XA103 about /i2c@7ffa0000 added"],
    ),
    "the status of what protects": (
        put("/iommu@7fb30000", "status", b"disabled\0"),
        [
            *(
                f"usb: {usb}: DMA protected by an IOMMU became forced without an IOMMU"
                for usb in USB
            ),
            *(
                f"usb: finding {code} about {usb} added"
                for code in ("XA403", "XA428")
                for usb in USB
            ),
        ],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_board_is_told_and_nothing_else(juno: bytes, name: str) -> None:
    change, expected = CHANGES[name]
    old = lock_of(planned(juno))
    plan = planned(changed(juno, change))
    new = lock_of(plan)
    assert changes(old, new) == expected
    assert len(changes(new, old)) == len(expected)


def test_a_rebuild_changes_nothing(juno: bytes) -> None:
    for maps in ((), ("auto",)):
        old = lock_of(planned(juno, None, *maps))
        text = to_text(old)
        assert parse_lock(text, "xenassign.lock") == old
        again = lock_of(planned(juno, old, *maps))
        assert to_text(again) == text


def test_pins_of_the_lock_keep_auto_where_it_was(juno: bytes) -> None:
    """The device moves in the host to where identity would be taken, and stays in the guest."""
    moved = changed(juno, part(I2C, "reg", 1, 0x30000))
    old = lock_of(planned(juno, None, "auto"))
    assert changes(old, lock_of(planned(moved, old, "auto"))) == [
        "sensors: i2c@7ffa0000: block 0 moved in the host from 0x7ffa0000 to 0x30000"
    ]
    assert len(changes(old, lock_of(planned(moved, None, "auto")))) == 2
