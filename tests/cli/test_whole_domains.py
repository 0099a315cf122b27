"""Whole dom0less domains from xenassign.toml: the same in every output, or refused with places."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import XenassignError
from xenassign.host.platform import read_platform
from xenassign.xen.node_properties import BY_NAME, PROPERTIES
from xenassign.xen.releases import RELEASES

from ..conftest import FIXTURES

VIRT, ZCU102 = FIXTURES / "qemu-virt-gicv3.dtb", FIXTURES / "zynqmp-zcu102.dtb"
BOOT = """
[boot]
load = { kernel = "0x48000000:0x1000000", dtb = "0x4a000000", host = "0x4b000000", \
dom0-kernel = "0x4c000000:0x1000000" }
"""
NET = """
[[domain]]
name = "net"
memory = 64
vcpus = 2
kernel = "Image"
device = ["/pl031@9010000"]
"""
ALL = ("--chosen", "--host-out", "host.dtb", "--uboot-script", "--imagebuilder")


def project(
    folder: Path, text: str, xen: str = "4.22", boot: str = BOOT, host: Path = VIRT
) -> Path:
    path = folder / "xenassign.toml"
    path.write_text(f'host = "{host}"\nxen = "{xen}"\nroute = "dom0less"\n{text}{boot}')
    return path


def generate(
    folder: Path,
    text: str,
    *options: str,
    xen: str = "4.22",
    boot: str = BOOT,
    host: Path = VIRT,
) -> Path:
    """The folder with the files. Raises XenassignError."""
    out = folder / "out"
    path = project(folder, text, xen, boot, host)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(cli, ["generate", "-c", str(path), "-o", "out", *options])
    if isinstance(done.exception, XenassignError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return out


def refused(folder: Path, text: str, *options: str, xen: str = "4.22", host: Path = VIRT) -> str:
    """The lines with which a system is refused, without the folder's name."""
    path = project(folder, text, xen, host=host)
    arguments = ["generate", "-c", str(path), "-o", str(folder / "out"), *options]
    done = CliRunner().invoke(cli, arguments)
    assert not (folder / "out").exists(), done.output
    said = f"{done.exception}\n" if isinstance(done.exception, XenassignError) else ""
    return (said + done.output).replace(f"{folder}/", "")


def chosen(folder: Path, name: str) -> Node:
    """/chosen/NAME of the tree that boots."""
    node = read_blob_file(folder / "host.dtb").find(f"/chosen/{name}")
    assert node is not None
    return node


def overlays_applied(folder: Path, out: Path, names: Sequence[str], board: Path = VIRT) -> Tree:
    """The board's tree with NAME.dom0less.dtso, as dtc and fdtoverlay make it."""
    applied = folder / "applied.dtb"
    applied.write_bytes(board.read_bytes())
    for name in names:
        source = out / f"{name}.dom0less.dtso"
        dtc: list[str | Path] = [
            "dtc",
            "-q",
            "-@",
            "-I",
            "dts",
            "-O",
            "dtb",
            "-o",
            folder / "o.dtbo",
            source,
        ]
        subprocess.run(dtc, check=True)
        merge: list[str | Path] = ["fdtoverlay", "-i", applied, "-o", applied, folder / "o.dtbo"]
        subprocess.run(merge, check=True)
    return read_blob_file(applied)


PROPERTIES_OF_NET = """
[domain.dom0less]
"xen,enhanced" = "no-xenstore"
max_grant_version = 1
max_grant_frames = 16
max_maptrack_frames = 32
trap-unmapped-accesses = 0
nr_spis = 64
"xen,domain-p2m-mem-mb" = 5
passthrough = "enabled"
llc-colors = "0-3,6"
sve = true
"""


