"""Writers that are killed: what stands in their folders is the old files or the new ones.

    python -m tests.kills [--seed N] [--count N]

kills ``generate`` as often as asked for, at random moments and with random signals, and looks at
the folder then and after the next run. ``python -m tests.kills --steps`` kills a writer
before each of its system calls in turn, and the next run before each of its own. The tests run the
steps, and 30 of the others.
"""

from __future__ import annotations

import argparse
import builtins
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

from xenassign.files import write
from xenassign.journal import recover
from xenassign.journal_record import NAME

HOST = Path(__file__).resolve().parents[1] / "fixtures" / "host_dtbs" / "qemu-virt-gicv3.dtb"
#: The functions of Python that change files, each a system call.
CALLS = ("open", "pwrite", "fsync", "link", "rename", "unlink", "ftruncate", "fchmod")
_NEVER = -1
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

Folders = dict[str, bytes]


def content(*folders: Path) -> Folders:
    """The files of folders, hidden ones too; links by what they lead to."""
    return {
        f"{path.parent.name}/{path.name}": os.fsencode(os.readlink(path))
        if path.is_symlink()
        else path.read_bytes()
        for folder in folders
        for path in sorted(folder.iterdir())
    }


# ---------------------------------------------------------------------- every step


class Set:
    """Files in two folders, and a change of them: new, replaced and removed ones, and a link."""

    def __init__(self, root: Path) -> None:
        self.out, self.lock = root / "out", root / "config"
        for folder in (self.out, self.lock):
            folder.mkdir(parents=True)
        for name in ("a.dtb", "a.cfg", "stale.cfg", "mine.txt"):
            (self.out / name).write_bytes(b"old " + name.encode())
        (self.out / "a.dts").symlink_to("mine.txt")
        (self.lock / "x.lock").write_bytes(b"old lock")

    def change(self) -> None:
        files = {name: b"new " + name.encode() for name in ("a.dtb", "a.cfg", "a.dts", "a.json")}
        lock = {self.lock / "x.lock": b"new lock"}
        write(files, self.out, True, replaced=lock, removed=[self.out / "stale.cfg"])

    def recover(self, *folders: Path) -> None:
        recover(folders or (self.out, self.lock))

    def content(self) -> Folders:
        return content(self.out, self.lock)


def killed(action: Callable[[], None], at: int) -> bool:
    """Runs an action in a process that is killed before its call number ``at`` (from 0).

    Whether it was killed; if not, it has no such call. What it would write is half written.
    """
    process = os.fork()
    if process == 0:
        try:
            _count_down(at)
            action()
        finally:
            os._exit(0)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def _count_down(at: int) -> None:
    left = at

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                if real is pwrite:
                    pwrite(arguments[0], arguments[1][: len(arguments[1]) // 2], arguments[2])
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return real(*arguments, **options)

        return call

    pwrite = os.pwrite
    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    builtins.open = counted(builtins.open)


def steps(root: Path, again: bool, links: bool = True) -> Iterator[str]:
    """Kills at each step, and recovers from either folder; the failures, last the number of kills.

    ``again``: each recovery is killed at each of its steps too, and done once more. ``links``: the
    file system has hard links.
    """
    real = os.link if links else Mock(side_effect=PermissionError(1, "no hard links"))
    # A kill loses nothing that is not on the disk yet.
    with patch("os.fsync"), patch("os.link", real):
        yield from _steps(root, again)


def _steps(root: Path, again: bool) -> Iterator[str]:
    changed = Set(root / "new")
    changed.change()
    wholes = Set(root / "old").content(), changed.content()
    kills = 0
    for at in itertools.count():
        if not killed(Set(root / f"{at}").change, at):
            break
        for first in ("out", "lock"):
            stopped = True
            for step in itertools.count() if again else (_NEVER,):
                place = Set(root / f"{at}-{first}-{step}")
                killed(place.change, at)
                stopped = killed(partial(place.recover, getattr(place, first)), step)
                kills += 1 + stopped
                place.recover()
                if place.content() not in wholes:
                    yield f"call {at}, recovery from {first} until {step}: {place.content()}"
                place.change()
                if place.content() != wholes[1]:
                    yield f"call {at}, recovery from {first} until {step}, next run"
                if not stopped:
                    break
    yield f"{kills} kills"


# ---------------------------------------------------------------------- random moments


def _generate(out: Path, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "xenassign", "generate", str(HOST), "-o", str(out), "-q"]
    return [*command, "--memory", "256", "--vcpus", "1", *arguments]


_REQUESTS = (("-d", "/pl031@9010000"), ("-d", "/pl061@9030000", "--no-vpl011"))


def moments(root: Path, seed: int, count: int) -> Iterator[str]:
    """Kills at random moments; the failures, and last the number of kills by what they left."""
    chance = random.Random(seed)
    sets = []
    for number, request in enumerate(_REQUESTS):
        folder = root / f"{number}" / "out"
        subprocess.run(_generate(folder, *request), check=True)
        sets.append(content(folder))
    out, seconds = root / "out", 0.0
    left = {"old": 0, "new": 0, "mixed, then restored": 0}
    current = 0
    subprocess.run(_generate(out, *_REQUESTS[0]), check=True)
    for number in range(count):
        goal = 1 - current
        number_of_signal = chance.choice([signal.SIGKILL, signal.SIGKILL, *STATUS])
        begin = time.monotonic()
        process = subprocess.Popen(
            _generate(out, *_REQUESTS[goal], "--overwrite"), stderr=subprocess.PIPE, text=True
        )
        if chance.random() < 0.3:
            while number_of_signal != signal.SIGKILL and not _handles_signals(process):
                time.sleep(0.001)
            time.sleep(chance.random() * seconds)
        else:  # while it writes
            while process.poll() is None and not (out / NAME).exists():
                time.sleep(0.0001)
            time.sleep(chance.random() * 0.02)
        process.send_signal(number_of_signal)
        _, errors = process.communicate()
        seconds = max(seconds, time.monotonic() - begin)
        files = content(out)
        yield from _judged(process.returncode, number_of_signal, errors, files in sets)
        if files not in sets:
            subprocess.run(_generate(out, *_REQUESTS[goal]), check=False, capture_output=True)
            left["mixed, then restored"] += content(out) != files
            files = content(out)
        if files not in sets:
            yield f"kill {number}: {sorted(files)}"
            return
        left["new" if files == sets[goal] else "old"] += 1
        current = sets.index(files)
    yield f"{left}"


def _handles_signals(process: subprocess.Popen[str]) -> bool:
    """Whether a process is over, or handles SIGTERM.

    While Python itself starts, it handles only SIGINT, with a traceback.
    """
    if process.poll() is not None:
        return True
    status = Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = (
        int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt")
    )
    return bool(mask >> (signal.SIGTERM - 1) & 1)


def _judged(status: int, number: signal.Signals, errors: str, whole: bool) -> Iterator[str]:
    """What is wrong about the end of a process that was sent a signal."""
    if number == signal.SIGKILL:
        return
    if not whole:
        yield f"{number.name} leaves a mixed set"
    lines = errors.splitlines()
    if status not in (0, STATUS[number], -number) or "Traceback" in errors or len(lines) > 2:
        yield f"{number.name}: exit status {status}: {errors}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--steps", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        lines = list(
            steps(Path(root), again=True)
            if options.steps
            else moments(Path(root), options.seed, options.count)
        )
    print(*lines, sep="\n")
    sys.exit(len(lines) > 1)


if __name__ == "__main__":
    main()
