"""Reading of files that count as regular and have no end, or no data for now."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from xenassign import reading


def test_a_file_without_data_for_now_is_an_error() -> None:
    source, sink = os.pipe()
    os.set_blocking(source, False)
    with open(source, "rb") as stream, open(sink, "wb", buffering=0) as writer:
        writer.write(b"first")
        with pytest.raises(BlockingIOError, match="no more data for now"):
            reading.limited(stream)


def test_data_that_comes_in_parts_is_read_whole() -> None:
    class Parts(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 3))

    assert reading.limited(Parts(b"in seven parts, at least"), 100) == b"in seven parts, at least"
    with pytest.raises(OSError, match="larger than 0 MiB"):
        reading.limited(Parts(b"in seven parts, at least"), 10)


def test_a_regular_file_is_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    with reading.open_regular(tmp_path / "file") as stream:
        assert not os.get_blocking(stream.fileno())
        assert reading.limited(stream) == b"data"


def test_no_data_for_now_is_an_error_in_the_middle_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe stands for what counts as regular and waits, as /proc/kmsg does."""
    (tmp_path / "file").write_bytes(b"")
    source, sink = os.pipe()
    os.set_blocking(source, False)
    os.write(sink, b"some")
    opened = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *flags: os.dup2(source, opened(path, *flags), False)
    )
    monkeypatch.setattr(reading, "_check", lambda *_: None)
    with (
        open(sink, "wb", buffering=0),
        open(source, "rb", buffering=0),
        reading.open_regular(tmp_path / "file") as stream,
        pytest.raises(BlockingIOError, match="no more data for now"),
    ):
        stream.read(100)
