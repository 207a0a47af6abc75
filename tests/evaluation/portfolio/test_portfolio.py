"""Intervals of totals: closed forms, calibration under the prior, properties, no leakage, and CDNOW."""

from __future__ import annotations

from datetime import date
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from guanxi.data.datasets import load_cdnow_sample
from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError, FitError, ParamsError
from guanxi.evaluation.portfolio._forecasts import (
    COLUMNS,
    CustomerForecasts,
    btyd_forecaster,
    customer_outcomes,
    purchase_variance,
    rolling_errors,
    spend_variance,
    window_cutoffs,
)
from guanxi.evaluation.portfolio.totals import _portfolio_intervals, _total_errors
from guanxi.models.purchase_models import transaction_model
from guanxi.pipeline.level._refits import refit_models
from guanxi.pipeline.level.forecast import LogError, fit_level
from guanxi.served.purchases.beta_geometric_process import BG_NBD
from guanxi.served.purchases.lifetime_process import NBD
from guanxi.served.spend import GAMMA_GAMMA, LOG_NORMAL

SURE = 1e-9  # negligible relative variance


def forecasts(n=4, expected=250.0, noise=SURE):
    """n identical customers."""
    mean = np.full(n, expected)
    variance = noise * expected**2 * n
    table = pd.DataFrame({"expected_purchases": mean, "variance_purchases": np.full(n, variance)})
    table = table.assign(expected_spend=10.0 * mean, variance_spend=100.0 * variance)
    return CustomerForecasts(table, {"purchases": [], "spend": []})


def errors_of(*deviations, means=None):
    """Normal errors of equal weight, for both targets."""
    count = len(deviations)
    centres = np.zeros(count) if means is None else np.array(means)
    error = LogError(np.full(count, 1.0 / count), centres, np.square(deviations))
    return {"purchases": error, "spend": error}


USUAL = errors_of(0.12)


