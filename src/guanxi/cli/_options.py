"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Task(StrEnum):
    """Type of data for ``guanxi train``."""

    transactions = "transactions"
    churn = "churn"


class Engine(StrEnum):
    """Engine of ``guanxi predict``."""

    duckdb = "duckdb"
    spark = "spark"


class FailOn(StrEnum):
    """When ``guanxi scorecard`` exits with an alarm."""

    warning = "warning"
    target = "target"


_SOURCE_HELP = (
    "A dataset (cdnow, cdnow-sample), a file, glob or folder (CSV, workbook, JSON, Parquet, Arrow), "
    "or a table as duckdb://FILE::TABLE or postgres://HOST/DATABASE::TABLE."
)
Source = Annotated[str, typer.Argument(help=_SOURCE_HELP)]
OptionalSource = Annotated[str, typer.Argument(help=_SOURCE_HELP + " Default: cdnow.")]
ParamsFile = Annotated[
    Path | None, typer.Option("--params", help="Parameter file; default: ./params.yaml if it exists.")
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
    str | None,
    typer.Option("--tracking-uri", help="MLflow address; default: MLFLOW_TRACKING_URI, else ./mlruns."),
]
Horizon = Annotated[int | None, typer.Option("--horizon", metavar="DAYS", help="Number of days to predict.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Last day to use; default: last day of the data."),
]
Model = Annotated[str | None, typer.Option("--model", help="Default: models:/guanxi@champion.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
# Options from which parameters are resolved, in the order of the help.
FLAGS: dict[str, Any] = {
    "horizon": Horizon,
    "as_of": AsOf,
    "columns": Columns,
    "params": ParamsFile,
    "overrides": Overrides,
    "tracking_uri": TrackingUri,
}
OutputFolder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")]
