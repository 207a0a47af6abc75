"""Transactions, interactions and tickets of the simulated company."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from guanxi.periods import DAYS_PER_YEAR
from guanxi.simulation._purchase_process import Floats, Integers
from guanxi.simulation.company._people import Effects

CATEGORIES = {  # with margins as shares of the amount
    "coffee": 0.45,
    "tea": 0.5,
    "machines": 0.25,
    "cups": 0.4,
    "parts": 0.35,
    "service": 0.6,
    "gifts": 0.4,
    "books": 0.3,
}
_SHOPS = ("web", "app", "shop")
_CONTACTS = ("email", "phone", "chat", "visit", "social")
_AMOUNT_SHAPE = 3.0
_MORE_LINES = 0.4
REFUND_PROBABILITY, REFUND_LEAST = 0.03, 0.2  # per line; the refunded share is uniform from the least to 1
_INBOUND_PER_YEAR, _OUTBOUND_PER_YEAR, _TICKETS_PER_YEAR = 4.0, 5.0, 0.9
_SECONDS_PER_DAY = 86400
_REFUND_SHARE = REFUND_PROBABILITY * (1.0 + REFUND_LEAST) / 2.0
NET_OF_REFUNDS = 1.0 - _REFUND_SHARE


class Span(NamedTuple):
    """The simulated days: ``first`` is day 0, ``known_days`` are followed by the future."""

    first: pd.Timestamp
    known_days: int
    days: int

    def timestamps(self, time: Floats) -> pd.DatetimeIndex:
        """Timestamps, to the second, of times in days since the first."""
        seconds = np.floor(time * _SECONDS_PER_DAY).astype(np.int64)
        return pd.DatetimeIndex(self.first + pd.to_timedelta(seconds, unit="s"))


def events(
    generator: np.random.Generator, rate: Floats, start: Floats, end: Floats
) -> tuple[Integers, Floats]:
    """Draw a Poisson process per customer: customer and time of each event, sorted by both.

    Parameters
    ----------
    generator : Generator
    rate : array, shape (n,)
        Events per day.
    start, end : array, shape (n,)
        Start and end of each process, in days.
    """
    length = np.maximum(end - start, 0.0)
    customer = np.repeat(np.arange(len(rate)), generator.poisson(rate * length))
    time = start[customer] + generator.random(len(customer)) * length[customer]
    order = np.lexsort((time, customer))
    return customer[order], time[order]


def draw_transactions(generator: np.random.Generator, people: pd.DataFrame, span: Span) -> pd.DataFrame:
    """Draw the lines of all orders: the first at acquisition, then by a Poisson process.

    Returns
    -------
    DataFrame
        ``customer`` (row of ``people``), ``timestamp, amount, order_id, category, channel, margin``, in the
        order of time. Some lines are refunded in part or in full by a negative line with the same timestamp.
    """
    buyers = np.flatnonzero(~people["prospect"])
    start, lifetime = people["start"].to_numpy(), people["lifetime"].to_numpy()
    rate = np.where(people["prospect"], 0.0, people["purchase_rate"])
    customer, time = events(generator, rate, start, np.minimum(start + lifetime, span.days))
    customer, time = np.concatenate([buyers, customer]), np.concatenate([start[buyers], time])
    order = np.argsort(time, kind="stable")
    customer, time = customer[order], time[order]
    total = people["spend_level"].to_numpy()[customer]
    total = total * generator.gamma(_AMOUNT_SHAPE, 1.0 / _AMOUNT_SHAPE, len(customer))
    number, amount = _split(generator, total)
    category = _categories(generator, people, customer[number])
    usual_channel = generator.integers(0, len(_SHOPS), len(people))
    channel = _mostly(generator, usual_channel, 0.75, len(_SHOPS), customer)
    lines = pd.DataFrame(
        {
            "customer": customer[number],
            "timestamp": span.timestamps(time)[number],
            "amount": amount.round(2),
            "order_id": number + 1,
            "category": np.array(list(CATEGORIES))[category],
            "channel": np.array(_SHOPS)[channel[number]],
        }
    )
    lines = _with_refunds(generator, lines)
    lines["margin"] = (lines["amount"] * lines["category"].map(CATEGORIES)).round(2)
    return lines


def _split(generator: np.random.Generator, total: Floats) -> tuple[Integers, Floats]:
    """Split orders into lines: order number and amount of each line."""
    number = np.repeat(np.arange(len(total)), 1 + generator.poisson(_MORE_LINES, len(total)))
    weight = generator.standard_exponential(len(number))
    share = weight / np.bincount(number, weights=weight, minlength=len(total))[number]
    return number, total[number] * share


def _categories(generator: np.random.Generator, people: pd.DataFrame, customer: Integers) -> Integers:
    favourite = generator.integers(0, len(CATEGORIES), len(people))
    return _mostly(generator, favourite, generator.beta(2.0, 2.0, len(people)), len(CATEGORIES), customer)


def _mostly(
    generator: np.random.Generator,
    usual: Integers,
    probability: Floats | float,
    choices: int,
    customer: Integers,
) -> Integers:
    """Choose the customer's usual option with a given probability, otherwise any."""
    usually = generator.random(len(customer)) < np.broadcast_to(probability, len(usual))[customer]
    return np.where(usually, usual[customer], generator.integers(0, choices, len(customer)))


