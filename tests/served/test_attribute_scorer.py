"""Scores from attributes: agreement with the trees, additive effects, texts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from guanxi.models import ChurnClassifier
from guanxi.served.attribute_scorer import LabelScorer, matrix
from guanxi.served.corrections import probability
from guanxi.served.input_checks import InputError
from guanxi.served.model import Attribute, Drivers, LabelLimits, ServedLabelModel

PLANS = ["basic", "gold", "plus"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "months, in all": np.where(random.random(900) < 0.1, np.nan, random.integers(1, 72, 900)),
            "plan": random.choice([*PLANS, None], 900),
            "noise": random.normal(size=900),
        }
    )
    return table.astype({"plan": object})


@pytest.fixture(scope="module")
def served() -> ServedLabelModel:
    attributes = (
        Attribute("months, in all", None, 36.5),
        Attribute("plan", tuple(PLANS), (0.5, 0.2, 0.3)),
        Attribute("noise", None, 0.0),
    )
    return ServedLabelModel("id", attributes, Drivers(2), "en", LabelLimits(900))


@pytest.fixture(scope="module")
def scorer(rows, served) -> LabelScorer:
    log_odds = np.where(rows["plan"] == "gold", -2.0, 1.0) - 0.05 * (rows["months, in all"].fillna(60) - 36)
    label = np.random.default_rng(1).random(900) < probability(log_odds)
    model = ChurnClassifier(n_estimators=80, categorical_features=[1]).fit(
        matrix(rows, served.attributes), label
    )
    return LabelScorer(served, {"churn": [booster.model_to_string() for booster in model.boosters_]})


def test_codes(served):
    rows = pd.DataFrame({"months, in all": [3, np.nan], "plan": ["plus", "silver"], "noise": [0.5, 1.0]})
    expected = [[3.0, 2.0, 0.5], [np.nan, np.nan, 1.0]]
    np.testing.assert_array_equal(matrix(rows, served.attributes), expected)


def test_effects_add_up_to_the_log_odds_of_the_probability(scorer, rows):
    shown = scorer.score(rows)["churn_probability"]
    effects = scorer.driver_effects(rows)
    np.testing.assert_allclose(effects.sum(axis=1), np.log(shown / (1 - shown)), atol=1e-9)
    assert list(effects) == ["base", "months, in all", "plan", "noise"]


def test_drivers_are_the_strongest_effects(scorer, rows):
    table, effects = scorer.score(rows, drivers=3), scorer.driver_effects(rows).drop(columns="base")
    strongest = effects.abs().max(axis=1)
    np.testing.assert_allclose(table["driver_1_effect"].abs(), strongest, rtol=1e-12)
    assert (table["driver_1"] == effects.abs().idxmax(axis=1)).all()


def test_an_unseen_category_counts_as_missing(scorer, rows):
    unseen, missing = (scorer.score(rows.assign(plan=value)) for value in ("silver", None))
    pd.testing.assert_frame_equal(unseen, missing)
    assert scorer.score(rows.assign(plan="gold"))["churn_probability"].mean() < 0.3


@pytest.mark.parametrize("language", ["en", "zh"])
def test_texts(scorer, served, language):
    rows = pd.DataFrame({"months, in all": [2.0, np.nan], "plan": ["gold", "plus"], "noise": [0.0, 0.0]})
    spoken = LabelScorer(replace(served, language=language), {"churn": scorer._trees._texts})
    table = spoken.score(rows, drivers=3)
    said = set(table.filter(like="_text").to_numpy().ravel())
    expected = {
        "en": {"months, in all: 2, typically 36.5", "plan: gold (20 % of all)", "months, in all: not known"},
        "zh": {"months, in all: 2，通常为 36.5", "plan: gold（占全部的 20 %）", "months, in all: 未知"},
    }[language]
    assert expected <= said


def test_more_drivers_than_attributes_are_empty(scorer, rows):
    table = scorer.score(rows.head(3), drivers=5)
    assert table["driver_5"].isna().all()
    assert table["driver_5_effect"].isna().all()
    assert list(scorer.score(rows.head(3), drivers=0)) == ["churn_probability"]


def test_invalid_input_is_an_error(scorer, rows):
    few = rows.head(3)
    with pytest.raises(InputError, match="the table lacks plan"):
        scorer.score(few.drop(columns="plan"))
    with pytest.raises(InputError, match="no rows"):
        scorer.score(rows.head(0))
    with pytest.raises(InputError, match=r"'noise' is infinite in 1 of 3 rows \(first: 2\)"):
        scorer.score(few.assign(noise=[0.0, np.nan, -np.inf]))
    with pytest.raises(InputError, match="drivers is 21"):
        scorer.score(few, drivers=21)
