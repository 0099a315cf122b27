"""Bad input through real processes: one line, the right exit status, nothing left behind."""

from __future__ import annotations

import errno
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.wording import Wording
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]
Done = subprocess.CompletedProcess[str]

PL031 = "/pl031@9010000"

pytestmark = pytest.mark.slow  # a process for each command


def run(*arguments: str | Path, fsize: int | None = None, stdin: str = "") -> Done:
    """xenassign with these arguments; ``fsize``: the largest file in bytes that it may write."""

    def limit() -> None:
        if fsize is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (fsize, fsize))

    return subprocess.run(
        [sys.executable, "-m", "xenassign", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        input=stdin,
        preexec_fn=limit if fsize is not None else None,
    )


def one_line(done: Done, status: int, wording: Wording | None = None) -> None:
    """One line on stderr that begins with error:, and that exit status; of a refusal the advice."""
    assert done.returncode == status, done.stderr
    first, *advice = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert bool(advice) == (status == 1), done.stderr
    assert all(re.match("note: |try: |nothing helps: ", line) for line in advice), done.stderr
    assert "internal error" not in done.stderr
    assert done.stdout == ""
    if wording is not None:
        wording(done)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """An output directory that must not come to be."""
    folder = tmp_path / "out"
    yield folder
    assert not folder.exists()


@pytest.fixture
def qemu(host_files: dict[str, Path]) -> Path:
    return host_files["qemu"]


def generate(host: str | Path, out: Path, *options: str, device: str = PL031) -> Done:
    return run("generate", host, "-d", device, "-o", out, *options)


# --- the host ------------------------------------------------------------------------------------


def test_a_missing_file(out: Path, tmp_path: Path, wording: Wording) -> None:
    one_line(generate(tmp_path / "no.dtb", out), 2, wording)


def test_a_directory(out: Path, tmp_path: Path, wording: Wording) -> None:
    one_line(generate(tmp_path, out), 2, wording)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"hello\n", b"\x7fELF" + b"\0" * 60])
def test_what_is_no_device_tree(
    out: Path, tmp_path: Path, content: bytes, wording: Wording
) -> None:
    path = tmp_path / "x.dtb"
    path.write_bytes(content)
    one_line(generate(path, out), 2, wording)


@pytest.mark.parametrize("length", [4, 20, 39, 40, 100, 4000, -1])
def test_a_truncated_blob(
    out: Path, tmp_path: Path, qemu: Path, length: int, wording: Wording
) -> None:
    path = tmp_path / "cut.dtb"
    path.write_bytes(qemu.read_bytes()[:length])
    one_line(generate(path, out), 2, wording)


@pytest.mark.parametrize(("version", "compatible"), [(15, 1), (3, 1), (18, 18), (99, 99)])
def test_a_wrong_version(
    out: Path, tmp_path: Path, qemu: Path, version: int, compatible: int, wording: Wording
) -> None:
    data = bytearray(qemu.read_bytes())
    data[20:28] = version.to_bytes(4, "big") + compatible.to_bytes(4, "big")
    path = tmp_path / "v.dtb"
    path.write_bytes(data)
    one_line(generate(path, out), 2, wording)


def test_an_overlay_as_host(
    out: Path, tmp_path: Path, generate: Generate, qemu: Path, wording: Wording
) -> None:
    path = tmp_path / "marks.dtbo"
    path.write_bytes(generate("qemu", PL031)[1]["domu1.host.dtbo"])
    done = run("generate", path, "-d", PL031, "-o", out)
    one_line(done, 2, wording)


def test_damaged_standard_input(out: Path, wording: Wording) -> None:
    done = run("generate", "-", "-d", PL031, "-o", out, stdin="nothing")
    one_line(done, 2, wording)


def test_source_that_dtc_refuses(out: Path, tmp_path: Path, wording: Wording) -> None:
    path = tmp_path / "x.dts"
    path.write_text("/dts-v1/;\n/ {\n  a = <;\n};\n")
    one_line(generate(path, out), 2, wording)


def test_inspect_says_the_same(tmp_path: Path, wording: Wording) -> None:
    one_line(run("inspect", tmp_path / "no.dtb"), 2, wording)


# --- devices -------------------------------------------------------------------------------------


def test_an_unknown_path_names_the_nearest(out: Path, qemu: Path, wording: Wording) -> None:
    done = generate(qemu, out, device="/pl031@9010001")
    one_line(done, 2, wording)


