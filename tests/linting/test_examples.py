"""The examples of the rules: each base is right, and each mistake is found where it was made."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner

from xenassign.cli import cli
from xenassign.cli import generate as generate_cli
from xenassign.cli import lint as lint_cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Tree
from xenassign.findings import ROUTES, Finding, every_release, flat
from xenassign.linting.catalogue import rules
from xenassign.linting.documents import ConfigFile, Document, TreeFile, read_document
from xenassign.linting.linter import Options, lint
from xenassign.linting.verdict import domcfg
from xenassign.outputs.hosts import BuildOptions, Built, build
from xenassign.request.command_line import driver_set, read_request, with_boot, with_options
from xenassign.request.project import read_project
from xenassign.request.system_request import SystemRequest
from xenassign.rule_pages import Example
from xenassign.xen.releases import DEFAULT, FLAVOURS, RELEASES, UPSTREAM, Release, release

from ..conftest import FIXTURES
from .bases import BASES, PARTIAL, base, change, words
from .test_live_examples import CODES as LIVE

FILES = sorted(str(path.relative_to(BASES)) for path in BASES.glob("*/*"))
RULES = {rule.code: rule for rule in rules()}
EXAMPLES = {code: rule.page.example for code, rule in RULES.items()}
IMAGEBUILDER = ("XA034", "XA035", "XA036")
#: What a test of its own runs, below and in test_live_examples.py.
OWN = {"XA021", *IMAGEBUILDER, "XA121", "XA815", *LIVE}
RUN = {code: example for code, example in EXAMPLES.items() if code not in OWN}
#: Those whose mistake is a change of a file, not another command line.
TEXTS = {code: example for code, example in EXAMPLES.items() if example.base is not None}
LINTED = {code: x for code, x in TEXTS.items() if (x.command or "").startswith("xenassign lint ")}


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


def run(example: Example, *, wrong: bool, xen: str | None = None) -> list[Found]:
    """What is found with the mistake, or without it. ``xen``: on that release."""
    text = example.wrong if wrong else example.right
    program, command, *arguments = words(example.command or text)
    assert program == "xenassign"
    arguments += ["--xen", xen] if xen else []
    if example.base is not None:
        text = change(example).wrong if wrong else change(example).right
    if command == "lint":
        assert example.base is not None
        return [Found(f.code, f) for f in linted(example.base, arguments, text)]
    if example.language == "toml":
        return of_system(arguments, text)
    return generated(arguments, text if example.base is not None else None)


def parsed(command: click.Command, arguments: list[str]) -> dict[str, Any]:
    """The options of a command line, below the group that the command belongs to."""
    parent = click.Context(cli, **cli.context_settings)
    return command.make_context(command.name, arguments, parent=parent).params


def linted(name: str, arguments: list[str], text: str) -> tuple[Finding, ...]:
    """The findings of `xenassign lint` among the bases of a folder, one of them with that text."""
    asked = parsed(lint_cli.command, arguments)
    folder, _, file = name.partition("/")
    texts = {path.name: base(f"{folder}/{path.name}") for path in (BASES / folder).iterdir()}
    texts[file] = text
    options = Options(
        release=release(asked["version"] or DEFAULT, asked["flavour"] or UPSTREAM),
        routes=asked["routes"] or ROUTES,
        host=board(asked["host"]) if asked["host"] else None,
        overlays=tuple(tree_file(name, texts[name]) for name in asked["overlays"]),
        drivers=driver_set(asked["drivers"]),
        memory=asked["memory"],
        vcpus=asked["vcpus"],
        dom0=asked["dom0"],
        kconfig=frozenset(asked["kconfig"]),
        live_host=asked["live_host"],
    )
    report = lint([document(name, texts[name]) for name in asked["files"]], options)
    return tuple(flat(report.findings))


def generated(arguments: list[str], text: str | None) -> list[Found]:
    """The findings of `xenassign generate`; ``text``: of the board that is no shipped one."""
    asked = parsed(generate_cli.command, arguments)
    if text is None:
        tree = board(asked["host"])
    else:
        tree = read_blob(tree_file(asked["host"], text).blob, asked["host"])
    trees = [tree, *(board(name) for name in asked["hosts"])]
    request = with_boot(SystemRequest((read_request(asked),)), asked, None)
    return of_plan(build(trees, request, BuildOptions(per_host=asked["per_host"])))


def of_system(arguments: list[str], text: str) -> list[Found]:
    """The findings of `xenassign generate -c` with a file of that text."""
    asked = parsed(generate_cli.command, arguments)
    Path(asked["config"]).write_text(text)
    project = read_project(Path(asked["config"]))
    options = {"release": release(asked["release"])} if asked["release"] is not None else {}
    trees = [board(name) for name in project.hosts]
    return of_plan(build(trees, with_options(project.system, options, None), BuildOptions()))


def of_plan(built: Built) -> list[Found]:
    """Every finding, and those that only a refusal tells."""
    refusals = [refusal for refusal in built.refusals if isinstance(refusal, Finding)]
    assert len(refusals) == len(built.refusals)
    known = {finding.code for finding in built.findings}
    return [
        *(Found(finding.code, finding) for finding in built.findings),
        *(Found(refusal.code) for refusal in refusals if refusal.code not in known),
    ]


def codes(found: list[Found]) -> list[str]:
    return [each.code for each in found]


def texts(selected: dict[str, Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("code", "example"), selected.items(), ids=list(selected))


@texts(TEXTS)
def test_a_base_is_changed(code: str, example: Example) -> None:
    """And has the right lines once."""
    assert change(example).right != change(example).wrong
    assert example.language == ("toml" if str(example.base).endswith(".cfg") else "dts")
    assert (example.base == "board/board.dts") == ("xenassign generate" in (example.command or ""))


def test_every_base_is_used() -> None:
    """It is changed, a command names it, or it marks the devices of its folder."""
    used = {str(example.base) for example in TEXTS.values()}
    used |= {name for name in FILES if name.endswith(".host.dtso")}
    for example in LINTED.values():
        folder = str(example.base).partition("/")[0]
        used |= {f"{folder}/{word}" for word in words(example.command or "")}
    assert used >= {*FILES}


@texts(EXAMPLES)
def test_an_example_is_short(code: str, example: Example) -> None:
    whole = example.language == "toml" and example.base is None
    for shown in (example.wrong, example.right):
        assert len(shown.splitlines()) <= (16 if whole else 12)
        assert code == "XA720" or all(len(x.expandtabs(4)) <= 96 for x in shown.splitlines())
        assert any(line[:1].strip() for line in shown.splitlines())
    assert example.wrong != example.right


@texts(RUN)
def test_the_right_one_is_right(code: str, example: Example) -> None:
    found = run(example, wrong=False)
    assert code not in codes(found)
    assert [f.code for f in found if f.finding is None or f.finding.severity == "error"] == []


#: The boards of the bases that are not of QEMU's, and the release and route that they are right on.
HOSTS = {
    "classic": "qemu-virt-gicv3.dtb --route xl",
    "protected": "zynqmp-zcu102.dtb",
    "blocks": "zynqmp-zcu102.dtb",
    "scmi": "rk3588-like.dtb --xen 4.21",
}


@pytest.mark.parametrize("name", [f for f in FILES if not f.endswith(("board.dts", ".dtso"))])
def test_a_base_is_right_with_its_board_and_without(name: str) -> None:
    folder, _, file = name.partition("/")
    files = [
        file,
        *(["domu1.dts"] if f"{folder}/domu1.dts" in FILES and file != "domu1.dts" else []),
    ]
    board, *options = HOSTS.get(folder, "qemu-virt-gicv3.dtb").split()
    host = ["--host", board, *options]
    if f"{folder}/domu1.host.dtso" in FILES:
        host += ["--host-overlay", "domu1.host.dtso"]
    for more in (options, host):
        findings = linted(name, [*dict.fromkeys(files), *more], base(name))
        assert [f.code for f in findings if f.severity == "error"] == []


@texts(RUN)
def test_the_mistake_is_found(code: str, example: Example) -> None:
    """With the rule's severity, on its routes."""
    rule = RULES[code]
    command = words(example.command or example.wrong)
    mine = [found for found in run(example, wrong=True) if found.code == code]
    assert mine
    for finding in (found.finding for found in mine):
        if finding is not None:
            assert finding.severity == rule.severity
            assert finding.effect == rule.effect
            assert set(finding.routes) <= set(rule.routes)
            assert not rule.needs_host or "--host" in command or "generate" in command


