"""Options that several commands have; those of domains and their boot are made of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
from click.core import ParameterSource

from xenassign.request.options import BOOT, DOMAIN, Option

F = Callable[..., Any]

host_argument = click.argument("host", metavar="HOST")


def _made(option: Option) -> Callable[[F], F]:
    """The option for click."""
    flags = option.flags if isinstance(option.flags, tuple) else (option.flags,)
    kind = click.Choice(option.choices) if option.choices else int if option.number else None
    return click.option(
        *flags,
        option.field,
        metavar=option.metavar,
        type=kind,
        multiple=option.repeated,
        is_flag=option.metavar is None and not option.choices,
        default=option.default,
        show_default=option.default is not None,
        help=option.help,
    )


_DOMAIN = {option.field: _made(option) for option in DOMAIN}
_BOOT = [_made(option) for option in BOOT]
xen_option, driver_option = _DOMAIN["release"], _DOMAIN["drivers"]
console_option = _DOMAIN["xen_console"]

config_option = click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="A xenassign.toml with boards and domains. Other options override the file, for all of its"
    " domains or for the one that --name selects.",
)


lock_option = click.option(
    "--lock",
    metavar="FILE",
    help="The file that keeps the decisions.  [default: with -c and its boards, that file with"
    " .lock for .toml; otherwise none]",
)


def board_options(command: F) -> F:
    """Which boards: HOST, more of them, or those of a xenassign.toml."""
    for option in (
        click.option(
            "--host",
            "hosts",
            multiple=True,
            metavar="FILE",
            help="One more board that the plan must be valid on: a revision, or a board that the"
            " guest may be moved to. Repeat it.",
        ),
        config_option,
        click.argument("host", metavar="[HOST]", required=False),
    ):
        command = option(command)
    return command


def request_options(command: F) -> F:
    """Adds the options that describe a domain, for every command that plans one."""
    for option in reversed(_DOMAIN.values()):
        command = option(command)
    return command


def boot_options(command: F) -> F:
    """Adds the options about how Xen and the domains boot."""
    for option in reversed(_BOOT):
        command = option(command)
    return command


def given_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the running command's options that the command line gives."""
    context = click.get_current_context()
    return {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
