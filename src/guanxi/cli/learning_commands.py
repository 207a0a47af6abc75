"""Commands that learn from a source: run, validate, train and backtest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guanxi.cli.app import app, resolve
from guanxi.cli.options import (
    AsOf,
    Columns,
    Debug,
    Horizon,
    OptionalSource,
    Overrides,
    ParamsFile,
    Source,
    Task,
    TrackingUri,
)

if TYPE_CHECKING:
    from guanxi.params import Params


@app.command(
    epilog="Example: guanxi run sales.csv --columns customer_id=CustomerID,timestamp=Date,amount=Total"
)
def run(
    source: OptionalSource = "cdnow",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the results.")
    ] = Path("output"),
    horizon: Horizon = None,
    as_of: AsOf = None,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Validate, train, evaluate, register, predict and report."""
    from guanxi.jobs import summary
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.run import run as job

    resolved = resolve(
        params, overrides, columns, horizon_days=horizon, as_of=as_of, tracking_uri=tracking_uri
    )
    typer.echo(summary.of_run(job(source, resolved, output, ConsoleReporter())))


@app.command(epilog="Example: guanxi validate sales.csv --horizon 90")
def validate(
    source: Source,
    horizon: Horizon = None,
    as_of: AsOf = None,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    debug: Debug = False,
) -> None:
    """Say what in a source is usable, what is rejected and why."""
    from guanxi.errors import HistoryError
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.validate import usability_text
    from guanxi.jobs.validate import validate as job

    resolved = resolve(params, overrides, columns, horizon_days=horizon, as_of=as_of)
    usability = job(source, resolved, ConsoleReporter())
    typer.echo(usability_text(usability))
    if not usability.usable:
        raise HistoryError(
            f"not enough data for a horizon of {resolved.horizon_days:,} days: "
            "the report above says what helps"
        )


@app.command(
    epilog="Examples: guanxi train sales.csv --horizon 180 --set seed=7; "
    "guanxi train --task churn --label Churn --id customerID telco.csv"
)
def train(
    source: Source,
    task: Annotated[
        Task,
        typer.Option(
            "--task", help="transactions: value and churn; churn: from a label column of one's own."
        ),
    ] = Task.transactions,
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="COLUMN[=VALUE]", help="With --task churn: who churned (1, true, yes)."
        ),
    ] = None,
    id_column: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="With --task churn: the customer.")
    ] = None,
    horizon: Horizon = None,
    as_of: AsOf = None,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Fit, evaluate, log and register a candidate."""
    resolved = resolve(
        params, overrides, columns, horizon_days=horizon, as_of=as_of, tracking_uri=tracking_uri
    )
    if task is Task.churn:
        _train_labels(
            source, resolved, label, id_column, {"horizon": horizon, "as-of": as_of, "columns": columns}
        )
        return
    if label or id_column:
        raise typer.BadParameter("--label and --id need --task churn")
    from guanxi.jobs import summary
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.train import train_log

    log, training = train_log(source, resolved, ConsoleReporter())
    log.close()
    typer.echo(summary.of_training(training))


def _train_labels(
    source: str, params: Params, label: str | None, id_column: str | None, of_transactions: dict[str, Any]
) -> None:
    """Train on one row per customer, with a label."""
    if label is None or id_column is None:
        raise typer.BadParameter("--task churn needs --label COLUMN and --id COLUMN")
    given = [f"--{name}" for name, value in of_transactions.items() if value is not None]
    if given:
        raise typer.BadParameter(f"--task churn reads no transactions: leave {' and '.join(given)} out")
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.train_labels import summary_text, train_labels

    training = train_labels(
        source, label=label, id_column=id_column, params=params, reporter=ConsoleReporter()
    )
    typer.echo(summary_text(training))


@app.command(epilog="Example: guanxi backtest sales.csv -o backtest --horizon 90 --cutoff 2011-03-01")
def backtest(
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the tables.")],
    cutoff: Annotated[
        list[str] | None,
        typer.Option(
            "--cutoff", metavar="DATE", help="Last day of a past; repeatable. Default: up to five, apart."
        ),
    ] = None,
    horizon: Horizon = None,
    as_of: AsOf = None,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    debug: Debug = False,
) -> None:
    """Fit and measure at several days of the past, beside naive forecasts."""
    from guanxi.jobs.backtest import backtest as job
    from guanxi.jobs.backtest import summary_text
    from guanxi.jobs.reporter import ConsoleReporter

    resolved = resolve(params, overrides, columns, horizon_days=horizon, as_of=as_of)
    result = job(source, output, params=resolved, cutoffs=cutoff or (), progress=ConsoleReporter())
    typer.echo(summary_text(result))
