"""What benchmarks measure, and the boards that they are run on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.corpus.fetch_boards import boards, fetch
from tests.debian import FetchError

BOARD = "zynqmp-zcu102-rev1.0.dtb"
DEVICE = "/axi/ethernet@ff0e0000"
LARGE = "x1e80100-crd.dtb"
LARGE_DEVICE = "/soc@0/dma-controller@800000"


@dataclass(frozen=True)
class Figure:
    """One number. ``note`` says what it is made of."""

    benchmark: str
    what: str
    value: float
    unit: str
    note: str = ""


class SkippedError(Exception):
    """A benchmark that cannot run here, and what is missing."""


def all_boards() -> list[Path]:
    """The boards of the corpus. Raises SkippedError."""
    try:
        return boards(fetch())
    except FetchError as error:
        raise SkippedError(str(error)) from None


def board_file(name: str) -> Path:
    """A board of the corpus. Raises SkippedError."""
    for path in all_boards():
        if path.name == name:
            return path
    raise SkippedError(f"{name} is not among the boards")
