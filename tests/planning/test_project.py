"""xenassign.toml: what it says, and what is said about what is wrong in it, with line and key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.wording import Wording
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.draft import Bytes, Cells, Text
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError, UsageError, XenassignError
from xenassign.formats.toml_text import parse_toml
from xenassign.formats.xlcfg_parser import read_file
from xenassign.host.platform import read_platform
from xenassign.planning.decide import decide
from xenassign.request import options
from xenassign.request.added_nodes import AddedNode
from xenassign.request.boot_request import BootRequest
from xenassign.request.command_line import with_options
from xenassign.request.demands import Demand
from xenassign.request.device_part import PartOption
from xenassign.request.keys.domain_devices import DEVICE, LINE, PAGE
from xenassign.request.keys.domain_section import DOMAIN
from xenassign.request.keys.section import Key, Section
from xenassign.request.keys.whole_file import (
    AGENT,
    ALLOW,
    BOOT,
    FORBID,
    LINT,
    REQUIRE,
    SCI,
    TOP,
    schema,
)
from xenassign.request.project import Project, read_project
from xenassign.request.property_edits import PropertyEdit
from xenassign.request.request import (
    Accepted,
    Request,
    parse_clock_rate,
    parse_map,
    parse_memory_region,
)
from xenassign.request.resolve import ResolvedSystem, resolve
from xenassign.request.system_request import Allowance, SystemRequest
from xenassign.xen.releases import release

EVERYTHING = """
format = 1
host = ["a.dtb", "boards/b.dtb"]
xen = "4.21"
route = ["xl", "dom0less"]
xen-flavour = "upstream"
iommu-driver = "smmu"
xen-console = "serial0"

[[domain]]
name = "net"
route = "xl"
memory = 1024
vcpus = 2
kernel = "Image"
ramdisk = "rd.gz"
extra = "console=hvc0"
device-tree-path = "/etc/xen/net.dtb"
vpl011 = false
iommu-policy = "strict"
map = "auto"
memory-region = "drop"
sci = "scmi_smc"
keep-firmware = true
keep-host-supplies = true
clock-rate = { "/clk#3" = 4 }

[[domain.device]]
path = "ethernet0"
map = ["identity", 0x10000000, "auto"]
force-assign-without-iommu = "we know it"
allow-shared-page = { "/soc/serial@1000" = "no user", gpio0 = "ours" }
clock-rate = { pclk = 125000000, "2" = 7 }
memory-region = { "/reserved-memory/a" = "map" }
set = { flag = true, one = "a", two = ["a", "b"], cell = 5, wide = 0x1_0000_0002 }
drop = "local-mac-address"

[[domain.device]]
path = "serial1"
map = 0x20000000
regs = [0, "b"]
interrupts = []
clock-rate = 9
memory-region = "map"
drop = ["a", "b"]
[domain.device.set]
"x,cells" = [16, 2]
mac = { bytes = "00 0a35 01" }

[[domain.line]]
interrupt = "SPI 63"
trigger = "edge-rising"
reason = "the FPGA raises it"

[[domain.page]]
address = 0xa0000000
size = "64K"
map = 0x30000000
allow-shared-page = { gpio0 = "nobody" }
compatible = "ours,core"
reason = "our core"

[[domain]]
name = "log"
base-cfg = "cfg/log.cfg"
device = ["rtc0", { path = "/soc/i2c@*", drop = "dmas", except = "i2c0" }]

[[allow]]
code = "XA003"
nodes = ["/soc/a", "/soc/b"]
reason = "both domains are ours"

[[allow]]
code = "XA004"
nodes = "/soc/a"
reason = "so"

[[require]]
device = "ethernet0"
protected = true
identity = true
max-domains = 2
reason = "it masters DMA"

[[forbid]]
device = ["serial*", "/soc/gpu@1000"]
kind = "serial"
domain = ["net", "log"]
reason = "the consoles are ours"

