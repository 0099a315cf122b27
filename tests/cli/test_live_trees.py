"""Live trees on the command line: directories, dom0's tree, and what each command says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Node, Property, Tree
from xenassign.errors import InputError

from ..devicetree.directories import write

RTC, UART = "/pl031@9010000", "/pl011@9000000"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def board(host_files: dict[str, Path]) -> Tree:
    """QEMU's board, to be changed."""
    return read_blob(host_files["qemu"].read_bytes())


def as_for_dom0(tree: Tree, xen: str) -> Tree:
    """What Xen makes of QEMU's tree where the PL031 is marked."""
    root = tree.root
    del root.children[UART[1:]]
    del root.children["chosen"].properties["stdout-path"]
    root.children[RTC[1:]].properties["status"] = Property("status", b"disabled\0")
    text = f"xen,xen-{xen}\0xen,xen\0".encode()
    root.children["hypervisor"] = Node("hypervisor", root)
    root.children["hypervisor"].properties["compatible"] = Property("compatible", text)
    aliases = root.children.setdefault("aliases", Node("aliases", root))
    aliases.properties["serial0"] = Property("serial0", f"{UART}\0".encode())
    return tree


@pytest.fixture
def dom0(board: Tree, tmp_path: Path) -> str:
    """The live tree of a dom0 of Xen 4.19."""
    return str(write(as_for_dom0(board, "4.19"), tmp_path / "device-tree"))


def test_the_boards_own_live_tree(board: Tree, tmp_path: Path, host_files: dict[str, Path]) -> None:
    """Without Xen it is the board's: the same devices and verdicts, and no word about it."""
    live = str(write(board, tmp_path / "base"))
    ours = json.loads(invoke("inspect", live, "--format", "json").stdout)
    theirs = json.loads(invoke("inspect", str(host_files["qemu"]), "--format", "json").stdout)

    def by_path(found: object) -> object:
        if isinstance(found, list) and found and isinstance(found[0], dict) and "path" in found[0]:
            return sorted((by_path(one) for one in found), key=lambda one: str(one["path"]))  # type: ignore[index]
        if isinstance(found, dict):
            return {key: by_path(value) for key, value in found.items()}
        return found

    assert by_path(ours) == by_path(theirs)
    assert "dom0_tree" not in ours["host"]
    done = invoke("generate", live, "-d", RTC, "-o", str(tmp_path / "out"))
    assert done.exit_code == 0
    assert "XA11" not in done.output
    assert (tmp_path / "out" / "domu1.dom0less.dtso").exists()


def test_inspect_says_what_is_not_known(dom0: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    done = invoke("inspect", dom0)
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "made for dom0 by Xen 4.19" in done.stdout
    assert f"missing are {UART} (serial0)" in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if f" {RTC} " in line]
    assert row.split()[0] == "yes"
    one = invoke("inspect", dom0, RTC).stdout
    assert "protected    ?: Xen takes iommus out of dom0's tree" in one
    assert "\n  yes: can be assigned" in one


def test_inspect_as_json(dom0: str) -> None:
    found = json.loads(invoke("inspect", dom0, "--format", "json").stdout)
    lost = [{"path": UART, "names": ["serial0"], "address": 0x9000000}]
    assert found["host"]["dom0_tree"] == {"xen": "4.19", "lost": lost}
    assert all(one["protection_known"] is False for one in found["devices"])
    assert all(one["protected"] is False for one in found["devices"])


