"""The examples about running boards: both command lines are run, with directories for /proc."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.linting.catalogue import rules

from ..devicetree.directories import write
from ..host.tars import in_folder, packed
from .bases import BOARD, words

CODES = [*(f"XA{number}" for number in range(111, 119)), "XA128"]
RULES = {rule.code: rule for rule in rules()}


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


_ROOT = "\tinterrupt-parent = <&gic>;\n\n"
#: The board with what the examples say of it; its console is another UART.
WHOLE = changed(
    BOARD,
    (_ROOT, f'{_ROOT}\tcompatible = "example,board";\n\taliases {{ serial1 = &uart; }};\n'),
    ("/bus@9000000/serial@0", "/bus@9000000/serial@70800"),
    (
        "\t\tmdio@60000 {",
        '\t\tadc@70000 { compatible = "arm,pl061"; reg = <0x70000 0x200>; };\n'
        '\t\tuart: serial@70800 { compatible = "arm,pl011"; reg = <0x70800 0x200>; };\n'
        "\t\tmdio@60000 {",
    ),
)
#: The same as Xen hands it to dom0.
DOM0 = changed(
    WHOLE,
    ("&uart;", '"/bus@9000000/serial@70800";'),
    ('\t\tuart: serial@70800 { compatible = "arm,pl011"; reg = <0x70800 0x200>; };\n', ""),
    ('\t\tstdout-path = "/bus@9000000/serial@70800";\n', ""),
    ('\tsmmu: iommu@8800000 {\n\t\tcompatible = "arm,mmu-500";', "\tgone {"),
    ("\t\tiommus = <&smmu 0x20 0x0>;\n", ""),
    ("\t\t\tiommus = <&smmu 0x10 0x0>;\n", ""),
    ("\t\t\tiommus = <&smmu 0x11 0x0>;\n", ""),
    ("interrupts = <0 65 4>;", 'interrupts = <0 65 4>;\n\t\t\tstatus = "disabled";'),
    ("\tchosen {", '\thypervisor { compatible = "xen,xen-4.20", "xen,xen"; };\n\tchosen {'),
).replace(
    "\t\treg = <0x8800000 0x10000>;\n\t\tinterrupts = <0 70 4>, <0 71 4>;\n"
    "\t\t#global-interrupts = <1>;\n\t\t#iommu-cells = <2>;\n",
    "",
)
#: A board with IOMMUs of two kinds, booted without Xen.
TWO = changed(
    WHOLE,
    (
        "\tgpu_mmu: iommu",
        '\tiommu@8820000 { compatible = "arm,smmu-v3"; reg = <0x8820000 0x10000>;'
        " #iommu-cells = <1>; };\n\tgpu_mmu: iommu",
    ),
)

Run = Callable[[str, str], Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line of an example."""
    monkeypatch.chdir(tmp_path)

    def blob(text: str) -> bytes:
        return read_source(text.encode(), "board.dts").blob

    def invoke(code: str, line: str) -> Result:
        live = TWO if code == "XA117" else DOM0
        whole = blob(WHOLE)
        Path("board.dtb").write_bytes(whole)
        Path("fdt").write_bytes(blob(live))
        write(read_blob(Path("fdt").read_bytes()), Path("live"))
        clocks = b" pll 1 1 0 24000000 0 0 50000 Y 9010000.rtc no_connection_id\n"
        members = [in_folder("fdt", whole), in_folder("clk_summary", clocks)]
        Path("board.tar").write_bytes(packed(members))
        line = line.replace("/proc/device-tree", "live").replace("/sys/firmware/fdt", "fdt")
        program, *arguments = words(line)
        assert program == "xenassign"
        if arguments[0] == "generate":
            arguments.append("-v")  # notes too
        return CliRunner().invoke(cli, arguments)

    return invoke


@pytest.mark.parametrize("code", CODES)
def test_the_mistake_is_found(run: Run, code: str) -> None:
    done = run(code, RULES[code].page.example.wrong)
    (line,) = [line for line in done.stderr.splitlines() if line.endswith(f"[{code}]")]
    severity = RULES[code].severity
    assert line.startswith(f"{severity}: ")
    assert done.exit_code == (1 if severity == "error" else 0)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert all(f"[{code}]" in line for line in errors)


@pytest.mark.parametrize("code", CODES)
def test_the_right_one_is_right(run: Run, code: str) -> None:
    done = run(code, RULES[code].page.example.right)
    assert done.exit_code == 0, done.output
    assert f"[{code}]" not in done.output
