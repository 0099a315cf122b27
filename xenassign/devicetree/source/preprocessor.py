"""Source with C preprocessor directives: runs the system's cpp, and maps its output to the files.

cpp runs as in Linux' build of device trees, but keeps comments. Its line markers state the line and
file of each line. Columns are lost: cpp shortens spaces and expands macros. :class:`Preprocessed`
restores them by comparing the words of the expanded line with those of the line in the file: a
number that came from a macro has the place of the macro's name.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from threading import Event, Timer
from typing import NamedTuple

from xenassign.devicetree.places import Place, TextSpan
from xenassign.devicetree.tree import DevicetreeError
from xenassign.errors import reason_of
from xenassign.reading import MAX_TEXT, NotRegularError, lines_of, open_regular, record

#: Seconds for cpp. A board takes 0.1.
_SECONDS = 10
#: Further ones, for cpp and each process that it starts: seconds of the processor, bytes of memory,
#: bytes of a file that it writes (messages).
_LIMITS = (
    (resource.RLIMIT_CPU, _SECONDS),
    (resource.RLIMIT_AS, 512 << 20),
    (resource.RLIMIT_FSIZE, 16 << 20),
    (resource.RLIMIT_CORE, 0),
)

# The name of a file that cpp opens, after its quote.
_INCLUDED = re.compile(
    rb"(?:^[ \t]*#[ \t]*(?:include(?:_next)?|import)|\b__has_include(?:_next)?[ \t]*\()"
    rb"[ \t]*([\"<])([^\">\n]+)[\">]",
    re.MULTILINE,
)
#: The file of a line marker in the output, also of an #include that a macro names.
_MARKER = re.compile(rb'^# [0-9]+ "((?:[^"\\\n]|\\.)*)"', re.MULTILINE)
_COMPLAINT = re.compile(r"^(.*?):(\d+):(?:(\d+):)? (?:fatal )?error: (.*)$", re.MULTILINE)

# A string (closed or not), the call of a macro, a word or a sign.
_WORD = re.compile(
    r'"(?:[^\\"\n]|\\.)*"?|[A-Za-z_]\w*\((?:[^()]|\([^()]*\))*\)|[\w.,#@+-]+|\S', re.ASCII
)
_MAX_CHARACTERS = 1 << 18  # of a line whose words are compared
_MAX_WORDS = 200  # that are compared each with each; the time grows with the cube


class Preprocessed:
    """The output of cpp for a file, which maps columns back (a ``LineOrigins``)."""

    def __init__(self, text: str, file: str, source: str) -> None:
        self.text = text
        self._main = file
        self._folder = os.path.dirname(file)
        self._lines = {file: source.split("\n")}

    def file(self, name: str) -> str:
        """The file that a line marker names; cpp reads the main file from standard input."""
        if name == "<stdin>":
            return self._main
        return name if name.startswith("<") else os.path.join(self._folder, name)

    def column(self, file: str, line: int, expanded: str, column: int, ends: bool) -> int:
        """The column in the file for a column of the expanded line.

        ``ends``: a span ends there; otherwise one begins.
        """
        written = self._line(file, line)
        if written is None or written == expanded:
            return column
        at = column - 1
        pairs = _aligned(expanded, written)
        index = bisect_right(pairs, at - ends, key=lambda pair: pair.new.start) - 1
        if index < 0 or at - ends >= pairs[index].new.end:
            return min(column, len(written) + 1)
        new, old = pairs[index]
        if expanded[new.start : new.end] == written[old.start : old.end]:
            return old.start + at - new.start + 1
        return (old.end if ends else old.start) + 1

    def written(self, place: Place) -> str:
        """The text of the file at a place."""
        lines = [self._line(place.file, n) or "" for n in range(place.line, place.end_line + 1)]
        lines[-1] = lines[-1][: place.end_column - 1]
        lines[0] = lines[0][place.column - 1 :]
        return "\n".join(lines)

    def _line(self, file: str, line: int) -> str | None:
        if file not in self._lines:
            self._lines[file] = lines_of(file)
        lines = self._lines[file]
        return lines[line - 1] if 0 < line <= len(lines) else None


class _Pair(NamedTuple):
    """A part of an expanded line, and the part of the line in the file that it comes from."""

    new: TextSpan
    old: TextSpan


@lru_cache(maxsize=256)
def _aligned(expanded: str, written: str) -> list[_Pair]:
    """For each word of an expanded line: its columns, and those of the words it comes from.

    Empty for a line that is too long.
    """
    if max(len(expanded), len(written)) > _MAX_CHARACTERS:
        return []
    new = [TextSpan(*match.span()) for match in _WORD.finditer(expanded)]
    old = [TextSpan(*match.span()) for match in _WORD.finditer(written)]
    pairs = []
    a, b = [expanded[i:j] for i, j in new], [written[i:j] for i, j in old]
    for tag, i, j, k, m in _opcodes(a, b) if old else ():
        for n in range(i, j):
            if tag == "equal":
                pairs.append(_Pair(new[n], old[k + n - i]))
            else:  # words that replace others come from all of those
                first, last = old[min(k, len(old) - 1)], old[max(m - 1, min(k, len(old) - 1))]
                pairs.append(_Pair(new[n], TextSpan(first.start, last.end)))
    return pairs


def _opcodes(a: list[str], b: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """The operations of SequenceMatcher that make a line of another, both as words.

    What many words are between the equal ends of two lines counts as one replacement.
    """
    shorter = min(len(a), len(b))
    before = next((n for n in range(shorter) if a[n] != b[n]), shorter)
    after = next((n for n in range(shorter - before) if a[-1 - n] != b[-1 - n]), shorter - before)
    ends = len(a) - after, len(b) - after
    yield "equal", 0, before, 0, before
    if max(ends) - before > _MAX_WORDS:
        yield "replace", before, ends[0], before, ends[1]
    else:
        middle = SequenceMatcher(None, a[before : ends[0]], b[before : ends[1]], autojunk=False)
        for tag, i, j, k, m in middle.get_opcodes():
            yield tag, before + i, before + j, before + k, before + m
    yield "equal", ends[0], len(a), ends[1], len(b)


def preprocessed(data: bytes, file: str, include: Sequence[str], line: int) -> Preprocessed:
    """The output of cpp. ``line``: that of the first directive.

    Raises DevicetreeError: cpp reports an error, or is missing.
    """
    source = data.decode("utf-8", "surrogateescape")
    location = f"{file}:{line}:1"
    cpp = shutil.which("cpp")
    if cpp is None:
        problem = f"{location}: this is a preprocessor directive, and there is no cpp"
        raise DevicetreeError(
            f"{problem}; install cpp (Debian: apt-get install cpp) or give the .dtb"
        )
    folders = (os.path.dirname(file) or ".", *include)
    _check_includes(data, file, folders)
    command = [cpp, "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp", "-C"]
    command += [f"-I{os.path.abspath(path)}" for path in folders]
    try:
        output = _run([*command, "-"], data, folders[0])
    except (OSError, subprocess.SubprocessError) as error:
        raise DevicetreeError(f"{location}: cannot run cpp: {reason_of(error)}; fix that") from None
    if output.limit is not None:
        raise DevicetreeError(f"{location}: cpp {output.limit}; fix the source")
    result = Preprocessed(output.text.decode("utf-8", "surrogateescape"), file, source)
    for name in dict.fromkeys(_MARKER.findall(output.text)):
        with contextlib.suppress(OSError, ValueError):  # <built-in>
            included = result.file(os.fsdecode(name))
            record(included, included)
    complaint = _COMPLAINT.search(output.errors)
    if complaint is not None:
        name, row, column, problem = complaint.groups()
        place = f"{result.file(name)}:{row}:{column or 1}"
        missing = problem.endswith("No such file or directory")
        fix = "give the folder that has it with -I" if missing else "fix it (cpp refuses it)"
        raise DevicetreeError(f"{place}: {problem}; {fix}")
    if output.status:
        lines = (line.strip() for line in output.errors.splitlines())
        reason = next(filter(None, lines), f"it exits with {output.status}")
        raise DevicetreeError(f"{location}: cpp fails: {reason}; fix the source")
    return result


class _Output(NamedTuple):
    """What cpp wrote. ``limit``: which limit it exceeded, for messages; None if none."""

    status: int
    text: bytes
    errors: str
    limit: str | None


def _run(command: list[str], data: bytes, folder: str) -> _Output:
    """Runs cpp, with a limit for its time, memory and output.

    cpp starts another process, so the whole group is killed. The limits of the processes are for
    those that are left when xenassign itself is killed.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as errors:
        source.write(data)
        source.seek(0)
        with subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env=environment,
            start_new_session=True,
            preexec_fn=_limit_process,  # noqa: PLW1509 (it takes no lock)
        ) as process:
            late = Event()

            def end() -> None:
                late.set()
                _kill(process.pid)

            timer = Timer(_SECONDS, end)
            timer.start()
            try:
                assert process.stdout is not None
                text = process.stdout.read(MAX_TEXT + 1)
                if len(text) > MAX_TEXT:
                    _kill(process.pid)
                status = process.wait()
            finally:
                timer.cancel()
                _kill(process.pid)
        errors.seek(0)
        limit = None
        if late.is_set():
            limit = f"does not end within {_SECONDS} seconds"
        elif len(text) > MAX_TEXT:
            limit = f"writes more than {MAX_TEXT >> 20} MiB"
        return _Output(status, text, errors.read(1 << 20).decode("utf-8", "replace"), limit)


