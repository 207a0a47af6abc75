"""The command without its subcommands, and what they have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from guanxi.params import Params

app = typer.Typer(
    name="guanxi",
    invoke_without_command=True,
    help="What every customer relationship is worth, whether it will last, and why.",
    add_completion=False,
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

        typer.echo(f"guanxi {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def resolve(
    params: Path | None,
    overrides: list[str] | None,
    columns: str | None,
    tracking_uri: str | None = None,
    **flags: Any,
) -> Params:
    """Resolve the parameters from what a command was given; ``flags`` by their keys."""
    from guanxi.params import load_params, parse_columns

    mapped = None if columns is None else parse_columns(columns)
    given = {**flags, "data.columns": mapped, "mlflow.tracking_uri": tracking_uri}
    return load_params(params, overrides or (), given)
