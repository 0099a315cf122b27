"""Every list that a user can write is read in linear time: the steps are counted, not the seconds.

The inputs are those of the benchmark ``growth``, with few entries. Python's lines are the steps,
so what a single operation of Python does to a whole list is not seen here but by the benchmark.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import Mock

import pytest

from benchmarks.growing import INPUTS, Input
from benchmarks.synthetic import board, device_path
from xenassign import Request, generate
from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.linting.documents import document, read_document, read_tree_file
from xenassign.linting.fixes import fixes_of
from xenassign.linting.linter import Options, lint
from xenassign.server.protocol import Service
from xenassign.xen.releases import release


def _steps(action: Callable[[], object]) -> int:
    """The lines of Python that an action runs."""
    count = 0

    def local(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    before = sys.gettrace()
    sys.settrace(lambda frame, event, _: local)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def _run(arguments: list[str]) -> None:
    """Runs a command in this process."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        cli.main(arguments, prog_name="xenassign", standalone_mode=False)


def _ratio(counted: list[int]) -> float:
    """The steps of the last entries as a multiple of those of half as many entries before them."""
    few, some, many = counted
    return (many - some) / max(some - few, 1)


@pytest.mark.parametrize("growing", INPUTS, ids=lambda growing: growing.title)
def test_twice_the_entries_take_twice_the_steps(
    growing: Input, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _run(growing.write(tmp_path, growing.few))  # what is read only once
    counted = []
    for count in (growing.few, 2 * growing.few, 4 * growing.few):
        arguments = growing.write(tmp_path, count)
        counted.append(_steps(lambda arguments=arguments: _run(arguments)))  # type: ignore[misc]
    assert _ratio(counted) < 2.6, counted


def test_an_editor_gets_twice_the_findings_in_twice_the_steps(tmp_path: Path) -> None:
    """Each finding is about a node of one large file, and about a list of another."""
    (write,) = (each.write for each in INPUTS if "that iomem lacks" in each.title)
    counted = []
    for count in (120, 240, 480):
        folder = tmp_path / str(count)
        folder.mkdir()
        write(folder, count)
        path = str(folder / "d.dts")
        server = Mock()
        server.workspace.position_encoding = "utf-16"
        service = Service(server)
        service.files.set_text(path, Path(path).read_text())
        analysis = service.analysis(path)
        shown = service.diagnostics(analysis)  # what is read only once
        counted.append(_steps(lambda s=service, a=analysis: s.diagnostics(a)))  # type: ignore[misc]
        assert sum(d.code == "XA220" and bool(d.related_information) for d in shown) == count
    assert _ratio(counted) < 2.6, counted


def test_a_long_text_is_not_read_for_each_fix() -> None:
    """Seconds, since one operation of Python reads it: they do not depend on the findings."""
    node = 'n{0} {{ reg = <0 {0} 0 1>; interrupts = <0 {0} 4>; xen,path = "/n{0}"; }};\n'
    cells = "#address-cells = <2>; #size-cells = <2>;"
    seconds = []
    for count in (2, 400):
        nodes = "".join(node.format(number) for number in range(count))
        text = f"/dts-v1/; / {{ passthrough {{ {cells} {nodes} }}; }};\n/*{'a/ ' * 1_000_000}*/\n"
        documents = [document("d.dts", text.encode())]
        findings = lint(documents, Options(release("4.20"))).findings
        begin = time.process_time()
        made = fixes_of(documents, findings, unsafe=True)
        seconds.append(time.process_time() - begin)
        assert len(made.added) == count
    few, many = seconds
    assert many < 5 * few + 0.5, seconds


def test_steps_that_grow_with_the_square_are_seen() -> None:
    def compare(count: int) -> int:
        return sum(1 for first in range(count) for second in range(count) if first < second)

    counted = [_steps(lambda count=count: compare(count)) for count in (50, 100, 200)]  # type: ignore[misc]
    assert _ratio(counted) > 3.5


def test_a_file_is_judged_again_without_reading_the_board_again(tmp_path: Path) -> None:
    """As the language server judges a file after each edit, whatever the size of the board is."""
    counted = []
    for devices in (20, 200):
        blob = board(devices)
        made = generate(read_blob(blob), Request((device_path(4),), policy="trust"))
        assert not made.refused, made.findings
        for name, data in made.files.items():
            (tmp_path / name).write_bytes(data)
        options = Options(
            release=release("4.20"),
            host=read_blob(blob),
            overlays=(read_tree_file(str(tmp_path / "domu1.host.dtbo")),),
        )
        names = [str(tmp_path / f"domu1.{ending}") for ending in ("dts", "cfg")]
        documents = [read_document(name) for name in names]
        lint(documents, options)
        counted.append(_steps(lambda d=documents, o=options: lint(d, o)))  # type: ignore[misc]
    few, many = counted
    assert many < 1.1 * few, counted
