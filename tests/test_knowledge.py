"""The tables of knowledge/: each is read whole, and its first comment shows what can be added."""

from __future__ import annotations

from collections.abc import Callable
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

from tests.rows import Rows
from xenassign.devicetree.phandle_properties import REMAINDER, PhandleProperty, PhandleTable
from xenassign.errors import InputError
from xenassign.host.clock_frequency import read_clock_frequency
from xenassign.host.controller_clocks import ControllerClockTable
from xenassign.host.dma_knowledge import DmaTable
from xenassign.host.dma_width import read_dma_widths
from xenassign.host.driver_needs import DriverTable, Need
from xenassign.host.eemi import EemiTable
from xenassign.host.kinds import KindTable
from xenassign.host.machine_control import MachineControlTable
from xenassign.host.msi import read_msi_frames
from xenassign.host.normal_memory import read_normal_memory
from xenassign.host.smc_firmware import read_firmware
from xenassign.host.stream_ids import read_stream_ids
from xenassign.resources import directory
from xenassign.server.words import read_words
from xenassign.tables import table_path
from xenassign.xen.boot_messages import read_messages


def read_phandle_properties(path: Path) -> object:
    table = PhandleTable(path)
    widths = [table.parallel_bytes(prop) for rule in table.all() for prop in rule.parallel]
    return table.all(), table.excluded(), widths


#: What reads all of a table, by the name of its file.
READERS: dict[str, Callable[[Path], object]] = {
    "boot-messages": read_messages,
    "clock-frequency": read_clock_frequency,
    "controller-clocks": lambda path: ControllerClockTable(path).all(),
    "dma": lambda path: DmaTable(path).all(),
    "dma-widths": read_dma_widths,
    "eemi-versal": lambda path: EemiTable(path).pages,
    "eemi-zynqmp": lambda path: EemiTable(path).pages,
    "driver-needs": lambda path: DriverTable(path).all(),
    "firmware": read_firmware,
    "kinds": lambda path: KindTable(path).all(),
    "machine-control": lambda path: MachineControlTable(path).all(),
    "msi-frames": read_msi_frames,
    "normal-memory": read_normal_memory,
    "phandle-properties": read_phandle_properties,
    "stream-ids": read_stream_ids,
    "words": read_words,
}


def example(text: str) -> str:
    """The example of the first comment of a table: the indented lines after ``Example:``."""
    comment = takewhile(lambda line: line.startswith("#"), text.splitlines())
    after = dropwhile(lambda line: not line.endswith("Example:"), comment)
    lines = takewhile(lambda line: line == "#" or line.startswith("#     "), list(after)[1:])
    return "".join(f"{line[6:]}\n" for line in lines)


def test_each_file_has_a_reader() -> None:
    assert {path.name for path in directory("knowledge").iterdir()} == {f"{n}.txt" for n in READERS}


@pytest.mark.parametrize("name", READERS)
def test_the_table_and_the_example_are_read(name: str, tmp_path: Path) -> None:
    path = table_path(name)
    assert READERS[name](path)
    lines = example(path.read_text())
    assert lines.strip()
    added = tmp_path / f"{name}.txt"
    added.write_text(lines)
    assert READERS[name](added)


def error_of(name: str, text: str, tmp_path: Path) -> str:
    """The error of a table with this text, without its folder."""
    path = tmp_path / f"{name}.txt"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        READERS[name](path)
    assert "\n" not in str(raised.value)
    return str(raised.value).removeprefix(f"{tmp_path}/")


KIND = "kind: clock\n"
DRIVER = "driver: drivers/a.c\nbinding: bindings/a.yaml\n"


