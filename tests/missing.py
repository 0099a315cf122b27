"""What a test does when something that it needs is not there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_or_fail(reason: str) -> NoReturn:
    """Skips; fails with XENASSIGN_REQUIRE=1 or CI=true, so that no skip is taken for a success."""
    if os.environ.get("XENASSIGN_REQUIRE") == "1" or os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
