"""Rules about a domain's node: each fires on what one change breaks, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.platform import read_platform
from xenassign.linting.verdict import domain_node
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import BootModule, DomainNode, context_of, domains
from xenassign.linting.verdict.domain_node import misplaced
from xenassign.linting.verdict.module_scan import used_module
from xenassign.linting.verdict.predict import predict_domain, verdicts
from xenassign.xen.board import read_board
from xenassign.xen.releases import RELEASES, release

Compile = Callable[[str], Tree]

KERNEL = """kernel@49000000 { compatible = "multiboot,kernel", "multiboot,module";
    reg = <0 0x49000000 0 0x1000>; bootargs = "quiet"; };"""
RAMDISK = """ramdisk@49200000 { compatible = "multiboot,ramdisk", "multiboot,module";
    reg = <0 0x49200000 0 0x10>; };"""
DTB = """dtb@49400000 { compatible = "multiboot,device-tree", "multiboot,module";
    reg = <0 0x49400000 0 0x400>; };"""
DOMAIN = f"""domU1 {{
    compatible = "xen,domain";
    #address-cells = <2>;
    #size-cells = <2>;
    cpus = <2>;
    memory = <0 0x40000>;
    vpl011;
    {KERNEL}
    {RAMDISK}
    {DTB}
}};"""
GOOD = f"/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>; chosen {{ {DOMAIN} }}; }};"
VERSIONS = tuple(RELEASES)
SINCE_4_18, SINCE_4_20, SINCE_4_21 = VERSIONS[1:], VERSIONS[3:], VERSIONS[4:]


def context(xen: str = "4.20", **changes: Any) -> Context:
    return Context(release(xen), None)._replace(**changes)


@pytest.fixture(scope="module")
def checked(compiled: Compile) -> Callable[..., list[Finding]]:
    """checked(old, new, context): the findings of the one domain after a change of GOOD."""

    def make(old: str = "", new: str = "", asked: Context | None = None) -> list[Finding]:
        assert old in GOOD
        (domain,) = domains(compiled(GOOD.replace(old, new, 1) if old else GOOD))
        return list(domain_node.check(domain, asked or context()))

    return make


Checked = Callable[..., list[Finding]]


@pytest.mark.parametrize("xen", VERSIONS)
def test_a_good_domain_has_no_finding(checked: Checked, xen: str) -> None:
    assert checked(asked=context(xen)) == []


def channel(name: str, port: int, other: str) -> str:
    """Source of a node that is an end of an event channel."""
    return f'{name}: {name} {{ compatible = "xen,evtchn-v1"; xen,evtchn = <{port} {other}>; }};'


ADD = "vpl011;"
#: rule, what is changed, into what, on which releases.
WRONG = (
    ("XA701", KERNEL, "", VERSIONS),
    ("XA701", '"multiboot,kernel", ', "", VERSIONS),
    ("XA701", "multiboot,kernel", "xen,linux-zimage", VERSIONS),
    ("XA701", "0x49000000 0 0x1000", "0x49000000 0 0x20", VERSIONS),
    ("XA701", '"multiboot,kernel", "multiboot,module"', '"multiboot,kernel"', VERSIONS),
    ("XA701", "#address-cells = <2>;\n    #", "#address-cells;\n    #", VERSIONS),
    ("XA702", "memory = <0 0x40000>;", "", VERSIONS),
    ("XA702", "memory = <0 0x40000>;", "memory = <0x40000>;", VERSIONS),
    ("XA703", "cpus = <2>;", "", VERSIONS),
    ("XA703", "cpus = <2>;", "cpus = <0 2>;", VERSIONS),
    ("XA703", "cpus = <2>;", "cpus;", VERSIONS),
    ("XA704", "reg = <0 0x49000000 0 0x1000>;", "", VERSIONS),
    ("XA704", "reg = <0 0x49000000 0 0x1000>;", "reg = <0x49000000 0x1000>;", VERSIONS),
    ("XA704", "#address-cells = <2>;\n", "#address-cells = <3>;\n", VERSIONS),
    ("XA704", "#address-cells = <2>;\n", "#address-cells = [02];\n", VERSIONS),
    ("XA749", RAMDISK, channel("a", 1, "&a"), VERSIONS),
    ("XA749", RAMDISK, channel("a", 1, "0x7fff"), VERSIONS),
    ("XA749", RAMDISK, channel("a", 0, "&a"), VERSIONS),
    ("XA749", RAMDISK, channel("a", 0, "&b") + channel("b", 1, "&a"), VERSIONS),
    ("XA749", RAMDISK, channel("a", 1, ""), VERSIONS),
    ("XA749", RAMDISK, channel("a", 1024, "&b") + channel("b", 2, "&a"), VERSIONS),
    ("XA749", RAMDISK, channel("a", 3, "&b") + channel("b", 3, "&a"), VERSIONS),
    ("XA749", RAMDISK, channel("a", 1, "&b") + channel("b", 2, "&b"), VERSIONS),
    ("XA749", RAMDISK, channel("a", 1, "&b") + 'b: b { compatible = ""; };', VERSIONS),
    (
        "XA749",
        ADD,
        f"xen,enhanced; capabilities = <4>; {channel('a', 1, '&b')}{channel('b', 2, '&a')}",
        VERSIONS,
    ),
    ("XA705", ADD, 'passthrough = "yes";', VERSIONS[2:]),
    ("XA705", ADD, 'passthrough = "disabled";', VERSIONS[2:]),
    ("XA706", ADD, "direct-map;", VERSIONS),
    ("XA707", '"multiboot,device-tree", "multiboot,module"', '"multiboot,device-tree"', VERSIONS),
    ("XA707", "multiboot,device-tree", "multiboot,dtb", VERSIONS),
    ("XA707", DTB, f"modules {{ {DTB} }};", VERSIONS),
    ("XA707", "dtb@49400000", "d" * 80, VERSIONS),
    ("XA707", "0 0x10>", "0 0x200001>", SINCE_4_18),
    ("XA707", KERNEL, KERNEL.replace("kernel@49000000", "first") + KERNEL, VERSIONS),
    ("XA707", RAMDISK, 'vcpu0 { compatible = "xen,vcpu"; id = <0>; };', VERSIONS[:4]),
    ("XA708", ADD, 'xen,sci_type = "scmi";', SINCE_4_21),
    ("XA708", ADD, 'xen,sci_type = "SCMI_SMC";', SINCE_4_21),
    ("XA708", ADD, "xen,sci_type;", SINCE_4_21),
    ("XA709", ADD, "nr_spis = [20];", VERSIONS),
    ("XA709", ADD, "nr_spis = <32 0>;", VERSIONS),
    ("XA709", "memory = <0 0x40000>;", "memory = <0 0x40000 0>;", VERSIONS),
    ("XA709", ADD, "vpl011 = <0>;", VERSIONS),
    ("XA709", ADD, 'xen,enhanced = "yes";', VERSIONS),
    ("XA709", ADD, 'xen,enhanced = "legacy";', VERSIONS[:4]),
    ("XA710", ADD, "vpl01;", VERSIONS),
    ("XA710", ADD, 'bootargs = "quiet";', VERSIONS),
    ("XA710", ADD, 'passthrough = "enabled";', VERSIONS[:2]),
    ("XA712", "<0 0x40000>", "<0 0x40001>", VERSIONS),
    ("XA712", "<0 0x40000>", "<0 256>", VERSIONS),
    ("XA712", "<0 0x40000>", "<0x40000 0>", VERSIONS),
    ("XA712", "0 0x10>", "0 0x10000000>", VERSIONS),
    ("XA715", ADD, "xen,enhanced;", VERSIONS),
    ("XA715", ADD, 'xen,enhanced = "enabled";', VERSIONS),
    ("XA716", ADD, "max_grant_version = <2>;", SINCE_4_18),
    ("XA716", ADD, "max_grant_frames = <0>;", SINCE_4_18),
    ("XA716", ADD, "max_maptrack_frames = <0x80000000>;", SINCE_4_18),
    ("XA716", ADD, "capabilities = <8>;", SINCE_4_21),
    ("XA716", ADD, "capabilities = <2>;", SINCE_4_21),
    ("XA716", ADD, "trap-unmapped-accesses = <2>;", SINCE_4_21),
    ("XA717", ADD, "xen,static-mem = <0 0x60000000 0 0x10000000>;", VERSIONS),
    ("XA717", ADD, "sve;", SINCE_4_18),
    ("XA717", ADD, 'llc-colors = "0-3";', SINCE_4_20),
    ("XA717", ADD, 'v8r_el1_msa = "mmu";', VERSIONS[5:]),
    ("XA718", ADD, 'vpl011; vcpu0 { compatible = "xen,vcpu"; id = <2>; };', SINCE_4_21),
    ("XA718", ADD, 'vpl011; vcpu0 { compatible = "xen,vcpu"; };', SINCE_4_21),
    (
        "XA718",
        ADD,
        'vpl011; vcpu0 { compatible = "xen,vcpu"; id = <0>; hard-affinity = ""; };',
        SINCE_4_21,
    ),
    (
        "XA718",
        ADD,
        'vpl011; vcpu0 { compatible = "xen,vcpu"; id = <0>; hard-affinity = "1-0"; };',
        SINCE_4_21,
    ),
    (
        "XA718",
        ADD,
        'vpl011; vcpu0 { compatible = "xen,vcpu"; id = <0>; hard-affinity = "0,64"; };',
        SINCE_4_21,
    ),
    ("XA719", "domU1 {", "domU@1 {", VERSIONS),
    ("XA719", "domU1 {", "d" * 41 + " {", VERSIONS),
    ("XA720", '"quiet"', f'"{"x" * 1025}"', VERSIONS),
    ("XA721", "#address-cells = <2>;\n    #size-cells = <2>;", "", VERSIONS),
    ("XA721", "0 0x10>", "0 0x10 0>", VERSIONS),
    ("XA722", '"xen,domain"', '"Xen,Domain"', VERSIONS),
    ("XA723", ADD, 'status = "disabled";', VERSIONS),
    ("XA724", "0 0x10>", "0 0x200001>", VERSIONS[:1]),
    ("XA725", ADD, "xen,domain-p2m-mem-mb = <0>;", VERSIONS),
    ("XA725", ADD, "xen,domain-p2m-mem-mb = <0x1000000>;", VERSIONS),
    ("XA726", '"xen,domain"', "[78 65 6e 2c 64 6f 6d 61 69 6e]", VERSIONS),
    ("XA314", ADD, "nr_spis = <961>;", VERSIONS),
)


def test_a_rule_fires_on_its_releases(checked: Checked, rows: Rows) -> None:
    for code, old, new, versions in WRONG:
        with rows(code, old, new, versions):
            for xen in VERSIONS:
                codes = {finding.code for finding in checked(old, new, context(xen))}
                assert (code in codes) == (xen in versions), xen


RIGHT = (
    ("multiboot,module", "xen,multiboot-module"),
    ("multiboot,module", "Multiboot,Module"),
    ('"xen,domain"', '"vendor,domain", "xen,domain"'),
    ("memory = <0 0x40000>;", "memory = <0 0x2000>;"),
    (ADD, "nr_spis = <960>; xen,domain-p2m-mem-mb = <1>;"),
    (ADD, 'xen,enhanced = "no-xenstore";'),
    (RAMDISK, ""),
    (DTB, ""),
    ("domU1 {", "d" * 40 + " {"),
    ('"quiet"', f'"{"x" * 1024}"'),
    (RAMDISK, channel("a", 1, "&b") + channel("b", 2, "&a")),
    (RAMDISK, channel("a", 1023, "&b") + channel("b", 0, "&a")),
)


@pytest.mark.parametrize(("old", "new"), RIGHT)
def test_what_only_looks_odd_has_no_finding(checked: Checked, old: str, new: str) -> None:
    for xen in VERSIONS:
        assert checked(old, new, context(xen)) == [], xen


def test_every_finding_says_where(checked: Checked, rows: Rows) -> None:
    for code in sorted({code for code, *_ in WRONG if code.startswith("XA7")}):
        with rows(code):
            for _, old, new, versions in [case for case in WRONG if case[0] == code]:
                for finding in checked(old, new, context(versions[0])):
                    assert finding.node is not None
                    assert finding.node.startswith("/chosen/d")
                    assert finding.routes == ("dom0less",)


# --- what the host and the build add ------------------------------------------------------------


def with_host(board: Callable[[str], Tree], **changes: Any) -> Context:
    """QEMU's board with 1 GiB."""
    ram = Block(0x40000000, 1 << 30, 0)
    asked = context(host_memory=(ram,), **changes)
    return asked._replace(board=read_board(read_platform(board("qemu")), asked.release))


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("", "", ""),
        ("XA712", "<0 0x40000>", "<0 0x10000000>"),
        ("XA712", "0x49400000 0 0x400", "0x49400000 1 0"),
        ("XA713", "0 0x49000000 0 0x1000", "0 0x9010000 0 0x1000"),
        ("XA713", "0 0x49000000 0 0x1000", "0 0x90000000 0 0x1000"),
        ("XA713", "0 0x49400000 0 0x400", "0 0x90000000 0 0x400"),
        ("", "0 0x49200000 0 0x10", "0 0x9010000 0 0x10"),
        ("XA725", ADD, "xen,domain-p2m-mem-mb = <900>;"),
        ("XA108", "cpus = <2>", "cpus = <129>"),
    ],
)
def test_with_the_host(
    checked: Checked, board: Callable[[str], Tree], code: str, old: str, new: str
) -> None:
    found = checked(old, new, with_host(board))
    assert {finding.code for finding in found if finding.effect == "rejected"} == {code} - {""}


