"""Where registers go in the guest: identity, --map, auto; what they collide with (XA203-207)."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.answers import of
from tests.wording import Wording
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.formats.xlcfg_parser import parse
from xenassign.planning.plan import DomainPlan, Mapping
from xenassign.request.request import Pin
from xenassign.xen.layout import Guest, clashes
from xenassign.xen.releases import RELEASES, release

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

TWO = "/dev@740f0000"  # blocks at 0x740f0000 and 0x740f8000
ROOMY = {"policy": "trust", "vpl011": True}


def guests(plan: DomainPlan) -> list[int]:
    return [mapping.guest for device in plan.devices for mapping in device.mappings]


def test_a_request_without_a_device_places_nothing(plan: Plan) -> None:
    decided = plan("tricky", "/psci")
    assert [finding.code for finding in decided.findings if finding.severity == "error"] == [
        "XA101"
    ]
    assert guests(decided) == []


# --- identity against each window ----------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/dev@3001000",
        "/dev@22000000",
        "/dev@38000000",
        "/dev@39000000",
    ],
)
def test_identity_on_what_every_guest_has_is_an_error(
    plan: Plan, path: str, wording: Wording
) -> None:
    (finding,) = of(plan("tricky", path, policy="trust"), "XA203")
    wording(finding)
    assert finding.severity == "error"


@pytest.mark.parametrize("path", ["/dev@2000000", "/dev@10000000", "/dev@100001000"])
def test_a_window_that_nothing_uses_is_as_good_as_a_hole(
    plan: Plan, path: str, wording: Wording
) -> None:
    """Identity stays there without a word; what is moved there gets a note."""
    (host,) = guests(plan("tricky", path, policy="trust"))
    for maps in ([], ["auto"]):
        made = plan("tricky", path, policy="trust", maps=maps)
        assert not {"XA203", "XA204", "XA239"} & {finding.code for finding in made.findings}
        assert guests(made) == [host]
    moved = plan("tricky", "/dev@3001000", policy="trust", maps=[f"/dev@3001000={host:#x}"])
    (note,) = of(moved, "XA239")
    wording(note)
    assert note.severity == "note"


def test_a_window_that_the_users_configuration_uses(plan: Plan, wording: Wording) -> None:
    """Identity in it is a warning, and auto leaves it free."""
    for text, clash in (("virtio = ['transport=mmio']", True), ("acpi = 1", False), ("", False)):
        options = {"policy": "trust", "base": parse(text, "base.cfg")}
        made = plan("tricky", "/dev@2000000", **options)
        wording(*of(made, "XA204"))
        assert len(of(made, "XA204")) == clash
        moved = plan("tricky", "/dev@2000000", **options, maps=["auto"])
        assert (guests(moved) != guests(made)) == clash
        assert not {"XA203", "XA204", "XA239"} & {finding.code for finding in moved.findings}


@pytest.mark.parametrize(
    ("routes", "expected"),
    [(("xl",), ("xl",)), (("dom0less",), None), (("dom0less", "xl"), ("xl",))],
)
def test_extended_regions_are_those_of_xl(
    plan: Plan, routes: tuple[str, ...], expected: tuple[str, ...] | None, wording: Wording
) -> None:
    """A domain's node is written without xen,enhanced: only xl offers extended regions."""
    for memory in (None, 512):
        made = plan("tricky", "/dev@740e0000", policy="trust", routes=routes, memory=memory)
        told = of(made, "XA204")
        wording(*told)
        assert [(f.severity, f.routes) for f in told] == (
            [("warning", expected)] if expected else []
        )
        assert not of(made, "XA203")


