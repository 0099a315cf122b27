"""Reading of files that users name: regular files, of a limited size.

Opening a FIFO waits for somebody who writes to it, a device may never end, and opening some devices
has an effect. So what a name leads to is asked first, and again after opening.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, cast

#: Bytes of one file. Larger than the blob of any board: Linux accepts 2 MiB (MAX_FDT_SIZE).
MAX_SIZE = 64 << 20
#: Bytes of text: of a configuration, of a source with all that it includes.
MAX_TEXT = 16 << 20

#: Names of what the shell has opened already: standard input, and ``<(…)`` of bash and zsh.
_OPENED = r"/dev/(?:stdin|fd/[0-9]+)"


#: The regular files that were read, by device and inode, with the name of each.
Inputs = Mapping[tuple[int, int], str]

#: What was read of pipes, by device and inode: it can be read once only, and each change of a
#: request that is planned asks for it again.
_pipes: dict[tuple[int, int], bytes] = {}

_inputs: ContextVar[dict[tuple[int, int], str] | None] = ContextVar("inputs", default=None)

#: Texts that an editor has not saved, by the real paths of their files; None without an editor.
_unsaved: ContextVar[Mapping[str, bytes] | None] = ContextVar("unsaved", default=None)


class NotRegularError(OSError):
    """A FIFO, a device or a socket."""


@contextmanager
def recorded() -> Iterator[Inputs]:
    """The files that are read in the block, which what it writes must not replace."""
    inputs: dict[tuple[int, int], str] = {}
    token = _inputs.set(inputs)
    try:
        yield inputs
    finally:
        _inputs.reset(token)


@contextmanager
def unsaved(texts: Mapping[str, bytes]) -> Iterator[None]:
    """In the block these texts are read instead of files; they are given by real path.

    What is open there belongs to the server: a file cannot have it read the editor's messages.
    """
    token = _unsaved.set(texts)
    try:
        yield
    finally:
        _unsaved.reset(token)


def record(path: str | Path | int, name: str | Path) -> None:
    """Records a file that is read, by its path or its descriptor; ``name`` is for messages."""
    inputs = _inputs.get()
    if inputs is not None:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            inputs[status.st_dev, status.st_ino] = os.fspath(name)


def _record_name(path: str | Path) -> None:
    """Records a file that need not exist: its text is in an editor, or it cannot be read yet."""
    inputs = _inputs.get()
    try:
        record(path, path)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        if inputs is not None:
            inputs[-1, len(inputs)] = os.fspath(path)


def is_there(path: str | Path) -> bool:
    """Whether a name leads to anything; what depends on it is recorded."""
    _record_name(path)
    return os.path.exists(path)


def read(path: str | Path, most: int = MAX_SIZE) -> bytes:
    """The bytes of a file, or of a pipe that is named /dev/stdin or /dev/fd/N: at most ``most``.

    Raises OSError for a file that cannot be read or is larger, NotRegularError for what is neither,
    ValueError for a NUL in the name.
    """
    pipe = _unsaved.get() is None and re.fullmatch(_OPENED, os.fspath(path)) is not None
    status = os.stat(path) if pipe else None
    if status is None or not stat.S_ISFIFO(status.st_mode):
        with _opened(path, pipe) as stream:
            return limited(stream, most)
    key = (status.st_dev, status.st_ino)
    if key not in _pipes:
        with _opened(path, pipe) as stream:
            _pipes[key] = limited(stream)
    return limited(io.BytesIO(_pipes[key]), most)


def limited(stream: BinaryIO, most: int = MAX_SIZE) -> bytes:
    """The rest of a stream: at most ``most`` bytes. Raises OSError if there are more."""
    data = bytearray()
    while len(data) <= most:
        part: bytes | None = stream.read(most + 1 - len(data))
        if part is None:
            raise _no_data()
        if not part:
            return bytes(data)
        data += part
    raise OSError(errno.EFBIG, f"larger than {most >> 20} MiB")


def _no_data() -> OSError:
    return BlockingIOError(errno.EAGAIN, "it has no end, and no more data for now")


class _Raw(io.FileIO):
    """A file that is not waited for: no data for now is an error in the middle of it too."""

    def readinto(self, buffer: Any, /) -> int:
        size = cast("int | None", super().readinto(buffer))
        if size is None:
            raise _no_data()
        return size


def lines_of(path: str | Path) -> list[str]:
    """The lines of a text, in which bytes that are not UTF-8 are kept (surrogateescape).

    Empty if it cannot be read or is larger than MAX_TEXT.
    """
    try:
        with open_regular(path) as stream:
            return limited(stream, MAX_TEXT).decode("utf-8", "surrogateescape").split("\n")
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return []


def open_regular(path: str | Path) -> BinaryIO:
    """Opens a regular file. Raises OSError, NotRegularError and ValueError as ``read``."""
    return _opened(path, False)


def _opened(path: str | Path, pipe: bool) -> BinaryIO:
    texts = _unsaved.get()
    text = texts.get(os.path.realpath(path)) if texts else None
    if text is not None:
        _record_name(path)
        return io.BytesIO(text)
    try:
        _check(os.stat(path), pipe)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError):
        _record_name(path)
        raise
    try:
        _check(os.fstat(descriptor), pipe)
        if pipe:  # others may count as regular and wait for data all the same, as /proc/kmsg does
            os.set_blocking(descriptor, True)
        record(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return io.BufferedReader(_Raw(descriptor))


def _check(status: os.stat_result, pipe: bool) -> None:
    mode = status.st_mode
    if stat.S_ISREG(mode) or (pipe and stat.S_ISFIFO(mode)):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    kind = "FIFO" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
    raise NotRegularError(errno.EINVAL, f"a {kind}, not a regular file")
