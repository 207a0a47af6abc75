"""Profit of a churn model: a published implementation, brute force, and laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.stats import beta

from guanxi.errors import DataError
from guanxi.evaluation.retention_profit import expected_maximum_profit, maximum_profit, measure_offer
from guanxi.params import OfferParams

labels = arrays(np.float64, 20, elements=st.sampled_from([0.0, 1.0]))
scores = arrays(np.float64, 20, elements=st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]))
offers = st.builds(
    OfferParams,
    value=st.floats(20, 2000),
    incentive=st.floats(0, 60),
    contact=st.floats(0, 10),
    alpha=st.floats(1, 8),
    beta=st.floats(1, 20),
)


@pytest.fixture(scope="module")
def television(shared_data):
    """Label, score, and gain of contacting each subscriber.

    The score is the features times the differences of their means between churners and stayers, to 4 digits.
    """
    table = pd.read_parquet(shared_data / "churn_tv_costs.parquet")
    churned = table["target"].to_numpy()
    features = table[[f"x{i}" for i in range(1, 47)]].to_numpy()
    score = np.round(features @ (features[churned == 1].mean(0) - features[churned == 0].mean(0)), 4)
    gain = np.where(churned == 1, table["C_FN"] - table["C_TP"], table["C_TN"] - table["C_FP"])
    return churned, {"means": score, "x43": -table["x43"].to_numpy()}, gain


class TestEmpulse:
    """Golden numbers: empulse 0.13.1, ``empc_score`` and ``empc_score.optimal_rate``.

    For costs of each customer, ``Metric(cost_matrix, EmpiricalMaxProfit())`` of four cost symbols.
    """

    @pytest.mark.parametrize(
        ("score", "offer", "profit", "share"),
        [
            ("means", {}, 0.018490468684397104, 0.007302897880367198),
            ("means", {"value": 1000}, 5.1562689531377, 0.5900780635491096),
            ("means", {"value": 2000, "incentive": 50}, 1.8088455654677995, 0.10967786029866534),
            (
                "means",
                {"alpha": 2, "beta": 5, "value": 300, "incentive": 20, "contact": 5},
                0.00948362087415526,
                0.001943225568197161,
            ),
            ("x43", {}, 0.0005944392015557447, 0.0009073116595251852),
            ("x43", {"value": 1000}, 4.852150457138716, 0.6285473310379578),
        ],
    )
    def test_expected_maximum_profit(self, television, score, offer, profit, share):
        churned, known, _ = television
        found = expected_maximum_profit(churned, known[score], OfferParams(**offer))
        assert found == pytest.approx((profit, share), rel=1e-6, abs=1e-12)

    @pytest.mark.parametrize(
        ("score", "profit", "share"),
        [
            ("means", 2.364505510715427, 0.10033052564239257),
            ("x43", 2.5856759064932286, 0.10854035611472439),
        ],
    )
    def test_costs_of_each_customer(self, television, score, profit, share):
        _, known, gain = television
        assert maximum_profit(known[score], gain) == pytest.approx((profit, share), abs=1e-9)


def by_brute_force(actual, score, offer):
    """The best cutoff for each acceptance, integrated over its density."""
    cutoffs = [score >= level for level in np.unique(score)]

    def best(acceptance):
        gain = np.where(actual == 1, acceptance * (offer.value - offer.incentive), -offer.incentive)
        return max(0.0, *(float((gain - offer.contact)[chosen].sum()) for chosen in cutoffs)) / len(actual)

    density = beta(offer.alpha, offer.beta).pdf
    return quad(lambda acceptance: best(acceptance) * density(acceptance), 0, 1, limit=400)[0]


class TestLaws:
    @settings(max_examples=30, deadline=None)
    @given(labels, scores, offers)
    def test_equals_the_integral_over_the_best_cutoffs(self, actual, score, offer):
        profit, share = expected_maximum_profit(actual, score, offer)
        assert profit == pytest.approx(by_brute_force(actual, score, offer), rel=1e-5, abs=1e-6)
        assert 0 <= share <= 1 + 1e-12

    @settings(max_examples=40, deadline=None)
    @given(labels, scores, offers)
    def test_the_truth_earns_most_and_nothing_is_never_lost(self, actual, score, offer):
        profit, _ = expected_maximum_profit(actual, score, offer)
        best, share = expected_maximum_profit(actual, actual, offer)
        assert -1e-12 <= profit <= best + 1e-9
        assert share <= max(actual.mean(), 0) + 1e-12 or offer.incentive + offer.contact == 0

    @settings(max_examples=40, deadline=None)
    @given(labels, scores, st.permutations(range(20)))
    def test_only_the_ranking_counts(self, actual, score, order):
        expected = expected_maximum_profit(actual, score)
        assert expected_maximum_profit(actual[order], score[order]) == pytest.approx(expected, abs=1e-12)
        assert expected_maximum_profit(actual, score**3) == pytest.approx(expected, abs=1e-12)

    @settings(max_examples=40, deadline=None)
    @given(scores, arrays(np.float64, 20, elements=st.integers(-50, 50).map(float)))
    def test_the_maximum_over_all_cutoffs(self, score, gain):
        profit, share = maximum_profit(score, gain)
        assert profit == pytest.approx(max(0, *(gain[score >= level].sum() for level in score)) / 20)
        level = np.sort(score)[::-1][max(round(share * 20) - 1, 0)]
        assert share == 0 or gain[score >= level].sum() / 20 == pytest.approx(profit)

    def test_a_sure_acceptance_is_the_plain_profit(self):
        # Nearly all accept: 2 churners bring 200 - 11 each, the stayer above the second costs 11.
        offer = OfferParams(alpha=1e7, beta=1e-3)
        profit, share = expected_maximum_profit([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], offer)
        assert profit == pytest.approx((2 * 189 - 11) / 4, rel=1e-6)
        assert share == pytest.approx(0.75)


def test_several_models():
    table = measure_offer([1, 0], {"a": [0.9, 0.1], "b": [0.5, 0.5]}, OfferParams())
    assert table[["model", "metric"]].to_numpy().tolist() == [
        ["a", "empc"],
        ["a", "empc_share"],
        ["b", "empc"],
        ["b", "empc_share"],
    ]
    value = table.set_index(["model", "metric"])["value"]
    assert value["a", "empc"] > value["b", "empc"]


def test_input_errors():
    for call in (expected_maximum_profit, maximum_profit):
        with pytest.raises(DataError, match="shape"):
            call([1, 0], [0.5])
        with pytest.raises(DataError, match="finite"):
            call([1, np.nan], [0.5, 0.5])
