"""What Xen and libxl refuse, a case or more for each rule with the effect ``rejected``, and what
they take against all appearance.

    python -m tests.xen.rejections

boots them all and writes docs/xen-verdicts.md: which rule, what was tried, and what Xen said. The
test compares it with the document that is in the tree. What by_hand.py wrote there stays.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from xenassign.findings import Finding, Rule, registered
from xenassign.linting import catalogue
from xenassign.linting.verdict.predict import predict_xl, rejecting
from xenassign.xen.releases import release

from . import boards, by_hand
from .address_space import space_rows
from .agreement import context, foretold, host_of, setup_of, xl_context
from .boot import MODULES_AT, Domain, boot_system, module, side_by_side, system
from .classic import classic_rows
from .dom0 import Job, boot_dom0
from .hosttree import compiled
from .machine import RELEASES, Machine, machine
from .mutants.blob import Blob
from .pairs import PAIRS, pair_rows
from .qemu import NoAnswerError
from .silence import silent_rows

PAGE = 0x1000
SILENT_AFTER = 6  #: seconds; an answer takes a fraction of one
FORCE = "xen,force-assign-without-iommu;"


def reg(host: int, size: int = PAGE, guest: int | None = None) -> str:
    """xen,reg of one entry, in bytes, for a container of 2/2 cells."""
    numbers = (host, size, host if guest is None else guest)
    return f"xen,reg = <{' '.join(f'{n >> 32:#x} {n & 0xFFFFFFFF:#x}' for n in numbers)}>;"


def device(path: str, properties: str, force: str = FORCE, name: str = "device") -> str:
    """A node with xen,path."""
    return f'{name} {{ xen,path = "{path}"; {properties} {force} }};'


def partial(content: str, cells: tuple[int, int] = (2, 2), before: str = "") -> bytes:
    """A partial device tree with something below /passthrough."""
    return compiled(
        f"/dts-v1/; / {{ {before} passthrough {{ #address-cells = <{cells[0]}>;"
        f" #size-cells = <{cells[1]}>; ranges; interrupt-parent = <0xfde8>; {content} }}; }};"
    )


CLOCK = device("/pl031@9010000", reg(0x9010000))
GOOD = partial(CLOCK)


class Case(NamedTuple):
    """One thing that is refused, and the rule that foretells it on the releases that refuse it."""

    rule: str
    what: str
    partial: bytes | None = GOOD
    board: str = "virt"
    domain: Domain = Domain()
    cfg: str | None = None  #: for xl; without it the case is for dom0less
    marks: tuple[str, ...] = ()
    releases: tuple[str, ...] = tuple(RELEASES.values())
    also: frozenset[str] = frozenset()  #: rules that reject it as well, behind this one
    graft: str = ""  #: source text of more nodes of the board

    @property
    def route(self) -> str:
        """Which route refuses it."""
        return "dom0less" if self.cfg is None else "xl"


def _nop_first(data: bytes) -> bytes:
    blob = Blob.read(data)
    blob.nops.append(0)
    return blob.write()


def _node(rule: str, what: str, *edits: tuple[str, str]) -> Case:
    """A case about the domain's node, with changes of its source text."""
    return Case(rule, what, domain=Domain(edits=edits))


def _add(rule: str, what: str, properties: str) -> Case:
    return Case(rule, what, domain=Domain(more=properties))


def _memory(rule: str, what: str, value: str) -> Case:
    return _node(rule, what, ("memory = <0 262144>", f"memory = <{value}>"))


_KERNEL, _RAMDISK, _BLOB = (f'"multiboot,{k}"' for k in ("kernel", "ramdisk", "device-tree"))
_4_20 = ("4.20",)
_MANY = " ".join(
    f"""m@{at:x} {{ compatible = "other", "multiboot,module"; reg = <0 {at:#x} 0 0x1000>; }};"""
    for at in range(0x60000000, 0x6001E000, 0x1000)
)
_MODULE = ', "multiboot,module"'
_SHM = """shm@0 { compatible = "xen,domain-shared-memory-v1"; xen,shm-id = "buffer";
    xen,shared-mem = <0 0x70000000 0 0x50000000 0 0x1000>; };"""
_NO_NUL = "[" + b"xen,domain".hex(" ") + "]"


def _soc(name: str, properties: str = "xen,reg;") -> bytes:
    return partial(device(f"/soc/{name}", properties))


def _dom0(rule: str, what: str, node: str, *marks: str, board: str = "virt") -> Case:
    """A case about a system with a dom0, on a board with one more node.

    The device of the domain is marked, so that nothing else is refused.
    """
    path, part = "/pl031@9010000", GOOD
    if board != "virt":
        path, part = "/single@a200000", partial(device("/single@a200000", "xen,reg;", ""))
    graft = f"/ {{ {node} }};" if node else ""
    domain = Domain(beside_dom0=True)
    return Case(rule, what, part, board, domain, marks=(path, *marks), graft=graft)


def _channel(name: str, port: int, other: str) -> str:
    """Source of a node that is an end of an event channel."""
    return f'{name}: {name} {{ compatible = "xen,evtchn-v1"; xen,evtchn = <{port} {other}>; }};'


NARROW = """narrow { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0xb000000 0x10000>;
    msi@100 { reg = <0x100 0x10>, <0xfff00000 0x1000>; }; };"""
UNMAPPED = """pmic { #address-cells = <1>; #size-cells = <0>;
    nvram@71 { reg = <0x71>; #address-cells = <1>; #size-cells = <1>; ranges;
    reason@48 { reg = <0x48 1>; }; }; };"""
TRIGGERS = """first@b100000 { reg = <0 0xb100000 0 0x1000>; interrupts = <0 200 4>; };
    last@b200000 { reg = <0 0xb200000 0 0x1000>; interrupts = <0 200 1>; };"""
_CONSOLE_LINE = "spi@b300000 { reg = <0 0xb300000 0 0x1000>; interrupts = <0 1 4>; };"
DISABLED_LINE = _CONSOLE_LINE.replace("};", 'status = "disabled"; };')
#: A PCI host whose devices are behind an SMMU, in a place without registers.
_MAPPED = """/ { pcie@b400000 { compatible = "pci-host-ecam-generic"; device_type = "pci";
    reg = <0 0xb400000 0 0x1000>; #address-cells = <3>; #size-cells = <2>;
    ranges = <0x2000000 0 0xb401000 0 0xb401000 0 0x1000>;
    iommu-map = <0 &{/iommu@f8000000} 0x600 0x100>; }; };"""
