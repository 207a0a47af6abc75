"""Choice of purchase models on earlier windows only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from guanxi.data import datasets
from guanxi.data.transactions import read_transactions
from guanxi.errors import ParamsError
from guanxi.evaluation.holdout import evaluate_holdout
from guanxi.features.rfm import rfm_expression, with_log_gaps
from guanxi.features.snapshots import plan_snapshots, snapshot
from guanxi.models.purchase_models import CNBD_MODELS, TRANSACTION_MODELS, transaction_model
from guanxi.params import load_params, override
from guanxi.pipeline.correction import ALONE
from guanxi.pipeline.fit import fit_models
from guanxi.pipeline.selection import (
    CANDIDATES,
    USUAL,
    _choose_models,
    _is_at_edge,
    _only,
    _with_one_inside,
    fit_quietly,
)
from guanxi.served.purchases.registry import PROCESSES
from guanxi.served.scorer import Scorer
from guanxi.simulation import simulate_bg_nbd, simulate_nbd, simulate_transactions


@pytest.fixture(scope="module")
def day(sample_log):
    return sample_log.last_day - timedelta(days=60)


@pytest.fixture(scope="module")
def automatic(sample_log, day, quick_params):
    return fit_models(sample_log, day, override(quick_params, {"clv.model": "auto"}))


@pytest.mark.slow
def test_every_closed_form_and_mean_is_compared(automatic):
    losses = automatic.choice.losses
    names = set(losses["model"])
    assert {"bg_nbd", "mbg_nbd", "bg_nbd + mbg_nbd"} <= names
    assert set().union(*(name.split(" + ") for name in names)) <= set(CANDIDATES)
    assert (losses.groupby(["cutoff", "target"])["model"].nunique() == len(names)).all()


def test_the_usual_mean_stays_unless_another_is_better(automatic):
    mean = automatic.choice.losses.groupby(["target", "model"])["loss"].mean()
    for target in ("counts", "churn"):
        chosen = " + ".join(getattr(automatic.choice, target))
        assert chosen == " + ".join(USUAL) or mean[target][chosen] < mean[target][" + ".join(USUAL)]


@pytest.fixture(scope="module")
def regular_log():
    """Customers with regular gaps, whose silence says more than an exponential gap's."""
    ages = np.random.default_rng(4).uniform(150.0, 500.0, 500)
    truth = {"k": 4, "r": 4.0, "alpha": 10.0, "a": 0.6, "b": 12.0}
    lines = simulate_transactions("mbg_cnbd", truth, {"p": 6.0, "q": 4.0, "v": 60.0}, n=500, T=ages, seed=4)
    log = read_transactions(lines)
    yield log
    log.close()


@pytest.fixture(scope="module")
def regular(regular_log):
    """The choice for regular customers, on windows of 60 days."""
    plan = plan_snapshots(regular_log.first_day, regular_log.last_day, 60)

    def rows(day):
        return with_log_gaps(snapshot(regular_log, day, 60), regular_log, day)

    return _choose_models(plan, regular_log.first_day, rows, seed=1), plan, rows


def test_regular_gaps_are_found(regular):
    choice, _, _ = regular
    for names in (choice.counts, choice.churn):
        assert set(names) <= set(CNBD_MODELS)


def test_a_season_that_moves_all_alike_changes_no_choice(regular, regular_log):
    choice, plan, rows = regular

    def doubled(day):
        return rows(day).assign(purchases=lambda table: 2.0 * table["purchases"])

    again = _choose_models(plan, regular_log.first_day, doubled, seed=1)
    assert again.counts == choice.counts
    ratio = again.losses["loss"] / choice.losses["loss"]
    np.testing.assert_allclose(ratio[choice.losses["target"] == "counts"], 2.0, rtol=1e-9)


