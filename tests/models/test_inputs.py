from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError
from guanxi.models import BetaGeoNBD, GammaGamma


def _refusal(rfm, **fit):
    with pytest.raises(DataError) as caught:
        BetaGeoNBD().fit(rfm, **fit)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recency": 100.0}, "'recency' is greater than T in 4 of 5 rows (first: 12, 13, 14)"),
        ({"frequency": [0, -1, 2, -3, 4]}, "'frequency' is negative in 2 of 5 rows (first: 12, 14)"),
        ({"T": -5.0}, "'T' is negative in 5 of 5 rows (first: 11, 12, 13)"),
        ({"frequency": [0, 1.5, 2, 3, 4]}, "'frequency' is not a whole number in 1 of 5 rows (first: 12)"),
        ({"frequency": 0}, "'recency' is above 0 though frequency is 0 in 4 of 5 rows"),
        ({"T": [np.nan, 38, 37, 38.5, np.inf]}, "'T' is missing or infinite in 2 of 5 rows (first: 11, 15)"),
        ({"T": ["39", "38", "37", "38.5", "31"]}, "column 'T' holds str: convert it to numbers"),
        ({"T": True}, "column 'T' holds bool: convert it to numbers"),
    ],
)
def test_offending_rows_are_named(small_rfm, change, message):
    rfm = small_rfm.assign(**change)
    if "recency" in change:
        rfm.loc[11, "recency"] = 0.0
    assert message in _refusal(rfm)


def test_missing_column_is_named(small_rfm):
    assert _refusal(small_rfm.drop(columns="T")) == (
        "column 'T' is missing: the customer table has frequency, recency, monetary_value"
    )


def test_empty_table_is_refused(small_rfm):
    assert "has no rows" in _refusal(small_rfm[:0])


def test_anything_but_a_table_is_refused(small_rfm):
    assert "is a ndarray: give a pandas DataFrame" in _refusal(small_rfm.to_numpy())


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 2], "sample_weight has shape (2,): give a number for each of the 5 rows"),
        (
            [1, 1, -1, 1, np.nan],
            "'sample_weight' is negative, missing or infinite in 2 of 5 rows (first: 13, 15)",
        ),
        ([0, 0, 0, 0, 0], "sample_weight is 0 in all rows"),
    ],
)
def test_unusable_weights_are_refused(small_rfm, weight, message):
    assert message in _refusal(small_rfm, sample_weight=weight)


def test_rows_of_weight_zero_are_as_if_absent(small_rfm):
    weighted = BetaGeoNBD().fit(small_rfm, sample_weight=[1, 1, 1, 1, 0])
    assert weighted.params_ == pytest.approx(BetaGeoNBD().fit(small_rfm[:4]).params_)


def test_nullable_columns_are_read(small_rfm):
    nullable = small_rfm.convert_dtypes()
    assert BetaGeoNBD().fit(nullable).params_ == BetaGeoNBD().fit(small_rfm).params_
    nullable["T"] = nullable["T"].mask(nullable.index == 13)
    assert "'T' is missing or infinite in 1 of 5 rows (first: 13)" in _refusal(nullable)


def test_negative_amounts_are_refused(small_rfm):
    with pytest.raises(DataError, match=r"'monetary_value' is negative in 1 of 5 rows \(first: 15\)"):
        GammaGamma().fit(small_rfm.assign(monetary_value=[0.0, 1.0, 2.0, 3.0, -4.0]))


def test_spend_needs_no_recency(small_rfm):
    columns = small_rfm[["frequency", "monetary_value"]]
    assert isinstance(GammaGamma().fit(columns).expected_spend(columns), np.ndarray)
    assert isinstance(pd.Series(GammaGamma().fit(columns).params_), pd.Series)