_PORT = """bridge@b400000 { device_type = "pci"; reg = <0 0xb400000 0 0x1000>;
    #address-cells = <3>; #size-cells = <2>; };"""
TWO_CELLS = """gpio { #interrupt-cells = <2>;
    key { interrupts = <1 4>; interrupt-parent = <&lines>; };
    lines: lines { #interrupt-cells = <2>; }; };"""
FAR = "far@1000000000000 { reg = <0x10000 0 0 0x1000>; };"
_LIKE_THEM = f"""
    ppi {{ interrupts = <1 9 4>; {NARROW} }};
    cpus {{ {NARROW} }};
    plain {{ #address-cells = <1>; #size-cells = <1>; chip@ff000000 {{ reg = <0xff000000 1>; }}; }};
    cells {{ #address-cells = <1>; #size-cells = <0>; ranges; chip@1 {{ reg = <1>; }}; }};
    leaves {{ #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0xb500000 0x1000>;
        late@800 {{ reg = <0x800 0x10000>; }}; }};
    twice {{ interrupts = <0 201 4>, <0 201 4>; }};
    lines {{ #interrupt-cells = <1>; interrupt-controller; phandle = <0x7001>; }};
    elsewhere {{ interrupt-parent = <0x7001>; interrupts = <1>; }};
    nowhere {{ interrupt-parent = <0x7fff>; interrupts = <0 1 4>; }};
    {_PORT.replace("};", "ranges; };")}"""

#: A node of /chosen with the kernel of the domain, before it.
_OTHER = f"""other {{ #address-cells = <2>; #size-cells = <2>;
    {module("kernel", (MODULES_AT, 0x1000))} }}; domU1 {{"""

#: The same as a domain with 800 MiB.
_LARGE = _OTHER.replace(
    "other {",
    """other { compatible = "xen,domain"; cpus = <1>;
    memory = <0 819200>;""",
)

#: On each Xen gives up the construction of dom0.
WITHOUT_DOM0 = (
    _dom0("XA125", "with a dom0, a reg entry that no ranges have", NARROW),
    _dom0("XA125", "with a dom0, the same, marked", NARROW, "/narrow/msi@100"),
    _dom0("XA125", "with a dom0, ranges below a bus without ranges", UNMAPPED),
    _dom0("XA125", "with a dom0, the console's interrupt", _CONSOLE_LINE),
    _dom0("XA125", "with a dom0, the console's interrupt, disabled", DISABLED_LINE),
    _dom0("XA125", "with a dom0, an interrupt with two triggers", TRIGGERS),
    _dom0("XA125", "with a dom0, two triggers, marked", TRIGGERS, "/last@b200000"),
    _dom0("XA125", "with a dom0, two interrupt cells at the GIC", TWO_CELLS),
    _dom0("XA125", "with a dom0, no controller", "empty { interrupts-extended = <0>; };"),
    _dom0("XA125", "with a dom0, INTID 1000", "high { interrupts = <0 968 4>; };"),
    _dom0("XA125", "with a dom0, a PCI port without ranges", _PORT),
    _dom0("XA125", "with a dom0, an address of 2^48", FAR),
    _dom0(
        "XA125",
        "with a dom0, iommus of two IOMMUs",
        "",
        "/behind-foreign@a212000",
        "/behind-broken@a213000",
        "/foreign-last@a215000",
        "/overlapping@a216000",
        board="smmu-odd",
    ),
)

#: What looks like them and is no obstacle.
WITH_DOM0 = (
    _dom0("", "with a dom0, the console's interrupt, marked", _CONSOLE_LINE, "/spi@b300000"),
    _dom0("", "with a dom0, an address of 2^48, marked", FAR, "/far@1000000000000"),
    _dom0("", "with a dom0, nodes that Xen does not read so, or withholds", _LIKE_THEM),
)

