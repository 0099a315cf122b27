"""Mutations of texts, by the tokens of their language."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.fuzz.hostile import NUMBERS, PLAIN_NUMBERS, TEXTS

_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|/\*.*?\*/|[#/][^\n"]*|[\w.+@-]+|[ \t]+|\n|.', re.DOTALL
)
_QUOTED = re.compile(r"[\"']")
_WORD = re.compile(r"[\w,.+-]{3,}\Z")
_NUMBER = re.compile(r"(0x)?[0-9a-fA-F]+\Z")

#: Words of each language, with the mistakes that are made with them.
WORDS = {
    "dts": (
        "/dts-v1/;", "/plugin/;", "/delete-node/", "/delete-property/", "/omit-if-no-ref/",
        "/bits/ 64 <", "/bits/ 8 <1>", "/memreserve/ 0x0 0x1000;", '/include/ "board.dtsi"',
        '/incbin/("board.dtb")', '/incbin/("board.dtb", 0, 99999999999)', "&{/chosen}", "&label",
        "label:", "(1 << 63)", "(1 / 0)", "(1 ? 2 : 3)", "<0x100000000>", "[de ad be ef]",
        "[g]", "{", "};", ";", "<", ">", "=", ",", "#define X 1\n", "#define M(a) a a\n",
        '#include "board.dtsi"\n', "#if 0\n", "#endif\n", "#error x\n", "X", "M(M(1))",
        "\\escaped", "/* xenassign: allow XA403: a reason */\n", "/* xenassign: allow XA9 */\n",
        "// xenassign: allow XA204, XA401: a reason\n", "/*", "*/", "/ { };", "a@1 { };",
        'x = "a", <1>, [00], &chosen;', "ranges;", "dma-ranges;", "xen,force-assign-without-iommu;",
        'xen,path = "/";', 'compatible = "simple-bus";', 'status = "disabled";', "dma-coherent;",
        "interrupt-parent = <0xfde8>;", "memory = <0 0>;", "cpus = <0>;", "vpl011;", "direct-map;",
        "xen,static-mem = <0x0 0x50000000 0x0 0x10000000>;", "nr_spis = <9999>;", "vpl011 = <1>;",
        'xen,enhanced = "no-xenstore";', 'passthrough = "enabled";', "capabilities = <9>;",
        'xen,sci_type = "scmi_smc";', "#size-cells = <0>;", "#address-cells = <3>;",
        "#address-cells = <0>;", "#size-cells = <3>;",
        "xen,reg = <1>;", "interrupts = <0 99999 4>;", "1", "-1", "'a'", "'\\x41'",
    ),
    "cfg": (
        "=", "+=", "[", "]", ",", ";", "'", '"', "\n", "# xenassign: allow XA601: mine\n",
        "# xenassign: allow XA601\n", "irqs = [", "irqs = [ 34, '35', 0x20 ]\n", "iomem = [",
        '"0x9010,1@0x9010"', '"0xfffffffffffff,0xfffffffff"', '"0x0,0x0"', '"x,y"', "dtdev = [",
        'device_tree = "domu1.dtb"\n', 'device_tree = "board.dtb"\n', "memory = 0\n",
        "maxmem = 99999999999\n", "vcpus = 4096\n", "maxvcpus = 1\n", 'passthrough = "enabled"\n',
        'passthrough = "disabled"\n', "shadow_memory = 1\n", 'type = "hvm"\n', "nr_spis = 9999\n",
        'vuart = "sbsa_uart"\n', 'gic_version = "v2"\n', "[[[[", "a = [[1],[2]]\n", "name = 5\n",
        'name = "a/b"\n', "pci = ['0000:00:00.0']\n", "virtio = ['type=virtio,x']\n",
        'disk = ["x"]\n', 'arm_sci = "type=scmi_smc"\n', "llc_colors = ['0-3']\n", "iommu = 1\n",
        'force-assign-without-iommu = "true"\n', "device_assignment = [",
        'iomem_map = ["9010:1"]\n',
        'vpci = "ecam"\n', "\\x41", "\\n", "0x", "-1", "9" * 30, "99999999999999999999",
        "sve = -1\n", "viommu = 'x'\n", "altp2m = 5\n", "xend = 1\n", "dt_overlay = 1\n",
    ),
    "toml": (
        "=", "[", "]", "[[", "]]", "{", "}", ",", ".", '"""', "'''", "\n", "[[domain]]\n",
        "[[domain.device]]\n", "[lint]\n", "[boot]\n", "[[allow]]\n", "[domain]\n", "true", "false",
        "1979-05-27T07:32:00Z", "1e400", "nan", "inf", "0x_1", '"\\u0000"', '"\\u202e"',
        '"\\u001b[2J"', '"a\\nb"', "[]", "{}", "[[1]]", "{ a = 1 }", 'host = ["a.dtb", "b.dtb"]\n',
        'host = "board.dtb"\n', "host = 5\n", 'name = "dom0"\n', 'name = "a b"\n', 'path = "*"\n',
        'path = "/"\n', 'device = ["*"]\n', "a.b.c = 1\n", '"" = 1\n', '"a\\nb" = 1\n', "1 = 2\n",
        "[domain.dom0less]\n", "[[domain.line]]\n", "[[domain.page]]\n", "[sci]\n",
        "[[cpu-pool]]\n",
        "[[domain.shared-memory]]\n", "[[domain.event-channel]]\n", "[[forbid]]\n", "[[require]]\n",
        'cpus = ["0", "99999"]\n', 'cpus = "1-0"\n', 'sci = "scmi_smc_multiagent"\nagent = 2\n',
        'interrupt = "SPI 987"\n', "interrupt = 1019\n", "interrupt = 1020\n", "size = 4095\n",
        'role = "owner"\n', 'to = "domu1"\n', "port = 1\n", "port = 1023\n", "format = 2\n",
        "regs = []\n", "interrupts = [0, 0]\n", 'except = "*"\n', "max-domains = 0\n",
    ),
    "yaml": (
        ":", "-", "{", "}", "[", "]", "&a ", "*a", "<<: *a\n", "<<+: *a\n", "<<*: [ *a ]\n", "!!",
        "!!python/object:os.system x", "%YAML 1.1\n", "---\n", "...\n", "|\n", ">\n", "? ", "'",
        '"', "~", "null", "yes", "0x", "1e9", "-1", "9" * 40, "512M", "8T", "&a [*a]", "\t", "\x00",
        "domains:\n", "  access:\n", '      - dev: "*"\n', "      - dev: [ a, b ]\n",
        "parent: net\n", "memory: 1\n", "cpus: x\n", "mode: { el: 2 }\n",
        "access!linux:\n", "a: &b { c: *b }\n",
    ),
    "json": (
        "{", "}", "[", "]", ",", ":", "null", "true", "-1", "1e999", "NaN", "Infinity", '""',
        "1.5", "9" * 5000, '"\\ud800"', '"\\u001b"', '"/"', '{"a": 1}', "[" * 50, '"name":',
        '"schema": "xenassign/lock/2"', '"guest": 0', '"host": -1', '"size": 18446744073709551616',
    ),
    "bash": (
        "=", "\n", ";", "&", "|", "(", ")", "<<EOF\n", "$(", "`", "${", "}", "'", '"', "\\", "#",
        "if true; then\n", "fi\n", "for i in 1 2; do\n", "done\n", "case x in\n", "esac\n",
        "function f() {\n", "NUM_DOMUS=2\n", "NUM_DOMUS=999999999999\n", "NUM_DOMUS=-1\n",
        "NUM_DOMUS=08\n", "DOMU_KERNEL[0]=Image\n", "DOMU_KERNEL[99999999999]=x\n",
        "DOMU_CMD[0]=\"a\"\n", "DOMU_MEM[0]=512\n", "DOMU_MEM+=1\n", "DOMU_VCPUS[0]=x\n",
        "DOMU_PASSTHROUGH_DTB[0]=\"x\"\n", "DOMU_NOBOOT[0]=\n", "export X=1\n", "LIST=(a\n b)\n",
        "XEN='xen\n'\n", "APPEND_EXTRA_CMDS=x\n", "FIT=1\n", "((NUM_DOMUS++))\n", "[[ a ]]\n",
        "DOMU_STATIC_MEM[0]=\"0x50000000 0x10000000\"\n", "DOMU_DIRECT_MAP[0]=1\n", "exit\n",
    ),
    "printed": (
        "\n", " ", "\t", "-", "---", "Y", "?", "unknown", "deviceless", "no_connection_id", ".",
        "0", "1", "-1", "4294967296", "18446744073709551616", "9" * 400, "3300mV", "-1mV", "0mA",
        " enable prepare protect rate accuracy phase cycle\n", " a 1 1 0 0 0 0 50000 Y b c\n",
        "                                             b.c d\n",
        " x 0 0 0 fast 1800mV 0mA 0mV 0mV\n",
        "xen_version : 4.20\n", "xen_version : 99.1\n", "xen_version :\n", "virt_caps : hvm\n",
        "xen_version            : 4.17.5-pre\n", "fdt: no\n", ": \n", "device-tree: x\n",
    ),
}  # fmt: skip


