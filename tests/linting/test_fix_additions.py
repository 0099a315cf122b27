"""What --fix adds: entries of dom.cfg, interrupt-parent, and with --unsafe-fixes more."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.rows import Rows
from tests.seed import seed
from xenassign.errors import InputError
from xenassign.findings import Finding, errors, flat
from xenassign.linting.documents import document, read_tree_file
from xenassign.linting.fixes import fixable
from xenassign.linting.linter import Options
from xenassign.linting.session import Group, Session
from xenassign.xen.releases import release

from .bases import BASES, CONFIG, PARTIAL, PROTECTED, PROTECTED_CONFIG, base
from .test_examples import board

HOSTS = {
    "virt": "qemu-virt-gicv3.dtb",
    "classic": "qemu-virt-gicv3.dtb",
    "bare-metal": "qemu-virt-gicv3.dtb",
    "protected": "zynqmp-zcu102.dtb",
}
FORCE = "\t\t\txen,force-assign-without-iommu;\n"
PARENT = "\t\tinterrupt-parent = <0xfde8>;\n"
ADDED = "\n# Of the devices in the partial device tree; added by xenassign lint --fix\n"


@cache
def options(folder: str, *, marked: bool = True, unsafe: bool = False) -> Options:
    overlays = [read_tree_file(str(BASES / folder / "domu1.host.dtso"))] if marked else []
    return Options(
        release("4.20"),
        host=board(HOSTS[folder]),
        overlays=tuple(overlays),
        unsafe_fixes=unsafe,
    )


def session(texts: dict[str, str], asked: Options) -> Session:
    """A session with the files in memory."""
    files = tuple(document(name, text.encode()) for name, text in texts.items())
    return Session((), asked, (), (), (), groups=(Group(files, asked),))


def fixed(texts: dict[str, str], asked: Options) -> dict[str, str]:
    """The texts after --fix. A second --fix changes nothing."""
    once = session(texts, asked).fixed()
    new = {file.file: file.text or "" for file in once.documents}
    assert {file.file: file.text for file in session(new, asked).fixed().documents} == new
    return new


def pair(folder: str, config: str | None = None, tree: str | None = None) -> dict[str, str]:
    """A configuration and its partial device tree."""
    return {
        "domu1.cfg": base(f"{folder}/domu1.cfg") if config is None else config,
        "domu1.dts": base(f"{folder}/domu1.dts") if tree is None else tree,
    }


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("irqs = [34, 39]", "irqs = [34]"),
        ('iomem = ["0x9010,0x1", "0x9030,0x1"]', 'iomem = ["0x9010,0x1"]'),
        ("irqs = [34, 39]", "irqs = [\n    34,\n    39,\n]"),
    ],
)
def test_an_entry_that_the_tree_has(right: str, wrong: str) -> None:
    new = fixed(pair("virt", CONFIG.replace(right, wrong)), options("virt"))["domu1.cfg"]
    assert new.split() == CONFIG.replace(right, wrong if "\n" in wrong else right).split()


def test_entries_on_lines_of_their_own() -> None:
    wrong = "irqs = [\n    34\n]"
    new = fixed(pair("virt", CONFIG.replace("irqs = [34, 39]", wrong)), options("virt"))
    assert "irqs = [\n    34,\n    39,\n]" in new["domu1.cfg"]


def test_lists_that_are_missing() -> None:
    lines = PROTECTED_CONFIG.splitlines(keepends=True)
    short = "".join(line for line in lines if not line.startswith(("dtdev", "irqs", "iomem")))
    new = fixed(pair("protected", short), options("protected"))["domu1.cfg"]
    dtdev, irqs, iomem = lines[4:7]
    assert new.startswith(short + ADDED)
    assert sorted(new.removeprefix(short + ADDED).splitlines(keepends=True)) == sorted(
        [dtdev, irqs, iomem]
    )


@pytest.mark.parametrize("line", ["irqs = [34, 39]", 'iomem = ["0x9010,0x1", "0x9030,0x1"]'])
def test_what_dom0_does_not_give_is_not_added(line: str) -> None:
    """xl would refuse a domain that it creates today."""
    texts = pair("virt", CONFIG.replace(line, ""))
    for unsafe in (False, True):
        assert fixed(texts, options("virt", marked=False, unsafe=unsafe)) == texts


def test_nothing_is_added_without_the_host() -> None:
    texts = pair("virt", CONFIG.replace("34, 39", "34").replace(', "0x9030,0x1"', ""))
    assert fixed(texts, Options(release("4.20"), unsafe_fixes=True)) == texts


def test_a_key_that_is_misspelt_is_renamed_and_not_written_twice() -> None:
    texts = pair("virt", CONFIG.replace("irqs =", "irq ="))
    assert fixed(texts, options("virt"))["domu1.cfg"] == CONFIG
    texts = pair("virt", CONFIG.replace("irqs = [34, 39]", "irq = [34]"))
    assert fixed(texts, options("virt"))["domu1.cfg"] == CONFIG


def test_what_only_the_host_states_is_unsafe(rows: Rows) -> None:
    classic, alone = base("classic/domu1.cfg"), base("bare-metal/domu1.cfg")
    for folder, texts, wrong in (
        ("classic", pair("classic"), classic.replace("34, 39", "34")),
        ("bare-metal", {"domu1.cfg": alone}, alone.replace("[34]", "[]")),
    ):
        with rows(folder):
            damaged = {**texts, "domu1.cfg": wrong}
            assert fixed(damaged, options(folder)) == damaged
            assert fixed(damaged, options(folder, unsafe=True)) == texts


def test_dtdev_of_pages_is_unsafe() -> None:
    config = PROTECTED_CONFIG.replace('dtdev = ["/axi/ethernet@ff0e0000"]\n', "")
    texts = {"domu1.cfg": config.replace('device_tree = "domu1.dtb"\n', "")}
    assert fixed(texts, options("protected")) == texts
    new = fixed(texts, options("protected", unsafe=True))["domu1.cfg"]
    assert new.endswith('dtdev = ["/axi/ethernet@ff0e0000"]\n')


def test_force_is_unsafe() -> None:
    texts = pair("virt", tree=PARTIAL.replace(FORCE, ""))
    assert fixed(texts, options("virt")) == texts
    new = fixed(texts, options("virt", unsafe=True))["domu1.dts"]
    lines = [line.strip() for line in new.splitlines()]
    assert lines.count("xen,force-assign-without-iommu;") == 2
    assert sorted(lines) == sorted(line.strip() for line in PARTIAL.splitlines())


def test_a_dma_master_is_never_forced() -> None:
    gpu = PROTECTED.replace("ethernet@ff0e0000", "gpu@fd4b0000").replace("ff0e0000", "fd4b0000")
    asked = options("protected", marked=False, unsafe=True)
    texts = {"a.dts": gpu}
    codes = {finding.code for finding in session(texts, asked).report().findings}
    assert "XA413" in codes
    assert fixed(texts, asked) == texts


def test_interrupt_parent() -> None:
    """Both nodes lack it, and it is written once."""
    wrong = PARTIAL.replace(PARENT, "")
    assert fixed({"a.dts": wrong}, Options(release("4.20")))["a.dts"] == PARTIAL
    windows = wrong.replace("\n", "\r\n")
    expected = PARTIAL.replace("\n", "\r\n")
    assert fixed({"a.dts": windows}, Options(release("4.20")))["a.dts"] == expected


def test_where_a_property_is_added(rows: Rows) -> None:
    inline = "ranges; interrupt-parent = <0xfde8>; c {};\n"
    for line, expected in (
        ("ranges;\n", "ranges;\n" + PARENT),
        ("ranges; // all\n", "ranges; // all\n" + PARENT),
        ("ranges; /* all */\n", "ranges; /* all */\n" + PARENT),
        ("ranges; c {};\n", inline),
    ):
        with rows(line):
            wrong = PARTIAL.replace(PARENT, "").replace("ranges;\n", line, 1)
            right = PARTIAL.replace(PARENT, "").replace("ranges;\n", expected, 1)
            assert fixed({"a.dts": wrong}, Options(release("4.20")))["a.dts"] == right


@pytest.mark.parametrize(
    "change",
    [
        ("ranges;\n", "ranges;\n\t\t/delete-property/ interrupt-parent;\n"),
        ("interrupts = <0 7 4>;", "interrupts = <0 7>;"),
    ],
)
def test_an_interrupt_parent_that_would_not_help(change: tuple[str, str]) -> None:
    wrong = PARTIAL.replace(PARENT, "").replace(*change, 1).replace("interrupts = <0 2 4>;", "")
    assert fixed({"a.dts": wrong}, Options(release("4.20")))["a.dts"] == wrong


def test_what_is_in_a_macro_or_another_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bus = PARTIAL[PARTIAL.index("\t\tcompatible") : PARTIAL.index(PARENT)]
    Path("bus.dtsi").write_text(bus)
    for line, head in (
        ("BUS\n", f"#define BUS {bus.replace(chr(10), ' ')}\n"),
        ('/include/ "bus.dtsi"\n', ""),
    ):
        wrong = head + PARTIAL.replace(bus, line).replace(PARENT, "")
        assert fixed({"a.dts": wrong}, Options(release("4.20")))["a.dts"] == wrong


def _damaged(folder: str, chance: random.Random) -> Iterator[dict[str, str]]:
    """The files of a base without one line, without one entry of a list, and without several."""
    files = {path.name: path.read_text() for path in sorted((BASES / folder).glob("domu1.*"))}
    del files["domu1.host.dtso"]
    for name, text in files.items():
        lines = text.splitlines(keepends=True)
        for number in range(len(lines)):
            if "{" not in lines[number] and "}" not in lines[number]:
                yield {**files, name: "".join(lines[:number] + lines[number + 1 :])}
    config = files["domu1.cfg"]
    entries = [*re.finditer(r'(?<=[\[ ])("[^"]*"|\d+)(, )?(?=["\d\]])', config)]
    for match in entries:
        yield {**files, "domu1.cfg": config[: match.start()] + config[match.end() :]}
    for _ in range(5):
        gone = {name: text.splitlines(keepends=True) for name, text in files.items()}
        for lines in gone.values():
            for number in chance.sample(range(1, len(lines)), 3 if len(lines) > 3 else 1):
                if "{" not in lines[number] and "}" not in lines[number]:
                    lines[number] = "\n"
        yield {name: "".join(lines) for name, lines in gone.items()}


def _key(finding: Finding) -> tuple[str, str | None, str]:
    return finding.code, finding.node, finding.message


@pytest.mark.parametrize("folder", sorted(HOSTS))
def test_a_fix_is_final_and_does_no_harm(folder: str) -> None:
    """After --fix what it corrects is gone, no other error is there, and --fix changes nothing."""
    counted = 0
    for texts in _damaged(folder, random.Random(seed().number)):
        try:
            report = session(texts, options(folder)).report()
        except InputError:
            continue  # a line without which it is no source
        for unsafe in (False, True):
            asked = options(folder, unsafe=unsafe)
            fixes = fixable(report.documents, report.findings, unsafe)
            if not fixes:
                continue
            counted += 1
            new = fixed(texts, asked)
            after = session(new, asked).report().findings
            keys = {_key(finding) for finding in flat(after)}
            assert not keys & {_key(finding) for finding in fixes}, texts
            before = {finding.code for finding in errors(flat(report.findings))}
            assert {finding.code for finding in errors(after)} <= before, texts
    assert counted


def test_devices_without_dma_are_one_note() -> None:
    """Of a tree for xl, in which nothing forces them; generate prints one note too."""
    texts = pair("virt", tree=PARTIAL.replace(FORCE, ""))
    report = session(texts, options("virt")).report()
    (note,) = (finding for finding in report.findings if finding.code == "XA402")
    assert (note.severity, note.file, note.prop) == ("note", "domu1.cfg", "iomem")
    assert "/pl031@9010000" in note.message
    assert "/pl061@9030000" in note.message
