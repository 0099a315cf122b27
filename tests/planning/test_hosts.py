"""One system on several boards: what is missing, what differs, and guest addresses that agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.outputs.hosts import generate_hosts
from xenassign.request.request import Pin, Request, parse_clock_rate, parse_map
from xenassign.request.system_request import SystemRequest
from xenassign.system.host_plan import DomainPins, Pins
from xenassign.system.hosts import HostsPlan, decide_hosts
from xenassign.xen.releases import release

Compiled = Callable[[str], Tree]
Board = Callable[..., Tree]

DEVICE = """
{label}: {name}@{at:x} {{
    compatible = "arm,pl061";
    reg = <{reg}>;
    interrupts = <0 {spi} 4>;
    {more}
}};
"""


@pytest.fixture
def made(compiled: Compiled) -> Board:
    """made(file, (label, address, size, SPI), …): a board with such devices, and their aliases."""

    def make(file: str, *devices: tuple[str, int, int, int], gic: int = 3, more: str = "") -> Tree:
        nodes = "".join(
            DEVICE.format(label=label, name="gpio", at=at, reg=cells(at, size), spi=spi, more=more)
            for label, at, size, spi in devices
        )
        aliases = "".join(f"{label} = &{label};" for label, *_ in devices)
        kind = {2: "arm,gic-400", 3: "arm,gic-v3"}[gic]
        tree = compiled(f"""/dts-v1/;
            / {{
                #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
                model = "{file}"; compatible = "maker,board";
                aliases {{ {aliases} }};
                memory@4000000000 {{ device_type = "memory"; reg = <0x40 0 1 0>; }};
                clk: clock {{ compatible = "fixed-clock"; #clock-cells = <0>;
                    clock-frequency = <1000000>; }};
                gic: interrupt-controller@fff00000 {{
                    compatible = "{kind}"; interrupt-controller; #interrupt-cells = <3>;
                    reg = <0 0xfff00000 0 0x10000>, <0 0xfff40000 0 0x80000>;
                }};
                {nodes}
            }};""")
        return replace_file(tree, f"{file}.dtb")

    return make


def cells(*numbers: int) -> str:
    """Two cells for each number."""
    return " ".join(f"{number >> 32:#x} {number & 0xFFFFFFFF:#x}" for number in numbers)


def replace_file(tree: Tree, file: str) -> Tree:
    return Tree(tree.root, file, tree.reservations, tree.boot_cpu)


def system(*devices: str, maps: tuple[str, ...] = ("auto",), **options: object) -> SystemRequest:
    asked = Request(
        devices=devices,
        name="net",
        maps=tuple(parse_map(text) for text in maps),
        policy="trust",
        release=release("4.20"),
        memory=3072,
    )
    return SystemRequest((replace(asked, **options),))  # type: ignore[arg-type]


def rows(plan: HostsPlan) -> dict[tuple[str, str, str], tuple[object, ...]]:
    return {(d.device, d.kind, d.title): d.values for d in plan.differences}


def guests(plan: HostsPlan, name: str) -> list[int]:
    return [
        block.guest
        for host in plan.hosts
        for domain in host.domains
        for device in domain.devices
        if device.name == name
        for block in device.blocks
    ]


def test_boards_that_are_alike_have_no_differences(made: Board) -> None:
    trees = [made(name, ("a", 0x80000000, 0x1000, 10)) for name in ("rev1", "rev2")]
    plan = decide_hosts(trees, system("a"))
    assert not plan.refused
    assert plan.differences == ()
    assert [host.name for host in plan.hosts] == ["rev1", "rev2"]


def test_a_device_found_by_its_alias_is_one_device(made: Board) -> None:
    trees = [
        made("rev1", ("a", 0x80000000, 0x1000, 10)),
        made("rev2", ("a", 0x90000000, 0x2000, 11)),
    ]
    plan = decide_hosts(trees, system("a"))
    found = rows(plan)
    assert found["a", "path", ""] == ("/gpio@80000000", "/gpio@90000000")
    assert found["a", "host address", "block 0"] == (0x80000000, 0x90000000)
    assert found["a", "size", "block 0"] == (0x1000, 0x2000)
    assert found["a", "interrupts", ""] == (("42 (level-high)",), ("43 (level-high)",))
    assert ("a", "guest address", "block 0") not in found
    assert ("a", "missing", "") not in found


def test_identity_that_differs_is_told(made: Board) -> None:
    trees = [
        made("rev1", ("a", 0x10000, 0x1000, 10)),
        made("rev2", ("a", 0x20000, 0x1000, 10)),
    ]
    plan = decide_hosts(trees, system("a", maps=()))
    assert rows(plan)["a", "guest address", "block 0"] == (0x10000, 0x20000)


def test_a_missing_device_refuses_its_board_and_no_other(made: Board) -> None:
    both = (("a", 0x80000000, 0x1000, 10), ("b", 0x80010000, 0x1000, 11))
    trees = [made("rev1", *both), made("rev2", both[0])]
    plan = decide_hosts(trees, system("a", "b", maps=("b=0x10000", "auto")))
    one, other = plan.hosts
    assert not one.refused
    assert [device.name for device in one.domains[0].devices] == ["a", "b"]
    assert [device.name for device in other.domains[0].devices] == ["a"]
    (line,) = other.request.error.lines if other.request.error is not None else ()
    assert "rev2.dtb" in line
    assert "no such node" in line
    assert rows(plan)["b", "missing", ""] == ("there", "missing")
    assert not any(device == "b" and what != "missing" for device, what, _ in rows(plan))


def test_a_domain_without_any_device_on_a_board_is_a_refusal(made: Board) -> None:
    trees = [
        made("rev1", ("a", 0x80000000, 0x1000, 10)),
        made("rev2", ("b", 0x80000000, 0x1000, 10)),
    ]
    plan = decide_hosts(trees, system("a"))
    assert [host.refused for host in plan.hosts] == [False, True]
    assert rows(plan)["a", "missing", ""] == ("there", "missing")


def test_what_no_board_has_is_no_plan(made: Board, wording: Wording) -> None:
    trees = [made(name, ("a", 0x80000000, 0x1000, 10)) for name in ("rev1", "rev2")]
    with wording.raises(UsageError):
        decide_hosts(trees, system("a", "nothing"))


def test_what_no_board_has_is_told_together(made: Board) -> None:
    """Not what one of them lacks, which is a difference of the boards."""
    trees = [made("rev1", ("a", 0x80000000, 0x1000, 10), ("b", 0x80010000, 0x1000, 11))]
    trees.append(made("rev2", ("a", 0x80000000, 0x1000, 10)))
    asked = system("b", "nix", "a", "nothing", maps=("nowhere=auto", "b=auto"))
    with pytest.raises(UsageError) as caught:
        decide_hosts(trees, asked)
    assert [line.partition(": no such node in rev1.dtb")[0] for line in caught.value.lines] == [
        "-d nix",
        "-d nothing",
        "--map nowhere",
    ]


def test_an_option_that_cannot_be_meant_on_one_board_refuses_that_one(made: Board) -> None:
    clock = 'clocks = <&clk>; clock-names = "apb";'
    trees = [
        made("rev1", ("a", 0x80000000, 0x1000, 10), more=clock),
        made("rev2", ("a", 0x80000000, 0x1000, 10)),
    ]
    plan = decide_hosts(trees, system("a", clock_rates=(parse_clock_rate("a#apb=5000"),)))
    assert [host.refused for host in plan.hosts] == [False, True]
    error = plan.hosts[1].request.error
    (line,) = error.lines if error is not None else ()
    assert line.startswith("rev2.dtb: --clock-rate a#apb: fits no clock")
    assert plan.hosts[0].domains[0].devices[0].stubs[0].value == "5000 Hz"


def test_an_error_on_one_board_names_it(made: Board) -> None:
    trees = [
        made("rev1", ("a", 0x80000000, 0x1000, 10), ("b", 0x80010000, 0x1000, 11)),
        made("rev2", ("a", 0x80000000, 0x1000, 10), ("b", 0x80000800, 0x800, 11)),
    ]
    (refusal,) = generate_hosts(trees, system("a")).refusals
    assert isinstance(refusal, Finding)
    assert (refusal.file, refusal.domain, refusal.code) == ("rev2.dtb", "net", "XA201")


def test_two_boards_of_one_name_are_refused(made: Board, wording: Wording) -> None:
    trees = [made("rev1", ("a", 0x80000000, 0x1000, 10)) for _ in range(2)]
    trees[1] = replace_file(trees[1], "other/rev1.dts")
    with wording.raises(UsageError):
        decide_hosts(trees, system("a"))


# ---------------------------------------------------------------------- common places

SMALL, LARGE = 0x1000, 0x100000
AUTO = 0x8000000  # where auto alone puts a small block of 0x80000000


def test_auto_gives_one_guest_address(made: Board) -> None:
    """The second board has it elsewhere, and its first free hole is another."""
    trees = [
        made("rev1", ("a", 0x80000000, SMALL, 10), ("b", 0x80010000, SMALL, 11)),
        made("rev2", ("b", 0x80000000, LARGE, 10), ("a", 0x90000000, SMALL, 11)),
    ]
    alone = [guests(decide_hosts([tree], system("a", "b")), "a") for tree in trees]
    assert alone[0] != alone[1]
    plan = decide_hosts(trees, system("a", "b"))
    for name in ("a", "b"):
        one, other = guests(plan, name)
        assert one == other


def test_auto_leaves_free_what_is_fixed_on_another_board(made: Board) -> None:
    """Each board by itself would take what is fixed on the other."""
    trees = [
        made("rev1", ("a", 0x10000, SMALL, 10), ("b", AUTO, SMALL, 11)),
        made("rev2", ("a", 0x80000000, SMALL, 10), ("b", 0x10000, SMALL, 11)),
    ]
    fixed = system("a", "b", maps=("b=identity", "auto"))
    assert [guests(decide_hosts([tree], fixed), "a") for tree in trees] == [[0x10000], [AUTO]]
    plan = decide_hosts(trees, fixed)
    assert guests(plan, "b") == [AUTO, 0x10000]
    one, other = guests(plan, "a")
    assert one == other
    assert one not in (0x10000, AUTO)


def test_auto_leaves_free_the_gic_of_another_board(made: Board) -> None:
    """A guest with GICv3 has its redistributors there, one with GICv2 has nothing."""
    where = 0x3030000
    trees = [
        made("rev1", ("a", where, SMALL, 10), ("b", AUTO, SMALL, 11), gic=2),
        made("rev2", ("a", 0x80000000, SMALL, 10), ("b", 0x10000, SMALL, 11), gic=3),
    ]
    fixed = system("a", "b", maps=("b=identity", "auto"))
    assert [guests(decide_hosts([tree], fixed), "a") for tree in trees] == [[where], [AUTO]]
    one, other = guests(decide_hosts(trees, fixed), "a")
    assert one == other
    assert one not in (where, AUTO)


def test_auto_leaves_free_what_only_another_board_has(made: Board) -> None:
    """What a glob finds is not the same on both."""
    same = ("b", 0x11000, SMALL, 11)
    trees = [
        made("rev1", ("c", 0x80000000, SMALL, 9), ("a", 0x10000, SMALL, 10), same),
        made("rev2", ("a", 0x90000000, LARGE, 10), same, ("d", 0x81000000, SMALL, 9)),
    ]
    plan = decide_hosts(trees, system("gpio@8*", "a", "b", maps=("b=identity", "auto")))
    assert not plan.refused
    one, other = guests(plan, "a")
    assert one == other


def test_no_place_on_one_board_is_no_refusal_of_the_others(made: Board) -> None:
    """What is fixed on the second board is in the only window that is large enough."""
    large = ("a", 0x50_0000_0000, 1 << 32, 10)
    trees = [
        made("rev1", large, ("b", 0x20000, SMALL, 11)),
        made("rev2", large, ("b", 0x1_8000_0000, SMALL, 11)),
    ]
    plan = decide_hosts(trees, system("a", "b", maps=("b=identity", "auto")))
    assert [host.refused for host in plan.hosts] == [False, True]
    assert guests(plan, "a") == [0x1_0000_0000]


def test_sizes_that_differ_still_find_a_common_place(made: Board) -> None:
    """What fits on the first board runs into the next block on the second."""
    first = [("a", 0x80000000, SMALL, 10), ("b", 0x80010000, SMALL, 11)]
    second = [("a", 0x80000000, LARGE, 10), ("b", 0x80200000, SMALL, 11)]
    trees = [made("rev1", *first), made("rev2", *second)]
    plan = decide_hosts(trees, system("a", "b"))
    for name in ("a", "b"):
        one, other = guests(plan, name)
        assert one == other
    assert not plan.refused


def test_the_order_of_the_boards_is_of_no_account(made: Board) -> None:
    trees = [
        made("rev1", ("a", 0x80000000, SMALL, 10), ("b", 0x80010000, SMALL, 11)),
        made("rev2", ("b", 0x80000000, LARGE, 10), ("a", 0x90000000, SMALL, 11)),
        made("rev3", ("b", 0x70000000, SMALL, 10), ("a", 0x20000, SMALL, 11)),
    ]
    plan = decide_hosts(trees, system("a", "b"))
    back = decide_hosts(trees[::-1], system("a", "b"))
    assert {h.name: h.domains for h in plan.hosts} == {h.name: h.domains for h in back.hosts}
    assert len(set(guests(plan, "a"))) == len(set(guests(plan, "b"))) == 1


def test_pins_keep_a_place_on_every_board(made: Board) -> None:
    trees = [
        made("rev1", ("a", 0x80000000, SMALL, 10)),
        made("rev2", ("a", 0x90000000, SMALL, 11)),
    ]
    pins: Pins = {"rev2.dtb": {"net": DomainPins((Pin("/gpio@90000000", 0, False, 0x5000000),))}}
    plan = decide_hosts(trees, system("a"), pins)
    assert guests(plan, "a") == [0x5000000, 0x5000000]


def test_one_board_is_decided_as_ever(made: Board, wording: Wording) -> None:
    tree = made("rev1", ("a", 0x80000000, SMALL, 10))
    plan = decide_hosts([tree], system("a"))
    assert plan.differences == ()
    assert not plan.refused
    with wording.raises(UsageError):
        decide_hosts([tree], system("b"))
