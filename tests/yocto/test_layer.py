"""The layer's recipes, read by BitBake's own parser."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import xenassign
from xenassign.resources import directory

from .layer import (
    LAYER,
    RECIPES,
    REPOSITORY,
    Variant,
    nativepython,
    parse,
    recipe,
    shell,
    unpack,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KERNEL = 'KERNEL_DEVICETREE = "xilinx/zynqmp-zcu102-rev1.0.dtb xilinx/other.dtbo"\n'
QEMU = 'MACHINE = "qemuarm64"\n'
ALONE = [path for path in RECIPES if "image" not in path.name]  # needs meta-virtualization
PYTHON = sorted((LAYER / "recipes-devtools").rglob("*.bb"))
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def conf_of(path: Path) -> str:
    """A machine that the recipe is for."""
    return QEMU if "qemu" in path.name else KERNEL


@pytest.mark.parametrize("path", ALONE, ids=lambda p: p.stem)
def test_a_recipe_is_read_and_names_what_is_there(path: Path, tmp_path: Path) -> None:
    for variant in parse(path, tmp_path, conf_of(path)).values():
        assert variant.skipped is None
        assert variant.variables["SUMMARY"]
        for uri in variant.words("SRC_URI"):
            if uri.startswith("file://"):
                name = uri.removeprefix("file://")
                assert any((Path(p) / name).exists() for p in _folders(variant)), uri
            else:
                assert re.fullmatch(r"https://files\.pythonhosted\.org/.*\.tar\.gz", uri)


def _folders(variant: Variant) -> list[str]:
    return (variant.variables["FILESPATH"] or "").split(":")


@pytest.mark.parametrize("path", ALONE, ids=lambda p: p.stem)
def test_license_checksums(path: Path, tmp_path: Path) -> None:
    variant = parse(path, tmp_path, conf_of(path))[""]
    uri, _, wanted = (variant.variables["LIC_FILES_CHKSUM"] or "").partition(";md5=")
    name = uri.removeprefix("file://")
    if name.startswith(variant.variables["COMMON_LICENSE_DIR"] or ""):
        # openembedded-core's text of the license, as all recipes name it.
        assert (Path(name).name, wanted) == ("Apache-2.0", "89aea4e17d99a7cacdbeed46a0096b10")
        return
    package = variant.variables["PYPI_PACKAGE"]
    if package is None:
        text = (REPOSITORY / name).read_bytes()
    else:
        installed, wants = metadata.version(package), str(variant.variables["PV"])
        if installed != wants:
            assert Version(installed) > Version(wants)  # PyPI went on; the recipe need not
            return
        (file,) = (f for f in metadata.files(package) or () if f.name == name)
        text = Path(str(file.locate())).read_bytes()
    assert hashlib.md5(text).hexdigest() == wanted


def test_there_is_a_license() -> None:
    assert "Apache-2.0" in (LAYER / "COPYING").read_text()
    for path in (*RECIPES, *LAYER.rglob("*.bbclass"), LAYER / "conf" / "layer.conf"):
        assert path.read_text().startswith("# SPDX-License-Identifier: Apache-2.0\n")


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: p.stem)
def test_python_is_there_for_target_native_and_sdk(path: Path, tmp_path: Path) -> None:
    variants = parse(path, tmp_path)
    assert set(variants) == {"", "native", "nativesdk"}
    name = path.name.partition("_")[0]
    assert variants["native"].variables["PN"] == f"{name}-native"


@pytest.mark.parametrize("python", ["3.10", "3.12", "3.14"])
def test_what_python_asks_for_the_recipe_asks_for(python: str, tmp_path: Path) -> None:
    conf = f'STANDIN_PYTHON = "{python}"\n'
    names = tuple(f"{kind}:python3-xenassign" for kind in ("RDEPENDS", "RRECOMMENDS"))
    found = parse(recipe("python3-xenassign"), tmp_path, conf, variables=names)[""]
    packages = {word for name in names for word in found.words(name)}
    for text in PROJECT["project"]["dependencies"]:
        wanted = Requirement(text)
        if wanted.name == "rich" and python == "3.10":
            continue  # kirkstone has none; only tables need it
        if wanted.marker is None or wanted.marker.evaluate({"python_version": python}):
            assert f"python3-{wanted.name}" in packages
    assert ("python3-tomllib" in packages) == ("python3-rich" in packages) == (python != "3.10")


@pytest.mark.parametrize("variant", ["", "native"])
def test_an_extra_is_a_packageconfig(variant: str, tmp_path: Path) -> None:
    """It names the packages of pyproject.toml, and is off by default."""
    (extra,) = map(Requirement, PROJECT["project"]["optional-dependencies"]["domains"])
    package = f"python3-{extra.name.replace('.', '-')}"
    name = "python3-xenassign" + (f"-{variant}" if variant else "")
    for conf, there in (("", False), (f'PACKAGECONFIG:append:pn-{name} = " domains"\n', True)):
        found = parse(recipe("python3-xenassign"), tmp_path, conf, variables=(f"RDEPENDS:{name}",))
        words = found[variant].words(f"RDEPENDS:{name}")
        assert (package + (f"-{variant}" if variant else "") in words) == there


def test_the_version_of_lark_is_one_that_we_can_use(tmp_path: Path) -> None:
    path = recipe("python3-lark")
    version = str(parse(path, tmp_path)[""].variables["PV"])
    (requirement,) = (
        text for text in PROJECT["project"]["dependencies"] if Requirement(text).name == "lark"
    )
    assert version in SpecifierSet(str(Requirement(requirement).specifier))
    assert re.search(r'^SRC_URI\[sha256sum\] = "[0-9a-f]{64}"$', path.read_text(), re.MULTILINE)


def test_the_source_may_be_elsewhere(tmp_path: Path) -> None:
    layer = shutil.copytree(LAYER, tmp_path / "layer")
    path = layer / recipe("python3-xenassign").relative_to(LAYER)
    conf = f'XENASSIGN_SOURCE = "{REPOSITORY}"\n'
    for variant in parse(path, tmp_path / "top", conf).values():
        assert _folders(variant)[0] == str(REPOSITORY)


def test_the_recipe_has_our_version(tmp_path: Path) -> None:
    found = parse(recipe("python3-xenassign"), tmp_path)[""]
    assert found.variables["PV"] == xenassign.__version__


@pytest.mark.parametrize(("variant", "interpreter"), [("", "python3"), ("native", "nativepython3")])
def test_what_is_installed_is_what_the_wheel_holds_and_runs(
    variant: str, interpreter: str, tmp_path: Path
) -> None:
    path = recipe("python3-xenassign")
    found = parse(path, tmp_path / "top", functions=("do_install",))[variant]
    source = found.path("S")
    unpack(source)
    done = shell(
        found.scripts["do_install"], "do_install", source, PATH=os.environ["PATH"], HOME="/nowhere"
    )
    assert done.returncode == 0, done.stderr
    image = found.path("D")
    site = image / str(found.variables["PYTHON_SITEPACKAGES_DIR"]).lstrip("/")
    build = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["packages"] == ["xenassign"]
    wanted = listed(REPOSITORY / "xenassign", "xenassign")
    for folder, goal in build["force-include"].items():
        wanted |= listed(directory(folder), goal)
    assert {n for n in listed(site, "") if ".dist-info/" not in n} == wanted
    script = (image / "usr/bin/xenassign").read_text()
    assert script.startswith(f"#!/usr/bin/env {interpreter}\n")
    assert str(tmp_path) not in script
    nativepython(tmp_path / "bin", site)
    (tmp_path / "bin" / "python3").symlink_to("nativepython3")
    told = subprocess.run(
        [image / "usr/bin/xenassign", "--version"],
        env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert xenassign.__version__ in told.stdout


def listed(folder: Path, goal: str) -> set[str]:
    """The files of a folder as they are called below ``goal``."""
    return {
        str(goal / path.relative_to(folder)) if goal else str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_recipe_for_other_machines_is_skipped(tmp_path: Path) -> None:
    found = parse(recipe("xenassign-example"), tmp_path, 'MACHINE = "raspberrypi4"\n')
    assert found[""].skipped


def test_the_tree_of_the_kernel_and_its_task(tmp_path: Path) -> None:
    found = parse(recipe("xenassign-example"), tmp_path, KERNEL)[""]
    folder = found.variables["DEPLOY_DIR_IMAGE"]
    assert found.variables["XENASSIGN_HOST"] == f"{folder}/zynqmp-zcu102-rev1.0.dtb"
    task = found.tasks["do_xenassign"]
    assert task["depends"] == "virtual/kernel:do_deploy"
    assert not task["file-checksums"].strip()  # it need not be there when recipes are read
    assert found.variables["PACKAGE_ARCH"] == "zcu102_zynqmp"
    assert "python3-xenassign-native" in found.words("DEPENDS")


def test_the_order_of_the_tasks(tmp_path: Path) -> None:
    tasks = parse(recipe("xenassign-example"), tmp_path, KERNEL)[""].tasks
    assert {"do_unpack", "do_prepare_recipe_sysroot"} <= set(tasks["do_xenassign"]["deps"])
    assert "do_xenassign" in tasks["do_install"]["deps"]
    assert "do_xenassign" in tasks["do_deploy"]["deps"]
    assert "do_deploy" in tasks["do_build"]["deps"]


def test_the_tree_that_qemu_makes(tmp_path: Path) -> None:
    found = parse(recipe("xenassign-example"), tmp_path, QEMU)[""]
    assert str(found.variables["XENASSIGN_HOST"]).endswith("/images/qemuarm64/qemuarm64-xen.dtb")
    assert found.tasks["do_xenassign"]["depends"] == "xenassign-qemu-host:do_deploy"


def test_the_layer_is_for_the_releases_that_we_say() -> None:
    text = (LAYER / "conf" / "layer.conf").read_text()
    (series,) = re.findall(r'^LAYERSERIES_COMPAT_xenassign = "(.*)"$', text, re.MULTILINE)
    assert {"kirkstone", "scarthgap", "wrynose", "blacksail"} <= set(series.split())
    guide = (REPOSITORY / "docs" / "yocto.md").read_text()
    assert all(name in guide for name in series.split())