def test_properties_reach_every_output(tmp_path: Path) -> None:
    out = generate(tmp_path, NET + PROPERTIES_OF_NET, *ALL)
    node = chosen(tmp_path, "net")
    assert node.text("xen,enhanced") == "no-xenstore"
    assert node.text("llc-colors") == "0-3,6"
    assert node.text("passthrough") == "enabled"
    assert node.properties["sve"].value == b""
    numbers = {
        "max_grant_version": 1,
        "max_grant_frames": 16,
        "max_maptrack_frames": 32,
        "trap-unmapped-accesses": 0,
        "nr_spis": 64,
        "xen,domain-p2m-mem-mb": 5,
    }
    assert {name: node.cells(name) for name in numbers} == {n: (v,) for n, v in numbers.items()}
    source = (out / "net.dom0less.dtso").read_text()
    script = (out / "boot.cmd").read_text()
    for name, value in numbers.items():
        assert f"{name} = <{value}>;" in source
        assert re.search(rf'{re.escape(name)} "<{value:#x}>"', script), name
    assert '/* requires CONFIG_LLC_COLORING */ llc-colors = "0-3,6";' in " ".join(source.split())
    config = (out / "imagebuilder.cfg").read_text()
    for line in ("ENHANCED[0]=2", "GRANT_VER[0]=1", "GRANT_FRAMES[0]=16", "NR_SPIS[0]=64"):
        assert f"DOMU_{line}" in config.replace('"', "")
    commands = (out / "imagebuilder.cmds").read_text()
    assert 'fdt set /chosen/domU0 llc-colors "0-3,6"' in commands
    assert "fdt set /chosen/domU0 sve\n" in commands
    for name in ("trap-unmapped-accesses", "xen,domain-p2m-mem-mb", "passthrough"):
        assert f"fdt set /chosen/domU0 {name} " in commands
    assert "max_grant_frames" not in commands


def test_the_table_has_what_releases_read() -> None:
    """Neither the lint nor xenassign.toml knows another property."""
    assert set().union(*(xen.domain_properties for xen in RELEASES.values())) == set(BY_NAME)
    assert len(BY_NAME) == len(PROPERTIES)


def test_a_property_of_a_newer_release(tmp_path: Path) -> None:
    said = refused(tmp_path, NET + "[domain.dom0less]\nsve = 256\n", xen="4.17")
    assert "net: Xen 4.17 does not read sve (xenassign.toml:12); use Xen 4.18 or newer" in said
    assert "[XA710]" in said


def test_a_property_with_a_key_of_its_own(tmp_path: Path) -> None:
    said = refused(tmp_path, NET + "[domain.dom0less]\ndirect-map = true\n")
    assert "xenassign.toml:12: " in said
    assert "[domain.dom0less] has no key direct-map; it is direct-map of [[domain]]" in said
    said = refused(tmp_path, NET + "[domain.dom0less]\ncpus = 2\n")
    assert "it is vcpus of [[domain]]" in said


def test_colors_and_static_memory(tmp_path: Path) -> None:
    text = NET.replace("memory = 64", 'static-memory = ["0x70000000:64M"]')
    said = refused(tmp_path, text + '[domain.dom0less]\nllc-colors = "0"\n')
    places = "llc-colors (xenassign.toml:12) excludes static memory (xenassign.toml:7)"
    assert f"net: {places}" in said
    assert "[XA737]" in said


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("capabilities = 2", "XA716"),  # a hardware domain has no partial device tree
        ("sve = 100", "XA716"),
        ("nr_spis = 0", "XA313"),  # the vPL011 has none
        ("nr_spis = 2000", "XA314"),
        ('"xen,domain-p2m-mem-mb" = 0', "XA725"),
    ],
)
def test_a_value_that_xen_refuses(tmp_path: Path, line: str, code: str) -> None:
    said = refused(tmp_path, f"{NET}[domain.dom0less]\n{line}\n")
    assert f"[{code}]" in said
    if code != "XA314":
        assert "(xenassign.toml:12)" in said or code == "XA313"


@pytest.mark.parametrize("line", ["sve = 100", 'llc-colors = "200"'])
def test_what_several_outputs_find_is_said_once(tmp_path: Path, line: str) -> None:
    """The overlay of the domain, and the tree with the whole /chosen."""
    said = refused(tmp_path, f"{NET}[domain.dom0less]\n{line}\n", *ALL)
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said
    assert "(xenassign.toml:12)" in errors[0]


def test_an_interrupt_above_nr_spis(tmp_path: Path) -> None:
    text = NET.replace("/pl031@9010000", "ethernet@ff0e0000")  # INTID 95
    said = refused(tmp_path, text + "[domain.dom0less]\nnr_spis = 32\n", host=ZCU102)
    assert "is not one of the guest's (32 to 63)" in said


