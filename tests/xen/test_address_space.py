"""Extended regions and unused windows are those that the model of the layout has."""

from __future__ import annotations

from pathlib import Path

from xenassign.checks.guest_addresses import OPTIONAL_WINDOW
from xenassign.xen.releases import release

from .address_space import IN_BANK, SPACES, expected_regions, space_rows
from .machine import Machine
from .rejections import line
from .silence import WORKS
from .test_rejections import RENEW


def test_what_a_guest_is_offered(dom0less_machine: Machine, repository: Path) -> None:
    """XA204 where an extended region is over the clock, and nowhere else; it works everywhere.

    From 4.21 on dom0less Xen leaves what is mapped out of the regions.
    """
    written = (repository / "docs" / "xen-verdicts.md").read_text()
    version, built = dom0less_machine.release, dom0less_machine.built
    spared = release(version).extended_regions_exclude_mappings
    rows = list(space_rows(dom0less_machine))
    assert [row.case for row in rows] == [c for c in SPACES if not built or c.route == "dom0less"]
    for row in rows:
        assert (row.verdict, row.guest) == ("accepted", WORKS), row.case
        if spared:
            assert bool(row.regions) == row.case.enhanced, row.case
        else:
            assert row.regions == expected_regions(row.case, version), row.case
        over = any(region.holds(row.case.place) for region in row.regions)
        assert over == (row.case.place == IN_BANK and bool(row.regions) and not spared)
        assert (OPTIONAL_WINDOW in row.rules) == over, row.case
        if not built:
            assert line(row.cells()) in written, RENEW
