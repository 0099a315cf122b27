"""The keys of xenassign.toml: name, kind of value, meaning, an example.

``whole_file`` has the table of the file and those of its sections; ``domain_section`` and
``domain_devices`` have those of a domain. The check of a file and its hints (``mistakes``), the
schema that ``xenassign schema`` prints, the reference in docs/system.md and the file that
``xenassign init`` writes are made of them. To add a key, add a line to the table of its section and
the code that uses it. A key with a ``field`` needs no code: its value is passed to that field of
:class:`~xenassign.request.request.Request` unchanged (a list as a tuple).

A key has the name of the option of ``xenassign generate`` with the same meaning, without dashes.
The options (:mod:`xenassign.request.options`) are a table of their own: their values are texts that
name what they are about (``--map PATH=WHERE``), not values of TOML below a device, so that help,
type and field differ; and ``--help`` need not import what the kinds here need. A test compares the
names and fields.
"""
