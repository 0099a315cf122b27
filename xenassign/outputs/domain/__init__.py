"""The files of a domain: partial device tree, xl configuration, host overlay, dom0less node."""