def test_a_default_build_has_scmi(checked: Checked) -> None:
    for xen in SINCE_4_21:
        assert checked(ADD, 'xen,sci_type = "scmi_smc";', context(xen)) == []
        assert checked(ADD, 'xen,sci_type = "none";', context(xen)) == []


def test_options_of_the_build(checked: Checked) -> None:
    static = ADD + "direct-map; xen,static-mem = <0 0x60000000 0 0x10000000>;"
    built = context(options=frozenset({"STATIC_MEMORY", "ARM64_SVE"}))
    assert checked(ADD, static, built) == []
    assert checked(ADD, "sve;", built) == []
    short = static.replace("0x10000000", "0x8000000")
    assert [finding.code for finding in checked(ADD, short, built)] == ["XA714"]
    cut = static.replace("0 0x10000000", "0")
    assert [finding.code for finding in checked(ADD, cut, built)] == ["XA714"]
    not_built = checked(ADD, static)
    assert {finding.code for finding in not_built} == {"XA706", "XA717"}
    (direct,) = (finding for finding in not_built if finding.code == "XA706")
    assert "CONFIG_STATIC_MEMORY" in direct.message
    assert "has no" not in direct.message
    (without,) = (f for f in checked(ADD, f"{ADD} direct-map;") if f.code == "XA706")
    assert "has no static memory" in without.message


