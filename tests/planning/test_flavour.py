"""A vendor's Xen (--xen-flavour): pages as Normal memory, and what upstream does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.answers import at, codes, guest, of
from tests.rows import Rows
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, errors
from xenassign.formats.xlcfg_parser import parse
from xenassign.linting.documents import TreeFile, document
from xenassign.linting.linter import Options, lint
from xenassign.outputs.zephyr import decide as zephyr
from xenassign.planning.plan import DomainPlan, Mapping
from xenassign.request.command_line import system_of_options, system_of_project
from xenassign.request.project import read_project
from xenassign.xen.releases import CACHEABLE, FLAVOURS, RELEASES, UPSTREAM, Release, release

Plan = Callable[..., DomainPlan]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

MORE = """
/ { reserved-memory { carve: carve@92000000 { reg = <0 0x92000000 0 0x200000>; no-map; };
	part: small@98000000 { reg = <0 0x98000000 0 0x100>; no-map; };
	buffers: pool@93000000 { compatible = "shared-dma-pool"; reg = <0 0x93000000 0 0x8000>;
		no-map; };
};
sram@6a000000 { compatible = "mmio-sram"; reg = <0 0x6a000000 0 0x2000>; };
sram@6a002000 { compatible = "mmio-sram"; reg = <0 0x6a002000 0 0x800>; };
dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;
	memory-region = <&MEMORY>; };
};
"""
SRAM, PART, DEVICE = "/sram@6a000000", "/sram@6a002000", "/dev@7e000000"
CARVE = "/reserved-memory/carve@92000000"
DOM0LESS = {"routes": ("dom0less",), "policy": "trust"}


@pytest.fixture
def host(variant: Callable[[str, str], Tree]) -> Callable[..., Tree]:
    """A board with on-chip memory, and with a device that names a region."""
    return lambda memory="carve": variant("tricky", MORE.replace("MEMORY", memory))


# --- the releases --------------------------------------------------------------------------------


def test_a_flavour_changes_what_its_table_states_and_nothing_else(rows: Rows) -> None:
    for word, flavour in FLAVOURS.items():
        for version, changes in flavour.releases.items():
            with rows(word, version):
                known = release(version, word)
                assert known.name == f"{version} of {flavour.vendor}"
                differing = {
                    field.name
                    for field in fields(Release)
                    if getattr(known, field.name) != getattr(RELEASES[version], field.name)
                }
                assert differing <= {*changes, "flavour"}


def test_upstream_is_not_changed(rows: Rows) -> None:
    for version, known in RELEASES.items():
        with rows(version):
            assert release(version, UPSTREAM) is known
            assert known.name == version
            assert (known.normal_mappings, known.pci_assigned) == (False, False)
            assert known.eemi_of_owner == ()


def test_releases_that_a_vendor_does_not_have() -> None:
    with pytest.raises(UsageError, match=r"Xen of AMD is not known for 4\.21; give 4\.17, 4\.18"):
        release("4.21", "amd")
    with pytest.raises(UsageError, match="unknown flavour of Xen 'arm'; known are upstream, amd"):
        release("4.20", "arm")


# --- plans ---------------------------------------------------------------------------------------


def test_a_carve_out_is_normal_memory(plan: Plan, host: Callable[..., Tree]) -> None:
    made = plan(host(), DEVICE, flavour="amd", **DOM0LESS)
    assert not errors(made.findings)
    assert made.regions[0].mappings == (Mapping(0x92000000, 0x92000000, 0x200000, True),)
    region = at(guest(made), "/passthrough/carve@92000000")
    assert not region.has("xen,reg")
    assert region.cells(CACHEABLE) == (0, 0x92000000, 0, 0x200000, 0, 0x92000000)
    device = at(guest(made), "/passthrough/dev@7e000000")
    assert (device.has("xen,reg"), device.has(CACHEABLE)) == (True, False)
    (finding,) = of(made, "XA531")
    assert finding.severity == "note"
    assert finding.message.endswith("is mapped, as Normal memory")


def test_a_part_of_a_page_stays_device_memory(plan: Plan, host: Callable[..., Tree]) -> None:
    """What else is in the page may be registers."""
    made = plan(host("part"), DEVICE, flavour="amd", **DOM0LESS)
    assert not any(mapping.normal for mapping in made.regions[0].mappings)
    part = plan(host(), PART, flavour="amd", **DOM0LESS)
    assert not any(mapping.normal for mapping in part.devices[0].mappings)
    (warning,) = of(part, "XA232")
    assert warning.fix == ("map it by xen,reg-cacheable, with xl by PFN,COUNT@GFN,memory in iomem")


def test_a_pool_is_mapped_and_still_not_found(plan: Plan, host: Callable[..., Tree]) -> None:
    made = plan(host("buffers"), DEVICE, flavour="amd", regions=("map",), **DOM0LESS)
    assert all(mapping.normal for mapping in made.regions[0].mappings)
    (finding,) = of(made, "XA531")
    assert (finding.severity, "Linux finds no pool there" in finding.message) == ("warning", True)


def test_on_chip_memory_on_both_routes(generate: Generate, host: Callable[..., Tree]) -> None:
    options: dict[str, Any] = {"policy": "trust", "memory": 256, "vcpus": 1}
    made, files, refused = generate(host(), SRAM, flavour="amd", **options)
    assert not refused
    assert "XA232" not in codes(made)
    config = files["domu1.cfg"].decode()
    assert '"0x6a000,0x2@0x6a000,memory",' in config
    assert "Xen 4.20 of AMD" in config
    assert b'"xen": "4.20",\n  "xen_flavour": "amd"' in files["domu1.json"]
    upstream, plain, _ = generate(host(), SRAM, **options)
    assert "XA232" in codes(upstream)
    assert '"0x6a000,0x2",' in plain["domu1.cfg"].decode()
    assert b"flavour" not in plain["domu1.json"]
    assert CACHEABLE.encode() not in plain["domu1.dtb"]


def test_one_page_with_two_types(plan: Plan, variant: Callable[[str, str], Tree]) -> None:
    overlap = MORE.replace("MEMORY", "carve") + (
        '/ { ctrl@6a001000 { compatible = "xenassign,x"; reg = <0 0x6a001000 0 0x1000>; }; };'
    )
    made = plan(variant("tricky", overlap), SRAM, "/ctrl@6a001000", flavour="amd", **DOM0LESS)
    (finding,) = of(made, "XA240")
    assert (finding.node, finding.severity) == (SRAM, "error")


def test_what_has_no_place_for_a_memory_type(generate: Generate, host: Callable[..., Tree]) -> None:
    options: dict[str, Any] = {"policy": "trust", "memory": 256, "vcpus": 1, "kernel": "Image"}
    made, _, _ = generate(host(), SRAM, flavour="amd", **options)
    with pytest.raises(UsageError, match="Normal memory, for which Zephyr has no key"):
        zephyr.check(made)
    made, _, refused = generate(
        host(), SRAM, flavour="amd", attach_overlay=True, routes=("xl",), **options
    )
    assert "XA011" in codes(refused)


# --- where it is stated --------------------------------------------------------------------------


FILE = """
host = "a.dtb"
xen = "4.18"
xen-flavour = "amd"
[[domain]]
name = "net"
device = ["ethernet0"]
"""


def test_the_file_the_command_line_and_the_board(tmp_path: Path, rows: Rows) -> None:
    path = tmp_path / "xenassign.toml"
    for text, given, expected in (
        (FILE, {}, "4.18 of AMD"),
        (FILE, {"release": "4.17"}, "4.17 of AMD"),
        (FILE, {"flavour": "upstream"}, "4.18"),
        (FILE, {"release": "4.22", "flavour": "upstream"}, "4.22"),
        (FILE.replace('xen-flavour = "amd"', ""), {"flavour": "amd"}, "4.18 of AMD"),
        (FILE.replace('xen = "4.18"', ""), {}, "4.20 of AMD"),
    ):
        with rows(given, expected):
            path.write_text(text)
            system = system_of_project(read_project(path), given)
            assert system.domains[0].release.name == expected
    for given, expected in (({"flavour": "amd"}, "4.20 of AMD"), ({}, "4.20")):
        with rows(given, expected):
            alone = system_of_options({"devices": ("a",), **given}, ())
            assert alone.domains[0].release.name == expected


def test_a_release_that_the_flavour_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "xenassign.toml"
    path.write_text(FILE.replace("4.18", "4.22"))
    with pytest.raises(UsageError) as raised:
        read_project(path)
    place = f"{path}:4: Xen of AMD is not known for 4.22; give 4.17, 4.18, 4.20"
    assert str(raised.value) == place
    path.write_text(FILE)
    with pytest.raises(UsageError, match=r"Xen of AMD is not known for 4\.21"):
        system_of_project(read_project(path), {"release": "4.21"})


# --- the lint ------------------------------------------------------------------------------------

TREE = """/dts-v1/;
/ { #address-cells = <2>; #size-cells = <2>;
	passthrough { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges;
		xen,pci-assigned = <0 1 0>;
		sram@6a000000 { compatible = "mmio-sram"; reg = <0 0x6a000000 0 0x2000>;
			xen,path = "/sram@6a000000"; xen,force-assign-without-iommu;
			xen,reg-cacheable = <0 0x6a000000 0 0x2000 0 0x6a000000>; };
	}; };
