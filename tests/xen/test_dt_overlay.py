"""``xl dt-overlay``: ``generate --attach-overlay`` gives a guest a device that came later.

    XENASSIGN_XEN_4_20=…/xen/xen python -m pytest tests/xen/test_dt_overlay.py

by hand, with a Xen 4.20 that was built with CONFIG_UNSUPPORTED, CONFIG_OVERLAY_DTB and, for the
direct-map domain, CONFIG_STATIC_MEMORY. Its dom0 is Debian's: xl 4.20 talks to no newer release,
and creates no domain on an older one. With 4.19, named likewise, `add` and `attach` are looked at;
with 4.21 and 4.22 too, for a direct-map domain, by dt_overlay.c instead of xl.
Debian's own Xen has no overlays; what it answers is tested everywhere.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.outputs.attach.decide import decide_attach
from xenassign.planning.plan import DomainPlan
from xenassign.xen.releases import release

from .agreement import DRIVERS, host_of, setup_of
from .boot import LINUX_ARGUMENTS, STAND_IN, BootError, Load, guest_files, module, spoken
from .conftest import by_hand
from .dom0 import ROOMY, Job, ask_dom0, hear_dom0
from .guest import ALARM, REPORT, GuestReport
from .guestview import differences
from .hosttree import compiled
from .machine import DT_OVERLAY_OPTION, RELEASES, Machine, board, built, kconfig
from .qemu import Setup
from .test_positive import CLOCK, Files, Generate, board_of

#: The release of Debian's xl that knows the command.
TOOLS = list(RELEASES.values())[-1]
OVERLAYS = {v for v, path in built().items() if path.is_file()}
OVERLAYS = {v for v in OVERLAYS if DT_OVERLAY_OPTION in kconfig(built()[v])}
STATIC = OVERLAYS & {v for v in OVERLAYS if "STATIC_MEMORY" in kconfig(built()[v])}
#: XEN_SYSCTL_INTERFACE_VERSION and XEN_DOMCTL_INTERFACE_VERSION, for dt_overlay.c.
INTERFACES = {"4.20": (0x15, 0x17), "4.21": (0x16, 0x17), "4.22": (0x16, 0x18)}
INTID = 34
#: A device of the board "smmu" with one stream.
STREAM = "/single@a200000"

BANK = (0x80000000, 128 << 20)
#: Where the files of a direct-map domain lie, behind those of the harness.
KERNEL_AT, RAMDISK_AT = 0xB0000000, 0xB4000000

#: Runs a command of xl's; what it says, its status and what Xen says of it stand in /out/NAME.
_ASK = """
ask() {
    name=$1
    shift
    xl dmesg -c >/dev/null
    xl "$@" >/out/$name 2>&1
    echo "status $?" >>/out/$name
    xl dmesg -c >>/out/$name
}
"""

#: Runs the guest of /made/domu1.cfg to its end.
_CREATE = """
cat /guest.cpio /guest.script >/ramdisk
(cd /made && ask create create domu1.cfg)
for tenth in $(seq 300); do
    grep -qs GUEST-DONE /log/guest-domu1.log && break
    sleep 0.1
done
cp /log/guest-domu1.log /out/guest
"""
_GUEST = f"""
cat /sys/class/rtc/rtc0/since_epoch >/out/time
if cd /sys/class/rtc/rtc0; then
    {ALARM}
fi 2>/dev/null
{REPORT}"""

#: Reads the clock's data register until it can: what is not mapped is a bus error.
_WAIT = """
while ! devmem 0x9010000 32 >/clock 2>/dev/null; do
    [ -n "$said" ] || echo WAITING
    said=yes
    sleep 0.5
