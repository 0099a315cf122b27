"""Two guests of a dom0less system are connected by an event channel, and by shared memory.

Event channels are in every build of Xen; the end of each guest is the one that its node says.
Static shared memory is by hand: on releases that were built with it, each guest reads what the
other one has written. So are CPU pools.
"""

from __future__ import annotations

import pytest

from xenassign.xen.releases import RELEASES

from .boot import built as boot_built
from .conftest import by_hand
from .linked import asking, boot_generated, connected, generated, meeting
from .machine import Machine, built, kconfig
from .qemu import Setup, running
from .test_shared_memory import PAGE


def _with(option: str) -> list[str]:
    """The releases that were built with an option."""
    return [v for v, path in built().items() if path.is_file() and option in kconfig(path)]


SHARING, POOLED = _with("STATIC_SHM"), _with("BOOT_TIME_CPUPOOLS")


def domain(name: str, device: str, more: str) -> str:
    return f"""
[[domain]]
name = "{name}"
route = "dom0less"
memory = 64
vcpus = 1
{f'device = ["{device}"]' if device else ""}
{more}
"""


#: By name, with the lines of [domain.dom0less].
PROPERTIES = (
    ("xen,enhanced", '"xen,enhanced" = "no-xenstore"'),
    ("max_grant_version", "max_grant_version = 1"),
    ("max_grant_frames", "max_grant_frames = 16"),
    ("max_maptrack_frames", "max_maptrack_frames = 32"),
    ("nr_spis", "nr_spis = 64"),
    ("xen,domain-p2m-mem-mb", '"xen,domain-p2m-mem-mb" = 5'),
    ("passthrough", 'passthrough = "enabled"'),
    ("trap-unmapped-accesses", "trap-unmapped-accesses = 0"),
    ("capabilities", "capabilities = 1"),
)


#: The devices of the two guests; "": the guest has none, and an empty partial tree.
DEVICES = (("/pl031@9010000", "/pl061@9030000"), ("", ""))


@pytest.mark.parametrize("devices", DEVICES)
def test_an_event_channel(dom0less_machine: Machine, devices: tuple[str, str]) -> None:
    """What is generated, with all properties of the node that a build like Debian's takes.

    The second guest's port is planned: the lowest that is free.
    """
    release = RELEASES[dom0less_machine.release]
    lines = [line for name, line in PROPERTIES if name in release.domain_properties]
    cpus = ['cpus = "0"'] if release.vcpu_nodes else []
    ends = (*cpus, "[[domain.event-channel]]", 'to = "second"', "port = 1023", "[domain.dom0less]")
    text = domain("first", devices[0], "\n".join([*ends, *lines]))
    text += domain("second", devices[1], "")
    kernels = {"first": asking(1023), "second": asking(2)}
    text = f'xen = "{dom0less_machine.release}"\n{text}'
    message, said = boot_generated(dom0less_machine, text, kernels)
    assert message == ""
    assert {name: connected(line) for name, (line,) in said.items()} == {
        "first": (2, 2),
        "second": (1, 1023),
    }


if POOLED:

    @pytest.mark.parametrize("version", POOLED)
    def test_cpu_pools(version: str) -> None:
        """Xen makes the pool, and builds the guest in it."""
        pool = '[[cpu-pool]]\nname = "rt"\ncpus = "1"\nscheduler = "credit"\n'
        text = f'xen = "{version}"\n{pool}' + domain("first", "/pl031@9010000", 'cpu-pool = "rt"')
        setup = Setup(memory=3072)
        tree, loads = generated(text, {"first": asking(10)}, setup)
        with running(by_hand(version).xen, tree, loads, 2, setup, 60) as console:
            assert boot_built(iter(console), console, setup.routine)[1] == ""
            assert any("CPU 1 in Pool-1" in line for line in console.log)


if SHARING:

    @pytest.mark.parametrize("devices", DEVICES)
    @pytest.mark.parametrize("version", SHARING)
    def test_shared_memory(version: str, devices: tuple[str, str]) -> None:
        """At another address in each guest, and behind a first page that has the other's mark."""
        own, other = 0x50000000, 0x50010000
        marks = 0x6F6E65206D61726B, 0x74776F206D61726B
        kernels = {
            "first": meeting(own, marks[0], own + PAGE, marks[1]),
            "second": meeting(other + PAGE, marks[1], other, marks[0]),
        }
        text = domain("first", devices[0], f"""
            [[domain.shared-memory]]
            id = "ring"
            role = "owner"
            size = {2 * PAGE}
            host = 0x70000000
            guest = {own}""") + domain("second", devices[1], f"""
            [[domain.shared-memory]]
            id = "ring"
            role = "borrower"
            guest = {other}""")  # fmt: skip
        setup = Setup(memory=3072)
        said = boot_generated(by_hand(version), f'xen = "{version}"\n{text}', kernels, setup)
        assert said == ("", {"first": [], "second": []})
