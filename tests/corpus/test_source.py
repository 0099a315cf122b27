"""Real boards as source: decompiled by dtc, and read again as dtc reads them."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from ..devicetree.dts_judge import by_dtc, by_us
from .conftest import Figures

STEP = 20


@pytest.mark.corpus
@pytest.mark.usefixtures("dtc")
def test_decompiled_boards(board_files: list[Path], figures: Figures) -> None:
    """Every twentieth board, with the labels that dtc -@ makes symbols of."""
    differ = []
    for path in board_files[::STEP]:
        command = ["dtc", "-q", "-q", "-I", "dtb", "-O", "dts", str(path)]
        source = subprocess.run(command, capture_output=True, check=True).stdout
        ours, why = by_us(source, symbols=True)
        if ours != by_dtc(source, "-@"):
            differ.append(f"{path.name}: {why}")
    assert not differ
    figures(Counter({"boards read from source, byte for byte as dtc": len(board_files[::STEP])}))
