"""Commands that fit models or check a source: run, validate, train and backtest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli._app import command
from guanxi.cli._endings import echo
from guanxi.cli._options import OptionalSource, OutputFolder, Source, Task

if TYPE_CHECKING:
    from guanxi.params import Params


@command(
    "horizon",
    "as_of",
    "columns",
    "tracking_uri",
    epilog="Example: guanxi run sales.csv --columns customer_id=CustomerID,timestamp=Date,amount=Total",
)
def run(source: OptionalSource = "cdnow", output: OutputFolder = Path("output"), *, params: Params) -> None:
    """Validate, train, evaluate, register, predict and report."""
    from guanxi.jobs import summary
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.run import run as job

    echo(summary.of_run(job(source, params, output, ConsoleReporter())))


@command("horizon", "as_of", "columns", epilog="Example: guanxi validate sales.csv --horizon 90")
def validate(source: Source, params: Params) -> None:
    """Report what is usable in a source, what is rejected and why."""
    from guanxi.errors import DataError, HistoryError
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.validate import usability_text
    from guanxi.jobs.validate import validate as job

    usability = job(source, params, ConsoleReporter())
    echo(usability_text(usability))
    if not usability.usable:
        raise HistoryError(
            f"not enough data for a horizon of {params.horizon_days:,} days: see the report above"
        )
    if usability.unreadable:
        raise DataError(usability.unreadable)


@command(
    "horizon",
    "as_of",
    "columns",
    "tracking_uri",
    epilog="Examples: guanxi train sales.csv --horizon 180 --set seed=7; "
    "guanxi train --task churn --label Churn --id customerID telco.csv",
)
def train(
    context: typer.Context,
    source: Source,
    task: Annotated[
        Task,
        typer.Option("--task", help="transactions: value and churn; churn: from a label column."),
    ] = Task.transactions,
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="COLUMN[=VALUE]", help="With --task churn: the label (churn: 1, true, yes)."
        ),
    ] = None,
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="With --task churn: the identifier.")
    ] = None,
    *,
    params: Params,
) -> None:
    """Fit, evaluate, log and register a candidate."""
    if task is Task.churn:
        _train_labels(context, source, params, label, id_column)
        return
    if label or id_column:
        raise typer.BadParameter("--label and --id need --task churn")
    from guanxi.jobs import summary
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.train import train as job

    echo(summary.of_training(job(source, params=params, reporter=ConsoleReporter())))


def _train_labels(
    context: typer.Context, source: str, params: Params, label: str | None, id_column: str | None
) -> None:
    """Train on a table with one labelled row per customer."""
    if label is None or id_column is None:
        raise typer.BadParameter("--task churn needs --label COLUMN and --id COLUMN")
    of_transactions = {"horizon": "--horizon", "as_of": "--as-of", "columns": "--columns"}
    given = [option for name, option in of_transactions.items() if context.params[name] is not None]
    if given:
        raise typer.BadParameter(f"--task churn reads no transactions: leave {' and '.join(given)} out")
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.train_labels import summary_text, train_labels

    training = train_labels(
        source, label=label, id_column=id_column, params=params, reporter=ConsoleReporter()
    )
    echo(summary_text(training))


@command(
    "horizon",
    "as_of",
    "columns",
    epilog="Example: guanxi backtest sales.csv -o backtest --horizon 90 --cutoff 2011-03-01",
)
def backtest(
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the tables.")],
    cutoff: Annotated[
        list[str] | None,
        typer.Option(
            "--cutoff", metavar="DATE", help="Last day used to fit; repeatable. Default: up to five dates."
        ),
    ] = None,
    *,
    params: Params,
) -> None:
    """Fit and evaluate at several past cutoffs, compared with naive forecasts."""
    from guanxi.jobs.backtest import backtest as job
    from guanxi.jobs.backtest import summary_text
    from guanxi.jobs.reporter import ConsoleReporter

    result = job(source, output, params=params, cutoffs=cutoff or (), reporter=ConsoleReporter())
    echo(summary_text(result))