done
echo CLOCK $(cat /clock)
while :; do sleep 10; done
"""


def without(host: bytes, paths: tuple[str, ...], work: Path) -> bytes:
    """The tree without nodes, as fdtput leaves it."""
    blob = work / "boot.dtb"
    blob.write_bytes(host)
    subprocess.run(["fdtput", "-r", str(blob), *paths], check=True)
    return blob.read_bytes()


def taken(plan: DomainPlan, board: str = "virt") -> tuple[str, ...]:
    """What is taken out of the board's tree."""
    return decide_attach(board_of(board), plan).removed


def made_for(generate: Generate, version: str = TOOLS, **options: Any) -> tuple[DomainPlan, Files]:
    asked = {"policy": "trust", "memory": 128, "vcpus": 1, "attach_overlay": True, **options}
    plan, files, refused = generate(board_of("virt"), CLOCK, xen=version, **asked)
    assert not refused
    return plan, files


def in_dom0(files: Files) -> dict[str, bytes | str]:
    """The generated files in /made, the configuration with a kernel."""
    found: dict[str, bytes | str] = {f"made/{name}": data for name, data in files.items()}
    if "domu1.cfg" in files:
        found["made/domu1.cfg"] = Job(files["domu1.cfg"].decode()).text().encode()
    return found


def told(files: dict[str, bytes]) -> dict[str, str]:
    return {name: content.decode(errors="replace") for name, content in files.items()}


def succeeded(text: str) -> bool:
    return "status 0\n" in text


# ---------------------------------------------------------------------------- Debian's


def test_debians_xen_has_no_overlays(machine: Machine, generate: Generate) -> None:
    """And xl 4.17 not even the command."""
    _, files = made_for(generate)
    script = _ASK + "ask add dt-overlay add /made/domu1.attach.host.dtbo\n"
    script += "ask attach dt-overlay attach /made/domu1.attach.host.dtbo 0\n"
    said = told(ask_dom0(machine, None, script, files=in_dom0(files)))
    assert not any(map(succeeded, said.values()))
    if machine.release == TOOLS:
        assert "xc_dt_overlay failed (95 = Operation not supported)" in said["add"]
        assert "xc_dt_overlay_domain failed (95 = Operation not supported)" in said["attach"]
    else:
        assert said["add"].startswith("command not implemented")


# ---------------------------------------------------------------------------- one that has them


def ready(version: str) -> Machine:
    """The hypervisor of that release with Debian's newest dom0."""
    return replace(by_hand(version), release=TOOLS)


