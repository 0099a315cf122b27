"""What generate wrote lints clean: the folder alone, with the board, and its xenassign.toml."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.errors import XenassignError
from xenassign.outputs import sci
from xenassign.outputs.generated import ENDINGS, NAMES

from ..conftest import FIXTURES
from ..linting.bases import CONFIG, PARTIAL

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
QEMU, ZYNQMP = "qemu-virt-gicv3", "zynqmp-zcu102"
_ROOM = ["--memory", "256", "--vcpus", "2"]
_CLOCK = ["-d", "/pl031@9010000", *_ROOM]
_LOADS = [
    *("--load", "xen=0x49000000:0x200000", "--load", "host=0x4a000000:0x200000"),
    *("--load", "kernel=0x50000000:0x2000000", "--load", "dtb=0x54000000:0x10000"),
]

#: Option sets of generate, by name: a board, and the options.
RUNS: dict[str, tuple[str, list[str]]] = {
    "both": (QEMU, _CLOCK),
    "xl": (QEMU, [*_CLOCK, "--route", "xl", "--name", "net.host"]),
    "dom0less": (QEMU, [*_CLOCK, "--route", "dom0less", "--no-vpl011"]),
    "tricky": ("tricky", ["-d", "/bus@7b000000/ethernet@1000", *_ROOM, "--map", "auto"]),
    "direct map": (
        QEMU,
        [
            *("-d", "/pl031@9010000", "--direct-map", "--static-memory", "0x60000000:256M"),
            *("--vcpus", "1"),
        ],
    ),
    "attach": (QEMU, [*_CLOCK, "--attach-overlay"]),
    "attach protected": (ZYNQMP, ["-d", "ethernet0", *_ROOM, "--attach-overlay", "--map", "auto"]),
    "imagebuilder": (QEMU, [*_CLOCK, "--imagebuilder"]),
    "script": (QEMU, [*_CLOCK, "--uboot-script", *_LOADS]),
    "host": (QEMU, [*_CLOCK, "--host-out", "out/host.dtb"]),
    "chosen": (QEMU, [*_CLOCK, "--host-out", "out/host.dtb", "--chosen", *_LOADS[4:]]),
    "efi": (QEMU, [*_CLOCK, "--efi", "--load", "kernel=Image", "--load", "dom0-kernel=vmlinuz"]),
    "zephyr": (QEMU, [*_CLOCK, "--zephyr", "--kernel", "/lfs/Image"]),
    "forced": (QEMU, [*_CLOCK, "--iommu-policy", "trust", "--xen", "4.22"]),
    "no driver": (
        ZYNQMP,
        ["-d", "spi0", *_ROOM, "--iommu-driver", "ipmmu", "--iommu-policy", "trust"],
    ),
    "supplies": (ZYNQMP, ["-d", "mmc@ff170000", *_ROOM, "--keep-host-supplies"]),
    "firmware": (ZYNQMP, ["-d", "ethernet0", *_ROOM, "--keep-firmware"]),
    "regions": (ZYNQMP, ["-d", "/axi/serial@ff010000", *_ROOM, "--memory-region", "drop"]),
    "scmi": ("rk3588-like", ["-d", "/rng@fe378000", *_ROOM, "--xen", "4.21"]),
    "k3": ("ti-k3-like", ["-d", "serial@4a00000", *_ROOM]),
    "imx": ("imx8-board", ["-d", "serial@30860000", *_ROOM]),
    "juno": ("juno-like", ["-d", "serial@7ff70000", *_ROOM]),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, status: int = 0) -> Result:
    """The command in this process. Its errors have the exit status that the program would have."""
    done = CliRunner().invoke(cli, arguments)
    reached = 2 if isinstance(done.exception, XenassignError) else done.exit_code
    assert reached == status, (done.output, done.exception)
    return done


def refused(*arguments: str) -> XenassignError:
    """The error of a command that ends with status 2."""
    error = run(*arguments, status=2).exception
    assert isinstance(error, XenassignError)
    return error


def linted(*arguments: str, status: int = 0) -> dict[str, Any]:
    report = json.loads(run("lint", *arguments, "--format", "json", status=status).stdout)
    assert isinstance(report, dict)
    return report


def errors(report: dict[str, Any]) -> list[str]:
    found = report["findings"]
    return [f"{f['code']} {f['message']}" for f in found if f["severity"] == "error"]


def board(name: str) -> str:
    return str(FIXTURES / f"{name}.dtb")


@pytest.mark.parametrize("name", RUNS)
def test_a_folder_lints_clean(name: str) -> None:
    host, options = RUNS[name]
    Path("out").mkdir()
    run("generate", board(host), *options, "-o", "out", "--overwrite")
    for about in ([], ["--host", board(host)]):
        report = linted("out", *about)
        assert errors(report) == []
        assert {*report["verdict"].values()} == {"accepted"}
        assert "XA902" not in {finding["code"] for finding in report["findings"]}


def test_the_configuration_of_xen_is_none_of_a_domain(wording: Wording) -> None:
    """xen.cfg alone has nothing to judge; the tree that it names has the domains."""
    run("generate", board(QEMU), *RUNS["efi"][1], "-o", "out")
    wording(refused("lint", "out/xen.cfg"))
    assert errors(linted("out/xen.dtb")) == []


def test_a_second_run_replaces_the_files_of_uefi() -> None:
    """Though xen.dtb is called like that of a domain."""
    for options in (RUNS["efi"][1], [*RUNS["efi"][1], "--xen-bootargs", "a"]):
        run("generate", board(QEMU), *options, "-o", "out", "--overwrite")
        assert Path("out/xen.dtb").exists()
        assert Path("out/xen.cfg").exists()
    run("generate", board(QEMU), *RUNS["both"][1], "-o", "out", "--overwrite")
    assert not Path("out/xen.dtb").exists()
    assert not Path("out/xen.cfg").exists()


def test_every_output_is_written_by_a_run() -> None:
    written: set[str] = set()
    for name in ("both", "attach", "imagebuilder", "script", "efi", "zephyr"):
        host, options = RUNS[name]
        run("generate", board(host), *options, "-o", name.replace(" ", "-"))
        written |= {path.name for path in Path(name.replace(" ", "-")).iterdir()}
    assert {ending for ending in ENDINGS if f"domu1{ending}" not in written} == set()
    # Agents of SCMI are stated in xenassign.toml only: tests/planning/test_sci_agents.py.
    of_file = {"imagebuilder.cmds", *sci.NAMES}
    assert {name for name in NAMES if "/" not in name} - written <= of_file


@pytest.mark.parametrize("name", ["qemu", "rcar", "zynqmp"])
def test_a_system_of_several_domains(name: str, repository: Path) -> None:
    config = Path("xenassign.toml")
    text = (EXAMPLES / name / "xenassign.toml").read_text()
    config.write_text(text.replace("../../../fixtures", str(repository / "fixtures")))
    run("generate", "-c", str(config), "-o", "out")
    assert errors(linted("out")) == []
    config.rename("other.toml")
    assert errors(linted("out")) == []
    for files in ([], ["out"]):
        report = linted("-c", "other.toml", *files)
        assert errors(report) == []
        assert {*report["verdict"].values()} == {"accepted"}
        assert report["not_run"] == []
    files = [str(path) for path in sorted(Path("out").glob("*.dts*"))]
    assert errors(linted("-c", "other.toml", *files)) == []


@pytest.fixture
def boards() -> str:
    """A xenassign.toml of two boards that are alike."""
    for name in ("a", "b"):
        shutil.copy(board(QEMU), f"{name}.dtb")
    Path("two.toml").write_text(
        'host = ["a.dtb", "b.dtb"]\n[[domain]]\nname = "net"\nmemory = 256\nvcpus = 1\n'
        'device = ["/pl031@9010000"]\n'
    )
    return "two.toml"


@pytest.mark.parametrize("option", [[], ["--per-host"]])
def test_several_boards(boards: str, option: list[str]) -> None:
    run("generate", "-c", boards, "-o", "out", *option)
    for arguments in (["out"], ["-c", boards], ["-c", boards, "out"]):
        assert errors(linted(*arguments)) == []
    # Without its mark, each board has the error of its own.
    for mark in Path("out").rglob("*.host.dts*"):
        mark.unlink()
    for mark in Path("out").rglob("*.host.dtbo"):
        mark.unlink()
    assert errors(linted("-c", boards, "out", status=1)) != []


def test_a_domain_that_is_incomplete_is_rejected_and_said() -> None:
    done = run("generate", board(QEMU), "-d", "/pl031@9010000", "-o", "out")
    assert "XA817" in done.stderr
    report = linted("out", status=1)
    assert {error.split()[0] for error in errors(report)} == {"XA702", "XA703"}
    for more, missing in (
        (["--memory", "256"], "cpus"),
        (["--vcpus", "1"], "memory"),
    ):
        done = run(
            "generate", board(QEMU), "-d", "/pl031@9010000", "-o", "out", "--overwrite", *more
        )
        assert f"has no {missing}:" in done.stderr
    done = run("generate", board(QEMU), "-d", "/pl031@9010000", "-o", "x", "--route", "xl")
    assert "XA817" not in done.stderr


def test_two_configurations_of_one_tree() -> None:
    Path("domu1.dts").write_text(PARTIAL)
    for name in ("a.cfg", "b.cfg"):
        Path(name).write_text(CONFIG)
    assert errors(linted(".")) == []
    Path("b.cfg").write_text(CONFIG.replace("34, 39", "34"))
    findings = linted(".", status=1)["findings"]
    assert {finding["file"] for finding in findings if finding["severity"] == "error"} == {
        "domu1.dts"
    }


def test_a_source_that_differs_from_its_blob_is_judged_too() -> None:
    run("generate", board(QEMU), *_CLOCK, "-o", "out")
    source = Path("out/domu1.dts")
    source.write_text(
        source.read_text().replace("0x0 0x1000 0x0 0x9010000", "0 0x1000 0 0x9010800")
    )
    assert {f["file"] for f in linted("out", status=1)["findings"]} == {"out/domu1.dts"}
    assert errors(linted("out/domu1.dtb")) == []


def only_marks(folder: Path) -> None:
    run("generate", board(QEMU), *_CLOCK, "-o", str(folder))
    for file in folder.iterdir():
        if not file.name.endswith(".host.dtbo"):
            file.unlink()


def other_files(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.json").write_text("{")
    (folder / "b.json").write_text('{"schema": "xenassign/plan/1", "xen": [], "name": 1}')
    (folder / "a.cfg").write_text("NUM_DOMUS=1\nDOMU_KERNEL[0]=Image\n")
    (folder / ".hidden").mkdir()


@pytest.mark.parametrize("fill", [Path.mkdir, other_files, only_marks])
def test_a_folder_without_anything(fill: Callable[[Path], None], wording: Wording) -> None:
    fill(Path("out"))
    wording(refused("lint", "out"))


def test_files_that_were_not_generated_yet(wording: Wording) -> None:
    Path("x.toml").write_text(
        f'host = "{board(QEMU)}"\n[[domain]]\nname = "net"\nmemory = 256\nvcpus = 1\n'
        'device = ["/pl031@9010000"]\n'
    )
    assert errors(linted("-c", "x.toml")) == []
    assert not Path("x.lock").exists()
    run("lint", "-c", "x.toml", "out", status=2)
    Path("x.toml").write_text(Path("x.toml").read_text().replace("pl031@", "pl031-"))
    run("lint", "-c", "x.toml", status=2)
    Path("lint.toml").write_text('[lint]\nxen = "4.20"\n')
    wording(refused("lint", "-c", "lint.toml"))


def test_a_project_among_the_files() -> None:
    """It is as with -c, and not a dom.cfg; its demands are known."""
    system = (
        f'host = "{board(QEMU)}"\n[[domain]]\nname = "net"\nmemory = 256\nvcpus = 1\n'
        'device = ["/pl031@9010000"]\n'
    )
    Path("x.toml").write_text(system)
    assert linted("x.toml") == linted("-c", "x.toml")
    run("generate", "-c", "x.toml", "-o", "out")
    assert linted("x.toml", "out") == linted("-c", "x.toml", "out")
    assert linted("*.toml", "out") == linted("-c", "x.toml", "out")
    Path("x.toml").write_text(f'{system}[[forbid]]\ndevice = "/pl031@*"\nreason = "dom0\'s"\n')
    assert "[XA027]" in run("lint", "x.toml", status=1).stderr
    assert "y.toml and x.toml each have the domains" in str(
        refused("lint", "x.toml", "-c", "y.toml")
    )


def test_a_request_that_is_refused() -> None:
    Path("x.toml").write_text(
        f'host = "{board(ZYNQMP)}"\n[[domain]]\nname = "net"\niommu-policy = "strict"\n'
        'device = ["rtc0"]\n'
    )
    done = run("lint", "-c", "x.toml", status=1)
    assert "XA406" in done.stderr


def test_a_board_in_the_folder_is_the_host() -> None:
    run("generate", board(QEMU), *_CLOCK, "-o", "out")
    assert linted("out")["not_run"] != []
    shutil.copy(board(QEMU), "out/board.dtb")
    assert linted("out")["not_run"] == []
    shutil.copy(board(ZYNQMP), "out/other.dtb")
    run("lint", "out", status=2)
    assert errors(linted("out", "--host", "out/board.dtb")) == []


def test_an_imagebuilder_configuration_is_no_xl_configuration(wording: Wording) -> None:
    Path("a.cfg").write_text("NUM_DOMUS=1\nDOMU_KERNEL[0]=Image\n")
    wording(refused("lint", "a.cfg"))
