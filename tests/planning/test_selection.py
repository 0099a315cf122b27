"""Which nodes a request means, and what is said about them (XA101 to XA106)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.answers import codes, of
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import text
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, errors
from xenassign.host.platform import read_platform
from xenassign.planning.plan import DomainPlan
from xenassign.request.boot_request import BootRequest
from xenassign.request.request import Request
from xenassign.request.resolve import resolve, select
from xenassign.request.system_request import SystemRequest
from xenassign.xen.releases import release

Plan = Callable[..., DomainPlan]
Board = Callable[[str], Tree]
Variant = Callable[[str, str], Tree]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["/axi/ethernet@ff0e0000", "ethernet0", "gem3", "ethernet@ff0e0000", "axi/ethernet@ff0e0000"],
)
def test_a_device_is_found_by_path_alias_label_and_unique_suffix(board: Board, name: str) -> None:
    assert [node.path for node in select(board("zynqmp"), (name,))] == ["/axi/ethernet@ff0e0000"]


def test_an_unknown_path_names_the_nearest(board: Board, wording: Wording) -> None:
    with wording.raises(UsageError):
        select(board("zynqmp"), ("/axi/ethernet@ff0e0001",))


def test_an_unknown_name_that_resembles_nothing_points_to_inspect(
    board: Board, wording: Wording
) -> None:
    with wording.raises(UsageError):
        select(board("zynqmp"), ("qqqqqqqqqqqq",))


def test_an_ambiguous_suffix_lists_what_it_fits(board: Board, wording: Wording) -> None:
    with wording.raises(UsageError):
        select(board("tricky"), ("ethernet@1000",))


def test_a_suffix_is_whole_components(board: Board, wording: Wording) -> None:
    with wording.raises(UsageError):
        select(board("zynqmp"), ("net@ff0e0000",))


def test_an_absolute_path_is_no_suffix(board: Board, wording: Wording) -> None:
    with wording.raises(UsageError):
        select(board("zynqmp"), ("/ethernet@ff0e0000",))


def test_an_alias_that_leads_nowhere_is_not_found(board: Board, wording: Wording) -> None:
    """As in a tree that the device was taken out of."""
    assert "ghost0" in board("tricky").aliases
    with wording.raises(UsageError):
        select(board("tricky"), ("ghost0",))


@pytest.mark.parametrize(
    "name", ["", " ", "//", "/axi/", "/axi//serial@ff010000", "..", "@", "*zzz?"]
)
def test_malformed_names_are_not_found(board: Board, name: str) -> None:
    with pytest.raises(UsageError):
        select(board("zynqmp"), (name,))


def test_the_same_node_by_two_names_is_named_twice(board: Board, wording: Wording) -> None:
    with wording.raises(UsageError):
        select(board("zynqmp"), ("ethernet0", "gem3"))


def test_every_wrong_name_is_told_at_once(board: Board) -> None:
    names = ("gpio99", "ethernet0", "/nothing", "/axi/nothing@*")
    with pytest.raises(UsageError) as caught:
        select(board("zynqmp"), names)
    assert [line.partition(":")[0] for line in caught.value.lines] == [
        "-d gpio99",
        "-d /nothing",
        "-d /axi/nothing@*",
    ]


def test_a_glob_takes_what_fits_component_by_component(board: Board) -> None:
    found = [node.path for node in select(board("zynqmp"), ("/axi/serial@*",))]
    assert found == [p.path for p in board("zynqmp").nodes() if p.path.startswith("/axi/serial@")]
    assert len(found) > 1


def test_a_glob_does_not_cross_a_slash(board: Board) -> None:
    paths = [node.path for node in select(board("zynqmp"), ("/axi/usb@*",))]
    assert all(path.count("/") == 2 for path in paths)


def test_a_glob_that_fits_nothing_is_refused(board: Board, wording: Wording) -> None:
    with wording.raises(UsageError):
        select(board("zynqmp"), ("/axi/nothing@*",))


def test_a_glob_and_one_of_its_nodes_is_no_repetition(board: Board) -> None:
    tree = board("zynqmp")
    assert len(select(tree, ("/axi/serial@*", "/axi/serial@ff010000"))) == len(
        select(tree, ("/axi/serial@*",))
    )


# --- XA101: nothing to assign --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/nothing", "/clock-osc", "/chosen", "/aliases", "/regulator-vcc"]
)
def test_a_node_without_registers_is_refused(plan: Plan, path: str) -> None:
    assert "XA101" in codes(plan("tricky", path))


def test_a_node_out_of_the_processors_reach_names_the_bus(plan: Plan, wording: Wording) -> None:
    path = "/axi/ethernet@ff0e0000/mdio/ethernet-phy@c"
    (finding,) = [f for f in plan("zynqmp", path).findings if f.code == "XA101"]
    wording(finding)


@pytest.mark.parametrize("path", ["/irq-only", "/iommu-only", "/dev@740f0000"])
def test_registers_a_line_or_a_stream_alone_are_enough(plan: Plan, path: str) -> None:
    assert "XA101" not in codes(plan("tricky", path))


def test_the_counters_of_the_cpu_cores_cannot_be_assigned(plan: Plan, wording: Wording) -> None:
    """Their interrupts can, and the request stays possible."""
    made = plan("zynqmp", "/pmu")
    (finding,) = of(made, "XA101")
    assert (finding.node, finding.severity) == ("/pmu", "warning")
    assert not errors(made.findings)
    wording(finding)


INNER = """/dts-v1/;
/ { #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    gic: gic@8000000 { compatible = "arm,gic-v3"; reg = <0x8000000 0x10000>, <0x80a0000 0xf60000>;
        interrupt-controller; #interrupt-cells = <3>; };
    soc { compatible = "simple-bus"; ranges; #address-cells = <1>; #size-cells = <1>;
        snvs@1000 { compatible = "acme,snvs", "syscon", "simple-mfd"; reg = <0x1000 0x1000>;
            rtc { compatible = "acme,rtc"; interrupts = <0 7 4>; };
        };
        button { compatible = "acme,button"; interrupts = <0 8 4>; };
    };
};
"""


def test_a_part_with_the_registers_of_what_it_is_in_does_not_go_alone(
    plan: Plan, compiled: Callable[[str], Tree], wording: Wording
) -> None:
    tree, path = compiled(INNER), "/soc/snvs@1000/rtc"
    (finding,) = errors(plan(tree, path, policy="trust").findings)
    assert (finding.code, finding.node) == ("XA110", path)
    wording(finding)
    assert "XA110" not in codes(plan(tree, "/soc/snvs@1000", policy="trust"))
    assert "XA110" not in codes(plan(tree, "/soc/button", policy="trust"))


def test_a_bus_is_assigned_through_its_devices(plan: Plan) -> None:
    made = plan("tricky", "/bus@7b000000")
    assert [device.path for device in made.devices] == ["/bus@7b000000/ethernet@1000"]
    assert "XA101" not in codes(made)


# --- XA102: Xen's own ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("tricky", "/interrupt-controller@f1000000"),
        ("tricky", "/iommu@f3100000"),
        ("tricky", "/iommu@f3400000"),
        ("tricky", "/timer"),
        ("tricky", "/serial@f5000000"),
        ("qemu", "/pl011@9000000"),
        ("zynqmp", "/axi/serial@ff000000"),
    ],
)
def test_what_xen_keeps_is_refused(plan: Plan, host: str, path: str) -> None:
    assert "XA102" in codes(plan(host, path, policy="trust"))


@pytest.mark.parametrize("name", ["its@f1020000", "v2m@f1200000"])
def test_msi_frames_are_refused(plan: Plan, name: str) -> None:
    path = f"/interrupt-controller@f1000000/{name}"
    assert "XA109" in codes(plan("tricky", path, policy="trust"))


@pytest.mark.parametrize(
    ("compatible", "more", "frame"),
    [
        ("al,alpine-msix", "al,msi-base-spi = <160>; al,msi-num-spis = <160>;", True),
        ("marvell,odmi-controller", "marvell,odmi-frames = <1>; marvell,spi-base = <128>;", True),
        ("marvell,ap806-gicp", "marvell,spi-ranges = <64 64>, <288 64>;", True),
        ("fsl,ls1046a-msi", "interrupts = <0 200 4>;", False),
    ],
)
def test_frames_beside_the_gic_are_refused(
    plan: Plan, variant: Variant, compatible: str, more: str, frame: bool
) -> None:
    """A controller whose messages end as its own interrupts raises none of others."""
    tree = variant(
        "tricky",
        f'/ {{ msi@7e000000 {{ compatible = "{compatible}"; reg = <0 0x7e000000 0 0x1000>;'
        f" msi-controller; {more} }}; }};",
    )
    assert ("XA109" in codes(plan(tree, "/msi@7e000000", policy="trust"))) is frame


def test_a_foreign_iommu_is_not_xens(plan: Plan) -> None:
    assert "XA102" not in codes(plan("tricky", "/iommu@f3300000", policy="trust"))


def test_the_console_may_be_another_uart(plan: Plan) -> None:
    first, second = "/axi/serial@ff000000", "/axi/serial@ff010000"
    assert "XA102" not in codes(plan("zynqmp", first, xen_console=second))
    assert "XA102" in codes(plan("zynqmp", second, xen_console=second))
    assert "XA102" not in codes(plan("zynqmp", first, xen_console="none"))


@pytest.mark.parametrize(
    ("line", "xen_console", "expected"),
    [
        ("console=dtuart", None, "/axi/serial@ff000000"),
        ("console=dtuart dtuart=serial1", None, "/axi/serial@ff010000"),
        ("console=dtuart dtuart=serial1", "serial0", "/axi/serial@ff000000"),
        ("console=none", None, None),
    ],
)
def test_the_console_of_a_requested_command_line(
    board: Callable[[str], Tree], line: str, xen_console: str | None, expected: str | None
) -> None:
    request = SystemRequest(
        (Request(("/axi/can@ff060000",), release=release("4.20"), xen_console=xen_console),),
        boot=BootRequest(xen_bootargs=line),
    )
    console = resolve(request, read_platform(board("zynqmp"))).platform.console
    assert (console.path if console else None) == expected


def test_a_requested_command_line_replaces_that_of_the_tree(board: Callable[[str], Tree]) -> None:
    tree = board("zynqmp")
    line = Change("/chosen", (text("xen,xen-bootargs", "console=dtuart dtuart=serial1"),))
    platform = read_platform(read_blob(edited(tree.data or b"", (line,), tree.file), tree.file))
    request = SystemRequest((Request(("/axi/can@ff060000",), release=release("4.20")),))
    requested = replace(request, boot=BootRequest(xen_bootargs="console=dtuart"))
    consoles = [resolve(each, platform).platform.console for each in (request, requested)]
    assert [console.path for console in consoles if console] == [
        "/axi/serial@ff010000",
        "/axi/serial@ff000000",
    ]


# --- XA103, XA105: disabled devices --------------------------------------------------------------


@pytest.mark.parametrize("path", ["/dev@7d000000", "/dev@7d010000", "/alt@71000000/i2c@0"])
def test_a_disabled_device_is_assigned_and_said(
    generate: Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]], path: str
) -> None:
    others = ("/alt@71000000/spi@0",) if path.startswith("/alt") else ()
    made, files, refusals = generate("tricky", path, *others, policy="trust")
    assert not refusals
    assert "XA103" in codes(made)
    assert b"status =" not in files["domu1.dts"]


def test_a_reserved_device_is_in_use(plan: Plan, compiled: Callable[[str], Tree]) -> None:
    """Of the firmware or another processor (Devicetree Specification, 2.3.4)."""
    board = """/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; compatible = "a"; model = "b";
    interrupt-parent = <&gic>;
    gic: gic@80000000 { compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0 0x80000000 0 0x10000 0 0x80100000 0 0x100000>; };
    serial@30000 { compatible = "arm,pl011"; reg = <0 0x30000 0 0x1000>; status = "STATUS"; };
    };"""
    for status, severity, words in (
        ("reserved", "warning", "its status is reserved: the firmware or another processor uses"),
        ("disabled", "note", "it is disabled in the host tree"),
    ):
        made = plan(compiled(board.replace("STATUS", status)), "/serial@30000")
        (finding,) = of(made, "XA103")
        assert (finding.severity, words in finding.message) == (severity, True)


def test_an_enabled_device_has_no_such_note(plan: Plan) -> None:
    assert not {"XA103", "XA105"} & set(codes(plan("tricky", "/dev@740f0000")))


def test_a_disabled_device_below_a_requested_bus_is_left_out_unless_named(plan: Plan) -> None:
    bus = plan("tricky", "/alt@71000000", policy="trust")
    assert [d.path for d in bus.devices] == ["/alt@71000000/spi@0"]
    assert sorted(f.node or "" for f in bus.findings if f.code == "XA105") == [
        "/alt@71000000/i2c@0",
        "/alt@71000000/serial@0",
    ]
    named = plan("tricky", "/alt@71000000", "/alt@71000000/i2c@0", policy="trust")
    assert {d.path for d in named.devices} == {"/alt@71000000/i2c@0", "/alt@71000000/spi@0"}


# --- XA104: memory -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/memory@80000000", "/reserved-memory/firmware@90000000", "/reserved-memory"]
)
def test_memory_is_no_device(plan: Plan, path: str) -> None:
    assert "XA104" in codes(plan("tricky", path, policy="trust"))


# --- XA106: what cannot be used ------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/bus@800000000/dev@20000000", "/bus@72000000/dev@4000"])
def test_a_block_or_line_that_leads_nowhere_is_told(plan: Plan, path: str) -> None:
    assert "XA106" in codes(plan("tricky", path, policy="trust"))


def test_a_sound_device_has_no_such_warning(plan: Plan) -> None:
    assert "XA106" not in codes(plan("tricky", "/bus@800000000/dev@200000", policy="trust"))


# --- XA235: a block that leaves its window --------------------------------------------------------

STRADDLE = "/bus@800000000/dev@ffff000"


def test_a_block_that_leaves_its_window_is_assigned_whole_with_a_warning(
    generate: Generate, wording: Wording
) -> None:
    made, files, refusals = generate("tricky", STRADDLE, policy="trust", maps=["auto"])
    (finding,) = [f for f in made.findings if f.code == "XA235"]
    wording(finding)
    assert (finding.severity, finding.node) == ("warning", STRADDLE)
    assert not refusals
    (mapping,) = made.devices[0].mappings
    assert (mapping.host, mapping.size) == (0x80FFFF000, 0x2000)
    assert b"0x8 0xffff000 0x0 0x2000 " in files["domu1.dts"]


# --- scope ---------------------------------------------------------------------------------------


def test_nested_devices_are_devices_of_their_own(plan: Plan) -> None:
    made = plan("tricky", "/wrapper@7a000000", policy="trust")
    assert [device.path for device in made.devices] == [
        "/wrapper@7a000000",
        "/wrapper@7a000000/glue",
        "/wrapper@7a000000/glue/core@7a100000",
    ]


def test_a_device_and_its_parent_is_one_subtree(plan: Plan) -> None:
    both = plan("tricky", "/wrapper@7a000000/glue/core@7a100000", "/wrapper@7a000000")
    assert len(both.devices) == 3
    assert len({device.guest_path for device in both.devices}) == 3


def test_children_that_only_describe_are_no_devices(plan: Plan) -> None:
    made = plan("zynqmp", "ethernet0")
    assert [device.path for device in made.devices] == ["/axi/ethernet@ff0e0000"]


def test_the_whole_board_is_refused_without_an_exception(plan: Plan) -> None:
    assert {"XA102", "XA301"} <= set(codes(plan("zynqmp", "/")))


def test_a_refusal_lists_every_reason_at_once(plan: Plan) -> None:
    made = plan("tricky", "/dev@74040000", "/dev@3001000", "/memory@80000000", "/dev@74060000")
    assert {"XA104", "XA203", "XA301", "XA302", "XA401"} <= set(codes(made))


# --- XA107: what others lose ---------------------------------------------------------------------


def test_devices_of_the_host_that_depend_on_an_assigned_one_are_named(plan: Plan) -> None:
    made = plan("tricky", "/provider@79000000", policy="trust")
    (finding,) = [f for f in made.findings if f.code == "XA107"]
    assert "/dev@79040000" in finding.message
    assert finding.severity == "error"


def test_nobody_loses_what_goes_along(plan: Plan) -> None:
    made = plan("tricky", "/provider@79000000", "/dev@79040000", policy="trust")
    assert not [f for f in made.findings if f.code == "XA107" and f.node == "/provider@79000000"]
    assert "XA107" not in codes(plan("qemu", "/pl031@9010000"))


def test_a_syscon_with_children_is_a_device_of_its_own(plan: Plan) -> None:
    syscon = "/bus@8000000/motherboard-bus@8000000/iofpga-bus@300000000/apbregs@10000"
    assert syscon in [device.path for device in plan("juno", syscon).devices]


@pytest.mark.parametrize("path", ["u2phy2", "/syscon@fd5d8000/usb2phy@8000"])
def test_a_block_inside_of_another_needs_it(plan: Plan, path: str) -> None:
    """Its reg is an offset, so that Xen could give its interrupt and nothing else."""
    made = plan("rk3588", path)
    (finding,) = [f for f in made.findings if f.code == "XA110"]
    assert finding.severity == "error"
    assert "/syscon@fd5d8000" in finding.fix
    assert "XA110" not in codes(plan("rk3588", "/syscon@fd5d8000", policy="trust"))
