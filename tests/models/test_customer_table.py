from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError
from guanxi.models import BetaGeoNBD, GammaGamma
from guanxi.models.purchase_models import TRANSACTION_MODELS

# Too few customers to fit without warnings.
pytestmark = pytest.mark.filterwarnings("ignore::guanxi.errors.FitWarning")


@pytest.fixture(params=TRANSACTION_MODELS.values(), ids=list(TRANSACTION_MODELS))
def refusal(request):
    """The message of the error that a model raises for a table."""

    def message(rfm, **fit):
        with pytest.raises(DataError) as caught:
            request.param().fit(rfm, **fit)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


@pytest.fixture(scope="module")
def every_fitted(cdnow_sample):
    return [model().fit(cdnow_sample[:400]) for model in TRANSACTION_MODELS.values()]


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
def test_offending_rows_are_named(refusal, small_rfm, change, message):
    rfm = small_rfm.assign(**change)
    if "recency" in change:
        rfm.loc[11, "recency"] = 0.0
    assert message in refusal(rfm)


def test_missing_column_is_named(refusal, small_rfm):
    assert refusal(small_rfm.drop(columns="T")) == (
        "column 'T' is missing: the customer table has frequency, recency, monetary_value"
    )


def test_empty_table_is_an_error(refusal, small_rfm):
    assert "has no rows" in refusal(small_rfm[:0])


def test_anything_but_a_table_is_an_error(refusal, small_rfm):
    assert "is a ndarray: give a pandas DataFrame" in refusal(small_rfm.to_numpy())


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
def test_invalid_weights_are_errors(refusal, small_rfm, weight, message):
    assert message in refusal(small_rfm, sample_weight=weight)


def test_rows_of_weight_zero_have_no_effect(small_rfm):
    weighted = BetaGeoNBD().fit(small_rfm, sample_weight=[1, 1, 1, 1, 0])
    assert weighted.params_ == pytest.approx(BetaGeoNBD().fit(small_rfm[:4]).params_)


def test_nullable_columns_are_read(small_rfm):
    nullable = small_rfm.convert_dtypes()
    assert BetaGeoNBD().fit(nullable).params_ == BetaGeoNBD().fit(small_rfm).params_


def test_missing_values_of_nullable_columns_are_named(refusal, small_rfm):
    nullable = small_rfm.convert_dtypes()
    nullable["T"] = nullable["T"].mask(nullable.index == 13)
    assert "'T' is missing or infinite in 1 of 5 rows (first: 13)" in refusal(nullable)


def test_predictions_check_tables_as_fits_do(every_fitted, small_rfm):
    wrong = small_rfm.assign(frequency=[0, 1.5, 2, 3, 4])
    for model in every_fitted:
        for predict in (
            model.probability_alive,
            lambda rfm, model=model: model.expected_purchases(rfm, 9.0),
            lambda rfm, model=model: model.purchase_probability(rfm, 2, 9.0),
            lambda rfm, model=model: model.next_purchase_quantile(rfm, 0.5),
        ):
            with pytest.raises(
                DataError, match=r"'frequency' is not a whole number in 1 of 5 rows \(first: 12\)"
            ):
                predict(wrong)
            with pytest.raises(DataError, match="has no rows"):
                predict(small_rfm[:0])


@pytest.mark.parametrize(
    ("gaps", "message"),
    [
        ([0.0, 1.0, np.nan, 9.0, 3.0], "'log_gap_sum' is missing or infinite in 1 of 5 rows (first: 13)"),
        (
            [1.0, 1.0, 2.0, 9.0, 3.0],
            "'log_gap_sum' is not 0 though frequency is 0 in 1 of 5 rows (first: 11)",
        ),
    ],
)
def test_invalid_gap_sums_are_errors_in_models_that_use_them(small_rfm, gaps, message):
    rfm = small_rfm.assign(log_gap_sum=gaps)
    for name in ("bg_cnbd", "mbg_cnbd"):
        with pytest.raises(DataError) as caught:
            TRANSACTION_MODELS[name]().fit(rfm)
        assert message in str(caught.value)
    BetaGeoNBD().fit(rfm)


def test_simultaneous_purchases_have_no_regularity(small_rfm):
    rfm = small_rfm.assign(recency=0.0)
    for name in ("bg_cnbd", "mbg_cnbd"):
        with pytest.raises(DataError, match="regular gaps need purchases at different times"):
            TRANSACTION_MODELS[name]().fit(rfm)


def test_negative_amounts_are_errors(small_rfm):
    with pytest.raises(DataError, match=r"'monetary_value' is negative in 1 of 5 rows \(first: 15\)"):
        GammaGamma().fit(small_rfm.assign(monetary_value=[0.0, 1.0, 2.0, 3.0, -4.0]))


def test_spend_needs_no_recency(small_rfm):
    columns = small_rfm[["frequency", "monetary_value"]]
    assert isinstance(GammaGamma().fit(columns).expected_spend(columns), np.ndarray)
    assert isinstance(pd.Series(GammaGamma().fit(columns).params_), pd.Series)
