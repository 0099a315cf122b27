"""The tables of knowledge/: each is read whole, and its first comment shows what can be added."""

from __future__ import annotations

from collections.abc import Callable
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

from xenassign.errors import InputError
from xenassign.host.driver_needs import Need, read_driver_needs
from xenassign.resources import directory
from xenassign.tables import table_path

READERS: dict[str, Callable[[Path], object]] = {
    "driver-needs": read_driver_needs,
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


DRIVER = "driver: drivers/a.c\nbinding: bindings/a.yaml\n"


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("driver-needs", "driver: a.c\nacme,a needs clocks\n", "2: acme,a has no heading"),
        ("driver-needs", f"{DRIVER}acme,a as @clocks\n", "3: unknown set '@clocks'; define it"),
        ("driver-needs", f"{DRIVER}acme,a needs\n", "3: 'needs' without a property; name"),
        ("driver-needs", f"{DRIVER}acme,a uses: x\n", "3: 'uses' without a property; "),
        ("driver-needs", f"{DRIVER}acme,a needs clocks or\n", "3: 'or' without two sides"),
        ("driver-needs", f"{DRIVER}acme,a needs or clocks\n", "3: 'or' without two sides"),
        ("driver-needs", f"{DRIVER}acme,a uses clocks or x\n", "3: 'or' without two sides"),
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
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    name: str, text: str, error: str, tmp_path: Path
) -> None:
    assert error_of(name, text, tmp_path).startswith(f"{name}.txt:{error}")


def test_what_a_line_about_a_driver_says(tmp_path: Path) -> None:
    path = tmp_path / "needs.txt"
    path.write_text(
        "@usual uses resets: no reset\n@every uses dmas power-domains\n@set uses phys\n"
        f"{DRIVER}acme,a acme,b\n    needs clocks(a|b) phys(x) or phy or link: none\n"
        "    uses resets dmas(t): slow\n    uses *-gpios\n    uses resets(r)\nacme,c as @set\n"
    )
    known = read_driver_needs(path)
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
