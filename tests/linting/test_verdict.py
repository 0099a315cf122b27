"""The verdict: what decides it, and numbers as xl's C library reads them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rows import Rows
from tests.wording import Wording
from xenassign.findings import EFFECTS, ROUTES, Finding, Rule, every_release
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.predict import predict_dom0less, predict_xl, verdicts
from xenassign.xen.releases import release
from xenassign.xen.xlvalues import IomemRange, intid, page_range

Generate = Callable[..., Any]

UNKNOWN = Context(release("4.20"), None)
U64 = (1 << 64) - 1


# --- verdicts ------------------------------------------------------------------------------------


def finding(effect: str, *routes: str, severity: str = "error") -> Finding:
    rule = Rule("XA000", "name", severity, effect, ROUTES, every_release, False)
    return rule("message", routes=routes)


@pytest.mark.parametrize(
    ("findings", "rejected"),
    [
        ([], set()),
        ([finding("rejected", "xl")], {"xl"}),
        ([finding("rejected", "dom0less")], {"dom0less"}),
        ([finding("rejected", "xl", "dom0less")], {"xl", "dom0less"}),
        ([finding("broken", "xl"), finding("rejected", "dom0less")], {"dom0less"}),
        ([finding("rejected", "xl", severity="warning")], {"xl"}),
    ],
)
def test_a_route_is_rejected_when_a_finding_there_says_so(
    findings: list[Finding], rejected: set[str]
) -> None:
    found = verdicts(findings)
    assert set(found) == {"xl", "dom0less"}
    assert {route for route, verdict in found.items() if verdict == "rejected"} == rejected
    assert set(found.values()) <= {"accepted", "rejected"}


def test_what_is_not_known_is_no_rejection() -> None:
    assert verdicts([finding("unknown", "xl")]) == {"dom0less": "accepted", "xl": "unknown"}
    both = [finding("unknown", "xl"), finding("rejected", "xl")]
    assert verdicts(both)["xl"] == "rejected"


@pytest.mark.parametrize("effect", sorted({*EFFECTS} - {"rejected", "unknown"}))
def test_nothing_else_rejects(effect: str) -> None:
    verdict = "unknown" if effect == "unknown" else "accepted"
    assert set(verdicts([finding(effect, "xl", "dom0less")]).values()) == {verdict}


# --- both routes ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(generate: Generate) -> dict[str, bytes]:
    made: dict[str, bytes] = generate("qemu", "/pl031@9010000")[1]
    return made


def test_what_was_generated_is_accepted(files: dict[str, bytes]) -> None:
    found = predict_dom0less(files["domu1.dtb"], UNKNOWN)
    found += predict_xl(files["domu1.cfg"].decode(), lambda name: files[name], UNKNOWN)
    assert found == []
    assert set(verdicts(found).values()) == {"accepted"}


def test_a_damaged_blob_is_rejected_on_both_routes(files: dict[str, bytes]) -> None:
    cut = files["domu1.dtb"][:-1]
    found = predict_dom0less(cut, UNKNOWN)
    assert verdicts(found)["dom0less"] == "rejected"
    found = predict_xl(files["domu1.cfg"].decode(), lambda name: cut, UNKNOWN)
    assert verdicts(found) == {"xl": "rejected", "dom0less": "accepted"}


def test_a_file_that_is_missing(files: dict[str, bytes]) -> None:
    asked = []

    def read(name: str) -> None:
        asked.append(name)

    (found,) = predict_xl(files["domu1.cfg"].decode(), read, UNKNOWN)
    assert (found.code, found.effect, found.routes) == ("XA607", "rejected", ("xl",))
    assert asked == ["domu1.dtb"]


@pytest.mark.parametrize("text", ["name = 'a'\n", "device_tree = ['a.dtb']\n", ""])
def test_without_device_tree_nothing_is_read(text: str) -> None:
    def read(name: str) -> bytes:
        raise AssertionError(name)

    found = predict_xl(text, read, UNKNOWN)
    assert verdicts(found)["xl"] == "accepted"


@pytest.mark.parametrize(
    "text",
    [
        "irqs = [34\n",
        "irqs = 34]\n",
        "name 'a'\n",
        "= 1\n",
        "name = a\n",
        "a = (1)\n",
        "name = 'a\n",
    ],
)
def test_bad_syntax_is_the_only_finding(text: str, wording: Wording) -> None:
    def read(name: str) -> bytes:
        raise AssertionError(name)

    (found,) = predict_xl(f"device_tree = 'a'\nirqs = ['z']\n{text}", read, UNKNOWN)
    assert (found.code, found.effect, found.routes) == ("XA605", "rejected", ("xl",))
    wording(found)


def test_several_mistakes_are_all_told(files: dict[str, bytes]) -> None:
    text = "device_tree = 'x'\nirqs = ['z', 34, 34, ['35']]\niomem = ['z', '9010,0']\n"
    found = predict_xl(text, lambda name: None, UNKNOWN)
    assert sorted(one.code for one in found) == [
        *("XA319", "XA602", "XA603", "XA603", "XA606", "XA607"),
    ]


# --- numbers -------------------------------------------------------------------------------------

LIBC = ctypes.CDLL(None)
LIBC.strtoul.restype = ctypes.c_ulong
LIBC.strtoul.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int]


def as_xl_reads_irqs(text: str) -> int | None:
    """strtoul in base 10 has to take all of it, and give less than UINT32_MAX."""
    buffer = ctypes.create_string_buffer(text.encode())
    start, end = ctypes.cast(buffer, ctypes.c_char_p), ctypes.c_char_p()
    value = int(LIBC.strtoul(start, ctypes.byref(end), 10))
    rest = ctypes.cast(end, ctypes.c_void_p).value or 0
    used = rest - ctypes.addressof(buffer)
    return value if text and used == len(text) and value < 0xFFFFFFFF else None


def as_xl_reads_iomem(text: str, typed: bool = False) -> IomemRange | None:
    """sscanf of two or three hexadecimal numbers has to take all of it.

    ``typed``: as xl of AMD reads it, with a memory type after the third.
    """
    start, count, guest = (ctypes.c_uint64(U64) for _ in range(3))
    used, kind = ctypes.c_int(0), ctypes.create_string_buffer(7)
    here = ctypes.byref(used)
    numbers = [ctypes.byref(number) for number in (start, count)]
    form = b"%lx,%lx%n@%lx%n" + (b",%6s%n" if typed else b"")
    rest = (kind, here) if typed else ()
    done = LIBC.sscanf(text.encode(), form, *numbers, here, ctypes.byref(guest), here, *rest)
    if done < 2 or used.value != len(text) or kind.value not in {b"", b"memory", b"devmem"}:
        return None
    gfn = start.value if guest.value == U64 else guest.value
    return IomemRange(start.value, count.value, gfn, kind.value == b"memory")


IRQS = {
    "34": 34,
    "0": 0,
    "034": 34,
    "+34": 34,
    " 34": 34,
    "\t\n\v\f\r34": 34,
    "4294967294": 4294967294,
    "4294967295": None,
    "18446744073709551615": None,
    "18446744073709551650": None,  # 34 and 2 to the 64
    "-18446744073709551582": 34,
    "-1": None,
    "-0": 0,
    "": None,
    " ": None,
    "+": None,
    "+ 34": None,
    "--34": None,
    "34 ": None,
    "0x22": None,
    "34a": None,
    "1e1": None,
    "1_0": None,
    "\u0663\u0664": None,  # digits, but none of C
    "\xa034": None,
}


def test_an_intid_is_read_as_strtoul_reads_it(rows: Rows) -> None:
    for text, expected in IRQS.items():
        with rows(text):
            assert intid(text) == expected
            assert as_xl_reads_irqs(text) == expected


@pytest.mark.parametrize("text", ["-18446744073709551616", "-36893488147419103198"])
def test_an_intid_far_below_zero_does_not_wrap(text: str) -> None:
    assert as_xl_reads_irqs(text) is None
    assert intid(text) is None


@settings(deadline=None, max_examples=500)
@given(st.text("0123456789+- \tax_", max_size=8) | st.integers(-U64, 2 * U64).map(str))
def test_any_intid_is_read_as_strtoul_reads_it(text: str) -> None:
    assert intid(text) == as_xl_reads_irqs(text)


IOMEM = {
    "9010,1": (0x9010, 1, 0x9010),
    "9010,1@8000": (0x9010, 1, 0x8000),
    "0x9010,0X1@0x0": (0x9010, 1, 0),
    " 9010, 1": (0x9010, 1, 0x9010),
    "\t\n\v\f\r9010,1": (0x9010, 1, 0x9010),
    "9010,1@ 8000": (0x9010, 1, 0x8000),
    "+9010,+1@+8000": (0x9010, 1, 0x8000),
    "-1,1": (U64, 1, U64),
    "-0x1,1": (U64, 1, U64),
    "9010,-1": (0x9010, U64, 0x9010),
    "9010,1@ffffffffffffffff": (0x9010, 1, 0x9010),  # stands for: the same as the host's
    "9010,1@-1": (0x9010, 1, 0x9010),
    "1ffffffffffffffff,1": (U64, 1, U64),
    "-1ffffffffffffffff,1": (U64, 1, U64),
    "9010,0": (0x9010, 0, 0x9010),
    "9010": None,
    "9010,": None,
    "9010,1@": None,
    "9010,1@z": None,
    "9010,1@1@1": None,
    "9010,1 ": None,
    "9010 ,1": None,
    "9010,1 @8000": None,
    "g,1": None,
    ",1": None,
    "": None,
    "9010;1": None,
    "9010-9011": None,
    "- 1,1": None,
    "00x1,1": None,
    "9010,1,1": None,
    "\u0663,1": None,
    "\xa09010,1": None,
}


def test_pages_are_read_as_sscanf_reads_them(rows: Rows) -> None:
    for text, expected in IOMEM.items():
        with rows(text):
            known = None if expected is None else IomemRange(*expected)
            assert page_range(text) == known
            assert as_xl_reads_iomem(text) == known


@pytest.mark.parametrize("text", ["0x,1", "0x1,0X", "9010,1@0x", "-0x,1"])
def test_a_prefix_without_digits_is_0(text: str) -> None:
    found = page_range(text)
    assert found is not None
    assert 0 in found[:3]
    assert found == as_xl_reads_iomem(text)


#: The entries that xl of AMD takes, with what they are to it.
TYPED = {
    "9010,1@9010,memory": (0x9010, 1, 0x9010, True),
    "9010,1@9010,devmem": (0x9010, 1, 0x9010, False),
    "9010,1@9010, memory": (0x9010, 1, 0x9010, True),
    "9010,1@9010": (0x9010, 1, 0x9010, False),
    "9010,1,memory": None,
    "9010,1@9010,Memory": None,
    "9010,1@9010,memor": None,
    "9010,1@9010,memory ": None,
    "9010,1@9010,memory1": None,
    "9010,1@9010,": None,
}


def test_memory_types_are_read_as_xl_of_amd_reads_them(rows: Rows) -> None:
    for text, expected in TYPED.items():
        with rows(text):
            assert page_range(text, True) == (None if expected is None else IomemRange(*expected))
            assert as_xl_reads_iomem(text, True) == page_range(text, True)
            assert (page_range(text) is not None) == ("," not in text.partition(",")[2])


NUMBERS = st.from_regex(r"\A[ \t]?[+-]?(0[xX])?[0-9a-fA-F]{0,18}\Z")
ENTRIES = st.builds("{},{}".format, NUMBERS, NUMBERS)


@settings(deadline=None, max_examples=1000)
@given(
    st.text("019afxX+-,@ \t", max_size=10) | ENTRIES | st.builds("{}@{}".format, ENTRIES, NUMBERS)
)
@example("0x9010,0x1@0x")
def test_any_pages_are_read_as_sscanf_reads_them(text: str) -> None:
    assert page_range(text) == as_xl_reads_iomem(text)
