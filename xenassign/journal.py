"""Several files changed as one: all or none, whatever ends the process, SIGKILL included.

A change touches nothing before each folder that it concerns has a journal, ``.xenassign-journal``:
which files will be replaced or removed there, and the SHA-256 of their new contents. Then the new
contents are written under hidden names, old files get hidden names too, and the new ones their own.
The mark ``written`` in the journal of the first folder commits the change; until then the old files
are kept. In the end no hidden file is left.

A journal is locked (flock) by the process that writes it. One that is not locked was left by a
process that died: the next change in any of its folders, or :func:`recover`, first restores the old
files, or only removes hidden ones if the change was committed. A journal speaks of its own folder
only, and one that others could have written is not read.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from xenassign.errors import OutputError, reason_of
from xenassign.journal_record import NAME, WRITTEN, Entry, Record, parsed, to_line
from xenassign.process import uninterrupted

_MAX_SIZE = 64 << 20


class NewContent(NamedTuple):
    """The new content of a file, None: it is removed. ``mode``: its permissions, if not default."""

    data: bytes | None
    mode: int | None = None


def recover(folders: Iterable[Path]) -> list[Path]:
    """Undoes what processes that died left in folders; the files that were restored.

    Raises OutputError if another process writes there, or a file was changed since. A folder that
    is missing or cannot be read has nothing to recover.
    """
    restored: list[Path] = []
    for folder in folders:
        with uninterrupted(), contextlib.suppress(OSError, ValueError):  # ValueError: a NUL
            journal = _opened(_real(folder), create=False)
            if journal is not None:
                with contextlib.closing(journal):
                    restored += journal.recover()
                    journal.drop()
    return restored


@contextlib.contextmanager
def locked(folders: Iterable[Path]) -> Iterator[Locked]:
    """Locks folders, which must exist, for a change of files in them. Interruptions wait.

    What processes that died left there is undone first. Raises OSError, and OutputError if another
    process writes there or a file was changed since.
    """
    with uninterrupted(), contextlib.ExitStack() as stack:
        journals: list[_Journal] = []
        change = Locked(journals)
        try:
            for folder in dict.fromkeys(map(_real, folders)):
                journal = _opened(folder, create=True)
                assert journal is not None, "it is created"
                stack.enter_context(contextlib.closing(journal))
                journal.recover()
                journals.append(journal)
            yield change
        finally:
            if not change.pending:
                with contextlib.suppress(OSError):  # the next run removes them
                    _drop(journals)


class Locked:
    """Locked folders."""

    def __init__(self, journals: list[_Journal]) -> None:
        self._journals = journals
        #: Whether a change is neither done nor undone, so that the journals stay.
        self.pending = False

    def apply(self, changes: Mapping[Path, NewContent]) -> None:
        """Makes all changes or none; their folders are locked.

        Raises OSError after everything is as before, OutputError if it cannot be restored.
        """
        journals = self._journals
        content: dict[Path, dict[str, NewContent]] = {journal.folder: {} for journal in journals}
        for path, change in changes.items():
            content[_real(path.parent)][path.name] = change
        folders, token = tuple(map(str, content)), os.urandom(8).hex()
        self.pending = True
        try:
            for number, journal in enumerate(journals):
                files = content[journal.folder].items()
                entries = tuple(_entry(journal.folder / name, change) for name, change in files)
                journal.write(Record(token, folders, number, entries))
            for journal in journals:
                journal.stage(content[journal.folder].values())
            for journal in journals:
                journal.move()
            journals[0].commit()
        except BaseException:
            _undo(journals)
            self.pending = False
            raise
        with contextlib.suppress(OSError):  # the journals stay, and the next run removes the rest
            for journal in journals:
                journal.clean()
            self.pending = False


def _undo(journals: Iterable[_Journal]) -> list[Path]:
    """Restores the old files; those that were changed. Raises OutputError for those that stay."""
    restored: list[Path] = []
    errors: list[str] = []
    for journal in journals:
        of_folder, errors_of_folder = journal.undo()
        restored += of_folder
        errors += errors_of_folder
    if errors:
        raise OutputError(*errors)
    return restored


def _drop(journals: Sequence[_Journal]) -> None:
    """Removes journals; the first one last, since the others depend on it."""
    for journal in reversed(journals):
        journal.drop()


def _entry(path: Path, change: NewContent) -> Entry:
    digest = sha256(change.data).hexdigest() if change.data is not None else None
    return Entry(path.name, os.path.lexists(path), digest)


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


class _Journal:
    """An open and locked journal, and the changes of the files in its folder."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder, self.path = folder, folder / NAME
        self._descriptor = descriptor
        self._record: Record | None = None

    def close(self) -> None:
        os.close(self._descriptor)

    def drop(self) -> None:
        """Removes the journal. Its lock is held until it is closed."""
        _remove(self.path)

    def write(self, record: Record) -> None:
        """Writes the record to disk, before anything that it describes happens."""
        self._record = record
        _write(self._descriptor, to_line(record), 0)
        _sync(self.folder)

    def commit(self) -> None:
        """Marks the record as written. Until then the change is undone."""
        size = os.fstat(self._descriptor).st_size
        _write(self._descriptor, WRITTEN, size)

    def stage(self, changes: Iterable[NewContent]) -> None:
        """Writes the new contents under hidden names."""
        for (_, _, new, _), change in zip(self._files(), changes, strict=True):
            if change.data is not None:
                with open(new, "xb") as stream:
                    stream.write(change.data)
                    stream.flush()
                    if change.mode is not None:
                        os.fchmod(stream.fileno(), stat.S_IMODE(change.mode))
                    os.fsync(stream.fileno())  # a full disk shows now, not after the renames

    def move(self) -> None:
        """Gives the old files hidden names, and the new ones their own."""
        for entry, target, new, old in self._files():
            if entry.existed and entry.digest is not None:
                try:  # a reader sees the old file or the new one
                    os.link(target, old, follow_symlinks=False)
                except OSError:  # a file system without hard links
                    os.rename(target, old)
            elif entry.existed:
                os.rename(target, old)
            if entry.digest is not None:
                os.rename(new, target)
        _sync(self.folder)

    def undo(self) -> tuple[list[Path], list[str]]:
        """Restores the old files; those that were changed, and an error for each other one."""
        restored: list[Path] = []
        errors: list[str] = []
        for entry, target, new, old in self._files():
            try:
                if self._restore(entry, target, new, old):
                    restored.append(target)
            except OutputError as error:
                errors += error.lines
            except OSError as error:
                problem = f"{target}: cannot be restored: {reason_of(error)}"
                errors.append(f"{problem}; fix that, and run the command again")
        with contextlib.suppress(OSError):  # a disk that fails: the names are right all the same
            _sync(self.folder)
        return restored, errors

    def clean(self) -> None:
        """Removes all hidden files."""
        for _, _, new, old in self._files():
            _remove(new)
            _remove(old)

    def recover(self) -> list[Path]:
        """Ends the change of a process that died; the files that were restored.

        Afterwards the journal is empty, and those of the other folders are removed.
        """
        self._record = self._read()
        if self._record is None:
            return []
        restored: list[Path] = []
        with contextlib.ExitStack() as stack:
            others: list[_Journal] = []
            for place in self._record.folders:
                journal = _opened(Path(place), create=False) if Path(place) != self.folder else None
                if journal is not None:
                    stack.enter_context(contextlib.closing(journal))
                    journal._record = journal._read()
                    if journal._record and journal._record.token == self._record.token:
                        others.append(journal)
            if self._committed(others):
                for journal in (self, *others):
                    journal.clean()
            else:
                restored = _undo([self, *others])
            if self._record.here:  # this one is emptied before the first one is removed
                os.ftruncate(self._descriptor, 0)
            others.sort(key=lambda other: other._record.here if other._record else 0)
            _drop(others)
            os.ftruncate(self._descriptor, 0)
        self._record = None
        return restored

    def _committed(self, others: Iterable[_Journal]) -> bool:
        """Whether the change was committed, by the journal of the first folder.

        If that journal is no longer there, nothing is left to be undone.
        """
        for journal in (self, *others):
            if journal._record is not None and journal._record.here == 0:
                return journal._record.written
        return True

    def _restore(self, entry: Entry, target: Path, new: Path, old: Path) -> bool:
        """Restores one file; whether it was changed. Raises OSError, OutputError."""
        changed = False
        if os.path.lexists(old):
            changed = not os.path.lexists(target)
            if not changed and not os.path.samestat(os.lstat(target), os.lstat(old)):
                self._check_unchanged(target, old, entry)
                changed = True
            os.rename(old, target)
            _remove(old)  # rename leaves both names of one file
        elif not entry.existed and not os.path.lexists(new) and os.path.lexists(target):
            self._check_unchanged(target, None, entry)
            os.unlink(target)
            changed = True
        _remove(new)
        return changed

    def _check_unchanged(self, target: Path, old: Path | None, entry: Entry) -> None:
        """Raises OutputError if a file is not what the process that died wrote."""
        regular = stat.S_ISREG(os.lstat(target).st_mode)
        if regular and sha256(target.read_bytes()).hexdigest() == entry.digest:
            return
        before = f"its content before that run is {old}" if old else "it is new since that run"
        raise OutputError(
            f"{target}: was changed after a run of xenassign was killed; {before}; put the right"
            f" one there, and remove {self.path}"
        )

    def _files(self) -> Iterator[tuple[Entry, Path, Path, Path]]:
        """(entry, file, hidden name of its new content, hidden name of its old content)."""
        if self._record is None:
            return
        for number, entry in enumerate(self._record.entries):
            hidden = f".xenassign-{self._record.token}-{number}"
            new, old = self.folder / f"{hidden}.new", self.folder / f"{hidden}.old"
            yield entry, self.folder / entry.name, new, old

    def _read(self) -> Record | None:
        """The record; None: nothing was begun. Raises OutputError."""
        data = os.pread(self._descriptor, _MAX_SIZE, 0)
        try:
            return parsed(data)
        except (ValueError, TypeError, KeyError, RecursionError):
            problem = "is not a journal that xenassign wrote; remove it"
            raise OutputError(f"{self.path}: {problem}") from None


