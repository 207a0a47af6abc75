"""Commands that score customers with a registered model: predict, report, scorecard and explain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guanxi.cli._app import app, command, help_of, resolve
from guanxi.cli._endings import echo
from guanxi.cli._options import (
    AsOf,
    Columns,
    Debug,
    Engine,
    FailOn,
    Horizon,
    Model,
    OptionalSource,
    OutputFolder,
    Overrides,
    ParamsFile,
    ReportedFolder,
    Source,
    Spoken,
    TaskOption,
    TrackingUri,
)

if TYPE_CHECKING:
    from guanxi.params import Params


_PREDICT_EXAMPLES = (
    "guanxi predict sales.csv -o scores.parquet --as-of 2011-12-09 --drivers 5\n"
    "guanxi predict sales.csv -o duckdb://shop.db::scores\nguanxi predict sales.csv -o new.csv --new"
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
            "--engine", help="spark: for data too large for one machine; reads and writes Parquet folders."
        ),
    ] = Engine.duckdb,
    model: Model = None,
    task: TaskOption = None,
    horizon: Horizon = None,
    as_of: AsOf = None,
    drivers: Annotated[
        int | None, typer.Option("--drivers", metavar="K", help="Drivers per row; default: as trained.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted job for this output.")
    ] = False,
    new: Annotated[
        bool,
        typer.Option("--new", help="Value of a customer who buys for the first time tomorrow, by group."),
    ] = False,
    columns: Columns = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Score all customers with a registered model; margin, interval and language are as trained."""
    from guanxi.jobs.predict import predict_to
    from guanxi.jobs.reporter import ConsoleReporter

    resolved = resolve(params, overrides, columns, as_of=as_of, tracking_uri=tracking_uri, task=task)
    given: dict[str, Any] = {
        "model": model,
        "params": resolved,
        "horizon_days": horizon,
        "progress": ConsoleReporter(),
    }
    if new:
        if resume or drivers is not None or engine is Engine.spark:
            raise typer.BadParameter("--new goes without --engine spark, --drivers and --resume")
        _predict_new(source, output, given)
        return
    given["drivers"] = drivers
    if engine is Engine.spark:
        if resume:
            raise typer.BadParameter("--engine spark cannot resume: leave --resume out")
        from guanxi.jobs.predict_spark import predict_spark

        manifest = predict_spark(source, output, **given)
    else:
        manifest = predict_to(source, output, resume=resume, **given)
    day = f" as of {manifest.as_of}" if manifest.as_of else ""
    echo(f"{manifest.rows:,} customers scored{day}: {output}")


app.command(**help_of(predict, _PREDICT_EXAMPLES))(predict)


def _predict_new(source: str, output: str, given: dict[str, Any]) -> None:
    from guanxi.jobs.predict_new import predict_new, summary_text

    echo(f"{summary_text(predict_new(source, output, **given))}: {output}")


def report(
    folder: ReportedFolder = Path("output"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: DIR/report.html.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="SOURCE", help="Where the same data are now.")
    ] = None,
    language: Annotated[Spoken | None, typer.Option("--language", help="Default: as in the run.")] = None,
    params: Annotated[
        Path | None, typer.Option("--params", help="Parameters in place of those of the run.")
    ] = None,
    overrides: Overrides = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Make the page of a run again, without training: another language, currency, playbook or costs."""
    from guanxi.jobs.report import params_of_run
    from guanxi.jobs.report import report as job
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.params import load_params

    flags = {"language": language and language.value, "mlflow.tracking_uri": tracking_uri}
    resolved = load_params(params, overrides or (), flags, base=params_of_run(folder))
    echo(str(job(folder, output, source=source, params=resolved, progress=ConsoleReporter())))


_REPORT_EXAMPLES = (
    "guanxi report output --language zh -o report-zh.html\nguanxi report output --set report.currency=GBP"
)
app.command(**help_of(report, _REPORT_EXAMPLES))(report)


@command(
    "task",
    "as_of",
    "columns",
    "tracking_uri",
    examples="guanxi scorecard sales.csv -o scorecard --history 2",
)
def scorecard(
    source: OptionalSource = "cdnow",
    output: OutputFolder = Path("scorecard"),
    history: Annotated[
        int,
        typer.Option("--history", min=0, metavar="N", help="Number of earlier dates to compare with."),
    ] = 0,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            "--fail-on", help="Exit code 3 if an indicator reaches its warning level, or misses its target."
        ),
    ] = None,
    no_purchases: Annotated[
        bool,
        typer.Option("--no-purchases", help="Score the customers of the relation tables, without SOURCE."),
    ] = False,
    model: Model = None,
    *,
    params: Params,
) -> None:
    """Grade every customer relationship: value, loyalty, satisfaction, interaction and risk, with reasons."""
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.scorecard import alarms, summary_text
    from guanxi.jobs.scorecard import scorecard as job

    if fail_on is not None and not params.scorecard.targets:
        raise typer.BadParameter("it needs scorecard.targets: set them", param_hint="--fail-on")
    given = None if no_purchases else source
    found = job(given, output, params, ConsoleReporter(), model=model, history=history)
    echo(summary_text(found, output))
    failing = alarms(found, fail_on.value) if fail_on is not None else []
    if failing:
        echo(f"guanxi: needs attention: {', '.join(failing)}", err=True)
        raise typer.Exit(3)


@command(
    "task",
    "as_of",
    "columns",
    "tracking_uri",
    examples="guanxi explain 0042 sales.csv -o 0042.png --as-of 2011-12-09",
)
def explain(
    customer_id: Annotated[
        str, typer.Argument(metavar="CUSTOMER_ID", help="As in the prediction table.", show_default=False)
    ],
    source: Source,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Plot file; default: explain-CUSTOMER_ID.png."),
    ] = None,
    model: Model = None,
    horizon: Horizon = None,
    *,
    params: Params,
) -> None:
    """Explain one customer: history, value, forecast and reasons, with a plot of the churn drivers."""
    from guanxi.jobs.explain import explain as job
    from guanxi.jobs.explain import picture_path
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.report.story import text

    picture = output or picture_path(customer_id)
    story = job(
        customer_id,
        source,
        picture,
        model=model,
        params=params,
        horizon_days=horizon,
        progress=ConsoleReporter(),
    )
    echo(f"{text(story)}\n\n{picture}")
