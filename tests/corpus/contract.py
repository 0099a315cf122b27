"""The contract of ``inspect``'s JSON (schema xenassign/inspect/1), as shapes to compare with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_KINDS = {"spi", "ppi", "espi", "eppi"}
_TRIGGERS = {"edge-rising", "edge-falling", "level-high", "level-low", "none"}
_DRIVERS = {"smmu", "smmu-v3", "ipmmu", None}
_SCMI = {
    "clock",
    "power-domain",
    "reset",
    "voltage",
    "performance",
    "sensor",
    "powercap",
    "pinctrl",
    "access",
}


class Number:
    """A JSON number that is a whole one and not negative."""


#: A type, a set of values, a list of one shape, an object with exactly these keys, or a pattern.
Shape = Any

PATH = re.compile(r"/|(/[^/]+)+")

HOST: Shape = {
    "model": str,
    "compatible": [str],
    "gic": {"path": PATH, "version": {2, 3}},
    "msi": [{"path": PATH, "kind": str}],
    "iommus": [{"path": PATH, "compatible": [str], "available": bool, "xen_driver": _DRIVERS}],
    "scmi": [{"path": PATH, "transport": str, "protocols": [Number]}],
}

DEVICE: Shape = {
    "path": PATH,
    "compatible": [str],
    "status": str,
    "reg": [{"address": Number, "size": Number}],
    "interrupts": [{"intid": Number, "kind": _KINDS, "trigger": _TRIGGERS}],
    "other_interrupts": [{"controller": PATH, "specifier": [Number]}],
    "iommus": [{"iommu": PATH, "args": [Number], "protects": bool}],
    "protected": bool,
    "scmi": [{"protocol": _SCMI, "id": Number}],
    "scmi_uses": [
        {
            "protocol": _SCMI,
            "id": int | None,
            "provider": PATH,
            "property": str,
            "name": str | None,
        }
    ],
    "dma": {"yes", "no", "unknown"},
    "dma_evidence": str,
    "assignable": bool,
    "kind": re.compile(r"[a-z0-9]+"),
    "verdict": {
        "answer": {"yes", "with", "no"},
        "options": [re.compile(r"-d /\S+|--[a-z0-9-]+( [a-z0-9]+)?")],
        "why": str | None,
    },
    "findings": [
        {
            "code": re.compile(r"XA\d{3}"),
            "severity": {"error", "warning", "note"},
            "message": str,
        }
    ],
}

#: About the whole board: that Xen cannot build dom0 from its tree.
FINDING: Shape = {"code": {"XA125"}, "severity": {"error"}, "message": str, "fix": str}


def check(document: Any) -> Iterator[str]:
    """Every place where a document breaks the contract."""
    host = document.get("host") if isinstance(document, dict) else None
    without_gic = isinstance(host, dict) and host.get("gic", 0) is None
    wanted = {**HOST, "gic": {None}} if without_gic else HOST
    shape = {
        "schema": {"xenassign/inspect/1"},
        "host": wanted,
        "findings": [FINDING],
        "devices": [DEVICE],
    }
    yield from mismatches(document, shape, "")


def mismatches(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """Every place below ``where`` at which a value does not have its shape."""
    if isinstance(shape, dict):
        if not isinstance(value, dict) or set(value) != set(shape):
            yield f"{where}: wants the keys {sorted(shape)}, has {value!r:.200}"
            return
        for key, inner in shape.items():
            yield from mismatches(value[key], inner, f"{where}.{key}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where}: wants a list, has {value!r:.200}"
            return
        for index, item in enumerate(value):
            yield from mismatches(item, shape[0], f"{where}[{index}]")
    elif not _fits(value, shape):
        yield f"{where}: wants {shape}, has {value!r:.200}"


def _fits(value: Any, shape: Shape) -> bool:
    if isinstance(shape, set):
        return not isinstance(value, (bool, list, dict)) and value in shape
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    if shape is Number:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return isinstance(value, shape)
