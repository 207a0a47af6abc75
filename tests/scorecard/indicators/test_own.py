"""A business's own indicators: from a table of its own, attributes, surveys of any name, channels."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from guanxi.data.relations.tables import read_relations
from guanxi.errors import DataError, ParamsError
from guanxi.features.relations.customer_features import relation_features
from guanxi.params import Params, load_params
from guanxi.params.scorecard import ScorecardParams
from guanxi.scorecard._result import check_parameters
from guanxi.scorecard.indicators import indicator_table, own_indicators
from guanxi.scorecard.scoring._relationship import relationship

DAY = date(2024, 6, 30)
LONG = pd.DataFrame(
    [
        ("a", "trust", 5.0, "2024-01-01", "ann"),
        ("a", "trust", 6.0, "2024-05-01", "ann"),  # the later rating of the same expert
        ("a", "trust", 3.0, "2024-02-01", "bob"),
        ("a", "trust", 1.0, "2024-07-01", "bob"),  # after the day
        ("b", "trust", 2.0, None, None),
        ("b", "compliance", 0.5, "2024-01-01", None),
    ],
    columns=["customer_id", "name", "value", "timestamp", "expert"],
)


def computed(own, tables, features=None):
    declared = ScorecardParams(indicators=own).indicators
    relations = read_relations(Params(), tables=tables)
    try:
        known = relation_features(relations, DAY) if features is None else features
        return own_indicators(declared, pd.Series(["a", "b", "c"]), known, relations, DAY)
    finally:
        relations.close()


def test_the_latest_rating_of_each_expert_counts():
    own = {"trust": {"dimension": "satisfaction", "scale": [1, 7]}, "compliance": {"dimension": "risk"}}
    found, notes = computed(own, {"indicators": LONG})
    np.testing.assert_allclose(found["trust"], [4.5, 2.0, np.nan])
    np.testing.assert_allclose(found["compliance"], [np.nan, 0.5, np.nan])
    assert notes == []


def test_a_wide_table_gives_the_same():
    wide = pd.DataFrame({"customer_id": ["a", "b"], "trust": [4.5, 2.0], "remark": ["good", "bad"]})
    found, notes = computed({"trust": {"dimension": "x"}, "price": {"dimension": "x"}}, {"indicators": wide})
    np.testing.assert_allclose(found["trust"], [4.5, 2.0, np.nan])
    assert notes == ["scorecard.indicators.price: no value in the table of indicators"]


def test_what_missing_means_is_declared():
    found, _ = computed({"trust": {"dimension": "x", "missing": 0}}, {"indicators": LONG})
    assert found["trust"].tolist() == [4.5, 2.0, 0.0]


def test_attributes_surveys_of_any_name_and_channels():
    customers = pd.DataFrame({"customer_id": ["a", "b", "c"], "credit_grade": [3, 1, 2]})
    surveys = pd.DataFrame(
        [("a", "2024-01-01", "Brand image", 9.0, 0.0, 10.0),
         ("b", "2024-01-01", "brand image", 1.0, 0.0, 10.0),
         ("c", "2024-01-01", "unscaled", 1.0, None, None)],
        columns=["customer_id", "timestamp", "instrument", "score", "scale_low", "scale_high"],
    )  # fmt: skip
    interactions = pd.DataFrame(
        [("a", "2024-01-01", "wechat"), ("a", "2024-02-01", "wechat"), ("b", "2024-01-01", "phone")],
        columns=["customer_id", "timestamp", "channel"],
    )
    own = {
        "grade": {"dimension": "risk", "attribute": "credit_grade", "higher_is_better": False},
        "brand": {"dimension": "satisfaction", "survey": "Brand image"},
        "wechat": {"dimension": "interaction", "channel": "wechat", "missing": 0},
    }
    tables = {"customers": customers, "surveys": surveys, "interactions": interactions}
    found, _ = computed(own, tables)
    assert found["grade"].tolist() == [3.0, 1.0, 2.0]
    assert found["wechat"].tolist() == [2.0, 0.0, 0.0]
    # Shrunk like CSAT, with the usual reliability of a single answer, .7.
    np.testing.assert_allclose(found["brand"], [0.7 * 0.9 + 0.3 * 0.5, 0.7 * 0.1 + 0.3 * 0.5, np.nan])


def test_an_instrument_without_a_scale_is_rejected_and_does_not_touch_the_trend_of_satisfaction():
    rows = [("a", "2024-01-01", "trust", 4.0), ("a", "2024-02-01", "csat", 5.0)]
    surveys = pd.DataFrame(rows, columns=["customer_id", "timestamp", "instrument", "score"])
    relations = read_relations(Params(), tables={"surveys": surveys})
    assert relations.lines["surveys"].rejected_by_rule == {"missing_scale": 1}
    scaled = surveys.assign(scale_low=1.0, scale_high=[10.0, 5.0])
    relations = read_relations(Params(), tables={"surveys": scaled})
    features = relation_features(relations, DAY)
    assert features["satisfaction_recent"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"trust": {"dimension": "x", "scale": [1, 5]}}, "trust: 1 values are outside the scale 1 to 5 .*6"),
        ({"word": {"dimension": "x", "attribute": "country"}}, "attribute country is text"),
    ],
)
def test_values_that_cannot_be(own, said):
    lines = LONG[LONG["customer_id"] == "a"].iloc[[1]]
    customers = pd.DataFrame({"customer_id": ["a"], "country": ["DE"]})
    with pytest.raises(DataError, match=said):
        computed(own, {"indicators": lines, "customers": customers})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('scorecard.indicators={"csat": {"dimension": "x"}}', "csat is an indicator of guanxi"),
        ('scorecard.indicators={"t": {"dimension": "x", "survey": "a", "channel": "b"}}', "keep one"),
        ('scorecard.indicators={"t": {"dimension": "x", "scale": [7, 1]}}', "does not rise"),
        ('scorecard.indicators={"satisfaction_score": {"dimension": "x"}}', "is a column of the scorecard"),
        ('scorecard.targets={"trust": {"target": 5}}', "no indicator 'trust'"),
    ],
)
def test_declarations_that_cannot_be(setting, said):
    with pytest.raises(ParamsError, match=said):
        check_parameters(load_params(None, [setting], {}))


def test_an_own_indicator_is_scored_like_any_other():
    rng = np.random.default_rng(3)
    scores = pd.DataFrame({"customer_id": [f"c{i}" for i in range(60)], "clv": rng.random(60)})
    table = indicator_table(scores)[0].assign(churn_cost=rng.random(60), trust=rng.random(60))
    own = {
        "churn_cost": {"dimension": "risk", "higher_is_better": False, "label": "Cost of leaving"},
        "trust": {"dimension": "partnership"},
    }
    found = relationship(table, ScorecardParams(indicators=own, draws=0))
    weights = found.weighting.weights
    # The default tree, with value and loyalty three times each other branch; loyalty is unknown here.
    assert found.weighting.dimensions["trust"] == "partnership"
    assert set(weights) == {"churn_cost", "trust"}
    assert weights["trust"] == pytest.approx(0.5)
    order = table["churn_cost"].rank().corr(found.card.table["risk_score"].rank())
    assert order == pytest.approx(-1.0)
    assert found.card.table["why_1"].str.contains("Cost of leaving|trust").all()
