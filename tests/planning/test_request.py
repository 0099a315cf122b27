"""What cannot be meant, before any board is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wording import Wording
from xenassign.devicetree.spans import Span
from xenassign.errors import UsageError
from xenassign.request import units
from xenassign.request.request import (
    ClockRate,
    MapOption,
    Request,
    parse_clock_rate,
    parse_map,
)


@pytest.mark.parametrize(
    "options",
    [
        {"devices": ()},
        {"devices": ("/a", "/b", "/a")},
        {"memory": 0},
        {"memory": -1},
        {"memory": 1043457},
        {"memory": 10**30},
        {"vcpus": 0},
        {"vcpus": 129},
        *(
            {"name": name}
            for name in ("", "5", "1a", "a/b", "a b", "a\n", "é", "-a", "a" * 32, "..", '"')
        ),
    ],
)
def test_a_request_that_cannot_be_meant(options: dict[str, Any], wording: Wording) -> None:
    with wording.raises(UsageError):
        Request(**{"devices": ("/a",), **options})


@pytest.mark.parametrize("name", ["a", "domU-1", "a.b_c+d", "a" * 31])
def test_names_that_every_route_takes(name: str) -> None:
    assert Request(("/a",), name=name).name == name


@pytest.mark.parametrize("memory", [1, 1043456])
def test_the_ends_of_the_memory_range(memory: int) -> None:
    assert Request(("/a",), memory=memory).memory == memory


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("identity", MapOption(None, None, "identity")),
        ("auto", MapOption(None, None, "auto")),
        ("/a=auto", MapOption("/a", None, "auto")),
        ("/a#1=identity", MapOption("/a", 1, "identity")),
        ("/a@1,0=0x1000", MapOption("/a@1,0", None, 0x1000)),
        ("/a#0x1=4096", MapOption("/a", 1, 4096)),
        ("window:0x1000-0x3000", MapOption(None, None, Span(0x1000, 0x3000))),
        ("/a=window:4096-8192", MapOption("/a", None, Span(0x1000, 0x2000))),
        ("/a#2=window:0-0x1000", MapOption("/a", 2, Span(0, 0x1000))),
    ],
)
def test_map_options(text: str, expected: MapOption) -> None:
    assert parse_map(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "window:",
        "/a=window:0x1000",
        "window:0x1000-x",
        "window:0x2000-0x1000",
        "window:0x1000-0x1000",
        "window:0x1000-0x2800",
        "window:-0x1000",
    ],
)
def test_windows_that_cannot_be_meant(text: str, wording: Wording) -> None:
    with wording.raises(UsageError):
        parse_map(text)


def test_an_alignment_that_is_not_known(wording: Wording) -> None:
    with wording.raises(UsageError):
        Request(devices=("/a",), align="4k")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a=24000000", ClockRate("/a", None, 24000000)),
        ("/a#core=1", ClockRate("/a", "core", 1)),
        ("/a#1,5=0x10", ClockRate("/a", "1,5", 16)),
    ],
)
def test_clock_rates(text: str, expected: ClockRate) -> None:
    assert parse_clock_rate(text) == expected


@pytest.mark.parametrize("name", ["kernel", "ramdisk", "extra", "device_tree_path"])
def test_a_text_has_no_nul(name: str, wording: Wording) -> None:
    """A string of a devicetree ends there, and so does one of dom.cfg."""
    with wording.raises(UsageError):
        Request(devices=("/a",), **{name: "a\0b"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "bytes_", "mib", "hz"),
    [
        ("512M", 512 << 20, 512, None),
        ("4GiB", 4 << 30, 4096, None),
        ("1 gb", 1 << 30, 1024, None),
        ("64K", 64 << 10, None, None),
        ("0x1000", 0x1000, None, None),
        ("0x10M", 16 << 20, 16, None),
        ("512", 512, None, None),
        ("40MHz", None, None, 40_000_000),
        ("32.768 kHz", None, None, 32768),
        ("1.2GHz", None, None, 1_200_000_000),
        ("24000000Hz", None, None, 24_000_000),
        ("0.1Hz", None, None, None),
        ("1.5M", None, None, None),
        ("-1M", None, None, None),
        ("MHz", None, None, None),
        ("", None, None, None),
    ],
)
def test_units(text: str, bytes_: int | None, mib: int | None, hz: int | None) -> None:
    assert (units.size(text), units.mebibytes(text), units.hertz(text)) == (bytes_, mib, hz)
