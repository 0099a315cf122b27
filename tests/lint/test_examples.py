"""The examples of the rules: each base is right, and each mistake is found where it was made."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner

from xenassign.assign.project import read_project, with_options
from xenassign.assign.system_request import SystemRequest
from xenassign.cli import cli
from xenassign.cli import generate as generate_cli
from xenassign.cli import lint as lint_cli
from xenassign.cli.options import driver_set, make_request, with_boot
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source import read_source
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.lint import domcfg
from xenassign.lint.catalogue import rules
from xenassign.lint.documents import ConfigFile, Document, TreeFile, read_document
from xenassign.lint.examples import BASES, COMMANDS, WHOLE, Example, example, examples
from xenassign.lint.hosts import Built, Wanted, build, told
from xenassign.lint.linter import Options, lint
from xenassign.xen.releases import DEFAULT, RELEASES, release

from ..conftest import FIXTURES

RULES = {rule.code: rule for rule in rules()}
EXAMPLES = dict(examples())
#: Those whose mistake is a change of a file, not another command line.
TEXTS = {code: one for code, one in EXAMPLES.items() if one.base not in WHOLE}
LINTED = {code: one for code, one in TEXTS.items() if one.base != "board"}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file that an example names lies beside."""
    monkeypatch.chdir(tmp_path)


class Found(NamedTuple):
    """What there is to know about a finding, of `lint` and of `generate`."""

    code: str
    finding: Finding | None = None


@cache
def document(file: str, text: str) -> Document:
    """A file of that name and text."""
    if file.endswith(".cfg"):
        return ConfigFile(file, text, domcfg.read(text, file))
    source = read_source(text.encode(), file)
    return TreeFile(file, source.blob, source, text)


def tree_file(file: str, text: str) -> TreeFile:
    found = document(file, text)
    assert isinstance(found, TreeFile)
    return found


@cache
def board(name: str) -> Tree:
    """The tree of a shipped board."""
    return read_blob((FIXTURES / name).read_bytes(), name)


def run(one: Example, *, wrong: bool, xen: str | None = None) -> list[Found]:
    """What is found with the mistake, or without it. ``xen``: on that release."""
    if one.base == "shell":
        raise AssertionError("a test of its own runs it")
    if one.base == "system":
        return of_system(one.wrong if wrong else one.right, xen or one.xen)
    line = (one.wrong if wrong else one.right) if one.command is None else one.command
    program, command, *arguments = shlex.split(line)
    assert program == "xenassign"
    arguments += ["--xen", xen] if xen else []
    text = one.after if wrong else one.before
    if command == "generate":
        return generated(arguments, text if one.base == "board" else None)
    return [Found(f.code, f) for f in linted(one, arguments, text)]


def parsed(command: click.Command, arguments: list[str]) -> dict[str, Any]:
    """The options of a command line, below the group that the command belongs to."""
    parent = click.Context(cli, **cli.context_settings)
    return command.make_context(command.name, arguments, parent=parent).params


def linted(one: Example, arguments: list[str], text: str) -> tuple[Finding, ...]:
    """The findings of `xenassign lint` with a base of that text."""
    asked = parsed(lint_cli.command, arguments)
    texts = {BASES[name].file: BASES[name].text for name in BASES[one.base].beside}
    marks = BASES[one.base].marks
    if marks is not None:
        texts[BASES[marks].file] = BASES[marks].text
    texts[BASES[one.base].file] = text
    options = Options(
        release=release(asked["version"] or DEFAULT),
        host=board(asked["host"]) if asked["host"] else None,
        overlays=tuple(tree_file(name, texts[name]) for name in asked["overlays"]),
        drivers=driver_set(asked["drivers"]),
        memory=asked["memory"],
        vcpus=asked["vcpus"],
        dom0=asked["dom0"],
        kconfig=frozenset(asked["kconfig"]),
        live_host=asked["live_host"],
    )
    return lint([document(name, texts[name]) for name in asked["files"]], options).findings