if TOOLS in OVERLAYS:

    @pytest.mark.parametrize("version", [TOOLS])
    def test_a_guest_of_xl_reads_a_clock_that_came_later(
        generate: Generate, tmp_path: Path, version: str
    ) -> None:
        """And its alarm; before it is attached to dom0 the guest is refused.

        Nobody minds that it is removed while a guest has it.
        """
        plan, files = made_for(generate)
        machine = ready(version)
        name = "/made/domu1.attach.host.dtbo"
        more: dict[str, bytes | str] = {
            "kernel": machine.linux.read_bytes(),
            "guest.cpio": machine.guest.read_bytes(),
            "guest.script": guest_files(_GUEST),
        }
        script = f"""{_ASK}
        cp /guest.script /ramdisk
        (cd /made && ask before create -p domu1.cfg)
        ask add dt-overlay add {name}
        (cd /made && ask added create -p domu1.cfg)
        ask attach dt-overlay attach {name} 0
        {_CREATE}
        (cd /made && ask paused create -p domu1.cfg)
        ask remove dt-overlay remove {name}
        xl destroy domu1
        sleep 2
        (cd /made && ask removed create -p domu1.cfg)
        """
        host = without(board(), taken(plan), tmp_path)
        said = ask_dom0(machine, host, script, 200, files=in_dom0(files) | more)
        texts = told(said)
        steps = {name: succeeded(texts[name]) for name in texts if name != "guest"}
        refused = {"before", "added", "removed"}
        assert steps == {name: name not in refused for name in steps}
        assert steps.keys() > refused
        for step in refused:
            assert f"domain access to irq {INTID}: Operation not permitted" in texts[step]
        _, seen = spoken(texts["guest"].splitlines())
        assert int(seen["time"]) > 1 << 30
        report = GuestReport.of(seen)
        line = report.interrupt(INTID)
        assert line is not None
        assert line.arrived
        assert list(differences(plan, report, "xl")) == []

    @pytest.mark.parametrize("version", [TOOLS])
    def test_xen_refuses_what_we_say_it_refuses(
        generate: Generate, tmp_path: Path, version: str
    ) -> None:
        plan, files = made_for(generate)
        overlay = files["domu1.attach.host.dtbo"]
        source = '/dts-v1/; /plugin/; / {{ fragment@0 {{ target-path = "{}";'
        source += " __overlay__ {{ {} }}; }}; }};"
        there = "pl061@9030000 { xen,passthrough; };"
        bus = """bus { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges;
            rtc@9010000 { reg = <0 0x9010000 0 0x1000>; interrupts = <0 2 4>; xen,passthrough; };
        };"""
        more = {
            "padded": overlay + bytes(16),
            "there": compiled(source.format("/", there)),
            "marks": files["domu1.host.dtbo"],
            "nowhere": compiled(source.format("/nowhere", "x { y; };")),
            "nested": compiled(source.format("/", bus)),
            "guest": files["domu1.attach.dtbo"],
        }
        cfg = 'name = "other"\nkernel = "/kernel"\nmemory = 64\nvcpus = 1\n'
        device = f'irqs = [{INTID}]\niomem = ["0x9010,1"]\n'
        in_place: dict[str, bytes | str] = {
            **{f"made/{name}.dtbo": data for name, data in more.items()},
            "made/domu1.attach.host.dtbo": overlay,
            "kernel": STAND_IN,
            "other.cfg": cfg.encode(),
            "device.cfg": (cfg + device).replace("other", "device").encode(),
        }
        script = _ASK + "\n".join(
            [
                "ask other create -p /other.cfg",
                *(f"ask {name} dt-overlay add /made/{name}.dtbo" for name in more),
                "ask child dt-overlay attach /made/nested.dtbo 0",
                "ask device create -p /device.cfg",
                "ask early dt-overlay attach /made/domu1.attach.host.dtbo 0",
                "ask add dt-overlay add /made/domu1.attach.host.dtbo",
                "ask again dt-overlay add /made/domu1.attach.host.dtbo",
                "ask guests dt-overlay attach /made/domu1.attach.host.dtbo other",
                "ask attach dt-overlay attach /made/domu1.attach.host.dtbo 0",
                "ask twice dt-overlay attach /made/domu1.attach.host.dtbo 0",
                "ask different dt-overlay attach /made/guest.dtbo 0",
            ]
        )
        host = without(board(), taken(plan), tmp_path)
        texts = told(ask_dom0(ready(version), host, script, files=in_place))
        accepted = {name for name, text in texts.items() if succeeded(text)}
        # A guest's overlay is one for the host too, if nobody looks at what it says.
        accepted -= {"other", "guest", "different"}
        assert accepted == {"nested", "child", "add", "attach", "twice"}
        assert "The overlay FDT is not a valid Flat Device Tree" in texts["padded"]
        assert "node /pl061@9030000 exists in device tree" in texts["there"]
        assert "(12 = Cannot allocate memory)" in texts["marks"]
        assert "Getting nodes information failed with error -1" in texts["nowhere"]
        assert "Cannot find any matching tracker with input dtbo" in texts["early"]
        assert f"node {CLOCK} exists in device tree" in texts["again"]
        assert "xc_dt_overlay_domain failed (95 = Operation not supported)" in texts["guests"]
        assert f"domain access to irq {INTID}: Operation not permitted" in texts["device"]

    @pytest.mark.parametrize("version", [TOOLS])
    def test_a_protected_device_comes_with_its_streams(
        generate: Generate, tmp_path: Path, version: str
    ) -> None:
        """xl assigns by a path that only the overlay has brought."""
        plan, files, refused = generate(
            board_of("smmu"), STREAM, xen=TOOLS, attach_overlay=True, drivers=DRIVERS
        )
        assert not refused
        assert plan.devices[0].protection.protected
        assert f'dtdev = [\n    "{STREAM}",\n]' in files["domu1.cfg"].decode()
        name = "/made/domu1.attach.host.dtbo"
        script = f"""{_ASK}
        (cd /made && ask before create -p domu1.cfg)
        ask add dt-overlay add {name}
        ask attach dt-overlay attach {name} 0
        (cd /made && ask create create -p domu1.cfg)
        ask held dt-overlay remove {name}
        ask destroy destroy domu1
        sleep 2
        ask remove dt-overlay remove {name}
        """
        more: dict[str, bytes | str] = {"kernel": STAND_IN, "ramdisk": bytes(16)}
        host = without(host_of("smmu"), taken(plan, "smmu"), tmp_path)
        setup = replace(ROOMY, memory=3072, loads=setup_of("smmu").loads)
        said = ask_dom0(ready(version), host, script, setup=setup, files=in_dom0(files) | more)
        texts = told(said)
        refused_steps = {name for name, text in texts.items() if not succeeded(text)}
        assert refused_steps == {"before", "held"}, texts


