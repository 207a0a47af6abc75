"""The main command, and code shared by its subcommands."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from guanxi.cli._endings import echo
from guanxi.cli._options import FLAGS, TASK_NAMES, Debug, Task

if TYPE_CHECKING:
    from guanxi.params import Params

app = typer.Typer(
    name="guanxi",
    invoke_without_command=True,
    help="What every customer relationship is worth, whether it will last, and why.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    if version:
        from guanxi import __version__

        echo(f"guanxi {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        echo(context.get_help())


def help_of(function: Callable[..., None], examples: str) -> dict[str, Any]:
    """Return what the help of a command shows besides its options; nothing of it is cut or wrapped."""
    title = "Examples:" if "\n" in examples else "Example:"
    # The first line keeps the others from being wrapped, so that they can be copied.
    epilog = "\n".join(["\b", title, *(f"  {example}" for example in examples.splitlines())])
    return {"short_help": inspect.getdoc(function) or "", "epilog": epilog}


def command(*flags: str, examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a command whose argument ``params`` is resolved from the options; ``examples`` are lines.

    The options are ``--params``, ``--set``, those in ``flags``, and ``--debug``.
    """
    shared = {name: FLAGS[name] for name in FLAGS if name in (*flags, "params", "overrides")}

    def add(function: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            given.pop("debug")  # handled by main
            options = {name: given.pop(name) for name in shared}
            function(**given, params=resolve(**options))

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        hints = get_type_hints(function, localns={"Params": object}, include_extras=True)
        own = inspect.signature(function).parameters.values()
        options = {each.name: (hints[each.name], each.default) for each in own if each.name != "params"}
        options |= {name: (option, None) for name, option in shared.items()} | {"debug": (Debug, False)}
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)
                for name, (option, default) in options.items()
            ]
        )
        run.__annotations__ = {name: option for name, (option, _) in options.items()}
        app.command(**help_of(function, examples))(run)
        return function

    return add


def resolve(
    params: Path | None,
    overrides: list[str] | None,
    columns: str | None = None,
    horizon: int | None = None,
    as_of: str | None = None,
    tracking_uri: str | None = None,
    task: Task | None = None,
    exclude: list[str] | None = None,
) -> Params:
    """Resolve the parameters from the options of a command."""
    from guanxi.params import load_params, parse_columns

    flags = {
        "task": task and TASK_NAMES.get(task, task.value),
        "data.exclude": exclude or None,
        "horizon_days": horizon,
        "as_of": as_of,
        "data.columns": None if columns is None else parse_columns(columns),
        "mlflow.tracking_uri": tracking_uri,
    }
    return load_params(params, overrides or (), flags)


def flags_of_the_data(context: typer.Context) -> str:
    """Return the options by which a command read its source and chose its store, quoted for any shell."""
    given = context.params
    flags = {
        "--columns": given["columns"],
        "--params": given["params"],
        "--tracking-uri": given["tracking_uri"],
    }
    parts = [part for name, value in flags.items() if value is not None for part in (name, str(value))]
    for each in given["overrides"] or ():
        if each.startswith(("data.", "mlflow.")):
            parts += ["--set", each]
    return shlex.join(parts)