def mutate(text: str, language: str, random: Random, other: str) -> str:
    """The text with one change. ``other``: a text of the language to take lines from.

    Most changes leave the text one that can be read: values and statements change.
    """
    how = random.random()
    if how < 0.65:
        return _statement(text, language, random)
    if how < 0.67:
        return text[: random.randrange(len(text) + 1)]
    if how < 0.8:
        return _lines(text, random, other)
    parts = _TOKEN.findall(text) or [""]
    at = random.randrange(len(parts))
    if how < 0.85:
        del parts[at : at + random.choice((1, 1, 1, 2, 5))]
    elif how < 0.9:
        parts.insert(random.randrange(len(parts)), parts[at])
    else:
        parts.insert(at, random.choice(WORDS[language]))
    return "".join(parts)


def _statement(text: str, language: str, random: Random) -> str:
    """The text with another value, or one statement more or less."""
    how = random.random()
    if how < 0.3:
        lines = text.splitlines(keepends=True) or [""]
        words = [word for word in WORDS[language] if word.endswith((";", "\n"))]
        at = random.randrange(len(lines))
        lines.insert(at, f"{random.choice(words)}\n" if words else "")
        return "".join(lines)
    if how < 0.4:
        return _lines(text, random, "")
    parts = _TOKEN.findall(text) or [""]
    if how < 0.7:
        _put(parts, random, _NUMBER.match, random.choice(PLAIN_NUMBERS))
    elif how < 0.73:
        _put(parts, random, _NUMBER.match, random.choice(NUMBERS))
    elif how < 0.9:
        _put(parts, random, _QUOTED.match, _quoted(random))
    else:
        _put(parts, random, _WORD.match, random.choice(parts))
    return "".join(parts)


