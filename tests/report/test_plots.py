"""Every plot of the field: labels, the model's own numbers in it, and little or odd data."""

from __future__ import annotations

from io import BytesIO

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num
from matplotlib.figure import Figure

import guanxi
from guanxi.data.datasets import load_cdnow_sample
from guanxi.errors import DataError, ParamsError
from guanxi.models import BetaGeoNBD
from guanxi.report import plots
from guanxi.report.plots import _purchase_tables

CUTOFF = "1997-09-30"
WEEKS = 39.0


@pytest.fixture(scope="module")
def purchases():
    return load_cdnow_sample()


@pytest.fixture(scope="module")
def customers(purchases):
    return guanxi.rfm(purchases, cutoff=CUTOFF, time_unit="W")


@pytest.fixture(scope="module")
def model(customers):
    return BetaGeoNBD().fit(customers)


@pytest.fixture(scope="module")
def holdout_purchases(purchases, customers):
    later = purchases[purchases["timestamp"] > CUTOFF].drop_duplicates(["customer_id", "timestamp"])
    return customers["customer_id"].map(later["customer_id"].value_counts()).fillna(0.0)


@pytest.fixture(scope="module")
def tracking(model, purchases):
    return plots.repeat_purchase_tracking(model, purchases, CUTOFF, "W")


@pytest.fixture(scope="module")
def draw(model, purchases, customers, holdout_purchases, tracking):
    """Every plot by its name, on given axes or its own."""
    return {
        "frequency_recency": lambda **on: plots.plot_frequency_recency_matrix(
            model, WEEKS, horizon=WEEKS, time_unit="W", **on
        ),
        "probability_alive": lambda **on: plots.plot_probability_alive_matrix(
            model, WEEKS, time_unit="W", **on
        ),
        "calibration": lambda **on: plots.plot_calibration_by_frequency(
            model, customers, holdout_purchases, WEEKS, time_unit="W", **on
        ),
        "cumulative": lambda **on: plots.plot_cumulative_tracking(tracking, CUTOFF, **on),
        "incremental": lambda **on: plots.plot_incremental_tracking(tracking, CUTOFF, **on),
        "timing": lambda **on: plots.plot_repeat_timing(model, purchases, CUTOFF, time_unit="W", **on),
        "history": lambda **on: plots.plot_probability_alive_history(
            model, [0.0, 2.0, 9.0], WEEKS, time_unit="W", **on
        ),
        "cohorts": lambda **on: plots.plot_cohort_retention(purchases, **on),
    }


NAMES = {
    "frequency_recency": ("frequency [repeat purchases]", "recency [weeks]"),
    "probability_alive": ("frequency [repeat purchases]", "recency [weeks]"),
    "calibration": (
        "repeat purchases before the window\n(number of customers below)",
        "purchases per customer in 39 weeks",
    ),
    "cumulative": ("date", "cumulative repeat purchases"),
    "incremental": ("date", "repeat purchases per week"),
    "timing": ("time since the first purchase [weeks]", "customers with a repeat purchase [%]"),
    "history": ("time since the first purchase [weeks]", "probability of being alive [%]"),
    "cohorts": ("months after that of the first purchase", "month of the first purchase\n(customers)"),
}


def rendered(axes):
    """Draw for good: warnings of matplotlib, which fail a test, come only now."""
    axes.figure.savefig(BytesIO(), format="png", dpi=50)
    return axes


def line(axes, label):
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return found


def cells(axes):
    return axes.collections[0].get_array()


@pytest.mark.parametrize("name", NAMES)
def test_each_plot_is_labelled_and_drawn_on_a_figure_of_its_own(draw, name):
    settings = dict(mpl.rcParams)
    axes = rendered(draw[name]())
    assert (axes.get_xlabel(), axes.get_ylabel()) == NAMES[name]
    assert dict(mpl.rcParams) == settings


@pytest.mark.parametrize("name", NAMES)
def test_each_plot_draws_on_the_axes_given(draw, name):
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    right.plot([1, 2], [3, 4])
    assert rendered(draw[name](axes=left)) is left
    assert not right.get_xlabel()
    assert len(right.get_lines()) == 1