[lint]
select = "XA2"
"""


def read(folder: Path, text: str) -> Project:
    path = folder / "x.toml"
    path.write_text(text)
    return read_project(path)


def test_everything(tmp_path: Path) -> None:
    (tmp_path / "cfg").mkdir()
    base = tmp_path / "cfg" / "log.cfg"
    base.write_text('name = "log"\nmemory = 64\nkernel = "k"\n')
    both = {"release": release("4.21"), "drivers": frozenset({"smmu"}), "xen_console": "serial0"}
    net = Request(
        devices=("ethernet0", "serial1"),
        name="net",
        routes=("xl",),
        maps=(
            parse_map("ethernet0#0=identity"),
            parse_map("ethernet0#1=0x10000000"),
            parse_map("ethernet0#2=auto"),
            parse_map("serial1=0x20000000"),
            parse_map("auto"),
        ),
        policy="strict",
        forced=(Accepted("ethernet0", "we know it"),),
        shared=(Accepted("/soc/serial@1000", "no user"), Accepted("gpio0", "ours")),
        clock_rates=(
            parse_clock_rate("ethernet0#pclk=125000000"),
            parse_clock_rate("ethernet0#2=7"),
            parse_clock_rate("serial1=9"),
            parse_clock_rate("/clk#3=4"),
        ),
        keep_supplies=True,
        memory_regions=(
            parse_memory_region("/reserved-memory/a=map"),
            parse_memory_region("serial1=map"),
            parse_memory_region("drop"),
        ),
        memory=1024,
        vcpus=2,
        kernel="Image",
        ramdisk="rd.gz",
        extra="console=hvc0",
        device_tree_path="/etc/xen/net.dtb",
        vpl011=False,
        sci="scmi_smc",
        keep_firmware=True,
        edits=(
            PropertyEdit("ethernet0", "flag", ()),
            PropertyEdit("ethernet0", "one", (Text("a"),)),
            PropertyEdit("ethernet0", "two", (Text("a"), Text("b"))),
            PropertyEdit("ethernet0", "cell", (Cells((5,), decimal=True),)),
            PropertyEdit("ethernet0", "wide", (Cells((1, 2), decimal=True),)),
            PropertyEdit("ethernet0", "local-mac-address", None),
            PropertyEdit("serial1", "x,cells", (Cells((16, 2)),)),
            PropertyEdit("serial1", "mac", (Bytes(b"\x00\x0a\x35\x01"),)),
            PropertyEdit("serial1", "a", None),
            PropertyEdit("serial1", "b", None),
        ),
        parts=(PartOption("serial1", (0, "b"), ()),),
        added=(
            AddedNode(
                "/uio-line-95", "the FPGA raises it", "generic-uio", line=(95, "edge-rising")
            ),
            AddedNode(
                "/uio-page@a0000000",
                "our core",
                "ours,core",
                page=(0xA0000000, 0x10000),
                guest=0x30000000,
                shared=(("gpio0", "nobody"),),
            ),
        ),
        **both,  # type: ignore[arg-type]
    )
    log = Request(
        devices=("rtc0", "/soc/i2c@*"),
        name="log",
        memory=64,
        base=read_file(str(base)),
        edits=(PropertyEdit("/soc/i2c@*", "dmas", None),),
        excepted=(("/soc/i2c@*", "i2c0"),),
        **both,  # type: ignore[arg-type]
    )
    allowances = (
        Allowance("XA003", ("/soc/a", "/soc/b"), "both domains are ours"),
        Allowance("XA004", ("/soc/a",), "so"),
    )
    demands = (
        Demand(
            True,
            "the consoles are ours",
            devices=("serial*", "/soc/gpu@1000"),
            kinds=("serial",),
            domains=("net", "log"),
        ),
        Demand(
            False,
            "it masters DMA",
            devices=("ethernet0",),
            protected=True,
            identity=True,
            max_domains=2,
        ),
    )
    made = read(tmp_path, EVERYTHING)
    assert made.system == SystemRequest((net, log), allowances, demands=demands)
    assert made.hosts == (str(tmp_path / "a.dtb"), str(tmp_path / "boards/b.dtb"))
    assert made.toml.file == str(tmp_path / "x.toml")


def test_the_least_is_what_the_command_line_has_by_default(tmp_path: Path) -> None:
    made = read(tmp_path, '[[domain]]\nname = "domu1"\ndevice = ["a"]')
    assert made.system == SystemRequest((Request(("a",)),))
    assert made.hosts == ()


# ---------------------------------------------------------------------- every key, every type

SECTIONS: dict[str, tuple[Section, str, int]] = {
    "top": (TOP, "{}\n[[domain]]\nname = 'n'\ndevice = ['d']\n", 1),
    "domain": (DOMAIN, "[[domain]]\n{}\nname = 'n'\ndevice = ['d']\n", 2),
    "device": (DEVICE, "[[domain]]\nname = 'n'\n[[domain.device]]\n{}\npath = 'd'\n", 4),
    "line": (
        LINE,
        "[[domain]]\nname = 'n'\ndevice = ['d']\n[[domain.line]]\n{}\ninterrupt = 95\n"
        "trigger = 'level-high'\nreason = 'r'\n",
        5,
    ),
    "page": (
        PAGE,
        "[[domain]]\nname = 'n'\ndevice = ['d']\n[[domain.page]]\n{}\naddress = 0x1000\n"
        "size = 0x1000\nreason = 'r'\n",
        5,
    ),
    "allow": (
        ALLOW,
        "[[domain]]\nname = 'n'\ndevice = ['d']\n[[allow]]\n{}\ncode = 'XA001'\nnodes = ['a']\n"
        "reason = 'r'\n",
        5,
    ),
    "forbid": (
        FORBID,
        "[[domain]]\nname = 'net'\n[[domain.device]]\npath = 'd'\n[[forbid]]\n{}\nkind = 'usb'\n"
        "reason = 'r'\n",
        6,
    ),
    "require": (
        REQUIRE,
        "[[domain]]\nname = 'net'\n[[domain.device]]\npath = 'd'\n[[require]]\n{}\n"
        "protected = true\nreason = 'r'\n",
        6,
    ),
    "sci": (
        SCI,
        "[[domain]]\nname = 'n'\ndevice = ['d']\n[sci]\n{}\nsmc-id = 0x82000001\nshmem = 0x1000\n"
        "agent = [{ id = 0, smc-id = 0x82000002, shmem = 0x2000 }]\n",
        5,
    ),
    "agent": (
        AGENT,
        "[[domain]]\nname = 'n'\ndevice = ['d']\n[sci]\n'smc-id' = 0x82000001\n'shmem' = 0x1000\n"
        "[[sci.agent]]\n{}\nid = 2\nsmc-id = 0x82000002\nshmem = 0x2000\n",
        8,
    ),
    "boot": (BOOT, "[[domain]]\nname = 'n'\ndevice = ['d']\n[boot]\n{}\n", 5),
    "lint": (LINT, "[[domain]]\nname = 'n'\ndevice = ['d']\n[lint]\n{}\n", 5),
}
VALUES = [
    *("1", "0", "-1", "1.5", "true", "false", "1979-05-27", "99999999999999999999"),
    *('"a"', '""', '" "', "[]", '["a"]', '["a", 1]', "[1]", "[[1]]", "[true]", "{}", "[1, 2]"),
    *("{ a = 1 }", '{ a = "b" }', "{ a = [1] }", "{ a = true }", "{ a = false }", "{ a = {} }"),
    *('"xl"', '"smmu"', '"4.20"', '"4.16"', '"auto"', '"map"', '{ a = "drop" }', '["XA2"]'),
    *('{ a = { bytes = "0" } }', '{ a = { bytes = "00 11" } }', "{ a = 4294967296 }"),
    *("{ a = [4294967296] }", "{ a = -1 }", '{ a = ["b", 1] }', '"9a"', '"XA12"', '"XA123"'),
    *(
        "{ window = [0, 4096] }",
        "{ window = [0] }",
        "[{ window = [4096, 8192] }]",
        "[[0, 2097152]]",
    ),
    *('["auto", 1]', '["auto", "b"]', '{ a = "\\u0000" }', "{ a = 18446744073709551616 }"),
]
VALIDATOR = Draft202012Validator(schema())
# What is asked of more than one value, which a schema cannot say.
ELSEWHERE = {
    ("top", "clock-summary"),  # the file has to be there
    ("top", "regulator-summary"),
    ("domain", "base-cfg"),
    ("domain", "cpus"),
    ("domain", "device"),  # each once
    ("domain", "map"),  # windows of whole pages
    ("device", "map"),
    ("device", "except"),  # with a pattern
    ("domain", "agent"),  # with the interface that has agents
    ("device", "sci-device"),
    *(("sci", name) for name in ("smc-id", "shmem", "dom0-agent", "agent")),  # each once
    *(("agent", name) for name in ("id", "smc-id", "shmem")),
    ("page", "address"),  # of whole pages
    ("page", "size"),
    ("domain", "static-memory"),  # banks of whole pages
    ("domain", "direct-map"),  # with static-memory
    ("forbid", "domain"),  # one of the file
    ("require", "domain"),
}
NOT_ALONE = {
    ("top", "clock-summary"),
    ("top", "regulator-summary"),
    ("domain", "base-cfg"),
    ("domain", "cpus"),
    ("domain", "direct-map"),
    ("domain", "agent"),
    ("device", "except"),
    ("device", "sci-device"),
}


EVERY_KEY = pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param(name, key, id=f"{name}-{key.name}")
        for name, (section, _, _) in SECTIONS.items()
        for key in section.keys
    ],
)


def with_key(name: str, key: Key, value: str) -> tuple[str, int]:
    """A file with a key of some value, and the line of it."""
    _, text, line = SECTIONS[name]
    kept = [one for one in text.split("\n") if not one.startswith(f"{key.name} = ")]
    text = "\n".join(kept).replace("{}", f"{key.name} = {value}")
    if name == "top" and key.name == "domain":
        text = text[: text.index("\n")]
    return text, line


def told(folder: Path, text: str) -> XenassignError | None:
    """What is said about a file."""
    try:
        read(folder, text)
    except XenassignError as error:
        return error
    return None


def accepted(text: str) -> bool:
    """What a JSON Schema validator says; dates are none of JSON's values."""
    values = parse_toml(text, "x").values
    return VALIDATOR.is_valid(_json(values))


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return float("nan") if isinstance(value, date) else value


