"""Corrections: a simulated effect is found, none is found without one, and nothing leaks."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.transactions import read_transactions
from guanxi.evaluation.holdout import evaluate_holdout
from guanxi.evaluation.metrics import PROBABILITIES, auc
from guanxi.features.snapshots import plan_snapshots, snapshot
from guanxi.params import override
from guanxi.pipeline._base_learners import MODELLED_OUTCOMES
from guanxi.pipeline.correction import (
    ALONE,
    CONTENDERS,
    REGRESSED,
    _earlier_days,
    _fold_days,
    _level_shift,
)
from guanxi.pipeline.fit import fit_models
from guanxi.served.corrections import probability
from guanxi.simulation import simulate_transactions

LAST_DAY = date(2024, 12, 31)
TARGET_NAMES = [target.name for target in MODELLED_OUTCOMES]


@pytest.fixture(scope="module")
def params(quick_params):
    """Windows of 90 days, with one snapshot per window."""
    return override(quick_params, {"horizon_days": 90, "churn.snapshot_spacing_days": 90})


def contenders(target: str) -> set[str]:
    """Names of a target's contenders: the amount of a purchase has no regression."""
    return set(CONTENDERS) - ({REGRESSED} if target == "spend" else set())


def log_of(rows) -> object:
    return read_transactions(pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"]))


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.slow)])
def pure(request):
    """A log of customers who follow BG/NBD and Gamma-Gamma exactly."""
    ages = np.random.default_rng(request.param).uniform(200.0, 720.0, 1200)
    lines = simulate_transactions(
        "bg_nbd",
        {"r": 0.6, "alpha": 30.0, "a": 0.6, "b": 3.0},
        {"p": 6.0, "q": 4.0, "v": 60.0},
        n=1200,
        T=ages,
        seed=request.param,
    )
    log = read_transactions(lines)
    yield log
    log.close()


def losses(fitted, log, name: str | None = None) -> dict[str, float]:
    """Mean loss of each target in the 90 days after the cutoff, of a contender or of the served model."""
    rows = snapshot(log, fitted.as_of, 90)
    scorer = fitted.contender(name) if name else fitted.scorer
    means = {}
    for target in MODELLED_OUTCOMES:
        known = target.rows(rows)
        outcome, weight = target.outcome(known)
        each = target.losses(outcome, scorer.corrected(target.name, known, 90))
        means[target.name] = float(np.average(each, weights=weight))
    return means


@pytest.mark.slow
def test_trees_are_dropped_or_nearly_harmless_without_an_effect(pure, params):
    twin = fit_models(pure, LAST_DAY - timedelta(days=90), params)
    served, alone = losses(twin, pure), losses(twin, pure, ALONE)
    for name, fitted in twin.corrections.items():
        assert served[name] <= 1.01 * alone[name], fitted.reason


def picky(seed: int, customers: int = 1200, days: int = 700) -> list[tuple[str, pd.Timestamp, float]]:
    """Customers who mostly leave after a cheap purchase, which no buy-till-you-die model can detect."""
    generator = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        day, rate = generator.uniform(0.0, 500.0), generator.gamma(3.0, 1.0 / 75.0)
        while day < days:
            amount = float(np.exp(generator.normal(3.0, 0.8)))
            rows.append((f"c{customer}", pd.Timestamp("2023-01-31") + pd.Timedelta(days=day), amount))
            leaves = 0.6 if amount < 15.0 else 0.02
            day = days if generator.random() < leaves else day + 1.0 + generator.exponential(1.0 / rate)
    return rows


@pytest.fixture(scope="module")
def leavers(params):
    """A twin of picky customers, their log, and their outcomes after the cutoff."""
    log = log_of(picky(0))
    twin = fit_models(log, log.last_day - timedelta(days=90), params)
    yield twin, log, snapshot(log, twin.as_of, 90)
    log.close()


