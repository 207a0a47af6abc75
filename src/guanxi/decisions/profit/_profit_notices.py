"""What is missing or assumed in the profit of the customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from guanxi.decisions.profit._profit_result import CustomerProfit, ProfitInputs, cohort_months
from guanxi.served.texts import number, percent


@dataclass(frozen=True)
class Notices:
    """Notices by chapter."""

    general: list[str]
    two_periods: list[str]
    cohorts: list[str]
    acquisition: list[str]
    value: list[str]

    @property
    def all(self) -> list[str]:
        """All notices in the order of the page."""
        return [*self.general, *self.two_periods, *self.cohorts, *self.acquisition, *self.value]


def notices(found: CustomerProfit, inputs: ProfitInputs, t: Mapping[str, str]) -> Notices:
    """Collect the notices, in the language of the texts ``t``."""
    flows, params = inputs.flows, inputs.params
    own = "acquire" in flows.has
    whole = flows.months % cohort_months(found.months) == 0
    told = {
        "two_periods": [(found.audit.changes.empty, t["no_earlier_period"].format(months=found.months))],
        "cohorts": [(not whole, t["short_period"])],
        "acquisition": [
            (not own and inputs.spending is None, t["no_acquisition_cost"]),
            (not own and inputs.spending is not None, t["spending_apart"]),
            (own and inputs.spending is not None, t["spending_beside"]),
        ],
        "value": [(inputs.predictions is None, t["no_model"])],
    }
    rates = params.profit.cost_per_order + params.profit.cost_per_return
    margin = params.clv.margin
    general = [
        (not flows.has and not rates, t["no_costs"]),
        (not inputs.has_margins and margin == 1, t["full_margin"]),
        (not inputs.has_margins and margin < 1, t["flat_margin"].format(margin=percent(margin))),
        (flows.margin_filled > 0, t["margin_filled"].format(purchases=number(flows.margin_filled))),
        (inputs.refused_refunds > 0, t["refused_refunds"].format(lines=number(inputs.refused_refunds))),
        (
            flows.unknown_customers > 0,
            t["unknown_costs"].format(
                customers=number(flows.unknown_customers), amount=number(flows.unknown_cost, 2)
            ),
        ),
    ]
    return Notices(_true(general), **{name: _true(each) for name, each in told.items()})


def _true(cases: list[tuple[bool, str]]) -> list[str]:
    return [text for applies, text in cases if applies]
