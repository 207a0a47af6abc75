"""What followed for each customer, and what was known before: outcomes and covariates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.campaigns import FLAGS
from guanxi.data.transactions import TransactionLog
from guanxi.decisions.campaign._experiment import Experiment
from guanxi.decisions.campaign._remarks import Remark
from guanxi.errors import DataError, HistoryError, ParamsError
from guanxi.features.windows import answers_in_windows, purchases_in_windows
from guanxi.params import Params
from guanxi.periods import add_days

Score = Callable[[date], pd.DataFrame]
# Columns of a prediction table that adjust the estimates.
_PREDICTED = ("expected_purchases", "clv", "probability_alive", "churn_probability")
_BEFORE = ("purchase_count_before_1", "spend_before_1", "margin_before_1")
_MOST_WINDOWS_BEFORE = 4
_MOST_DAYS = 31  # each needs the scores of two days


@dataclass(frozen=True)
class Observed:
    """Outcomes and covariates of the customers of an experiment.

    Attributes
    ----------
    experiment : Experiment
        Without the customers who could not be measured.
    outcomes : pandas.DataFrame
        A column per outcome in the order of ``experiment.customers``; NaN is unknown.
    before : pandas.DataFrame
        The same outcomes in the windows before the campaign: ``spend_before_1`` is that of the last one.
    covariates : pandas.DataFrame
        What was known before the campaign, the prediction first.
    days : int or None
        Length of the window of the outcomes; None without a log.
    information : float or None
        Share of the planned information; None at the planned end.
    """

    experiment: Experiment
    outcomes: pd.DataFrame = field(repr=False)
    before: pd.DataFrame = field(repr=False)
    covariates: pd.DataFrame = field(repr=False)
    days: int | None
    information: float | None


def observe(
    experiment: Experiment,
    params: Params,
    log: TransactionLog | None,
    score: Score | None,
    surveys: Any = None,
) -> Observed:
    """Collect outcomes and covariates.

    Parameters
    ----------
    experiment : Experiment
    params : Params
        ``horizon_days`` is the length of the window of the outcomes, which begins on the day of the campaign:
        that day belongs to the outcomes, and everything before it to the covariates.
    log : TransactionLog, optional
        Without, outcomes are columns of the campaign file only.
    score : callable, optional
        Prediction table as of a day, of one fitted model.
    surveys : ibis.Table, optional
        In the engine of the log.

    Raises
    ------
    DataError, HistoryError, ParamsError
    """
    days, information = _window(experiment, params, log)
    parts = _Parts(experiment, days)
    if log is not None and days is not None:
        parts = _from_log(parts, log, days, params)
        if score is not None:
            parts = _with_scores(parts, score, days)
        if surveys is not None:
            parts = _with_answers(parts, surveys, log, days)
    customers = parts.experiment.customers
    named = list(params.campaign.outcomes)
    if log is None and not named and "converted" in customers:
        named = ["converted"]
    outcomes = pd.concat([customers[named], parts.outcomes.drop(columns=named, errors="ignore")], axis=1)
    if outcomes.empty or not len(outcomes.columns):
        raise ParamsError(
            f"{experiment.source}: nothing to measure: name the columns of outcomes, as in "
            "--set 'campaign.outcomes=[\"visit\"]', or give the transactions as SOURCE"
        )
    covariates = pd.concat([parts.covariates, customers[list(params.campaign.covariates)]], axis=1)
    _check_covariates(covariates, outcomes, parts.before)
    return Observed(parts.experiment, outcomes, parts.before, covariates, days, information)


@dataclass(frozen=True)
class _Parts:
    """What has been collected so far, in the order of the customers."""

    experiment: Experiment
    days: int | None
    outcomes: pd.DataFrame = field(default_factory=pd.DataFrame)
    before: pd.DataFrame = field(default_factory=pd.DataFrame)
    covariates: pd.DataFrame = field(default_factory=pd.DataFrame)


def _window(
    experiment: Experiment, params: Params, log: TransactionLog | None
) -> tuple[int | None, float | None]:
    """Return the days of the outcomes and the share of the planned information, None at the planned end."""
    repeated = params.campaign.looks == "repeated"
    planned, now = params.campaign.planned_customers, len(experiment.customers)
    share = min(1.0, now / planned) if planned else 1.0
    if share < 1 and not repeated:
        raise DataError(
            f"{experiment.source}: {now:,} of {planned:,} planned customers: an early look finds effects "
            "that are not there; wait, or set campaign.looks=repeated for intervals that hold at every look"
        )
    if log is None:
        return None, share if repeated else None
    latest, end = experiment.customers["day"].max().date(), params.as_of or log.last_day
    ends = add_days(latest, params.horizon_days - 1)
    if ends <= end:
        return params.horizon_days, share if repeated else None
    left = (end - latest).days + 1
    if left < 1:
        raise HistoryError(
            f"{experiment.source}: the latest campaign day is {latest}, after the data's end {end}: "
            "give transactions of after the campaign"
        )
    if not repeated:
        raise HistoryError(
            f"{experiment.source}: the outcomes of {params.horizon_days} days end on {ends}, after the "
            f"data's end {end}: wait, set horizon_days={left} if planned so, or campaign.looks=repeated for "
            "intervals that hold at every look"
        )
    return left, share * left / params.horizon_days


def _from_log(parts: _Parts, log: TransactionLog, days: int, params: Params) -> _Parts:
    experiment = parts.experiment
    first = experiment.customers["day"].min()
    windows = min(max((first.date() - log.first_day).days // days, 1), _MOST_WINDOWS_BEFORE)
    found = purchases_in_windows(log, experiment.customers, days, windows)
    known = found["earlier_purchases"] > 0
    if not known.all():
        missing = experiment.customers.loc[~known.to_numpy(), "customer_id"]
        facts = {"count": f"{len(missing):,}", "first": missing.iloc[0]}
        if not known.any():
            raise DataError(
                f"{experiment.source}: no customer had bought before the campaign (first: "
                f"{missing.iloc[0]!r}): check that customer_id is written as in the transactions, "
                "and the dates"
            )
        experiment = experiment.only(known, Remark("treated_before_purchase", facts))
        found = found[known].reset_index(drop=True)
    outcomes = _named(found, "", params.clv.margin, experiment)
    parts_before = [
        _named(found, f"_before_{k}", params.clv.margin, None).add_suffix(f"_before_{k}")
        for k in range(1, windows + 1)
    ]
    before = pd.concat(parts_before, axis=1)
    covariates = found[[name for name in _BEFORE if name in found]].astype("float64")
    waves = (experiment.customers["day"] - first).dt.days.astype("float64").rename("days_since_first_wave")
    if waves.any():
        covariates = pd.concat([covariates, waves], axis=1)
    return _Parts(experiment, days, outcomes, before, covariates)


def _named(found: pd.DataFrame, suffix: str, margin: float, experiment: Experiment | None) -> pd.DataFrame:
    """Return the outcomes of a window; the margin less the cost only for the one of the campaign."""
    count = found[f"purchase_count{suffix}"].astype("float64")
    named = {"purchase": (count > 0).astype("float64"), "purchase_count": count}
    earned = None
    if f"spend{suffix}" in found:
        named["spend"] = earned = found[f"spend{suffix}"]
        if margin < 1:
            named["margin"] = earned = margin * earned
    if f"margin{suffix}" in found:
        named["margin"] = earned = found[f"margin{suffix}"]
    if experiment is not None and experiment.has_cost and earned is not None:
        named["profit"] = earned - experiment.customers["cost"]
    return pd.DataFrame(named | {"churn": (count == 0).astype("float64")})


def _with_scores(parts: _Parts, score: Score, days: int) -> _Parts:
    """Add the prediction before as covariates, and the change of CLV as an outcome."""
    customers = parts.experiment.customers
    if customers["day"].nunique() > _MOST_DAYS:
        remark = Remark(
            "too_many_days", {"count": f"{customers['day'].nunique():,}", "most": str(_MOST_DAYS)}
        )
        experiment = replace(parts.experiment, remarks=(*parts.experiment.remarks, remark))
        return replace(parts, experiment=experiment)
    tables = []
    for day in sorted(customers["day"].unique()):
        first = pd.Timestamp(day).date()
        rows = customers.loc[customers["day"] == day, ["customer_id"]]
        earlier, later = score(add_days(first, -1)), score(add_days(first, days - 1))
        both = rows.merge(earlier, on="customer_id", how="left")
        both["clv_after"] = rows.merge(later[["customer_id", "clv"]], on="customer_id", how="left")["clv"]
        tables.append(both.set_index(rows.index))
    scores = pd.concat(tables).sort_index()
    predicted = scores[[name for name in _PREDICTED if name in scores]].astype("float64")
    covariates = pd.concat([predicted, parts.covariates], axis=1)
    outcomes = parts.outcomes
    if scores["clv"].notna().any():
        outcomes = outcomes.assign(clv_change=scores["clv_after"] - scores["clv"])
    return _Parts(parts.experiment, days, outcomes, parts.before, covariates)


def _with_answers(parts: _Parts, surveys: Any, log: TransactionLog, days: int) -> _Parts:
    answers = answers_in_windows(surveys, log.connection, parts.experiment.customers, days)
    scores = answers.drop(columns="customer_id").dropna(axis="columns", how="all")
    outcomes = pd.concat([parts.outcomes, scores], axis=1)
    return _Parts(parts.experiment, days, outcomes, parts.before, parts.covariates)


def _check_covariates(covariates: pd.DataFrame, outcomes: pd.DataFrame, before: pd.DataFrame) -> None:
    """Refuse covariates that follow the campaign, and names that the transactions give."""
    later = sorted({str(name) for name in covariates} & {*map(str, outcomes), *FLAGS, "cost"})
    if later:
        raise ParamsError(
            f"campaign.covariates has {later[0]!r}, which follows the campaign: "
            "only what was known before may adjust"
        )
    twice = [str(name) for name in covariates.columns[covariates.columns.duplicated()]]
    twice += [str(name) for name in outcomes if name in before]
    if twice:
        raise ParamsError(
            f"the section campaign names {twice[0]!r}, which the transactions give as well: "
            "leave it out, or rename the column"
        )
