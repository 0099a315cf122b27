"""What all tests share: the fixture boards, and no skip where everything is required.

With ``XENASSIGN_REQUIRE=1`` (CI sets it) a test that would skip fails instead, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[Any]:
    report = yield
    if os.environ.get("XENASSIGN_REQUIRE") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a skip is a failure here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def boards() -> Path:
    """The directory of the fixture boards."""
    return REPOSITORY / "fixtures" / "host_dtbs"