def test_xl_builds_it(tmp_path: Path) -> None:
    text = NET.replace("[[domain]]", '[[domain]]\nroute = "xl"')
    said = refused(tmp_path, text + "[domain.dom0less]\nmax_grant_frames = 8\n")
    assert "has no effect: the domain is built by xl" in said


def test_the_advice_for_a_name_of_xen_is_valid_toml(tmp_path: Path) -> None:
    said = refused(tmp_path, NET + '[domain.dom0less]\n"xen,enhanced" = 3\n')
    assert 'write "xen,enhanced" = "no-xenstore"' in said


def test_pv_interfaces_of_a_direct_map_domain(tmp_path: Path) -> None:
    """Its grant table is where other domains have theirs, which may be over a device."""
    text = NET.replace("memory = 64", 'static-memory = ["0x70000000:64M"]\ndirect-map = true')
    text = text.replace("device = [", "device = [ # ")
    device = '{ path = "/pl031@9010000", map = 0x38001000 }]\n'
    text = text.replace('# "/pl031@9010000"]\n', device)
    generate(tmp_path, text, boot="")
    (tmp_path / "out").rename(tmp_path / "first")
    said = refused(tmp_path, text + '[domain.dom0less]\n"xen,enhanced" = "enabled"\n')
    assert "grant table" in said


RING = """
[[domain.shared-memory]]
id = "ring"
role = "owner"
size = "64K"
"""
LOG = NET.replace('"net"', '"log"').replace("/pl031@9010000", "/pl061@9030000")
LOG = LOG.replace("vcpus", 'load = { dtb = "0x4a100000" }\nvcpus')
BORROWED = """
[[domain.shared-memory]]
id = "ring"
role = "borrower"
guest = 0x50000000
"""
#: Its tree states 4 GiB; those of the fixtures for Xen under QEMU have no room to plan in.
WITH_ROOM = ZCU102
NET_ROOM = NET.replace("/pl031@9010000", "rtc0")
LOG_ROOM = LOG.replace("/pl061@9030000", "ethernet0")


def words(node: Node, name: str) -> list[int]:
    """The 64-bit numbers of a property."""
    cells = node.cells(name)
    return [high << 32 | low for high, low in zip(cells[::2], cells[1::2], strict=True)]


def test_shared_memory_is_planned(tmp_path: Path) -> None:
    """One owner, one borrower, the same host memory; it is nothing that anything else has."""
    text = NET_ROOM + RING + LOG_ROOM + BORROWED
    out = generate(tmp_path, text, *ALL, host=WITH_ROOM)
    nodes = [
        next(child for name, child in chosen(tmp_path, domain).children.items() if "shared" in name)
        for domain in ("net", "log")
    ]
    assert [node.text("role") for node in nodes] == ["owner", "borrower"]
    assert {node.text("xen,shm-id") for node in nodes} == {"ring"}
    (host, guest, size), (of_log, at, length) = (words(node, "xen,shared-mem") for node in nodes)
    assert (host, size) == (of_log, length)
    assert (size, at) == (0x10000, 0x50000000)
    assert host % 0x1000 == 0
    platform = read_platform(read_blob_file(WITH_ROOM))
    region = Span.sized(host, size)
    assert any(block.span.covers(region) for block in platform.memory)
    loads = (0x48000000, 0x4A000000, 0x4B000000, 0x4C000000)
    assert not any(region.overlaps(Span.sized(load, 16 << 20)) for load in loads)
    spans = json.loads((out / "net.json").read_text())
    assert spans["shared_memory"] == [
        {"id": "ring", "role": "owner", "host": host, "guest": guest, "size": size}
    ]
    used = [m["guest"] for device in spans["devices"] for m in device["mappings"]]
    assert guest not in used
    config = (out / "imagebuilder.cfg").read_text()
    assert f"DOMU_SHARED_MEM[1]='ring {host:#x} 0x50000000 0x10000'" in config.replace('"', "'")
    commands = (out / "imagebuilder.cmds").read_text()
    assert f'fdt set /chosen/domU0/shared-mem@{host:#x} role "owner"' in commands
    assert "fdt mknod /chosen/net shared-memory-ring" in (out / "boot.cmd").read_text()
    done = CliRunner().invoke(cli, ["plan", "-c", str(tmp_path / "xenassign.toml")])
    assert "shared memory ring" in done.output
    assert f"{host:#x}" in done.output


