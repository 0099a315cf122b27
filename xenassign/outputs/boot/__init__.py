"""The boot of a system: the changed host tree, /chosen, the U-Boot script."""

#: The key of the changed host tree among the files: --host-out names the file, outside of -o.
HOST_TREE = "/host-out"
SCRIPT, IMAGE = "boot.cmd", "boot.scr"
NAMES = (HOST_TREE, SCRIPT, IMAGE)
