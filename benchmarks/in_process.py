"""The benchmarks of xenassign as a library: many plans, lints or boards in one process."""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import (
    BOARD,
    DEVICE,
    LARGE,
    LARGE_DEVICE,
    Figure,
    SkippedError,
    board_file,
)
from benchmarks.synthetic import board, device_path
from xenassign import generate
from xenassign.advice.assess import assess
from xenassign.devicetree.blob import read_blob
from xenassign.host.platform import read_platform
from xenassign.linting.documents import read_document, read_tree_file
from xenassign.linting.linter import Options, lint
from xenassign.outputs.generated import generate_system
from xenassign.outputs.report.plan_json import inspect
from xenassign.request.request import Request, parse_map
from xenassign.request.system_request import SystemRequest
from xenassign.xen.releases import DEFAULT, release

#: Boards with a device of each.
_WARM = (
    (BOARD, DEVICE),
    ("k3-j784s4-evm.dtb", "/bus@100000/bus@28380000/bus@47000000/spi@47040000"),
    ("rk3588-rock-5b.dtb", "/dfi@fe060000"),
    (LARGE, LARGE_DEVICE),
)


def bench_warm(options: argparse.Namespace) -> list[Figure]:
    """What a process that judges again and again pays for the files of a domain, with the board.

    The .dts and the dom.cfg are read again each time; the board and the host overlay are not.
    """
    figures = []
    for name, device in _WARM:
        host = board_file(name)
        routes = ("dom0less",) if name == LARGE else ("dom0less", "xl")
        anywhere = (parse_map("auto"),)
        request = Request(
            (device,), policy="trust", maps=anywhere, memory=512, vcpus=1, routes=routes
        )
        made = generate(read_blob(host.read_bytes(), name), request)
        if made.refused:
            raise SkippedError(f"{device} of {name} is refused: {made.findings}")
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            for file, data in made.files.items():
                (folder / file).write_bytes(data)
            judged = [str(path) for path in sorted(folder.glob("domu1.[cd][ft][gs]"))]
            overlay = read_tree_file(str(folder / "domu1.host.dtbo"))
            asked = Options(
                release=release(DEFAULT),
                host=read_blob(host.read_bytes(), name),
                overlays=(overlay,),
            )
            spent = []
            for _ in range(max(3, options.runs)):
                start = time.process_time()
                lint([read_document(file) for file in judged], asked)
                spent.append((time.process_time() - start) * 1e3)
        figures.append(Figure("warm", name, min(spent[1:]), "ms", f"the first {spent[0]:.0f} ms"))
    return figures


def bench_system(options: argparse.Namespace) -> list[Figure]:
    """Systems of one, two, four and eight domains with two devices each, in one process."""
    del options
    path = board_file(BOARD)
    blob = path.read_bytes()
    judged = assess(read_platform(read_blob(blob)), release(DEFAULT)).devices
    paths = [each.device.path for each in judged if each.assignable and each.device.interrupts]
    least: dict[int, float] = {}
    for count in (1, 2, 4, 8):
        domains = tuple(
            Request(devices=tuple(paths[2 * n : 2 * n + 2]), name=f"d{n}", memory=64)
            for n in range(count)
        )
        for _ in range(4):  # the first reads the tables; what is read of a tree is kept with it
            tree = read_blob(blob, path.name)
            start = time.process_time()
            files = generate_system(tree, SystemRequest(domains)).files
            spent = (time.process_time() - start) * 1e3
            least[count] = min(spent, least.get(count, spent))
            if not files:
                raise SkippedError(f"a system of {count} domains on {path.name} is refused")
    ratio = Figure("system", "8 domains / 1", least[8] / least[1], "times")
    note = f"of {path.name}"
    every = [Figure("system", f"{n} domains", ms, "ms", note) for n, ms in least.items()]
    return [*every, ratio]


def bench_scaling(options: argparse.Namespace) -> list[Figure]:
    """Microseconds per node on boards of growing size: flat where the time is linear.

    Each size is measured in a process of its own, so that its peak of memory is its own too.
    ``--devices``: the largest of three.
    """
    figures: list[Figure] = []
    for size in (options.devices // 50, options.devices // 5, options.devices):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            figures += pool.apply(scale, (size,))
    return sorted(figures, key=lambda figure: figure.what.partition(",")[0])


def scale(size: int) -> list[Figure]:
    """The figures of one size."""
    blob = board(size)
    nodes = sum(1 for _ in read_blob(blob).nodes())
    request = Request((device_path(3),))
    made = generate(read_blob(board(10)), request)
    if made.refused:
        raise SkippedError(f"the synthetic board's device is refused: {made.findings}")
    before = _peak()
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: read_blob(blob),
        "platform": lambda: read_platform(read_blob(blob)),
        "generate": lambda: generate(read_blob(blob), request),
        "inspect": lambda: _inspected(blob),
    }
    figures = []
    peaks = {}
    for name, step in steps.items():
        seconds = _seconds(step)
        peaks[name] = (_peak() - before) / 1024
        note = f"{seconds:.2f} s for {nodes:,} nodes"
        figures.append(
            Figure("scaling", f"{name}, {size:,}", seconds / nodes * 1e6, "us/node", note)
        )
    note = (
        ", ".join(f"{name} {peak:.0f}" for name, peak in peaks.items()) + f"; blob {len(blob):,} B"
    )
    return [*figures, Figure("scaling", f"memory, {size:,}", max(peaks.values()), "MiB", note)]


def _peak() -> int:
    """The most memory that this process ever had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _inspected(blob: bytes) -> object:
    return inspect(assess(read_platform(read_blob(blob)), release(DEFAULT)))


def _seconds(step: Callable[[], object]) -> float:
    """The least of three runs: what the work takes without what disturbs it."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        step()
        spent.append(time.process_time() - start)
        if spent[-1] > 10:
            break
    return min(spent)
