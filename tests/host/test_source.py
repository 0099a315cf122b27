"""Reading the host: blobs, source, standard input, and what is no board."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from xenassign.devicetree.tree import DevicetreeError, Node
from xenassign.errors import InputError, XenassignError
from xenassign.host.load import read_host, read_tree

from ..devicetree.directories import content as unordered
from ..devicetree.directories import write

BOARDS = Path(__file__).parents[2] / "fixtures" / "host_dtbs"
NAMES = sorted(path.stem for path in BOARDS.glob("*.dtb"))
QEMU = BOARDS / "qemu-virt-gicv3.dtb"

needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")

SOURCE = """/dts-v1/;
/ {
    compatible = "test,board";
    one: one { };
    two { link = <&one>; };
};
"""

OVERLAY = """/dts-v1/;
/plugin/;
&uart { status = "okay"; };
"""


def stdin_of(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def complaint(path: str) -> str:
    with pytest.raises(InputError) as caught:
        read_host(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message
    assert caught.value.exit_status == 2
    return message


def content(node: Node) -> tuple[str, dict[str, bytes], list[object]]:
    properties = {prop.name: prop.value for prop in node.properties.values()}
    return node.name, properties, [content(child) for child in node.children.values()]


@pytest.mark.parametrize("name", NAMES)
def test_a_blob(name: str) -> None:
    path = BOARDS / f"{name}.dtb"
    tree = read_host(str(path))
    assert tree.file == str(path)
    assert tree.find("/chosen") is not None


@pytest.mark.parametrize("name", [name for name in NAMES if name != "qemu-virt-gicv3"])
def test_source_gives_the_tree_of_its_blob(name: str) -> None:
    from_source = read_host(str(BOARDS / f"{name}.dts"))
    assert content(from_source.root) == content(read_host(str(BOARDS / f"{name}.dtb")).root)


def test_source_is_compiled_with_labels(tmp_path: Path) -> None:
    path = tmp_path / "board.dts"
    path.write_text(SOURCE)
    tree = read_host(str(path))
    assert tree.file == str(path)
    assert tree.labels == {"one": "/one"}


def test_source_of_any_name_is_known_by_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "board.txt"
    path.write_text("/* a comment */\n" + SOURCE)
    assert read_host(str(path)).root.compatible == ("test,board",)


def test_source_may_include_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "part.dtsi").write_text("/ { part { }; };\n")
    path = tmp_path / "sub" / "board.dts"
    path.write_text('/dts-v1/;\n/include/ "part.dtsi"\n')
    monkeypatch.chdir(tmp_path)
    assert read_host(str(path)).find("/part") is not None
    assert read_host("sub/board.dts").find("/part") is not None


def test_an_error_of_source_says_where(tmp_path: Path) -> None:
    path = tmp_path / "board.dts"
    path.write_text("/dts-v1/;\n/ {\n    oops\n};\n")
    assert complaint(str(path)) == (
        f"{path}:4:1: syntax error at '}}'; write ';' or '=' or '{{' there"
    )


def test_a_dangling_reference_of_source(tmp_path: Path) -> None:
    path = tmp_path / "board.dts"
    path.write_text("/dts-v1/;\n/ { clocks = <&nobody>; };\n")
    assert "nobody" in complaint(str(path))


def test_empty_source(tmp_path: Path) -> None:
    path = tmp_path / "board.dts"
    path.touch()
    assert complaint(str(path)).startswith(f"{path}:")


@pytest.mark.parametrize("text", [SOURCE, OVERLAY])
def test_nothing_needs_dtc(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "board.dts"
    path.write_text(text)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_tree(str(path)).file == str(path)
    assert read_host(str(QEMU)).root.compatible == ("linux,dummy-virt",)


def test_a_blob_that_is_named_like_source(tmp_path: Path) -> None:
    path = tmp_path / "board.dts"
    path.write_bytes(QEMU.read_bytes())
    assert read_host(str(path)).root.compatible == ("linux,dummy-virt",)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin_of(monkeypatch, QEMU.read_bytes())
    tree = read_host("-")
    assert tree.file == "<stdin>"
    assert tree.root.compatible == ("linux,dummy-virt",)


def test_source_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin_of(monkeypatch, SOURCE.encode())
    assert read_host("-").find("/two") is not None


def test_bad_source_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin_of(monkeypatch, b"/dts-v1/;\n/ { oops };\n")
    assert complaint("-").startswith("<stdin>:2:10: ")


def test_nothing_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin_of(monkeypatch, b"")
    assert complaint("-") == "<stdin>: is empty; give the .dtb that the board boots with"


def test_a_damaged_blob_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin_of(monkeypatch, QEMU.read_bytes()[:-1])
    assert complaint("-").startswith("<stdin>: byte 0x4: totalsize")


def overlay(tmp_path: Path) -> Path:
    source, blob = tmp_path / "overlay.dtso", tmp_path / "overlay.dtbo"
    source.write_text(OVERLAY)
    subprocess.run(["dtc", "-q", "-@", "-I", "dts", "-o", blob, source], check=True)
    return blob


@needs_dtc
@pytest.mark.parametrize("name", ["overlay.dtso", "overlay.dtbo"])
def test_an_overlay_is_no_host(name: str, tmp_path: Path) -> None:
    path = overlay(tmp_path).with_name(name)
    message = complaint(str(path))
    assert message.startswith(f"{path}: this is an overlay, not a board;")
    assert "fdtoverlay" in message


@needs_dtc
def test_an_overlay_is_a_tree(tmp_path: Path) -> None:
    tree = read_tree(str(overlay(tmp_path)))
    assert tree.find("/fragment@0/__overlay__") is not None


def test_a_directory_that_is_no_tree(tmp_path: Path) -> None:
    assert complaint(str(tmp_path)) == (
        f"{tmp_path}: a directory that is not a device tree; give the directory of a live tree"
        " (/proc/device-tree), or a .dtb or .dts file"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_live_tree(name: str, tmp_path: Path) -> None:
    blob = read_host(str(BOARDS / f"{name}.dtb"))
    folder = write(blob, tmp_path / "base")
    (tmp_path / "device-tree").symlink_to(folder)
    tree = read_host(str(tmp_path / "device-tree"))
    assert tree.file == str(tmp_path / "device-tree")
    assert unordered(tree.root) == unordered(blob.root)


GUEST = """/dts-v1/;
/ {
    compatible = "xen,xenvm-4.20", "xen,xenvm";
};
"""


def test_the_tree_of_a_guest(tmp_path: Path) -> None:
    path = tmp_path / "guest.dts"
    path.write_text(GUEST)
    told = "this is the tree of a guest that xl made, not the board's; give the .dtb that"
    assert told in complaint(str(path))
    folder = write(read_tree(str(path)), tmp_path / "base")
    assert told in complaint(str(folder))


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("/sys/firmware/fdt", PermissionError(13, "Permission denied"), "read it as root, or give"),
        ("board.dtb", PermissionError(13, "Permission denied"), "read it as root, or give a copy"),
        ("/sys/firmware/fdt", FileNotFoundError(2, "No such file"), "without a device tree (ACPI)"),
        ("/proc/device-tree", FileNotFoundError(2, "No such file"), "without a device tree (ACPI)"),
    ],
)
def test_what_linux_does_not_show(
    path: str, error: OSError, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("os.stat", fail)
    monkeypatch.setattr("os.path.isdir", lambda _: False)
    assert complaint(path).startswith(f"{path}: {error.strerror}; ")
    assert told in complaint(path)


def test_a_pipe_of_the_shell() -> None:
    """As ``xenassign inspect <(dtc …)``: named /dev/fd/N, read in parts, and without a size."""
    output, pipe = os.pipe()
    data = QEMU.read_bytes()

    def give() -> None:
        with open(pipe, "wb", buffering=0) as stream:
            for at in range(0, len(data), 1000):
                stream.write(data[at : at + 1000])

    giving = threading.Thread(target=give)
    giving.start()
    tree = read_host(f"/dev/fd/{output}")
    giving.join()
    again = read_host(f"/dev/fd/{output}")  # as each planned change of a request reads it
    os.close(output)
    assert content(tree.root) == content(again.root) == content(read_host(str(QEMU)).root)


def test_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert complaint("-") == "<stdin>: is closed; give a .dtb or .dts file"


@pytest.mark.parametrize("name", ["none.dtb", "none.dts", "none/board.dtb"])
def test_a_missing_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    assert complaint(str(path)) == f"{path}: No such file or directory; give a .dtb or .dts file"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "board.dtb"
    path.touch()
    assert complaint(str(path)) == f"{path}: is empty; give the .dtb that the board boots with"


@pytest.mark.parametrize("data", [b"\0", b"\x7fELF" + bytes(64), b"hello\n", b"\xd0\x0d\xfe"])
def test_what_is_no_devicetree(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "board.dtb"
    path.write_bytes(data)
    assert complaint(str(path)).startswith(f"{path}: is not a devicetree")


def test_a_damaged_blob(tmp_path: Path) -> None:
    path = tmp_path / "board.dtb"
    path.write_bytes(QEMU.read_bytes()[:100])
    with pytest.raises(DevicetreeError):
        read_host(str(path))
    assert complaint(str(path)).startswith(f"{path}: byte 0x4: ")


def test_a_file_larger_than_any_board(tmp_path: Path) -> None:
    path = tmp_path / "board.dtb"
    with path.open("wb") as stream:
        stream.write(QEMU.read_bytes())
        stream.truncate((64 << 20) + 1)
    assert complaint(str(path)).startswith(f"{path}: larger than 64 MiB;")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(XenassignError):
        read_host("board\0.dtb")
