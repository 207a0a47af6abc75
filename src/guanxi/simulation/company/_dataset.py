"""The tables of the simulated company, with the truth and the future."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from guanxi.data.sinks.files import write_table, write_text
from guanxi.errors import ParamsError
from guanxi.periods import DAYS_PER_YEAR, parse_date
from guanxi.simulation.company._answers import draw_expectations, draw_surveys, true_scores
from guanxi.simulation.company._books import draw_costs, draw_credit, draw_customers
from guanxi.simulation.company._events import (
    CATEGORIES,
    NET_OF_REFUNDS,
    Span,
    draw_interactions,
    draw_tickets,
    draw_transactions,
)
from guanxi.simulation.company._people import Effects, draw_people

RELATIONS = ("customers", "interactions", "surveys", "tickets", "costs", "credit")
_MEAN_MARGIN = sum(CATEGORIES.values()) / len(CATEGORIES)
_MOST_DAYS = 36_500
_PARTS = ("people", "expectations", "transactions", *RELATIONS)


@dataclass(frozen=True)
class Company:
    """A simulated company: its data up to ``as_of``, the truth, and the future.

    Attributes
    ----------
    as_of : date
        Last day of every table but ``future``.
    transactions : DataFrame
        ``customer_id, timestamp, amount, order_id, category, channel, margin``, in the order of time.
    customers, interactions, surveys, tickets, costs, credit : DataFrame
        Columns as under ``relations`` of params.yaml.
    truth : DataFrame
        Latent variables, a row per customer: ``service_quality, satisfaction, loyalty, engagement, risk``
        (standard deviation 1), ``purchase_rate, dropout_rate`` (per day), ``spend_level`` (mean order),
        ``acquired_on``, ``dropout_on`` (missing: after the future), ``referred_by``, ``prospect``, and the
        true scores ``csat, ces`` (from 0 to 1), ``nps_score`` (0 to 10), ``servqual_gap``.
    effects : Effects
        Effects between these variables.
    future : DataFrame
        The transactions after ``as_of``.
    last_day : date
        The last day of the future.
    """

    as_of: date
    transactions: pd.DataFrame
    customers: pd.DataFrame
    interactions: pd.DataFrame
    surveys: pd.DataFrame
    tickets: pd.DataFrame
    costs: pd.DataFrame
    credit: pd.DataFrame
    truth: pd.DataFrame
    effects: Effects
    future: pd.DataFrame
    last_day: date

    def realised(self, cutoff: date | str, horizon_days: int) -> pd.DataFrame:
        """Outcomes in the ``horizon_days`` after the cutoff of all customers known at the cutoff.

        Returns
        -------
        DataFrame
            ``customer_id`` (buyers up to the cutoff, sorted), ``purchases`` (days with a purchase),
            ``spend``, ``margin``, ``churned`` (1.0: no purchase).

        Raises
        ------
        ParamsError
            If the window ends after the simulated future.
        """
        after, until = self._window(cutoff, horizon_days)
        lines = pd.concat([self.transactions, self.future], ignore_index=True)
        known = lines.loc[lines["timestamp"] < after, "customer_id"].unique()
        lines = lines[(lines["timestamp"] >= after) & (lines["timestamp"] < until)]
        done = lines.assign(day=lines["timestamp"].dt.normalize()).groupby("customer_id")
        sums = done.agg(purchases=("day", "nunique"), spend=("amount", "sum"), margin=("margin", "sum"))
        table = sums.reindex(np.sort(known), fill_value=0).astype(np.float64)
        table["churned"] = (table["purchases"] == 0).astype(np.float64)
        return table.rename_axis("customer_id").reset_index()

    def expected(self, cutoff: date | str, horizon_days: int) -> pd.DataFrame:
        """Compute the expectation of :meth:`realised` given the true rates and the dropouts up to the cutoff.

        Pareto/NBD with known rates: a customer alive with purchase rate l and dropout rate m buys
        ``l (1 - exp(-m h)) / m`` times in h days on average, and not at all with probability
        ``m / (l + m) + l / (l + m) exp(-(l + m) h)``. Two orders on a day count as two.
        """
        after, until = self._window(cutoff, horizon_days)
        known = self.truth[(self.truth["acquired_on"] < after) & ~self.truth["prospect"]]
        days = (until - after).days
        there = (known["dropout_on"].isna() | (known["dropout_on"] >= after)).astype(np.float64)
        buys, leaves = known["purchase_rate"], known["dropout_rate"]
        purchases = there * buys * -np.expm1(-leaves * days) / leaves
        nothing = (leaves + buys * np.exp(-(buys + leaves) * days)) / (buys + leaves)
        spend = purchases * known["spend_level"] * NET_OF_REFUNDS
        return pd.DataFrame(
            {
                "customer_id": known["customer_id"],
                "purchases": purchases,
                "spend": spend,
                "margin": spend * _MEAN_MARGIN,
                "churned": 1.0 - there * (1.0 - nothing),
            }
        ).reset_index(drop=True)

    def write(self, folder: Path, table_format: Literal["csv", "parquet"] = "csv") -> None:
        """Write the company's tables, and a ``params.yaml`` that refers to them, for a demo.

        Parameters
        ----------
        folder : Path
            Created if missing; run ``guanxi`` in it.
        table_format : {"csv", "parquet"}

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        for name in ("transactions", *RELATIONS):
            write_table(getattr(self, name), folder / f"{name}.{table_format}")
        sources = "".join(f"  {name}: {{source: {name}.{table_format}}}\n" for name in RELATIONS)
        write_text(
            f"# A simulated company as of {self.as_of}; its purchases are in transactions.{table_format}.\n"
            f"relations:\n{sources}",
            folder / "params.yaml",
        )

    def _window(self, cutoff: date | str, horizon_days: int) -> tuple[pd.Timestamp, pd.Timestamp]:
        day = parse_date(cutoff, what="cutoff") if isinstance(cutoff, str) else cutoff
        after = pd.Timestamp(day) + pd.Timedelta(days=1)
        until = after + pd.Timedelta(days=horizon_days)
        if horizon_days < 1 or until > pd.Timestamp(self.last_day) + pd.Timedelta(days=1):
            raise ParamsError(
                f"{horizon_days} days after {day} are not simulated: they end on {self.last_day}; choose "
                "an earlier cutoff, fewer days or a longer future"
            )
        return after, until


