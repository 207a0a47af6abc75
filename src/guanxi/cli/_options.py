"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Task(StrEnum):
    """What is known of customers; the last two are other names for purchases and labels."""

    purchases = "purchases"
    labels = "labels"
    contracts = "contracts"
    transactions = "transactions"
    churn = "churn"


#: The value of ``params.task`` by other names of the tasks.
TASK_NAMES = {Task.transactions: "purchases", Task.churn: "labels"}


class Engine(StrEnum):
    """What reads the transactions."""

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
RunSource = Annotated[
    str | None, typer.Argument(help=_SOURCE_HELP + " Default: cdnow; labels and contracts need one.")
]
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
TaskOption = Annotated[
    Task | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="purchases (default), labels (a column says who left) or contracts; params: task.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="COLUMN", help="A column that is no attribute. Repeatable."),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label", metavar="COLUMN[=VALUE]", help="With --task labels: who left (by 1, true, yes or VALUE)."
    ),
]
IdColumn = Annotated[
    str | None, typer.Option("--id", metavar="COLUMN", help="With --task labels: the identifier.")
]
Horizon = Annotated[int | None, typer.Option("--horizon", metavar="DAYS", help="Number of days to predict.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Last day to use; default: last day of the data."),
]
Model = Annotated[
    str | None, typer.Option("--model", help="Default: the champion of the task: models:/guanxi@champion.")
]
EngineOption = Annotated[
    Engine, typer.Option("--engine", help="spark: for data too large for one machine, as Parquet.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
# Options from which parameters are resolved, in the order of the help.
FLAGS: dict[str, Any] = {
    "task": TaskOption,
    "horizon": Horizon,
    "as_of": AsOf,
    "columns": Columns,
    "exclude": Exclude,
    "params": ParamsFile,
    "overrides": Overrides,
    "tracking_uri": TrackingUri,
}
OutputFolder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")]
