"""Runs every suite that hypervisors built by hand can take, and keeps what came of it.

    XENASSIGN_XEN_4_22=…/xen/xen python -m tests.xen.by_hand [WORD…]

A suite is a file of tests; those that WORDs are given for are the ones with a WORD in their name.
Which tests a hypervisor can take is decided by its options, which are in it: each test that has the
release as a parameter is run. The table of agreement is printed, and its rows take the place of
those for the same suite, release and options in docs/xen-verdicts.md. What differs is there too.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import COMPARED, DIFFERENT
from .machine import UnavailableError, built, kconfig, of_vendors, point_release
from .qemu import PATIENCE_VARIABLE

TESTS = Path(__file__).resolve().parent.parent
DOCUMENT = TESTS.parent / "docs" / "xen-verdicts.md"
#: Parameters of tests whose value is a release that was built by hand.
PARAMETERS = ("dom0less_machine", "ready", "version")
#: Limits of time are as many times longer, unless the environment says otherwise.
PATIENCE = "4"

START = "\n## By hand\n"
HEAD = f"""{START}
Hypervisors that were built from Xen's sources, with the options of `lint --kconfig` that they have.
Run by hand with `python -m tests.xen.by_hand`, which writes this table; no test repeats it.

| suite | Xen | options | cases | agreement | date |
|---|---|---|---|---|---|
"""
_ROW = re.compile(r"\| (\w+) \| (4\.\S+) \| ([^|]+) \| (\d+) \| ([^|]+) \| (\S+) \|")
_DIFFERENCE = re.compile(r"- (\w+), (4\.\S+), ([^:]+): (.*)")


class Key(NamedTuple):
    """A suite on a hypervisor."""

    suite: str
    release: str  #: 4.22.0
    options: str


class Result(NamedTuple):
    """What came of it. ``differences``: a line for each answer that is not the foretold one."""

    cases: int
    date: str
    differences: tuple[str, ...] = ()

    @property
    def agreement(self) -> str:
        """As a percentage, never rounded up to 100."""
        return f"{math.floor(1000 * (1 - len(self.differences) / self.cases)) / 10:g} %"


def hypervisor(release: str) -> tuple[str, str]:
    """The point release and the options of a hypervisor. Raises UnavailableError."""
    flavour, _, path = of_vendors().get(release, ("", release, built().get(release)))
    if path is None or not path.is_file():
        raise UnavailableError(f"no Xen {release}: {path} is no file")
    version = f"{point_release(path)}-{flavour}" if flavour else point_release(path)
    return version, ", ".join(sorted(kconfig(path))) or "default"


class Tally:
    """Selects the tests of hypervisors that were built by hand, and counts their answers."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._key: dict[str, Key] = {}  #: by test
        self._failed: set[str] = set()
        self._terminal: pytest.TerminalReporter | None = None
        self.cases: Counter[Key] = Counter()
        self.differences: dict[Key, list[str]] = defaultdict(list)

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Deselects all other tests."""
        self._terminal = config.pluginmanager.get_plugin("terminalreporter")
        for item in items:
            suite, release = item.path.stem.removeprefix("test_"), _release(item)
            if release and any(word in suite for word in self._words or [suite]):
                self._key[item.nodeid] = Key(suite, *hypervisor(release))
        config.hook.pytest_deselected(items=[i for i in items if i.nodeid not in self._key])
        items[:] = [item for item in items if item.nodeid in self._key]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds a test's answers up when it has ended."""
        key, name = self._key[report.nodeid], report.nodeid.partition("::")[2]
        if report.failed:
            self._failed.add(report.nodeid)
        if report.when != "teardown":
            return
        properties = dict(report.user_properties)
        different = json.loads(str(properties.get(DIFFERENT, "[]")))
        if report.nodeid in self._failed and not different:
            different = ["failed"]
        self.cases[key] += int(str(properties.get(COMPARED, 1)))
        for text in different:
            self.differences[key].append(f"{name}: {text}")
            if self._terminal is not None:  # a run takes long
                self._terminal.write_line(f"\n{name}: {text}")

    def results(self, date: str) -> dict[Key, Result]:
        """A result for each suite that was run."""
        return {
            key: Result(cases, date, tuple(self.differences[key]))
            for key, cases in self.cases.items()
        }


def _release(item: pytest.Item) -> str | None:
    """The hypervisor that a test is about, among those that were built by hand."""
    params: Mapping[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    values = (params.get(name) for name in PARAMETERS)
    known = {*built(), *of_vendors()}
    return next((value for value in values if isinstance(value, str) and value in known), None)


# ---------------------------------------------------------------------------- the document


def section(text: str) -> str:
    """The part of the document that is written here; nothing if it is not there."""
    return START + text.partition(START)[2] if START in text else ""


def parsed(text: str) -> dict[Key, Result]:
    """The results that the document has."""
    lines = section(text).splitlines()
    differences = defaultdict(list)
    for found in filter(None, map(_DIFFERENCE.fullmatch, lines)):
        differences[Key(*found.groups()[:3])].append(found[4])
    rows = {Key(*found.groups()[:3]): found for found in filter(None, map(_ROW.fullmatch, lines))}
    return {
        key: Result(int(found[4]), found[6], tuple(differences[key])) for key, found in rows.items()
    }


def rendered(results: Mapping[Key, Result]) -> str:
    """The part of the document with these results."""
    ordered = sorted(results.items())
    rows = (
        f"| {' | '.join(key)} | {result.cases} | {result.agreement} | {result.date} |\n"
        for key, result in ordered
    )
    differences = [
        f"- {key.suite}, {key.release}, {key.options}: {_one_line(text)}\n"
        for key, result in ordered
        for text in result.differences
    ]
    listed = ["\nWhat differs:\n\n", *differences] if differences else []
    return HEAD + "".join([*rows, *listed])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Run the suites on Xen that was built by hand.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only suites with one in the name")
    words = parser.parse_args().words
    names = [*built(), *of_vendors()]
    if not names:
        parser.error("no hypervisor: set XENASSIGN_XEN_4_22=…/xen/xen or the like")
    os.environ.setdefault(PATIENCE_VARIABLE, PATIENCE)
    try:
        for name in names:
            print(f"Xen {' with '.join(hypervisor(name))}", flush=True)
    except UnavailableError as error:
        parser.error(str(error))
    tally = Tally(words)
    status = pytest.main(["-q", "-p", "no:cacheprovider", str(TESTS / "xen")], plugins=[tally])
    results = tally.results(datetime.date.today().isoformat())
    if results:
        text = DOCUMENT.read_text()
        everything = {**parsed(text), **results}
        DOCUMENT.write_text(text.removesuffix(section(text)) + rendered(everything))
    print(rendered(results).removeprefix(HEAD))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
