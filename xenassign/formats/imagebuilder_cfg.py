"""The text of an ImageBuilder configuration, a bash script of uboot-script-gen, and its edits.

bash is not run here. Only lines that are one plain assignment are read, outside of any ``if``, loop
or function; other lines are only split into words (quotes, comments, commands). If such a line may
set a name that matters, that is an error with its place. Here-documents are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, NoReturn

from xenassign.errors import InputError, reason_of
from xenassign.escape import bash_word
from xenassign.formats.xlcfg import decode
from xenassign.formats.xlcfg_edit import Edit
from xenassign.reading import MAX_TEXT, read

#: Names that xenassign sets, or that change the effect of those.
MATTERS = r"NUM_DOMUS|APPEND_EXTRA_CMDS|DOMU_\w+|LOPPER_PATH|PASSTHROUGH_DTS_REPO|FIT"
#: Replaced by DOMU_PASSTHROUGH_PATHS[n] in September 2022; only detected.
OLD_PATHS = "XEN_PASSTHROUGH_PATHS"

_BEGIN = re.compile(r"(?:export[ \t]+)?([A-Za-z_]\w*)(?:\[([^\]\n]*)\])?=(?!\()")
#: The rest of a line after an assignment that is alone on it.
_REST = re.compile(r"[ \t]*;?(?:[ \t]+#[^\n]*|[ \t]*)(\n|\Z)")
_INDEX = re.compile(r"[ \t]*(0|[1-9][0-9]{0,8})[ \t]*")
_PLACE = r"(?:\[[^\]\n]*\])?"
#: NAME=, NAME+= and NAME++ anywhere, ${NAME:=} and ++NAME.
_SET = re.compile(
    rf"(?<![\w${{])(?P<set>{MATTERS}){_PLACE}[ \t]*(?:\+\+|--|(?:<<|>>|[-+*/%&|^])?=(?!=))"
    rf"|\$\{{(?P<default>{MATTERS}){_PLACE}:?="
    rf"|(?:\+\+|--)[ \t]*(?P<counted>{MATTERS})\b"
)
_NAMED = re.compile(rf"[\"']?({MATTERS})(?:\[.*\])?[\"']?")

#: Expansions in each other.
_DEEPEST = 64

_ANSI = re.compile(r"(?:[^'\\]|\\.)*'", re.DOTALL)  # after $'

_OPENING = frozenset({"if", "for", "while", "until", "case", "select", "{"})
_CLOSING = frozenset({"fi", "done", "esac", "}"})
#: Words that a command follows.
_BEFORE = frozenset({"then", "do", "else", "elif", "!", "{"})
_OPERATORS = ";&|<>()"
#: Commands after which bash does not read on.
_LEAVE = frozenset({"return", "exit", "exec"})


class BashAssignment(NamedTuple):
    """A line ``NAME=value`` or ``NAME[number]=value``.

    ``value``: as bash reads it, without expanding anything; ``literal``: it has no expansions.
    ``start`` and ``end``: offsets of the value, ``stop``: that of the next line.
    """

    name: str
    number: int | None
    value: str
    literal: bool
    line: int
    start: int
    end: int
    stop: int

    @property
    def at(self) -> int:
        """Its index in the array; in bash NAME and NAME[0] are the same."""
        return self.number or 0


class BashConfig(NamedTuple):
    """A configuration, and its plain assignments in their order."""

    file: str
    text: str
    assignments: tuple[BashAssignment, ...]

    def get(self, name: str, number: int | None = None) -> BashAssignment | None:
        """The effective assignment of a name: the last; None without one."""
        assignments = (a for a in self.assignments if a.name == name and a.at == (number or 0))
        return max(assignments, key=lambda assignment: assignment.line, default=None)

    def value(self, name: str, number: int | None = None) -> str:
        """The value of a name; "" without one, as for the ``test`` of ImageBuilder."""
        assignment = self.get(name, number)
        return assignment.value if assignment is not None else ""

    def where(self, at: BashAssignment | None) -> str:
        """FILE:LINE of an assignment."""
        return f"{self.file}:{at.line}" if at is not None else self.file


def read_file(path: str) -> BashConfig:
    """Reads and parses a file. Raises InputError."""
    try:
        data = read(path, MAX_TEXT)
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise InputError(f"{path}: {reason}; give an ImageBuilder configuration") from None
    return parse(decode(data), path)


def parse(text: str, file: str = "<memory>") -> BashConfig:
    """The assignments of a configuration. Raises InputError with the line."""
    return BashConfig(file, text, tuple(_BashReader(text, file).assignments()))


def written(name: str, number: int | None, value: str) -> str:
    """An assignment, without the newline at its end."""
    place = "" if number is None else f"[{number}]"
    return f"{name}{place}={bash_word(value)}"


def set_value(config: BashConfig, name: str, number: int | None, value: str) -> list[Edit]:
    """Sets the value of a name; no edit if it has it already. KeyError: it is not set at all."""
    last = config.get(name, number)
    if last is None:
        raise KeyError(name)
    if last.literal and last.value == value:
        return []
    return [Edit(last.start, last.end, bash_word(value))]


def add_lines(config: BashConfig, lines: Iterable[str], after: BashAssignment | None) -> list[Edit]:
    """Adds lines after that of an assignment, or at the end."""
    text = config.text
    at = len(text) if after is None else after.stop
    begin = "" if not text[:at] or text[at - 1] == "\n" else "\n"
    added = "".join(f"{line}\n" for line in lines)
    return [Edit(at, at, begin + added)] if added else []


class _Word(NamedTuple):
    """A word of a command: its value, whether it is free of expansions, and its end offset."""

    value: str
    literal: bool
    end: int


class _BashReader:
    """One pass over the text. ``at``: the offset of the next character."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.at = 0
        self.open: list[str] = []  # the words that began compound commands
        self.nested = 0  # expansions that are being read

    def assignments(self) -> list[BashAssignment]:
        """The assignments outside of compound commands. InputError: a name may be set elsewhere."""
        if "\r\n" in self.text:
            self._stop(
                self.text.index("\r\n"),
                "the line ends are those of Windows, which bash makes a part of the value;"
                " convert the file (dos2unix)",
            )
        if "\0" in self.text:
            self._stop(self.text.index("\0"), "a NUL byte is in the text; give a bash script")
        assignments: list[BashAssignment] = []
        while self.at < len(self.text):
            self._blanks()
            begin = self.at
            assignment = self._assignment()
            if assignment is None:
                self._command(begin)
                continue
            if not assignment.literal:
                self._refuse_set(assignment.start, assignment.end)
            if not self.open:
                assignments.append(assignment)
            elif re.fullmatch(MATTERS, assignment.name):
                self._refuse(begin, assignment.name)
        if self.open:
            self._stop(len(self.text) - 1, f"a {self.open[-1]} is never closed; close it")
        return assignments

    def _assignment(self) -> BashAssignment | None:
        """The line as one assignment; None if it is something else: then nothing is read."""
        begin = self.at
        match = _BEGIN.match(self.text, begin)
        if match is None:
            return None
        word = self._word(match.end())
        index = _INDEX.fullmatch(match[2]) if match[2] is not None else None
        if match[2] is not None and index is None:
            return None
        rest = _REST.match(self.text, word.end)
        if rest is None or (word.end == len(self.text) and self.text.endswith("\\")):
            return None  # a backslash at the end would join a line that is added
        self.at = rest.end()
        number = int(index[1]) if index is not None else None
        line = self._line(begin)
        return BashAssignment(
            match[1], number, word.value, word.literal, line, match.end(), word.end, rest.end()
        )

    def _command(self, begin: int) -> None:
        """Reads to the end of a line that is not one plain assignment."""
        self.at = begin
        first = True  # a command may begin here
        name = False  # the name of a function is next
        while self.at < len(self.text):
            self._blanks()
            char = self.text[self.at : self.at + 1]
            if char in ("", "\n"):
                self.at += 1
                break
            if char == "#":
                self.at = self._find("\n", self.at, len(self.text))
                continue
            if char in _OPERATORS:
                first = self._operator(char, first)
                continue
            start = self.at
            word = self._word(start)
            self.at = word.end
            raw = self.text[start : word.end]
            self._keyword(raw, first)
            if start == begin and raw in _LEAVE and not self.open:
                self._stop(start, f"bash does not read on after {raw}; remove the line")
            name, first = (
                first and raw == "function",
                name or (first and raw in _BEFORE | _OPENING - {"for", "case", "select"}),
            )
            named = _NAMED.fullmatch(raw)
            if named is not None:
                self._refuse(start, named[1])
        if not self.text.startswith("#", begin):
            self._refuse_set(begin, self.at)

    def _refuse_set(self, begin: int, end: int) -> None:
        """Refuses a part of the text in which a name that matters is set."""
        match = _SET.search(self.text, begin, end)
        if match is not None:
            self._refuse(match.start(), match[str(match.lastgroup)])

    def _operator(self, char: str, first: bool) -> bool:
        """Skips one character of an operator; returns whether a command may begin after it."""
        if self.text.startswith("<<", self.at) and not self.text.startswith("<<<", self.at):
            self._stop(self.at, "a here-document is not supported; write a plain assignment")
        if self.text.startswith("<<<", self.at):
            self.at += 3
            return False
        if char == "(":
            self.open.append(char)
        elif char == ")" and self.open[-1:] == ["("]:
            self.open.pop()
        self.at += 1
        return first if char in "<>" else True

    def _keyword(self, raw: str, first: bool) -> None:
        if not first:
            return
        if raw in _OPENING:
            self.open.append(raw)
        elif raw in _CLOSING and self.open and self.open[-1] != "(":
            self.open.pop()

    def _blanks(self) -> None:
        while self.text.startswith((" ", "\t", "\\\n"), self.at):
            self.at += 2 if self.text[self.at] == "\\" else 1

    def _word(self, at: int) -> _Word:
        """The word that begins at an offset; it may be empty."""
        text, value, literal = self.text, "", True
        begin = at
        while at < len(text) and text[at] not in " \t\n" + _OPERATORS:
            char = text[at]
            if char == "'":
                end = self._find("'", at + 1)
                value += text[at + 1 : end]
                at = end + 1
            elif char == '"':
                part = self._double(at)
                value, literal, at = value + part.value, literal and part.literal, part.end
            elif char == "\\":
                value += "" if text[at + 1 : at + 2] == "\n" else text[at + 1 : at + 2]
                at += 2
            elif char in "$`" or (char == "~" and (at == begin or text[at - 1] == ":")):
                end = self._expansion(at)
                value, literal, at = value + text[at:end], False, end
            else:
                value += char
                at += 1
        return _Word(value, literal, min(at, len(text)))

    def _double(self, at: int) -> _Word:
        """The content of double quotes, the first of which is at the offset."""
        text, value, literal = self.text, "", True
        begin, at = at, at + 1
        while at < len(text) and text[at] != '"':
            char = text[at]
            if char == "\\" and text[at + 1 : at + 2] in ("$", "`", '"', "\\", "\n"):
                value += "" if text[at + 1] == "\n" else text[at + 1]
                at += 2
            elif char in "$`":
                end = self._expansion(at, quoted=True)
                value, literal, at = value + text[at:end], False, end
            else:
                value += char
                at += 1
        if at >= len(text):
            self._stop(begin, 'a " is never closed; close it')
        return _Word(value, literal, at + 1)

    def _expansion(self, at: int, *, quoted: bool = False) -> int:
        """The end of an expansion that begins with $, ` or ~ at the offset."""
        text = self.text
        if text[at] == "`":
            command = re.compile(r"(?:[^`\\]|\\.)*`", re.DOTALL).match(text, at + 1)
            if command is None:
                self._stop(at, "a ` is never closed; close it")
            return command.end()
        following = text[at + 1 : at + 2]
        if text[at] == "$" and following == "'" and not quoted:
            end = _ANSI.match(text, at + 2)
            if end is None:
                self._stop(at, "a ' is never closed; close it")
            return end.end()
        if text[at] == "$" and following in ("(", "{"):
            return self._balanced(at + 1)
        return at + 1

    def _balanced(self, at: int) -> int:
        """The end of ( ) or { }, the first of which is at the offset."""
        opening, closing = self.text[at], {"(": ")", "{": "}"}[self.text[at]]
        begin, depth = at, 0
        self.nested += 1
        if self.nested > _DEEPEST:
            self._stop(begin, f"expansions are nested deeper than {_DEEPEST}; simplify the line")
        while depth or at == begin:
            char = self.text[at : at + 1]
            if not char:
                self._stop(begin, f"a {opening} is never closed; close it")
            if char == "'":
                at = self._find("'", at + 1)
            elif char == '"':
                at = self._double(at).end - 1
            elif char == "\\":
                at += 1
            elif char in (opening, closing):
                depth += 1 if char == opening else -1
            at += 1
        self.nested -= 1
        return at

    def _find(self, char: str, at: int, missing: int | None = None) -> int:
        end = self.text.find(char, at)
        if end >= 0:
            return end
        if missing is None:
            self._stop(at - 1, f"a {char} is never closed; close it")
        return missing

    def _line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def _refuse(self, at: int, name: str) -> NoReturn:
        form = (
            f"{name}[0]=VALUE, with a number in [ ],"
            if name.startswith("DOMU_")
            else f"{name}=VALUE"
        )
        problem = (
            f"{name} is set by more than a plain line; write {form} alone on a line, outside of"
        )
        self._stop(at, f"{problem} if, loops and functions")

    def _stop(self, at: int, problem: str) -> NoReturn:
        raise InputError(f"{self.file}:{self._line(at)}: {problem}")
