"""Online Retail II, all its dirt in (UCI machine learning repository, data set 502)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.features.rfm import rfm_expression
from guanxi.features.snapshots import features_at
from guanxi.params import DataParams

COLUMNS = {
    "customer_id": "CustomerID",
    "timestamp": "InvoiceDate",
    "amount": "Quantity*Price",
    "order_id": "Invoice",
}
PARAMS = DataParams(columns=COLUMNS, duplicates="drop", duplicates_ignore=("sheet",))
CUTOFF = dt.date(2011, 6, 9)


@pytest.fixture(scope="module")
def source(shared_data: Path) -> pd.DataFrame:
    return pd.read_parquet(shared_data / "online_retail_ii.parquet")


@pytest.fixture(scope="module")
def log(shared_data: Path) -> Any:
    return read_transactions(str(shared_data / "online_retail_ii.parquet"), PARAMS)


def test_lines_add_up(log: Any) -> None:
    assert log.lines_read == 1_067_371
    assert log.lines_accepted + sum(log.rejected_by_rule.values()) == 1_067_371
    assert log.rejected_by_rule["missing_customer"] == 243_007
    assert log.rejected.count().execute() == sum(log.rejected_by_rule.values())


@pytest.mark.slow
def test_lines_and_events_agree_with_pandas(log: Any, source: pd.DataFrame) -> None:
    table = source.assign(amount=source["Quantity"] * source["Price"], date=source["InvoiceDate"].dt.date)
    repeated = table.duplicated([name for name in source if name != "sheet"])
    assert log.repeated_lines == repeated.sum() == 29_945
    known = table[table["CustomerID"].notna() & ~repeated]
    days = known.groupby(["CustomerID", "date"])["amount"].agg(["sum", "size"])
    negative = days["sum"] < -1e-9
    assert log.rejected_by_rule["refund_beyond_purchase"] == days.loc[negative, "size"].sum()
    events = log.events.execute()
    expected = days[~negative].reset_index()
    assert events["customer_id"].tolist() == expected["CustomerID"].tolist()
    np.testing.assert_allclose(events["amount"], expected["sum"], rtol=0, atol=1e-7)
    assert events["lines"].tolist() == expected["size"].tolist()


def test_customers_at_the_published_cutoff(log: Any) -> None:
    assert rfm_expression(log.events, CUTOFF).count().execute() == 4_964


@pytest.mark.slow
def test_the_order_of_lines_changes_no_number(log: Any, source: pd.DataFrame) -> None:
    """Bit for bit, with the source shuffled."""
    source = source.astype({"CustomerID": "Int64"}).sample(frac=1, random_state=1)
    shuffled = read_transactions(source, PARAMS)
    pd.testing.assert_frame_equal(shuffled.events.execute(), log.events.execute(), check_exact=True)
    expected = features_at(log, CUTOFF, 182)
    pd.testing.assert_frame_equal(features_at(shuffled, CUTOFF, 182), expected, check_exact=True)