def test_no_figure_of_pyplot_is_made_or_closed(draw):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    mine = pyplot.figure()
    for plot in draw.values():
        plot()
    assert pyplot.get_fignums() == [mine.number]
    pyplot.close(mine)


def test_matrices_hold_the_predictions_of_the_model(draw, model):
    expected, alive = cells(draw["frequency_recency"]()), cells(draw["probability_alive"]())
    assert expected.shape == alive.shape == (60, 31)
    recency = np.linspace(0.0, WEEKS, 60)
    for row, frequency in ((0, 0), (59, 1), (30, 12), (59, 30)):
        history = pd.DataFrame({"frequency": [frequency], "recency": [recency[row]], "T": [WEEKS]})
        assert expected[row, frequency] == pytest.approx(model.expected_purchases(history, WEEKS)[0])
        assert alive[row, frequency] == pytest.approx(100 * model.probability_alive(history)[0])
    # Without a repeat purchase there is no recency but 0.
    assert expected.mask[1:, 0].all()
    assert not expected.mask[:, 1:].any()


def test_matrices_take_other_bounds_and_name_the_horizon(model):
    axes = plots.plot_frequency_recency_matrix(model, 40, 1, max_frequency=1, max_recency=20, time_unit="W")
    assert rendered(axes).get_title() == "40 weeks after the first purchase"
    assert axes.figure.axes[1].get_ylabel() == "expected purchases in the next 1 week"
    assert axes.get_xlim() == (-0.5, 1.5)
    assert axes.get_ylim()[1] == pytest.approx(20, rel=0.01)


def test_calibration_draws_means_by_frequency_with_an_open_last_group(
    draw, model, customers, holdout_purchases
):
    axes = draw["calibration"]()
    expected = model.expected_purchases(customers, WEEKS)
    frequency = customers["frequency"].to_numpy()
    for group in range(8):
        members = frequency >= 7 if group == 7 else frequency == group
        assert line(axes, "actual").get_ydata()[group] == pytest.approx(
            holdout_purchases[members].mean(), rel=1e-12
        )
        assert line(axes, "expected").get_ydata()[group] == pytest.approx(expected[members].mean())
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0] == "0\n1,411"
    assert labels[-1] == "7+\n64"


def test_calibration_refuses_purchases_of_other_rows(model, customers, holdout_purchases):
    for wrong in (holdout_purchases[:-1], holdout_purchases[::-1], 3.0):
        with pytest.raises(DataError, match="holdout_purchases do not match the rows of rfm"):
            plots.plot_calibration_by_frequency(model, customers, wrong, WEEKS)
    one = customers[customers["frequency"] == 0].iloc[:1]
    axes = rendered(plots.plot_calibration_by_frequency(model, one, [0], WEEKS))
    assert list(line(axes, "actual").get_ydata()) == [0.0]


def test_tracking_counts_and_expects_of_newcomers(tracking, model, purchases, customers):
    at_cutoff = tracking[tracking["date"] <= CUTOFF].iloc[-1]
    days = purchases.drop_duplicates(["customer_id", "timestamp"])
    so_far = days[days["timestamp"] <= at_cutoff["date"]]
    assert at_cutoff["actual"] == len(so_far) - so_far["customer_id"].nunique()
    since_first = customers["T"] - (pd.Timestamp(CUTOFF) - at_cutoff["date"]).days / 7
    ages = since_first.clip(lower=0.0).value_counts()
    by_hand = sum(n * model.expected_purchases_new(age) for age, n in ages.items())
    assert at_cutoff["expected"] == pytest.approx(by_hand)


def test_tracking_follows_the_customers_known_at_the_cutoff(model):
    log = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b", "a"],
            "timestamp": pd.to_datetime(
                ["2024-01-01T09", "2024-01-08T00", "2024-01-10T00", "2024-01-12T00", "2024-01-22T23"]
            ),
        }
    )
    table = plots.repeat_purchase_tracking(model, log, "2024-01-09", "W")
    assert table["actual"].tolist() == [0, 1, 1, 2]
    assert table["expected"].tolist() == pytest.approx([model.expected_purchases_new(w) for w in range(4)])
    with pytest.raises(DataError, match="no purchase up to the cutoff 2023-12-31"):
        plots.repeat_purchase_tracking(model, log, "2023-12-31", "W")


