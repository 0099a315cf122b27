"""The group of all commands, and what becomes of their errors."""

from __future__ import annotations

import copy
import importlib
import io
import os
import sys
from typing import NoReturn

import click

from xenassign import __version__, process
from xenassign.cli import short_help
from xenassign.errors import XenassignError
from xenassign.spelling import did_you_mean

_COMMANDS = {
    "inspect": "xenassign.cli.inspect",
    "generate": "xenassign.cli.generate",
    "complete": "xenassign.cli.complete",
    "plan": "xenassign.cli.plan",
    "report": "xenassign.cli.report",
    "diff": "xenassign.cli.diff",
    "lint": "xenassign.cli.lint",
    "explain": "xenassign.cli.explain",
    "init": "xenassign.cli.init",
    "schema": "xenassign.cli.schema",
    "collect": "xenassign.cli.collect",
    "server": "xenassign.cli.server",
}


class _NoSuchCommandError(click.UsageError):
    """A command that does not exist; ``question``: which one it may be."""

    def __init__(self, name: str, context: click.Context) -> None:
        super().__init__(f"No such command '{name}'", context)
        self.question = did_you_mean(name, _COMMANDS)


class _Lazy(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = copy.copy(importlib.import_module(module).command)
        command.params = [*command.params, short_help.OPTION]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise _NoSuchCommandError(args[0], ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Lazy,
    context_settings={"max_content_width": 100},
    params=[short_help.OPTION],
    no_args_is_help=True,
)
@click.version_option(__version__, "-V", "--version", prog_name="xenassign")
def cli() -> None:
    """Assign devices to guests of Xen on Arm.

    Reads a board's device tree and the paths of devices, and writes what Xen requires to assign
    these devices to a guest: the partial device tree, the dom.cfg for xl, the marks for the host
    tree, the dom0less domain node. Before the boot it reports what Xen would refuse, and why.

    \b
    Example:
      xenassign inspect board.dtb
      xenassign generate board.dtb -d ethernet0 --memory 1024 --vcpus 2 -o out
    """


def run() -> NoReturn:
    """Runs the command line of this process. Raises SystemExit with the status of an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # in a locale without UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if "_XENASSIGN_COMPLETE" in os.environ:
            from xenassign.cli.completion import register

            register()
        status = cli.main(standalone_mode=False, prog_name="xenassign")
        sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except XenassignError as error:
        _die(error.exit_status, *error.lines)
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2 and newer have it
            click.echo(error.format_message())
            sys.exit(2)
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "xenassign"
        question = _question(error, context)
        message = error.message if question else error.format_message()
        message = " ".join(message.rstrip(".").split())  # it may have several lines
        _die(2, f"{message}; {question or f'see `{where} --help`'}")
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename:
            _die(2, f"{error.filename}: {reason}; fix that, and run the command again")
        process.say(f"error: standard output: {reason}; no more output can be written")
        process.close(1, 2)
        sys.exit(2)
    except Exception as error:
        if os.environ.get("XENASSIGN_DEBUG"):
            raise
        _die(
            2,
            f"internal error, {type(error).__name__}: {error}; this is a bug in xenassign, please"
            " report it (XENASSIGN_DEBUG=1 prints the traceback)",
        )


def _question(error: click.ClickException, context: click.Context | None) -> str:
    """The options or commands that a mistyped one may be, as a question; "" for another error."""
    if isinstance(error, _NoSuchCommandError):
        return error.question
    if not isinstance(error, click.NoSuchOption) or context is None:
        return ""
    if len(error.option_name) == len("-o"):
        return ""  # each letter is one typing error away from each other
    names = (name for param in context.command.params for name in (*param.opts, "--help"))
    return did_you_mean(error.option_name, set(names))


def _die(status: int, *lines: str) -> NoReturn:
    for line in filter(None, lines):
        process.say(f"error: {line}")
    sys.exit(status)
