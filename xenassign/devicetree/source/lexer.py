r"""Words of devicetree source: a lexer with the states of dtc's, and the files that it reads.

What characters mean depends on what stands before them. Behind ``{``, ``;`` and the words of
deletion a *name* is expected (``a,b#c`` is one, ``#size-cells`` is one, ``0`` is one), behind
``[`` a *byte* is (``0a1b`` are two), elsewhere a *value* is. The terminals are the grammar's; each
state has one pattern, ordered so that the first to match is the longest, which flex would take.

``/include/`` and line markers may stand anywhere and never reach the parser; comments are kept
aside. Text is UTF-8; bytes that are not are kept as they are (surrogateescape).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lark import Token
from lark.lexer import Lexer

from xenassign.devicetree.places import Marker, SourceError, SourceMap, SourceText, TextSpan
from xenassign.errors import reason_of

#: Bytes that all files of one source may have together.
MAX_SIZE = 64 << 20
#: Files that one source may be made of (dtc stops there, however they are nested).
MAX_FILES = 200
#: Nodes in nodes. dtc's own limit lies higher and depends on what else is nested.
MAX_DEPTH = 1000

#: The terminals that never reach the parser, and all that count in every state, as they are tried.
_ASIDE = ("COMMENT", "MARKER", "INCLUDE")
_EVERYWHERE = (*_ASIDE, "STRING", "LABEL", "LABEL_REF", "PATH_REF", "CHARACTER")

#: The terminal that counts in one state only; each state is named by it.
_VALUE, _MEMBER, _BYTES = "LITERAL", "NAME", "BYTE"

#: The state behind a fixed word or sign that changes it.
_NEXT = {
    "{": _MEMBER,
    ";": _MEMBER,
    "/delete-property/": _MEMBER,
    "/delete-node/": _MEMBER,
    "/omit-if-no-ref/": _MEMBER,
    "[": _BYTES,
    "]": _VALUE,
    "/dts-v1/": _VALUE,
    "/memreserve/": _VALUE,
    "/bits/": _VALUE,
}


class Sources:
    """The files of one source: those read so far, and where others are looked for."""

    def __init__(self, text: str, file: str, include: Sequence[str], places: SourceMap) -> None:
        self.map = places
        self.main = self.map.add(file, text)
        self.comments: list[TextSpan] = []
        self._include = include
        self._left = MAX_SIZE

    def include(self, name: str, span: TextSpan) -> SourceText:
        """Another file, as text."""
        if len(self.map.texts) >= MAX_FILES:
            what = f"more than {MAX_FILES} files are included"
            raise SourceError(span, what, "does a file include itself?")
        path, data = self.read(name, span)
        return self.map.add(path, data.decode("utf-8", "surrogateescape"))

    def read(
        self, name: str, span: TextSpan, skip: int = 0, size: int | None = None
    ) -> tuple[str, bytes]:
        """The path of a file that is named at ``span``, and its bytes: ``size`` behind ``skip``.

        It is looked for in the folder of the file that names it, then in those of ``include``.
        """
        raw = os.fsencode(name).partition(b"\0")[0]
        here = os.path.dirname(self.map.text_at(span.start).file)
        reason = "No such file or directory"
        for folder in (here, *self._include):
            path = os.path.join(folder, os.fsdecode(raw))
            try:
                with open(path, "rb") as stream:
                    if skip:
                        stream.seek(skip)
                    most = self._left + 1
                    data = stream.read(most if size is None else min(size, most))
            except (OSError, ValueError, OverflowError) as error:
                if not isinstance(error, FileNotFoundError):
                    reason = reason_of(error)
                continue
            self._left -= len(data)
            if self._left < 0:
                raise SourceError(span, f"with {path} the source has more than 64 MiB")
            return path, data
        raise SourceError(span, f"cannot read {name}: {reason}", "mend the name or the file")


class DtsLexer(Lexer):
    """Makes tokens of the :class:`Sources` that ``Lark.parse`` is given."""

    def __init__(self, conf: Any) -> None:
        patterns = {terminal.name: terminal.pattern for terminal in conf.terminals}
        #: What the grammar calls its fixed words and signs.
        self.fixed = {
            pattern.value: name for name, pattern in patterns.items() if is_fixed(pattern)
        }
        fixed = "|".join(map(re.escape, sorted(self.fixed, key=len, reverse=True)))
        self.states: dict[str, Callable[[str, int], re.Match[str] | None]] = {}
        for state in (_VALUE, _MEMBER, _BYTES):
            named = [f"(?P<{name}>{patterns[name].value})" for name in (*_EVERYWHERE, state)]
            last = [rf"(?P<FIXED>{fixed}|.)", r"(?P<END>\Z)"]
            self.states[state] = re.compile(rf"[ \t-\r]*(?:{'|'.join(named + last)})").match

    def lex(self, sources: Any, parser_state: Any = None) -> Iterator[Token]:
        """The tokens of :class:`Sources`; their positions are offsets of ``sources.map``."""
        match, depth = self.states[_VALUE], 0
        unfinished = [(sources.main, 0)]
        while unfinished:
            text, at = unfinished.pop()
            kind = None
            while kind != "END":
                found = match(text.text, at)
                assert found is not None  # it is any character, or the end, at the least
                kind, at = found.lastgroup or "", found.end()
                word, end = found[kind], text.start + at
                start = end - len(word)
                if kind == "FIXED":
                    kind = self.fixed.get(word, "")
                    if not kind:
                        raise _unknown(text, start)
                    depth = _nested(depth, word, TextSpan(start, end))
                    if word in _NEXT:
                        match = self.states[_NEXT[word]]
                elif kind == "NAME":
                    match = self.states[_VALUE]
                elif kind in _ASIDE:
                    included = _aside(kind, word, TextSpan(start, end), text, sources)
                    if included is not None:
                        unfinished += [(text, at), (included, 0)]
                        break
                    continue
                elif kind == "END":
                    break
                yield Token(kind, word, start, None, None, None, None, end)


def _aside(
    kind: str, word: str, span: TextSpan, text: SourceText, sources: Sources
) -> SourceText | None:
    """Takes what never reaches the parser; the text of a file that is included here."""
    if kind == "INCLUDE":
        return sources.include(word.partition('"')[2][:-1], span)
    if kind == "COMMENT":
        sources.comments.append(span)
    else:
        text.markers.append(_marker(word, span))
    return None


def is_fixed(pattern: Any) -> bool:
    """Whether a terminal is a word or sign that is written in the grammar as it stands."""
    return bool(pattern.type == "str")


def _nested(depth: int, word: str, span: TextSpan) -> int:
    """How deep nodes are nested behind a word."""
    depth += (word == "{") - (word == "}")
    if depth > MAX_DEPTH:
        raise SourceError(span, f"nodes are nested deeper than {MAX_DEPTH}")
    return depth


def _unknown(text: SourceText, start: int) -> SourceError:
    rest = text.text[start - text.start :]
    word = re.match(r"[A-Za-z_][A-Za-z0-9_]*|(?s:.)", rest)
    assert word is not None
    what, span = f"syntax error at {word[0]!r}", TextSpan(start, start + word.end())
    if word[0] in "\"'":
        return SourceError(span, f"{what}, which is never closed", "close it")
    if word.end() > 1 or word[0].isalpha():
        return SourceError(span, what, "is a ; missing before it, or an #include that defines it?")
    return SourceError(span, what)


_MARKER = re.compile(r'\D*([0-9]+)[^"]*(".*")', re.DOTALL)


def _marker(word: str, span: TextSpan) -> Marker:
    """A line marker: what follows it on its own line still belongs to the line above."""
    found = _MARKER.match(word)
    assert found is not None
    file = unescape(found[2], span)
    if b"\0" in file:
        raise SourceError(span, "the file of a line marker has a NUL in its name")
    return Marker(span.end, file.decode("utf-8", "surrogateescape"), int(found[1][-9:]))


_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2}|[ \t-\r+-][0-9a-fA-F])?|(.)|\Z)", re.DOTALL
)
_CONTROL = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13}


def unescape(quoted: str, span: TextSpan) -> bytes:
    r"""The bytes between the quotes, with escapes replaced as dtc does: \x takes what strtol does,
    and a backslash before the closing quote of a character stands for that quote."""
    raw = quoted[1:-1].encode("utf-8", "surrogateescape")

    def value(found: re.Match[bytes]) -> bytes:
        octal, hexadecimal, other = found.groups()
        if octal is not None:
            return bytes([int(octal, 8) & 0xFF])
        if hexadecimal is not None:
            return bytes([int(hexadecimal, 16) & 0xFF])
        if other is not None:
            return bytes([_CONTROL[other]]) if other in _CONTROL else bytes(other)
        if found[0] == b"\\":
            return quoted[-1].encode()
        raise SourceError(span, "\\x is followed by no hexadecimal digits", "write \\x00 to \\xff")

    return _ESCAPE.sub(value, raw) if b"\\" in raw else raw