def _with_refunds(generator: np.random.Generator, lines: pd.DataFrame) -> pd.DataFrame:
    refunds = lines[generator.random(len(lines)) < REFUND_PROBABILITY]
    refunds = refunds.assign(
        amount=-(refunds["amount"] * generator.uniform(REFUND_LEAST, 1.0, len(refunds))).round(2)
    )
    return pd.concat([lines, refunds]).sort_index(kind="stable").reset_index(drop=True)


def draw_interactions(
    generator: np.random.Generator, people: pd.DataFrame, span: Span, effects: Effects
) -> pd.DataFrame:
    """Draw contacts: engaged customers get in touch and respond more often, former ones do neither."""
    start = people["start"].to_numpy()
    end = np.minimum(start + people["lifetime"].to_numpy(), span.known_days)
    engagement = people["engagement"].to_numpy()
    rate = _INBOUND_PER_YEAR / DAYS_PER_YEAR * np.exp(effects.interactions_engagement * engagement)
    inbound, inbound_time = events(generator, rate, start, end)
    known = np.full(len(people), float(span.known_days))
    asked = np.full(len(people), _OUTBOUND_PER_YEAR / DAYS_PER_YEAR)
    outbound, outbound_time = events(generator, asked, start, known)
    answers = generator.random(len(outbound)) < expit(-1.0 + 0.7 * engagement[outbound])
    answers &= outbound_time < end[outbound]
    usual = generator.integers(0, len(_CONTACTS), len(people))
    customer = np.concatenate([inbound, outbound])
    table = pd.DataFrame(
        {
            "customer": customer,
            "timestamp": span.timestamps(np.concatenate([inbound_time, outbound_time])),
            "channel": np.array(_CONTACTS)[_mostly(generator, usual, 0.6, len(_CONTACTS), customer)],
            "kind": np.repeat(["question", "campaign"], [len(inbound), len(outbound)]),
            "direction": np.repeat(["inbound", "outbound"], [len(inbound), len(outbound)]),
            "responded": pd.arrays.BooleanArray(
                np.concatenate([np.zeros(len(inbound), dtype=bool), answers]),
                np.repeat([True, False], [len(inbound), len(outbound)]),
            ),
        }
    )
    return table.sort_values(["timestamp", "customer"], kind="stable", ignore_index=True)


def draw_tickets(
    generator: np.random.Generator, people: pd.DataFrame, span: Span, effects: Effects
) -> pd.DataFrame:
    """Draw tickets: bad service causes more of them, more complaints, and slower resolution."""
    start = people["start"].to_numpy()
    end = np.minimum(start + people["lifetime"].to_numpy(), span.known_days)
    quality = people["service_quality"].to_numpy()
    rate = _TICKETS_PER_YEAR / DAYS_PER_YEAR * np.exp(effects.tickets_service_quality * quality)
    customer, opened = events(generator, rate, start, end)
    quality = quality[customer]
    closed = opened + np.exp(0.7 - 0.3 * quality + 0.8 * generator.standard_normal(len(customer)))
    satisfaction = 3.4 + 0.6 * quality + 0.3 * people["satisfaction"].to_numpy()[customer]
    satisfaction = np.clip(np.round(satisfaction + generator.standard_normal(len(customer))), 1.0, 5.0)
    is_closed = closed < span.known_days
    rated = is_closed & (generator.random(len(customer)) < 0.5)
    table = pd.DataFrame(
        {
            "customer": customer,
            "opened": span.timestamps(opened),
            "closed": span.timestamps(closed),
            "satisfaction": np.where(rated, satisfaction, np.nan),
            "complaint": generator.random(len(customer)) < expit(-0.4 - 0.6 * quality),
        }
    )
    table["closed"] = table["closed"].where(is_closed)
    return table.sort_values(["opened", "customer"], kind="stable", ignore_index=True)
