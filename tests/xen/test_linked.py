"""Two guests of a dom0less system are connected by an event channel, and by shared memory.

Event channels are in every build of Xen; the end of each guest is the one that its node says.
Static shared memory is by hand: on releases that were built with it, each guest reads what the
other one has written.
"""

from __future__ import annotations

import pytest

from .conftest import by_hand
from .linked import asking, boot_generated, boot_linked, connected, meeting
from .machine import Machine, built, kconfig
from .qemu import Setup
from .test_shared_memory import PAGE

SHARING = [v for v, path in built().items() if path.is_file() and "STATIC_SHM" in kconfig(path)]


def domain(name: str, device: str, more: str) -> str:
    return f"""
[[domain]]
name = "{name}"
route = "dom0less"
memory = 64
vcpus = 1
device = ["{device}"]
{more}
"""


def channel(label: str, port: int, other: str) -> str:
    prop = f"xen,evtchn = <{port} &{other}>;"
    return f'{label}: {label} {{ compatible = "xen,evtchn-v1"; {prop} }};'


def test_an_event_channel(dom0less_machine: Machine) -> None:
    """The third guest has none."""
    guests = [
        (channel("a", 10, "b"), asking(10)),
        (channel("b", 1023, "a"), asking(1023)),
        ("", asking(10)),
    ]
    message, said = boot_linked(dom0less_machine, guests)
    assert message == ""
    assert [connected(line) for (line,) in said] == [(2, 1023), (1, 10), None]


if SHARING:

    @pytest.mark.parametrize("version", SHARING)
    def test_shared_memory(version: str) -> None:
        """At another address in each guest, and behind a first page that has the other's mark."""
        own, other = 0x50000000, 0x50010000
        marks = 0x6F6E65206D61726B, 0x74776F206D61726B
        kernels = {
            "first": meeting(own, marks[0], own + PAGE, marks[1]),
            "second": meeting(other + PAGE, marks[1], other, marks[0]),
        }
        text = domain("first", "/pl031@9010000", f"""
            [[domain.shared-memory]]
            id = "ring"
            role = "owner"
            size = {2 * PAGE}
            host = 0x70000000
            guest = {own}""") + domain("second", "/pl061@9030000", f"""
            [[domain.shared-memory]]
            id = "ring"
            role = "borrower"
            guest = {other}""")  # fmt: skip
        setup = Setup(memory=3072)
        said = boot_generated(by_hand(version), f'xen = "{version}"\n{text}', kernels, setup)
        assert said == ("", {"first": [], "second": []})
