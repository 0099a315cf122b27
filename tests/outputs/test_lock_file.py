"""xenassign.lock: read as it was written, and nothing else is read."""

from __future__ import annotations

import contextlib
import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.errors import InputError
from xenassign.request.node_request import ChannelPorts
from xenassign.request.request import Pin
from xenassign.system.change_lines import lines
from xenassign.system.host_plan import DomainPins
from xenassign.system.lock import HostLock, Lock, differences, pins_of
from xenassign.system.lock_file import SCHEMA, parse_lock, read_lock, to_text
from xenassign.system.outcome import (
    BlockOutcome,
    DeviceOutcome,
    DomainOutcome,
    FindingOutcome,
    KeepOutcome,
    LineOutcome,
    PropertyOutcome,
    RegionOutcome,
    StreamOutcome,
    StubOutcome,
    SupplierOutcome,
)

NAMED = {"hosts": "host", "domains": "name", "devices": "name", "regions": "name"}
numbers = st.integers(0, (1 << 64) - 1)
texts = st.text(max_size=6)


def shapes(kind: Any, field: str = "") -> st.SearchStrategy[Any]:
    """Values of a type that a lock has; what is known by its name has a name of its own."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        inner = shapes(arguments[0])
        name = NAMED.get(field)
        by = (lambda one: getattr(one, name)) if name else None
        return st.lists(inner, max_size=2, unique_by=by).map(tuple)
    if arguments:
        return st.none() | shapes(arguments[0])
    if hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: shapes(hint, name) for name, hint in hints.items()})
    return {int: numbers, str: texts, bool: st.booleans()}[kind]


@given(shapes(Lock))
def test_what_was_written_is_read(lock: Lock) -> None:
    text = to_text(lock)
    assert parse_lock(text, "xenassign.lock") == lock
    assert to_text(parse_lock(text, "xenassign.lock")) == text
    assert text.isascii()
    assert not [*differences(lock, lock)]


BLOCKS = (BlockOutcome(0, False, 0xFF0E0400, 0x4020400, 0x1000),)
DEVICE = DeviceOutcome(
    name="ethernet0",
    path="/ethernet@ff0e0400",
    blocks=BLOCKS,
    interrupts=(LineOutcome(95, "level-high"),),
    streams=(),
    protected=True,
    forced=False,
    suppliers=(),
    stubs=(),
    properties=(),
)
DOMAIN = DomainOutcome(
    name="net",
    devices=(DEVICE,),
    regions=(),
    marks=("/ethernet@ff0e0400",),
    memory_mb_max=3000,
    pool_mib=None,
    host_keeps=(),
    kept_on=(),
    firmware=(),
    findings=(FindingOutcome("XA504", None),),
)
LOCK = Lock("4.20", (HostLock("rev1.dtb", (DOMAIN,), ()),))
FULL = Lock(
    "4.20",
    (
        HostLock(
            "rev1.dtb",
            (
                DOMAIN._replace(
                    devices=(
                        DEVICE._replace(
                            protected=False,
                            streams=(StreamOutcome("/smmu", 0x877, 0, 1),),
                            suppliers=(SupplierOutcome("mdio", "phys", "/phy", "dropped"),),
                            stubs=(StubOutcome("mdio", "clocks", "pclk", "5 Hz"),),
                            properties=(PropertyOutcome("mdio", "phy-mode", "sgmii"),),
                        ),
                    ),
                    regions=(RegionOutcome("/vpu", "/vpu@0", BLOCKS, ("/ethernet@ff0e0400",)),),
                    pool_mib=8,
                    host_keeps=(KeepOutcome("clock", "/clk", (3,)),),
                    kept_on=("/regulator",),
                    firmware=("/scmi",),
                    channels=(ChannelPorts("log", 0, 2, 3),),
                ),
            ),
            (FindingOutcome("XA009", "/x"),),
        ),
    ),
)
TEXT = to_text(LOCK)


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        if isinstance(one, dict | list):
            assert one, "every list of FULL has an entry"
            yield from leaves(one, (*way, key))
        elif key != "schema":
            yield (*way, key)


def _another(value: object) -> object:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value}x"


def test_nothing_in_a_lock_changes_in_silence(rows: Rows) -> None:
    for way in list(leaves(json.loads(to_text(FULL)))):
        with rows(way):
            document = json.loads(to_text(FULL))
            place = document
            for key in way[:-1]:
                place = place[key]
            old = place[way[-1]]
            place[way[-1]] = _another(old)
            new = parse_lock(json.dumps(document), "L")
            assert new != FULL
            told = lines(differences(FULL, new))
            assert told
            assert all(line == line.strip() and "\n" not in line for line in told)
            assert len(set(told)) == len(told)


def test_pins_are_pages() -> None:
    tree = read_blob(
        read_source(b"/dts-v1/; / { ethernet@ff0e0400 { }; };", "a.dts").blob, "rev1.dtb"
    )
    assert pins_of(LOCK, [tree]) == {
        "rev1.dtb": {
            "net": DomainPins((Pin("/ethernet@ff0e0400", 0, False, 0x4020000, 0xFF0E0400),))
        }
    }


def where(text: str, part: str) -> str:
    at = text.index(part)
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"intid": 95', '"intid": "95"', "intid is not a 64-bit integer"),
        ('"intid": 95', '"intid": true', "intid is not a 64-bit integer"),
        ('"intid": 95', '"intid": -1', "intid is not a 64-bit integer"),
        ('"intid": 95', '"intid": 1e3', "intid is not a 64-bit integer"),
        ('"intid": 95', f'"intid": {1 << 64}', "intid is not a 64-bit integer"),
        ('"protected": true', '"protected": 1', "protected is not true or false"),
        ('"xen": "4.20"', '"xen": null', "xen is not a string"),
        ('"streams": []', '"streams": {}', "streams is not a list"),
        ('"streams": []', '"streams": [7]', "streams is not an object"),
        ('"forced": false', '"forged": false', "forged is not known here"),
        ('"schema": "xenassign/lock/1"', '"schema": "xenassign/lock/2"', "lock/2 is not known"),
        ('"schema": "xenassign/lock/1"', '"schema": "other/1"', "is not a lock of xenassign"),
    ],
)
def test_a_wrong_shape_is_told_with_its_place(old: str, new: str, message: str) -> None:
    assert TEXT.count(old) == 1
    text = TEXT.replace(old, new)
    value = new.partition(": ")[2]
    with pytest.raises(InputError) as caught:
        parse_lock(text, "xenassign.lock")
    line, column = where(text, new).split(":")
    column = str(int(column) + len(new) - len(value) + (value == "[7]"))
    assert str(caught.value).startswith(f"xenassign.lock:{line}:{column}: ")
    assert message in str(caught.value)


def test_what_is_lacking_is_told_at_what_lacks_it(wording: Wording) -> None:
    text = TEXT.replace('"forced": false,', "")
    with wording.raises(InputError) as caught:
        parse_lock(text, "L")
    assert str(caught.value).startswith("L:8:13: ")


def test_two_of_one_name(wording: Wording) -> None:
    twice = LOCK._replace(hosts=LOCK.hosts * 2)
    with wording.raises(InputError):
        parse_lock(to_text(twice), "L")
    channel = ChannelPorts("log", 0, 2, 3)
    of_host = HostLock("rev1.dtb", (DOMAIN._replace(channels=(channel, channel)),), ())
    with wording.raises(InputError):
        parse_lock(to_text(Lock("4.20", (of_host,))), "L")


def test_a_lock_of_before_event_channels_is_read() -> None:
    older = TEXT.replace('"channels": [],', "")
    assert older != TEXT
    assert parse_lock(older, "L") == LOCK


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "L:1:1: is not JSON"),
        ('{\n "schema": ,\n}', "L:2:12: is not JSON"),
        ("[]", "L:1:1: is not a lock of xenassign"),
        (" {}", "L:1:2: is not a lock of xenassign"),
        ("[" * 100000, "L:1:1: is not a lock"),
        (f'{{"schema": "{SCHEMA}", "xen": {"9" * 5000}}}', "L:1:1: is not a lock"),
        (f'{{"schema": "{SCHEMA}"}}', "L:1:1: the lock lacks xen"),
    ],
)
def test_what_is_no_lock(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_lock(text, "L")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path, wording: Wording) -> None:
    path = tmp_path / "xenassign.lock"
    with wording.raises(InputError):
        read_lock(path)
    path.write_bytes(b'{"schema":\n "\xff"}')
    with wording.raises(InputError):
        read_lock(path)
    path.write_text(TEXT)
    assert read_lock(path) == LOCK


@given(st.data())
def test_damage_is_an_error_of_one_line_or_a_lock(data: st.DataObject) -> None:
    """A value anywhere in the file becomes another."""
    document = json.loads(TEXT)
    place: Any = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not inner or not isinstance(inner, dict | list) or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(st.sampled_from([None, 1, -1, "x", [], {}, [[]], True, 0.5]))
    text = json.dumps(document)
    with contextlib.suppress(InputError):
        parse_lock(text, "L")
        return
    with pytest.raises(InputError) as caught:
        parse_lock(text, "L")
    assert str(caught.value).startswith("L:1:")
    assert "\n" not in str(caught.value)
