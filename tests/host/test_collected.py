"""The tar of `xenassign collect` as HOST: what the script writes is read, and nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.answers import of
from tests.conftest import BOARDS
from tests.missing import skip_or_fail
from xenassign.devicetree.live import MAX_ENTRIES
from xenassign.errors import InputError
from xenassign.host import load
from xenassign.host.clock_summary import clock_summary_of
from xenassign.host.load import read_host
from xenassign.host.regulator_summary import regulator_summary_of
from xenassign.host.xl_info import parse_xl_info, xl_info_of
from xenassign.planning.decide import decide
from xenassign.request.command_line import read_request, read_system
from xenassign.resources import directory

from .tars import in_folder, member, packed

SCRIPT = directory("templates") / "collect.sh"
ETH = "/axi/ethernet@ff0e0000"
FDT = BOARDS["zynqmp"].read_bytes()
CLOCKS = " gem 1 1 0 77000000 0 0 50000 Y ff0e0000.ethernet tx_clk\n"
VOLTAGES = " vcc 1 1 0 unknown 3300mV 0mA 3000mV 3600mV\n"
XL_INFO = "xen_version            : 4.19.1\nvirt_caps              : hvm hap\n"
#: What a script on a board of dom0 gathers.
MEMBERS = {
    "MISSING": b"",
    "fdt": FDT,
    "clk_summary": CLOCKS.encode(),
    "regulator_summary": VOLTAGES.encode(),
    "xl_info": XL_INFO.encode(),
}

Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(members: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> Path:
        path = tmp_path / "board.tar"
        named = [in_folder(name, data) for name, data in members.items()]
        path.write_bytes(packed(named, form))
        return path

    return make


def test_what_it_adds_is_named(made: Made) -> None:
    path = made(MEMBERS)
    tree = read_host(path)
    assert tree.data == FDT
    request = read_request({"devices": (ETH,)}, [tree])
    assert request.release.version == "4.19"
    plan = decide(tree, request)
    (finding,) = of(plan, "XA128")
    for fact in (
        "clk_summary of ",
        "regulator_summary of ",
        "Xen 4.19 (xl_info",
        "no active IOMMU",
    ):
        assert fact in finding.message
    whys = [s.why for s in plan.devices[0].suppliers if s.property == "clocks"]
    assert f"77000000 Hz: read from clk_summary of {path}" in whys
    assert of(plan, "XA401")  # the SMMU is not active


def test_options_come_before_what_it_says(made: Made) -> None:
    tree = read_host(made(MEMBERS))
    given = {
        "devices": (ETH,),
        "release": "4.20",
        "drivers": ("smmu",),
        "clock_rates": (f"{ETH}=5",),
    }
    plan = decide(tree, read_request(given, [tree]))
    (finding,) = of(plan, "XA128")
    assert "Xen" not in finding.message
    assert not of(plan, "XA401")
    assert {s.why for s in plan.devices[0].suppliers if s.property == "clocks"} == {
        "5 Hz: --clock-rate"
    }


@pytest.mark.parametrize(("stated", "release"), [("", "4.19"), ('xen = "4.20"\n', "4.20")])
def test_the_release_that_runs_holds_for_a_file_too(
    stated: str, release: str, made: Made, tmp_path: Path
) -> None:
    file = tmp_path / "xenassign.toml"
    host = f'host = "{made(MEMBERS).name}"\n'
    file.write_text(f'{host}{stated}[[domain]]\nname = "net"\ndevice = ["{ETH}"]\n')
    system, _ = read_system({}, None, (), str(file))
    assert system.domains[0].release.version == release
    system, _ = read_system({"release": "4.21"}, None, (), str(file))
    assert system.domains[0].release.version == "4.21"


def test_what_could_not_be_read_is_advice_only_where_a_rate_is_missing(made: Made) -> None:
    tree = read_host(
        made({"fdt": FDT, "MISSING": b"clk_summary: Permission denied; run as root\n"})
    )
    sd = decide(tree, read_request({"devices": ("/axi/mmc@ff170000",)}, [tree]))
    (finding,) = of(sd, "XA501")
    assert finding.fix is not None
    assert finding.fix.endswith("Permission denied; run as root")
    eth = decide(tree, read_request({"devices": (ETH,)}, [tree]))
    assert not [f for f in eth.findings if "run as root" in f"{f.message} {f.fix}"]
    assert not of(eth, "XA128")


def test_an_unreadable_summary_is_none(made: Made) -> None:
    tree = read_host(
        made(MEMBERS | {"clk_summary": b"x\n", "regulator_summary": b"\xff", "xl_info": b""})
    )
    assert (clock_summary_of(tree), regulator_summary_of(tree), xl_info_of(tree)) == (None,) * 3


FORMATS = pytest.mark.parametrize(
    "form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
)


@FORMATS
def test_a_live_tree_in_it(made: Made, form: int) -> None:
    """As the script packs it for who is not root. A long path needs a header of its own."""
    deep = "/".join(["bus@123456789abcdef"] * 7)
    files = {"compatible": b"acme,board\0", "model": b"x\0", f"{deep}/compatible": b"simple-bus\0"}
    tree = read_host(made({f"device-tree/{path}": data for path, data in files.items()}, form))
    node = tree.find(f"/{deep}")
    assert node is not None
    assert node.compatible == ("simple-bus",)
    assert not tree.ordered


def row(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return packed([in_folder("fdt", FDT), *members])


def damaged(at: int, new: bytes) -> bytes:
    data = bytearray(row())
    data[at : at + len(new)] = new
    return bytes(data)


HOSTILE = {
    "nothing": packed([]),
    "no tree": packed([in_folder("uname", b"Linux")]),
    "a link": row(in_folder("xl_info", type=tarfile.SYMTYPE, linkname="/etc/shadow")),
    "a hard link": row(in_folder("xl_info", type=tarfile.LNKTYPE, linkname="xenassign-board/fdt")),
    "a device": row(in_folder("xl_info", type=tarfile.CHRTYPE)),
    "a FIFO": row(in_folder("xl_info", type=tarfile.FIFOTYPE)),
    "a sparse file": row(in_folder("xl_info", type=tarfile.GNUTYPE_SPARSE)),
    "an absolute path": row(member("/etc/passwd", b"x")),
    "a path upwards": row(member("xenassign-board/../../x", b"x")),
    "an empty part": row(member("xenassign-board//x", b"x")),
    "another folder": row(member("other/x", b"x")),
    "twice": row(in_folder("fdt", b"x")),
    "a long path": row(in_folder("d/" * 600, b"x")),
    "a large text": row(in_folder("clk_summary", b"x" * (1 << 20) + b"x")),
    "a size without end": damaged(124, b"77777777777\0"),
    "a size in base 256": damaged(124, b"\x80" + bytes(11)),
    "no size": damaged(124, b"zzzzzzzzzzz\0"),
    "cut off": row()[: 512 + len(FDT) // 2],
    "cut off after a member": row()[: 512 + -(-len(FDT) // 512) * 512],
    "cut off in a header": row(in_folder("uname", b"x"))[: 512 + -(-len(FDT) // 512) * 512 + 100],
    "a damaged blob": damaged(512 + 8, b"\xff\xff\xff\xff"),
    "a file that is a folder": packed(
        [in_folder("device-tree/compatible"), in_folder("device-tree/compatible/x")]
    ),
    "a name of no node": packed(
        [in_folder("device-tree/compatible"), in_folder("device-tree/a\nb/c")]
    ),
    "a folder without root": packed([in_folder("device-tree/a/b")]),
    "no name": row(member("", b"x")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_tar_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "board.tar"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(InputError) as caught:
        read_host(path)
    (line,) = caught.value.lines
    assert line.startswith(str(path))
    assert "; " in line
    assert sorted(tmp_path.iterdir()) == [path]


def test_many_folders_are_counted(tmp_path: Path) -> None:
    """Each path has new folders: their number is limited, not only that of the members."""
    deep = "/".join("d" * 490)
    members = [in_folder("device-tree/compatible")]
    members += [in_folder(f"device-tree/{n}/{deep}") for n in range(MAX_ENTRIES // 490 + 1)]
    path = tmp_path / "board.tar"
    path.write_bytes(packed(members))
    with pytest.raises(InputError, match="more than"):
        read_host(path)


@pytest.mark.parametrize(
    ("text", "versions", "iommu"),
    [
        (XL_INFO, ("4.19.1", "4.19"), False),
        ("xen_version : 4.21-unstable\n", ("4.21",), None),
        (
            "xen_version : 4.20.4+63-g7\nvirt_caps : hvm hvm_directio hap\n",
            ("4.20.4", "4.20"),
            True,
        ),
        ("xen_version : 4.20\nvirt_caps :\n", ("4.20",), False),
    ],
)
def test_xl_info(text: str, versions: tuple[str, ...], iommu: bool | None) -> None:
    assert parse_xl_info(text, "xl.txt") == ("xl.txt", versions, iommu)


@pytest.mark.parametrize("text", ["", "release : 6.12\n", "xen_version : unknown\n"])
def test_another_text_is_no_xl_info(text: str) -> None:
    with pytest.raises(InputError, match="has no xen_version"):
        parse_xl_info(text, "xl.txt")


# --- the script ----------------------------------------------------------------------------------


def shells() -> list[list[str]]:
    if shutil.which("busybox") is None:
        skip_or_fail("busybox is not installed: apt-get install busybox")
    return [["sh"], ["busybox", "sh"]]


def run(script: str, shell: list[str], folder: Path, *words: str) -> tuple[bytes, str]:
    file = folder / "collect.sh"
    file.write_text(script)
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)}
    command = [*shell, str(file), *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    left = [path.name for path in folder.iterdir() if path.name.startswith("xenassign.")]
    assert not left
    return done.stdout, done.stderr.decode()


def on_a_board(tmp_path: Path, *, fdt: bool = True) -> str:
    """The script with the files of a board below ``tmp_path``."""
    board = tmp_path / "sys"
    (board / "clk").mkdir(parents=True)
    (board / "clk/clk_summary").write_text(CLOCKS)
    (board / "tree/bus@1").mkdir(parents=True)
    (board / "tree/compatible").write_bytes(b"acme,board\0")
    (board / "tree/bus@1/status").write_bytes(b"okay\0")
    if fdt:
        (board / "fdt").write_bytes(FDT)
    script = SCRIPT.read_text()
    for original, place in (
        ("/sys/firmware/fdt", "fdt"),
        ("/proc/device-tree", "tree"),
        ("/sys/kernel/debug/", ""),
    ):
        assert original in script
        script = script.replace(original, str(board / place) + ("" if place else "/"))
    return script


def test_the_tar_of_the_script_is_a_host(tmp_path: Path) -> None:
    script = on_a_board(tmp_path)
    for shell in shells():
        out = tmp_path / f"{len(shell)}.tar"
        _, said = run(script, shell, tmp_path, out.name)
        assert f"wrote {out.name}" in said
        assert "regulator_summary: " in said  # it is not there
        tree = read_host(out)
        assert tree.data == FDT
        clocks = clock_summary_of(tree)
        assert clocks is not None
        assert clocks.users == {("ff0e0000.ethernet", "tx_clk"): 77000000}
        assert tree.running["regulator_summary"].problem
        with tarfile.open(out) as tar:
            names = {name.removeprefix("xenassign-board/") for name in tar.getnames()}
        assert {"MISSING", "cmdline", "iomem", "interrupts", "uname"} <= names


def test_without_the_blob_it_packs_the_directory(tmp_path: Path) -> None:
    script = on_a_board(tmp_path, fdt=False)
    for shell in shells():
        stdout, said = run(script, shell, tmp_path, "-")
        out = tmp_path / "board.tar"
        out.write_bytes(stdout)
        assert "fdt: " in said
        tree = read_host(out)
        node = tree.find("/bus@1")
        assert node is not None
        assert node.strings("status") == ("okay",)


def test_without_anything_it_writes_why(tmp_path: Path) -> None:
    """As on a machine without a device tree."""
    script = SCRIPT.read_text().replace("/sys/", "/none/").replace("/proc/device-tree", "/none")
    run(script, ["sh"], tmp_path)
    with pytest.raises(InputError, match=r"has no device tree .*/none"):
        read_host(tmp_path / "board.tar")


def test_shellcheck_has_no_objection() -> None:
    if shutil.which("shellcheck") is None:
        skip_or_fail("shellcheck is not installed: apt-get install shellcheck")
    subprocess.run(["shellcheck", "-s", "sh", str(SCRIPT)], check=True)


# --- on the board itself -------------------------------------------------------------------------


def test_the_live_tree_comes_with_what_the_kernel_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fdt, summary = tmp_path / "sys/fdt", tmp_path / "clk_summary"
    fdt.parent.mkdir()
    fdt.write_bytes(FDT)
    monkeypatch.setattr(load, "LIVE", str(fdt.parent))
    files = {"clk_summary": str(summary), "regulator_summary": str(tmp_path / "none")}
    monkeypatch.setattr(load, "DEBUGFS", files)
    assert read_host(fdt).running["clk_summary"].problem.endswith("No such file or directory")
    summary.write_text(CLOCKS)
    tree = read_host(fdt)
    clocks = clock_summary_of(tree)
    assert clocks is not None
    assert clocks.source == str(summary)
    copy = tmp_path / "copy.dtb"
    copy.write_bytes(FDT)
    assert not read_host(copy).running
