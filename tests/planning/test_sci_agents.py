"""SCMI with several agents (proposed for Xen): what is written, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import FIXTURES
from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.formats.xlcfg import XlConfig
from xenassign.linting.verdict.domcfg import read
from xenassign.xen.sci_agents import BINDING, Agent, Agents, read_agents

RNG, UART = "/rng@fe378000", "/serial@feba0000"
#: dom0's is the channel of the host's node.
MANAGEMENT = Agent(0, 0x82000003, 0xFE2FF000)
DOM0 = Agent(1, 0x82000010, 0xFD60F000)
FIRST = Agent(2, 0x82000004, 0xFE2F2000)
SECOND = Agent(3, 0x82000005, 0xFE2F3000)
AGENTS = (DOM0, FIRST, SECOND)
OTHER_DOM0 = DOM0._replace(function=0x82000009)


def in_page(page: int) -> Agent:
    """The first agent, with its channel in another page."""
    return FIRST._replace(page=page)


def in_own_page(page: int) -> str:
    """[sci] with Xen's own channel in another page."""
    return section(*AGENTS).replace(f"{MANAGEMENT.page:#x}", f"{page:#x}")


def section(*agents: Agent, dom0: int | None = DOM0.id) -> str:
    """[sci] with these agents."""
    lines = [
        "[sci]",
        f"smc-id = {MANAGEMENT.function:#x}",
        f"shmem = {MANAGEMENT.page:#x}",
        *([f"dom0-agent = {dom0}"] if dom0 is not None else []),
    ]
    for agent in agents:
        lines += ["[[sci.agent]]", f"id = {agent.id}"]
        lines += [f"smc-id = {agent.function:#x}", f"shmem = {agent.page:#x}"]
    return "\n".join(lines)


def domain(name: str, agent: int, device: str, *ids: int) -> str:
    """A domain with one device."""
    return f"""
[[domain]]
name = "{name}"
memory = 256
vcpus = 1
sci = "scmi_smc_multiagent"
agent = {agent}
extra = "clk_ignore_unused pd_ignore_unused"
[[domain.device]]
path = "{device}"
{"clock-rate = 24000000" if device == UART else ""}
{f"sci-device = {list(ids)}" if ids else ""}
"""


