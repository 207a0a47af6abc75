"""Commands that fit models or check a source: run, validate, train and backtest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli._app import command, flags_of_the_data
from guanxi.cli._endings import echo
from guanxi.cli._options import Engine, EngineOption, IdColumn, Label, OutputFolder, RunSource, Source

if TYPE_CHECKING:
    from guanxi.params import Params


@command(
    "task",
    "horizon",
    "as_of",
    "columns",
    "exclude",
    "tracking_uri",
    examples="guanxi run sales.csv --columns 'customer_id=CustomerID,timestamp=Date,amount=Quantity*Price'\n"
    "guanxi run telco.csv --task labels --label Churn --id customerID",
)
def run(
    context: typer.Context,
    source: RunSource = None,
    output: OutputFolder = Path("output"),
    label: Label = None,
    id_column: IdColumn = None,
    *,
    params: Params,
) -> None:
    """Validate, train, evaluate, register, predict and report."""
    from guanxi.jobs.reporter import ConsoleReporter

    if _is_of_labels(context, params, label, id_column):
        from guanxi.jobs.run_labels import run_labels, summary_text

        if source is None:
            raise typer.BadParameter("--task labels needs a SOURCE with one row per customer")
        result = run_labels(
            source, output, label=label, id_column=id_column, params=params, progress=ConsoleReporter()
        )
        echo(summary_text(result))
        return
    if params.task == "contracts":
        from guanxi.jobs import run_contracts

        if source is None:
            raise typer.BadParameter("--task contracts needs a SOURCE of contracts")
        done = run_contracts.run_contracts(source, output, params=params, progress=ConsoleReporter())
        echo(run_contracts.summary_text(done, source, flags_of_the_data(context)))
        return
    from guanxi.jobs import summary
    from guanxi.jobs.run import run as job

    finished = job(source or "cdnow", output, params=params, progress=ConsoleReporter())
    echo(summary.of_run(finished, source, flags_of_the_data(context)))


@command(
    "task",
    "horizon",
    "as_of",
    "columns",
    "exclude",
    examples="guanxi validate sales.csv --horizon 90\nguanxi validate gym.csv --task contracts",
)
def validate(source: Source, engine: EngineOption = Engine.duckdb, *, params: Params) -> None:
    """Report what is usable in a source, what is rejected and why."""
    from guanxi.errors import DataError, HistoryError
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.validate import usability_text
    from guanxi.jobs.validate import validate as job

    usability = job(source, params=params, engine=engine.value, progress=ConsoleReporter())
    echo(usability_text(usability))
    if not usability.usable:
        raise HistoryError(
            f"not enough data for a horizon of {params.horizon_days:,} days: see the report above"
        )
    if usability.unreadable:
        raise DataError(usability.unreadable)


@command(
    "task",
    "horizon",
    "as_of",
    "columns",
    "exclude",
    "tracking_uri",
    examples="guanxi train sales.csv --horizon 180 --set seed=7\n"
    "guanxi train --task labels --label Churn --id customerID telco.csv",
)
def train(
    context: typer.Context,
    source: Source,
    engine: EngineOption = Engine.duckdb,
    label: Label = None,
    id_column: IdColumn = None,
    *,
    params: Params,
) -> None:
    """Fit, evaluate, log and register a candidate."""
    from guanxi.jobs.reporter import ConsoleReporter

    _check_engine(engine, params)
    if _is_of_labels(context, params, label, id_column):
        from guanxi.jobs.train_labels import summary_text, train_labels, use_text

        training = train_labels(
            source, label=label, id_column=id_column, params=params, progress=ConsoleReporter()
        )
        echo(summary_text(training))
        echo(use_text(training))
        return
    if params.task == "contracts":
        from guanxi.jobs import train_contracts

        of_contracts = train_contracts.train_contracts(source, params=params, progress=ConsoleReporter())
        echo(train_contracts.summary_text(of_contracts))
        return
    from guanxi.jobs import summary
    from guanxi.jobs.train import train as job

    trained = job(source, params=params, engine=engine.value, progress=ConsoleReporter())
    echo(summary.of_training(trained))


def _check_engine(engine: Engine, params: Params) -> None:
    """Refuse Spark for tables with one row per customer."""
    if engine is Engine.spark and params.task != "purchases":
        raise typer.BadParameter(f"task {params.task} has one row per customer: leave --engine out")


def _is_of_labels(context: typer.Context, params: Params, label: str | None, id_column: str | None) -> bool:
    """Whether the task is labels; refuse options of another task."""
    if params.task != "labels":
        if label or id_column:
            raise typer.BadParameter("--label and --id need --task labels")
        return False
    of_days = {"horizon": "--horizon", "as_of": "--as-of"}
    given = [option for name, option in of_days.items() if context.params[name] is not None]
    if given:
        raise typer.BadParameter(f"--task labels knows no days: leave {' and '.join(given)} out")
    return True


@command(
    "task",
    "horizon",
    "as_of",
    "columns",
    "exclude",
    examples="guanxi backtest sales.csv -o backtest --horizon 90 --cutoff 2011-03-01",
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
    engine: EngineOption = Engine.duckdb,
    *,
    params: Params,
) -> None:
    """Fit and evaluate at several past cutoffs, compared with naive forecasts."""
    from guanxi.jobs.reporter import ConsoleReporter

    _check_engine(engine, params)
    if params.task == "labels":
        raise typer.BadParameter(
            "labels have no dates to go back to: guanxi train measures by cross-validation"
        )
    if params.task == "contracts":
        from guanxi.jobs import backtest_contracts as contracts

        found = contracts.backtest_contracts(
            source, output, params=params, cutoffs=cutoff or (), progress=ConsoleReporter()
        )
        echo(contracts.summary_text(found))
        return
    from guanxi.jobs.backtest import backtest as job
    from guanxi.jobs.backtest import summary_text

    result = job(
        source,
        output,
        params=params,
        cutoffs=cutoff or (),
        engine=engine.value,
        progress=ConsoleReporter(),
    )
    echo(summary_text(result))


@command(
    *("horizon", "as_of", "columns"),
    examples="guanxi init sales.csv\nguanxi init sales.xlsx --columns 'customer_id=Member No'",
)
def init(source: Source, params: Params) -> None:
    """Look at a file, and write params.yaml with the columns guessed and why."""
    from guanxi.jobs.init import init as job
    from guanxi.jobs.init import summary_text
    from guanxi.jobs.reporter import ConsoleReporter

    echo(summary_text(job(source, params=params, progress=ConsoleReporter()), source))
