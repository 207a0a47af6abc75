"""Targeting by uplift against simpler policies, and uplift by decile, all on held-out customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.uplift._held_out_uplift import HeldOut
from guanxi.decisions.uplift._meta_learners import Campaign
from guanxi.decisions.uplift._resampled_groups import Groups, Resampled, band, resample
from guanxi.decisions.uplift._response_segments import SEGMENTS

Floats = NDArray[np.float64]

STEPS = 20  # of the curve, 5 % of the customers each
_SHARES = (0.1, 0.2, 0.3, 0.5)
_EVERYBODY = "everybody"


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its 95 % interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Comparison:
    """What targeting by uplift earns on held-out customers.

    Attributes
    ----------
    qini, qini_response, qini_difference : Interval
        Qini coefficients of targeting by uplift and of targeting the likeliest buyers, and the first less
        the second.
    spared : Interval
        Gain per customer of treating only customers with a predicted uplift above 0, less the gain of
        treating everybody.
    treated_share : float
        Share of customers with a predicted uplift above 0.
    curve : pandas.DataFrame
        ``share``; ``gain, gain_lower, gain_upper`` per customer if the share with the highest uplift is
        treated; ``by_response`` if the likeliest buyers are; ``at_random``.
    deciles : pandas.DataFrame
        ``decile`` (1: highest predicted uplift), ``customers, predicted``, ``uplift, uplift_lower,
        uplift_upper`` as observed, ``control_rate``.
    policies : pandas.DataFrame
        ``policy`` (uplift, response, random, everybody), ``share`` treated, ``gain`` per customer with
        ``gain_lower, gain_upper``, and ``difference, difference_lower, difference_upper``: uplift at the same
        share less this policy (for everybody: uplift above 0 less everybody).
    segments : pandas.DataFrame or None
        ``segment, customers, share, predicted, control_rate``, ``uplift, uplift_lower, uplift_upper`` as
        observed.
    """

    qini: Interval
    qini_response: Interval
    qini_difference: Interval
    spared: Interval
    treated_share: float
    curve: pd.DataFrame
    deciles: pd.DataFrame
    policies: pd.DataFrame
    segments: pd.DataFrame | None

    @property
    def beats_response(self) -> bool:
        """Whether targeting by uplift has a higher Qini coefficient than targeting the likeliest buyers."""
        return self.qini_difference.lower > 0


def compare(
    campaign: Campaign,
    held_out: HeldOut,
    uplift: Floats,
    segments: NDArray[np.int64] | None,
    seed: int,
) -> Comparison:
    """Measure policies, deciles and segments on held-out customers.

    Parameters
    ----------
    campaign : Campaign
    held_out : HeldOut
    uplift : array of shape (n,)
        Predicted, calibrated.
    segments : array of shape (n,), optional
        Place of each customer's segment in ``SEGMENTS``.
    seed : int
    """
    ranks = {"uplift": held_out.uplift_rank, "response": held_out.response_rank}
    steps = {name: _steps(rank, seed) for name, rank in ranks.items()}
    groups = steps | {
        "decile": Groups(steps["uplift"].of // 2, STEPS // 2),
        "above": Groups((uplift <= 0).astype(np.int64), 2),
        _EVERYBODY: Groups(np.zeros(len(campaign), dtype=np.int64), 1),
    }
    if segments is not None:
        groups["segment"] = Groups(segments, len(SEGMENTS))
    weight = balancing_weights(campaign)
    found = resample(campaign.outcome, campaign.treated, weight, groups, ranks, seed)
    qini = found.coefficients
    gain = found.sums["above"].gain()
    spared = gain[:, 0] - gain[:, 1]
    return Comparison(
        qini=_interval(qini["uplift"]),
        qini_response=_interval(qini["response"]),
        qini_difference=_interval(qini["uplift"] - qini["response"]),
        spared=_interval(spared),
        treated_share=float(np.mean(uplift > 0)),
        curve=_curve(found),
        deciles=_by_group(found, groups, "decile", uplift, list(range(1, STEPS // 2 + 1))),
        policies=_policies(found, spared),
        segments=None if segments is None else _by_group(found, groups, "segment", uplift, list(SEGMENTS)),
    )


def balancing_weights(campaign: Campaign) -> Floats:
    """Inverse probabilities of the customer's arm, scaled to 1 if all have the same; shape (n,)."""
    t, e = campaign.treated, campaign.propensity
    share = float(t.mean())
    return np.where(t == 1, share / e, (1.0 - share) / (1.0 - e))


def _steps(rank: Floats, seed: int) -> Groups:
    """Divide by falling rank into groups of equal size; ties are broken at random."""
    order = np.random.default_rng(seed).random(len(rank))
    step = np.empty(len(rank), dtype=np.int64)
    step[np.lexsort([order, -rank])] = np.arange(len(rank)) * STEPS // len(rank)
    return Groups(step, STEPS)


def _interval(measured: Floats) -> Interval:
    return Interval(*(float(end) for end in band(measured).values()))


def _curve(found: Resampled) -> pd.DataFrame:
    gains = {name: found.sums[name].gain() for name in ("uplift", "response")}
    ends = band(gains["uplift"])
    share = np.arange(1, STEPS + 1) / STEPS
    table = pd.DataFrame(
        {
            "share": share,
            "gain": ends["value"],
            "gain_lower": ends["lower"],
            "gain_upper": ends["upper"],
            "by_response": gains["response"][0],
            "at_random": share * ends["value"][-1],
        }
    )
    return pd.concat([pd.DataFrame(0.0, index=[0], columns=table.columns), table], ignore_index=True)


def _policies(found: Resampled, spared: Floats) -> pd.DataFrame:
    gains = {name: found.sums[name].gain() for name in ("uplift", "response")}
    everybody = found.sums[_EVERYBODY].gain()[:, 0]
    rows = []
    for share in _SHARES:
        place = round(share * STEPS) - 1
        uplift = gains["uplift"][:, place]
        others = {"uplift": uplift, "response": gains["response"][:, place], "random": share * everybody}
        rows += [_policy(name, share, gain, uplift - gain) for name, gain in others.items()]
    rows.append(_policy("everybody", 1.0, everybody, spared))
    return pd.DataFrame(rows)


def _policy(name: str, share: float, gain: Floats, difference: Floats) -> dict[str, Any]:
    row: dict[str, Any] = {"policy": name, "share": share}
    for column, measured in {"gain": gain, "difference": difference}.items():
        ends = band(measured)
        row |= {column: ends["value"], f"{column}_lower": ends["lower"], f"{column}_upper": ends["upper"]}
    return row


def _by_group(
    found: Resampled, groups: dict[str, Groups], name: str, uplift: Floats, labels: list[Any]
) -> pd.DataFrame:
    sums, of, count = found.sums[name], groups[name].of, groups[name].count
    ends, customers = band(sums.effect()), np.bincount(of, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        predicted = np.bincount(of, uplift, count) / customers
    return pd.DataFrame(
        {
            name: labels,
            "customers": customers,
            "share": customers / len(of),
            "predicted": predicted,
            "control_rate": sums.control_rate()[0],
            "uplift": ends["value"],
            "uplift_lower": ends["lower"],
            "uplift_upper": ends["upper"],
        }
    )
