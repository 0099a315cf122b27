"""The table of drivers' DMA widths, and the windows of buses on real boards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.corpus.conftest import board_directory, board_files, figures
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.tree import Tree
from xenassign.host.dma_knowledge import dma_knowledge
from xenassign.host.dma_width import dma_widths, width
from xenassign.host.dma_windows import Inbound

__all__ = ["board_directory", "board_files", "figures"]  # fixtures


def test_drivers_are_paths() -> None:
    assert all(entry.driver.startswith("drivers/") for entry in dma_widths().values())


def test_nothing_without_dma_has_a_width() -> None:
    """The other table of the same blocks agrees."""
    facts = {compatible: dma_knowledge((compatible,)) for compatible in dma_widths()}
    assert [name for name, fact in facts.items() if fact is not None and not fact.master] == []


def test_the_first_string_known_decides() -> None:
    found = width(("qcom,sm8550-qce", "qcom,sm8150-qce", "qcom,qce"))
    assert found is not None
    assert (found.bits, found.limit) == (32, 1 << 32)
    assert width(("example,x",)) is None


def test_a_bus_without_windows_is_no_limit(board: Callable[[str], Tree]) -> None:
    tree = board("zynqmp")
    node = tree.find("/axi/ethernet@ff0e0000")
    assert node is not None
    assert Inbound(tree).windows(node) is None


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "path", "bus", "entries"),
    [
        (
            "broadcom/bcm2711-rpi-4-b.dtb",
            "/soc/mmc@7e300000",
            "/soc",
            [(0xC0000000, 0, 0x40000000)],
        ),
        (
            # its master port is that of the memory controller (interconnects, dma-mem)
            "allwinner/sun50i-a64-pine64.dtb",
            "/soc/deinterlace@1e00000",
            "/soc/dram-controller@1c62000",
            [(0, 0x40000000, 0xC0000000)],
        ),
        (
            "freescale/imx8mm-evk.dtb",
            "/soc@0/bus@30800000/ethernet@30be0000",
            "/soc@0",
            [(0x40000000, 0x40000000, 0xC0000000)],
        ),
    ],
)
def test_windows_of_real_boards(
    board_files: list[Path], name: str, path: str, bus: str, entries: list[tuple[int, int, int]]
) -> None:
    file = next(file for file in board_files if str(file).endswith(name))
    tree = read_blob_file(file)
    node = tree.find(path)
    assert node is not None
    found = Inbound(tree).windows(node)
    assert found is not None
    assert found.bus.path == bus
    assert [(e.child, e.parent, e.size) for e in found.entries] == entries
