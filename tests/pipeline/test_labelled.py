"""Churn from labels: folds do not leak, the order of the source does not matter, leaks are reported."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from guanxi.data.attributes import AttributeTable, read_labelled
from guanxi.params import load_params
from guanxi.pipeline.labelled import FOLDS, describe, fit_labels
from guanxi.served.corrections import probability
from guanxi.served.model import to_json

QUICK = load_params(None, ["churn.lightgbm.n_estimators=60"], {})


def table(n: int = 600) -> pd.DataFrame:
    random = np.random.default_rng(0)
    months, plan = random.integers(1, 72, n).astype(float), random.choice(["month", "year"], n)
    left = random.random(n) < probability(np.where(plan == "month", 1.5, -1.5) - 0.05 * (months - 36))
    months[random.random(n) < 0.1] = np.nan
    return pd.DataFrame(
        {"id": [f"c{i}" for i in range(n)], "left": left, "months": months, "plan": plan, "same": 1}
    )


@pytest.fixture(scope="module")
def customers() -> AttributeTable:
    return read_labelled(table(), "id", "left")


@pytest.fixture(scope="module")
def fitted(customers):
    return fit_labels(customers, QUICK, id_column="id")


def test_every_customer_is_held_out_once_with_equal_shares(fitted):
    held_out = fitted.held_out
    assert sorted(held_out["customer_id"]) == sorted(table()["id"])
    shares = held_out.groupby("fold")["churned"].agg(["mean", "count"])
    assert len(shares) == FOLDS
    assert np.ptp(shares["mean"]) < 0.02
    assert set(shares["count"]) == {120}


def test_it_beats_chance(fitted):
    from sklearn.metrics import roc_auc_score

    held_out = fitted.held_out
    assert roc_auc_score(held_out["churned"], held_out["churn_probability"]) > 0.8
    assert held_out["churn_probability"].mean() == pytest.approx(held_out["churned"].mean(), abs=0.02)


def test_the_order_of_the_source_changes_nothing(fitted):
    shuffled = read_labelled(table().sample(frac=1, random_state=1), "id", "left")
    other = fit_labels(shuffled, QUICK, id_column="id")
    assert other.model == fitted.model
    assert other.trees == fitted.trees
    pd.testing.assert_frame_equal(other.held_out, fitted.held_out)


def test_noise_stays_noise_for_held_out_customers():
    random = np.random.default_rng(2)
    noise = pd.DataFrame(
        {
            "id": range(1000),
            "left": random.permutation([0, 1] * 500),
            "number": random.normal(size=1000),
            "town": random.integers(0, 200, 1000).astype(str) + "th",
        }
    )
    held_out = fit_labels(read_labelled(noise, "id", "left"), QUICK).held_out
    mean = held_out.groupby("churned")["churn_probability"].mean()
    spread = held_out["churn_probability"].std() * np.sqrt(2 / 500)
    assert abs(mean[1.0] - mean[0.0]) < 3 * spread


def test_another_seed_draws_other_folds(customers, fitted):
    other = fit_labels(customers, QUICK.model_copy(update={"seed": 1}))
    assert (other.held_out["fold"] != fitted.held_out["fold"]).any()
    assert other.trees != fitted.trees


def test_the_document_holds_what_scoring_needs(fitted):
    document = json.loads(json.dumps(to_json(fitted.model), allow_nan=False))
    assert document["id"] == "id"
    months, plan = document["attributes"]
    assert months == {"name": "months", "categories": None, "typical": float(table()["months"].median())}
    assert (plan["name"], plan["categories"]) == ("plan", ["month", "year"])
    assert sum(plan["typical"]) == pytest.approx(1.0)
    assert len(fitted.trees["churn"]) == 3


def test_dropped_columns_are_reported(fitted):
    assert fitted.model.warnings == ("column 'same' is left out: it is '1' for everyone",)


def test_shares_of_a_category_count_the_customers_without_one():
    (plan,) = describe(pd.DataFrame({"plan": ["a", None, "a", "b"]}, dtype=object))
    assert plan.typical == (0.5, 0.25)


def test_held_out_customers_are_scored_by_their_own_fold(fitted):
    scores = fitted.score_held_out()
    assert list(scores["customer_id"]) == list(fitted.held_out["customer_id"])
    np.testing.assert_allclose(scores["churn_probability"], fitted.held_out["churn_probability"], rtol=1e-12)
    served = fitted.scorer.score(fitted.features)
    assert (scores["churn_probability"] - served["churn_probability"]).abs().max() > 0.01
    assert set(scores["driver_1"]) <= {"months", "plan"}


def test_leaks_are_warned_of():
    leaking = table().assign(reason=lambda t: np.where(t["left"], "price", None))
    fitted = fit_labels(read_labelled(leaking, "id", "left"), QUICK)
    assert list(fitted.leaks) == ["reason"]
    assert fitted.leaks["reason"] in fitted.model.warnings
