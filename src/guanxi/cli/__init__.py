"""The ``guanxi`` command: argument parsing only."""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from guanxi.cli.endings import STOPPED, explain_error, fail, without_passwords
from guanxi.cli.options import (
    AsOf,
    Columns,
    Debug,
    Engine,
    FailOn,
    Horizon,
    Model,
    OptionalSource,
    Overrides,
    ParamsFile,
    Source,
    Task,
    TrackingUri,
)

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
    from guanxi.jobs.progress import ConsoleProgress
    from guanxi.jobs.run import run as job

    resolved = _resolve(
        params, overrides, columns, horizon_days=horizon, as_of=as_of, tracking_uri=tracking_uri
    )
    typer.echo(summary.of_run(job(source, resolved, output, ConsoleProgress())))


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
    from guanxi.jobs.progress import ConsoleProgress
    from guanxi.jobs.validate import usability_text
    from guanxi.jobs.validate import validate as job

    resolved = _resolve(params, overrides, columns, horizon_days=horizon, as_of=as_of)
    usability = job(source, resolved, ConsoleProgress())
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
    resolved = _resolve(
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
    from guanxi.jobs.progress import ConsoleProgress
    from guanxi.jobs.train import train_log

    log, training = train_log(source, resolved, ConsoleProgress())
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
    from guanxi.jobs.progress import ConsoleProgress
    from guanxi.jobs.train_labels import summary_text, train_labels

    training = train_labels(
        source, label=label, id_column=id_column, params=params, progress=ConsoleProgress()
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
    from guanxi.jobs.progress import ConsoleProgress

    resolved = _resolve(params, overrides, columns, horizon_days=horizon, as_of=as_of)
    result = job(source, output, params=resolved, cutoffs=cutoff or (), progress=ConsoleProgress())
    typer.echo(summary_text(result))


@app.command(
    epilog="Examples: guanxi predict sales.csv -o scores.parquet --as-of 2011-12-09 --drivers 5; "
    "guanxi predict sales.csv -o duckdb://shop.db::scores"
)
def predict(
    source: Source,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="WHERE",
            help="A .parquet or .csv file; a folder of Parquet, as in scores/; "
            "or a table, as duckdb://FILE::TABLE or postgres://HOST/DATABASE::TABLE.",
        ),
    ],
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine", help="spark: where one machine is outgrown; from Parquet, into a folder of Parquet."
        ),
    ] = Engine.duckdb,
    model: Model = None,
    horizon: Horizon = None,
    as_of: AsOf = None,
    drivers: Annotated[
        int | None, typer.Option("--drivers", metavar="K", help="Drivers a row; default: as trained.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted job for this output.")
    ] = False,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Score every customer with a registered model, whose margin, interval and language are as trained."""
    from guanxi.jobs.predict import predict_to
    from guanxi.jobs.progress import ConsoleProgress

    # Schedulers end a job so: it leaves as at Ctrl-C, without its temporary files.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    resolved = _resolve(params, overrides, columns, as_of=as_of, tracking_uri=tracking_uri)
    given: dict[str, Any] = {
        "model": model,
        "params": resolved,
        "horizon_days": horizon,
        "drivers": drivers,
        "progress": ConsoleProgress(),
    }
    if engine is Engine.spark:
        if resume:
            raise typer.BadParameter("--engine spark does not resume: leave --resume out")
        from guanxi.jobs.predict_spark import predict_spark

        manifest = predict_spark(source, output, **given)
    else:
        manifest = predict_to(source, output, resume=resume, **given)
    day = f" as of {manifest.as_of}" if manifest.as_of else ""
    typer.echo(without_passwords(f"{manifest.rows:,} customers scored{day}: {output}"))


@app.command(epilog="Example: guanxi promote --set promotion.mae_increase=0.05")
def promote(
    model: Annotated[
        str | None, typer.Option("--model", help="As in models:/guanxi/3; default: models:/guanxi@candidate.")
    ] = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Make the candidate champion, if it is no worse on a window that neither has seen."""
    from guanxi.jobs.progress import ConsoleProgress
    from guanxi.jobs.promote import promote as job
    from guanxi.jobs.promote import summary_text

    resolved = _resolve(params, overrides, None, tracking_uri=tracking_uri)
    typer.echo(summary_text(job(resolved, model=model, progress=ConsoleProgress())))


