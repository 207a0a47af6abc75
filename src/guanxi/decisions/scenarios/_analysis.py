"""From predictions to the answer: customer equity today, its levers, and the scenarios."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from guanxi.decisions.answer import Answer
from guanxi.decisions.scenarios._cases import (
    Outcome,
    draws_table,
    level_table,
    outcome_table,
    run_cases,
    today,
)
from guanxi.decisions.scenarios._customer_base import (
    CustomerBase,
    customer_base,
)
from guanxi.decisions.scenarios._equity import NewCustomers
from guanxi.decisions.scenarios._expected_course import Purchases, expected_course
from guanxi.decisions.scenarios._levers import Levers
from guanxi.decisions.scenarios._plan_effects import plan_effects
from guanxi.decisions.scenarios._scenario_page import chapters, figures
from guanxi.decisions.scenarios._scenario_summary import summary_text
from guanxi.decisions.scenarios._scenario_words import scenario_words
from guanxi.decisions.scenarios._sensitivity import elasticities, tornado
from guanxi.params import Params, ScenarioParams

#: Tables that an answer may have.
TABLES = ("scenarios", "levers", "tornado", "elasticities", "plans", "draws")


@dataclass(frozen=True)
class Newcomer:
    """What a new customer is expected to earn.

    Attributes
    ----------
    first_order : float
        Margin of the first order.
    repeat_margin : float
        Undiscounted margin of the repeat purchases within the horizon.
    """

    first_order: float
    repeat_margin: float


@dataclass(frozen=True)
class ScenarioInputs:
    """Inputs of scenarios; all but the newcomer as in :func:`.customer_base`.

    Attributes
    ----------
    predictions : DataFrame
    purchases : Purchases
    business_days : callable
    margin, annual_discount_rate : float
    as_of : datetime.date
    newcomer : Newcomer or None
        None unless customers are to be acquired.
    whole_periods : bool
    """

    predictions: pd.DataFrame = field(repr=False)
    purchases: Purchases
    business_days: Callable[[float], float]
    margin: float
    annual_discount_rate: float
    as_of: date
    newcomer: Newcomer | None = None
    whole_periods: bool = False


@dataclass(frozen=True)
class Analysis:
    """Tables of an answer, and what they rest on.

    Attributes
    ----------
    scenarios, levels : DataFrame
        Of :func:`._cases.outcome_table` and :func:`._cases.level_table`; today is the first scenario.
    tornado, elasticities : DataFrame
        Of :mod:`._sensitivity`.
    plans : DataFrame
        Of :func:`._plan_effects.plan_effects`; empty if there are no scenarios or no actions with save rates.
    draws : DataFrame
    customers, horizon_days : int
    discount_rate : float
    as_of : datetime.date
    seed : int
    params : ScenarioParams
    """

    scenarios: pd.DataFrame = field(repr=False)
    levels: pd.DataFrame = field(repr=False)
    tornado: pd.DataFrame = field(repr=False)
    elasticities: pd.DataFrame = field(repr=False)
    plans: pd.DataFrame = field(repr=False)
    draws: pd.DataFrame = field(repr=False)
    customers: int
    horizon_days: int
    discount_rate: float
    as_of: date
    seed: int
    params: ScenarioParams


def answer_scenarios(inputs: ScenarioInputs, params: Params) -> Answer:
    """Value the customers today and in every scenario.

    Parameters
    ----------
    inputs : ScenarioInputs
    params : Params
        Its sections ``scenario``, ``seed`` and ``language``.

    Raises
    ------
    DataError
        If the predictions have no amounts.
    ParamsError
        If a scenario has an unknown or empty segment, or an impossible level.
    """
    found = analyse(inputs, params)
    now, tables = found.scenarios.iloc[0], _tables(found)
    by_lever = found.elasticities.set_index("lever")["elasticity"]
    return Answer(
        title=scenario_words(params.language)["title"],
        chapters=chapters(found, params.language),
        tables=tables,
        metrics={
            **{name: float(now[name]) for name in ("equity", "within_horizon", "beyond", "new_customers")},
            **{f"elasticity_{lever}": float(value) for lever, value in by_lever.items()},
        },
        settings={
            "seed": params.seed,
            "annual_discount_rate": inputs.annual_discount_rate,
            **params.scenario.model_dump(mode="json"),
        },
        figures=figures(found, params.language),
        summary=summary_text(found),
    )


def analyse(inputs: ScenarioInputs, params: Params) -> Analysis:
    """Compute the tables of the answer."""
    settings = params.scenario
    base = customer_base(
        inputs.predictions,
        inputs.purchases,
        inputs.business_days,
        margin=inputs.margin,
        annual_discount_rate=inputs.annual_discount_rate,
        years=settings.years,
        segments=[change.segment for case in settings.cases for change in case.changes],
        whole_periods=inputs.whole_periods,
    )
    levers = Levers(base, _new_customers(inputs, base, settings))
    now = today(levers)
    outcomes = run_cases(settings.cases, levers, draws=settings.draws, seed=params.seed)
    return Analysis(
        scenarios=outcome_table(outcomes, now, settings.interval),
        levels=level_table(outcomes, levers, settings.interval),
        tornado=tornado(levers, settings.swing),
        elasticities=elasticities(levers),
        plans=_plans(inputs, levers, outcomes, now, params),
        draws=draws_table(outcomes) if settings.write_draws else pd.DataFrame(),
        customers=len(inputs.predictions),
        horizon_days=int(base.horizon),
        discount_rate=inputs.annual_discount_rate,
        as_of=inputs.as_of,
        seed=params.seed,
        params=settings,
    )


def _new_customers(
    inputs: ScenarioInputs, base: CustomerBase, settings: ScenarioParams
) -> NewCustomers | None:
    if inputs.newcomer is None or settings.new_customers is None or settings.acquisition_cost is None:
        return None
    history, nodes = tuple(np.zeros(1) for _ in range(3)), base.curves[0].nodes
    weight, horizon = np.array([inputs.newcomer.repeat_margin]), float(base.model_ends[base.within - 1])
    curve = expected_course(inputs.purchases, history, weight, horizon, nodes)
    return NewCustomers(settings.new_customers, settings.acquisition_cost, inputs.newcomer.first_order, curve)


def _plans(
    inputs: ScenarioInputs, levers: Levers, outcomes: list[Outcome], now: Outcome, params: Params
) -> pd.DataFrame:
    """Effect on the plan; what a campaign taught of an action is not known here."""
    actions = params.plan.actions
    if not outcomes or not actions or any(action.save_rate is None for action in actions):
        return pd.DataFrame()
    return plan_effects(inputs.predictions, levers, outcomes, now, params.plan, params.seed)


def _tables(found: Analysis) -> dict[str, pd.DataFrame]:
    tables = {
        "scenarios": found.scenarios,
        "levers": found.levels,
        "tornado": found.tornado,
        "elasticities": found.elasticities,
    }
    optional = {"plans": found.plans, "draws": found.draws}
    return tables | {name: table for name, table in optional.items() if len(table)}