def test_shared_memory_of_dom0_stops_the_scan(checked: Checked) -> None:
    """Booted on 4.17 and 4.20. Before 4.19 Xen only does not see the modules after it."""
    shm = 'shm@0 { compatible = "xen,domain-shared-memory-v1"; };'
    before = f"{shm} domU1 {{"
    for xen, expected in (("4.18", {"XA701"}), ("4.19", {"XA701", "XA717"})):
        found = {f.code for f in checked("domU1 {", before, context(xen))}
        assert found & {"XA701", "XA717"} == expected
    built = context("4.19", options=frozenset({"STATIC_MEMORY", "STATIC_SHM"}))
    assert not {f.code for f in checked("domU1 {", before, built)} & {"XA701", "XA717"}


def test_shared_memory_stops_the_scan(checked: Checked) -> None:
    shm = 'shm { compatible = "xen,domain-shared-memory-v1"; };'
    assert {f.code for f in checked(KERNEL, shm + KERNEL, context("4.17"))} == {"XA701", "XA707"}
    assert "XA717" in {f.code for f in checked(KERNEL, shm + KERNEL, context("4.19"))}
    built = context(options=frozenset({"STATIC_SHM"}))
    assert {f.code for f in checked(KERNEL, shm + KERNEL, built)} == {"XA742"}


