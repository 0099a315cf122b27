"""A vendor's Xen, by hand: what it makes of the files for its flavour, and of mistakes in them.

    XENASSIGN_XEN_AMD_4_17=…/xen/xen python -m tests.xen.by_hand vendors

AMD's is built like upstream's from xlnx_rebase_4.17 of github.com/Xilinx/xen, with defconfig.
Without such a hypervisor there is no test here, nor a skip. Which memory type a page has is not to
be seen under QEMU 7.2, which lets a guest do everything with either; that it is mapped is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.findings import Finding
from xenassign.linting.verdict.predict import rejecting
from xenassign.planning.plan import DomainPlan
from xenassign.xen.board import read_board
from xenassign.xen.releases import CACHEABLE, release

from .agreement import context, foretold, host_of, setup_of
from .boot import boot_system, system
from .conftest import by_hand
from .guest import REPORT, GuestReport
from .guestview import differences
from .hosttree import compiled, with_overlay
from .machine import Machine, of_vendors
from .qemu import Load
from .test_memory_regions import CARVE, CLOCK, OVERLAY, WORD
from .test_positive import domain_of

VENDORS = list(of_vendors())
#: pytest collects nothing of a module that says no. Empty parameters would count as a skip.
__test__ = bool(VENDORS)

Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

SETUP = setup_of("virt")
#: A page of the carve-out in the guest, and one that only a second property maps.
SECOND = CARVE + 0x20000
SCRIPT = f"""
devmem {CARVE:#x} 32 >/out/word
devmem {CARVE:#x} 32 0x600df00d
devmem {CARVE:#x} 32 >/out/written
{REPORT}"""

#: Changes of the generated source, with what becomes of it: the rules of a refusal.
REFUSED = {
    "unaligned": (f"0x0 {CARVE:#x} 0x0 0x10000 0x0", f"0x0 {CARVE:#x} 0x0 0x10010 0x0", "XA213"),
    "no force": ("/* of memory-region; Normal memory to the guest */", "", "XA411"),
}


@pytest.fixture(scope="module", params=VENDORS)
def ready(request: pytest.FixtureRequest) -> Machine:
    """Each vendor's Xen that was built by hand."""
    return by_hand(request.param)


@pytest.fixture(scope="module")
def flavour(request: pytest.FixtureRequest, ready: Machine) -> str:
    """The word of --xen-flavour for it."""
    return next(word for word, _, path in of_vendors().values() if path == ready.built)


@pytest.fixture(scope="module")
def host() -> bytes:
    """QEMU's board with a carve-out that its clock names."""
    return with_overlay(host_of("virt"), compiled(OVERLAY))


@pytest.fixture
def made(
    generate: Generate, ready: Machine, flavour: str, host: bytes
) -> tuple[DomainPlan, dict[str, bytes]]:
    """The plan of a guest with the clock and the carve-out, and its files by ending."""
    options = {"xen": ready.release, "flavour": flavour, "memory": 256, "vcpus": 1}
    board = read_blob(host, "board.dtb")
    plan, files, refused = generate(board, CLOCK, routes=("dom0less",), **options)
    assert refused == []
    return plan, {name.partition(".")[2]: content for name, content in files.items()}


def test_the_carve_out_is_mapped(
    ready: Machine, flavour: str, host: bytes, made: tuple[DomainPlan, dict[str, bytes]]
) -> None:
    """The guest reads what the host left there; it has none of Xen's properties."""
    plan, files = made
    assert CACHEABLE.encode() in files["dts"]
    setup = replace(SETUP, loads=(Load(WORD, CARVE),))
    booted = system(ready, files["dtb"], host, domain_of(files), SCRIPT, setup)
    outcome = boot_system(ready, booted, True, setup=setup)
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert int(outcome.files["word"], 16) == int.from_bytes(WORD, "little")
    assert int(outcome.files["written"], 16) == 0x600DF00D
    seen = GuestReport.of(outcome.files)
    assert list(differences(plan, seen, "dom0less")) == []
    assert not any(node.has(CACHEABLE) for node in seen.tree.nodes())


@pytest.mark.parametrize("mistake", REFUSED)
def test_it_refuses(
    ready: Machine,
    flavour: str,
    host: bytes,
    made: tuple[DomainPlan, dict[str, bytes]],
    mistake: str,
) -> None:
    """What its reading of xen,reg-cacheable refuses, and that our rules say so."""
    _, files = made
    old, new, code = REFUSED[mistake]
    text = files["dts"].decode()
    assert text.count(old) == 1
    changed = text.replace(old, new)
    if not new:
        before, _, after = changed.rpartition("xen,force-assign-without-iommu;")
        changed = before + after
    blob, domain, setup = compiled(changed), domain_of(files), SETUP
    booted = system(ready, blob, host, domain, None, setup)
    known = context(ready, domain, host)
    amd = release(ready.release, flavour)
    assert known.platform is not None
    known = known._replace(release=amd, board=read_board(known.platform, amd, None))
    found = foretold(booted, known, setup) or []
    assert {finding.code for finding in rejecting(found, "dom0less")} == {code}
    outcome = boot_system(ready, booted, False, setup=setup)
    assert outcome.verdict == "rejected", outcome.log[-20:]


def test_the_last_of_two_properties_is_mapped(
    ready: Machine, flavour: str, host: bytes, made: tuple[DomainPlan, dict[str, bytes]]
) -> None:
    """Of xen,reg-cacheable and xen,reg the first one is not read (XA237)."""
    _, files = made
    text = files["dts"].decode()
    line = f"{CACHEABLE} = <0x0 {CARVE:#x} 0x0 0x10000 0x0 {CARVE:#x}>;"
    assert text.count(line) == 1
    second = f"xen,reg = <0x0 {CARVE:#x} 0x0 0x10000 0x0 {SECOND:#x}>;"
    blob = compiled(text.replace(line, f"{line} {second}"))
    script = f"""
devmem {SECOND:#x} 32 >/out/second
devmem {CARVE:#x} 32 >/out/first || echo fault >/out/first
"""
    setup = replace(SETUP, loads=(Load(WORD, CARVE),))
    booted = system(ready, blob, host, domain_of(files), script, setup)
    outcome = boot_system(ready, booted, True, setup=setup)
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert int(outcome.files["second"], 16) == int.from_bytes(WORD, "little")
    assert outcome.files["first"].strip() in {b"fault", b""}
