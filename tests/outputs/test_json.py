"""The two JSON contracts of the design, key by key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from xenassign.advice.assess import assess
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.platform import read_platform
from xenassign.outputs.report.plan_json import inspect, to_json
from xenassign.planning.plan import DomainPlan
from xenassign.xen.releases import release

Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]
Board = Callable[[str], Tree]

NUMBER, TEXT, FLAG, LIST = int, str, bool, list
MAYBE = (str, type(None))

PLAN = {
    "schema": TEXT,
    "name": TEXT,
    "xen": TEXT,
    "devices": LIST,
    "memory_mb_max": NUMBER,
    "memory_limited_by": (dict, type(None)),
}
DEVICE = {
    "path": TEXT,
    "guest_path": TEXT,
    "mappings": LIST,
    "irqs": LIST,
    "protected": FLAG,
    "forced": FLAG,
    "scmi": LIST,
    "suppliers": LIST,
}
HOST = {
    "model": TEXT,
    "compatible": LIST,
    "gic": (dict, type(None)),
    "msi": LIST,
    "iommus": LIST,
    "scmi": LIST,
}
INSPECTED = {
    "path": TEXT,
    "compatible": LIST,
    "status": TEXT,
    "reg": LIST,
    "interrupts": LIST,
    "other_interrupts": LIST,
    "iommus": LIST,
    "protected": FLAG,
    "scmi": LIST,
    "scmi_uses": LIST,
    "dma": TEXT,
    "dma_evidence": TEXT,
    "assignable": FLAG,
    "kind": TEXT,
    "verdict": dict,
    "findings": LIST,
}
PROTOCOLS = {
    *("clock", "power-domain", "reset", "voltage", "performance"),
    *("sensor", "powercap", "pinctrl", "access"),
}


def has(value: dict[str, Any], shape: dict[str, Any]) -> None:
    for key, kind in shape.items():
        assert key in value, key
        assert isinstance(value[key], kind), key
        if kind is NUMBER:
            assert not isinstance(value[key], bool), key


def one_of(value: object, *choices: object) -> None:
    assert value in choices, value


@pytest.mark.parametrize(
    ("host", "devices"),
    [
        ("qemu", ("/pl031@9010000",)),
        ("zynqmp", ("ethernet0", "/axi/usb@ff9d0000")),
        ("rk3588", ("/mmc@fe2c0000",)),
        ("tricky", ("/dev@79040000", "/wrapper@7a000000")),
    ],
)
def test_the_plan(generate: Generate, host: str, devices: tuple[str, ...]) -> None:
    made, files, _ = generate(host, *devices, policy="trust", xen="4.20.1", regions=("drop",))
    found = json.loads(files["domu1.json"])
    has(found, PLAN)
    assert (found["schema"], found["name"], found["xen"]) == ("xenassign/plan/1", "domu1", "4.20.1")
    assert [d["path"] for d in found["devices"]] == [d.path for d in made.devices]
    for device in found["devices"]:
        has(device, DEVICE)
        for mapping in device["mappings"]:
            has(mapping, {"host": NUMBER, "guest": NUMBER, "size": NUMBER})
        assert all(type(intid) is int for intid in device["irqs"])
        for supplier in device["suppliers"]:
            has(
                supplier,
                {"node": TEXT, "property": TEXT, "provider": MAYBE, "action": TEXT, "why": TEXT},
            )
            one_of(supplier["action"], "copied", "stubbed", "kept", "dropped")
        for scmi in device["scmi"]:
            has(scmi, {"protocol": TEXT, "id": NUMBER})
            one_of(scmi["protocol"], *PROTOCOLS)


@pytest.mark.parametrize(
    "host", ["imx8", "juno", "qemu", "rcar", "rk3588", "ti", "tricky", "zynqmp"]
)
def test_inspect(board: Board, host: str) -> None:
    found = json.loads(to_json(inspect(assess(read_platform(board(host)), release("4.20")))))
    assert set(found) == {"schema", "host", "devices", "findings"}
    assert found["schema"] == "xenassign/inspect/1"
    has(found["host"], HOST)
    has(found["host"]["gic"], {"path": TEXT, "version": NUMBER})
    one_of(found["host"]["gic"]["version"], 2, 3)
    for msi in found["host"]["msi"]:
        has(msi, {"path": TEXT, "kind": TEXT})
    for iommu in found["host"]["iommus"]:
        has(iommu, {"path": TEXT, "compatible": LIST, "available": FLAG, "xen_driver": MAYBE})
        one_of(iommu["xen_driver"], "smmu", "smmu-v3", "ipmmu", None)
    for scmi in found["host"]["scmi"]:
        has(scmi, {"path": TEXT, "transport": TEXT, "protocols": LIST})
        assert all(type(number) is int for number in scmi["protocols"])
    assert found["devices"]
    for device in found["devices"]:
        _check_device(device)


def _check_device(device: dict[str, Any]) -> None:
    has(device, INSPECTED)
    assert set(device) == set(INSPECTED)
    one_of(device["dma"], "yes", "no", "unknown")
    for block in device["reg"]:
        has(block, {"address": NUMBER, "size": NUMBER})
    for line in device["interrupts"]:
        has(line, {"intid": NUMBER, "kind": TEXT, "trigger": TEXT})
        one_of(line["kind"], "spi", "ppi", "espi", "eppi")
        one_of(line["trigger"], "edge-rising", "edge-falling", "level-high", "level-low", "none")
    for line in device["other_interrupts"]:
        has(line, {"controller": TEXT, "specifier": LIST})
    for use in device["iommus"]:
        has(use, {"iommu": MAYBE, "args": LIST, "protects": FLAG})
    for scmi in device["scmi"]:
        has(scmi, {"protocol": TEXT, "id": NUMBER})
        one_of(scmi["protocol"], *PROTOCOLS)
        assert set(scmi) == {"protocol", "id"}
    for use in device["scmi_uses"]:
        has(use, {"protocol": TEXT, "provider": TEXT, "property": TEXT, "name": MAYBE})
        assert type(use["id"]) is int or use["id"] is None
    for finding in device["findings"]:
        assert set(finding) == {"code", "severity", "message"}
    errors = [f for f in device["findings"] if f["severity"] == "error"]
    assert device["assignable"] == (not errors)
    assert not device["protected"] or all(use["protects"] for use in device["iommus"])


def test_json_ends_with_a_newline_and_keeps_text_readable() -> None:
    assert to_json({"model": "é"}) == '{\n  "model": "é"\n}\n'