def test_a_module_that_is_shared_memory_too_does_not_stop_the_scan(checked: Checked) -> None:
    """Booted on 4.20: early_scan_node asks for a module first."""
    shm = KERNEL.replace("kernel@49000000", "shm").replace("49000000", "70000000")
    shm = shm.replace('"multiboot,kernel"', '"xen,domain-shared-memory-v1"')
    assert {f.code for f in checked(RAMDISK, shm + RAMDISK, context("4.20"))} == {"XA707"}


def test_a_misspelt_domain_makes_a_dom0(compiled: Compile) -> None:
    """Booted on 4.20: "IRQ 39 is already used by domain 0"."""
    other = DOMAIN.replace("domU1", "domU2").replace("xen,domain", "xen,domian")
    text = GOOD.replace("chosen {", f"chosen {{ {other}")
    after = GOOD.replace(DOMAIN, DOMAIN + other)
    for xen in ("4.17", "4.20"):  # from 4.18 on the same kernel is not listed again
        (domain,) = domains(compiled(after))
        assert context_of(domain, context(xen)).beside_dom0 == (xen == "4.17")
        (domain,) = domains(compiled(after.replace(other, other.replace("0x49", "0x59"))))
        assert context_of(domain, context(xen)).beside_dom0
    (domain,) = domains(compiled(text))
    found = [f for f in domain_node.check(domain, context()) if f.code == "XA722"]
    assert [f.node for f in found] == ["/chosen/domU2"]
    assert context_of(domain, context()).beside_dom0
    (alone,) = domains(compiled(text.replace(KERNEL, "", 1)))
    assert not context_of(alone, context()).beside_dom0