@pytest.mark.parametrize("routes", [("xl",), ("dom0less",), ("dom0less", "xl")])
def test_auto_moves_nothing_where_nothing_can_be(plan: Plan, routes: tuple[str, ...]) -> None:
    """Above the guest's memory a device of a dom0less domain is as safe as from 4.21 on with xl."""
    for xen in ("4.20", "4.21"):
        options = {"policy": "trust", "routes": routes, "memory": 512, "xen": xen}
        (host,) = guests(plan("tricky", "/dev@740e0000", **options))
        made = plan("tricky", "/dev@740e0000", **options, maps=["auto"])
        assert (guests(made) == [host]) == (xen == "4.21" or "xl" not in routes)
        assert not {"XA203", "XA204", "XA239"} & {finding.code for finding in made.findings}


def test_without_vpl011_its_page_is_free(plan: Plan) -> None:
    made = plan("tricky", "/dev@22000000", policy="trust", vpl011=False)
    assert not of(made, "XA203")


def test_the_gics_of_the_other_version_are_free(plan: Plan, wording: Wording) -> None:
    moved = plan("tricky", TWO, policy="trust", maps=[f"{TWO}#0=0x4000000", f"{TWO}#1=0x8000000"])
    wording(of(moved, "XA203")[0])
    watchdog = "/axi/watchdog@fd4d0000"
    assert not of(plan("zynqmp", watchdog, maps=[f"{watchdog}=0x4000000"]), "XA203")
    clash = of(plan("zynqmp", watchdog, maps=[f"{watchdog}=0x3002000"]), "XA203")
    wording(clash[0])


def test_extended_regions_are_no_danger_from_4_21_on(plan: Plan) -> None:
    assert of(plan("tricky", TWO, policy="trust", xen="4.20"), "XA204")
    assert not of(plan("tricky", TWO, policy="trust", xen="4.21"), "XA204")


def test_memory_that_reaches_a_mapping_is_an_error_that_names_the_most_that_fits(
    plan: Plan,
    wording: Wording,
) -> None:
    eth = "ethernet0"
    most = plan("zynqmp", eth).memory_mb_max
    assert most == (0xFF0E0000 - 0x40000000) >> 20
    assert not of(plan("zynqmp", eth, memory=most), "XA203")
    (finding,) = of(plan("zynqmp", eth, memory=most + 1), "XA203")
    wording(finding)
    assert f"--memory {most}" in finding.fix


def test_memory_in_the_second_bank_is_seen(plan: Plan, wording: Wording) -> None:
    spi = "/bus@f0000/bus@fc00000/spi@fc40000"
    wording(*of(plan("ti", spi, memory=20000, policy="trust"), "XA203"))


# --- --map ---------------------------------------------------------------------------------------


def test_a_mapped_device_keeps_the_distance_of_its_blocks(plan: Plan) -> None:
    made = plan("tricky", TWO, policy="trust", maps=[f"{TWO}=0x8000000"])
    assert made.devices[0].mappings == (
        Mapping(0x740F0000, 0x8000000, 0x1000),
        Mapping(0x740F8000, 0x8008000, 0x2000),
    )


def test_an_index_moves_one_block(plan: Plan) -> None:
    made = plan("tricky", TWO, policy="trust", maps=[f"{TWO}#1=0x8000000"])
    assert guests(made) == [0x740F0000, 0x8000000]


def test_an_index_comes_before_a_later_whole_device(plan: Plan) -> None:
    made = plan("tricky", TWO, policy="trust", maps=[f"{TWO}#1=0x9000000", f"{TWO}=0x8000000"])
    assert guests(made) == [0x8000000, 0x9000000]


def test_the_first_match_wins(plan: Plan) -> None:
    made = plan("tricky", TWO, policy="trust", maps=[f"{TWO}=0x8000000", f"{TWO}#1=0x9000000"])
    assert guests(made) == [0x8000000, 0x8008000]


def test_an_address_may_carry_the_blocks_own_offset(plan: Plan) -> None:
    timer = "/timer@70000f00"
    made = plan("tricky", timer, policy="trust", maps=[f"{timer}=0x8000f00"])
    assert guests(made) == [0x8000000]
    assert made.devices[0].placed[0].guest == 0x8000F00


