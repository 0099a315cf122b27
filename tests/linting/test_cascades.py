"""One mistake is one error: what follows from a finding is part of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from xenassign.findings import Finding, Rule, every_release, flat
from xenassign.linting import cascades, formats
from xenassign.linting.catalogue import rules
from xenassign.linting.documents import read_document, read_tree_file
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.linting.settings import selected
from xenassign.xen.releases import release

from .bases import BASES, CONFIG, PARTIAL
from .test_examples import board


def report(folder: Path, *, host: bool = False, **texts: str) -> Report:
    """Of files by name, ``_`` for ``.``; with ``host`` on QEMU's board, with marked devices."""
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text)
    options = Options(release("4.20"))
    if host:
        marks = read_tree_file(str(BASES / "virt" / "domu1.host.dtso"))
        options = options._replace(host=board("qemu-virt-gicv3.dtb"), overlays=(marks,))
    return lint([read_document(str(folder / name.replace("_", "."))) for name in texts], options)


def causes(made: Report) -> list[tuple[str, list[str]]]:
    """The errors, each with the codes of what follows from it."""
    errors = [finding for finding in made.findings if finding.severity == "error"]
    return [(f.code, [consequence.code for consequence in f.follows]) for f in errors]


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    wrong = PARTIAL.replace('"/pl031@9010000"', '"/pl031@9010001"')
    made = report(tmp_path, host=True, domu1_dts=wrong)
    assert causes(made) == [("XA412", ["XA312"])]
    assert made.verdict["dom0less"] == "rejected"
    text = formats.to_text(made)
    assert re.search(r"\n  follows: \S+:\d+:\d+: \S+: INTID 34 is not .* \[XA312\]\n", text)
    assert "\n1 error" in text
    (finding,) = json.loads(formats.to_json(made))["findings"]
    assert [consequence["code"] for consequence in finding["follows"]] == ["XA312"]
    (run,) = json.loads(formats.to_sarif(made))["runs"]
    (related,) = run["results"][0]["relatedLocations"]
    assert related["message"]["text"].startswith("follows: ")
    assert "; follows: " in formats.to_github(made)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("iomem = [", "iomems = [", [("XA601", ["XA220", "XA220"])]),
        ("irqs = [34", "irqs = [0x22", [("XA602", [])]),
        ("irqs = [34", "irqs = ['x'", [("XA602", ["XA315"])]),
    ],
)
def test_a_key_that_is_not_read(
    tmp_path: Path, old: str, new: str, expected: list[tuple[str, list[str]]]
) -> None:
    assert old in CONFIG
    made = report(tmp_path, domu1_cfg=CONFIG.replace(old, new), domu1_dts=PARTIAL)
    assert causes(made) == expected


def test_two_domains_have_two_mistakes(tmp_path: Path) -> None:
    """What one configuration lacks does not follow from a mistake in the other."""
    wrong = CONFIG.replace("iomem = [", "iomems = [")
    lacks = re.sub("iomem = .*", "", CONFIG).replace("domu1.dtb", "domu2.dtb")
    made = report(tmp_path, domu1_cfg=wrong, domu1_dts=PARTIAL, domu2_cfg=lacks, domu2_dts=PARTIAL)
    found = causes(made)
    assert ("XA601", ["XA220", "XA220"]) in found
    assert found.count(("XA220", [])) == 2


def finding(
    code: str, severity: str = "error", effect: str = "broken", routes: tuple[str, ...] = ("xl",)
) -> Finding:
    made = Rule(code, "", severity, effect, routes, every_release, needs_host=False)
    return Finding(made, code, severity, routes, node="/passthrough/x", file="a.dts")


CAUSES: list[tuple[Finding, Finding, bool]] = [
    (finding("XA412"), finding("XA312"), True),
    (finding("XA412", "warning"), finding("XA312"), False),
    (finding("XA412"), finding("XA312", "warning"), True),
    (finding("XA412"), finding("XA312", effect="rejected"), False),
    (finding("XA412", effect="rejected"), finding("XA312", effect="rejected"), True),
    (
        finding("XA412", effect="rejected"),
        finding("XA312", effect="rejected", routes=("dom0less", "xl")),
        False,
    ),
    (finding("XA412")._replace(node="/passthrough/y"), finding("XA312"), False),
    (finding("XA412")._replace(file="b.dts"), finding("XA312"), False),
]