class TestSimulatedEffect:
    def test_an_effect_unknown_to_the_value_model_is_found(self, leavers):
        twin, log, after = leavers
        assert twin.corrections["churn"].chosen != ALONE
        own, alone = (
            auc(after["churned"], scorer.corrected("churn", after, 90))
            for scorer in (twin.scorer, twin.contender(ALONE))
        )
        assert own > alone + 0.03
        assert losses(twin, log)["churn"] < 0.97 * losses(twin, log, ALONE)["churn"]

    def test_its_driver_is_named(self, leavers):
        twin, _, _ = leavers
        effects = twin.scorer.churn_contributions(twin.features, 90)
        learnt = effects.drop(columns=["base", "purchase_pattern"])
        assert learnt.abs().mean().idxmax() == "amount_last"
        cheap = twin.features["amount_last"] < 15.0
        assert learnt["amount_last"][cheap].mean() > learnt["amount_last"][~cheap].mean() + 0.3

    def test_intervals_still_cover(self, leavers):
        twin, _, after = leavers
        ends = twin.scorer.interval(after, 90, 0.9)
        for name in ("purchases", "spend"):
            inside = (ends[f"{name}_lower"] <= after[name]) & (after[name] <= ends[f"{name}_upper"] + 1e-9)
            assert inside.mean() > 0.85, name

    def test_losses_are_from_windows_that_end_by_the_training_day(self, leavers):
        twin, _, _ = leavers
        for name, fitted in twin.corrections.items():
            assert set(fitted.losses["model"]) == contenders(name)
            assert max(fitted.losses["cutoff"]) + timedelta(days=90) <= twin.as_of
            assert fitted.losses["cutoff"].nunique() == 2
            assert fitted.losses["loss"].notna().all()


class TestLevel:
    @pytest.mark.parametrize("name", CONTENDERS)
    def test_is_set_to_the_value_models_on_the_training_day(self, served, name):
        scorer, rows = served.contender(name), served.features
        for target in MODELLED_OUTCOMES:
            fitted = served.corrections[target.name]
            shift = _level_shift(fitted.levels)
            weight = np.ones(len(rows))
            if target.name == "spend":
                weight = np.exp(scorer.base("purchases", rows, 60))
            said = target.mean(scorer.corrected(target.name, rows, 60))
            own = target.mean(scorer.base(target.name, rows, 60) + shift)
            assert np.average(said, weights=weight) == pytest.approx(
                np.average(own, weights=weight), rel=1e-9
            )

    @settings(deadline=None)
    @given(st.lists(st.floats(-3.0, 3.0), max_size=12))
    def test_shift_lies_between_zero_and_the_mean_of_the_windows(self, levels):
        shift = _level_shift(levels)
        if len(levels) < 3:
            assert shift == 0.0
            return
        mean = float(np.mean(levels))
        assert min(0.0, mean) <= shift <= max(0.0, mean)
        error = np.std(levels, ddof=1) / math.sqrt(len(levels))
        if abs(mean) <= 1.999 * error:
            assert shift == 0.0

    @settings(deadline=None)
    @given(st.floats(-3.0, 3.0), st.integers(3, 9))
    def test_windows_that_agree_are_not_shrunk(self, level, count):
        assert _level_shift([level] * count) == pytest.approx(level, abs=1e-9)


class TestWindows:
    @settings(deadline=None, max_examples=40)
    @given(
        history=st.integers(30, 1000),
        horizon=st.integers(1, 400),
        spacing=st.one_of(st.none(), st.integers(1, 400)),
    )
    def test_training_windows_end_before_the_test_window(self, history, horizon, spacing):
        plan = plan_snapshots(date(2020, 1, 1), date(2020, 1, 1) + timedelta(days=history), horizon, spacing)
        if plan is None:
            return
        window = timedelta(days=plan.window_days)
        folds = _fold_days(plan)
        assert folds[0] == plan.validation
        assert len(folds) <= 2
        for day in folds:
            earlier = _earlier_days(plan, day)
            assert earlier
            assert max(earlier) + window <= day
        assert all(later - window >= day for later, day in pairwise(folds))


