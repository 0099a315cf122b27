"""The example systems of docs/examples: written, judged together, and as their pages say."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from tests.examples import EXAMPLES, host_of, made
from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob_file

#: The devices of each domain; True: behind an IOMMU that Xen drives.
SYSTEMS = {
    "qemu": {
        "clock": {"/pl031@9010000": False},
        "gpio": {"/pl061@9030000": False},
        "config": {"/fw-cfg@9020000": False},
    },
    "zynqmp": {
        "net": {"/axi/ethernet@ff0e0000": True, "/axi/mmc@ff170000": True},
        "control": {
            "/axi/serial@ff010000": False,
            "/axi/can@ff070000": False,
            "/axi/spi@ff0f0000": True,
        },
    },
    "rcar": {
        "driver": {
            "/soc/ethernet@e6880000": True,
            "/soc/phy@e6444000": False,
            "/soc/mmc@ee140000": True,
        },
        "field": {"/soc/serial@e6e60000": False, "/soc/serial@e6c50000": False},
    },
}
ENDINGS = ("cfg", "dom0less.dtso", "dtb", "dts", "host.dtbo", "host.dtso", "json")


class System(NamedTuple):
    """An example, the folder with its files, and the plans in it by the domains' names."""

    name: str
    host: Path
    out: Path
    plans: dict[str, Any]


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> System:
    """Each example in turn, written."""
    name = request.param
    out = tmp_path_factory.mktemp(name)
    line = ["generate", "-c", str(EXAMPLES / name / "xenassign.toml"), "-o", str(out), "--locked"]
    done = CliRunner().invoke(cli, line)  # the lock of the example is that of today's decisions
    assert done.exit_code == 0, done.output
    plans = {d: json.loads((out / f"{d}.json").read_text()) for d in SYSTEMS[name]}
    return System(name, host_of(name), out, plans)


def test_every_example_is_tested() -> None:
    assert {path.parent.name for path in EXAMPLES.glob("*/xenassign.toml")} == SYSTEMS.keys()


def test_each_domain_has_its_files(system: System) -> None:
    wanted = {f"{name}.{ending}" for name in SYSTEMS[system.name] for ending in ENDINGS}
    assert {path.name for path in system.out.iterdir()} == wanted


def test_who_gets_what(system: System) -> None:
    found = {
        name: {device["path"]: device["protected"] for device in plan["devices"]}
        for name, plan in system.plans.items()
    }
    assert found == SYSTEMS[system.name]


def test_no_two_domains_have_the_same(system: System) -> None:
    """Host pages and interrupts, read from the plans."""
    for one, other in combinations(system.plans.values(), 2):
        for page in _pages(one):
            assert not any(page[0] < end and start < page[1] for start, end in _pages(other))
        assert not _intids(one) & _intids(other)


def _pages(plan: dict[str, Any]) -> list[tuple[int, int]]:
    mappings = [mapping for device in plan["devices"] for mapping in device["mappings"]]
    assert mappings
    return [(mapping["host"], mapping["host"] + mapping["size"]) for mapping in mappings]


def _intids(plan: dict[str, Any]) -> set[int]:
    return {intid for device in plan["devices"] for intid in device["irqs"]}


def test_the_overlays_go_together(system: System, tmp_path: Path) -> None:
    """Marks and domains of all on one tree: what is marked is what is assigned."""
    overlays = [system.out / f"{name}.host.dtbo" for name in system.plans]
    for name in system.plans:
        overlays.append(tmp_path / f"{name}.dtbo")
        source = (system.out / f"{name}.dom0less.dtso").read_bytes()
        command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", str(overlays[-1]), "-"]
        subprocess.run(command, input=source, check=True)
    whole = tmp_path / "host.dtb"
    command = ["fdtoverlay", "-i", str(system.host), "-o", str(whole), *map(str, overlays)]
    subprocess.run(command, check=True, capture_output=True)
    tree = read_blob_file(whole)
    marked = {node.path for node in tree.nodes() if node.has("xen,passthrough")}
    assigned = {path for domain in SYSTEMS[system.name].values() for path in domain}
    assert assigned <= marked
    assert all(any(path.startswith(device) for device in assigned) for path in marked)
    domains = {node.name for node in tree.nodes() if "xen,domain" in node.compatible}
    assert domains == system.plans.keys()


def test_the_lint_takes_them(system: System) -> None:
    """Each domain, against the tree with the marks of all."""
    marks = [f"--host-overlay={system.out / name}.host.dtbo" for name in system.plans]
    for name in system.plans:
        files = [str(system.out / f"{name}.{ending}") for ending in ("dtb", "cfg")]
        line = ["lint", *files, "--host", str(system.host), *marks, "--format", "json"]
        done = CliRunner().invoke(cli, line)
        assert done.exit_code == 0, done.output
        told = json.loads(done.output)
        assert told["verdict"] == {"dom0less": "accepted", "xl": "accepted"}


def test_the_page_says_who_gets_what(system: System) -> None:
    """A line of the table for each device: its domain, its interrupt, its protection."""
    page = (EXAMPLES / system.name / "README.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == sum(map(len, SYSTEMS[system.name].values()))
    for name, plan in system.plans.items():
        for device in plan["devices"]:
            (row,) = (row for row in rows if f"`{device['path']}`" in row[1])
            domain, _, intids, protection = row
            assert domain == f"| `{name}`"
            counted = re.fullmatch(r"(\d+) and up, (\d+) of them", intids)
            if counted:
                assert (int(counted[1]), int(counted[2])) == _counted(device["irqs"])
            else:
                assert intids == (", ".join(map(str, device["irqs"])) or "none")
            assert protection.startswith("not") != device["protected"]


def _counted(intids: list[int]) -> tuple[int, int]:
    return min(intids), len(set(intids))


def test_the_page_says_what_is_said(system: System) -> None:
    """Every code of a warning, and every option for dom0's command line."""
    page = (EXAMPLES / system.name / "README.md").read_text()
    for plan in system.plans.values():
        codes = {f["code"] for f in plan["findings"] if f["severity"] == "warning"}
        assert codes <= set(re.findall(r"XA\d{3}", page))
        for option in plan.get("dom0_options", ()):
            assert option in page


def test_one_clock_has_one_rate_in_all_domains() -> None:
    """Two domains that stand-ins give the same clock of the host agree on its rate."""
    for name in SYSTEMS:
        rates: dict[str, Counter[str]] = {}
        for domain in made(name).values():
            source = domain.files["dts"].decode()
            for stub in re.finditer(r"((?:\s*/\* [^\n]*\*/\n)+)\s*\w+: clock-(\d+) \{", source):
                for clock in re.findall(r"replaces (\S+ [^,]+), for", stub[1]):
                    rates.setdefault(clock, Counter())[stub[2]] += 1
        assert rates or name == "qemu"
        assert {clock: found for clock, found in rates.items() if len(found) > 1} == {}
