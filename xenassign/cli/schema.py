"""``xenassign schema``: the JSON Schema of xenassign.toml."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of xenassign.toml, for editors and other tools.

    \b
    Example:
      xenassign schema >xenassign.schema.json
    """
    from xenassign.assign.project_keys import schema
    from xenassign.render.report import to_json

    click.echo(to_json(schema()), nl=False)
