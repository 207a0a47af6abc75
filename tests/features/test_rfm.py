"""RFM against published facts of CDNOW, and against pandas on random customers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import guanxi
from guanxi.data.datasets import load_cdnow_sample
from guanxi.errors import HistoryError, ParamsError
from guanxi.models import BetaGeoNBD
from guanxi.params import DataParams
from guanxi.periods import days_per_unit

CALIBRATION_END = "1997-09-30"


def reference(lines: pd.DataFrame, cutoff: pd.Timestamp, grain: str, time_unit: str) -> pd.DataFrame:
    """RFM by pandas: merge by period, count, subtract."""
    past = lines[lines["timestamp"] < cutoff + pd.Timedelta(days=1)]
    start = past["timestamp"].dt.to_period(grain).dt.start_time
    merged = past.groupby(["customer_id", start])["amount"].sum().reset_index()
    by_customer = merged.groupby("customer_id")["timestamp"]
    end = cutoff.to_period(grain).start_time
    repeats = merged[merged.groupby("customer_id").cumcount() > 0].groupby("customer_id")["amount"].mean()
    table = pd.DataFrame({"frequency": by_customer.size() - 1.0})
    table["recency"] = (by_customer.max() - by_customer.min()).dt.days / days_per_unit(time_unit)
    table["T"] = (end - by_customer.min()).dt.days / days_per_unit(time_unit)
    table["monetary_value"] = repeats.reindex(table.index, fill_value=0.0)
    gaps = merged.groupby("customer_id")["timestamp"].diff().dt.days / days_per_unit(time_unit)
    table["log_gap_sum"] = np.log(gaps).groupby(merged["customer_id"]).sum()
    return table.reset_index()


@st.composite
def purchases(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b", "c", "d", "e"]),
                st.datetimes(dt.datetime(2019, 12, 20), dt.datetime(2020, 4, 10)),
                st.floats(0, 1e6).map(lambda amount: round(amount, 2)),
            ),
            min_size=1,
            max_size=60,
        )
    )
    return pd.DataFrame(
        [("first", dt.datetime(2019, 12, 19), 1.0), *rows], columns=["customer_id", "timestamp", "amount"]
    )


@settings(max_examples=7, deadline=None)
@given(
    lines=purchases(),
    cutoff=st.dates(dt.date(2019, 12, 19), dt.date(2020, 4, 12)),
    grain=st.sampled_from(["D", "W", "M"]),
    time_unit=st.sampled_from(["D", "W", "M", "Y"]),
)
def test_rfm_equals_pandas(lines: pd.DataFrame, cutoff: dt.date, grain: Any, time_unit: str) -> None:
    table = guanxi.rfm(lines, cutoff=cutoff, time_unit=time_unit, params=DataParams(event_grain=grain))
    expected = reference(lines, pd.Timestamp(cutoff), grain, time_unit)
    # A mean of repeats is a difference of sums: its error is in proportion to the largest sum.
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-12, atol=1e-6)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return guanxi.rfm("cdnow-sample", cutoff=CALIBRATION_END, time_unit="W")


class TestCDNOW:
    """The 1/10 sample of Fader, Hardie & Lee (2005): 39 weeks of calibration end on 1997-09-30."""

    def test_published_counts(self, table: pd.DataFrame) -> None:
        assert len(table) == 2_357
        assert (table["frequency"] > 0).sum() == 946
        assert table["frequency"].sum() == 2_457

    def test_equals_pandas(self, table: pd.DataFrame) -> None:
        lines = load_cdnow_sample()
        expected = reference(lines, pd.Timestamp(CALIBRATION_END), "D", "W")
        pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-12)

    def test_published_parameters(self, table: pd.DataFrame) -> None:
        """Fader, Hardie & Lee (2005) print .243, 4.414, .793, 2.426, LL = -9582.4; digits: CLVTools."""
        model = BetaGeoNBD().fit(table)
        assert list(model.params_.values()) == pytest.approx(
            [0.2425945, 4.4136019, 0.7929199, 2.4258881], rel=1e-4
        )
        assert model.log_likelihood_ == pytest.approx(-9582.4292, abs=1e-4)

    def test_merging_by_week_is_another_thing_than_counting_in_weeks(self, table: pd.DataFrame) -> None:
        """Purchases merged by week, as lifetimes does with freq="W": r = .291, alpha = 6.852 (GOLDEN, traps).

        The week of the cutoff ends on 1997-10-05, and lifetimes takes it whole.
        """
        weekly = guanxi.rfm(
            "cdnow-sample", cutoff="1997-10-05", time_unit="W", params=DataParams(event_grain="W")
        )
        params = BetaGeoNBD().fit(weekly).params_
        assert (params["r"], params["alpha"]) == pytest.approx((0.291, 6.852), abs=5e-4)
        assert (weekly["T"] % 1 == 0).all()
        assert weekly["frequency"].sum() < table["frequency"].sum()

    def test_a_frame_and_a_name_give_the_same(self, table: pd.DataFrame) -> None:
        again = guanxi.rfm(load_cdnow_sample(), cutoff=dt.date(1997, 9, 30), time_unit="W")
        pd.testing.assert_frame_equal(again, table)


LINES = pd.DataFrame(
    [
        ("a", "2020-01-01 09:00", 5.0),
        ("a", "2020-01-01 18:00", 7.0),
        ("a", "2020-02-29 23:59:59", 2.0),
        ("a", "2020-03-10", 4.0),
        ("b", "2020-02-29", 0.0),
        ("c", "2020-03-01", 3.0),
    ],
    columns=["customer_id", "timestamp", "amount"],
)


def test_by_hand_over_a_leap_day() -> None:
    """The whole cutoff day belongs to the past, zero is a purchase, and 2020 has a 29 February."""
    table = guanxi.rfm(LINES, cutoff="2020-02-29").set_index("customer_id")
    assert table.loc["a"].tolist() == pytest.approx([1.0, 59.0, 59.0, 2.0, np.log(59.0)])
    assert table.loc["b"].tolist() == [0.0, 0.0, 0.0, 0.0, 0.0]
    assert list(table.index) == ["a", "b"]


@pytest.mark.parametrize(
    "cutoff",
    [
        "2020-02-29",
        dt.date(2020, 2, 29),
        dt.datetime(2020, 2, 29, 12),
        pd.Timestamp("2020-02-29"),
        "20200229",
    ],
)
def test_cutoffs_of_several_types(cutoff: Any) -> None:
    assert guanxi.rfm(LINES, cutoff=cutoff)["T"].tolist() == [59.0, 0.0]


def test_the_default_cutoff_is_the_last_day_of_the_data() -> None:
    assert guanxi.rfm(LINES).set_index("customer_id")["T"].to_dict() == {"a": 69.0, "b": 10.0, "c": 9.0}


@pytest.mark.parametrize(
    ("cutoff", "message"),
    [
        ("29.2.2020", "cutoff '29.2.2020' is not a date: write it as YYYY-MM-DD"),
        (np.datetime64("NaT"), "NaT.* is not a date: write it as YYYY-MM-DD"),
        (pd.NaT, "cutoff NaT is not a date"),
        (1_583_000_000, "cutoff 1583000000 is not a date"),
    ],
)
def test_cutoffs_that_are_none(cutoff: Any, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        guanxi.rfm(LINES, cutoff=cutoff)


def test_an_unknown_time_unit() -> None:
    with pytest.raises(ParamsError, match="time_unit 'weeks' is unknown: use one of D, W, M, Q, Y"):
        guanxi.rfm(LINES, time_unit="weeks")


def test_a_cutoff_before_everything() -> None:
    with pytest.raises(
        HistoryError, match="no purchase up to the cutoff 2019-01-01: the data begins on 2020-01-01"
    ):
        guanxi.rfm(LINES, cutoff="2019-01-01")


def test_lines_left_out_are_told() -> None:
    dirty = pd.concat([LINES, LINES.assign(customer_id=None)])
    with pytest.warns(UserWarning, match="rfm left out 6 lines: missing_customer 6"):
        guanxi.rfm(dirty)
