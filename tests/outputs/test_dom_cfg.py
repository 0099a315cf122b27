"""NAME.cfg: read back, it says what the plan says and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenassign.devicetree.tree import Tree
from xenassign.escape import xlcfg_string
from xenassign.findings import Finding
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.formats.xlcfg_parser import parse
from xenassign.planning.plan import DomainPlan

Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]
Variant = Callable[[str, str], Tree]

PL031 = "/pl031@9010000"


def config(files: dict[str, bytes], name: str = "domu1") -> XlConfig:
    return parse(files[f"{name}.cfg"].decode(), f"{name}.cfg")


def value(cfg: XlConfig, key: str) -> str | None:
    found = cfg.get(key)
    assert found is None or isinstance(found, Atom)
    return found.text if found else None


def texts(cfg: XlConfig, key: str) -> list[str]:
    return [atom.text for atom in cfg.texts(key)]


def test_only_what_was_given_is_written(generate: Generate) -> None:
    cfg = config(generate("qemu", PL031)[1])
    assert [s.name for s in cfg.statements] == ["name", "device_tree", "irqs", "iomem"]
    assert value(cfg, "name") == "domu1"
    assert value(cfg, "device_tree") == "domu1.dtb"
    assert texts(cfg, "irqs") == ["34"]
    assert texts(cfg, "iomem") == ["0x9010,0x1"]


def test_everything_that_was_given_is_written(generate: Generate) -> None:
    options = {
        "name": "gateway",
        "memory": 512,
        "vcpus": 2,
        "kernel": "/boot/Image",
        "ramdisk": "/boot/initrd",
        "extra": "console=hvc0 root=/dev/xvda",
        "device_tree_path": "/etc/xen/gateway.dtb",
    }
    cfg = config(generate("qemu", PL031, **options)[1], "gateway")
    for key in ("name", "kernel", "ramdisk", "extra"):
        assert value(cfg, key) == options[key]
    assert value(cfg, "memory") == "512"
    assert value(cfg, "vcpus") == "2"
    assert value(cfg, "device_tree") == "/etc/xen/gateway.dtb"


def test_a_moved_block_has_its_guest_page(generate: Generate) -> None:
    cfg = config(generate("qemu", PL031, maps=[f"{PL031}=0x8000000"])[1])
    assert texts(cfg, "iomem") == ["0x9010,0x1@0x8000"]


def test_only_the_moved_block_has_its_guest_page(generate: Generate) -> None:
    two = "/dev@740f0000"
    cfg = config(generate("tricky", two, policy="trust", maps=[f"{two}#1=0x8000000"])[1])
    assert texts(cfg, "iomem") == ["0x740f0,0x1", "0x740f8,0x2@0x8000"]


def test_irqs_are_decimal_and_each_stands_once(generate: Generate) -> None:
    cases = [
        ("zynqmp", ("ethernet0", "/axi/usb@ff9d0000")),
        ("tricky", ("/dev@740a0000", "/dev@740b0000")),
        ("rcar", ("/soc/ethernet@e6880000",)),
    ]
    for host, devices in cases:
        made, files, refusals = generate(host, *devices, policy="trust")
        assert not refusals
        found = texts(config(files), "irqs")
        assert len(found) == len(set(found))
        assert {int(text, 10) for text in found} == {i for d in made.devices for i in d.irqs}


def test_a_line_named_before_is_mentioned_in_the_comment(generate: Generate) -> None:
    files = generate("tricky", "/dev@740a0000", "/dev@740b0000", policy="trust")[1]
    assert "# /dev@740b0000 (also 112, listed above)" in files["domu1.cfg"].decode()


def test_a_page_that_devices_share_stands_once(generate: Generate) -> None:
    both = ("/pwm@70000000", "/pwm@70000010")
    files = generate("tricky", *both, policy="trust", shared=("/timer@70000f00",))[1]
    assert texts(config(files), "iomem") == ["0x70000,0x1"]
    assert "shares pages listed above" in files["domu1.cfg"].decode()


def test_rounding_is_said(generate: Generate) -> None:
    files = generate("zynqmp", "/axi/usb@ff9d0000")[1]
    assert "/axi/usb@ff9d0000 (rounded out from 0x100 bytes" in files["domu1.cfg"].decode()


def test_each_device_has_a_comment_with_its_path(generate: Generate) -> None:
    made, files, _ = generate("zynqmp", "ethernet0", "/axi/usb@ff9d0000")
    text = files["domu1.cfg"].decode()
    for device in made.devices:
        assert re.search(rf"# {re.escape(device.path)}(\s|$)", text, re.MULTILINE)


# --- protection ----------------------------------------------------------------------------------


def test_dtdev_and_passthrough_come_with_a_protected_device_only(generate: Generate) -> None:
    cfg = config(generate("zynqmp", "ethernet0", "/axi/watchdog@fd4d0000")[1])
    assert texts(cfg, "dtdev") == ["/axi/ethernet@ff0e0000"]
    assert value(cfg, "passthrough") == "enabled"
    bare = config(generate("zynqmp", "/axi/watchdog@fd4d0000")[1])
    assert bare.get("dtdev") is None
    assert bare.get("passthrough") is None


def test_an_unprotected_device_is_called_so(generate: Generate) -> None:
    text = generate("qemu", PL031)[1]["domu1.cfg"].decode()
    assert "# /pl031@9010000 (no IOMMU protection)" in text


def test_a_device_without_lines_or_registers_writes_no_empty_list(generate: Generate) -> None:
    cfg = config(generate("tricky", "/irq-only", policy="trust")[1])
    assert cfg.get("iomem") is None
    assert texts(cfg, "irqs") == ["164"]
    cfg = config(generate("tricky", "/iommu-only", policy="trust")[1])
    assert cfg.get("irqs") is None
    assert cfg.get("iomem") is None
    assert texts(cfg, "dtdev") == ["/iommu-only"]


# --- strings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ['say "hi"', "it's", "C:\\temp\\n", "a\\", "tab\there", "line\nbreak", "é…日本", "#;[]=,", ""],
)
def test_any_text_arrives_as_it_was_given(generate: Generate, text: str) -> None:
    cfg = config(generate("qemu", PL031, extra=text, kernel=text, ramdisk=text)[1])
    for key in ("extra", "kernel", "ramdisk"):
        assert value(cfg, key) == text


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \a\b\f\n\r\t\v")))
def test_a_quoted_string_reads_back(text: str) -> None:
    assert value(parse(f"a = {xlcfg_string(text)}\n"), "a") == text


@pytest.mark.parametrize("model", ["board\\nextra = 'evil'", "two\\nlines"])
def test_the_boards_model_cannot_leave_its_comment(
    generate: Generate, variant: Variant, model: str
) -> None:
    tree = variant("qemu", f'/ {{ model = "{model}"; }};')
    cfg = config(generate(tree, PL031)[1])
    assert {s.name for s in cfg.statements} <= {"name", "device_tree", "irqs", "iomem"}


def test_a_strange_model_does_not_disturb_the_sources(generate: Generate, variant: Variant) -> None:
    tree = variant("qemu", '/ { model = "a */ /* b {{ x }} é \\"q\\""; };')
    made, files, refusals = generate(tree, PL031)
    assert not refusals
    assert made.model == 'a */ /* b {{ x }} é "q"'
    assert b"*/ /* b" not in files["domu1.dts"]


# --- routes --------------------------------------------------------------------------------------


def test_files_are_those_of_the_routes(generate: Generate) -> None:
    common = {"d.dtb", "d.dts", "d.host.dtbo", "d.host.dtso", "d.json"}
    both = set(generate("qemu", PL031, name="d")[1])
    assert both == common | {"d.cfg", "d.dom0less.dtso"}
    assert set(generate("qemu", PL031, name="d", routes=("xl",))[1]) == common | {"d.cfg"}
    only = set(generate("qemu", PL031, name="d", routes=("dom0less",))[1])
    assert only == common | {"d.dom0less.dtso"}
