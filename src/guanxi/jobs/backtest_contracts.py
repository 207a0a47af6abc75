"""``guanxi backtest --task contracts``: accuracy of the forecasts of contracts at several past cutoffs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.data.contracts.digest import contract_digest
from guanxi.data.sinks import files
from guanxi.data.sinks.file_sets import LOCK, check_replaceable, replaced_together
from guanxi.data.sources.source import Source
from guanxi.errors import HistoryError, ParamsError
from guanxi.evaluation.contracts import cohort_errors, evaluate_later_window
from guanxi.jobs._contract_log import contract_day, contract_facts, open_contracts
from guanxi.jobs._parts import only_writer
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.periods import add_days, parse_date
from guanxi.registry.backtest_log import log_backtest
from guanxi.registry.log import TrainingRecord
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import answering, check_store, open_store

TABLES = ("metrics", "cohorts")
_MOST_CUTOFFS, _LEAST_HISTORY = 5, 2
_OWN = re.compile(rf"({'|'.join(TABLES)})\.parquet")


@dataclass(frozen=True)
class ContractBacktest:
    """A backtest of contracts.

    Attributes
    ----------
    metrics : pandas.DataFrame
        ``cutoff, target, metric, value, lower, upper``; ``target`` ``cohorts`` has the relative errors of the
        number of customers left, of the model and of extrapolated constant churn.
    cohorts : pandas.DataFrame
        ``cutoff`` and the columns of :func:`guanxi.evaluation.contracts.forecast_cohorts`.
    horizon_days : int
    run_id : str
        Its run in MLflow.
    """

    metrics: pd.DataFrame = field(repr=False)
    cohorts: pd.DataFrame = field(repr=False)
    horizon_days: int
    run_id: str


@advises_in_python()
@leave_mlflow_alone()
def backtest_contracts(
    source: Source,
    folder: str | Path | None = None,
    *,
    params: Params | None = None,
    cutoffs: Iterable[date | str] = (),
    progress: bool | Reporter = False,
) -> ContractBacktest:
    """Fit and measure at several cutoffs, each time with what was known by the cutoff only.

    In MLflow it is a run with the means over the cutoffs, and a child run for each.

    Parameters
    ----------
    source : str, path or table
        Contracts or a log of events.
    folder : path, optional
        Where ``metrics.parquet`` and ``cohorts.parquet`` go.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    cutoffs : iterable of date or str
        Default: up to five whose windows do not overlap.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError
    """
    params = override(params if params is not None else load_params(), {"task": "contracts"})
    reporter = reporter_of(progress)
    reporter.expect(4)
    started = time.time()
    days = [parse_date(day, what="cutoff") for day in cutoffs]
    path = None if folder is None else files.output_path(folder)
    if path is not None:
        files.check_output(path / "metrics.parquet")
        check_replaceable(path, _OWN, "metrics.parquet", ("cutoff", "target", "metric", "value"))
    with reporter.step("look at the MLflow store"):
        check_store(params.mlflow)
    log = open_contracts(source, params, reporter)
    try:
        if log.form == "customers":
            raise ParamsError(
                f"{log.source} is a file of customers, which knows one day only: guanxi train measures it by "
                "cross-validation"
            )
        last = contract_day(log, params, reporter)
        days = days or default_cutoffs(log.first_day, last, params.horizon_days)
        metrics, cohorts = [], []
        with reporter.step("fit and measure at each cutoff") as step:
            for day in days:
                step.detail(str(day))
                found = evaluate_later_window(log, add_days(day, params.horizon_days), params)
                errors = [
                    {"target": "cohorts", "metric": name, "value": value}
                    for name, value in cohort_errors(found.cohorts).items()
                ]
                table = pd.concat([found.metrics, pd.DataFrame(errors)], ignore_index=True)
                metrics.append(table.assign(cutoff=day))
                cohorts.append(found.cohorts.assign(cutoff=day))
        tables = {"metrics": _cutoff_first(metrics), "cohorts": _cutoff_first(cohorts)}
        record = TrainingRecord(
            override(params, {"as_of": last}),
            log.source,
            contract_digest(log),
            contract_facts(log),
            tables["metrics"].assign(model="guanxi"),
            {},
            started=started,
        )
    finally:
        log.close()
    if path is not None:
        writing = reporter.step(f"write {path}", extra=True)
        with writing, only_writer(str(path), path / LOCK), replaced_together(path) as new:
            for name in TABLES:
                files.write_table(tables[name], new / f"{name}.parquet")
    store = open_store(params.mlflow)
    with reporter.step("log the backtest in MLflow"), answering(store):
        run_id = log_backtest(store, record, pd.DataFrame(), tables)
    return ContractBacktest(**tables, horizon_days=params.horizon_days, run_id=run_id)


def default_cutoffs(first: date, last: date, days: int) -> list[date]:
    """Return up to five cutoffs with windows that do not overlap, each after two horizons of history.

    Raises
    ------
    HistoryError
        If there is none.

    Examples
    --------
    >>> [str(day) for day in default_cutoffs(date(2020, 1, 1), date(2021, 12, 31), 180)]
    ['2021-01-05', '2021-07-04']
    """
    windows = (add_days(last, -days * number) for number in range(_MOST_CUTOFFS, 0, -1))
    found = [day for day in windows if (day - first).days >= _LEAST_HISTORY * days]
    if not found:
        raise HistoryError(
            f"the contracts begin on {first}, too late for a backtest of {days} days up to {last}: choose a "
            "shorter --horizon, or name a --cutoff"
        )
    return found


def _cutoff_first(tables: list[pd.DataFrame]) -> pd.DataFrame:
    table: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return table[["cutoff", *(name for name in table if name != "cutoff")]]


def summary_text(result: ContractBacktest) -> str:
    """Report the accuracy at each cutoff."""
    wide = result.metrics.pivot(index=["target", "metric"], columns="cutoff", values="value")  # noqa: PD010
    width = max(len(f"{target} {metric}") for target, metric in wide.index)
    head = f"  {'':<{width}}  " + "  ".join(f"{day!s:>10}" for day in wide.columns)
    rows = [
        f"  {f'{target} {metric}':<{width}}  " + "  ".join(f"{value:>10.3f}" for value in values)
        for (target, metric), values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    note = "cohorts: absolute error of the number of customers left, as a share of it"
    return "\n".join([f"\n{result.horizon_days} days ahead, by cutoff ({note})", head, *rows])
