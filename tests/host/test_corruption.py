"""Damaged boards: an answer or one line of error, never anything else, and never much memory."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import DevicetreeError, Tree
from xenassign.host.device import devices
from xenassign.host.neighbours import neighbours
from xenassign.host.platform import read_platform

BOARDS = sorted(Path(__file__).parents[2].joinpath("fixtures", "host_dtbs").glob("*.dtb"))
DATA = {path.stem: path.read_bytes() for path in BOARDS}

Edit = tuple[str, int, bytes]

#: Ways to damage a blob at an offset. The offset is taken modulo the size of the blob.
KINDS = ("overwrite", "insert", "delete", "truncate")


def damaged(data: bytes, edits: list[Edit]) -> bytes:
    for kind, offset, value in edits:
        at = offset % (len(data) + 1)
        if kind == "overwrite":
            data = data[:at] + value + data[at + len(value) :]
        elif kind == "insert":
            data = data[:at] + value + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + len(value) :]
        else:
            data = data[:at]
    return data


def survivor(data: bytes) -> Tree | None:
    """The tree, or None when the blob is refused as it should be."""
    try:
        return read_blob(data, "board.dtb")
    except DevicetreeError as error:
        message = str(error)
        assert message.startswith("board.dtb: ")
        assert message.isprintable(), message
        return None


def explore(tree: Tree) -> None:
    """Reads all there is to read; nothing of it may raise."""
    platform = read_platform(tree)
    for device in devices(platform):
        assert all("\n" not in problem for problem in device.problems)
    index = neighbours(platform)
    assert len(index.starts) == len(index.blocks)


@pytest.fixture(autouse=True, scope="module")
def bounded_memory() -> Iterator[None]:
    """A bomb is to end in MemoryError, not in the death of the machine."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 29), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def offset_of(board: str, path: str, name: str) -> int:
    node = read_blob(DATA[board]).find(path)
    assert node is not None
    return node.properties[name].offset


GIC_ADDRESS_CELLS = offset_of("juno-like", "/interrupt-controller@2c010000", "#address-cells")

EDITS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 1 << 16),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\4", b"\0\0\0\1", b"\x80"]),
        ),
    ),
    min_size=1,
    max_size=4,
)
OVERWRITES = st.lists(
    st.tuples(st.just("overwrite"), st.integers(0, 1 << 16), st.binary(min_size=1, max_size=4)),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(DATA)), st.one_of(EDITS, OVERWRITES))
@example("juno-like", [("overwrite", GIC_ADDRESS_CELLS, b"\xff")])
def test_damaged_boards(board: str, edits: list[Edit]) -> None:
    tree = survivor(damaged(DATA[board], edits))
    if tree is not None:
        explore(tree)


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(DATA)), EDITS)
def test_a_damaged_blob_is_read_or_refused(board: str, edits: list[Edit]) -> None:
    survivor(damaged(DATA[board], edits))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_behind_a_header_are_read_or_refused(rest: bytes) -> None:
    survivor(rest)
    survivor(DATA["qemu-virt-gicv3"][:40] + rest)
    header = bytearray(DATA["qemu-virt-gicv3"][:40])
    for offset, value in ((4, 56 + len(rest)), (8, 56), (12, 56), (32, len(rest)), (36, len(rest))):
        header[offset : offset + 4] = value.to_bytes(4, "big")
    survivor(bytes(header) + bytes(16) + rest)


@pytest.mark.parametrize("board", ["qemu-virt-gicv3"])
def test_every_truncation_is_refused(board: str) -> None:
    data = DATA[board]
    assert all(survivor(data[:size]) is None for size in range(0, len(data), 7))


@pytest.mark.parametrize("board", sorted(DATA))
def test_single_damaged_properties(board: str) -> None:
    """Cells of the numbers that steer the reading, each set to a few values, one at a time."""
    cells = {f"#{of}-cells" for of in ("address", "size", "interrupt", "iommu", "clock")}
    steering = cells | {"phandle", "interrupt-parent", "ranges", "interrupt-map"}
    random_values = random.Random(board)
    places = [
        prop.offset
        for node in read_blob(DATA[board]).nodes()
        for prop in node.properties.values()
        if prop.name in steering and prop.value
    ]
    for offset in random_values.sample(places, min(12, len(places))):
        for value in (0, 1, 3, 5):
            tree = survivor(damaged(DATA[board], [("overwrite", offset, value.to_bytes(4, "big"))]))
            assert tree is not None
            explore(tree)


CHILD = """
import random, resource, sys
from pathlib import Path
from xenassign.devicetree.blob import read_blob
from xenassign.errors import XenassignError
from xenassign.host.device import devices
from xenassign.host.neighbours import neighbours
from xenassign.host.platform import read_platform

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
boards = [Path(name).read_bytes() for name in sys.argv[1:]]
draw = random.Random(20240229)
read = 0
for count in range(2000):
    data = bytearray(draw.choice(boards))
    for _ in range(draw.choice((1, 1, 2, 8))):
        at = draw.randrange(len(data) - 1)
        how = draw.randrange(8)
        if how < 5:
            data[at] = draw.choice((0, 1, 4, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        elif how == 5:
            data[at:at] = draw.randbytes(draw.choice((1, 4, 16)))
        elif how == 6:
            del data[at + 2 : at + draw.choice((3, 6, 18))]
        elif draw.randrange(4) == 0:
            del data[at + 2 :]
    try:
        platform = read_platform(read_blob(bytes(data)))
    except XenassignError as error:
        assert str(error).isprintable(), str(error)
        continue
    read += 1
    list(devices(platform))
    neighbours(platform)
# VmHWM is this program's own peak; ru_maxrss would count the process that it was forked from.
status = Path("/proc/self/status").read_text()
print(read, status.split("VmHWM:")[1].split()[0])
"""


def test_two_thousand_damaged_boards_take_little_memory() -> None:
    command = [sys.executable, "-c", CHILD, *(str(path) for path in BOARDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read, kilobytes = (int(word) for word in done.stdout.split())
    assert read > 200
    assert kilobytes < 200_000
