"""A package, so that its tests share ``shells``."""
