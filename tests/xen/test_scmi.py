"""A guest's Linux talks SCMI to the firmware at EL3, by hand: on releases of Xen that were built.

    XENASSIGN_XEN_4_21=…/xen/xen python -m pytest tests/xen/test_scmi.py

Debian has no Xen that gives SCMI to guests, so without such a release there is no test here, nor a
skip. QEMU's board has no firmware: that of ``el3/`` is compiled, lies in the secure flash, and
starts Xen at EL2. On board "scmi" QEMU's PL031 has its clock from that firmware. What xenassign
generates with ``--sci scmi_smc`` lets the guest's driver have the PL031, on the rate that the
firmware tells; without xen,sci_type it does not, and without the option on its command line Xen
refuses the domain.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.linting.guest import partial_tree
from xenassign.linting.guest.view import View
from xenassign.linting.verdict.predict import rejecting
from xenassign.xen.releases import release
from xenassign.xen.sci import OPTION

from .agreement import context, foretold, host_of, setup_of
from .boot import Domain, Outcome, boot_system, system
from .conftest import by_hand
from .machine import Machine, UnavailableError, built, needed
from .qemu import Load, Setup
from .test_positive import Case, Generate, Made, domain_of, make

RELEASES = [version for version in built() if release(version).scmi_smc]
#: pytest collects nothing of a module that says no. Empty parameters would count as a skip.
__test__ = bool(RELEASES)

FIRMWARE = Path(__file__).parent / "el3"
#: Debian's package of the compiler; it brings that of the other.
PACKAGE = "gcc-aarch64-linux-gnu"
COMPILER, OBJCOPY = "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objcopy"
#: For code that lies at address 0 and runs without an MMU and without a library.
FLAGS = (
    *("-O1", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-pic", "-fno-stack-protector"),
    *("-mgeneral-regs-only", "-mstrict-align", "-fno-asynchronous-unwind-tables"),
    *("-fno-reorder-functions", "-nostdlib", "-static", "-no-pie", "-Wl,-n,-Ttext=0,-e,_start"),
    "-Wl,--build-id=none",
)
#: Where the firmware expects Xen (start.S).
XEN_ADDRESS = 0x40200000
#: With a page of RAM at 0xf8000000 for the shared memory.
MEMORY = 3072  # MiB

CASE = Case("SCMI", "scmi", ("/pl031@9010000",), {"sci": "scmi_smc"})
#: The firmware's clock of that number; no other of its clocks has the rate (firmware.c), in Hz.
CLOCK, RATE = "clk3", "24000003"
BOUND = {"arm-scmi", "rtc-pl031"}

#: What Linux' drivers have, the clocks with those who use them, who waits, and the SCMI's words.
SCRIPT = """
for link in /sys/bus/platform/drivers/arm-scmi/arm-scmi* /sys/bus/amba/drivers/rtc-pl031/*.pl031
do
    [ ! -L $link ] || basename $(dirname $link)
done >/out/bound
mount -t debugfs none /sys/kernel/debug
cat /sys/kernel/debug/clk/clk_summary >/out/clocks
cat /sys/kernel/debug/devices_deferred >/out/deferred
dmesg | grep arm-scmi >/out/words
cat /sys/class/rtc/rtc0/since_epoch >/out/time
"""


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image of the firmware."""
    try:
        needed(COMPILER, PACKAGE)
    except UnavailableError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    work = tmp_path_factory.mktemp("el3")
    program, image = work / "firmware", work / "firmware.bin"
    sources = [FIRMWARE / "start.S", FIRMWARE / "firmware.c"]
    commands: list[list[str | Path]] = [
        [COMPILER, *FLAGS, "-o", program, *sources],
        [OBJCOPY, "-O", "binary", program, image],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr
    return image


@pytest.fixture(scope="module", params=RELEASES)
def ready(request: pytest.FixtureRequest) -> Machine:
    """Each release that was built by hand and gives SCMI to guests."""
    return by_hand(request.param)


@pytest.fixture
def made(generate: Generate, ready: Machine) -> Made:
    """What xenassign makes of the case."""
    return make(generate, ready, CASE)


def setup(ready: Machine, firmware: Path, bootargs: str) -> Setup:
    """QEMU with EL3, where the firmware is and Xen is not started by QEMU."""
    return replace(
        setup_of(CASE.board),
        memory=MEMORY,
        arguments=("-machine", "secure=on", "-bios", str(firmware)),
        loads=(Load(ready.xen, XEN_ADDRESS),),
        bootargs=bootargs,
        routine="SCMI: ",
    )


def boot(
    ready: Machine, firmware: Path, made: Made, domain: Domain, bootargs: str = OPTION
) -> tuple[Outcome, set[str]]:
    """What came of it, and the codes of the rules that foretold a refusal."""
    blob, host = made.files["dtb"], host_of(CASE.board)
    machine = setup(ready, firmware, bootargs)
    booted = system(ready, blob, host, domain, SCRIPT, machine)
    found = foretold(booted, context(ready, domain, host), machine) or ()
    outcome = boot_system(ready, booted, True, setup=machine)
    return outcome, {finding.code for finding in rejecting(found, "dom0less")}


def lines(outcome: Outcome, name: str) -> list[str]:
    """The lines of a file that the guest left."""
    return outcome.files[name].decode().splitlines()


def check_unbound(outcome: Outcome) -> None:
    """SCMI does not answer: Linux says so, and the PL031 waits for its clock."""
    assert lines(outcome, "bound") == []
    assert any("unable to communicate with SCMI" in line for line in lines(outcome, "words"))
    assert [line.split()[0] for line in lines(outcome, "deferred")] == ["9010000.pl031"]
    assert CLOCK not in outcome.files["clocks"].decode()


def test_the_driver_has_its_clock_from_the_firmware(
    ready: Machine, firmware: Path, made: Made
) -> None:
    outcome, refused = boot(ready, firmware, made, domain_of(made.files))
    assert (outcome.verdict, outcome.message, refused) == ("accepted", "", set())
    warned = "XA527" in {finding.code for finding in made.plan.findings}
    assert warned != release(ready.release).scmi_arguments_kept
    if warned and not lines(outcome, "bound"):
        check_unbound(outcome)
        pytest.xfail(f"XA527: Xen {outcome.xen} loses the arguments of the guest's calls")
    assert set(lines(outcome, "bound")) == BOUND
    (clock,) = (line.split() for line in lines(outcome, "clocks") if line.split()[0] == CLOCK)
    assert {RATE, "9010000.pl031", "apb_pclk"} <= set(clock)
    assert abs(int(outcome.files["time"]) - time.time()) < 600


def test_without_sci_type(ready: Machine, firmware: Path, made: Made) -> None:
    domain = domain_of(made.files)
    assert "xen,sci_type" in domain.more
    silent = replace(domain, more="")
    outcome, refused = boot(ready, firmware, made, silent)
    assert (outcome.verdict, outcome.message, refused) == ("accepted", "", set())
    check_unbound(outcome)
    known = context(ready, silent, host_of(CASE.board))
    tree = read_blob(made.files["dtb"])
    told = {
        sci: {finding.code for finding in partial_tree.check(View(tree, known._replace(sci=sci)))}
        for sci in ("none", "scmi_smc")
    }
    assert told["none"] - told["scmi_smc"] == {"XA727"}


def test_without_the_option(ready: Machine, firmware: Path, made: Made) -> None:
    outcome, refused = boot(ready, firmware, made, domain_of(made.files), bootargs="")
    assert outcome.verdict == "rejected"
    assert "Error creating domain" in outcome.message
    assert refused == {"XA729"}