def beside(machine: Machine, made: Files) -> Setup:
    """A machine with a direct-map domain that waits for the clock, beside dom0."""
    kernel, ramdisk = machine.linux.read_bytes(), machine.guest.read_bytes() + guest_files(_WAIT)
    bootargs = f"console=ttyAMA0 quiet {LINUX_ARGUMENTS}"
    spans = (KERNEL_AT, len(kernel)), (RAMDISK_AT, len(ramdisk))
    chosen = read_blob(compiled(made["domu1.dom0less.dtso"].decode()))
    node = chosen.find("/fragment@0/__overlay__/domu1")
    assert node is not None
    domain = f"""domU1 {{
        compatible = "xen,domain"; #address-cells = <2>; #size-cells = <2>;
        cpus = <1>; memory = <0 {BANK[1] >> 10}>; vpl011; direct-map;
        xen,static-mem = <{" ".join(map(hex, node.cells("xen,static-mem")))}>;
        {module("kernel", spans[0], f'bootargs = "{bootargs}";')}
        {module("ramdisk", spans[1])}
    }};"""
    loads = (Load(kernel, KERNEL_AT), Load(ramdisk, RAMDISK_AT))
    return replace(ROOMY, memory=3072, loads=loads, chosen=domain)


def direct(generate: Generate) -> tuple[DomainPlan, Files]:
    """What is made for that domain."""
    options: dict[str, Any] = {"routes": ("dom0less",), "direct_map": True}
    return made_for(generate, memory=None, static_memory=(BANK,), **options)


def clock(log: list[str]) -> int | None:
    """What the domain read of it."""
    found = re.search(r"CLOCK (0x[0-9A-F]+)", "\n".join(log))
    return int(found[1], 16) if found else None


if TOOLS in STATIC:

    @pytest.mark.parametrize("version", [TOOLS])
    def test_a_direct_map_domain_reads_a_clock_that_came_later(
        generate: Generate, tmp_path: Path, version: str
    ) -> None:
        plan, files = direct(generate)
        script = f"""{_ASK}
        until xl dmesg | grep -q WAITING; do sleep 1; done
        ask add dt-overlay add /made/domu1.attach.host.dtbo
        ask attach dt-overlay attach /made/domu1.attach.host.dtbo 1
        sleep 3
        """
        host = without(board(), taken(plan), tmp_path)
        machine = ready(version)
        setup = beside(machine, files)
        said, log = hear_dom0(machine, host, script, 200, setup, in_dom0(files))
        assert all(map(succeeded, told(said).values()))
        assert (clock(log) or 0) > 1 << 30


