"""The four learners: what they recover, and how features reach them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.uplift._coded_features import learn_coding
from guanxi.decisions.uplift._learner_choice import _compared, choose_learner, fold_numbers, learn
from guanxi.decisions.uplift._meta_learners import LEARNERS, Campaign, fit_all, fit_logistic_pair, with_arm
from guanxi.decisions.uplift._ridge_logistic import chances, fit_ridge_logistic
from guanxi.errors import DataError
from guanxi.models.drivers import explain_any, explain_tree_sum

SIMULATED_FEATURES = [*(f"x{i}" for i in range(5)), "channel", "member"]


def campaign_of(table: pd.DataFrame) -> Campaign:
    y, t = (table[name].to_numpy(dtype=float) for name in ("bought", "treated"))
    coded = learn_coding(table, SIMULATED_FEATURES).code(table)
    return Campaign(coded, t, y, np.full(len(y), t.mean()))


@pytest.fixture(scope="module")
def step(benchmark_of_uplift):
    table, truth = benchmark_of_uplift.simulate(12000, "step", 5)
    campaign = campaign_of(table)
    return campaign, truth, fit_all(campaign, 0)


@pytest.mark.parametrize("learner", LEARNERS[1:])
def test_trees_find_a_step_in_the_uplift(step, learner):
    campaign, truth, fitted = step
    uplift = fitted[learner].uplift(campaign.features)
    assert np.corrcoef(uplift, truth)[0, 1] > 0.6
    assert abs(uplift.mean() - truth.mean()) < 0.02


def test_the_logistic_learner_finds_a_linear_uplift(benchmark_of_uplift):
    table, truth = benchmark_of_uplift.simulate(12000, "linear", 5)
    campaign = campaign_of(table)
    learned = learn(campaign, 0)
    assert learned.learner == LEARNERS[0]
    assert np.corrcoef(learned.fitted.uplift(campaign.features), truth)[0, 1] > 0.75


def test_a_step_is_left_to_trees(step):
    losses = choose_learner(step[0], 0).set_index("learner")
    assert losses["chosen"].sum() == 1
    assert not losses.loc[LEARNERS[0], "chosen"]


def test_the_simplest_learner_within_one_standard_error_is_chosen():
    even = np.tile([0.0, 2.0], 50)
    close = np.column_stack([even + np.tile([0.2, -0.19], 50), even + 1, even, even + 0.1])
    assert _compared(close)["chosen"].tolist() == [True, False, False, False]
    far = np.column_stack([even + 1, even + 1, even, even + 0.1])
    assert _compared(far)["chosen"].tolist() == [False, False, True, False]


def test_logistic_regression_maximises_its_penalised_likelihood():
    random = np.random.default_rng(2)
    X = random.normal(size=(400, 3))
    y = (random.random(400) < 0.2 + 0.2 * (X[:, 0] > 0)).astype(float)
    model = fit_ridge_logistic(X, y)
    residuals = chances(model, X) - y
    assert residuals.sum() == pytest.approx(0, abs=1e-5)
    assert X.T @ residuals == pytest.approx(-model.coef_[0], abs=1e-5)


def test_logistic_regression_of_separated_classes_converges():
    model = fit_ridge_logistic(np.linspace(-3, 3, 60)[:, None], (np.arange(60) >= 30).astype(float))
    p = chances(model, np.array([[-3.0], [3.0]]))
    assert p[0] < 0.01
    assert p[1] > 0.99


def test_folds_have_equal_shares_of_arms_and_outcomes(step):
    campaign = step[0]
    fold = fold_numbers(campaign, 5, 1)
    cells = pd.crosstab(fold, 2 * campaign.treated + campaign.outcome)
    assert (cells.max() - cells.min()).max() <= 1


def test_contributions_add_up_to_the_uplift(step):
    campaign, _, fitted = step
    part = campaign.features.part(np.arange(50))
    pair, crossed, single = (fitted[name] for name in ("T-learner", "X-learner", "S-learner"))
    share = crossed.treated_share
    for learner, terms in (
        (pair, [(pair.treated, part.trees, 1.0), (pair.control, part.trees, -1.0)]),
        (crossed, [(crossed.of_controls, part.trees, share), (crossed.of_treated, part.trees, 1 - share)]),
        (single, [(single.both, with_arm(part, 1), 1.0), (single.both, with_arm(part, 0), -1.0)]),
    ):
        explained = explain_tree_sum(terms, [str(i) for i in range(terms[0][1].shape[1])])
        total = np.sum(explained.values, axis=1) + explained.base_values
        assert total == pytest.approx(learner.uplift(part), abs=1e-9)


@pytest.mark.slow
def test_permutation_contributions_add_up_and_leave_unused_features_out():
    random = np.random.default_rng(1)
    X = random.normal(size=(40, 3))
    explained = explain_any(lambda rows: rows[:, 0] * rows[:, 1], X, X[:10], ["a", "b", "unused"], 1)
    total = np.sum(explained.values, axis=1) + explained.base_values
    assert total == pytest.approx(X[:, 0] * X[:, 1], abs=1e-9)
    assert np.abs(explained.values[:, 2]).max() < 1e-9  # noqa: PD011


def features_table(**columns) -> pd.DataFrame:
    return pd.DataFrame(
        {"number": [1.0, 2.0, np.nan, 3.0] * 30, "kind": ["a", "b", None, "a"] * 30} | columns
    )


def test_text_category_and_boolean_are_levels_and_gaps_stay():
    table = features_table(flag=[True, False, True, True] * 30)
    as_category = table.assign(kind=table["kind"].astype("category"))
    coding = learn_coding(table, ["number", "kind", "flag"])
    coded = coding.code(table)
    assert coded.categorical == (1, 2)
    assert np.isnan(coded.trees[2]).tolist() == [True, True, False]
    assert np.isfinite(coded.design).all()
    assert learn_coding(as_category, ["kind"]).code(as_category).trees == pytest.approx(
        coded.trees[:, [1]], nan_ok=True
    )


def test_new_and_rare_levels_count_as_missing():
    table = features_table()
    table.loc[0, "kind"] = "rare"
    coding = learn_coding(table, ["kind"])
    coded = coding.code(pd.DataFrame({"kind": ["rare", "new", "a"]}))
    assert np.isnan(coded.trees[:, 0]).tolist() == [True, True, False]
    assert coded.design[:2].sum() == 0


def test_trees_learn_from_missing_values(benchmark_of_uplift):
    table, truth = benchmark_of_uplift.simulate(12000, "step", 8)
    table["x1"] = table["x1"].mask(table["x1"] > 0.3)  # treatment works for customers without it only
    campaign = campaign_of(table)
    uplift = fit_all(campaign, 0)["X-learner"].uplift(campaign.features)
    assert np.corrcoef(uplift, truth)[0, 1] > 0.6


@pytest.mark.parametrize(
    ("table", "names", "message"),
    [
        (features_table(), [], "no feature is given"),
        (features_table(), ["numbr"], "'numbr' is not in the table: did you mean number"),
        (features_table(day=pd.Timestamp("2026-01-01")), ["day"], "'day' is datetime64"),
        (features_table(ratio=np.inf), ["ratio"], "'ratio' has an infinite value"),
    ],
)
def test_features_that_cannot_be_used(table, names, message):
    with pytest.raises(DataError, match=message):
        learn_coding(table, names)


def test_a_number_that_became_text():
    coding = learn_coding(features_table(), ["number"])
    with pytest.raises(DataError, match="'number' was a number in the campaign and is str here"):
        coding.code(pd.DataFrame({"number": ["1"]}))


def test_a_feature_of_rare_levels_only_tells_nothing():
    table = pd.DataFrame({"name": [f"c{number}" for number in range(400)]})
    treated, outcome = (np.arange(400) % count == 0 for count in (2, 3))
    coded = learn_coding(table, ["name"]).code(table)
    campaign = Campaign(coded, treated.astype(float), outcome.astype(float), np.full(400, 0.5))
    assert np.ptp(fit_logistic_pair(campaign).uplift(coded)) == 0.0
