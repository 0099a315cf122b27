"""dom0's own tree, from the real Xen and shown by the real Linux: what is read and made of it.

QEMU's board with SMMUs, the PL031 marked at boot. dom0 hands out /proc/device-tree and
/sys/firmware/fdt; xenassign reads both, and what it makes of them boots by xl.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.load import read_host
from xenassign.host.running import dom0_tree
from xenassign.host.xl_info import xl_info_of
from xenassign.resources import directory

from ..devicetree.directories import content
from .agreement import host_of, setup_of
from .boards import marked
from .boot import boot_dom0less
from .dom0 import Job, ask_dom0, boot_dom0
from .guest import ALARM, REPORT
from .hosttree import compiled, with_overlay
from .machine import Machine

CLOCK, GPIO, MASTER = "/pl031@9010000", "/pl061@9030000", "/single@a200000"
#: Names of what Xen takes out, and a property and a child that are called the same.
NAMES = """/dts-v1/; / { fragment@0 { target-path = "/"; __overlay__ {
    aliases { first = "/pl011@9000000"; shield = "/iommu@f8000000"; clock = "/pl031@9010000"; };
    names { sub = "a property"; sub { within; }; };
}; }; };"""
#: What a script for dom0 leaves in /out; the directory follows its link.
DUMP = """tar -C /proc/device-tree/ -cf /out/live.tar .; cp /sys/firmware/fdt /out/fdt
TMPDIR=/ sh /collect.sh /out/board.tar"""
COLLECT = {"collect.sh": (directory("templates") / "collect.sh").read_bytes()}
SCRIPT = f"""
cd /sys/class/rtc/rtc0 && cat since_epoch >/out/time
{ALARM}{REPORT}"""
OPTIONS = ("--memory", "256", "--vcpus", "1", "--iommu-driver", "smmu")


def board() -> bytes:
    """What Xen is booted with, but for /chosen."""
    return marked(with_overlay(host_of("smmu"), compiled(NAMES)), [CLOCK])


class Dom0:
    """What dom0 showed, as files: the directory, the blob, the tar; and the board's own blob."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        files = ask_dom0(machine, board(), DUMP, setup=setup_of("smmu"), files=COLLECT)
        self.directory, self.blob, self.board = (folder / n for n in ("tree", "fdt", "board.dtb"))
        self.tar = folder / "board.tar"
        self.tar.write_bytes(files["board.tar"])
        with tarfile.open(fileobj=io.BytesIO(files["live.tar"])) as packed:
            packed.extractall(self.directory, filter="data")
        self.blob.write_bytes(files["fdt"])
        self.board.write_bytes(board())

    @property
    def live(self) -> tuple[Path, Path]:
        """Both forms."""
        return self.directory, self.blob

    def generate(self, host: Path, out: Path, *arguments: str) -> Result:
        """`xenassign generate` from one of the trees."""
        line = ["generate", str(host), *OPTIONS, "-o", str(out), *arguments]
        return CliRunner().invoke(cli, line)


