"""Our verdict is the hypervisor's, on files that xenassign wrote and that were then damaged.

``python -m tests.xen.agreement`` runs more of them. Each commit has a seed of its own
(tests/seed.py): XENASSIGN_SEED repeats that of another run.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ..seed import seed
from .agreement import Disagreement, dom0less, domain_node, xl
from .conftest import Compared
from .machine import Machine


def all_agree(found: Iterable[Disagreement | None], count: int, compared: Compared) -> None:
    answers = list(found)
    assert len(answers) == count
    compared(count, [answer.text() for answer in answers if answer is not None])


@pytest.mark.parametrize(("board", "count"), [("virt", 300), ("devices", 100), ("smmu", 100)])
def test_dom0less(dom0less_machine: Machine, board: str, count: int, compared: Compared) -> None:
    all_agree(dom0less(dom0less_machine, board, seed().number, count), count, compared)


@pytest.mark.parametrize(("board", "count"), [("virt", 60), ("devices", 30), ("smmu", 30)])
def test_xl(machine: Machine, board: str, count: int, compared: Compared) -> None:
    all_agree(xl(machine, board, seed().number, count), count, compared)


def test_domain_node(dom0less_machine: Machine, compared: Compared) -> None:
    all_agree(domain_node(dom0less_machine, seed().number, 150), 150, compared)
