"""Scenarios that cannot be used: one line that says what, where and what to do."""

from __future__ import annotations

import json
import re

import pytest

from guanxi.decisions.scenarios._cases import run_cases
from guanxi.decisions.scenarios._levers import Levers
from guanxi.errors import ParamsError
from guanxi.params import ScenarioCase, load_params


def one(**change) -> list[str]:
    return [f"scenario.cases={json.dumps([{'name': 'x', 'changes': [change]}])}"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (one(lever="price", by=0.1), "parameter scenario.cases #1.changes #1.lever = 'price' is not valid"),
        (one(by=0.1), "parameter scenario.cases #1.changes #1.lever is missing"),
        (one(lever="margin"), "margin: give either by (a number or a list) or a distribution"),
        (one(lever="margin", by=0.1, distribution="normal", mean=0, sd=1), "margin: give either by"),
        (one(lever="margin", by=[]), "margin: give either by"),
        (
            one(lever="margin", by="much"),
            "parameter scenario.cases #1.changes #1.by #1 = 'much' is not valid",
        ),
        (one(lever="margin", by=True), "write a number"),
        (one(lever="margin", by=float("nan")), "Input should be a finite number"),
        (one(lever="margin", by=0.1, sd=0.2), "margin: sd without a distribution: name one"),
        (
            one(lever="margin", by=[i / 1e4 for i in range(10_000)]),
            "margin: a grid of 10,000 values: give at most 100, or a uniform distribution",
        ),
        (
            one(lever="margin", distribution="normal", mean=0.1),
            "margin: distribution normal takes mean and sd, not mean",
        ),
        (
            one(lever="margin", distribution="lognormal"),
            "margin: distribution lognormal takes median and sigma, not nothing",
        ),
        (
            one(lever="margin", distribution="uniform", low=0, high=1, mode=0.5),
            "distribution uniform takes low and high, not low and mode and high",
        ),
        (
            one(lever="margin", distribution="triangular", low=0, mode=2, high=1),
            "margin: distribution triangular needs low <= mode <= high",
        ),
        (
            one(lever="margin", distribution="uniform", low=1, high=0),
            "distribution uniform needs low <= high",
        ),
        (
            one(lever="margin", distribution="normal", mean=0, sd=-1),
            "Input should be greater than or equal to 0",
        ),
        (
            one(lever="margin", distribution="lognormal", median=0, sigma=1),
            "Input should be greater than 0",
        ),
        (
            one(lever="margin", distribution="cauchy", low=1),
            "scenario.cases #1.changes #1.distribution = 'cauchy'",
        ),
        (one(lever="margin", by=0.1, kind="percent"), "Input should be 'relative' or 'absolute'"),
        (
            one(lever="discount_rate", by=0.1, segment={"frequency": "> 2"}),
            "discount_rate is the same for all customers: leave segment out",
        ),
        (
            one(lever="acquisition_cost", by=0.1),
            "a scenario changes acquisition_cost: set scenario.new_customers and scenario.acquisition_cost",
        ),
        (["scenario.new_customers=10"], "new_customers and acquisition_cost go together"),
        (["scenario.new_customers=-1"], "greater than or equal to 0"),
        (["scenario.years=0"], "greater than 0"),
        (["scenario.draws=5"], "greater than or equal to 100"),
        (['scenario.cases=[{"name": "a"}, {"name": "a"}]'], "two scenarios are called 'a'"),
        (['scenario.cases=[{"name": ""}]'], "scenario.cases #1.name"),
        (
            [f"scenario.cases={json.dumps([{'name': 'x', 'changes': [{'lever': 'margin', 'by': 1}] * 2}])}"],
            "scenario 'x' changes a lever of the same segment twice: keep one",
        ),
        (
            [
                "scenario.cases="
                + json.dumps(
                    [
                        {
                            "name": "x",
                            "changes": [
                                {"lever": lever, "by": [i / 100 for i in range(20)]}
                                for lever in ("margin", "retention")
                            ],
                        }
                    ]
                )
            ],
            "the grids of scenario 'x' have 400 combinations: give at most 100",
        ),
    ],
)
def test_parameters_that_cannot_be_used(overrides, message):
    with pytest.raises(ParamsError, match=re.escape(message)) as caught:
        load_params(overrides=overrides)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lever": "margin", "by": -1.5}, "margin of everyone is 0.4 today and would be -0.2: give a"),
        ({"lever": "purchase_rate", "by": -99, "kind": "absolute"}, "leaves it 0 or more"),
        ({"lever": "discount_rate", "by": -0.2, "kind": "absolute"}, "is 0.1 today and would be -0.1"),
        ({"lever": "retention", "by": 0.9, "kind": "absolute"}, "and 1$"),
        ({"lever": "retention", "by": -0.999}, "leaves it between"),
        ({"lever": "margin", "by": 0.1, "segment": {"frequency": ">> 2"}}, "operator '>>' of"),
    ],
)  # fmt: skip
def test_levels_that_cannot_be(base, change, message):
    case = ScenarioCase(name="x", changes=[change])
    with pytest.raises(ParamsError, match=message) as caught:
        run_cases([case], Levers(base), draws=100, seed=0)
    assert str(caught.value).startswith("scenario 'x'")


def test_a_lever_without_a_level_cannot_change(market):
    purchases = market.mixture("bg_nbd")
    predictions = market.predictions_of(purchases, 50).assign(margin_rate=-0.1)
    predictions["clv"] *= -0.25
    levers = Levers(market.base_of(purchases, predictions))
    with pytest.raises(ParamsError, match=r"margin of everyone is -0\.1 today, and only a level above 0"):
        run_cases(
            [ScenarioCase(name="x", changes=[{"lever": "margin", "by": 0.1}])], levers, draws=100, seed=0
        )


def test_one_number_is_a_grid_of_one():
    case = ScenarioCase(name="x", changes=[{"lever": "margin", "by": 0.1}])
    assert case.changes[0].by == (0.1,)
