"""Carve-outs of /reserved-memory on the real hypervisor: dom0less maps them, xl cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

from .agreement import host_of, setup_of
from .boot import boot_dom0less
from .dom0 import Job, boot_dom0
from .guest import REPORT, GuestReport
from .guestview import differences
from .hosttree import compiled, with_overlay
from .machine import Machine
from .qemu import Load
from .test_positive import domain_of, withheld

Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

CLOCK = "/pl031@9010000"
CARVE = 0x70000000  # in the machine's RAM, above all modules
REGION = f"/reserved-memory/carve@{CARVE:x}"
WORD = b"carv"

OVERLAY = f"""
/dts-v1/;
/plugin/;
/ {{
    fragment@0 {{ target-path = "/"; __overlay__ {{
        reserved-memory {{ #address-cells = <2>; #size-cells = <2>; ranges;
            carve: carve@{CARVE:x} {{ reg = <0 {CARVE:#x} 0 0x10000>; no-map; }}; }}; }}; }};
    fragment@1 {{ target-path = "{CLOCK}"; __overlay__ {{ memory-region = <&carve>; }}; }};
}};
"""

SCRIPT = f"""
devmem PLACE 32 >/out/word
devmem PLACE 32 0x600df00d
devmem PLACE 32 >/out/written
{REPORT}"""


@pytest.fixture(scope="module")
def host() -> bytes:
    """QEMU's board with a carve-out that its clock names."""
    return with_overlay(host_of("virt"), compiled(OVERLAY))


@pytest.mark.parametrize("place", [CARVE, 0x8000000])
def test_dom0less_maps_it(machine: Machine, generate: Generate, host: bytes, place: int) -> None:
    """The guest reads what the host left there, at the host's address and elsewhere."""
    plan, files, refused = generate(
        read_blob(host, "board.dtb"),
        CLOCK,
        xen=machine.release,
        routes=("dom0less",),
        memory=256,
        vcpus=1,
        maps=(f"{REGION}={place:#x}",),
    )
    assert refused == []
    by_ending = {name.partition(".")[2]: content for name, content in files.items()}
    setup = replace(setup_of("virt"), loads=(Load(WORD, CARVE),))
    outcome = boot_dom0less(
        machine,
        by_ending["dtb"],
        host,
        domain_of(by_ending),
        SCRIPT.replace("PLACE", f"{place:#x}"),
        setup=setup,
    )
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert int(outcome.files["word"], 16) == int.from_bytes(WORD, "little")
    assert int(outcome.files["written"], 16) == 0x600DF00D
    seen = GuestReport.of(outcome.files)
    assert list(differences(plan, seen, "dom0less")) == []
    device = seen.tree.find(plan.devices[0].guest_path)
    region = seen.tree.find(plan.regions[0].guest_path)
    assert device is not None
    assert region is not None
    assert device.cells("memory-region") == (region.phandle,)


def test_xl_has_no_right_to_it(machine: Machine, generate: Generate, host: bytes) -> None:
    """Which is why XA532 refuses it there; without the region the same guest comes up."""
    _, files, refused = generate(
        read_blob(host, "board.dtb"), CLOCK, xen=machine.release, regions=("drop",), memory=256
    )
    assert refused == []
    config = files["domu1.cfg"].decode()
    with_region = config.replace("iomem = [", f'iomem = ["{CARVE >> 12:#x},0x10", ')
    assert with_region != config
    blob = {"domu1.dtb": files["domu1.dtb"]}
    marked = withheld(host, [{"host.dtbo": files["domu1.host.dtbo"]}])
    setup = replace(setup_of("virt"), memory=2048)
    accepted, rejected = boot_dom0(
        machine, marked, [Job(config, blob), Job(with_region, blob)], setup=setup
    )
    assert accepted.verdict == "accepted"
    assert rejected.verdict == "rejected"
    assert "failed give domain access to iomem range 70000-7000f" in rejected.message
    assert "Operation not permitted" in rejected.message