@EVERY_KEY
def test_a_value_of_another_type(tmp_path: Path, name: str, key: Key) -> None:
    """The schema and the reader agree about every value, and the line is the key's."""
    refused = 0
    for value in VALUES:
        text, line = with_key(name, key, value)
        said, fine = told(tmp_path, text), accepted(text)
        if said is None:
            assert fine, (value, said)
            continue
        message = str(said)
        if (name, key.name) in ELSEWHERE and fine:
            continue
        if key.name == "domain" and value == "[]":
            continue  # a file may have no domain: then it is the lint's
        assert not fine, (value, message)
        assert message.startswith(f"{tmp_path / 'x.toml'}:{line}: "), (value, message)
        assert key.name in message
        assert "; " in message
        assert all(part.startswith(f"{tmp_path / 'x.toml'}:") for part in message.split("\n"))
        assert isinstance(said, InputError)
        refused += 1
    assert refused > 10


@EVERY_KEY
def test_a_key_misspelt(tmp_path: Path, name: str, key: Key) -> None:
    section, text, line = SECTIONS[name]
    wrong = f"{key.name}x"
    text = (
        "{}" if (name, key.name) == ("top", "domain") else text.replace(f"\n{key.name} = ", "\n#")
    )
    values = [*VALUES, key.example or "0"]
    messages = [str(told(tmp_path, text.replace("{}", f"{wrong} = {value}"))) for value in values]
    fitting = f"{section.header} has no key {wrong}; did you mean {key.name}"
    assert all(message.startswith(f"{tmp_path / 'x.toml'}:{line}: ") for message in messages)
    assert any(fitting in message for message in messages)
    assert any("it has " in message for message in messages)