def generated(arguments: list[str], text: str | None) -> list[Found]:
    """The findings of `xenassign generate`; ``text``: of the board that is no shipped one."""
    asked = parsed(generate_cli.command, arguments)
    if text is None:
        tree = board(asked["host"])
    else:
        tree = read_blob(tree_file(asked["host"], text).blob, asked["host"])
    trees = [tree, *(board(name) for name in asked["hosts"])]
    wanted = Wanted(per_host=asked["per_host"])
    request = with_boot(SystemRequest((make_request(asked),)), asked, None)
    return of_plan(build(trees, request, wanted))


def of_system(text: str, xen: str | None) -> list[Found]:
    """The findings of `xenassign generate -c` with a file of that text."""
    Path("xenassign.toml").write_text(text)
    project = read_project(Path("xenassign.toml"))
    options = {"release": release(xen)} if xen is not None else {}
    trees = [board(name) for name in project.hosts]
    return of_plan(build(trees, with_options(project.system, options, None), Wanted()))


def of_plan(built: Built) -> list[Found]:
    """Every finding, and those that only a refusal tells."""
    findings = [finding for _, finding in told(built.plan)]
    codes = [re.findall(r"\[(XA\d+)\]$", line)[0] for line in built.refusals]
    known = {finding.code for finding in findings}
    return [
        *(Found(finding.code, finding) for finding in findings),
        *(Found(code) for code in codes if code not in known),
    ]


def codes(found: list[Found]) -> list[str]:
    return [one.code for one in found]


