"""Source with C preprocessor directives: runs the system's cpp, and maps its output to the files.

cpp runs as in Linux' build of device trees, but keeps comments. Its line markers state the line and
file of each line. Columns are lost: cpp shortens spaces and expands macros. :class:`Preprocessed`
restores them by comparing the words of the expanded line with those of the line in the file: a
number that came from a macro has the place of the macro's name.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from threading import Timer

from xenassign.devicetree.places import Place
from xenassign.devicetree.tree import DevicetreeError

_SECONDS = 60
_MAX_SIZE = 64 << 20

# Comments and strings (closed or not), which have no directives.
_ELSEWHERE = re.compile(r'/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:[^\\"]|\\.)*(?:"|\Z)', re.DOTALL)
_DIRECTIVE = re.compile(
    r"^[ \t]*#[ \t]*(?:include[ \t]*[\"<]|(?:define|undef|ifdef|ifndef)[ \t]+[A-Za-z_]"
    r"|if[ \t]*[\w(!+~-]|(?:error|warning|pragma)[ \t])",
    re.MULTILINE,
)
_COMPLAINT = re.compile(r"^(.*?):(\d+):(?:(\d+):)? (?:fatal )?error: (.*)$", re.MULTILINE)

# A string, the call of a macro, a word or a sign.
_WORD = re.compile(
    r'"(?:[^\\"\n]|\\.)*"|[A-Za-z_]\w*\((?:[^()]|\([^()]*\))*\)|[\w.,#@+-]+|\S', re.ASCII
)
_MAX_WORDS = 1000  # in a line that is compared; the time grows with the square


def needs_cpp(text: str) -> bool:
    """Whether source has a preprocessor directive; ``#address-cells`` is not one."""
    if _DIRECTIVE.search(text) is None:
        return False
    return _first_directive(text) > 0


def _first_directive(text: str) -> int:
    """The line of the first directive outside of comments and strings, or 0."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n") if match[0][0] == "/" else match[0][:1]

    bare = _ELSEWHERE.sub(blank, text)
    directive = _DIRECTIVE.search(bare)
    return bare.count("\n", 0, directive.start()) + 1 if directive else 0


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
        for (start, end), (first, last) in _aligned(expanded, written):
            if start < at <= end if ends else start <= at < end:
                if end - start == last - first and expanded[start:end] == written[first:last]:
                    return first + at - start + 1
                return (last if ends else first) + 1
        return column

    def written(self, place: Place) -> str:
        """The text of the file at a place."""
        lines = [self._line(place.file, n) or "" for n in range(place.line, place.end_line + 1)]
        lines[-1] = lines[-1][: place.end_column - 1]
        lines[0] = lines[0][place.column - 1 :]
        return "\n".join(lines)

    def _line(self, file: str, line: int) -> str | None:
        if file not in self._lines:
            try:
                with open(file, encoding="utf-8", errors="surrogateescape") as stream:
                    self._lines[file] = stream.read(_MAX_SIZE).split("\n")
            except (OSError, ValueError):
                self._lines[file] = []
        lines = self._lines[file]
        return lines[line - 1] if 0 < line <= len(lines) else None


@lru_cache(maxsize=256)
def _aligned(expanded: str, written: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """For each word of an expanded line: its columns, and those of the words it comes from."""
    new = [match.span() for match in _WORD.finditer(expanded)]
    old = [match.span() for match in _WORD.finditer(written)]
    if not old or max(len(new), len(old)) > _MAX_WORDS:
        return []
    a, b = [expanded[i:j] for i, j in new], [written[i:j] for i, j in old]
    pairs = []
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for n in range(i, j):
            if tag == "equal":
                pairs.append((new[n], old[k + n - i]))
            else:  # words that replace others come from all of those
                first, last = old[min(k, len(old) - 1)], old[max(m - 1, min(k, len(old) - 1))]
                pairs.append((new[n], (first[0], last[1])))
    return pairs


def preprocessed(data: bytes, file: str, include: Sequence[str]) -> Preprocessed:
    """The output of cpp. Raises DevicetreeError: cpp reports an error, or is missing."""
    source = data.decode("utf-8", "surrogateescape")
    location = f"{file}:{_first_directive(source)}:1"
    cpp = shutil.which("cpp")
    if cpp is None:
        problem = f"{location}: this is a preprocessor directive, and there is no cpp"
        raise DevicetreeError(
            f"{problem}; install cpp (Debian: apt-get install cpp) or give the .dtb"
        )
    folder = os.path.dirname(file) or "."
    command = [cpp, "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp", "-C"]
    command += [f"-I{os.path.abspath(path)}" for path in (folder, *include)]
    try:
        status, output, errors = _run([*command, "-"], data, folder)
    except OSError as error:
        raise DevicetreeError(f"{location}: cannot run cpp: {error.strerror}; fix that") from None
    result = Preprocessed(output.decode("utf-8", "surrogateescape"), file, source)
    complaint = _COMPLAINT.search(errors)
    if complaint is not None:
        name, line, column, problem = complaint.groups()
        place = f"{result.file(name)}:{line}:{column or 1}"
        raise DevicetreeError(f"{place}: {problem}; fix it (cpp refuses it)")
    if status or len(output) > _MAX_SIZE:
        unfinished = f"does not end within {_SECONDS} seconds and {_MAX_SIZE >> 20} MiB"
        problem = unfinished if status < 0 or len(output) > _MAX_SIZE else f"exits with {status}"
        raise DevicetreeError(f"{location}: cpp {problem}; fix the source")
    return result


def _run(command: list[str], data: bytes, folder: str) -> tuple[int, bytes, str]:
    """Exit status, standard output (up to a limit, at which it is killed) and error output."""
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
        ) as process:
            timer = Timer(_SECONDS, process.kill)
            timer.start()
            try:
                assert process.stdout is not None
                output = process.stdout.read(_MAX_SIZE + 1)
                process.kill() if len(output) > _MAX_SIZE else None
                status = process.wait()
            finally:
                timer.cancel()
                process.kill()
        errors.seek(0)
        return status, output, errors.read(1 << 20).decode("utf-8", "replace")
