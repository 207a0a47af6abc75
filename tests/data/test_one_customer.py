"""One customer's lines, and whom one may have meant."""

from __future__ import annotations

import pandas as pd
import pytest

from guanxi.data.one_customer import only_customer, similar_customers
from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import features_at

LINES = pd.DataFrame(
    {
        "customer_id": [7, 12, 7, 7],
        "timestamp": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-02-01", "2024-03-01"]),
        "amount": [10.0, 20.0, 30.0, 40.0],
        "category": ["a", "b", "b", "c"],
    }
)


@pytest.mark.parametrize("dtype", ["int64", "string"])
@pytest.mark.slow
def test_one_customer_has_the_features_they_have_among_all(dtype):
    log = read_transactions(LINES.astype({"customer_id": dtype}))
    everyone = features_at(log, log.last_day, 30)
    alone = features_at(only_customer(log, "7"), log.last_day, 30)
    same = everyone[everyone["customer_id"].astype(str) == "7"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)
    assert features_at(only_customer(log, "8"), log.last_day, 30).empty
    log.close()


@pytest.mark.parametrize(
    ("ids", "asked", "expected"),
    [
        (["00012", "00123", "00450"], "12", ["00012", "00123"]),
        (["Smith-1", "Schmidt-1", "Jones"], "smith-1 ", ["Smith-1", "Schmidt-1"]),
        ([100, 205, 300], "2005", ["205", "100"]),
        (["客户甲", "客户乙", "x"], "客户丙", ["客户乙", "客户甲"]),
        (["only"], "nobody", ["only"]),
    ],
    ids=["zeros", "capitals", "numbers", "Chinese", "one"],
)
def test_similar_customers_come_nearest_first(ids, asked, expected):
    assert similar_customers(pd.Series(ids), asked) == expected
