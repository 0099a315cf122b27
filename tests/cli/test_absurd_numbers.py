"""Absurd counts and numbers, of trees, options and files: an answer or a line of error, soon."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.draft import Bytes, DraftNode, DraftProperty
from xenassign.devicetree.tree import Node, Property
from xenassign.errors import XenassignError

RTC = "/pl031@9010000"

#: Values of a property #…-cells: counts, and what is not one cell.
COUNTS = (0, 1, 3, 5, 0x7FFFFFFF, 0xFFFFFFFF)
VALUES = (*(count.to_bytes(4, "big") for count in COUNTS), b"", b"\0\0")

#: A device of each board, and how many properties #…-cells are changed, with those at its root.
BOARDS = {
    "qemu-virt-gicv3": (RTC, 3),
    "tricky": ("/dev@7d000000", 2),
    "zynqmp-zcu102": ("/axi/ethernet@ff0e0000", 1),
}

BANK = ("--static-memory", "0x60000000:256M", "--direct-map")
LOADS = {
    "xen": "0x40200000:2M",
    "host": "0x44000000",
    "dom0-kernel": "0x45000000:16M",
    "kernel": "0x49000000:16M",
    "dtb": "0x4d000000",
}


@pytest.fixture(autouse=True, scope="module")
def bounded_memory() -> Iterator[None]:
    """A number of bytes that comes from a tree ends in MemoryError, not in the machine's death."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 30), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def answer(*arguments: str | Path) -> Result:
    """The result of a command: less than 10 seconds of the processor, and no error but ours."""
    begin = time.process_time()
    result = CliRunner().invoke(cli, [*map(str, arguments)], standalone_mode=False)
    assert time.process_time() - begin < 10, arguments
    error = result.exception
    if error is not None and not isinstance(error, XenassignError):
        raise error
    return result


def loads(**changed: str) -> list[str]:
    """The options of a boot from U-Boot. A dash of a name is an underscore here."""
    given = {**LOADS, **{name.replace("_", "-"): where for name, where in changed.items()}}
    options = [part for name, where in given.items() for part in ("--load", f"{name}={where}")]
    return ["--uboot-script", "--route", "dom0less", "--memory", "256", "--vcpus", "1", *options]


def draft(node: Node) -> DraftNode:
    properties = (
        DraftProperty(p.name, (Bytes(p.value),) if p.value else ())
        for p in node.properties.values()
    )
    return DraftNode(node.name, tuple(properties), tuple(map(draft, node.children.values())))


def with_count(data: bytes, path: str, name: str, value: bytes) -> bytes:
    tree = read_blob(data)
    node = tree.find(path)
    assert node is not None
    node.properties[name] = Property(name, value)
    return to_blob(draft(tree.root))


def counts_of(data: bytes, number: int, seed: str) -> list[tuple[str, str]]:
    """(path, name) of a few properties #…-cells, those of the root included, stated or not."""
    stated = [
        (node.path, name)
        for node in read_blob(data).nodes()
        for name in node.properties
        if name.endswith("-cells") and node.parent is not None
    ]
    sample = random.Random(seed).sample(stated, min(number, len(stated)))
    above = [("/", name) for name in ("#address-cells", "#size-cells")]
    return [*above, ("/chosen", "#size-cells"), *sample]


@pytest.mark.slow
@pytest.mark.parametrize("board", sorted(BOARDS))
def test_counts_of_a_board(board: str, repository: Path, tmp_path: Path) -> None:
    data = (repository / "fixtures" / "host_dtbs" / f"{board}.dtb").read_bytes()
    device, number = BOARDS[board]
    host, plain = tmp_path / "host.dtb", tmp_path / "plain.dtb"
    plain.write_bytes(data)
    made = tmp_path / "made"
    trusted = ("-d", device, "--iommu-policy", "trust", "--vcpus", "1")
    answer("generate", plain, *trusted, "--memory", "64", "-o", made)
    files = [made / "domu1.dtb", made / "domu1.cfg"]
    for path, name in counts_of(data, number, board):
        for value in VALUES:
            host.write_bytes(with_count(data, path, name, value))
            answer("inspect", host)
            for count, options in enumerate(([], [*BANK, "--route", "dom0less"], loads())):
                answer("generate", host, *trusted, *options, "-q", "-o", tmp_path / f"o{count}")
            answer("lint", *files, "--host", host)