def test_generate_takes_release_and_route_of_it(dom0: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = invoke("generate", dom0, "-d", RTC, "-o", str(out))
    assert done.exit_code == 0, done.output
    plan = json.loads((out / "domu1.json").read_text())
    assert (plan["xen"], plan["routes"]) == ("4.19", ["xl"])
    assert plan["devices"][0]["protection_known"] is False
    assert not (out / "domu1.dom0less.dtso").exists()
    assert "IOMMU protection not known" in (out / "domu1.cfg").read_text()
    assert "dtdev" not in (out / "domu1.cfg").read_text()


def test_what_the_command_line_says_comes_first(
    dom0: str, tmp_path: Path, wording: Wording
) -> None:
    done = invoke("generate", dom0, "-d", RTC, "-o", str(tmp_path), "--xen", "4.20")
    assert done.exit_code == 0
    wording(done)
    assert json.loads((tmp_path / "domu1.json").read_text())["xen"] == "4.20"
    done = invoke("generate", dom0, "-d", RTC, "-o", str(tmp_path), "--route", "dom0less")
    assert done.exit_code == 1
    wording(done)


@pytest.mark.parametrize("xen", ["4.16", "9.9"])
def test_a_release_that_is_not_known(
    board: Tree, tmp_path: Path, xen: str, wording: Wording
) -> None:
    live = str(write(as_for_dom0(board, xen), tmp_path / "base"))
    done = invoke("generate", live, "-d", RTC, "-o", str(tmp_path / "out"))
    assert done.exit_code == 0
    wording(done)


def test_a_name_of_what_xen_keeps(dom0: str, tmp_path: Path, wording: Wording) -> None:
    done = invoke("generate", dom0, "-d", "serial0", "-o", str(tmp_path / "out"))
    wording(done)


def test_plan(dom0: str) -> None:
    done = invoke("plan", dom0, "-d", RTC)
    assert done.exit_code == 0, done.output
    assert invoke("plan", dom0, "-d", "virtio_mmio@a000000").exit_code == 1


def test_init_and_the_system_that_it_writes(dom0: str, tmp_path: Path, wording: Wording) -> None:
    config = tmp_path / "xenassign.toml"
    assert invoke("init", dom0, "-o", str(config)).exit_code == 0
    text = config.read_text()
    assert 'xen = "4.19"' in text
    assert 'route = "xl"' in text
    assert "# route" not in text.partition("[[domain]]")[0]
    config.write_text(text.replace("device = [", f'device = [\n"{RTC}",', 1))
    done = invoke("generate", "-c", str(config), "-o", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    config.write_text(config.read_text().replace('route = "xl"', ""))
    done = invoke("generate", "-c", str(config), "-o", str(tmp_path / "out"), "--overwrite")
    assert done.exit_code == 1
    wording(done)


def test_lint_needs_the_boards_tree(dom0: str, tmp_path: Path, wording: Wording) -> None:
    out = tmp_path / "out"
    assert invoke("generate", dom0, "-d", RTC, "-o", str(out)).exit_code == 0
    assert invoke("lint", str(out / "domu1.cfg")).exit_code == 0
    done = invoke("lint", str(out / "domu1.cfg"), "--host", dom0)
    assert isinstance(done.exception, InputError)
    wording(done)


def test_lint_with_the_boards_own_live_tree(board: Tree, tmp_path: Path) -> None:
    live = str(write(board, tmp_path / "base"))
    out = tmp_path / "out"
    assert invoke("generate", live, "-d", RTC, "-o", str(out)).exit_code == 0
    overlay = ("--host-overlay", str(out / "domu1.host.dtbo"))
    done = invoke("lint", str(out / "domu1.cfg"), "--host", live, *overlay)
    assert done.exit_code == 0, done.output


def test_lint_wants_the_order_where_it_counts(
    board: Tree, tmp_path: Path, wording: Wording
) -> None:
    cfg = tmp_path / "domu1.cfg"
    cfg.write_text('name = "domu1"\nmemory = 256\n')
    for number, (kind, more) in enumerate(
        (("arm,mmu-500", "#global-interrupts"), ("arm,smmu-v3", ""))
    ):
        node = board.root.children[f"iommu@{number}"] = Node(f"iommu@{number}", board.root)
        for name in filter(None, ("#iommu-cells", more)):
            node.properties[name] = Property(name, (1).to_bytes(4, "big"))
        node.properties["compatible"] = Property("compatible", f"{kind}\0".encode())
    live = str(write(board, tmp_path / "base"))
    done = invoke("lint", str(cfg), "--host", live)
    wording(done)
    assert invoke("lint", str(cfg), "--host", live, "--iommu-driver", "smmu").exit_code == 0
