"""The page of scenarios and its figures."""

from __future__ import annotations

from datetime import date

import pytest

from guanxi.decisions.scenarios import Newcomer, ScenarioInputs, answer_scenarios
from guanxi.params import Params
from guanxi.report.chapters import render_document

CASES = [
    {"name": "Prices <b>up</b> $x$", "changes": [{"lever": "order_value", "by": [0.05, 0.1]}]},
    {
        "name": "Hard times",
        "changes": [
            {"lever": "margin", "distribution": "normal", "mean": -0.1, "sd": 0.8},
            {"lever": "retention", "by": -0.02, "segment": {"frequency": "> 2"}},
        ],
    },
]
PLAN = {"actions": [{"action": "call", "cost": 2, "save_rate": 0.2}]}


@pytest.fixture(scope="module")
def inputs(market):
    purchases = market.mixture("bg_nbd")
    table = market.predictions_of(purchases, 200)
    more = {"clv_lower": 0.0, "clv_upper": 3 * table["clv"], "value_at_risk": table["clv"]}
    predictions = table.assign(**more, churn_probability=0.5)
    return ScenarioInputs(predictions, purchases, float, 0.4, 0.1, date(2026, 1, 31), Newcomer(8.0, 5.0))


def params(language: str = "en", cases=CASES, **more) -> Params:
    scenario = {"cases": cases, "new_customers": 50, "acquisition_cost": 10, "draws": 300}
    return Params(language=language, scenario=scenario, **more)


def page(answer, language: str) -> str:
    return render_document(
        answer.title, answer.chapters, source="a.csv", as_of=None, model_version="1", language=language,
        generated_by="guanxi",
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_says_what_the_tables_hold(inputs, language):
    answer = answer_scenarios(inputs, params(language, plan=PLAN))
    html = page(answer, language)
    assert html.count("data:image/svg+xml") == 2
    assert html.count("<section") == 4
    assert "Prices &lt;b&gt;up&lt;/b&gt; $x$" in html
    now = answer.tables["scenarios"].iloc[0]
    assert f"{now['equity']:,.0f}" in html
    assert f"{answer.tables['plans']['plan_profit'].iloc[2]:,.1f}"[:4] in html
    held = {"en": "a lever was held at the end", "zh": "被限制在其可能范围的端点"}
    assert held[language] in html


def test_bars_are_drawn_widest_on_top(inputs):
    answer = answer_scenarios(inputs, params())
    axes = answer.figures["tornado"]().axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    wanted = answer.tables["tornado"]["lever"].iloc[::-1].str.replace("purchase_rate", "purchases a year")
    assert labels == wanted.str.replace("_", " ").tolist()
    widths = [abs(bar.get_width()) for bar in axes.patches]
    count = len(labels)
    spans = [widths[place] + widths[place + count] for place in range(count)]
    assert spans == sorted(spans)


def test_scenarios_are_drawn_with_their_intervals(inputs):
    answer = answer_scenarios(inputs, params())
    axes = answer.figures["scenarios"]().axes[0]
    dots = axes.lines[0].get_xdata()
    assert list(dots) == pytest.approx(answer.tables["scenarios"]["change"].iloc[1:].tolist())
    assert len(axes.get_yticklabels()) == 3


def test_page_without_scenarios_says_how_to_name_them(inputs):
    answer = answer_scenarios(inputs, params(cases=[], plan=PLAN))
    html = page(answer, "en")
    assert "name them in scenario.cases" in html
    assert html.count("data:image/svg+xml") == 1
    assert "plans" not in answer.tables
    assert list(answer.figures) == ["tornado"]
    assert len(answer.tables["levers"]) == 0


def test_actions_learnt_from_campaigns_are_left_out(inputs):
    plan = {"actions": [*PLAN["actions"], {"action": "mail", "arm": "mail"}]}
    assert "plans" not in answer_scenarios(inputs, params(plan=plan)).tables


def test_settings_and_metrics_are_kept(inputs):
    answer = answer_scenarios(inputs, params(seed=9))
    assert answer.settings["seed"] == 9
    assert answer.settings["cases"][1]["changes"][0]["sd"] == 0.8
    assert answer.metrics["equity"] == pytest.approx(
        answer.metrics["within_horizon"] + answer.metrics["beyond"] + answer.metrics["new_customers"]
    )
    assert answer.metrics["elasticity_acquisition_cost"] < 0


def test_a_model_in_which_nobody_leaves_has_no_retention(market):
    purchases = market.mixture("nbd")
    predictions = market.predictions_of(purchases, 50)
    inputs = ScenarioInputs(predictions, purchases, float, 0.4, 0.1, date(2026, 1, 31))
    answer = answer_scenarios(inputs, Params())
    levers = ["margin", "order_value", "purchase_rate", "discount_rate"]
    assert answer.tables["tornado"]["lever"].tolist() == levers
    html = page(answer, "en")
    assert "Retention:" not in html
    assert "Gupta" not in html
