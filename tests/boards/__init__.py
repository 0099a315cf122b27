"""Real boards in emulation: Xen boots from Linux' own trees, and guests use their devices."""