@EVERY_KEY
def test_a_key_that_is_missing(tmp_path: Path, name: str, key: Key) -> None:
    if not key.required:
        return
    section, text, line = SECTIONS[name]
    kept = [one for one in text.split("\n") if not one.startswith(f"{key.name} = ")]
    text = "\n".join(kept).replace("{}", "")
    message = str(told(tmp_path, text))
    assert message.startswith(f"{tmp_path / 'x.toml'}:{line - 1}: "), message
    assert f"{section.header} has no {key.name}; write " in message
    assert not accepted(text)


@EVERY_KEY
def test_the_examples_are_right(tmp_path: Path, name: str, key: Key) -> None:
    if not key.example:
        return
    text, _ = with_key(name, key, key.example)
    assert accepted(text)
    if (name, key.name) not in NOT_ALONE:
        assert told(tmp_path, text) is None


def test_a_key_sets_the_field_of_the_option_of_its_name() -> None:
    fields = {}
    for option in (*options.DOMAIN, *options.BOOT):
        flags = option.flags if isinstance(option.flags, tuple) else (option.flags,)
        fields.update({flag.removeprefix("--"): option.field for flag in flags[-1].split("/")})
    plain = [key for key in (*DOMAIN.keys, *BOOT.keys) if key.field is not None]
    assert plain
    for key in plain:
        assert fields[key.name] == key.field


