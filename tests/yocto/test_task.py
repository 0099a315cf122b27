"""The shell of the class' tasks, as BitBake expands it, run for real on boards."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.missing import skip_or_fail
from xenassign.devicetree.blob import read_blob

from .layer import parse, recipe, shell

TASKS = ("do_xenassign", "do_install", "do_deploy")
CONFIG = """
xen = "4.20"

[[domain]]
name = "net"
memory = 256
vcpus = 1
device = ["serial1"]

[[domain]]
name = "log"
memory = 256
vcpus = 1
map = "auto"
device = ["can@ff070000"]
"""
BOARD = "zynqmp-zcu102.dtb"
KERNEL = f'KERNEL_DEVICETREE = "xilinx/{BOARD}"'


class Built(NamedTuple):
    """What a build of the recipe left."""

    status: int
    said: list[str]
    log: str
    deployed: Path
    installed: Path
    source: Path
    home: Path

    def names(self) -> set[str]:
        """The files deployed."""
        return {str(p.relative_to(self.deployed)) for p in self.deployed.rglob("*") if p.is_file()}

    def of(self, kind: str) -> list[str]:
        """The messages of a kind: ERROR, WARNING or NOTE."""
        return [
            line.removeprefix(f"{kind}: ") for line in self.said if line.startswith(f"{kind}: ")
        ]


Build = Callable[..., Built]


@pytest.fixture
def build(tmp_path: Path, native: str, host_files: dict[str, Path]) -> Build:
    """build(lines of the recipe, files of SRC_URI): runs the tasks in order, as BitBake does."""

    def run(
        lines: str,
        files: dict[str, str | bytes] | None = None,
        *,
        folder: str = "build",
        conf: str = KERNEL,
        board: Path | None = host_files["zynqmp"],
        wrapper: str = "",
        unpackdir: bool = False,
    ) -> Built:
        top = tmp_path / folder
        own = top / "own"
        (own / "files").mkdir(parents=True, exist_ok=True)
        for name, data in (files or {}).items():
            path = own / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        uris = " ".join(f"file://{name}" for name in files or {})
        text = (
            f'SUMMARY = "test"\nLICENSE = "MIT"\nSRC_URI = "{uris}"\ninherit xenassign\n{lines}\n'
        )
        (own / "my-system_1.0.bb").write_text(text)
        if unpackdir:
            conf += '\nUNPACKDIR = "${WORKDIR}/sources"\n'
        found = parse(own / "my-system_1.0.bb", top, conf, functions=TASKS)[""]
        source, work = found.path("S"), found.path("B")
        assert source.name == ("sources" if unpackdir else "my-system-1.0-r0")
        shutil.copytree(own / "files", source, dirs_exist_ok=True)
        if board is not None:
            found.path("DEPLOY_DIR_IMAGE").mkdir(parents=True, exist_ok=True)
            shutil.copy(board, found.path("DEPLOY_DIR_IMAGE") / BOARD)
        shutil.rmtree(work, ignore_errors=True)
        for name in ("D", "DEPLOYDIR"):
            found.path(name).mkdir(parents=True, exist_ok=True)
        home = top / "home"
        home.mkdir(exist_ok=True)
        tools = native
        if wrapper:
            (top / "bin").mkdir(exist_ok=True)
            (top / "bin" / "xenassign").write_text(wrapper)
            (top / "bin" / "xenassign").chmod(0o755)
            tools = f"{top / 'bin'}:{native}"
        work.joinpath("work").mkdir(parents=True)
        said, log, status = "", "", 0
        for task in TASKS:
            script = found.scripts[task]
            done = shell(script, task, work, PATH=tools, HOME=str(home))
            said, log, status = said + done.stdout, log + done.stderr, done.returncode
            if status:
                break
        deployed, installed = found.path("DEPLOYDIR"), found.path("D")
        return Built(status, said.splitlines(), log, deployed, installed, source, home)

    return run


def test_a_system_is_deployed_and_installed(build: Build) -> None:
    done = build('XENASSIGN_CONFIG = "xenassign.toml"', {"xenassign.toml": CONFIG})
    assert done.status == 0, done.log
    ends = ("cfg", "dtb", "dts", "host.dtbo", "host.dtso", "dom0less.dtso", "json")
    wanted = {f"my-system/{name}.{end}" for name in ("net", "log") for end in ends}
    assert done.names() == {*wanted, "my-system/xenassign.lock"}
    installed = {str(p.relative_to(done.installed)) for p in done.installed.rglob("*.*")}
    assert installed == {f"etc/xen/{name}.{end}" for name in ("net", "log") for end in ends[:2]}
    assert (done.installed / "etc/xen/net.dtb").read_bytes() == (
        done.deployed / "my-system/net.dtb"
    ).read_bytes()


def test_it_is_what_the_command_line_writes(
    build: Build, native: str, tmp_path: Path, host_files: dict[str, Path]
) -> None:
    lines = """
