"""Reading the tar of ``xenassign collect``: a board's tree, and texts of its running kernel.

The tar comes from elsewhere and may be hostile. Nothing is extracted to a disk: its members are
read from memory, which the limit of a file bounds. Members that the script cannot have written are
refused: links, devices, sparse files, names that are absolute or lead upwards, a name twice.
The standard library's tarfile is not used: it takes a damaged header, except the first, for the end
of the archive, and the nodes after it would be missing without an error. It also parses forms that
are refused here, with known endless loops in some versions of Python (CVE-2019-20907,
CVE-2025-8194).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.live import MAX_ENTRIES, read_packed
from xenassign.devicetree.tree import RunningText, Tree
from xenassign.errors import InputError

_BLOCK = 512
_FOLDER = "xenassign-board/"
#: Members with texts of the running board. The others are for people.
TEXTS = ("clk_summary", "regulator_summary", "xl_info")
_MOST_TEXT = 1 << 20  # bytes of a text; clk_summary of large boards has 200 KiB
_LONGEST = 1024  # characters of a path; those of real trees have 300 at most
_FIX = "give the file that the script of `xenassign collect` wrote"


def is_tar(data: bytes) -> bool:
    """Whether a file is a tar, by the magic of its first header."""
    return data[257:262] == b"ustar"


def read_collected(data: bytes, name: str) -> Tree:
    """The tree in a tar, with the texts beside it. Raises InputError."""
    files = _files(data, name)
    folder = "device-tree/"
    live = {path.removeprefix(folder): v for path, v in files.items() if path.startswith(folder)}
    missing = dict(_missing(files.get("MISSING", b"")))
    if "fdt" in files:
        tree = read_blob(files["fdt"], name)
    elif live:
        tree = read_packed(live, name)
    else:
        why = missing.get("device-tree") or missing.get("fdt")
        reason = f" ({why})" if why else ""
        raise InputError(f"{name}: has no device tree{reason}; {_FIX}")
    for text in TEXTS:
        source = f"{text} of {name}"
        if text in files:
            if len(files[text]) > _MOST_TEXT:
                raise InputError(f"{name}: {text} is larger than {_MOST_TEXT >> 20} MiB; {_FIX}")
            content = files[text].decode(errors="backslashreplace")
            tree.running[text] = RunningText(source, content)
        else:
            problem = missing.get(text, "it is not there")
            tree.running[text] = RunningText(source, problem=problem)
    return tree


def _missing(text: bytes) -> Iterator[tuple[str, str]]:
    """(member, why) of the lines of MISSING."""
    for line in text[:_MOST_TEXT].decode(errors="backslashreplace").splitlines():
        member, colon, why = line.partition(": ")
        if colon:
            yield member, why


def _files(data: bytes, name: str) -> dict[str, bytes]:
    """The regular files below the folder of the script, by path. Raises InputError."""
    files: dict[str, bytes] = {}
    for number, member in enumerate(_members(data, name)):
        path = re.sub(r"^(?:\./)+", "", member.path)
        parts = path.rstrip("/").split("/")
        if number >= MAX_ENTRIES:
            raise InputError(f"{name}: more than {MAX_ENTRIES} files; {_FIX}")
        if (
            len(path) > _LONGEST
            or path.startswith("/")
            or "\0" in path
            or {"", ".", ".."}.intersection(parts)
        ):
            raise InputError(f"{name}: {path[:80]!r} is not the path of a file; {_FIX}")
        if member.kind == _DIRECTORY:
            continue
        if member.kind not in _REGULAR:
            raise InputError(f"{name}: {path} is neither a file nor a directory; {_FIX}")
        if not path.startswith(_FOLDER):
            raise InputError(f"{name}: {path} is not below {_FOLDER}; {_FIX}")
        path = path.removeprefix(_FOLDER)
        if path in files:
            raise InputError(f"{name}: has {path} twice; {_FIX}")
        files[path] = member.content
    return files


_REGULAR, _DIRECTORY = (b"0", b"\0"), b"5"
#: Headers about the next member: GNU's long name, and the two of pax.
_LONG_NAME, _PAX, _PAX_GLOBAL = b"L", b"x", b"g"


class _Member(NamedTuple):
    path: str
    kind: bytes
    content: bytes


def _members(data: bytes, name: str) -> Iterator[_Member]:
    """The members in the formats ustar, GNU and pax. Source: POSIX, pax; GNU tar, Basic Format."""
    at, long_name = 0, ""
    while at + _BLOCK <= len(data) and (header := data[at : at + _BLOCK]).strip(b"\0"):
        size, kind = _octal(header[124:136]), header[156:157]
        if not is_tar(header) or size is None or at + _BLOCK + size > len(data):
            raise InputError(f"{name}: is a damaged tar, at byte {at}; {_FIX}")
        content = data[at + _BLOCK : at + _BLOCK + size]
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
        if kind == _LONG_NAME:
            long_name = _text(content)
        elif kind == _PAX:
            long_name = _pax_path(content) or long_name
        elif kind != _PAX_GLOBAL:
            prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
            path = _text(header[:100])
            yield _Member(long_name or (f"{prefix}/{path}" if prefix else path), kind, content)
            long_name = ""
    if len(data) < at + _BLOCK:  # not the block of zeros that ends a tar
        raise InputError(f"{name}: is cut off, at byte {at}; {_FIX}")


def _octal(field: bytes) -> int | None:
    digits = field.strip(b" \0")
    return int(digits, 8) if re.fullmatch(rb"[0-7]{1,11}", digits) else None


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def _pax_path(content: bytes) -> str:
    """The path in a pax header, whose records are ``LENGTH path=PATH`` and a newline."""
    at = 0
    while at < len(content):
        match = re.match(rb"([0-9]{1,9}) ", content[at : at + 10])
        length = int(match[1]) if match else 0
        if match is None or length <= match.end():
            return ""
        key, _, value = content[at + match.end() : at + length - 1].partition(b"=")
        if key == b"path":
            return value.decode(errors="surrogateescape")
        at += length
    return ""