def test_domains_share_the_memory_of_the_host(compiled: Compile) -> None:
    """Booted on 4.20; the first one fits."""
    first = DOMAIN.replace("domU1", "domU0").replace("<0 0x40000>", "<0 0xc8000>")
    text = GOOD.replace("chosen {", f"chosen {{ {first}")
    host = (Block(0x40000000, 1 << 30, 0),)
    codes = [
        [f.code for f in domain_node.check(domain, context(host_memory=host))]
        for domain in domains(compiled(text))
    ]
    assert codes == [[], ["XA712"]]


def test_a_module_of_an_earlier_domain_keeps_its_size(compiled: Compile) -> None:
    """Booted on 4.20: the second ramdisk of 300 MiB is the first one, of 16 bytes."""
    large = DOMAIN.replace("0 0x49200000 0 0x10>", "0 0x49200000 0 0x12c00000>")
    other = DOMAIN.replace("domU1", "domU0")
    for before in (other, other.replace("xen,domain", "other"), ""):
        text = GOOD.replace(DOMAIN, before + large)
        *_, domain = domains(compiled(text))
        codes = {f.code for f in domain_node.check(domain, context("4.20"))}
        assert ("XA712" in codes) == (not before)


def test_a_module_of_an_earlier_domain_as_another_kind(compiled: Compile) -> None:
    """Booted on 4.17, where Xen frees its page twice: the first unknown module is a kernel."""
    unknown = DOMAIN.replace('"multiboot,ramdisk", ', '"multiboot,ramdsk", ')
    for again, expected in ((DOMAIN, False), (unknown, True)):
        text = GOOD.replace(DOMAIN, DOMAIN.replace("domU1", "domU0") + again)
        *_, domain = domains(compiled(text))
        for xen in VERSIONS:
            codes = {f.code for f in domain_node.check(domain, context(xen))}
            assert ("XA724" in codes) == (expected and xen == "4.17")


def test_the_kinds_that_the_scan_guesses_are_counted_over_all_domains(compiled: Compile) -> None:
    """Booted on 4.17: the kernel of the second domain is listed as a ramdisk, and freed twice.

    Names of kinds are compared with their case by the scan, and without it for the domain.
    """
    unknown = DOMAIN.replace('"multiboot,kernel"', '"Multiboot,Kernel"')
    assert unknown != DOMAIN
    for again, expected in ((DOMAIN, False), (unknown, True)):
        text = GOOD.replace(DOMAIN, unknown.replace("domU1", "domU0") + again)
        *_, domain = domains(compiled(text))
        for xen in VERSIONS:
            codes = {f.code for f in domain_node.check(domain, context(xen))}
            assert "XA701" not in codes
            assert ("XA724" in codes) == (expected and xen == "4.17")


def test_an_event_channel_of_no_domain(compiled: Compile) -> None:
    """Booted on 4.20: "evtchn: could not find domains"; it is reported with the first domain."""
    stray = f"other {{ {channel('a', 1, '&b')} {channel('b', 2, '&a')} }};"
    text = GOOD.replace(DOMAIN, DOMAIN + DOMAIN.replace("domU1", "domU2") + stray)
    found = [
        [f.node for f in domain_node.check(domain, context()) if f.code == "XA749"]
        for domain in domains(compiled(text))
    ]
    assert found == [["/chosen/other/a"], []]


