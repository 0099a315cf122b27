"""What the pages and the extension tell users to write is right, as far as a test can see."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from tests.conftest import FIXTURES
from xenassign.request.keys.whole_file import LINT

from .editor import Editor

VSCODE = Path("editors/vscode/package.json")


@pytest.fixture(name="contributes")
def of_extension(repository: Path) -> dict[str, Any]:
    contributes: dict[str, Any] = json.loads((repository / VSCODE).read_text())["contributes"]
    return contributes


def test_the_extension_has_a_setting_for_each_key(contributes: dict[str, Any]) -> None:
    names = {name.removeprefix("xenassign.") for name in contributes["configuration"]["properties"]}
    assert names - {"command"} == {key.name for key in LINT.keys}


def test_the_problem_matcher_reads_the_lints_lines(
    contributes: dict[str, Any], repository: Path
) -> None:
    (matcher,) = contributes["problemMatchers"]
    pattern = matcher["pattern"]
    command = [sys.executable, "-m", "xenassign", "lint", "docs/examples/hand-written"]
    done = subprocess.run(
        [*command, "--format", "gcc"], cwd=repository, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    matches = [re.fullmatch(pattern["regexp"], line) for line in lines]
    assert len(matches) > 4
    for match in matches:
        assert match is not None
        assert (repository / match[pattern["file"]]).is_file()
        assert match[pattern["severity"]] in ("error", "warning", "note")
        assert re.fullmatch(r"XA\d{3}", match[pattern["code"]])


@pytest.mark.asyncio(loop_scope="module")
async def test_the_pictures_of_the_editor_show_what_it_gets_today(
    editor: Editor, project: Path, repository: Path
) -> None:
    tree = project / "domu1.dts"
    right = "xen,reg = <0x0 0x9010000 0x0 0x1000"
    text = tree.read_text().replace(right, right.replace("0x1000", "0x800"))
    (shown,) = await editor.open(tree, text)
    at = lsp.HoverParams(editor.document(tree), shown.range.start)
    hover = await editor.client.text_document_hover_async(at)
    assert hover is not None
    assert isinstance(hover.contents, lsp.MarkupContent)
    titles = [action.title for action in await editor.actions(tree, shown)]
    for name, words in (
        ("diagnostic", [shown.message]),
        ("hover", hover.contents.value.replace("*", "").split("\n\n")),
        ("fix", titles),
    ):
        lines = (repository / "docs" / f"editor-{name}.svg").read_text().splitlines()
        drawn = "".join(html.unescape(re.sub("<[^>]*>", "", line)) for line in lines)
        for part in words:
            assert "".join(part.split()) in "".join(drawn.split()), (name, part)


@pytest.mark.parametrize("file", [".github/workflows/xen.yml", ".gitlab-ci.yml"])
def test_the_commands_for_merge_requests_run(file: str, repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "lint.md").read_text()
    (block,) = (b for b in page.split("```yaml\n")[1:] if b.startswith(f"# {file}\n"))
    commands = re.findall(r"- (?:run: )?(xenassign .*)", block.split("```")[0])
    assert len(commands) == 2
    folder = tmp_path / "xen"
    folder.mkdir()
    shutil.copy(FIXTURES / "zynqmp-zcu102.dtb", folder / "board.dtb")
    domain = '[[domain]]\nname = "net"\ndevice = ["ethernet0"]\nmemory = 1024\nvcpus = 2\n'
    (folder / "xenassign.toml").write_text(f'host = "board.dtb"\n{domain}')
    program = f'xenassign() {{ {sys.executable} -m xenassign "$@"; }}\n'
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GITHUB_STEP_SUMMARY": "summary"}
    made = program + "xenassign generate -c xen/xenassign.toml -o xen -q\n"
    for command in (made, *commands):
        done = subprocess.run(
            ["bash", "-euc", program + command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    if "github" in file:
        assert "net" in (tmp_path / "summary").read_text()
    else:
        assert isinstance(json.loads((tmp_path / "quality.json").read_text()), list)
        assert (tmp_path / "report.html").stat().st_size > 10000
