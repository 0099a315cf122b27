"""The boot by UEFI: what Xen's own EFI loader reads beside xen.efi."""
