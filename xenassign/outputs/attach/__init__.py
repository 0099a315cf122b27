"""Overlays for ``xl dt-overlay`` of a running Xen."""
