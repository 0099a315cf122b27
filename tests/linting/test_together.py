"""``lint --together``: files of domains that run at the same time, set against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.answers import generate
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.linting.documents import Document, document
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.request.request import Request, parse_clock_rate
from xenassign.xen.releases import DEFAULT, release

Board = Callable[[str], Tree]
ETHERNET, UART = "/axi/ethernet@ff0e0000", "/axi/serial@ff010000"


def files(tree: Tree, name: str, *devices: str) -> dict[str, bytes]:
    rate = (parse_clock_rate(f"{ETHERNET}=125000000"),) if ETHERNET in devices else ()
    request = Request(devices=devices, name=name, clock_rates=rate)
    _, made, refusals = generate(tree, request)
    assert not refusals
    return made


def together(tree: Tree, documents: Sequence[Document]) -> Report:
    return lint(documents, Options(release(DEFAULT), host=tree, together=True))


def told(report: Report) -> list[tuple[str, str | None, str | None]]:
    return [(f.code, f.file, f.prop) for f in report.findings if f.code.startswith("XA00")]


def documents(made: dict[str, bytes], *suffixes: str) -> list[Document]:
    return [document(name, data) for name, data in made.items() if name.endswith(suffixes)]


@pytest.fixture
def tree(board: Board) -> Tree:
    return board("zynqmp")


def test_domains_that_share_nothing(tree: Tree) -> None:
    made = {**files(tree, "a", ETHERNET), **files(tree, "b", UART)}
    assert not told(together(tree, documents(made, ".dtb", ".dts", ".cfg")))


def test_one_device_in_two_trees(tree: Tree) -> None:
    made = {**files(tree, "a", ETHERNET), **files(tree, "b", UART, ETHERNET)}
    report = together(tree, documents(made, ".dts"))
    assert told(report) == [(code, "b.dts", "xen,path") for code in ("XA001", "XA004", "XA005")]
    places = {f.place.line for f in report.findings if f.code.startswith("XA00") and f.place}
    (line,) = places
    assert made["b.dts"].decode().splitlines()[line - 1].strip() == f'xen,path = "{ETHERNET}";'
    assert report.verdict == {"dom0less": "rejected", "xl": "rejected"}


def test_one_device_in_two_configurations_without_trees(tree: Tree) -> None:
    made = {**files(tree, "a", ETHERNET), **files(tree, "b", ETHERNET)}
    configs = {name: data for name, data in made.items() if name.endswith(".cfg")}
    report = together(tree, documents(configs, ".cfg"))
    found = [(f.code, f.place.line) for f in report.findings if f.place and "XA00" in f.code]
    lines = made["b.cfg"].decode().splitlines()
    assert [(code, lines[line - 1].strip()) for code, line in found] == [
        ("XA001", f'"{ETHERNET}",'),
        ("XA005", f'"{ETHERNET}",'),
        ("XA004", "95,"),
        ("XA003", '"0xff0e0,0x1",'),
    ]


def test_a_configuration_and_its_tree_are_one_domain(tree: Tree) -> None:
    made = files(tree, "a", ETHERNET)
    assert not told(together(tree, documents(made, ".dtb", ".cfg")))
    both = {**made, **files(tree, "b", ETHERNET)}
    assert {file for _, file, _ in told(together(tree, documents(both, ".dtb", ".cfg")))} == {
        "b.dtb"
    }


def test_a_tree_and_its_source_are_one_domain(tree: Tree) -> None:
    assert not told(together(tree, documents(files(tree, "a", ETHERNET), ".dtb", ".dts")))


def test_without_the_option_files_are_apart(tree: Tree) -> None:
    made = {**files(tree, "a", ETHERNET), **files(tree, "b", ETHERNET)}
    assert not told(lint(documents(made, ".dts"), Options(release(DEFAULT), host=tree)))


def test_it_takes_the_board(tree: Tree, wording: Wording) -> None:
    with wording.raises(UsageError):
        lint(
            documents(files(tree, "a", ETHERNET), ".dts"),
            Options(release(DEFAULT), together=True),
        )
