"""Domains for a dom0 that is Zephyr: a C description, and the configuration of xrun."""

#: What follows a domain's name in the names of its files.
SOURCE, XRUN = ".zephyr.c", ".xrun.json"
ENDINGS = (SOURCE, XRUN)
