"""The pages of SCMI's channels: in on-chip memory with other sections, and in reserved memory."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import FIXTURES
from tests.planning import test_sci_agents as agents

here = agents.here
POOL, SECTION = "/sram@fd600000", "section@20010"
IN_POOL = agents.in_page(0xFD620000)


def board(dtc: str, *changes: tuple[str, str]) -> None:
    """The board with changes of its source."""
    source = (FIXTURES / "rk3588-like.dts").read_text()
    for old, new in changes:
        assert old in source
        source = source.replace(old, new, 1)
    Path("board.dts").write_text(source)
    subprocess.run([dtc, "-q", "-@", "-o", "board.dtb", "board.dts"], check=True)


def test_a_page_of_the_on_chip_memory(here: Path) -> None:
    """The pool is the memory that the page is a part of, and not another device."""
    said = agents.generate(agents.section(agents.DOM0, IN_POOL), agents.A)
    assert "XA201" not in said
    assert '"0xfd620,0x1' in Path("out", "a.cfg").read_text()


@pytest.mark.parametrize("compatible", ["", 'compatible = "example,mailbox-memory";'])
def test_a_section_in_the_page_of_an_agent(here: Path, dtc: str, compatible: str) -> None:
    """The advice names a node that the board has: followed as it is, it is accepted."""
    section = f"{SECTION} {{ reg = <0x20010 0x10>; {compatible} }};\n\t\tscmi_shmem:"
    board(dtc, ("scmi_shmem:", section))
    of_agents = agents.section(agents.DOM0, IN_POOL)
    said = agents.generate(of_agents, agents.A, code=1)
    assert "[XA201]" in said
    advice = f'allow-shared-page = {{ "{POOL}/{SECTION}" = "REASON" }}'
    assert f"({advice})" in said
    accepted = agents.generate(of_agents, agents.A + advice)
    assert "XA201" not in accepted
    assert "XA202" in accepted


def test_a_page_that_is_reserved_for_the_firmware(here: Path, dtc: str) -> None:
    reserved = """reserved-memory {
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		firmware@40000000 { reg = <0x0 0x40000000 0x0 0x10000>; no-map; };
	};

	system_sram:"""
    board(dtc, ("system_sram:", reserved))
    page = agents.in_page(0x40001000)
    assert "XA521" not in agents.generate(agents.section(agents.DOM0, page), agents.A)


def test_a_device_of_dom0_with_the_id_of_a_guests(here: Path, dtc: str) -> None:
    """The firmware permits both agents; Xen compares nothing."""
    ids = (
        (
            "resets = <&scmi_reset 48>;",
            "resets = <&scmi_reset 48>; access-controllers = <&scmi 5>;",
        ),
        ("fifo-depth", "access-controllers = <&scmi 7>;\n\t\tfifo-depth"),
        ("arm,smc-id", "#access-controller-cells = <1>;\n\t\t\tarm,smc-id"),
    )
    board(dtc, *ids)
    of_agents = agents.section(*agents.AGENTS)
    said = agents.generate(of_agents, agents.domain("a", 2, agents.RNG, 7))
    assert f"{agents.RNG}: SCMI device 7 also serves /mmc@fe2c0000; the guest can switch it" in said
    assert "XA524" in said
    shutil.rmtree("out")
    assert "SCMI device" not in agents.generate(of_agents, agents.domain("a", 2, agents.RNG))
