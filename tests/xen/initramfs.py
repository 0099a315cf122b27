"""Initial RAM file systems for Linux, in the cpio format "newc" that its kernel unpacks.

An archive may follow another: files of the later one replace those of the earlier.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

#: By path without a leading slash: a file's content, or a symbolic link's target.
Files = Mapping[str, bytes | str]

_DIRECTORY, _LINK, _FILE = 0o040755, 0o120777, 0o100755


def archive(files: Files) -> bytes:
    """A cpio archive of files, all of them executable, with the directories above them."""
    entries: dict[str, tuple[int, bytes]] = {}
    for name, content in files.items():
        for above in reversed(PurePosixPath(name).parents[:-1]):
            entries.setdefault(str(above), (_DIRECTORY, b""))
        if isinstance(content, str):
            entries[name] = (_LINK, content.encode())
        else:
            entries[name] = (_FILE, content)
    entries["TRAILER!!!"] = (0, b"")
    out = bytearray()
    for inode, (name, (mode, data)) in enumerate(entries.items(), 1):
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields)
        out += name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out) + bytes(-len(out) % 512)


def modules(
    found: Mapping[str, bytes], wanted: Iterable[str]
) -> tuple[dict[str, bytes], dict[str, list[str]]]:
    """The wanted kernel modules and all that they need, each after those it needs.

    ``found`` is a kernel's modules by file name; ``wanted`` are names without ``.ko``. Returns the
    modules, decompressed, as ``NAME.ko``, and what each of them needs. A name that is not found is
    built into the kernel.
    """
    index = {_stem(name): name for name in found}
    files: dict[str, bytes] = {}
    needs: dict[str, list[str]] = {}

    def add(name: str) -> list[str]:
        """Adds one module; returns it and what it needs, itself first."""
        if _stem(name) not in index:
            return []
        file = index[_stem(name)].partition(".ko")[0] + ".ko"
        if file not in files:
            content = found[index[_stem(name)]]
            content = lzma.decompress(content) if content[:6] == b"\xfd7zXZ\0" else content
            match = re.search(rb"\0depends=([^\0]+)", content)
            above = match[1].decode().split(",") if match else []
            needs[file] = [each for one in above for each in add(one)]
            files[file] = content
        return [file, *needs[file]]

    for name in wanted:
        add(name)
    return files, needs


def _stem(name: str) -> str:
    return name.partition(".ko")[0].replace("-", "_")
