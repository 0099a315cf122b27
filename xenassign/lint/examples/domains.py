"""Examples of XA7: the domain's node in /chosen."""

from __future__ import annotations

from xenassign.lint.examples import Example

_KERNEL = 'compatible = "multiboot,kernel", "multiboot,module";'
_TREE = 'compatible = "multiboot,device-tree", "multiboot,module";'
_KERNEL_REG = "reg = <0x0 0x48000000 0x0 0x1000000>;"
_MEMORY = "memory = <0x0 0x80000>;"
_UART = "vpl011;"
_SCMI = 'vpl011;\n\t\t\txen,sci_type = "scmi_smc";'
_CELLS = "#address-cells = <2>;\n\t\t\t#size-cells = <2>;\n\t\t\tmemory"


def _also(line: str, **more: object) -> Example:
    """A line more in the domain's node."""
    return Example("domain", _UART, f"{_UART}\n\t\t\t{line}", **more)  # type: ignore[arg-type]


_BUILT = ("--kconfig", "STATIC_MEMORY")
_ZCU102 = "xenassign generate zynqmp-zcu102.dtb -d mmc@ff170000 -o out"
_DIRECT = "--direct-map --static-memory 0x80000000:512M"
_RK3588 = "xenassign generate rk3588-like.dtb -d pwm@fd8b0000 -d pwm@fd8b0010 -o out"

EXAMPLES: dict[str, Example] = {
    "XA701": Example("domain", _KERNEL, 'compatible = "multiboot,kernel";'),
    "XA702": Example("domain", _MEMORY, "memory = <0x80000>;"),
    "XA703": Example("domain", "cpus = <1>;", "cpus = <0>;"),
    "XA704": Example("domain", _KERNEL_REG, "reg = <0x48000000 0x1000000>;"),
    "XA705": _also('passthrough = "disabled";'),
    "XA706": _also("direct-map;"),
    "XA707": Example("domain", _TREE, 'compatible = "multiboot,device-tree";'),
    "XA708": _also('xen,sci_type = "scmi";', xen="4.22"),
    "XA709": Example("domain", "cpus = <1>;", "cpus = <1 0>;"),
    "XA710": Example("domain", _UART, "vlp011;"),
    "XA711": Example("domain", "chosen {", "chosen@0 {"),
    "XA712": Example("domain", _MEMORY, "memory = <0x0 0x40000000>; /* bytes */"),
    "XA713": Example(
        "domain",
        _KERNEL_REG,
        "reg = <0x80 0x0 0x0 0x1000000>;",
        host=True,
        options=("--live-host",),
    ),
    "XA714": _also(
        "xen,static-mem = <0x50000000 0x20000000>;", options=("--kconfig", "STATIC_MEMORY")
    ),
    "XA715": _also("xen,enhanced;", options=("--no-dom0",)),
    "XA716": _also("max_grant_version = <3>;"),
    "XA717": _also("xen,static-mem = <0x0 0x50000000 0x0 0x20000000>;"),
    "XA718": _also('vcpu0 { compatible = "xen,vcpu"; hard-affinity = "0-1"; };', xen="4.21"),
    "XA719": Example(
        "domain",
        "domu1 {\n\t\t\tcompatible",
        "domu1@1 {\n\t\t\tcompatible",
    ),
    "XA720": Example(
        "domain",
        'bootargs = "console=ttyAMA0";',
        f'bootargs = "console=ttyAMA0{" quiet" * 180}";',
    ),
    "XA721": Example("domain", _CELLS, "memory"),
    "XA722": Example("domain", 'compatible = "xen,domain";', 'compatible = "Xen,Domain";'),
    "XA723": _also('status = "disabled";'),
    "XA724": Example(
        "domain",
        "reg = <0x0 0x4a000000 0x0 0x1000>;",
        "reg = <0x0 0x48fff000 0x0 0x1000>;",
        xen="4.17",
    ),
    "XA725": _also("xen,domain-p2m-mem-mb = <0>;"),
    "XA726": Example(
        "domain", 'compatible = "xen,domain";', "compatible = [78 65 6e 2c 64 6f 6d 61 69 6e];"
    ),
    "XA727": Example("scmi-domain", _SCMI, _UART, xen="4.21"),
    "XA728": Example(
        "domain",
        _UART,
        f'{_UART}\n\t\t\txen,sci_type = "scmi_smc";',
        host=True,
        xen="4.21",
        note="QEMU's board has no SCMI.",
    ),
    "XA729": Example(
        "scmi-domain",
        '"console=dtuart scmi-smc-passthrough"',
        '"console=dtuart"',
        host=True,
        xen="4.21",
    ),
    "XA731": _also(
        "xen,static-mem = <0x1 0x0 0x0 0x20000000>;", host=True, options=(*_BUILT, "--live-host")
    ),
    "XA732": Example(
        "generate",
        right=f"{_ZCU102} --static-memory 0x40000000:512M",
        wrong=f"{_ZCU102} --static-memory 0x20000000:512M",
        note="The board reserves 0x3ed00000 and 0x3ef00000 for its remote processors.",
    ),
    "XA733": _also(
        "xen,static-mem = <0x0 0x80000000 0x0 0x10000000\n\t\t\t\t0x0 0x88000000 0x0 0x10000000>;",
        options=_BUILT,
    ),
    "XA734": Example(
        "generate",
        right=f"{_RK3588} {_DIRECT} --no-vpl011",
        wrong=f"{_RK3588} {_DIRECT}",
        note="The registers of the console's UART take 256 bytes.",
    ),
    "XA735": _also("xen,static-mem = <0x0 0x80001000 0x0 0x20000000>;", options=_BUILT),
    "XA736": Example(
        "generate",
        right=f"{_RK3588} {_DIRECT} --no-vpl011 --vcpus 8",
        wrong=f"{_RK3588} {_DIRECT} --no-vpl011 --vcpus 9",
        note="The GIC's node states redistributors for the board's eight processors.",
    ),
}
