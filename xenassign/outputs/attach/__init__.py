"""Overlays for ``xl dt-overlay`` of a running Xen."""

#: What follows a domain's name in the names of its files.
ENDINGS = (".attach.host.dtbo", ".attach.host.dtso", ".attach.dtbo", ".attach.dtso")
