"""diff on real boards of two kernels, against what libfdt reads of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import libfdt
import pytest
from click.testing import CliRunner

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.phandle_properties import lookup
from xenassign.host.device import is_device

from ..boards.kernels import suite_of, tree
from ..missing import skip_or_fail
from ..xen.machine import UnavailableError

pytestmark = pytest.mark.corpus

#: What diff compares in another way: registers, interrupts, references, and what only Linux reads.
_OTHER = {"reg", "ranges", "phandle", "interrupt-parent", "interrupt-map", "status"}
_OTHER |= {"interrupts", "interrupts-extended"}

Values = dict[str, bytes]


def nodes(blob: libfdt.Fdt) -> Iterator[tuple[str, Values]]:
    """The nodes with their properties, by libfdt."""
    paths: list[str] = []
    offset, depth = blob.next_node(-1, -1)
    while offset >= 0 and depth >= 0:
        del paths[depth:]
        paths.append(blob.get_name(offset))
        values: Values = {}
        prop = blob.first_property_offset(offset, libfdt.QUIET_NOTFOUND)
        while prop >= 0:
            entry = blob.get_property_by_offset(prop)
            values[entry.name] = bytes(entry)
            prop = blob.next_property_offset(prop, libfdt.QUIET_NOTFOUND)
        yield "/".join(paths) or "/", values
        offset, depth = blob.next_node(offset, depth, (libfdt.BADOFFSET, libfdt.NOTFOUND))


def enabled(blob: dict[str, Values], path: str) -> bool:
    while path:
        if blob[path].get("status", b"okay\0") not in (b"okay\0", b"ok\0"):
            return False
        path = path.rpartition("/")[0]
    return True


@pytest.mark.parametrize("name", ["freescale/imx8mp-evk.dtb", "rockchip/rk3588-rock-5b.dtb"])
def test_two_kernels(name: str, tmp_path: Path) -> None:
    sides = []
    for linux in ("6.12", "7.2"):
        try:
            data = tree(suite_of(linux), name)
        except UnavailableError as error:
            skip_or_fail(str(error))
        (tmp_path / f"{linux}.dtb").write_bytes(data)
        sides.append(dict(nodes(libfdt.Fdt(data))))
    old, new = sides
    words = ["diff", *(str(tmp_path / f"{n}.dtb") for n in ("6.12", "7.2")), "--format", "json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 1
    listed = json.loads(done.stdout)["differences"]
    assert all(each["old"] != each["new"] for each in listed)
    of_device: dict[str, dict[tuple[str, str | None], tuple[object, object]]] = {}
    for each in listed:
        facts = of_device.setdefault(each["device"], {})
        facts[each["what"], each["which"]] = each["old"], each["new"]
    devices = [n.path for n in read_blob(data, name).nodes() if is_device(n) and n.path in old]
    for path in devices:
        facts = of_device.get(path, {})
        if ("device", None) in facts or ("path", None) in facts:
            continue
        names = old[path].keys() | new[path].keys()
        plain = {n for n in names if n not in _OTHER and lookup(n) is None and n[:7] != "bootph-"}
        differing = {n for n in plain if old[path].get(n) != new[path].get(n)}
        told = {which for what, which in facts if what == "property" and which in plain}
        assert told == differing, path
        changed = enabled(old, path) != enabled(new, path)
        assert (("status", None) in facts) == changed, path
    assert len(devices) > 100
