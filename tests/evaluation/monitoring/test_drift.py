"""No alarm without a change, an alarm with one, and verdicts with their reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.evaluation.monitoring._bins import describe_category, describe_number
from guanxi.evaluation.monitoring.drift import REJECTED, _clear_rise, compare_with_profile
from guanxi.evaluation.monitoring.verdict import (
    Verdict,
    _assess_bias,
    _assess_ranking,
    assess_drift,
    assess_realised_performance,
    assess_shares,
    sort_reasons,
    worst_verdict,
)
from guanxi.params import MonitorParams
from guanxi.served.corrections import probability
from guanxi.served.purchases.registry import PROCESSES, PurchaseMixture
from guanxi.served.spend import SPEND_PROCESSES
from guanxi.simulation import simulate_bg_nbd

PARAMS = {"r": 0.5, "alpha": 30.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 60.0}
FEATURES = ["frequency", "recency", "T", "monetary_value"]
LIMITS = MonitorParams()
NOTHING_USUAL = {"usual": 0.0, "usual_ratio": 0.0}


def customers(n: int, seed: int) -> pd.DataFrame:
    ages = np.random.default_rng(seed).uniform(1, 600, n)
    return simulate_bg_nbd(PARAMS, n, ages, seed, SPEND)[FEATURES].astype(float)


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Predictions of the true model for the next 90 days."""
    model = PurchaseMixture([(PROCESSES["bg_nbd"], PARAMS)])
    x, recency, age, mean = (rows[name].to_numpy() for name in FEATURES)
    purchases = model.expected_purchases(x, recency, age, 90.0)
    amount = SPEND_PROCESSES["gamma_gamma"].expected_spend(SPEND, x, mean)
    churn = probability(model.log_odds_no_purchase(x, recency, age, 90.0))
    kept = sum(model.expected_purchases_kept(x, recency, age, 90.0))
    at_risk = (kept - purchases) * amount
    columns = {"churn_probability": churn, "expected_purchases": purchases, "clv": purchases * amount}
    return pd.DataFrame(columns | {"value_at_risk": at_risk})


def profile_of(features: pd.DataFrame, scored: pd.DataFrame) -> dict:
    return {
        kind: {name: describe_number(table[name]) | NOTHING_USUAL for name in table}
        for kind, table in (("features", features), ("scores", scored))
    }


@pytest.fixture(scope="module")
def profile():
    rows = customers(4000, seed=0)
    return profile_of(rows, scores(rows))


def judged(profile, rows):
    return assess_drift(compare_with_profile(profile, rows, scores(rows)), LIMITS)


class TestCompare:
    @pytest.mark.parametrize("n", [150, 1500])
    def test_new_samples_of_the_same_process_rarely_raise_an_alarm(self, profile, n):
        verdicts = [worst_verdict(judged(profile, customers(n, seed))) for seed in range(1, 31)]
        assert (
            sum(verdict > Verdict.ok for verdict in verdicts) <= 3
        )  # 1 % for the indices, 1 % for the means
        assert Verdict.retrain not in verdicts

    def test_small_samples_exceed_the_plain_limit_by_chance(self, profile):
        plain = [
            compare_with_profile(profile, rows, scores(rows))
            for rows in (customers(150, seed) for seed in range(1, 21))
        ]
        assert any((each["psi"] > LIMITS.psi_watch).any() for each in plain)

    def test_the_training_table_itself(self, profile):
        rows = customers(4000, seed=0)
        table = compare_with_profile(profile, rows, scores(rows))
        assert (table["psi"] == 0.0).all()
        assert not table["clear"].any()
        assert (table["mean_drift"] == 0.0).all()

    def test_three_times_the_prices(self, profile):
        rows = customers(1000, seed=1)
        reasons = judged(profile, rows.assign(monetary_value=3 * rows["monetary_value"]))
        assert worst_verdict(reasons) is Verdict.retrain
        texts = [reason.text for reason in reasons]
        assert any(text.startswith("clv drifted") for text in texts)
        assert any("1 of 4 features" in text and "monetary_value by" in text for text in texts)
        assert not any("expected_purchases" in text for text in texts)

    def test_prices_of_nothing(self, profile):
        rows = customers(1000, seed=1)
        reasons = assess_drift(compare_with_profile(profile, rows, scores(rows).assign(clv=0.0)), LIMITS)
        assert worst_verdict(reasons) is Verdict.retrain

    def test_customers_who_stopped(self, profile):
        rows = customers(1000, seed=1)
        stopped = np.arange(len(rows)) % 2 == 0
        later = rows.assign(T=rows["T"] + 90 * stopped)
        assert worst_verdict(judged(profile, later)) is Verdict.retrain

    def test_features_alone_give_at_most_watch(self, profile):
        rows = customers(1000, seed=1)
        moved = rows.assign(recency=rows["recency"] * 0.2)
        reasons = assess_drift(compare_with_profile(profile, moved, scores(rows)), LIMITS)
        assert [reason.verdict for reason in reasons] == [Verdict.watch]

    def test_the_usual_change_over_time_is_not_drift(self):
        random = np.random.default_rng(0)
        ages = random.normal(600, 150, 5000)
        now, before = (pd.DataFrame({"T": ages + by}) for by in (60.0, 0.0))
        described = describe_number(now["T"])
        trained = {"scores": {}, "features": {"T": described | NOTHING_USUAL}}
        usual = float(compare_with_profile(trained, before, before)["drift"].iloc[0])
        trained["features"]["T"] |= {"usual": usual}
        for horizons in (0.5, 1.0, 2.0, 3.0):
            later = pd.DataFrame({"T": ages + 60.0 + 60.0 * horizons})
            found = compare_with_profile(trained, later, later, horizons=horizons).iloc[0]
            assert not found["clear"], horizons
        faster = pd.DataFrame({"T": ages + 60.0 + 200.0})
        assert compare_with_profile(trained, faster, faster, horizons=1.0)["clear"].iloc[0]

    def test_categories(self):
        plans = pd.Series(["month", "year"] * 500, dtype=object)
        trained = {"scores": {}, "features": {"plan": describe_category(plans) | NOTHING_USUAL}}
        seen = {"plan": ["month", "year"]}
        same, new = (
            compare_with_profile(trained, pd.DataFrame({"plan": values}), pd.DataFrame(), seen=seen).iloc[0]
            for values in (plans[:300], pd.Series(["month", "decade"] * 100, dtype=object))
        )
        assert not same["clear"]
        assert new["clear"]
        assert new["drift"] > 1.0
        assert np.isnan(new["mean"]) if isinstance(new["mean"], float) else new["mean"] is None


