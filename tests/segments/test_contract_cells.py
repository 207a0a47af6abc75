"""Cells of customers under contract: absolute in staying, relative in tenure and payment."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from guanxi.segments.contract_cells import GRID, contract_cells
from guanxi.served.texts import texts

DOCS = Path(__file__).parents[2] / "docs" / "segments.md"


def table(churn, tenure, payment) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [f"c{place}" for place in range(len(churn))],
            "churn_probability": np.asarray(churn, dtype=float),
            "T": np.asarray(tenure, dtype=float),
            "monetary_value": np.asarray(payment, dtype=float),
        }
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_segment_has_a_label_and_no_other(language):
    assert {name for row in GRID.values() for name in row} == set(
        texts("guanxi.segments", language)["contract_segments"]
    )


def test_the_page_shows_the_grid():
    rows = re.findall(
        r"^\| staying ([1-5]) \| ((?:\w+ \| ){4}\w+) \|$", DOCS.read_text("utf-8"), re.MULTILINE
    )
    assert {int(staying): tuple(cells.split(" | ")) for staying, cells in rows} == GRID


def test_staying_is_scored_by_limits_and_not_by_rank():
    """Of customers who all stay, none is called leaving."""
    stay = contract_cells(table(np.linspace(0.0, 0.04, 50), range(50), range(50)))
    assert set(stay["contract_segment"]) == {"steady", "loyal", "champions"}
    limits = [0.0499, 0.05, 0.0999, 0.1, 0.2499, 0.25, 0.4999, 0.5, 1.0]
    cells = contract_cells(table(limits, [9] * 9, [9] * 9))["contract_cell"]
    assert cells.str[0].astype(int).tolist() == [5, 4, 4, 3, 3, 2, 2, 1, 1]


def test_the_long_and_valuable_who_leave_cannot_be_lost():
    found = contract_cells(table([0.8] * 10 + [0.3] * 10, [*range(10)] * 2, [*range(10)] * 2))
    segment = found["contract_segment"]
    assert segment.iloc[[0, 9, 10, 19]].tolist() == ["leaving", "cannot_lose", "wavering", "at_risk"]


def test_an_unknown_value_has_no_cell():
    found = contract_cells(table([0.1, np.nan], [5, 6], [1, 2]))
    assert found["contract_segment"].isna().tolist() == [False, True]
