"""Completion: by bash, zsh and fish themselves, with what they are given of boards and systems."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from xenassign.cli import cli
from xenassign.cli.completion import KINDS, kind_of
from xenassign.linting.catalogue import rules
from xenassign.xen.releases import RELEASES

from .shells import COMPLETIONS, Terminal, bash_offers, command, find, fish_offers

Offers = Callable[[str], list[str]]

#: Values that nothing is known about beforehand.
FREE = {"SIZE", "N", "TEXT", "BASE:SIZE", "COMMAND", "INTID", "ADDRESS"}

#: A line, and what stands in place of its last word after Tab. BOARD is the ZCU102's.
LINES = (
    ("gen", "generate "),
    ("generate --rou", "--route "),
    ("generate --route do", "dom0less "),
    ("generate --route=dom", "--route=dom0less "),
    ("generate --load dom0-k", "dom0-kernel="),
    ("generate --xen 4.17", "4.17 "),
    ("generate BOARD -d /axi/dma-controller@fd50", "/axi/dma-controller@fd500000 "),
    ("generate BOARD -d /axi/dma-controller", "/axi/dma-controller@f"),
    ("generate BOARD -d dma-controller@fd50", "dma-controller@fd500000 "),
    ("generate BOARD --device=/axi/dma-controller@fd50", "--device=/axi/dma-controller@fd500000 "),
    ("generate BOARD -d rtc", "rtc"),
    ("generate BOARD -d fpd_dma_c", "fpd_dma_chan1 "),
    ("generate BOARD -d serial0 -d fpd_dma_c", "fpd_dma_chan1 "),
    ("generate -c SYSTEM --allow-shared-page fpd_dma_c", "fpd_dma_chan1 "),
    ("generate -c SYSTEM --name net", "network "),
    ("generate BOARD --map wi", "window:"),
    ("generate BOARD --map fpd_dma_c", "fpd_dma_chan1="),
    ("generate BOARD --map /axi/dma-controller@fd500000=au", "/axi/dma-controller@fd500000=auto "),
    ("generate BOARD --map=fpd_dma_chan1=id", "--map=fpd_dma_chan1=identity "),
    ("inspect BOARD fpd_dma_c", "fpd_dma_chan1 "),
    ("inspect BOARD --kind eth", "ethernet "),
    ("lint --host BOARD --xen-console non", "none "),
    ("lint --select XA401,XA40", "XA401,XA40"),
    ("inspect FOLDER/sys", "FOLDER/system.toml "),
    ("generate --lock=FOLDER/sys", "--lock=FOLDER/system.toml "),
    ("generate -o FOLDER/ou", "FOLDER/out/"),
    ("generate FOLDER/none.dtb -d /ax", "/ax"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, host_files: dict[str, Path]) -> Path:
    """A short path with the ZCU102's board, a system on it, and a folder."""
    made = tmp_path_factory.mktemp("c")
    (made / "zcu.dtb").write_bytes(host_files["zynqmp"].read_bytes())
    text = 'host = "zcu.dtb"\n[[domain]]\nname = "network"\nmistake = [1'
    (made / "system.toml").write_text(text.partition("mistake")[0])
    (made / "half.toml").write_text(text)
    (made / "out").mkdir()
    return made


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    return command(bin_folder)


@pytest.fixture(scope="module")
def offers(environment: dict[str, str]) -> Offers:
    """What bash's own function has for a line."""
    return lambda line: bash_offers(environment, f"xenassign {line}")


@pytest.fixture(scope="module", params=["bash", "zsh"])
def terminal(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Terminal]:
    shell = Terminal(request.param, environment)
    yield shell
    shell.close()


def placed(text: str, folder: Path) -> str:
    names = {"BOARD": "zcu.dtb", "SYSTEM": "system.toml"}
    for word, name in names.items():
        text = text.replace(word, f"{folder}/{name}")
    return text.replace("FOLDER", str(folder))