@pytest.mark.parametrize("address", ["0x8000001", "0x8000800", "1"])
def test_an_unaligned_address_is_a_usage_error(plan: Plan, address: str, wording: Wording) -> None:
    with wording.raises(UsageError):
        plan("tricky", TWO, maps=[f"{TWO}={address}"])


def test_auto_for_one_device(plan: Plan) -> None:
    made = plan("tricky", "/dev@3001000", TWO, policy="trust", maps=["/dev@3001000=auto"])
    assert guests(made)[0] != 0x3001000
    assert guests(made)[1:] == [0x740F0000, 0x740F8000]


def test_identity_for_one_device_under_auto_for_all(plan: Plan) -> None:
    made = plan("tricky", "/dev@3001000", TWO, policy="trust", maps=[f"{TWO}=identity", "auto"])
    assert guests(made)[0] != 0x3001000
    assert guests(made)[1:] == [0x740F0000, 0x740F8000]


def test_auto_keeps_identity_where_nothing_is_touched(plan: Plan) -> None:
    assert guests(plan("qemu", "/pl031@9010000", maps=["auto"])) == [0x9010000]


def test_auto_on_a_bus_holds_for_what_is_below(plan: Plan) -> None:
    usb = "/axi/usb@ff9d0000"
    made = plan("zynqmp", usb, policy="trust", maps=[f"{usb}=auto"])
    assert all(guest < 0x40000000 for guest in guests(made))
    assert len(set(guests(made))) == 2


def test_an_address_on_an_enclosing_device_moves_that_device_only(plan: Plan) -> None:
    usb = "/axi/usb@ff9d0000"
    made = plan("zynqmp", usb, policy="trust", maps=[f"{usb}=0x8000000"])
    assert guests(made) == [0x8000000, 0xFE200000]


@pytest.mark.parametrize(
    "text",
    [
        "/dev@740f0000#2=0x8000000",
        "/dev@740e0000=0x8000000",
        "/no-such=0x8000000",
        "/dev@740f0000",
        "=0x1000",
        "/dev@740f0000=",
        "/dev@740f0000=there",
        "/dev@740f0000=-4096",
        "/dev@740f0000#x=0x1000",
    ],
)
def test_a_map_option_that_cannot_be_meant(plan: Plan, text: str, wording: Wording) -> None:
    with wording.raises(UsageError):
        plan("tricky", TWO, maps=[text])


@pytest.mark.parametrize("target", ["auto", "identity"])
def test_an_index_that_does_not_exist_is_refused_for_auto_too(
    plan: Plan, target: str, wording: Wording
) -> None:
    with wording.raises(UsageError):
        plan("tricky", TWO, maps=[f"{TWO}#7={target}"])


def test_a_bus_has_no_registers_to_map(plan: Plan, wording: Wording) -> None:
    with wording.raises(UsageError):
        plan("tricky", "/bus@7b000000", maps=["/bus@7b000000=0x8000000"])


def test_blocks_that_would_land_below_zero_are_a_usage_error(plan: Plan, wording: Wording) -> None:
    dev = "/bus@800000000/dev@200000"
    with wording.raises(UsageError):
        plan("tricky", dev, maps=[f"{dev}=0x1000"])


# --- XA205, XA206, XA207 -------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["0x1000000000000", "0xfffffffff000", "0xfffffffffffff000"])
def test_an_address_beyond_48_bits_is_refused(plan: Plan, address: str) -> None:
    made = plan("tricky", TWO, policy="trust", maps=[f"{TWO}={address}"])
    assert of(made, "XA205")


def test_an_address_beyond_64_bits_is_no_address(plan: Plan) -> None:
    with pytest.raises(UsageError, match="more than 64 bits"):
        plan("tricky", TWO, policy="trust", maps=[f"{TWO}=0xffffffffffffffff000"])


def test_the_last_page_below_48_bits_is_fine(plan: Plan) -> None:
    assert not of(plan("tricky", "/dev@fffffffff000", policy="trust"), "XA205")


