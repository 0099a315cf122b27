"""The U-Boot script: the changes of the host's tree as ``fdt`` commands, and the boot.

The script uses what is common to recent releases of U-Boot: no ``fdt apply`` (which requires
CONFIG_OF_LIBFDT_OVERLAY), no ``exit`` (2023.01 continues after it), at most 16 words in a command,
no value of more than 1024 bytes. In double quotes U-Boot's shell keeps a backslash and removes
single quotes, so a text with such characters is written as bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.changes import Change, libfdt_finds_instead
from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Text, encode
from xenassign.devicetree.tree import Property, Tree
from xenassign.errors import OutputError
from xenassign.escape import hash_comment, uboot_string, uboot_word
from xenassign.outputs.boot import HOST_TREE, IMAGE, SCRIPT
from xenassign.outputs.boot.decide import BootPlan, LoadedModule
from xenassign.outputs.boot.host_changes import UBOOT_VALUE_MAX
from xenassign.outputs.domain.text import joined
from xenassign.request.boot_request import CHOSEN, HOST, UBOOT, LoadOption
from xenassign.system.system import SystemPlan

_FAILED = "xenassign_failed"


def write(system: SystemPlan, boot: BootPlan) -> dict[str, bytes]:
    """The requested files by name. Raises OutputError."""
    tree = system.resolved.platform.host_tree
    files: dict[str, bytes] = {}
    if HOST in boot.request.outputs:
        changes = boot.changes if CHOSEN in boot.request.outputs else boot.marks
        files[HOST_TREE] = edited(boot.data, changes, tree.file)
    if UBOOT in boot.request.outputs:
        script = boot_cmd(boot, tree)
        files[SCRIPT] = script.encode()
        files[IMAGE] = boot_scr(script)
    return files


def boot_cmd(plan: BootPlan, tree: Tree) -> str:
    """boot.cmd: the script as text. ``tree``: the host's. Raises OutputError."""
    assert plan.host is not None, "a U-Boot script has the address of the board's tree"
    lines = list(_script(plan, plan.host, tree))
    modules = [module.load for module in plan.modules]
    loads = [load for load in (plan.xen, plan.host, *modules) if load is not None]
    return joined((*_header(plan, loads), "", *lines))


def _header(plan: BootPlan, loads: Iterable[LoadOption]) -> Iterator[str]:
    """The comment at the top: what is loaded where."""
    loading = plan.request.load_with
    yield from _ABOUT.splitlines()
    yield (
        "# The script loads each file below."
        if loading
        else "# Load these files before you run it:"
    )
    for load in loads:
        more = ""
        if load.file and (loading or load.image == "dtb"):
            more = hash_comment(f", {load.file}")
        elif load.size and load.image != "host":
            more = f", {load.size} bytes"
        yield f"#   {load.name:14} at {load.start:#x}{more}"


_ABOUT = """\
# U-Boot script of xenassign: marks the board's tree, adds what Xen boots, and starts Xen.
# U-Boot runs boot.scr (`source ADDRESS`). This is its text, for reading and for `mkimage -T \
script`.
"""


def boot_scr(script: str) -> bytes:
    """boot.scr: the script for U-Boot's ``source``, a legacy image of type script.

    The layout is that of U-Boot's include/image.h; its time is 0.
    """
    text = script.encode()
    body = struct.pack(">II", len(text), 0) + text
    magic, linux, arm64, script_type, none = 0x27051956, 5, 22, 6, 0

    def header(checksum: int) -> bytes:
        numbers = (magic, checksum, 0, len(body), 0, 0, zlib.crc32(body))
        return struct.pack(">7I4B32s", *numbers, linux, arm64, script_type, none, b"xenassign")

    return header(zlib.crc32(header(0))) + body


def _script(plan: BootPlan, host: LoadOption, tree: Tree) -> Iterator[str]:
    yield f"setenv {_FAILED}"
    yield from _load(plan, host)
    yield _step(f"fdt addr {host.start:#x}")
    yield _step(f"fdt resize {plan.growth:#x}")
    modules = {module.path: module for module in plan.modules}
    for change in plan.changes:
        yield ""
        if change.why:
            yield f"# {hash_comment(change.why)}"
        yield from _change(plan, change, tree, modules)
    yield ""
    yield from _boot(plan, host)


