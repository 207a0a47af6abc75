"""Fifths with ties, the grid of names, and what order and gaps do to them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.segments._groups import cut_points
from guanxi.segments.rfm_cells import GRID, rfm_cells
from guanxi.served.texts import texts

DOCS = Path(__file__).parents[2] / "docs" / "segments.md"
# Putler's ranges of recency, and of the mean of frequency and money; 0 there is nobody's score.
PUBLISHED = {
    "champions": (4, 5, 4, 5),
    "loyal": (2, 5, 3, 5),
    "potential_loyalists": (3, 5, 1, 3),
    "new": (4, 5, 0, 1),
    "promising": (3, 4, 0, 1),
    "needing_attention": (2, 3, 2, 3),
    "about_to_sleep": (2, 3, 0, 2),
    "at_risk": (0, 2, 2, 5),
    "cannot_lose": (0, 1, 4, 5),
    "hibernating": (1, 2, 1, 2),
    "lost": (0, 2, 0, 2),
}


def table(days_since_last, frequency, revenue):
    silence = np.asarray(days_since_last, dtype=float)
    return pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(len(silence))],
            "T": 1000.0,
            "recency": 1000.0 - silence,
            "frequency": np.asarray(frequency, dtype=float),
            "revenue": np.asarray(revenue, dtype=float),
        }
    )


def test_the_grid_lies_within_the_published_ranges_and_uses_every_name():
    for recency, row in GRID.items():
        for worth, name in enumerate(row, start=1):
            lowest, highest, least, most = PUBLISHED[name]
            assert lowest <= recency <= highest, (recency, worth, name)
            assert least <= worth <= most, (recency, worth, name)
    assert (
        {name for row in GRID.values() for name in row}
        == set(PUBLISHED)
        == set(texts("guanxi.segments", "en")["rfm_segments"])
    )


def test_the_page_shows_the_grid():
    rows = re.findall(
        r"^\| ([1-5]) \| ((?:\w+ \| ){4}\w+) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {int(recency): tuple(cells.split(" | ")) for recency, cells in rows} == GRID


def test_fifths_without_ties_are_equal():
    cells = rfm_cells(table(range(100), range(100), range(100)))
    assert cells["recency_score"].tolist() == sorted([1, 2, 3, 4, 5] * 20, reverse=True)
    assert cells["frequency_score"].tolist() == sorted([1, 2, 3, 4, 5] * 20)
    assert cells["rfm_cell"].iloc[[0, -1]].tolist() == ["511", "155"]
    assert cells["rfm_segment"].iloc[[0, -1]].tolist() == ["new", "cannot_lose"]


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        ([0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4], [1] * 6 + [2, 2, 3, 4, 5]),  # most bought once
        ([1, 2, 3, 4] + [5] * 6, [1, 2, 3, 4] + [5] * 6),  # each score keeps a value
        ([7, 7, 7], [3, 3, 3]),
        ([1, 1, 2], [1, 1, 5]),
        ([1, 2, 3], [1, 3, 5]),
        ([1, 2, 3, 4], [1, 2, 4, 5]),
    ],
)
def test_customers_of_the_same_value_have_the_same_score(values, scores):
    given = table([1] * len(values), values, values)
    cells = rfm_cells(given)
    assert cells["frequency_score"].tolist() == scores
    assert cells["monetary_score"].tolist() == scores


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.integers(0, 12) | st.none(), min_size=1, max_size=80),
    groups=st.integers(2, 6),
)
def test_cut_points_make_as_many_groups_as_values_allow(values, groups):
    given = np.array([np.nan if value is None else value for value in values], dtype=float)
    known = given[~np.isnan(given)]
    cuts = cut_points(given, groups)
    assert len(cuts) == max(0, min(groups, len(np.unique(known))) - 1)
    assert (np.diff(cuts) > 0).all()
    if len(cuts):
        assert len(np.unique(np.searchsorted(cuts, known))) == len(cuts) + 1
    assert cut_points(given[::-1], groups).tolist() == cuts.tolist()


def test_permuted_customers_have_permuted_cells():
    rng = np.random.default_rng(1)
    given = table(rng.integers(0, 90, 300), rng.poisson(1.0, 300), rng.lognormal(3, 1, 300).round())
    order = rng.permutation(300)
    pd.testing.assert_frame_equal(rfm_cells(given.iloc[order]), rfm_cells(given).iloc[order])


def test_a_customer_without_purchase_has_no_cell():
    given = table([1, 2, np.nan], [5, 0, np.nan], [9, 1, np.nan])
    cells = rfm_cells(given)
    assert cells["rfm_segment"].tolist()[:2] == ["champions", "lost"]
    assert cells.loc[2].isna().sum() == 5
    assert cells["customer_id"].tolist() == ["c0", "c1", "c2"]
