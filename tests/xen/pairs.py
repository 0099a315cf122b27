"""What Xen and xl say where two domains are given the same thing.

Each domain alone is what xenassign writes and Xen takes. Only a plan of the whole system sees the
two: Xen refuses some of them, and takes the others in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from tests.answers import generate
from xenassign.devicetree.blob import read_blob
from xenassign.linting.documents import TreeFile, document
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.request.request import Accepted, Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import decide_system
from xenassign.xen.releases import release

from .agreement import DRIVERS, host_of, setup_of
from .boot import side_by_side
from .dom0 import Job, boot_groups
from .hosttree import with_overlay
from .machine import RELEASES, Machine
from .mutants.blob import Blob
from .several import Guest, boot_together

ROUTES = ("dom0less", "xl")
NAMES = ("one", "two")


class Pair(NamedTuple):
    """Two domains by their devices, the rule that is about them, and whether Xen refuses them."""

    rule: str
    what: str
    refused: bool
    one: str
    two: str
    board: str = "devices"
    routes: tuple[str, ...] = ROUTES
    releases: tuple[str, ...] = tuple(RELEASES.values())


#: Board "devices" has QEMU's own as well, so that one dom0 can try them all.
PAIRS = (
    Pair("XA001", "a device with an interrupt", True, "/pl031@9010000", "/pl031@9010000"),
    Pair("XA001", "a device without interrupts", False, "/fw-cfg@9020000", "/fw-cfg@9020000"),
    Pair(
        "XA001",
        "a protected device without interrupts",
        True,
        "/streams-only",
        "/streams-only",
        "smmu",
        ("dom0less",),
    ),
    Pair(
        "XA003",
        "two devices in one page",
        False,
        "/virtio_mmio@a000000",
        "/virtio_mmio@a000200",
    ),
    Pair(
        "XA005",
        "two protected devices with one stream",
        False,
        "/pair@a202000",
        "/pair@a203000",
        "smmu",
        ("dom0less",),
    ),
    Pair("XA004", "two devices on one interrupt", True, "/soc/shared@14000", "/soc/shared@15000"),
)


class PairRow(NamedTuple):
    """A line of the document. ``message``: Xen's own words, none where it accepts."""

    case: Pair
    route: str
    release: str
    message: str

    def cells(self) -> tuple[str, ...]:
        """What stands in the document."""
        answer = self.message or "(accepted without an error)"
        return (self.case.rule, self.route, self.release, self.case.what, answer)


def pair_rows(ready: Machine) -> Iterator[PairRow]:
    """Tries all pairs on a release."""
    asked = [pair for pair in PAIRS if ready.built or ready.release in pair.releases]
    with side_by_side() as pool:
        without_dom0 = [pair for pair in asked if "dom0less" in pair.routes]
        yield from pool.map(lambda pair: _dom0less(ready, pair), without_dom0)
    if ready.built is None:
        yield from _xl(ready, [pair for pair in asked if "xl" in pair.routes])


@cache
def files_of(pair: Pair, version: str) -> tuple[Mapping[str, bytes], ...]:
    """What xenassign writes for each of the two alone, by ending."""
    both = []
    devices = pair.one, pair.two
    for name, device, other in zip(NAMES, devices, reversed(devices), strict=True):
        tree = read_blob(_without(host_of(pair.board), {other} - {device}), "board.dtb")
        request = Request(
            (device,),
            name=name,
            release=release(version),
            policy="trust",
            shared=(Accepted(device),),
            memory=64,
            vcpus=1,
            drivers=DRIVERS,
        )
        _, files, refused = generate(tree, request)
        assert not refused, refused
        both.append({file.partition(".")[2]: content for file, content in files.items()})
    return tuple(both)


def told(pair: Pair, version: str) -> set[str]:
    """The codes for which xenassign refuses the two together: only what is between them."""
    requests = (
        Request(
            (device,),
            name=name,
            release=release(version),
            policy="trust",
            vcpus=1,
            drivers=DRIVERS,
        )
        for name, device in zip(NAMES, (pair.one, pair.two), strict=True)
    )
    plan = decide_system(read_blob(host_of(pair.board), "b.dtb"), SystemRequest(tuple(requests)))
    return {conflict.rule.code for conflict in plan.conflicts}


def linted(pair: Pair, version: str) -> Report:
    """What the lint says of the two partial trees together."""
    both = files_of(pair, version)
    trees = [document(f"{n}.dtb", f["dtb"]) for n, f in zip(NAMES, both, strict=True)]
    marks = [document(f"{n}.dtbo", f["host.dtbo"]) for n, f in zip(NAMES, both, strict=True)]
    options = Options(
        release=release(version),
        host=read_blob(host_of(pair.board), "b.dtb"),
        overlays=tuple(each for each in marks if isinstance(each, TreeFile)),
        drivers=DRIVERS,
        together=True,
    )
    return lint(trees, options)


def _without(host: bytes, paths: Iterable[str]) -> bytes:
    """The board without some nodes: alone, a domain cannot have what dom0's device shares."""
    made = Blob.read(host)
    for path in paths:
        *above, name = path.split("/")[1:]
        node = made.root
        for each in above:
            (node,) = (child for child in node.children if child.name == each)
        node.children = [child for child in node.children if child.name != name]
    return made.write()


def _dom0less(ready: Machine, pair: Pair) -> PairRow:
    guests = [Guest(*each) for each in zip(NAMES, files_of(pair, ready.release), strict=True)]
    setup = setup_of(pair.board)
    booted = boot_together(ready, host_of(pair.board), guests, setup=setup)
    return PairRow(pair, "dom0less", ready.release, booted.message)


def _xl(ready: Machine, pairs: list[Pair]) -> Iterator[PairRow]:
    """The second ``xl create`` of each pair, beside the first one's domain, in one dom0."""
    (board,) = {pair.board for pair in pairs}
    host = host_of(board)
    groups = []
    for pair in pairs:
        both = files_of(pair, ready.release)
        for files in both:
            host = with_overlay(host, files["host.dtbo"])
        groups.append(
            [
                Job(files["cfg"].decode(), {f"{name}.dtb": files["dtb"]})
                for name, files in zip(NAMES, both, strict=True)
            ]
        )
    for pair, (first, second) in zip(pairs, boot_groups(ready, host, groups), strict=True):
        assert first.accepted, first.message
        yield PairRow(pair, "xl", ready.release, second.message)
