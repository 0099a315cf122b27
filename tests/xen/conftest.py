"""The releases of Xen to boot, and the board they boot on.

Where Xen can't be booted the tests skip and say what to do; with ``XENASSIGN_REQUIRE=1`` or
``CI=true`` in the environment they fail instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree

from ..missing import skip_or_fail
from .machine import RELEASES, Machine, UnavailableError, built
from .machine import board as board_blob
from .machine import machine as prepared
from .qemu import started

#: Properties of a test: the number of answers that it compares with ours, and those that differ.
COMPARED, DIFFERENT = "xenassign-compared", "xenassign-different"


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Marks all tests of this directory."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xen)


@pytest.fixture(autouse=True)
def boots(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Hands the number of boots over to the summary, where those of all tests are added up."""
    before = started["boots"]
    yield
    record_property("xenassign-figures", json.dumps({"boots of Xen": started["boots"] - before}))


#: compared(count, disagreements): fails with the texts of the disagreements, if there are any.
Compared = Callable[[int, Sequence[str]], None]


@pytest.fixture
def compared(record_property: Callable[[str, object], None]) -> Compared:
    """For a test that compares several answers with those that we foretold: counts them."""

    def compare(count: int, disagreements: Sequence[str]) -> None:
        record_property(COMPARED, count)
        record_property(DIFFERENT, json.dumps(list(disagreements)))
        assert list(disagreements) == []

    return compare


def by_hand(release: str) -> Machine:
    """A release that the environment says was built by hand: without its file the test fails."""
    try:
        return prepared(release)
    except UnavailableError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session", params=RELEASES)
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each release of Xen in turn."""
    try:
        return prepared(request.param)
    except UnavailableError as error:
        skip_or_fail(str(error))


@pytest.fixture(scope="session", params=[*RELEASES, *built()])
def dom0less_machine(request: pytest.FixtureRequest) -> Machine:
    """The same, and each release that was built by hand: without xl."""
    try:
        return prepared(request.param)
    except UnavailableError as error:
        skip_or_fail(str(error))


@pytest.fixture(scope="session")
def host() -> bytes:
    """The blob of QEMU's board."""
    try:
        return board_blob()
    except UnavailableError as error:
        skip_or_fail(str(error))


@pytest.fixture(scope="session")
def host_tree(host: bytes) -> Tree:
    """The tree of QEMU's board."""
    return read_blob(host, "board.dtb")