def test_a_host_address_beyond_48_bits_is_refused(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { dev@1000000000000 { compatible = "xenassign,x"; reg = <0x10000 0 0 0x1000>; }; };',
    )
    made = plan(tree, "/dev@1000000000000", policy="trust", maps=["/dev@1000000000000=0x8000000"])
    assert of(made, "XA205")


def test_two_mappings_of_one_guest_page_are_an_error(plan: Plan) -> None:
    both = (TWO, "/dev@740e0000")
    made = plan("tricky", *both, policy="trust", maps=[f"{p}=0x8000000" for p in both])
    (finding,) = of(made, "XA206")
    assert all(path in finding.message for path in both)


def test_partial_overlap_is_an_error_too(plan: Plan) -> None:
    other = "/dev@740e0000"
    maps = [f"{TWO}#1=0x8000000", f"{other}=0x8001000"]
    assert of(plan("tricky", TWO, other, policy="trust", maps=maps), "XA206")


def test_one_page_for_two_devices_that_share_it_is_no_overlap(plan: Plan) -> None:
    both = ("/pwm@70000000", "/pwm@70000010")
    made = plan("tricky", *both, policy="trust", shared=("/timer@70000f00",))
    assert not of(made, "XA206")
    assert len(set(guests(made))) == 1


def huge(variant: Variant, size: str) -> Tree:
    """A board with a block at 0x400000000. ``size``: two cells."""
    device = f'dev@400000000 {{ compatible = "xenassign,x"; reg = <0x4 0 {size}>; }};'
    return variant("tricky", f"/ {{ {device} }};")


def test_auto_says_when_no_hole_is_large_enough(plan: Plan, variant: Variant) -> None:
    """4 GiB are the largest window that nothing uses, beside RAM without extended regions."""
    options = {"policy": "trust", "maps": ["auto"]}
    for size, memory, routes, fits in (
        ("0x1 0", None, ("xl",), True),
        ("0x1 0x1000", None, ("xl",), False),
        ("0x1 0x1000", 1024, ("xl",), False),
        ("0x1 0x1000", None, ("dom0less",), False),
        ("0x1 0x1000", 1024, ("dom0less",), True),
        ("0x1 0x1000", 20480, ("dom0less",), True),
    ):
        made = plan(huge(variant, size), "/dev@400000000", **options, memory=memory, routes=routes)
        told = of(made, "XA207")
        assert [finding.severity for finding in told] == ([] if fits else ["error"])


def test_auto_finds_a_hole_for_what_fits(plan: Plan) -> None:
    assert not of(plan("tricky", "/dev@3001000", policy="trust", maps=["auto"]), "XA207")


# --- auto: properties ----------------------------------------------------------------------------

SOME = (
    "/dev@2000000",
    "/dev@3001000",
    "/dev@10000000",
    "/dev@22000000",
    "/dev@38000000",
    "/dev@39000000",
    "/dev@40000000",
    "/dev@100001000",
    "/dev@fffffffff000",
    "/dev@740f0000",
    "/bus@800000000/dev@200000",
    "/wrapper@7a000000",
    "/timer@70000f00",
    "/pwm@70000000",
    "/pwm@70000010",
    "/watchdog@70001800",
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    chosen=st.lists(st.sampled_from(SOME), min_size=1, unique=True),
    version=st.sampled_from(list(RELEASES)),
    memory=st.sampled_from([None, 64, 4096, 100000]),
)
def test_auto_touches_no_window_and_no_other_mapping_and_is_deterministic(
    plan: Plan, chosen: list[str], version: str, memory: int | None
) -> None:
    def make() -> DomainPlan:
        return plan("tricky", *chosen, policy="trust", maps=["auto"], xen=version, memory=memory)

    made = make()
    assert not [f for f in made.findings if f.code in ("XA203", "XA204", "XA206", "XA207")]
    assert made.devices == make().devices
    mappings = {mapping for device in made.devices for mapping in device.mappings}
    guest = Guest(release(version), 3, True, (memory or 0) << 20)
    for one in mappings:
        assert not one.guest % PAGE_SIZE
        assert not list(clashes(guest, one.guest_span))
    for one, other in combinations(mappings, 2):
        apart = one.guest + one.size <= other.guest or other.guest + other.size <= one.guest
        assert apart or one.guest - one.host == other.guest - other.host


