"""Everything fitted at one cutoff to customers under contract.

A retention model (shifted beta-geometric or beta discrete Weibull, with covariates or without) gives each
customer's log odds of churning at every future renewal opportunity. Trees grown on all past opportunities with
these log odds as offset correct them, if they are better on a later window. Season and level of the calendar
month are learnt from what is left. Amounts change by a process of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError
from guanxi.params import Params
from guanxi.periods import days_per_unit
from guanxi.pipeline.contracts._amounts import fit_amounts
from guanxi.pipeline.contracts._level import FittedLevel, fit_level
from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows, later_part
from guanxi.pipeline.contracts._retention import RetentionChoice, choose_retention, fit_retention
from guanxi.pipeline.contracts._trees import FittedTrees, fit_trees
from guanxi.served.contracts.document import ContractLimits, ServedContracts
from guanxi.served.contracts.hazard_trees import HazardCorrection
from guanxi.served.contracts.retention_hazard import RetentionHazard
from guanxi.served.contracts.scorer import NEXT, ContractScorer
from guanxi.served.document_parts import Drivers, LifetimeValue

Floats = NDArray[np.float64]


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
    retention : RetentionChoice
    hazard : FittedTrees
    level : FittedLevel
    """

    model: ServedContracts
    trees: dict[str, list[str]] = field(repr=False)
    features: pd.DataFrame = field(repr=False)
    retention: RetentionChoice = field(repr=False)
    hazard: FittedTrees = field(repr=False)
    level: FittedLevel = field(repr=False)

    @property
    def scorer(self) -> ContractScorer:
        """Scorer of tables of customers under contract."""
        return ContractScorer(self.model, self.trees)

    @property
    def losses(self) -> pd.DataFrame:
        """``model, loss``: log loss of an opportunity in the later window, of the retention models and the trees."""
        table = pd.DataFrame({"model": self.retention.losses.keys(), "loss": self.retention.losses.values()})
        compared = {"retention model": self.hazard.loss_alone, "corrected by trees": self.hazard.loss}
        return pd.concat(
            [table, pd.DataFrame({"model": compared.keys(), "loss": compared.values()})], ignore_index=True
        )


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
    _check(periods, as_of)
    rows = OpportunityRows.arrange(periods, now)
    later, _ = later_part(rows, params.horizon_days, params.seed)
    on_step("retention model")
    choice = choose_retention(rows, later, params.seed)
    on_step("trees")
    earlier = fit_retention(choice.model.model, choice.model.covariates, rows.part(~later))
    settings = params.churn.lightgbm.model_dump()
    trees = fit_trees(rows, later, choice.model, earlier, settings, params.seed)
    on_step("season and level")
    level = _fit_level(rows, choice, trees)
    retention = RetentionHazard(choice.model)
    usual = float(retention.next(now).mean()) if len(now) else 0.0
    renewals = now["renewals"]
    model = ServedContracts(
        as_of=as_of.isoformat(),
        horizon_days=params.horizon_days,
        language=params.language,
        period=period,
        period_days=days_per_unit(period),
        attributes=rows.attributes,
        timed=NEXT in now and bool(now[NEXT].notna().any()),
        retention=choice.model,
        trees=trees.model,
        level=level.model,
        amounts=fit_amounts(rows),
        lifetime_value=LifetimeValue(
            params.clv.annual_discount_rate, params.clv.margin, params.clv.interval
        ),
        drivers=Drivers(params.drivers.top),
        usual_log_odds=usual,
        typical_renewals=float(renewals.median()) if len(now) else 0.0,
        limits=ContractLimits(
            customers=int(rows.customers.max()) + 1,
            opportunities=len(rows),
            churned=int(rows.churned.sum()),
            longest_tenure=int(rows.table["renewals"].max()) + 1,
        ),
    )
    texts = {"churn": trees.texts} if trees.texts else {}
    return FittedContracts(model, texts, now, choice, trees, level)


def _check(periods: pd.DataFrame, as_of: date) -> None:
    if periods.empty:
        raise DataError(f"no contract had come up for renewal by {as_of}: give a longer history")
    churned = periods["churned"].sum()
    if not 0 < churned < len(periods):
        which = "nobody left" if not churned else "nobody renewed"
        raise DataError(
            f"{which} at any of {len(periods):,} renewal opportunities by {as_of}: retention cannot be "
            "estimated; give data with customers who left and customers who stayed"
        )


def _fit_level(rows: OpportunityRows, choice: RetentionChoice, trees: FittedTrees) -> FittedLevel:
    if not rows.dated():
        return FittedLevel(None, 0, np.zeros((0, 0)))
    log_odds = RetentionHazard(choice.model).next(rows.table)
    step = HazardCorrection(trees.model, trees.texts, rows.attributes).steps(rows.table, 1)
    log_odds = log_odds + (step[:, 0] if trees.model else 0.0)
    return fit_level(log_odds, rows.churned, rows.table["opportunity"])


