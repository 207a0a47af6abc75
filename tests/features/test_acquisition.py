"""First orders, channels and attributes of customers, and that nothing later is used."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.relations.tables import read_relations
from guanxi.data.transactions import read_transactions
from guanxi.features.acquisition import acquisition_attributes, acquisitions
from guanxi.features.rfm import rfm
from guanxi.params import DataParams, Params

LINES = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b", "b", "c"],
        "timestamp": [
            *("2024-01-05 09:00", "2024-01-05 18:00", "2024-02-01", "2024-01-20 10:00", "2024-01-20 10:00"),
            "2024-03-01",
        ],
        "amount": [10.0, 5.0, 7.0, 3.0, 4.0, 1.0],
        "channel": ["web", "shop", "shop", "shop", "app", "web"],
    }
)


def test_first_order_is_the_first_day_and_the_channel_its_earliest_line() -> None:
    log = read_transactions(LINES)
    found = acquisitions(log, date(2024, 3, 1)).set_index("customer_id")
    log.close()
    assert found["first_amount"].to_dict() == {"a": 15.0, "b": 7.0, "c": 1.0}
    assert found["repeat_amount"].to_dict() == {"a": 7.0, "b": 0.0, "c": 0.0}
    assert found["channel"].to_dict() == {"a": "web", "b": "app", "c": "web"}
    assert found["first_day"].dt.strftime("%m-%d").to_dict() == {"a": "01-05", "b": "01-20", "c": "03-01"}


def test_within_a_coarser_grain_the_first_period_is_the_first_order() -> None:
    lines = LINES.assign(timestamp=LINES["timestamp"].replace("2024-02-01", "2024-01-31"))
    log = read_transactions(lines, DataParams(event_grain="M"))
    found = acquisitions(log, date(2024, 3, 1)).set_index("customer_id")
    log.close()
    assert found.loc["a", ["frequency", "first_amount", "repeat_amount"]].tolist() == [0.0, 22.0, 0.0]


def test_amounts_add_up_to_those_of_rfm(sample_log: Any) -> None:
    found = acquisitions(sample_log, date(1997, 9, 30))
    known = rfm("cdnow-sample", cutoff="1997-09-30")
    np.testing.assert_array_equal(found[["frequency", "T"]], known[["frequency", "T"]])
    np.testing.assert_allclose(found["repeat_amount"], known["frequency"] * known["monetary_value"])


def test_no_row_after_the_cutoff_is_used() -> None:
    cutoff = date(2024, 1, 20)
    later = LINES[LINES["timestamp"] > "2024-01-21"]
    changed = pd.concat([LINES, later.assign(amount=1e6, channel="fair")], ignore_index=True)
    tables = []
    for lines in (LINES[LINES["timestamp"] < "2024-01-21"], LINES, changed):
        log = read_transactions(lines)
        tables.append(acquisitions(log, cutoff))
        log.close()
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


def test_attributes_that_make_few_groups() -> None:
    customers = pd.DataFrame(
        {
            "customer_id": [f"c{number:02d}" for number in range(30)],
            "acquisition_channel": ["search", "friend", None] * 10,
            "size": [1.0, 2.0] * 15,
            "name": [f"n{number}" for number in range(30)],
            "country": "NO",
            "month": ["x", "y"] * 15,
        }
    )
    relations = read_relations(Params(), tables={"customers": customers})
    found = acquisition_attributes(relations, date(2024, 1, 1))
    relations.close()
    assert list(found.columns) == ["customer_id", "acquisition_channel", "size", "month_"]
    assert set(found["size"]) == {"1", "2"}
    assert found["acquisition_channel"].isna().sum() == 10
