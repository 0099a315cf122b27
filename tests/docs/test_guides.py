"""What the documentation says is so: its commands run, its links lead somewhere, names exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from xenassign.cli import cli
from xenassign.linting.catalogue import rules

from ..missing import skip_or_fail
from ..rows import Rows
from ..xen.machine import UnavailableError
from .commands import environment, is_shell, run_page
from .pages import (
    ELSEWHERE,
    REPOSITORY,
    SESSION,
    SHELLS,
    anchors,
    blocks,
    copy_repository,
    links,
    pages,
    prose,
    text_of,
    written,
)

PAGES = pages()
WRITTEN = [page for page in PAGES if written(page)]

#: Options of other programs that a page names.
OTHERS = {
    "docs/shell.md": {"--user"},
    "docs/boards/emulated.md": {"--document", "--keep"},
    "docs/boards/imx8.md": {"--keep", "--run"},
    "docs/boards/rpi4.md": {"--keep", "--run"},
    "docs/quickstart/README.md": {"--run"},
    "docs/editors.md": {"--install-extension"},
    "docs/real-nodes.md": {"--devices", "--seed"},
    "CONTRIBUTING.md": {
        "--auth",
        "--bind-addr",
        "--boards",
        "--check",
        "--count",
        "--devices",
        "--document",
        "--install-extension",
        "--keep",
        "--linux",
        "--only",
        "--patience",
        "--prefix",
        "--run",
        "--seed",
        "--steps",
        "--suite",
        "--update-snapshots",
    },
    "benchmarks/README.md": {
        "--boards",
        "--cache-sim",
        "--count",
        "--devices",
        "--edit",
        "--gen-config",
        "--json",
        "--lopper",
        "--old",
        "--runs",
        "--tool",
    },
    "docs/from-hand-written.md": {"--gen-config"},  # Lopper's
    "docs/imagebuilder.md": {"--gen-config"},
    "docs/system-device-tree.md": {"--gen-config", "--permissive"},
    "fixtures/host_dtbs/README.md": {"--check"},
}


def test_each_block_of_commands_says_whether_it_runs(rows: Rows) -> None:
    for page in WRITTEN:
        with rows(page):
            for block in blocks(page):
                runnable = block.language in (*SHELLS, SESSION)
                assert not block.is_run or runnable, f"{block.place}: no commands"
                if runnable:
                    assert block.parsed, (
                        f"{block.place}: no mark that says what is to be done with it"
                    )
                    assert not block.shows or block.language == "console", (
                        f"{block.place}: no output"
                    )


def test_blocks_that_something_else_runs() -> None:
    """It exists, and looks for just these."""
    named = {b.parsed["name"] for page in WRITTEN for b in blocks(page) if b.parsed} - {None}
    assert named == ELSEWHERE.keys()
    for name, file in ELSEWHERE.items():
        assert name in (REPOSITORY / file).read_text()


def _with_commands() -> list[str]:
    return [page for page in WRITTEN if any(is_shell(block) for block in blocks(page))]


@pytest.fixture(name="environment")
def _environment(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "bin")


@pytest.mark.slow
@pytest.mark.parametrize("page", _with_commands())
def test_commands(page: str, environment: dict[str, str], tmp_path: Path) -> None:
    """They do what the page says, in a copy of the repository. A ``try:`` line is run next."""
    here = copy_repository(tmp_path / "copy")
    try:
        for ran in run_page(page, here, environment):
            text = f"{ran.block.place}: {ran.command}\n{ran.printed}"
            assert ran.status == ran.expected_status, (
                f"{text}\nended with {ran.status}, not {ran.expected_status}"
            )
            assert ran.as_shown or not ran.block.shows, text
            assert ran.follows, f"{ran.block.place}: the page shows another command before it"
    except UnavailableError as error:
        skip_or_fail(f"{page}: {error}")


def _with_session() -> list[str]:
    return [page for page in WRITTEN if any(block.language == SESSION for block in blocks(page))]


@pytest.mark.parametrize("page", _with_session())
def test_session(page: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Python prints what the page shows, in a copy of the repository."""
    here = copy_repository(tmp_path / "copy")
    texts = [b.text for b in blocks(page) if b.language == SESSION and b.is_run]
    session = tmp_path / "session.txt"
    session.write_text("\n\n".join(texts), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "doctest", session],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{page}\n{done.stdout}{done.stderr}"


def test_links(rows: Rows) -> None:
    for page in PAGES:
        with rows(page):
            for link in links(page):
                name, _, anchor = link.partition("#")
                target = (REPOSITORY / page).parent / name if name else REPOSITORY / page
                assert target.exists(), f"{page}: there is no {link}"
                if anchor:
                    found = anchors(str(target.resolve().relative_to(REPOSITORY)))
                    assert anchor in found, (
                        f"{page}: {link}: no such heading; there are {sorted(found)}"
                    )


def test_the_index_has_every_page() -> None:
    index = REPOSITORY / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links("docs/README.md")}
    wanted = {REPOSITORY / page for page in WRITTEN if page.startswith("docs/")} - {index}
    assert wanted <= linked, sorted(map(str, wanted - linked))


def _options() -> Iterator[str]:
    """All long options of all commands."""
    context = click.Context(cli, **cli.context_settings)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        for parameter in [*command.params, *cli.params]:
            yield from parameter.opts
            yield from parameter.secondary_opts
    yield from ("--help", "--version")


def test_options_exist(rows: Rows) -> None:
    for page in WRITTEN:
        with rows(page):
            known = {*_options(), *OTHERS.get(page, ())}
            named = set(re.findall(r"(?<![\w-])--[a-z][\w-]+\b", text_of(page)))
            assert named <= known, f"{page}: no such options: {sorted(named - known)}"


def test_rules_exist(rows: Rows) -> None:
    for page in PAGES:
        with rows(page):
            known = {rule.code for rule in rules()}
            named = set(re.findall(r"\bXA\d{3}\b", prose(page)))
            assert not named - known, f"{page}: no such rules: {sorted(named - known)}"
