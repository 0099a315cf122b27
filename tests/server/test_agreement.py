"""After any edit the server says what a fresh lint says, and it keeps nothing of the edits."""

from __future__ import annotations

import gc
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

from tests.seed import seed
from xenassign.errors import XenassignError
from xenassign.linting.session import Session
from xenassign.server.domain_files import kind_of_file
from xenassign.server.open_files import Analysis, OpenFiles

#: XENASSIGN_CHANCE=10000 makes as many.
EDITS = int(os.environ.get("XENASSIGN_CHANCE", "1000"))
FILES = ("domu1.dts", "domu1.cfg", "domu1.host.dtso")

_PIECES = re.compile(r"[\w,#@-]+|\s+|[^\w\s]")


def edited(text: str, right: str, chance: random.Random) -> str:
    """A text with some words removed, doubled, or of other places; often the right one again."""
    if chance.random() < 0.4:
        return right
    words = _PIECES.findall(text)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(words))
        words[at : at + 1] = chance.choice(
            ([], [words[at]] * 2, [chance.choice(words)], [words[at], "\n"], ["0x1000"], ["0"])
        )
    return "".join(words)


def said(analysis: Analysis) -> list[str]:
    """Findings and errors, as the lint prints them."""
    if analysis.judgement is None:
        return [*analysis.errors]
    report = analysis.judgement.report
    return [*(f.text() for f in report.findings), *map(str, report.verdict.items())]


def fresh(folder: Path) -> list[str]:
    """What a new process would say of the files on disk."""
    try:
        paths = tuple(str(folder / name) for name in sorted(FILES))
        report = Session.of(paths, config=folder / "xenassign.toml").report()
    except XenassignError as error:
        return [*error.lines]
    return [*(f.text() for f in report.findings), *map(str, report.verdict.items())]


def edits(project: Path, count: int) -> Iterator[tuple[Path, str]]:
    """Random texts of the files of a domain, of one at a time."""
    chance = random.Random(seed().number)
    right = {name: (project / name).read_text() for name in FILES}
    now = dict(right)
    for _ in range(count):
        name = chance.choice(FILES)
        now[name] = edited(now[name], right[name], chance)
        yield project / name, now[name]


def objects() -> int:
    """How many objects there are."""
    gc.collect()
    return len(gc.get_objects())


def test_a_fresh_lint_agrees_after_every_edit(project: Path) -> None:
    files = OpenFiles()
    for name in FILES:
        files.set_text(str(project / name), (project / name).read_text())
    kinds = dict.fromkeys(("errors", "findings", "nothing"), 0)
    half = 0
    for number, (path, text) in enumerate(edits(project, EDITS)):
        if number == EDITS // 2:
            half = objects()
        files.set_text(str(path), text)
        analysis = files.analysis(str(path))
        path.write_text(text)
        if analysis.kind is None:  # it has become nothing for Xen
            assert kind_of_file(str(path), text) is None
            kinds["nothing"] += 1
            continue
        assert said(analysis) == fresh(project), text
        kinds["errors" if analysis.errors else "findings"] += 1
    assert min(kinds["errors"], kinds["findings"]) > EDITS // 20, kinds
    assert len(files) < 16
    assert objects() < half * 1.05


def test_nothing_stays_of_a_path_that_is_typed_in_the_marks(project: Path) -> None:
    files, marks = OpenFiles(), project / "domu1.host.dtso"
    text = marks.read_text()
    assert "/pl031@9010000" in text
    counts = []
    for number in range(120):
        typed = text.replace("/pl031@9010000", "/pl0" + "3" * number)
        files.set_text(str(marks), typed)
        assert files.analysis(str(marks)).judgement is not None
        if number % 20 == 19:
            counts.append(objects())
    assert counts[5] - counts[4] < 100, counts
