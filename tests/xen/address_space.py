"""What a guest is offered in its address space, and whether a device works there.

The guest is Linux with QEMU's clock, as xenassign writes it for a place in the guest. It says which
extended regions its tree has, and what works of the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.answers import generate
from xenassign.checks.guest_addresses import OPTIONAL_WINDOW
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.spans import Span
from xenassign.findings import Finding
from xenassign.formats.xlcfg_parser import parse
from xenassign.linting.guest import partial_tree
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import domcfg
from xenassign.request.request import Request, parse_map
from xenassign.xen.layout import MIB, Guest, routes_with_extended_regions
from xenassign.xen.releases import release

from .agreement import context, xl_context
from .boot import Domain, Outcome, boot_dom0less, side_by_side
from .dom0 import Job, boot_dom0
from .guest import REPORT, GuestReport
from .hosttree import with_overlay
from .machine import Machine, board
from .silence import CLOCK, SCRIPT

MEMORY = 256  #: MiB
#: How long a guest may take, in seconds, on a machine that does other things too.
PATIENCE = 240
IN_BANK, IN_VPCI, IN_ACPI, IN_VIRTIO = 0x60000000, 0x10000000, 0x20000000, 0x2000000


class Space(NamedTuple):
    """A domain and where its clock is. ``line``: of its node in /chosen, or of its dom.cfg."""

    route: str
    line: str
    place: int
    enhanced: bool = False


SPACES = (
    Space("dom0less", "", IN_BANK),
    Space("dom0less", 'xen,enhanced = "disabled";', IN_BANK),
    Space("dom0less", 'xen,enhanced = "no-xenstore";', IN_BANK, enhanced=True),
    Space("dom0less", "", IN_VPCI),
    Space("xl", "", IN_BANK),
    Space("xl", "", IN_VPCI),
    Space("xl", "", IN_ACPI),
    Space("xl", "", IN_VIRTIO),
)


class SpaceRow(NamedTuple):
    """A line of the document. ``regions``: that the guest's tree offers; ``guest``: what works."""

    case: Space
    release: str
    verdict: str
    regions: tuple[Span, ...]
    guest: str
    findings: tuple[Finding, ...]

    def cells(self) -> tuple[str, ...]:
        """What stands in the document."""
        case, text = self.case, ", ".join(map(str, self.regions)) or "none"
        rule = OPTIONAL_WINDOW.code if OPTIONAL_WINDOW in self.rules else ""
        line = case.line or "nothing more"
        return (rule, case.route, self.release, line, f"{case.place:#x}", text, self.guest)

    @property
    def rules(self) -> set[object]:
        """The rules of the findings."""
        return {finding.rule for finding in self.findings}


def expected_regions(case: Space, version: str) -> tuple[Span, ...]:
    """The regions that a Xen of a release offers, by the model."""
    xen = release(version)
    extended = routes_with_extended_regions(xen, [case.route], enhanced=case.enhanced)
    guest = Guest(xen, 3, True, MEMORY * MIB, extended=extended)
    return tuple(guest.extended_regions().values())


def space_rows(ready: Machine) -> Iterator[SpaceRow]:
    """Boots all cases of a release; those of xl in one dom0, which a built Xen does not have."""
    with side_by_side() as pool:
        alone = [case for case in SPACES if case.route == "dom0less"]
        yield from pool.map(lambda case: _dom0less(ready, case), alone)
    if ready.built is None:
        yield from _xl(ready, [case for case in SPACES if case.route == "xl"])


def _files(version: str, case: Space) -> dict[str, bytes]:
    request = Request(
        (CLOCK,),
        release=release(version),
        memory=MEMORY,
        vcpus=1,
        routes=(case.route,),
        maps=(parse_map(f"{CLOCK}={case.place:#x}"),),
    )
    _, files, refused = generate(read_blob(board(), "board.dtb"), request)
    assert not refused, refused
    return files


def _dom0less(ready: Machine, case: Space) -> SpaceRow:
    blob = _files(ready.release, case)["domu1.dtb"]
    domain = Domain(memory=MEMORY, more=case.line, linux=True)
    outcome = boot_dom0less(ready, blob, domain=domain, script=SCRIPT + REPORT, seconds=PATIENCE)
    asked = context(ready, domain, board())._replace(enhanced=case.enhanced)
    found = partial_tree.check(View(read_blob(blob), asked))
    return _row(ready, case, outcome, tuple(found))


def _xl(ready: Machine, cases: list[Space]) -> Iterator[SpaceRow]:
    made = [_files(ready.release, case) for case in cases]
    host = with_overlay(board(), made[0]["domu1.host.dtbo"])
    jobs = [
        Job(
            files["domu1.cfg"].decode(),
            {"domu1.dtb": files["domu1.dtb"]},
            SCRIPT + REPORT,
            seconds=PATIENCE,
        )
        for files in made
    ]
    outcomes = boot_dom0(ready, host, jobs, seconds=len(jobs) * PATIENCE)
    for case, job, outcome in zip(cases, jobs, outcomes, strict=True):
        found = domcfg.check(parse(job.text(), "dom.cfg"), xl_context(ready, host))
        yield _row(ready, case, outcome, tuple(found))


def _row(ready: Machine, case: Space, outcome: Outcome, found: tuple[Finding, ...]) -> SpaceRow:
    node = GuestReport.of(outcome.files).tree.find("/hypervisor")
    regions = [block.span for block in registers(node).blocks[1:]] if node is not None else []
    guest = ", ".join(outcome.guest)
    return SpaceRow(case, ready.release, outcome.verdict, tuple(regions), guest, found)