def test_the_order_of_the_rows_changes_nothing(regular, regular_log):
    choice, plan, _ = regular
    shuffled = regular_log.events.execute().sample(frac=1.0, random_state=2)
    log = read_transactions(shuffled.rename(columns={"date": "timestamp"}))

    def again(day):
        return with_log_gaps(snapshot(log, day, 60), log, day)

    other = _choose_models(plan, log.first_day, again, seed=1)
    log.close()
    pd.testing.assert_frame_equal(other.losses, choice.losses)


class TestEdge:
    def fitted(self, name: str, log) -> object:
        rows = rfm_expression(log.events, log.last_day).order_by("customer_id").execute()
        return fit_quietly(transaction_model(name), rows)

    def never_leaving(self) -> pd.DataFrame:
        """Histories without dropout: BG/NBD's fit ends at the edge, and NBD stands in."""
        return simulate_nbd({"r": 1.0, "alpha": 10.0}, n=800, T=300.0, seed=3)

    def test_a_fallback_is_at_the_edge(self):
        assert _is_at_edge(fit_quietly(transaction_model("bg_nbd"), self.never_leaving()))

    def test_parameters_that_split_customers_are_at_the_edge(self):
        truth = {"r": 1.0, "alpha": 5.0, "a": 0.1, "b": 0.3}
        rows = simulate_bg_nbd(truth, n=3000, T=100.0, seed=3)
        model = fit_quietly(transaction_model("bg_nbd"), rows)
        assert model.params_["a"] + model.params_["b"] < 1.0
        assert _is_at_edge(model)

    def test_a_fit_at_the_edge_does_not_serve_alone(self, sample_log):
        inside = self.fitted("mbg_nbd", sample_log)
        edge = fit_quietly(transaction_model("bg_nbd"), self.never_leaving())
        fitted = {"bg_nbd": edge}
        choice = _with_one_inside(_only(["bg_nbd"], "chosen"), fitted, lambda _: inside)
        assert choice.counts == choice.churn == ("bg_nbd", "mbg_nbd")
        assert "mbg_nbd added, since bg_nbd ended at the edge" in choice.reason

    def test_it_does_where_no_other_is_inside(self):
        edge = fit_quietly(transaction_model("bg_nbd"), self.never_leaving())
        choice = _with_one_inside(_only(["bg_nbd"], "chosen"), {"bg_nbd": edge}, lambda _: edge)
        assert choice == _only(["bg_nbd"], "chosen")


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
    scorer = Scorer(replace(automatic.model, intensity=None), automatic.trees)  # without the level
    log_mean = scorer.base("purchases", rows, 60)
    np.testing.assert_allclose(np.exp(log_mean), np.mean(each, axis=0), rtol=1e-12)
    none = [
        PROCESSES[name].probability_no_purchase(fitted[name].params, *columns, 60.0)
        for name in automatic.choice.churn
    ]
    log_odds = scorer.base("churn", rows, 60)
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
    choice = _choose_models(None, sample_log.first_day, lambda _: pd.DataFrame(), seed=1)
    assert (choice.counts, choice.churn) == (USUAL, USUAL)
    assert "no earlier window" in choice.reason


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("pareto_nbd", "bg_cnbd") else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(set(TRANSACTION_MODELS) - {"bg_nbd"})
    ],
)
@pytest.mark.slow
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


def test_auto_with_lifetimes_compares_what_it_fits(sample_log, day, quick_params):
    fitted = fit_models(
        sample_log, day, override(quick_params, {"clv.model": "auto", "clv.engine": "lifetimes"})
    )
    assert set(fitted.choice.names) <= set(USUAL)


@pytest.mark.slow
def test_a_model_that_lifetimes_fits_gives_the_same_numbers(sample_log, day, quick_params):
    names = {"clv.model": "mbg_nbd"}
    own = fit_models(sample_log, day, override(quick_params, names))
    theirs = fit_models(sample_log, day, override(quick_params, {**names, "clv.engine": "lifetimes"}))
    one, two = (fitted.scorer.score(own.features, drivers=0) for fitted in (own, theirs))
    np.testing.assert_allclose(one["expected_purchases"], two["expected_purchases"], rtol=1e-3)
