"""Choice of purchase models on earlier windows only."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from guanxi.data import datasets
from guanxi.data.transactions import read_transactions
from guanxi.errors import ParamsError
from guanxi.evaluation.holdout import evaluate_holdout
from guanxi.models.purchase_models import TRANSACTION_MODELS
from guanxi.params import load_params, override
from guanxi.pipeline.correction import ALONE
from guanxi.pipeline.fit import fit_models
from guanxi.pipeline.selection import _choose_models
from guanxi.served.purchases.registry import PROCESSES


@pytest.fixture(scope="module")
def day(sample_log):
    return sample_log.last_day - timedelta(days=60)


@pytest.fixture(scope="module")
def automatic(sample_log, day, quick_params):
    return fit_models(sample_log, day, override(quick_params, {"clv.model": "auto"}))


def test_the_least_loss_over_all_windows_wins(automatic):
    losses = automatic.choice.losses
    mean = losses.groupby(["target", "model"])["loss"].mean()
    assert " + ".join(automatic.choice.counts) == mean["counts"].idxmin()
    assert " + ".join(automatic.choice.churn) == mean["churn"].idxmin()
    assert set(TRANSACTION_MODELS) <= set(losses["model"])
    singles = len(TRANSACTION_MODELS)
    assert losses["model"].nunique() == singles + singles * (singles - 1) // 2 + 1


def test_windows_are_earlier_and_do_not_overlap(automatic, day):
    plan = automatic.plan
    cutoffs = sorted(automatic.choice.losses["cutoff"].unique(), reverse=True)
    assert cutoffs[0] + timedelta(days=plan.window_days) <= day
    apart = [later - earlier for later, earlier in pairwise(cutoffs)]
    assert all(gap >= timedelta(days=plan.window_days) for gap in apart)


@pytest.mark.slow
def test_no_data_after_the_training_day_are_used(automatic, day, quick_params):
    lines = datasets.load("cdnow-sample")
    log = read_transactions(lines[lines["timestamp"].dt.date <= day])
    again = fit_models(log, day, override(quick_params, {"clv.model": "auto"}))
    log.close()
    pd.testing.assert_frame_equal(again.choice.losses, automatic.choice.losses)
    assert again.model == automatic.model


def test_the_served_model_is_the_mean_of_the_chosen(automatic):
    rows = automatic.features.head(50)
    fitted = automatic.model.purchases.fitted
    columns = [rows[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T")]
    each = [
        PROCESSES[name].expected_purchases(fitted[name].params, *columns, 60.0)
        for name in automatic.choice.counts
    ]
    log_mean = automatic.scorer.base("purchases", rows, 60)
    np.testing.assert_allclose(np.exp(log_mean), np.mean(each, axis=0), rtol=1e-12)
    none = [
        PROCESSES[name].probability_no_purchase(fitted[name].params, *columns, 60.0)
        for name in automatic.choice.churn
    ]
    log_odds = automatic.scorer.base("churn", rows, 60)
    np.testing.assert_allclose(1.0 / (1.0 + np.exp(-log_odds)), np.mean(none, axis=0), rtol=1e-9)


def test_the_reason_names_models_losses_and_windows(automatic):
    for name in (
        *automatic.choice.counts,
        *automatic.choice.churn,
        "Poisson deviance",
        "log loss",
        "windows",
    ):
        assert name in automatic.choice.reason


def test_without_an_earlier_window_the_usual_model_serves(sample_log):
    choice = _choose_models(None, sample_log.first_day, lambda _: pd.DataFrame())
    assert (choice.counts, choice.churn) == (("bg_nbd",), ("bg_nbd",))
    assert "no earlier window" in choice.reason


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("pareto_nbd", "bg_cnbd") else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(set(TRANSACTION_MODELS) - {"bg_nbd"})
    ],
)
def test_every_model_can_be_served(name, sample_log, day, quick_params):
    fitted = fit_models(sample_log, day, override(quick_params, {"clv.model": name}))
    holdout = evaluate_holdout(sample_log, fitted, 60)
    served = fitted.choice.counts[0]
    assert served == name or fitted.fit_notes
    assert holdout.value("churn", "auc", ALONE) > 0.75
    assert holdout.table.drop(columns="customer_id").notna().all(axis=None)


def test_lifetimes_fits_only_models_it_has():
    with pytest.raises(ParamsError, match="lifetimes fits bg_nbd, mbg_nbd, pareto_nbd only, not nbd"):
        load_params(None, ["clv.engine=lifetimes", "clv.model=nbd"], {})


def test_a_model_that_lifetimes_fits_gives_the_same_numbers(sample_log, day, quick_params):
    names = {"clv.model": "mbg_nbd"}
    own = fit_models(sample_log, day, override(quick_params, names))
    theirs = fit_models(sample_log, day, override(quick_params, {**names, "clv.engine": "lifetimes"}))
    one, two = (fitted.scorer.score(own.features, drivers=0) for fitted in (own, theirs))
    np.testing.assert_allclose(one["expected_purchases"], two["expected_purchases"], rtol=1e-3)
