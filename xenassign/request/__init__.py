"""What a user asks for: options and xenassign.toml, checked for form, names looked up on a board.

Nothing here knows whether Xen accepts it. Private.
"""