def _boot(plan: BootPlan, host: LoadOption) -> Iterator[str]:
    failed = f'"${{{_FAILED}}}"'
    if plan.xen is not None:
        yield from _load(plan, plan.xen)
        yield "# U-Boot must not move the tree, which could then overlap a module."
        yield "setenv fdt_high 0xffffffffffffffff"
    yield f"if test -n {failed}; then"
    yield '  echo "xenassign: a step failed, see above; Xen is not started"'
    yield "else"
    if plan.xen is None:
        yield f'  echo "xenassign: the tree at {host.start:#x} is ready"'
    else:
        yield f"  booti {plan.xen.start:#x} - {host.start:#x}"
    yield "fi"


def _load(plan: BootPlan, load: LoadOption) -> Iterator[str]:
    if plan.request.load_with is not None and load.file is not None:
        yield _step(f"{plan.request.load_with} {load.start:#x} {_file(load.file)}")


def _change(
    plan: BootPlan, change: Change, tree: Tree, modules: dict[str, LoadedModule]
) -> Iterator[str]:
    path = change.path
    other = libfdt_finds_instead(tree, path)
    if other is not None:
        raise OutputError(
            f"--uboot-script: U-Boot finds {other} instead of {path}, since it comes first;"
            " use --host-out"
        )
    old = tree.find(path)
    if old is None:
        above, _, name = path.rpartition("/")
        yield _step(f"fdt mknod {uboot_word(above or '/')} {uboot_word(name)}")
    for name in change.drop:
        yield _step(f"fdt rm {uboot_word(path)} {uboot_word(name)}")
    for name in change.remove:
        yield _step(f"fdt rm {uboot_word(f'{path}/{name}')}")
    for prop in change.properties:
        yield set_property(path, prop)
    # fdt mknod puts a node before its siblings, and Xen numbers the domains in their order.
    for child in reversed(change.children):
        if old is not None and child.name in old.children:
            yield _step(f"fdt rm {uboot_word(f'{path}/{child.name}')}")
        yield from _node(plan, path, child, modules)


def _node(
    plan: BootPlan, above: str, node: DraftNode, modules: dict[str, LoadedModule]
) -> Iterator[str]:
    path = f"{above}/{node.name}"
    yield _step(f"fdt mknod {uboot_word(above)} {uboot_word(node.name)}")
    module = modules.get(path)
    loaded = plan.request.load_with is not None and module is not None and module.load.file
    for prop in node.properties:
        if module is not None and loaded and prop.name == "reg":
            yield from _load(plan, module.load)
            address = " ".join(map(hex, _cells(prop)[: module.cells[0]]))
            zeros = "0x0 " * (module.cells[1] - 1)
            yield _step(f'fdt set {uboot_word(path)} reg "<{address} {zeros}0x${{filesize}}>"')
        else:
            yield set_property(path, prop)
    for child in reversed(node.children):
        yield from _node(plan, path, child, modules)


def _cells(prop: DraftProperty) -> tuple[int, ...]:
    return Property(prop.name, encode(prop, {})).cells()


def set_property(path: str, prop: DraftProperty) -> str:
    """The command that sets a property. Raises OutputError if the value is too long."""
    size = len(encode(prop, {}))
    if size > UBOOT_VALUE_MAX:
        raise OutputError(
            f"--uboot-script: {prop.name} of {path} has {size} bytes and U-Boot's fdt takes"
            f" {UBOOT_VALUE_MAX}; make it shorter, or use --host-out"
        )
    words = f"fdt set {uboot_word(path)} {uboot_word(prop.name)} {value_words(prop)}"
    return _step(words.rstrip())


def value_words(prop: DraftProperty) -> str:
    """A property's value as U-Boot's ``fdt set`` takes it; nothing for a boolean."""
    if not prop.pieces:
        return ""
    if all(isinstance(piece, Cells) for piece in prop.pieces):
        return '"<' + " ".join(map(hex, _cells(prop))) + '>"'
    texts = [uboot_string(piece.value) for piece in prop.pieces if isinstance(piece, Text)]
    if len(texts) == len(prop.pieces) and None not in texts:
        return " ".join(filter(None, texts))
    return f'"[{encode(prop, {}).hex(" ")}]"'


def _file(name: str) -> str:
    quoted = uboot_string(name)
    if quoted is None:
        raise OutputError(
            f"--uboot-script: the name {name!r} is invalid for U-Boot's shell; use letters, digits"
            " and ./_-"
        )
    return quoted


def _step(command: str) -> str:
    """A command whose failure the script remembers."""
    return f"{command} || setenv {_FAILED} 1"