def test_the_options_set_fields_of_requests() -> None:
    """Those of the boot are fields, or ask for an output. A flavour is part of the release."""
    fields = {*Request.__dataclass_fields__, "flavour"}
    assert {option.field for option in options.DOMAIN} <= fields
    outputs = {
        "host_out",
        "chosen",
        "uboot_script",
        "efi",
        "zephyr",
        "imagebuilder",
        "imagebuilder_base",
    }
    assert {o.field for o in options.BOOT} - outputs <= set(BootRequest.__dataclass_fields__)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())
    assert accepted(EVERYTHING)


# ---------------------------------------------------------------------- words

HEAD = 'host = "a"\n[[domain]]\nname = "net"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + '[[domain.device]]\npath = "ethernet0"\nclock-rate = { pclk = "fast" }',
            "6: domain 'net', device 'ethernet0': clock-rate.pclk 'fast' is invalid; give Hz, or a"
            ' text as "125MHz"',
        ),
        (
            HEAD + 'memory = 0\ndevice = ["a"]',
            "4: domain 'net': memory 0 is out of range (1 to 1043456 MiB); write memory = 1024",
        ),
        (
            HEAD + 'vcpus = 129\ndevice = ["a"]',
            "4: domain 'net': vcpus 129 is out of range (1 to 128); write vcpus = 2",
        ),
        (
            HEAD + 'route = "xm"\ndevice = ["a"]',
            "4: domain 'net': route 'xm' is invalid; give dom0less or xl",
        ),
        (
            HEAD + 'sci = "scmi"\ndevice = ["a"]',
            "4: domain 'net': sci 'scmi' is invalid; give scmi_smc",
        ),
        (
            HEAD + 'device = [\n  "a",\n  { path = "b", map = 1.5 },\n]',
            "6: domain 'net', device 'b': map is not a string or integer or table {window = …} or"
            " list of",
        ),
        (
            HEAD + 'device = [\n  "a",\n  { map = 1 } ]',
            "6: domain 'net', device 2: [[domain.device]] has no path; write path = \"ethernet0\"",
        ),
        (
            HEAD + '[[domain.device]]\npath = "a"\nforce-assign-without-iommu = ""',
            "6: domain 'net', device 'a': force-assign-without-iommu is empty; write the reason",
        ),
        (
            HEAD + '[[domain.device]]\npath = "a"\n\nforce-assign-without-iommu = true',
            "7: domain 'net', device 'a': force-assign-without-iommu is not a string; write force-"
            'assign-without-iommu = "it has no DMA of its own"',
        ),
        (
            HEAD + '[[domain.device]]\npath = "a"\n[domain.device.set]\nb = 1\n"reg" = 1',
            "8: domain 'net', device 'a': set: reg cannot be edited: it follows from the mapping"
            " of the registers; give map",
        ),
        (
            HEAD + '[[domain.device]]\npath = "a"\nset = { b = false }',
            "6: domain 'net', device 'a': set.b cannot be false; to leave it out, name the"
            " property in drop",
        ),
        (
            HEAD + '[[domain.device]]\npath = "a"\nset = { b = 1 }\ndrop = ["b"]',
            "7: domain 'net', device 'a': drop: b is in set too; set it or drop it",
        ),
        (
            HEAD + '[[domain.device]]\npath = "a@*"\nset = { b = 1 }\nclock-rate = 1',
            "7: domain 'net', device 'a@*': clock-rate is for a single device, but path is a"
            " pattern; name the device",
        ),
        (HEAD + "device = []", "2: domain 'net': [[domain]] has no device; write device = ["),
        (
            HEAD + 'device = ["a", "a"]',
            "4: domain 'net', device 'a': a is named twice; name each device once",
        ),
        (
            HEAD + 'device = ["a"]\n[[domain]]\ndevice = ["b"]\nname = "net"',
            "7: domain 'net': another domain has this name; give each a unique name",
        ),
        (
            HEAD + 'device = ["a"]\n[[domain]]\ndevice = ["b"]\nname = "Net"',
            "7: domain 'Net': on FAT, which ignores case, its files would replace those of"
            " 'net'; give each a unique name",
        ),
        (HEAD + 'device = ["a", ""]', "4: domain 'net', device '' is empty; name a device"),
        (
            'name = "a"\n[[domains]]',
            "1: the file has no key name; it has host, xen, xen-flavour, route, include,"
            " iommu-driver, xen-console, clock-summary, regulator-summary, format, domain, allow,"
            " cpu-pool, forbid, require, boot, sci, lint",
        ),
        (
            HEAD + 'device = "a"',
            "4: domain 'net': device is not a list of tables; write device = ["
            '"ethernet0"], or [[domain.device]]',
        ),
        ("[domain]\nname = 'a'", "1: domain is not a list of tables; write [[domain]]"),
        ("domain = [1]", "1: domain 1 is not a table; write [[domain]]"),
        (
            HEAD + "device = ['a', 2]",
            "4: domain 'net', device 2 is not a string or table; write device =",
        ),
        ("[[lint]]", "1: lint is not a section; write [lint]"),
        (
            HEAD + 'device = ["a"]\n[[allow]]\ncode = "XA003"\nnodes = "a"\nreason = "  "',
            "8: [[allow]] 1: reason is empty; write the reason",
        ),
        (
            HEAD + 'device = ["a"]\n[[forbid]]\nreason = "so"',
            "5: [[forbid]] 1 has no device and no kind; write device = or kind =",
        ),
        (
            HEAD + 'device = ["a"]\n[[forbid]]\nkind = "usb"\nreason = "so"\n[[require]]\n'
            'kind = ["usb"]\nreason = "so"',
            "8: [[require]] 1 has no condition; write one of protected, identity, max-domains",
        ),
        (
            HEAD + 'device = ["a"]\n[[forbid]]\nkind = "usb"\ndomain = "met"\nreason = "so"',
            "7: [[forbid]] 1: there is no domain 'met'; did you mean net?",
        ),
        (
            HEAD + 'device = ["a"]\n[[require]]\nprotected = false\nreason = "so"',
            "6: [[require]] 1: protected cannot be false; remove the key",
        ),
        (HEAD + "device = ['a'", "4: Unclosed array; fix the TOML"),
        (HEAD + "device = 'a", """4: Expected "'"; fix the TOML"""),
    ],
)
def test_what_is_said(tmp_path: Path, text: str, message: str) -> None:
    said = str(told(tmp_path, text))
    assert said.startswith(f"{tmp_path / 'x.toml'}:{message}"), said


