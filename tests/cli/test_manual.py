"""The man pages: current, without a complaint of groff, and with every word of --help."""

from __future__ import annotations

import re
import subprocess

import click
import pytest
from click.testing import CliRunner

from xenassign.cli import cli, manual

from ..missing import skip_or_fail

PAGES = manual.pages()
GROUP = click.Context(cli, info_name="xenassign", **cli.context_settings)
_PAINT = re.compile(r"\x1b\[[0-9;]*m|.\x08")


def rendered(page: str) -> str:
    """A page as man shows it. groff must have nothing to say about it."""
    told = ["groff", "-man", "-ww", "-Tutf8", "-rLL=78n"]
    try:
        done = subprocess.run(told, input=page.encode("ascii"), capture_output=True, check=False)
    except FileNotFoundError:
        skip_or_fail("groff is missing: apt-get install groff-base")
    assert (done.returncode, done.stderr) == (0, b"")
    return _PAINT.sub("", done.stdout.decode())


def joined(text: str) -> str:
    return " ".join(text.split())


def help_of(page: str) -> str:
    words = page.removesuffix(".1").split("-")[1:]
    done = CliRunner().invoke(cli, [*words, "--help"], prog_name="xenassign")
    assert done.exit_code == 0
    return done.output


def command_of(page: str) -> click.Command:
    name = page.removesuffix(".1").partition("-")[2]
    command = cli.get_command(GROUP, name) if name else cli
    assert command is not None
    return command


def test_there_is_a_page_for_every_command() -> None:
    names = [f"xenassign-{name}.1" for name in cli.list_commands(GROUP)]
    assert list(PAGES) == ["xenassign.1", *names]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_all_that_help_has(page: str) -> None:
    shown = rendered(PAGES[page])
    flat = joined(shown)
    told = help_of(page)
    names = {*re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", told)}
    assert names
    assert names <= {*re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", flat)}
    for param in command_of(page).params:
        assert joined(getattr(param, "help", None) or "") in flat
        if isinstance(param.type, click.Choice) and not param.metavar:  # else its help has them
            assert "|".join(param.type.choices) in re.sub(r" (?=\|)", "", flat)
        if param.metavar:
            assert param.metavar in flat
    for default in re.findall(r"\[default: [^\]]*\]", joined(told)):
        text = default.replace("; required]", "]")
        assert text in flat


@pytest.mark.parametrize("page", PAGES)
def test_examples_stand_as_they_are_written(page: str) -> None:
    shown = [line.strip() for line in rendered(PAGES[page]).splitlines()]
    lines = help_of(page).partition("Example:\n")[2].partition("\n\n")[0].splitlines()
    assert lines
    start = shown.index(lines[0].strip())
    assert shown[start : start + len(lines)] == [line.strip() for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_the_sentences_of_help_are_in_the_page(page: str) -> None:
    flat = joined(rendered(PAGES[page])).lower()
    text = joined((command_of(page).help or "").partition("\b")[0])
    for sentence in re.split(r"(?<=\.) (?=[A-Z])", text):
        assert sentence.removeprefix("Exit status 1: ").lower() in flat


def test_a_page_names_the_others_and_is_of_every_day() -> None:
    for name, page in PAGES.items():
        flat = joined(rendered(page)).partition("SEE ALSO")[2]
        assert {*re.findall(r"xenassign[\w-]*(?=\(1\))", flat)} == {
            other.removesuffix(".1") for other in PAGES if other != name
        }
        assert re.match(r'.\\" Written by .*\n\.TH \S+ 1 "" "xenassign ', page)


def test_exit_status_1_is_where_a_command_has_it() -> None:
    with_it = {name for name, page in PAGES.items() if "\\fB1\\fR\n" in page}
    refusing = ("complete", "explain", "generate", "plan", "report", "lint")
    assert with_it == {"xenassign.1", *(f"xenassign-{n}.1" for n in refusing)}


HOSTILE = r"""Do what \fBnobody\fR expects.

    .SH is no request, 'nor is this; a\nb \\ "quoted" -- it's 5 % ~/x ^ ` | … done.

    'tis a line. .And one. (.x) end.

    \b
    A table:
      .one   two\
      'three  \-four
"""


def test_nothing_of_a_text_is_taken_for_roff(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("odd", help=HOSTILE.replace(r"\b" + "\n", "\b\n"))
    @click.option("--x", metavar=".X\\", help=".TP 'x' \\(em and\nmore.")
    @click.argument("y")
    def odd() -> None: ...

    monkeypatch.setattr(manual, "cli", click.Group("xenassign", {"odd": odd}, help="Group. More."))
    shown = rendered(manual.pages()["xenassign-odd.1"])
    flat = joined(shown)
    for paragraph in HOSTILE.split("\n\n")[:3]:
        assert joined(paragraph) in flat
    assert " expects.\n\n " in shown
    assert "--x .X\\ .TP 'x' \\(em and more." in flat
    assert "xenassign odd [OPTION]... Y" in flat
    assert "  .one   two\\\n" in shown
    assert "  'three  \\-four\n" in shown
    assert re.findall(r"^\S.*$", shown, re.MULTILINE)[1:-1] == [
        *("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO")
    ]
