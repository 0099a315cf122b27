"""The boards, by name. A new one is a module beside this, and a line here."""

from __future__ import annotations

from typing import Final

from . import imx8mp, rpi4, versal, zcu102
from .model import Board

BOARDS: Final[dict[str, Board]] = {
    board.name: board for board in (zcu102.BOARD, imx8mp.BOARD, rpi4.BOARD, versal.BOARD)
}
