"""What a plan means to the user: the verdict on each device of a board, and what to try.

``remedies`` is the table from findings to changes of the request, ``change`` applies them,
``verdict`` looks for the first that help a device alone, which ``assess`` does for a board.
``search`` combines changes for any request. The command line and xenassign.toml render them.
Private.
"""
