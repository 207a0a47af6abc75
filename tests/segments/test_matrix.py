"""Cut points and the cells of value, loyalty and satisfaction."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.segments.matrix import AXES, CELLS, _axis_cut_points, relationship_matrix
from guanxi.served.texts import texts

DOCS = Path(__file__).parents[2] / "docs" / "segments.md"


def test_eight_cells_by_hand():
    levels = list(product((90.0, 10.0), repeat=3))
    scores = pd.DataFrame(levels, columns=AXES).assign(customer_id=range(8))
    cells = relationship_matrix(scores, dict.fromkeys(AXES, 50.0))
    assert cells["matrix_cell"].tolist() == list(CELLS[:8])
    assert cells["value_level"].tolist() == ["high"] * 4 + ["low"] * 4


def test_without_satisfaction_value_and_loyalty_name_the_cell():
    scores = pd.DataFrame(list(product((90.0, 10.0), repeat=2)), columns=AXES[:2]).assign(
        customer_id=range(4)
    )
    assert relationship_matrix(scores)["matrix_cell"].tolist() == list(CELLS[8:])


def test_what_is_unknown_of_one_customer():
    scores = pd.DataFrame(
        {
            "customer_id": list("abc"),
            "value": [90.0, 10.0, np.nan],
            "loyalty": [90.0, 10.0, 50.0],
            "satisfaction": [np.nan, 80.0, 20.0],
        }
    )
    cells = relationship_matrix(scores)
    assert cells["matrix_cell"].tolist()[:2] == ["high_high_unknown", "low_low_high"]
    assert pd.isna(cells["matrix_cell"].iloc[2])
    assert cells["value_level"].tolist() == ["high", "low", "unknown"]


def test_a_cut_point_keeps_equal_scores_together():
    scores = pd.DataFrame({"value": [0.0] * 6 + [1, 2, 3, 4], "loyalty": [1.0, 2, 3, 4] + [9.0] * 6})
    assert _axis_cut_points(scores) == {"value": 0.0, "loyalty": 4.0}
    assert _axis_cut_points(scores.assign(value=5.0)) == {"loyalty": 4.0}


def test_the_cut_points_of_one_period_place_another():
    before = pd.DataFrame({"customer_id": [1, 2], "value": [10.0, 30.0], "loyalty": [10.0, 30.0]})
    after = before.assign(value=[40.0, 50.0])
    cells = relationship_matrix(after, _axis_cut_points(before))
    assert cells["matrix_cell"].tolist() == ["high_low_unknown", "high_high_unknown"]


def test_permuted_customers_have_permuted_cells():
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.uniform(0, 100, (50, 3)).round(-1), columns=AXES).assign(customer_id=range(50))
    order = rng.permutation(50)
    pd.testing.assert_frame_equal(
        relationship_matrix(scores.iloc[order]), relationship_matrix(scores).iloc[order]
    )


def test_the_page_shows_every_name():
    page = DOCS.read_text(encoding="utf-8")
    english, chinese = (texts("guanxi.segments", language)["matrix_cells"] for language in ("en", "zh"))
    assert all(f" {english[cell]} {chinese[cell]} " in page for cell in CELLS)
    assert set(CELLS) == {
        "_".join(levels) for levels in product(("high", "low"), ("high", "low"), ("high", "low", "unknown"))
    }
