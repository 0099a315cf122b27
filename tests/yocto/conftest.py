"""xenassign as the layer's recipe installs it for the build machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from .layer import nativepython, parse, recipe, shell, unpack


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PATH of a task that depends on python3-xenassign-native."""
    top = tmp_path_factory.mktemp("native")
    found = parse(recipe("python3-xenassign"), top, functions=("do_install",))["native"]
    unpack(found.path("S"))
    done = shell(found.scripts["do_install"], "do_install", found.path("S"), PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    image = found.path("D")
    site = image / str(found.variables["PYTHON_SITEPACKAGES_DIR"]).lstrip("/")
    tools = top / "tools"
    nativepython(tools, site)
    return ":".join(map(str, (image / "usr" / "bin", tools, Path("/usr/bin"), Path("/bin"))))
