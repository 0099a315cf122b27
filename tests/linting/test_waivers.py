"""Waivers: comments that take findings away, with a reason, and for one statement."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.answers import codes
from xenassign.linting.documents import read_document
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.xen.releases import release

from .bases import PARTIAL

WRONG = PARTIAL.replace("<0x0 0x9030000 0x0 0x1000 0x0", "<0x0 0x9030000 0x0 0x1800 0x0")
STATEMENT = "\t\t\txen,reg = <0x0 0x9030000 0x0 0x1800 0x0 0x9030000>;"
NODE = "\t\tgpio: gpio@9030000 {"


def linted(folder: Path, text: str, name: str = "a.dts") -> Report:
    path = folder / name
    path.write_text(text)
    return lint([read_document(str(path))], Options(release("4.20")))


def test_the_mistake_is_found(tmp_path: Path) -> None:
    assert WRONG != PARTIAL
    assert codes(linted(tmp_path, WRONG)) == ["XA213"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (STATEMENT, f"\t\t\t/* xenassign: allow XA213: it is so */\n{STATEMENT}"),
        (STATEMENT, f"\t\t\t// xenassign: allow XA213: it is so\n{STATEMENT}"),
        (STATEMENT, f"{STATEMENT} /* xenassign: allow XA213: it is so */"),
        (STATEMENT, f"\t\t\t/* xenassign: allow XA213: it is so */ {STATEMENT.strip()}"),
        (STATEMENT, f"\t\t\tp = <1>;\n/* xenassign: allow XA213:\n it */ {STATEMENT.strip()}"),
        (STATEMENT, f"{STATEMENT} // xenassign: allow XA213: it is so"),
        (STATEMENT, f"\t\t\t/*\n * xenassign: allow XA213: it\n * is so\n */\n{STATEMENT}"),
        (NODE, f"\t\t/* xenassign: allow XA213: it is so */\n{NODE}"),
        (NODE, f"{NODE} /* xenassign: allow XA213: it is so */"),
        ("\tpassthrough {", "\t// xenassign: allow XA213: it is so\n\tpassthrough {"),
    ],
)
def test_a_waiver_takes_the_finding_away(tmp_path: Path, old: str, new: str) -> None:
    report = linted(tmp_path, WRONG.replace(old, new))
    assert codes(report) == []
    ((finding, reason),) = report.waived
    assert finding.code == "XA213"
    assert reason.startswith("it")
    assert report.verdict["dom0less"] == "rejected"  # Xen does not read comments


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (NODE, f"{NODE} /* xenassign: allow XA213 */", {"XA213", "XA901"}),
        (NODE, f"{NODE} /* xenassign: allow XA213: */", {"XA213", "XA901"}),
        (NODE, f"{NODE} /* xenassign: allow everything */", {"XA213", "XA901"}),
        (NODE, f"{NODE} /* xenassign: allow XA214: wrong code */", {"XA213", "XA902"}),
        ("\t\trtc:", "\t\t/* xenassign: allow XA213: wrong node */\n\t\trtc:", {"XA213", "XA902"}),
        (
            "\t\t\tgpio-c",
            "\t\t\t// xenassign: allow XA213: here?\n\t\t\tgpio-c",
            {"XA213", "XA902"},
        ),
    ],
)
def test_a_waiver_that_does_not_count_is_told(
    tmp_path: Path, old: str, new: str, expected: set[str]
) -> None:
    assert old in WRONG
    report = linted(tmp_path, WRONG.replace(old, new, 1))
    assert set(codes(report)) == expected
    assert report.waived == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo = 1 # xenassign: allow XA601: our own\n", []),
        ("# xenassign: allow XA601: our own\nfoo = 1\n", []),
        ("foo = [\n 1, # xenassign: allow XA601: our own\n]\n", []),
        ("# xenassign: allow XA601: our own\nname = 'a'\nfoo = 1\n", ["XA902", "XA601"]),
        ("foo = 1\n# xenassign: allow XA601: our own\n", ["XA601", "XA902"]),
        ("# xenassign: allow XA601, XA602: both\nfoo = 1\n", []),
        ("# xenassign is a good tool\nname = 'a'\n", []),
    ],
)
def test_waivers_of_a_configuration(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert sorted(codes(linted(tmp_path, text, "a.cfg"))) == sorted(expected)
