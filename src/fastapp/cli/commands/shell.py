"""``shell``: Python with ``await``, the databases open and all models imported."""

from __future__ import annotations

import sys
from typing import Any

import click

from fastapp.cli.asynchronous import asynchronous


@click.command("shell")
@click.option("-c", "--command", "code", help="Run this Python, 'await' included, and end.")
@asynchronous
async def shell(code: str | None) -> int:
    """Open Python with 'await' and all models imported.

    With -c, or when something is piped in, runs that and ends; exits with 1 when it raises.
    """
    from fastapp.db.lifecycle import databases

    if code is None and not sys.stdin.isatty():
        code = sys.stdin.read()
    async with databases():
        names = namespace()
        if code is None:
            await _interact(names)
            return 0
        return await _run(code, names)


def namespace() -> dict[str, Any]:
    """The names of a new shell: settings, apps, and every model by its name.

    When two apps have a model of one name, each is named "<label>_<Name>".
    """
    from tortoise.context import get_current_context

    from fastapp.apps import apps
    from fastapp.conf import settings

    names: dict[str, Any] = {"__name__": "__console__", "settings": settings, "apps": apps}
    context = get_current_context()
    found: dict[str, dict[str, Any]] = {}
    for label, models in (context.apps or {}).items() if context is not None else ():
        for name, model in models.items():
            found.setdefault(name, {})[label] = model
    for name, models in found.items():
        for label, model in models.items():
            names[name if len(models) == 1 else f"{label}_{name}"] = model
    return names


async def _run(code: str, names: dict[str, Any]) -> int:
    import traceback

    try:
        await _evaluate(compile_async(code, "<command>", "exec"), names)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except Exception:  # noqa: BLE001 - whatever the code raises
        traceback.print_exc()
        return 1
    return 0


def compile_async(code: str, file: str, mode: str) -> Any:
    """Code in which ``await`` may stand outside a function."""
    import ast

    return compile(code, file, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


async def _evaluate(code: Any, names: dict[str, Any]) -> Any:
    import inspect
    from types import FunctionType

    result = FunctionType(code, names)()
    return await result if inspect.isawaitable(result) else result


async def _interact(names: dict[str, Any]) -> None:
    """Read, run, print; in the event loop that the databases belong to."""
    import asyncio
    import code
    import codeop
    import contextlib

    with contextlib.suppress(ImportError):
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    console = code.InteractiveConsole(names)
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= _top_level_await()
    models = sorted(name for name in names if name[:1].isupper())
    click.echo(f"Python {sys.version.split()[0]}, with await. Models: {', '.join(models) or '-'}")
    buffer: list[str] = []
    while True:
        try:
            # In a thread, so that the event loop keeps the connections alive meanwhile.
            buffer.append(await asyncio.to_thread(input, "... " if buffer else ">>> "))
            compiled = compiler("\n".join(buffer), "<console>", "single")
            if compiled is None:
                continue
            buffer.clear()
            await _evaluate(compiled, names)
        except EOFError:
            click.echo()
            return
        except SystemExit:
            return
        except (SyntaxError, OverflowError, ValueError):
            buffer.clear()
            console.showsyntaxerror("<console>")
        except Exception:  # noqa: BLE001 - whatever the code raises
            console.showtraceback()


def _top_level_await() -> int:
    import ast

    return ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
