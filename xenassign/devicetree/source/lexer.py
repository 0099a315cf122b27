r"""Tokens of devicetree source: a lexer with the states of dtc's, and the files that it reads.

The token depends on the one before it. After ``{``, ``;`` and the words of deletion a *name* is
expected (``a,b#c``, ``#size-cells`` and ``0`` are names), after ``[`` a *byte* (``0a1b`` are two),
elsewhere a *value*. The terminals are those of the grammar; each state has one pattern, ordered so
that the first match is the longest, as flex chooses.

``/include/`` and line markers may be anywhere and never reach the parser; neither do comments,
which are kept. Text is UTF-8; other bytes are kept as they are (surrogateescape).
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
from xenassign.reading import MAX_SIZE, MAX_TEXT, open_regular

#: Files that one source may be made of (dtc stops there, however they are nested).
MAX_FILES = 200
_MISSING = "No such file or directory"
#: Depth of nested nodes. dtc's limit is higher and depends on what else is nested.
MAX_DEPTH = 1000

#: The terminals that never reach the parser, and those of every state in the order of matching.
_ASIDE = ("COMMENT", "MARKER", "INCLUDE")
_EVERYWHERE = (*_ASIDE, "STRING", "LABEL", "LABEL_REF", "PATH_REF", "CHARACTER")

#: The terminals of one state only, which name their state.
_VALUE, _MEMBER, _BYTES = "LITERAL", "NAME", "BYTE"
#: Further terminals of a state, which are tried before those of all states that begin alike.
_WHOLE = {_MEMBER: ("LEAF", "PLAIN")}

#: The state after a fixed word or sign that changes it.
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
    """The files of one source: those read so far, and the folders of others."""

    def __init__(self, text: str, file: str, include: Sequence[str], places: SourceMap) -> None:
        self.map = places
        self.main = self.map.add(file, text)
        self.comments: list[TextSpan] = []
        self._include = include
        self._text_left = MAX_TEXT - len(text)
        self._left = MAX_SIZE

    def include(self, name: str, span: TextSpan) -> SourceText:
        """Reads an included file, as text. Raises SourceError, as ``read`` does."""
        if len(self.map.texts) >= MAX_FILES:
            problem = f"more than {MAX_FILES} files are included"
            raise SourceError(span, problem, "does a file include itself?")
        path, data = self.read(name, span)
        self._text_left -= len(data)
        if self._text_left < 0:
            raise _too_large(path, MAX_TEXT, span)
        return self.map.add(path, data.decode("utf-8", "surrogateescape"))

    def read(
        self, name: str, span: TextSpan, skip: int = 0, size: int | None = None
    ) -> tuple[str, bytes]:
        """The path of a file that is named at ``span``, and its bytes: ``size`` after ``skip``.

        The file is searched for in the folder of the file that names it, then in those of
        ``include``. Raises SourceError: it cannot be read, or the source becomes too large.
        """
        raw = os.fsencode(name).partition(b"\0")[0]
        own_folder = os.path.dirname(self.map.text_at(span.start).file)
        reason = _MISSING
        for folder in (own_folder, *self._include):
            path = os.path.join(folder, os.fsdecode(raw))
            try:
                with open_regular(path) as stream:
                    if skip:
                        stream.seek(skip)
                    limit = self._left + 1
                    data = stream.read(limit if size is None else min(size, limit))
            except (OSError, ValueError, OverflowError) as error:
                if not isinstance(error, FileNotFoundError):
                    reason = reason_of(error)
                continue
            self._left -= len(data)
            if self._left < 0:
                raise _too_large(path, MAX_SIZE, span)
            return path, data
        fix = "fix the name, or give its folder with -I"
        if reason != _MISSING:
            fix = "fix the name or the file"
        raise SourceError(span, f"cannot read {name}: {reason}", fix)


def _too_large(path: str, most: int, span: TextSpan) -> SourceError:
    return SourceError(span, f"with {path} the source has more than {most >> 20} MiB")


class DtsLexer(Lexer):
    """Makes tokens of the :class:`Sources` that ``Lark.parse`` is given."""

    def __init__(self, conf: Any) -> None:
        patterns = {terminal.name: terminal.pattern for terminal in conf.terminals}
        #: Fixed words and signs, and their names in the grammar.
        self.fixed = {
            pattern.value: name for name, pattern in patterns.items() if is_fixed(pattern)
        }
        fixed = "|".join(map(re.escape, sorted(self.fixed, key=len, reverse=True)))
        self.states: dict[str, str] = {}
        for state in (_VALUE, _MEMBER, _BYTES):
            names = (*_EVERYWHERE, *_WHOLE.get(state, ()), state)
            named = [f"(?P<{name}>{patterns[name].value})" for name in names]
            last = [rf"(?P<FIXED>{fixed}|.)", r"(?P<END>\Z)"]
            self.states[state] = rf"[ \t-\r]*(?:{'|'.join(named + last)})"

    def _match(self, state: str) -> Callable[[str, int], re.Match[str] | None]:
        """Matches a token of a state. Most sources have no bytes, whose pattern takes 2 ms."""
        return re.compile(self.states[state]).match

    def lex(self, sources: Any, parser_state: Any = None) -> Iterator[Token]:
        """The tokens of :class:`Sources`; their positions are offsets of ``sources.map``."""
        match, depth = self._match(_VALUE), 0
        unfinished = [(sources.main, 0)]
        while unfinished:
            text, at = unfinished.pop()
            kind = None
            while kind != "END":
                token = match(text.text, at)
                assert token is not None  # it is any character, or the end, at the least
                kind, at = token.lastgroup or "", token.end()
                word, end = token[kind], text.start + at
                start = end - len(word)
                if kind == "FIXED":
                    kind = self.fixed.get(word, "")
                    if not kind:
                        raise _unknown(text, start)
                    depth = _nested(depth, word, TextSpan(start, end))
                    if word in _NEXT:
                        match = self._match(_NEXT[word])
                elif kind == "NAME":
                    match = self._match(_VALUE)
                elif kind == "PLAIN":
                    pass  # it ends with ;, after which a name is expected
                elif kind == "LEAF":
                    brace = start + word.index("{")
                    _nested(depth, "{", TextSpan(brace, brace + 1))
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
    """Handles a token that never reaches the parser; returns the text of an included file."""
    if kind == "INCLUDE":
        return sources.include(word.partition('"')[2][:-1], span)
    if kind == "COMMENT":
        sources.comments.append(span)
    else:
        text.markers.append(_marker(word, span))
    return None


def is_fixed(pattern: Any) -> bool:
    """Whether a terminal of the grammar is a fixed word or sign, not a regular expression."""
    return bool(pattern.type == "str")


def _nested(depth: int, word: str, span: TextSpan) -> int:
    """The depth of nested nodes after a word."""
    depth += (word == "{") - (word == "}")
    if depth > MAX_DEPTH:
        raise SourceError(span, f"nodes are nested deeper than {MAX_DEPTH}")
    return depth


def _unknown(text: SourceText, start: int) -> SourceError:
    rest = text.text[start - text.start :]
    word = re.match(r"[A-Za-z_][A-Za-z0-9_]*|(?s:.)", rest)
    assert word is not None
    problem, span = f"syntax error at {word[0]!r}", TextSpan(start, start + word.end())
    if word[0] in "\"'":
        return SourceError(span, f"{problem}, which is not closed", "close it")
    if word.end() > 1 or word[0].isalpha():
        return SourceError(
            span, problem, "is a ; missing before it, or an #include that defines it?"
        )
    return SourceError(span, problem)


_MARKER = re.compile(r'\D*([0-9]+)[^"]*(".*")', re.DOTALL)


def _marker(word: str, span: TextSpan) -> Marker:
    """A line marker: what follows it on its own line still belongs to the line above."""
    parts = _MARKER.match(word)
    assert parts is not None
    file = unescape(parts[2], span)
    if b"\0" in file:
        raise SourceError(span, "the file of a line marker has a NUL in its name")
    return Marker(span.end, file.decode("utf-8", "surrogateescape"), int(parts[1][-9:]))


_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2}|[ \t-\r+-][0-9a-fA-F])?|(.)|\Z)", re.DOTALL
)
_CONTROL = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13}


def unescape(quoted: str, span: TextSpan) -> bytes:
    r"""The bytes between the quotes, with escapes replaced as dtc does: \x takes what strtol does,
    and a backslash before the closing quote of a character is that quote."""
    raw = quoted[1:-1].encode("utf-8", "surrogateescape")

    def value(escape: re.Match[bytes]) -> bytes:
        octal, hexadecimal, other = escape.groups()
        if octal is not None:
            return bytes([int(octal, 8) & 0xFF])
        if hexadecimal is not None:
            return bytes([int(hexadecimal, 16) & 0xFF])
        if other is not None:
            return bytes([_CONTROL[other]]) if other in _CONTROL else bytes(other)
        if escape[0] == b"\\":
            return quoted[-1].encode()
        raise SourceError(span, "\\x without hexadecimal digits", "write \\x00 to \\xff")

    return _ESCAPE.sub(value, raw) if b"\\" in raw else raw
