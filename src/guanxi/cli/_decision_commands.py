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
    *("as_of", "columns", "tracking_uri"),
    epilog="Example: guanxi programme sales.csv -o programme "
    "--set relations.investments.source=investments.csv --set relations.owners.source=owners.csv",
)
def programme(
    source: Source,
    output: OutputFolder = Path("programme"),
    model: Model = None,
    *,
    params: Params,
) -> None:
    """Set what the relationship programme brought against its cost, and compare its teams."""
    from guanxi.jobs.programme import programme as job
    from guanxi.jobs.programme import summary_text
    from guanxi.jobs.reporter import ConsoleReporter

    found = job(source, output, model=model, params=params, reporter=ConsoleReporter())
    echo(summary_text(found, output))
