"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Task(StrEnum):
    """What ``guanxi train`` learns from."""

    transactions = "transactions"
    churn = "churn"


class Engine(StrEnum):
    """Where ``guanxi predict`` works."""

    duckdb = "duckdb"
    spark = "spark"


class FailOn(StrEnum):
    """When ``guanxi scorecard`` ends with an alarm."""

    warning = "warning"
    target = "target"


_SOURCE_HELP = (
    "A dataset (cdnow, cdnow-sample), a path or glob of CSV or Parquet, "
    "or a table as duckdb://FILE::TABLE or postgres://HOST/DATABASE::TABLE."
)
Source = Annotated[str, typer.Argument(help=_SOURCE_HELP)]
OptionalSource = Annotated[str, typer.Argument(help=_SOURCE_HELP + " Without one: cdnow.")]
ParamsFile = Annotated[
    Path | None, typer.Option("--params", help="Parameter file; default: ./params.yaml if it is there.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set one parameter, as in horizon_days=30. Repeatable."),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="NAME=COLUMN,…", help="customer_id=ID,timestamp=Date,amount=Quantity*Price"
    ),
]
TrackingUri = Annotated[
    str | None, typer.Option("--tracking-uri", help="MLflow address; default: ./mlruns of this folder.")
]
Horizon = Annotated[
    int | None, typer.Option("--horizon", metavar="DAYS", help="How many days to look ahead.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Last day to use; default: last day of the data."),
]
Model = Annotated[str | None, typer.Option("--model", help="Default: models:/guanxi@champion.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
# What parameters are resolved from, in the order of the help.
FLAGS: dict[str, Any] = {
    "horizon": Horizon,
    "as_of": AsOf,
    "columns": Columns,
    "params": ParamsFile,
    "overrides": Overrides,
    "tracking_uri": TrackingUri,
}
OutputFolder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the results.")]
