"""Commands that answer a question about customers: campaign, profit, plan, scenario, programme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from guanxi.cli._app import command
from guanxi.cli._endings import echo
from guanxi.cli._options import Model, OutputFolder, Source

if TYPE_CHECKING:
    from guanxi.params import Params


@command(
    "as_of",
    "columns",
    "tracking_uri",
    epilog="Example: guanxi plan sales.csv -o plan --set plan.budget=2000 --set "
    'plan.actions=[{"action": "call", "cost": 5, "save_rate": 0.15}]',
)
def plan(source: Source, output: OutputFolder = Path("plan"), model: Model = None, *, params: Params) -> None:
    """Choose whom to treat with what under a budget, and whom to hold out to measure it."""
    from guanxi.decisions.budget import plan_summary
    from guanxi.jobs.plan import plan as job
    from guanxi.jobs.reporter import ConsoleReporter

    found = job(source, output, model=model, params=params, reporter=ConsoleReporter())
    echo(f"{plan_summary(found)}\n\nResults: {output}/plan.parquet, plan.html and more")