def test_auto_keeps_away_from_every_fixed_mapping_of_one_host_page(plan: Plan) -> None:
    first, second, free = "/pwm@70000000", "/pwm@70000010", "/dev@3001000"
    hole = plan("tricky", free, policy="trust", maps=["auto"]).devices[0].mappings[0].guest
    maps = [f"{first}=0x8000000", f"{second}={hole:#x}", "auto"]
    made = plan("tricky", first, second, free, policy="trust", maps=maps, shared=(first, second))
    assert not of(made, "XA206")


def test_fixed_places_are_respected_by_auto(plan: Plan) -> None:
    hole = guests(plan("tricky", "/dev@3001000", policy="trust", maps=["auto"]))[0]
    maps = [f"{TWO}={hole:#x}", "auto"]
    made = plan("tricky", "/dev@3001000", TWO, policy="trust", maps=maps)
    assert not of(made, "XA206")


# --- windows, alignment, pins --------------------------------------------------------------------

ETH = "/axi/ethernet@ff0e0000"


def hows(plan: DomainPlan) -> list[str]:
    return [placed.how for device in plan.devices for placed in device.placed]


@pytest.mark.parametrize(
    "option", ["window:0x4000000-0x8000000", f"{ETH}=window:0x4000000-0x8000000"]
)
def test_a_window_takes_the_device(plan: Plan, option: str) -> None:
    made = plan("zynqmp", ETH, maps=[option])
    (guest,) = guests(made)
    assert 0x4000000 <= guest < 0x8000000
    assert hows(made) == ["window"]


def test_a_window_keeps_an_identity_that_is_safe(plan: Plan) -> None:
    made = plan("qemu", "/pl031@9010000", maps=["window:0x8000000-0xa000000"])
    assert guests(made) == [0x9010000]


def test_a_window_on_a_bus_holds_for_what_is_below(plan: Plan) -> None:
    usb = "/axi/usb@ff9d0000"
    made = plan("zynqmp", usb, policy="trust", maps=[f"{usb}=window:0x4000000-0x10000000"])
    assert len(guests(made)) == 2
    assert all(0x4000000 <= guest < 0x10000000 for guest in guests(made))


def test_a_window_without_a_place_is_an_error_that_names_both(plan: Plan) -> None:
    made = plan("zynqmp", ETH, maps=[f"{ETH}=window:0x38000000-0x3a000000"])
    (finding,) = of(made, "XA210")
    assert finding.severity == "error"
    assert ETH in finding.message
    assert "0x38000000-0x3a000000" in finding.message
    assert not of(made, "XA207")


def test_two_devices_in_a_window_for_one(plan: Plan) -> None:
    both = (TWO, "/dev@740e0000")
    maps = [f"{path}=window:0x8000000-0x8001000" for path in both]
    made = plan("tricky", *both, policy="trust", maps=[*maps[1:], f"{TWO}=identity"])
    assert not of(made, "XA210")
    made = plan("tricky", *both, policy="trust", maps=maps)
    assert len(of(made, "XA210")) == 2  # TWO has blocks of one page and of two
    assert len(guests(made)) == 1


def test_how_each_block_was_placed(plan: Plan) -> None:
    maps = [f"{TWO}#0=0x8000000", f"{TWO}#1=auto"]
    made = plan("tricky", TWO, "/dev@3001000", policy="trust", maps=maps)
    assert hows(made) == ["fixed", "auto", "identity"] or hows(made) == [
        "identity",
        "fixed",
        "auto",
    ]


