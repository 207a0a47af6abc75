"""The scorecard by hand: columns, notes, reasons, tiers, blocks, and what it refuses."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError, ParamsError
from guanxi.scorecard.scoring import _customer_scores
from guanxi.scorecard.scoring._fuzzy_evaluation import FuzzyEvaluation
from guanxi.scorecard.scoring._scores import score_table
from guanxi.scorecard.scoring._tiers import TierRule

WEIGHTS = {"future_value": 0.5, "csat": 0.3, "complaints": 0.2}
DIMENSIONS = {"future_value": "value", "csat": "satisfaction", "complaints": "satisfaction"}
HIGHER = {"future_value": True, "csat": True, "complaints": False, "referrals": True}


def customers():
    return pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"],
            "future_value": [400.0, 100.0, 200.0, 300.0],
            "csat": [5.0, math.nan, 1.0, math.nan],
            "complaints": [0.0, 3.0, 1.0, math.nan],
        },
        index=[7, 7, 1, 0],
    )


def score(table=None, weights=WEIGHTS, **more):
    return score_table(customers() if table is None else table, weights, DIMENSIONS, HIGHER, **more)


class TestByHand:
    def test_scores_points_and_known_weight(self):
        found = score().table
        assert found["customer_id"].tolist() == ["a", "b", "c", "d"]
        # Mid-ranks: value .875 .125 .375 .625, csat .75 - .25 -, complaints 5/6 1/6 1/2 -.
        # b did not answer: the complaints alone are b's satisfaction, with the weight of the branch.
        np.testing.assert_allclose(found["future_value_points"], [43.75, 6.25, 18.75, 62.5])
        np.testing.assert_allclose(found["csat_points"], [22.5, math.nan, 7.5, math.nan])
        np.testing.assert_allclose(found["complaints_points"], [100 / 6, 100 / 6 * 0.5, 10, math.nan])
        assert found["known_weight"].tolist() == [1, 0.7, 1, 0.5]
        np.testing.assert_allclose(found["satisfaction_score"].iloc[:2], [(22.5 + 100 / 6) / 0.5, 100 / 6])
        assert math.isnan(found["satisfaction_score"].iloc[3])
        assert found["value_score"].tolist() == [87.5, 12.5, 37.5, 62.5]
        assert found["rank"].tolist() == [1, 4, 3, 2]
        assert found["grade"].tolist() == ["A", "E", "D", "B"]
        assert found["tier"].tolist() == ["high", "low", "low", "middle"]

    def test_columns_are_flat_and_in_order(self):
        found = score(method="fuzzy", reasons=2).table
        assert list(found.columns) == [
            *("customer_id", "score", "value_score", "satisfaction_score", "grade", "rank", "tier"),
            *("known_weight", "future_value_points", "csat_points", "complaints_points", "why_1", "why_2"),
            *("excellent_membership", "good_membership", "fair_membership", "poor_membership"),
        ]
        kinds = {name: str(kind) for name, kind in found.dtypes.items() if str(kind) != "float64"}
        words = dict.fromkeys(["customer_id", "grade", "tier", "why_1", "why_2"], "str")
        assert kinds == words | {"rank": "Int64"}

    def test_equals_share_the_better_rank(self):
        table = customers().assign(future_value=[4.0, 4.0, 1.0, 9.0], csat=2.0, complaints=1.0)
        assert score(table).table["rank"].tolist() == [2, 2, 4, 1]

    def test_reasons_are_the_largest_moves_from_the_mean(self):
        found = score(labels={"csat": "satisfaction of customers"})
        moved = found.relative_points().set_index("customer_id")
        # Mean levels: value 50, csat 50, complaints 50.
        np.testing.assert_allclose(moved.loc["a"], [18.75, 7.5, 20 / 6 * 2], atol=1e-9)
        assert found.table.iloc[0][["why_1", "why_2", "why_3"]].tolist() == [
            "future_value +18.8",
            "satisfaction of customers +7.5",
            "complaints +6.7",
        ]
        # For d only the value is known: .625 of 1.
        assert found.table["why_1"].iloc[3] == "future_value +12.5"
        assert found.table["why_2"].isna().iloc[3]
        assert moved.loc["d"].isna().tolist() == [False, True, True]

    def test_grades_of_fuzzy_are_its_own(self):
        found = score(method=FuzzyEvaluation(defuzzification="maximum")).table
        best = found.filter(like="_membership").to_numpy().argmax(axis=1)
        names = np.array(["excellent", "good", "fair", "poor"])
        assert found["grade"].tolist() == names[best].tolist()
        assert set(found["score"]) <= {87.5, 62.5, 37.5, 12.5}

    def test_pareto_sorts_by_value(self):
        found = score(tiers=TierRule("pareto", high=0.4, middle=0.3))
        assert found.table["tier"].tolist() == ["high", "low", "low", "middle"]
        assert found.tiers.on == "future_value"

    def test_the_given_table_is_not_touched(self):
        given = customers()
        score(given, method="fuzzy")
        pd.testing.assert_frame_equal(given, customers())

    def test_blocks_are_one_table(self, monkeypatch):
        rng = np.random.default_rng(1)
        table = pd.DataFrame({name: rng.lognormal(size=500) for name in WEIGHTS})
        table.insert(0, "customer_id", np.arange(500))
        for method in ("weighted_sum", "topsis", "fuzzy"):
            whole = score(table, method=method)
            with monkeypatch.context() as patched:
                patched.setattr(_customer_scores, "ROWS_AT_ONCE", 7)
                parts = score(table, method=method)
            pd.testing.assert_frame_equal(whole.table, parts.table)
            assert whole.mean_levels == pytest.approx(parts.mean_levels)


class TestNotes:
    def test_all_is_well(self):
        table = customers().assign(csat=[1.0, 2, 3, 4], complaints=[1.0, 2, 3, 4])
        assert score(table).notes == ()

    def test_what_is_said(self):
        weights = WEIGHTS | {"future_value": 0.4, "referrals": 0.1}
        dimensions = DIMENSIONS | {"referrals": "advocacy"}
        table = customers().assign(complaints=[2.0, 2.0, math.nan, math.nan])
        table.loc[0, "future_value"] = math.nan
        assert score_table(table, weights, dimensions, HIGHER).notes == (
            "No customer has referrals: weight 0 instead of 0.1 in all, which went to the others of the same "
            "branch or, where a whole branch is unknown, to the other branches.",
            "The same value for all with one, which counts as 0.5: complaints.",
            "2 of 4 customers lack some indicator: its weight went to the others of its branch, that of a "
            "wholly unknown branch to the other branches (known weight at least 0.67, see known_weight).",
            "1 of 4 customers have no indicator with a weight and so no score.",
        )

    def test_equal_scores_crowd_the_high_tier(self):
        table = customers().assign(future_value=1.0, csat=[3.0] * 4, complaints=0.0)
        found = score(table)
        assert found.table["score"].tolist() == [50.0] * 4
        note = "Equal scores put 100% of customers in the high tier, more than the 20% requested."
        assert note in found.notes


class TestRefusals:
    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ({"csta": 1.0}, "weights: csta is not an indicator; did you mean csat?"),
            ({"horoscope": 1.0}, "weights: horoscope is not an indicator; see the catalogue of indicators"),
            ({"csat": 1.2, "complaints": -0.2}, "weights: complaints has -0.2, but a weight must be"),
            ({"csat": math.nan}, "weights: csat has nan, but a weight must be a number of at least 0"),
            ({"csat": 0.5, "complaints": 0.4}, "weights add up to 0.9, not 1; divide each by 0.9"),
            ({}, "no weights are given"),
            ({"csat": 0.0}, "weights add up to 0, not 1; give one above 0"),
            ({"referrals": 1.0}, "weights: referrals belongs to no dimension"),
        ],
    )
    def test_weights(self, weights, message):
        with pytest.raises(ParamsError, match=re.escape(message)):
            score(weights=weights)

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ({"method": "vikor"}, "method 'vikor' is not known: choose one of weighted_sum, topsis, fuzzy"),
            ({"normalisation": "vector"}, "normalisation vector requires the method topsis"),
            ({"normalisation": "zscore"}, "normalisation 'zscore' is not known"),
            ({"normalisation": "target"}, "no target for future_value, csat, complaints"),
        ],
    )
    def test_methods(self, more, message):
        with pytest.raises(ParamsError, match=message):
            score(**more)

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            ({"operator": "sum"}, "fuzzy operator 'sum' is not known: choose one of weighted_average"),
            ({"defuzzification": "centroid"}, "fuzzy defuzzification 'centroid' is not known"),
            ({"plateau": 1.0}, "fuzzy plateau must be at least 0 and less than 1, not 1"),
            (
                {"grades": {"good": 10.0, "bad": 20.0}},
                "fuzzy grades must be two or more with scores that fall",
            ),
        ],
    )
    def test_fuzzy(self, choice, message):
        with pytest.raises(ParamsError, match=message):
            FuzzyEvaluation(**choice)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda table: table.drop(columns="customer_id"), "has no column customer_id"),
            (lambda table: table.head(0), "has no customers to score"),
            (
                lambda table: table.assign(customer_id=["a", "b", "a", "c"]),
                "customer a appears more than once in the table",
            ),
            (lambda table: table.assign(customer_id=["a", None, "b", "c"]), "has 1 rows without customer_id"),
            (lambda table: table.assign(csat=math.inf), "indicator csat is infinite for customer a"),
            (
                lambda table: table[["customer_id"]],
                "no customer has any indicator with a weight (future_value, csat, complaints)",
            ),
        ],
    )
    def test_tables(self, change, message):
        with pytest.raises(DataError, match=re.escape(message)):
            score(change(customers()))

    def test_pareto_without_its_value(self):
        with pytest.raises(DataError, match="tiers pareto: the table of indicators has no revenue"):
            score(tiers=TierRule("pareto", value="revenue"))