MISTAKES: tuple[tuple[str, str, str], ...] = (
    ("driver-needs", "driver: a.c\nacme,a needs clocks\n", "2: acme,a has no heading"),
    ("driver-needs", f"{DRIVER}acme,a as @clocks\n", "3: unknown set '@clocks'; define it"),
    ("driver-needs", f"{DRIVER}acme,a needs\n", "3: 'needs' without a property; name"),
    ("driver-needs", f"{DRIVER}acme,a uses: x\n", "3: 'uses' without a property; "),
    ("driver-needs", f"{DRIVER}acme,a requests\n", "3: 'requests' without a supply; write"),
    ("driver-needs", f"{DRIVER}acme,a requests vcc\n", "3: 'requests' without a supply; "),
    ("driver-needs", f"{DRIVER}acme,a requests *-supply\n", "3: 'requests' without a supply; "),
    ("driver-needs", f"{DRIVER}acme,a needs clocks or\n", "3: 'or' is valid only between"),
    ("driver-needs", f"{DRIVER}acme,a needs or clocks\n", "3: 'or' is valid only between"),
    ("driver-needs", f"{DRIVER}acme,a uses clocks or x\n", "3: 'or' is valid only between"),
    (
        "driver-needs",
        f"{DRIVER}acme,a\n    needs clocks(a b)\n    uses clocks(b)\n",
        "5: acme,a has two statements about clocks; ",
    ),
    (
        "driver-needs",
        f"@reset uses resets\n{DRIVER}acme,a\n    needs resets\n    as @reset\n",
        "6: acme,a has two statements about resets; ",
    ),
    ("driver-needs", f"{DRIVER}@a as @b\n@b as @a\n", "3: unknown set '@b'; define it above"),
    ("driver-needs", f"@a uses\n{DRIVER}acme,a uses x\n", "1: 'uses' without a property; "),
    ("dma", "dma: x\nacme,a\n", "2: acme,a has no heading 'source'; write"),
    ("dma", "source: x\nacme,a\n", "2: acme,a has no heading 'no-dma'; write"),
    ("dma", "dma: x\nno-dma: y\nsource: z\nacme,a\n", "4: acme,a is below 'dma:' and "),
    ("dma", "dma: x\nsource: y\nacme,a: z\n", "3: unknown heading 'acme,a:'; "),
    ("machine-control", "class: x\nsource: y\nacme,a\n", "3: acme,a has 0 of the headings "),
    ("machine-control", "control: x\nsource: y\nacme,a\n", "3: acme,a has no heading 'class'"),
    ("machine-control", "class: x\ncontrol: x\nacme,a\n", "3: acme,a has no heading 'source'"),
    (
        "machine-control",
        "class: x\ncontrol: x\nordinary: y\nsource: z\nacme,a\n",
        "5: acme,a has 2 of the headings ordinary, control, warning; write one",
    ),
    ("dma-widths", "acme,a bits 32\n", "1: acme,a has no heading 'driver'"),
    ("dma-widths", "driver: x\nacme,a bits 40\n", "2: '40' is not a valid number here; "),
    ("dma-widths", "driver: x\nacme,a bits\n", "2: '' is not a valid number here; "),
    ("dma-widths", "driver: x\nacme,a bits 32 32\n", "2: '32 32' is not a valid number"),
    ("normal-memory", "driver: x\nacme,a memory\n", "2: acme,a does not say what is mapped; "),
    ("normal-memory", "driver: x\nacme,a memory x: y\n", "2: acme,a does not say what is"),
    ("firmware", "driver: x\nacme,a unanswered\n", "2: acme,a does not say what fails; "),
    ("firmware", "driver: x\nacme,a unanswered x: y\n", "2: acme,a does not say what fails"),
    ("firmware", "acme,a unanswered: y\n", "1: acme,a has no heading 'driver'"),
    ("msi-frames", "acme,a frame: x\n", "1: acme,a has no kind or no name for messages; "),
    ("msi-frames", "acme,a frame its\n", "1: acme,a has no kind or no name for messages; "),
    ("stream-ids", "a,b@1 iommu 2 0x3: x\n", "1: a,b@1 has no heading 'source'; "),
    ("stream-ids", "source: x\na,b@1 iommu 2: x\n", "2: this is not an IOMMU with stream IDs"),
    ("stream-ids", "source: x\na,b@1 iommu 2 z: x\n", "2: this is not an IOMMU with stream IDs"),
    ("stream-ids", "source: x\na,b@1 iommu 2 7..3: x\n", "2: this is not an IOMMU with stream"),
    ("stream-ids", "source: x\na,b@1 iommu 2 3\n", "2: this is not an IOMMU with stream IDs"),
    ("clock-frequency", "source: x\nacme,a takes\n", "2: acme,a has a verb with other words; "),
    ("clock-frequency", "source: x\nacme,a passes b\n", "2: acme,a has a verb with other"),
    (
        "controller-clocks",
        "source: x\na,b\n  gate 1(2): text\n",
        "3: a,b: only 'usual' has a text, ",
    ),
    ("controller-clocks", "source: x\na,b usual 1(2)\n", "2: a,b: only 'usual' has a text, "),
    ("controller-clocks", "source: x\na,b fixed 1\n", "2: '1' is not well-formed; "),
    ("controller-clocks", "source: x\na,b gate 0x1(2)\n", "2: '0x1' is not well-formed; "),
    ("controller-clocks", "source: x\na,b gate 1(2) 3(2)\n", "2: clock 2 has two statements; "),
    ("controller-clocks", "a,b gate 1(2)\n", "1: a,b has no heading 'source'; "),
    ("clock-frequency", "acme,a passes\n", "1: acme,a has no heading 'source'; "),
    ("phandle-properties", "foo phandle: x\n", "1: foo has no heading 'kind'; "),
    ("phandle-properties", f"{KIND}foo phandle\n", "2: foo has no source; name the binding"),
    ("phandle-properties", f"{KIND}foo no-phandle\n", "2: foo has no source; "),
    (
        "phandle-properties",
        f"{KIND}foo phandle 16: x\n",
        "2: '16' is not a valid number here; ",
    ),
    ("phandle-properties", f"{KIND}foo phandle #cells: x\n", "2: '#cells' is not valid here; "),
    ("phandle-properties", f"{KIND}foo phandle map 1: x\n", "2: '1' is not valid here; "),
    ("phandle-properties", f"{KIND}foo phandle names(a b): x\n", "2: 'names' is not valid"),
    ("phandle-properties", f"{KIND}foo phandle lead(0): x\n", "2: '0' is not a valid number"),
    ("phandle-properties", f"{KIND}foo phandle trial(1): x\n", "2: 'trial' is not valid here"),
    ("phandle-properties", f"{KIND}*foo* phandle: x\n", "2: *foo* has two wildcards; use one"),
    ("phandle-properties", f"{KIND}a phandle parallel(b): x\nb bytes 3\n", "3: '3' is not a "),
    ("phandle-properties", f"{KIND}a phandle: x\n    phandle: y\n", "3: a second statement"),
    ("phandle-properties", f"{KIND}a phandel: x\n", "2: 'phandel:' is neither a name nor"),
)


