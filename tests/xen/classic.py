"""The example of Xen's docs/misc/arm/passthrough.txt on QEMU's board: no xen,path, no
interrupt-parent. What xl makes of it and of changes by hand, what the guest has, and our findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.blob import read_blob
from xenassign.linting.documents import document
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.xen.releases import release

from . import boards
from .dom0 import Job, boot_dom0
from .hosttree import compiled
from .machine import Machine, board
from .silence import CLOCK, SCRIPT, WORKS

TREE = """/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>;
    aliases { rtc0 = &rtc; };
    passthrough {
        compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>;
        clk: clk { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; };
        rtc: pl031@10000000 {
            compatible = "arm,pl031", "arm,primecell";
            reg = <0 0x10000000 0 0x1000>;
            interrupts = <0 2 4>;
            clocks = <&clk>; clock-names = "apb_pclk";
        };
    };
};"""
CONFIG = """device_tree = "p.dtb"
irqs = [ 34 ]
iomem = [ "0x9010,1@0x10000" ]
"""
#: The second page is that of a PL061, which dom0 has, and whose peripheral ID ends with 0x61.
_OTHER_PAGE = '"0x9010,1@0x10000", "0x9030,1@0x10001"'


class Classic(NamedTuple):
    """A change of the tree or of the configuration, the errors that it gives, and the guest."""

    rules: tuple[str, ...]
    what: str
    old: str
    new: str
    guest: str


CASES = (
    Classic((), "nothing of the example", "", "", WORKS),
    Classic(
        (),
        "another interrupt-parent in the root of the tree",
        "/ {\n",
        "/ {\n interrupt-parent = <7>;\n",
        WORKS,
    ),
    Classic(("XA315",), "irqs is empty", "[ 34 ]", "[ ]", "node 1, clock 1, alarms 0"),
    Classic(
        ("XA416",),
        "iomem has the page of a device of dom0 too",
        '"0x9010,1@0x10000"',
        _OTHER_PAGE,
        WORKS,
    ),
)


class ClassicRow(NamedTuple):
    """A line of the document. ``report``: what our lint says of the same files."""

    case: Classic
    release: str
    message: str
    guest: str
    report: Report

    def cells(self) -> tuple[str, ...]:
        """What stands in the document."""
        rules = ", ".join(self.case.rules)
        return (rules, self.release, self.case.what, self.message or self.guest)


def classic_rows(ready: Machine) -> Iterator[ClassicRow]:
    """Creates the guest of every case in one dom0."""
    host = boards.marked(board(), (CLOCK,))
    jobs = [_job(case) for case in CASES]
    for case, job, outcome in zip(CASES, jobs, boot_dom0(ready, host, jobs), strict=True):
        files = [document("dom.cfg", job.text().encode()), document("p.dtb", job.files["p.dtb"])]
        tree = read_blob(host, "board.dtb")
        report = lint(files, Options(release(ready.release), routes=("xl",), host=tree))
        guest = ", ".join(outcome.guest)
        yield ClassicRow(case, ready.release, outcome.message, guest, report)


def _job(case: Classic) -> Job:
    """The ``xl create`` of a case."""
    assert (TREE + CONFIG).count(case.old) == 1 or not case.old, case.what
    tree, config = (
        text.replace(case.old, case.new) if case.old else text for text in (TREE, CONFIG)
    )
    return Job(config, {"p.dtb": compiled(tree)}, SCRIPT)
