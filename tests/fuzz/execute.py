"""Command lines in this process: what they print, raise and write."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NamedTuple

#: Timers of a command, with their signals, and how many times TIMEOUT each has: CPU time, which
#: others on the machine do not take from it, and time in which it may wait.
_TIMERS = (
    (signal.ITIMER_PROF, signal.SIGPROF, 1),
    (signal.ITIMER_REAL, signal.SIGALRM, 6),
)
#: Signals that a program handles, and those of the timers.
_SIGNALS = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
    *(number for _, number, _ in _TIMERS),
)
#: Where inputs are run: in memory, where there is such a folder.
_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
#: CPU seconds that a command may take.
TIMEOUT = 10.0


class Hang(BaseException):
    """Raised into a command that does not end. No handler of errors may catch it."""


class Case(NamedTuple):
    """An input: its files by path (a path that ends with a slash is a folder), and command lines.

    A command line runs if those before it had the status 0.
    """

    files: Mapping[str, bytes]
    commands: tuple[tuple[str, ...], ...]
    stdin: bytes = b""
    environment: Mapping[str, str] = {}


class Result(NamedTuple):
    """What became of a command line. ``raised``: what went past the command, None if nothing did.

    ``written``: the files that are new or have other bytes. ``before``: the files that it ran with.
    """

    argv: tuple[str, ...]
    status: int
    out: bytes
    err: bytes
    raised: BaseException | None
    written: Mapping[str, bytes]
    before: Mapping[str, bytes]


def run(case: Case) -> list[Result]:
    """Runs the command lines of a case in a folder of their own."""
    back = os.getcwd()
    with tempfile.TemporaryDirectory(dir=_FOLDER) as folder:
        os.chdir(folder)
        try:
            lay_out(case, Path())
            results: list[Result] = []
            before = dict(case.files)
            for argv in case.commands:
                status, out, err, raised = _call(argv, case)
                after = _files(Path())
                written = {name: data for name, data in after.items() if before.get(name) != data}
                results.append(Result(argv, status, out, err, raised, written, before))
                before = after
                if status != 0 or raised is not None:
                    break
            return results
        finally:
            os.chdir(back)


def lay_out(case: Case, folder: Path) -> None:
    """Writes the files of a case."""
    for name, data in case.files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            if "/" in name:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _files(folder: Path) -> dict[str, bytes]:
    """The files of a folder, in an order that does not depend on the file system."""
    files: dict[str, bytes] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.normpath(os.path.join(parent, name))
            with open(path, "rb") as stream:
                files[path] = stream.read()
    return dict(sorted(files.items()))


def _call(argv: tuple[str, ...], case: Case) -> tuple[int, bytes, bytes, BaseException | None]:
    """(status, standard output, standard error, what was raised) of one command line."""
    from tests.fuzz.editor import session
    from xenassign.cli import main

    program = session if argv[:1] == ("server",) else main
    out, err = io.BytesIO(), io.BytesIO()
    status: object = 0
    raised: BaseException | None = None
    with _program(argv, case, out, err):
        try:
            try:
                _set_timers(TIMEOUT)
                program()
            finally:
                _set_timers(0)
        except SystemExit as error:
            status = error.code
        except (Exception, Hang) as error:
            raised = error
    code = status if isinstance(status, int) else (0 if status is None else 1)
    return code, out.getvalue(), err.getvalue(), raised


@contextlib.contextmanager
def _program(argv: tuple[str, ...], case: Case, out: io.BytesIO, err: io.BytesIO) -> Iterator[None]:
    """Streams, arguments, environment and the timers of a program.

    The streams are as Python opens them for UTF-8; XENASSIGN_DEBUG has an internal error raised.
    """
    saved = sys.stdin, sys.stdout, sys.stderr, sys.argv, dict(os.environ)
    sys.stdin = io.TextIOWrapper(io.BytesIO(case.stdin), "utf-8", "surrogateescape")
    sys.stdout = io.TextIOWrapper(out, "utf-8", "strict", write_through=True)
    sys.stderr = io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True)
    sys.argv = ["xenassign", *argv]
    os.environ.update(case.environment, XENASSIGN_DEBUG="1")
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    hook = sys.unraisablehook
    for _, number, _ in _TIMERS:
        signal.signal(number, _hang)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook
        gc.enable()  # the program, which ends soon, does without
        for stream in (sys.stdout, sys.stderr):
            stream.detach()  # what the program did not flush is not written
        sys.stdin, sys.stdout, sys.stderr, sys.argv, environment = saved
        os.environ.clear()
        os.environ.update(environment)


def _set_timers(seconds: float) -> None:
    for timer, _, times in _TIMERS:
        signal.setitimer(timer, times * seconds)


def _hang(_number: int, _frame: FrameType | None) -> None:
    raise Hang(f"more than {TIMEOUT} s")
