"""FIFOs, devices, endless and huge files wherever a file is named: refused at once, in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.test_bad_input import PL031, one_line, run

pytestmark = pytest.mark.slow  # a process for each command

DTS = "/dts-v1/;\n"

#: Lines of source that name a file, with {} for it, and where the error is.
INCLUDES = (
    ('#include "{}"\n/ {{ }};', "2:11"),
    ("#include <{}>\n/ {{ }};", "2:11"),
    ("#if __has_include(<{}>)\n#endif\n/ {{ }};", "2:20"),
    ('/include/ "{}"\n/ {{ }};', "2:1"),
    ('/ {{ a = /incbin/("{}"); }};', "2:9"),
)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A valid configuration beside which another file is given."""
    path = tmp_path / "small.cfg"
    path.write_text('name = "a"\nmemory = 64\n')
    return path


@pytest.mark.parametrize("kind", ["FIFO", "device"])
def test_a_file_that_is_named_on_the_command_line(
    kind: str, fifo: Path, small: Path, host_files: dict[str, Path]
) -> None:
    path = fifo if kind == "FIFO" else Path("/dev/zero")
    board, out = host_files["qemu"], fifo.parent / "out"
    system = fifo.parent / "xenassign.toml"
    system.write_text(
        f'host = "{board}"\n[[domain]]\nname = "a"\nmemory = 64\nvcpus = 1\ndevice = ["{PL031}"]\n'
    )
    for command in (
        ("inspect", path),
        ("lint", path),
        ("lint", small, "--host", path),
        ("lint", small, "--host-overlay", path, "--host", board),
        ("lint", small, "--partial", path),
        ("lint", small, "--config", path),
        ("generate", path, "-d", PL031, "-o", out),
        ("generate", board, "-d", PL031, "-o", out, "--base-cfg", path),
        ("generate", board, "-d", PL031, "-o", out, "--imagebuilder-base", path),
        ("generate", "-c", path, "-o", out),
        ("generate", "-c", system, "-o", out, "--lock", path),
        ("plan", "-c", path),
    ):
        done = run(*command)
        one_line(done, 2)
        assert done.stderr.startswith(f"error: {path}: a {kind}, not a regular file; "), command
    assert not out.exists()


@pytest.mark.parametrize(("text", "place"), INCLUDES)
def test_a_file_that_source_names(text: str, place: str, fifo: Path) -> None:
    source = fifo.parent / "x.dts"
    for path, kind in ((fifo, "FIFO"), (Path("/dev/zero"), "device")):
        source.write_text(DTS + text.format(path))
        done = run("lint", source)
        one_line(done, 2)
        message = f"cannot read {path}: a {kind}, not a regular file; fix the name or the file"
        assert done.stderr == f"error: {source}:{place}: {message}\n"


def test_a_fifo_that_an_included_file_includes(fifo: Path) -> None:
    folder = fifo.parent / "include"
    folder.mkdir()
    (folder / "a.dtsi").write_text('#include "b.dtsi"\n')
    (folder / "b.dtsi").write_text('\n#include "../pipe"\n')
    source = fifo.parent / "x.dts"
    source.write_text(DTS + "#include <a.dtsi>\n/ { };")
    done = run("lint", source, "-I", folder)
    one_line(done, 2)
    assert done.stderr.startswith(f"error: {folder}/b.dtsi:2:11: cannot read {fifo}: a FIFO, ")


@pytest.mark.parametrize("folder", ["/", ".", ""])
def test_a_configuration_that_is_a_folder_without_a_name(folder: str, tmp_path: Path) -> None:
    for command in (("generate", "-o", tmp_path / "out"), ("plan",)):
        done = run(*command, "-c", folder)
        one_line(done, 2)
        assert "Is a directory; give a file with [[domain]] tables" in done.stderr
