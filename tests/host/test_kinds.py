"""The kinds of devices: by compatible string, driver and name; on every real board."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.conftest import board_directory, board_files, figures
from xenassign.devicetree.blob import read_blob
from xenassign.host.device import is_device
from xenassign.host.driver_needs import DriverTable
from xenassign.host.kinds import OTHER, kind_of, kind_table
from xenassign.tables import table_path

__all__ = ["board_directory", "board_files", "figures"]  # fixtures


def find(name: str, *compatibles: str) -> str:
    return kind_table().find(name, compatibles)


def test_a_compatible_string_counts_more_than_driver_and_name() -> None:
    assert find("syscon", "mediatek,mt8183-mmsys", "syscon") == "display"
    assert find("net", "cdns,gem") == "ethernet"  # its driver
    assert find("net", "example,gem") == OTHER
    assert find("ethernet", "example,gem") == "ethernet"


def test_the_most_specific_string_decides() -> None:
    assert find("x", "fsl,imx6q-tpm", "cdns,gem") == "timer"
    assert find("x", "cdns,gem", "fsl,imx6q-tpm") == "ethernet"


def test_digits_at_the_end_of_a_name_do_not_matter() -> None:
    assert find("serial0", "example,x") == find("serial-2", "example,x") == "serial"
    assert find("i2s-2ch", "example,x") == "audio"


def test_a_string_without_a_vendor_says_nothing() -> None:
    assert find("clock-controller", "example,x", "syscon") == "clock"


def test_a_pattern_is_for_strings_and_names() -> None:
    assert find("x", "example,soc-usb3-phy") == find("soc-usb3-phy", "example,x") == "phy"


def test_kinds_are_single_words() -> None:
    assert all(kind.isalnum() and kind.islower() for kind in kind_table().kinds())


def test_every_driver_of_the_needs_has_a_kind() -> None:
    """A driver in a folder that no line knows would leave the kind to the name of the node."""
    folders = {word for word in kind_table().all() if "/" in word}
    drivers = {driver.driver for driver in DriverTable(table_path("driver-needs")).all().values()}
    unknown = {
        driver
        for driver in drivers
        if not any(driver.startswith((f"{folder}/", f"{folder}-")) for folder in folders)
    }
    assert unknown <= WITHOUT_KIND


#: Drivers of nodes of all kinds: names and strings decide.
WITHOUT_KIND = {"drivers/amba/bus.c"}


@pytest.mark.corpus
def test_nearly_every_device_of_the_boards_has_a_kind(board_files: list[Path]) -> None:
    """Of every fifth board: a name that no line knows is to be added to the table."""
    unknown: dict[tuple[str, tuple[str, ...]], int] = {}
    devices = 0
    for path in board_files[::5]:
        for node in filter(is_device, read_blob(path.read_bytes(), path.name).nodes()):
            devices += 1
            if kind_of(node) == OTHER:
                key = (node.base_name, node.compatible)
                unknown[key] = unknown.get(key, 0) + 1
    assert sum(unknown.values()) < devices / 1000, unknown
