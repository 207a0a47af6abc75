"""The pseudonymised holdout window."""

from __future__ import annotations

import pandas as pd

from guanxi.evaluation import realised_performance
from guanxi.evaluation.realised_performance import held_out_customers


class TestHeldOutCustomers:
    FEATURES = pd.DataFrame({"customer_id": ["b", "a", "c"], "frequency": [2.0, 1.0, 3.0]})
    OUTCOMES = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "purchases": [1, 2, 3],
            "spend": [1.5, 2.5, 3.5],
            "churned": [0, 0, 0],
        }
    )

    def test_columns_are_joined_by_customer_and_ids_are_dropped(self):
        kept = held_out_customers(self.FEATURES, self.OUTCOMES, "digest")
        assert kept.loc[kept["frequency"] == 2.0, ["purchases", "spend"]].to_numpy().tolist() == [[2, 2.5]]
        assert kept["customer_hash"].str.fullmatch("[0-9a-f]{16}").all()
        assert kept["customer_hash"].is_monotonic_increasing
        assert "customer_id" not in kept

    def test_hashes_depend_on_the_key(self):
        one, other = (held_out_customers(self.FEATURES, self.OUTCOMES, key) for key in "xy")
        assert not set(one["customer_hash"]) & set(other["customer_hash"])

    def test_the_sample_does_not_depend_on_the_order(self, monkeypatch):
        monkeypatch.setattr(realised_performance, "_MOST_CUSTOMERS", 2)
        one = held_out_customers(self.FEATURES, self.OUTCOMES, "key")
        other = held_out_customers(self.FEATURES.iloc[::-1], self.OUTCOMES, "key")
        pd.testing.assert_frame_equal(one, other)
        assert len(one) == 2