def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, rows: Rows) -> None:
    for name, text, error in MISTAKES:
        with rows(name, text, error):
            assert error_of(name, text, tmp_path).startswith(f"{name}.txt:{error}")


def test_what_a_line_about_a_driver_says(tmp_path: Path) -> None:
    path = tmp_path / "needs.txt"
    path.write_text(
        "@usual uses resets: no reset\n@every uses dmas power-domains\n@set uses phys\n"
        f"{DRIVER}acme,a acme,b\n    needs clocks(a|b) phys(x) or phy or link: none\n"
        "    uses resets dmas(t): slow\n    uses *-gpios\n    uses resets(r)\nacme,c as @set\n"
    )
    known = DriverTable(path).all()
    assert known["acme,a"] is known["acme,b"]
    assert known["acme,a"].needs == (
        Need("clocks", True, ("a", "b"), 1, "none"),
        Need("phys", True, ("x",), 1, "none", ("phy", "link")),
        Need("resets", False, (), 0, "slow"),
        Need("dmas", False, ("t",), 0, "slow"),
        Need("*-gpios", False, (), 0, "the driver goes on"),
        Need("resets", False, ("r",), 0, "no reset"),
        Need("power-domains", False, (), 0, "the driver goes on"),
    )
    assert [need.property for need in known["acme,c"].needs] == ["phys", "dmas", "power-domains"]


def test_what_a_line_about_a_property_says(tmp_path: Path) -> None:
    path = tmp_path / "properties.txt"
    path.write_text(
        "kind: a\n*-x phandle 2: s\nno-x no-phandle: a count; s\n*,no-x no-phandle: t\n"
        "kind: b\nm phandle 1 map: s\nr phandle rest lead(3) trail(2): s\ny*-x phandle digits: s\n"
        "w bytes 8: Hz\nz phandle #z-cells default(0) names(n) per-name(2) parallel(w v): s\n"
        "u phandle unless(hog): s\n"
    )
    table = PhandleTable(path)
    assert table.all() == (
        PhandleProperty("m", "b", 1, shape="map", lead=1, trail=1, source="s"),
        PhandleProperty("r", "b", REMAINDER, lead=3, trail=2, source="s"),
        PhandleProperty(
            "z",
            "b",
            "#z-cells",
            default_cells=0,
            names="n",
            parallel=("w", "v"),
            entries_per_name=2,
            source="s",
        ),
        PhandleProperty("u", "b", 0, unless="hog", source="s"),
        PhandleProperty("*-x", "a", 2, source="s"),
        PhandleProperty("y*-x", "b", 0, digits=True, source="s"),
    )
    assert table.excluded() == {"no-x": "a count; s", "*,no-x": "t"}
    assert [table.parallel_bytes(name) for name in ("w", "v", "z")] == [8, None, None]
    for name in ("no-x", "a,no-x", "-x", "w", "v", "n", "hog"):
        assert table.find(name) is None, name
    for name in ("a-x", "y1-x"):
        rule = table.find(name)
        assert rule is not None
        assert rule.pattern == "*-x"  # the first line wins


def test_what_a_group_about_dma_says(tmp_path: Path) -> None:
    path = tmp_path / "dma.txt"
    path.write_text(
        "no-dma: it does none\nsource: s\nacme,*-phy acme,usb-1\n*-spi\n"
        "dma: it does\nsource: t\nacme,usb-* acme,a*b*c\n"
    )
    table = DmaTable(path)

    def masters(name: str) -> bool | None:
        known = table.find(name)
        return known.master if known else None

    assert masters("acme,usb-2") is True
    assert masters("acme,usb-1") is False  # an exact string beats every wildcard
    assert masters("acme,usb-1-phy") is True  # masters beat others, wherever they are
    assert masters("acme,u-phy") is False
    assert masters("acme,axbyc") is True
    assert masters("other,a-spi") is False
    assert masters("other,usb-2") is None
    assert [entry.compatible for entry in table.all()] == [
        "acme,usb-*",
        "acme,a*b*c",
        "acme,*-phy",
        "acme,usb-1",
        "*-spi",
    ]
