"""The boot of a system: the changed host tree, /chosen, the U-Boot script."""
