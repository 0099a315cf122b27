"""Applied overlays: the trees that libfdt makes of the same blobs, and its refusals."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import libfdt
import pytest

from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.overlay_apply import MisfitError, apply_overlay
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Node

Listed = tuple[str, list[tuple[str, bytes]], list["Listed"]]

BASE = """/dts-v1/;
/ {
    aliases { bus = "/passthrough"; };
    passthrough {
        compatible = "simple-bus";
        old: clock { #clock-cells = <0>; };
        dev@1000 { reg = <0x1000>; clocks = <&old>; old-property; };
        dev@2000 { reg = <0x2000>; };
        unlabelled@3000 { };
    };
};
"""

FITTING = [
    '&{/passthrough} { compatible = "other"; new; newer = "1"; a@1 { x = <1>; }; b@2 { y; z; }; };',
    "&{/passthrough} { dev@1000 { old-property = <2>; z; below { }; }; };",
    "&{/passthrough} { dev { first; }; };",
    "&{/passthrough} { unlabelled { }; one@1 { }; one { here; }; };",
    "&old { clock-frequency = <1>; };",
    "&{/passthrough} { c: c { }; x { clocks = <&c>, <&old>, <&c>; }; };",
    "&{/passthrough} { clock: clock { }; x { clocks = <&clock>; }; };",
    "&{/passthrough/dev} { found-without-its-address; };",
    "&{/} { passthrough { dev@2000 { a; }; }; chosen { }; };",
    "&{/} { a { }; }; &{/} { a { b; }; c { }; };",
    '/ { f { target-path = "bus"; __overlay__ { by-an-alias; }; }; };',
    '/ { f { target-path = "bus/dev@1000"; __overlay__ { by-an-alias; }; }; };',
    "/ { not-a-fragment { x; }; };",
    "&{/passthrough} { new_label: n@1 { m: m { }; }; };",
]
MISFITS = [
    "&{/nothing} { };",
    "&{/passthrough/dev@3000} { };",
    "&no_such_label { };",
    "&{/passthrough} { x = <&no_such_label>; };",
    '/ { f { target-path = "no-alias"; __overlay__ { }; }; };',
    "/ { f { target = <77>; __overlay__ { }; }; };",
    "/ { f { __overlay__ { }; }; };",
    "/ { f { target-path = '/'; __overlay__ { a = <1>; }; };"
    " __local_fixups__ { f { __overlay__ { b = <0>; }; }; }; };",
    "/ { f { target-path = '/'; __overlay__ { a = <1>; }; };"
    " __local_fixups__ { f { __overlay__ { a = <4>; }; }; }; };",
    "/ { f { target-path = '/'; __overlay__ { a = <1>; }; }; __local_fixups__ { g { }; }; };",
    "/ { f { target-path = '/'; __overlay__ { a = <1>; }; };"
    " __fixups__ { old = '/f/__overlay__:a:4'; }; };",
    "/ { f { target-path = '/'; __overlay__ { n { phandle = <0xfffffffe>; }; }; }; };",
]


def overlay_of(body: str, symbols: bool = True) -> bytes:
    text = f"/dts-v1/;\n/plugin/;\n{body}".replace("'", '"')
    return read_source(text.encode(), "o.dtso", symbols=symbols).blob


def base_of(symbols: bool = True) -> bytes:
    return read_source(BASE.encode(), "b.dts", symbols=symbols).blob


def by_libfdt(base: bytes, overlay: bytes) -> bytes | None:
    """What libfdt makes; None: it refuses."""
    tree = bytearray(len(base) + 2 * len(overlay) + 4096)
    assert libfdt.fdt_open_into(bytearray(base), tree, len(tree)) == 0
    return bytes(tree) if libfdt.fdt_overlay_apply(tree, bytearray(overlay)) == 0 else None


def listed(node: Node) -> Listed:
    """A tree with the order of everything."""
    properties = [(prop.name, prop.value) for prop in node.properties.values()]
    return node.name, properties, [listed(child) for child in node.children.values()]


def applied(base: bytes, overlay: bytes) -> bytes:
    return apply_overlay(read_blob(base, "b.dts"), read_blob(overlay, "o.dtso")).blob


@pytest.mark.parametrize("symbols", [True, False])
@pytest.mark.parametrize("body", FITTING)
def test_the_result_is_that_of_libfdt(body: str, symbols: bool) -> None:
    overlay = overlay_of(body, symbols)
    expected = by_libfdt(base_of(), overlay)
    assert expected is not None
    assert listed(read_blob(applied(base_of(), overlay)).root) == listed(read_blob(expected).root)


@pytest.mark.parametrize("body", MISFITS)
def test_what_libfdt_refuses_is_refused(body: str, wording: Wording) -> None:
    overlay = overlay_of(body)
    assert by_libfdt(base_of(), overlay) is None
    with wording.raises(MisfitError):
        applied(base_of(), overlay)


def test_a_base_without_labels(wording: Wording) -> None:
    overlay = overlay_of("&old { };")
    assert by_libfdt(base_of(symbols=False), overlay) is None
    with wording.raises(MisfitError):
        applied(base_of(symbols=False), overlay)


def test_fdtoverlay_agrees(tmp_path: Path) -> None:
    """The program that people run: what it writes for each overlay, and for one after another."""
    (tmp_path / "b.dtb").write_bytes(base := base_of())
    for number in (0, 1, 2, 4, 5):
        (tmp_path / f"{number}.dtbo").write_bytes(overlay := overlay_of(FITTING[number]))
        base = applied(base, overlay)
        names = [f"{given}.dtbo" for given in (0, 1, 2, 4, 5) if given <= number]
        command = ["fdtoverlay", "-i", "b.dtb", "-o", "out.dtb", *names]
        subprocess.run(command, cwd=tmp_path, check=True)
        made = read_blob((tmp_path / "out.dtb").read_bytes())
        assert listed(read_blob(base).root) == listed(made.root)


def bodies(chance: random.Random, depth: int = 3) -> Iterator[str]:
    """Properties and nodes of an overlay for BASE, whose names often meet those of the base."""
    for name in chance.sample(("x", "y", "old-property", "compatible"), chance.randint(0, 3)):
        value = chance.choice(["", ' = "a"', " = <1 2>", " = <&old>", " = <0 &l1 &old>"])
        yield f"{name}{value};"
    names = ("dev", "dev@1000", "dev@2000", "clock", "n", "n@1", "unlabelled@3000")
    for name in chance.sample(names, chance.randint(0, 4) if depth else 0):
        yield f"{name} {{ {' '.join(bodies(chance, depth - 1))} }};"


@pytest.mark.parametrize("seed", range(60))
def test_chance_overlays(seed: int) -> None:
    chance = random.Random(seed)
    fragments = ["&{/passthrough} { l1: n@9 { }; };"]
    for _ in range(chance.randint(1, 3)):
        target = chance.choice(["&{/passthrough}", "&old", "&{/}", "&{/passthrough/dev}"])
        fragments.append(f"{target} {{ {' '.join(bodies(chance))} }};")
    overlay = overlay_of("\n".join(fragments), symbols=chance.random() < 0.5)
    expected = by_libfdt(base_of(), overlay)
    if expected is None:  # a name without address is that of another node for libfdt
        with pytest.raises(MisfitError):
            applied(base_of(), overlay)
    else:
        made = read_blob(applied(base_of(), overlay))
        assert listed(made.root) == listed(read_blob(expected).root)


def test_nodes_of_the_contents_have_a_path_in_the_result() -> None:
    overlay = overlay_of("&{/passthrough/dev} { a@1 { b { }; }; }; &{/} { c { }; };")
    paths = apply_overlay(read_blob(base_of()), read_blob(overlay)).paths
    assert paths == {
        "/fragment@0/__overlay__": "/passthrough/dev@1000",
        "/fragment@0/__overlay__/a@1": "/passthrough/dev@1000/a@1",
        "/fragment@0/__overlay__/a@1/b": "/passthrough/dev@1000/a@1/b",
        "/fragment@1/__overlay__": "/",
        "/fragment@1/__overlay__/c": "/c",
    }