def test_a_pin_is_kept_and_an_impossible_one_ignored(plan: Plan) -> None:
    free = plan("zynqmp", ETH, maps=["auto"])
    kept = plan("zynqmp", ETH, maps=["auto"], pins=(Pin(ETH, 0, False, 0x8000000),))
    assert (guests(kept), hows(kept)) == ([0x8000000], ["pinned"])
    for wrong in (0x38000000, 0x8000001, 1 << 48, 0xFF0E0000):
        ignored = plan("zynqmp", ETH, maps=["auto"], pins=(Pin(ETH, 0, False, wrong),))
        assert (guests(ignored), hows(ignored)) == (guests(free), ["auto"])


def test_a_pin_says_nothing_to_identity_and_fixed_places(plan: Plan) -> None:
    pins = (Pin(ETH, 0, False, 0x8000000), Pin(ETH, 0, True, 0x8000000))
    assert guests(plan("zynqmp", ETH, pins=pins)) == [0xFF0E0000]
    assert guests(plan("zynqmp", ETH, pins=pins, maps=[f"{ETH}=0x9000000"])) == [0x9000000]
    assert guests(plan("zynqmp", ETH, pins=pins[1:], maps=["auto"])) == [0x3F0E0000]


def test_auto_leaves_free_what_is_to_be_left(plan: Plan) -> None:
    made = plan("zynqmp", ETH, maps=["auto"], avoid=(Span.sized(0x3F000000, 0x1000000),))
    assert guests(made) == [0xF0E0000]


@pytest.mark.parametrize(
    ("align", "address", "warned"),
    [
        ("page", 0x8001000, False),
        ("natural", 0x8001000, True),
        ("natural", 0x8002000, False),
        ("64k", 0x8002000, True),
        ("64k", 0x8010000, False),
        ("2m", 0x8001000, False),
    ],
)
def test_a_fixed_address_that_breaks_the_alignment_is_a_warning(
    plan: Plan, align: str, address: int, warned: bool
) -> None:
    maps = [f"{TWO}#1={address:#x}", f"{TWO}#0=0x9000000"]
    made = plan("tricky", TWO, policy="trust", align=align, maps=maps)
    assert bool(of(made, "XA209")) == warned
    assert all(finding.severity == "warning" for finding in of(made, "XA209"))


def test_a_large_fixed_block_is_to_be_congruent(plan: Plan) -> None:
    spi = "/axi/spi@ff0f0000"  # its second block: 128 MiB at 0xc0000000
    for address, warned in ((0x8000000, False), (0x4100000, True)):
        maps = [f"{spi}#1={address:#x}"]
        assert bool(of(plan("zynqmp", spi, align="2m", maps=maps), "XA209")) == warned
    assert not of(plan("zynqmp", spi, align="2m"), "XA209")


def test_two_devices_in_64_kib_of_a_guest_with_such_pages(plan: Plan, wording: Wording) -> None:
    both = (TWO, "/dev@740e0000")
    maps = [f"{TWO}#0=0x8001000", f"{TWO}#1=0x9000000", "/dev@740e0000=0x8000000"]
    told = of(plan("tricky", *both, policy="trust", align="64k", maps=maps), "XA209")
    wording(*told)
    assert not of(plan("tricky", *both, policy="trust", align="64k", maps=["auto"]), "XA209")


# --- what the errors advise ----------------------------------------------------------------------


def advised(plan: DomainPlan) -> list[str]:
    return [m for f in of(plan, "XA203") for m in re.findall(r"--map (\S+=\S+)", f.fix)]


@pytest.mark.parametrize("path", ["/dev@3001000", "/dev@38000000", "/dev@22000000"])
def test_the_advised_place_fits(plan: Plan, path: str) -> None:
    maps = advised(plan("tricky", path, policy="trust"))
    assert maps
    assert not advised(plan("tricky", path, policy="trust", maps=maps))


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("tricky", "/bus@800000000/dev@200000"),
        ("tricky", "/wrapper@7a000000"),
        ("zynqmp", "/axi/usb@ff9d0000"),
        ("zynqmp", "/axi/spi@ff0f0000"),
        ("rcar", "/soc/dma-controller@e7350000"),
    ],
)
def test_the_advised_places_fit_together(plan: Plan, host: str, path: str) -> None:
    maps = advised(plan(host, path, policy="trust", memory=4096))
    assert maps
    made = plan(host, path, policy="trust", memory=4096, maps=maps)
    assert not of(made, "XA203")
    assert not of(made, "XA206")