#: What is found in another file than the one with the mistake: a mark that is missing is told of
#: the device that is not marked, what dom.cfg lacks of the node that wants it, and of a domain
#: where it stands, whatever hides it.
ELSEWHERE = {
    *("XA313", "XA315", "XA317", "XA340", "XA415", "XA416", "XA423"),
    *("XA711", "XA719", "XA721"),
    *("XA613", "XA727", "XA729"),
}


@texts({code: example for code, example in LINTED.items() if code in RUN})
def test_the_finding_stands_where_the_mistake_is(code: str, example: Example) -> None:
    places = [f.finding.place for f in run(example, wrong=True) if f.code == code and f.finding]
    assert all(places)
    file = str(example.base).partition("/")[2]
    here = [at.file == file and at.line in change(example).lines for at in places if at]
    assert all(here) != (code in ELSEWHERE)


#: What else a single mistake is told as, where that is more than the consequence for the rest.
OTHERS = {
    "XA011": {"XA127"},
    "XA104": {"XA204", "XA221", "XA401"},
    "XA109": {"XA311"},
    "XA013": {"XA402", "XA502", "XA506", "XA537"},
    "XA014": {"XA006"},
    "XA018": {"XA012"},
    "XA006": {"XA501"},
    "XA007": {"XA523"},
    "XA033": {"XA308"},
    "XA123": {"XA122"},
    "XA106": {"XA126"},
    "XA309": {"XA126"},
    "XA205": {"XA215"},
    "XA206": {"XA215"},
    "XA207": {"XA239", "XA308", "XA331", "XA403", "XA428", "XA505"},
    "XA211": {"XA227", "XA818"},
    "XA231": {"XA229"},
    "XA212": {"XA227", "XA818"},
    "XA213": {"XA215"},
    "XA218": {"XA228"},
    "XA219": {"XA203"},
    "XA221": {"XA203", "XA228"},
    "XA233": {"XA428"},
    "XA234": {"XA403"},
    "XA301": {"XA101"},
    "XA310": {"XA307"},
    "XA316": {"XA326"},
    "XA317": {"XA305", "XA416"},
    "XA318": {"XA326"},
    "XA328": {"XA502"},
    "XA330": {"XA405"},
    "XA402": {"XA428"},
    "XA403": {"XA428"},
    "XA404": {"XA403", "XA428"},
    "XA412": {"XA312"},
    "XA415": {"XA305", "XA317", "XA416"},
    "XA416": {"XA305", "XA317"},
    "XA428": {"XA403"},
    "XA501": {"XA507"},
    "XA502": {"XA507", "XA537"},
    "XA504": {"XA403", "XA125"},
    "XA505": {"XA502"},
    "XA506": {"XA507", "XA537"},
    "XA508": {"XA502", "XA507"},
    "XA509": {"XA507"},
    "XA510": {"XA507"},
    "XA526": {"XA501"},
    "XA533": {"XA531"},
    "XA534": {"XA403", "XA428", "XA531"},
    "XA535": {"XA502"},
    "XA536": {"XA502", "XA537"},
    "XA537": {"XA502", "XA507"},
    "XA523": {"XA522"},
    "XA543": {"XA103"},
    "XA544": {"XA546"},
    "XA603": {"XA220"},
    "XA604": {"XA220"},
    "XA606": {"XA315"},
    "XA608": {"XA204", "XA220", "XA228"},
    "XA611": {"XA220"},
    "XA701": {"XA707"},
    "XA704": {"XA701"},
    "XA725": {"XA218"},
    "XA747": {"XA612"},
    "XA801": {"XA802", "XA803"},
    "XA802": {"XA801", "XA803"},
    "XA901": {"XA601"},
}


