"""``guanxi backtest``: accuracy of the forecasts at several past cutoffs."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.sinks import files
from guanxi.data.sinks.file_sets import LOCK, check_replaceable, replaced_together
from guanxi.data.sources.source import Source
from guanxi.evaluation.backtest import Backtest
from guanxi.evaluation.backtest import backtest as roll
from guanxi.evaluation.decomposition import PARTS
from guanxi.evaluation.holdout import GUANXI, LOSSES
from guanxi.jobs._opened_log import Engine, opened_log, show_findings
from guanxi.jobs._parts import only_writer
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.periods import parse_date
from guanxi.registry.other_mlflow import leave_mlflow_alone

TABLES = ("metrics", "differences", "choices", "grades", "deciles", "portfolio")
_OWN = re.compile(rf"({'|'.join(TABLES)})\.parquet")
_SHOWN = {
    "churn": {"auc": "AUC", "log_loss": "log loss", "ece": "ECE"},
    "purchases": {"poisson_deviance": "deviance", "crps": "CRPS", "mae": "MAE", "bias": "bias"},
    "spend": {"crps": "CRPS", "mae": "MAE", "spearman": "Spearman", "top_decile_capture": "capture"},
}


_PARTS_NOTE = (
    "what guanxi's losses are made of: loss = level + shape - discrimination + uncertainty\n"
    "(level: all too high or low; shape: some too high, others too low; discrimination: worth of the ranking)"
)
_DECILES_NOTE = "forecast over actual total, by tenth of customers in order of the forecast (10: the highest)"


@dataclass(frozen=True)
class BacktestResult:
    """A backtest, and the folder of its tables."""

    backtest: Backtest
    folder: Path | None
    horizon_days: int


@advises_in_python()
@leave_mlflow_alone()
def backtest(
    source: Source,
    folder: str | Path | None = None,
    *,
    params: Params | None = None,
    horizon_days: int | None = None,
    as_of: date | str | None = None,
    cutoffs: Iterable[date | str] | date | str = (),
    engine: Engine = "duckdb",
    progress: bool | Reporter = False,
) -> BacktestResult:
    """Fit and measure at several cutoffs, each time with the data up to the cutoff only.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    folder : path, optional
        Where ``metrics.parquet`` (``cutoff, target, model, metric, value, lower, upper``),
        ``differences.parquet``, ``choices.parquet``, ``grades.parquet``, ``deciles.parquet`` and
        ``portfolio.parquet`` go.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    horizon_days : int, optional
    as_of : date or str, optional
        Default: the last day of the data; no later day is read.
    cutoffs : iterable of date or str, or a single one
        Default: up to five whose windows do not overlap.
    engine : {"duckdb", "spark"}
        As in :func:`guanxi.train`.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> result = guanxi.backtest("cdnow-sample", horizon_days=90)  # doctest: +SKIP
    >>> result.backtest.metrics.query("metric == 'auc'")  # doctest: +SKIP
    """
    base = params if params is not None else load_params()
    resolved = override(base, {"horizon_days": horizon_days, "as_of": as_of})
    reporter = reporter_of(progress)
    reporter.expect(2)
    several = cutoffs if isinstance(cutoffs, Iterable) and not isinstance(cutoffs, str) else [cutoffs]
    days = [parse_date(day, what="cutoff") for day in several]
    path = None if folder is None else files.output_path(folder)
    if path is not None:
        files.check_output(path / "metrics.parquet")
        check_replaceable(path, _OWN, "metrics.parquet", ("cutoff", "target", "model", "metric", "value"))
    with opened_log(source, resolved, reporter, engine) as opened:
        show_findings(opened.log, reporter)
        with reporter.step("fit and measure at each cutoff") as step:
            found = roll(opened.log, opened.as_of, resolved, days, step.detail)
    if path is not None:
        writing = reporter.step(f"write {path}", extra=True)
        with writing, only_writer(str(path), path / LOCK), replaced_together(path) as new:
            for name in TABLES:
                files.write_table(getattr(found, name), new / f"{name}.parquet")
    return BacktestResult(found, path, resolved.horizon_days)


def summary_text(result: BacktestResult) -> str:
    """Report the accuracy of guanxi and the other models at each cutoff."""
    found, lines = result.backtest, [""]
    for target, names in _SHOWN.items():
        lines += [f"{target}, {found.window_days} days ahead", _table(found, target, names), ""]
    lines += [_PARTS_NOTE, _parts(found), "", _DECILES_NOTE, _deciles(found), ""]
    lines += [f"{row['cutoff']}  {row['reason']}" for row in _with_reason(found)]
    if found.window_days < result.horizon_days:
        short = f"the history is shorter than two horizons of {result.horizon_days:,} days"
        lines.append(f"measured on {found.window_days:,} days: {short}, so no grade is better than B")
    whole = found.portfolio[found.portfolio["segment"].isna()]
    lines += [
        f"all customers' {row['target']} after {row['cutoff']}: {row['lower']:,.0f} to {row['upper']:,.0f}, "
        f"actual {row['actual']:,.0f}; {row['basis']}"
        for row in whole.to_dict("records")
    ]
    lines += [f"left out: cutoff {day}: {reason}" for day, reason in found.skipped.items()]
    if result.folder is not None:
        lines.append(f"\nWritten to {result.folder}: {', '.join(f'{name}.parquet' for name in TABLES)}")
    return "\n".join(lines)


def _table(found: Backtest, target: str, names: dict[str, str]) -> str:
    rows = found.metrics[(found.metrics["target"] == target) & found.metrics["metric"].isin(names)]
    table = rows.pivot_table(index=["cutoff", "model"], columns="metric", values="value", sort=False)
    table = table[[name for name in names if name in table]].rename(columns=names)
    letters = found.grades[found.grades["target"] == target].set_index("cutoff")["grade"]
    grade = [letters.get(cutoff, "") if model == GUANXI else "" for cutoff, model in table.index]
    return table.assign(grade=grade).round(4).to_string(na_rep="")


def _parts(found: Backtest) -> str:
    """Decomposition of guanxi's loss of each target at each cutoff."""
    own = found.metrics[found.metrics["model"] == GUANXI]
    wide = own.set_index(["target", "cutoff", "metric"])["value"].unstack(sort=False)  # noqa: PD010
    tables = [
        wide.loc[[str(target)], [loss, *(f"{loss}_{part}" for part in PARTS)]].set_axis(
            ["loss", *PARTS], axis=1
        )
        for target, loss in LOSSES.items()
        if target in wide.index
    ]
    return pd.concat(tables).round(4).to_string()


def _deciles(found: Backtest) -> str:
    wide = found.deciles.set_index(["target", "cutoff", "decile"])["ratio"].unstack(sort=False)  # noqa: PD010
    return wide.rename_axis(columns=None).round(2).to_string()


def _with_reason(found: Backtest) -> list[dict[Hashable, Any]]:
    return found.grades.dropna(subset="reason").to_dict("records")
