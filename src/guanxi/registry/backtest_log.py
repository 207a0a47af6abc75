"""The MLflow run of a backtest, with a child run for each cutoff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from guanxi.registry._run_log import log_values, open_run
from guanxi.registry.log import (
    GRADE_POINTS,
    TrainingRecord,
    _data_name,
    _flat_params,
    _git_tags,
    _log_input,
    _metric_values,
)
from guanxi.registry.store import Store, _quiet_warnings


def log_backtest(
    store: Store, record: TrainingRecord, grades: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> str:
    """Log a backtest; return the identifier of the parent run, which has the mean over the cutoffs.

    Parameters
    ----------
    store : Store
    record : TrainingRecord
        ``metrics`` with the column ``cutoff``; those of ``guanxi`` are logged.
    grades : pandas.DataFrame
        ``cutoff, target, grade``; may be empty.
    tables : mapping of str to pandas.DataFrame
        Logged as CSV, by name.
    """
    assert record.metrics is not None  # a backtest has measured something
    own = record.metrics[record.metrics["model"] == "guanxi"]
    means = own.groupby(["target", "metric"], sort=False)["value"].mean().reset_index()
    graded = grades.assign(points=grades["grade"].map(GRADE_POINTS)) if len(grades) else None
    cutoffs = sorted(own["cutoff"].unique())
    days = record.params.horizon_days
    name = f"backtest {_data_name(record.source)} {days} d, {len(cutoffs)} cutoffs"
    tags = {"guanxi.command": "backtest", **_git_tags()}
    with _quiet_warnings(), open_run(store, tags, name, started=record.started) as run_id:
        points = {} if graded is None else graded.groupby("target")["points"].mean().to_dict()
        measured = _metric_values(means.assign(model="guanxi"))
        log_values(store, run_id, _flat_params(record), measured | _grade_metrics(points))
        _log_dataset(store, run_id, record)
        for table, rows in tables.items():
            store.client.log_text(run_id, rows.to_csv(index=False), f"backtest/{table}.csv")
        for cutoff in cutoffs:
            rows = own[own["cutoff"] == cutoff]
            letters = {} if graded is None else _by_target(graded[graded["cutoff"] == cutoff], "grade")
            points = {str(target): GRADE_POINTS[letter] for target, letter in letters.items()}
            told = {f"guanxi.grade.{target}": letter for target, letter in letters.items()}
            with open_run(store, {"guanxi.cutoff": str(cutoff), **told}, str(cutoff), run_id) as child:
                given = {"as_of": cutoff, "horizon_days": days}
                log_values(store, child, given, _metric_values(rows) | _grade_metrics(points))
    return run_id


def _by_target(rows: pd.DataFrame, column: str) -> dict[str, str]:
    return dict(zip(rows["target"], rows[column], strict=True))


def _grade_metrics(points: Mapping[Any, float]) -> dict[str, float]:
    return {f"grade_{target}": float(value) for target, value in points.items()}


def _log_dataset(store: Store, run_id: str, record: TrainingRecord) -> None:
    """Log which data were used, by their digest."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source = CodeDatasetSource(tags={"source": record.source})
    # MLflow makes it so itself, though its class leaves the profile abstract.
    data = MetaDataset(  # type: ignore[abstract]
        source, name=record.source[-100:], digest=record.data_digest
    )
    _log_input(store, run_id, data, "backtest")
