"""Planted groups are found again; order changes nothing; rules do what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from guanxi.errors import DataError, ParamsError
from guanxi.segments._cluster_stability import jaccard_similarities
from guanxi.segments._conditions import parse_condition
from guanxi.segments.clusters import STABLE, find_segments

N = 900


def planted(n: int = N) -> pd.DataFrame:
    """Three groups that differ in age, spend, visits and mostly channel; a tenth of two columns unknown."""
    rng = np.random.default_rng(0)
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    channel = np.where(rng.random(n) < 0.85, truth, rng.integers(0, 3, n))
    table = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(n)],
            "truth": truth,
            "age": rng.normal(np.array([30, 45, 65])[truth], 4),
            "revenue": np.exp(rng.normal(np.array([3, 5, 4])[truth], 0.5)),
            "visits": rng.poisson(np.array([2, 20, 6])[truth]),
            "channel": np.array(["web", "shop", "app"], dtype=object)[channel],
        }
    )
    table.loc[rng.random(n) < 0.1, "age"] = np.nan
    table.loc[rng.random(n) < 0.1, "channel"] = None
    return table


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    return planted()


@pytest.fixture(scope="module")
def found(customers):
    return find_segments(customers.drop(columns="truth"), seed=1)


def test_planted_groups_are_found(customers, found):
    assert adjusted_rand_score(customers["truth"], found.customers["segment"]) > 0.9
    assert found.customers["customer_id"].tolist() == customers["customer_id"].tolist()
    assert found.segments["segment"].tolist() == [1, 2, 3]
    assert found.segments["customers"].is_monotonic_decreasing
    assert found.segments["share"].sum() == pytest.approx(1.0)
    assert (found.segments["stability"] > 0.95).all()
    assert found.numbers["groups"].tolist() == [2, 3, 4, 5, 6, 7, 8]
    stable = found.numbers[found.numbers["least_stability"] >= STABLE]
    assert stable.loc[stable["silhouette"].idxmax(), "groups"] == 3
    assert found.reason.startswith("3 groups: the best silhouette of the ")


def test_rules_have_the_precision_and_recall_that_are_told(customers, found):
    for row in found.segments.itertuples():
        rows = parse_condition(found.rules[row.segment], "rule").holds(customers)
        member = (found.customers["segment"] == row.segment).to_numpy()
        assert row.precision == pytest.approx((rows & member).sum() / rows.sum())
        assert row.recall == pytest.approx((rows & member).sum() / member.sum())
        assert row.precision > 0.9
        assert row.recall > 0.7
        assert 1 <= row.rule.count(" and ") + 1 <= 3


def test_order_of_rows_and_columns_changes_nothing(customers, found):
    order = np.random.default_rng(5).permutation(N)
    moved = customers[["visits", "customer_id", "channel", "age", "revenue"]].iloc[order]
    again = find_segments(moved, seed=1)
    pd.testing.assert_frame_equal(again.segments, found.segments, check_exact=True)
    pd.testing.assert_frame_equal(again.numbers, found.numbers, check_exact=True)
    pd.testing.assert_frame_equal(again.customers, found.customers.iloc[order], check_exact=True)


def test_a_mixture_finds_groups_of_different_spread():
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1], [300, 300])
    points = rng.normal(0.0, np.array([0.3, 3.0])[truth][:, None], (600, 2)) + 4.0 * truth[:, None]
    table = pd.DataFrame(points, columns=["x", "y"]).assign(customer_id=range(600))
    agreement = {
        method: adjusted_rand_score(truth, find_segments(table, method=method, groups=2).customers["segment"])
        for method in ("k_means", "gaussian_mixture")
    }
    assert agreement["gaussian_mixture"] > max(0.85, agreement["k_means"])


def test_noise_is_called_what_it_is():
    noise = np.random.default_rng(0).normal(size=(400, 6))
    table = pd.DataFrame(noise, columns=list("abcdef")).assign(customer_id=range(400))
    found = find_segments(table)
    assert "no substantial structure" in found.reason
    assert "no number from 2 to 8 has only groups that recur" in found.reason
    assert found.numbers["least_stability"].max() < STABLE


def test_columns_that_say_nothing_are_left_out_with_the_reason():
    table = pd.DataFrame(
        {
            "customer_id": range(60),
            "age": [20.0, 60.0] * 30,
            "contract": [True, False] * 30,
            "country": "FR",
            "name": [f"person {i}" for i in range(60)],
            "since": pd.Timestamp("2020-01-01"),
            "csat": [5.0, 1.0] * 10 + [np.nan] * 40,
        }
    )
    found = find_segments(table, groups=2)
    assert found.left_out == {
        "country": "is 'FR' for everyone",
        "csat": "is unknown for 67% of customers",
        "name": "identifies customers rather than describing them (60 distinct values for 60 customers)",
        "since": "is a date: convert it to a number, such as days before today",
    }
    assert found.segments["customers"].tolist() == [30, 30]
    assert found.reason == "2 groups, the only number tried (least stability 1.00); silhouette 1.00"


@pytest.mark.parametrize(
    ("table", "asked", "error", "message"),
    [
        (pd.DataFrame({"customer_id": range(49), "x": range(49)}), {}, DataError, "49 customers are too few"),
        (pd.DataFrame({"customer_id": range(99)}), {}, DataError, "no attribute is left .*: there is none"),
        (pd.DataFrame({"customer_id": range(99), "x": 1}), {}, DataError, "'x' is '1' for everyone"),
        (
            pd.DataFrame({"customer_id": range(60), "x": [1, 2] * 30}),
            {"groups": 3},
            DataError,
            "3 groups were asked for, but 2 different customers allow 2 to 2",
        ),
        (
            pd.DataFrame({"customer_id": range(60), "x": [1, 2] * 30}),
            {"method": "kmeans"},
            ParamsError,
            "method 'kmeans' is unknown: use k_means or gaussian_mixture",
        ),
    ],
)
def test_what_cannot_be_divided(table, asked, error, message):
    with pytest.raises(error, match=message):
        find_segments(table, **asked)


def test_similarity_of_groups_by_hand():
    groups = np.array([0, 0, 0, 1, 1, 1])
    same, moved = np.array([1, 1, 1, 0, 0, 0]), np.array([0, 0, 1, 1, 1, 1])
    assert jaccard_similarities(groups, [same], 2).tolist() == [1.0, 1.0]
    assert jaccard_similarities(groups, [moved], 2).tolist() == pytest.approx([2 / 3, 3 / 4])
    assert jaccard_similarities(groups, [same, moved], 2).tolist() == pytest.approx([5 / 6, 7 / 8])


@pytest.mark.slow
def test_a_million_customers():
    """30 s of processor time, 1.1 GiB."""
    table = planted(1_000_000)
    rng = np.random.default_rng(0)
    table = table.assign(**{f"x{i}": rng.normal(size=len(table)) for i in range(20)})
    found = find_segments(table.drop(columns="truth"))
    assert len(found.customers) == 1_000_000
    assert found.segments["customers"].sum() == 1_000_000