def windows(errors, days=90, noise=0.0, segments=(None,)):
    """Windows with given log errors; ``segments`` are pairs of a name and an error relative to the base."""
    rows = [
        (date(2020, 1, 1 + i), days, target, name, 5, 100.0, 100.0 * np.exp(error + own), noise)
        for i, error in enumerate(errors)
        for target in ("purchases", "spend")
        for name, own in ((part, 0.0) if part is None else part for part in segments)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def intervals(made=None, table=None, horizon=90, errors=USUAL, **others):
    table = windows([]) if table is None else table
    return _portfolio_intervals(made or forecasts(), table, horizon, errors, **others)


def spend_ends(errors=USUAL, level=0.9, made=None):
    """Ends of total spend as log ratios to the forecast (those of purchases are rounded)."""
    ends = intervals(made, errors=errors, level=level).set_index("target").loc["spend"]
    return np.log(np.array([ends["lower"], ends["upper"]]) / ends["expected"])


class TestPurchaseVariance:
    @given(
        r=st.floats(0.1, 5.0), alpha=st.floats(1.0, 60.0), x=st.integers(0, 40), horizon=st.floats(1.0, 400.0)
    )
    @settings(max_examples=40, deadline=None)
    def test_nbd_has_a_closed_form(self, r, alpha, x, horizon):
        shape, ratio = r + x, horizon / (alpha + 50.0)
        variance = purchase_variance([(NBD, {"r": r, "alpha": alpha})], [x], [40.0], [50.0], horizon)
        assert variance[0] == pytest.approx(shape * ratio * (1.0 + ratio), rel=2e-3)

    def test_bg_nbd_against_simulated_customers(self):
        params, generator = {"r": 0.6, "alpha": 20.0, "a": 0.8, "b": 3.0}, np.random.default_rng(1)
        n, horizon = 200_000, 60.0
        alive = generator.random(n) < BG_NBD.probability_alive(params, 4, 50.0, 60.0)[0]
        rate, dropout = generator.gamma(4.6, 1 / 80.0, n), generator.beta(0.8, 7.0 - 1e-12, n)
        counts = np.minimum(generator.poisson(rate * horizon), generator.geometric(dropout)) * alive
        variance = purchase_variance([(BG_NBD, params)], [4], [50.0], [60.0], horizon)[0]
        assert variance == pytest.approx(counts.var(), rel=0.02)

    def test_distinct_rows_are_expanded(self):
        x, T = np.array([3.0, 0.0, 3.0]), np.array([90.0, 40.0, 90.0])
        variance = purchase_variance([(NBD, {"r": 0.5, "alpha": 9.0})], x, x * 20, T, 30.0)
        assert variance[0] == variance[2] != variance[1]


class TestSpendVariance:
    @pytest.mark.parametrize("x", [0, 5])
    def test_gamma_gamma_against_simulated_customers(self, x):
        p, q, v, own = 4.0, 6.0, 60.0, 25.0
        generator = np.random.default_rng(2)
        counts = generator.negative_binomial(2.0, 0.4, 400_000)
        rate = generator.gamma(q + p * x, 1.0 / (v + x * own), len(counts))
        total = generator.gamma(np.maximum(p * counts, 1e-12)) / rate
        variance = spend_variance(
            GAMMA_GAMMA, {"p": p, "q": q, "v": v}, [x], [own if x else 0.0], [counts.mean()], [counts.var()]
        )
        assert variance[0] == pytest.approx(total.var(), rel=0.03)

    def test_log_normal_against_simulated_customers(self):
        params = {"mean": 20.0, "level": 18.0, "between_variance": 0.3, "within_variance": 0.2}
        generator = np.random.default_rng(3)
        own = LOG_NORMAL.expected_spend(params, [2], [30.0])[0]
        unknown = 0.3 * 0.2 / (0.3 * 2 + 0.2)
        centre = generator.normal(-unknown / 2, np.sqrt(unknown), 400_000)
        amounts = np.exp(centre + generator.normal(-0.1, np.sqrt(0.2), (3, len(centre))))
        variance = spend_variance(LOG_NORMAL, params, [2], [30.0], [3.0], [0.0])
        assert variance[0] == pytest.approx((own * amounts.sum(axis=0)).var(), rel=0.02)

    def test_no_posterior_variance_stays_finite(self):
        variance = spend_variance(GAMMA_GAMMA, {"p": 5.0, "q": 1.5, "v": 20.0}, [0], [0.0], [2.0], [4.0])
        assert np.isfinite(variance[0])


class TestIntervals:
    @given(deviation=st.floats(0.02, 0.6), level=st.sampled_from([0.5, 0.8, 0.9, 0.95]))
    @settings(max_examples=30, deadline=None)
    def test_a_normal_error_has_normal_quantiles(self, deviation, level):
        reach = norm.ppf((1 + level) / 2) * deviation
        assert spend_ends(errors_of(deviation), level) == pytest.approx([-reach, reach], rel=5e-3, abs=2e-3)

    def test_a_mixture_has_heavier_tails(self):
        one, mixed = errors_of(np.sqrt((0.05**2 + 0.3**2) / 2)), errors_of(0.05, 0.3)
        assert np.ptp(spend_ends(mixed, 0.98)) > np.ptp(spend_ends(one, 0.98))
        assert np.ptp(spend_ends(mixed, 0.5)) < np.ptp(spend_ends(one, 0.5))

    def test_the_forecast_is_at_the_mean_of_the_error_already(self):
        assert spend_ends(errors_of(0.12, means=[0.4])) == pytest.approx(spend_ends())

    def test_parameter_uncertainty_widens_the_interval(self):
        made = forecasts()
        moved = [each * made.table["expected_spend"].to_numpy() for each in np.exp([[0.3], [-0.3]])]
        uncertain = CustomerForecasts(made.table, {"purchases": [], "spend": [np.array(moved)]})
        assert uncertain.totals("spend").parameters == pytest.approx(0.09)
        assert np.ptp(spend_ends(made=uncertain)) > np.ptp(spend_ends())

    def test_calibrated_where_errors_come_from_the_mixture(self):
        generator = np.random.default_rng(4)
        inside = []
        low, high = spend_ends(errors_of(0.06, 0.25), made=forecasts(noise=0.01))
        for deviation in generator.choice([0.06, 0.25], 3000):
            error = generator.normal(0.0, deviation) + np.log(generator.gamma(100.0) / 100.0)
            inside.append(low <= error <= high)
        assert np.mean(inside) == pytest.approx(0.9, abs=norm.ppf(0.9995) * np.sqrt(0.09 / 3000))

    def test_segments_have_a_specific_error(self):
        segments = pd.Series(["a", "a", "b", "b"])
        near = windows([0.1, -0.1, 0.1], segments=(None, ("x", 0.01), ("y", -0.01)))
        far = windows([0.1, -0.1, 0.1], segments=(None, ("x", 0.4), ("y", -0.4)))
        widths = []
        for table in (near, far):
            ends = intervals(table=table, segments=segments).query("target == 'spend'")
            widths.append((ends["upper"] - ends["lower"]) / ends["expected"])
            assert ends["segment"].isna().tolist() == [True, False, False]
        assert (widths[1].iloc[1:] > 1.5 * widths[0].iloc[1:]).all()
        assert widths[0].iloc[0] == pytest.approx(widths[1].iloc[0])

    def test_a_segment_is_shifted_by_its_past_error(self):
        table = windows([0.1, -0.1, 0.1], segments=(None, ("a", -0.3), ("b", 0.05)))
        ends = intervals(table=table, segments=pd.Series(["a", "a", "c", "c"]))
        known, new = (ends.set_index(["target", "segment"]).loc[("spend", name)] for name in ("a", "c"))
        middle = np.sqrt(known["lower"] * known["upper"]) / known["expected"]
        # Half of the segment variance is redrawn per window, so three windows have weight 3 / (3 + 1).
        assert np.log(middle) == pytest.approx(-0.3 * 3 / 4, abs=1e-3)
        assert np.sqrt(new["lower"] * new["upper"]) == pytest.approx(new["expected"], rel=1e-3)
        assert known["basis"].endswith("; shifted by -20%, its past error relative to all customers")

    def test_few_expected_purchases_may_be_zero(self):
        ends = intervals(forecasts(n=2, expected=0.6, noise=0.9)).iloc[0]
        assert ends["lower"] == 0
        assert ends["upper"] >= 3

    def test_zero_expected(self):
        ends = intervals(forecasts(expected=0.0))
        assert (ends[["lower", "upper"]] == 0.0).all(axis=None)

    def test_the_basis_is_reported(self):
        basis = intervals().loc[0, "basis"]
        assert basis == "rests on an error of the level of ±12% (one standard deviation)"

    @given(deviation=st.floats(0.02, 0.6), level=st.floats(0.2, 0.9))
    @settings(max_examples=15, deadline=None)
    def test_intervals_are_nested(self, deviation, level):
        errors = errors_of(deviation, 2 * deviation)
        low, high = spend_ends(errors, level), spend_ends(errors, level + 0.05)
        assert high[0] < low[0] < low[1] < high[1]

    def test_a_window_dominated_by_noise_does_not_count(self):
        assert intervals(table=windows([2.0, -2.0], noise=0.5)).loc[0, "windows"] == 0

    @pytest.mark.parametrize("level", [0.0, 1.0, -1.0])
    def test_level_is_a_probability(self, level):
        with pytest.raises(ParamsError, match="between 0 and 1"):
            intervals(level=level)

    def test_one_segment_for_each_customer(self):
        with pytest.raises(DataError, match="3 rows for 4 customers"):
            intervals(segments=pd.Series(["a"] * 3))

    def test_corrected_expectations_keep_relative_noise(self):
        made = forecasts(noise=0.05)
        moved = made.with_expected(*(1.2 * made.table[f"expected_{name}"] for name in ("purchases", "spend")))
        assert moved.totals("spend").expected == pytest.approx(1.2 * made.totals("spend").expected)
        assert moved.totals("spend").noise == pytest.approx(made.totals("spend").noise)
        # The Poisson part shrinks relative to a larger expectation.
        assert moved.totals("purchases").noise < made.totals("purchases").noise


class TestWindows:
    @given(history=st.integers(0, 2000), horizon=st.integers(1, 400))
    def test_windows_do_not_overlap_and_have_history(self, history, horizon):
        first, as_of = date(2020, 1, 1), date.fromordinal(date(2020, 1, 1).toordinal() + history)
        days, cutoffs = window_cutoffs(first, as_of, horizon)
        ends = [as_of, *cutoffs]
        assert all((later - earlier).days == days for later, earlier in pairwise(ends))
        assert all((cutoff - first).days >= days for cutoff in cutoffs)
        assert days == horizon or history < 2 * horizon

    def test_nothing_after_the_day_changes_them(self):
        table, as_of = load_cdnow_sample(), date(1997, 9, 30)
        past = table[table["timestamp"] <= pd.Timestamp(as_of)]
        found = []
        for source in (table, past):
            log = read_transactions(source)
            found.append(rolling_errors(log, as_of, 60))
            log.close()
        pd.testing.assert_frame_equal(*found)
        assert found[0]["cutoff"].nunique() == 3
        assert set(found[0]["window_days"]) == {60}

    def test_windows_without_a_fit_are_left_out(self, sample_log):
        def failing(cutoff, days):
            if cutoff < date(1997, 6, 1):
                raise FitError("nothing to learn")
            return btyd_forecaster(sample_log)(cutoff, days)

        found = rolling_errors(sample_log, date(1997, 9, 30), 60, failing)
        assert sorted(set(found["cutoff"])) == [date(1997, 6, 2), date(1997, 8, 1)]
        whole = found[found["segment"].isna() & (found["target"] == "purchases")]
        parts = found[found["segment"].str.startswith("frequency", na=False)]
        parts = parts[parts["target"] == "purchases"].groupby("cutoff")[["forecast", "actual"]].sum()
        assert parts.to_numpy() == pytest.approx(whole.set_index("cutoff").loc[parts.index, parts.columns])

    @pytest.mark.slow
    def test_cdnow_after_september_1997_is_inside(self):
        # Noise alone gives 16,477 to 17,228 purchases at 90 %; the actual total is 19,684.
        log, as_of = read_transactions("cdnow"), date(1997, 9, 30)
        forecaster = btyd_forecaster(log)
        customers, made = forecaster(as_of, 273)
        models = [partial(transaction_model, "bg_nbd")]
        errors = _total_errors(fit_level(refit_models(log, as_of, models, with_spend=True), 273), 273)
        ends = intervals(made, rolling_errors(log, as_of, 273, forecaster), 273, errors)
        actual = customer_outcomes(log, as_of, 273, customers).sum()
        log.close()
        ends = ends.set_index("target")
        assert actual["purchases"] == 19_684
        assert ends.loc["purchases", "windows"] == 2
        assert ends.loc["purchases", "window_days"] == 90
        for target in ("purchases", "spend"):
            assert ends.loc[target, "lower"] < actual[target] < ends.loc[target, "upper"]
        assert ends.loc["purchases", "upper"] < 2.0 * ends.loc["purchases", "expected"]
