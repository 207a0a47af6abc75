"""Funnels: published intervals, hand-counted rates, impossible orders."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.decisions.campaign import funnel_rates
from guanxi.errors import DataError


def hand_counted():
    return pd.DataFrame(
        {
            "sent": [1, 1, 1, 1, 1, 1, 0, 0],
            "opened": [1, 1, 1, 1, 0, 0, 0, 1],
            "clicked": [1, 1, 0, 0, 1, 0, 0, 0],
            "converted": [1, 0, 0, 1, 0, 1, 0, 0],
            "channel": ["mail", "mail", "app", "app", "mail", None, "app", "app"],
        }
    )


def test_hand_counted_rates():
    rates = funnel_rates(hand_counted(), by=["channel"]).rates.set_index(["by", "group", "step"])
    everyone = rates.loc[("all", "all")]
    assert everyone["reached"].to_list() == [6, 4, 2, 1]
    assert everyone["reached_before"].to_list() == [8, 6, 4, 2]
    assert everyone["rate"].to_list() == pytest.approx([6 / 8, 4 / 6, 2 / 4, 1 / 2])
    assert everyone["rate_of_first"].to_list() == pytest.approx([1.0, 4 / 6, 2 / 6, 1 / 6])
    mail = rates.loc[("channel", "mail")]
    assert mail["reached"].to_list() == [3, 2, 2, 1]
    assert list(rates.index.unique("group")) == ["all", "app", "mail", "unknown"]


def test_impossible_orders_are_counted():
    impossible = funnel_rates(hand_counted()).impossible
    assert impossible.to_dict("records") == [
        {"step": "opened", "without": "sent", "customers": 1},
        {"step": "clicked", "without": "opened", "customers": 1},
        {"step": "converted", "without": "clicked", "customers": 2},
    ]


def test_nobody_reached_gives_unknown_rates():
    rates = funnel_rates(pd.DataFrame({"sent": [0, 0], "clicked": [0, 0]})).rates
    assert rates["rate"].to_list()[0] == 0.0
    assert np.isnan(rates["rate"].to_list()[1])
    assert np.isnan(rates["rate_of_first"]).all()


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.booleans()] * 4, st.sampled_from("abc")), min_size=1, max_size=40))
def test_groups_add_up_and_steps_only_lose(rows):
    table = pd.DataFrame(rows, columns=["sent", "opened", "clicked", "converted", "segment"])
    rates = funnel_rates(table, by=["segment"]).rates
    by = rates.groupby(["by", "step"], sort=False)[["customers", "reached"]].sum()
    assert by.loc["all"].equals(by.loc["segment"])
    assert (rates["reached"] <= rates["reached_before"]).all()


@pytest.mark.parametrize(
    ("change", "by", "message"),
    [
        (lambda table: table.assign(opened=[2, *[1] * 7]), [], "column opened has 1 values .* such as 2"),
        (lambda table: table.assign(opened=[None, *[1] * 7]), [], "neither 0 nor 1"),
        (lambda table: table.iloc[:0], [], "the table has none"),
        (lambda table: table, ["region"], "no column region"),
        (lambda table: table[["sent"]], [], "needs two of the columns"),
    ],
)
def test_what_is_refused(change, by, message):
    with pytest.raises(DataError, match=message):
        funnel_rates(change(hand_counted()), by=by)