def test_shared_memory_of_direct_map_domains(tmp_path: Path) -> None:
    """They see it where the host has it."""
    direct = NET_ROOM.replace(
        "memory = 64", 'static-memory = ["0x60000000:64M"]\ndirect-map = true'
    )
    generate(tmp_path, direct + RING, *ALL, host=WITH_ROOM)
    (node,) = (c for n, c in chosen(tmp_path, "net").children.items() if n.startswith("shared"))
    host, guest, _ = words(node, "xen,shared-mem")
    assert host == guest
    elsewhere = direct + RING + "guest = 0x50000000\n"
    (tmp_path / "out").rename(tmp_path / "first")
    assert "[XA744]" in refused(tmp_path, elsewhere, host=WITH_ROOM)


def test_shared_memory_on_several_boards(tmp_path: Path) -> None:
    """Each board has its own address, in its folder."""
    text = NET_ROOM + RING + LOG_ROOM + BORROWED
    boards = [tmp_path / "first.dtb", tmp_path / "second.dtb"]
    for board in boards:
        board.write_bytes(WITH_ROOM.read_bytes())
    memory: list[str | Path] = [
        "fdtput",
        "-t",
        "x",
        boards[1],
        "/memory@0",
        "reg",
        "0",
        "0",
        "0",
        "70000000",
    ]
    subprocess.run(memory, check=True)
    path = project(tmp_path, text, boot="", host=boards[0])
    path.write_text(path.read_text().replace(f'"{boards[0]}"', '["first.dtb", "second.dtb"]'))
    arguments = ["generate", "-c", str(path), "-o", str(tmp_path / "out"), "--per-host"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    hosts = {
        json.loads((tmp_path / f"out/{board}/{name}.json").read_text())["shared_memory"][0]["host"]
        for board in ("first", "second")
        for name in ("net", "log")
    }
    assert hosts == {0x77E00000, 0x67E00000}


@pytest.mark.parametrize(
    ("of_net", "of_log", "said"),
    [
        (RING, BORROWED.replace("borrower", "owner"), "[XA743]"),
        (RING, BORROWED + "size = 4096\n", "[XA743]"),
        (BORROWED, BORROWED, "xenassign.toml:13: domain 'net': shared memory ring has no size"),
        (RING + RING, BORROWED, "shared memory ring is given twice"),
        (
            f"{RING}host = 0x70000000\n{RING}host = 0x70000000\n".replace("ring", "rung", 1),
            "",
            "[XA743]",
        ),
        (RING.replace("64K", "1000"), "", "size 0x3e8 is not whole pages"),
        (RING + "guest = 0x40000000\n", "", "[XA745]"),  # the guest's RAM
        (RING + "guest = 0xffa60000\n", "", "[XA206]"),  # the device
        (RING + "host = 0xff000000\n", "", "[XA231]"),  # registers of the host
        (RING + "guest = 0xfffffffff000\n", "", "[XA205]"),
        (RING.replace("64K", "64G"), "", "has no room of 0x1000000000 bytes"),
    ],
)
def test_shared_memory_that_xen_or_the_host_lacks(
    tmp_path: Path, of_net: str, of_log: str, said: str
) -> None:
    assert said in refused(tmp_path, NET_ROOM + of_net + LOG_ROOM + of_log, host=WITH_ROOM)


@pytest.mark.parametrize(
    ("memory", "warning"),
    [
        (
            RING + "host = 0x7fff8000\n",
            "shared memory 0x7fff8000-0x80008000 is not within the memory of the host's tree",
        ),
        (BORROWED + "size = 4096\n", "no domain owns the shared memory ring"),
    ],
)
def test_shared_memory_that_may_not_be_there(tmp_path: Path, memory: str, warning: str) -> None:
    path = project(tmp_path, NET_ROOM + memory, boot="", host=WITH_ROOM)
    arguments = ["generate", "-c", str(path), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0
    assert warning in done.output


def test_the_place_of_shared_memory_is_stated_once(tmp_path: Path) -> None:
    said = refused(tmp_path, NET_ROOM + RING + RING, host=WITH_ROOM)
    assert said.startswith("xenassign.toml:18: domain 'net': shared memory ring is given twice")


def test_shared_memory_is_for_dom0less(tmp_path: Path) -> None:
    text = NET_ROOM.replace("[[domain]]", '[[domain]]\nroute = ["xl", "dom0less"]') + RING
    said = refused(tmp_path, text, host=WITH_ROOM)
    assert "shared-memory is not available with xl; give the route dom0less only" in said


CHANNELS = """
[[domain.event-channel]]
to = "log"
port = 10

[[domain.event-channel]]
to = "log"
remote-port = 2
"""


def test_event_channels(tmp_path: Path) -> None:
    """The ends name each other in every output; ports that are not given are free ones."""
    out = generate(tmp_path, NET + CHANNELS + LOG, *ALL)
    tree = read_blob_file(tmp_path / "host.dtb")
    by_phandle = {node.phandle: node for node in tree.nodes() if node.phandle is not None}
    assert len(by_phandle) == len([node for node in tree.nodes() if node.phandle is not None])
    ends = {}
    for name in ("net", "log"):
        for node in chosen(tmp_path, name).children.values():
            if "xen,evtchn-v1" in node.compatible:
                port, phandle = node.cells("xen,evtchn")
                remote, back = by_phandle[phandle].cells("xen,evtchn")
                assert by_phandle[back] is not by_phandle[phandle]
                assert by_phandle[back].path == f"/chosen/{name}/{node.name}"
                ends[name, port] = remote
    assert ends == {("net", 10): 3, ("log", 3): 10, ("net", 2): 2, ("log", 2): 2}
    assert "evtchn" not in (out / "net.dom0less.dtso").read_text()
    overlay = (out / "log.dom0less.dtso").read_text()
    assert "Apply it after net.dom0less.dtso" in overlay
    assert 'target-path = "/chosen/net"' in overlay
    commands = (out / "imagebuilder.cmds").read_text()
    assert "fdt mknod /chosen/domU0 event-channel-10" in commands
    assert "fdt set /chosen/domU1/event-channel-3 phandle" in commands
    assert "fdt mknod /chosen/net event-channel-10" in (out / "boot.cmd").read_text()
    # What dtc and fdtoverlay make of the two overlays is connected too.
    tree = overlays_applied(tmp_path, out, ("net", "log"))
    by_phandle = {node.phandle: node for node in tree.nodes() if node.phandle is not None}
    (end,) = (n for n in tree.nodes() if n.name == "event-channel-10")
    assert by_phandle[end.cells("xen,evtchn")[1]].path == "/chosen/log/event-channel-3"


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ('to = "lock"', "event-channel to lock: no other domain has that name; there are log"),
        ('to = "net"', "event-channel to net: no other domain has that name"),
        ('to = "log"\nport = 1024', "port 1024 is out of range (1 to 1023)"),
        (f'to = "log"\nport = 10{CHANNELS}', "port 10 of net is in use; give another"),
    ],
)
def test_a_channel_that_cannot_be(tmp_path: Path, channel: str, said: str) -> None:
    text = f"{NET}\n[[domain.event-channel]]\n{channel}\n{LOG}"
    assert said in refused(tmp_path, text)


