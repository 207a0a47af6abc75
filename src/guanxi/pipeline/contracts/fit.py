"""Everything fitted at one cutoff to customers under contract.

A retention model (shifted beta-geometric or beta discrete Weibull, with covariates or without) gives each
customer's log odds of churning at every future renewal opportunity. A regression, and trees grown on all past
opportunities with these log odds as offset, correct them where they are better on later windows. Season and
level of the calendar month are learnt from what is left. Amounts change by a process of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.contracts.log import ContractLog
from guanxi.errors import DataError
from guanxi.features.contracts.snapshots import contract_features, person_periods
from guanxi.features.contracts.usability import missing
from guanxi.params import Params
from guanxi.periods import days_per_unit
from guanxi.pipeline.contracts._amounts import fit_amounts
from guanxi.pipeline.contracts._hazard_choice import HazardChoice, choose_hazard
from guanxi.pipeline.contracts._level import FittedLevel, fit_level
from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows, usable_parts
from guanxi.pipeline.contracts._trees import FittedTrees, fit_trees
from guanxi.served.contracts.document import ContractLimits, ServedContracts
from guanxi.served.contracts.hazard import BlendedHazard
from guanxi.served.contracts.hazard_trees import RENEWALS
from guanxi.served.contracts.scorer import NEXT, ContractScorer
from guanxi.served.document_parts import Drivers, LifetimeValue

Floats = NDArray[np.float64]

_CHUNK = 200_000
_MOST_CUSTOMERS = 100_000  # to learn from
_NEW_DAYS, _MOST_NEWCOMERS = 730, 5_000
_MOST_TYPICAL = 5_000


@dataclass(frozen=True)
class FittedContracts:
    """A model of customers under contract, and what it was learnt from.

    Attributes
    ----------
    model : ServedContracts
    trees : dict of str to list of str
        ``churn``: the booster in LightGBM's text format; empty without trees.
    features : pandas.DataFrame
        The customers under contract at the cutoff.
    newcomers : pandas.DataFrame
        A sample of the customers who began in the last two years, as they were at their start; all of them as
        if they began now for a file of customers.
    choice : HazardChoice
    correction : FittedTrees
    level : FittedLevel
    """

    model: ServedContracts
    trees: dict[str, list[str]] = field(repr=False)
    features: pd.DataFrame = field(repr=False)
    newcomers: pd.DataFrame = field(repr=False)
    choice: HazardChoice = field(repr=False)
    correction: FittedTrees = field(repr=False)
    level: FittedLevel = field(repr=False)

    @property
    def scorer(self) -> ContractScorer:
        """Scorer of tables of customers under contract."""
        return ContractScorer(self.model, self.trees)

    @property
    def losses(self) -> pd.DataFrame:
        """``model, loss``: log loss of an opportunity in the later windows, without and with trees."""
        table = pd.DataFrame({"model": self.choice.losses.keys(), "loss": self.choice.losses.values()})
        compared = {"without trees": self.correction.loss_alone, "corrected by trees": self.correction.loss}
        return pd.concat(
            [table, pd.DataFrame({"model": compared.keys(), "loss": compared.values()})], ignore_index=True
        )


def fit_contracts(
    log: ContractLog,
    as_of: date | None,
    params: Params,
    *,
    on_step: Callable[[str], None] = lambda _: None,
) -> FittedContracts:
    """Fit everything to the contracts known on a day; no later line is read.

    Parameters
    ----------
    log : ContractLog
    as_of : date or None
        None: the last day of the data.
    params : Params
        ``horizon_days, seed, language, clv, churn.lightgbm, drivers``.
    on_step : callable
        Called with the name of each step.

    Raises
    ------
    DataError
        If nobody is under contract, no contract had come up for renewal, or all left or all stayed.
    """
    day = as_of or log.last_day
    on_step("renewal opportunities")
    periods = person_periods(log, day, customers=_MOST_CUSTOMERS)
    if log.form == "customers":
        periods = periods.drop(columns="opportunity")
    now = customers_to_score(log, day)
    return fit_opportunities(periods, now, day, params, period=log.params.period, on_step=on_step)


def customers_to_score(log: ContractLog, as_of: date | None = None) -> pd.DataFrame:
    """Features of the customers under contract on a day, as :meth:`.ContractScorer.score` takes them.

    Those of :func:`guanxi.features.contracts.snapshots.contract_features`, with ``periods_to_renewal`` (from
    0 to 1), which is missing for a file of customers: it does not tell when a contract is renewed.
    """
    day = as_of or log.last_day
    return with_time_to_renewal(contract_features(log, day), log, day)


def with_time_to_renewal(table: pd.DataFrame, log: ContractLog, day: date) -> pd.DataFrame:
    """Add ``periods_to_renewal`` to features of contracts on a day, as in :func:`customers_to_score`."""
    if log.form == "customers":
        return table.assign(periods_to_renewal=np.nan)
    ahead = (pd.to_datetime(table["next_opportunity"]) - pd.Timestamp(day)).dt.days
    periods = ahead / days_per_unit(log.params.period)
    return table.assign(periods_to_renewal=periods.clip(0.0, 1.0))


def fit_opportunities(
    periods: pd.DataFrame,
    now: pd.DataFrame,
    as_of: date,
    params: Params,
    *,
    period: str = "M",
    on_step: Callable[[str], None] = lambda _: None,
) -> FittedContracts:
    """Fit everything to a table of past renewal opportunities.

    Parameters
    ----------
    periods : pandas.DataFrame
        From :func:`guanxi.features.contracts.person_periods`: a row per spell and renewal opportunity.
    now : pandas.DataFrame
        From :func:`guanxi.features.contracts.contract_features`: a row per customer under contract.
    as_of : date
    params : Params
    period : str
        Length of a contract period.
    on_step : callable
        Called with the name of each step.
    """
    _check(periods, now, as_of)
    rows = OpportunityRows.arrange(periods, now)
    parts = usable_parts(rows, params.horizon_days, params.seed)
    on_step("retention model")
    choice = choose_hazard(rows, parts, params.seed)
    on_step("trees")
    settings = params.churn.lightgbm.model_dump()
    trees = fit_trees(rows, parts, choice, settings, params.seed)
    on_step("season and level")
    hazard = BlendedHazard(choice.retention, choice.regression, trees.model, trees.texts, rows.attributes)
    level = _fit_level(rows, hazard)
    by_tenure, _ = hazard.contributions(now.sample(min(_MOST_TYPICAL, len(now)), random_state=params.seed))
    model = ServedContracts(
        as_of=as_of.isoformat(),
        horizon_days=params.horizon_days,
        language=params.language,
        period=period,
        period_days=days_per_unit(period),
        attributes=rows.attributes,
        timed=NEXT in now and bool(now[NEXT].notna().any()),
        retention=choice.retention,
        regression=choice.regression,
        trees=trees.model,
        level=level.model,
        amounts=fit_amounts(rows),
        lifetime_value=LifetimeValue(params.clv.annual_discount_rate, params.clv.margin, params.clv.interval),
        drivers=Drivers(params.drivers.top),
        usual_log_odds=float(by_tenure[RENEWALS].mean()),
        typical_renewals=float(now["renewals"].median()),
        limits=ContractLimits(
            customers=int(rows.customers.max()) + 1,
            opportunities=len(rows),
            churned=int(rows.churned.sum()),
            longest_tenure=int(rows.table["renewals"].max()) + 1,
        ),
    )
    texts = {"churn": trees.texts} if trees.texts else {}
    return FittedContracts(model, texts, now, _newcomers(rows, now), choice, trees, level)


def _check(periods: pd.DataFrame, now: pd.DataFrame, as_of: date) -> None:
    counts = {
        "present": len(now),
        "opportunities": len(periods),
        "not_renewed": int(periods["churned"].sum()),
    }
    problem = missing(counts, as_of)
    if problem:
        raise DataError(problem)


def _newcomers(rows: OpportunityRows, now: pd.DataFrame) -> pd.DataFrame:
    """Select customers as they were in their first period."""
    if rows.dated():
        first = rows.table[rows.table["renewals"] == 0]
        start = pd.to_datetime(first["opportunity"])
        first = first[start > start.max() - pd.Timedelta(days=_NEW_DAYS)]
    else:
        first = now.assign(renewals=0)
    first = first.sample(min(_MOST_NEWCOMERS, len(first)), random_state=0).sort_index()
    return first.assign(periods_to_renewal=1.0).reset_index(drop=True)


def _fit_level(rows: OpportunityRows, hazard: BlendedHazard) -> FittedLevel:
    if not rows.dated():
        return FittedLevel(None, 0, np.zeros((0, 0)))
    log_odds = np.concatenate(
        [hazard.next(rows.table.iloc[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)]
    )
    return fit_level(log_odds, rows.churned, rows.table["opportunity"])