def measure(value, lower, upper):
    return {"value": value, "lower": lower, "upper": upper}


class TestVerdict:
    def test_a_fall_of_the_auc_is_compared_with_both_intervals(self):
        then = measure(0.80, 0.78, 0.82)
        assert _assess_ranking(measure(0.74, 0.72, 0.76), then, 0.03)[0].verdict is Verdict.retrain
        assert (
            _assess_ranking(measure(0.76, 0.72, 0.80), then, 0.03) == []
        )  # within the sampling error of both
        assert (
            _assess_ranking(measure(0.785, 0.784, 0.786), measure(0.8, 0.799, 0.801), 0.03) == []
        )  # significant but small
        assert _assess_ranking(measure(0.9, 0.89, 0.91), then, 0.03) == []
        assert _assess_ranking(measure(None, None, None), then, 0.03) == []

    def test_the_total_is_compared_with_its_expected_range(self):
        totals = {"lower": -0.3, "upper": 0.4}
        assert _assess_bias(measure(0.05, -0.02, 0.12), totals, 0.1) == []
        high = _assess_bias(measure(0.25, 0.2, 0.3), totals, 0.1)  # the actual total is 80 % of the forecast
        assert (high[0].verdict, high[0].text) == (
            Verdict.watch,
            "the total of purchases was forecast 25% too high (actual -20% relative to the forecast, "
            "within the -30% to +40% expected from earlier windows)",
        )
        low = _assess_bias(measure(-0.5, -0.6, -0.4), totals, 0.1)  # the actual total is twice the forecast
        assert low[0].verdict is Verdict.retrain
        assert "50% too low (actual +100%" in low[0].text
        assert _assess_bias(measure(0.25, 0.2, 0.3), None, 0.1)[0].verdict is Verdict.watch
        assert _assess_bias(measure(None, None, None), totals, 0.1)[0].text == (
            "no customer bought in the forecast window"
        )

    def test_without_training_measures_there_is_no_reason(self):
        assert assess_realised_performance([{"target": "churn"}], [], None, LIMITS) == []

    def test_shares_must_rise_clearly(self):
        row = {
            "name": REJECTED,
            "share": 0.2,
            "of": 1000,
            "share_then": 0.01,
            "of_then": 1000,
            "who": "lines",
            "example": None,
        }
        reasons = assess_shares([row], LIMITS)
        assert reasons[0].text == (
            "20.0% of all lines were rejected: look at the source with guanxi validate (usual: 1.0%)"
        )
        unseen = row | {"name": "channel", "example": "kiosk"}
        assert (
            "of the lines have a channel not seen in training, such as 'kiosk'"
            in assess_shares([unseen], LIMITS)[0].text
        )
        assert assess_shares([row | {"share": 0.05}], LIMITS) == []
        assert assess_shares([row | {"share": 0.1, "of": 10}], LIMITS) == []
        assert _clear_rise(0.0, 10, 0.0, 10) is False

    def test_the_most_severe_reason_decides_and_comes_first(self):
        reasons = [
            *_assess_bias(measure(0.25, 0.2, 0.3), None, 0.1),
            *_assess_ranking(measure(0.7, 0.69, 0.71), measure(0.8, 0.79, 0.81), 0.03),
        ]
        assert worst_verdict(reasons) is Verdict.retrain
        assert sort_reasons(reasons)[0].verdict is Verdict.retrain
        assert worst_verdict([]) is Verdict.ok