def test_every_wrong_name_has_its_line(host_files: dict[str, Path], tmp_path: Path) -> None:
    names = ("-d", "/nix", "-d", PL031, "--map", "nix=auto", "--allow-shared-page", "gpio")
    done = run("generate", host_files["qemu"], *names, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.partition(": no such node in ")[0] for line in done.stderr.splitlines()] == [
        "error: -d /nix",
        "error: --allow-shared-page gpio",
        "error: --map nix",
    ]


def test_a_path_twice(out: Path, qemu: Path, wording: Wording) -> None:
    one_line(generate(qemu, out, "-d", PL031), 2, wording)


def test_a_device_by_two_names(out: Path, host_files: dict[str, Path], wording: Wording) -> None:
    done = generate(host_files["zynqmp"], out, "-d", "gem3", device="ethernet0")
    one_line(done, 2, wording)


def test_no_device(out: Path, qemu: Path, wording: Wording) -> None:
    one_line(run("generate", qemu, "-o", out), 2, wording)


def test_a_node_without_registers(out: Path, host_files: dict[str, Path], wording: Wording) -> None:
    done = generate(host_files["tricky"], out, device="/nothing")
    one_line(done, 1, wording)


def test_a_ppi(out: Path, host_files: dict[str, Path], wording: Wording) -> None:
    """For dom0less; xl also lacks the rights of dom0 to what is below the device."""
    options = ("--iommu-policy", "trust", "--route", "dom0less")
    done = generate(host_files["tricky"], out, *options, device="/dev@74040000")
    one_line(done, 1, wording)


def test_a_shared_page(out: Path, host_files: dict[str, Path], wording: Wording) -> None:
    """One line, however many neighbours there are."""
    done = generate(host_files["rcar"], out, device="/soc/gpio@e6050180")
    assert done.returncode == 1
    line, nothing = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert nothing.startswith("nothing helps: ")
    wording(done)


def test_a_disabled_device_is_assigned_and_said(
    tmp_path: Path, host_files: dict[str, Path], wording: Wording
) -> None:
    done = generate(
        host_files["tricky"], tmp_path / "o", "--iommu-policy", "trust", device="/dev@7d000000"
    )
    assert done.returncode == 0
    wording(done)
    assert (tmp_path / "o" / "domu1.dtb").is_file()


# --- options -------------------------------------------------------------------------------------


REFUSED = (
    ("--map", f"{PL031}=0x1000000000000"),
    ("--map", f"{PL031}=0x40000000", "--memory", "64"),
    ("--map", f"{PL031}=0x3001000"),
    ("--map", f"{PL031}=0x22000000"),
    ("--iommu-policy", "strict"),
)
INVALID = (
    ("--map", f"{PL031}=0x1001"),
    ("--map", "nonsense"),
    ("--memory", "0"),
    ("--memory", "99999999999"),
    ("--memory", "-5"),
    ("--vcpus", "0"),
    ("--xen", "4.99"),
    ("--xen", "latest"),
    ("--name", "1"),
    ("--name", "a/b"),
    ("--name", "../a"),
    ("--name", "line\nbreak"),
    ("--name", "x" * 5000),
    ("--clock-rate", "x"),
    ("--force-assign-without-iommu", "/pl061@9030000"),
    ("--allow-shared-page", "/none"),
    ("--xen-console", "/none"),
)


@pytest.mark.parametrize(("status", "table"), [(1, REFUSED), (2, INVALID)], ids=["no", "invalid"])
def test_options_that_are_refused(
    out: Path, qemu: Path, status: int, table: tuple[tuple[str, ...], ...], wording: Wording
) -> None:
    for options in table:
        one_line(generate(qemu, out, *options), status, wording)
        assert not out.exists()


def test_options_that_click_refuses(out: Path, qemu: Path) -> None:
    """Its words differ from version to version; they name the option and its choices."""
    for options, parts in (
        (("--memory", "many"), ("many",)),
        (("--iommu-policy", "none"), ("auto", "strict", "trust")),
        (("--iommu-driver", "vtd"), ("smmu-v3",)),
        (("--route", "pv"), ("dom0less", "xl")),
        (("--nonsense",), ("xenassign generate --help",)),
    ):
        done = generate(qemu, out, *options)
        one_line(done, 2)
        assert [part for part in (options[0], *parts) if part not in done.stderr] == []


