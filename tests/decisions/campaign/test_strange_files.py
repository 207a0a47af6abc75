"""Campaign files that nobody meant to write: a right answer, or one line that says what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.decisions.campaign import campaign_summary
from guanxi.decisions.campaign._remarks import columns_in_words
from guanxi.errors import DataError, ParamsError
from guanxi.params import Params


def rows(**columns) -> pd.DataFrame:
    given = {"customer_id": range(100), "arm": ["mail", "control"] * 50, "spend": np.arange(100.0)}
    return pd.DataFrame(given | columns)


def measured(table: pd.DataFrame, **given):
    params = Params(campaign={"randomised": True, "outcomes": ["spend"], "uplift": False} | given)
    return guanxi.campaign(table, params=params), params


def test_a_name_given_twice_counts_once():
    found, _ = measured(rows(x=np.arange(100) % 7), outcomes=["spend", "spend"], covariates=["x", "x"])
    assert found.effects.table["method"].tolist() == ["difference", "adjusted"]


@pytest.mark.parametrize("unknown", [np.nan, np.inf, None])
def test_an_outcome_that_is_never_known_is_refused(unknown):
    with pytest.raises(DataError, match="'spend' is unknown for all customers"):
        measured(rows(spend=[unknown] * 100))


@pytest.mark.parametrize("column", ["spend", "x"])
def test_numbers_whose_squares_overflow_are_refused_with_their_line(column):
    table = rows(x=np.arange(100) % 7.0)
    table.loc[4, column] = -1e200
    with pytest.raises(DataError, match=f"line 5: the number in '{column}' is too large"):
        measured(table, covariates=["x"])


@pytest.mark.parametrize("cost", [np.inf, 1e200])
def test_costs_without_bounds_are_refused_with_their_line(cost):
    with pytest.raises(DataError, match=r"line 5: .* in column 'cost' is no number"):
        measured(rows(cost=[1.0] * 4 + [cost] + [1.0] * 95))


def test_a_column_named_day_is_not_the_day_of_the_campaign():
    found, _ = measured(rows(day=["monday", "tuesday"] * 50))
    assert found.kind == "effect"


@pytest.mark.parametrize("name", ["day", "line_number", "cost"])
def test_columns_whose_names_are_taken_are_refused(name):
    table = rows(cost=1.0, paid=2.0, day=3.0, line_number=4.0)
    with pytest.raises(ParamsError, match=f"{name!r}.*rename the column"):
        measured(table, outcomes=[name], columns={"cost": "paid"})


@pytest.mark.slow
def test_names_that_the_transactions_give_too_are_refused():
    days = pd.date_range("2024-01-01", periods=300)
    bought = {"customer_id": np.repeat(range(100), 3), "timestamp": np.tile(days[::100], 100)}
    log = pd.DataFrame(bought | {"amount": 5.0})
    log.loc[0, "timestamp"] = days[-1]
    table = rows(date="2024-06-01", spend_before_1=1.0)
    params = Params(
        campaign={"randomised": True, "covariates": ["spend_before_1"], "uplift": False}, horizon_days=60
    )
    with pytest.raises(ParamsError, match="'spend_before_1', which the transactions give as well"):
        guanxi.campaign(table, log, params=params)


def test_costs_of_a_file_without_a_log_are_told():
    found, params = measured(rows(cost=2.0))
    assert "mail cost 2.000 per customer treated" in campaign_summary(found, params)
    found, params = measured(rows())
    assert "no costs" in campaign_summary(found, params)


def test_names_of_columns_are_said_in_words():
    names = ["clv", "spend_before_1", "purchase_count_before_2", "score_nps", "own_column", "age unknown"]
    said = columns_in_words(names, "en")
    assert "_" not in said
    assert "spend per customer in the window before the campaign" in said
    assert "活动前一个窗口的人均消费额" in columns_in_words(names, "zh")
