"""The report of a real board is what the command makes of Linux's tree now."""

from __future__ import annotations

from ..missing import skip_or_fail
from ..xen.machine import UnavailableError
from .real_report import REPORT, report


def test_the_report_of_a_real_board_is_up_to_date() -> None:
    try:
        text = report()
    except UnavailableError as error:
        skip_or_fail(str(error))
    assert REPORT.read_text(encoding="utf-8") == text, "run python -m tests.docs.real_report"
