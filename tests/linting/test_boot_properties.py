"""CPU pools and cache colors of dom0less domains."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes
from tests.rows import Rows
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.boot_arguments import number, switch, value
from xenassign.linting.verdict import domain_node
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import domains
from xenassign.xen.llc_coloring import Coloring, coloring
from xenassign.xen.releases import release

Judge = Callable[..., list[Finding]]
OURS = {"XA718", "XA737", "XA750", "XA751", "XA752"}
CPUS = """cpus { #address-cells = <1>; #size-cells = <0>;
    first: cpu@0 { reg = <0>; device_type = "cpu"; };
    second: cpu@1 { reg = <1>; device_type = "cpu"; };
    third: cpu@2 { reg = <2>; device_type = "cpu"; }; cache: cache@3 { reg = <3>; };
    none: cpu { device_type = "cpu"; }; };
    elsewhere: pool { compatible = "xen,cpupool"; cpupool-cpus = <&second>; };
    nowhere: nowhere { compatible = "xen,cpupool"; };"""


def domain(content: str, name: str = "domU1") -> str:
    return f"""{name} {{ compatible = "xen,domain"; #address-cells = <2>; #size-cells = <2>;
        cpus = <1>; memory = <0 0x40000>; vpl011; {content} }};"""


@pytest.fixture
def found(compiled: Callable[[str], Tree]) -> Judge:
    """The findings about the pools and colors of all domains."""

    def judge(*nodes: str, xen: str = "4.22", options: str = "") -> list[Finding]:
        about = Context(release(xen), None, options=frozenset(options.split()))
        tree = compiled(
            f"""/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>; {CPUS}
                chosen {{ #address-cells = <2>; #size-cells = <2>; {" ".join(nodes)} }}; }};"""
        )
        every = [f for node in domains(tree) for f in domain_node.check(node, about)]
        return [finding for finding in every if finding.code in OURS]

    return judge


POOL = 'pool: pool { compatible = "xen,cpupool"; %s };'
POOLS: tuple[tuple[str, str, list[str]], ...] = (
    # the pools, the domain's, the rules
    (POOL % "cpupool-cpus = <&second>;", "<&pool>", []),
    (POOL % "cpupool-cpus = <&second 0x77>;", "<&pool>", []),
    (POOL % 'cpupool-cpus = <&second>; cpupool-sched = "rtds";', "<&pool>", []),
    (POOL % 'cpupool-cpus = <&second>; cpupool-sched = "fair";', "<&pool>", ["XA750"]),
    (POOL % "", "<&pool>", ["XA750"]),
    (POOL % "cpupool-cpus = <0x77>;", "<&pool>", ["XA750"]),
    (POOL % "cpupool-cpus = <&none>;", "<&pool>", ["XA750"]),
    (POOL % "cpupool-cpus = <&second &second>;", "<&pool>", ["XA750"]),
    (POOL % "cpupool-cpus = <&second>;", "<&first>", ["XA750"]),
    (POOL % "cpupool-cpus = <&cache>;", "<&pool>", ["XA750"]),
    (POOL % "cpupool-cpus = <&second>;", "<&elsewhere>", ["XA752"]),
    (POOL % "cpupool-cpus = <&second>;", "<&nowhere>", ["XA750"]),
    (POOL % "cpupool-cpus = <&second>;", "<0x77>", ["XA752"]),
    (POOL % "cpupool-cpus = <&second>;", "<0>", ["XA752"]),
)


def test_pools(found: Judge, rows: Rows) -> None:
    """Each pool is judged once, however many domains there are."""
    for pools, own, expected in POOLS:
        with rows(pools, own):
            nodes = (pools, domain(f"domain-cpupool = {own};"), domain("", "domU2"))
            assert codes(found(*nodes, options="BOOT_TIME_CPUPOOLS")) == expected
            assert codes(found(*nodes)) == ["XA752"]


def test_a_cpu_that_xen_does_not_run_on(found: Judge) -> None:
    pool = POOL % "cpupool-cpus = <&third>;"
    for line, expected in (("maxcpus=3", []), ("maxcpus=2", ["XA750"]), ("maxcpus=2 x", ["XA750"])):
        nodes = (f'xen,xen-bootargs = "{line}";', pool, domain("domain-cpupool = <&pool>;"))
        assert codes(found(*nodes, options="BOOT_TIME_CPUPOOLS")) == expected


def test_the_cpus_of_a_vcpu_are_those_of_its_pool(found: Judge, rows: Rows) -> None:
    """Source: vcpu_set_hard_affinity. Pool-0 is that of CPU 0, listed or not."""
    second, first = POOL % "cpupool-cpus = <&second>;", POOL % "cpupool-cpus = <&first>;"
    for pool, own, affinity, refused in (
        (second, "<&pool>", "1", False),
        (second, "<&pool>", "0-1", False),
        (second, "<&pool>", "0,2", True),
        (second, None, "0,2", False),
        (second, None, "1-2", False),
        (second, None, "1", True),
        (first, None, "0", False),
        (first, None, "1-2", True),
        (first, "<&pool>", "0", False),
        ("", None, "1", False),
    ):
        with rows(pool, own, affinity):
            content = f"domain-cpupool = {own};" if own else ""
            vcpu = f'vcpu0 {{ compatible = "xen,vcpu"; id = <0>; hard-affinity = "{affinity}"; }};'
            nodes = (pool, domain(content + vcpu))
            expected = ["XA718"] if refused else []
            assert codes(found(*nodes, options="BOOT_TIME_CPUPOOLS")) == expected
            assert "XA718" not in codes(found(*nodes))
            assert "XA718" not in codes(found(*nodes, xen="4.20", options="BOOT_TIME_CPUPOOLS"))


LINE = "llc-coloring=on llc-size=1M llc-nr-ways=16"
COLORS: tuple[tuple[str, str | None, list[str], list[str]], ...] = (
    # the property, Xen's command line, the rules with 4.20 and 4.22
    ('"0-3,8"', LINE, [], []),
    ('"16"', LINE, ["XA751"], ["XA751"]),
    ('"16"', None, [], []),
    ('"128"', None, ["XA751"], ["XA751"]),
    ('""', LINE, ["XA751"], ["XA751"]),
    ('"0-"', LINE, [], ["XA751"]),
    ('"0-3 4"', LINE, ["XA751"], ["XA751"]),
    ('"0-3"', "console=dtuart", ["XA751"], ["XA751"]),
    ('"0-3"', "llc-coloring", [], []),
    ("[61]", LINE, [], []),
)


def test_colors(found: Judge, rows: Rows) -> None:
    for text, line, *expected in COLORS:
        arguments = "" if line is None else f'xen,xen-bootargs = "{line}";'
        nodes = (arguments, domain(f"llc-colors = {text};"))
        for xen, rules in zip(("4.20", "4.22"), expected, strict=True):
            with rows(text, line, xen):
                assert codes(found(*nodes, xen=xen, options="LLC_COLORING")) == rules
                assert found(*nodes, xen=xen) == found(*nodes, xen="4.19") == []


def test_static_memory_of_a_xen_that_colors(found: Judge) -> None:
    """Also if no domain has colors."""
    static = domain("xen,static-mem = <0 0x60000000 0 0x10000000>;")
    options = "STATIC_MEMORY LLC_COLORING"
    on, off = (f'xen,xen-bootargs = "{line}";' for line in (LINE, "llc-coloring=off"))
    assert codes(found(on, static, options=options)) == ["XA737"]
    assert found(off, static, options=options) == []
    assert found(on, static, options="STATIC_MEMORY") == []


def test_xens_command_line() -> None:
    assert [switch(line, "x") for line in ("", "x", "x=no", "x=off x", "no-x", "x=2")] == [
        None,
        *(True, False, True, False, None),
    ]
    assert value("a=1 b a=2", "a") == "2"
    assert value("a", "a") is None
    assert [number(text) for text in ("0x1f-", "017,", "09", "x")] == [
        *((31, "-"), (15, ","), (0, "9"), (None, "x")),
    ]
    lines = ("llc-size=1024 llc-nr-ways=16", "llc-coloring", "no-llc-coloring " + LINE, "")
    assert [coloring(line) for line in lines] == [
        *(Coloring(True, 16), Coloring(True, 128), Coloring(True, 16), Coloring(False)),
    ]
