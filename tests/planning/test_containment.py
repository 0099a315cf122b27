"""Devices that outlive their guest (XA428), and memory mapped as device memory (XA232 to XA234)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import of
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]


@pytest.mark.parametrize(
    ("host", "path", "warned"),
    [
        ("zynqmp", "/axi/ethernet@ff0e0000", False),  # protected
        ("zynqmp", "/axi/watchdog@fd4d0000", False),  # no DMA
        ("tricky", "/dev@740f0000", True),
        ("rcar", "/soc/ufs@e6860000", True),
    ],
)
def test_what_goes_on_when_the_guest_is_gone(
    plan: Plan, host: str, path: str, warned: bool, wording: Wording
) -> None:
    found = of(plan(host, path, policy="trust"), "XA428")
    assert [f.severity for f in found] == ["warning"] * warned
    wording(*found)
    refused = plan(host, path)
    assert not of(refused, "XA428")  # nothing is forced


BLOCK = "/ {{ dev@7e000000 {{ compatible = {}; reg = <0 0x7e000000 0 0x1000>; {} }}; }};"
CELLS = "#address-cells = <1>; #size-cells = <1>; ranges = <0 0 0x7e000000 0x1000>;"


@pytest.mark.parametrize(
    ("compatible", "more", "code"),
    [
        ('"mmio-sram"', "", "XA232"),
        ('"arm,juno-sram-ns", "mmio-sram"', "", "XA232"),
        ('"mmio-sram"', "no-memory-wc;", None),
        ('"mmio-sram"', f"{CELLS} part@0 {{ reg = <0 0x100>; pool; }};", "XA232"),
        (
            '"mmio-sram"',
            f'{CELLS} part@0 {{ compatible = "arm,scmi-shmem"; reg = <0 0x100>; }};',
            None,
        ),
        (
            '"mmio-sram"',
            f'{CELLS} part@0 {{ compatible = "arm,scmi-shmem"; reg = <0 0x100>; }};'
            " rest@100 { reg = <0x100 0x100>; };",
            "XA232",
        ),
        ('"arm,scmi-shmem"', "", None),
        ('"simple-framebuffer"', "", "XA233"),
        ('"ti,j721e-c66-dsp"', "", "XA233"),
        ('"cfi-flash"', "", None),
    ],
)
def test_memory_is_no_registers(
    plan: Plan, variant: Variant, compatible: str, more: str, code: str | None
) -> None:
    made = plan(variant("tricky", BLOCK.format(compatible, more)), "/dev@7e000000", policy="trust")
    found = of(made, "XA232", "XA233")
    assert [f.code for f in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("flags", "hit"),
    [(0x02000000, 0), (0x42000000, 1), (0x43000000, 1), (0x03000000, 0), (0x41000000, 0)],
)
def test_prefetchable_windows(
    plan: Plan, variant: Variant, flags: int, hit: int, wording: Wording
) -> None:
    """41: I/O space, which is never prefetchable."""
    tree = variant(
        "tricky",
        f"&pcie {{ ranges = <{flags:#x} 0x0 0x76000000 0x0 0x76000000 0x0 0x1000000>; }};",
    )
    found = of(plan(tree, "/pcie@75000000", policy="trust"), "XA234")
    assert [f.severity for f in found] == ["note"] * hit
    wording(*found)
