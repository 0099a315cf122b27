"""Tests against the real hypervisor: Xen for arm64 under QEMU."""