@texts(RUN)
def test_a_mistake_is_told_as_few_things(code: str, example: Example) -> None:
    before, after = (set(codes(run(example, wrong=wrong))) for wrong in (False, True))
    assert after - before - {code} == OTHERS.get(code, set())


#: Examples of a mistake that some releases take, though the rule is one of all.
ONLY: dict[str, Callable[[str], bool]] = {
    "XA122": lambda xen: xen not in ("4.22", "4.23"),  # which have more room
    "XA211": lambda xen: RELEASES[xen].xen_reg_cells_checked,  # others refuse 0 and 0 alone
    "XA314": lambda xen: RELEASES[xen].knows_key("nr_spis"),
    # 4.18 takes it where /chosen is before /reserved-memory, as on this board.
    "XA732": lambda xen: RELEASES[xen].boot_scan_failure_is_panic,
    "XA609": lambda xen: not RELEASES[xen].knows_key("nr_spis"),
}


def releases_of(example: Example) -> dict[str, Release]:
    """Those of the flavour that the example's command names."""
    named = re.search(r"--xen-flavour (\S+)", f"{example.wrong} {example.command}")
    if named is None:
        return dict(RELEASES)
    return {version: release(version, named[1]) for version in FLAVOURS[named[1]].releases}


@texts(
    {
        code: example
        for code, example in RUN.items()
        if RULES[code].applies is not every_release or code in ONLY
    }
)
def test_it_is_found_in_the_releases_of_the_rule(code: str, example: Example) -> None:
    """Rules of all releases run on one, those of some on all."""
    for version, xen in releases_of(example).items():
        expected = RULES[code].applies(xen) and (code not in ONLY or ONLY[code](version))
        assert (code in codes(run(example, wrong=True, xen=version))) == expected, version
        if "--xen" not in example.wrong:  # else the right one may be the same with another
            assert code not in codes(run(example, wrong=False, xen=version)), version