DOM0LESS = (
    *WITHOUT_DOM0,
    Case("XA108", "129 vCPUs", domain=Domain(vcpus=129), also=frozenset({"XA122"})),
    Case(
        "XA205",
        "a guest address of 2^48",
        partial(device("/pl031@9010000", reg(0x9010000, guest=1 << 48))),
    ),
    Case("XA301", "a device with a PPI", _soc("ppi@1a000"), "devices"),
    Case("XA301", "an extended SPI that Xen treats as a PPI", _soc("extended@29000"), "devices"),
    Case("XA304", "the console UART", partial(device("/pl011@9000000", "xen,reg;"))),
    Case("XA304", "a device with the console UART's interrupt", _soc("console-line@403000"), "odd"),
    Case(
        "XA305",
        "with a dom0, a host node that is not marked",
        domain=Domain(beside_dom0=True),
    ),
    _node(
        "XA305", "a kernel in a node that is not a domain, which makes a dom0", ("domU1 {", _OTHER)
    ),
    Case("XA309", "one device, one interrupt, two triggers", _soc("clash@402000"), "odd"),
    Case(
        "XA309",
        "two devices, one interrupt, two triggers",
        partial(
            device("/soc/clash@400000", "xen,reg;", name="one")
            + device("/soc/clash@401000", "xen,reg;", name="two")
        ),
        "odd",
    ),
    Case(
        "XA404",
        "behind an IOMMU that Xen does not drive",
        partial(device("/behind-foreign@a212000", "xen,reg;")),
        "smmu-odd",
    ),
    Case(
        "XA404",
        "with streams of two SMMUs",
        partial(device("/two-smmus@a214000", "xen,reg;")),
        "smmu-odd",
    ),
    Case(
        "XA408",
        "a device with streams of which another has one",
        partial(
            device("/masked@a205000", "xen,reg;", "", "one")
            + device("/overlapping@a216000", "xen,reg;", "", "two")
        ),
        "smmu-odd",
        releases=("4.20",),
    ),
    Case(
        "XA408",
        "a wider mask after a narrower one",
        partial(
            device("/within@a206000", "xen,reg;", "", "one")
            + device("/masked@a205000", "xen,reg;", "", "two")
        ),
        "smmu",
        releases=("4.20",),
    ),
    Case("XA411", "xen,reg alone", partial("device { xen,reg; };")),
    Case("XA411", "xen,path alone", partial('device { xen,path = "/pl031@9010000"; };')),
    Case(
        "XA411",
        "xen,path and xen,force-assign-without-iommu",
        partial(device("/pl031@9010000", "")),
    ),
    Case(
        "XA411",
        "an empty xen,reg in a child",
        partial(device("/pl031@9010000", reg(0x9010000) + FORCE, "child { xen,reg; };")),
    ),
    Case("XA211", "#address-cells and #size-cells of 0", partial(CLOCK, (0, 0))),
    Case(
        "XA211",
        "#address-cells of 3",
        partial(
            device("/pl031@9010000", "xen,reg = <0 0 0x9010000 0 0x1000 0 0 0x9010000>;"), (3, 2)
        ),
        releases=("4.20",),
    ),
    Case("XA213", "a size of 0x200", partial(device("/pl031@9010000", reg(0x9010000, 0x200)))),
    Case(
        "XA213",
        "a host address in the middle of a page",
        partial(device("/pl031@9010000", reg(0x9010800, guest=0x9010000))),
    ),
    Case(
        "XA213",
        "a guest address in the middle of a page",
        partial(device("/pl031@9010000", reg(0x9010000, guest=0x9010800))),
    ),
    Case(
        "XA412",
        "a path with another unit address",
        partial(device("/pl031@9010001", reg(0x9010000))),
    ),
    Case(
        "XA412",
        "a path with a slash at its end",
        partial(device("/pl031@9010000/", reg(0x9010000))),
    ),
    Case("XA412", "an alias", partial(device("serial1", "xen,reg;")), "devices"),
    Case(
        "XA413",
        "neither protected nor forced",
        partial(device("/pl031@9010000", reg(0x9010000), "")),
    ),
    Case(
        "XA413",
        "with a disabled SMMU, not forced",
        partial(device("/behind-off@a207000", "xen,reg;", "")),
        "smmu",
    ),
    Case(
        "XA413",
        "a PCI host with iommu-map alone, not forced",
        partial(device("/pcie@b400000", "xen,reg;", "")),
        "smmu",
        graft=_MAPPED,
    ),
    Case(
        "XA122",
        "a tree of slightly more than 4096 bytes",
        partial("".join(f"p{n} = <0 0 0 0>; " for n in range(100))),
        releases=("4.17",),
    ),
    Case(
        "XA122",
        "a property with a name of 4000 characters",
        partial(CLOCK + f"child {{ {'x' * 4000}; }};"),
        releases=("4.17",),
    ),
    Case("XA122", "64 vCPUs", domain=Domain(vcpus=64)),
    Case("XA121", "another magic", b"nope" + GOOD[4:]),
    Case("XA121", "a truncated file", GOOD[:-8]),
    Case("XA121", "last compatible version 18", GOOD[:24] + (18).to_bytes(4, "big") + GOOD[28:]),
    Case(
        "XA218",
        "2 GiB and a page, page by page",
        partial(device("/pl031@9010000", reg(0x9010000, 0x80001000, 0x300000000))),
    ),
    Case(
        "XA219",
        "onto the start of the guest's RAM",
        partial(device("/pl031@9010000", reg(0x9010000, guest=0x40000000))),
    ),
    Case(
        "XA219",
        "onto the place of the guest's device tree",
        partial(device("/pl031@9010000", reg(0x9010000, guest=0x48000000))),
    ),
    Case(
        "XA414",
        "one protected device in two nodes",
        partial(
            device("/single@a200000", "xen,reg;", "", "one")
            + device("/single@a200000", "xen,reg;", "", "two")
        ),
        "smmu",
    ),
    Case(
        "XA313", "INTID 255 with nr_spis = <32>", _soc("last@20000"), "devices", Domain(nr_spis=32)
    ),
    Case("XA313", "INTID 991 on a GIC with fewer interrupts", _soc("intid-991@412000"), "odd"),
    Case(
        "XA313",
        "a vPL011 with nr_spis = <0>",
        partial(""),
        domain=Domain(nr_spis=0),
        releases=("4.20",),
    ),
    Case("XA314", "nr_spis = <1000>", domain=Domain(nr_spis=1000)),
    Case(
        "XA214",
        "a second mapping that ends at 2^64",
        partial(CLOCK + f"last {{ {reg((1 << 64) - PAGE, guest=0x8000000)} {FORCE} }};"),
    ),
    Case(
        "XA415",
        "with a dom0, a protected device that is not marked",
        partial(device("/streams-only", "xen,reg;", "")),
        "smmu",
        Domain(beside_dom0=True),
    ),
    _node("XA701", "no node with multiboot,kernel", (_KERNEL, '"multiboot,kernels"')),
    _node("XA701", "a kernel without multiboot,module", (_KERNEL + _MODULE, _KERNEL)),
    _node("XA701", "xen,linux-zimage", (_KERNEL, '"xen,linux-zimage"')),
    _node("XA701", "a kernel of 0 bytes", ("0x49000000 0 0x1000", "0x49000000 0 0")),
    _node("XA701", "an empty #address-cells", ("#address-cells = <2>", "#address-cells")),
    _add("XA701", "30 modules before the kernel: Xen lists 32", _MANY),
    _node("XA702", "no memory", ("memory = <0 262144>;", "")),
    _memory("XA702", "memory of one cell", "262144"),
    _node("XA703", "no cpus", ("cpus = <1>;", "")),
    _node("XA703", "cpus = <0 1>", ("cpus = <1>;", "cpus = <0 1>;")),
    _node("XA704", "a kernel without reg", ("reg = <0 0x49000000", "ger = <0 0x49000000")),
    _node(
        "XA704", "#address-cells of 3", ("#address-cells = <2>", "#address-cells = <3>")
    )._replace(also=frozenset({"XA713", "XA121"})),
    _node(
        "XA704",
        "a ramdisk without reg and multiboot,module",
        (_RAMDISK + _MODULE, _RAMDISK),
        ("reg = <0 0x49200000", "ger = <0 0x49200000"),
    ),
    _add("XA706", "direct-map without xen,static-mem", "direct-map;"),
    _node("XA712", "after a domain with 800 MiB on a host with 1 GiB", ("domU1 {", _LARGE)),
    _memory("XA712", "4 MiB", "0 4096"),
    _memory("XA712", "6 MiB, and 4 of them for device tree and ramdisk", "0 6144"),
    _memory("XA712", "256 MiB in bytes", "0 0x10000000"),
    _memory("XA712", "more than the host has", "0 1100000"),
    _memory("XA712", "the cells in the wrong order", "262144 0"),
    _memory("XA712", "not a multiple of 4 KiB", "0 262145"),
    _node("XA713", "a kernel above the RAM", ("<0 0x49000000", "<0 0x90000000")),
    _node("XA713", "a device tree above the RAM", ("<0 0x49400000", "<0 0x90000000"))._replace(
        also=frozenset({"XA121"})
    ),
    _node("XA713", "a kernel in registers", ("<0 0x49000000", "<0 0x9010000")),
    _add("XA715", "xen,enhanced and no dom0", "xen,enhanced;"),
    _add("XA715", 'xen,enhanced = "enabled" and no dom0', 'xen,enhanced = "enabled";'),
    _add("XA716", "max_grant_version = <2>", "max_grant_version = <2>;")._replace(releases=_4_20),
    _add("XA716", "max_grant_frames = <0>", "max_grant_frames = <0>;")._replace(releases=_4_20),
    _add("XA716", "max_grant_frames = <0x80000000>", "max_grant_frames = <0x80000000>;")._replace(
        releases=_4_20
    ),
    _add("XA717", "xen,static-mem", "xen,static-mem = <0 0x60000000 0 0x10000000>;"),
    _node("XA717", "shared memory of dom0", ("domU1 {", f"{_SHM} domU1 {{"))._replace(
        releases=_4_20, also=frozenset({"XA701"})
    ),
    _node(
        "XA701", "shared memory of dom0, before the domain", ("domU1 {", f"{_SHM} domU1 {{")
    )._replace(releases=("4.17",)),
    _add("XA717", "sve", "sve;")._replace(releases=_4_20),
    _add("XA717", "llc-colors", 'llc-colors = "0-3";')._replace(releases=_4_20),
    _node("XA720", "bootargs of 1025 characters", ('bootargs = "', f'bootargs = "{"x" * 999}')),
    _node(
        "XA724", "a ramdisk at the kernel's address", ("<0 0x49200000", "<0 0x49000000")
    )._replace(releases=("4.17",)),
    _add("XA725", "a pool of 0 MiB", "xen,domain-p2m-mem-mb = <0>;")._replace(
        also=frozenset({"XA218"})
    ),
    _add("XA725", "a pool of 900 MiB on a host with 1 GiB", "xen,domain-p2m-mem-mb = <900>;"),
    _node(
        "XA726",
        "compatible without its NUL",
        ('compatible = "xen,domain"', f"compatible = {_NO_NUL}"),
    ),
    _add("XA749", "a channel from a port to itself", _channel("a", 1, "&a")),
    _add("XA749", "a channel to no node", _channel("a", 1, "0x7fff")),
    _add("XA749", "a channel without a port", 'c { compatible = "xen,evtchn-v1"; };'),
    _add("XA749", "a channel of port 0", _channel("a", 0, "&b") + _channel("b", 2, "&a")),
    _add(
        "XA749",
        "a channel of port 1024",
        _channel("a", 1024, "&b") + _channel("b", 1, "&a"),
    ),
    _add(
        "XA749",
        "a node that another one does not name",
        _channel("a", 1, "&b") + _channel("b", 2, "&b"),
    ),
)

