"""Texts to ask libxlutil about: configurations, damaged ones, and soup of what the lexer knows."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from .cases import READ, REFUSED

NAMES = ("a", "b", "irqs", "iomem", "memory", "x.y_9")
_NUMBERS = (
    "0",
    "7",
    "010",
    "0x1f",
    "08",
    "0b1",
    "12fx",
    "9223372036854775807",
    "99999999999999999999",
)
_PLAIN = (
    "x",
    "0x9010,0x1",
    "#",
    ";",
    "é",
    "\\",
    " ",
    "[1]",
    "=",
    ",",
    "\t",
    "12",
    "+7",
    "日本",
    "\r",
)
_ESCAPES = (r"\n", r"\\", r"\"", r"\'", r"\a", r"\v", r"\101", r"\0 +1", r"\3-45", r"\777")
_GAPS = ("", "", "", " ", "\t", "  ")
_LINES = ("\n", "\n", "\n\n", " # note\n", "#\n", "# 'é\" [ = ;\n", "\n \t\n")
_ENDS = ("\n", "\n", ";", ";\n", " # note\n", "\n# own line\n\n", ";;")

_number = st.sampled_from(_NUMBERS)
_either = st.booleans()
_gap = st.sampled_from(_GAPS)
_line = st.sampled_from(("", *_LINES)) | st.just("")


@st.composite
def _string(draw: DrawFn) -> str:
    quote = draw(st.sampled_from("'\""))
    piece = st.sampled_from(_PLAIN + _ESCAPES) | st.characters(exclude_categories=["Cs"])
    inside = "".join(draw(st.lists(piece, max_size=5)))
    other = "\"'"[quote == '"']
    kept = inside.replace("\n", other).replace("\0", "")
    # What is no escape as it stands is made one, most of the time.
    if draw(st.integers(0, 9)):
        kept = kept.replace(quote, other)
        if kept.endswith("\\") and not kept.endswith("\\\\"):
            kept += "\\"
    return quote + kept + quote


_atom = _number | _string()


def _list(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    @st.composite
    def made(draw: DrawFn) -> str:
        text = "[" + draw(_line)
        items = draw(st.lists(inner, max_size=4))
        for index, item in enumerate(items):
            comma = "," if index else ""
            text += comma + draw(_line) + item + draw(_gap) + draw(_line)
        trailing = draw(_either)
        if items and trailing:
            text += "," + draw(_line)
        return text + "]"

    return made()


value = st.recursive(_atom, _list, max_leaves=8)


@st.composite
def _statement(draw: DrawFn) -> str:
    name = draw(st.sampled_from(NAMES))
    sign = draw(st.sampled_from(("=", "=", "=", "+=")))
    return draw(_gap) + name + draw(_gap) + sign + draw(_gap) + draw(value) + draw(_gap)


@st.composite
def _configuration(draw: DrawFn) -> str:
    """Mostly grammatical: escapes may come out wrong, and += may mix lists and strings."""
    text = draw(_line)
    for statement in draw(st.lists(_statement(), max_size=6)):
        text += statement + draw(st.sampled_from(_ENDS))
    cut = draw(st.integers(0, 5)) == 0
    return text.rstrip("\n;") if cut else text


grammatical = _configuration().map(lambda text: text.encode("utf-8", "surrogateescape"))

#: Ends of tokens and more, for texts cut there.
_seed = grammatical | st.sampled_from([*READ, *REFUSED])


@st.composite
def _damaged(draw: DrawFn) -> bytes:
    """A configuration with characters or pieces dropped, doubled, swapped, or put in."""
    data = draw(_seed)
    for _ in range(draw(st.integers(1, 3))):
        if not data:
            return data
        start = draw(st.integers(0, len(data) - 1))
        length = draw(st.sampled_from((1, 1, 1, 2, 3, 8)))
        piece, rest = data[start : start + length], data[start + length :]
        how = draw(st.sampled_from(("drop", "double", "swap", "put", "cut")))
        if how == "drop":
            data = data[:start] + rest
        elif how == "double":
            data = data[:start] + piece + piece + rest
        elif how == "swap":
            data = data[:start] + rest[:length] + piece + rest[length:]
        elif how == "put":
            data = data[:start] + draw(st.sampled_from(_SOUP)) + data[start:]
        else:
            data = data[:start]
    return data


_SOUP = tuple(
    piece.encode("latin-1")
    for piece in (
        *("a", "b", "1", "0", "9", "f", "x", ".", "_", " ", "\t", ",", "[", "]", "+", "=", "+="),
        *(";", "#", "\n", "'", '"', "\\", "-", "(", ":", "A", "\r", "\0", "\xff", "\xc3\xa9", "\v"),
        *("a=1\n", "a=[", "]\n", "'x'", "+=[1]\n", "# c\n", "\\1", "\\x41", "\\q"),
    )
)

_WHOLE = (b"a=1\n", b"b='x';", b"# c\n", b"a=[\n1,\n]\n", b"a+=", b"1", b" ", b"\n")

soup = st.lists(st.sampled_from(_SOUP) | st.sampled_from(_WHOLE * 4), max_size=14).map(b"".join)

KINDS = {"grammatical": grammatical, "damaged": _damaged(), "soup": soup}