@app.command(epilog="Example: guanxi rollback --tracking-uri http://127.0.0.1:5000")
def rollback(
    name: Annotated[
        str | None, typer.Option("--name", help="Registered model, as in guanxi-labels; default: guanxi.")
    ] = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Make the previous champion champion again."""
    from guanxi.jobs.progress import ConsoleProgress
    from guanxi.jobs.rollback import rollback as job
    from guanxi.jobs.rollback import summary_text

    resolved = _resolve(params, overrides, None, tracking_uri=tracking_uri)
    typer.echo(summary_text(job(resolved, name=name, progress=ConsoleProgress())))


@app.command(epilog="Example: guanxi doctor --tracking-uri http://127.0.0.1:5000")
def doctor(
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Say what is wrong with the environment or the store, and what to do; exit code 1 if anything is."""
    from guanxi.jobs.doctor import doctor as job
    from guanxi.jobs.doctor import findings_text
    from guanxi.jobs.progress import ConsoleProgress

    resolved = _resolve(params, overrides, None, tracking_uri=tracking_uri)
    findings = job(resolved, progress=ConsoleProgress())
    typer.echo(findings_text(findings))
    if any(each.level == "wrong" for each in findings):
        raise typer.Exit(1)


@app.command(epilog="Example: guanxi monitor sales.csv --predictions scores-2011-06.parquet -o monitor.json")
def monitor(
    source: Source,
    model: Model = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            "--predictions",
            metavar="FILE",
            help="Earlier predictions to measure; default: the model scores the day a horizon ago again.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The report as JSON.")
    ] = None,
    as_of: AsOf = None,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Say whether a model still fits the data: exit code 0 ok, 3 watch, 4 retrain."""
    from guanxi.jobs.monitor import monitor as job
    from guanxi.jobs.monitor_text import summary_text
    from guanxi.jobs.progress import ConsoleProgress

    resolved = _resolve(params, overrides, columns, as_of=as_of, tracking_uri=tracking_uri)
    found = job(
        source, output, model=model, predictions=predictions, params=resolved, progress=ConsoleProgress()
    )
    typer.echo(summary_text(found))
    raise typer.Exit(found.exit_code)


@app.command(epilog="Example: guanxi scorecard sales.csv -o scorecard --history 2")
def scorecard(
    source: OptionalSource = "cdnow",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the results.")
    ] = Path("scorecard"),
    history: Annotated[
        int,
        typer.Option("--history", min=0, metavar="N", help="Earlier days to compare with."),
    ] = 0,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            "--fail-on", help="Exit code 3 where an indicator is at its warning, or misses its target."
        ),
    ] = None,
    model: Model = None,
    as_of: AsOf = None,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Grade every customer's relationship: value, loyalty, satisfaction, interaction, risk, and why."""
    from guanxi.jobs.progress import ConsoleProgress
    from guanxi.jobs.scorecard import scorecard as job
    from guanxi.jobs.scorecard_text import alarms, summary_text

    resolved = _resolve(params, overrides, columns, as_of=as_of, tracking_uri=tracking_uri)
    if fail_on is not None and not resolved.scorecard.targets:
        raise typer.BadParameter(
            "give scorecard.targets, or there is nothing to fail on", param_hint="--fail-on"
        )
    found = job(source, output, resolved, ConsoleProgress(), model=model, history=history)
    typer.echo(summary_text(found, output))
    failing = alarms(found, fail_on.value) if fail_on is not None else []
    if failing:
        typer.echo(f"guanxi: to be looked at: {', '.join(failing)}", err=True)
        raise typer.Exit(3)


@app.command(epilog="Example: guanxi explain 0042 sales.csv -o 0042.png --as-of 2011-12-09")
def explain(
    customer_id: Annotated[
        str, typer.Argument(metavar="CUSTOMER_ID", help="As in the prediction table.", show_default=False)
    ],
    source: Source,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The picture; default: explain-CUSTOMER_ID.png."),
    ] = None,
    model: Model = None,
    horizon: Horizon = None,
    as_of: AsOf = None,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Tell one customer's story, worth, future and why, and draw what moves their churn."""
    from guanxi.jobs.explain import explain as job
    from guanxi.jobs.explain import picture_path
    from guanxi.jobs.progress import ConsoleProgress
    from guanxi.report.story import text

    resolved = _resolve(params, overrides, columns, as_of=as_of, tracking_uri=tracking_uri)
    picture = output or picture_path(customer_id)
    told = job(
        customer_id,
        source,
        picture,
        model=model,
        params=resolved,
        horizon_days=horizon,
        progress=ConsoleProgress(),
    )
    typer.echo(f"{text(told)}\n\n{picture}")


def _resolve(
    params: Path | None,
    overrides: list[str] | None,
    columns: str | None,
    tracking_uri: str | None = None,
    **flags: Any,
) -> Params:
    from guanxi.params import load_params, parse_columns

    mapped = None if columns is None else parse_columns(columns)
    given = {**flags, "data.columns": mapped, "mlflow.tracking_uri": tracking_uri}
    return load_params(params, overrides or (), given)


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


def main() -> NoReturn:
    """Run the command; every error ends in one line that says what to do, and an exit code."""
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        code = STOPPED
    except Exception as error:
        message, code = explain_error(error)
        if "--debug" in sys.argv:
            typer.echo(without_passwords(traceback.format_exc()), err=True)
        fail(message, code)
    if code == STOPPED:
        fail("stopped", STOPPED)
    sys.exit(code or 0)