#: What only releases refuse that Debian does not have: for hypervisors that were built by hand.
BUILT = (
    _add("XA708", "a type of SCI that Xen does not know", 'xen,sci_type = "scmi";')._replace(
        releases=("4.21", "4.22")
    ),
    _add("XA708", "xen,sci_type in capitals", 'xen,sci_type = "SCMI_SMC";')._replace(
        releases=("4.21", "4.22")
    ),
    _add("XA716", "capabilities = <8>", "capabilities = <8>;")._replace(releases=("4.21", "4.22")),
    _add("XA718", "a vCPU without id", 'vcpu0 { compatible = "xen,vcpu"; };')._replace(
        releases=("4.21", "4.22")
    ),
    _add("XA718", "a vCPU too many", 'vcpu0 { compatible = "xen,vcpu"; id = <1>; };')._replace(
        releases=("4.21", "4.22")
    ),
    _add(
        "XA718",
        "a vCPU on no CPU",
        'vcpu0 { compatible = "xen,vcpu"; id = <0>; hard-affinity = ""; };',
    )._replace(releases=("4.21", "4.22")),
    _add(
        "XA718",
        "a vCPU on CPUs from 1 to 0",
        'vcpu0 { compatible = "xen,vcpu"; id = <0>; hard-affinity = "1-0"; };',
    )._replace(releases=("4.21", "4.22")),
    _add(
        "XA718",
        "a vCPU on a CPU that Xen does not run on",
        'vcpu0 { compatible = "xen,vcpu"; id = <0>; hard-affinity = "0,1"; };',
    )._replace(releases=("4.21", "4.22")),
    Case(
        "XA512",
        "a phandle of 0xfde7",
        partial(CLOCK + "last { phandle = <0xfde7>; };"),
        releases=("4.22",),
    ),
    Case(
        "XA214",
        "a second mapping of size 0 at the same guest address",
        partial(CLOCK + f"empty {{ {reg(0x9010000, 0)} {FORCE} }};"),
        releases=("4.21", "4.22"),
    ),
    Case(
        "",
        "a second mapping of size 0 at a lower guest address",
        partial(CLOCK + f"empty {{ {reg(0x9010000, 0, 0x9000000)} {FORCE} }};"),
        releases=(),
    ),
    Case(
        "",
        "a second mapping of size 0 at a higher guest address",
        partial(CLOCK + f"empty {{ {reg(0x9010000, 0, 0x9020000)} {FORCE} }};"),
        releases=(),
    ),
    _add("", "scmi_smc on a host without SCMI", 'xen,sci_type = "scmi_smc";')._replace(releases=()),
    _add("", "no SCI", 'xen,sci_type = "none";')._replace(releases=()),
    Case("", "a phandle of 0xfde6", partial(CLOCK + "last { phandle = <0xfde6>; };"), releases=()),
)