A, B = domain("a", 2, RNG, 5), domain("b", 3, UART, 6, 7)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a board."""
    shutil.copy(FIXTURES / "rk3588-like.dtb", tmp_path / "board.dtb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def generate(*parts: str, xen: str = "4.21", options: tuple[str, ...] = (), code: int = 0) -> str:
    """What `generate` says of a project of these parts."""
    text = "\n".join((f'host = "board.dtb"\nxen = "{xen}"', *parts))
    Path("xenassign.toml").write_text(text)
    return run("generate", "-c", "xenassign.toml", "-o", "out", "-v", *options, code=code)


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, arguments)
    if isinstance(done.exception, UsageError):
        assert code == 2, done.exception
        return str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


def tree_of(name: str) -> Tree:
    return read_blob(Path("out", name).read_bytes(), name)


def node_of(tree: Tree, path: str) -> Node:
    node = tree.find(path)
    assert node is not None
    return node


# --- what is written ---


@pytest.mark.parametrize(("name", "agent"), [("a", FIRST), ("b", SECOND)])
def test_a_guest_has_the_channel_of_its_agent(here: Path, name: str, agent: Agent) -> None:
    generate(section(*AGENTS), A, B)
    tree = tree_of(f"{name}.dtb")
    node = node_of(tree, "/passthrough/firmware/scmi")
    assert node.cells("arm,smc-id") == (agent.function,)
    memory = tree.phandles[node.cells("shmem")[0]]
    assert memory.compatible == ("arm,scmi-shmem",)
    assert memory.cells("reg") == (0, agent.page, 0, 0x1000)
    assert memory.cells("xen,reg") == (0, agent.page, 0, 0x1000, 0, agent.page)
    others = [each for each in (MANAGEMENT, *AGENTS) if each != agent]
    text = Path("out", f"{name}.cfg").read_text()
    assert f'arm_sci = "type=scmi_smc_multiagent,agent_id={agent.id}"' in text
    assert f'"{agent.page >> 12:#x},0x1"' in text
    assert not [each for each in others if f"{each.page >> 12:#x}" in text]
    domain_node = Path("out", f"{name}.dom0less.dtso").read_text()
    assert 'xen,sci_type = "scmi_smc_multiagent";' in domain_node
    assert f"xen,sci-agent-id = <{agent.id}>;" in domain_node
    assert json.loads(Path("out", f"{name}.json").read_text())["agent"] == agent.id


def test_dtdev_lists_what_the_firmware_permits(here: Path) -> None:
    """Devices without IOMMU too, which without agents dtdev may not have."""
    generate(section(*AGENTS), A, domain("b", 3, UART))
    first, second = (read(Path("out", f"{n}.cfg").read_text(), n) for n in "ab")
    assert isinstance(first, XlConfig)
    assert isinstance(second, XlConfig)
    assert [item.text for item in first.texts("dtdev")] == [RNG]
    assert second.get("dtdev") is None
    assert first.get("passthrough") is None


def test_references_are_those_of_the_host(here: Path) -> None:
    generate(section(*AGENTS), A)
    tree = tree_of("a.dtb")
    clock = node_of(tree, "/passthrough/rng@fe378000").cells("clocks")
    assert clock[1:] == (17,)
    assert tree.phandles[clock[0]].path == "/passthrough/firmware/scmi/protocol@14"


def permissions(tree: Tree, path: str) -> list[tuple[str, int]]:
    """(path of the provider, id) of access-controllers."""
    numbers = node_of(tree, path).cells(BINDING.access)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [(tree.phandles[phandle].path, number) for phandle, number in pairs]


def as_xen_reads(tree: Tree) -> None:
    """The tree states the agents, and what each device is permitted."""
    assert read_agents(tree) == Agents(MANAGEMENT, AGENTS, DOM0.id)
    provider = "/chosen/xen/xen_scmi_config/scmi"
    assert permissions(tree, RNG) == [(provider, 5)]
    assert permissions(tree, UART) == [(provider, 6), (provider, 7)]
    assert node_of(tree, provider).cells("#access-controller-cells") == (1,)
    assert node_of(tree, "/firmware/scmi").cells("arm,smc-id") == (DOM0.function,)


def test_the_overlay_with_the_agents(here: Path, dtc: str) -> None:
    """fdtoverlay applies it, with those of the domains; dtc makes the same blob of its source."""
    generate(section(*AGENTS), A, B)
    overlays = [f"out/{name}.host.dtbo" for name in ("a", "scmi-agents", "b")]
    subprocess.run(["fdtoverlay", "-i", "board.dtb", "-o", "out/whole.dtb", *overlays], check=True)
    as_xen_reads(tree_of("whole.dtb"))
    command = [dtc, "-q", "-I", "dts", "-O", "dtb", "-o", "again.dtbo"]
    subprocess.run([*command, "out/scmi-agents.host.dtso"], check=True)
    subprocess.run(
        ["fdtoverlay", "-i", "board.dtb", "-o", "out/again.dtb", *overlays[::2], "again.dtbo"],
        check=True,
    )
    as_xen_reads(tree_of("again.dtb"))


def test_the_tree_of_the_host(here: Path) -> None:
    generate(section(*AGENTS), A, B, options=("--host-out", "out/host.dtb"))
    as_xen_reads(tree_of("host.dtb"))


def test_agents_beside_a_cpu_pool(here: Path) -> None:
    """Nodes of agents, CPUs and pools get phandles of their own."""
    pool = '[[cpu-pool]]\nname = "p"\ncpus = "1"'
    own = A.replace("[[domain.device]]", 'cpu-pool = "p"\nroute = "dom0less"\n[[domain.device]]')
    options = (
        "--chosen",
        "--host-out",
        "out/host.dtb",
        "--load",
        "kernel=0x10000000:Image",
        "--load",
        "dtb=0x12000000",
    )
    Path("Image").write_bytes(bytes(4096))
    generate(
        section(*AGENTS),
        pool,
        own,
        B.replace("agent = 3", 'agent = 3\nroute = "xl"'),
        options=options,
    )
    tree = tree_of("host.dtb")
    as_xen_reads(tree)
    phandles = [node.phandle for node in tree.nodes() if node.phandle is not None]
    assert len(phandles) == len(set(phandles))


def test_the_agents_that_the_host_states(here: Path, dtc: str) -> None:
    """Then nothing is written of them, and --sci needs no project."""
    generate(section(*AGENTS), A, B, options=("--host-out", "host.dtb"))
    shutil.rmtree("out")
    line = "generate host.dtb --xen 4.21 --sci scmi_smc_multiagent --agent 3 --memory 256 -o out -d"
    said = run(*line.split(), UART, "--clock-rate", f"{UART}=24000000", "-v")
    assert not list(Path("out").glob("scmi-agents*"))
    assert node_of(tree_of("domu1.dtb"), "/passthrough/firmware/scmi").cells("arm,smc-id") == (
        SECOND.function,
    )
    assert "XA545" not in said  # the host's node has access-controllers
    assert f'"{UART}"' in Path("out", "domu1.cfg").read_text().partition("dtdev")[2]


def test_ids_that_the_patches_do_not_read(here: Path, dtc: str) -> None:
    """Of another node than Xen's own: [sci] writes them anew, and without it they count nothing."""
    source = (FIXTURES / "rk3588-like.dts").read_text()
    old, new = "resets = <&scmi_reset 48>;", "access-controllers = <&scmi 5>;"
    source = source.replace(old, f"{old}\n{new}")
    source = source.replace("arm,smc-id", "#access-controller-cells = <1>;\narm,smc-id", 1)
    Path("board.dts").write_text(source)
    subprocess.run([dtc, "-q", "-@", "-o", "board.dtb", "board.dts"], check=True)
    without = domain("a", 2, RNG)
    assert "XA545" not in generate(section(*AGENTS), without, options=("--host-out", "host.dtb"))
    provider = "/chosen/xen/xen_scmi_config/scmi"
    tree = read_blob(Path("host.dtb").read_bytes(), "host")
    assert permissions(tree, RNG) == [(provider, 5)]
    scmi = node_of(tree, "/firmware/scmi").phandle
    assert scmi is not None
    value = f"fdtput -t x host.dtb {RNG} access-controllers {scmi:x} 5"
    subprocess.run(value.split(), check=True)
    shutil.rmtree("out")
    line = "generate host.dtb --xen 4.21 --sci scmi_smc_multiagent --agent 3 -o out -d"
    assert "has no id for agent 3" in run(*line.split(), RNG, "-v")