def test_tracking_plots_draw_the_table_and_the_cutoff(draw, tracking):
    so_far, steps = draw["cumulative"](), draw["incremental"]()
    for label in ("actual", "expected"):
        np.testing.assert_array_equal(line(so_far, label).get_ydata(), tracking[label])
        np.testing.assert_allclose(line(steps, label).get_ydata(), np.diff(tracking[label]))
    for axes in (so_far, steps):
        assert axes.get_lines()[2].get_xdata()[0] == date2num(pd.Timestamp(CUTOFF))
        assert "held out from here" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("rows", [2, 3])
def test_short_tracking_tables_are_drawn(tracking, rows):
    rendered(plots.plot_cumulative_tracking(tracking.head(rows - 1)))
    axes = rendered(plots.plot_incremental_tracking(tracking.iloc[::2].head(rows)))
    assert axes.get_ylabel() == "repeat purchases per 14 days"


def test_tables_that_track_nothing_are_refused(tracking):
    with pytest.raises(DataError, match="column 'expected' is missing"):
        plots.plot_cumulative_tracking(tracking.drop(columns="expected"))
    with pytest.raises(DataError, match="has 0 rows: give at least 1"):
        plots.plot_cumulative_tracking(tracking.head(0))
    with pytest.raises(DataError, match="has 1 rows: give at least 2"):
        plots.plot_incremental_tracking(tracking.head(1))
    with pytest.raises(ParamsError, match="cutoff 'soon' is not a date"):
        plots.plot_cumulative_tracking(tracking, "soon")


def test_repeat_timing_is_the_models_and_that_of_kaplan_and_meier(draw, model, purchases):
    axes = draw["timing"]()
    newcomer = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [0.0]})
    drawn = line(axes, "expected")
    for time, share in zip(drawn.get_xdata()[::50], drawn.get_ydata()[::50], strict=True):
        assert share == pytest.approx(1 - model.purchase_probability(newcomer, 0, time)[0])
    # Everybody was known for 27 weeks at least: until then the share is a plain count.
    days = purchases.drop_duplicates(["customer_id", "timestamp"])
    second = days.groupby("customer_id")["timestamp"].nsmallest(2).groupby("customer_id").agg(["min", "max"])
    repeated = (second["max"] > second["min"]) & (second["max"] - second["min"] <= pd.Timedelta(weeks=26))
    actual = line(axes, "actual")
    at = np.searchsorted(actual.get_xdata(), 26.0, side="right") - 1
    assert actual.get_ydata()[at] == pytest.approx(repeated.mean())


def test_kaplan_and_meier_by_hand(model):
    day = pd.Timestamp("2024-01-01")
    log = pd.DataFrame(
        [("a", 0), ("a", 2), ("b", 6), ("c", 0), ("c", 8), ("d", 0)], columns=["customer_id", "day"]
    )
    log = log.assign(timestamp=(day + pd.to_timedelta(log["day"], unit="D")).dt.tz_localize("Asia/Shanghai"))
    waits = _purchase_tables.first_repeat_waits(log, "2024-01-10", "D")
    assert waits.repeated.tolist() == [2.0, 8.0]
    assert waits.waiting.tolist() == [3.0, 9.0]
    axes = rendered(plots.plot_repeat_timing(model, log, "2024-01-10"))
    # At 2 days one of four; at 8 days one of the two still watched.
    drawn = dict(zip(*line(axes, "actual").get_data(), strict=True))
    assert (drawn[2.0], drawn[8.0]) == pytest.approx((0.25, 1 - 0.75 * 0.5))


@pytest.mark.parametrize("days", [[0], [0, 0], [0, 5]])
def test_repeat_timing_of_one_customer_is_drawn(model, days):
    log = pd.DataFrame(
        {"customer_id": 1, "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")}
    )
    for cutoff in ("2024-01-01", "2024-01-10"):
        rendered(plots.plot_repeat_timing(model, log, cutoff))


