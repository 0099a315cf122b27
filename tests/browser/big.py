"""A system of 8 domains with 120 devices, each behind an IOMMU, on a board that is made for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

DOMAINS, DEVICES = 8, 120

_HEAD = """/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    model = "A big board"; compatible = "test,big";
    memory@80000000 { device_type = "memory"; reg = <0 0x80000000 1 0>; };
    cpus { #address-cells = <1>; #size-cells = <0>;
        cpu@0 { device_type = "cpu"; compatible = "arm,cortex-a53"; reg = <0>;
                enable-method = "psci"; }; };
    psci { compatible = "arm,psci-1.0"; method = "smc"; };
    timer { compatible = "arm,armv8-timer"; interrupts = <1 13 8>, <1 14 8>, <1 11 8>, <1 10 8>; };
    gic: interrupt-controller@f0000000 {
        compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0 0xf0000000 0 0x10000>, <0 0xf0100000 0 0x200000>; };
    smmu: iommu@f1000000 {
        compatible = "arm,mmu-500"; reg = <0 0xf1000000 0 0x20000>; #iommu-cells = <1>;
        #global-interrupts = <1>; interrupts = <0 900 4>, <0 901 4>; };
    clock: clock { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <1000000>; };
"""
_DEVICE = """    dev{number}: ethernet@{address:x} {{
        compatible = "cdns,gem"; reg = <0 {address:#x} 0 0x1000>;
        interrupts = <0 {line} 4>; iommus = <&smmu {number:#x}>;
        clocks = <&clock>, <&clock>; clock-names = "pclk", "hclk"; }};
"""


def path(number: int) -> str:
    """The path of a device."""
    return f"/ethernet@{_address(number):x}"


def _address(number: int) -> int:
    return 0x10000000 + number * 0x4000


def write(folder: Path) -> None:
    """Writes big.dtb and big.toml."""
    nodes = (_DEVICE.format(number=n, address=_address(n), line=100 + n) for n in range(DEVICES))
    source = f"{_HEAD}{''.join(nodes)}}};\n"
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", str(folder / "big.dtb"), "-"]
    subprocess.run(command, input=source.encode(), check=True)
    lines = ['host = "big.dtb"']
    for domain in range(DOMAINS):
        mine = [path(n) for n in range(DEVICES) if n % DOMAINS == domain]
        lines += ["[[domain]]", f'name = "guest{domain}"', "memory = 256", "vcpus = 1"]
        lines += ['map = "auto"', f"device = {mine}".replace("'", '"')]
    (folder / "big.toml").write_text("\n".join(lines) + "\n")
