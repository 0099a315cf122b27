"""What the guest lacks although Xen accepts it: rules about a ``View`` of its tree."""
