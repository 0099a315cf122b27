"""Extended regions and unused windows are those that the model of the layout has."""

from __future__ import annotations

from pathlib import Path

from xenassign.checks.guest_addresses import OPTIONAL_WINDOW

from .address_space import IN_BANK, SPACES, expected_regions, space_rows
from .machine import Machine
from .rejections import line
from .silence import WORKS
from .test_rejections import RENEW


def test_what_a_guest_is_offered(machine: Machine, repository: Path) -> None:
    """XA204 where an extended region is over the clock, and nowhere else; it works everywhere."""
    written = (repository / "docs" / "xen-verdicts.md").read_text()
    rows = list(space_rows(machine))
    assert [row.case for row in rows] == list(SPACES)
    for row in rows:
        assert (row.verdict, row.guest) == ("accepted", WORKS), row.case
        assert row.regions == expected_regions(row.case, machine.release), row.case
        over = any(region.holds(row.case.place) for region in row.regions)
        assert over == (row.case.place == IN_BANK and bool(row.regions))
        assert (OPTIONAL_WINDOW in row.rules) == over, row.case
        assert line(row.cells()) in written, RENEW