def test_an_end_in_the_tree_of_the_host(compiled: Compile) -> None:
    """An overlay may name a node that it does not have."""
    node = f'fragment@0 {{ target-path = "/chosen"; __overlay__ {{ {DOMAIN} }}; }};'
    text = f"/dts-v1/; / {{ {node} }};".replace(RAMDISK, channel("a", 1, "0x7fff"))
    (domain,) = domains(compiled(text))
    assert "XA749" not in {f.code for f in domain_node.check(domain, context())}


def test_xenstore_is_served_by_a_dom0_or_a_domain(checked: Checked) -> None:
    assert checked(ADD, "xen,enhanced;", context(beside_dom0=True)) == []
    codes = {f.code for f in checked(ADD, "xen,enhanced; capabilities = <4>;", context("4.21"))}
    assert codes == set()


def test_a_name_that_another_release_knows(checked: Checked, wording: Wording) -> None:
    (later,) = checked(ADD, 'passthrough = "enabled";', context("4.18"))
    (near,) = checked(ADD, "nr-spis = <32>;")
    (moved,) = checked(ADD, 'bootargs = "quiet";')
    (strange,) = checked(ADD, "zzz;")
    wording(later, near, moved, strange)


# --- reading ------------------------------------------------------------------------------------


def test_what_a_domain_says(compiled: Compile) -> None:
    (domain,) = domains(compiled(GOOD))
    assert (domain.name, domain.memory, domain.vcpus, domain.vpl011) == ("domU1", 0x40000, 2, True)
    assert (domain.nr_spis, domain.pool_mib, domain.passthrough) == (None, None, None)
    assert (domain.direct_map, domain.static_mem, domain.sci_type) == (False, None, None)
    assert domain.bootargs == "quiet"
    assert [(m.kind, m.address, m.size) for m in domain.modules] == [
        ("kernel", 0x49000000, 0x1000),
        ("ramdisk", 0x49200000, 0x10),
        ("device-tree", 0x49400000, 0x400),
    ]
    known = context_of(domain, context())
    assert (known.memory, known.vcpus, known.vpl011) == (0x40000, 2, True)
    assert (known.bootargs, known.beside_dom0) == ("quiet", False)


def test_a_domain_in_an_overlay(compiled: Compile) -> None:
    text = f"""/dts-v1/; / {{ fragment@0 {{ target-path = "/chosen";
        __overlay__ {{ {DOMAIN} }}; }}; }};"""
    tree = compiled(text)
    (domain,) = domains(tree)
    assert list(domain_node.check(domain, context())) == []
    assert list(misplaced(tree)) == []


def test_an_overlay_that_leaves_the_cells_to_chosen(compiled: Compile) -> None:
    bare = DOMAIN.replace("#address-cells = <2>;\n    #size-cells = <2>;", "")
    bare = bare.replace("0 0x49000000 0 0x1000", "0x49000000 0x1000")
    wrap = f'/dts-v1/; / {{ f {{ target-path = "/chosen"; __overlay__ {{ {bare} }}; }}; }};'
    tree = compiled(wrap)
    (domain,) = domains(tree)
    assert [f.code for f in domain_node.check(domain, context())] == ["XA721", "XA721"]
    chosen = compiled(GOOD).find("/chosen")
    (domain,) = domains(tree, chosen)
    assert "XA704" in {f.code for f in domain_node.check(domain, context())}


def test_a_domain_elsewhere(compiled: Compile) -> None:
    tree = compiled(GOOD.replace("chosen {", "chosen { below {").replace("}; };", "}; }; };"))
    assert list(domains(tree)) == []
    assert [(f.code, f.node) for f in misplaced(tree)] == [("XA711", "/chosen/below/domU1")]


def test_inherited_cells(compiled: Compile) -> None:
    own = "#address-cells = <2>;\n    #size-cells = <2>;"
    tree = compiled(GOOD.replace(own, ""))
    (domain,) = domains(tree)
    assert domain.cells == (2, 2)
    (bare,) = domains(
        compiled(GOOD.replace(own, "").replace("#address-cells = <2>; #size-cells = <2>;", ""))
    )
    assert bare.cells == (2, 1)
    chosen = tree.find("/chosen")
    assert DomainNode(bare.node, chosen).cells == (2, 2)


