"""Commands that answer a question about customers: campaign, profit, plan, scenario, programme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli._app import command
from guanxi.cli._endings import echo
from guanxi.cli._options import Horizon, Model, OptionalSource, OutputFolder, Source

if TYPE_CHECKING:
    from guanxi.params import Params

_File = Annotated[
    str, typer.Argument(metavar="FILE", help="Customers of the campaign: customer_id, arm, date and more.")
]
_OptionalLog = Annotated[
    str | None,
    typer.Argument(metavar="[SOURCE]", help="Transactions; without, outcomes are columns of FILE."),
]
_Campaign = Annotated[
    str | None,
    typer.Option(
        "--campaign", metavar="FILE", help="A past campaign, or plan.parquet, to learn effects from."
    ),
]


@command(
    *("horizon", "as_of", "columns", "tracking_uri"),
    examples="guanxi campaign mailing.csv sales.csv -o campaign --set campaign.randomised=true\n"
    "guanxi campaign test.csv -o campaign --set 'campaign.outcomes=[\"visit\"]'",
)
def campaign(
    file: _File,
    source: _OptionalLog = None,
    output: OutputFolder = Path("campaign"),
    model: Model = None,
    *,
    params: Params,
) -> None:
    """Measure what a campaign did: by how much, how sure, and what it cost and earned."""
    from guanxi.jobs.campaign import campaign as job
    from guanxi.jobs.campaign import summary_text
    from guanxi.jobs.reporter import ConsoleReporter

    found = job(file, source, output, model=model, params=params, progress=ConsoleReporter())
    echo(summary_text(found, params, output))


@command(
    "as_of",
    "columns",
    "tracking_uri",
    examples="guanxi profit sales.csv -o profit --set clv.margin=0.4 --set relations.costs.source=costs.csv",
)
def profit(
    source: OptionalSource = "cdnow",
    output: OutputFolder = Path("profit"),
    model: Model = None,
    horizon: Horizon = None,
    *,
    params: Params,
) -> None:
    """Show what customers earn after cost: profit and loss, whale curve, audit, acquisition cost, payback."""
    from guanxi.jobs.profit import profit as job
    from guanxi.jobs.reporter import ConsoleReporter

    answer = job(source, output, model=model, params=params, horizon_days=horizon, progress=ConsoleReporter())
    echo(f"{answer.summary}\n\nResults: {output}/profit.html, customers.parquet and more")


@command(
    *("task", "as_of", "columns", "tracking_uri"),
    examples="guanxi plan sales.csv -o plan --set plan.budget=2000 --set "
    '\'plan.actions=[{"action": "call", "cost": 5, "save_rate": 0.15}]\'',
)
def plan(
    source: Source,
    output: OutputFolder = Path("plan"),
    campaign: _Campaign = None,
    model: Model = None,
    *,
    params: Params,
) -> None:
    """Choose whom to treat with what under a budget, and whom to hold out to measure it."""
    from guanxi.decisions.budget import plan_summary
    from guanxi.jobs.plan import plan as job
    from guanxi.jobs.reporter import ConsoleReporter

    found = job(source, output, campaign=campaign, model=model, params=params, progress=ConsoleReporter())
    echo(f"{plan_summary(found)}\n\nResults: {output}/plan.parquet, plan.html and more")
    if found.totals.holdout:
        measured, also = f"{output}/plan.parquet {source}", ""
        if params.task == "contracts":
            measured, also = "MEASURED.csv", ' --set \'campaign.outcomes=["paid", "left"]\''
            echo("MEASURED.csv below is plan.parquet with columns of what each customer paid and who left.")
        shares = f'{{"treated": {found.totals.treated}, "holdout": {found.totals.holdout}}}'
        echo(
            f"Next, {found.horizon_days} days after the plan: guanxi campaign {measured} "
            f"-o effect --set campaign.randomised=true{also} --set 'campaign.shares={shares}'"
        )


@command(
    "as_of",
    "columns",
    "tracking_uri",
    examples="guanxi scenario sales.csv -o scenario --set scenario.years=5",
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

    answer = job(source, output, model=model, params=params, progress=ConsoleReporter())
    echo(f"{answer.summary}\n\nResults: {output}/scenario.html, scenarios.parquet and more")


@command(
    *("as_of", "columns", "tracking_uri"),
    examples="guanxi programme sales.csv -o programme "
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

    found = job(source, output, model=model, params=params, progress=ConsoleReporter())
    echo(summary_text(found, output))
