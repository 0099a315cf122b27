"""Marks and a node in /chosen on every real board: libfdt's bytes, and nothing else changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, boolean, cells, text

from ..devicetree.edit_judges import Fdtput, by_libfdt, decompiled
from .test_corpus import chunk_of_boards, in_chunks, told

__all__ = ["chunk_of_boards"]  # the fixture

pytestmark = pytest.mark.corpus

MARK = boolean("xen,passthrough")
# Values of whole cells: libfdt leaves what was there behind others, and some boards have such
# bytes already, from overlays that libfdt applied to them.
CHOSEN = Change(
    "/chosen",
    (
        text("xen,xen-bootargs", "dom0_mem=65536K"),
        cells("#address-cells", 2),
        cells("#size-cells", 2),
    ),
    (
        DraftNode("module@42000000", (text("compatible", "xen,linux-image"), cells("reg", 0, 1))),
        DraftNode("domU1", (cells("cpus", 2), MARK), (DraftNode("module@0"),)),
    ),
    ("stdout-path",),
)


@in_chunks
def test_changes_of_real_boards(
    chunk_of_boards: list[tuple[str, Path]],
    figures: Callable[[Counter[str]], None],
    tmp_path: Path,
) -> None:
    """One mark: fdtput's bytes. Many, and /chosen: libfdt's. None, or twice: the same bytes."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for board, path in chunk_of_boards:
        blob = path.read_bytes()
        paths = [node.path for node in read_blob(blob, board).nodes()]
        one = [Change(paths[len(paths) // 2], (MARK,))]
        judge = Fdtput(blob, tmp_path / "board.dtb")
        judge.put(one[0].path, MARK)
        many = [CHOSEN, *(Change(path, (MARK,)) for path in paths[1::9] if path != "/chosen")]
        made = edited(blob, many, board)
        checks = {
            "no change": edited(blob, [], board) == blob,
            "one mark": edited(blob, one, board) == judge.blob(),
            "many changes": made == by_libfdt(blob, many),
            "the same again": edited(made, many, board) == made,
        }
        failures += [f"{board}: {name}" for name, good in checks.items() if not good]
        counts["changed, boards"] += 1
        counts["changed, marks"] += len(many)
    figures(counts)
    assert not failures, told(failures)


@in_chunks
def test_the_source_of_real_boards(chunk_of_boards: list[tuple[str, Path]]) -> None:
    """dtc's source of a marked board has the marks as lines of its own, and all else as before."""
    failures: list[str] = []
    for board, path in chunk_of_boards[::8]:
        blob = path.read_bytes()
        nodes = list(read_blob(blob, board).nodes())
        marks = [Change(node.path, (MARK,)) for node in nodes[1::11]]
        lines = decompiled(edited(blob, marks, board))
        others = [line for line in lines if line.strip() != "xen,passthrough;"]
        if others != decompiled(blob) or len(lines) - len(others) != len(marks):
            failures.append(f"{board}: {len(lines) - len(others)} of {len(marks)} marks")
    assert not failures, told(failures)