def texts(selected: dict[str, Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("code", "one"), selected.items(), ids=list(selected))


RUN = {code: one for code, one in EXAMPLES.items() if one.base != "shell"}


def test_every_rule_has_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(RULES)
    assert example("XA213") == EXAMPLES["XA213"]


def test_each_example_stands_in_the_module_of_its_family() -> None:
    assert all(example(code) is one for code, one in EXAMPLES.items())
    assert len(EXAMPLES) == len(list(examples()))


@texts(TEXTS)
def test_what_is_changed_stands_once_in_the_base(code: str, one: Example) -> None:
    assert one.before.count(one.right) == 1
    assert one.right != one.wrong
    assert (one.base == "board") == ("generate" in (one.command or ""))


@texts(EXAMPLES)
def test_an_example_is_short(code: str, one: Example) -> None:
    for shown in one.shown:
        assert len(shown.splitlines()) <= (16 if one.base == "system" else 12)
        assert all(len(line.expandtabs(4)) <= 96 for line in shown.splitlines())
        assert any(line[:1].strip() for line in shown.splitlines())
    assert one.shown[0] != one.shown[1]
    if one.base in COMMANDS:
        read = [shlex.split(shown.replace("\\\n", "")) for shown in one.shown]
        assert read == [shlex.split(one.wrong), shlex.split(one.right)]


@texts(RUN)
def test_the_right_one_is_right(code: str, one: Example) -> None:
    found = run(one, wrong=False)
    assert code not in codes(found)
    assert [f.code for f in found if f.finding is None or f.finding.severity == "error"] == []


@pytest.mark.parametrize("base", sorted({*BASES} - {"board"}))
def test_a_base_is_right_with_its_board_and_without(base: str) -> None:
    for host in (False, True):
        one = Example(base, BASES[base].text, "", host=host, xen=BASES[base].xen)
        told = run(one, wrong=False)
        assert [f.code for f in told if f.finding and f.finding.severity == "error"] == []


@texts(RUN)
def test_the_mistake_is_found(code: str, one: Example) -> None:
    """With the rule's severity, on its routes."""
    rule = RULES[code]
    mine = [found for found in run(one, wrong=True) if found.code == code]
    assert mine
    for finding in (found.finding for found in mine):
        if finding is not None:
            assert finding.severity == rule.severity
            assert finding.effect == rule.effect
            assert set(finding.routes) <= set(rule.routes)
            assert one.host or not rule.needs_host or one.base in ("board", "generate")


#: What is found in another file than the one with the mistake: a mark that is missing is told of
#: the device that is not marked, what dom.cfg lacks of the node that wants it, and of a domain
#: where it stands, whatever hides it.
ELSEWHERE = {
    *("XA313", "XA315", "XA317", "XA415", "XA416", "XA423"),
    *("XA711", "XA719", "XA721"),
    *("XA613", "XA727", "XA729"),
}


@texts({code: one for code, one in LINTED.items() if code in RUN})
def test_the_finding_stands_where_the_mistake_is(code: str, one: Example) -> None:
    places = [f.finding.place for f in run(one, wrong=True) if f.code == code and f.finding]
    assert all(places)
    file = BASES[one.base].file
    lines = changed(one)
    here = [at.file == file and at.line in lines for at in places if at]
    assert all(here) != (code in ELSEWHERE)


def changed(one: Example) -> range:
    """The numbers of the lines that are shown of the wrong text."""
    start = one.before.index(one.right)
    behind = len(one.before) - start - len(one.right)
    return range(
        one.before.count("\n", 0, start) + 1,
        one.after.count("\n", 0, len(one.after) - behind) + 2,
    )


#: What else a single mistake is told as, where that is more than the consequence for the rest.
OTHERS = {
    "XA104": {"XA204", "XA401"},
    "XA109": {"XA107", "XA311"},
    "XA004": {"XA006"},
    "XA013": {"XA402", "XA502", "XA506", "XA537"},
    "XA014": {"XA006"},
    "XA018": {"XA012"},
    "XA006": {"XA107", "XA502"},
    "XA007": {"XA523"},
    "XA033": {"XA308"},
    "XA123": {"XA122"},
    "XA205": {"XA215"},
    "XA206": {"XA215"},
    "XA207": {"XA327", "XA328", "XA403", "XA428"},
    "XA211": {"XA227"},
    "XA231": {"XA229"},
    "XA212": {"XA227"},
    "XA213": {"XA215"},
    "XA218": {"XA228"},
    "XA219": {"XA203"},
    "XA221": {"XA203", "XA228"},
    "XA233": {"XA428"},
    "XA234": {"XA403"},
    "XA310": {"XA307"},
    "XA316": {"XA326"},
    "XA317": {"XA305", "XA416"},
    "XA318": {"XA326"},
    "XA327": {"XA203", "XA204", "XA328", "XA403", "XA428", "XA502"},
    "XA328": {"XA502"},
    "XA330": {"XA405"},
    "XA403": {"XA428"},
    "XA404": {"XA403", "XA428"},
    "XA412": {"XA312"},
    "XA415": {"XA305", "XA317", "XA416"},
    "XA416": {"XA305", "XA317"},
    "XA428": {"XA403"},
    "XA501": {"XA507"},
    "XA502": {"XA507", "XA537"},
    "XA504": {"XA403"},
    "XA505": {"XA502"},
    "XA506": {"XA507", "XA537"},
    "XA508": {"XA502", "XA507"},
    "XA509": {"XA507"},
    "XA531": {"XA204"},
    "XA533": {"XA204", "XA531"},
    "XA534": {"XA403", "XA428", "XA531"},
    "XA535": {"XA502"},
    "XA536": {"XA502", "XA537"},
    "XA537": {"XA502", "XA507"},
    "XA523": {"XA522"},
    "XA603": {"XA220"},
    "XA604": {"XA220"},
    "XA606": {"XA315"},
    "XA608": {"XA204", "XA220", "XA228"},
    "XA611": {"XA220"},
    "XA701": {"XA707"},
    "XA704": {"XA701"},
    "XA725": {"XA218"},
    "XA801": {"XA802", "XA803"},
    "XA802": {"XA801", "XA803"},
    "XA901": {"XA601"},
}


@texts(RUN)
def test_a_mistake_is_told_as_few_things(code: str, one: Example) -> None:
    before, after = (set(codes(run(one, wrong=wrong))) for wrong in (False, True))
    assert after - before - {code} == OTHERS.get(code, set())


#: Examples of a mistake that some releases take, though the rule is one of all.
ONLY: dict[str, Callable[[str], bool]] = {
    "XA122": lambda xen: xen != "4.22",  # which has more room
    "XA211": lambda xen: RELEASES[xen].xen_reg_cells_checked,  # others refuse 0 and 0 alone
    "XA314": lambda xen: RELEASES[xen].knows_key("nr_spis"),
    # 4.18 takes it where /chosen is before /reserved-memory, as on this board.
    "XA732": lambda xen: RELEASES[xen].boot_scan_failure_is_panic,
    "XA609": lambda xen: not RELEASES[xen].knows_key("nr_spis"),
}


def behaves(code: str) -> Iterator[str]:
    """The releases of a rule."""
    versions = list(RELEASES)
    rule = RULES[code]
    first = versions.index(rule.since) if rule.since else 0
    last = versions.index(rule.until) if rule.until else len(versions)
    yield from versions[first : last + 1]


@texts({code: one for code, one in RUN.items() if "--xen" not in one.wrong})
def test_it_is_found_in_the_releases_of_the_rule(code: str, one: Example) -> None:
    wanted = [xen for xen in behaves(code) if code not in ONLY or ONLY[code](xen)]
    assert [xen for xen in RELEASES if code in codes(run(one, wrong=True, xen=xen))] == wanted
    assert [xen for xen in RELEASES if code in codes(run(one, wrong=False, xen=xen))] == []


def test_a_rule_of_some_releases_has_an_example_on_one_of_them() -> None:
    for code, one in EXAMPLES.items():
        xen = re.findall(r"--xen (\S+)", one.wrong) or [one.xen or DEFAULT]
        assert xen[0] in behaves(code), code


@pytest.mark.parametrize("name", [name for name, base in BASES.items() if base.marks])
def test_the_marks_are_those_of_the_devices(name: str) -> None:
    base = BASES[name]
    texts = [base.text, *(BASES[each].text for each in base.beside)]
    paths = {path for text in texts for path in re.findall(r'xen,path = "(.*)"', text)}
    marked = set(re.findall(r'target-path = "(.*)"', BASES[base.marks or ""].text))
    assert paths <= marked
    assert len(marked) <= 2


def test_those_that_a_test_of_its_own_runs() -> None:
    live = [f"XA{number}" for number in range(111, 119)]  # test_live_examples.py
    shell = [code for code, one in EXAMPLES.items() if one.base == "shell"]
    assert shell == ["XA021", *IMAGEBUILDER, *live, "XA121"]


@pytest.mark.parametrize("wrong", [False, True])
def test_the_revision_that_is_not_the_locked_one(wrong: bool) -> None:
    one = EXAMPLES["XA021"]
    first = (FIXTURES / "juno-like.dts").read_text()
    second = first.replace("7ff70000", "7ff20000")
    assert first != second
    for name, text in (("rev1", first), ("rev2", second)):
        Path(f"{name}.dtb").write_bytes(read_source(text.encode(), f"{name}.dts").blob)
    lock = one.right.replace("rev2.dtb", "rev1.dtb").replace("-o out", "-o old")
    for line, code in ((lock, 0), (one.wrong if wrong else one.right, int(wrong))):
        done = CliRunner().invoke(cli, shlex.split(line)[1:])
        assert done.exit_code == code, done.output
    assert ("[XA021]" in done.output) == wrong


IMAGEBUILDER = ("XA034", "XA035", "XA036")


@pytest.mark.parametrize("code", IMAGEBUILDER)
@pytest.mark.parametrize("wrong", [False, True])
def test_the_configuration_of_imagebuilder(code: str, wrong: bool) -> None:
    one = EXAMPLES[code]
    subprocess.run(["bash", "-c", one.wrong if wrong else one.right], check=True)
    Path("qemu.dtb").write_bytes((FIXTURES / "qemu-virt-gicv3.dtb").read_bytes())
    line = "generate qemu.dtb -d pl031@9010000 --kernel Image -o out --imagebuilder-base my.cfg"
    done = CliRunner().invoke(cli, [*shlex.split(line), "--no-vpl011"])
    assert done.exit_code == int(wrong and RULES[code].severity == "error"), done.output
    assert (f"[{code}]" in done.output) == wrong


@pytest.mark.parametrize("wrong", [False, True])
def test_the_file_that_is_no_blob(wrong: bool, dtc: str) -> None:
    """The one example that is about how a file was made."""
    code, one = "XA121", EXAMPLES["XA121"]
    Path("domu1.dts").write_text(BASES["partial"].text)
    subprocess.run(shlex.split(one.wrong if wrong else one.right), check=True)
    found = lint([read_document("domu1.dtb")], Options(release(DEFAULT))).findings
    assert (code in [finding.code for finding in found]) == wrong
