"""What belongs to the process: the signals that end it, and its standard streams."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

#: What a signal that a user sends says, and sets the exit status to (128 and its number, as shells
#: do). Ctrl-C, kill, and a terminal that is closed.
ENDINGS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "the terminal was closed",
}

#: The streams and the direction in which /dev/null is opened in place of a closed one.
_STREAMS = (("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))


class _Signal(BaseException):
    """A signal was received. No KeyboardInterrupt, since click prints an empty line for that."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_over = False
"""Whether the command has ended: signals no longer have an effect."""


def run(command: Callable[[], object]) -> None:
    """Runs a command, and ends the process if a signal is received: one line, and its status.

    A process whose standard output nobody reads any more ends without a word, by SIGPIPE.
    """
    global _over  # noqa: PLW0603 (there is one process)
    try:
        try:
            _handle_signals()
            _open_streams()
            command()
        finally:
            _over = True
    except _Signal as received:
        sys.exit(_end(received))


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP wait until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def say(line: str) -> None:
    """Prints a line to standard error, if that is possible."""
    from xenassign import escape

    try:
        print(escape.terminal(line), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        close(2)


def close(*descriptors: int) -> None:
    """Discards what is still to be written there: Python would try again at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


def _handle_signals() -> None:
    for number in ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup, and & in scripts, leave it
            signal.signal(number, _raise)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.unraisablehook = _unraisable


def _raise(number: int, _: FrameType | None) -> None:
    global _over  # noqa: PLW0603
    if not _over:
        _over = True
        raise _Signal(number)


def _unraisable(args: sys.UnraisableHookArgs) -> None:
    """A signal during a callback of Python itself, which would print a traceback and go on."""
    if isinstance(args.exc_value, _Signal):
        os._exit(_end(args.exc_value))
    sys.__unraisablehook__(args)


def _end(received: _Signal) -> int:
    """Says why the process ends, and returns its exit status."""
    say(f"error: {ENDINGS[signal.Signals(received.number)]}")
    return 128 + received.number


def _open_streams() -> None:
    """Opens /dev/null in place of standard streams that are closed.

    Otherwise the next file would get the number of one, and messages would be written into it. What
    would use standard input or output gets an error.
    """
    for number, (name, flags, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, flags)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115