def test_a_channel_to_a_domain_of_xl(tmp_path: Path) -> None:
    text = NET + CHANNELS + LOG.replace("[[domain]]", '[[domain]]\nroute = "xl"')
    text = text.replace('load = { dtb = "0x4a100000" }\n', "")
    assert "event-channel to log, which xl builds" in refused(tmp_path, text)


def test_cpus_on_both_routes(tmp_path: Path) -> None:
    """One list is for all vCPUs, several are one for each; the board has two CPUs."""
    both = 'route = ["xl", "dom0less"]\ncpus = '
    text = NET.replace("[[domain]]", f'[[domain]]\n{both}"0-1"')
    out = generate(tmp_path, text + LOG.replace("vcpus", 'cpus = ["0", "1"]\nvcpus'), *ALL)
    for domain, lists in (("net", ["0-1", "0-1"]), ("log", ["0", "1"])):
        children = chosen(tmp_path, domain).children
        nodes = [children[f"vcpu{number}"] for number in range(2)]
        assert [node.text("hard-affinity") for node in nodes] == lists
        assert [node.cells("id") for node in nodes] == [(0,), (1,)]
        assert all(node.compatible == ("xen,vcpu",) for node in nodes)
    assert 'cpus = "0-1"' in (out / "net.cfg").read_text().splitlines()
    commands = (out / "imagebuilder.cmds").read_text()
    assert 'fdt set /chosen/domU1/vcpu1 hard-affinity "1"' in commands
    arguments = ["plan", "-c", str(tmp_path / "xenassign.toml"), "-v"]
    said = CliRunner().invoke(cli, arguments).output
    assert "net and log may both run on the CPUs 0, 1" in said
    each = NET.replace("[[domain]]", '[[domain]]\nroute = "xl"\ncpus = ["0", "1"]')
    (tmp_path / "out").rename(tmp_path / "first")
    generate(tmp_path, each, boot="")
    assert 'cpus = ["0", "1"]' in (tmp_path / "out" / "net.cfg").read_text().splitlines()


