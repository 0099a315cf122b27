"""What xenassign writes boots on the real hypervisor, and the guest sees what the plan says.

Both releases, both routes. Nothing answers at the addresses of boards "devices" and "smmu": their
guests read the tree only. QEMU's clock, GPIO controller and virtio slots are used by drivers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.device import is_device
from xenassign.linting.verdict.domain import string
from xenassign.linting.verdict.predict import predict_dom0less, predict_xl, rejecting
from xenassign.planning.plan import DomainPlan
from xenassign.request.added_nodes import AddedNode
from xenassign.request.device_part import PartOption
from xenassign.xen.releases import release

from .agreement import DRIVERS, context, host_of, setup_of, xl_context
from .boot import Domain, Outcome, boot_dom0less, verdicts
from .dom0 import Job, ask_dom0, boot_dom0
from .guest import ALARM, LEVELS, REPORT, GuestReport
from .guestview import LINES, differences, nodes, unused, used
from .hosttree import compiled, with_overlay
from .machine import Machine
from .qemu import Setup

CLOCK, GPIO = "/pl031@9010000", "/pl061@9030000"
#: The slots of virtio-mmio that share QEMU's first page of them.
SLOTS = tuple(f"/virtio_mmio@{address:x}" for address in range(0xA000000, 0xA001000, 0x200))
#: A network card in one of them whose driver asks for its interrupts and then never does any DMA,
#: which would miss the guest's memory: only a card that is up gets buffers.
CARD = "/virtio_mmio@a000600"
_OFF = "ctrl_vq ctrl_rx ctrl_vlan ctrl_rx_extra ctrl_mac_addr ctrl_guest_offloads guest_announce mq"
_CARD = ",".join(["virtio-net-device,bus=virtio-mmio-bus.3", *(f"{n}=off" for n in _OFF.split())])
DRIVEN = (CLOCK, GPIO, CARD)

#: Uses all of these that are there. The slots are read before a driver has them: "virt" in ASCII.
SCRIPT = f"""
for slot in /proc/device-tree/passthrough/virtio_mmio@*; do
    [ ! -e $slot ] || echo ${{slot##*@}} $(devmem 0x${{slot##*@}} 32)
done >/out/slots
modprobe virtio_mmio
modprobe virtio_net
if cd /sys/class/rtc/rtc0; then
    cat since_epoch >/out/time
{ALARM}
fi 2>/dev/null
{LEVELS}{LINES}{REPORT}"""
MAGIC = "0x74726976"


class Case(NamedTuple):
    """A guest: its devices, and the options of the request besides those of :func:`asked`."""

    what: str
    board: str
    devices: tuple[str, ...]
    options: Mapping[str, Any] = {}


def _soc(*names: str) -> tuple[str, ...]:
    return tuple(f"/soc/{name}" for name in names)


#: A device of which a guest gets a register block and two interrupts.
PART = "/soc/blocks@3000"

CASES = (
    Case("one to one", "virt", (CLOCK, GPIO)),
    Case(
        "moved",
        "virt",
        (CLOCK, CARD),
        {"maps": (f"{CLOCK}=0xb000000", f"{CARD}=0x5000600"), "shared": (CARD,)},
    ),
    # auto leaves a device where it is unless its place is taken, here by the GPIO controller.
    Case(
        "auto",
        "virt",
        (CLOCK, GPIO, *SLOTS),
        {"maps": (f"{GPIO}=0x9010000", f"{CLOCK}=auto")},
    ),
    Case(
        "blocks",
        "devices",
        (
            "spare",
            "/irq-only",
            *_soc("half@1000", "half@1200", "alone@2400", "blocks@3000", "glue@8000"),
            *_soc("quiet@22000", "large@100000", "large@200000"),
        ),
    ),
    Case(
        "interrupts and suppliers",
        "devices",
        _soc("supplied@c000", "interrupt-controller@1c000", "muxed@1d000", "both@1e000")
        + _soc("nexus@1f000", "shared@14000", "shared@15000", "gpio@24000", "carveout@25000"),
        {"rates": ("/soc/supplied@c000#core=125000000",), "regions": ("drop",)},
    ),
    Case(
        "places",
        "devices",
        (
            "ethernet0",
            "serial1",
            *_soc("both@1e000", "none@26000", "twice@16000", "second-window@40001000"),
            "/wide/high@1000",
            "/bank1@300000000",
            PART,
        ),
        {
            "maps": ("/bank1@300000000=auto",),
            "rates": ("ethernet0=50000000",),
            "parts": (PartOption(PART, ("data",), (0, "low")),),
            "added": (
                AddedNode("/uio-line-252", "ours", "generic-uio", line=(252, "level-high")),
                AddedNode("/uio-page@f900000", "ours", "generic-uio", page=(0xF900000, 0x1000)),
            ),
        },
    ),
    Case(
        "protected",
        "smmu",
        ("/single@a200000", "/streams@a201000", "/pair@a202000", "/pair@a203000", "/bare@a20a000"),
        {"policy": "auto", "forced": ("/bare@a20a000",)},
    ),
    Case(
        "protected in part",
        "smmu",
        ("/legacy@a204000", "/masked@a205000", "/within@a206000", "/outer@a20c000", "streams-only"),
    ),
)

Files = dict[str, bytes]
Generate = Callable[..., tuple[DomainPlan, Files, list[Finding]]]


class Made(NamedTuple):
    """What xenassign makes of a case. ``files``: by their endings."""

    plan: DomainPlan
    files: Files


def asked(generate: Generate, machine: Machine, case: Case) -> tuple[Made, list[Finding]]:
    """The files for a release, and the refusals."""
    options = {"policy": "trust", "memory": 256, "vcpus": 1, "drivers": DRIVERS, **case.options}
    plan, files, refused = generate(
        board_of(case.board), *case.devices, xen=machine.release, **options
    )
    by_ending = {name.partition(".")[2]: content for name, content in files.items()}
    return Made(plan, by_ending), refused


def make(generate: Generate, machine: Machine, case: Case) -> Made:
    """The files for a release; the request has to be granted."""
    made, refused = asked(generate, machine, case)
    assert not refused
    return made


def board_of(name: str) -> Tree:
    """The tree of a board."""
    return read_blob(host_of(name), "board.dtb")


def machine_of(name: str, memory: int = 0) -> Setup:
    """What a board needs of QEMU, and the network card. ``memory``: MiB at least."""
    setup = setup_of(name)
    return replace(setup, memory=max(setup.memory, memory), arguments=("-device", _CARD))


def domain_of(files: Files) -> Domain:
    """The domain as the generated node of /chosen describes it."""
    tree = read_blob(compiled(files["dom0less.dtso"].decode()))
    node = tree.find("/fragment@0/__overlay__/domu1")
    assert node is not None
    pool = node.cells("xen,domain-p2m-mem-mb")
    sci = string(node, "xen,sci_type")
    more = [f"xen,domain-p2m-mem-mb = <{pool[0]}>;"] if pool else []
    more += [f'xen,sci_type = "{sci}";'] if sci else []
    banks = node.cells("xen,static-mem")
    more += [f"xen,static-mem = <{' '.join(map(hex, banks))}>;"] if banks else []
    more += ["direct-map;"] if node.has("direct-map") else []
    spis = node.cells("nr_spis")
    return Domain(
        memory=node.cells("memory")[1] // 1024,
        vcpus=node.cells("cpus")[0],
        vpl011=node.has("vpl011"),
        nr_spis=spis[0] if spis else None,
        more=" ".join(more),
    )


def withheld(host: bytes, all_files: Iterable[Files]) -> bytes:
    """The host's tree with the overlays of several domains."""
    for files in all_files:
        host = with_overlay(host, files["host.dtbo"])
    return host


# ---------------------------------------------------------------------------- what the guest sees


def check(made: Made, outcome: Outcome, route: str) -> None:
    """The guest came up, has what the plan says, and its drivers can use it."""
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    seen = GuestReport.of(outcome.files)
    assert list(differences(made.plan, seen, route)) == []
    devices = {device.path: device for device in made.plan.devices}
    lines = used(outcome.files)
    for path in DRIVEN:
        if path in devices:
            assert list(unused(devices[path], seen, lines)) == []
    if CLOCK in devices:
        assert abs(int(outcome.files["time"]) - time.time()) < 600
        alarm = seen.interrupt(34)
        assert alarm is not None
        assert (alarm.trigger, alarm.name, alarm.arrived > 0) == ("Level", "rtc-pl031", True)
    if GPIO in devices:
        assert outcome.files["levels"].split() == [b"1", b"0"]
    slots = [f"{devices[path].placed[0].guest:x} {MAGIC}" for path in SLOTS if path in devices]
    assert outcome.files["slots"].decode().upper().split() == " ".join(slots).upper().split()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_dom0less(dom0less_machine: Machine, generate: Generate, case: Case) -> None:
    made = make(generate, dom0less_machine, case)
    outcome = boot_dom0less(
        dom0less_machine,
        made.files["dtb"],
        withheld(host_of(case.board), (made.files,)),
        domain_of(made.files),
        SCRIPT,
        setup=machine_of(case.board),
    )
    assert outcome.xen.startswith(f"{dom0less_machine.release}.")
    check(made, outcome, "dom0less")


def job(files: Files, script: str | None = None) -> Job:
    """``xl create`` of the generated files."""
    return Job(files["cfg"].decode(), {"domu1.dtb": files["dtb"]}, script)


def test_the_moved_places(machine: Machine, generate: Generate) -> None:
    made = {case.what: make(generate, machine, case).plan for case in CASES}
    where = {
        what: {device.path: [m.guest for m in device.mappings] for device in plan.devices}
        for what, plan in made.items()
    }
    assert where["one to one"] == {CLOCK: [0x9010000], GPIO: [0x9030000]}
    assert where["moved"] == {CLOCK: [0xB000000], CARD: [0x5000000]}
    assert where["auto"][GPIO] == [0x9010000]
    assert where["auto"][CLOCK] not in ([0x9010000], [0x9030000])
    assert where["places"]["/bank1@300000000"] != [0x300000000]


#: The guest's GIC, which the partial tree has no node of.
GIC = """
/ { gic {
    compatible = "arm,gic-v3"; phandle = <0xfde8>; interrupt-controller; #interrupt-cells = <3>;
}; };"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", ()),
        ("<0x0 0xf005000 0x0 0x2000>", "<0x0 0xf006000 0x0 0x2000>", ("no mapping", "registers")),
        ("reg = <0x0 0xf008000 0x0", "reg = <0x0 0xf007000 0x0", ("no mapping", "registers")),
        ("<0 187 4>", "<0 187 8>", ("interrupts is", "interrupts [")),
        ("<0 187 4>", "<0 190 4>", ("interrupts is", "interrupts [")),
        ('"control", "data"', '"control"', ("reg-names is",)),
        ("aliased@f00b000", "aliased@f00b001", ("spare is", "not there", "not expected")),
        ("half@f001000 {", "other { }; half@f001000 {", ("/passthrough/other: not expected",)),
        ("phandle = <0xfde8>", "phandle = <0xfde9>", ("not the GIC", "interrupts [")),
    ],
)
def test_differences_are_told(
    machine: Machine, generate: Generate, old: str, new: str, told: tuple[str, ...]
) -> None:
    (case,) = (case for case in CASES if case.what == "blocks")
    made = make(generate, machine, case)
    text = made.files["dts"].decode() + GIC
    assert old in text
    tree = read_blob(compiled(text.replace(old, new)))
    lines = "\n".join(differences(made.plan, GuestReport(tree, (), ()), "xl"))
    assert bool(lines) == bool(told)
    assert all(part in lines for part in told)


# ---------------------------------------------------------------------------- every device alone


def alone(generate: Generate, machine: Machine, board: str) -> Iterator[Made]:
    """What is granted of the devices that only this board has, each in a guest of its own.

    Of QEMU's 32 slots those of one page stand for all.
    """
    known = {node.path for node in board_of("virt").nodes()} if board != "virt" else set()
    for node in board_of(board).nodes():
        other_slot = node.base_name == "virtio_mmio" and node.path not in SLOTS
        if is_device(node) and node.path not in known and not other_slot:
            options = {"shared": (node.path,), "controls": (node.path,)}
            options["regions"] = ("drop",)  # xl passes no region
            case = Case("", board, (node.path,), options)
            made, refused = asked(generate, machine, case)
            if not refused:
                yield made


GRANTED = {"virt": 11, "devices": 32, "smmu": 15}


@pytest.mark.parametrize("board", GRANTED)
def test_xl(machine: Machine, generate: Generate, board: str) -> None:
    """The cases, and every device alone: in one dom0 with the marks of all."""
    all_made = [make(generate, machine, case) for case in CASES if case.board == board]
    all_alone = list(alone(generate, machine, board))
    assert len(all_alone) >= GRANTED[board]
    host = withheld(host_of(board), (made.files for made in (*all_made, *all_alone)))
    jobs = [job(made.files, SCRIPT) for made in all_made]
    jobs += [job(made.files) for made in all_alone]
    outcomes = boot_dom0(machine, host, jobs, setup=machine_of(board, 2048))
    for made, outcome in zip(all_made, outcomes[: len(all_made)], strict=True):
        check(made, outcome, "xl")
    accept_all(all_alone, outcomes[len(all_made) :])


def accept_all(all_made: Sequence[Made], outcomes: Sequence[Outcome]) -> None:
    """Of devices alone."""
    paths = [made.plan.devices[0].path for made in all_made]
    said = zip(paths, outcomes, strict=True)
    assert [(path, outcome.message) for path, outcome in said if not outcome.accepted] == []


@pytest.mark.parametrize("board", GRANTED)
def test_every_device_alone(machine: Machine, generate: Generate, board: str) -> None:
    """Beside a dom0 with the device's own marks."""
    all_made = list(alone(generate, machine, board))
    assert len(all_made) >= GRANTED[board]
    host, setup = host_of(board), setup_of(board)
    cases = [
        (
            made.files["dtb"],
            withheld(host, [made.files]),
            replace(domain_of(made.files), beside_dom0=True),
        )
        for made in all_made
    ]
    accept_all(all_made, verdicts(machine, cases, setup))


# ---------------------------------------------------------------------------- dom0


def test_dom0_keeps_off(machine: Machine, generate: Generate) -> None:
    """dom0's tree with the marks is the one without, but for the status of what is marked."""
    names = (CLOCK, GPIO, "/irq-only", *_soc("blocks@3000", "glue@8000", "shared@14000"))
    made = make(generate, machine, Case("", "devices", (*names, "/soc/shared@15000")))
    hosts = (host_of("devices"), withheld(host_of("devices"), [made.files]))
    plain, marked = (ask_dom0(machine, host, LINES + REPORT) for host in hosts)
    assert {(34, "level"), (39, "level")} <= used(plain)
    given = {intid for device in made.plan.devices for intid in device.irqs}
    assert not given & {intid for intid, _ in used(marked)}
    before, after = (GuestReport.of(files).tree.root for files in (plain, marked))
    for tree in (before, after):
        del tree.children["chosen"]  # seeds, and where the initramfs is
    disabled = [f"{m.path}: status is b'disabled\\x00', not None" for m in made.plan.marks]
    assert sorted(nodes(before, after, "")) == sorted(disabled)


@pytest.mark.parametrize("board", ["devices", "smmu"])
def test_beside_a_dom0_without_the_overlay(
    machine: Machine, generate: Generate, board: str
) -> None:
    """dom0less refuses what dom0 holds, as foretold: all that has an interrupt or a stream."""
    host, setup = host_of(board), setup_of(board)
    domain = Domain(beside_dom0=True)
    blobs = {m.plan.devices[0].path: m.files["dtb"] for m in alone(generate, machine, board)}
    outcomes = verdicts(machine, [(blob, host, domain) for blob in blobs.values()], setup)
    known = context(machine, domain, host)
    ours = {
        path: bool(rejecting(predict_dom0less(blob, known), "dom0less"))
        for path, blob in blobs.items()
    }
    refused = [not outcome.accepted for outcome in outcomes]
    assert dict(zip(blobs, refused, strict=True)) == ours
    assert any(refused)


@pytest.mark.parametrize(("board", "codes"), [("devices", {"XA317"}), ("smmu", {"XA317", "XA415"})])
def test_without_the_overlay(
    machine: Machine, generate: Generate, board: str, codes: set[str]
) -> None:
    """xl refuses the very same files when the marks are forgotten, and says what was foretold.

    Of the nodes that the overlay adds, dom0 then has neither the interrupts nor the pages.
    """
    host = host_of(board)
    cases = [case for case in CASES if case.board == board]
    if board == "devices":
        cases.append(Case("", board, (CLOCK,)))
    all_made = [make(generate, machine, case) for case in cases]
    jobs = [job(made.files) for made in all_made]
    outcomes = boot_dom0(machine, host, jobs, setup=machine_of(board, 2048))
    for made, tried, outcome in zip(all_made, jobs, outcomes, strict=True):
        intid = next(intid for device in made.plan.devices for intid in device.irqs)
        added = made.plan.request.added
        of_overlay = any(node.line is not None and node.line[0] == intid for node in added)
        code, why = (
            ("XA316", "Operation not permitted")
            if of_overlay
            else ("XA317", "Device or resource busy")
        )
        assert outcome.verdict == "rejected"
        # Not always the first error: libxl prints one, too, before it enlarges the guest's tree.
        refused = f"failed give domain access to irq {intid}: {why}"
        assert any(line.endswith(refused) for line in outcome.log)
        ours = foretold(machine, tried, host)
        assert {finding.code for finding in ours} == codes | (
            {"XA316", "XA221"} if added else set()
        )
        assert any(finding.code == code and str(intid) in finding.message for finding in ours)


def foretold(machine: Machine, tried: Job, host: bytes) -> tuple[Finding, ...]:
    """Our findings that reject an ``xl create``."""
    found = predict_xl(tried.text(), tried.files.get, xl_context(machine, host))
    return rejecting(found, "xl")


# ---------------------------------------------------------------------------- the wrong side


@pytest.mark.parametrize(
    ("device", "policy", "code"),
    [
        ("/soc/blocks@3000", "auto", "XA401"),  # nobody knows whether it masters DMA
        ("/soc/ethernet@23000", "auto", "XA401"),
        ("/soc/blocks@3000", "strict", "XA406"),
        ("/soc/gpio@24000", "strict", "XA406"),
    ],
)
def test_no_tree_without_the_force(
    machine: Machine, generate: Generate, device: str, policy: str, code: str
) -> None:
    """Without leave xenassign writes nothing; with it the force and a warning."""
    _, files, refused = generate(
        board_of("devices"), device, xen=machine.release, policy=policy, drivers=DRIVERS
    )
    assert (files, len(refused)) == ({}, 1)
    assert refused[0].code == code
    made = make(generate, machine, Case("", "devices", (device,)))
    assert b"xen,force-assign-without-iommu" in made.files["dtb"]
    assert {finding.code for finding in made.plan.findings} & {"XA402", "XA403"}


@pytest.mark.parametrize(
    ("board", "device"), [("devices", "/soc/blocks@3000"), ("smmu", "/bare@a20a000")]
)
def test_the_force_taken_out(machine: Machine, generate: Generate, board: str, device: str) -> None:
    """The tree that xenassign does not write is one that Xen does not take."""
    source = make(generate, machine, Case("", board, (device,))).files["dts"].decode()
    blob = compiled(source.replace("xen,force-assign-without-iommu;", ""))
    host = host_of(board)
    outcome = boot_dom0less(machine, blob, host, setup=setup_of(board))
    assert (outcome.verdict, outcome.message) == ("rejected", "Failed to assign device to d1")
    panicked = outcome.log[-1] == "(XEN) Could not set up domain domU1 (rc = -22)"
    assert panicked == release(machine.release).dom0less_error_is_panic
    found = predict_dom0less(blob, context(machine, Domain(), host))
    assert {finding.code for finding in rejecting(found, "dom0less")} == {"XA413"}


# ---------------------------------------------------------------------------- large mappings


def test_a_large_window(machine: Machine, generate: Generate) -> None:
    """1 GiB of registers, page by page, needs more tables than a guest of 64 MiB has."""
    case = Case("", "devices", ("/wide/huge@40000000",), {"memory": 64})
    made = make(generate, machine, case)
    host = withheld(host_of("devices"), [made.files])
    assert boot_dom0less(machine, made.files["dtb"], host, domain_of(made.files)).accepted
    given = job(made.files)
    without = replace(given, cfg=re.sub(r"shadow_memory = \d+\n", "", given.cfg))
    assert without.cfg != given.cfg
    outcomes = boot_dom0(machine, host, [given, without])
    assert [outcome.accepted for outcome in outcomes] == [True, False]
    codes = [[f.code for f in foretold(machine, tried, host)] for tried in (given, without)]
    assert codes == [[], ["XA218"]]
