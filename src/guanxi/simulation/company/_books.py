"""The books of the simulated company: customers, costs and credit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guanxi.simulation.company._events import Span
from guanxi.simulation.company._people import ACQUISITION_COSTS

_TICKET_COST, _CALL_COST, _OFFER_COST = 14.0, 4.0, 20.0
_OFFERS = 0.08  # share of the campaigns with an offer
_CREDIT_DAYS = 90
_MONTH = 30.0


def draw_customers(generator: np.random.Generator, people: pd.DataFrame, span: Span) -> pd.DataFrame:
    """Draw the customer table: acquisition, referrer, contract, attributes."""
    usual = people["acquisition_channel"].map(ACQUISITION_COSTS).to_numpy(dtype=np.float64)
    cost = usual * np.exp(0.4 * generator.standard_normal(len(people)) - 0.08)
    return pd.DataFrame(
        {
            "customer": np.arange(len(people)),
            "acquired_on": span.timestamps(people["start"].to_numpy()).normalize(),
            "acquisition_channel": people["acquisition_channel"],
            "acquisition_cost": cost.round(2),
            "referred_by": people["referrer"],
            "contract": people["contract"],
            "country": people["country"],
            "segment": people["segment"],
            "team": people["team"],
        }
    )


def draw_costs(
    generator: np.random.Generator, tickets: pd.DataFrame, interactions: pd.DataFrame
) -> pd.DataFrame:
    """Draw costs to serve (tickets, inbound calls) and to retain (offers in some campaigns)."""
    inbound = interactions["direction"] == "inbound"
    offers = ~inbound & (generator.random(len(interactions)) < _OFFERS)
    parts = [
        (tickets.rename(columns={"opened": "timestamp"}), "serve", _TICKET_COST),
        (interactions[inbound & (interactions["channel"] == "phone")], "serve", _CALL_COST),
        (interactions[offers], "retain", _OFFER_COST),
    ]
    tables = [
        table[["customer", "timestamp"]].assign(
            kind=kind, amount=(usual * generator.gamma(4.0, 0.25, len(table))).round(2)
        )
        for table, kind, usual in parts
    ]
    costs = pd.concat(tables, ignore_index=True)
    return costs.sort_values(["timestamp", "customer"], kind="stable", ignore_index=True)


def draw_credit(generator: np.random.Generator, people: pd.DataFrame, span: Span) -> pd.DataFrame:
    """Draw the quarterly accounts of business customers: risky ones pay late, and some default."""
    business = np.flatnonzero(people["segment"] == "business")
    quarters = np.arange(_CREDIT_DAYS, span.known_days, _CREDIT_DAYS, dtype=np.float64)
    customer, time = np.repeat(business, len(quarters)), np.tile(quarters, len(business))
    known = people["start"].to_numpy()[customer] < time
    customer, time = customer[known], time[known]
    risk = people["risk"].to_numpy()[customer]
    late = np.exp(1.0 + 0.9 * risk + 0.7 * generator.standard_normal(len(customer)))
    default = generator.random(len(customer)) < 0.004 * np.exp(1.1 * risk)
    monthly = (people["spend_level"] * people["purchase_rate"]).to_numpy()[customer] * _MONTH
    table = pd.DataFrame(
        {
            "customer": customer,
            "timestamp": span.timestamps(time),
            "credit_limit": 100.0 * np.ceil(3.0 * monthly / 100.0),
            "overdue_days": np.where(late > 3.0, np.floor(late), 0.0),
        }
    )
    table["defaults"] = default.astype(np.int64)
    table["defaults"] = table.groupby("customer")["defaults"].cumsum()
    return table.sort_values(["timestamp", "customer"], kind="stable", ignore_index=True)
