"""The files of a domain: partial device tree, xl configuration, host overlay, dom0less node."""

#: What follows a domain's name in the names of its files.
ENDINGS = (".dtb", ".dts", ".host.dtbo", ".host.dtso", ".cfg", ".dom0less.dtso")
