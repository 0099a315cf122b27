"""A real browser, and the reports that it opens from disk."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from xenassign.devicetree.tree import Tree

from .. import hostile
from ..examples import EXAMPLES
from ..missing import skip_or_fail
from . import big

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EVERY = ("qemu", "zynqmp", "rcar", "big", "hostile", "refused")
PICTURES = ("zynqmp", "hostile")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window. It needs no network, and its sandbox cannot run as root."""
    try:
        from playwright import sync_api as playwright
    except ImportError:
        skip_or_fail("playwright is missing: pip install -e '.[test]'")
    with playwright.sync_playwright() as started:
        program = shutil.which("chromium") or started.chromium.executable_path
        if not Path(program).exists():
            skip_or_fail("Chromium is missing: apt-get install chromium")
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def reports(
    tmp_path_factory: pytest.TempPathFactory, variant: Callable[[str, str], Tree]
) -> dict[str, Path]:
    """The reports by name: the examples, a big system, a hostile board, a refusal."""
    folder = tmp_path_factory.mktemp("reports")
    data = variant("qemu", hostile.BOARD).data
    assert data is not None
    board = f"{hostile.WORD}.dtb"
    (folder / board).write_bytes(data)
    settings, _, _ = hostile.settings(board).partition("[[allow]]")  # which names no node
    (folder / "hostile.toml").write_text(settings)
    big.write(folder)
    given = {name: ["-c", str(EXAMPLES / name / "xenassign.toml")] for name in EVERY[:3]}
    given["big"] = ["-c", "big.toml"]
    given["hostile"] = ["-c", "hostile.toml"]
    given["refused"] = [board, "-d", hostile.DEVICE, "--iommu-policy", "strict"]
    for name, words in given.items():
        command = [sys.executable, "-m", "xenassign", "report", *words, "-o", f"{name}.html"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == (name == "refused"), done.stderr
    for name in PICTURES:
        command = [sys.executable, "-m", "xenassign", "report", *given[name], "--format", "svg"]
        subprocess.run([*command, "-o", f"{name}.svg"], cwd=folder, check=True, capture_output=True)
    return {name: folder / f"{name}.html" for name in given}
