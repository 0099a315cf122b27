"""The extension for Visual Studio Code: npm makes its package, which has all that it needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.missing import skip_or_fail
from xenassign import __version__

#: Loads the extension; a module ``vscode`` that has every class stands for the editor's.
_LOADED = """
const Module = require("module");
const all = new Proxy(function () {}, { get: (_, name) => (name === "prototype" ? {} : all) });
const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? all : load(name, ...rest));
console.log(JSON.stringify(Object.keys(require(process.argv[1]))));
"""


def _run(*command: str, cwd: Path) -> str:
    environment = {**os.environ, "npm_config_update_notifier": "false"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if command[:2] == ("npm", "install") and done.returncode:
        skip_or_fail(f"npm has no packages: {done.stderr.strip().splitlines()[-1:]}; use a network")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_npm_makes_a_package_that_loads(repository: Path, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        skip_or_fail("npm is missing: apt-get install npm")
    source, folder = repository / "editors" / "vscode", tmp_path / "editors" / "vscode"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules", "*.vsix"))
    shutil.copy(repository / "LICENSE", tmp_path)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional")
    _run("npm", "install", *options, cwd=folder)
    _run("npm", "run", "package", cwd=folder)
    with zipfile.ZipFile(folder / f"xenassign-{__version__}.vsix") as package:
        names = set(package.namelist())
        manifest = package.read("extension.vsixmanifest").decode()
        package.extractall(tmp_path / "installed")
    assert f'Id="xenassign" Version="{__version__}"' in manifest
    own = {name for name in names if "node_modules" not in name}
    extension = ("LICENSE.txt", "README.md", "extension.js", "language-configuration.json")
    assert own == {
        "[Content_Types].xml",
        "extension.vsixmanifest",
        *(f"extension/{name}" for name in (*extension, "package.json")),
    }
    assert "extension/node_modules/vscode-languageclient/package.json" in names
    installed = tmp_path / "installed" / "extension"
    exported = _run("node", "-e", _LOADED, str(installed / "extension.js"), cwd=tmp_path)
    assert sorted(json.loads(exported)) == ["activate", "deactivate"]