@pytest.mark.parametrize(
    ("line", "xen", "said"),
    [
        ('cpus = "1-2"', "4.22", "net: cpus (xenassign.toml:6) has CPU 2, and Xen runs on 2"),
        ('cpus = ["0", "1", "0"]', "4.22", "cpus has 3 lists, and there are 2 vCPUs"),
        ('cpus = "0"', "4.20", "Xen 4.20 does not read xen,vcpu, for cpus (xenassign.toml:6)"),
        (
            'cpus = "0,1-0"',
            "4.22",
            "cpus has the range 1-0, which is empty; write the lower number",
        ),
        ('cpus = "all"', "4.22", "cpus 'all' is invalid"),
        ('cpus = "00-01"', "4.22", "cpus '00-01' is invalid"),
        (
            'cpus = "0"\nroute = "xl"\nbase-cfg = "net.cfg"',
            "4.22",
            "cpus is not available with base-cfg",
        ),
    ],
)
def test_cpus_that_xen_lacks(tmp_path: Path, line: str, xen: str, said: str) -> None:
    (tmp_path / "net.cfg").write_text('name = "net"\nmemory = 64\nvcpus = 2\nkernel = "Image"\n')
    text = NET.replace("[[domain]]", f"[[domain]]\n{line}")
    assert said in refused(tmp_path, text, xen=xen)


def test_fewer_cpus_by_the_command_line(tmp_path: Path) -> None:
    text = NET.replace("[[domain]]", '[[domain]]\ncpus = "1"')
    said = refused(tmp_path, text, "--chosen", "--host-out", "x", "--xen-bootargs", "maxcpus=1")
    assert "has CPU 1, and Xen runs on 1" in said


POOL = """
[[cpu-pool]]
name = "rt"
cpus = "1"
scheduler = "null"
"""


def test_a_pool_of_two_domains(tmp_path: Path) -> None:
    """Its second CPU, named twice, has no phandle in the board's tree; every output has one."""
    board = tmp_path / "board.dtb"
    board.write_bytes(VIRT.read_bytes())
    subprocess.run(["fdtput", "-d", board, "/cpus/cpu@1", "phandle"], check=True)
    pooled = (NET + LOG).replace("[[domain]]", '[[domain]]\ncpu-pool = "rt"')
    out = generate(tmp_path, POOL.replace('"1"', '"0-1,1"') + pooled, *ALL, host=board)
    tree = read_blob_file(tmp_path / "host.dtb")
    whole = ["/chosen/cpupool-rt", "/cpus/cpu@0", "/cpus/cpu@1"]
    assert _pool_of(tree, "net") == _pool_of(tree, "log") == whole
    assert tree.root.children["chosen"].children["cpupool-rt"].text("cpupool-sched") == "null"
    assert "cpupool" not in (out / "net.dom0less.dtso").read_text()
    applied = overlays_applied(tmp_path, out, ("net", "log"), board)
    assert _pool_of(applied, "net") == _pool_of(applied, "log") == whole
    commands = (out / "imagebuilder.cmds").read_text()
    number = tree.root.children["cpus"].children["cpu@1"].phandle
    assert f'fdt set /cpus/cpu@1 phandle "<{number:#x}>"' in commands
    assert f'fdt set /chosen/cpupool-rt cpupool-cpus "<0x8002 {number:#x}>"' in commands
    assert "fdt set /chosen/domU1 domain-cpupool" in commands
    assert "fdt set /cpus/cpu@1 phandle" in (out / "boot.cmd").read_text()
    shutil.move(tmp_path / "host.dtb", out)  # the build that it is for is in the plans beside it
    done = CliRunner().invoke(cli, ["lint", str(out)])
    assert (done.exit_code, "cpupool" in done.output) == (0, False), done.output


