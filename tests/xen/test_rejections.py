"""Every verdict "rejected" of ours is one of Xen's, in the words of docs/xen-verdicts.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenassign.linting.boot_log import causes

from .address_space import SPACES
from .classic import CASES as CLASSICS
from .classic import classic_rows
from .conftest import Compared
from .machine import RELEASES, Machine
from .pairs import PAIRS, Pair, linted, pair_rows
from .pairs import told as told_of_pair
from .rejections import (
    BUILT,
    DOM0LESS,
    FINE,
    NOT_SHOWN,
    XL,
    Row,
    document,
    dom0less_rows,
    line,
    rejecting_rules,
    shown_on,
    unaffected,
    xl_rows,
)
from .silence import SILENT, silent_rows

RENEW = "renew it: python -m tests.xen.rejections"


@pytest.fixture(scope="module")
def written(repository: Path) -> str:
    """The document in the tree."""
    return (repository / "docs" / "xen-verdicts.md").read_text()


def check(row: Row, written: str) -> None:
    """Refused by Xen, foretold by the rule and no other, and in the document with Xen's words.

    The log of the refusal, with nothing else, leads to the rule, and all that it reports is known.
    """
    assert row.message, f"accepted: {row.case.what}"
    foretold = {finding.code for finding in row.foretold}
    assert foretold - row.case.also == {row.case.rule}, row.case.what
    assert line(row.cells()) in written, RENEW
    reported = causes("\n".join(row.log))
    assert row.case.rule in {code for cause in reported for code in cause.codes}, row.case.what
    assert [cause.text for cause in reported if not cause.codes] == [], row.case.what


def test_dom0less(dom0less_machine: Machine, written: str, compared: Compared) -> None:
    if dom0less_machine.built:
        rows = list(dom0less_rows(dom0less_machine, (*DOM0LESS, *BUILT)))
        compared(len(rows), [told(row) for row in rows if not agrees(row)])
        refused = {row.case.what for row in rows if row.case in BUILT and row.message}
        release = dom0less_machine.release
        assert refused == {case.what for case in BUILT if release in case.releases}
        return
    for row in dom0less_rows(dom0less_machine):
        check(row, written)


def agrees(row: Row) -> bool:
    """Whether we foretold what Xen says, on a release that the cases do not name."""
    return bool(row.foretold) == bool(row.message)


def told(row: Row) -> str:
    """One line about a difference."""
    ours = "; ".join(f"{one.code} {one.message}" for one in row.foretold) or "accepted"
    return f"{row.case.what}: Xen: {row.message or 'accepted'}: we: {ours}"


def test_xl(machine: Machine, written: str) -> None:
    """What xl refuses, and what only looks wrong, in one boot for each board and its marks."""
    fine = [case for case in FINE if case.route == "xl"]
    rows = list(xl_rows(machine, (*XL, *fine)))
    for row in rows:
        if row.case not in fine:
            check(row, written)
    check_fine([row for row in rows if row.case in fine])


def test_what_only_looks_wrong_is_accepted(dom0less_machine: Machine, compared: Compared) -> None:
    cases = [case for case in FINE if case.route == "dom0less"]
    rows = list(dom0less_rows(dom0less_machine, cases))
    if dom0less_machine.built:
        compared(len(rows), [told(row) for row in rows if not agrees(row)])
    else:
        check_fine(rows)


def check_fine(rows: list[Row]) -> None:
    """Accepted, as foretold."""
    assert rows
    for row in rows:
        assert (row.case.what, row.message) == (row.case.what, "")
        assert row.foretold == (), row.case.what


def test_what_xen_takes_in_silence(machine: Machine, written: str) -> None:
    """The guest comes up without the device or not at all, and our check says so."""
    for row in silent_rows(machine):
        assert not row.rejected, row.case.what
        assert row.guest == row.case.guest, row.case.what
        assert row.codes == {row.case.rule} - {""} or row.case.rule in row.codes, row.case.what
        assert line(row.cells()) in written, RENEW


def test_the_form_of_xens_documentation(machine: Machine, written: str) -> None:
    """xl creates the guest, it has what the row says, and our lint reports the same."""
    for row in classic_rows(machine):
        assert (row.message, row.report.verdict) == ("", {"xl": "accepted"}), row.case.what
        assert row.guest == row.case.guest, row.case.what
        errors = [f.code for f in row.report.findings if f.severity == "error"]
        assert errors == list(row.case.rules), row.case.what
        assert line(row.cells()) in written, RENEW


def test_two_domains_with_the_same(
    dom0less_machine: Machine, written: str, compared: Compared
) -> None:
    """Refused by Xen, or taken in silence: then only a plan of the whole system knows."""
    rows = list(pair_rows(dom0less_machine))
    differ = [line(row.cells()) for row in rows if bool(row.message) != row.case.refused]
    compared(len(rows), differ)
    if not dom0less_machine.built:
        for row in rows:
            assert line(row.cells()) in written, RENEW


@pytest.mark.parametrize("known", RELEASES.values())
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.what)
def test_two_domains_are_foretold(pair: Pair, known: str) -> None:
    """The plan of both refuses them for that rule, and the lint knows whether Xen does."""
    assert told_of_pair(pair, known) == {pair.rule}
    report = linted(pair, known)
    assert pair.rule in {finding.code for finding in report.findings}
    assert report.verdict["dom0less"] == ("rejected" if pair.refused else "accepted")


def test_the_document_is_whole(written: str) -> None:
    """Each case on each of its releases has a line, and nothing else has one."""
    lines = [text for text in written.splitlines() if text.startswith(("| XA", "|  |"))]
    cases = [
        (case.rule, case.route, r, case.what) for case in (*DOM0LESS, *XL) for r in case.releases
    ]
    pairs = [
        (pair.rule, route, r, pair.what)
        for pair in PAIRS
        for r in pair.releases
        for route in pair.routes
    ]
    silent = [(case.rule, r, case.what) for case in SILENT for r in case.releases]
    classic = [
        (", ".join(case.rules), r, case.what) for case in CLASSICS for r in RELEASES.values()
    ]
    spaces = len(SPACES) * len(RELEASES)
    assert len(lines) == len(cases) + len(pairs) + len(silent) + len(classic) + spaces
    for cells in (*cases, *pairs, *silent, *classic):
        assert sum(text.startswith(line(cells).rstrip("\n")) for text in lines) == 1, RENEW
    empty = document([], [], [], [], [])
    assert all(text in written for text in empty.splitlines()), RENEW


@pytest.mark.parametrize("known", RELEASES.values())
def test_every_rule_is_shown_or_said_not_to_be(known: str) -> None:
    """On each release: the reason is in the document, or that the release accepts it."""
    rejecting = {each.code for each in rejecting_rules()}
    accepted = {each.code for version, each in unaffected() if version == known}
    shown = shown_on(known) & rejecting  # XA001: not always
    assert shown & NOT_SHOWN.keys() == shown & accepted == set()
    assert shown | NOT_SHOWN.keys() | accepted == rejecting