# --- memory_mb_max -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "devices"),
    [
        ("qemu", ("/pl031@9010000",)),
        ("zynqmp", ("ethernet0",)),
        ("zynqmp", ("/axi/spi@ff0f0000",)),
        ("tricky", ("/dev@40000000",)),
        ("tricky", ("/dev@740f0000", "/dev@100001000")),
        ("ti", ("/bus@f0000/bus@fc00000/spi@fc40000",)),
    ],
)
def test_memory_mb_max_is_the_most_that_leaves_the_mappings_free(
    plan: Plan, host: str, devices: tuple[str, ...]
) -> None:
    most = plan(host, *devices, policy="trust").memory_mb_max
    limit = 1043456
    if most:
        assert not of(plan(host, *devices, policy="trust", memory=most), "XA203")
    if most < limit:
        assert of(plan(host, *devices, policy="trust", memory=most + 1), "XA203")


# --- what limits it ------------------------------------------------------------------------------


def test_what_limits_the_memory_and_what_moving_it_gives(plan: Plan) -> None:
    limit = plan("zynqmp", ETH).memory_limit
    assert limit == (3056, ETH, 0xFF0E0000, 0, 1043456, 1043456)
    assert plan("zynqmp", ETH, maps=["auto"]).memory_limit is None
    assert plan("zynqmp", ETH, maps=["auto"]).memory_mb_max == 1043456


@pytest.mark.parametrize("xen", list(RELEASES))
@pytest.mark.parametrize(
    ("host", "devices"),
    [
        ("zynqmp", ("ethernet0", "/axi/spi@ff0f0000")),
        ("tricky", ("/dev@40000000",)),
        ("rcar", ("/soc/dma-controller@e7350000",)),
        ("rk3588", ("/mmc@fe2c0000",)),
    ],
)
def test_moving_it_gives_what_is_said(
    plan: Plan, host: str, devices: tuple[str, ...], xen: str
) -> None:
    made = plan(host, *devices, policy="trust", xen=xen)
    limit = made.memory_limit
    assert limit is not None
    assert limit.mib == made.memory_mb_max
    assert limit.moved is not None
    assert limit.moved > limit.mib
    mapped = [m for owner in made.owners if owner.path == limit.by for m in owner.mappings]
    assert any(m.guest <= limit.address < m.guest + m.size for m in mapped)
    options = {"policy": "trust", "xen": xen, "maps": [f"{limit.by}=auto"]}
    assert plan(host, *devices, **options).memory_mb_max == limit.moved
    assert not of(plan(host, *devices, **options, memory=limit.moved), "XA203")


def test_what_fits_no_hole_cannot_be_moved(plan: Plan, variant: Variant) -> None:
    for size, moved in (("0x1 0", 1043456), ("0x1 0x1000", None)):
        limit = plan(huge(variant, size), "/dev@400000000", policy="trust").memory_limit
        assert limit is not None
        assert (limit.bank, limit.moved, limit.all_moved) == (1, moved, moved)


@pytest.mark.parametrize(
    ("pair", "shared"),
    [
        (("/pwm@70000000", "/pwm@70000010"), ("/timer@70000f00",)),  # one page
        (("/dev@740f0000", "/dev@740e0000"), ()),  # one MiB
    ],
)
def test_two_close_together_have_to_be_moved_both(
    plan: Plan, pair: tuple[str, ...], shared: tuple[str, ...]
) -> None:
    limit = plan("tricky", *pair, policy="trust", shared=shared).memory_limit
    assert limit is not None
    assert (limit.moved, limit.all_moved) == (None, 1043456)
    made = plan("tricky", *pair, policy="trust", shared=shared, maps=["auto"])
    assert made.memory_mb_max == limit.all_moved
