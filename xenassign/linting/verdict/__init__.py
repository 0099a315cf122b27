"""What Xen and xl refuse, read from the bytes in the order in which they read them."""