@pytest.mark.parametrize(("line", "last"), LINES)
def test_a_shell_completes_the_word_at_the_cursor(
    terminal: Terminal, folder: Path, line: str, last: str
) -> None:
    before = placed(f"xenassign {line}", folder).rpartition(" ")[0]
    found = terminal.complete(placed(f"xenassign {line}", folder))
    assert found.rstrip() == f"{before} {placed(last, folder)}".rstrip()
    if last.endswith(("=", ":", "@f")):
        assert not found.endswith(" ")


@pytest.mark.parametrize(("line", "last"), [pair for pair in LINES if pair[1].endswith(" ")])
def test_fish_offers_the_word(
    environment: dict[str, str], folder: Path, line: str, last: str
) -> None:
    found = fish_offers(environment, placed(f"xenassign {line}", folder))
    assert list(found) == [placed(last, folder).strip()]


def test_fish_says_what_a_word_is(environment: dict[str, str], folder: Path) -> None:
    found = fish_offers(environment, f"xenassign generate {folder}/zcu.dtb -d /axi/rtc@")
    assert found == {"/axi/rtc@ffa60000": "xlnx,zynqmp-rtc"}
    assert fish_offers(environment, "xenassign explain XA401")["XA401"] == next(
        rule.title for rule in rules() if rule.code == "XA401"
    )


@pytest.mark.parametrize(("shell", "script"), [("zsh", "_xenassign"), ("fish", "xenassign.fish")])
def test_a_script_is_of_its_shell(shell: str, script: str) -> None:
    done = subprocess.run([find(shell), "-n", COMPLETIONS / script], check=False)
    assert done.returncode == 0


def test_bash_offers_commands_options_choices_and_codes(offers: Offers) -> None:
    assert offers("") == cli.list_commands(click.Context(cli))
    assert {"--device", "--map", "--help"} <= {*offers("generate --")}
    assert offers("generate --xen ") == [*RELEASES]
    assert offers("generate --iommu-policy ") == ["auto", "strict", "trust"]
    assert offers("explain ") == [rule.code for rule in rules()]
    assert offers("explain XA4") == [r.code for r in rules() if r.code.startswith("XA4")]


def test_devices_are_those_of_the_board(offers: Offers, folder: Path) -> None:
    found = offers(f"generate {folder}/zcu.dtb -d ")
    assert {"ethernet0", "/axi/ethernet@ff0e0000", "/axi/serial@ff000000"} <= {*found}
    assert len(found) == len({*found})
    assert not [name for name in found if name.startswith(("/cpus/", "/chosen", "/reserved"))]
    assert "gem3" not in found  # a label, which is offered when it is begun
    assert "gem3" in offers(f"generate {folder}/zcu.dtb -d ge")
    assert offers("generate -d ") == []
    assert offers(f"generate --host {folder}/zcu.dtb -d ethernet0") == ["ethernet0"]


def test_a_region_and_what_becomes_of_it(
    offers: Offers, tmp_path: Path, compiled_board: Callable[[str], bytes]
) -> None:
    board = tmp_path / "board.dtb"
    board.write_bytes(
        compiled_board("/dts-v1/; / { reserved-memory { pool@1000 { reg = <0x1000 1>; }; }; };")
    )
    region = "/reserved-memory/pool@1000"
    line = f"generate {board} --memory-region "
    assert offers(line) == ["map", "drop", f"{region}="]
    assert offers(f"{line}{region}=") == [f"{region}=map", f"{region}=drop"]
    assert offers(f"generate {board} -d ") == []


@pytest.fixture
def compiled_board() -> Callable[[str], bytes]:
    def compiled(text: str) -> bytes:
        told = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-"]
        return subprocess.run(told, input=text.encode(), capture_output=True, check=True).stdout

    return compiled


def test_a_board_as_source_and_a_path_that_the_shell_would_expand(
    environment: dict[str, str], folder: Path, host_files: dict[str, Path]
) -> None:
    source = host_files["zynqmp"].with_suffix(".dts")
    home = {**environment, "HOME": str(folder), "BOARDS": str(folder)}
    for name in (source, "~/zcu.dtb", "$BOARDS/zcu.dtb"):
        found = bash_offers(home, f"xenassign generate {name} -d fpd_dma_c")
        assert found == ["fpd_dma_chan1"]


