"""Writing of files, all or none: an error leaves everything as it was."""

from __future__ import annotations

import contextlib
import os
import types
from collections.abc import Mapping
from pathlib import Path

from xenassign.errors import OutputError, reason_of

#: No files.
_NOTHING: Mapping[Path, bytes] = types.MappingProxyType({})


def write(
    files: dict[str, bytes],
    directory: Path,
    overwrite: bool,
    elsewhere: Mapping[Path, bytes] = _NOTHING,
    replaced: Mapping[Path, bytes] = _NOTHING,
) -> list[Path]:
    """Writes files into a directory (made if need be), all or none. Raises OutputError.

    A name may lead into one folder below the directory (``rev1/domu1.dtb``). ``elsewhere``: what is
    written with them to other places; ``replaced``: the same (the lock), over what is there.
    Every file is written under a temporary name first; only when all are on disk they are renamed.
    Should a rename fail, the files that it replaced come back.
    """

    def another(path: Path) -> str:
        return "another name" if path in elsewhere else "another -o"

    made: list[Path] = []
    try:
        _check_places([*(directory / name for name in files), *elsewhere, *replaced])
        new = {**{directory / name: data for name, data in files.items()}, **elsewhere}
        contents = {**new, **replaced}
        for folder in dict.fromkeys([directory, *(path.parent for path in contents)]):
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            made[:0] = missing  # the deepest first
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
        for path in made:
            with contextlib.suppress(OSError, ValueError):
                path.rmdir()  # fails, as it should, when files are in it
    return list(contents)


def _check_places(paths: list[Path]) -> None:
    """Refuses two files at one place, however its name is written. Raises OutputError."""
    seen: set[str] = set()
    for path in paths:
        place = os.path.join(os.path.realpath(path.parent), path.name)
        if place in seen:
            raise OutputError(f"{path}: two files would be written there; give another name")
        seen.add(place)


def replace_files(contents: dict[Path, bytes]) -> None:
    """Gives files that exist another content, all or none; they keep their mode. OutputError."""
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