def test_windows_alignment_and_static_memory(tmp_path: Path) -> None:
    text = """
align = "2m"
map = { window = [0x10000000, 0x20000000] }
static-memory = [[0x50000000, 0x20000000]]
direct-map = true
[[domain.device]]
path = "x"
map = [1, { window = [0, 4096] }]
"""
    (made,) = read(tmp_path, HEAD + text).system.domains
    assert made.maps == (
        parse_map("x#0=1"),
        parse_map("x#1=window:0-4096"),
        parse_map("window:0x10000000-0x20000000"),
    )
    assert (made.align, made.direct_map) == ("2m", True)
    assert made.static_memory == ((0x50000000, 0x20000000),)
    assert (made.memory, made.routes) == (512, ("dom0less",))
    message = str(told(tmp_path, HEAD + text.replace("[0, 4096]", "[1, 2]")))
    assert ":11: domain 'net', device 'x': map x 'window:0x1-0x2': not a range of whole" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": there is no domain; write [[domain]] with its name and device"),
        ('host = "a"\n[lint]', ": there is no domain; "),
        (
            "\udcff",
            ": is not UTF-8 text; give a file with [[domain]] tables: ",
        ),
    ],
)
def test_a_file_without_domains(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        read_project(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_no_file(tmp_path: Path, wording: Wording) -> None:
    with wording.raises(InputError):
        read_project(tmp_path / "x.toml")


def test_a_base_cfg_that_says_something_else(tmp_path: Path) -> None:
    (tmp_path / "net.cfg").write_text('name = "net"\nmemory = 512\n')
    text = HEAD + 'base-cfg = "net.cfg"\nmemory = 1024\ndevice = ["a"]'
    assert "memory is 512, not memory = 1024" in str(told(tmp_path, text))
    text = HEAD + 'base-cfg = "none.cfg"\ndevice = ["a"]'
    assert f"{tmp_path / 'none.cfg'}" in str(told(tmp_path, text))
    text = HEAD + 'base-cfg = "net.cfg"\nroute = "dom0less"\ndevice = ["a"]'
    message = str(told(tmp_path, text))
    assert message.startswith(f"{tmp_path / 'x.toml'}:4: domain 'net': base-cfg is for xl, but")


def test_a_file_of_a_later_format(tmp_path: Path) -> None:
    """Its keys, which may have another meaning, are not looked at."""
    message = str(told(tmp_path, f'format = 2\nnew = 1\n{HEAD}device = ["a"]'))
    assert message == (
        f"{tmp_path / 'x.toml'}:1: format 2 is that of a later xenassign; update xenassign, or"
        " write format = 1"
    )
    assert read(tmp_path, f'format = 1\n{HEAD}device = ["a"]').system.domains
    assert "format 0 is out of range (1 to 1)" in str(
        told(tmp_path, f'format = 0\n{HEAD}device = ["a"]')
    )


# ---------------------------------------------------------------------- on a board

SERIAL = "/axi/serial@ff0[01]0000"


def excepting(
    tmp_path: Path, board: Callable[[str], Tree], names: str, more: str = ""
) -> ResolvedSystem:
    """A domain with the serial ports of the ZCU102, but for some."""
    device = f'{{ path = "{SERIAL}", except = {names}{more} }}'
    made = read(tmp_path, f"{HEAD}device = [{device}]")
    return resolve(made.system, read_platform(board("zynqmp")))


def test_devices_that_a_pattern_leaves_out(tmp_path: Path, board: Callable[[str], Tree]) -> None:
    more = ', drop = "cts-override"'
    (domain,) = excepting(tmp_path, board, '["serial0"]', more).domains
    assert [node.path for node in domain.devices] == ["/axi/serial@ff010000"]
    assert [[node.path for node in nodes] for _, nodes in domain.edits] == [
        ["/axi/serial@ff010000"]
    ]
    messages = {
        '"ethernet0"': ":4: domain 'net', device '/axi/serial@ff0[01]0000': except ethernet0:"
        f" /axi/ethernet@ff0e0000 is not matched by {SERIAL}",
        '"nowhere"': "except nowhere: no such node in",
        '["serial0", "serial1"]': f"{SERIAL}: except names all that it matches",
    }
    for names, message in messages.items():
        with pytest.raises(UsageError) as caught:
            excepting(tmp_path, board, names)
        assert message in str(caught.value)
    text = f'{HEAD}device = [{{ path = "serial0", except = "serial1" }}]'
    assert "except is for a pattern, but path names a single device" in str(told(tmp_path, text))


BOARD = """xen = "4.20"
xen-console = "{console}"
[[domain]]
name = "first"
device = ["rtc0"]

[[domain]]
name = "net"
memory = 64
{domain}
[[domain.device]]
path = "serial1"

[[domain.device]]
path = "{path}"
{device}
"""


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"path": "ethernet9"}, "15: domain 'net': ethernet9: no such node in "),
        (
            {"device": "\nclock-rate = { nix = 4 }"},
            "17: domain 'net', device 'ethernet0': clock-rate ethernet0#nix: fits no clock; its",
        ),
        (
            {"device": "clock-rate = { pclk = 4 }\n\nmap = ['auto', 'auto', 'auto']"},
            "18: domain 'net', device 'ethernet0': map ethernet0#1: /axi/ethernet@ff0e0000 has the",
        ),
        (
            {"device": "[domain.device.allow-shared-page]\nrtc0 = 'a'\ngpio99 = 'b'"},
            "18: domain 'net', device 'ethernet0': allow-shared-page gpio99: no such node",
        ),
        (
            {"device": "[domain.device.memory-region]\n\nnix = 'map'"},
            "18: domain 'net', device 'ethernet0': memory-region nix: no such node",
        ),
        (
            {"device": "drop = 'nix'"},
            "16: domain 'net', device 'ethernet0': drop ethernet0: /axi/ethernet@ff0e0000 has no n",
        ),
        (
            {"domain": "clock-rate = { '/nix' = 5 }"},
            "10: domain 'net': clock-rate /nix: no such node in ",
        ),
        ({"console": "serial9"}, "2: xen-console serial9: no such node in "),
    ],
)
def test_what_the_board_refuses_has_its_line_too(
    tmp_path: Path, host_files: dict[str, Path], places: dict[str, str], message: str
) -> None:
    usual = {"console": "none", "path": "ethernet0", "device": "", "domain": ""}
    made = read(tmp_path, BOARD.format(**(usual | places)))
    tree = read_blob_file(host_files["zynqmp"])
    with pytest.raises(UsageError) as caught:
        decide(tree, made.system.domains[1])
    said = str(caught.value)
    assert said.startswith(f"{made.toml.file}:{message}"), said
    assert said.count("--") == 0


