"""What lies where when Xen starts, and what the host's tree says of it."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from tests.wording import Wording
from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, cells, text
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.outputs.boot.decide import BootPlan, decide
from xenassign.outputs.boot.host_changes import chosen_cells
from xenassign.request.boot_request import CHOSEN, HOST, UBOOT, BootRequest, measured, parse_load
from xenassign.request.request import Request, parse_clock_rate
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import SystemPlan, decide_system

from ..conftest import FIXTURES

BOTH = frozenset({HOST, CHOSEN})
NET = Request(
    devices=("ethernet0",),
    name="net",
    memory=512,
    vcpus=1,
    extra="console=ttyAMA0",
    clock_rates=(parse_clock_rate("ethernet0=125000000"),),
)
LOG = Request(
    devices=("serial@ff010000",),
    name="log",
    memory=256,
    vcpus=1,
    clock_rates=(parse_clock_rate("serial@ff010000=100000000"),),
)
LOADS = ("kernel=0x60000000:32M", "net/dtb=0x62000000", "log/dtb=0x62100000")


def zcu102() -> Tree:
    return read_blob_file(FIXTURES / "zynqmp-zcu102.dtb")


def system(
    *loads: str,
    outputs: frozenset[str] = BOTH,
    domains: tuple[Request, ...] = (NET, LOG),
    tree: Tree | None = None,
    **texts: str,
) -> SystemPlan:
    boot = BootRequest(outputs, tuple(map(parse_load, loads)), **texts)
    return decide_system(tree or zcu102(), SystemRequest(domains, boot=boot))


def planned(*loads: str, **options: object) -> BootPlan:
    plan = decide(system(*loads, **options))  # type: ignore[arg-type]
    assert plan is not None
    return plan


def told(*loads: str, **options: object) -> list[str]:
    """The messages with their codes."""
    found = planned(*loads, **options).findings
    return [f"{finding.code} {finding.message}" for finding in found]


def chosen(plan: BootPlan) -> Node:
    node = read_blob(edited(plan.data, plan.changes)).find("/chosen")
    assert node is not None
    return node


def test_nothing_is_asked_for() -> None:
    assert decide(system(outputs=frozenset())) is None


def test_the_whole_chosen() -> None:
    """Its domains in their order, each with its modules, and what else the board's has."""
    plan = planned(
        *LOADS,
        "net/ramdisk=0x64000000:0x1234",
        "dom0-kernel=0x68000000:0x2000",
        xen_bootargs="console=dtuart",
        dom0_bootargs="console=hvc0",
    )
    node = chosen(plan)
    assert node.text("xen,xen-bootargs") == "console=dtuart"
    assert node.text("xen,dom0-bootargs") == "console=hvc0"
    assert list(node.children) == ["module@68000000", "net", "log"]
    assert node.cells("#address-cells") + node.cells("#size-cells") == (2, 2)
    dom0 = node.children["module@68000000"]
    assert dom0.cells("reg") == (0, 0x68000000, 0, 0x2000)
    net, log = node.children["net"], node.children["log"]
    assert list(net.children) == ["module@60000000", "module@64000000", "module@62000000"]
    assert list(log.children) == ["module@60000000", "module@62100000"]
    kernel = net.children["module@60000000"]
    assert kernel.text("bootargs") == "console=ttyAMA0"
    assert kernel.cells("reg") == (0, 0x60000000, 0, 32 << 20)
    assert net.children["module@64000000"].cells("reg")[-1] == 0x1234
    assert not log.children["module@60000000"].has("bootargs")
    assert node.has("stdout-path")


def test_an_initrd_of_the_boot_loader_is_taken_out() -> None:
    """Xen would take it for dom0's ramdisk (process_chosen_node)."""
    stale = Change("/chosen", (cells("linux,initrd-start", 0x1000), cells("linux,initrd-end", 9)))
    data = zcu102().data
    assert data is not None
    tree = read_blob(edited(data, [stale]))
    assert (
        chosen(planned(*LOADS, tree=tree))
        .properties.keys()
        .isdisjoint({"linux,initrd-start", "linux,initrd-end"})
    )


def test_older_modules_of_dom0_give_way() -> None:
    """Xen takes the first kernel of /chosen for dom0's; other domains are the user's."""
    kernel = (text("compatible", "multiboot,kernel", "multiboot,module"), cells("reg", 0, 1, 0, 1))
    other = DraftNode("mine", (text("compatible", "xen,domain"),))
    old = Change("/chosen", (), (DraftNode("module@1", kernel), other))
    tree = read_blob(edited(zcu102().data or b"", [old]))
    node = chosen(planned(*LOADS, "dom0-kernel=0x68000000:9", tree=tree))
    assert list(node.children) == ["module@68000000", "net", "log", "mine"]
    assert "module@1" in chosen(planned(*LOADS, tree=tree)).children


