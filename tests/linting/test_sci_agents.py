"""Agents of SCMI in files by hand: the number in the domain's node, the channel in its tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planning import test_sci_agents as agents

here = agents.here

NODE = """{name} {{
    compatible = "xen,domain";
    #address-cells = <2>;
    #size-cells = <2>;
    memory = <0 0x40000>;
    cpus = <1>;
    xen,sci_type = "scmi_smc_multiagent";
    xen,sci-agent-id = <{agent}>;
    module@{load} {{
        compatible = "multiboot,kernel", "multiboot,module";
        reg = <0x0 0x{load} 0x0 0x1000>;
    }};
    module@{tree} {{
        compatible = "multiboot,device-tree", "multiboot,module";
        reg = <0x0 0x{tree} 0x0 0x1000>;
    }};
}};
"""


def lint(numbers: dict[str, int], code: int = 0) -> str:
    """What the lint says of domains with these agents, beside the host's tree with all agents."""
    agents.generate(
        agents.section(*agents.AGENTS), agents.A, agents.B, options=("--host-out", "out/host.dtb")
    )
    nodes = "".join(
        NODE.format(name=name, agent=agent, load=f"{index}0000000", tree=f"{index}1000000")
        for index, (name, agent) in enumerate(numbers.items(), start=1)
    )
    source = f"chosen {{ #address-cells = <2>; #size-cells = <2>;\n{nodes} }};"
    Path("domains.dts").write_text(f"/dts-v1/;\n/ {{ {source} }};\n")
    files = ("domains.dts", *(f"out/{name}.dtb" for name in numbers))
    known = ("--host", "out/host.dtb", "--xen", "4.21", "--kconfig", "SCMI_SMC_MA")
    return agents.run("lint", *files, *known, "--dom0", code=code)


def test_agents_of_their_own(here: Path) -> None:
    assert "guest: works" in lint({"a": 2, "b": 3})


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"a": 3}, "0x82000004 is that of agent 2, not of agent 3"),
        ({"a": 1}, "0x82000004 is that of agent 2, not of agent 1"),
        ({"a": 4}, "/chosen/a: the host's tree has no agent 4; give each domain an agent of its"),
        ({"a": 2, "b": 2}, "/chosen/b: /chosen/a is agent 2 already; give each domain an agent"),
    ],
)
def test_a_number_that_is_wrong(here: Path, numbers: dict[str, int], said: str) -> None:
    assert said in lint(numbers, code=1)
