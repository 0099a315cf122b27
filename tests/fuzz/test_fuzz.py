"""Twenty thousand mutated inputs, and whether the fuzzer would see what it looks for."""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from tests.fuzz import campaign as campaigns
from tests.fuzz import execute, oracles, seeds
from tests.fuzz.campaign import campaign, judged
from tests.fuzz.execute import Case, Result
from tests.fuzz.hostile import MARK
from tests.fuzz.kinds import KINDS, case
from tests.fuzz.options import PROFILES, VALUES, Values, drawn
from tests.fuzz.oracles import hush, problems
from tests.fuzz.sections import REQUIRED, SECTIONS
from tests.xen.mutants.blob import Blob, RawNode
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.linting.options import LINT
from xenassign.outputs import sci
from xenassign.outputs.boot import HOST_TREE
from xenassign.outputs.generated import ENDINGS, NAMES
from xenassign.request import options as tables
from xenassign.request.keys.section import Section
from xenassign.request.keys.whole_file import TOP
from xenassign.server import answers, diagnostics

SEED = 20261129
INPUTS = 20_000
PARTS = 5


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_harmful_passes(part: int, repository: Path) -> None:
    """In a process of its own: what one input does to it is not done to the tests."""
    count = INPUTS // PARTS
    command = [sys.executable, "-m", "tests.fuzz", "--seed", str(SEED), "--count", str(count)]
    command += ["--first", str(part * count)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert f"{count} inputs" in done.stdout


def test_every_output_is_written_and_read() -> None:
    """An output that no profile asks for, or that has no judge, is a failure here."""
    # Agents of SCMI are stated in xenassign.toml only: tests/planning/test_sci_agents.py.
    missing = {*ENDINGS, *NAMES} - {HOST_TREE, *sci.NAMES}
    numbers = iter(range(60))
    while missing and (number := next(numbers, None)) is not None:
        made = seeds.made(Random(number))
        command = ("generate", "board.dtb", "-d", made.board.device, *seeds.REQUEST, "-o", "out")
        for profile in PROFILES:
            line = (*command, *profile)
            results, seen = judged(Case({"board.dtb": made.board.data}, (line,)))
            assert not seen
            for name in results[0].written:
                base = name.removeprefix("out/")
                missing -= {base, base.removeprefix("domu1")}
    assert not missing


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_input_depends_on_its_number_alone(kind: str) -> None:
    for index in range(8):
        assert case(1, index, kind) == case(1, index, kind)
    assert case(1, 0, kind) != case(2, 0, kind)


@pytest.mark.parametrize("table", [tables.DOMAIN, tables.BOOT, LINT])
def test_every_option_has_values(table: tuple[tables.Option, ...]) -> None:
    for option in table:
        assert option.metavar is None or option.choices or option.metavar in VALUES
        words = drawn(Random(1), [option], Values("/a", ("/a",), ("board.dtb",)))
        assert words[0].startswith("-")


def test_every_table_has_keys() -> None:
    """A table of xenassign.toml without a line in the fuzzer's list, or whose own line is wrong."""
    drawn_from = {section.header for section, _ in SECTIONS}
    todo, known = [TOP], set[str]()
    while todo:
        section = todo.pop()
        known.add(section.header)
        todo += [key.kind for key in section.keys if isinstance(key.kind, Section)]
    assert known == drawn_from
    for section, header in SECTIONS:
        required = {key.name for key in section.keys if key.required}
        stated = {line.partition(" = ")[0] for line in REQUIRED.get(header, ())}
        assert header not in REQUIRED or required - {"agent"} <= stated


def test_a_whole_system_is_accepted() -> None:
    """What is mutated has all tables of dom0less domains in force."""
    accepted = 0
    for number in range(12):
        board = seeds.made(Random(number)).board
        files = {"board.dtb": board.data, "xenassign.toml": seeds.system(board).encode()}
        line = ("generate", "-c", "xenassign.toml", "-o", "out")
        (result,) = execute.run(Case(files, (line,)))
        accepted += result.status == 0
    assert accepted > 6


def test_a_step_is_left_out_alone() -> None:
    """The other mutations choose what they chose before."""
    for index in range(50):
        whole, count = case(3, index, "options")
        if count < 2:
            continue
        shorter, same = case(3, index, "options", frozenset({0}))
        assert same == count
        words = iter(whole.commands[0])
        assert all(word in words for word in shorter.commands[0])


def _result(**changes: object) -> Result:
    fields: dict[str, object] = {
        "argv": ("generate", "board.dtb", "-o", "out"),
        "status": 0,
        "out": b"",
        "err": b"",
        "raised": None,
        "written": {},
        "before": {},
    }
    return Result(**(fields | changes))  # type: ignore[arg-type]


def _written(name: str, text: str) -> Result:
    return _result(written={f"out/{name}": text.encode()})


GOOD_SCRIPT = 'fdt addr 0x1 || setenv x 1\nif test -n "${xenassign_failed}"; then\n'


@pytest.mark.parametrize(
    ("result", "key"),
    [
        (_result(raised=ValueError("x")), "raises ValueError"),
        (_result(raised=execute.Hang()), "hang"),
        (_result(status=3), "status 3"),
        (_result(status=1, err=b"error: x\n", written={"out/a.json": b"{}"}), "written"),
        (_result(status=2), "generate silent"),
        (_result(err=b"warning: a\nINJECTED\n"), "generate stderr forged"),
        (_result(err=b"warning: a\n  ::error::INJECTED\n"), "generate stderr forged"),
        (_result(err="warning: a\u2028b\n".encode()), "generate stderr control"),
        (_result(err=b"warning: a\nanything\n"), "generate stderr line"),
        (_result(out=b"\x1b[2J\n"), "generate stdout control"),
        (_result(out="\u202e\n".encode()), "generate stdout control"),
        (_result(out=b"\xff\n"), "generate stdout encoding"),
        (_result(argv=("plan", "x", "--format", "json"), out=b"{"), "plan json"),
        (_result(argv=("lint", "--format", "text"), out=b"x\n"), "lint text line"),
        (_result(argv=("lint", "--format", "github"), out=b"::error::x\n"), "lint github line"),
        (_written("d.weird", ""), "unknown file"),
        (_written(".d.cfg.12.tmp", ""), "temporary file"),
        (_written("d.dts", '/dts-v1/; / { a = "\x1b"; };'), ".dts control"),
        (_written("d.dts", "/dts-v1/; / { a@0 = <1>; }"), ".dts unreadable"),
        (_written("d.dtb", "\xd0"), ".dtb unreadable"),
        (_written("d.cfg", 'name = "a\n'), "cfg unreadable"),
        (_written("d.cfg", 'name = "a"\nonexit = 1\n'), "cfg keys"),
        (_written("d.json", "{"), ".json unreadable"),
        (_written("x.toml", "a = "), ".toml unreadable"),
        (_written("x.toml", "INJECTED = 1"), ".toml forged"),
        (_written("x.toml", "other = 1"), "toml keys"),
        (_written("boot.cmd", f"{GOOD_SCRIPT}fdt set /a;reset;x b"), "boot.cmd command"),
        (_written("boot.cmd", f"{GOOD_SCRIPT}fdt set /a&&reset"), "boot.cmd command"),
        (_written("boot.cmd", f'{GOOD_SCRIPT}fdt set /a "${{bootcmd}}"'), "boot.cmd command"),
        (_written("boot.cmd", "fdt addr 0x1"), "boot.cmd end"),
        (_written("boot.scr", "x"), "boot.scr"),
        (_written("imagebuilder.cfg", 'A="$(b)"'), "imagebuilder.cfg line"),
        (_written("imagebuilder.cfg", "A=b;c"), "imagebuilder.cfg line"),
        (_written("imagebuilder.cmds", "fdt rm /a;reset"), "imagebuilder.cmds command"),
    ],
)  # fmt: skip
def test_a_defect_is_seen(result: Result, key: str) -> None:
    keys = [problem.key for problem in problems(Case({}, ()), [result])]
    assert any(seen.startswith(key) for seen in keys), keys


def test_the_loader_of_a_system_is_a_command_of_the_user() -> None:
    script = GOOD_SCRIPT + 'tftp 0x1 "a.dtb" || setenv x 1\n'
    written = {"out/boot.cmd": script.encode()}
    argv = ("generate", "-c", "./x.toml", "-o", "out")
    own = {"x.toml": b'[boot]\nload-with = "tftp"\n'}
    assert not list(problems(Case({}, ()), [_result(argv=argv, written=written, before=own)]))
    other = {"x.toml": b"[boot]\n"}
    (problem,) = problems(Case({}, ()), [_result(argv=argv, written=written, before=other)])
    assert problem.key == "boot.cmd command"


def test_a_source_that_differs_from_its_blob_is_seen() -> None:
    made = seeds.made(Random(1))
    files = {name: made.files[name] for name in ("domu1.dts", "domu1.dtb")}
    assert not list(problems(Case({}, ()), [_result(written=files)]))
    other = files["domu1.dts"].replace(b"simple-bus", b"simple-bud")
    (problem,) = problems(Case({}, ()), [_result(written={**files, "domu1.dts": other})])
    assert problem.key == "source and blob differ"


def test_libfdt_and_dtc_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    made = seeds.made(Random(1))
    files = {name: made.files[name] for name in ("domu1.dts", "domu1.dtb")}
    monkeypatch.setattr(oracles, "_sampled", lambda _: True)
    assert not list(problems(Case({}, ()), [_result(written=files)]))
    small, source = read_blob(Blob(RawNode("")).write()), read_source(files["domu1.dts"], "a.dts")
    monkeypatch.setattr(oracles, "read_blob", lambda *_: small)
    monkeypatch.setattr(oracles, "read_source", lambda *_: source)
    files["domu1.dts"] = b"/dts-v1/; / { a = <>; };;;"
    keys = {problem.key for problem in problems(Case({}, ()), [_result(written=files)])}
    assert keys == {"dtc refuses the source", "libfdt reads another blob"}


def test_what_an_editor_shows_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    board = seeds.made(Random(1)).board
    toml = seeds.project(board).replace(board.device, f"a\\n{MARK}")
    files = {"board.dtb": board.data}
    asked = json.dumps({"open": {"xenassign.toml": toml}, "at": [[0, 0]]}).encode()
    shown = Case(files, (("server",),), asked)
    (result,), seen = judged(shown)
    assert MARK.encode() in result.out
    assert not seen
    monkeypatch.setattr(diagnostics, "escape", SimpleNamespace(terminal=str, file_uri=str))
    assert {problem.key for problem in judged(shown)[1]} == {"server stdout forged"}
    monkeypatch.setattr(answers, "hover", {}.pop)
    assert {problem.key for problem in judged(shown)[1]} == {
        "raises TypeError in server/protocol.py hover"
    }


def test_lines_of_the_user_may_be_copied() -> None:
    result = _result(argv=("lint", "domu1.cfg", "--fix"), written={"out/d.cfg": b"# \x1b[2J\n"})
    assert list(problems(Case({}, ()), [result]))
    assert not list(problems(Case({"domu1.cfg": b"# \x1b[2J\n"}, ()), [result]))
    longer = result._replace(written={"out/d.cfg": b'dtdev = ["\x1b", "/a"]\n'})
    assert not list(problems(Case({"domu1.cfg": b'dtdev = ["\x1b"]\n'}, ()), [longer]))


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("fdt set /a b || setenv x 1", ["fdt", "", "setenv"]),
        ("fdt set '/a;b' c", ["fdt"]),
        ('fdt set "/a;b\\"c;d" e', ["fdt"]),
        ("fdt set /a\\;b", ["fdt"]),
        ("a;b&&c", ["a", "b", "", "c"]),
        ("a 'b", ["a", "open '"]),
        ('a "${b}"', ['expansion ${b}"', "a"]),
        ("a '${b}'", ["a"]),
        ("# a;b", []),
    ],
)
def test_commands_of_uboot(line: str, commands: list[str]) -> None:
    assert list(hush(line)) == commands


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Replaces the program that inputs are run with, and shortens its time."""

    def replace(main: Callable[[], None]) -> None:
        monkeypatch.setattr("xenassign.cli.main", main)

    monkeypatch.setattr(execute, "TIMEOUT", 0.6)
    monkeypatch.setattr(campaigns, "WAIT", 9.0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    used = pages * resource.getpagesize() >> 10
    monkeypatch.setattr(campaigns, "MEMORY_KIB", used + _FILLED_KIB // 4)
    monkeypatch.setattr(seeds, "warm", lambda: None)
    monkeypatch.setattr(campaigns, "case", lambda *_: (Case({}, (("inspect", "x"),)), 0))
    return replace


def _seen(count: int = 3) -> tuple[dict[str, int], str]:
    out = io.StringIO()
    summary = campaign(1, 0, count, None, 1e6, out)
    assert summary.ran == count
    return dict(summary.failures), out.getvalue()


def _loop() -> None:
    while True:
        pass


def _sleep_in_c() -> None:
    """As a program that does not come back to Python."""
    import ctypes

    ctypes.CDLL(None).sleep(60)
    time.sleep(60)


def _raise() -> None:
    raise ValueError("x")


#: More than a fork of a large process lacks of the parent's pages.
_FILLED_KIB = 200_000


def _fill() -> None:
    bytearray(range(256)) * (4 * _FILLED_KIB)


def _leave() -> None:
    os._exit(3)


def test_a_slow_machine_is_no_hang(
    program: Callable[[Callable[[], None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a command is what it computes, not what others do on the machine."""
    monkeypatch.setattr(execute, "TIMEOUT", 0.2)
    program(lambda: time.sleep(0.7))
    failures, _ = _seen(1)
    assert not failures


