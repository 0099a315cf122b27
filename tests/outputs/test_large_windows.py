"""Large mappings: the tables that they need are asked for on both routes, and are enough."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, errors
from xenassign.formats.xlcfg import Atom
from xenassign.formats.xlcfg_parser import parse
from xenassign.host.platform import read_platform
from xenassign.outputs.domain.check import file_findings
from xenassign.planning.plan import DomainPlan
from xenassign.xen.releases import RELEASES
from xenassign.xen.stage2 import Stage2, pool_pages

Board = Callable[[str], Tree]
Variant = Callable[[str, str], Tree]
Made = tuple[DomainPlan, dict[str, bytes], list[Finding]]
Generate = Callable[..., Made]

PCIE = "/axi/pcie@fd0e0000"  # windows of 256 MiB and 8 GiB, 256 MiB of registers
SMALL = "/axi/ethernet@ff0e0000"


def made(generate: Generate, host: str | Tree, *devices: str, **options: object) -> Made:
    done = generate(host, *devices, policy="trust", shared=devices, **options)
    assert done[2] == []
    return done


def shadow_memory(files: dict[str, bytes]) -> int | None:
    value = parse(files["domu1.cfg"].decode()).get("shadow_memory")
    assert value is None or isinstance(value, Atom)
    return int(value.text) if value else None


def p2m_mem_mb(files: dict[str, bytes]) -> int | None:
    """What the node of the dom0less domain says."""
    command = ["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-"]
    source = files["domu1.dom0less.dtso"]
    done = subprocess.run(command, input=source, capture_output=True, check=True)
    node = read_blob(done.stdout).find("/fragment@0/__overlay__/domu1")
    assert node is not None
    assert node.compatible == ("xen,domain",)
    value = node.get("xen,domain-p2m-mem-mb")
    return value.u32() if value else None


def mapped(plan: DomainPlan) -> list[tuple[int, int]]:
    """(first guest page, pages)."""
    blocks = [block.mapping for device in plan.devices for block in device.placed]
    return [(one.guest >> 12, one.size >> 12) for one in blocks]


def takes(pool: int, memory_mib: int, plan: DomainPlan) -> bool:
    """Whether a pool of pages takes the RAM and then the mappings page by page."""
    tables = Stage2(pool)
    assert tables.map(0x40000, memory_mib << 8, 0x40000)
    return all(tables.map_small(first, count) for first, count in mapped(plan))


@pytest.mark.parametrize("xen", RELEASES)
@pytest.mark.parametrize(("memory", "vcpus"), [(None, None), (256, 1), (1024, 4), (2048, 2)])
def test_large_windows_ask_for_tables_on_both_routes(
    generate: Generate, xen: str, memory: int | None, vcpus: int | None
) -> None:
    plan, files, _ = made(generate, "zynqmp", PCIE, memory=memory, vcpus=vcpus, xen=xen)
    asked = shadow_memory(files)
    assert asked is not None
    assert asked == p2m_mem_mb(files) == plan.pool_mib
    assert takes(asked << 8, memory or 2048, plan)
    if memory is not None:
        assert not takes(pool_pages(memory << 10, vcpus or 1), memory, plan)


@pytest.mark.parametrize("memory", [None, 1024])
@pytest.mark.parametrize("xen", RELEASES)
def test_small_registers_ask_for_none(generate: Generate, memory: int | None, xen: str) -> None:
    plan, files, _ = made(generate, "zynqmp", SMALL, memory=memory, xen=xen)
    assert plan.pool_mib is shadow_memory(files) is p2m_mem_mb(files) is None
    assert b"shadow_memory" not in files["domu1.cfg"]


def test_what_the_default_pool_takes_asks_for_none(generate: Generate, variant: Variant) -> None:
    """256 MiB are 128 tables, and 1 GiB 512: the pool of 1 GiB of memory has 1536 pages."""
    more = (
        '/ { big@2000000000 { compatible = "x"; reg = <0x20 0 0 SIZE>; }; };'
        "\n"  # no interrupt, no DMA that anybody knows of
    )
    for size, wanted in (("0x10000000", False), ("0x40000000", False), ("0xc0000000", True)):
        tree = variant("tricky", more.replace("SIZE", size))
        plan, files, _ = made(generate, tree, "/big@2000000000", memory=1024)
        assert (plan.pool_mib is not None) == wanted, size
        assert (shadow_memory(files) is not None) == wanted
        assert (p2m_mem_mb(files) is not None) == wanted


def test_the_route_that_is_asked_for_says_it(generate: Generate) -> None:
    xl = made(generate, "zynqmp", PCIE, routes=("xl",), memory=1024)[1]
    assert shadow_memory(xl) is not None
    dom0less = made(generate, "zynqmp", PCIE, routes=("dom0less",), memory=1024)[1]
    assert p2m_mem_mb(dom0less) == shadow_memory(xl)


def test_without_the_number_the_rules_find_the_tables_missing(
    generate: Generate, board: Board
) -> None:
    plan, files, _ = made(generate, "zynqmp", PCIE, memory=1024)
    platform = read_platform(board("zynqmp"))
    assert errors(file_findings(files, plan, platform)) == []
    lines = files["domu1.cfg"].splitlines(keepends=True)
    kept = b"".join(line for line in lines if not line.startswith(b"shadow_memory"))
    assert len(kept) < len(files["domu1.cfg"])
    found = errors(file_findings({**files, "domu1.cfg": kept}, plan, platform))
    assert {(one.code, one.routes) for one in found} == {("XA218", ("xl",))}


def test_the_mappings_of_two_devices_share_the_pool(generate: Generate, variant: Variant) -> None:
    one = '/ { NAME { compatible = "x"; reg = <0xADDRESS 0 0 0x40000000>; }; };\n'
    names = [f"a@{high:x}00000000" for high in (0x20, 0x21, 0x22)]
    more = "".join(
        one.replace("NAME", name).replace("ADDRESS", f"{high:x}")
        for name, high in zip(names, (0x20, 0x21, 0x22), strict=True)
    )
    tree = variant("tricky", more)
    paths = [f"/{name}" for name in names]
    assert made(generate, tree, paths[0], memory=1024)[0].pool_mib is None
    plan, files, _ = made(generate, tree, *paths, memory=1024)
    asked = shadow_memory(files)
    assert asked is not None
    assert takes(asked << 8, 1024, plan)