def _put(parts: list[str], random: Random, fits: Callable[[str], object], value: str) -> None:
    """Replaces one of the tokens that fit."""
    places = [at for at, part in enumerate(parts) if fits(part)]
    if places:
        parts[random.choice(places)] = value


def _quoted(random: Random) -> str:
    """A hostile text in quotes, with the escapes of most languages or without."""
    text = random.choice(TEXTS)
    if random.random() < 0.6:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _lines(text: str, random: Random, other: str) -> str:
    lines = text.splitlines(keepends=True)
    if not lines:
        return other
    at, how = random.randrange(len(lines)), random.random()
    if how < 0.3 or not other:
        del lines[at]
    elif how < 0.5:
        lines.insert(random.randrange(len(lines)), lines[at])
    elif how < 0.6:
        lines += lines[at:]
    elif how < 0.9:
        lines.insert(at, random.choice(other.splitlines(keepends=True) or ["\n"]))
    else:
        lines[at:] = other.splitlines(keepends=True)[at:]
    return "".join(lines)


def encoded(text: str, random: Random) -> bytes:
    """The bytes of a text; rarely with bytes that no text has."""
    data = text.encode("utf-8", "surrogateescape")
    if random.random() < 0.03:
        at = random.randrange(len(data) + 1)
        data = (
            data[:at]
            + random.choice((b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\x1a"))
            + data[at:]
        )
    return data
