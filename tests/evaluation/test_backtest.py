"""Rolling-origin backtest: every cutoff, model and metric, without data after the cutoff."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import HistoryError, ParamsError
from guanxi.evaluation._baselines import LAST_WINDOW, PAST_RATE, RFM_LOGISTIC, SILENCE
from guanxi.evaluation.backtest import _rolling_cutoffs, backtest
from guanxi.evaluation.holdout import GUANXI, evaluate_holdout
from guanxi.jobs.backtest import BacktestResult, summary_text
from guanxi.params import override
from guanxi.periods import add_days
from guanxi.pipeline.correction import ALONE, TREES_ALONE
from guanxi.pipeline.fit import fit_models

HORIZON = 90
LOSSES = {"churn": "log_loss", "purchases": "poisson_deviance", "spend": "tweedie_deviance"}
CUTOFFS = [date(1998, 4, 1)]


@pytest.fixture(scope="module")
def params(quick_params):
    return override(quick_params, {"horizon_days": HORIZON})


@pytest.fixture(scope="module")
def found(sample_log, params):
    return backtest(sample_log, sample_log.last_day, params, CUTOFFS)


def test_every_cutoff_and_model_is_measured(found):
    table = found.metrics
    assert set(table["cutoff"]) == set(CUTOFFS)
    assert not table.duplicated(["cutoff", "target", "model", "metric"]).any()
    models = {GUANXI, ALONE, TREES_ALONE, PAST_RATE, LAST_WINDOW, SILENCE, RFM_LOGISTIC}
    for _, rows in table[table["target"] == "churn"].groupby("cutoff"):
        assert set(rows["model"]) == models
    measured = table.dropna(subset="lower")
    assert (measured["lower"] <= measured["upper"]).all()
    assert set(found.portfolio["target"]) == {"purchases", "spend"}


def test_losses_are_decomposed_and_totals_given_by_decile(found):
    table = found.metrics
    for target, loss in LOSSES.items():
        for model in (GUANXI, ALONE, TREES_ALONE):
            rows = table[(table["target"] == target) & (table["model"] == model)]
            value = rows.set_index("metric")["value"]
            parts = [value[f"{loss}_{part}"] for part in ("level", "shape", "discrimination", "uncertainty")]
            assert parts[0] + parts[1] - parts[2] + parts[3] == pytest.approx(value[loss])
    assert set(found.deciles["cutoff"]) == set(CUTOFFS)
    assert set(found.deciles["target"]) == {"purchases", "spend"}


def test_the_summary_shows_parts_deciles_and_reasons(found):
    text = summary_text(BacktestResult(found, None, HORIZON, "run"))
    assert "loss = level + shape - discrimination + uncertainty" in text
    assert "CRPS" in text
    assert "forecast over actual total, by tenth" in text
    for reason in found.grades["reason"].dropna():
        assert f"1998-04-01  {reason}" in text


@pytest.mark.slow
def test_a_cutoff_equals_a_holdout_evaluation_there(found, sample_log, params):
    fitted = fit_models(sample_log, CUTOFFS[0], params)
    holdout = evaluate_holdout(sample_log, fitted, HORIZON, seed=params.seed)
    rows = found.metrics[(found.metrics["cutoff"] == CUTOFFS[0]) & (found.metrics["model"] == GUANXI)]
    values = rows.set_index(["target", "metric"])["value"]
    for target, metric in (("churn", "auc"), ("purchases", "mae"), ("spend", "spearman")):
        assert values[target, metric] == holdout.value(target, metric)


def test_the_lead_over_a_model_is_the_difference_of_the_metrics(found):
    values = found.metrics.set_index(["cutoff", "target", "model", "metric"])["value"]
    auc = found.differences[found.differences["metric"] == "auc"]
    assert len(auc) == len(CUTOFFS) * 6
    for row in auc.to_dict("records"):
        key = (row["cutoff"], row["target"])
        lead = values[(*key, GUANXI, "auc")] - values[(*key, row["reference"], "auc")]
        assert row["gain"] == pytest.approx(lead)


def test_actual_totals_of_segments_add_up(found):
    table = found.portfolio
    for (_, target), rows in table.groupby(["cutoff", "target"]):
        whole = rows[rows["segment"].isna()].iloc[0]
        parts = rows[rows["segment"].astype(str).str.startswith("frequency")]
        assert parts["actual"].sum() == pytest.approx(whole["actual"]), target
        assert parts["expected"].sum() == pytest.approx(whole["expected"])
        assert (rows["lower"] <= rows["expected"]).all()
        assert (rows["expected"] <= rows["upper"]).all()
        assert "error of the level" in whole["basis"]


def test_cutoffs_do_not_overlap_and_keep_a_horizon_of_history():
    days = _rolling_cutoffs(date(1997, 1, 1), date(1998, 6, 30), HORIZON)
    assert days[0] == date(1998, 6, 30) - timedelta(days=HORIZON)
    assert {(a - b).days for a, b in pairwise(days)} == {HORIZON}
    assert (days[-1] - date(1997, 1, 1)).days >= HORIZON
    assert _rolling_cutoffs(date(1998, 1, 1), date(1998, 6, 30), HORIZON) == [date(1998, 4, 1)]
    assert _rolling_cutoffs(date(1998, 3, 1), date(1998, 6, 30), HORIZON) == []


@pytest.mark.parametrize(
    ("cutoff", "said"),
    [(date(1998, 4, 2), "end on 1998-07-01, after the last day"), (date(1996, 5, 1), "not after the first")],
)
def test_a_cutoff_outside_the_data_is_an_error(sample_log, params, cutoff, said):
    with pytest.raises(ParamsError, match=said):
        backtest(sample_log, sample_log.last_day, params, [cutoff])


@pytest.mark.slow
def test_a_long_horizon_is_measured_on_half_of_the_history(sample_log, quick_params):
    long = override(quick_params, {"horizon_days": 400})
    found = backtest(sample_log, sample_log.last_day, long)
    assert found.window_days == (sample_log.last_day - sample_log.first_day).days // 2
    assert found.metrics["cutoff"].unique().tolist() == [add_days(sample_log.last_day, -found.window_days)]
    assert set(found.grades["grade"]) <= {"B", "C"}
    assert found.grades["reason"].dropna().str.contains("measured on 272 days, the horizon is 400").any()


def test_too_short_a_history_is_an_error(sample_log, quick_params):
    with pytest.raises(HistoryError, match="no cutoff could be evaluated"):
        backtest(sample_log, add_days(sample_log.first_day, 1), quick_params)


@pytest.mark.slow
def test_no_data_after_the_cutoff_are_used(sample_log, params, found):
    from guanxi.data.datasets import load_cdnow_sample
    from guanxi.data.transactions import read_transactions

    lines = load_cdnow_sample()
    end = CUTOFFS[0] + timedelta(days=HORIZON)
    cut = read_transactions(lines[lines["timestamp"] <= pd.Timestamp(end)], params.data)
    again = backtest(cut, end, params, CUTOFFS[:1])
    cut.close()
    rows = found.metrics[found.metrics["cutoff"] == CUTOFFS[0]].reset_index(drop=True)
    np.testing.assert_array_equal(again.metrics["value"], rows["value"])
