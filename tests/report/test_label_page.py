"""The page of a model of labels: every part, in both languages, and quiet in a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from guanxi.report._attribute_groups import leavers_by_group
from guanxi.report.labels import LabelReport, render_labels

N = 400


@pytest.fixture(scope="module")
def content() -> LabelReport:
    random = np.random.default_rng(0)
    churn = random.uniform(0.02, 0.98, N)
    customers = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(N)],
            "churned": (random.random(N) < churn).astype(float),
            "churn_probability": churn,
            "driver_1": "plan",
            "driver_1_effect": np.where(churn > 0.5, 1.0, -1.0),
            "driver_1_text": "plan: <b>month</b> (50 % of all)",
        }
    )
    attributes = pd.DataFrame(
        {
            "plan": np.where(churn > 0.5, "month", "year").astype(object),
            "calls": np.where(random.random(N) < 0.6, 0.0, random.integers(1, 9, N)),
        }
    )
    metrics = pd.DataFrame(
        [
            ("guanxi", "auc", 0.83, 0.02),
            ("guanxi", "log_loss", 0.51, 0.01),
            ("guanxi", "ece", 0.02, np.nan),
            ("share of churners", "log_loss", 0.69, 0.0),
        ],
        columns=["model", "metric", "value", "standard_deviation"],
    ).assign(target="churn")
    explanation = SimpleNamespace(
        values=np.column_stack([np.where(churn > 0.5, 1.0, -1.0), np.full(N, 0.1)]),
        data=attributes.to_numpy(dtype=object),
        feature_names=["plan", "calls"],
    )
    return LabelReport(
        source="telco.csv",
        model_version="3",
        language="en",
        generated_by="guanxi",
        label="Left",
        folds=5,
        customers=customers,
        attributes=attributes,
        metrics=metrics,
        explanation=explanation,
        warnings=["column 'reason' alone tells who churned"],
        facts=[("label", "Left")],
    )


def plain(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]))


@pytest.mark.parametrize(
    ("language", "headings"),
    [
        ("en", ["At a glance", "Customers most likely to leave", "How far to trust it", "Finding the right"]),
        ("zh", ["概览", "最可能流失的客户", "可信程度", "识别效果"]),
    ],
)
def test_it_has_every_part(content, language, headings):
    html = render_labels(replace(content, language=language))
    for heading in headings:
        assert heading in html
    assert html.count("<img src=") == 3
    assert "column 'reason' alone tells who churned" in unescape(html)


def test_it_lists_the_likeliest_of_those_still_here(content):
    customers = content.customers
    here = customers[customers["churned"] == 0].sort_values("churn_probability", ascending=False)
    ids = re.findall(r"\bc\d+\b", plain(render_labels(content)).partition("How far")[0])
    assert ids == list(here["customer_id"].head(30))


def test_texts_of_customers_are_escaped(content):
    html = render_labels(content)
    assert "<b>month" not in html
    assert "plan: &lt;b&gt;month&lt;/b&gt;" in html


def test_groups_show_shares_and_keep_points_of_mass(content):
    table = leavers_by_group(content.customers, content.attributes, content.explanation, "en")
    assert list(table["attribute"].unique()) == ["plan", "calls"]
    assert next(iter(table.loc[table["attribute"] == "calls", "group"])) == "0"
    assert table.groupby("attribute")["customers"].sum().tolist() == [N, N]
    monthly = content.attributes["plan"] == "month"
    row = table.set_index("group").loc["month"]
    assert row["observed"] == pytest.approx(content.customers.loc[monthly, "churned"].mean())
    assert row["predicted"] == pytest.approx(content.customers.loc[monthly, "churn_probability"].mean())


def test_groups_of_missing_values_and_of_many_values(content):
    random = np.random.default_rng(1)
    attributes = content.attributes.assign(
        plan=pd.Series(random.choice(list("abcdefg"), N), dtype=object),
        calls=np.where(random.random(N) < 0.1, np.nan, random.normal(size=N)),
    )
    table = leavers_by_group(content.customers, attributes, content.explanation, "en")
    assert list(table["group"][table["attribute"] == "plan"])[-1] == "…"
    of_calls = table[table["attribute"] == "calls"]
    assert list(of_calls["group"])[-1] == "not known"
    assert of_calls["customers"].sum() == N


def test_measures_stand_beside_the_same_probability_for_everyone(content):
    text = " ".join(plain(render_labels(content)).split())
    assert "Log loss penalises confident mistakes; lower is better 0.510 0.010 0.690" in text
    assert "Calibration error gap between predicted and observed; lower is better 0.020 – –" in text
