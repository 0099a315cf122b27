"""Trees for the tests of rules: source to blob to findings, and what the tests change in it."""

from __future__ import annotations

import subprocess
from functools import cache

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.platform import read_platform
from xenassign.linting.guest import partial_tree
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import dom0less, domcfg
from xenassign.linting.verdict.context import Context
from xenassign.xen.board import read_board
from xenassign.xen.releases import release

#: A bus as /passthrough has to be; tests of cells write their own.
BUS = 'compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges;'
FORCE = "xen,force-assign-without-iommu;"
CLOCK = "/pl031@9010000"


@cache
def blob(text: str) -> bytes:
    """What dtc makes of a whole source, be there what may to complain about."""
    command = ["dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.stdout, done.stderr.decode()
    return done.stdout


def compiled(body: str) -> Tree:
    """The tree of what stands in the root."""
    return read_blob(blob(f"/dts-v1/; / {{ {body} }};"), "p.dtb")


def context(tree: Tree | None, xen: str = "4.20", vcpus: int = 1) -> Context:
    """A domain on a host, or on one that is not known."""
    if tree is None:
        return Context(release(xen), None, vcpus)
    return Context(release(xen), read_board(read_platform(tree), release(xen)), vcpus)


def number(value: int) -> str:
    """Two cells."""
    return f"{value >> 32:#x} {value & 0xFFFFFFFF:#x}"


def numbers(*values: int) -> str:
    """Two cells each."""
    return " ".join(map(number, values))


def xen_reg(*entries: tuple[int, int, int]) -> str:
    """xen,reg of entries (host, size, guest) for 2/2 cells."""
    return f"xen,reg = <{numbers(*(value for entry in entries for value in entry))}>;"


def passthrough(*nodes: str, before: str = "", parent: str = "0xfde8") -> str:
    """The source of a partial tree with nodes below a good /passthrough."""
    below = " ".join(nodes)
    top = f"passthrough {{ {BUS} interrupt-parent = <{parent}>; {below} }};"
    return f"/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>; {before} {top} }};"


def device(
    path: str,
    base: int,
    size: int = 0x1000,
    *,
    irq: str = "",
    more: str = "",
    force: str = FORCE,
    reg: str | None = None,
) -> str:
    """A node with registers that are mapped 1:1. ``reg`` replaces its xen,reg."""
    mapping = xen_reg((base, size, base)) if reg is None else reg
    lines = f"interrupts = <{irq}>;" if irq else ""
    return (
        f'{path.rpartition("/")[2]} {{ compatible = "x,y"; reg = <{numbers(base, size)}>; {lines}'
        f' xen,path = "{path}"; {mapping} {force} {more} }};'
    )


def clock(more: str = "", irq: str = "0 2 4", reg: str | None = None, force: str = FORCE) -> str:
    """QEMU's clock: SPI 2, no DMA, no IOMMU."""
    return device(CLOCK, 0x9010000, irq=irq, more=more, reg=reg, force=force)


def about(text: str, asked: Context) -> list[Finding]:
    """What the rules about an accepted tree say of source."""
    return list(partial_tree.check(View(read_blob(blob(text), "p.dtb"), asked)))


def everything(text: str, asked: Context) -> list[Finding]:
    """The same with what Xen and libxl refuse."""
    data = blob(text)
    return [*dom0less.check(data, asked), *about(text, asked), *domcfg.check_blob(data)]
