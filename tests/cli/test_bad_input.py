"""Bad input through real processes: one line, the right exit status, nothing left behind."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xenassign.planning.plan import DomainPlan

Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[str]]]
Done = subprocess.CompletedProcess[str]

PL031 = "/pl031@9010000"


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


def one_line(done: Done, status: int, *parts: str) -> None:
    """One line on stderr that begins with error:, and that exit status."""
    assert done.returncode == status, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "internal error" not in done.stderr
    for part in parts:
        assert part in lines[0]
    assert done.stdout == ""


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


def test_a_missing_file(out: Path, tmp_path: Path) -> None:
    one_line(generate(tmp_path / "no.dtb", out), 2, "no.dtb: No such file or directory; give")


def test_a_directory(out: Path, tmp_path: Path) -> None:
    one_line(
        generate(tmp_path, out),
        2,
        "is a directory, and no device tree; give the directory of a live tree",
    )


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"hello\n", b"\x7fELF" + b"\0" * 60])
def test_what_is_no_device_tree(out: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.dtb"
    path.write_bytes(content)
    one_line(generate(path, out), 2, f"{path}: is ")


@pytest.mark.parametrize("length", [4, 20, 39, 40, 100, 4000, -1])
def test_a_truncated_blob(out: Path, tmp_path: Path, qemu: Path, length: int) -> None:
    path = tmp_path / "cut.dtb"
    path.write_bytes(qemu.read_bytes()[:length])
    one_line(generate(path, out), 2, f"{path}: byte 0x", "the file is damaged")


@pytest.mark.parametrize(("version", "compatible"), [(15, 1), (3, 1), (18, 18), (99, 99)])
def test_a_wrong_version(
    out: Path, tmp_path: Path, qemu: Path, version: int, compatible: int
) -> None:
    data = bytearray(qemu.read_bytes())
    data[20:28] = version.to_bytes(4, "big") + compatible.to_bytes(4, "big")
    path = tmp_path / "v.dtb"
    path.write_bytes(data)
    one_line(generate(path, out), 2, f"version {version}", "is not supported")


def test_an_overlay_as_host(out: Path, tmp_path: Path, generate: Generate, qemu: Path) -> None:
    path = tmp_path / "marks.dtbo"
    path.write_bytes(generate("qemu", PL031)[1]["domu1.host.dtbo"])
    done = run("generate", path, "-d", PL031, "-o", out)
    one_line(done, 2, "this is an overlay, not a board", "apply it")


def test_damaged_standard_input(out: Path) -> None:
    done = run("generate", "-", "-d", PL031, "-o", out, stdin="nothing")
    one_line(done, 2, "<stdin>: is not a devicetree")


def test_source_that_dtc_refuses(out: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.dts"
    path.write_text("/dts-v1/;\n/ {\n  a = <;\n};\n")
    one_line(generate(path, out), 2, f"{path}:3:8: syntax error at ';'")


def test_inspect_says_the_same(tmp_path: Path) -> None:
    one_line(run("inspect", tmp_path / "no.dtb"), 2, "no.dtb: No such file or directory")


# --- devices -------------------------------------------------------------------------------------


def test_an_unknown_path_names_the_nearest(out: Path, qemu: Path) -> None:
    done = generate(qemu, out, device="/pl031@9010001")
    one_line(done, 2, "-d /pl031@9010001: no such node", f"did you mean {PL031}")


def test_every_wrong_name_has_its_line(host_files: dict[str, Path], tmp_path: Path) -> None:
    names = ("-d", "/nix", "-d", PL031, "--map", "nix=auto", "--allow-shared-page", "gpio")
    done = run("generate", host_files["qemu"], *names, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.partition(": no such node in ")[0] for line in done.stderr.splitlines()] == [
        "error: -d /nix",
        "error: --allow-shared-page gpio",
        "error: --map nix",
    ]


def test_a_path_twice(out: Path, qemu: Path) -> None:
    one_line(generate(qemu, out, "-d", PL031), 2, f"{PL031} is named twice")


def test_a_device_by_two_names(out: Path, host_files: dict[str, Path]) -> None:
    done = generate(host_files["zynqmp"], out, "-d", "gem3", device="ethernet0")
    one_line(done, 2, "/axi/ethernet@ff0e0000 is named twice")


def test_no_device(out: Path, qemu: Path) -> None:
    one_line(run("generate", qemu, "-o", out), 2, "no device is named; give at least one")


def test_a_node_without_registers(out: Path, host_files: dict[str, Path]) -> None:
    done = generate(host_files["tricky"], out, device="/nothing")
    one_line(done, 1, "/nothing has no registers, interrupts or iommus", "[XA101]")


def test_a_ppi(out: Path, host_files: dict[str, Path]) -> None:
    done = generate(host_files["tricky"], out, "--iommu-policy", "trust", device="/dev@74040000")
    one_line(done, 1, "PPI (INTID 31)", "[XA301]")


def test_a_shared_page(out: Path, host_files: dict[str, Path]) -> None:
    """One line, however many neighbours there are."""
    done = generate(host_files["rcar"], out, device="/soc/gpio@e6050180")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "shares pages with /soc/pinctrl@e6050000 (page 0xe6050000)" in line
    assert "--allow-shared-page /soc/" in line


def test_a_disabled_device_is_assigned_and_said(
    tmp_path: Path, host_files: dict[str, Path]
) -> None:
    done = generate(
        host_files["tricky"], tmp_path / "o", "--iommu-policy", "trust", device="/dev@7d000000"
    )
    assert done.returncode == 0
    assert "/dev@7d000000 is disabled in the host tree and assigned all the same" in done.stderr
    assert (tmp_path / "o" / "domu1.dtb").is_file()


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "status", "parts"),
    [
        (("--map", f"{PL031}=0x1001"), 2, ("not page aligned; give a multiple of 0x1000",)),
        (("--map", f"{PL031}=0x1000000000000"), 1, ("beyond 48 bits", "[XA205]")),
        (
            ("--map", f"{PL031}=0x40000000", "--memory", "64"),
            1,
            (PL031, "collides with the guest's RAM bank 0", "--map", "fits", "[XA203]"),
        ),
        (
            ("--map", f"{PL031}=0x3001000"),
            1,
            ("collides with GICv3 distributor (0x3001000-0x3011000)", "fits"),
        ),
        (("--map", f"{PL031}=0x22000000"), 1, ("collides with vPL011", "fits")),
        (("--map", "nonsense"), 2, ("--map 'nonsense' is malformed; write --map PATH",)),
        (("--memory", "0"), 2, ("--memory 0 cannot be meant; give 1 to 1043456 MiB",)),
        (("--memory", "99999999999"), 2, ("cannot be meant",)),
        (("--memory", "-5"), 2, ("cannot be meant",)),
        (("--memory", "many"), 2, ("--memory", "not a valid integer")),
        (("--vcpus", "0"), 2, ("--vcpus 0 cannot be meant",)),
        (("--xen", "4.99"), 2, ("unknown Xen release '4.99'; known are 4.17",)),
        (("--xen", "latest"), 2, ("unknown Xen release",)),
        (("--name", "1"), 2, ("the name '1' cannot be used; take a letter",)),
        (("--name", "a/b"), 2, ("cannot be used",)),
        (("--name", "../a"), 2, ("cannot be used",)),
        (("--name", "line\nbreak"), 2, ("cannot be used",)),
        (("--name", "x" * 5000), 2, ("cannot be used",)),
        (("--iommu-policy", "none"), 2, ("--iommu-policy", "auto", "strict", "trust")),
        (("--iommu-policy", "strict"), 1, ("is not protected", "[XA406]")),
        (("--iommu-driver", "vtd"), 2, ("--iommu-driver", "smmu-v3")),
        (("--clock-rate", "x"), 2, ("--clock-rate 'x' is malformed",)),
        (("--force-assign-without-iommu", "/pl061@9030000"), 2, ("is not assigned",)),
        (("--allow-shared-page", "/none"), 2, ("--allow-shared-page /none: no such node",)),
        (("--xen-console", "/none"), 2, ("--xen-console /none: no such node",)),
        (("--route", "pv"), 2, ("--route", "dom0less", "xl")),
        (("--nonsense",), 2, ("--nonsense", "xenassign generate --help")),
    ],
)
def test_an_option_that_cannot_be(
    out: Path, qemu: Path, options: tuple[str, ...], status: int, parts: tuple[str, ...]
) -> None:
    one_line(generate(qemu, out, *options), status, *parts)


def test_more_vcpus_than_a_gicv2_guest_can_have(
    out: Path, tmp_path: Path, host_files: dict[str, Path]
) -> None:
    watchdog = "/axi/watchdog@fd4d0000"
    done = generate(host_files["zynqmp"], tmp_path / "o", "--vcpus", "9", device=watchdog)
    assert done.returncode in (1, 2)


def test_an_argument_that_is_no_text(out: Path, qemu: Path) -> None:
    one_line(generate(qemu, out, "--extra", os.fsdecode(b"\xff")), 2, "--extra")


def test_several_reasons_are_one_line_each(out: Path, host_files: dict[str, Path]) -> None:
    done = generate(
        host_files["tricky"], out, "-d", "/dev@3001000", "-d", "/nothing", device="/dev@74050000"
    )
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    for code in ("XA101", "XA203", "XA301", "XA401"):
        assert any(line.endswith(f"[{code}]") for line in lines), code


# --- the output ----------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["file", "file/a", "file/a/b"])
def test_a_directory_that_cannot_be_made(tmp_path: Path, qemu: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    one_line(generate(qemu, tmp_path / below), 2, "cannot write", "nothing was written")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("where", ["/proc/xenassign", "/dev/full", "/dev/null/x"])
def test_a_place_of_the_kernel(qemu: Path, where: str) -> None:
    one_line(generate(qemu, Path(where)), 2, "cannot write", "nothing was written")


def test_a_name_that_is_too_long(tmp_path: Path, qemu: Path) -> None:
    one_line(generate(qemu, tmp_path / ("a" * 300)), 2, "File name too long")


def test_existing_files_need_overwrite(tmp_path: Path, qemu: Path) -> None:
    (tmp_path / "domu1.cfg").write_text("mine")
    one_line(generate(qemu, tmp_path), 2, "domu1.cfg: exists already; give --overwrite")
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
def test_a_full_disk_leaves_nothing(tmp_path: Path, qemu: Path, limit: int) -> None:
    """No file may be larger than this: the first, or a later one, fails in the middle."""
    folder = tmp_path / "out"
    done = run("generate", qemu, "-d", PL031, "-o", folder, "-q", fsize=limit)
    one_line(done, 2, "cannot write: File too large; nothing was written")
    assert not folder.exists()


def test_a_full_disk_leaves_old_files_alone(tmp_path: Path, qemu: Path) -> None:
    (tmp_path / "domu1.dtb").write_text("old")
    arguments = ("generate", qemu, "-d", PL031, "-o", tmp_path, "-q", "--overwrite")
    one_line(run(*arguments, fsize=700), 2, "nothing was written")
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
        one_line(result, 2, "No space left on device; nothing was written")
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
