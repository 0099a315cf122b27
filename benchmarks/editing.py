"""What an edit costs in the language server: ``python -m benchmarks.editing BOARD DEVICE``.

A domain with the device is generated on the board; then random words of its partial device tree, or
of another file of it, are doubled, removed or restored, and each text is judged and made into
diagnostics as for an editor.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from pathlib import Path

from lsprotocol.types import Location

from xenassign import Request, generate, read_host
from xenassign.devicetree.places import Place
from xenassign.findings import ROUTES
from xenassign.request.request import parse_map
from xenassign.server.diagnostics import diagnostics
from xenassign.server.host_source import HostSources
from xenassign.server.open_files import OpenFiles
from xenassign.server.positions import TextPositions
from xenassign.server.related import related


def memory() -> float:
    """MiB of this process that are resident."""
    status = Path("/proc/self/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1024


def edited(text: str, right: str, chance: random.Random) -> str:
    """A text with a word doubled or removed; the right one every third time."""
    if not chance.randrange(3):
        return right
    words = re.split(r"(\W+)", text)
    at = chance.randrange(len(words))
    words[at : at + 1] = chance.choice(([], [words[at]] * 2))
    return "".join(words)


def show(files: OpenFiles, hosts: HostSources, path: str) -> None:
    """Makes what an editor gets of a text, without sending it."""
    analysis = files.analysis(path)
    judgement = analysis.judgement

    def place(node: str) -> Place | None:
        return hosts.place(judgement.session, node) if judgement is not None else None

    def locate(place: Place) -> Location:
        lines = TextPositions(files.text_of(place.file))
        return Location(place.file, lines.range(place))

    lines = TextPositions(analysis.text)
    diagnostics(analysis, lines, locate, lambda finding: related(finding, analysis, place))


def measure(board: Path, device: str, routes: tuple[str, ...], count: int, edit: str) -> None:
    """Prints milliseconds of the processor for an edit, and the memory."""
    anywhere = (parse_map("auto"),)
    request = Request((device,), name="net", memory=512, vcpus=1, maps=anywhere, routes=routes)
    result = generate(read_host(board), request)
    if result.refused:
        sys.exit("\n".join(finding.text() for finding in result.findings))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, data in result.files.items():
            (folder / file).write_bytes(data)
        (folder / "xenassign.toml").write_text(f'host = "{board}"\n')
        path, files = str(folder / edit), OpenFiles()
        right = text = (folder / edit).read_text()
        hosts = HostSources(files)
        chance, before = random.Random(7), 0.0
        times = []
        for number in range(count):
            text = edited(text, right, chance)
            start = time.process_time()
            files.set_text(path, text)
            show(files, hosts, path)
            times.append(1000 * (time.process_time() - start))
            if number == min(200, count // 2):
                before = memory()
        first, later = times[0], sorted(times[1:])
        print(f"{board.name}: {board.stat().st_size // 1024} KiB; the first {first:.0f} ms")
        middle, late = later[len(later) // 2], later[len(later) * 95 // 100]
        print(f"median {middle:.1f} ms, 95 of 100 below {late:.1f} ms")
        print(f"memory {before:.0f} MiB after a few edits, {memory():.0f} MiB after {count}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("board", type=Path)
    parser.add_argument("device")
    parser.add_argument("--route", action="append", choices=ROUTES)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--edit", default="net.dts", help="such as net.host.dtso, the marks")
    given = parser.parse_args()
    routes = tuple(given.route or ROUTES)
    measure(given.board.resolve(), given.device, routes, given.count, given.edit)


if __name__ == "__main__":
    main()
