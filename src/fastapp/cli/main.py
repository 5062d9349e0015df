"""The entry point and the group of all commands."""

from __future__ import annotations

import importlib
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from fastapp import __version__
from fastapp.cli.app_commands import load_app_commands, scan_app_commands
from fastapp.cli.registry import COMMANDS
from fastapp.exceptions import CommandError, FastAppError, Terminated

EXIT_ERROR = 1
EXIT_USAGE = 2


class LazyGroup(click.Group):
    """Imports a command when it is run, and the settings only for a command of an app."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the framework's commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported; None when there is none of that name.

        ``serve_static`` is ``serve-static``, as in the earlier framework.
        """
        entry = COMMANDS.get(cmd_name.replace("_", "-"))
        if entry is None:
            return load_app_commands().get(cmd_name)
        module, _, attribute = entry[0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a guess at what was meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            from difflib import get_close_matches

            from fastapp.upgrade.command_lines import COMMANDS as OLD
            from fastapp.upgrade.command_lines import command_name

            old = OLD.get(command_name(args[0]))
            guess = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{guess[0]}'?" if guess else ""
            hint = f" Fix: {old}." if old else hint
            raise click.UsageError(f"{exc.message}{hint}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])
        extra = scan_app_commands(project_dir())
        if extra:
            with formatter.section("Commands of apps"):
                formatter.write_dl([(name, f"from {extra[name]}") for name in sorted(extra)])


def project_dir() -> Path:
    """Folder of the ``manage.py`` that was started."""
    return Path(sys.argv[0]).resolve().parent


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="QingKong fastapp")
def cli() -> None:
    """QingKong: apps on FastAPI and Tortoise ORM, in the manner of Django.

    Settings come from the module in FASTAPP_SETTINGS_MODULE (common.settings unless told), and
    from QK_* variables.
    """


def _explained(exc: click.ClickException) -> click.ClickException:
    """The error, with what replaces an option of the earlier framework."""
    if not isinstance(exc, click.NoSuchOption) or exc.ctx is None:
        return exc
    from fastapp.upgrade.command_lines import OPTIONS

    fix = OPTIONS.get(exc.ctx.info_name or "", {}).get(exc.option_name)
    return click.UsageError(f"{exc.message} Fix: {fix}.", exc.ctx) if fix else exc


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(128 + number)


def main() -> NoReturn:
    """Run the command that ``sys.argv`` asks for, and exit.

    Exit codes: 0 done, 1 the command failed or found mistakes, 2 wrong usage; 130 interrupted,
    143 ended by SIGTERM.
    """
    # The first process of a container has no default for SIGTERM: without a handler it would be
    # ignored until the server has its own, and `docker stop` would wait and kill.
    signal.signal(signal.SIGTERM, _end)
    try:
        code = cli(prog_name=Path(sys.argv[0]).name, standalone_mode=False)
    except click.exceptions.Exit as exc:
        sys.exit(exc.exit_code)
    except click.ClickException as exc:
        _explained(exc).show()
        sys.exit(exc.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except CommandError as exc:
        click.echo(f"Error: {exc}", err=True)
        sys.exit(exc.exit_code)
    except FastAppError as exc:
        # The text names the key or the file; the traceback would bury it. What the app's own code
        # did is the cause, and is shown.
        click.echo(f"Error: {exc}", err=True)
        sys.exit(EXIT_ERROR)
    sys.exit(code if isinstance(code, int) else 0)