@pytest.fixture(scope="module")
def hypercalls(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """dt_overlay.c."""
    program = tmp_path_factory.mktemp("dt-overlay") / "overlay"
    source = Path(__file__).with_name("dt_overlay.c")
    command = ["aarch64-linux-gnu-gcc", "-static", "-Wall", "-Werror", "-o", str(program)]
    subprocess.run([*command, str(source)], check=True)
    return program.read_bytes()


if STATIC & INTERFACES.keys():

    @pytest.mark.parametrize("version", sorted(STATIC & INTERFACES.keys()))
    @pytest.mark.parametrize("nested", [False, True])
    def test_what_the_releases_attach(
        generate: Generate, tmp_path: Path, hypercalls: bytes, version: str, nested: bool
    ) -> None:
        """A clock, and one below a node that comes with it; and what a second attach says."""
        plan, files = direct(generate)
        overlay = files["domu1.attach.host.dtbo"]
        if nested:
            node = files["domu1.attach.host.dtso"].decode().partition("__overlay__ {")[2]
            node = node[: node.index("};") + 2]
            cells = "#address-cells = <2>; #size-cells = <2>; ranges;"
            overlay = compiled(
                '/dts-v1/; /plugin/; / { fragment@0 { target-path = "/"; __overlay__ {'
                f' bus {{ compatible = "simple-bus"; {cells} {node} }}; }}; }}; }};'
            )
        sysctl, domctl = INTERFACES[version]
        script = f"""
        sleep 10
        ask() {{ name=$1; shift; /overlay $* >/out/$name; echo status $? >>/out/$name; }}
        ask padded add {sysctl} - /padded.dtbo
        ask add add {sysctl} - /host.dtbo
        ask attach attach {domctl} 1 /host.dtbo
        ask twice attach {domctl} 1 /host.dtbo
        sleep 4
        """
        more: dict[str, bytes | str] = {
            "overlay": hypercalls,
            "host.dtbo": overlay,
            "padded.dtbo": overlay + bytes(4),
        }
        host = without(board(), taken(plan), tmp_path)
        machine = ready(version)
        said, log = hear_dom0(machine, host, script, 200, beside(machine, files), more)
        texts = told(said)
        knows = release(version).dt_overlay
        assert knows is not None
        assert succeeded(texts["add"])
        assert succeeded(texts["attach"])
        assert "(22 = " in texts["padded"]
        assert succeeded(texts["twice"]) == (version != "4.22")
        assert any("WAITING" in line for line in log)
        assert (clock(log) is not None) == (knows.children or not nested)


if "4.19" in OVERLAYS:

    @pytest.mark.parametrize("crash", [False, True])
    @pytest.mark.parametrize("version", ["4.19"])
    def test_4_19_adds_below_a_bus_and_not_at_the_root(crash: bool, version: str) -> None:
        """And does not survive `attach` of what was not added."""
        inner = """rtc@100 { reg = <0x100 0x1000>; interrupt-parent = <0x8003>;
            interrupts = <0 2 4>; xen,passthrough; };"""
        source = '/dts-v1/; /plugin/; / {{ fragment@0 {{ target-path = "{}";'
        source += " __overlay__ {{ {} }}; }}; }};"
        files: dict[str, bytes | str] = {
            "bus.dtbo": compiled(source.format("/platform-bus@c000000", inner)),
            "root.dtbo": compiled(source.format("/", inner)),
        }
        script = f"""{_ASK}
        ask add dt-overlay add /bus.dtbo
        ask attach dt-overlay attach /bus.dtbo 0
        ask root dt-overlay add /root.dtbo
        {"ask end dt-overlay attach /root.dtbo 0" if crash else ""}
        """
        if crash:
            with pytest.raises(BootError, match="dt_overlay_domctl"):
                ask_dom0(ready(version), None, script, files=files)
            return
        texts = told(ask_dom0(ready(version), None, script, files=files))
        accepted = {name for name, text in texts.items() if succeeded(text)}
        assert accepted == {"add", "attach"}
        assert "Adding nodes failed" in texts["root"]
