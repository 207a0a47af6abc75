"""The served model's document: round trip, and rejection of other documents."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from guanxi.served.model import (
    FORMAT,
    Attribute,
    CorrectionModel,
    DataRules,
    Drivers,
    FittedProcess,
    IntensityIndex,
    LabelLimits,
    LifetimeValue,
    Limits,
    PurchaseModels,
    RegressionModel,
    ServedLabelModel,
    ServedModel,
    SpendModel,
    from_json,
    to_json,
)

REGRESSION = RegressionModel(("T",), (0.1,), (0.3,), (1.0 / 3.0,), -0.5, (2.0 / 3.0,))
TRANSACTIONS = ServedModel(
    as_of="1998-06-30",
    horizon_days=60,
    language="en",
    data=DataRules("net", "keep", "D", "UTC"),
    purchases=PurchaseModels(
        {"bg_nbd": FittedProcess({"r": 0.1 + 0.2}, None), "nbd": FittedProcess({"r": 1.0}, ((1.0,),))},
        counts=("bg_nbd", "nbd"),
        churn=("bg_nbd",),
    ),
    spend=SpendModel("gamma_gamma", {"p": 1.0, "q": 2.0}, ((1.0, 0.1), (0.1, 1.0))),
    lifetime_value=LifetimeValue(0.1, 1.0, 0.9),
    drivers=Drivers(3, ((1.0, 2.0, 3.0),)),
    limits=Limits(10, 5, 100, 60, 50),
    corrections={
        "churn": CorrectionModel("blend", ("T",), REGRESSION, (0.5, 0.5), 60, 0.5, 1.25, -0.4),
        "spend": CorrectionModel("value model alone"),
    },
    intensity=IntensityIndex("2024-01-01", 28, (1.0, 1.2), (1.0, 0.9)),
    features={"T": "age"},
    warnings=("look out",),
    grades={"churn": "A", "spend": None},
)
LABELS = ServedLabelModel(
    id="customer",
    attributes=(Attribute("months", None, 36.5), Attribute("plan", ("a", "b"), (0.25, 0.75))),
    drivers=Drivers(2),
    language="zh",
    limits=LabelLimits(900),
    warnings=("left out",),
)


@pytest.mark.parametrize("model", [TRANSACTIONS, replace(TRANSACTIONS, intensity=None), LABELS])
def test_round_trip(model):
    document = json.loads(json.dumps(to_json(model), allow_nan=False))
    assert (document["format"], document["task"]) == (FORMAT, model.task)
    assert from_json(document) == model


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": FORMAT + 1}, f"model.json is of format {FORMAT + 1}, and this version of guanxi reads"),
        ({"format": None}, "model.json is of format None, and"),
        ({"task": "weather"}, "model.json is of the task 'weather', which this version of guanxi does not"),
    ],
)
def test_a_document_of_another_kind_is_an_error(changed, said):
    with pytest.raises(ValueError, match=said):
        from_json(to_json(TRANSACTIONS) | changed)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_neither_written_nor_read(number):
    damaged = json.loads(json.dumps(to_json(TRANSACTIONS)))
    damaged["purchases"]["fitted"]["bg_nbd"]["params"]["r"] = number
    with pytest.raises(
        ValueError, match=f"purchases.fitted.bg_nbd.params.r is {number}: the model is damaged"
    ):
        from_json(damaged)
    with pytest.raises(ValueError, match=f"lifetime_value.margin is {number}"):
        to_json(replace(TRANSACTIONS, lifetime_value=LifetimeValue(0.1, number, 0.9)))


@pytest.mark.parametrize("model", [TRANSACTIONS, LABELS])
def test_it_is_immutable(model):
    with pytest.raises(FrozenInstanceError):
        model.language = "en"


def test_features_are_numeric_except_categories():
    assert LABELS.text_features == ("plan",)
    assert LABELS.categories == {"months": None, "plan": ["a", "b"]}
    assert TRANSACTIONS.text_features == ()