def test_history_of_a_customer_is_probability_alive_as_known_then(draw, model):
    axes = draw["history"]()
    ages, alive = axes.get_lines()[0].get_data()
    assert (ages[0], ages[-1]) == (0.0, WEEKS)
    history = pd.DataFrame({"frequency": [0, 1, 1, 2, 2], "recency": [0, 2, 2, 9, 9], "T": [1, 2, 9, 9, 39]})
    exact = model.probability_alive(history)
    before, after = alive[ages == 9.0]
    assert (before, after) == pytest.approx((exact[2], exact[3]))
    assert alive[-1] == pytest.approx(exact[4])
    assert (alive[ages < 2.0] == exact[0]).all()
    assert line(axes, "purchase").get_xdata().tolist() == [0.0, 2.0, 9.0]


@pytest.mark.parametrize("times", [[], [1.0], [0.0, 5.0, 3.0], [0.0, 40.0], [0.0, np.nan], [[0.0]]])
def test_times_that_are_no_history_are_refused(model, times):
    with pytest.raises(DataError, match="purchase_times must increase from 0"):
        plots.plot_probability_alive_history(model, times, WEEKS)


def test_history_of_a_customer_of_today_is_drawn(model):
    rendered(plots.plot_probability_alive_history(model, [0.0], 0.0))
    rendered(plots.plot_probability_alive_history(model, [0.0, 3.0], 3.0))


def test_cohorts_by_hand():
    rows = [("a", "2024-01-05"), ("a", "2024-02-01"), ("a", "2024-02-02"), ("a", "2024-03-31")]
    rows += [("b", "2024-01-31"), ("c", "2024-02-29"), ("c", "2024-03-01"), ("d", "2024-03-09")]
    log = pd.DataFrame(rows, columns=["customer_id", "timestamp"])
    log["timestamp"] = pd.to_datetime(log["timestamp"])
    axes = rendered(plots.plot_cohort_retention(log))
    assert cells(axes).tolist() == [[50.0, 50.0], [100.0, None]]
    assert [text.get_text() for text in axes.texts] == ["50", "50", "100"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["2024-01 (2)", "2024-02 (1)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2"]
    assert axes.yaxis_inverted()


def test_cohorts_that_never_return_are_drawn():
    log = pd.DataFrame({"customer_id": [1, 2], "timestamp": pd.to_datetime(["2024-01-05", "2024-02-01"])})
    assert cells(rendered(plots.plot_cohort_retention(log))).tolist() == [[0.0]]


def test_cohorts_of_the_whole_of_cdnow_are_those_of_the_sample(draw):
    shares = cells(draw["cohorts"]())
    assert shares.shape == (3, 17)
    assert shares.mask.sum() == 1 + 2


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (pd.DataFrame({"customer_id": ["a"]}), "column 'timestamp' is missing"),
        (pd.DataFrame({"customer_id": [], "timestamp": pd.to_datetime([])}), "have no rows"),
        (pd.DataFrame({"customer_id": ["a"], "timestamp": ["2024-01-01"]}), "column 'timestamp' holds str"),
        (pd.DataFrame({"customer_id": ["a"], "timestamp": [pd.NaT]}), "'timestamp' is missing in 1 rows"),
        (
            pd.DataFrame({"customer_id": ["a"], "timestamp": [pd.Timestamp("2024-01-01")]}),
            "all purchases lie in one month",
        ),
    ],
)
def test_transactions_without_cohorts_are_refused(log, message):
    with pytest.raises(DataError, match=message):
        plots.plot_cohort_retention(log)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"T": 0.0}, "T is 0.0: give a finite number above 0"),
        ({"T": np.inf}, "T is inf"),
        ({"T": 9.0, "max_frequency": 0}, "max_frequency is 0"),
        ({"T": 9.0, "max_recency": 10.0}, r"max_recency is 10.0: give a number above 0 and up to T \(9\)"),
    ],
)
def test_unusable_bounds_are_refused(model, bounds, message):
    with pytest.raises(DataError, match=message):
        plots.plot_probability_alive_matrix(model, **bounds)


def test_unknown_time_unit_is_refused(model):
    with pytest.raises(ParamsError, match="time_unit 'weeks' is unknown"):
        plots.plot_probability_alive_matrix(model, 9.0, time_unit="weeks")