XENASSIGN_DEVICES = "serial1 can@ff070000"
XENASSIGN_NAME = "io"
XENASSIGN_MEMORY = "512"
XENASSIGN_VCPUS = "2"
XENASSIGN_XEN = "4.19"
XENASSIGN_ROUTES = "xl"
XENASSIGN_EXTRA = "--map auto --extra 'console=hvc0 root=/dev/xvda'"
"""
    done = build(lines)
    assert done.status == 0, done.log
    options = f"{BOARD} -d serial1 -d can@ff070000 --name io --memory 512 --vcpus 2 --xen 4.19"
    options += " --route xl --map auto --device-tree-path /etc/xen/io.dtb"
    command = ["xenassign", "generate", *options.split(), "--extra", "console=hvc0 root=/dev/xvda"]
    shutil.copy(host_files["zynqmp"], tmp_path / BOARD)
    env = {"PATH": native, "HOME": str(tmp_path)}
    subprocess.run([*command, "-o", "out"], cwd=tmp_path, env=env, check=True, capture_output=True)
    assert same(tmp_path / "out", done.deployed / "my-system")


def same(left: Path, right: Path) -> bool:
    """Whether diff finds no difference between two folders."""
    return subprocess.run(["diff", "-r", left, right], check=False).returncode == 0


def test_findings_are_messages_with_the_file(build: Build) -> None:
    done = build('XENASSIGN_CONFIG = "xenassign.toml"', {"xenassign.toml": CONFIG})
    warnings, notes = done.of("WARNING"), done.of("NOTE")
    assert any(w.startswith(f"{BOARD}: domain net: ") and w.endswith("[XA204]") for w in warnings)
    assert any(n.endswith("[XA502]") for n in notes)
    assert not done.of("ERROR")


def test_a_mistake_of_the_config_has_file_and_line(build: Build) -> None:
    config = CONFIG.replace("vcpus = 1", 'vcpus = "one"', 1)
    done = build('XENASSIGN_CONFIG = "xenassign.toml"', {"xenassign.toml": config})
    assert done.status == 1
    first, last = done.of("ERROR")
    line = config.splitlines().index('vcpus = "one"') + 1
    assert first.startswith(f"xenassign.toml:{line}: ")
    assert "status 2" in last


def test_a_refusal_tells_all_reasons_fails_once_and_deploys_nothing(
    build: Build, tmp_path: Path
) -> None:
    lines = 'XENASSIGN_DEVICES = "serial0 /axi/gpu@fd4b0000"'
    done = build(lines)
    assert done.status == 1
    *reasons, last = done.of("ERROR")
    assert {r[-7:] for r in reasons} >= {"[XA102]", "[XA401]"}
    told = (f"{BOARD}: ", "nothing helps: ", "note: ", "try: ")
    assert [reason for reason in reasons if not reason.startswith(told)] == []
    assert "nothing is deployed" in last
    assert not done.names()
    assert str(tmp_path) not in "\n".join(done.said)


def test_only_some_domains(build: Build) -> None:
    lines = 'XENASSIGN_CONFIG = "xenassign.toml"\nXENASSIGN_DOMAINS = "log"\nXENASSIGN_LOCK = ""'
    done = build(lines, {"xenassign.toml": CONFIG})
    assert done.status == 0, done.log
    assert {name.partition("/")[2].partition(".")[0] for name in done.names()} == {"log"}


def test_two_builds_elsewhere_are_equal_and_know_no_path(build: Build, tmp_path: Path) -> None:
    lines = 'XENASSIGN_CONFIG = "xenassign.toml"'
    files: dict[str, str | bytes] = {"xenassign.toml": CONFIG}
    first = build(lines, files, folder="first")
    second = build(lines, files, folder="a/quite/different/second")
    again = build(lines, files, folder="first")
    assert first.status == second.status == again.status == 0
    assert first.said == second.said == again.said
    assert same(first.deployed, second.deployed)
    assert same(first.installed, second.installed)
    for path in first.deployed.rglob("*.*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes()
    assert str(tmp_path) not in "\n".join(first.said)


def test_nothing_is_written_beside_the_source_or_at_home(build: Build) -> None:
    done = build('XENASSIGN_CONFIG = "xenassign.toml"', {"xenassign.toml": CONFIG}, unpackdir=True)
    assert done.status == 0, done.log
    assert [path.name for path in done.source.iterdir()] == ["xenassign.toml"]
    assert not list(done.home.iterdir())


def test_the_lock_of_the_recipe(build: Build, host_files: dict[str, Path]) -> None:
    config = 'XENASSIGN_CONFIG = "xenassign.toml"'
    first = build(config, {"xenassign.toml": CONFIG}, folder="first")
    lock = (first.deployed / "my-system/xenassign.lock").read_text()
    files: dict[str, str | bytes] = {"xenassign.toml": CONFIG, "xenassign.lock": lock}
    locked = build(f'{config}\nXENASSIGN_LOCKED = "1"', files, folder="locked")
    assert locked.status == 0, locked.log
    assert same(first.deployed, locked.deployed)
    files["xenassign.toml"] = CONFIG.replace("serial1", "rtc0")
    changed = build(f'{config}\nXENASSIGN_LOCKED = "1"', files, folder="changed")
    assert changed.status == 1
    assert any(e.startswith("xenassign.lock: ") and "[XA021]" in e for e in changed.of("ERROR"))
    assert not changed.names()
    told = build(config, files, folder="told")
    assert told.status == 0, told.log
    assert any(w.startswith("xenassign.lock: ") for w in told.of("WARNING"))
    assert (told.deployed / "my-system/xenassign.lock").read_text() != lock
    assert (told.source / "xenassign.lock").read_text() == lock


def test_locked_without_a_lock(build: Build) -> None:
    lines = 'XENASSIGN_CONFIG = "xenassign.toml"\nXENASSIGN_LOCKED = "1"'
    done = build(lines, {"xenassign.toml": CONFIG})
    assert done.status == 1
    assert "xenassign.lock" in done.of("ERROR")[0]


WRONG = """/dts-v1/;
/ {
    #address-cells = <2>;
    #size-cells = <2>;
    passthrough {
        compatible = "simple-bus";
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        can@ff070000 {
            compatible = "xlnx,zynq-can-1.0";
            reg = <0x0 0xff070000 0x0 0x1000>;
            xen,reg = <0x0 0xff070000 0x1000 0x0 0xff070000>;
            xen,path = "/axi/can@ff070000";
            xen,force-assign-without-iommu;
        };
    };
};
"""


def test_files_made_by_hand_are_checked_against_the_board(build: Build) -> None:
    lines = 'XENASSIGN_LINT = "dts/hand.dts"\nXENASSIGN_ROUTES = "dom0less"'
    done = build(lines, {"dts/hand.dts": WRONG})
    assert done.status == 1
    *errors, _ = done.of("ERROR")
    assert any(e.startswith("dts/hand.dts:13:") and "[XA222]" in e for e in errors)
    assert any(e.startswith("dts/hand.dts:14:") and "[XA305]" in e for e in errors)
    assert not done.names()


def test_good_files_made_by_hand_go_through(build: Build) -> None:
    good = WRONG.replace("0x0 0xff070000 0x1000 0x0 ", "0x0 0xff070000 0x0 0x1000 0x0 ")
    lines = 'XENASSIGN_LINT = "hand.dts"\nXENASSIGN_HOST = ""\nXENASSIGN_ROUTES = "dom0less"'
    done = build(lines, {"hand.dts": good}, board=None)
    assert done.status == 0, done.said
    assert not done.of("ERROR")
    assert "Xen: boots it on dom0less" in done.of("NOTE")


def test_a_tree_of_the_recipe_is_no_matter_of_the_kernel(
    build: Build, host_files: dict[str, Path]
) -> None:
    files: dict[str, str | bytes] = {
        "xenassign.toml": CONFIG,
        "boards/mine.dtb": host_files["zynqmp"].read_bytes(),
    }
    lines = 'XENASSIGN_CONFIG = "xenassign.toml"\nXENASSIGN_HOST = "boards/mine.dtb"'
    done = build(lines, files, board=None, conf="")
    assert done.status == 0, done.log
    assert all(w.startswith("boards/mine.dtb: ") for w in done.of("WARNING"))


def test_the_tree_may_be_named_by_the_config(build: Build, host_files: dict[str, Path]) -> None:
    files: dict[str, str | bytes] = {
        "xenassign.toml": f'host = "mine.dtb"\n{CONFIG}',
        "mine.dtb": host_files["zynqmp"].read_bytes(),
    }
    done = build('XENASSIGN_CONFIG = "xenassign.toml"', files, board=None, conf="")
    assert done.status == 0, done.log
    assert "my-system/xenassign.lock" in done.names()


def test_a_tree_somewhere_counts_for_the_hash(
    tmp_path: Path, build: Build, host_files: dict[str, Path]
) -> None:
    board = tmp_path / "elsewhere" / "mine.dtb"
    board.parent.mkdir()
    shutil.copy(host_files["zynqmp"], board)
    lines = f'XENASSIGN_DEVICES = "serial1"\nXENASSIGN_HOST = "{board}"'
    done = build(lines, board=None)
    assert done.status == 0, done.log
    assert all(w.startswith("mine.dtb: ") for w in done.of("WARNING"))
    found = parse(tmp_path / "build/own/my-system_1.0.bb", tmp_path / "build", KERNEL)[""]
    task = found.tasks["do_xenassign"]
    assert task["file-checksums"].split() == [f"{board}:True"]
    assert not task["depends"].strip()


def test_several_boards(build: Build, host_files: dict[str, Path]) -> None:
    board = host_files["zynqmp"].read_bytes()
    files: dict[str, str | bytes] = {"rev1.dtb": board, "rev2.dtb": board}
    lines = 'XENASSIGN_DEVICES = "serial1"\nXENASSIGN_HOST = "rev1.dtb rev2.dtb"'
    done = build(f'{lines}\nXENASSIGN_EXTRA = "--per-host"', files, board=None)
    assert done.status == 0, done.log
    assert {"my-system/rev1/domu1.dtb", "my-system/rev2/domu1.dtb"} <= done.names()
    assert (done.installed / "etc/xen/rev1/domu1.cfg").is_file()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "set XENASSIGN_CONFIG"),
        ('XENASSIGN_DEVICES = "serial1"\nXENASSIGN_HOST = ""', "name the board's .dtb"),
        ('XENASSIGN_DEVICES = "a"\nXENASSIGN_CONFIG = "b"', "are both set"),
        (f'XENASSIGN_DEVICES = "a"\nXENASSIGN_HOST = "/nowhere/{BOARD}"', "is not there"),
    ],
)
def test_what_a_recipe_forgot(build: Build, lines: str, words: str) -> None:
    done = build(lines)
    assert done.status == 1
    (error,) = done.of("ERROR")
    assert words in error
    assert not done.names()


def test_a_board_that_the_kernel_did_not_deploy(build: Build, tmp_path: Path) -> None:
    done = build('XENASSIGN_DEVICES = "serial1"', board=None)
    (error,) = done.of("ERROR")
    assert error.startswith(f"{BOARD}: ")
    assert "virtual/kernel:do_deploy" in error
    assert str(tmp_path) not in error


#: Writes what is asked for, and what --host-out would.
STAND_IN = """#!/bin/sh
for word; do
    case "$before" in
    -o) mkdir -p "$word"; : >"$word/domu1.cfg" ;;
    --host-out) echo "marked" >"$word"; printf '%s\\n' "warning: a\\b $word" >&2 ;;
    --name) echo "note: $word" >&2 ;;
    esac
    before=$word