@pytest.fixture(scope="module")
def dom0(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Dom0:
    """One boot a release."""
    return Dom0(machine, tmp_path_factory.mktemp("dom0"))


def test_the_directory_is_the_blob(dom0: Dom0) -> None:
    """But for what Linux writes into its tree when it boots: seeds are wiped."""
    directory, blob = (read_host(str(path)) for path in dom0.live)
    for tree in (directory, blob):
        chosen = tree.root.children["chosen"]
        chosen.properties.pop("rng-seed", None)
        chosen.properties.pop("kaslr-seed", None)
    assert content(directory.root) == content(blob.root)
    assert not directory.ordered
    assert blob.ordered
    assert directory.find("/names/sub/within") is None
    names = directory.root.children["names"]
    assert names.text("sub") == "a property"
    assert names.children["sub"].has("within")
    assert (dom0.directory / "names" / "sub#1").is_dir()
    assert (dom0.directory / "names" / "name").read_bytes() == b"names\0"


def test_dom0_and_its_release_are_known(dom0: Dom0) -> None:
    for path in dom0.live:
        found = dom0_tree(read_host(str(path)))
        assert found is not None
        assert found.xen == dom0.machine.release
        lost = {one.path: one for one in found.lost}
        assert lost["/pl011@9000000"].address == 0x9000000
        assert "first" in lost["/pl011@9000000"].names
        assert lost["/iommu@f8000000"].names == ("shield",)
        assert CLOCK not in lost
    assert dom0_tree(read_blob(board())) is None


def test_the_tar_of_xenassign_collect(dom0: Dom0) -> None:
    """What `xl info` prints of the release and of an active IOMMU is read; debugfs is missing."""
    tree = read_host(dom0.tar)
    assert tree.data == dom0.blob.read_bytes()
    xen = xl_info_of(tree)
    assert xen is not None
    assert xen.versions[-1] == dom0.machine.release
    assert xen.iommu
    assert tree.running["clk_summary"].problem.endswith("mount -t debugfs none /sys/kernel/debug")


def test_what_xen_changed(dom0: Dom0) -> None:
    """Which is what the module's text says of its trees."""
    before, after = read_blob(board()), read_host(str(dom0.directory))
    for gone in ("/pl011@9000000", "/iommu@f8000000", "/iommu@f8010000", "/iommu@a1f0000"):
        assert before.find(gone) is not None
        assert after.find(gone) is None
    assert _status(after, CLOCK) == "disabled"
    assert _status(after, GPIO) == "okay"
    assert not any(node.has("xen,passthrough") for node in after.nodes())
    shielded = [node.path for node in before.nodes() if node.has("iommus")]
    left = [node.path for node in after.nodes() if node.has("iommus")]
    # The one that names a clock, and the one that names nothing, keep theirs.
    assert left == ["/dangling@a211000", "/unknown-iommu@a210000"]
    assert MASTER in set(shielded) - set(left)
    assert not after.root.children["chosen"].has("stdout-path")
    same = 0
    for node in after.nodes():
        old = before.find(node.path)
        if old is not None and node.has("compatible") and not node.path.startswith("/cpus/"):
            names = {*node.properties, *old.properties} - {"status", "iommus", "xen,passthrough"}
            different = [name for name in names if values(node, name) != values(old, name)]
            if node.path not in ("/psci", "/timer", "/"):
                assert different == []
                same += len(names)
    assert same > 200


def values(node: Node, name: str) -> bytes | None:
    prop = node.get(name)
    return prop.value if prop is not None else None


def _status(tree: Tree, path: str) -> str:
    node = tree.find(path)
    assert node is not None
    return node.status


def test_no_protection_is_claimed(dom0: Dom0, tmp_path: Path) -> None:
    """The board's tree has the device protected; dom0's tells nothing, so nothing is made of it."""
    for path in dom0.live:
        done = dom0.generate(path, tmp_path / "none", "-d", MASTER)
        assert done.exit_code == 1
        assert "[XA112]" in done.output
        assert "not protected" not in done.output
        assert not (tmp_path / "none").exists()
    done = dom0.generate(dom0.board, tmp_path / "out", "-d", MASTER)
    assert done.exit_code == 0
    assert f'dtdev = [\n    "{MASTER}"' in (tmp_path / "out" / "domu1.cfg").read_text()
    shown = CliRunner().invoke(cli, ["inspect", str(dom0.directory), "--format", "json"]).stdout
    devices = {one["path"]: one for one in json.loads(shown)["devices"]}
    assert devices[MASTER]["protection_known"] is False
    assert devices[MASTER]["assignable"] is False
    assert devices[CLOCK]["assignable"] is True


def test_the_same_files_as_of_the_boards_tree(dom0: Dom0, tmp_path: Path) -> None:
    made = {}
    for name, path in zip(("live", "fdt", "board"), (*dom0.live, dom0.board), strict=True):
        own = ("--route", "xl", "--xen", dom0.machine.release) if name == "board" else ()
        done = dom0.generate(path, tmp_path / name, "-d", CLOCK, "-v", *own)
        assert done.exit_code == 0, done.output
        assert ("[XA111]" in done.output) == (name != "board")
        assert ("[XA113]" in done.output) == (name != "board")
        assert "[XA114]" not in done.output
        made[name] = tmp_path / name
    cfg = [(folder / "domu1.cfg").read_text() for folder in made.values()]
    assert cfg[0].replace("IOMMU protection not known", "no IOMMU protection") == cfg[2]
    assert cfg[0] == cfg[1]
    blobs = [(folder / "domu1.dtb").read_bytes() for folder in made.values()]
    assert blobs[1] == blobs[2]
    trees = [content(read_blob(blob).root) for blob in blobs]
    assert trees[0] == trees[2]
    done = dom0.generate(dom0.directory, tmp_path / "used", "-d", GPIO)
    assert "[XA114]" in done.output


def test_it_boots_by_xl(dom0: Dom0, tmp_path: Path) -> None:
    """What is made of the directory: a guest that reads the clock and gets its interrupt."""
    assert dom0.generate(dom0.directory, tmp_path, "-d", "clock").exit_code == 0
    files = {"domu1.dtb": (tmp_path / "domu1.dtb").read_bytes()}
    cfg = (tmp_path / "domu1.cfg").read_text()
    (outcome,) = boot_dom0(dom0.machine, board(), [Job(cfg, files, SCRIPT)], setup=setup_of("smmu"))
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert int(outcome.files["time"]) > 1_600_000_000
    assert "rtc-pl031" in outcome.files["interrupts"].decode()
    # The guest's own tree, as libxl made it, is refused by its name.
    (tmp_path / "guest").write_bytes(outcome.files["fdt"])
    done = CliRunner().invoke(cli, ["inspect", str(tmp_path / "guest")])
    assert "this is the tree of a guest that xl made" in str(done.exception)
    # That of a dom0less guest, which has no name.
    outcome = boot_dom0less(dom0.machine, files["domu1.dtb"], script=REPORT)
    (tmp_path / "guest").write_bytes(outcome.files["fdt"])
    done = CliRunner().invoke(cli, ["inspect", str(tmp_path / "guest")])
    assert "this is the tree of a dom0less guest" in str(done.exception)
