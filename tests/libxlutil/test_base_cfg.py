"""--base-cfg: libxlutil sees the plan's values and the user's, and the user's text stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.answers import generate
from xenassign.api import lint
from xenassign.devicetree.tree import Tree
from xenassign.findings import errors
from xenassign.formats.xlcfg import ConfigError, XlConfig, decode, encode
from xenassign.formats.xlcfg_parser import parse
from xenassign.request import short_form
from xenassign.request.base_cfg import request
from xenassign.xen.xlvalues import intid, page_range

from .judge import Judge

Board = Callable[[str], Tree]

SET = ("device_tree", "dtdev", "irqs", "iomem", "passthrough")
DEVICES = {
    "qemu": ("/pl031@9010000", "/pl061@9030000"),
    "zynqmp": ("ethernet0", "/axi/usb@ff9d0000"),
}
_LINES = st.sampled_from(["34", "35", "95", "'39'", "0101", "' 97'", '"1000"'])
_PAGES = st.sampled_from(
    ["'0x9010,1'", '"9030,0x1"', "'0xff0e0,0x10'", '"fd000,2@1000"', "'123,4'"]
)
_PATHS = st.sampled_from(["'/axi/ethernet@ff0e0000'", '"/soc/other@1"'])
_END = st.sampled_from(["\n", "\n", " ; ", "  # why\n", "\n\n# own line\n"])
_GAP = st.sampled_from(["", " ", "\n", " # c, c\n  "])


@st.composite
def _base(draw: DrawFn) -> str:
    """A user's file: each key any number of times, lists in any form."""

    def a_list(items: st.SearchStrategy[str]) -> str:
        found = draw(st.lists(items, max_size=3))
        comma = draw(st.sampled_from(["", ","])) if found else ""
        inside = ",".join(draw(_GAP) + item + draw(_GAP) for item in found)
        return f"[{draw(_GAP)}{inside}{comma}{draw(_GAP)}]"

    made: dict[str, Callable[[], str]] = {
        "irqs": lambda: a_list(_LINES),
        "iomem": lambda: a_list(_PAGES),
        "dtdev": lambda: a_list(_PATHS),
        "disk": lambda: a_list(st.just("'/dev/x,raw,xvda'")),
        "passthrough": lambda: draw(st.sampled_from(["'disabled'", '"enabled"', "'share_pt'"])),
        "device_tree": lambda: draw(st.sampled_from(["'old.dtb'", "'/etc/xen/d.dtb'"])),
        "extra": lambda: draw(st.sampled_from(["'root=/dev/xvda'", "'\\101é'", "'\udcff'"])),
        "on_crash": lambda: "'restart'",
    }
    text = draw(st.sampled_from(["", "# mine\n", "\n", "name = 'd'\n"]))
    for name in draw(st.lists(st.sampled_from(sorted(made)), max_size=7)):
        sign = draw(st.sampled_from(["=", " = ", "+="]))
        text += name + sign + made[name]() + draw(_END)
    return text.rstrip("\n ") if not draw(st.integers(0, 3)) else text


#: Devices of the ZCU102, as dtdev may name them, by path; the first one is protected.
_LISTED = {
    "/axi/ethernet@ff0e0000": ("/axi/ethernet@ff0e0000", "ethernet0"),
    "/axi/serial@ff010000": ("/axi/serial@ff010000", "serial1", "serial@ff010000"),
    "/axi/gpio@ff0a0000": ("/axi/gpio@ff0a0000", "gpio@ff0a0000"),
}
_OF_NAME = {name: path for path, names in _LISTED.items() for name in names}
_PROPOSED = st.sampled_from(
    ["force-assign-without-iommu = 'true'", "platform_iommu_safe=1", 'sci = "none"']
)


@st.composite
def _short(draw: DrawFn) -> str:
    """A user's file with a list of devices, in dtdev or device_assignment, in any form."""
    paths = draw(st.lists(st.sampled_from(sorted(_LISTED)), min_size=1, unique=True))
    items = [draw(st.sampled_from(_LISTED[path])) for path in paths]
    quoted = [draw(st.sampled_from(["'{}'", '"{}"'])).format(item) for item in items]
    joined = ",".join(draw(_GAP) + item + draw(_GAP) for item in quoted)
    comma = draw(st.sampled_from(["", ","]))
    name = draw(st.sampled_from(["dtdev", "device_assignment", "device-assignment"]))
    lines = [f"{name} = [{draw(_GAP)}{joined}{comma}{draw(_GAP)}]", *draw(st.lists(_PROPOSED))]
    lines += draw(st.lists(st.sampled_from(["vcpus=2", "# own", "on_crash = 'restart'", "  "])))
    ends = st.sampled_from(["\n", " ;\n", "  # why; not\n", "\n\n"])
    together = st.sampled_from([" ; ", ";"])
    text = "name = 'd'\n"
    for line in draw(st.permutations(lines)):
        text += line + draw(ends if "#" in line else st.one_of(ends, together))
    return text.rstrip("\n ;") if not draw(st.integers(0, 3)) else text


def readable(text: str) -> bool:
    try:
        parse(text)
    except ConfigError:
        return False
    return True


BASES = _base().filter(readable)


def short(text: str) -> XlConfig:
    """A file in its short form, whose names may have a -."""
    return short_form.parse(text, "mine.cfg")


