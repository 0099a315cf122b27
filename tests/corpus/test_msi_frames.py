"""Which MSI controllers of real boards are frames: kind, and refused (XA109) or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.host.platform import read_platform
from xenassign.planning.decide import judge_request
from xenassign.request.request import Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import read_board
from xenassign.xen.releases import DEFAULT, release

pytestmark = pytest.mark.corpus

GICP_ODMI_SEI = {
    "marvell,ap806-gicp": ("gicp", True),
    "marvell,odmi-controller": ("odmi", True),
    "marvell,ap806-sei": ("other", False),
    "arm,gic-v2m-frame": ("v2m", True),
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("marvell/armada-8040-db.dtb", GICP_ODMI_SEI),
        ("marvell/cn9130-db.dtb", GICP_ODMI_SEI),
        ("marvell/armada-3720-db.dtb", {"marvell,armada-3700-pcie": ("other", False)}),
        ("amd/amd-overdrive-rev-b0.dtb", {"arm,gic-v2m-frame": ("v2m", True)}),
        ("apm/apm-mustang.dtb", {"apm,xgene1-msi": ("other", False)}),
        ("freescale/fsl-ls1012a-frdm.dtb", {"fsl,ls1012a-msi": ("other", False)}),
        ("freescale/fsl-ls1043a-rdb.dtb", {"fsl,ls1043a-msi": ("other", False)}),
        ("freescale/fsl-ls1046a-rdb.dtb", {"fsl,ls1046a-msi": ("other", False)}),
        ("freescale/fsl-lx2160a-rdb.dtb", {"arm,gic-v3-its": ("its", True)}),
        ("broadcom/bcm2711-rpi-4-b.dtb", {"brcm,bcm2711-pcie": ("other", False)}),
        ("xilinx/zynqmp-zcu102-rev1.0.dtb", {"xlnx,nwl-pcie-2.11": ("other", False)}),
    ],
)
def test_msi_controllers_of_boards(
    board_files: list[Path], name: str, expected: dict[str, tuple[str, bool]]
) -> None:
    (path,) = [one for one in board_files if one.as_posix().endswith(f"/{name}")]
    platform = read_platform(read_blob(path.read_bytes(), name))
    board = read_board(platform, release(DEFAULT))
    found = {}
    for msi in platform.msi:
        judged = judge_request(board, Resolved(Request((msi.node.path,)), {msi.node: ""}))
        told = [f for f in judged.findings if f.rule.code == "XA109" and f.node == msi.node.path]
        found[msi.node.compatible[0]] = (msi.kind, bool(told))
    assert found == expected
