"""The overlays of --attach-overlay on the real boards: what they bring is what was taken out.

fdtput takes the devices out of a board's tree, fdtoverlay brings them again; libfdt reads both, and
which node a phandle names is followed by the judge.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.answers import generate
from xenassign.devicetree.blob import read_blob
from xenassign.host.device import is_device
from xenassign.outputs.attach.decide import decide_attach
from xenassign.request.request import Accepted, MapOption, Request
from xenassign.xen.releases import release

from . import judges
from .test_corpus import chunk_of_boards, in_chunks, told

Figures = Callable[[Counter[str]], None]

pytestmark = pytest.mark.corpus
__all__ = ["chunk_of_boards"]  # the fixture

SEED = 20261122
PER_BOARD = 4
#: Every so many-th board of a chunk.
STRIDE = 4


def asked(rng: random.Random, paths: list[str]) -> Request:
    """One to three devices, and nothing in their way that has nothing to do with overlays."""
    devices = tuple(rng.sample(paths, min(rng.choice((1, 1, 2, 3)), len(paths))))
    return Request(
        devices=devices,
        release=release(rng.choice(("4.20", "4.22", "4.22", "4.22"))),
        maps=(MapOption(None, None, "auto"),),
        policy="trust",
        shared=tuple(map(Accepted, devices)),
        attach_overlay=True,
    )


@in_chunks
def test_what_is_taken_out_comes_again(
    chunk_of_boards: list[tuple[str, Path]], figures: Figures, tmp_path: Path
) -> None:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for board, path in chunk_of_boards[::STRIDE]:
        tree = read_blob(path.read_bytes(), board)
        paths = [node.path for node in tree.nodes() if is_device(node)]
        for number in range(PER_BOARD if paths else 0):
            request = asked(random.Random(f"{SEED} {board} {number}"), paths)
            plan, files, refused = generate(tree, request)
            codes = {finding.code for finding in plan.findings if finding.severity == "error"}
            counts["attach, requests"] += 1
            counts.update(f"attach, refused {c}" for c in codes if c < "XA019")
            if refused:
                continue
            attach = decide_attach(tree, plan)
            overlay = tmp_path / "host.dtbo"
            overlay.write_bytes(files["domu1.attach.host.dtbo"])
            bad = list(judges.readded(path, attach.added, overlay, tmp_path))
            failures += [f"{board}: {request.devices}: {problem}" for problem in bad]
            counts["attach, overlays"] += 1
            counts["attach, nodes"] += sum(
                node.path.count("/") > 2 for node in judges.read(overlay.read_bytes())
            )
    figures(counts)
    assert not failures, told(failures)
