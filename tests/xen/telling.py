"""How files leave a machine that has nothing but a console.

What a script leaves in ``/out`` is printed as a gzipped archive in base64 between two marks, so
that damage is noticed: Xen's own lines can come between, or cut a line in two.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import re
import tarfile
from collections.abc import Sequence
from typing import NamedTuple

from .qemu import BootError

#: A function for busybox sh: ``tell`` prints what is in /out, and empties it.
TELL = """
tell() {
    echo "=== files"
    tar -C /out -cf - . | gzip | base64
    echo "=== end"
    rm -rf /out/*
}
"""

_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*")


class Told(NamedTuple):
    """What was told at once: the files by name, and the lines from which to which it was told.

    ``begin`` is the last line "=== begin" before, for what was printed on the way.
    """

    files: dict[str, bytes]
    begin: int
    first: int
    last: int


def told(lines: Sequence[str]) -> list[Told]:
    """Everything that was told in the lines of a console. Raises BootError for damage."""
    found = []
    begin = 0
    first: int | None = None
    for number, line in enumerate(lines):
        if line == "=== begin":
            begin = number
        elif line == "=== files":
            first = number
        elif line == "=== end" and first is not None:
            packed = "".join(each for each in lines[first:number] if _BASE64.fullmatch(each))
            found.append(Told(_unpacked(packed, lines[first:number]), begin, first, number))
            first = None
    return found


def _unpacked(text: str, lines: Sequence[str]) -> dict[str, bytes]:
    try:
        archive = gzip.decompress(base64.b64decode(text, validate=True))  # checks a CRC
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            return {
                member.name.removeprefix("./"): stream.read()
                for member in packed
                if (stream := packed.extractfile(member)) is not None
            }
    except (binascii.Error, OSError, EOFError, tarfile.TarError) as error:
        raise BootError(f"what a script told is damaged ({error})", lines) from None