_IRQ, _IOMEM = "irqs = [ 34 ]\n", 'iomem = [ "0x9010,1" ]\n'
_TREE = 'device_tree = "p.dtb"\n'
_MARK = ("/pl031@9010000",)


def _cfg(
    rule: str, what: str, cfg: str, board: str = "virt", marks: tuple[str, ...] = _MARK
) -> Case:
    return Case(rule, what, board=board, cfg=cfg, marks=marks)


XL = (
    _cfg("XA108", "129 vCPUs", "vcpus = 129\n"),
    _cfg("XA205", "a guest page of 2^36", _IRQ + 'iomem = [ "0x9010,1@1000000000" ]\n'),
    _cfg(
        "XA404",
        "dtdev behind an IOMMU that Xen does not drive",
        'dtdev = [ "/behind-foreign@a212000" ]\n',
        "smmu-odd",
        (),
    ),
    _cfg(
        "XA408",
        "a device with streams of which dom0's has one",
        'dtdev = [ "/masked@a205000" ]\n',
        "smmu",
        ("/masked@a205000",),
    )._replace(releases=("4.20",)),
    Case("XA801", "no /passthrough", compiled("/dts-v1/; / { };"), cfg=_TREE, marks=_MARK),
    Case(
        "XA801",
        "/passthrough@0 before it",
        partial("", before="passthrough@0 { };"),
        cfg=_TREE,
        marks=_MARK,
    ),
    Case(
        "XA801",
        "/Passthrough",
        GOOD.replace(b"passthrough\0", b"Passthrough\0"),
        cfg=_TREE,
        marks=_MARK,
    ),
    Case("XA121", "another magic", b"nope" + GOOD[4:], cfg=_TREE, marks=_MARK),
    Case("XA121", "a truncated file", GOOD[:-8], cfg=_TREE, marks=_MARK),
    Case(
        "XA121",
        "last compatible version 18",
        GOOD[:24] + (18).to_bytes(4, "big") + GOOD[28:],
        cfg=_TREE,
        marks=_MARK,
    ),
    _cfg(
        "XA218",
        "3 GiB of a PCI window",
        'iomem = [ "8000000,c0000@800000" ]\n',
        marks=("/pcie@10000000",),
    ),
    _cfg(
        "XA414",
        "a device twice in dtdev",
        'dtdev = [ "/single@a200000", "/single@a200000" ]\n',
        "smmu",
        ("/single@a200000",),
    ),
    _cfg("XA314", "nr_spis = 1000 (known from 4.19 on)", _IRQ + "nr_spis = 1000\n")._replace(
        releases=("4.20",)
    ),
    _cfg("XA622", "llc_colors", 'llc_colors = [ "0-3" ]\n')._replace(releases=_4_20),
    _cfg("XA622", 'sve = "128"', 'sve = "128"\n')._replace(releases=_4_20),
    _cfg("XA622", 'sve = "HW"', 'sve = "HW"\n')._replace(releases=_4_20),
    _cfg("XA623", "llc_colors of no number", 'llc_colors = [ "all" ]\n')._replace(releases=_4_20),
    _cfg("XA623", "llc_colors downwards", 'llc_colors = [ "3-0" ]\n')._replace(releases=_4_20),
    _cfg("XA623", "sve = 0", "sve = 0\n")._replace(releases=_4_20),
    _cfg("XA623", "sve = 100", "sve = 100\n")._replace(releases=_4_20),
    _cfg("XA620", "pci on a board without an IOMMU", 'pci = [ "01:00.0" ]\n'),
    _cfg("XA620", "pci on a board with an SMMU", 'pci = [ "01:00.0" ]\n', "smmu", ()),
    _cfg("XA602", "an INTID in hexadecimal", "irqs = [ 0x22 ]\n"),
    _cfg("XA319", "an INTID twice", "irqs = [ 34, 34 ]\n"),
    _cfg("XA603", "no count", 'iomem = [ "0x9010" ]\n'),
    _cfg("XA603", "a count of 0", 'iomem = [ "0x9010,0" ]\n'),
    _cfg("XA603", "a guest page that is not a number", 'iomem = [ "0x9010,1@here" ]\n'),
    _cfg("XA605", "Python", "irqs = [ 30 + 4 ]\n"),
    _cfg("XA605", "a list without closing bracket", "irqs = [ 34\n"),
    _cfg("XA606", "a list in irqs", "irqs = [ [ 34 ] ]\n"),
    _cfg("XA606", "a list in iomem", 'iomem = [ [ "0x9010,1" ] ]\n'),
    _cfg("XA318", "INTID 32 with a vuart", 'irqs = [ 32 ]\nvuart = "sbsa_uart"\n')._replace(
        also=frozenset({"XA316"})
    ),
    _cfg("XA418", "a mode that xl does not know", 'passthrough = "on"\n'),
    _cfg(
        "XA418",
        "dtdev with passthrough disabled",
        'dtdev = [ "/single@a200000" ]\npassthrough = "disabled"\n',
        "smmu",
        ("/single@a200000",),
    ),
    Case("XA607", "device_tree without such a file", None, cfg=_TREE, marks=_MARK),
    Case("XA607", "an empty device_tree", None, cfg='device_tree = ""\n', marks=_MARK),
    _cfg(
        "XA417",
        "dtdev of a device without an IOMMU",
        _IRQ + _IOMEM + 'dtdev = [ "/pl031@9010000" ]\n',
    ),
    _cfg(
        "XA417",
        "passthrough enabled on a board without an IOMMU",
        _IRQ + 'passthrough = "enabled"\n',
    ),
    _cfg(
        "XA417",
        "dtdev of an unprotected device on a board with an SMMU",
        'dtdev = [ "/bare@a20a000" ]\n',
        "smmu",
        ("/bare@a20a000",),
    ),
    _cfg("XA316", "the console UART's INTID", "irqs = [ 33 ]\n"),
    _cfg("XA316", "a PPI", "irqs = [ 27 ]\n"),
    _cfg("XA316", "an SPI number without the 32 added", "irqs = [ 2 ]\n"),
    _cfg("XA316", "an INTID that no device has", "irqs = [ 200 ]\n"),
    _cfg(
        "XA316",
        "a device below one with a PPI",
        "irqs = [ 230 ]\n",
        "devices",
        ("/soc/ppi@1a000/below@0",),
    ),
    _cfg("XA317", "a host node that is not marked", _IRQ, marks=()),
    _cfg(
        "XA317",
        "an interrupt that another, unmarked device shares",
        "irqs = [ 227 ]\n",
        "devices",
        ("/soc/shared@14000",),
    ),
    _cfg(
        "XA317",
        "an interrupt that a disabled alternative shares",
        "irqs = [ 229 ]\n",
        "devices",
        ("/soc/i2c@18000",),
    ),
    _cfg("XA221", "host RAM", 'iomem = [ "0x41000,1" ]\n'),
    _cfg("XA221", "the console UART", 'iomem = [ "0x9000,1@8000" ]\n'),
    _cfg("XA221", "a size in bytes", 'iomem = [ "0x9010,0x1000" ]\n'),
    _cfg(
        "XA221",
        "a device below one with a PPI",
        'iomem = [ "0xf01b,1" ]\n',
        "devices",
        ("/soc/ppi@1a000/below@0",),
    ),
    _cfg(
        "XA415",
        "dtdev of a device that is not marked",
        'dtdev = [ "/single@a200000" ]\n',
        "smmu",
        (),
    ),
)