def simulate_company(
    customers: int = 5000,
    years: float = 3.0,
    seed: int = 0,
    *,
    as_of: str = "2024-12-31",
    future_days: int = 365,
    effects: Effects | None = None,
) -> Company:
    """Simulate a company with known truth.

    Customers are acquired over the years and buy by Pareto/NBD with rates that depend on their attitudes:
    satisfied and loyal customers stay longer, engaged ones buy and get in touch more often, bad service
    causes tickets, complaints and dissatisfaction, promoters refer others, who stay longer, and bad payers
    leave earlier. The measurements (surveys with non-response, contacts, tickets) are noisy, and much of the
    variation of the rates is unexplained.

    Parameters
    ----------
    customers : int
        Size of the customer table, including prospects without a purchase.
    years : float
        Length of the history, in years of 365 days.
    seed : int
        The same seed gives the same rows; each table has its own random numbers.
    as_of : str
        Last day of the history, ISO.
    future_days : int
        Simulated days after ``as_of``.
    effects : Effects, optional
        Effects between the latent variables.

    Raises
    ------
    ParamsError
        If there are no customers or days, or more than a century of days.

    Examples
    --------
    >>> company = simulate_company(customers=100, years=2, seed=1)
    >>> bool((company.transactions["timestamp"] < "2025-01-01").all())
    True
    >>> company.realised("2024-12-31", 365).columns.tolist()
    ['customer_id', 'purchases', 'spend', 'margin', 'churned']
    """
    effects = effects or Effects()
    span, day = _span(customers, years, as_of, future_days)
    generators = {part: np.random.default_rng([seed, number]) for number, part in enumerate(_PARTS)}
    people = draw_people(generators["people"], customers, span.known_days, effects)
    people["expectation"] = draw_expectations(generators["expectations"], customers)
    lines = draw_transactions(generators["transactions"], people, span)
    tickets = draw_tickets(generators["tickets"], people, span, effects)
    interactions = draw_interactions(generators["interactions"], people, span, effects)
    ids = np.array([f"C{number:06d}" for number in range(1, customers + 1)], dtype=object)
    tables = {
        "customers": draw_customers(generators["customers"], people, span),
        "interactions": interactions,
        "surveys": draw_surveys(generators["surveys"], people, tickets, span),
        "tickets": tickets,
        "costs": draw_costs(generators["costs"], tickets, interactions),
        "credit": draw_credit(generators["credit"], people, span),
    }
    known = lines["timestamp"] < pd.Timestamp(day) + pd.Timedelta(days=1)
    named: dict[str, Any] = {name: _with_ids(table, ids) for name, table in tables.items()}
    return Company(
        as_of=day,
        transactions=_with_ids(lines[known], ids),
        truth=_truth(people, span, ids),
        effects=effects,
        future=_with_ids(lines[~known], ids),
        last_day=(span.first + pd.Timedelta(days=span.days - 1)).date(),
        **named,
    )


def _span(customers: int, years: float, as_of: str, future_days: int) -> tuple[Span, date]:
    if customers < 1:
        raise ParamsError(f"customers is {customers}: give at least 1")
    known_days = round(years * DAYS_PER_YEAR)
    if known_days < 1 or future_days < 0 or known_days + future_days > _MOST_DAYS:
        raise ParamsError(
            f"{years} years and {future_days} days of future: give at least a day, and a century at most"
        )
    day = parse_date(as_of, what="as_of")
    first = pd.Timestamp(day) - pd.Timedelta(days=known_days - 1)
    return Span(first, known_days, known_days + future_days), day


def _with_ids(table: pd.DataFrame, ids: Any) -> pd.DataFrame:
    """Replace the customers' row numbers by their identifiers; a referrer of -1 becomes missing."""
    table = table.rename(columns={"customer": "customer_id"}).reset_index(drop=True)
    table["customer_id"] = pd.Series(ids[table["customer_id"]], dtype="str")
    if "referred_by" in table:
        by = table["referred_by"].to_numpy()
        table["referred_by"] = pd.Series(np.where(by >= 0, ids[by], None), dtype="str")
    return table


def _truth(people: pd.DataFrame, span: Span, ids: Any) -> pd.DataFrame:
    leaves = (people["start"] + people["lifetime"]).to_numpy()
    dropout_on = span.timestamps(np.minimum(leaves, span.days)).to_series(index=people.index)
    truth = people.assign(
        customer=np.arange(len(people)),
        acquired_on=span.timestamps(people["start"].to_numpy()),
        dropout_on=dropout_on.where(leaves < span.days),
        referred_by=people["referrer"],
        **true_scores(people),
    )
    first = ["customer", "service_quality", "satisfaction", "loyalty", "engagement", "risk"]
    rates = ["purchase_rate", "dropout_rate", "spend_level", "acquired_on", "dropout_on", "referred_by"]
    return _with_ids(truth[[*first, *rates, "prospect", *true_scores(people)]], ids)
