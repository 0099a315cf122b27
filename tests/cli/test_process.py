"""What ends a process: signals at any moment, and standard streams that are closed or full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wording import Wording

pytestmark = pytest.mark.slow  # a process for each command

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
TOOL = [sys.executable, "-m", "xenassign"]
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def qemu(host_files: dict[str, Path]) -> Path:
    return host_files["qemu"]


def shell(command: str, *arguments: object) -> Done:
    """A shell's command; ``$tool`` is xenassign, ``$1`` … are arguments."""
    line = ["sh", "-c", command, "sh", *map(str, arguments)]
    environment = {**os.environ, "tool": f"{sys.executable} -m xenassign"}
    return subprocess.run(line, capture_output=True, text=True, check=False, env=environment)


def early(folder: Path, module: str, number: int) -> dict[str, str]:
    """An environment in which a module is found that sends a signal to its process."""
    folder.mkdir()
    code = f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(5)\n"
    (folder / f"{module}.py").write_text(code)
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.parametrize("module", ["click", "lark", "json"])
@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_a_signal_while_modules_load(
    tmp_path: Path, qemu: Path, module: str, number: signal.Signals, status: int
) -> None:
    source = tmp_path / "a.dts"
    source.write_text("/dts-v1/; / { };")
    commands: dict[str, list[str | Path]] = {
        "lark": ["inspect", source],
        "json": ["generate", qemu, "-d", "/pl031@9010000", "-o", tmp_path / "out"],
    }
    command = [*TOOL, *commands.get(module, ["inspect", qemu])]
    environment = early(tmp_path / "early", module, number)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_before_there_is_a_handler(tmp_path: Path) -> None:
    """The first module that is imported after Python's start is xenassign.process, by main()."""
    code = "import sys\nclass Finder:\n  def find_spec(self, name, *_):\n"
    code += "    if name == 'xenassign.process': raise KeyboardInterrupt\n"
    code += "sys.meta_path.insert(0, Finder())\nfrom xenassign.cli import main\nmain()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


def test_a_signal_in_a_callback_of_python_ends_it_too(tmp_path: Path) -> None:
    """An exception in __del__ would be printed and forgotten."""
    code = "import os, signal\nfrom xenassign import process\nclass A:\n  def __del__(self):\n"
    code += "    os.kill(os.getpid(), signal.SIGTERM)\n    sum(range(1000))\n"
    code += "def command():\n  a = A()\n  del a\n  print('goes on')\nprocess.run(command)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "error: terminated\n")


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As nohup, and & in a script, start their commands."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    code += "from xenassign import process\n"
    code += "process.run(lambda: signal.raise_signal(signal.SIGINT) or print('goes on'))\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


@pytest.mark.parametrize("command", ["inspect", "--help", "lint --list-rules"])
def test_a_reader_that_goes_away(qemu: Path, command: str) -> None:
    """Nothing is printed, and the process ends as others do, by SIGPIPE (141 in a shell)."""
    reader, writer = os.pipe()
    os.close(reader)
    arguments: list[str | Path] = [*command.split(), *([qemu] if command == "inspect" else [])]
    done = subprocess.run(
        [*TOOL, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")


@pytest.mark.parametrize("command", ["inspect $1", "--help", "--version", "explain XA204"])
def test_a_full_or_closed_standard_output(qemu: Path, command: str, wording: Wording) -> None:
    for place in ("/dev/full", "&-"):
        done = shell(f"$tool {command} >{place}", qemu)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        wording(done)


def test_a_closed_standard_input(wording: Wording) -> None:
    done = shell("$tool inspect - <&-")
    assert done.returncode == 2
    wording(done)


@pytest.mark.parametrize("place", ["/dev/full", "&-"])
def test_a_full_or_closed_standard_error_changes_no_status(qemu: Path, place: str) -> None:
    assert shell(f"$tool inspect /nowhere 2>{place}").returncode == 2
    assert shell(f"$tool inspect $1 2>{place}", qemu).returncode == 0


def test_messages_never_reach_a_file(tmp_path: Path, qemu: Path) -> None:
    """A file that is opened gets the lowest free number, which may be that of a closed stream."""
    out = tmp_path / "out"
    options = "-d /pl031@9010000 --memory 256 --vcpus 1"
    assert shell(f"$tool generate $1 -o $2 {options} -q <&- >&- 2>&-", qemu, out).returncode == 0
    plain = tmp_path / "plain"
    assert shell(f"$tool generate $1 -o $2 {options}", qemu, plain).returncode == 0
    for path in plain.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
