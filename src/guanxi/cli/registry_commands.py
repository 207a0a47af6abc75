"""Commands that look after registered models: promote, rollback, monitor and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guanxi.cli.app import app, resolve
from guanxi.cli.options import (
    AsOf,
    Columns,
    Debug,
    Model,
    Overrides,
    ParamsFile,
    Source,
    TrackingUri,
)


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
    from guanxi.jobs.promote import promote as job
    from guanxi.jobs.promote import summary_text
    from guanxi.jobs.reporter import ConsoleReporter

    resolved = resolve(params, overrides, None, tracking_uri=tracking_uri)
    typer.echo(summary_text(job(resolved, model=model, progress=ConsoleReporter())))


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
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.rollback import rollback as job
    from guanxi.jobs.rollback import summary_text

    resolved = resolve(params, overrides, None, tracking_uri=tracking_uri)
    typer.echo(summary_text(job(resolved, name=name, progress=ConsoleReporter())))


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
    from guanxi.jobs._monitor_text import summary_text
    from guanxi.jobs.monitor import monitor as job
    from guanxi.jobs.reporter import ConsoleReporter

    resolved = resolve(params, overrides, columns, as_of=as_of, tracking_uri=tracking_uri)
    found = job(
        source, output, model=model, predictions=predictions, params=resolved, reporter=ConsoleReporter()
    )
    typer.echo(summary_text(found))
    raise typer.Exit(found.exit_code)


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
    from guanxi.jobs.reporter import ConsoleReporter

    resolved = resolve(params, overrides, None, tracking_uri=tracking_uri)
    findings = job(resolved, progress=ConsoleReporter())
    typer.echo(findings_text(findings))
    if any(each.level == "wrong" for each in findings):
        raise typer.Exit(1)