def _pool_of(tree: Tree, domain: str) -> list[str]:
    """The paths of a domain's pool and of its CPUs."""
    by_phandle = {node.phandle: node for node in tree.nodes() if node.phandle is not None}
    node = tree.find(f"/chosen/{domain}")
    assert node is not None
    pool = by_phandle[node.cells("domain-cpupool")[0]]
    return [pool.path, *(by_phandle[cpu].path for cpu in pool.cells("cpupool-cpus"))]


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        ("", "cpu-pool rt is not in this file, and Xen has to make it for dom0less"),
        (POOL.replace('"1"', '"2"'), "cpu-pool rt has CPU 2, and "),
        (POOL + POOL.replace("rt", "two"), "cpu-pool two has CPU 1, which rt has already"),
        (POOL + POOL, "two pools have the name rt"),
        (POOL.replace("null", "fair"), "scheduler 'fair' is invalid"),
        (POOL.replace('"1"', '"1-0"'), "cpus has the range 1-0, which is empty"),
    ],
)
def test_a_pool_that_cannot_be(tmp_path: Path, pools: str, said: str) -> None:
    text = pools + NET.replace("[[domain]]", '[[domain]]\ncpu-pool = "rt"')
    assert said in refused(tmp_path, text)


def test_cpus_outside_of_the_pool(tmp_path: Path) -> None:
    """Xen has no CPU for the vCPU, and stops."""
    text = NET.replace("[[domain]]", '[[domain]]\ncpu-pool = "rt"\ncpus = ["0-1", "0"]')
    said = refused(tmp_path, POOL + text)
    assert "net: cpus (xenassign.toml:12) has no CPU of its pool: that of rt has 1" in said


def test_cpus_of_a_pool_that_is_not_the_domains(tmp_path: Path) -> None:
    """A domain without a pool is in that of CPU 0, which has what no pool has, on both routes."""
    text = POOL + NET.replace("[[domain]]", '[[domain]]\ncpu-pool = "rt"')
    for line in ('cpus = "1"', 'cpus = "1"\nroute = "xl"'):
        said = refused(tmp_path, text + LOG.replace("[[domain]]", f"[[domain]]\n{line}"))
        assert "has no CPU of its pool: that of Pool-0 has 0; give CPUs of the pool" in said
    of_dom0 = 'cpus = "1"\nroute = "xl"\ncpu-pool = "dom0s"'
    generate(tmp_path, text + LOG.replace("[[domain]]", f"[[domain]]\n{of_dom0}"), boot="")


def test_a_pool_of_cpus_that_xen_does_not_run_on(tmp_path: Path) -> None:
    text = POOL + NET.replace("[[domain]]", '[[domain]]\ncpu-pool = "rt"')
    said = refused(tmp_path, text, "--chosen", "--host-out", "x", "--xen-bootargs", "maxcpus=1")
    assert "cpu-pool rt has CPU 1, and Xen runs on 1; give CPUs from 0 to 0 [XA750]" in said


def test_a_pool_with_the_cpu_of_dom0(tmp_path: Path) -> None:
    text = POOL.replace('"1"', '"0-1"') + NET.replace("[[domain]]", '[[domain]]\ncpu-pool = "rt"')
    line = ["generate", "-c", str(project(tmp_path, text, "4.22")), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, [*line, "-v"])
    assert "rt has CPU 0: dom0 and all domains without cpu-pool are in it; leave" in done.stderr