#: What looks as if it were refused, and is not: found by the mutants of agreement.py, or known.
#: The form of Xen's docs/misc/arm/passthrough.txt, of a device behind an SMMU.
_CLASSIC = """/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; passthrough {
    compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>;
    single@10000000 {
        compatible = "example,master"; reg = <0 0x10000000 0 0x1000>; interrupts = <0 190 4>;
    };
}; };"""
FINE = (
    *WITH_DOM0,
    Case(
        "",
        "Xen's documented example, with dtdev",
        compiled(_CLASSIC),
        "smmu",
        cfg=f"{_TREE}dtdev = [ '/single@a200000' ]\nirqs = [ 222 ]\n"
        "iomem = [ '0xa200,1@0x10000' ]\n",
        marks=("/single@a200000",),
    ),
    Case(
        "",
        "a narrower mask behind a wider one",
        partial(
            device("/masked@a205000", "xen,reg;", "", "one")
            + device("/within@a206000", "xen,reg;", "", "two")
        ),
        "smmu",
    ),
    Case(
        "",
        "beside a dom0, a device without interrupt that it has",
        _soc("quiet@22000"),
        "devices",
        Domain(beside_dom0=True),
    ),
    Case(
        "",
        "4.17 has a vPL011 without its line",
        partial(""),
        domain=Domain(nr_spis=0),
        releases=("4.17",),
    ),
    Case("", "beside a dom0, marked", domain=Domain(beside_dom0=True), marks=_MARK),
    Case("", "host RAM", partial(device("/pl031@9010000", reg(0x49000000, guest=0x9010000)))),
    Case("", "size 0", partial(device("/pl031@9010000", reg(0x9010000, 0)))),
    Case("", "size 0 above stage 2", partial(device("/pl031@9010000", reg(0x9010000, 0, 1 << 56)))),
    Case(
        "",
        "host addresses that end at 2^64, in the first mapping",
        partial(f"last {{ {reg((1 << 64) - PAGE, guest=0x8000000)} {FORCE} }};"),
    ),
    Case(
        "",
        "a host address of 2^63",
        partial(device("/pl031@9010000", reg(1 << 63, guest=0x9010000))),
    ),
    Case("", "an FDT_NOP before the root: no tree at all to libfdt", _nop_first(GOOD)),
    Case(
        "",
        "the rest of an entry behind xen,reg",
        partial(device("/pl031@9010000", reg(0x9010000)[:-2] + " 0 1>;")),
    ),
    Case("", "the path in capitals", partial(device("/PL031@9010000", reg(0x9010000)))),
    Case("", "the device twice, forced", partial(CLOCK + CLOCK.replace("device", "again"))),
    Case(
        "",
        "a later stream is behind a disabled SMMU",
        partial(device("/off-last@a209000", "xen,reg;", "")),
        "smmu",
    ),
    Case("", "an extended SPI that Xen takes for another line", _soc("extended@28000"), "devices"),
    Case("", "a disabled device", _soc("disabled@27000"), "devices"),
    Case("", "a device below one with a PPI", _soc("ppi@1a000/below@0"), "devices"),
    Case("", "a trigger of 0", _soc("none@26000"), "devices"),
    Case(
        "",
        "4.17 misreads cells of 3",
        partial(
            device("/pl031@9010000", "xen,reg = <0 0 0x9010000 0 0x1000 0 0 0x9010000>;"), (3, 2)
        ),
        releases=("4.17",),
    ),
    Case(
        "",
        "4.17 drops a property without a word",
        partial(CLOCK + f'child {{ text = "{"x" * 3400}"; }};'),
        releases=("4.17",),
    ),
    _memory("", "memory of three cells", "0 262144 0"),
    _memory("", "8 MiB", "0 8192"),
    _node("", "a kernel whose kind is in capitals", (_KERNEL, '"MULTIBOOT,KERNEL"')),
    _node("", "a device tree without multiboot,module", (_BLOB + _MODULE, _BLOB)),
    _node("", "a name with @", ("domU1 {", "domU@1 {")),
    _node(
        "", "4.20 drops a ramdisk at the kernel's address", ("<0 0x49200000", "<0 0x49000000")
    )._replace(releases=_4_20),
    _add("", "domain-cpupool of a default build", "domain-cpupool = <0x8000>;"),
    _add("", "a domain that is disabled", 'status = "disabled";'),
    _add("", "passthrough is disabled", 'passthrough = "disabled";'),
    _add("", 'xen,enhanced = "no-xenstore"', 'xen,enhanced = "no-xenstore";'),
    _add("", "max_grant_version = <17>", "max_grant_version = <17>;"),
    _add("", "a pool of 1 MiB", "xen,domain-p2m-mem-mb = <1>;"),
    _add("", "4.17 does not know sve", "sve;")._replace(releases=("4.17",)),
    _cfg("", "no number behind 0x", _IRQ + 'iomem = [ "0x9010,1@0x" ]\n'),
    _cfg("", "one page more than the device has", _IRQ + 'iomem = [ "0x9010,2" ]\n'),
    _cfg("", "the GIC, behind the flash's last page", 'iomem = [ "0x8000,1@8000" ]\n'),
    _cfg("", "an address in bytes that is in a PCI window", 'iomem = [ "0x9010000,1" ]\n'),
    _cfg("", "a page twice", 'iomem = [ "0x9010,1", "0x9010,1@8000" ]\n'),
    _cfg("", "a sign and blanks", 'irqs = [ " +34" ]\niomem = [ " 9010, 1" ]\n'),
    _cfg("", "an atom for a list", "irqs = 33\niomem = '9000,1'\ndtdev = '/none'\n"),
    _cfg(
        "", "4.17 does not know llc_colors and sve", 'llc_colors = [ "0-3" ]\nsve = "128"\n'
    )._replace(releases=("4.17",)),
    _cfg("", "no llc_colors, and sve disabled", 'llc_colors = [ ]\nsve = "disabled"\n'),
    _cfg("", "llc_colors that is not a list", 'llc_colors = "0-3"\n'),
    _cfg("", "a misspelt key", "irq = [ 33 ]\n"),
    _cfg(
        "",
        "3 GiB of a PCI window with shadow_memory",
        'iomem = [ "8000000,c0000@800000" ]\nshadow_memory = 16\n',
        marks=("/pcie@10000000",),
    ),
    _cfg("", "registers of a device that dom0 keeps", 'iomem = [ "0x9030,1" ]\n'),
    _cfg("", "a protected device without dtdev", "irqs = [ 222 ]\n", "smmu", ("/single@a200000",)),
    _cfg(
        "",
        "a protected device",
        'irqs = [ 222 ]\ndtdev = [ "/single@a200000" ]\n',
        "smmu",
        ("/single@a200000",),
    ),
)


