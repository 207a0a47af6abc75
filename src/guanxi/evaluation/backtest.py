"""Rolling-origin backtest: refit at each of several cutoffs and evaluate on the window that follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError, FitError, HistoryError, ParamsError
from guanxi.evaluation.holdout import Holdout, evaluate_holdout
from guanxi.evaluation.portfolio.totals import forecast_totals
from guanxi.params import Params, override
from guanxi.periods import add_days
from guanxi.pipeline.fit import FittedModels, fit_models

MOST_CUTOFFS = 5
_OF_GRADES = ("baseline", "metric", "difference", "lower", "upper", "reason")


@dataclass(frozen=True)
class Backtest:
    """Evaluation of the forecasts at several cutoffs.

    Attributes
    ----------
    metrics : pandas.DataFrame
        ``cutoff, target, model, metric, value, lower, upper``: one row per cutoff, model and metric. The
        losses of guanxi and its components are decomposed, as in ``log_loss_level``: :mod:`.decomposition`.
    differences : pandas.DataFrame
        ``cutoff, target, model, reference, metric, gain, lower, upper``: guanxi's lead over each other model.
    choices : pandas.DataFrame
        ``cutoff, target, chosen, reason``: the contender chosen at each cutoff, and why.
    grades : pandas.DataFrame
        ``cutoff, target, grade, baseline, metric, difference, lower, upper, reason``.
    deciles : pandas.DataFrame
        ``cutoff, target, decile, customers, forecast, actual, ratio``: totals by decile of the forecast.
    portfolio : pandas.DataFrame
        ``cutoff, target, segment, customers, expected, lower, upper, windows, window_days, basis, actual``:
        totals of all customers (segment None) and of segments, with intervals and actual totals.
    window_days : int
        Length of the windows.
    skipped : dict
        Cutoffs at which fitting failed, and why.
    """

    metrics: pd.DataFrame
    differences: pd.DataFrame
    choices: pd.DataFrame
    grades: pd.DataFrame
    deciles: pd.DataFrame
    portfolio: pd.DataFrame
    window_days: int
    skipped: dict[date, str]


def _rolling_cutoffs(first_day: date, as_of: date, horizon_days: int) -> list[date]:
    """Cutoffs with non-overlapping windows, latest first, each after at least one horizon of history.

    Examples
    --------
    >>> [day.isoformat() for day in _rolling_cutoffs(date(1997, 1, 1), date(1998, 6, 30), 180)]
    ['1998-01-01', '1997-07-05']
    """
    count = min(MOST_CUTOFFS, (as_of - first_day).days // horizon_days - 1)
    return [add_days(as_of, -horizon_days * i) for i in range(1, count + 1)]


def _check_cutoffs(cutoffs: Sequence[date], first_day: date, as_of: date, horizon_days: int) -> None:
    """Raise a ParamsError for a cutoff before the data or whose window ends after the last day."""
    for cutoff in cutoffs:
        end = add_days(cutoff, horizon_days)
        if end > as_of:
            raise ParamsError(
                f"the {horizon_days} days after cutoff {cutoff} end on {end}, after the last day {as_of}: "
                f"use --cutoff {add_days(as_of, -horizon_days)} or earlier, or a shorter --horizon"
            )
        if cutoff <= first_day:
            raise ParamsError(f"cutoff {cutoff} is not after the first day of the data, {first_day}")


def backtest(
    log: TransactionLog,
    as_of: date,
    params: Params,
    cutoffs: Sequence[date] = (),
    on_step: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Fit at each cutoff with no later data, and evaluate on the window after it.

    No day after ``as_of`` is read. By default the cutoffs are :func:`_rolling_cutoffs`, and the windows half
    of a history that is shorter than two horizons.

    Raises
    ------
    ParamsError
        If a cutoff lies outside the data.
    HistoryError
        If no cutoff could be fitted.
    """
    asked = params.horizon_days
    days = asked if cutoffs else min(asked, max(1, (as_of - log.first_day).days // 2))
    params = override(params, {"horizon_days": days})
    chosen = sorted(set(cutoffs), reverse=True) or _rolling_cutoffs(log.first_day, as_of, days)
    _check_cutoffs(chosen, log.first_day, as_of, days)
    measured: list[dict[str, pd.DataFrame]] = []
    skipped: dict[date, str] = {}
    for cutoff in chosen:
        on_step(f"cutoff {cutoff}")
        try:
            fitted = fit_models(log, cutoff, params)
        except (DataError, FitError) as error:
            skipped[cutoff] = str(error)
            continue
        holdout = evaluate_holdout(
            log,
            fitted,
            days,
            seed=params.seed,
            thorough=True,
            forecast_days=asked,
            offer=params.churn.offer,
        )
        totals = forecast_totals(log, fitted, days, params.clv.interval, holdout.table)
        measured.append(_tables(fitted, holdout) | {"portfolio": totals.assign(cutoff=cutoff)})
    if not measured:
        reason = next(iter(skipped.values()), _too_short(log, as_of, days))
        raise HistoryError(f"no cutoff could be evaluated: {reason}")
    tables = {name: pd.concat([each[name] for each in measured], ignore_index=True) for name in measured[0]}
    return Backtest(**tables, window_days=days, skipped=skipped)


def _too_short(log: TransactionLog, as_of: date, horizon_days: int) -> str:
    history = (as_of - log.first_day).days
    return (
        f"{log.source} holds {history:,} days, too few to hold out a window of {horizon_days:,}: "
        "give more data"
    )


def _tables(fitted: FittedModels, holdout: Holdout) -> dict[str, pd.DataFrame]:
    choices = [
        {"target": name, "chosen": each.chosen, "reason": each.reason}
        for name, each in fitted.corrections.items()
    ]
    grades = [
        {"target": name, "grade": each.letter} | {column: getattr(each, column) for column in _OF_GRADES}
        for name, each in holdout.grades.items()
        if each is not None
    ]
    tables = {"metrics": holdout.metrics, "differences": holdout.differences}
    tables |= {"choices": pd.DataFrame(choices), "grades": pd.DataFrame(grades), "deciles": holdout.deciles}
    return {name: table.assign(cutoff=holdout.cutoff) for name, table in tables.items()}