@pytest.mark.parametrize("xen", ["4.17", "4.20", "4.22"])
def test_counts_of_a_partial_tree(xen: str, host_files: dict[str, Path], tmp_path: Path) -> None:
    answer("generate", host_files["qemu"], "-d", RTC, "--memory", "64", "-o", tmp_path / "o")
    data = (tmp_path / "o" / "domu1.dtb").read_bytes()
    changed = tmp_path / "changed.dtb"
    for node in read_blob(data).nodes():
        for name in ("#address-cells", "#size-cells", "#interrupt-cells", "#clock-cells"):
            for value in VALUES if node.children or node.has(name) else ():
                changed.write_bytes(with_count(data, node.path, name, value))
                answer("lint", changed, "--xen", xen)
                answer("lint", changed, "--xen", xen, "--host", host_files["qemu"])


NUMBERS = (
    "0",
    "-1",
    "18446744073709551616",
    "0xfffffffffffff000",
    "0x10000000000000000",
    "1" + "0" * 5000,  # int() refuses to read it, str() to write it
    "0x" + "f" * 5000,
)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:20])
def test_numbers_of_options(number: str, host_files: dict[str, Path], tmp_path: Path) -> None:
    """None of them is an address of a board, a size of memory or a count."""
    for options in (
        ("--map", f"{RTC}#{number}=0x40000000"),
        ("--map", f"{RTC}=window:{number}-0x1000"),
        ("--clock-rate", f"{RTC}={number}"),
        *(
            ("--static-memory", bank, "--route", "dom0less", "--vcpus", "1")
            for bank in (f"{number}:4G", f"0x60000000:{number}", f"0x60000000:{number}G")
        ),
        loads(xen=f"0x40200000:{number}"),
        loads(kernel=f"{number}G:16M"),
        loads(domu1_kernel=f"{number}:0"),
    ):
        out = tmp_path / "o"
        result = answer("generate", host_files["qemu"], "-d", RTC, *options, "-o", out)
        if number == "0" and out.exists():  # an address
            continue
        assert result.exception is not None or result.exit_code == 1, options
        assert not out.exists()


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:20])
def test_numbers_of_files(number: str, host_files: dict[str, Path], tmp_path: Path) -> None:
    host, file = host_files["qemu"], tmp_path / "file"
    given = ("generate", host, "-d", RTC, "--memory", "64", "--vcpus", "1", "-o", tmp_path / "o")
    for key in ("memory", "vcpus", "nr_spis", "shadow_memory", "iomem", "irqs"):
        for value in (number, f'["{number}"]', f'["{number},{number}@{number}"]'):
            file.write_text(f'name = "a"\n{key} = {value}\n')
            answer("lint", file, "--host", host)
            answer(*given, "--base-cfg", file, "--overwrite")
    for name in ("MEMORY_START", "NUM_DOMUS", "DOMU_MEM[0]", f"DOMU_MEM[{number}]"):
        file.write_text(f'{name}="{number}"\nXEN="xen"\nDEVICE_TREE="a.dtb"\nMEMORY_END=0x90000000')
        answer(*given, "--imagebuilder", "--imagebuilder-base", file, "--overwrite")
    for text in (f"memory = {number}", f"vcpus = {number}", f"map = {number}"):
        file.write_text(f'host = "{host}"\n[[domain]]\nname = "a"\ndevice = ["{RTC}"]\n{text}\n')
        answer("generate", "-c", file, "-o", tmp_path / "o", "--overwrite")
    file.write_text(f'{{"schema": "xenassign/lock/1", "x": {number}}}')
    assert isinstance(answer(*given, "--lock", file).exception, XenassignError)


def test_a_key_of_many_parts(tmp_path: Path) -> None:
    """tomllib needs 40 seconds and gigabytes for them."""
    file = tmp_path / "xenassign.toml"
    for text in (
        f"{'a.' * 100000}a = 1",
        f"[{'a.' * 100000}a]",
        f"[[{'a . ' * 100000}a]]",
        f"""{"'a b'." * 100000}a = 1""",
        f"{'[' * 100000}",
        f"a = {'{a = ' * 100000}",
    ):
        file.write_text(text)
        assert isinstance(answer("plan", "-c", file).exception, XenassignError)
    file.write_text("a = '" + "a." * 30 + "'\n" + "b." * 63 + "b = 1\n")
    assert "too many" not in str(answer("plan", "-c", file).exception)
