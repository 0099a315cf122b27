"""xen.cfg and xen.dtb of ``generate --efi``, and the names that Xen's EFI loader takes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, cells, text
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.outputs.efi.decide import EfiPlan, decide
from xenassign.outputs.generated import GeneratedSystem, generate_system
from xenassign.request.boot_request import EFI, HOST, UBOOT, BootRequest, LoadOption, parse_load
from xenassign.request.request import Request, parse_clock_rate
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import decide_system

from ..conftest import FIXTURES
from ..wording import Wording

NET = Request(
    devices=("ethernet0",),
    name="net",
    memory=512,
    vcpus=1,
    extra='a="b" # c',
    clock_rates=(parse_clock_rate("ethernet0=125000000"),),
)
LOG = Request(
    devices=("serial@ff010000",),
    name="log",
    memory=256,
    vcpus=1,
    clock_rates=(parse_clock_rate("serial@ff010000=100000000"),),
)
XL = replace(NET, routes=("xl",))
DOM0 = ("dom0-kernel=vmlinuz", "dom0-ramdisk=initrd.img")


def zcu102() -> Tree:
    return read_blob_file(FIXTURES / "zynqmp-zcu102.dtb")


def generated(
    *loads: str,
    domains: tuple[Request, ...] = (NET,),
    tree: Tree | None = None,
    more: tuple[LoadOption, ...] = (),
    **texts: str,
) -> GeneratedSystem:
    boot = BootRequest(frozenset({EFI}), (*map(parse_load, loads), *more), **texts)
    return generate_system(tree or zcu102(), SystemRequest(domains, boot=boot))


def chosen(system: GeneratedSystem) -> Node:
    node = read_blob(system.files["xen.dtb"]).find("/chosen")
    assert node is not None
    return node


def values(config: bytes) -> dict[str, str]:
    """What Xen reads of xen.cfg: get_value after pre_parse, in the section of ``default=``."""
    lines = [re.sub(r"^;.*|#.*", "", line.lstrip()) for line in config.decode("ascii").split("\n")]
    assert lines.pop() == ""  # without its end the last line is ignored

    def section(name: str) -> dict[str, str]:
        after = lines[lines.index(f"[{name}]") + 1 :]
        end = next((i for i, line in enumerate(after) if line.startswith("[")), len(after))
        return dict(line.split("=", 1) for line in after[:end] if line)

    return section(section("global")["default"])


def test_domains_and_dom0() -> None:
    """Addresses have no effect; the files of dom0 may be loaded above 4 GiB."""
    line = "console=dtuart dom0_mem=512M"
    system = generated(
        *("kernel=0x1000:guests/Image", "host=0x5000:board.dtb", *DOM0),
        domains=(NET, LOG),
        xen_bootargs=line,
        dom0_bootargs="root=/dev/sda1",
    )
    assert values(system.files["xen.cfg"]) == {"options": line, "dtb": "xen.dtb"}
    node = chosen(system)
    assert list(node.children) == ["module@1", "module@2", "net", "log"]
    assert (node.cells("#address-cells"), node.cells("#size-cells")) == ((2,), (2,))
    assert node.has("xen,uefi-cfg-load")
    assert node.value("ranges") == b""
    assert not node.has("xen,xen-bootargs")
    assert node.text("xen,dom0-bootargs") == "root=/dev/sda1"
    modules = {
        module.path: (module.compatible[0], module.text("xen,uefi-binary"))
        for module in node.walk()
        if module.has("xen,uefi-binary")
    }
    assert modules == {
        "/chosen/module@1": ("multiboot,kernel", "vmlinuz"),
        "/chosen/module@2": ("multiboot,ramdisk", "initrd.img"),
        "/chosen/net/module@1": ("multiboot,kernel", "guests\\Image"),
        "/chosen/net/module@2": ("multiboot,device-tree", "net.dtb"),
        "/chosen/log/module@1": ("multiboot,kernel", "guests\\Image"),
        "/chosen/log/module@2": ("multiboot,device-tree", "log.dtb"),
    }
    assert not any(module.has("reg") for module in node.walk())
    assert node.children["net"].children["module@1"].text("bootargs") == NET.extra
    marked = read_blob(system.files["xen.dtb"]).find("/axi/ethernet@ff0e0000")
    assert marked is not None
    assert marked.has("xen,passthrough")


def test_the_list_of_files() -> None:
    config = generated("kernel=./Image", "net/dtb=dt/net.dtb", *DOM0).files["xen.cfg"].decode()
    listed = re.findall(r"^#   (.*)$", config, re.M)
    expected = ["xen.cfg", "xen.dtb", "vmlinuz", "initrd.img", "Image", "dt\\net.dtb"]
    assert listed == expected


def test_a_command_line_is_always_set() -> None:
    """Without one, Xen 4.18 and newer use memory that is not set (efi_arch_handle_cmdline)."""
    assert values(generated("kernel=Image").files["xen.cfg"])["options"] == ""
    line = Change("/chosen", (text("xen,xen-bootargs", "console=dtuart"),))
    board = read_blob(edited(zcu102().data or b"", [line]))
    system = generated("kernel=Image", tree=board)
    assert values(system.files["xen.cfg"]) == {"dtb": "xen.dtb"}
    assert chosen(system).text("xen,xen-bootargs") == "console=dtuart"


def test_dom0_alone() -> None:
    node = chosen(generated(*DOM0, domains=(XL,)))
    assert list(node.children) == ["module@1", "module@2"]


def test_a_bank_is_in_the_cells_of_chosen() -> None:
    """They are 2 and 2 beside dom0, whatever those of the board are."""
    bank = replace(LOG, routes=("dom0less",), static_memory=((0x20000000, 256 << 20),))
    board = read_blob(
        edited(
            zcu102().data or b"",
            [Change("/chosen", (cells("#address-cells", 1), cells("#size-cells", 1)))],
        )
    )
    node = chosen(generated("kernel=Image", *DOM0, domains=(bank,), tree=board))
    assert node.cells("#address-cells") == (2,)
    assert node.children["log"].cells("xen,static-mem") == (0, 0x20000000, 0, 256 << 20)


REFUSED = (
    (),
    ("kernel=0x1000",),
    ("kernel=0x1000:32M",),
    ("kernel=Image", "dom0-kernel=IMAGE"),
    ("kernel=Image", "ramdisk=image"),
    ("kernel=xen.dtb",),
    ("kernel=Image", "ramdisk=XEN.CFG"),
    ("kernel=/boot/Image",),
    ("kernel=../Image",),
    ("kernel=boot//Image",),
    ("kernel=boot\\Image",),
    ("kernel=Image ",),
    ("kernel= Image",),
    ("kernel=Image.",),
    ("kernel=0x0:a:b",),
    ("kernel=Im\tage",),
    ("kernel=Imagé",),
    (f"kernel={'a' * 256}",),
    ("kernel=a?",),
    ("kernel=Image", "dom0-ramdisk=initrd"),
)


def test_names_that_are_refused(wording: Wording) -> None:
    for loads in REFUSED:
        with wording.raises(UsageError):
            generated(*loads)
    generated("kernel=an Image-6.1.0_(1).efi")


def test_a_domain_that_is_called_xen(wording: Wording) -> None:
    for name in ("xen", "Xen"):
        with wording.raises(UsageError):
            generated("kernel=Image", domains=(replace(NET, name=name),))


def test_command_lines_that_are_refused(wording: Wording) -> None:
    for line in ("a #b", "é", "a" * 4095):
        with wording.raises(UsageError):
            generated("kernel=Image", xen_bootargs=line)
    generated("kernel=Image", xen_bootargs="a;[b] " + "a" * 4088)


def test_nothing_to_boot(wording: Wording) -> None:
    with wording.raises(UsageError):
        generated(domains=(XL,))


def test_an_output_with_addresses_requires_them(wording: Wording) -> None:
    with wording.raises(UsageError):
        BootRequest(frozenset({EFI, UBOOT}), (parse_load("kernel=Image"),))
    BootRequest(frozenset({EFI, HOST}), (parse_load("kernel=Image"),))


@pytest.mark.parametrize("inside", [False, True])
def test_a_module_that_nothing_loads(inside: bool, wording: Wording) -> None:
    """The board's own /chosen may have modules at addresses, of another boot loader."""
    at = (text("compatible", "multiboot,module"), cells("reg", 0, 0x61000000, 0, 0x1000))
    node = DraftNode("module@61000000", at)
    other = DraftNode("mine", (text("compatible", "xen,domain"),), (node,)) if inside else node
    board = read_blob(edited(zcu102().data or b"", [Change("/chosen", (), (other,))]))
    with wording.raises(UsageError):
        generated("kernel=Image", tree=board)
    if not inside:  # dom0's own takes its place
        assert (
            "module@61000000" not in chosen(generated("kernel=Image", *DOM0, tree=board)).children
        )


