"""The language server, ``xenassign server``: what the lint says, in an editor, while one types.

``protocol`` is the only module that knows pygls; ``open_files`` judges the texts that are open, and
the others make what an editor shows of a judgement: diagnostics, fixes, links, hovers, completion.
Private.
"""