def test_modules_that_uefi_loads(checked: Checked) -> None:
    by_uefi = 'xen,uefi-binary = "Image";'
    assert checked("reg = <0 0x49000000 0 0x1000>;", by_uefi) == []
    assert checked("reg = <0 0x49400000 0 0x400>;", by_uefi) == []


def test_the_partial_tree_of_the_node(compiled: Compile) -> None:
    """Its findings join those of the node, with what the node says."""
    (domain,) = domains(compiled(GOOD))
    asked: list[BootModule] = []

    def read(module: BootModule) -> bytes | None:
        asked.append(module)
        return b"nope"

    rejected = predict_domain(domain, read, context())
    assert [one.address for one in asked] == [0x49400000]
    assert [finding.code for finding in rejected] == ["XA121"]
    assert verdicts(rejected)["dom0less"] == "rejected"
    assert predict_domain(domain, lambda module: None, context()) == []
    (without,) = domains(compiled(GOOD.replace("multiboot,device-tree", "multiboot,dtb")))
    assert used_module(without, "device-tree", context()) is None
    assert {f.code for f in predict_domain(without, read, context())} == {"XA707"}


# --- what we write ------------------------------------------------------------------------------

MODULES = f"{KERNEL} {RAMDISK} {DTB}"


@pytest.mark.parametrize("xen", ["4.17", "4.20", "4.22"])
@pytest.mark.parametrize(
    ("host", "device"),
    [
        ("qemu", "/pl031@9010000"),
        ("zynqmp", "/axi/ethernet@ff0e0000"),
        ("rcar", "/soc/ethernet@e6880000"),
        ("imx8", "/soc@0/bus@30400000/pwm@30660000"),
        ("rk3588", "/mmc@fe2c0000"),
        ("juno", "/hdlcd@7ff60000"),
        ("ti", "/bus@f0000/ethernet@8000000"),
        ("tricky", "/dev@79030000"),
    ],
)
def test_what_is_generated_has_no_finding(
    generate: Callable[..., Any], compiled: Compile, host: str, device: str, xen: str
) -> None:
    """The domain's node of the overlay, with modules as a boot loader adds them."""
    wanted = {"policy": "trust", "shared": (device,), "maps": ["auto"], "xen": xen}
    _, files, refused = generate(host, device, memory=256, vcpus=2, **wanted)
    assert files, refused
    text = files["domu1.dom0less.dtso"].decode()
    head, flag, rest = text.rpartition("vpl011;")
    tree = compiled(f"{head}{flag} {MODULES} {rest}")
    (domain,) = domains(tree)
    assert list(domain_node.check(domain, context(xen))) == []
    assert list(misplaced(tree)) == []
    (bare,) = domains(compiled(text))
    assert list(domain_node.check(bare, context(xen))) == []  # the boot loader adds the modules


def _other_domains(count: int, shared: bool) -> str:
    """Domains of three modules each; ``shared``: all with one kernel and one ramdisk."""
    texts = []
    for number in range(count):
        text = DOMAIN.replace("domU1", f"other{number}")
        for name in ("49000000",) if shared else ("49000000", "49200000"):
            kept = name if shared else f"{int(name, 16) + 0x1000000 * (number + 1):x}"
            text = text.replace(name, kept)
        text = text.replace("49400000", f"{0x49400000 + 0x1000000 * (number + 1):x}")
        texts.append(text)
    return "\n".join(texts)


@pytest.mark.parametrize(
    ("before", "shared", "lost"),
    [
        (9, False, {}),
        (10, False, {"kernel@49000000", "ramdisk@49200000", "dtb@49400000"}),
        (27, True, {}),
        (28, True, {"dtb@49400000"}),
    ],
)
def test_xen_lists_32_modules(compiled: Compile, before: int, shared: bool, lost: set[str]) -> None:
    """Itself and its device tree among them; what several domains have counts once."""
    tree = compiled(GOOD.replace(DOMAIN, _other_domains(before, shared) + DOMAIN))
    told = {one.name: list(domain_node.check(one, context())) for one in domains(tree)}
    named = {(f.node or "").rpartition("/")[2] for f in told["domU1"]}
    assert named - {"domU1"} == set(lost)
    assert not any(told[name] for name in told if name != "domU1")
    wanted = {"XA701", "XA707"} if len(lost) == 3 else {"XA707"} if lost else set()
    assert {finding.code for finding in told["domU1"]} == wanted
