"""Findings about files: what Xen, libxl and the guest make of them.

``session`` is one run of the command: it reads ``documents``, has the ``linter`` ask all rules, and
lets ``fixes`` mend them. Rules stand in modules by subject. Those that walk a file as Xen does
(``dom0less``, ``domcfg``, ``domain_node``) foretell the verdict; those of ``partial`` say what an
accepted tree lacks in the guest, ``cross`` sets a configuration against its tree. ``generated`` is
``generate``: it asks the same rules about the bytes that it is about to write.
"""