class Row(NamedTuple):
    """A line of the document.

    ``message``: Xen's own words, none where it accepts. ``foretold``: our findings with the effect
    ``rejected``. ``log``: the lines of the console.
    """

    case: Case
    release: str
    message: str
    foretold: tuple[Finding, ...]
    log: Sequence[str]

    def cells(self) -> tuple[str, ...]:
        """What stands in the document."""
        # What depends on QEMU's release and on our own sizes.
        message = re.sub(r"\(max = \d+\)", "(max = …)", self.message)
        message = re.sub(r"\(left = \d+ bytes\)", "(left = … bytes)", message)
        return (self.case.rule, self.case.route, self.release, self.case.what, message)


def dom0less_rows(ready: Machine, cases: Sequence[Case] = DOM0LESS) -> Iterator[Row]:
    """Boots the cases of a release; all of them on one that was built by hand."""
    with side_by_side() as pool:
        asked = [case for case in cases if ready.built or ready.release in case.releases]
        yield from pool.map(lambda case: _dom0less(ready, case), asked)


def xl_rows(ready: Machine, cases: Sequence[Case] = XL) -> Iterator[Row]:
    """Tries the cases of a release, with one boot of dom0 for each board and set of marks."""
    asked = [case for case in cases if ready.release in case.releases]
    for name, marks in dict.fromkeys((case.board, case.marks) for case in asked):
        together = [case for case in asked if (case.board, case.marks) == (name, marks)]
        yield from _xl(ready, name, marks, together)


def _dom0less(ready: Machine, case: Case) -> Row:
    assert case.partial is not None
    host = boards.marked(boards.grafted(host_of(case.board), case.graft), case.marks)
    setup = setup_of(case.board)
    made = system(ready, case.partial, host, case.domain, setup=setup)
    try:
        outcome = boot_system(ready, made, seconds=SILENT_AFTER, setup=setup)
        message, log = about_dom0(outcome.log) or outcome.message, outcome.log
    except NoAnswerError as error:
        message, log = "(Xen hangs)", error.log
    found = foretold(made, context(ready, case.domain, host), setup) or ()
    return Row(case, ready.release, message, rejecting(found, "dom0less"), log)


def about_dom0(log: Sequence[str]) -> str | None:
    """Why Xen gave up the construction of dom0: the line before it says that; None if it did not.

    The harness reads what Xen says about dom0less domains only.
    """
    failed = next((n for n, text in enumerate(log) if "generation failed" in text), len(log))
    if not any("Could not set up DOM0" in text for text in log[failed:]):
        return None
    reasons = [text.removeprefix("(XEN) ") for text in log[:failed] if "(XEN) " in text]
    return reasons[-1] if reasons else None


def _xl(ready: Machine, name: str, marks: tuple[str, ...], cases: Sequence[Case]) -> Iterator[Row]:
    host = boards.marked(host_of(name), (*marks, *boards.BOARDS[name].marks))
    jobs = [Job(c.cfg or "", {} if c.partial is None else {"p.dtb": c.partial}) for c in cases]
    outcomes = boot_dom0(ready, host, jobs, setup=setup_of(name))
    for case, job, outcome in zip(cases, jobs, outcomes, strict=True):
        found = predict_xl(job.text(), job.files.get, xl_context(ready, host))
        foretold = rejecting(found, "xl")
        yield Row(case, ready.release, outcome.message, foretold, outcome.log)


# ---------------------------------------------------------------------------- the document

HEAD = """# What Xen says

Written by `python -m tests.xen.rejections` from boots of the real hypervisor under QEMU (Debian's
Xen 4.17 and 4.20); a test boots again and compares. The rules are in [rules](rules/README.md).
Other releases and builds are under [By hand](#by-hand).

## Refused

Each rule with the effect `rejected`, what was tried, and the message of Xen or libxl.

| rule | route | Xen | what was tried | answer |
|---|---|---|---|---|
"""

TWO = """
## Two domains

Two domains that share something. Each alone is what xenassign writes, and Xen accepts it. xl
creates the second while the first runs.

| rule | route | Xen | what both have | answer |
|---|---|---|---|---|
"""

