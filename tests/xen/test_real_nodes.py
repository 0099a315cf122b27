"""Devices of real boards, grafted into QEMU's: guests have what was planned, in every respect.

Each commit has boards and devices of its own (tests/seed.py). ``python -m tests.xen.real_nodes``
tries many more, and prints a table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

from ..corpus.fetch_boards import COMMAND, fetch
from ..debian import FetchError
from ..missing import skip_or_fail
from ..seed import seed
from .machine import Machine
from .real_nodes import problems, sample

#: Of each release, with about 40 processor seconds for both.
DEVICES = 48


def test_guests_have_what_was_planned(
    machine: Machine, record_property: Callable[[str, object], None]
) -> None:
    try:
        directory = fetch()
    except FetchError as error:
        skip_or_fail(f"no boards: {error}. Fetch them with: {COMMAND}")
    tried = list(sample(machine, directory, seed().number, DEVICES))
    assert list(problems(tried)) == []
    results = [result for each in tried for result in each.results]
    given = sum(not result.asked.refused for result in results)
    assert given >= DEVICES
    counts = {"devices of real boards: given": given}
    counts |= Counter(
        f"devices of real boards: refused with {code}"
        for result in results
        for code in result.asked.refused
    )
    record_property("xenassign-figures", json.dumps(counts))
