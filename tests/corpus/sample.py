"""Requests for the corpus: which devices of a board, and with which options, by a fixed seed."""

from __future__ import annotations

import random

from xenassign.devicetree.tree import Tree
from xenassign.host.device import is_device
from xenassign.request.request import Accepted, MapOption, Request
from xenassign.xen.releases import RELEASES, release

SEED = 20260

#: Requests for each board.
PER_BOARD = 2


def requests(tree: Tree, board: str) -> list[Request]:
    """The requests for a board: the same on every machine, whatever the other boards are."""
    paths = [node.path for node in tree.nodes() if is_device(node)]
    return [
        _request(random.Random(f"{SEED} {board} {number}"), paths) for number in range(PER_BOARD)
    ]


def _request(rng: random.Random, paths: list[str]) -> Request:
    count = rng.choice((1, 1, 1, 2, 3))
    devices = tuple(rng.sample(paths, min(count, len(paths))))
    first = devices[0]
    everywhere = MapOption(None, None, "auto")
    return Request(
        devices=devices,
        name=rng.choice(("domu1", "guest-2", "d.3")),
        release=release(rng.choice(tuple(RELEASES))),
        routes=rng.choice((("dom0less", "xl"), ("dom0less", "xl"), ("dom0less",), ("xl",))),
        maps=rng.choice(((), (everywhere,))),
        policy=rng.choice(("trust", "trust", "auto")),
        forced=rng.choice(((), (), (Accepted(first),))),
        shared=rng.choice(((), tuple(map(Accepted, devices)))),
        memory=rng.choice((None, 256, 1024, 2048)),
        vcpus=rng.choice((None, 1, 4)),
        vpl011=rng.choice((True, True, False)),
    )
