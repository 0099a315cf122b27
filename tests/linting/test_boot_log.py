"""The lines of a log lead to the rules: every answer of docs/xen-verdicts.md, and other logs.

tests/xen gives the whole logs of these boots to the same function.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob_file
from xenassign.errors import InputError, UsageError
from xenassign.host.platform import read_platform
from xenassign.linting.boot_log import causes, nodes_of
from xenassign.linting.catalogue import rules
from xenassign.xen.boot_messages import boot_messages

from ..conftest import BOARDS

#: A line of the document about something refused: rule, route, release, what was tried, answer.
_REFUSED = re.compile(r"\| (XA\d+) \| (xl|dom0less) \| \S+ \| .* \| (.+) \|")
#: Xen hangs: the answer is not a line of the log.
_SILENT = ("(Xen hangs)", "(accepted without an error)")


def codes(text: str) -> list[tuple[str, ...]]:
    """The rules of each line that reports a failure."""
    return [cause.codes for cause in causes(text)]


def test_every_answer_of_the_document_leads_to_its_rule(repository: Path) -> None:
    document = (repository / "docs" / "xen-verdicts.md").read_text()
    refused = document[: document.index("## Accepted without an error")]
    rows = [match for match in map(_REFUSED.match, refused.split("\n")) if match]
    assert len(rows) > 150
    wrong = [
        row[0]
        for row in rows
        if row[3] not in _SILENT
        and row[1] not in [code for line in codes(_as_printed(row[2], row[3])) for code in line]
    ]
    assert wrong == []


def _as_printed(route: str, answer: str) -> str:
    if route == "dom0less":
        return f"(XEN) {answer}"
    if answer.startswith(("xl: ", "ERROR: ")):
        return answer
    return f"libxl: error: libxl_create.c:1710:domcreate_launch_dm: Domain 1:{answer}"


def test_every_rule_of_a_message_is_refused_or_broken() -> None:
    """A typing error in a code, or a rule that nothing refuses, is seen."""
    known = {rule.code: rule.effect for rule in rules()}
    named = {code for message in boot_messages() for code in message.codes}
    assert {known.get(code) for code in named} <= {"rejected", "broken", "portability", "unsafe"}


def test_a_line_that_follows_is_left_out_for_its_domain_alone() -> None:
    log = """(XEN) *** LOADING DOMU cpus=1 memory=40000KB ***
(XEN) IRQ 33 is already used by Xen
(XEN) Unable to map IRQ33 to dom1
(XEN) Failed to assign device to d1
(XEN) *** LOADING DOMU cpus=1 memory=40000KB ***
(XEN) Failed to assign device to d2"""
    assert [cause.number for cause in causes(log)] == [2, 6]


@pytest.mark.parametrize(
    "line",
    [
        "(XEN) IRQ 34 is already used by domain 0",
        "(XEN) [2026-11-30 02:31:35] IRQ 34 is already used by domain 0",
        "(XEN) [    1.204813] IRQ 34 is already used by domain 0\r",
    ],
)
def test_times_and_line_ends_do_not_matter(line: str) -> None:
    (cause,) = causes(line)
    assert (cause.text, cause.facts["INTID"]) == ("IRQ 34 is already used by domain 0", "34")


def test_an_unknown_line_about_assignment_is_unknown() -> None:
    assert codes("(XEN) Failed to frobnicate the IRQ of the device\n(XEN) Brought up 4 CPUs") == [
        ()
    ]
    assert codes("[    2.1] mydriver: failed to frobnicate the device") == []


@pytest.mark.parametrize(
    ("log", "rule"),
    [
        ("", "XA704"),
        ("U-Boot 2023.01\nStarting kernel ...\n\n", "XA704"),
        ("(XEN) Brought up 1 CPUs\n", "XA726"),
        ("(XEN) Allocating mappings totalling 256MB for d1:\n", "XA712"),
        ("(XEN) d1 BANK[0] 0x00000040000000-0x00000050000000 (256MB)", "XA211"),
    ],
)
def test_where_xen_stops_without_a_word(log: str, rule: str) -> None:
    ((first, *others),) = codes(log)
    assert rule in (first, *others)


def test_a_boot_that_went_on_reports_nothing() -> None:
    assert (
        codes("(XEN) Brought up 1 CPUs\n(XEN) Freed 352kB init memory.\n(XEN) d1v0 Unhandled") == []
    )
    assert codes("GRUB loading.\nWelcome to Debian") == []


@pytest.mark.parametrize(
    ("line", "node"),
    [
        ("(XEN) Unable to get irq 0 for /PL031@9010000", "/pl031@9010000"),
        ("(XEN) IRQ 34 is already used by domain 0", "/pl031@9010000"),
        ("failed give domain access to iomem range 9010-9010: Not here", "/pl031@9010000"),
        ("(XEN) Failed to map 0000000009030000 to the guest at0003000000000", "/pl061@9030000"),
        ("[1.0] x 9010000.pl031: probe with driver x failed with error -2", "/pl031@9010000"),
    ],
)
def test_the_node_follows_from_what_a_line_names(line: str, node: str) -> None:
    platform = read_platform(read_blob_file(BOARDS["qemu"]))
    (cause,) = causes(line)
    assert [found.path for found in nodes_of(cause, platform)] == [node]


PROJECT = """host = "board.dtb"
[[domain]]
name = "guest"
memory = 256
device = ["/pl011@9000000"]
"""


def test_the_plan_says_which_rule_it_is(tmp_path: Path) -> None:
    (tmp_path / "board.dtb").write_bytes(BOARDS["qemu"].read_bytes())
    (tmp_path / "x.toml").write_text(PROJECT)
    log = "(XEN) IRQ 33 is already used by Xen\n(XEN) Failed to assign device to d1\n"
    (tmp_path / "serial.log").write_text(log)
    arguments = ["explain", "--log", str(tmp_path / "serial.log"), "-c", str(tmp_path / "x.toml")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    assert "/pl011@9000000" in result.output
    assert "[XA102]" in result.output
    assert "XA125" not in result.output


def test_a_log_without_a_failure_is_the_answer_no(tmp_path: Path) -> None:
    (tmp_path / "serial.log").write_text("(XEN) Freed 352kB init memory.\n")
    result = CliRunner().invoke(cli, ["explain", "--log", str(tmp_path / "serial.log")])
    assert result.exit_code == 1
    assert "no line reports a failure" in result.output


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["XA401", "--log", "x"], UsageError),
        (["-c", "x.toml"], UsageError),
        (["--host", "b.dtb"], UsageError),
        (["--log", "missing.log"], InputError),
    ],
)
def test_what_cannot_be_read(arguments: list[str], error: type[Exception]) -> None:
    result = CliRunner().invoke(cli, ["explain", *arguments])
    assert isinstance(result.exception, error)