def _opened(folder: Path, create: bool) -> _Journal | None:
    """The journal of a folder, locked. None if there is none and it is not to be created.

    Raises OutputError if it is locked by another process, or was not written by this user.
    """
    path = folder / NAME
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        fresh = False
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            if not create:
                return None
            try:
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
                fresh = True
            except FileExistsError:
                continue
        except OSError as error:
            status = os.lstat(path)  # raises if the folder cannot be read
            _check_owner(status, path)
            raise OutputError(f"{path}: {reason_of(error)}; remove it") from None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o022:
                raise OutputError(f"{path}: others could have written it; remove it")
            _check_owner(status, path)
            _lock(descriptor, path, fresh)
            with contextlib.suppress(FileNotFoundError):  # the other process removed it
                if os.path.samestat(os.lstat(path), os.fstat(descriptor)):
                    return _Journal(folder, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _check_owner(status: os.stat_result, path: Path) -> None:
    """Raises OutputError for a journal of another user."""
    if status.st_uid != os.geteuid():
        raise OutputError(f"{path}: is another user's; run this as that user, or remove it")


def _lock(descriptor: int, path: Path, fresh: bool) -> None:
    """Locks a journal, as long as this process lives. Raises OutputError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(
            f"{path.parent}: another xenassign is writing here; run this again when it has finished"
        ) from None
    except OSError as error:
        if not fresh:  # a file system without locks: only who created it has it
            raise OutputError(
                f"{path}: {reason_of(error)}; remove it if no other xenassign is writing here"
            ) from None


def _write(descriptor: int, data: bytes, offset: int) -> None:
    """Writes to disk. Raises OSError."""
    while data:
        done = os.pwrite(descriptor, data, offset)
        data, offset = data[done:], offset + done
    os.fsync(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _sync(folder: Path) -> None:
    """Writes the names of a folder to disk, if it can be read and its file system has that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
