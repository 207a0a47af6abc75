"""What holds for every table of indicators, by method and normalisation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from guanxi.scorecard.scoring._fuzzy_evaluation import FuzzyEvaluation
from guanxi.scorecard.scoring._normalisation import ScaleTarget
from guanxi.scorecard.scoring._scores import score_table

NAMES = ["revenue", "clv", "csat", "complaints", "overdue"]
HIGHER = {"revenue": True, "clv": True, "csat": True, "complaints": False, "overdue": False}
DIMENSIONS = {"revenue": "value", "clv": "value", "csat": "satisfaction", "complaints": "satisfaction"} | {
    "overdue": "risk"
}
WEIGHTS = dict(zip(NAMES, [0.3, 0.25, 0.2, 0.15, 0.1], strict=True))
TARGETS = {name: ScaleTarget(7.0 if higher else 2.0) for name, higher in HIGHER.items()}

WAYS = {
    "sum": {},
    "sum_min_max": {"normalisation": "min_max"},
    "sum_target": {"normalisation": "target", "targets": TARGETS},
    "topsis": {"method": "topsis"},
    "topsis_vector": {"method": "topsis", "normalisation": "vector"},
    "fuzzy": {"method": "fuzzy"},
    "fuzzy_trapezoid": {"method": FuzzyEvaluation(plateau=0.5), "normalisation": "min_max"},
    "fuzzy_product_or": {"method": FuzzyEvaluation(operator="product_or")},
    "fuzzy_bounded_sum": {"method": FuzzyEvaluation(operator="and_bounded_sum")},
    "fuzzy_and_or": {"method": FuzzyEvaluation(operator="and_or")},
    "fuzzy_maximum": {"method": FuzzyEvaluation(defuzzification="maximum")},
}
MONOTONE = [way for way in WAYS if way not in
            ("fuzzy_product_or", "fuzzy_bounded_sum", "fuzzy_and_or", "fuzzy_maximum")]  # fmt: skip

cells = st.one_of(st.integers(0, 9).map(float), st.just(np.nan))
matrices = arrays(np.float64, st.tuples(st.integers(2, 12), st.just(5)), elements=cells).filter(
    lambda given: not np.isnan(given).all()
)
whole = arrays(np.float64, st.tuples(st.integers(2, 12), st.just(5)), elements=st.integers(0, 9).map(float))
ways = st.sampled_from(list(WAYS))


def table(matrix, names=NAMES):
    found = pd.DataFrame(np.asarray(matrix, dtype=float), columns=list(names))
    found.insert(0, "customer_id", [f"c{place}" for place in range(len(found))])
    return found


def card(indicators, way, weights=WEIGHTS, **more):
    return score_table(indicators, weights, DIMENSIONS, HIGHER, **{"reasons": 0, **WAYS[way], **more})


@settings(max_examples=40, deadline=None)
@given(matrices, ways)
def test_points_add_up_and_scores_lie_within_0_and_100(matrix, way):
    found = card(table(matrix), way).table
    scored = found[found["known_weight"] > 0]
    points = scored.filter(like="_points")
    np.testing.assert_allclose(points.sum(axis=1), scored["score"], atol=1e-9)
    assert points.min(axis=None) >= 0
    for name in found.filter(like="_score").columns.union(["score"]):
        assert found[name].dropna().between(0, 100).all()
    unknown = found[found["known_weight"] == 0]
    assert unknown[["score", "grade", "rank", "tier"]].isna().all(axis=None)
    # What is unknown has no points, what is known has some.
    used = [column.removesuffix("_points") for column in points.columns]
    known = table(matrix).set_index("customer_id")[used].notna().to_numpy()
    assert (found.filter(like="_points").notna().to_numpy() == known).all()


@settings(max_examples=30, deadline=None)
@given(matrices, ways, st.randoms(use_true_random=False))
def test_order_of_customers_and_indicators_changes_nothing(matrix, way, random):
    rows, names = list(range(len(matrix))), list(NAMES)
    random.shuffle(rows)
    random.shuffle(names)
    first = card(table(matrix), way).table
    shuffled = table(matrix)[["customer_id", *names]].iloc[rows].reset_index(drop=True)
    second = card(shuffled, way, {name: WEIGHTS[name] for name in names}).table
    assert second["customer_id"].tolist() == shuffled["customer_id"].tolist()
    second = second.set_index("customer_id").loc[first["customer_id"]].reset_index()[first.columns]
    pd.testing.assert_frame_equal(first, second, rtol=0, atol=2e-9)


@settings(max_examples=60, deadline=None)
@given(whole, st.sampled_from(MONOTONE), st.integers(0, 4), st.integers(1, 9), st.booleans())
def test_a_better_value_never_lowers_the_score(matrix, way, column, step, keep_scale):
    better = matrix.copy()
    better[0, column] += step if HIGHER[NAMES[column]] else -min(step, better[0, column])
    before = card(table(matrix), way)
    scale = {"normalisation": before.normalisation} if keep_scale else {}
    after = card(table(better), way, **scale)
    for name in ("score", f"{DIMENSIONS[NAMES[column]]}_score"):
        assert after.table[name][0] >= before.table[name][0] - 1e-9


@pytest.mark.parametrize(
    ("way", "matrix", "better"),
    [
        # The best margin drives the norm up, and with it down what margin weighs.
        ("topsis_vector", [[1, 0], [-1, 9]], [100, 0]),
        ("fuzzy_product_or", [[1, 5, 4], [2, 3, 0], [5, 3, 4], [2, 4, 5]], [1, 5, 5]),
        ("fuzzy_and_or", [[4, 5, 2], [1, 4, 5], [3, 0, 5], [0, 3, 4]], [4, 5, 3]),
        ("fuzzy_bounded_sum", [[3, 3, 0], [5, 1, 2], [4, 0, 2], [4, 3, 2]], [3, 4, 0]),
        ("fuzzy_maximum", [[2, 2, 2], [3, 4, 1], [5, 0, 1], [4, 0, 3]], [2, 3, 2]),
    ],
)
def test_where_a_better_value_can_lower_it(way, matrix, better):
    names = ["a", "b", "c"][: len(better)]
    weights = dict(zip(names, [0.5, 0.3, 0.2] if len(names) == 3 else [0.5, 0.5], strict=True))
    scores, scale = [], {}
    for first in (matrix[0], better):
        given = table([first, *matrix[1:]], names)
        dimensions = dict(zip(names, ["x", "x", "y"], strict=False))
        found = score_table(given, weights, dimensions, dict.fromkeys(names, True), **{**WAYS[way], **scale})
        scores.append(found.table["score"][0])
        scale = {} if way == "topsis_vector" else {"normalisation": found.normalisation}
    assert scores[1] < scores[0] - 1


@settings(max_examples=30, deadline=None)
@given(whole, ways, st.sampled_from(NAMES), st.booleans())
def test_a_missing_table_gives_its_weight_to_its_branch_first(matrix, way, name, dropped):
    without = table(matrix).drop(columns=name) if dropped else table(matrix).assign(**{name: np.nan})
    siblings = [other for other in NAMES if DIMENSIONS[other] == DIMENSIONS[name] and other != name]
    takers = siblings or [other for other in NAMES if other != name]
    raised = 1 + WEIGHTS[name] / sum(WEIGHTS[other] for other in takers)
    renormalised = {
        other: 0.0 if other == name else weight * (raised if other in takers else 1.0)
        for other, weight in WEIGHTS.items()
    }
    first, second = card(without, way), card(table(matrix), way, renormalised)
    pd.testing.assert_frame_equal(first.table, second.table, rtol=0, atol=2e-9)
    assert (first.table["known_weight"] == 1).all()
    assert f"No customer has {name}: weight 0 instead of {WEIGHTS[name]:.3g}" in first.notes[0]
    assert not any(name in note and "weight 0" in note for note in second.notes)


@settings(max_examples=30, deadline=None)
@given(matrices, ways, st.sampled_from(["value", "satisfaction", "risk"]))
def test_a_dimension_is_scored_as_if_alone(matrix, way, dimension):
    inside = {name: weight for name, weight in WEIGHTS.items() if DIMENSIONS[name] == dimension}
    if table(matrix)[list(inside)].isna().all(axis=None):
        return
    alone = card(table(matrix), way, {name: weight / sum(inside.values()) for name, weight in inside.items()})
    expected = card(table(matrix), way).table[f"{dimension}_score"]
    np.testing.assert_allclose(alone.table["score"], expected, atol=2e-9)


@settings(max_examples=30, deadline=None)
@given(whole, ways)
def test_points_against_the_mean_add_up_to_the_score_less_the_mean_score(matrix, way):
    found = card(table(matrix), way)
    moved = found.relative_points()
    assert list(moved.columns) == ["customer_id", *NAMES]
    score = found.table["score"]
    np.testing.assert_allclose(moved[NAMES].sum(axis=1), score - score.mean(), atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(whole)
def test_triangles_and_averages_are_the_weighted_sum_between_the_outer_grades(matrix):
    evaluation = FuzzyEvaluation({"best": 100.0, "good": 70.0, "worst": 0.0})
    fuzzy = card(table(matrix), "fuzzy", method=evaluation).table
    plain = card(table(matrix), "sum").table
    np.testing.assert_allclose(fuzzy["score"], plain["score"], atol=1e-8)
    np.testing.assert_allclose(fuzzy.filter(like="_membership").sum(axis=1), 1, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(whole, ways)
def test_a_kept_scale_scores_each_customer_alone_as_among_all(matrix, way):
    among_all = card(table(matrix), way)
    last = table(matrix).tail(1)
    kept = {"normalisation": among_all.normalisation, "tiers": among_all.tiers}
    alone = score_table(last, WEIGHTS, DIMENSIONS, HIGHER, **{**WAYS[way], **kept})
    columns = ["score", "grade", "tier", "known_weight", "value_score"]
    pd.testing.assert_frame_equal(
        alone.table[columns].reset_index(drop=True),
        among_all.table[columns].tail(1).reset_index(drop=True),
        atol=2e-9,
        rtol=0,
    )
