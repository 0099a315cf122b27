"""What to try after a refusal: a search over the options of a request.

``remedies`` is the table from findings to changes of the request, ``search`` combines them and
plans each combination, ``change`` applies them. The command line and xenassign.toml render them.
"""
