"""libxlutil of each release.

Where it can't be had the tests skip and say what to do; with ``XENASSIGN_REQUIRE=1`` or ``CI=true``
in the environment they fail instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..missing import skip_or_fail
from .judge import RELEASES, Judge, UnavailableError
from .judge import judge as prepared


@pytest.fixture(scope="session", params=RELEASES)
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    """Each release's libxlutil in turn."""
    try:
        one = prepared(request.param)
    except UnavailableError as error:
        skip_or_fail(str(error))
    yield one
    one.close()
