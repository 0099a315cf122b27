"""The files of a whole system, beside those of its domains."""

from __future__ import annotations

from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.tree import Tree
from xenassign.outputs.boot.decide import BootPlan
from xenassign.outputs.boot.write import boot_cmd, boot_scr
from xenassign.outputs.imagebuilder.decide import COMMANDS, CONFIG
from xenassign.outputs.imagebuilder.write import imagebuilder
from xenassign.request.boot_request import CHOSEN, HOST, UBOOT
from xenassign.system.system import SystemPlan

#: Stands for the changed host tree, which has a name of the user's and no place in -o.
HOST_TREE = "/host-out"
SCRIPT, IMAGE = "boot.cmd", "boot.scr"
#: Names that are no domain's.
NAMES = frozenset({HOST_TREE, SCRIPT, IMAGE, CONFIG, COMMANDS})


def render_system(plan: SystemPlan, tree: Tree) -> dict[str, bytes]:
    """Name to content of what is asked for. ``tree``: the host's. Raises OutputError."""
    files: dict[str, bytes] = {}
    if plan.imagebuilder is not None:
        files.update(imagebuilder(plan.imagebuilder))
    boot = plan.boot
    if boot is None:
        return files
    if HOST in boot.request.outputs:
        files[HOST_TREE] = host_tree(boot, tree, chosen=CHOSEN in boot.request.outputs)
    if UBOOT in boot.request.outputs:
        script = boot_cmd(boot, tree)
        files[SCRIPT] = script.encode()
        files[IMAGE] = boot_scr(script)
    return files


def host_tree(boot: BootPlan, tree: Tree, *, chosen: bool) -> bytes:
    """The host's blob with the marks, and with the whole /chosen where asked for."""
    return edited(boot.data, boot.changes if chosen else boot.marks, tree.file)
