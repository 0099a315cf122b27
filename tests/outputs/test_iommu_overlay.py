"""inspect --iommu-overlay: the overlay that connects devices with an IOMMU that Xen drives."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob_file
from xenassign.errors import UsageError

from ..conftest import BOARDS

GEM3, SD1 = "/axi/ethernet@ff0e0000", "/axi/mmc@ff170000"
EMMC, UFS = "/soc/mmc@ee140000", "/soc/ufs@e6860000"
SMMU = "/axi/iommu@fd800000"


def invoke(*arguments: object) -> Result:
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def compiled(source: str, target: Path) -> Path:
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", str(target), "-"]
    subprocess.run(command, input=source.encode(), check=True, capture_output=True)
    return target


def mainline(name: str, folder: Path, *, status: str = "") -> Path:
    """A board's blob without any iommus, as Linux' own tree of ZynqMP has it."""
    source = BOARDS[name].with_suffix(".dts").read_text()
    source = re.sub(r"(iommus|iommu-map) = [^;]*;", "", source)
    return compiled(source + status, folder / "board.dtb")


def applied(board: Path, overlay: str) -> Path:
    """The board with the overlay, made by the commands that its comment states."""
    (board.parent / "iommu.dtso").write_text(overlay)
    commands = [line[3:].strip() for line in overlay.splitlines() if line.startswith(" *   ")]
    for command in (line for line in commands if line.startswith(("dtc ", "fdtoverlay "))):
        subprocess.run(command.split(), cwd=board.parent, check=True, capture_output=True)
    return board.parent / "board-iommu.dtb"


@pytest.fixture
def zynqmp(tmp_path: Path) -> Path:
    return mainline("zynqmp", tmp_path, status='&smmu { status = "disabled"; };')


def generated(board: Path, device: str, *options: str) -> Result:
    out = board.parent / "out"
    return invoke("generate", board, "-d", device, "--name", "g", "-o", out, *options)


def test_following_the_advice_protects_the_device(zynqmp: Path) -> None:
    refused = generated(zynqmp, GEM3)
    assert refused.exit_code == 1
    assert f"{SMMU}, an IOMMU that Xen drives, which is disabled" in refused.stderr
    assert "0x877" in refused.stderr
    assert "only a direct-map domain" not in refused.stderr
    command = re.search(r"`xenassign (inspect HOST [^`]*)`", refused.stderr)
    assert command is not None
    printed = invoke(*command[1].replace("HOST", str(zynqmp)).split())
    assert printed.exit_code == 0, printed.output
    board = applied(zynqmp, printed.stdout)
    done = generated(board, GEM3)
    assert done.exit_code == 0, done.output
    assert "XA40" not in done.stderr
    assert f'dtdev = [\n    "{GEM3}",\n]' in (board.parent / "out" / "g.cfg").read_text()


def test_an_enabled_smmu_gets_every_known_master_and_names_the_others(zynqmp: Path) -> None:
    """Xen blocks the streams that no iommus names: dom0's SD card would stop."""
    text = invoke("inspect", zynqmp, GEM3, "--iommu-overlay").stdout
    tree = read_blob_file(applied(zynqmp, text))
    smmu = tree.find(SMMU)
    assert smmu is not None
    assert smmu.status == "okay"
    hand_written = read_blob_file(BOARDS["zynqmp"])  # with the iommus of AMD's tree
    for node in hand_written.nodes():
        if node.has("iommus") and node.enabled:
            ours = tree.find(node.path)
            assert ours is not None
            assert ours.cells("iommus")[1::2] == node.cells("iommus")[1::2], node.path
            assert set(ours.cells("iommus")[::2]) == {smmu.phandle}
    assert "/axi/gpu@fd4b0000" in text.split("These DMA masters are not")[1].split("*/")[0]


def test_only_the_status_is_missing(tmp_path: Path) -> None:
    source = BOARDS["zynqmp"].with_suffix(".dts").read_text()
    board = compiled(source + '&smmu { status = "disabled"; };', tmp_path / "board.dtb")
    refused = generated(board, GEM3)
    assert f"connect it to {SMMU}, an IOMMU that Xen drives, which is disabled:" in refused.stderr
    text = invoke("inspect", board, GEM3, "--iommu-overlay").stdout
    assert "iommus = " not in text
    assert generated(applied(board, text), GEM3).exit_code == 0


def test_an_enabled_iommu_gets_the_device_only(tmp_path: Path) -> None:
    board = mainline("zynqmp", tmp_path)
    assert "which does not name it" in generated(board, SD1).stderr
    text = invoke("inspect", board, SD1, "--iommu-overlay").stdout
    assert text.count("iommus = ") == 1
    assert 'status = "okay"' not in text
    assert generated(applied(board, text), SD1).exit_code == 0


