"""The page of the documentation about the boards: a table made of the runs' own.

A test boots the runs and compares what the guests print with the same lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..xen.machine import RELEASES
from .boards import BOARDS
from .kernels import TREES
from .model import Board, Run

PAGE = "docs/boards/emulated.md"

#: Made in CI: a release of Xen and the suite whose device trees the boards boot with.
PAIRS = (("bookworm", "trixie"), ("trixie", "forky"))

_INTRODUCTION = """\
# Real boards in emulation

<!-- Written by `python -m tests.boards --document`; a test compares the two. -->

QEMU emulates boards of which Linux has the device tree. Here Xen boots from that tree, made ready
by one `xenassign generate -c xenassign.toml -o out --host-out xen.dtb --chosen`, with one or more
guests and no dom0, and each guest's own Linux driver uses the device. With the route xl Xen boots
dom0 from the tree of `--host-out`, and `xl create` takes the domain's dom.cfg. Repeat it without a
board:

<!-- not run: boots QEMU -->
```console
$ python -m tests.boards {name}
```

It prints what each device did. `--xen` and `--kernel` choose the release of Xen and that of Linux'
device tree; `--keep DIR` leaves all files, xenassign.toml too, in a folder; `--log` prints the
console. QEMU, Xen, Linux and the trees are Debian's, fetched with your own apt and not installed
(QEMU is forky's, the guests' Linux trixie's). The tests make each run on {pairs}.
"""

_BY_HAND = """
Devices that do DMA without an IOMMU require a direct-map domain, which Debian's Xen does not have:
those runs were made by hand, with the releases named (`XENASSIGN_XEN_4_22=…`, as CONTRIBUTING.md
says).
"""


def document() -> str:
    """The page."""
    pairs = " and ".join(f"Xen {RELEASES[xen]} with trees of Linux {TREES[s]}" for xen, s in PAIRS)
    lines = _INTRODUCTION.format(name=next(iter(BOARDS)), pairs=pairs).splitlines()
    if any(run.kconfig for board in BOARDS.values() for run in board.runs):
        lines += _BY_HAND.splitlines()
    for board in BOARDS.values():
        lines += _board(board)
    return "\n".join(lines) + "\n"


def _board(board: Board) -> Iterator[str]:
    machine = board.machine[0].partition(",")[0]
    yield from ("", f"## {board.title}", "")
    tree = f"`{board.tree}`" if board.tree else "the tree that it makes"
    yield f"QEMU's `{machine}`, {tree}. `python -m tests.boards {board.name}`"
    for paragraph in board.remarks:
        yield from ("", paragraph)
    yield from (
        "",
        "| device | driver | what the guest did with it | route | Xen |",
        "|---|---|---|---|---|",
    )
    # A guest's console may be in several runs.
    yield from dict.fromkeys(row for run in board.runs for row in _rows(run))


def _rows(run: Run) -> Iterator[str]:
    route = "xl" if run.xl else "dom0less"
    releases = f"{', '.join(run.by_hand)} by hand" if run.kconfig else ", ".join(run.releases)
    for guest in run.guests:
        for device in guest.devices:
            yield f"| `{device.path}` | {device.driver} | {device.does} | {route} | {releases} |"
