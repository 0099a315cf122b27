"""docs/model.md and CONTRIBUTING.md name what is in the code: paths, packages, lines of commits."""

from __future__ import annotations

import re

from tests.test_layers import ORDER

from .pages import REPOSITORY, blocks, prose

PAGE = "docs/model.md"


def test_every_path_exists() -> None:
    named = set(re.findall(r"`([\w.-]+(?:/[\w.-]*)*)`", prose(PAGE)))
    paths = {name for name in named if "/" in name or name.endswith(".py")}
    assert len(paths) > 80
    folders = [REPOSITORY / name for name in ("", "xenassign", "xenassign/devicetree/source")]
    missing = {path for path in paths if not any((each / path).exists() for each in folders)}
    assert not missing


def test_the_packages_are_in_the_order_of_imports() -> None:
    rows = re.findall(r"^\| `(\w+)/` \|", prose(PAGE), re.MULTILINE)
    assert tuple(rows) == ORDER


def test_the_main_path() -> None:
    files = re.findall(r"^### (\d+)\. `(.+)`$", prose(PAGE), re.MULTILINE)
    assert [int(number) for number, _ in files] == [*range(1, 16)]
    assert all((REPOSITORY / file).is_file() for _, file in files)


def test_the_diffs_are_still_the_code() -> None:
    """CONTRIBUTING.md shows commits: what they added is in the files."""
    shown = [block for block in blocks("CONTRIBUTING.md") if block.language == "diff"]
    assert len(shown) == 5
    for block in shown:
        lines: list[str] = []
        for line in block.text.splitlines():
            if line.startswith("+++ b/"):
                lines = (REPOSITORY / line.removeprefix("+++ b/")).read_text().splitlines()
            elif line.startswith("+"):
                assert line[1:] in lines, f"{block.place}: {line}"
            else:
                assert line.startswith(("-", "@@ ")), f"{block.place}: {line}"
