"""What is told of each segment, by hand and on real predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.features.rhythm import rhythm_at
from guanxi.features.snapshots import features_at
from guanxi.params import PlaybookRule
from guanxi.segments.clusters import find_segments
from guanxi.segments.lifecycle import STAGES, lifecycle_stages
from guanxi.segments.matrix import relationship_matrix
from guanxi.segments.playbook import recommend_actions, summarise_actions
from guanxi.segments.rfm_cells import GRID, rfm_cells
from guanxi.segments.summary import summarise_segments


def test_a_summary_by_hand():
    customers = pd.DataFrame(
        {
            "stage": ["new", "new", "new", "lost", None],
            "clv": [10.0, 20.0, np.nan, 5.0, 65.0],
            "churn_probability": [0.2, 0.4, np.nan, 0.9, 0.5],
            "driver_1": ["rhythm", "loyalty", "loyalty", None, "season"],
            "tier": ["high", "high", "low", "low", "high"],
            "action": ["call", None, "call", None, None],
        }
    )
    table = summarise_segments(customers, "stage").set_index("stage")
    assert list(table.index) == ["new", "lost"]
    assert table["customers"].tolist() == [3, 1]
    assert table["share"].tolist() == [0.6, 0.2]
    assert table["clv_sum"].tolist() == [30.0, 5.0]
    assert table["clv_mean"].tolist() == [15.0, 5.0]
    assert table["clv_share"].tolist() == [0.3, 0.05]
    assert table["churn_mean"].tolist() == pytest.approx([0.3, 0.9])
    assert table["drivers"].tolist() == ["loyalty, rhythm", ""]
    assert table["tier_high"].tolist() == pytest.approx([2 / 3, 0.0])
    assert table["tier_low"].tolist() == pytest.approx([1 / 3, 1.0])
    assert table["action"].fillna("").tolist() == ["call", ""]


@pytest.fixture(scope="module")
def customers(first_run, sample_log):
    """Predictions of the CDNOW sample with revenue and rhythm."""
    features = features_at(sample_log, sample_log.last_day, 60)
    revenue = features["amount_mean"] * (features["frequency"] + 1.0)
    rhythm = rhythm_at(sample_log, sample_log.last_day, 60)
    known = first_run.predictions.merge(rhythm, on="customer_id", validate="one_to_one")
    revenues = pd.DataFrame({"customer_id": features["customer_id"], "revenue": revenue})
    return known.merge(revenues, on="customer_id", validate="one_to_one")


def test_real_predictions_in_every_kind_of_segment(customers):
    scores = customers[["customer_id"]].assign(
        value=customers["clv"].rank(pct=True) * 100.0, loyalty=100.0 - 100.0 * customers["churn_probability"]
    )
    table = customers
    for columns in (rfm_cells(customers), lifecycle_stages(customers, 60), relationship_matrix(scores)):
        table = table.merge(columns, on="customer_id", validate="one_to_one")
    assert table["rfm_segment"].isin({name for row in GRID.values() for name in row}).all()
    assert table["lifecycle_stage"].isin([stage.name for stage in STAGES]).all()
    assert table["matrix_cell"].notna().all()
    for by in ("rfm_segment", "lifecycle_stage", "matrix_cell"):
        summary = summarise_segments(table, by)
        assert summary["customers"].sum() == len(customers) == 2357
        assert summary["clv_sum"].sum() == pytest.approx(customers["clv"].sum())
        assert summary["clv_share"].sum() == pytest.approx(1.0)
    churn = summarise_segments(table, "lifecycle_stage").set_index("lifecycle_stage")["churn_mean"]
    assert churn["lost"] > churn["declining"] > churn["growing"]
    worth = summarise_segments(table, "rfm_segment").set_index("rfm_segment")["clv_mean"]
    assert worth.idxmax() == "champions"
    rules = [
        PlaybookRule(
            when={"lifecycle_stage": "declining", "clv": "> 5"}, action="call", channel="phone", cost=5
        ),
        PlaybookRule(when={"rfm_segment": ["champions", "loyal"]}, action="thank", cost=1),
    ]
    actions = summarise_actions(table.merge(recommend_actions(table, rules), on="customer_id"))
    assert set(actions["action"]) == {"call", "thank"}
    assert (actions["value_at_risk"] > 0).all()


def test_real_customers_in_groups_found_in_the_data(customers):
    attributes = ["customer_id", "frequency", "recency", "T", "revenue", "clv", "churn_probability"]
    found = find_segments(customers[attributes], groups=3)
    assert found.segments["customers"].sum() == 2357
    assert (found.segments["stability"] > 0.5).all()
    assert (found.segments["precision"] > 0.7).all()