"""
MARKS = """/dts-v1/; /plugin/;
/ { fragment@0 { target-path = "/sram@6a000000"; __overlay__ { xen,passthrough; }; }; };
"""
CONFIG = """name = "domu1"
kernel = "Image"
memory = 256
device_tree = "domu1.dts"
iomem = ["0x6a000,0x2@0x6a000,memory"]
"""


def tree_file(name: str, text: str) -> TreeFile:
    """A device tree as the lint reads it."""
    file = document(name, text.encode())
    assert isinstance(file, TreeFile)
    return file


def found(host: Tree, flavour: str, tree: str = TREE, **options: Any) -> list[Finding]:
    """What the lint reports of a partial tree for dom0less."""
    judged = Options(
        release("4.20", flavour),
        routes=("dom0less",),
        host=host,
        overlays=(tree_file("marks.dtso", MARKS),),
        **options,
    )
    return list(lint([document("domu1.dts", tree.encode())], judged).findings)


def test_the_lint_knows_the_flavour(host: Callable[..., Tree]) -> None:
    tree = host()
    assert not {"XA411", "XA809", "XA232"} & set(codes(found(tree, "amd")))
    unknown = of(found(tree, UPSTREAM), "XA809")
    assert [finding.prop for finding in unknown] == ["xen,pci-assigned", CACHEABLE]
    assert all("is a property of AMD's Xen" in finding.message for finding in unknown)
    assert all("--xen-flavour amd" in (finding.fix or "") for finding in unknown)
    assert "XA411" in codes(found(tree, UPSTREAM))


def test_pci_assigned_is_read_of_passthrough_alone(host: Callable[..., Tree], rows: Rows) -> None:
    line = "xen,pci-assigned = <0 1 0>;"
    moved = TREE.replace(line, "").replace("xen,path =", f"{line} xen,path =")
    (finding,) = of(found(host(), "amd", moved), "XA809")
    assert "belongs to /passthrough" in finding.message
    for cells, problem in (
        ("", "is empty"),
        (" = <0 1>", "has 2 cells, which is not a multiple of 3"),
        (" = <0x10000 1 0>", "has the segment 0x10000, of more than 16 bits"),
        (" = <0 0x100 0>", "has the bus 0x100, of more than 8 bits"),
        (" = <0 1 0>, <0 1 0x100>", "has the device and function 0x100, of more than 8 bits"),
    ):
        with rows(cells):
            wrong = TREE.replace(line, f"xen,pci-assigned{cells};")
            (refused,) = of(found(host(), "amd", wrong), "XA238")
            assert problem in refused.message


def test_registers_as_memory(host: Callable[..., Tree]) -> None:
    wrong = (
        TREE.replace("/sram@", "/dev@")
        .replace("6a000000", "7e000000")
        .replace("0 0x2000", "0 0x1000")
    )
    (finding,) = of(found(host(), "amd", wrong), "XA236")
    assert finding.message.endswith("xen,reg-cacheable has registers of /dev@7e000000")
    assert "XA236" not in codes(found(host(), "amd"))


def test_both_properties(host: Callable[..., Tree], rows: Rows) -> None:
    """The last one is mapped, as Normal memory."""
    reg = "xen,reg = <0 0x7e000000 0 0x1000 0 0x7e000000>;"
    line = "xen,reg-cacheable = <0 0x6a000000 0 0x2000 0 0x6a000000>;"
    for text, read in ((f"{reg} {line}", CACHEABLE), (f"{line} {reg}", "xen,reg")):
        with rows(read):
            findings = found(host(), "amd", TREE.replace(line, text))
            (finding,) = of(findings, "XA237")
            assert finding.message.endswith(f"Xen maps {read} alone, as Normal memory")
            assert ("XA236" in codes(findings)) == (read == "xen,reg")


def test_memory_types_of_iomem(host: Callable[..., Tree]) -> None:
    tree = host()

    def xl(flavour: str, config: str = CONFIG) -> list[Finding]:
        options = Options(
            release("4.20", flavour),
            routes=("xl",),
            host=tree,
            overlays=(tree_file("marks.dtso", MARKS),),
            partial=tree_file("domu1.dts", TREE),
        )
        return list(lint([document("domu1.cfg", config.encode())], options).findings)

    assert not {"XA603", "XA236", "XA220", "XA221", "XA232"} & set(codes(xl("amd")))
    (refused,) = of(xl(UPSTREAM), "XA603")
    assert "only forks of Xen know" in (refused.fix or "")
    (early,) = of(xl("amd", CONFIG.replace("@0x6a000", "")), "XA603")
    assert "comes after a guest page" in (early.fix or "")
    device = CONFIG.replace("0x6a000,0x2@0x6a000", "0x7e000,0x1@0x7e000")
    (registers,) = of(xl("amd", device), "XA236")
    assert registers.message == ("iomem: 0x7e000,0x1@0x7e000,memory has registers of /dev@7e000000")


# --- a dom.cfg of the user's ---------------------------------------------------------------------


def test_a_base_cfg_with_memory_types(generate: Generate, host: Callable[..., Tree]) -> None:
    options: dict[str, Any] = {"policy": "trust", "routes": ("xl",)}
    text = 'name = "domu1"\nmemory = 256\nkernel = "Image"\niomem = ["{}"]\n'
    same = parse(text.format("0x6a000,0x2@0x6a000,memory"), "base.cfg")
    _, files, refused = generate(host(), SRAM, base=same, flavour="amd", **options)
    assert not refused
    assert files["domu1.cfg"].decode().count("0x6a000,0x2") == 1
    other = parse(text.format("0x6a000,0x2"), "base.cfg")
    with pytest.raises(UsageError, match="as another memory than the plan's 0x6a000,0x2@0x6a000"):
        generate(host(), SRAM, base=other, flavour="amd", **options)
