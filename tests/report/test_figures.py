"""Every figure, also from data that has little to show; a warning of matplotlib fails the test."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num, num2date
from matplotlib.figure import Figure

from guanxi.report import figures, style
from guanxi.report.figures import _strongest_drivers

SVG = "{http://www.w3.org/2000/svg}"


def holdout_of(**columns) -> pd.DataFrame:
    rows = {
        "frequency": 0,
        "expected_purchases": 0.5,
        "purchases": 0,
        "expected_spend_total": 5.0,
        "spend": 0.0,
        "churn_probability": 0.7,
        "churned": True,
    }
    return pd.DataFrame(rows | columns)


NOBODY = holdout_of(churned=pd.Series([], dtype=bool))
ALIKE = holdout_of(churned=[True] * 30)
NO_LEAVERS = holdout_of(churned=[False] * 5, purchases=1, spend=3.0, churn_probability=np.linspace(0, 1, 5))
ONE = holdout_of(churned=[True])
TRACKING = pd.DataFrame(
    {"date": pd.date_range("2011-01-01", periods=3), "actual": [0, 1, 2], "expected": [0, 1, 3]}
)


def explanation_of(values, data=None, names=None):
    values = np.asarray(values, dtype=float)
    names = [f"driver_{i}" for i in range(values.shape[1])] if names is None else names
    return SimpleNamespace(values=values, data=values if data is None else data, feature_names=names)


def drawn(figure) -> str:
    text = style._svg(figure)
    ElementTree.fromstring(text)
    return text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("plot", ["calibration", "purchases_by_frequency", "lift"])
@pytest.mark.parametrize(
    "rows", [NOBODY, ALIKE, NO_LEAVERS, ONE], ids=["nobody", "alike", "no leavers", "one"]
)
def test_plots_of_the_held_out_window_draw_anything(plot, rows, language):
    drawn(getattr(figures, plot)(rows, language))


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [3.0], [2.0] * 50, [np.nan, 1.0]])
def test_value_concentration_draws_anything(values):
    drawn(figures.value_concentration(pd.DataFrame({"clv": values}, dtype=float)))


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("cutoff", [None, date(2011, 1, 2)])
def test_tracking_draws_anything(rows, cutoff):
    drawn(figures.tracking(TRACKING.head(rows), cutoff))


@pytest.mark.parametrize("first", ["2022-01-01", "2023-02-27"])
def test_a_few_dates_are_marked_whatever_the_length_of_the_log(first):
    axes = Figure().add_subplot()
    style.date_axis(axes)
    begin = float(date2num(np.datetime64(first)))
    for days in (*np.arange(0.5, 8, 0.1), *range(8, 1300), *range(1300, 20_000, 50)):
        ticks = axes.xaxis.get_major_locator().tick_values(*num2date([begin, begin + days]))
        assert 2 <= len(ticks) <= 9, days


@pytest.mark.parametrize(
    "explanation",
    [
        explanation_of(np.zeros((0, 2))),
        explanation_of(np.zeros((4, 2))),
        explanation_of([[0.5]]),
        explanation_of([[0.5], [0.5]], data=[["shop"], ["web"]]),
        explanation_of([[0.5], [-0.5]], data=[[np.nan], [np.nan]]),
        explanation_of(np.random.default_rng(1).normal(size=(2500, 40))),
    ],
    ids=["nobody", "no effect", "one", "text", "missing", "many"],
)
def test_shap_summary_draws_anything(explanation):
    assert len(drawn(figures.shap_summary(explanation))) < 300_000


def test_plots_of_real_shape_state_their_units(holdout, predictions, tracking, explanation):
    plots = [
        figures.calibration(holdout),
        figures.purchases_by_frequency(holdout),
        figures.tracking(tracking, date(1997, 9, 30)),
        figures.lift(holdout),
        figures.value_concentration(predictions),
        figures.shap_summary(explanation),
    ]
    for figure in plots:
        axes = figure.axes[0]
        assert axes.get_xlabel()
        assert len(drawn(figure)) < 200_000
    assert "customers who left [%]" in plots[0].axes[0].get_ylabel()
    assert "log odds" in plots[5].axes[0].get_xlabel()


def test_by_frequency_names_the_open_group_and_counts(holdout):
    labels = [label.get_text() for label in figures.purchases_by_frequency(holdout).axes[0].get_xticklabels()]
    assert labels[-1].startswith("7+\n")
    assert sum(int(label.split("\n")[1].replace(",", "")) for label in labels) == len(holdout)


def test_a_curve_with_no_outcome_is_left_out():
    with_spend = figures.lift(NO_LEAVERS).axes[0].get_legend_handles_labels()[1]
    assert with_spend == ["spend, by expected spend", "by chance"]


def test_strongest_drivers_by_hand():
    explanation = explanation_of([[0.1, -3.0, 0.0], [0.3, 1.0, 0.0]])
    assert _strongest_drivers(explanation) == [1, 0]


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "cost in $ and $",
        r"$\frac{1}{0}$",
        "--><svg onload=alert(1)>",
        "]]>&amp;",
        "行\n为\x00\x07\ud7ff\u0378",
        "W" * 200,
        "关系" * 60,
        "🙂",
        "",
    ],
)
def test_names_from_the_data_are_drawn_and_nothing_else(name):
    figure = figures.shap_summary(explanation_of([[0.5, 1.0], [-0.5, 1.0]], names=[name, "plain"]))
    tree = ElementTree.fromstring(drawn(figure))
    tags = {element.tag for element in tree.iter()}
    assert not tags & {f"{SVG}script", f"{SVG}text"}
    assert sum(element.tag == f"{SVG}svg" for element in tree.iter()) == 1
    assert not [key for element in tree.iter() for key in element.attrib if key.startswith("on")]


def test_same_figure_same_bytes(holdout):
    assert style._svg(figures.calibration(holdout)) == style._svg(figures.calibration(holdout))


def test_matplotlib_settings_are_left_alone(holdout):
    before = dict(mpl.rcParams)
    style._svg(figures.calibration(holdout, "zh"))
    assert dict(mpl.rcParams) == before


def test_figures_can_be_saved_as_png(tmp_path, holdout):
    figures.lift(holdout).savefig(tmp_path / "lift.png")
    assert (tmp_path / "lift.png").read_bytes().startswith(b"\x89PNG")


def test_chinese_needs_a_font(monkeypatch):
    monkeypatch.setattr(style, "_fonts", lambda: ("DejaVu Sans",))
    figure = figures.value_concentration(pd.DataFrame({"clv": [1.0, 2.0]}), "zh")
    assert figure.axes[0].get_ylabel() == "share of expected value [%]"
    drawn(figure)


def test_no_pyplot(subprocess_modules):
    assert "matplotlib.pyplot" not in subprocess_modules
    assert "shap" not in subprocess_modules


@pytest.fixture
def subprocess_modules() -> set[str]:
    """Modules that a fresh interpreter holds after drawing a figure."""
    program = (
        "import sys, pandas as pd; from guanxi.report import figures, style;"
        "before = 'matplotlib' in sys.modules;"
        "style._svg(figures.value_concentration(pd.DataFrame({'clv': [1.0, 2.0]})));"
        "assert not before, 'matplotlib is imported before it is used'; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_close_probabilities_are_drawn_where_they_are():
    rows = pd.DataFrame({"churn_probability": np.linspace(0.001, 0.02, 4000)})
    rows["churned"] = np.random.default_rng(0).random(len(rows)) < rows["churn_probability"]
    axes = figures.calibration(rows).axes[0]
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlim()[1] < 0.1
    full = figures.calibration(rows.assign(churn_probability=rows["churn_probability"] * 45)).axes[0]
    assert full.get_xlim() == (-0.01, 1.01)
