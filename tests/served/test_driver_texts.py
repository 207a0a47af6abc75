"""Driver texts with the customer's numbers."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import features_at
from guanxi.params import DataParams
from guanxi.served.driver_texts import _SENTENCES, _driver_texts, driver_of

CUSTOMER = {
    "frequency": 6.0,
    "recency": 657.0,
    "T": 800.0,
    "monetary_value": 30.0,
    "gap_median": 21.0,
    "gap_last": 14.0,
    "gap_longest": 63.0,
    "purchases_90": 3.0,
    "purchases_before_90": 1.0,
    "purchases_365": 5.0,
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
    return _driver_texts(table, np.array([driver], dtype=object), language)[0]


@pytest.mark.parametrize(
    ("driver", "text"),
    [
        ("purchase_pattern", "last bought 143 days ago; usually every 21 days"),
        ("rhythm", "143 days of silence; last gap 14 days, longest 63 days"),
        ("recent_purchases", "3 purchases in 90 days, was 1 in the 90 before"),
        ("recent_spend", "spent 1,234 in 90 days, was 0 in the 90 before"),
        ("yearly_purchases", "5 purchases in 365 days, was 1 in the 365 before"),
        ("yearly_spend", "spent 2,000 in 365 days, was 400 in the 365 before"),
        ("loyalty", "7 purchases in 800 days as a customer"),
        ("order_value", "last purchase 9.5, on average 30"),
        ("order_size", "last purchase of 1 line, on average 2.5"),
        ("quantity", "last bought 1 item, on average 12"),
        ("season", "1 purchase in this season last year, 5 in the whole year since"),
        ("refunds", "12 % of the spend of 7 purchases refunded"),
        ("weekend", "50 % of 7 purchases at weekends (evenly spread: 29 %)"),
        ("margin", "a margin of ? on 7 purchases"),
        ("category_breadth", "1 category in 7 purchases"),
        ("channel_breadth", "2 channels in 7 purchases"),
        ("shoe_size", "shoe size: 43"),
    ],
)
def test_text_of_each_driver(driver, text):
    assert say(driver) == text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_texts_of_a_row_do_not_depend_on_other_rows(language):
    random = np.random.default_rng(3)
    rows = 600
    others = [0.0, 1.0, 9.96, 10.5, 123456.5, np.nan]
    table = pd.DataFrame({name: random.choice([own, *others], rows) for name, own in CUSTOMER.items()})
    table = table.drop(columns="channel_count")
    drivers = random.choice([*_SENTENCES, "shoe_size", "never_heard_of"], rows).astype(object)
    together = _driver_texts(table, drivers, language)
    alone = [_driver_texts(table.iloc[[row]], drivers[[row]], language)[0] for row in range(rows)]
    assert together.tolist() == alone
    assert _driver_texts(table.head(0), drivers[:0], language).tolist() == []


def test_texts_of_many_rows_are_those_of_few():
    random = np.random.default_rng(4)
    rows = 5000
    table = pd.DataFrame(
        {name: random.choice([own, 0.0, 123456.5, np.nan], rows) for name, own in CUSTOMER.items()}
    )
    drivers = np.repeat([*_SENTENCES, "shoe_size"], rows // len(_SENTENCES) + 1)[:rows].astype(object)
    together = _driver_texts(table, drivers, "en")
    assert together.dtype == "str"
    parts = [_driver_texts(table.iloc[[row]], drivers[[row]], "en")[0] for row in range(0, rows, 40)]
    assert together[::40].tolist() == parts
    one = _driver_texts(table, np.full(rows, "recent_spend", dtype=object), "en")
    assert (
        one[:900].tolist()
        == _driver_texts(table.head(900), np.full(900, "recent_spend", dtype=object), "en").tolist()
    )


def test_there_is_no_negative_zero():
    table = pd.DataFrame([CUSTOMER | {"margin_share": share} for share in (-0.0, 0.0)])
    texts = _driver_texts(table, np.array(["margin"] * 2, dtype=object), "en")
    assert set(texts) == {"a margin of 0 % on 7 purchases"}


def test_missing_values_are_stated():
    once = {"frequency": 0.0, "recency": 0.0, "gap_median": np.nan, "gap_last": np.nan}
    assert say("purchase_pattern", **once) == "bought only once, 800 days ago"
    assert say("rhythm", **once) == "no second purchase in 800 days"
    assert say("quantity", **once) == "one purchase, of 1 item"
    assert say("order_size", **once) == "one purchase, of 1 line"
    assert say("order_value", **once) == "one purchase, of 9.5"
    one_gap = say("purchase_pattern", frequency=1.0)
    assert one_gap == "last bought 143 days ago; the one gap before was 21 days"
    assert say("season", purchases_last_season=np.nan) == "not yet a customer in this season last year"
    assert (
        say("purchase_pattern", recency=800.0, gap_median=1.0) == "last bought 0 days ago; usually every day"
    )


def test_states_the_reference_of_comparisons():
    assert say("recent_purchases", T=80.0) == "3 purchases in 90 days, not yet a customer before"
    assert say("yearly_spend", T=364.0) == "spent 2,000 in 365 days, not yet a customer before"
    assert say("yearly_spend", T=365.0) == "spent 2,000 in 365 days, was 400 in the 365 before"
    assert say("season", purchases_365=np.nan) == "1 purchase in this season last year"
    assert say("refunds", refund_share=0.0) == "no refunds on 7 purchases"
    assert say("weekend", frequency=0.0, weekend_share=1.0) == "one purchase, at a weekend"
    assert say("weekend", frequency=0.0, weekend_share=0.0) == "one purchase, on a working day"


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize(
    "driver",
    [
        *("purchase_pattern", "rhythm", "recent_purchases", "yearly_purchases", "recent_spend"),
        *("yearly_spend", "loyalty", "order_value", "order_size", "quantity", "season", "refunds"),
        *("weekend", "margin", "category_breadth", "channel_breadth"),
    ],
)
def test_chinese_texts(driver, once):
    changes = {"frequency": 0.0, "recency": 0.0, "T": 40.0, "refund_share": 0.0} if once else {}
    text = say(driver, "zh", **changes)
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
def test_related_features_form_one_driver(feature, driver):
    assert driver_of(feature) == driver


def test_every_feature_belongs_to_a_driver_with_a_text():
    line = ("a", "2021-01-01", 1.0, 1.0, 0.5, "tea", "web")
    columns = ["customer_id", "timestamp", "amount", "quantity", "margin", "category", "channel"]
    log = read_transactions(pd.DataFrame([line], columns=columns), DataParams())
    table = features_at(log, date(2021, 2, 1), 90).drop(columns="customer_id")
    drivers = {name: driver_of(name) for name in table}
    assert set(drivers.values()) <= set(_SENTENCES)
    for driver in set(drivers.values()):
        assert _driver_texts(table, np.array([driver], dtype=object), "en")[0]