WRONG = """xen-console = "serial9"
[[domain]]
name = "net"
device = ["ethernet9", "rtc0"]
clock-rate = { "/nix" = 5 }
[[domain]]
name = "log"
[[domain.device]]
path = "gpio99"
map = "auto"
set = { a = 1 }
[[domain.device]]
path = "serial1"
memory-region = { "nix" = "map" }
[domain.device.allow-shared-page]
rtc0 = "a"
gpio98 = "b"
[[allow]]
code = "XA003"
nodes = [
  "rtc0",
  "/nowhere",
]
reason = "both are ours"
"""


def test_every_wrong_name_of_a_file_is_told_at_once(
    tmp_path: Path, host_files: dict[str, Path]
) -> None:
    """Each with its line; a device that is missing once, and not for its options again."""
    made = read(tmp_path, WRONG)
    with pytest.raises(UsageError) as caught:
        resolve(made.system, read_platform(read_blob_file(host_files["zynqmp"])))
    begins = [
        "1: xen-console serial9: no such node in ",
        "4: domain 'net': ethernet9: no such node in ",
        "5: domain 'net': clock-rate /nix: no such node in ",
        "9: domain 'log': gpio99: no such node in ",
        "17: domain 'log', device 'serial1': allow-shared-page gpio98: no such node in ",
        "14: domain 'log', device 'serial1': memory-region nix: no such node in ",
        "22: [[allow]] nodes /nowhere: no such node in ",
    ]
    assert len(caught.value.lines) == len(begins)
    for line, begin in zip(caught.value.lines, begins, strict=True):
        assert line.startswith(f"{made.toml.file}:{begin}"), line