def test_agents_of_the_host_that_contradict(here: Path) -> None:
    """Two agents with one page: each guest could write the messages of the other."""
    generate(section(*AGENTS), A, options=("--host-out", "host.dtb"))
    config = "/chosen/xen/xen_scmi_config"
    tree = read_blob(Path("host.dtb").read_bytes(), "host")
    cells = list(node_of(tree, config).cells(BINDING.agents))
    cells[7] = cells[4]
    value = ["fdtput", "-t", "x", "host.dtb", config, BINDING.agents, *(f"{c:x}" for c in cells)]
    subprocess.run(value, check=True)
    line = "generate host.dtb --xen 4.21 --sci scmi_smc_multiagent --agent 3 -o out -d"
    said = run(*line.split(), RNG, "-v", code=1)
    assert f"two channels have the shmem {FIRST.page:#x}" in said


def test_agents_stated_twice(here: Path) -> None:
    generate(section(*AGENTS), A, options=("--host-out", "host.dtb"))
    Path("host.dtb").rename("board.dtb")
    shutil.rmtree("out")
    assert "leave out [sci]" in generate(section(*AGENTS), A, code=1)


# --- what is said ---


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((domain("a", 2, RNG),), "no agents are known"),
        ((section(DOM0, SECOND), A), "agent 2 is not one of the firmware's for guests (3)"),
        ((section(*AGENTS, dom0=2), A), "agent 2 is that of dom0"),
        ((section(OTHER_DOM0, FIRST), A), "has another channel than /firmware/scmi"),
        ((section(DOM0._replace(page=0xFE2F0000), FIRST), A), "has another channel than"),
        ((section(*AGENTS), A, domain("b", 2, UART)), "a and b both are agent 2 of SCMI"),
        ((section(*AGENTS), A, domain("b", 3, UART, 5)), "device id 5 of SCMI is of /rng@fe378000"),
        ((section(DOM0, in_page(0x40000000)), A), "page 0x40000000 of agent 2 has RAM"),
        ((section(DOM0, in_page(0xFEBA0000)), A), "has registers of /serial@feba0000"),
        ((section(DOM0, in_page(0xFE378000)), A), f"has registers of {RNG}"),
        ((section(*AGENTS, Agent(4, 0x82000006, 0xFEBA0000)), A), "of agent 4 has registers of"),
        ((in_own_page(0xFEBA0000), A), "of Xen's own channel has registers of"),
    ],
)
def test_a_plan_is_refused(here: Path, parts: tuple[str, ...], said: str) -> None:
    assert said in generate(*parts, code=1)
    assert not Path("out").exists()


def test_a_domain_with_the_name_of_the_overlay(here: Path) -> None:
    said = generate(section(*AGENTS), A.replace('"a"', '"SCMI-agents"'), code=2)
    assert "SCMI-agents.host.dtbo is a file of the whole system too" in said
    assert not Path("out").exists()


