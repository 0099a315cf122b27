"""The whole BitBake, by hand: builds with the layer and the stand-in for openembedded-core.

    XENASSIGN_BITBAKE=…/bitbake-2.0:…/bitbake-2.8 python -m pytest tests/yocto/test_bitbake.py

Each is a checkout of BitBake (git clone https://git.openembedded.org/bitbake -b 2.8); without one
there is no test here, nor a skip. BitBake wants the locale en_US.UTF-8 (apt-get install
locales-all). Real are BitBake, its fetcher, the order and hashes of tasks, the layer, xenassign as
the recipe installs it, and the board's tree; openembedded-core with its shared state is not.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from .layer import CORE, LAYER, nativepython

CHECKOUTS = [Path(p) for p in os.environ.get("XENASSIGN_BITBAKE", "").split(os.pathsep) if p]
#: pytest collects nothing of a module that says no. Empty parameters would count as a skip.
__test__ = bool(CHECKOUTS)

#: Releases of Yocto by their BitBake, and what differs in openembedded-core.
KIRKSTONE, SCARTHGAP, WRYNOSE = "kirkstone", "scarthgap", "wrynose"
SERIES = {"2.0": KIRKSTONE, "2.8": SCARTHGAP, "2.18": WRYNOSE}
UNPACKDIR = 'UNPACKDIR = "${WORKDIR}/sources"\n'
CONF = {KIRKSTONE: 'STANDIN_PYTHON = "3.10"\n', SCARTHGAP: "", WRYNOSE: UNPACKDIR}
BOARD = "zynqmp-zcu102-rev1.0.dtb"

#: What openembedded-core and meta-python have for us.
NATIVE: tuple[str, ...] = (
    "python3",
    "python3-click",
    "python3-jinja2",
    "python3-lark",
)
NATIVE += ("python3-tomli", "qemu-system", "dtc")
TARGET: tuple[str, ...] = (
    "python3",
    "python3-core",
    "python3-click",
    "python3-jinja2",
    "python3-crypt",
)
TARGET += ("python3-difflib", "python3-io", "python3-json", "python3-logging", "python3-pickle")
TARGET += ("python3-fcntl", "python3-numbers", "python3-resource")
TARGET += ("python3-shell", "python3-stringold", "python3-threading", "python3-unixadmin")
NEWER = ("python3-tomllib", "python3-rich")  # than kirkstone

LAYER_CONF = """BBPATH .= ":${{LAYERDIR}}"
BBFILES += "${{LAYERDIR}}/recipes/*/*.bb"
BBFILE_COLLECTIONS += "{name}"
BBFILE_PATTERN_{name} = "^${{LAYERDIR}}/"
BBFILE_PATTERN_IGNORE_EMPTY_{name} = "1"
BBFILE_PRIORITY_{name} = "5"
LAYERSERIES_COMPAT_{name} = "{series}"
"""


class Done(NamedTuple):
    """What BitBake did: its words, and the tasks that it ran, as ``recipe:task``."""

    status: int
    text: str
    ran: frozenset[str]


class Place:
    """A build folder."""

    def __init__(self, checkout: Path, top: Path) -> None:
        self.checkout, self.top = checkout, top
        version = (checkout / "lib" / "bb" / "__init__.py").read_text()
        found = re.search(r'__version__ = "(\d+\.\d+)', version)
        assert found, checkout
        self.series = SERIES.get(found[1], WRYNOSE)
        self.images = top / "tmp" / "deploy" / "images" / "zcu102-zynqmp"

    def lay(self, board: Path, *, virtualization: bool = True) -> None:
        """Layers, configuration and the kernel's tree."""
        layers = self.top / "layers"
        shutil.copytree(CORE, layers / "core")
        core = LAYER_CONF.format(name="core", series=self.series)
        core += f'LAYERSERIES_CORENAMES = "{self.series}"\n'
        (layers / "core" / "conf" / "layer.conf").write_text(core)
        runtime = layers / "meta-python" / "recipes" / "python"
        runtime.mkdir(parents=True)
        names = " ".join((*TARGET, *(("python3-tomli",) if self.series == KIRKSTONE else NEWER)))
        provided = f'PROVIDES += "{names}"\nRPROVIDES:${{PN}} = "{names}"\n'
        (runtime / "standin-python_1.0.bb").write_text(provided)
        for name in ("meta-python", "own"):
            (layers / name / "conf").mkdir(parents=True)
            text = LAYER_CONF.format(name=name, series=self.series)
            (layers / name / "conf" / "layer.conf").write_text(text)
        used = ["core", "meta-python", "own"]
        if virtualization:
            shutil.copytree(CORE.parent / "virtualization", layers / "virtualization")
            used.append("virtualization")
        conf = self.top / "conf"
        conf.mkdir()
        paths = " ".join([*(str(layers / name) for name in used), str(LAYER)])
        text = f'BBPATH = "${{TOPDIR}}"\nBBFILES = ""\nBBLAYERS = "{paths}"\n'
        (conf / "bblayers.conf").write_text(text)
        assumed = " ".join(f"{name}-native" for name in NATIVE)
        text = CONF[self.series] + (
            f'KERNEL_DEVICETREE = "xilinx/{BOARD}"\nASSUME_PROVIDED = "{assumed}"\n'
            f'COREBASE = "{layers / "core"}"\nBB_NUMBER_THREADS = "2"\n'
        )
        (conf / "local.conf").write_text(text)
        self.kernel(board.read_bytes())
        python = "3.10" if self.series == KIRKSTONE else "3.12"
        site = self.top / "tmp" / "sysroot" / "usr" / "lib" / f"python{python}" / "site-packages"
        nativepython(self.top / "tools", site)

    def kernel(self, tree: bytes) -> None:
        """The tree that the kernel deploys."""
        (self.top / "trees").mkdir(exist_ok=True)
        (self.top / "trees" / BOARD).write_bytes(tree)

    def recipe(self, lines: str, **files: str) -> None:
        """The recipe ``my-system`` of the layer ``own``."""
        folder = self.top / "layers" / "own" / "recipes" / "my-system"
        (folder / "files").mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / "files" / f"{name}.toml").write_text(text)
        uris = " ".join(f"file://{name}.toml" for name in files)
        text = f'SRC_URI = "{uris}"\ninherit xenassign\n{lines}\n'
        (folder / "my-system_1.0.bb").write_text(text)

    def bitbake(self, *arguments: str) -> Done:
        """Runs BitBake."""
        path = [self.checkout / "bin", self.top / "tmp/sysroot/usr/bin", self.top / "tools"]
        env = {
            **{name: os.environ[name] for name in ("LOCPATH", "TERM") if name in os.environ},
            "PATH": ":".join([*map(str, path), os.environ["PATH"]]),
            "HOME": str(self.top / "home"),
            "LC_ALL": "en_US.UTF-8",
            "BB_ENV_PASSTHROUGH_ADDITIONS": "LOCPATH",
            "BB_SERVER_TIMEOUT": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        Path(env["HOME"]).mkdir(exist_ok=True)
        before = self._runs()
        done = subprocess.run(
            ["bitbake", *arguments],
            cwd=self.top,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        return Done(done.returncode, done.stdout, frozenset(self._runs() - before))

    def _runs(self) -> set[str]:
        """The lines of each recipe's log.task_order that tell of a task that was started."""
        found = set()
        for path in self.top.glob("tmp/work/*/temp/log.task_order*"):
            recipe = path.parent.parent.name
            for line in path.read_text().splitlines():
                found.add(f"{recipe} {line}")
        return found

    def hashes(self, recipe: str) -> dict[str, str]:
        """The hash of each task that is up to date, from the stamps' names."""
        found = {}
        for path in (self.top / "tmp" / "stamps").glob(f"{recipe}*.do_*"):
            _, _, rest = path.name.partition(".do_")
            task, _, value = rest.partition(".")
            if re.fullmatch(r"[0-9a-f]{64}", value):
                found[task] = value
        return found


def ran(done: Done, recipe: str) -> set[str]:
    """The tasks of a recipe that ran, but for do_build, which always does and does nothing."""
    found = (re.match(r"(\S+) .*?(do_\w+)", line) for line in done.ran)
    return {m[2] for m in found if m and m[1].startswith(recipe)} - {"do_build"}


def other(tree: bytes) -> bytes:
    """A board with another UART."""
    changed = tree.replace(b"cdns,uart-r1p12\0", b"cdns,uart-r1p10\0")
    assert changed != tree
    return changed


@pytest.fixture(params=CHECKOUTS, ids=lambda path: path.name)
def place(request: pytest.FixtureRequest, tmp_path: Path, host_files: dict[str, Path]) -> Place:
    """A build folder of each BitBake."""
    made = Place(request.param, tmp_path / "build")
    made.lay(host_files["zynqmp"])
    return made


def test_every_recipe_is_parsed_and_our_layer_fits_the_release(place: Place) -> None:
    done = place.bitbake("-p")
    assert done.status == 0, done.text
    assert "ERROR" not in done.text
    assert "WARNING" not in done.text, done.text


def test_the_layer_needs_no_meta_virtualization(
    tmp_path: Path, place: Place, host_files: dict[str, Path]
) -> None:
    alone = Place(place.checkout, tmp_path / "alone")
    alone.lay(host_files["zynqmp"], virtualization=False)
    done = alone.bitbake("-p")
    assert done.status == 0, done.text


def test_the_example_and_its_image(place: Place) -> None:
    done = place.bitbake("xen-image-xenassign")
    assert done.status == 0, done.text
    order = ran(done, "xenassign-example")
    assert {"do_unpack", "do_xenassign", "do_install", "do_deploy"} <= order
    assert {path.name for path in (place.images / "xenassign-example").iterdir()} == {
        f"control.{end}"
        for end in ("cfg", "dtb", "dts", "host.dtbo", "host.dtso", "dom0less.dtso", "json")
    }
    (rootfs,) = place.top.glob("tmp/work/xen-image-xenassign*/rootfs")
    assert (rootfs / "etc/xen/control.dtb").is_file()
    assert (rootfs / "usr/bin/xenassign").is_file()
    (log,) = place.top.glob("tmp/work/*/xenassign-example/*/temp/log.do_xenassign")
    lines = [line for line in log.read_text().splitlines() if "[XA402]" in line]
    assert lines
    assert all(line.startswith(f"NOTE: {BOARD}: ") for line in lines)
    assert str(place.top) not in "\n".join(lines)
    assert not list((place.top / "home").rglob("*.parser"))


def test_a_changed_tree_runs_the_task_again_and_an_unchanged_one_does_not(
    place: Place, host_files: dict[str, Path]
) -> None:
    place.recipe('XENASSIGN_DEVICES = "serial1"')
    first = place.bitbake("my-system")
    assert first.status == 0, first.text
    assert "do_xenassign" in ran(first, "my-system")
    again = place.bitbake("my-system")
    assert not ran(again, "my-system")
    tree = host_files["zynqmp"].read_bytes()
    place.kernel(tree)  # a new file with the same bytes
    again = place.bitbake("my-system")
    assert not ran(again, "my-system")
    assert not ran(again, "linux-standin")
    written = (place.images / "my-system/domu1.dts").read_bytes()
    place.kernel(other(tree))
    changed = place.bitbake("my-system")
    assert changed.status == 0, changed.text
    assert {"do_xenassign", "do_install", "do_deploy"} <= ran(changed, "my-system")
    assert (place.images / "my-system/domu1.dts").read_bytes() != written


def test_variables_and_files_count_for_the_hash(place: Place) -> None:
    config = '[[domain]]\nname = "a"\ndevice = ["serial1"]\n'
    lines = 'XENASSIGN_CONFIG = "mine.toml"'
    place.recipe(lines, mine=config)
    first = place.bitbake("my-system")
    assert first.status == 0, first.text
    for text, more in (
        (config, 'XENASSIGN_XEN = "4.19"'),
        (config, 'XENASSIGN_XEN = "4.19"\nXENASSIGN_EXTRA = "--map auto"'),
        (config + "memory = 512\n", 'XENASSIGN_XEN = "4.19"\nXENASSIGN_EXTRA = "--map auto"'),
    ):
        place.recipe(f"{lines}\n{more}", mine=text)
        done = place.bitbake("my-system")
        assert done.status == 0, done.text
        assert "do_deploy" in ran(done, "my-system"), more
    assert not ran(place.bitbake("my-system"), "my-system")


def test_two_build_folders_have_the_same_hashes_and_files(
    tmp_path: Path, place: Place, host_files: dict[str, Path]
) -> None:
    other = Place(place.checkout, tmp_path / "some" / "where" / "else")
    other.lay(host_files["zynqmp"])
    for one in (place, other):
        one.recipe('XENASSIGN_CONFIG = "m.toml"', m='[[domain]]\nname = "a"\ndevice = ["rtc0"]\n')
        done = one.bitbake("my-system")
        assert done.status == 0, done.text
    hashes = place.hashes("my-system")
    assert {"xenassign", "install", "deploy"} <= hashes.keys()
    assert hashes == other.hashes("my-system")
    left, right = place.images / "my-system", other.images / "my-system"
    assert subprocess.run(["diff", "-r", left, right], check=False).returncode == 0
    for path in left.iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()


def test_a_refusal_fails_the_build_and_deploys_nothing(place: Place) -> None:
    place.recipe('XENASSIGN_DEVICES = "serial0"')
    done = place.bitbake("my-system")
    assert done.status != 0
    said = [line for line in done.text.splitlines() if line.startswith("ERROR: my-system")]
    assert any(f"do_xenassign: {BOARD}: " in line and "[XA102]" in line for line in said)
    assert not (place.images / "my-system").exists()
    assert "do_deploy" not in ran(done, "my-system")


def test_a_tree_of_ones_own_counts_by_its_content(
    tmp_path: Path, place: Place, host_files: dict[str, Path]
) -> None:
    board = tmp_path / "mine.dtb"
    shutil.copy(host_files["zynqmp"], board)
    place.recipe(f'XENASSIGN_DEVICES = "serial1"\nXENASSIGN_HOST = "{board}"')
    first = place.bitbake("my-system")
    assert first.status == 0, first.text
    assert not ran(first, "linux-standin")
    assert not ran(place.bitbake("my-system"), "my-system")
    board.write_bytes(other(board.read_bytes()))
    assert "do_xenassign" in ran(place.bitbake("my-system"), "my-system")
