"""What Linux says about the machine it runs on: its device tree, memory map and interrupts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree

#: The end of a script: leaves in /out what a report is made of.
REPORT = "\ncp /sys/firmware/fdt /proc/iomem /proc/interrupts /out\n"

#: Sets the alarm of the clock, in whose directory the script is, and waits for it. Linux refuses
#: the second that has just begun, so a slow machine may not ask for the next one.
ALARM = """
echo +2 >wakealarm
for tenth in $(seq 100); do
    awk '/rtc-pl031/ { exit $2 == 0 }' /proc/interrupts && break
    sleep 0.1
done
"""

#: Toggles the first line of each GPIO chip, and leaves what it reads back in /out/levels.
LEVELS = """
for chip in /sys/class/gpio/gpiochip*; do
    cd /sys/class/gpio
    [ -e $chip ] || continue
    pin=$(cat $chip/base)
    echo $pin >export
    cd gpio$pin
    for level in high low; do
        echo $level >direction
        cat value
    done >/out/levels
done
"""

_IOMEM = re.compile(r"\s*([0-9a-f]+)-([0-9a-f]+) : (.*)")
_INTERRUPT = re.compile(r"\s*\d+:((?:\s+\d+)+)\s+GIC\S*\s+(\d+)\s+(Level|Edge)\s+(.*)")


class Memory(NamedTuple):
    """A line of /proc/iomem: first and last address, in bytes, and who uses it."""

    start: int
    end: int
    name: str


class Interrupt(NamedTuple):
    """A line of /proc/interrupts that belongs to the GIC."""

    intid: int
    trigger: str  #: Level or Edge
    name: str
    arrived: int  #: how often, over all processors


@dataclass(frozen=True)
class GuestReport:
    """What a guest, or dom0, reported with :data:`REPORT`."""

    tree: Tree  #: as Xen or libxl handed it over
    iomem: tuple[Memory, ...]
    interrupts: tuple[Interrupt, ...]

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> GuestReport:
        """The report in the files that a script left in /out."""
        return cls(
            read_blob(files["fdt"], "the guest's tree"),
            tuple(
                Memory(int(found[1], 16), int(found[2], 16), found[3])
                for line in files["iomem"].decode().splitlines()
                if (found := _IOMEM.fullmatch(line))
            ),
            tuple(
                Interrupt(int(found[2]), found[3], found[4], sum(map(int, found[1].split())))
                for line in files["interrupts"].decode().splitlines()
                if (found := _INTERRUPT.fullmatch(line))
            ),
        )

    def interrupt(self, intid: int) -> Interrupt | None:
        """The line of an INTID."""
        return next((each for each in self.interrupts if each.intid == intid), None)
