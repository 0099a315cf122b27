"""Real boards in emulation: what each guest does with its devices is what the page's table says."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from ..missing import skip_or_fail
from ..xen.machine import RELEASES, Machine, UnavailableError, built, kconfig, machine
from .boards import BOARDS
from .boot import boot
from .document import PAGE, PAIRS, document
from .kernels import TREES
from .model import Board, Run


class Boot(NamedTuple):
    """A run on a Xen, by its suite or release, with the device tree of a suite."""

    board: Board
    run: Run
    xen: str
    suite: str

    def __str__(self) -> str:
        return f"{self.board.name}-{self.run.name}-{self.xen}-{TREES[self.suite]}"


def _boots() -> list[Boot]:
    """Those of CI, and with releases that were built by hand those that require their options."""
    boots = []
    for board in BOARDS.values():
        for run in board.runs:
            if not run.kconfig:
                boots += [Boot(board, run, *p) for p in PAIRS if RELEASES[p[0]] in run.releases]
                continue
            for release, path in built().items():
                if path.is_file() and run.kconfig <= kconfig(path):
                    boots += [Boot(board, run, release, suite) for suite in TREES]
    return boots


def _machine(name: str) -> Machine:
    try:
        return machine(name)
    except UnavailableError as error:
        skip_or_fail(str(error))


@pytest.mark.xen
@pytest.mark.parametrize("case", _boots(), ids=str)
def test_the_guests_drivers_do_their_jobs(case: Boot, tmp_path: Path) -> None:
    xen = _machine(case.xen)
    try:
        result = boot(case.board, case.run, xen, case.suite, tmp_path)
    except UnavailableError as error:
        skip_or_fail(str(error))
    assert result.refusal == ""
    printed = {report.device.path: (report.driver, report.lines) for report in result.reports}
    devices = [device for guest in case.run.guests for device in guest.devices]
    assert printed == {device.path: (device.driver, (device.does,)) for device in devices}


def test_the_page_has_the_table(repository: Path) -> None:
    """Write it with ``python -m tests.boards --document``."""
    assert (repository / PAGE).read_text() == document()
