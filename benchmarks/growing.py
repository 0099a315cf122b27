"""Inputs that grow: for each list that a user can write, files with so many entries, and a command.

An :class:`Input` has the number of entries that the benchmark ``growth`` begins with; a test counts
the steps of the same commands for small numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.synthetic import board, device_address, device_path


class Input(NamedTuple):
    """``write`` puts files of so many entries in a folder, and returns the arguments.

    ``entries``: where the benchmark begins; ``few``: where the test begins.
    """

    title: str
    entries: int
    write: Callable[[Path, int], list[str]]
    few: int = 60


#: A board with a GIC, two devices on a bus, and nothing else.
HOST = """/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	interrupt-parent = <&gic>;
	compatible = "example,board";
	cpus {
		#address-cells = <1>;
		#size-cells = <0>;
		cpu@0 { compatible = "arm,cortex-a72"; device_type = "cpu"; reg = <0>; };
	};
	psci { compatible = "arm,psci-1.0"; method = "smc"; };
	memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x80000000>; };
	gic: interrupt-controller@8000000 {
		compatible = "arm,gic-v3";
		reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>;
		interrupt-controller;
		#interrupt-cells = <3>;
	};
	soc {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		serial@9000000 { compatible = "arm,pl011"; reg = <0 0x9000000 0 0x1000>; };
		rtc@9010000 {
			compatible = "arm,pl031";
			reg = <0 0x9010000 0 0x1000>;
			interrupts = <0 2 4>;
		};
	};
};
"""


def _list(entries: Iterable[str]) -> str:
    return "[\n" + ",\n".join(f'"{entry}"' for entry in entries) + "\n]\n"


def _config(folder: Path, text: str, *options: str) -> list[str]:
    (folder / "host.dts").write_text(HOST)
    (folder / "d.cfg").write_text(f'name = "d"\nmemory = 256\n{text}')
    return ["lint", "d.cfg", *options]


def _iomem(folder: Path, count: int) -> list[str]:
    pages = (f"{0x50000 + 2 * number:x},1" for number in range(count))
    return _config(folder, f"iomem = {_list(pages)}", "--host", "host.dts")


def _iomem_at_one_page(folder: Path, count: int) -> list[str]:
    pages = (f"{0x50000 + number:x},1@50000" for number in range(count))
    return _config(folder, f"iomem = {_list(pages)}")


def _irqs(folder: Path, count: int) -> list[str]:
    numbers = map(str, range(32, 32 + count))
    return _config(folder, f"irqs = {_list(numbers)}", "--host", "host.dts")


def _dtdev(folder: Path, count: int) -> list[str]:
    paths = ", ".join(f'"/soc/dev{number}"' for number in range(count))
    return _config(folder, f"dtdev = [{paths}]\n", "--host", "host.dts")


def _keys(folder: Path, count: int) -> list[str]:
    return _config(folder, "".join(f"key{number} = {number}\n" for number in range(count)))


def _appended(folder: Path, count: int) -> list[str]:
    statements = "".join(f'irqs += ["{number}"]\n' for number in range(count))
    return _config(folder, f"irqs = []\n{statements}")


def _config_waivers(folder: Path, count: int) -> list[str]:
    comment = "# xenassign: allow XA601: our own"
    lines = (f"key{number} = 1 {comment}\n" for number in range(count))
    return _config(folder, "".join(lines))


def _fixed(folder: Path, count: int) -> list[str]:
    hexadecimal = (f"{number:#x}" for number in range(32, 32 + count))
    return _config(folder, f"irqs = {_list(hexadecimal)}", "--diff")


def _source(folder: Path, text: str, *options: str) -> list[str]:
    (folder / "host.dts").write_text(HOST)
    (folder / "d.dts").write_text(f"/dts-v1/;\n{text}")
    return ["lint", "d.dts", *options]


def _partial(folder: Path, members: Iterable[str], *options: str) -> list[str]:
    cells = "#address-cells = <2>; #size-cells = <2>; ranges;"
    nodes = "\n".join(members)
    return _source(folder, f"/ {{ passthrough {{ {cells}\n{nodes}\n}}; }};\n", *options)


def _waivers(folder: Path, count: int) -> list[str]:
    return _partial(
        folder,
        (
            f"/* xenassign: allow XA222: measured */ n@{n * 4096:x} {{ reg = <0 {n * 4096} 0 4096>;"
            f' compatible = "a,b"; xen,reg = <0 {n * 4096} 0>; xen,path = "/x"; }};'
            for n in range(count)
        ),
    )


def _assigned(folder: Path, count: int) -> list[str]:
    return _partial(
        folder,
        (
            f'n@{n * 4096:x} {{ reg = <0 {n * 4096} 0 4096>; compatible = "a,b"; interrupts = <0'
            f' {n} 4>; xen,reg = <0 {n * 4096} 0 4096 0 {n * 4096}>; xen,path = "/soc/n{n}"; }};'
            for n in range(count)
        ),
        "--host",
        "host.dts",
    )


def _unlisted(folder: Path, count: int) -> list[str]:
    """Whole devices that dom.cfg does not have, and as many pages in its iomem."""
    nodes = []
    for number in range(count):
        high, low = divmod(device_address(number), 1 << 32)
        pages = f"<{high} {low:#x} 0 0x1000 {high} {low:#x}>"
        properties = f'xen,path = "{device_path(number)}"; xen,reg = {pages};'
        nodes.append(f"n{number} {{ {properties} xen,force-assign-without-iommu; }};\n")
    bus = f"#address-cells = <2>; #size-cells = <2>; ranges;\n{''.join(nodes)}"
    (folder / "d.dts").write_text(f"/dts-v1/; / {{ passthrough {{ {bus} }}; }};")
    iomem = _list(f"{0x900000 + number:x},1" for number in range(count))
    (folder / "d.cfg").write_text(f'name = "d"\ndevice_tree = "d.dtb"\niomem = {iomem}')
    return ["lint", "d.dts", "d.cfg", "--host", _blob(folder, count)]


def _without_parent(folder: Path, count: int) -> list[str]:
    return _partial(
        folder,
        (
            f'n@{n * 4096:x} {{ compatible = "a,b"; reg = <0 {n * 4096} 0 4096>; interrupts = <0'
            f' {n} 4>; xen,reg = <0 {n * 4096} 0 4096 0 {n * 4096}>; xen,path = "/n{n}"; }};'
            for n in range(count)
        ),
    )


def _mapped(folder: Path, count: int) -> list[str]:
    entries = ", ".join(f"<0 {n * 8192:#x} 0 4096 0 {n * 8192:#x}>" for n in range(count))
    node = f'n {{ xen,path = "/soc/rtc@9010000"; xen,reg = {entries}; }};'
    return _partial(folder, [node], "--host", "host.dts")


def _referring(folder: Path, count: int) -> list[str]:
    return _partial(
        folder,
        (
            f'l{n}: n{n} {{ compatible = "a,b"; clocks = <&l{(n * 7) % count} 1>; }};'
            for n in range(count)
        ),
    )


def _unknown_phandles(folder: Path, count: int) -> list[str]:
    return _partial(
        folder,
        (
            f'n{n} {{ compatible = "a,b"; clocks = <{n + 1} 1>; #clock-cells = <1>; }};'
            for n in range(count)
        ),
    )


def _properties(folder: Path, count: int) -> list[str]:
    return _partial(folder, [*(f"prop{n} = <{n}>;" for n in range(count)), "n { };"])


def _macros(folder: Path, count: int) -> list[str]:
    macros = "#define A 1 2 3 4 5 6 7 8 9 10\n#define B " + "A " * 10
    node = f"passthrough {{ x = <{'B ' * (count // 100)}>; }};"
    return _source(folder, f"{macros}\n/ {{ {node} }};\n")


def _nodes(folder: Path, count: int) -> list[str]:
    nodes = "\n".join(
        f'n{n} {{ compatible = "a,b"; x = <0 1 2 3>; y = "text {n}"; }};' for n in range(count)
    )
    return _source(folder, f"/ {{ passthrough {{ }}; other {{\n{nodes}\n}}; }};\n")


def _deleted(folder: Path, count: int) -> list[str]:
    nodes = "".join(f"l{n}: n{n} {{ }}; " for n in range(count))
    deletions = "".join(f"/delete-node/ &l{n};\n" for n in range(count))
    return _source(folder, f"/ {{ passthrough {{ {nodes} }}; }};\n{deletions}")


def _one_name_deleted(folder: Path, count: int) -> list[str]:
    again = "/ { passthrough { l: n { x; }; }; };\n/delete-node/ &l;\n"
    return _source(folder, "/ { passthrough { }; };\n" + again * count)


def _merged(folder: Path, count: int) -> list[str]:
    return _source(folder, "/ { passthrough { l: n { }; }; };\n" + "&l { x = <1>; };\n" * count)


def _fragments(folder: Path, count: int) -> list[str]:
    fragments = "".join(f"&l{n} {{ x = <&l0>; }};\n" for n in range(count))
    nodes = "".join(f"l{n}: n{n} {{ }};" for n in range(count))
    (folder / "base.dts").write_text(f"/dts-v1/;\n/ {{ passthrough {{ {nodes} }}; }};\n")
    return _source(folder, f"/plugin/;\n{fragments}", "--base", "base.dts")


def _cells(folder: Path, count: int) -> list[str]:
    return _partial(folder, [f"x = <{'0x10 ' * count}>;"])


def _expressions(folder: Path, count: int) -> list[str]:
    return _partial(folder, [f"x = <{'(1 + 1) ' * count}>;"])


def _strings(folder: Path, count: int) -> list[str]:
    strings = ", ".join(['"text"'] * count)
    return _partial(folder, [f"x = {strings};"])


def _labels(folder: Path, count: int) -> list[str]:
    labels = "".join(f"l{number}: " for number in range(count))
    return _partial(folder, [f"{labels} n {{ }};"])


def _comments(folder: Path, count: int) -> list[str]:
    return _partial(folder, ["/* a comment */ // another\n" * count])


def _includes(folder: Path, count: int) -> list[str]:
    (folder / "e.dtsi").write_text("")
    names = min(count, 100)
    text = "".join(f'/include/ "e.dtsi"\nx{n};\n' for n in range(names))
    return _partial(folder, [text + "".join(f"y{n};\n" for n in range(count))])


def _blob(folder: Path, count: int) -> str:
    (folder / "host.dtb").write_bytes(board(count))
    return "host.dtb"


def _inspected(folder: Path, count: int) -> list[str]:
    return ["inspect", _blob(folder, count)]


def _requested(folder: Path, count: int) -> list[str]:
    devices = ("-d", "/bus@*/serial@*", "--iommu-policy", "trust", "--map", "auto")
    return ["plan", _blob(folder, count), *devices]


def _toml_devices(folder: Path, count: int) -> list[str]:
    devices = "".join(f'\t"{device_path(number)}",\n' for number in range(count))
    domain = '[[domain]]\nname = "d"\niommu-policy = "trust"\n'
    text = f'host = "{_blob(folder, count)}"\n{domain}device = [\n{devices}]\n'
    (folder / "xenassign.toml").write_text(text)
    return ["plan", "-c", "xenassign.toml"]


def _listed(folder: Path, count: int) -> list[str]:
    devices = (device_path(number) for number in range(count))
    text = f'name = "d"\nforce-assign-without-iommu = 1\ndtdev = {_list(devices)}'
    (folder / "d.cfg").write_text(text)
    host = _blob(folder, count)
    return ["complete", "d.cfg", "--host", host, "-o", "out/d.cfg", "--overwrite"]


def _of_tree(folder: Path, count: int) -> list[str]:
    nodes = []
    for number in range(count):
        high, low = divmod(device_address(number), 1 << 32)
        properties = f'reg = <{high} {low:#x} 0 0x1000>; xen,path = "{device_path(number)}";'
        nodes.append(f"n{number} {{ {properties} xen,force-assign-without-iommu; }};\n")
    bus = f"#address-cells = <2>; #size-cells = <2>; ranges;\n{''.join(nodes)}"
    (folder / "own.dts").write_text(f"/dts-v1/; / {{ passthrough {{ {bus} }}; }};")
    (folder / "d.cfg").write_text('name = "d"\ndevice_tree = "own.dtb"\n')
    host = _blob(folder, count)
    return ["complete", "d.cfg", "--host", host, "-o", "out/d.cfg", "--overwrite"]


def _toml_domains(folder: Path, count: int) -> list[str]:
    domains = "".join(
        f'[[domain]]\nname = "d{n}"\niommu-policy = "trust"\ndevice = ["{device_path(n)}"]\n'
        for n in range(count)
    )
    # Boards of one size, in the test and in the benchmark: each domain is compared with all of it.
    host = _blob(folder, 512 if count > 16 else 16)
    (folder / "xenassign.toml").write_text(f'host = "{host}"\n{domains}')
    return ["plan", "-c", "xenassign.toml"]


def _toml_boards(folder: Path, count: int) -> list[str]:
    for number in range(count):
        (folder / f"b{number}.dtb").write_bytes(board(16))
    hosts = ", ".join(f'"b{number}.dtb"' for number in range(count))
    domain = f'[[domain]]\nname = "d"\niommu-policy = "trust"\ndevice = ["{device_path(3)}"]\n'
    (folder / "xenassign.toml").write_text(f"host = [{hosts}]\n{domain}")
    return ["plan", "-c", "xenassign.toml"]


def _host(folder: Path, members: Iterable[str]) -> list[str]:
    cells = "#address-cells = <2>; #size-cells = <2>; ranges;"
    bus = f'/ {{ bus {{ compatible = "simple-bus"; {cells}\n'
    (folder / "large.dts").write_text(HOST + bus + "\n".join(members) + "\n}; };\n")
    return ["inspect", "large.dts"]


def _interrupt_parents(folder: Path, count: int) -> list[str]:
    above = ["gic", *(f"c{number}" for number in range(count))]
    return _host(
        folder,
        (
            f'c{n}: c{n} {{ compatible = "a,b"; interrupt-controller; #interrupt-cells = <3>;'
            f" interrupt-parent = <&{above[n]}>; interrupts = <0 {n % 900} 4>; }};"
            for n in range(count)
        ),
    )


def _iommus(folder: Path, count: int) -> list[str]:
    return _host(
        folder,
        (
            f'i{n}: iommu@{n * 8192 + (1 << 32):x} {{ compatible = "arm,mmu-500";'
            f" #iommu-cells = <1>; #global-interrupts = <1>; interrupts = <0 {n % 900} 4>;"
            f" reg = <1 {n * 8192} 0 4096>; }};"
            f' dma@{n * 8192 + 4096 + (1 << 32):x} {{ compatible = "a,b"; iommus = <&i{n} 1>;'
            f" reg = <1 {n * 8192 + 4096} 0 4096>; }};"
            for n in range(count)
        ),
    )


def _clocks(folder: Path, count: int) -> list[str]:
    clocks = ", ".join(f"<&c {n}>" for n in range(count))
    users = (f"user{n} {{ clocks = {clocks if not n else '<&c 0>'}; }};" for n in range(count))
    clock = 'c: c { compatible = "a,c"; #clock-cells = <1>; };'
    return _host(folder, [clock, *users])


INPUTS = (
    Input("iomem entries, and a host", 10_000, _iomem),
    Input("iomem entries at one guest page", 10_000, _iomem_at_one_page),
    Input("irqs entries, and a host", 10_000, _irqs),
    Input("dtdev entries on one line, and a host", 5_000, _dtdev),
    Input("unknown keys of dom.cfg", 1_000, _keys),
    Input("+= of a list of dom.cfg", 10_000, _appended),
    Input("waivers in dom.cfg", 1_000, _config_waivers),
    Input("fixes of dom.cfg", 1_000, _fixed),
    Input("waivers in a .dts", 3_000, _waivers),
    Input("nodes of a partial tree, and a host", 2_000, _assigned),
    Input("nodes of a partial tree that iomem lacks, and a host", 1_000, _unlisted),
    Input("nodes without interrupt-parent", 1_000, _without_parent, few=120),
    Input("entries of one xen,reg, and a host", 5_000, _mapped),
    Input("references", 10_000, _referring),
    Input("unknown phandles", 5_000, _unknown_phandles),
    Input("names of properties", 20_000, _properties),
    Input("cells from macros on one line", 100_000, _macros, few=1000),
    Input("nodes of a .dts (85,000: 5 MB)", 42_500, _nodes),
    Input("/delete-node/ of labels", 10_000, _deleted),
    Input("/delete-node/ of one label", 5_000, _one_name_deleted),
    Input("additions to one node", 20_000, _merged),
    Input("fragments of an overlay", 5_000, _fragments),
    Input("cells of one property", 200_000, _cells),
    Input("expressions of one property", 20_000, _expressions),
    Input("strings of one property", 50_000, _strings),
    Input("labels of one node", 10_000, _labels),
    Input("comments", 50_000, _comments),
    Input("properties among /include/", 20_000, _includes, few=100),
    Input("interrupt parents in a chain", 1_500, _interrupt_parents),
    Input("IOMMUs of a board", 1_500, _iommus),
    Input("references to one node", 10_000, _clocks),
    Input("devices of a board, inspected", 10_000, _inspected),
    Input("devices of a board, all requested", 1_000, _requested, few=20),
    Input("devices in xenassign.toml", 1_000, _toml_devices, few=20),
    Input("devices in dtdev, completed", 1_000, _listed, few=20),
    Input("nodes of a partial tree, completed", 500, _of_tree, few=20),
    Input("domains in xenassign.toml", 250, _toml_domains, few=4),
    Input("boards of xenassign.toml", 20, _toml_boards, few=4),
)