@pytest.mark.parametrize(
    ("main", "key"),
    [
        (_loop, "hang"),
        (_sleep_in_c, "hang"),
        (_raise, "raises ValueError"),
        (_fill, "memory"),
        (_leave, "process dies"),
    ],
)
def test_an_input_that_fails_is_shown_and_the_others_run(
    program: Callable[[Callable[[], None]], None],
    monkeypatch: pytest.MonkeyPatch,
    main: Callable[[], None],
    key: str,
) -> None:
    program(main)
    if main is _fill:  # a slow machine takes its time for that
        monkeypatch.setattr(execute, "TIMEOUT", 30.0)
        monkeypatch.setattr(campaigns, "WAIT", 90.0)
    failures, text = _seen()
    assert [name.startswith(key) for name in failures] == [True]
    assert list(failures.values()) == [3]
    assert "python -m tests.fuzz --seed 1 --only 0 --kind" in text


def test_a_program_leaves_no_handlers_of_signals() -> None:
    """With those of the program, the fuzzer itself could not be ended."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGALRM)
    before = [signal.getsignal(number) for number in signals]
    judged(Case({}, (("explain", "XA204"),)))
    assert [signal.getsignal(number) for number in signals] == before
    assert gc.isenabled()


def test_a_program_in_order_has_no_problems(
    program: Callable[[Callable[[], None]], None],
) -> None:
    program(lambda: None)
    assert _seen() == ({}, "-- 3 inputs, 0 CPU s\n")
