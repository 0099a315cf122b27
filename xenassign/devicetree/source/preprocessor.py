"""Source with C preprocessor directives: the system's cpp runs, and its traces are undone.

cpp is called as Linux' build calls it for device trees, but keeps comments. Its line markers say
which line of which file a line comes from; columns it does not keep: it shortens spaces and puts
the content of macros in place. :class:`Preprocessed` finds them again by comparing the words of
the line that cpp made with those of the line in the file: a number that came from a macro has the
place of the macro's name.
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

# Comments and strings (closed or not), in which no directive counts.
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
    """Whether source has a preprocessor directive; ``#address-cells`` is none."""
    if _DIRECTIVE.search(text) is None:
        return False
    return _first_directive(text) > 0


def _first_directive(text: str) -> int:
    """The line of the first directive that stands in no comment and no string, or 0."""

    def blank(found: re.Match[str]) -> str:
        return "\n" * found[0].count("\n") if found[0][0] == "/" else found[0][:1]

    bare = _ELSEWHERE.sub(blank, text)
    found = _DIRECTIVE.search(bare)
    return bare.count("\n", 0, found.start()) + 1 if found else 0


class Preprocessed:
    """What cpp made of a file, and the way back."""

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

    def column(self, file: str, line: int, made: str, column: int, ends: bool) -> int:
        """The column in the file of one in the line that cpp made of it.

        ``ends``: a stretch ends there; otherwise one begins.
        """
        written = self._line(file, line)
        if written is None or written == made:
            return column
        at = column - 1
        for (start, end), (first, last) in _aligned(made, written):
            if start < at <= end if ends else start <= at < end:
                if end - start == last - first and made[start:end] == written[first:last]:
                    return first + at - start + 1
                return (last if ends else first) + 1
        return column

    def written(self, place: Place) -> str:
        """What stands in the file at a place."""
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
def _aligned(made: str, written: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """For each word of a line that cpp made: its stretch, and that of what it was made of."""
    new = [found.span() for found in _WORD.finditer(made)]
    old = [found.span() for found in _WORD.finditer(written)]
    if not old or max(len(new), len(old)) > _MAX_WORDS:
        return []
    a, b = [made[i:j] for i, j in new], [written[i:j] for i, j in old]
    pairs = []
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for n in range(i, j):
            if tag == "equal":
                pairs.append((new[n], old[k + n - i]))
            else:  # all words that replace others were made of all of those
                first, last = old[min(k, len(old) - 1)], old[max(m - 1, min(k, len(old) - 1))]
                pairs.append((new[n], (first[0], last[1])))
    return pairs


def preprocessed(data: bytes, file: str, include: Sequence[str]) -> Preprocessed:
    """Runs cpp. Raises DevicetreeError: with cpp's complaint, or without cpp."""
    source = data.decode("utf-8", "surrogateescape")
    where = f"{file}:{_first_directive(source)}:1"
    cpp = shutil.which("cpp")
    if cpp is None:
        what = f"{where}: this is a preprocessor directive, and there is no cpp"
        raise DevicetreeError(f"{what}; install cpp (Debian: apt-get install cpp) or give the .dtb")
    folder = os.path.dirname(file) or "."
    command = [cpp, "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp", "-C"]
    command += [f"-I{os.path.abspath(path)}" for path in (folder, *include)]
    try:
        status, made, said = _run([*command, "-"], data, folder)
    except OSError as error:
        raise DevicetreeError(f"{where}: cpp cannot run: {error.strerror}; mend that") from None
    result = Preprocessed(made.decode("utf-8", "surrogateescape"), file, source)
    found = _COMPLAINT.search(said)
    if found is not None:
        name, line, column, what = found.groups()
        place = f"{result.file(name)}:{line}:{column or 1}"
        raise DevicetreeError(f"{place}: {what}; mend it (cpp refuses it)")
    if status or len(made) > _MAX_SIZE:
        how = f"does not come to an end within {_SECONDS} seconds and {_MAX_SIZE >> 20} MiB"
        what = how if status < 0 or len(made) > _MAX_SIZE else f"ends with {status}"
        raise DevicetreeError(f"{where}: cpp {what}; mend the source")
    return result


def _run(command: list[str], data: bytes, folder: str) -> tuple[int, bytes, str]:
    """The status of a command, what it wrote (up to a limit, then it is ended) and complained."""
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
                made = process.stdout.read(_MAX_SIZE + 1)
                process.kill() if len(made) > _MAX_SIZE else None
                status = process.wait()
            finally:
                timer.cancel()
                process.kill()
        errors.seek(0)
        return status, made, errors.read(1 << 20).decode("utf-8", "replace")
