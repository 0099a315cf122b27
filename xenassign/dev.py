"""For those who change xenassign: everything in the source tree that is made from its code.

``python -m xenassign.dev regenerate``, in a checkout, writes the man pages, the index of the rules,
the reference of xenassign.toml, the reports of the examples, and the fixture boards; a test
compares each with the code.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

from xenassign.resources import directory

#: Systems of docs/examples with a report in docs/reports.
EXAMPLES = ("qemu", "rcar", "zynqmp")

#: The one whose address map is the picture of README.md.
PICTURE = "zynqmp"

USAGE = "usage: python -m xenassign.dev regenerate"


def generated(root: Path) -> dict[Path, str | None]:
    """The text of each generated file of a checkout, by its path; None: the file is to be removed.

    A page that is only partly generated is given as a whole.
    """
    from xenassign.cli.manual import pages
    from xenassign.linting.catalogue import index
    from xenassign.outputs.project_page import page

    reference = root / "docs" / "system.md"
    files: dict[Path, str | None] = dict.fromkeys((root / "man").glob("*.1"))
    files |= {root / "man" / name: text for name, text in pages().items()}
    files |= dict.fromkeys((root / "docs" / "reports").glob("*"))
    files |= {
        root / "docs" / "reports" / f"{name}.html": _report(name, "html") for name in EXAMPLES
    }
    files[root / "docs" / "reports" / f"{PICTURE}.svg"] = _report(PICTURE, "svg")
    files[root / "docs" / "rules" / "README.md"] = index()
    files[reference] = page(reference.read_text(encoding="utf-8"))
    return files


@cache
def _report(example: str, form: str) -> str:
    """What ``xenassign report --format`` prints for an example system, in a checkout."""
    command = [sys.executable, "-m", "xenassign", "report", "--format", form]
    command += ["-c", f"docs/examples/{example}/xenassign.toml"]
    root = directory("man").parent
    return subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode()


def regenerate(root: Path) -> None:
    """Writes the generated files of a checkout. Raises CalledProcessError where dtc fails."""
    for path, text in generated(root).items():
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    subprocess.run([root / "fixtures" / "host_dtbs" / "build.sh"], check=True)


def main() -> int:
    """The script."""
    if sys.argv[1:] != ["regenerate"]:
        print(USAGE, file=sys.stderr)
        return 2
    regenerate(directory("man").parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