def is_short(text: str) -> bool:
    try:
        short(text)
    except ConfigError:
        return False
    return True


SHORT = _short().filter(is_short)


def merged(tree: Tree, devices: tuple[str, ...], text: str) -> tuple[Any, bytes]:
    base = parse(text, "mine.cfg")
    asked = request(base, devices=devices, policy="trust", maps=(), device_tree_path=None)
    plan, files, refusals = generate(tree, asked)
    assert not refusals
    return plan, files[f"{plan.name}.cfg"]


@pytest.mark.parametrize("host", DEVICES)
@settings(deadline=None, max_examples=30, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=BASES)
def test_libxlutil_sees_what_was_meant(judge: Judge, board: Board, host: str, text: str) -> None:
    plan, data = merged(board(host), DEVICES[host], text)
    before = judge.ask(encode(text)).values
    answer = judge.ask(data)
    assert answer.status == 0, answer.said
    after = answer.values
    for name in before.keys() | after.keys():
        if before.get(name) and name not in SET:
            assert after[name] == before[name]
    seen = {name: after.get(name, {}).get("items", []) for name in ("irqs", "iomem", "dtdev")}
    had = {name: before.get(name, {}).get("items", []) for name in seen}
    for name, items in seen.items():
        assert items[: len(had[name])] == had[name]
    new = {name: items[len(had[name]) :] for name, items in seen.items()}
    lines = [intid(one) for one in had["irqs"]]
    passed = dict.fromkeys(line for device in plan.devices for line in device.irqs)
    assert new["irqs"] == [str(line) for line in passed if line not in lines]
    ranges = [page_range(one) for one in seen["iomem"]]
    assert all(any(one and one.covers(w) for one in ranges) for w in plan.page_ranges)
    assert {page_range(one) for one in new["iomem"]} <= set(plan.page_ranges)
    protected = [d.path for d in plan.devices if d.protection.protected]
    assert new["dtdev"] == [path for path in protected if path not in had["dtdev"]]
    assert not protected or after["passthrough"]["string"] in ("enabled", "share_pt")
    assert after["device_tree"]["string"].endswith(f"{plan.name}.dtb")
    assert merged(board(host), DEVICES[host], decode(data))[1] == data


@pytest.mark.parametrize("host", DEVICES)
@settings(deadline=None, max_examples=30, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=BASES)
def test_other_statements_and_all_comments_stay(board: Board, host: str, text: str) -> None:
    """Without what may change, what was there comes first in the same order."""

    def rest(data: str) -> list[str]:
        config = parse(data)
        places = [(one.start, one.end) for one in config.statements if one.name not in SET]
        places += [(one.start, one.end) for one in config.comments]
        return [data[start:end] for start, end in sorted(places)]

    old, new = rest(text), rest(decode(merged(board(host), DEVICES[host], text)[1]))
    assert new[: len(old)] == old
    added = [one for one in new[len(old) :] if not re.match(r"# What xenassign|name = ", one)]
    assert not added


@settings(deadline=None, max_examples=10, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=SHORT)
def test_a_short_form(judge: Judge, board: Board, text: str) -> None:
    """xl sees what the devices require; what else there was stays, as it was and in its order."""
    base = short(text)
    plan, files, refusals = generate(board("zynqmp"), request(base, policy="trust", routes=("xl",)))
    assert not refusals
    answer = judge.ask(files["d.cfg"])
    assert answer.status == 0, answer.said
    lists = ("dtdev", "irqs", "iomem")
    seen = {name: answer.values.get(name, {}).get("items", []) for name in lists}
    named = [atom.text for atom in (base.texts("device_assignment") or base.texts("dtdev"))]
    paths = {_OF_NAME[name] for name in named}
    assert {device.path for device in plan.devices} == paths
    assert seen["dtdev"] == [path for path in list(_LISTED)[:1] if path in paths]
    assert seen["irqs"] == [str(line) for device in plan.devices for line in device.irqs]
    assert [page_range(entry) for entry in seen["iomem"]] == list(plan.page_ranges)
    new = parse(decode(files["d.cfg"]))
    assert not [*short_form.statements(new)]
    at = 0
    for piece in pieces(text, base):
        at = new.text.index(piece, at) + len(piece)
    with TemporaryDirectory() as name:
        again(board("zynqmp"), Path(name), files)


def again(tree: Tree, folder: Path, files: dict[str, bytes]) -> None:
    """The lint finds no error in what was made, and completing it again changes nothing."""
    for name in ("d.cfg", "d.dts", "d.host.dtbo"):
        (folder / name).write_bytes(files[name])
    marks = [folder / "d.host.dtbo"]
    report = lint([folder / "d.cfg"], host=tree, overlays=marks, routes=("xl",))
    assert not errors(report.findings)
    config = short_form.read_file(str(folder / "d.cfg"))
    _, twice, refusals = generate(tree, request(config))
    assert not refusals
    assert twice["d.cfg"] == files["d.cfg"]


def pieces(text: str, base: XlConfig) -> Iterator[str]:
    """The lines of a short form, without the statements of which something changes."""
    start = 0
    changed = [one for one in base.statements if one.name not in ("name", "vcpus", "on_crash")]
    for end, after in [*((one.start, one.end) for one in changed), (len(text), len(text))]:
        yield from filter(None, (line.strip() for line in text[start:end].split("\n")))
        start = after