def test_a_rule_of_some_releases_has_an_example_on_one_of_them() -> None:
    for code, example in EXAMPLES.items():
        lines = f"{example.wrong} {example.command}"
        version = (re.findall(r"--xen (\S+)", lines) or [DEFAULT])[0]
        assert RULES[code].applies(releases_of(example)[version]), code


@pytest.mark.parametrize("marks", [name for name in FILES if name.endswith(".dtso")])
def test_the_marks_are_those_of_the_devices(marks: str) -> None:
    folder = marks.partition("/")[0]
    sources = [base(name) for name in FILES if name.startswith(f"{folder}/")]
    paths = {path for text in sources for path in re.findall(r'xen,path = "(.*)"', text)}
    marked = set(re.findall(r'target-path = "(.*)"', base(marks)))
    assert paths <= marked
    assert len(marked) <= 2


@pytest.mark.parametrize("wrong", [False, True])
def test_the_revision_that_is_not_the_locked_one(wrong: bool) -> None:
    example = EXAMPLES["XA021"]
    first = (FIXTURES / "juno-like.dts").read_text()
    second = first.replace("7ff70000", "7ff20000")
    assert first != second
    for name, text in (("rev1", first), ("rev2", second)):
        Path(f"{name}.dtb").write_bytes(read_source(text.encode(), f"{name}.dts").blob)
    lock = example.right.replace("rev2.dtb", "rev1.dtb").replace("-o out", "-o old")
    for line, code in ((lock, 0), (example.wrong if wrong else example.right, int(wrong))):
        done = CliRunner().invoke(cli, words(line)[1:])
        assert done.exit_code == code, done.output
    assert ("[XA021]" in done.output) == wrong


@pytest.mark.parametrize("code", IMAGEBUILDER)
@pytest.mark.parametrize("wrong", [False, True])
def test_the_configuration_of_imagebuilder(code: str, wrong: bool) -> None:
    example = EXAMPLES[code]
    subprocess.run(["bash", "-c", example.wrong if wrong else example.right], check=True)
    Path("qemu.dtb").write_bytes((FIXTURES / "qemu-virt-gicv3.dtb").read_bytes())
    line = "generate qemu.dtb -d pl031@9010000 --kernel Image -o out --imagebuilder-base my.cfg"
    done = CliRunner().invoke(cli, [*words(line), "--no-vpl011"])
    assert done.exit_code == int(wrong and RULES[code].severity == "error"), done.output
    assert (f"[{code}]" in done.output) == wrong


@pytest.mark.parametrize("wrong", [False, True])
def test_the_file_that_is_no_blob(wrong: bool, dtc: str) -> None:
    """One of the two examples that are about how a file was made."""
    code, example = "XA121", EXAMPLES["XA121"]
    Path("domu1.dts").write_text(PARTIAL)
    subprocess.run(shlex.split(example.wrong if wrong else example.right), check=True)
    found = lint([read_document("domu1.dtb")], Options(release(DEFAULT))).findings
    assert (code in [finding.code for finding in found]) == wrong


@pytest.mark.parametrize("wrong", [True, False])
def test_the_file_that_only_xen_reads(wrong: bool, dtc: str) -> None:
    """The other one."""
    code, example = "XA815", EXAMPLES["XA815"]
    Path("domu1.dts").write_text(PARTIAL)
    subprocess.run([dtc, "-q", "-o", "domu1.dtb", "domu1.dts"], check=True)
    subprocess.run(shlex.split(example.wrong if wrong else example.right), check=True)
    found = lint([read_document("domu1.dtb")], Options(release(DEFAULT))).findings
    assert (code in [finding.code for finding in found]) == wrong