def test_a_packed_kernel_is_for_one_domain() -> None:
    packed = (LoadOption("kernel", None, None, None, "Image.gz", packed=True),)
    assert not generated(more=packed).refusals
    (refusal,) = generated(more=packed, domains=(NET, LOG)).refusals
    assert refusal.code == "XA023"
    copies = (*packed, packed[0]._replace(domain="log", file="Image2.gz"))
    assert not generated(more=copies, domains=(NET, LOG)).refusals


def test_more_files_than_xen_loads(wording: Wording) -> None:
    """30: MAX_MODULES without Xen and its tree."""
    board = board_with_uarts(10)
    domains = tuple(
        Request(devices=(f"/soc/serial@{i}",), name=f"d{i}", memory=64, vcpus=1) for i in range(10)
    )
    loads = [f"d{i}/{image}={image}{i}" for i in range(10) for image in ("kernel", "ramdisk")]
    plan = decide_system(board, SystemRequest(domains))

    def decided(*loads: str) -> EfiPlan | None:
        boot = BootRequest(frozenset({EFI}), tuple(map(parse_load, loads)))
        request = replace(plan.resolved.request, boot=boot)
        return decide(plan._replace(resolved=plan.resolved._replace(request=request)))

    full = decided(*loads)
    assert full is not None
    assert len(full.names) == 30
    with wording.raises(UsageError):
        decided(*loads, "dom0-kernel=vmlinuz")


def board_with_uarts(count: int) -> Tree:
    """A board with so many devices without DMA."""
    nodes = [
        DraftNode(
            f"serial@{number}",
            (text("compatible", "arm,pl011"), cells("reg", 0, number << 16, 0, 0x1000)),
        )
        for number in range(count)
    ]
    two = (cells("#address-cells", 2), cells("#size-cells", 2), cells("ranges"))
    soc = Change("/soc", (text("compatible", "simple-bus"), *two), tuple(nodes))
    return read_blob(edited(read_blob_file(FIXTURES / "qemu-virt-gicv3.dtb").data or b"", [soc]))


def test_the_names_are_read_as_on_the_partition(tmp_path: Path) -> None:
    """The loader makes a UCS-2 character of each byte of xen,uefi-binary, and opens that name."""
    system = generated("kernel=guests/Image 6", *DOM0)
    for module in chosen(system).walk():
        name = module.text("xen,uefi-binary")
        if name is not None:
            path = tmp_path / name.encode().decode("latin-1").replace("\\", "/")
            path.parent.mkdir(exist_ok=True)
            path.touch()
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"guests/Image 6", "vmlinuz", "initrd.img", "net.dtb"}
