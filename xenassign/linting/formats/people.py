"""A report for people: each finding with the line of the file, then the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from xenassign import escape
from xenassign.devicetree.places import Place
from xenassign.findings import SEVERITIES, Finding, errors, flat
from xenassign.linting.lint_report import Report

_SHOWN = 80  # columns of a line that are shown from the place of the finding on


#: The colour of a severity on a terminal (ECMA-48, 8.3.117).
_COLOURS = {"error": "1;31", "warning": "1;33", "note": "1;36"}


def to_text(report: Report, *, closing: bool = True, colour: bool = False) -> str:
    """Each finding with the line of the file, then the verdict if ``closing``.

    ``colour``: for a terminal.
    """
    lines: list[str] = []
    for finding in report.findings:
        text = finding.text()
        if colour:
            begin = f"\x1b[{_COLOURS[finding.severity]}m{finding.severity}:\x1b[0m"
            text = text.replace(f"{finding.severity}:", begin, 1)
        lines += [text, *excerpt(report, finding.place)]
        lines += [consequence.consequence() for consequence in finding.follows]
    lines += summary(report) if closing else ()
    return "".join(f"{line}\n" for line in lines)


def statistics(report: Report) -> str:
    """The number of findings of each rule, the most frequent first: number, code, title."""
    counts = Counter(finding.code for finding in flat(report.findings))
    titles = {finding.code: finding.rule.title for finding in flat(report.findings)}
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{number:5}  {code}  {titles[code]}\n" for code, number in order)


def excerpt(report: Report, place: Place | None) -> Iterator[str]:
    """The line of a place, and carets below the place. Of a long line only the part around it."""
    line = report.line(place) if place is not None else None
    if place is None or line is None:
        return
    begin = place.column - 1
    end = place.end_column - 1 if place.end_line == place.line else len(line.rstrip())
    limit = begin + _SHOWN
    more = " …" if len(line) > limit else ""
    first = begin - _SHOWN // 2 if begin > _SHOWN else 0
    less = "… " if first else ""
    end = min(end, limit)
    parts = (less + line[first:begin], line[begin:end], line[end:limit] + more)
    # Tabs stay, since the line of the carets has them too.
    before, marked, after = (escape.terminal(part, keep="\t") for part in parts)
    gap = "".join("\t" if char == "\t" else " " for char in before)
    number = f"{place.line:5}"
    yield f"{number} | {before}{marked}{after}"
    yield f"{' ' * len(number)} | {gap}{'^' * max(len(marked), 1)}"


def summary(report: Report) -> Iterator[str]:
    """What Xen does, what the guest gets, and how many findings there are."""
    routes = [route for route in report.verdict if route in report.judged]
    if routes:
        yield f"Xen: {_by_route((route, *_xen(report, route)) for route in routes)}"
        yield f"guest: {_guest(report, routes)}"
    counts = [_count(name, report.findings) for name in SEVERITIES]
    counts += [f"{len(report.waived)} waived"] if report.waived else []
    counts += [f"{_count('error', report.hidden)} not shown"] if errors(report.hidden) else []
    if any(counts):
        yield f"{', '.join(filter(None, counts))}{_corrected(report)}"
    if report.not_run:
        yield f"not run without --host: {len(report.not_run)} rules that need the board's tree"


def _corrected(report: Report) -> str:
    """How many findings --fix corrects, and how many more with --unsafe-fixes."""
    from xenassign.linting.fixes import fixable

    every = len(fixable(report.documents, report.findings, True))
    fixes = len(fixable(report.documents, report.findings, report.unsafe_fixes))
    if not every:
        return ""
    if not fixes:
        return f"; --fix --unsafe-fixes corrects {every}"
    more = f", with --unsafe-fixes {every}" if every > fixes else ""
    return f"; --fix corrects {fixes}{more}"


def _count(severity: str, findings: Sequence[Finding]) -> str:
    number = sum(finding.severity == severity for finding in findings)
    return f"{number} {severity}{'s' * (number != 1)}" if number else ""


_XEN = {"accepted": "boots it", "rejected": "refuses it", "unknown": "unknown"}


def _xen(report: Report, route: str) -> tuple[str, str]:
    """What Xen does on a route, and the codes of the reasons."""
    verdict = report.verdict[route]
    codes = [f.code for f in report.every if f.effect == verdict and route in f.routes]
    return _XEN[verdict], _codes(report, codes)


def _guest(report: Report, routes: Sequence[str]) -> str:
    """What the guest gets on the routes on which Xen boots it."""
    booting = [route for route in routes if report.verdict[route] != "rejected"]
    if not booting:
        return "not started"
    text = _by_route(
        (
            (route, guest.state, _codes(report, guest.codes))
            for route in booting
            for guest in report.guests[route]
        ),
        all_routes=booting,
    )
    works = all(guest.state == "works" for route in booting for guest in report.guests[route])
    return f"{text}, as far as is known without --host" if works and report.not_run else text


def _codes(report: Report, codes: Iterable[str]) -> str:
    """Codes of findings, with what hides them: `` (XA602; XA412, not shown)``."""
    shown = {finding.code for finding in flat(report.findings)}
    waived = {finding.code for finding, _ in report.waived}
    groups: dict[str, list[str]] = {"": [], ", waived": [], ", not shown": []}
    for code in dict.fromkeys(codes):
        group = "" if code in shown else ", waived" if code in waived else ", not shown"
        groups[group].append(code)
    text = "; ".join(f"{', '.join(same)}{group}" for group, same in groups.items() if same)
    return f" ({text})" if text else ""


def _by_route(
    entries: Iterable[tuple[str, str, str]], all_routes: Sequence[str] | None = None
) -> str:
    """(route, statement, reasons) as text, in which routes with the same statement are named once.

    A statement that is true of ``all_routes`` names none.
    """
    routes: dict[tuple[str, str], list[str]] = {}
    for route, statement, reasons in entries:
        routes.setdefault((statement, reasons), []).append(route)
    return "; ".join(
        f"{statement}{'' if same == all_routes else ' on ' + ' and '.join(same)}{reasons}"
        for (statement, reasons), same in routes.items()
    )
