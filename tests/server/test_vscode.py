"""The extension for Visual Studio Code: what it does in an editor, and its package, by npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

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

#: Runs the extension in an editor that a step changes: its settings, or the files that are open.
#: Prints after each step the messages, the commands of clients, and what those were sent.
_EDITED = """
const Module = require("module");
const { file, steps, impatient } = JSON.parse(process.argv[1]);
const state = { messages: [], started: [], stopped: 0, sent: [], limits: [] };
const plain = (_, value) => (typeof value === "function" ? value() : value);
const print = () => console.log(JSON.stringify(state, plain));
let values = {}, choice, listeners = {};
const listener = (name) => (call) => ((listeners[name] = call), {});
class LanguageClient {
  constructor(id, server, options) { this.given = [server, options.initializationOptions]; }
  async start() { this.running = true; state.started.push(this.given); }
  async stop() { this.running = false; state.stopped++; }
  needsStop() { return this.running; }
  isRunning() { return this.running; }
  async sendNotification(...sent) { state.sent.push(sent); }
}
const vscode = {
  workspace: {
    workspaceFolders: undefined,
    textDocuments: [],
    getConfiguration: () => ({ ...values, get: (key) => values[key] }),
    onDidOpenTextDocument: listener("opened"),
    onDidChangeConfiguration: listener("configured"),
  },
  languages: {
    match: (files, name) => files.filter(({ pattern }) => name.endsWith(pattern.slice(4))).length,
  },
  window: {
    async showErrorMessage(text) {
      state.messages.push(text);
      const chosen = choice;
      choice = undefined;
      return chosen;
    },
  },
  commands: { executeCommand: () => {} },
};
const load = Module._load;
const programs = require("child_process");
const execFile = (command, args, { timeout, ...rest }, ended) => {
  state.limits.push(timeout);
  return programs.execFile(command, args, { timeout: timeout && 200, ...rest }, ended);
};
const stubs = { vscode, "vscode-languageclient/node": { LanguageClient } };
if (impatient) stubs.child_process = { execFile };
Module._load = (name, ...rest) => stubs[name] || load(name, ...rest);
const extension = require(file);
(async () => {
  await extension.activate({ subscriptions: [] });
  for (const step of steps) {
    const old = values;
    choice = step.choice || choice;
    values = step.settings || values;
    if (step.open) vscode.workspace.textDocuments.push(step.open);
    const affectsConfiguration = (key) => key === "xenassign" || old.command !== values.command;
    await (step.open ? listeners.opened() : listeners.configured({ affectsConfiguration }));
    await new Promise((done) => setImmediate(done));
    print();
  }
  await extension.deactivate();
  print();
})();
"""


def _states(
    repository: Path, *steps: dict[str, Any], impatient: bool = False
) -> list[dict[str, Any]]:
    """``impatient``: the limit for a program that is tried is 0.2 s, if it has one."""
    if shutil.which("node") is None:
        skip_or_fail("node is missing: apt-get install nodejs")
    file = str(repository / "editors" / "vscode" / "extension.js")
    given = json.dumps({"file": file, "steps": steps, "impatient": impatient})
    states = _run("node", "-e", _EDITED, given, cwd=repository).splitlines()
    return [json.loads(state) for state in states]


def _program(path: Path, line: str) -> str:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


def test_the_extension_says_why_there_is_no_server(repository: Path, tmp_path: Path) -> None:
    without = _program(tmp_path / "old", "echo 'error: requires pygls; install it' >&2; exit 2")
    right = _program(tmp_path / "new", f'exec {sys.executable} -m xenassign "$@"')
    missing = {"command": "/nowhere/xenassign"}
    states = _states(
        repository,
        {"settings": missing},
        {"open": "notes.txt"},
        {"open": "domu1.dts"},
        {"open": "domu1.cfg"},
        {"settings": {"command": without}},
        {"settings": {"command": right, "xen": "4.20", "host": ""}},
        {"settings": {"command": right, "xen": "4.21", "ignore": []}},
    )
    assert [len(state["messages"]) for state in states] == [0, 0, 1, 1, 2, 2, 2, 2]
    first, second = states[-1]["messages"]
    assert "/nowhere/xenassign is not found; install it with pip install" in first
    assert second == "xenassign does not start: error: requires pygls; install it"
    assert [len(state["started"]) for state in states] == [0, 0, 0, 0, 0, 1, 1, 1]
    ((server, settings),) = states[-1]["started"]
    assert server["command"] == right
    assert settings == {"xen": "4.21"}  # of the last state: a restart after a crash gets them
    ((method, sent),) = states[-1]["sent"]
    assert method == "workspace/didChangeConfiguration"
    assert sent == {"settings": {"xenassign": {"xen": "4.21"}}}
    assert states[-1]["stopped"] == 1


def test_the_extension_does_not_wait_for_a_program_that_does_not_end(
    repository: Path, tmp_path: Path
) -> None:
    """It is ended, even one that ignores signals, and whatever it has started is not waited for."""
    endless = _program(tmp_path / "endless", "trap '' TERM; sleep 20; exit 0")
    settings = {"settings": {"command": endless}}
    states = _states(repository, settings, *[{"open": "domu1.dts"}] * 2, impatient=True)
    (message,) = states[-1]["messages"]
    assert message.startswith(f"xenassign does not start: {endless} server does not end within 30")
    assert states[-1]["limits"] == [30_000]  # it is tried once
    assert states[-1]["started"] == []


def test_the_extension_tries_again_and_takes_another_command(
    repository: Path, tmp_path: Path
) -> None:
    programs = [_program(tmp_path / name, "exit 0") for name in ("first", "second")]
    later = tmp_path / "later"
    count = f'[ -e {later} ] && exit 0; touch {later}; echo "error: not yet" >&2; exit 2'
    states = _states(
        repository,
        {"settings": {"command": _program(tmp_path / "third", count)}},
        {"open": "xenassign.toml", "choice": "Try Again"},
        *({"settings": {"command": program}} for program in programs),
    )
    assert states[-1]["messages"] == ["xenassign does not start: error: not yet"]
    started = [server["command"] for server, _ in states[-1]["started"]]
    assert started == [str(tmp_path / "third"), *programs]
    assert [state["stopped"] for state in states[-2:]] == [2, 3]


def test_an_empty_command_is_the_program_in_path(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path / "xenassign", "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    states = _states(repository, {"settings": {"command": ""}}, {"open": "domu1.dts"})
    assert states[-1]["messages"] == []
    assert [server["command"] for server, _ in states[-1]["started"]] == ["xenassign"]


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
    extension = (
        "LICENSE.txt",
        "README.md",
        "extension.js",
        "language-configuration.json",
        "xl-cfg.tmLanguage.json",
    )
    assert own == {
        "[Content_Types].xml",
        "extension.vsixmanifest",
        *(f"extension/{name}" for name in (*extension, "package.json")),
    }
    assert "extension/node_modules/vscode-languageclient/package.json" in names
    installed = tmp_path / "installed" / "extension"
    exported = _run("node", "-e", _LOADED, str(installed / "extension.js"), cwd=tmp_path)
    assert sorted(json.loads(exported)) == ["activate", "deactivate"]