class TestTooFewData:
    @pytest.mark.slow
    def test_fifty_customers(self, quick_params):
        generator = np.random.default_rng(3)
        rows = [
            (
                f"c{i}",
                pd.Timestamp("2023-01-01") + pd.Timedelta(days=float(day)),
                generator.uniform(5.0, 50.0),
            )
            for i in range(50)
            for day in np.sort(generator.uniform(i, 600.0, 4))
        ]
        log = log_of(rows)
        fitted = fit_models(log, log.last_day, quick_params)
        table = fitted.scorer.score(fitted.features)
        log.close()
        assert len(table) == 50
        assert "customers to learn from in the window after" in fitted.corrections["spend"].reason
        numbers = table[["expected_purchases", "expected_spend", "clv", "clv_upper", "churn_probability"]]
        assert np.isfinite(numbers).all(axis=None)

    @pytest.mark.slow
    def test_constant_outcomes_in_every_window(self, quick_params):
        generator = np.random.default_rng(4)
        rows = [
            (
                f"c{i}",
                pd.Timestamp("2023-01-01") + pd.Timedelta(days=i % 9 + 20 * k),
                generator.uniform(5, 50),
            )
            for i in range(80)
            for k in range(25)
        ]
        log = log_of(rows)
        fitted = fit_models(log, log.last_day, quick_params)
        churn = fitted.corrections["churn"]
        assert (churn.chosen, churn.texts) == (ALONE, [])
        assert "all customers had the same outcome" in churn.reason
        expected = probability(fitted.scorer.base("churn", fitted.features, 60))
        np.testing.assert_array_equal(fitted.scorer.score(fitted.features)["churn_probability"], expected)
        log.close()

    @pytest.mark.slow
    def test_one_outcome_in_the_held_out_window(self, params):
        """All customers return: the AUC is undefined, and nothing fails."""
        rows = [row for row in picky(5, customers=150) if row[1] < pd.Timestamp("2024-09-15")]
        names = sorted({row[0] for row in rows})
        rows += [(name, pd.Timestamp("2024-12-20"), 10.0 + place) for place, name in enumerate(names)]
        log = log_of(rows)
        twin = fit_models(log, date(2024, 9, 30), params)
        holdout = evaluate_holdout(log, twin, 90)
        log.close()
        assert holdout.table["churned"].sum() == 0.0
        assert math.isnan(holdout.value("churn", "auc"))
        measured = set(holdout.metrics.loc[holdout.metrics["target"] == "churn", "metric"])
        assert measured == {*PROBABILITIES, "empc", "empc_share"}
        assert holdout.grades["churn"] is None

    @pytest.mark.slow
    def test_constant_amounts_have_no_correction_of_spend(self, params):
        log = log_of([(customer, day, 7.5) for customer, day, _ in picky(6, customers=300)])
        fitted = fit_models(log, log.last_day, override(params, {"clv.spend": "mean"}))
        table = fitted.scorer.score(fitted.features)
        log.close()
        assert fitted.corrections["spend"].chosen == ALONE
        np.testing.assert_allclose(table["expected_spend"], 7.5, rtol=1e-3)
        # With equal amounts only the purchases are random.
        assert (table["clv_lower"] <= table["clv_upper"]).all()
        assert np.isfinite(table[["clv", "clv_lower", "clv_upper"]]).all(axis=None)


def test_every_target_has_a_reason(served):
    assert list(served.corrections) == TARGET_NAMES
    for name, fitted in served.corrections.items():
        assert fitted.chosen in CONTENDERS
        assert set(fitted.options) == contenders(name)
        assert "on 1 earlier window of 60 days" in fitted.reason
        assert served.model.corrections[TARGET_NAMES[0]].model in CONTENDERS