def test_micro_tlbs_of_r_car(tmp_path: Path) -> None:
    board = mainline("rcar", tmp_path)
    refused = generated(board, EMMC).stderr
    assert "/soc/iommu@eed00000, an IOMMU that Xen drives if it is built with" in refused
    assert "CONFIG_IPMMU_VMSA" in refused
    text = invoke("inspect", board, EMMC, "--iommu-overlay").stdout
    assert "CONFIG_IPMMU_VMSA" in text
    done = generated(applied(board, text), EMMC, "--iommu-driver", "ipmmu")
    assert done.exit_code == 0, done.output
    # a build without the driver has nothing to connect it with
    refused = generated(board, EMMC, "--iommu-driver", "smmu").stderr
    assert "only a direct-map domain" in refused


def test_a_template_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    """No public document states the micro-TLBs of the UFS: the user's manual does."""
    board = mainline("rcar", tmp_path)
    refused = generated(board, UFS)
    assert "not name it" in refused.stderr
    assert "a template of the overlay; else only a direct-map domain" in refused.stderr
    template = invoke("inspect", board, UFS, "--iommu-overlay").stdout
    with pytest.raises(subprocess.CalledProcessError):
        applied(board, template)
    reference = re.search(r"<(\S+) …>: /soc/iommu@eed40000", template)
    assert reference is not None
    filled = template.replace("<IOMMU STREAM_ID>", f"<{reference[1]} 15>")
    done = generated(applied(board, filled), UFS, "--iommu-driver", "ipmmu")
    assert done.exit_code == 0, done.output


def test_inspect_says_that_the_tree_does_not_connect_them(zynqmp: Path) -> None:
    found = json.loads(invoke("inspect", zynqmp, GEM3, "--format", "json").stdout)
    (finding,) = [f for f in found["devices"][0]["findings"] if f["code"] == "XA401"]
    assert f"the host tree does not connect it with {SMMU}, which is disabled" in finding["message"]
    assert "--iommu-overlay" in invoke("inspect", zynqmp, GEM3).stdout


@pytest.mark.parametrize(
    ("name", "device", "text"),
    [
        ("zynqmp", GEM3, f"{GEM3}: Xen protects it already ({SMMU})"),
        ("qemu", "/pl031@9010000", "drives no IOMMU that could be connected with it"),
    ],
)
def test_there_may_be_nothing_to_connect(name: str, device: str, text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(text)):
        invoke("inspect", BOARDS[name], device, "--iommu-overlay")


def test_a_path_is_required() -> None:
    with pytest.raises(UsageError, match="--iommu-overlay requires a PATH"):
        invoke("inspect", BOARDS["zynqmp"], "--iommu-overlay")


def test_a_pci_host_with_an_iommu_map(tmp_path: Path) -> None:
    """Xen does not read the map. The streams follow from it, and from the places of the devices."""
    pcie = "/pcie@75000000"
    source = BOARDS["tricky"].with_suffix(".dts").read_text()
    board = compiled(source, tmp_path / "board.dtb")
    maps = ("--map", f"{pcie}=auto")
    refused = generated(board, pcie, *maps).stderr
    assert "Xen does not read iommu-map of a PCI host" in refused
    assert f"inspect HOST {pcie} --iommu-overlay" in refused
    text = invoke("inspect", board, pcie, "--iommu-overlay").stdout
    assert "requester IDs 0x0 to 0xfff: the stream is bus << 8 | device << 3 | function" in text
    assert " - 0x0 + 0x1000 */" in text
    assert text.count("STREAM_ID>") == 1
    stated = text.replace(
        "STREAM_ID>", "0x1008>, <&iommu 0x1100>" if "&iommu" in text else "0x1008>"
    )
    done = generated(applied(board, stated), pcie, *maps, "-v")
    assert done.exit_code == 0, done.output
    assert "XA409" in done.stderr
    assert "XA401" not in done.stderr


def test_an_iommu_map_with_a_mask(tmp_path: Path) -> None:
    source = BOARDS["tricky"].with_suffix(".dts").read_text()
    mask = "&pcie { iommu-map-mask = <0xff00>; };"
    board = compiled(source + mask, tmp_path / "board.dtb")
    text = invoke("inspect", board, "/pcie@75000000", "--iommu-overlay").stdout
    assert "(bus << 8 | device << 3 | function) & iommu-map-mask - 0x0 + 0x1000" in text