def test_a_domain_of_xl_has_no_node_and_its_marks() -> None:
    only_xl = replace(LOG, routes=("xl",))
    plan = planned(*LOADS[:2], domains=(NET, only_xl))
    assert list(chosen(plan).children) == ["net"]
    assert "/axi/serial@ff010000" in [change.path for change in plan.marks]


def test_a_node_is_marked_once() -> None:
    paths = [(change.path, change.properties) for change in planned(*LOADS).marks]
    assert len(paths) == len(set(paths)) > 1


@pytest.mark.parametrize(
    ("loads", "message"),
    [
        (LOADS[1:], "domain net has no kernel; give --load kernel=ADDRESS:FILE"),
        (LOADS[:2], "domain log has no dtb; give --load log/dtb=ADDRESS"),
        ((*LOADS, "disk/dtb=0x1000"), "--load disk/dtb: there is no such domain; there are net"),
        (("kernel=0x60000000", *LOADS[1:]), "--load net/kernel has no size"),
        ((*LOADS, "dom0-ramdisk=0x1000:5"), "--load dom0-ramdisk requires --load dom0-kernel"),
    ],
)
def test_what_has_to_be_said(loads: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as error:
        planned(*loads)
    assert message in str(error.value)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(UsageError) as error:
        planned(outputs=frozenset({UBOOT}))
    assert [line.partition("give ")[2] for line in error.value.lines] == [
        "--load kernel=ADDRESS:FILE",
        "--load kernel=ADDRESS:FILE",
        "--load net/dtb=ADDRESS",
        "--load log/dtb=ADDRESS",
        "--load host=ADDRESS[:FILE]",
    ]


def test_loads_without_a_use(wording: Wording) -> None:
    with wording.raises(UsageError):
        planned("kernel=0x1000", outputs=frozenset({HOST}))
    with wording.raises(UsageError):
        planned(*LOADS, outputs=frozenset({UBOOT}))
    xl = tuple(replace(one, routes=("xl",)) for one in (NET, LOG))
    with wording.raises(UsageError):
        planned("net/kernel=0x1000", domains=xl)


def test_one_kernel_for_two_domains_is_no_overlap() -> None:
    assert told(*LOADS) == []


def test_overlaps() -> None:
    assert told(LOADS[0], "dtb=0x62000000") == [
        f"XA023 net/dtb (0x62000000-{0x62000000 + size(0):#x}) and"
        f" log/dtb (0x62000000-{0x62000000 + size(1):#x}) overlap"
    ]
    (line,) = told(LOADS[0], "net/dtb=0x61ffffff", LOADS[2])
    assert line.startswith("XA023 net/kernel (0x60000000-0x62000000) and net/dtb (0x61ffffff-")
    assert told(*LOADS, "xen=0x64000000:0x100000", "host=0x64100000") == []
    # The tree grows while it is changed, and the room is kept free.
    grown = 0x64000000 - len(zcu102().data or b"")
    (line,) = told(*LOADS, "xen=0x64000000:0x100000", f"host={grown:#x}")
    assert line.startswith("XA023 xen (0x64000000-0x64100000) and host (")


def test_modules_of_the_board_that_stay() -> None:
    """Xen lists those that /chosen has already, too."""
    at = cells("reg", 0, 0x61000000, 0, 0x100000)
    module = DraftNode("module@61000000", (text("compatible", "multiboot,module"), at))
    before = Change("/chosen", chosen_cells((2, 2)), (module,))
    tree = read_blob(edited(zcu102().data or b"", [before]))
    assert told(*LOADS, tree=tree) == [
        "XA023 /chosen/module@61000000 of the board's tree (0x61000000-0x61100000) and net/kernel"
        " (0x60000000-0x62000000) overlap"
    ]
    # Xen's scan inherits the cells, of the root where /chosen states none.
    inherits = read_blob(edited(zcu102().data or b"", [Change("/chosen", (), (module,))]))
    assert told(*LOADS, tree=inherits) == told(*LOADS, tree=tree)
    # dom0's gives way where another is given.
    assert told(*LOADS, "dom0-kernel=0x63000000:16", tree=tree) == []
    older = edited(zcu102().data or b"", planned(*LOADS[:2], domains=(NET,)).changes)
    later = ("kernel=0x60000000:32M", "log/dtb=0x62000000")
    (line,) = told(*later, domains=(LOG,), tree=read_blob(older))
    assert line.startswith("XA023 /chosen/net/module@62000000 of the board's tree (0x62000000-")
    static = replace(
        NET, routes=("dom0less",), static_memory=((0x61000000, 512 << 20),), memory=512
    )
    loads = ("kernel=0x20000000:1M", "dtb=0x20200000")
    (line,) = [one for one in told(*loads, domains=(static,), tree=tree) if "XA024" in one]
    assert "XA024 /chosen/module@61000000 of the board's tree" in line


@pytest.mark.parametrize("number", [0, 3])
def test_modules_of_the_board_that_cannot_be_read(number: int) -> None:
    module = DraftNode("m", (text("compatible", "multiboot,module"), cells("reg", 1)))
    before = Change("/chosen", (cells("#address-cells", number),), (module,))
    assert told(*LOADS, tree=read_blob(edited(zcu102().data or b"", [before]))) == []


def test_a_packed_kernel_is_for_one_domain(tmp_path: Path, wording: Wording) -> None:
    """kernel_decompress frees what was loaded; in Xen 4.17 and 4.20 the next domain stops it:
    Missing kernel boot module?"""
    (tmp_path / "Image.gz").write_bytes(gzip.compress(bytes(5000)))
    file = measured([parse_load("kernel=0x60000000:Image.gz")], tmp_path, later=False)
    unknown = measured([parse_load("kernel=0x60000000:no.gz")], tmp_path, later=True)
    for loads in (file, unknown):
        boot = BootRequest(
            frozenset({UBOOT}),
            (*loads, *map(parse_load, (*LOADS[1:], "host=0x50000000"))),
            load_with="load mmc 0:1",
        )
        both = decide(decide_system(zcu102(), SystemRequest((NET, LOG), boot=boot)))
        assert both is not None
        (finding,) = both.findings
        assert finding.code == "XA023"
        wording(finding)
        single = replace(boot, loads=tuple(one for one in boot.loads if one.domain != "log"))
        one = decide(decide_system(zcu102(), SystemRequest((NET,), boot=single)))
        assert one is not None
        assert not one.findings


def size(domain: int) -> int:
    return len(to_blob(system(*LOADS).domains[domain].tree))


def test_memory_that_is_not_free() -> None:
    (line,) = told("kernel=0x3e000000:32M", *LOADS[1:])
    assert line.startswith(
        "XA024 net/kernel (0x3e000000-0x40000000) overlaps /reserved-memory/memory@"
    )
    static = replace(
        NET, routes=("dom0less",), static_memory=((0x70000000, 512 << 20),), memory=512
    )
    (line,) = [
        one
        for one in told("kernel=0x6fffffff:2", "dtb=0x62000000", domains=(static,))
        if one.startswith("XA02")
    ]
    assert "static memory of net (0x70000000-0x90000000)" in line


def test_no_memory() -> None:
    (line,) = told(LOADS[0], LOADS[1], "log/dtb=0x7ffffff0")
    assert line.startswith("XA025 log/dtb (0x7ffffff0-")


def test_xen_on_its_boundary() -> None:
    assert told(*LOADS, "xen=0x64100000:1M") == ["XA026 xen is at 0x64100000"]


def test_a_tree_of_no_file(wording: Wording) -> None:
    tree = zcu102()
    tree.data = None
    with wording.raises(UsageError):
        planned(*LOADS, tree=tree)


def narrow() -> Tree:
    """The board with one cell for an address in /chosen, and one for a size."""
    cells_of = Change("/chosen", (cells("#address-cells", 1), cells("#size-cells", 1)))
    return read_blob(edited(zcu102().data or b"", [cells_of]))


def test_cells_of_chosen_that_are_too_narrow(wording: Wording) -> None:
    """dom0's modules are in the cells of /chosen, which are the board's."""
    tree = narrow()
    node = chosen(planned(*LOADS, "dom0-kernel=0x70000000:16", tree=tree))
    assert node.children["module@70000000"].cells("reg") == (0x70000000, 16)
    xl = tuple(replace(one, routes=("xl",)) for one in (NET, LOG))
    node = chosen(planned("dom0-kernel=0x70000000:16", tree=tree, domains=xl))
    assert node.children["module@70000000"].cells("reg") == (0x70000000, 16)
    assert node.cells("#address-cells") == (1,)
    with wording.raises(UsageError):
        planned(*LOADS, "dom0-kernel=0x800000000:16", tree=tree)


def test_a_bank_widens_the_cells_of_chosen() -> None:
    """Whichever domain has it: Xen reads xen,static-mem in the cells of /chosen."""
    bank = (0x800000000, 256 << 20)
    static = replace(LOG, routes=("dom0less",), static_memory=(bank,))
    node = chosen(planned(*LOADS, tree=narrow(), domains=(NET, static)))
    assert node.cells("#address-cells") + node.cells("#size-cells") == (2, 2)
    assert node.children["log"].cells("xen,static-mem") == (8, 0, 0, 256 << 20)
