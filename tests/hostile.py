"""A board, a guest and settings whose every text is hostile, and what no output may have.

The texts are what each target would interpret: commands of shells, of U-Boot and of a log, ends of
strings, comments and lines, escape sequences and marks of direction, waivers of the lint.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from xenassign import escape

#: What a terminal, a log, or the reader of a file would act upon.
TEXT = (
    "x\"'\\;reset;&&reset||#${bootcmd}$(reset)`reset`\r\n::error::forged\n##[error]forged"
    "\t\x1b[2J\x1b]0;t\x07\x9b31m\x03\x7f\u202e\u2028\u200b\ufeff*/ / { forged; };/* ??/"
    " {{ 7 * 7 }}<b>|](x) xenassign: allow XA401, XA201: forged\n[[domain]]\nname = 'forged'"
    "\nforged=1"
)
#: The same as the bytes of a string of devicetree source.
_DTS = escape.dts_string(TEXT)

#: Names that a C preprocessor, dtc or a shell could take for something else.
NAMES = ("#include", "#define", "#if-cells", "#error", "a*", "??", "-rf", ".", "allow")
_PROPERTIES = "\n".join(f"\\{name} = {_DTS}, {_DTS};" for name in NAMES)

#: More of the fixture board qemu-virt.
BOARD = f"""
/ {{
    model = {_DTS};
    compatible = {_DTS}, "linux,dummy-virt";
    aliases {{ evil = "/soc/a,b.c_d+e-f@1/rtc@9090000"; -rf = "/soc"; a* = {_DTS}; }};
    evil_clocks: clock-controller {{
        compatible = {_DTS};
        #clock-cells = <1>;
        clock-output-names = {_DTS}, "b";
    }};
    _evil_mmu: a,b.c_d+e-f@909a000 {{
        compatible = "arm,mmu-500", {_DTS};
        reg = <0 0x909a000 0 0x1000>;
        #global-interrupts = <1>;
        #iommu-cells = <1>;
        status = "disabled", {_DTS};
    }};
    regulator {{ compatible = "regulator-fixed"; regulator-name = {_DTS}; phandle = <0x7777>; }};
    firmware {{ scmi {{
        compatible = "arm,scmi-smc";
        arm,smc-id = <0x82000002>;
        #address-cells = <1>;
        #size-cells = <0>;
        scmi_clocks: protocol@14 {{ reg = <0x14>; #clock-cells = <1>; }};
    }}; }};
    soc {{
        compatible = "simple-bus";
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        _evil_bus: a,b.c_d+e-f@1 {{
            compatible = "simple-bus", {_DTS};
            #address-cells = <2>;
            #size-cells = <2>;
            ranges;
            evil1: rtc@9090000 {{
                compatible = "arm,pl031", {_DTS};
                reg = <0 0x9090000 0 0x1000>, <0 0x9091000 0 0x1000>;
                reg-names = {_DTS}, "b";
                interrupts = <0 100 4>;
                interrupt-names = {_DTS};
                clocks = <&evil_clocks 0>, <&evil_clocks 1>, <&scmi_clocks 7>;
                clock-names = {_DTS}, {_DTS}, {_DTS};
                vdd-supply = <0x7777>;
                status = "okay", {_DTS};
                {_PROPERTIES}
            }};
            other@9092000 {{
                compatible = {_DTS};
                reg = <0 0x9092000 0 0x800>;
                clocks = <&scmi_clocks 7>;
                clock-names = {_DTS};
            }};
            unnamed@9092800 {{ compatible = {_DTS}; reg = <0 0x9092800 0 0x800>; }};
        }};
    }};
}};
"""
DEVICE = "/soc/a,b.c_d+e-f@1/rtc@9090000"

#: Words that end no file name and no argument, for names of files and of devices.
WORD = TEXT.replace("/", "").replace("\0", "")[:120]

PARTIAL = f"""/dts-v1/;
/ {{
    compatible = {_DTS};
    passthrough {{
        compatible = "simple-bus", {_DTS};
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        d@1000 {{
            compatible = {_DTS}; /* \x1b[2J ::error::forged \u202e
::error::forged
##[error]forged */
            reg = <0 0x1000 0 0x1000>;
            xen,path = {_DTS};
            xen,reg = <0 0x1010 0 0x10 0 0x1010>;
            clocks = <7>;
            clock-names = {_DTS};
            \\#define = {_DTS};
        }};
    }};
}};
"""
"""A partial device tree, with mistakes that --diff corrects."""

CFG = "\n".join(
    f"{name} = {value}"
    for name, value in {
        "name": '"g"',
        "memory": "256",
        "device_tree": f'"{WORD[:10]}"'.replace('x"', "x"),
        "dtdev": r'["/x\n::error::forged \a##[error]forged"]',
        "irqs": '["q\x1b[2J\\n::error::forged\u202e"]',
        "iomem": r'["zz\n::error::forged"]',
        "type": '"\x9b31m"',
        "forged": '"##vso[task.complete]"  # \x1b[31m ::error::forged',
    }.items()
)
"""A dom.cfg."""


def settings(host: str) -> str:
    """A xenassign.toml. ``host``: the file name of the board."""
    quoted = escape.toml_string(TEXT)
    return f"""host = {escape.toml_string(host)}
[[domain]]
name = "d1"
memory = 256
vcpus = 1
[[domain.device]]
path = "{DEVICE}"
force-assign-without-iommu = {quoted}
set = {{ label = {quoted} }}
[[allow]]
code = "XA003"
nodes = [{quoted}]
reason = {quoted}
[[forbid]]
device = [{quoted}, "{DEVICE}"]
reason = {quoted}
"""


def lock() -> str:
    """A xenassign.lock that is none."""
    return json.dumps({"schema": "xenassign/lock/1", TEXT: {"hosts": TEXT}})


def printed(text: str) -> None:
    """Fails for a line that a terminal or a log would act upon."""
    for line in text.split("\n"):
        assert line.replace("\t", "").isprintable(), ascii(line)
        assert not re.match(r"\s*::", line), line
        assert "##[" not in line, line
        assert "##vso[" not in line, line


def files_of(folder: Path) -> dict[str, bytes]:
    """The files below a folder by name."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
