"""Commands that answer a question about customers: campaign, profit, plan, scenario, programme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from guanxi.cli._app import command
from guanxi.cli._endings import echo
from guanxi.cli._options import Model, OptionalSource, OutputFolder

if TYPE_CHECKING:
    from guanxi.params import Params


@command(
    "as_of",
    "columns",
    "tracking_uri",
    epilog="Example: guanxi scenario sales.csv -o scenario --set scenario.years=5",
)
def scenario(
    source: OptionalSource = "cdnow",
    output: OutputFolder = Path("scenario"),
    model: Model = None,
    *,
    params: Params,
) -> None:
    """Show what customer equity would be if margin, retention, orders, costs or the discount rate moved."""
    from guanxi.jobs.reporter import ConsoleReporter
    from guanxi.jobs.scenario import scenario as job

    answer = job(source, output, model=model, params=params, reporter=ConsoleReporter())
    echo(f"{answer.summary}\n\nResults: {output}/scenario.html, scenarios.parquet and more")
