"""What all tests share: boards, the plans made for them, and no skip where all is required.

With ``XENASSIGN_REQUIRE=1`` (CI sets it) a test that would skip fails instead, with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.planning.decide import decide
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import (
    Accepted,
    Request,
    parse_clock_rate,
    parse_map,
    parse_memory_region,
)
from xenassign.xen.releases import UPSTREAM, release

from . import answers
from .rows import Rows, rows
from .seed import seed
from .wording import Snapshots, wording

__all__ = ["rows", "wording"]  # fixtures for all tests
# No test depends on the speed of a machine.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

REPOSITORY = Path(__file__).resolve().parent.parent
_PROPERTY = "xenassign-figures"  # figures that a test hands over, as JSON counts
FIXTURES = REPOSITORY / "fixtures" / "host_dtbs"
BOARDS = {path.stem.partition("-")[0]: path for path in sorted(FIXTURES.glob("*.dtb"))}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots", action="store_true", help="write new words to tests/snapshots"
    )


def pytest_configure(config: pytest.Config) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:  # as nohup leaves it, to all programs
            default = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
    update = bool(config.getoption("--update-snapshots"))
    config.pluginmanager.register(Snapshots(update), "snapshots")


def pytest_report_header() -> str:
    return seed().header()


#: Folders that boot Xen, walk over all real boards, or ask another program for each of many texts.
_LONG = frozenset({"bindings", "browser", "corpus", "libxlutil", "xen", "yocto"})
_LONG_MARKERS = ("corpus", "slow", "xen")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as ``quick`` what is not marked as long and stands in no folder of long tests.

    The long ones come first: at the end, when processes have nothing more to do, tests are short.
    """
    for item in items:
        folders = item.path.relative_to(REPOSITORY / "tests").parts[:-1]
        if _LONG.isdisjoint(folders) and not any(map(item.get_closest_marker, _LONG_MARKERS)):
            item.add_marker("quick")
    items.sort(key=lambda item: item.get_closest_marker("quick") is not None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A process that has run out of tests takes some of another's, whatever ``-n`` says."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("XENASSIGN_REQUIRE") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a skip is a failure here: {report.longrepr}"
    return report


_TOOLS = ("dtc", "fdtoverlay", "fdtput")


def _skip_without(error: FileNotFoundError) -> None:
    """Skips when the file that was not found is one of the tools that users may lack."""
    if error.filename in _TOOLS:
        pytest.skip(f"{error.filename} is missing: apt-get install device-tree-compiler")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    try:
        yield
    except FileNotFoundError as error:
        _skip_without(error)
        raise
    table = getattr(item, "funcargs", {}).get("rows")
    if isinstance(table, Rows):
        table.check()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: object) -> Generator[None, object, object]:
    try:
        return (yield)
    except FileNotFoundError as error:
        _skip_without(error)
        raise


@pytest.fixture
def dtc() -> str:
    """The path of dtc; a test that has xenassign call it asks for this."""
    found = shutil.which("dtc")
    if found is None:
        raise FileNotFoundError(2, "No such file or directory", "dtc")
    return found


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the source tree."""
    return REPOSITORY


@cache
def _read(name: str) -> Tree:
    return read_blob_file(BOARDS[name])


@cache
def _compile(text: str) -> Tree:
    command = ["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return read_blob(done.stdout, "board.dtb")


def _request(devices: tuple[str, ...], options: dict[str, Any]) -> Request:
    """``maps``, ``rates``, ``forced`` and the like as options, ``xen`` as a version."""
    for name in {"forced", "shared", "controls"} & options.keys():
        options[name] = tuple(
            Accepted(one) if isinstance(one, str) else one for one in options[name]
        )
    return Request(
        devices=devices,
        maps=tuple(parse_map(text) for text in options.pop("maps", ())),
        clock_rates=tuple(parse_clock_rate(text) for text in options.pop("rates", ())),
        memory_regions=tuple(parse_memory_region(text) for text in options.pop("regions", ())),
        release=release(options.pop("xen", "4.20"), options.pop("flavour", UPSTREAM)),
        **options,
    )


@pytest.fixture(scope="session")
def host_files() -> dict[str, Path]:
    """The blobs of fixtures/host_dtbs by the first word of their names."""
    return BOARDS


@pytest.fixture(scope="session")
def board() -> Callable[[str], Tree]:
    """The tree of a board."""
    return _read


@pytest.fixture(scope="session")
def variant() -> Callable[[str, str], Tree]:
    """A board with more source behind its own."""
    return lambda name, more: _compile(BOARDS[name].with_suffix(".dts").read_text() + more)


@pytest.fixture(scope="session")
def compiled() -> Callable[[str], Tree]:
    """The tree of source text."""
    return _compile


@pytest.fixture(scope="session")
def plan() -> Callable[..., DomainPlan]:
    """plan(board or tree, device…, option=…): the decisions."""

    def make(host: str | Tree, *devices: str, **options: Any) -> DomainPlan:
        tree = _read(host) if isinstance(host, str) else host
        return decide(tree, _request(devices, options))

    return make


@pytest.fixture(scope="session")
def generate() -> Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]:
    """generate(board or tree, device…, option=…): plan, files and refusals."""

    def make(
        host: str | Tree, *devices: str, **options: Any
    ) -> tuple[DomainPlan, dict[str, bytes], list[Finding]]:
        tree = _read(host) if isinstance(host, str) else host
        return answers.generate(tree, _request(devices, options))

    return make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the sums."""
    total: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                total += _counts(getattr(report, "user_properties", ()))
    if not total:
        return
    terminalreporter.section("figures")
    for line in _lines(total):
        terminalreporter.write_line(line)


def _counts(properties: Iterable[tuple[str, object]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, value in properties:
        if name == _PROPERTY:
            found.update(json.loads(str(value)))
    return found


def _lines(total: Counter[str]) -> Iterable[str]:
    """By name; names with a colon (``refused with: XA401``) in one line, most frequent first."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for name, count in total.items():
        group, colon, what = name.partition(": ")
        if colon:
            groups.setdefault(group, []).append((-count, what))
        else:
            groups.setdefault(group, []).append((-count, ""))
    for group in sorted(groups):
        entries = sorted(groups[group])
        told = [f"{what} {-count}" if what else f"{-count}" for count, what in entries]
        yield f"{group}: {', '.join(told)}"
