"""The boot by UEFI: what Xen's own EFI loader reads beside xen.efi."""

CONFIG, TREE = "xen.cfg", "xen.dtb"
NAMES = (CONFIG, TREE)
