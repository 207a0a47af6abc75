"""Survey answers of the simulated company's customers, and their true scores.

The true score of a customer is the mean of infinitely many answers; an answer is the true score plus noise
(Lord & Novick 1968, Statistical Theories of Mental Test Scores).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

from guanxi.simulation._purchase_process import Floats, Integers
from guanxi.simulation.company._events import Span

DIMENSIONS = {"tangibles": 0.2, "reliability": -0.2, "responsiveness": -0.1, "assurance": 0.1, "empathy": 0.0}
_FIRST_DAY, _EVERY_DAYS, _JITTER_DAYS = 30.0, 150.0, 20.0
_EVERY_SERVQUAL = 2  # rounds


class Scale(NamedTuple):
    """A scale of whole numbers, and the noise of answers around a customer's opinion."""

    low: int
    high: int
    noise: float

    def draw(self, generator: np.random.Generator, meant: Floats) -> Floats:
        """Draw an answer for each opinion."""
        answer = np.round(meant + self.noise * generator.standard_normal(len(meant)))
        return np.asarray(np.clip(answer, self.low, self.high))

    def mean(self, meant: Floats) -> Floats:
        """Mean answer for each opinion, including rounding and truncation."""
        steps = np.arange(self.low + 1, self.high + 1) - 0.5
        return np.asarray(self.low + ndtr((meant[:, None] - steps) / self.noise).sum(axis=1))

    @property
    def width(self) -> int:
        """Range of the scale."""
        return self.high - self.low


CSAT, NPS, CES, SERVQUAL = Scale(1, 5, 0.75), Scale(0, 10, 1.4), Scale(1, 7, 1.0), Scale(1, 7, 0.8)


def draw_expectations(generator: np.random.Generator, n: int) -> Floats:
    """Draw the service expectations of the customers, on the SERVQUAL scale."""
    return np.asarray(5.6 + 0.4 * generator.standard_normal(n))


def true_scores(people: pd.DataFrame) -> dict[str, Floats]:
    """Mean answers of each customer: ``csat, ces`` from 0 to 1, ``nps_score`` 0 to 10, ``servqual_gap``."""
    meant = _meant(people)
    perceived = np.mean([SERVQUAL.mean(meant["servqual"] + shift) for shift in DIMENSIONS.values()], axis=0)
    gap = (perceived - SERVQUAL.mean(people["expectation"].to_numpy())) / SERVQUAL.width
    return {
        "csat": (CSAT.mean(meant["csat"]) - CSAT.low) / CSAT.width,
        "nps_score": NPS.mean(meant["nps"]),
        "ces": (CES.mean(meant["ces"]) - CES.low) / CES.width,
        "servqual_gap": gap,
    }


def draw_surveys(
    generator: np.random.Generator, people: pd.DataFrame, tickets: pd.DataFrame, span: Span
) -> pd.DataFrame:
    """Draw the answers: CSAT and NPS every five months, SERVQUAL every ten, CES after some of the tickets.

    Engaged customers answer more often, former ones not at all.
    """
    customer, time, asked = _rounds(generator, people, span)
    meant = _meant(people)
    tables = [
        _table(customer, span.timestamps(time), "csat", CSAT.draw(generator, meant["csat"][customer])),
        _table(customer, span.timestamps(time), "nps", NPS.draw(generator, meant["nps"][customer])),
    ]
    long = asked % _EVERY_SERVQUAL == 0
    customer, moments = customer[long], span.timestamps(time[long])
    for dimension, shift in DIMENSIONS.items():
        score = SERVQUAL.draw(generator, meant["servqual"][customer] + shift)
        expected = SERVQUAL.draw(generator, people["expectation"].to_numpy()[customer])
        table = _table(customer, moments, "servqual", score)
        tables.append(table.assign(dimension=dimension, expectation=expected))
    answered = tickets[tickets["closed"].notna() & (generator.random(len(tickets)) < 0.4)]
    helped = answered["customer"].to_numpy()
    effort = CES.draw(generator, meant["ces"][helped])
    tables.append(_table(helped, pd.DatetimeIndex(answered["closed"]), "ces", effort))
    surveys = pd.concat(tables, ignore_index=True)
    return surveys.sort_values(["timestamp", "customer"], kind="stable", ignore_index=True)


def _meant(people: pd.DataFrame) -> dict[str, Floats]:
    satisfaction, loyalty, quality = (
        people[name].to_numpy() for name in ("satisfaction", "loyalty", "service_quality")
    )
    return {
        "csat": 3.5 + 0.65 * satisfaction,
        "nps": 7.0 + 1.5 * loyalty,
        "ces": 4.6 + 0.5 * satisfaction + 0.4 * quality,
        "servqual": 5.0 + 0.8 * quality,
    }


def _rounds(
    generator: np.random.Generator, people: pd.DataFrame, span: Span
) -> tuple[Integers, Floats, Integers]:
    """Draw the customer, time and survey round of each response."""
    start = people["start"].to_numpy()
    count = int(span.known_days // _EVERY_DAYS) + 1
    after = _FIRST_DAY + _EVERY_DAYS * np.arange(count)
    time = start[:, None] + after + _JITTER_DAYS * generator.random((len(people), count))
    end = np.minimum(start + people["lifetime"].to_numpy(), span.known_days)
    willing = expit(0.3 + 0.6 * people["engagement"].to_numpy())
    answers = (time < end[:, None]) & (generator.random(time.shape) < willing[:, None])
    customer, asked = np.nonzero(answers)
    return customer, time[answers], asked


def _table(customer: Integers, timestamp: pd.DatetimeIndex, instrument: str, score: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer": customer,
            "timestamp": timestamp,
            "instrument": instrument,
            "score": score,
            "dimension": pd.Series(None, index=range(len(customer)), dtype="str"),
            "expectation": np.nan,
        }
    )
