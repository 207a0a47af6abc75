"""The page of a plan: what it must say, in both languages, also where there is little to show."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.budget import build_plan, plan_answer, plan_summary
from guanxi.params import PlanParams
from guanxi.report.chapters import render_document

CALL = {"action": "call", "cost": 5.0, "save_rate": 0.2, "save_rate_interval": [0.1, 0.3]}


def answer_of(action: dict, language: str = "en", n: int = 300, **given):
    random = np.random.default_rng(0)
    clv, churn = random.lognormal(3.0, 1.2, n), random.beta(2, 2, n)
    customers = pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "clv": clv,
            "clv_lower": 0.2 * clv,
            "clv_upper": 3.0 * clv,
            "value_at_risk": clv * churn,
            "churn_probability": churn,
            "expected_purchases": 1.0,
        }
    )
    params = PlanParams(actions=[action], **({"budget": 200.0} | given))
    plan = build_plan(customers, params, day=date(2026, 1, 31), horizon_days=90, language=language)
    answer = plan_answer(plan, params, language)
    page = render_document(
        answer.title,
        answer.chapters,
        source="sales.csv",
        as_of=date(2026, 1, 31),
        model_version="1",
        language=language,
        generated_by="guanxi",
    )
    return plan, answer, page


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("action", "given"),
    [
        (CALL, {}),
        (CALL | {"cost": 0.0}, {}),
        (CALL | {"cost": 1e6}, {}),
        (CALL | {"save_rate": 0.0, "save_rate_interval": [0, 0]}, {"holdout": 0.0}),
        (CALL | {"minimum": 200}, {"budget": None}),
    ],
)
@pytest.mark.slow
def test_every_page_and_picture_can_be_drawn(action, given, language):
    plan, answer, page = answer_of(action, language, **given)
    figure = answer.figures["frontier"]()
    assert figure.axes[0].lines[0].get_ydata().tolist() == plan.frontier["profit"].tolist()
    assert ("assumptions, not measurements" if language == "en" else "是假设，而非测量结果") in page
    assert "could not be drawn" not in page
    assert "无法绘制" not in page


def test_the_picture_marks_the_plan():
    plan, answer, _ = answer_of(CALL)
    point = answer.figures["frontier"]().axes[0].lines[-1]
    assert point.get_xdata() == [plan.totals.spend]
    assert point.get_ydata() == [plan.mean_profit]


def test_what_must_be_known_is_said():
    small = answer_of(CALL)[2]
    assert "The holdout is too small" in small
    assert "The largest expected profit at each budget. At the plan, one more unit" in small
    none = answer_of(CALL, holdout=0.0)[2]
    assert "what the plan really earns cannot be measured afterwards" in none
    forced = answer_of(CALL | {"cost": 40.0, "minimum": 20}, budget=None)[2]
    assert "call should lose money: its minimum count forces it into the plan" in forced
    assert "The plan treats nobody" in answer_of(CALL | {"cost": 1e6})[2]


def test_metrics_and_summary_are_those_of_the_plan():
    plan, answer, _ = answer_of(CALL)
    assert answer.metrics["expected_profit"] == plan.totals.profit
    assert answer.metrics["gap"] == 0.0
    assert answer.settings["call.save_rate"] == 0.2
    assert f"{plan.totals.treated:,} of 300 customers" in plan_summary(plan)
    assert answer.tables["plan"] is plan.customers
