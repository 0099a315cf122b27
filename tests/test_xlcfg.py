"""A configuration is read alike by the regular expressions for plain ones and by the grammar."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import BOARDS
from tests.libxlutil.cases import READ, REFUSED
from tests.libxlutil.texts import KINDS
from xenassign import Request, generate, read_host
from xenassign.formats import xlcfg, xlcfg_parser

_ATOMS = ("1", "0x1f", "12fx", "a", '"x"', "'x'", '""', '"a # [ \' é"', "'\udcff'", r'"\n"', "[1]")
_GAPS = ("", "", "", " ", "\t", "\n", " # c ]\n", "#\n\n", "\r", "\0")
_MARKS = ("=", "=", "[", "]", ",", ",", "\n", ";", "+=", "name", "b.9_", "#", "\\", '"', "x y")

_atom = st.sampled_from(_ATOMS)
_gap = st.sampled_from(_GAPS)
_items = st.lists(st.tuples(_gap, _atom, _gap), max_size=4)
_list = st.builds(
    lambda items, end, gap: f"[{','.join(''.join(item) for item in items)}{end}{gap}]",
    _items,
    st.sampled_from(("", "", ",", ",,")),
    _gap,
)
_statement = st.builds(
    lambda name, gap, value, end: f"{name}{gap}={gap}{value}{end}",
    st.sampled_from(("a", "irqs", "b.9_")),
    st.sampled_from(("", " ", "\t")),
    _atom | _list,
    st.sampled_from(("\n", "\n", " \n", " # c\n", "# c\n\n", "")),
)
PLAIN = st.lists(_statement, max_size=4).map("".join)
SOUP = st.lists(st.sampled_from(_MARKS + _ATOMS + _GAPS), max_size=10).map("".join)
OTHERS = st.one_of(*KINDS.values()).map(xlcfg.decode)


def _by_grammar(text: str) -> tuple[xlcfg.XlAssignment, ...] | str:
    try:
        return xlcfg_parser._parsed(text, "f")
    except xlcfg.ConfigError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(PLAIN | SOUP | OTHERS)
@example("")
@example("a = 1")
@example("a = [1,\n 2]\n#\n")
def test_both_readers_agree(text: str) -> None:
    plain = xlcfg_parser._plain(text)
    assert plain is None or plain == _by_grammar(text)


def test_both_readers_agree_on_the_cases_by_hand() -> None:
    for data in (*READ, *REFUSED):
        text = xlcfg.decode(data)
        plain = xlcfg_parser._plain(text)
        assert plain is None or plain == _by_grammar(text), text


def test_what_generate_writes_is_plain() -> None:
    """So the grammar's parser is not loaded for it."""
    host = read_host(BOARDS["zynqmp"])
    request = Request(("ethernet0", "serial1"), memory=64, kernel="/boot/Image", extra="quiet")
    made = generate(host, request)
    statements = xlcfg_parser._plain(xlcfg.decode(made.files["domu1.cfg"]))
    assert statements is not None
    assert {"name", "memory", "kernel", "extra", "dtdev", "irqs", "iomem"} <= {
        statement.name for statement in statements
    }
