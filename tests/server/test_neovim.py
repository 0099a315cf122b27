"""A real editor: Neovim opens a tree that has a mistake, shows it, and applies the fix."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from tests.missing import skip_or_fail
from xenassign.cli.group import cli

from .test_protocol import PATH

REPOSITORY = Path(__file__).resolve().parents[2]


def snippet() -> str:
    """The block of docs/editors.md that a user of Neovim copies."""
    page = (REPOSITORY / "docs" / "editors.md").read_text()
    return page.split("```lua\n")[1].split("```")[0]


_SESSION = """
local function finish(answer)
  vim.fn.writefile({ vim.fn.json_encode(answer) }, ANSWER)
  vim.cmd("qall!")
end

local function until_true(condition)
  if not vim.wait(60000, condition, 20) then
    finish({ failed = debug.traceback() })
  end
end

local function run()
  vim.cmd("edit " .. TREE)
  until_true(function() return #vim.diagnostic.get(0) > 0 end)
  local shown = vim.diagnostic.get(0)
  local client = vim.lsp.get_active_clients()[1]
  local hover = client.request_sync("textDocument/hover", {
    textDocument = { uri = vim.uri_from_bufnr(0) },
    position = HOVER,
  }, 60000, 0)
  local line = 0
  for _, diagnostic in ipairs(shown) do
    if diagnostic.code == "XA809" then line = diagnostic.lnum end
  end
  vim.api.nvim_win_set_cursor(0, { line + 1, 4 })
  vim.ui.select = function(items, options, chosen)
    for number, item in ipairs(items) do
      if options.format_item(item):find("^Fix XA809") then return chosen(item, number) end
    end
  end
  vim.lsp.buf.code_action()
  local before = vim.api.nvim_buf_get_lines(0, 0, -1, false)
  until_true(function()
    return not vim.deep_equal(before, vim.api.nvim_buf_get_lines(0, 0, -1, false))
  end)
  until_true(function() return #vim.diagnostic.get(0) == 0 end)
  vim.cmd("write")
  finish({ shown = shown, hover = hover and hover.result, filetype = vim.bo.filetype })
end

local ok, problem = pcall(run)
if not ok then finish({ failed = problem }) end
"""


def test_neovim_shows_a_mistake_and_fixes_it(project: Path, tmp_path: Path) -> None:
    neovim = shutil.which("nvim")
    if neovim is None:
        skip_or_fail("nvim is missing: apt-get install neovim")
    tree = project / "domu1.dts"
    right = tree.read_text()
    tree.write_text(right.replace(PATH, PATH.replace("path", "pathh")))
    lines = tree.read_text().split("\n")
    row = next(n for n, line in enumerate(lines) if "interrupts = <0 7 4>" in line)
    position = f"{{ line = {row}, character = {lines[row].index('7')} }}"
    answer = tmp_path / "answer.json"
    values = {"ANSWER": json.dumps(str(answer)), "TREE": json.dumps(str(tree)), "HOVER": position}
    session = "".join(f"local {name} = {value}\n" for name, value in values.items()) + _SESSION
    (tmp_path / "init.lua").write_text(snippet())
    (tmp_path / "session.lua").write_text(session)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "xenassign").write_text(f'#!/bin/sh\nexec {sys.executable} -m xenassign "$@"\n')
    (folder / "xenassign").chmod(0o755)
    command = [neovim, "--headless", "-i", "NONE", "-n", "-u", "init.lua", "+luafile session.lua"]
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=300, check=False
    )
    assert answer.exists(), done.stderr.decode()
    result = json.loads(answer.read_text())
    assert "failed" not in result, result
    assert "XA809" in [diagnostic["code"] for diagnostic in result["shown"]]
    assert {diagnostic["source"] for diagnostic in result["shown"]} == {"xenassign"}
    assert "INTID 39 (SPI 7)" in result["hover"]["contents"]["value"]
    assert tree.read_text() == right
    linted = CliRunner().invoke(cli, ["lint", str(project), "-c", str(project / "xenassign.toml")])
    assert linted.exit_code == 0, linted.output
