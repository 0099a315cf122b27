"""The other end of a serial port: it answers each line with the line and the speed of the port.

QEMU sets the speed of a terminal to that which the guest's driver has programmed, so the answer
shows it. A line ``hello`` is answered with ``hello at 115200``.
"""

from __future__ import annotations

import os
import select
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

_SPEEDS = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name[0] == "B" and name[1:].isdigit()
}


@contextmanager
def echo() -> Iterator[str]:
    """The path of a terminal that answers until the end of the block."""
    master, slave = os.openpty()
    tty.setraw(slave)
    closing, close = os.pipe()
    thread = threading.Thread(target=_answer, args=(master, closing), daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(close, b"!")
        thread.join()
        for each in (master, slave, closing, close):
            os.close(each)


def _answer(master: int, closing: int) -> None:
    rest = b""
    while closing not in select.select([master, closing], [], [])[0]:
        *lines, rest = (rest + os.read(master, 1024)).replace(b"\r", b"\n").split(b"\n")
        for line in filter(None, lines):
            speed = _SPEEDS[termios.tcgetattr(master)[5]]
            os.write(master, b"%s at %d\n" % (line, speed))
