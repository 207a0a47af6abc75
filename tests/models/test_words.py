"""Drivers in plain words, with the customer's own numbers."""

import numpy as np
import pandas as pd
import pytest

from guanxi.models.words import driver_of, driver_texts

CUSTOMER = {
    "frequency": 6.0,
    "recency": 210.0,
    "T": 353.0,
    "monetary_value": 30.0,
    "gap_median": 21.0,
    "gap_last": 14.0,
    "gap_longest": 63.0,
    "purchases_90": 3.0,
    "purchases_before_90": 7.0,
    "purchases_365": 7.0,
    "purchases_before_365": 1.0,
    "spend_365": 2000.0,
    "spend_before_365": 400.0,
    "spend_90": 1234.5,
    "spend_before_90": 0.0,
    "amount_last": 9.5,
    "amount_mean": 30.25,
    "lines_last": 1.0,
    "lines_mean": 2.5,
    "quantity_last": 1.0,
    "quantity_mean": 12.0,
    "purchases_last_season": 1.0,
    "refund_share": 0.124,
    "weekend_share": 0.5,
    "margin_share": np.nan,
    "category_count": 1.0,
    "channel_count": 2.0,
    "shoe_size": 43.0,
}


def say(driver, language="en", **changes):
    table = pd.DataFrame([CUSTOMER | changes])
    return driver_texts(table, np.array([driver], dtype=object), language)[0]


@pytest.mark.parametrize(
    ("driver", "text"),
    [
        ("purchase_pattern", "last bought 143 days ago; usually every 21 days"),
        ("rhythm", "143 days of silence; last gap 14 days, longest 63 days"),
        ("recent_purchases", "3 purchases in 90 days, was 7 in the 90 before"),
        ("recent_spend", "spent 1,234 in 90 days, was 0 in the 90 before"),
        ("yearly_purchases", "7 purchases in 365 days, was 1 in the 365 before"),
        ("yearly_spend", "spent 2,000 in 365 days, was 400 in the 365 before"),
        ("loyalty", "7 purchases in 353 days as a customer"),
        ("order_value", "last purchase 9.5, on average 30"),
        ("order_size", "last purchase of 1 line, on average 2.5"),
        ("quantity", "last bought 1 item, on average 12"),
        ("season", "1 purchase in this season last year"),
        ("refunds", "12 % of spend refunded"),
        ("weekend", "50 % of purchases at weekends"),
        ("margin", "a margin of ?"),
        ("category_breadth", "1 category bought"),
        ("channel_breadth", "2 channels used"),
        ("shoe_size", "shoe size: 43"),
    ],
)
def test_says_each_driver(driver, text):
    assert say(driver) == text


def test_says_what_is_not_known():
    once = {"frequency": 0.0, "recency": 0.0, "gap_median": np.nan, "gap_last": np.nan}
    assert say("purchase_pattern", **once) == "bought only once, 353 days ago"
    assert say("rhythm", **once) == "no second purchase in 353 days"
    assert say("quantity", **once) == "one purchase, of 1 item"
    assert say("order_size", **once) == "one purchase, of 1 line"
    assert say("order_value", **once) == "one purchase, of 9.5"
    one_gap = say("purchase_pattern", frequency=1.0)
    assert one_gap == "last bought 143 days ago; the one gap before was 21 days"
    assert say("season", purchases_last_season=np.nan) == "not yet a customer in this season last year"
    assert (
        say("purchase_pattern", recency=353.0, gap_median=1.0) == "last bought 0 days ago; usually every day"
    )


@pytest.mark.parametrize(
    "driver", ["purchase_pattern", "rhythm", "recent_purchases", "loyalty", "quantity", "refunds"]
)
def test_speaks_chinese(driver):
    text = say(driver, "zh")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text)
    assert not set(text) & set("abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize(
    ("feature", "driver"),
    [
        ("days_since_last", "rhythm"),
        ("silence_ratio", "rhythm"),
        ("T", "loyalty"),
        ("purchases_365", "yearly_purchases"),
        ("spend_before_180", "yearly_spend"),
        ("purchases_30", "recent_purchases"),
        ("purchases_decayed_90", "recent_purchases"),
        ("purchases_last_season", "season"),
        ("spend_trend_90", "recent_spend"),
        ("monetary_value", "order_value"),
        ("Total", "Total"),
        ("recency_of_visit", "recency_of_visit"),
    ],
)
def test_features_that_say_the_same_are_one_driver(feature, driver):
    assert driver_of(feature) == driver