def test_an_option_of_the_command_line_is_told_of_its_domain(
    tmp_path: Path, host_files: dict[str, Path]
) -> None:
    made = read(tmp_path, BOARD.format(console="none", path="ethernet0", device="", domain=""))
    options = {"forced": (Accepted("gpio"),), "maps": (parse_map("nix=auto"),)}
    system = with_options(made.system, options, "net")
    tree = read_blob_file(host_files["zynqmp"])
    with pytest.raises(UsageError) as caught:
        decide(tree, system.domains[1])
    assert str(caught.value).startswith(
        f"{made.toml.file}:7: domain 'net': map nix: no such node in "
    )
    system = with_options(made.system, options | {"maps": ()}, "net")
    with pytest.raises(UsageError) as caught:
        decide(tree, system.domains[1])
    fix = "is not assigned; name it as a device too; an option for one domain requires --name"
    assert str(caught.value).endswith(fix)
    assert str(caught.value).startswith(
        f"{made.toml.file}:7: domain 'net': force-assign-without-iommu "
    )


def test_values_with_units(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        """host = "b.dtb"
[[domain]]
name = "net"
memory = "1G"
clock-rate = { "/clocks#3" = "1.5MHz" }
device = [{ path = "a", clock-rate = "125MHz" }, { path = "b", clock-rate = { pclk = "24 MHz" } }]
[[domain]]
name = "static"
static-memory = ["0x60000000:256M", [0x80000000, 0x100000]]
device = ["c"]
"""
    )
    net, static = read_project(path).system.domains
    assert net.memory == 1024
    assert [rate.rate for rate in net.clock_rates] == [125_000_000, 24_000_000, 1_500_000]
    assert static.static_memory == ((0x60000000, 256 << 20), (0x80000000, 1 << 20))


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('hosts = "b.dtb"\n[[domain]]\nnme = "a"\nmemory = "x"\ndevice = ["d"]\n')
    with pytest.raises(InputError) as caught:
        read_project(path)
    lines = [line.removeprefix(f"{path}:").split(":")[0] for line in caught.value.lines]
    assert lines == ["1", "3", "4", "2"]
