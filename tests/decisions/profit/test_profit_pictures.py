"""Figures of profit and of the audit: what they show, in both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.profit import customer_base_audit, whale_curve
from guanxi.decisions.profit._audit_pictures import bridge, cohort_lines, cohort_profit, spread
from guanxi.decisions.profit._profit_pictures import acquisition, losses, payback, whale
from guanxi.report.style import _svg

LANGUAGES = pytest.mark.parametrize("language", ["en", "zh"])


@pytest.fixture(scope="module")
def audit():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 150, 900),
            "period": [f"20{year}-12-31" for year in rng.integers(10, 25, 900)],
            "orders": 1,
            "spend": rng.gamma(2, 30, 900),
        }
    )
    return customer_base_audit(table.assign(profit=table["spend"] * 0.4 - 10))


def texts(figure) -> str:
    return " ".join(text.get_text() for text in figure.axes[0].texts)


@LANGUAGES
def test_the_whale_curve_names_its_peak_and_its_end(language):
    figure = whale(whale_curve([50_000.0, 30_000.0, -10_000.0, -20_000.0]), language)
    line = figure.axes[0].lines[0]
    assert line.get_ydata().tolist() == [0, 50_000, 80_000, 70_000, 50_000]
    assert line.get_xdata().tolist() == [0, 25, 50, 75, 100]
    assert "80,000" in texts(figure)
    assert "50,000" in texts(figure)
    assert _svg(figure).startswith("<?xml")


def test_a_long_whale_curve_has_few_points():
    figure = whale(whale_curve(np.random.default_rng(0).normal(1, 3, 100_000)))
    assert len(figure.axes[0].lines[0].get_xdata()) <= 400


@LANGUAGES
def test_the_way_from_one_profit_to_the_next_ends_there(audit, language):
    figure = bridge(audit.changes, language)
    bars = figure.axes[0].patches
    groups = bars[2:]
    start, end = bars[0].get_height(), bars[1].get_height()
    assert start + sum(bar.get_height() for bar in groups) == pytest.approx(end)
    assert end == pytest.approx(audit.changes["profit_after"].sum())


def test_layers_of_cohorts_add_up_to_the_profit(audit):
    figure = cohort_profit(audit.cohorts)
    heights = sum(np.array([bar.get_height() for bar in layer]) for layer in figure.axes[0].containers)
    assert heights == pytest.approx(audit.periods["profit"].to_numpy())
    assert len(figure.axes[0].containers) == 12


@LANGUAGES
@pytest.mark.parametrize("measure", ["customers", "orders_per_customer", "spend_per_order"])
def test_each_cohort_is_a_line(audit, measure, language):
    figure = cohort_lines(audit.cohorts, measure, language)
    assert len(figure.axes[0].lines) == audit.cohorts["cohort"].nunique()
    assert _svg(figure)


@LANGUAGES
@pytest.mark.parametrize("measure", ["orders", "spend", "profit"])
def test_a_distribution_shows_every_customer(audit, measure, language):
    figure = spread(audit.distributions, measure, language)
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == pytest.approx(1)


@LANGUAGES
def test_losses_costs_and_payback_are_drawn(language):
    reasons = pd.DataFrame({"reason": ["serve", "returns"], "customers": [12, 3], "loss": [90.0, 20.0]})
    assert "12" in texts(losses(reasons, language))
    months = pd.date_range("2024-01-01", periods=3, freq="MS")
    costs = pd.DataFrame({"month": months, "unadjusted": [3.0, 4.0, 5.0]})
    costs = costs.assign(acquisition_related=2.0, lagged=[np.nan, 2.0, 2.0], with_onboarding=np.nan)
    assert len(acquisition(costs, language).axes[0].lines) == 4
    earned = pd.DataFrame({"age": [0, 1], "cumulative": [4.0, 6.0]})
    figure = payback(earned, 5.0, language)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [0.0, 4.0, 6.0]
    assert "5.00" in texts(figure)


def test_without_data_a_figure_says_so():
    empty = pd.DataFrame(columns=["reason", "customers", "loss"])
    for figure in (losses(empty), bridge(pd.DataFrame()), payback(pd.DataFrame(), 1.0)):
        assert "nothing to show" in texts(figure)
