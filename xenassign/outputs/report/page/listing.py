"""The files of a plan for the report: lines of text with their parts marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

_COMMENT = r"(?P<comment>/\*.*?\*/|//.*|(?<![\w-])#.*)"
_C_COMMENT = r"(?P<comment>/\*.*?\*/|//.*)"
_STRING = r'(?P<string>"(?:[^"\\]|\\.)*")'
_NUMBER = r"(?P<number>\b0x[0-9a-fA-F]+\b|(?<![\w@-])\d+\b)"
_REFERENCE = r"(?P<reference>&[\w]+|\b[\w-]+:(?= ))"

_DTS = re.compile("|".join((_C_COMMENT, _STRING, _REFERENCE, _NUMBER)))
_SETTINGS = re.compile("|".join((_STRING, _COMMENT, _NUMBER)))
_PATTERNS = {".dts": _DTS, ".dtso": _DTS}


class Part(NamedTuple):
    """A part of a line. ``kind``: how it is shown; "": as any text."""

    kind: str
    text: str


class Listing(NamedTuple):
    """A file. ``lines`` are empty if it is for programs only; ``digest``: its SHA-256."""

    name: str
    size: int
    digest: str
    about: str
    lines: tuple[tuple[Part, ...], ...]


#: By the end of the name; the first that fits counts.
_ABOUT = {
    ".dom0less.dtso": "overlay with the domain's node in /chosen",
    ".attach.dtbo": "overlay for a running Xen",
    ".attach.dtso": "source of the overlay for a running Xen",
    ".attach.host.dtbo": "overlay that leaves the nodes out of the host's tree",
    ".attach.host.dtso": "source of the overlay that leaves the nodes out",
    ".host.dtbo": "overlay for the host's tree: the marks",
    ".host.dtso": "source of the overlay with the marks",
    ".dtb": "partial device tree",
    ".dts": "source of the partial device tree",
    "imagebuilder.cfg": "configuration of ImageBuilder",
    "imagebuilder.cmds": "commands for ImageBuilder",
    ".cfg": "domain configuration for xl",
    ".json": "the plan for other programs",
    "boot.cmd": "script for U-Boot",
    "boot.scr": "script for U-Boot, as an image",
}


def listings(files: Mapping[str, bytes]) -> list[Listing]:
    """The files in their order."""
    return [_listing(name, data) for name, data in files.items()]


def _listing(name: str, data: bytes) -> Listing:
    about = next((text for ending, text in _ABOUT.items() if name.endswith(ending)), "")
    return Listing(name, len(data), sha256(data).hexdigest(), about, tuple(_lines(name, data)))


def _lines(name: str, data: bytes) -> Iterator[tuple[Part, ...]]:
    if b"\0" in data or name.endswith(".json"):
        return
    ending = f".{name.rpartition('.')[2]}"
    pattern = _PATTERNS.get(ending, _SETTINGS)
    inside = False  # of a comment of several lines
    for line in data.decode("utf-8", "backslashreplace").splitlines():
        opens = ending in (".dts", ".dtso") and line.rfind("/*") > line.rfind("*/")
        if inside or opens:
            yield (Part("t-comment", line),)
            inside = opens or (inside and "*/" not in line)
        else:
            yield tuple(_parts(pattern, line))


def _parts(pattern: re.Pattern[str], line: str) -> Iterator[Part]:
    at = 0
    for match in pattern.finditer(line):
        if match.start() > at:
            yield Part("", line[at : match.start()])
        yield Part(f"t-{match.lastgroup}", match[0])
        at = match.end()
    if at < len(line):
        yield Part("", line[at:])
