"""Reads a recipe with BitBake's own parser, and says as JSON what it found.

A program of its own, for BitBake keeps its state in modules. Which BitBake: that of the package
bitbake-setup, or the one whose lib/ PYTHONPATH names. Standard input: ``{"bbpath": […], "topdir",
"recipe", "variables": […], "functions": […]}``. Standard output: for each variant of the recipe
(``""``, ``native`` …) ``variables``, ``tasks`` with their flags, ``scripts`` (the shell text that
BitBake writes into run.TASK), and ``skipped``, the reason why it is not for this machine.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from types import ModuleType
from typing import Any

for missing in ("hashserv", "hashserv.client"):  # what the package leaves out; parsing needs none
    sys.modules.setdefault(missing, ModuleType(missing))

import bb  # noqa: E402
import bb.build  # noqa: E402
import bb.data  # noqa: E402
import bb.fetch2  # noqa: E402
import bb.parse  # noqa: E402
import bb.siggen  # noqa: E402


def configuration(asked: dict[str, Any]) -> Any:
    """The data of bitbake.conf and base.bbclass."""
    data = bb.data.init()
    data.setVar("BBPATH", ":".join(asked["bbpath"]))
    data.setVar("TOPDIR", asked["topdir"])
    data.setVar("COREBASE", asked["bbpath"][0])
    data.setVar("__bbclasstype", "global")
    bb.parse.siggen = bb.siggen.init(data)
    data = bb.parse.handle("conf/bitbake.conf", data, True)
    bb.parse.BBHandler.inherit("base", "configuration", 0, data)
    data.setVar("__bbclasstype", "recipe")
    return data


def described(data: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """One variant."""
    skipped = data.getVar("__SKIPPED")
    if skipped:
        return {"variables": {}, "tasks": {}, "scripts": {}, "skipped": skipped}
    tasks = {}
    for name in data.getVar("__BBTASKS", False) or ():
        flags = data.getVarFlags(name) or {}
        told = {flag: value for flag, value in flags.items() if isinstance(value, str | list)}
        for flag in ("depends", "file-checksums", "cleandirs", "dirs"):
            if flag in told:
                told[flag] = data.getVarFlag(name, flag)
        tasks[name] = told
    scripts = {}
    for name in asked["functions"]:
        text = io.StringIO()
        bb.data.emit_func(name, text, data)
        scripts[name] = text.getvalue()
    return {
        "variables": {name: data.getVar(name) for name in asked["variables"]},
        "tasks": tasks,
        "scripts": scripts,
        "skipped": None,
    }


def main() -> None:
    """Answers one question."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asked = json.load(sys.stdin)
    found = bb.parse.handle(asked["recipe"], configuration(asked))
    told = {variant: described(data, asked) for variant, data in found.items()}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
