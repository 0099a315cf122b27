"""The SCMI ids of every device of every board that has SCMI, against a computation of libfdt's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from xenassign.assign.assess import assess
from xenassign.devicetree.blob import read_blob
from xenassign.host.platform import read_platform
from xenassign.render.report import inspect, to_json
from xenassign.xen.releases import DEFAULT, release

from .scmi_judge import judge

pytestmark = pytest.mark.corpus

#: Boards with SCMI in Debian's kernel, by the directory of their vendor.
VENDORS = ("amlogic", "arm", "freescale", "rockchip")


@pytest.mark.parametrize("vendor", VENDORS)
def test_ids_are_those_of_an_independent_computation(
    vendor: str, board_files: list[Path], figures: Callable[[Counter[str]], None]
) -> None:
    counts: Counter[str] = Counter()
    failures = []
    for path in (p for p in board_files if p.parent.name == vendor):
        blob = path.read_bytes()
        other = judge(blob)
        providers = other.providers()
        if not providers:
            continue
        counts[f"scmi, boards: {vendor}"] += 1
        found = assess(read_platform(read_blob(blob, path.name)), release(DEFAULT))
        for device in json.loads(to_json(inspect(found)))["devices"]:
            ours = {(one["protocol"], one["id"]) for one in device["scmi"]}
            theirs = other.ids(device["path"], providers)
            counts[f"scmi, devices with ids: {vendor}"] += bool(theirs)
            counts[f"scmi, ids: {vendor}"] += len(theirs)
            if ours != theirs:
                failures.append(f"{path.name}: {device['path']}: {ours} is not {theirs}")
    figures(counts)
    assert counts[f"scmi, ids: {vendor}"]
    assert not failures, "\n".join(failures)


def test_no_other_vendor_has_scmi(board_files: list[Path]) -> None:
    """So that a new board is compared as well."""
    others = (p for p in board_files if p.parent.name not in VENDORS)
    assert [p.name for p in others if b"arm,scmi" in p.read_bytes()] == []