def _kill(group: int) -> None:
    """Kills all processes of a group, if there are any left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _limit_process() -> None:
    """Limits the process that is about to run a command, and all that it starts."""
    for limit, most in _LIMITS:
        _, hard = resource.getrlimit(limit)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):  # not every system has all of them
            resource.setrlimit(limit, (soft, hard))


def _check_includes(data: bytes, file: str, folders: Sequence[str]) -> None:
    """Raises DevicetreeError for an #include of a FIFO or a device, for which cpp would wait.

    ``folders``: those of -I. Names are searched for as cpp does, also those that a condition would
    skip. A name that comes from a macro is not seen; then the time limit ends cpp.
    """
    unread, seen, size = [(file, data)], set[str](), 0
    while unread:
        name, text = unread.pop()
        for match in _INCLUDED.finditer(text):
            own = [os.path.dirname(name) or "."] if match[1] == b'"' else []
            for folder in (*own, *folders):
                path = os.path.normpath(os.path.join(folder, os.fsdecode(match[2])))
                place = os.path.realpath(path)
                if place in seen:
                    break
                try:
                    with open_regular(path) as stream:
                        content = stream.read(MAX_TEXT - size + 1)
                except NotRegularError as error:
                    line = text.count(b"\n", 0, match.start(2)) + 1
                    column = match.start(2) - text.rfind(b"\n", 0, match.start(2))
                    raise DevicetreeError(
                        f"{name}:{line}:{column}: cannot read {path}: {reason_of(error)};"
                        " fix the name or the file"
                    ) from None
                except (OSError, ValueError):  # cpp looks in the next folder, or reports it
                    continue
                seen.add(place)
                size += len(content)
                if size > MAX_TEXT:
                    raise DevicetreeError(
                        f"{file}: with {path} the source has more than {MAX_TEXT >> 20} MiB;"
                        " fix the source"
                    )
                unread.append((path, content))
                break
