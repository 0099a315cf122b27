"""``xenassign schema``: the JSON Schema of xenassign.toml."""

from __future__ import annotations

import click

from xenassign.cli import printing


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of xenassign.toml, for editors.

    \b
    Example:
      xenassign schema >xenassign.schema.json
    """
    from xenassign.outputs.report.plan_json import to_json
    from xenassign.request.keys.whole_file import schema

    printing.document(to_json(schema()))
