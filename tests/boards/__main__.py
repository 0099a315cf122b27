"""Boots a board's runs and prints what each device did.

    python -m tests.boards zcu102 [--run NAME] [--xen 4.20] [--kernel 7.2] [--keep DIR]

boots them; ``--document`` writes docs/boards/emulated.md, ``--prepare`` only fetches what is
needed. Exit status 1: a device does not do what the table says.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..xen.machine import RELEASES, Machine, UnavailableError, built, machine
from ..xen.qemu import BootError
from . import kernels
from .boards import BOARDS
from .boot import Result, boot, command
from .document import PAGE, document
from .emulator import emulator
from .model import Board, Run
from .programs import programs


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.boards", description=__doc__)
    parser.add_argument("board", nargs="?", choices=sorted(BOARDS))
    parser.add_argument("--run", metavar="NAME", help="this run only")
    parser.add_argument("--xen", default="4.20", choices=[*RELEASES.values(), *built()])
    parser.add_argument("--kernel", default="6.12", choices=sorted(kernels.TREES.values()))
    parser.add_argument("--keep", metavar="DIR", type=Path, help="leave the files in a new folder")
    parser.add_argument("--log", action="store_true", help="print the console too")
    parser.add_argument("--document", action="store_true", help=f"write {PAGE}")
    parser.add_argument("--prepare", action="store_true", help="only fetch what is needed")
    arguments = parser.parse_args()
    if not (arguments.board or arguments.document or arguments.prepare):
        parser.error("name a board")
    return arguments


def main() -> int:
    """The command."""
    arguments = _arguments()
    if arguments.document:
        (Path(__file__).parents[2] / PAGE).write_text(document())
        return 0
    try:
        if arguments.prepare:
            print(f"QEMU {emulator().version}", *kernels.prepare(), sep="\n")
            programs()
            return 0
        return _boots(arguments)
    except (UnavailableError, BootError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _boots(arguments: argparse.Namespace) -> int:
    board: Board = BOARDS[arguments.board]
    xen = _machine(arguments.xen)
    suite = kernels.suite_of(arguments.kernel)
    runs = [run for run in board.runs if arguments.run in (None, run.name)]
    works = True
    for run in runs:
        if not run.kconfig <= xen.options:
            print(f"{run.name}: requires a Xen with {', '.join(sorted(run.kconfig))}")
            continue
        tree = f"{board.tree} of Linux {arguments.kernel}" if board.tree else "QEMU's own tree"
        print(f"{run.name}: Xen {xen.release}, {tree}")
        with _folder(arguments.keep, run) as work:
            print(f"  $ xenassign {' '.join(command(run))}", flush=True)
            result = boot(board, run, xen, suite, work)
        works &= _show(result, arguments.log)
    return 0 if works and runs else 1


def _machine(release: str) -> Machine:
    names = {version: suite for suite, version in RELEASES.items()}
    return machine(release if release in built() else names[release])


@contextmanager
def _folder(keep: Path | None, run: Run) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="xenassign-") as name:
            yield Path(name)
    else:
        (keep / run.name).mkdir(parents=True)
        yield keep / run.name


def _show(result: Result, log: bool) -> bool:
    if log or result.refusal:
        print("\n".join(result.log))
    if result.refusal:
        print(f"  Xen refuses: {result.refusal}")
    for report in result.reports:
        sign = "works" if report.works else "FAILS"
        print(f"  {sign}  {report.device.path} ({report.driver or 'no driver'})")
        for line in report.lines:
            print(f"         {line}")
    print(f"  {result.seconds:.0f} s", flush=True)
    return not result.refusal and all(report.works for report in result.reports)


if __name__ == "__main__":
    sys.exit(main())
