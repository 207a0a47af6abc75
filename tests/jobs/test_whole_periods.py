"""Logs by month and year, where the true days are unknown: BG/BB in whole periods."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.data.transactions import read_transactions
from guanxi.errors import FitWarning, ParamsError
from guanxi.jobs import predict as predict_module
from guanxi.jobs.predict import predict_to
from guanxi.models.beta_geo_beta_binomial import PurchasesByPeriod
from guanxi.models.purchase_models import BetaGeoNBD
from guanxi.params import DataParams, load_params
from guanxi.periods import days_per_unit

pytestmark = pytest.mark.slow

# Per period: as of donors by year (Fader, Hardie & Shang 2010), and with a slower dropout by month.
TRUTH = {
    "Y": {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78},
    "M": {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 8.0},
}
YEARLY = ("data.event_grain=Y", "clv.model=bg_bb")


def simulated(freq: str, periods: int, cohorts: int, n: int, seed: int) -> pd.DataFrame:
    """Purchases of n customers by BG/BB, who begin in one of the first periods; one day for each period."""
    generator, truth = np.random.default_rng(seed), TRUTH[freq[0]]
    buys = generator.beta(truth["alpha"], truth["beta"], n)
    lived = generator.geometric(generator.beta(truth["gamma"], truth["delta"], n)) - 1
    since = np.arange(periods) - generator.integers(0, cohorts, n)[:, None]
    alive = (since > 0) & (since <= lived[:, None])
    customer, period = np.nonzero((since == 0) | (alive & (generator.random(alive.shape) < buys[:, None])))
    amount = generator.gamma(5.0, generator.gamma(6.0, 1.0, n)[customer])
    days = pd.date_range("1995-01-01", periods=periods, freq=freq)
    return pd.DataFrame({"customer_id": customer, "timestamp": days[period], "amount": amount.round(2) + 1.0})


@pytest.mark.parametrize(
    ("freq", "periods", "cohorts", "known", "horizon"),
    [("YS", 12, 1, 7, 1825), ("YE", 12, 4, 9, 1095), ("MS", 30, 6, 18, 365)],
    ids=["donors", "years by their ends", "months"],
)
def test_totals_are_those_of_the_simulation(
    freq: str, periods: int, cohorts: int, known: int, horizon: int
) -> None:
    grain = freq[0]
    errors = []
    for seed in range(6):
        lines = simulated(freq, periods, cohorts, 1000, seed)
        days = pd.date_range("1995-01-01", periods=periods, freq=freq)
        rfm = guanxi.rfm(lines, cutoff=days[known - 1], params=DataParams(event_grain=grain))
        actual = int((lines["timestamp"] > days[known - 1]).sum())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            models = PurchasesByPeriod(days_per_unit(grain)).fit(rfm), BetaGeoNBD().fit(rfm)
        errors.append([np.log(model.expected_purchases(rfm, horizon).sum() / actual) for model in models])
    by_period, by_day = np.mean(errors, axis=0)
    standard_error = np.std(errors, axis=0, ddof=1)[0] / np.sqrt(len(errors))
    assert standard_error < 0.03
    assert abs(by_period) < 3 * standard_error
    # Time without purchases looks like dropout to a model in days, but for those who bought in each period.
    assert by_day > 0.2


class TestFirstDays:
    """Lines dated from the last days of periods count as if they were dated from the first."""

    def read(self, lines: pd.DataFrame, grain: str) -> Any:
        return read_transactions(lines, DataParams(event_grain=grain))

    @pytest.mark.parametrize(("grain", "last"), [("W", "W-SUN"), ("M", "ME"), ("Y", "YE")])
    def test_last_days_become_first_days_and_it_is_said(self, grain: str, last: str) -> None:
        days = pd.date_range("1995-01-01", periods=9, freq=last)
        lines = pd.DataFrame({"customer_id": range(9), "timestamp": days, "amount": 2.0})
        log = self.read(lines, grain)
        found = [each for each in log.findings if each.name == "dated_from_first_days"]
        assert [each.lines for each in found] == [9]
        first = days[-1].to_period(grain).start_time.date()
        assert f"{first} stands for the" in found[0].text
        assert log.last_day == first
        dates = log.lines.order_by("line_number").date.execute()
        assert list(pd.to_datetime(dates)) == list(days.to_period(grain).start_time)
        # A single other day, and all days are true days.
        lines.loc[4, "timestamp"] -= pd.Timedelta(days=1)
        other = self.read(lines, grain)
        assert other.last_day == days[-1].date()
        assert "dated_from_first_days" not in [each.name for each in other.findings]

    def test_days_stay_where_days_are_counted(self) -> None:
        log = self.read(simulated("YE", 9, 4, 50, 1), "D")
        assert log.last_day.isoformat() == "2003-12-31"
        assert "dated_from_first_days" not in [each.name for each in log.findings]

    def year_before_the_end(self, lines: pd.DataFrame) -> pd.DataFrame:
        cutoff = self.read(lines, "Y").last_day - timedelta(days=365)
        return guanxi.rfm(lines, cutoff=cutoff, params=DataParams(event_grain="Y"))

    def test_leap_years_leave_no_period_without_purchases(self) -> None:
        """365 days before the end of 2004 is its first day, when its purchases are to come."""
        lines = simulated("YE", 10, 4, 200, 1)
        first = lines.assign(timestamp=lines["timestamp"].dt.to_period("Y").dt.start_time)
        by_ends, by_starts = (self.year_before_the_end(each) for each in (lines, first))
        pd.testing.assert_frame_equal(by_ends, by_starts)
        assert (by_ends["recency"] == by_ends["T"]).any()


@pytest.fixture(scope="class")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, pd.DataFrame]]:
    """A training on a small yearly log, in whose folder tests run, and the log."""
    lines = simulated("YE", 9, 4, 500, 2)
    params = load_params(overrides=[*YEARLY, "horizon_days=365", "churn.snapshot_spacing_days=400"])
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(tmp_path_factory.mktemp("yearly"))
        warnings.simplefilter("ignore", UserWarning)
        yield guanxi.train(lines, params=params), lines


class TestTraining:
    def predict(self, lines: pd.DataFrame) -> pd.DataFrame:
        with pytest.warns(UserWarning, match="all lines are of the last day of a year"):
            return guanxi.predict(lines, params=load_params(overrides=YEARLY))

    def test_the_table_is_complete_and_finite(self, trained: tuple[Any, pd.DataFrame]) -> None:
        training, lines = trained
        assert training.served.choice.names == ["bg_bb"]
        table = self.predict(lines)
        assert sorted(table["customer_id"]) == sorted(lines["customer_id"].unique())
        others = table.drop(columns=[name for name in table if str(name).startswith("driver_")])
        assert others.notna().all(axis=None)
        numbers = others.select_dtypes("number")
        assert {"clv", "expected_purchases", "churn_probability", "probability_alive"} <= set(numbers)
        assert np.isfinite(numbers).all(axis=None)
        assert (table["clv_lower"] <= table["clv"]).all()
        assert (table["clv"] <= table["clv_upper"]).all()
        assert table["expected_purchases"].between(0, 1).all()  # one opportunity in a year

    def test_parts_give_the_numbers_of_the_whole(
        self, trained: tuple[Any, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, lines = trained
        whole = self.predict(lines)
        monkeypatch.setattr(predict_module, "CUSTOMERS_AT_ONCE", 90)
        with pytest.warns(UserWarning, match="all lines are of the last day of a year"):
            manifest = predict_to(lines, tmp_path / "scores.parquet", params=load_params(overrides=YEARLY))
        assert manifest.chunks == 6
        written = pd.read_parquet(tmp_path / "scores.parquet")
        pd.testing.assert_frame_equal(written, whole, check_exact=True, check_dtype=False)

    @pytest.mark.filterwarnings("ignore:the log has at most one day per year:UserWarning")
    @pytest.mark.parametrize(("grain", "days", "least"), [("Y", 90, 365), ("M", 29, 30), ("W", 6, 7)])
    def test_a_part_of_a_period_is_refused(self, grain: str, days: int, least: int) -> None:
        params = load_params(overrides=[f"data.event_grain={grain}", "clv.model=bg_bb"])
        message = (
            f"horizon_days={days} is shorter than a period .*event_grain={grain}: use --horizon {least} "
        )
        lines = simulated("YS", 9, 4, 100, 1)
        with pytest.raises(ParamsError, match=message):
            guanxi.train(lines, params=params, horizon_days=days)
