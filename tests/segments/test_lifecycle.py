"""A customer by hand for each condition of each stage, and that everybody has exactly one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from guanxi.segments._conditions import parse_condition
from guanxi.segments.lifecycle import STAGES, lifecycle_stages
from guanxi.served.texts import texts

DOCS = Path(__file__).parents[2] / "docs" / "segments.md"
WINDOW = 90
# Someone who buys every 40 days, as ever.
STEADY = {
    "frequency": 10.0,
    "recency": 400.0,
    "T": 420.0,
    "probability_alive": 0.95,
    "churn_probability": 0.1,
    "purchases_recent": 2.0,
    "purchases_earlier": 2.0,
    "gap_usual": 40.0,
    "gap_longest": 55.0,
    "days_since_return": 200.0,
}
NOTHING = dict.fromkeys(STEADY, np.nan)
ONE_PURCHASE = {"frequency": 0.0, "recency": 0.0, "gap_usual": np.nan, "gap_longest": np.nan}
CASES = [
    ("prospect", 1, NOTHING),
    ("new", 1, {"T": 89.0, "recency": 80.0}),
    ("new", 1, {"T": 89.0, "recency": 10.0, "probability_alive": 0.01}),  # too early to tell
    ("lost", 1, {"probability_alive": 0.19}),
    ("lost", 2, {"T": 520.0, "churn_probability": 0.9, "probability_alive": 0.6}),
    ("lost", 2, ONE_PURCHASE | {"T": 200.0, "probability_alive": 1.0, "churn_probability": 0.95}),
    ("won_back", 1, {"gap_longest": 120.0, "days_since_return": 20.0}),
    ("won_back", 1, {"gap_longest": 120.0, "days_since_return": 89.0, "probability_alive": 0.4}),
    ("declining", 1, {"probability_alive": 0.49}),
    ("declining", 2, ONE_PURCHASE | {"T": 100.0, "probability_alive": 1.0, "churn_probability": 0.7}),
    ("declining", 3, {"T": 520.0, "churn_probability": 0.8}),
    ("declining", 4, {"purchases_recent": 2.0, "purchases_earlier": 4.0}),
    ("growing", 1, {"T": 179.0, "recency": 170.0, "purchases_recent": 1.0, "purchases_earlier": 2.0}),
    ("growing", 2, {"purchases_recent": 3.0, "purchases_earlier": 1.0}),
    ("growing", 2, {"purchases_recent": 2.0, "purchases_earlier": 0.0}),
    ("mature", 1, {}),
    ("mature", 1, {"gap_longest": 119.0, "days_since_return": 20.0}),  # no break of three usual gaps
    ("mature", 1, {"gap_longest": 120.0, "days_since_return": 90.0}),  # back for a window
    ("mature", 1, {"purchases_recent": 3.0, "purchases_earlier": 4.0}),  # one fewer is chance
    ("mature", 1, {"probability_alive": np.nan, "churn_probability": np.nan}),
]


@pytest.mark.parametrize(("stage", "number", "changes"), CASES)
def test_each_condition_by_hand(stage, number, changes):
    others = [STEADY | {"customer_id": f"other {i}"} for i in range(3)]
    customers = pd.DataFrame([STEADY | changes | {"customer_id": "this"}, *others])
    row = lifecycle_stages(customers, WINDOW).iloc[0]
    condition = {each.name: each.any_of for each in STAGES}[stage][number - 1]
    assert (row["lifecycle_stage"], row["lifecycle_reason"]) == (stage, str(parse_condition(condition, "")))


def test_every_condition_has_a_case():
    written = {(each.name, place) for each in STAGES for place in range(1, len(each.any_of) + 1)}
    assert written == {(stage, number) for stage, number, _ in CASES}


def random_customers(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    columns = {name: rng.choice([value, 2 * value, np.nan], n) for name, value in STEADY.items()}
    known = rng.random(n) < 0.8
    probabilities = {name: np.where(known, rng.random(n), np.nan) for name in STEADY if "prob" in name}
    return pd.DataFrame({"customer_id": np.arange(n)} | columns | probabilities)


def test_everybody_has_exactly_one_stage_whatever_is_unknown():
    customers = random_customers(2000)
    stages = lifecycle_stages(customers, WINDOW)
    assert stages["lifecycle_stage"].isin([each.name for each in STAGES]).all()
    assert stages["lifecycle_reason"].notna().all()
    assert stages["customer_id"].tolist() == customers["customer_id"].tolist()


def test_permuted_customers_have_permuted_stages():
    customers = random_customers(500)
    order = np.random.default_rng(0).permutation(500)
    expected = lifecycle_stages(customers, WINDOW).iloc[order]
    pd.testing.assert_frame_equal(lifecycle_stages(customers.iloc[order], WINDOW), expected)


def test_only_prospects():
    customers = pd.DataFrame([NOTHING | {"customer_id": 1}, NOTHING | {"customer_id": 2}])
    assert lifecycle_stages(customers, WINDOW)["lifecycle_stage"].tolist() == ["prospect"] * 2


def test_the_page_shows_the_stages_and_their_conditions():
    rows = re.findall(r"^\| (\d?) ?\| ?(.*?) ?\| `(.*?)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    labels = texts("guanxi.segments", "zh")["lifecycle_stages"]
    shown: dict[str, list[str]] = {}
    for place, stage, condition in rows:
        if place:
            shown[stage] = []
        shown[list(shown)[-1]].append(condition)
    assert shown == {
        f"{each.name} {labels[each.name]}": [str(parse_condition(when, "")) for when in each.any_of]
        for each in STAGES
    }
