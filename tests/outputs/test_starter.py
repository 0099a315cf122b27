"""The file that `init` writes: read as it is, and with any line that it offers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from xenassign.advice.assess import BoardAssessment, assess
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError
from xenassign.findings import errors
from xenassign.formats.toml_text import parse_toml
from xenassign.host.platform import read_platform
from xenassign.linting.settings import read_settings
from xenassign.outputs.starter import LISTED_MAX, starter
from xenassign.planning.decide import decide_on
from xenassign.request.keys.domain_devices import DEVICE
from xenassign.request.keys.domain_section import DOMAIN
from xenassign.request.keys.mistakes import mistakes
from xenassign.request.keys.section import Section
from xenassign.request.keys.whole_file import BOOT, LINT, TOP
from xenassign.request.project import read_project
from xenassign.request.resolve import resolve_domain
from xenassign.xen.releases import DEFAULT, release

BOARDS = ("qemu", "zynqmp", "rcar", "imx8", "rk3588", "juno", "ti", "tricky")
each_board = pytest.mark.parametrize("name", BOARDS)
# A device that may be uncommented, and what is behind it.
OFFER = re.compile(r"    # ((?:\"|\{ path = \").*,)  # (.*)")


@pytest.fixture(scope="session")
def made(host_files: dict[str, Path]) -> Callable[[str], tuple[BoardAssessment, str]]:
    """(assessment, file) of a board."""

    @cache
    def make(name: str) -> tuple[BoardAssessment, str]:
        tree = read_blob_file(host_files[name])
        found = assess(read_platform(tree), release(DEFAULT))
        return found, starter(found, "board.dtb", release(DEFAULT))

    return make


Made = Callable[[str], tuple[BoardAssessment, str]]


def offers(text: str) -> list[str]:
    return [line for line in text.split("\n") if OFFER.fullmatch(line)]


def uncommented(text: str, line: str) -> str:
    assert text.count(line) == 1
    return text.replace(line, line.replace("# ", "", 1))


@each_board
def test_every_device_offered_can_be_had(made: Made, tmp_path: Path, name: str) -> None:
    found, text = made(name)
    path = tmp_path / "xenassign.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="domain 'domu1': "):
        read_project(path)
    lines = offers(text)
    assert lines
    for line in lines:
        path.write_text(uncommented(text, line))
        if line.startswith("    # {"):
            with pytest.raises(InputError, match="force-assign-without-iommu "):
                read_project(path)
            path.write_text(uncommented(text, line).replace('= "" },', '= "known" },'))
        project = read_project(path)
        (request,) = project.system.domains
        plan = decide_on(found.board, resolve_domain(request, found.board.platform)[1])
        assert not errors(plan.findings), line
        assert f'"{request.devices[0]}"' in line
        assert project.hosts == (str(tmp_path / "board.dtb"),)
        assert request.release.version == DEFAULT


@each_board
def test_nothing_is_left_out(made: Made, name: str) -> None:
    """Each device is listed, stands for those like it, or is counted."""
    found, text = made(name)
    more = sum(map(int, re.findall(r"; (\d+) more of them$", text, re.MULTILINE)))
    rest = re.search(r"^# (\d+) more devices? cannot", text, re.MULTILINE)
    assert len(offers(text)) + more + int(rest[1] if rest else 0) == len(found.devices)
    if more:
        assert sum(one.assignable for one in found.devices) > LISTED_MAX


def keys(section: Section) -> list[str]:
    return [key.name for key in section.keys if not isinstance(key.kind, Section)]


def block(text: str, first: str, last: str) -> list[str]:
    """The lines from one that begins so, to one that does or to the end."""
    lines = text.split("\n")
    start = next(n for n, line in enumerate(lines) if line.startswith(first))
    ends = (n for n, line in enumerate(lines) if n > start and line.startswith(last))
    return lines[start : next(ends, len(lines))]


@pytest.mark.parametrize(
    ("section", "first", "last"),
    [
        (TOP, "host", "[[domain]]"),
        (DOMAIN, "[[domain]]", "# The devices"),
        (BOOT, "# [boot]", "# The agents of"),
        (LINT, "# [lint]", "# end"),
    ],
    ids=["file", "domain", "boot", "lint"],
)
def test_every_key_is_explained_and_its_line_is_right(
    made: Made, tmp_path: Path, section: Section, first: str, last: str
) -> None:
    (tmp_path / "net.cfg").write_text('name = "domu1"\n')
    (tmp_path / "clk_summary.txt").write_text(" osc  1 1 0 24000000 0 0 50000\n")
    voltage = " regulator-dummy 1 0 0 unknown 0mV 0mA 0mV 0mV\n"
    (tmp_path / "regulator_summary.txt").write_text(voltage)
    path = tmp_path / "xenassign.toml"
    text = made("zynqmp")[1]
    text = uncommented(text, next(line for line in offers(text) if "serial1" in line))
    before, start, behind = text.partition("\n" + first)
    found = []
    for line in block(text, first, last):
        key = re.match(r"(# )?([a-z0-9-]+) = ", line)
        if key is None:
            continue
        found.append(key[2])
        tail = (start + behind).replace(f"\n{line}\n", f"\n{line.removeprefix('# ')}\n", 1)
        if key[2] == "direct-map":  # which goes with static memory
            tail = tail.replace("# static-memory", "static-memory", 1)
        if key[2] == "agent":  # which goes with the interface that has agents
            tail = re.sub("\n# sci = .*", '\nsci = "scmi_smc_multiagent"', tail)
        if key[2] == "cpus":  # which goes with the number of vCPUs
            tail = tail.replace("# vcpus", "vcpus", 1)
        path.write_text(before + re.sub(r"^# (?=\[(boot|lint)\])", "", tail, flags=re.MULTILINE))
        read_project(path)
        read_settings(path)
    assert found == keys(section)


def sections(section: Section) -> Iterator[Section]:
    """Those in it, at any depth."""
    for key in section.keys:
        if isinstance(key.kind, Section):
            yield key.kind
            yield from sections(key.kind)


@pytest.mark.parametrize(
    "section",
    [each for each in sections(TOP) if each not in (DOMAIN, DEVICE)],
    ids=lambda section: section.header,
)
def test_every_section_is_there_with_its_keys(made: Made, section: Section) -> None:
    text = made("zynqmp")[1]
    offered = text.partition(f"\n# {section.header}\n")[2].partition("\n\n")[0]
    assert re.findall('^# "?([^ "]+)"? = ', offered, re.MULTILINE) == keys(section)


def test_all_sections_together_are_right(made: Made) -> None:
    text = made("zynqmp")[1]
    device = next(line for line in offers(text) if "serial1" in line)
    domain, first, rest = uncommented(text, device).partition("# Properties of the domain's node")
    written = re.sub(r"^# (?=\[|[^ ]+ = )", "", rest, flags=re.MULTILINE)
    values = parse_toml(f"{domain}{first}{written}", "xenassign.toml").values
    assert [*mistakes(TOP, values)] == []
    assert {*values} == {"host", "xen", *(k.name for k in TOP.keys if isinstance(k.kind, Section))}


def test_the_keys_of_a_device_are_explained(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "xenassign.toml"
    lines = block(made("zynqmp")[1], "# or all are tables", "device = [")
    offered = [line.removeprefix("#   ") for line in lines if re.match(r"#   [a-z-]+ = ", line)]
    assert ["path", *(line.split(" = ")[0] for line in offered)] == keys(DEVICE)
    for line in offered:
        name = "d*" if line.startswith("except") else "d"
        second = "{ id = 2, smc-id = 0x82000002, shmem = 4096 }"
        agents = f"sci = {{ smc-id = 0x82000001, shmem = 0, agent = [{second}] }}"
        agent = 'sci = "scmi_smc_multiagent"\nagent = 2'
        above, own = (agents, agent) if line.startswith("sci-device") else ("", "")
        domain = f'[[domain]]\nname = "a"\n{own}\n[[domain.device]]\npath = "{name}"\n{line}\n'
        path.write_text(f"{above}\n{domain}")
        read_project(path)


def test_a_board_with_many_devices(compiled: Callable[[str], Tree]) -> None:
    nodes = "".join(
        f'd{n}: dev@{n:x}000 {{ compatible = "arm,pl061"; reg = <0 0x{n:x}000 0 0x1000>; }};\n'
        for n in range(1, 300)
    )
    source = f"""/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>; compatible = "a";
    model = "b"; interrupt-parent = <&gic>; aliases {{ gpio7 = &d7; }};
    gic: gic@80000000 {{ compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0 0x80000000 0 0x10000 0 0x80100000 0 0x100000>; }};
    {nodes} }};"""
    found = assess(read_platform(compiled(source)), release(DEFAULT))
    text = starter(found, "b", release(DEFAULT))
    lines = offers(text)
    assert [line.strip().split("  # ")[0] for line in lines] == ['# "gpio7",', '# "/dev@1000",']
    assert lines[1].endswith("; 297 more of them")


def test_text_of_a_board_cannot_break_the_file(compiled: Callable[[str], Tree]) -> None:
    source = """/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; compatible = "a";
    model = "one\\ntwo\\x7f\\x1b";
    dev@1000 { compatible = "x\\ny = 1", "arm,pl061"; reg = <0 0x1000 0 0x1000>; }; };"""
    found = assess(read_platform(compiled(source)), release(DEFAULT))
    text = starter(found, 'a "b"\\\n\x7f.dtb', release(DEFAULT), frozenset({"smmu-v3", "smmu"}))
    values = parse_toml(text, "x").values
    assert values["host"] == 'a "b"\\\n\x7f.dtb'
    assert values["iommu-driver"] == ["smmu", "smmu-v3"]
    assert set(values) == {"host", "xen", "iommu-driver", "domain"}