def test_a_pool_of_xl(tmp_path: Path) -> None:
    """dom0 has made it."""
    text = NET.replace("[[domain]]", '[[domain]]\nroute = "xl"\ncpu-pool = "rt"')
    out = generate(tmp_path, text, boot="")
    assert 'pool = "rt"' in (out / "net.cfg").read_text().splitlines()


# --- domains without devices ---

ALONE = """
[[domain]]
name = "{name}"
memory = 64
vcpus = 1
kernel = "Image"
{more}
"""
MEMORY = '[[domain.shared-memory]]\nid = "ring"\nrole = "{role}"\nsize = "64K"'


def test_domains_with_shared_memory_alone(tmp_path: Path) -> None:
    text = "".join(
        ALONE.format(name=name, more=MEMORY.format(role=role))
        for name, role in (("one", "owner"), ("two", "borrower"))
    )
    load = 'load = { dtb = "0x4f000000" }'
    text = text.replace('name = "two"', f'name = "two"\n{load}')
    out = generate(tmp_path, text, *ALL)
    tree = read_blob_file(out / "two.dtb")
    assert not tree.root.children["passthrough"].children
    applied = overlays_applied(tmp_path, out, ("one", "two"), VIRT)
    for whole in (applied, read_blob_file(tmp_path / "host.dtb")):
        node = whole.find("/chosen/two")
        assert node is not None
        assert any(
            child.compatible[:1] == ("xen,domain-shared-memory-v1",)
            for child in node.children.values()
        )
    for files in ((str(out), "--host", str(VIRT)), (str(tmp_path / "xenassign.toml"),)):
        done = CliRunner().invoke(cli, ["lint", *files])
        assert (done.exit_code, "broken" in done.output) == (0, False), done.output


def test_the_second_end_of_a_channel_alone(tmp_path: Path) -> None:
    """It states nothing of its own."""
    channel = '[[domain.event-channel]]\nto = "two"'
    text = ALONE.format(name="one", more=channel) + ALONE.format(name="two", more="")
    out = generate(tmp_path, text)
    done = CliRunner().invoke(cli, ["lint", str(out), "--host", str(VIRT)])
    assert (done.exit_code, "guest: works" in done.output) == (0, True), done.output


def test_the_lint_of_the_files_knows_the_build_and_the_other_domain(tmp_path: Path) -> None:
    """Both ends of the channel are in one overlay, and the memory requires an option of Xen."""
    more = f'{MEMORY.format(role="owner")}\n[[domain.event-channel]]\nto = "two"'
    generate(tmp_path, ALONE.format(name="one", more=more) + ALONE.format(name="two", more=""))
    for file in ("out", "xenassign.toml"):
        done = CliRunner().invoke(cli, ["lint", str(tmp_path / file)])
        assert (done.exit_code, "boots it on dom0less" in done.output) == (0, True), done.output
    path = tmp_path / "out" / "two.dom0less.dtso"
    for old, new in (("<2>", "<1024>"), ('target-path = "/chosen/one"', 'target-path = "/other"')):
        text = path.read_text()
        path.write_text(text.replace(old, new))
        done = CliRunner().invoke(cli, ["lint", str(tmp_path / "out")])
        path.write_text(text)
        assert "[XA749]" in done.output


@pytest.mark.parametrize("more", ["", "device = []", 'cpus = "0"'])
def test_a_domain_with_nothing(tmp_path: Path, more: str) -> None:
    said = refused(tmp_path, NET + ALONE.format(name="two", more=more))
    assert "domain 'two': [[domain]] has no device; write device = [" in said


def test_pages_alone(tmp_path: Path) -> None:
    """Both routes have them."""
    page = 'route = ["dom0less", "xl"]\n[[domain.page]]\naddress = 0x9100000\nsize = "4K"\n'
    text = ALONE.format(name="one", more=f'{page}compatible = "ours,page"\nreason = "our core"')
    out = generate(tmp_path, text)
    assert '"0x9100,0x1' in (out / "one.cfg").read_text()
    tree = read_blob_file(out / "one.dtb").root.children["passthrough"]
    assert [node.compatible for node in tree.children.values()] == [("ours,page",)]
