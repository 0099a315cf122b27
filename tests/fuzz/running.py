"""What the kernel and Xen of a running board print, and the tar that has it with the tree."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz import seeds, texts, trees
from tests.fuzz.cases import command, damaged, damaged_text, values_of, with_board
from tests.fuzz.draw import OPTIONS, Draw
from tests.fuzz.execute import Case
from tests.fuzz.seeds import Board
from tests.host.tars import in_folder, packed
from xenassign.request import options as tables

_PRINTED = Path(__file__).resolve().parents[1] / "host"
_XL_INFO = (
    "host                   : board\nxen_version            : 4.19.1\n"
    "virt_caps              : pv hvm hap hvm_directio\nfree_memory            : 512\n"
)


def summary(draw: Draw) -> Case:
    """clk_summary or regulator_summary beside a board."""
    board = seeds.made(draw.random).board
    kind = draw.random.choice(("clk_summary", "regulator_summary"))
    files = {"board.dtb": board.data, "printed.txt": _text(draw, kind, board)}
    option = f"--{'clock' if kind == 'clk_summary' else 'regulator'}-summary"
    words = ["generate", "board.dtb", "-d", board.device, *seeds.REQUEST, option, "printed.txt"]
    return command(draw, files, [*words, "-o", "out"], tables.DOMAIN, values_of(board, files))


def collected(draw: Draw) -> Case:
    """The tar of ``collect``: its members, or its bytes."""
    random = draw.random
    board = seeds.board(random)
    members = {"MISSING": b"", "fdt": board.data}
    if draw.chance(0.3):
        blob = board.blob()
        del members["fdt"]
        live = trees.directory(blob.root, "device-tree/")
        members |= {path: data for path, data in live if not path.endswith("/")}
    elif draw.chance(0.3):
        members["fdt"] = damaged(draw, board.data, OPTIONS)
    for kind in ("clk_summary", "regulator_summary", "xl_info"):
        if draw.chance(0.6):
            members[kind] = _text(draw, kind, board)
    if draw.chance(0.2):
        members["MISSING"] = _text(draw, "MISSING", board)
    names = [*members]
    if draw.chance(0.2):
        names.insert(random.randrange(len(names) + 1), random.choice(names))
    data = packed(in_folder(name, members[name]) for name in names if len(name) < 80)
    if draw.chance(0.5):
        for step in draw.steps(OPTIONS):
            data = trees.bytes_of(step, data, board.data)
    return with_board(draw, {"board.tar": data}, "board.tar", board, b"")


def _text(draw: Draw, kind: str, board: Board) -> bytes:
    random = draw.random
    if kind == "MISSING":
        text = "clk_summary: Permission denied; run as root\nfdt: not there\n"
    elif kind == "xl_info":
        text = _XL_INFO
    else:
        text = "".join(_lines(kind, board, random))
    return texts.encoded(damaged_text(draw, text, "printed", weights=OPTIONS), random)


def _lines(kind: str, board: Board, random: Random) -> list[str]:
    """Some lines of a real board, and lines about the devices of a small one."""
    real = _real(kind)
    start = random.randrange(len(real))
    lines = [*real[:3], *real[start : start + 20]]
    for path in board.paths:
        name, _, address = path.rpartition("/")[2].partition("@")
        if address and kind == "clk_summary":
            device = f"{address}.{name}"
            lines.append(f" {name} 1 1 0 24000000 0 0 50000 Y {device} {random.choice(_IDS)}\n")
        elif address:
            lines.append(f" {name} 1 1 0 unknown 3300mV 0mA 1800mV 3300mV\n")
            lines.append(f"    {address}.{name}-vcc 0 0mA 0mV 0mV\n")
    return lines


_IDS = ("no_connection_id", "pclk", "hclk", "apb_pclk", "uartclk", "ipg", "per")


@cache
def _real(kind: str) -> list[str]:
    paths = sorted(_PRINTED.glob(f"{kind}-*.txt"))
    return [line for path in paths for line in path.read_text().splitlines(keepends=True)]
