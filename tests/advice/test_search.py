"""``try:`` after a refusal: each command is accepted, the least risk comes first."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli

CONSOLE = "/axi/serial@ff000000"


def run(*words: str) -> Result:
    """A command, in this process."""
    return CliRunner().invoke(cli, words)


def tries(result: Result) -> list[list[str]]:
    """The proposed commands, as words without ``xenassign``."""
    lines = result.stderr.splitlines()
    commands = [shlex.split(line[5:]) for line in lines if line.startswith("try: ")]
    assert all(words[0] == "xenassign" for words in commands)
    assert not commands or lines[-1].startswith("try: ")
    return [words[1:] for words in commands]


REFUSED = {
    "a DMA master without an IOMMU": ("imx8", "dma-controller@30bd0000", ["unprotected"]),
    "a master that could be connected": ("zynqmp", "pcie@fd0e0000", ["unprotected"]),
    "the INTID of the vPL011": ("rcar", "interrupt-controller@e61c0000", ["none"]),
    "the guest's GIC": ("qemu", "/flash@0", ["none"]),
    "an interrupt": ("juno", "kmi@60000", ["host-loses"]),
    "a stream": ("imx8", "mmc@30b50000", ["host-loses"]),
    "a page": ("rk3588", "pwm@fd8b0000", ["host-loses", "page-shared"]),
    "a chip on a bus": ("rk3588", "rtc@51", ["host-loses"]),
    "two refusals, of which one change removes both": ("imx8", "gpu@38000000", ["unprotected"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_every_try_is_accepted(case: str, host_files: dict[str, Path], tmp_path: Path) -> None:
    board, device, risks = REFUSED[case]
    out = str(tmp_path / "out")
    refused = run("generate", str(host_files[board]), "-d", device, "-o", out)
    assert refused.exit_code == 1
    notes = [line for line in refused.stderr.splitlines() if line.startswith("note: ")]
    assert [note.split(": ")[1] for note in notes] == [risk for risk in risks if risk != "none"]
    commands = tries(refused)
    assert len(commands) == len(risks)
    for number, words in enumerate(commands):
        words[words.index(out)] = f"{out}{number}"
        accepted = run(*words)
        assert accepted.exit_code == 0, accepted.stderr
        assert (tmp_path / f"out{number}" / "domu1.dtb").exists()
        assert not tries(accepted)


def test_the_memory_is_within_reach_of_the_master(
    host_files: dict[str, Path], tmp_path: Path
) -> None:
    """The bus passes the first GiB of memory alone, and the last free memory is above it."""
    board, bus = tmp_path / "board.dtb", "/soc@0/bus@30800000"
    board.write_bytes(host_files["imx8"].read_bytes())
    request = ("generate", str(board), "-d", "dma-controller@30bd0000", "-o")

    def end_of_memory(out: str) -> int:
        words = tries(run(*request, str(tmp_path / out)))[0]
        accepted = run(*words)
        assert accepted.exit_code == 0
        assert "[XA425]" not in accepted.stderr
        base, _, size = words[words.index("--static-memory") + 1].partition(":")
        return int(base, 0) + (int(size.removesuffix("M")) << 20)

    assert end_of_memory("anywhere") > 0x80000000
    window = ["0x40000000"] * 3
    subprocess.run(["fdtput", "-t", "x", board, bus, "dma-ranges", *window], check=True)
    assert end_of_memory("within") <= 0x80000000


@pytest.mark.parametrize(
    ("board", "device", "why"),
    [
        ("zynqmp", CONSOLE, "Xen's console UART"),
        ("imx8", "gpc@303a0000", "power controller"),
        (
            "rcar",
            "gpio@e6050180",
            "with -d /soc/pinctrl@e6050000 -d /soc/gpio@e6050980, /soc/pinctrl@e6050000 is a pin",
        ),
    ],
)
def test_nothing_helps(
    board: str, device: str, why: str, host_files: dict[str, Path], tmp_path: Path
) -> None:
    refused = run("generate", str(host_files[board]), "-d", device, "-o", str(tmp_path / "out"))
    assert refused.exit_code == 1
    assert not tries(refused)
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("nothing helps: ")
    assert why in last
    assert "--allow-machine-control" not in last


@pytest.mark.parametrize(
    ("xen", "option", "newer"),
    [("4.18", "--attach-overlay", "4.20"), ("4.20", "--sci=scmi_smc", "4.21"), ("4.22", "", "")],
)
def test_the_oldest_xen_that_can_do_it_is_proposed_last(
    xen: str, option: str, newer: str, host_files: dict[str, Path], tmp_path: Path
) -> None:
    """Only if nothing else helps; and one of them is enough."""
    words = ("generate", str(host_files["rk3588"]), "-d", "rng@fe378000", "--xen", xen)
    done = run(*words, *filter(None, [option]), "-o", str(tmp_path / "out"))
    proposed = [command[command.index("--xen") + 1] for command in tries(done)]
    assert proposed == [newer or xen]
    assert ("note: newer-xen: " in done.stderr) == bool(newer)


def test_a_try_replaces_the_files_in_the_way(host_files: dict[str, Path], tmp_path: Path) -> None:
    words = ("generate", str(host_files["zynqmp"]), "-o", str(tmp_path / "my out"))
    assert run(*words, "-d", "can@ff060000").exit_code == 0
    refused = run(*words, "-d", "ethernet@ff0e0000", "--iommu-driver", "ipmmu")
    (command,) = tries(refused)
    assert "--overwrite" in command
    assert run(*command).exit_code == 0


def test_an_accepted_domain_without_memory_gets_a_command(
    host_files: dict[str, Path], tmp_path: Path
) -> None:
    done = run("generate", str(host_files["zynqmp"]), "-d", "gem3", "-o", str(tmp_path / "out"))
    assert done.exit_code == 0
    (command,) = tries(done)
    assert command[-5:-1] == ["--memory", "512", "--vcpus", "1"]
    assert not tries(run(*command))


def test_options_of_the_user_are_not_contradicted(
    host_files: dict[str, Path], tmp_path: Path
) -> None:
    """With --route xl there is no direct-map domain, so that a DMA master is refused for good."""
    words = ("generate", str(host_files["imx8"]), "-d", "ethernet@30bf0000", "--route", "xl")
    refused = run(*words, "-o", str(tmp_path / "out"))
    assert not tries(refused)
    assert refused.stderr.splitlines()[-1].endswith("only dom0less has direct-map domains")


WITHOUT_RESET = ("rcar", "i2c@e66d8000", "is dropped: the probe fails")
WITHOUT_RATE = ("imx8", "ethernet@30be0000", "0 for ipg: the driver divides it for MDIO")


@pytest.mark.parametrize(("board", "device", "why"), [WITHOUT_RESET, WITHOUT_RATE])
def test_no_command_whose_driver_would_fail(
    board: str, device: str, why: str, host_files: dict[str, Path], tmp_path: Path
) -> None:
    """Xen accepts the files, and the driver does not probe: the last line says it."""
    done = run("generate", str(host_files[board]), "-d", device, "-o", str(tmp_path / "out"))
    assert not tries(done)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("nothing helps: ")
    assert why in last


def test_with_the_rate_there_is_a_command(host_files: dict[str, Path], tmp_path: Path) -> None:
    """Verdict and advice agree: what is missing is the rate alone."""
    board, device, _ = WITHOUT_RATE
    host = str(host_files[board])
    shown = json.loads(run("inspect", host, device, "--format", "json").stdout)
    assert "--clock-rate" in shown["devices"][0]["verdict"]["options"]
    rate = ("--clock-rate", f"{device}=125MHz")
    refused = run("generate", host, "-d", device, *rate, "-o", str(tmp_path / "out"))
    (command,) = tries(refused)
    accepted = run(*command)
    assert accepted.exit_code == 0
    assert not tries(accepted)
    assert "nothing helps" not in accepted.stderr


def test_a_hindrance_that_the_user_accepts_with_a_reason(
    host_files: dict[str, Path], tmp_path: Path
) -> None:
    """A forced master of a domain that is not direct-mapped is his decision then."""
    file = tmp_path / "xenassign.toml"
    device = "/soc@0/bus@30800000/dma-controller@30bd0000"
    text = f'host = "{host_files["imx8"]}"\n\n[[domain]]\nname = "net"\nmemory = 512\nvcpus = 1\n'
    text += f'\n[[domain.device]]\npath = "{device}"\n'
    words = ("generate", "-c", str(file), "--overwrite", "-o", str(tmp_path / "out"))
    file.write_text(f'{text}force-assign-without-iommu = "its DMA is stopped"\n')
    done = run(*words)
    assert done.exit_code == 0
    assert not [line for line in done.stderr.splitlines() if line.startswith(("try: ", "nothing"))]


SETTINGS = """/dts-v1/;
/ {{ #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>; compatible = "acme,board";
    memory@40000000 {{ device_type = "memory"; reg = <0x40000000 0x10000000>; }};
    gic: gic@8000000 {{ compatible = "arm,gic-v3"; reg = <0x8000000 0x10000>, <0x80a0000 0xf60000>;
        interrupt-controller; #interrupt-cells = <3>; }};
    settings: syscon@1000 {{ compatible = "rockchip,rk3588-usb-grf", "syscon"; #clock-cells = <0>;
        reg = <0x1000 0x1000>; }};
    first@2000 {{ compatible = "arm,pl031"; reg = <0x2000 0x1000>; {0} }};
    second@3000 {{ compatible = "arm,pl031"; reg = <0x3000 0x1000>; {1} }};
    key {{ compatible = "acme,key"; {2} }};
}};
"""
USES = "rockchip,grf = <&settings>;"


@pytest.mark.parametrize(
    ("users", "added"),
    [
        ((USES, "", ""), ["/first@2000"]),
        ((USES, USES, ""), ["/first@2000", "/second@3000"]),
        ((USES, "", USES), None),  # what has no registers stays with dom0
        (("clocks = <&settings>;", "", ""), None),  # not related otherwise
    ],
)
def test_settings_come_with_the_devices_whose_they_are(
    users: tuple[str, str, str], added: list[str] | None, tmp_path: Path
) -> None:
    (tmp_path / "board.dts").write_text(SETTINGS.format(*users))
    words = ("generate", str(tmp_path / "board.dts"), "-d", "/syscon@1000")
    refused = run(*words, "-o", str(tmp_path / "out"))
    assert refused.exit_code == 1
    assert "[XA107]" in refused.stderr
    commands = tries(refused)
    if added is None:
        assert not commands
        return
    (command,) = commands
    assert [word for word in command if word[1:].startswith(("first", "second"))] == added
    assert run(*command).exit_code == 0


#: Two masters whose second blocks are in one page.
NEIGHBOURS = """/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    memory@0 { device_type = "memory"; reg = <0 0x80000000>; };
    gic: interrupt-controller@f1001000 {
        compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0xf1001000 0x1000>, <0xf1002000 0x2000>;
    };
    a: ethernet@f9840000 {
        compatible = "hisilicon,hisi-gmac-v2"; interrupts = <0 71 4>;
        reg = <0xf9840000 0x1000>, <0xf984300c 4>;
    };
    b: ethernet@f9841000 {
        compatible = "hisilicon,hisi-gmac-v2"; interrupts = <0 72 4>;
        reg = <0xf9841000 0x1000>, <0xf9843010 4>;
    };
};
"""


def test_one_request_is_proposed_once(tmp_path: Path) -> None:
    """However its options are ordered: each of two masters may be the first that is forced."""
    (tmp_path / "board.dts").write_text(NEIGHBOURS)
    request = ("generate", str(tmp_path / "board.dts"), "-d", "ethernet@f9841000")
    commands = tries(run(*request, "--memory", "512", "--vcpus", "1", "-o", str(tmp_path / "out")))
    assert len(commands) == 2
    assert len({frozenset(words) for words in commands}) == 2
