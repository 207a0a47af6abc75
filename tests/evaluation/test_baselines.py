"""The naive forecast on customers computed by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from guanxi.evaluation.baselines import own_past_rate


def test_own_past_rate_by_hand():
    features = pd.DataFrame(
        {"frequency": [4.0, 0.0, 0.0], "T": [100.0, 50.0, 0.0], "monetary_value": [25.0, 0.0, 0.0]},
        index=[7, 8, 9],
    )
    naive = own_past_rate(features, horizon_days=50)
    assert list(naive.index) == [7, 8, 9]
    # Four repeats in 100 days are two in 50, of 25 each.
    assert naive["purchases"].tolist() == [2.0, 0.0, 0.0]
    assert naive["spend"].tolist() == [50.0, 0.0, 0.0]
    assert naive["churn_probability"].tolist() == pytest.approx([math.exp(-2), 0.99, 0.99])
