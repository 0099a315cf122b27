"""Domains for a dom0 that is Zephyr: a C description, and the configuration of xrun."""
