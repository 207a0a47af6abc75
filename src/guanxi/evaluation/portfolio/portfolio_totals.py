"""What all customers and segments will buy and spend: guanxi's forecasts added up, with intervals."""

from __future__ import annotations

from typing import Any

import pandas as pd

from guanxi.data.transactions import TransactionLog
from guanxi.errors import FitError
from guanxi.evaluation.portfolio.forecasts import TARGETS, btyd_forecasts
from guanxi.evaluation.portfolio.intervals import portfolio_intervals
from guanxi.evaluation.portfolio.windows import OTHERS, btyd_forecaster, rolling_errors, usual_segments
from guanxi.models.purchase_models import transaction_model
from guanxi.models.transaction_model import TransactionModel
from guanxi.pipeline.fit import FittedModels
from guanxi.pipeline.selection import fit_quietly


def forecast_totals(
    log: TransactionLog,
    fitted: FittedModels,
    horizon_days: int,
    level: float = 0.9,
    outcomes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Total purchases and spend of all customers and of usual segments within the horizon.

    How far totals stray is learnt from the value models alone, fitted again at earlier windows: what trees
    add moves customers against one another, not their total.

    Parameters
    ----------
    log : TransactionLog
        No row after ``fitted.as_of`` is read.
    fitted : FittedModels
    horizon_days : int
    level : float
        Probability inside the intervals.
    outcomes : pandas.DataFrame, optional
        What came: ``purchases, spend`` in the order of ``fitted.features``.

    Returns
    -------
    pandas.DataFrame
        As :func:`.portfolio.portfolio_intervals`: ``target, segment`` (None: all customers)``, customers,
        expected, lower, upper, windows, window_days, basis``, and ``actual`` where outcomes are given.
    """
    used = list(dict.fromkeys(fitted.choice.counts))
    windows = rolling_errors(log, fitted.as_of, horizon_days, btyd_forecaster(log, used, ()))
    rfm = fitted.features[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    whole = len(windows) and (windows["window_days"] == horizon_days).all()
    own = [fitted.transactions[name] for name in used]
    forecast = fitted.scorer.forecast(fitted.features, horizon_days)
    forecasts = btyd_forecasts(
        rfm, own, fitted.spend, float(horizon_days), [] if whole else _others(rfm, used)
    ).with_expected(
        forecast["expected_purchases"], forecast["expected_purchases"] * forecast["expected_spend"]
    )
    tables = []
    for _, names in usual_segments(rfm, forecasts).items():
        ends = portfolio_intervals(forecasts, windows, horizon_days, level, names)
        tables.append(ends if outcomes is None else ends.assign(actual=_actual(ends, names, outcomes)))
    return pd.concat(tables, ignore_index=True).drop_duplicates(["target", "segment"]).reset_index(drop=True)


def _actual(ends: pd.DataFrame, names: pd.Series, outcomes: pd.DataFrame) -> list[float]:
    """Give what came of each row of intervals."""
    came: dict[Any, Any] = outcomes.groupby(names.to_numpy())[list(TARGETS)].sum().to_dict()
    everybody = outcomes[list(TARGETS)].sum().to_dict()
    return [
        float(everybody[target] if pd.isna(segment) else came[target][segment])
        for target, segment in zip(ends["target"], ends["segment"], strict=True)
    ]


def _others(rfm: pd.DataFrame, used: list[str]) -> list[TransactionModel]:
    """Models that tell how far models differ."""
    fitted = []
    for name in OTHERS:
        if name not in used:
            try:
                fitted.append(fit_quietly(transaction_model(name), rfm))
            except FitError:
                continue
    return fitted
