"""Commands for registered models: promote, rollback, monitor and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli._app import command
from guanxi.cli._endings import echo
from guanxi.cli._options import Engine, EngineOption, Model, Source

if TYPE_CHECKING:
    from guanxi.params import Params


@command("task", "tracking_uri", examples="guanxi promote --set promotion.mae_increase=0.05")
def promote(
    model: Annotated[
        str | None,
        typer.Option("--model", help="As in models:/guanxi/3; default: the candidate of the task."),
    ] = None,
    *,
    params: Params,
) -> None:
    """Promote the candidate to champion if it is no worse on a window that neither model has seen."""
    from guanxi.jobs.promote import promote as job
    from guanxi.jobs.promote import summary_text
    from guanxi.jobs.reporter import ConsoleReporter

    echo(summary_text(job(params, model=model, progress=ConsoleReporter())))


@command("task", "tracking_uri", examples="guanxi rollback --tracking-uri http://127.0.0.1:5000")
def rollback(
    name: Annotated[
        str | None,
        typer.Option("--name", help="Registered model, as in guanxi-labels; default: that of the task."),
    ] = None,
    *,
    params: Params,
) -> None:
    """Restore the previous champion."""
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.rollback import rollback as job
    from guanxi.jobs.rollback import summary_text

    echo(summary_text(job(params, name=name, progress=ConsoleReporter())))


@command(
    "task",
    "as_of",
    "columns",
    "tracking_uri",
    examples="guanxi monitor sales.csv --predictions scores-2011-06.parquet -o monitor.json",
)
def monitor(
    source: Source,
    model: Model = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            "--predictions",
            metavar="FILE",
            help="Earlier predictions to evaluate; default: the model's own as of one horizon ago.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The report as JSON.")
    ] = None,
    engine: EngineOption = Engine.duckdb,
    *,
    params: Params,
) -> None:
    """Check whether a model still fits the data: exit code 0 ok, 3 watch, 4 retrain."""
    from guanxi.jobs.monitor import monitor as job
    from guanxi.jobs.monitor import summary_text
    from guanxi.jobs.reporter import ConsoleReporter

    found = job(
        source,
        output,
        model=model,
        predictions=predictions,
        params=params,
        engine=engine.value,
        progress=ConsoleReporter(),
    )
    echo(summary_text(found))
    raise typer.Exit(found.exit_code)


@command("tracking_uri", examples="guanxi doctor --tracking-uri http://127.0.0.1:5000")
def doctor(params: Params) -> None:
    """Check the environment and the store, and advise on problems; exit code 1 if there are any."""
    from guanxi.jobs.doctor import doctor as job
    from guanxi.jobs.doctor import findings_text
    from guanxi.jobs.reporter import ConsoleReporter

    findings = job(params, progress=ConsoleReporter())
    echo(findings_text(findings))
    if any(each.level == "wrong" for each in findings):
        raise typer.Exit(1)