done
"""


def test_the_marked_tree_is_deployed_and_not_installed(build: Build) -> None:
    lines = 'XENASSIGN_DEVICES = "serial1"\nXENASSIGN_HOST_OUT = "board-xen.dtb"'
    done = build(lines)
    assert done.status == 0, done.log
    assert {"my-system/board-xen.dtb", "my-system/domu1.cfg"} <= done.names()
    tree = read_blob((done.deployed / "my-system" / "board-xen.dtb").read_bytes())
    assert [node.path for node in tree.nodes() if node.has("xen,passthrough")] == [
        "/axi/serial@ff010000"
    ]
    assert [path.name for path in done.installed.rglob("*.dtb")] == ["domu1.dtb"]


def test_the_marked_tree_is_of_all_domains(build: Build) -> None:
    lines = 'XENASSIGN_CONFIG = "c.toml"\nXENASSIGN_DOMAINS = "a b"\nXENASSIGN_LOCK = ""'
    done = build(f'{lines}\nXENASSIGN_HOST_OUT = "x.dtb"', {"c.toml": ""}, wrapper=STAND_IN)
    assert done.status == 0, done.log
    assert done.of("NOTE") == ["a", "b"]
    assert done.of("WARNING") == ["a\\b ../host/x.dtb"]  # three runs, told once


def test_the_tree_of_qemu(tmp_path: Path, native: str, host_files: dict[str, Path]) -> None:
    """QEMU's own tree, without its chance, and our example with it."""
    if shutil.which("qemu-system-aarch64") is None or shutil.which("fdtput") is None:
        skip_or_fail("qemu or dtc is missing: apt-get install qemu-system-arm device-tree-compiler")
    trees = []
    for name in ("one", "two"):
        top = tmp_path / name
        functions = ("do_compile", "do_deploy")
        conf = 'MACHINE = "qemuarm64"\n'
        found = parse(recipe("xenassign-qemu-host"), top, conf, functions=functions)[""]
        for folder in ("B", "DEPLOYDIR"):
            found.path(folder).mkdir(parents=True)
        for task in functions:
            done = shell(found.scripts[task], task, found.path("B"), PATH="/usr/bin:/bin")
            assert done.returncode == 0, done.stderr
        trees.append(found.path("DEPLOYDIR") / "qemuarm64-xen.dtb")
    assert trees[0].read_bytes() == trees[1].read_bytes()
    config = recipe("xenassign-example").parent / "files/qemuarm64/xenassign.toml"
    command = ["xenassign", "generate", str(trees[0]), "-c", str(config), "-o", "out"]
    env = {"PATH": native, "HOME": str(tmp_path)}
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    plan = json.loads((tmp_path / "out/clock.json").read_text())
    assert [device["path"] for device in plan["devices"]] == ["/pl031@9010000"]


def test_the_example_of_zcu102(build: Build, host_files: dict[str, Path]) -> None:
    config = recipe("xenassign-example").parent / "files/zcu102-zynqmp/xenassign.toml"
    done = build('XENASSIGN_CONFIG = "xenassign.toml"', {"xenassign.toml": config.read_text()})
    assert done.status == 0, done.log
    text = (done.installed / "etc/xen/control.cfg").read_text()
    assert 'device_tree = "/etc/xen/control.dtb"' in text
