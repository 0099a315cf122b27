"""Two guests of a dom0less system are connected by an event channel, and by shared memory.

Event channels are in every build of Xen; the end of each guest is the one that its node says.
Static shared memory is by hand: on releases that were built with it, each guest reads what the
other one has written.
"""

from __future__ import annotations

import pytest

from .conftest import by_hand
from .linked import asking, boot_linked, connected, meeting
from .machine import Machine, built, kconfig
from .qemu import Setup
from .test_shared_memory import AT, GUEST, PAGE, shm

SHARING = [v for v, path in built().items() if path.is_file() and "STATIC_SHM" in kconfig(path)]


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
        own, other = GUEST, GUEST + 16 * PAGE
        marks = 0x6F6E65206D61726B, 0x74776F206D61726B
        guests = [
            (shm(AT, own, 2 * PAGE), meeting(own, marks[0], own + PAGE, marks[1])),
            (
                shm(AT, other, 2 * PAGE, role="borrower"),
                meeting(other + PAGE, marks[1], other, marks[0]),
            ),
        ]
        assert boot_linked(by_hand(version), guests, setup=Setup(memory=3072)) == ("", [[], []])
