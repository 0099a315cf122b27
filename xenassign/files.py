"""Writing of files, all or none: an error leaves everything as it was, and so does a kill."""

from __future__ import annotations

import contextlib
import os
import types
from collections.abc import Mapping, Sequence
from pathlib import Path

from xenassign.errors import OutputError, reason_of
from xenassign.journal import NewContent, locked
from xenassign.process import uninterrupted
from xenassign.reading import Inputs

_NO_FILES: Mapping[Path, bytes] = types.MappingProxyType({})
_NO_INPUTS: Inputs = types.MappingProxyType({})


def write(
    files: dict[str, bytes],
    directory: Path,
    overwrite: bool,
    elsewhere: Mapping[Path, bytes] = _NO_FILES,
    replaced: Mapping[Path, bytes] = _NO_FILES,
    removed: Sequence[Path] = (),
    inputs: Inputs = _NO_INPUTS,
    option: str = "-o",
) -> list[Path]:
    """Writes files into a directory, all or none, and gives their paths. Raises OutputError.

    The directory and missing folders above it are created. A name may have one folder
    (``rev1/domu1.dtb``). ``elsewhere``: further files by their paths; ``replaced``: files that
    replace existing ones without ``overwrite`` (the lock). ``removed``: existing files to remove.
    ``inputs``: files that are not replaced or removed, whatever their name: those that were read.
    ``option``: what names the file or directory, for errors.
    """
    new = {**{directory / name: data for name, data in files.items()}, **elsewhere}
    contents = {**new, **replaced}

    def another(path: Path) -> str:
        return "another name" if path in elsewhere else f"another {option}"

    created: list[Path] = []
    with uninterrupted():
        try:
            _check_places([*(directory / name for name in files), *elsewhere, *replaced, *removed])
            folders = list(dict.fromkeys([directory, *(path.parent for path in contents)]))
            for folder in folders:
                created[:0] = [path for path in (folder, *folder.parents) if not path.exists()]
                folder.mkdir(parents=True, exist_ok=True)
            with locked(folders) as change:
                for path in (*new, *removed):
                    source = _identity(path, inputs)
                    if source is not None:
                        problem = f"would replace the input file {source}; give {another(path)}"
                        raise OutputError(f"{path}: {problem}")
                for path in contents:
                    if path.is_dir():
                        problem = f"is a directory; remove it or give {another(path)}"
                        raise OutputError(f"{path}: {problem}")
                    if path.exists() and not path.is_file():
                        problem = f"is not a regular file; give {another(path)}"
                        raise OutputError(f"{path}: {problem}")
                for path in () if overwrite else new:
                    if os.path.lexists(path):
                        problem = f"exists already; give --overwrite or {another(path)}"
                        raise OutputError(f"{path}: {problem}")
                changes = {path: NewContent(data) for path, data in contents.items()}
                change.apply({**changes, **dict.fromkeys(removed, NewContent(None))})
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise _unwritten(error, directory) from None
        finally:
            for path in created:
                with contextlib.suppress(OSError, ValueError):
                    path.rmdir()  # fails, as it should, when files are in it
    return list(contents)


def _identity(path: Path, inputs: Inputs) -> str | None:
    """The input that a path leads to, maybe under another name."""
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        return inputs.get((status.st_dev, status.st_ino))
    return None


def replace_files(contents: dict[Path, bytes]) -> None:
    """Replaces the content of existing files, all or none. They keep their mode.

    Raises OutputError.
    """
    try:
        changes = {
            path.resolve(): NewContent(content, path.stat().st_mode)
            for path, content in contents.items()
        }
        with locked(path.parent for path in changes) as change:
            change.apply(changes)
    except OSError as error:
        raise _unwritten(error, next(iter(contents))) from None


def _unwritten(error: Exception, path: Path) -> OutputError:
    """The error for files of which none was written. ``path``: if the reason has no file."""
    where = getattr(error, "filename", None) or path
    return OutputError(f"{where}: cannot write: {reason_of(error)}; nothing was written")


def _check_places(paths: list[Path]) -> None:
    """Raises OutputError if two paths lead to one file, also under different names."""
    seen: set[str] = set()
    for path in paths:
        place = os.path.join(os.path.realpath(path.parent), path.name)
        if place in seen:
            raise OutputError(f"{path}: two files would be written there; give another name")
        seen.add(place)