SILENCE = """
## Accepted without an error

QEMU's clock (a PL031 with an interrupt), assigned to a dom0less guest as xenassign writes it, with
one change by hand. Xen builds the domain and reports no error. The last column is what works in the
guest: the device's node, the clock's driver, the clock's alarm.

| rule | Xen | what was changed | the guest |
|---|---|---|---|
"""

CLASSIC = """
## The form of Xen's documentation

The example of Xen's docs/misc/arm/passthrough.txt with QEMU's clock, without `xen,path` and
`interrupt-parent`, as it is and with one change by hand. xl creates the guest and reports no error.
So it does for a device behind an SMMU that dtdev lists.

| rule | Xen | what was changed | the guest |
|---|---|---|---|
"""

SPACE = """
## Extended regions and unused windows

A guest with 256 MiB and QEMU's clock at some guest address. The extended regions are those that
Xen or libxl wrote into the guest's tree, the last column is what works of the clock. XA204 is
found where a region is over the clock; nothing is in the windows for vPCI (0x10000000), ACPI
tables (0x20000000) and virtio-mmio (0x2000000). From 4.21 on dom0less Xen leaves what is mapped out
of the regions, so that none is over the clock (by hand, below).

| rule | route | Xen | the domain has | the clock is at | extended regions | the guest |
|---|---|---|---|---|---|---|
"""

#: Rules with the effect ``rejected`` that no boot here shows, and why.
NOT_SHOWN = {
    "XA007": "only Xen 4.21 and newer forward SCMI, which Debian does not have",
    "XA011": "Debian's Xen is built without overlays; see docs/attach.md",
    "XA015": "only a Xen 4.19 with overlays, which Debian does not have; see docs/attach.md",
    "XA016": "Debian's Xen is built without overlays; see docs/attach.md",
    "XA102": "a decision of the generator; XA304, XA316 and XA221 show Xen's answers",
    "XA303": "QEMU's GIC has no such lines; XA313 shows the answer",
    "XA310": "Xen does not start at all on such a board",
    "XA311": "XA316 and XA221 show xl's answers",
    "XA708": "only Xen 4.21 and newer refuse it, which Debian does not have",
    "XA614": "only xl 4.21 and newer refuses it, which Debian does not have",
    "XA621": "only xl 4.21 and newer refuses it, which Debian does not have",
    "XA738": "Debian's Xen is built without static memory; see XA717",
    "XA741": "Debian's Xen is built without static memory; see XA717",
    "XA742": "Debian's Xen is built without shared memory; see XA717",
    "XA743": "Debian's Xen is built without shared memory; see XA717",
    "XA744": "Debian's Xen is built without shared memory; see XA717",
    "XA747": "only a Xen for Armv8-R refuses it, whose processors QEMU does not have",
    "XA751": "Debian's Xen is built without cache coloring; see XA717",
    "XA750": "Debian's Xen is built without CPU pools at boot, and reads none",
    "XA729": "only Xen 4.21 and newer refuse it, on boards with SCMI, which QEMU does not have",
    "XA714": "Debian's Xen is built without static memory; see XA717",
    "XA731": "Debian's Xen is built without static memory; see XA717",
    "XA732": "Debian's Xen is built without static memory; see XA717",
    "XA733": "Debian's Xen is built without static memory; see XA717",
    "XA734": "Debian's Xen is built without static memory; see XA717",
    "XA737": "Debian's Xen is built without static memory and colors; see XA717",
    "XA718": "only Xen 4.21 and newer refuse it, which Debian does not have",
    "XA512": "only Xen 4.22 refuses it, which Debian does not have",
}


def shown_on(version: str) -> set[str]:
    """The rules that a boot shows on a release of Debian's."""
    shown = {case.rule for case in (*DOM0LESS, *XL) if version in case.releases}
    return shown | {pair.rule for pair in PAIRS if pair.refused and version in pair.releases}


def rejecting_rules() -> list[Rule]:
    """All rules with the effect ``rejected``, by code."""
    catalogue.rules()  # imports every module with rules
    rules = (each for each in registered() if each.effect == "rejected")
    return sorted(rules, key=lambda each: each.code)


def unaffected() -> list[tuple[str, Rule]]:
    """(release, rule) where that release of Debian's does not refuse what the other one does."""
    return [
        (version, each)
        for each in rejecting_rules()
        for version in RELEASES.values()
        if each.code not in NOT_SHOWN and not each.applies(release(version))
    ]


def document(
    refused: Sequence[tuple[str, ...]],
    pairs: Sequence[tuple[str, ...]],
    silent: Sequence[tuple[str, ...]],
    classic: Sequence[tuple[str, ...]],
    spaces: Sequence[tuple[str, ...]],
) -> str:
    """docs/xen-verdicts.md, but for what by_hand.py writes."""
    not_shown = "".join(f"- {code}: {why}.\n" for code, why in sorted(NOT_SHOWN.items()))
    elsewhere = "".join(
        f"- {each.code} on {version}: it is refused by {catalogue.affected_releases(each)} only.\n"
        for version, each in unaffected()
    )
    return (
        HEAD
        + "".join(map(line, sorted(refused)))
        + "\nNot shown, on either release:\n\n"
        + not_shown
        + "\nNot shown on one of them:\n\n"
        + elsewhere
        + TWO
        + "".join(map(line, sorted(pairs)))
        + SILENCE
        + "".join(map(line, sorted(silent)))
        + CLASSIC
        + "".join(map(line, sorted(classic)))
        + SPACE
        + "".join(map(line, sorted(spaces)))
    )


def line(cells: Sequence[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def main() -> int:
    """Writes the document."""
    refused, pairs, silent, classic, spaces = [], [], [], [], []
    for suite in RELEASES:
        ready = machine(suite)
        refused += [row.cells() for row in chain(dom0less_rows(ready), xl_rows(ready))]
        pairs += [row.cells() for row in pair_rows(ready)]
        silent += [row.cells() for row in silent_rows(ready)]
        classic += [row.cells() for row in classic_rows(ready)]
        spaces += [row.cells() for row in space_rows(ready)]
    kept = by_hand.section(by_hand.DOCUMENT.read_text())
    written = document(refused, pairs, silent, classic, spaces)
    by_hand.DOCUMENT.write_text(written + kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