def test_an_older_release(here: Path) -> None:
    said = generate(section(*AGENTS), A, xen="4.20", code=1)
    assert "the patches for agents are for Xen 4.21 and newer, not 4.20" in said


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((section(DOM0, FIRST, FIRST), A), "xenassign.toml:3: [sci]: two agents have the id 2"),
        ((section(DOM0, FIRST._replace(function=DOM0.function)), A), "the smc-id 0x82000010"),
        ((section(DOM0, FIRST._replace(page=MANAGEMENT.page)), A), "the shmem 0xfe2ff000"),
        ((section(DOM0, in_page(0xFE2F2100)), A), "0xfe2f2100 is not the address of a"),
        ((section(DOM0, FIRST._replace(function=0)), A), "smc-id 0x0 is not a function of a"),
        ((section(DOM0, FIRST._replace(function=0x84000004)), A), "smc-id 0x84000004 is not a"),
        ((A,), "sci-device of /rng@fe378000 has no effect without [sci]"),
        ((section(DOM0, FIRST, dom0=4), A), "dom0-agent is 4, and there is none"),
        (
            (section(*AGENTS), A.replace("agent = 2\n", "")),
            'is required with sci = "scmi_smc_multiagent"',
        ),
        (
            (section(*AGENTS), A.replace("_multiagent", "")),
            'agent has no effect without sci = "scmi_smc_multiagent"',
        ),
    ],
)
def test_a_request_that_contradicts_itself(here: Path, parts: tuple[str, ...], said: str) -> None:
    assert said in generate(*parts, code=2)


@pytest.mark.parametrize("option", ["--zephyr", "--imagebuilder"])
def test_an_output_without_place_for_agents(here: Path, option: str) -> None:
    kernel = A.replace('name = "a"', 'name = "a"\nkernel = "Image"')
    said = generate(section(*AGENTS), kernel, options=(option,), code=2)
    assert "cannot carry agents of SCMI" in said


def test_what_a_plan_notes(here: Path) -> None:
    said = generate(section(*AGENTS), domain("b", 3, RNG))
    assert "CONFIG_SCMI_SMC_MA" in said
    assert f"{RNG} uses SCMI clock 17" in said
    assert "and has no id for agent 3" in said
    assert "XA546" not in said
    shutil.rmtree("out")
    assert "XA546" in generate(section(FIRST, dom0=None), A)


def test_two_domains_that_control_one_id(here: Path, dtc: str) -> None:
    """The clock of two devices, each of another agent."""
    source = (FIXTURES / "rk3588-like.dts").read_text()
    Path("board.dts").write_text(source.replace("<&scmi_clk 9>", "<&scmi_clk 17>"))
    subprocess.run([dtc, "-q", "-@", "-o", "board.dtb", "board.dts"], check=True)
    other = domain("b", 3, "/mmc@fe2c0000").replace("vcpus", 'iommu-policy = "trust"\nvcpus')
    said = generate(section(*AGENTS), A, other, code=1)
    assert "SCMI clock 17 is of /rng@fe378000 (of a) and /mmc@fe2c0000 (of b)" in said
    assert "XA029" in said


# --- the files, judged by themselves ---


def lint(*options: str, code: int = 0) -> str:
    known = ("--xen", "4.21", "--host", "out/host.dtb", "--host-overlay", "out/a.host.dtbo")
    return run("lint", "out/a.cfg", "out/a.dts", *known, *options, code=code)


AGENTS_KNOWN = ("--kconfig", "SCMI_SMC_MA")


def written(cfg: tuple[str, str] = ("", ""), dts: tuple[str, str] = ("", "")) -> None:
    """The files of domain a, with a mistake."""
    generate(section(*AGENTS), A, options=("--host-out", "out/host.dtb"))
    for name, (old, new) in (("a.cfg", cfg), ("a.dts", dts)):
        text = Path("out", name).read_text()
        assert old in text
        Path("out", name).write_text(text.replace(old, new))


def test_a_xen_with_the_patches_accepts_the_files(here: Path) -> None:
    written()
    assert " 0 errors" in lint(*AGENTS_KNOWN) or "error" not in lint(*AGENTS_KNOWN)
    assert "arm_sci" in lint(code=1)  # a Xen without them refuses the type


@pytest.mark.parametrize(
    ("cfg", "dts", "said"),
    [
        ((",agent_id=2", ""), ("", ""), "agent_id"),
        (("agent_id=2", "agent_id=300"), ("", ""), "agent_id"),
        (("agent_id=2", "agent_id=4"), ("", ""), "the host's tree has no agent 4"),
        (("agent_id=2", "agent_id=3"), ("", ""), "is that of agent 2, not of agent 3"),
        (("", ""), ("0x82000004", "0x82000009"), "is the function of no agent"),
        (("", ""), ("0x82000004", "0x82000005"), "is that of agent 3"),
        (("agent_id=2", "agent_id=1"), ("0x82000004", "0x82000010"), "is that of dom0's agent"),
        (("0xfe2f2,", "0xfe2f3,"), ("0xfe2f2000", "0xfe2f3000"), "is not the page 0xfe2f2000"),
    ],
)
def test_a_mistake_in_the_files(
    here: Path, cfg: tuple[str, str], dts: tuple[str, str], said: str
) -> None:
    written(cfg, dts)
    found = lint(*AGENTS_KNOWN, code=1)
    assert said in found
    assert "from the host" not in found  # which is the channel of dom0