@pytest.mark.parametrize(("cause", "consequence", "follows"), CAUSES)
def test_what_may_be_a_cause(cause: Finding, consequence: Finding, follows: bool) -> None:
    for order in ([cause, consequence], [consequence, cause]):
        attached = cascades.attach(order, {})
        expected = {("XA412", ("XA312",))} if follows else {("XA412", ()), ("XA312", ())}
        assert {(f.code, tuple(c.code for c in f.follows)) for f in attached} == expected
        assert sorted(f.code for f in flat(attached)) == ["XA312", "XA412"]


def test_what_follows_from_a_consequence_follows_from_its_cause() -> None:
    (only,) = cascades.attach([finding("XA416"), finding("XA305"), finding("XA415")], {})
    assert (only.code, [c.code for c in only.follows]) == ("XA415", ["XA416", "XA305"])


def test_a_consequence_is_selected_by_its_own_code() -> None:
    attached = cascades.attach([finding("XA412"), finding("XA312")], {})
    shown, hidden = selected(attached, ["XA312"], [])
    assert ([f.code for f in shown], [f.code for f in hidden]) == (["XA312"], ["XA412"])
    shown, hidden = selected(attached, ["XA9"], [])
    assert (shown, hidden) == ((), attached)
    shown, hidden = selected(attached, [], ["XA312"])
    assert [(f.code, f.follows) for f in shown] == [("XA412", ())]
    assert [f.code for f in hidden] == ["XA312"]


def test_the_relations_are_between_rules() -> None:
    known = {rule.code for rule in rules()}
    for relation in cascades.RELATIONS:
        assert {*relation.causes, *relation.consequences} <= known


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("interrupts = <0 2 4>", "interrupts = <0 3 4>", [("XA312", ["XA315"])]),
        ('"/pl031@9010000"', '"/pl011@9000000"', [("XA304", ["XA312", "XA416", "XA216"])]),
        ("0x1000 0x0 0x9010000>", "0x100 0x0 0x9010000>", [("XA213", ["XA220", "XA215"])]),
        ("0x1000 0x0 0x9010000>", "0x1000 0x0 0x8000000>", [("XA215", ["XA220", "XA220"])]),
        ("xen,reg = <0x0 0x9010000", "xen,reg = <0x0 0x9020000", [("XA216", ["XA220", "XA220"])]),
    ],
)
def test_one_mistake_in_the_tree(
    tmp_path: Path, old: str, new: str, expected: list[tuple[str, list[str]]]
) -> None:
    assert PARTIAL.count(old) == 1
    wrong = PARTIAL.replace(old, new)
    assert causes(report(tmp_path, host=True, domu1_cfg=CONFIG, domu1_dts=wrong)) == expected


def test_a_path_of_dtdev_that_does_not_exist(tmp_path: Path) -> None:
    wrong = f'{CONFIG}dtdev = ["/pl031@9010001"]\n'
    made = report(tmp_path, host=True, domu1_cfg=wrong, domu1_dts=PARTIAL)
    assert causes(made) == [("XA417", ["XA422"])]
    assert not [finding for finding in made.findings if finding.severity == "warning"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("34,", "33,", [("XA316", ["XA315"])]),
        ("34,", "2,", [("XA316", []), ("XA325", [])]),  # the second has the correct INTID
    ],
)
def test_one_mistake_in_the_configuration(
    tmp_path: Path, old: str, new: str, expected: list[tuple[str, list[str]]]
) -> None:
    wrong = CONFIG.replace(old, new)
    found = causes(report(tmp_path, host=True, domu1_cfg=wrong, domu1_dts=PARTIAL))
    assert [(code, [c for c in follows if c != "XA326"]) for code, follows in found] == expected
