"""Writing of files, all or none: an error leaves everything as it was."""

from __future__ import annotations

import contextlib
import os
import types
from collections.abc import Mapping
from pathlib import Path

from xenassign.errors import OutputError, reason_of

_NO_FILES: Mapping[Path, bytes] = types.MappingProxyType({})


def write(
    files: dict[str, bytes],
    directory: Path,
    overwrite: bool,
    elsewhere: Mapping[Path, bytes] = _NO_FILES,
    replaced: Mapping[Path, bytes] = _NO_FILES,
) -> list[Path]:
    """Writes files into a directory, all or none, and gives their paths. Raises OutputError.

    The directory and missing folders above it are created. A name may have one folder
    (``rev1/domu1.dtb``). ``elsewhere``: further files by their paths; ``replaced``: files that
    replace existing ones without ``overwrite`` (the lock). All files are written to disk under
    temporary names, then renamed; if a rename fails, the replaced files are restored.
    """

    def another(path: Path) -> str:
        return "another name" if path in elsewhere else "another -o"

    created: list[Path] = []
    try:
        _check_places([*(directory / name for name in files), *elsewhere, *replaced])
        new = {**{directory / name: data for name, data in files.items()}, **elsewhere}
        contents = {**new, **replaced}
        for folder in dict.fromkeys([directory, *(path.parent for path in contents)]):
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            created[:0] = missing  # the deepest first
            folder.mkdir(parents=True, exist_ok=True)
        blocked = [path for path in contents if path.is_dir()]
        if blocked:
            raise OutputError(
                f"{blocked[0]}: is a directory; remove it or give {another(blocked[0])}"
            )
        there = [path for path in new if path.exists() or path.is_symlink()]
        if there and not overwrite:
            raise OutputError(
                f"{there[0]}: exists already; give --overwrite or {another(there[0])}"
            )
        _write_all(contents)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        where = getattr(error, "filename", None) or directory
        reason = reason_of(error)
        raise OutputError(f"{where}: cannot write: {reason}; nothing was written") from None
    finally:
        for path in created:
            with contextlib.suppress(OSError, ValueError):
                path.rmdir()  # fails, as it should, when files are in it
    return list(contents)


def _check_places(paths: list[Path]) -> None:
    """Raises OutputError if two paths lead to one file, also under different names."""
    seen: set[str] = set()
    for path in paths:
        place = os.path.join(os.path.realpath(path.parent), path.name)
        if place in seen:
            raise OutputError(f"{path}: two files would be written there; give another name")
        seen.add(place)


def replace_files(contents: dict[Path, bytes]) -> None:
    """Replaces the content of existing files, all or none. They keep their mode.

    Raises OutputError.
    """
    try:
        modes = {path.resolve(): path.stat().st_mode for path in contents}
        _write_all({path.resolve(): content for path, content in contents.items()})
        for path, mode in modes.items():
            path.chmod(mode)
    except OSError as error:
        where, reason = error.filename or next(iter(contents)), error.strerror or str(error)
        raise OutputError(f"{where}: cannot write: {reason}; nothing was written") from None


def _write_all(contents: dict[Path, bytes]) -> None:
    """Writes files under temporary names, then renames them; undoes everything on an error."""
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in contents}
    old = {path: path.with_name(f".{path.name}.{os.getpid()}.old") for path in contents}
    done: list[Path] = []
    try:
        for path, content in contents.items():
            with open(temporary[path], "xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())  # a full disk shows now, not after the renames
        for path in contents:
            if path.exists() or path.is_symlink():
                path.replace(old[path])
            done.append(path)
            temporary[path].replace(path)
    except OSError:
        for path in done:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                old[path].replace(path)
        raise
    finally:
        for path in (*temporary.values(), *old.values()):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