def test_what_cannot_be_read_completes_nothing_in_silence(
    environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "garbage.dtb").write_bytes(b"\xd0\x0d\xfe\xed" + bytes(60))
    (tmp_path / "wrong.dts").write_text("/dts-v1/; / { a = <")
    os.mkfifo(tmp_path / "pipe")
    for host in ("garbage.dtb", "wrong.dts", "pipe", "none", "", "\0"):
        assert asked(environment, f"generate {tmp_path}/{host} -d /") == ""
    for line in ("generate - -d /", "generate -d /", f"generate -c {folder}/half.toml --name n"):
        assert asked(environment, line) == ""
    assert asked(environment, f"generate -c {folder}/half.toml --allow-shared-page /") == ""
    assert asked(environment, "no-such-command -d /") == ""


@pytest.mark.parametrize(
    ("shell", "words", "word", "answer"),
    [
        ("bash", "lint 'a\nplain,INJECTED", "2", "file,"),
        ("zsh", "lint 'a\nplain\nINJECTED", "2", "file\n\n_"),
        ("fish", "generate board.dtb -o", "a\nplain,INJECTED", "dir,"),
        ("fish", "lint ", " ", ""),  # click finds no word there
        ("bash", "lint ", "x", ""),
    ],
)
def test_the_word_is_not_in_the_answer(
    environment: dict[str, str], shell: str, words: str, word: str, answer: str
) -> None:
    """The shell completes names of files itself; a word with lines would be lines of the answer."""
    told = {**environment, "COMP_WORDS": f"xenassign {words}", "COMP_CWORD": word}
    told["_XENASSIGN_COMPLETE"] = f"{shell}_complete"
    command = [sys.executable, "-m", "xenassign"]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout.rstrip("\n")) == (0, "", answer)


def asked(environment: dict[str, str], line: str) -> str:
    """What the command answers to bash; it must not fail, complain or wait for input."""
    told = {
        **environment,
        "COMP_LINE": f"xenassign {line}".replace("\0", ""),
        "_XENASSIGN_COMPLETE": "bash_complete",
    }
    done = subprocess.run(
        [sys.executable, "-m", "xenassign"],
        env=told,
        stdin=subprocess.PIPE,
        timeout=30,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_a_board_puts_nothing_into_the_line_that_a_shell_would_act_upon(
    offers: Offers, tmp_path: Path, compiled_board: Callable[[str], bytes]
) -> None:
    blob = compiled_board(
        '/dts-v1/; / { uart@1 { compatible = "x"; }; Aart@1 { compatible = "\\e[31m"; }; };'
    )
    for evil in (b"$(id)1", b"`id`@1", b"uar;@1", b"u r@1\0"):
        (tmp_path / "board.dtb").write_bytes(blob.replace(b"Aart@1", evil[:6].ljust(6, b"0")))
        found = offers(f"generate {tmp_path}/board.dtb -d /")
        assert {*found} <= {"/uart@1"}


def test_every_value_is_of_a_kind_that_completion_knows() -> None:
    context = click.Context(cli)
    unknown = []
    for name in cli.list_commands(context):
        sub = cli.get_command(context, name)
        assert sub is not None
        for param in sub.params:
            kind = kind_of(param)
            if kind and kind not in KINDS and kind not in FREE:
                unknown.append(f"{name}: {param.opts[0]} {kind}")
    assert not unknown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_prints_the_script_that_is_installed(
    environment: dict[str, str], shell: str
) -> None:
    find("bash")  # click looks how old it is
    told = {**environment, "_XENASSIGN_COMPLETE": f"{shell}_source"}
    done = subprocess.run(["xenassign"], env=told, capture_output=True, text=True, check=True)
    script = "_xenassign" if shell == "zsh" else f"xenassign.{shell}"
    assert done.stdout.rstrip() == (COMPLETIONS / script).read_text().rstrip()


def test_nothing_of_it_is_loaded_by_other_work() -> None:
    code = (
        "import sys; from xenassign.cli import cli\n"
        "try: cli.main(['generate', '--help'], standalone_mode=False)\n"
        "finally: print('shell_completion' in ' '.join(sys.modules), file=sys.stderr)\n"
        "print('xenassign.cli.completion' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split()[-1] == "False"