def test_more_vcpus_than_a_gicv2_guest_can_have(
    out: Path, tmp_path: Path, host_files: dict[str, Path]
) -> None:
    watchdog = "/axi/watchdog@fd4d0000"
    done = generate(host_files["zynqmp"], tmp_path / "o", "--vcpus", "9", device=watchdog)
    assert done.returncode in (1, 2)


def test_an_argument_that_is_no_text(out: Path, qemu: Path, wording: Wording) -> None:
    one_line(generate(qemu, out, "--extra", os.fsdecode(b"\xff")), 2, wording)


def test_several_reasons_are_one_line_each(out: Path, host_files: dict[str, Path]) -> None:
    done = generate(
        host_files["tricky"], out, "-d", "/dev@3001000", "-d", "/nothing", device="/dev@74050000"
    )
    assert done.returncode == 1
    *lines, nothing = done.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    assert nothing.startswith("nothing helps: ")
    for code in ("XA101", "XA203", "XA301", "XA401"):
        assert any(line.endswith(f"[{code}]") for line in lines), code


# --- the output ----------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["file", "file/a", "file/a/b"])
def test_a_directory_that_cannot_be_made(
    tmp_path: Path, qemu: Path, below: str, wording: Wording
) -> None:
    (tmp_path / "file").write_text("mine")
    one_line(generate(qemu, tmp_path / below), 2, wording)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("where", ["/proc/xenassign", "/dev/full", "/dev/null/x"])
def test_a_place_of_the_kernel(qemu: Path, where: str) -> None:
    """Linux gives reasons of its own for each user."""
    done = generate(qemu, Path(where))
    one_line(done, 2)
    assert f" {where}: " in done.stderr


def test_a_name_that_is_too_long(tmp_path: Path, qemu: Path, wording: Wording) -> None:
    one_line(generate(qemu, tmp_path / ("a" * 300)), 2, wording)


def test_existing_files_need_overwrite(tmp_path: Path, qemu: Path, wording: Wording) -> None:
    (tmp_path / "domu1.cfg").write_text("mine")
    one_line(generate(qemu, tmp_path), 2, wording)
    assert [path.name for path in tmp_path.iterdir()] == ["domu1.cfg"]
    done = generate(qemu, tmp_path, "--overwrite")
    assert done.returncode == 0
    assert len(list(tmp_path.iterdir())) == 7


def test_a_refusal_leaves_existing_files_alone(tmp_path: Path, qemu: Path) -> None:
    (tmp_path / "domu1.cfg").write_text("mine")
    done = generate(qemu, tmp_path, "--overwrite", "--iommu-policy", "strict")
    assert done.returncode == 1
    assert (tmp_path / "domu1.cfg").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("limit", [0, 1, 700, 1500])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, qemu: Path, limit: int, wording: Wording
) -> None:
    """No file may be larger than this: the first, or a later one, fails in the middle."""
    folder = tmp_path / "out"
    done = run("generate", qemu, "-d", PL031, "-o", folder, "-q", fsize=limit)
    one_line(done, 2, wording)
    assert not folder.exists()


def test_a_full_disk_leaves_old_files_alone(tmp_path: Path, qemu: Path, wording: Wording) -> None:
    (tmp_path / "domu1.dtb").write_text("old")
    arguments = ("generate", qemu, "-d", PL031, "-o", tmp_path, "-q", "--overwrite")
    one_line(run(*arguments, fsize=700), 2, wording)
    assert [path.name for path in tmp_path.iterdir()] == ["domu1.dtb"]
    assert (tmp_path / "domu1.dtb").read_text() == "old"


def test_a_really_full_file_system(tmp_path: Path, qemu: Path) -> None:
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8k", "xenassign-test", str(mount)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        done = subprocess.CompletedProcess(command, errno.ENOENT)
    if done.returncode:
        return  # not allowed here; RLIMIT_FSIZE above stands in for it
    try:
        result = generate(qemu, mount, "-q")
        one_line(result, 2)
        assert list(mount.iterdir()) == []
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_full_standard_output(qemu: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "xenassign", "inspect", str(qemu)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert "internal error" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(qemu: Path) -> None:
    command = f'"{sys.executable}" -m xenassign inspect "{qemu}" --format json | head -c 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
