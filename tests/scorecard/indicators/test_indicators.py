"""Every indicator by hand, what is absent, and what changes nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import DataError
from guanxi.features.relations.customer_totals import totals_at
from guanxi.features.relations.measures import COLUMNS
from guanxi.scorecard.indicators import (
    CATALOGUE,
    DIMENSIONS,
    Indicator,
    indicator_table,
    summarise_indicators,
)
from guanxi.served.texts import texts

LABELS = {language: texts("guanxi.scorecard.indicators", language) for language in ("en", "zh")}
NAN = math.nan
PREDICTIONS = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "frequency": [3.0, 0.0, 1.0],
        "recency": [600.0, 0.0, 30.0],
        "T": [730.0, 73.0, 60.0],
        "probability_alive": [0.9, 0.5, 0.8],
        "churn_probability": [0.25, 0.5, 0.75],
        "clv": [100.0, 40.0, 10.0],
        "value_at_risk": [5.0, 30.0, 40.0],
    }
)
TOTALS = pd.DataFrame(
    {
        "customer_id": ["c", "b", "a"],
        "purchases": [2.0, 1.0, 4.0],
        "revenue": [0.0, 20.0, 200.0],
        "revenue_year": [0.0, 20.0, 50.0],
        "refund_share": [NAN, 0.2, 0.1],
        "categories": [NAN, 1.0, 2.0],
        "category_concentration": [NAN, 1.0, 0.625],
        "spend_variation": [NAN, NAN, 0.5],
    }
)
RELATIONS = pd.DataFrame(
    {
        "customer_id": ["a", "b", "x"],
        "acquired_days": [800.0, NAN, 5.0],
        "acquisition_cost": [25.0, 0.0, 9.0],
        "referred_by": [None, "a", "b"],
        "share_of_wallet": [0.4, NAN, NAN],
        "interactions": [4.0, NAN, NAN],
        "days_since_interaction": [12.0, NAN, NAN],
        "interaction_channels": [2.0, NAN, NAN],
        "channel_mix": [1.0, NAN, NAN],
        "contacts_outbound": [2.0, NAN, NAN],
        "responses": [1.0, NAN, NAN],
        "csat_sum": [1.5, NAN, NAN],
        "csat_answers": [2.0, NAN, NAN],
        "nps_score": [9.0, 6.0, NAN],
        "ces_sum": [0.5, 1.0, NAN],
        "ces_answers": [1.0, 1.0, NAN],
        "servqual_tangibles_gap": [-0.5, NAN, NAN],
        "servqual_empathy_gap": [0.1, NAN, NAN],
        "satisfaction_earlier": [0.5, 0.5, NAN],
        "satisfaction_recent": [0.75, NAN, NAN],
        "complaints": [2.0, NAN, NAN],
        "complaints_closed": [1.0, NAN, NAN],
        "ticket_satisfaction_sum": [NAN, 0.5, NAN],
        "ticket_satisfaction_answers": [NAN, 1.0, NAN],
        "cost_to_serve": [30.0, NAN, NAN],
        "cost_to_retain": [5.0, NAN, NAN],
        "overdue_days": [10.0, NAN, NAN],
        "defaults": [1.0, NAN, NAN],
    }
)
# The mean is worth 3/7 answers: with so few customers a single answer's reliability of .7 decides.
K = 3 / 7
CREDIBLE = [2 / (2 + K), 1 / (1 + K)]
COMMON = (CREDIBLE[0] * 0.75 + CREDIBLE[1] * 0.5) / sum(CREDIBLE)
BY_HAND = {
    "revenue": [200.0, 20.0, 0.0],
    "margin": [100.0, 10.0, 0.0],
    "current_value": [25.0, 10.0, 0.0],
    "future_value": [100.0, 40.0, 10.0],
    "potential_value": [NAN, NAN, NAN],
    "purchase_frequency": [3 / 2, 0.0, 1.0],
    "average_order": [50.0, 20.0, 0.0],
    "category_concentration": [0.625, 1.0, NAN],
    "category_breadth": [2.0, 1.0, NAN],
    "share_of_wallet": [0.4, NAN, NAN],
    "profit": [65.0, 10.0, 0.0],
    "clv_to_acquisition_cost": [4.0, NAN, NAN],
    "payback_days": [25 / (100 / 730), 0.0, NAN],
    "repeat_rate": [0.75, 0.0, 0.5],
    "tenure_days": [800.0, 73.0, 60.0],
    "probability_alive": [0.9, 0.5, 0.8],
    "retention_probability": [0.75, 0.5, 0.25],
    "rhythm_kept": [(600 / 730) ** 3, NAN, 0.5],
    "csat": [
        CREDIBLE[0] * 0.75 + (1 - CREDIBLE[0]) * COMMON,
        CREDIBLE[1] * 0.5 + (1 - CREDIBLE[1]) * COMMON,
        NAN,
    ],
    "nps_score": [9.0, 6.0, NAN],
    "ces": [0.7 * 0.5 + 0.3 * 0.75, 0.7 * 1.0 + 0.3 * 0.75, NAN],
    "servqual_gap": [-0.2, NAN, NAN],
    "servqual_tangibles": [-0.5, NAN, NAN],
    "servqual_reliability": [NAN, NAN, NAN],
    "servqual_responsiveness": [NAN, NAN, NAN],
    "servqual_assurance": [NAN, NAN, NAN],
    "servqual_empathy": [0.1, NAN, NAN],
    "complaints": [2.0, 0.0, 0.0],
    "complaint_resolution": [0.5, NAN, NAN],
    "satisfaction_trend": [0.25, NAN, NAN],
    "interaction_recency_days": [12.0, NAN, NAN],
    "interactions": [4.0, 0.0, 0.0],
    "channel_breadth": [2.0, 0.0, 0.0],
    "response_rate": [0.5, NAN, NAN],
    "channel_mix": [1.0, NAN, NAN],
    "value_at_risk": [5.0, 30.0, 40.0],
    "refund_share": [0.1, 0.2, NAN],
    "spend_volatility": [0.5, NAN, NAN],
    "overdue_days": [10.0, NAN, NAN],
    "defaults": [1.0, NAN, NAN],
    "referrals": [1.0, 1.0, 0.0],
    "referral_value": [40.0, 0.0, 0.0],
    "promoter": [1.0, -1.0, NAN],
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return indicator_table(PREDICTIONS, TOTALS, RELATIONS, margin_rate=0.5)[0]


def test_every_indicator_stands_in_the_table(table):
    assert list(table.columns) == ["customer_id", *CATALOGUE]
    assert list(table["customer_id"]) == ["a", "b", "c"]
    assert (table.drop(columns="customer_id").dtypes == np.float64).all()


@pytest.mark.parametrize("name", CATALOGUE)
def test_indicator_by_hand(table, name):
    assert table[name].tolist() == pytest.approx(BY_HAND[name], nan_ok=True)


def test_the_margin_of_the_log_goes_before_the_rate():
    totals = TOTALS.assign(margin=[NAN, 4.0, 60.0], margin_year=[NAN, 4.0, 20.0])
    predictions = PREDICTIONS.assign(margin_rate=[0.3, 0.2, 0.3])
    table, notes = indicator_table(predictions, totals, RELATIONS, margin_rate=0.5)
    assert table["margin"].tolist() == pytest.approx([60.0, 4.0, NAN], nan_ok=True)
    assert table["current_value"].tolist() == pytest.approx([20.0, 4.0, NAN], nan_ok=True)
    assert table["profit"].tolist() == pytest.approx([25.0, 4.0, NAN], nan_ok=True)
    assert not [note for note in notes if "margin" in note]


def test_a_model_without_the_margins_of_the_log_is_told():
    _, notes = indicator_table(PREDICTIONS, TOTALS.assign(margin=[NAN, 4.0, 60.0]), margin_rate=0.5)
    assert notes[0].startswith("the model was trained without margins: its values are 0.5 of revenue")


def test_summary_gives_unit_and_period_of_every_known_indicator(table):
    summary = summarise_indicators(table, 90).set_index("indicator")
    assert list(summary.index) == [name for name in CATALOGUE if table[name].notna().any()]
    assert summary.loc[["future_value", "value_at_risk"], "period_days"].tolist() == [90, 90]
    assert summary.loc["current_value", ["unit", "period", "period_days"]].tolist() == [
        "margin",
        "last_year",
        365,
    ]
    assert summary.loc["revenue", ["unit", "customers", "mean"]].tolist() == [
        "revenue",
        3,
        pytest.approx(220 / 3),
    ]
    assert summary["period_days"].isna().sum() == (~summary["period"].isin(["horizon", "last_year"])).sum()


@pytest.mark.parametrize(("margin", "days"), [(73.0, 50.0), (0.001, 3650.0), (0.0, 3650.0), (-5.0, 3650.0)])
def test_payback_in_the_first_year_and_where_there_is_no_margin(margin, days):
    predictions = PREDICTIONS.iloc[[1]].assign(T=10.0)
    totals = pd.DataFrame({"customer_id": ["b"], "revenue": [9.0], "margin": [margin]})
    relations = pd.DataFrame({"customer_id": ["b"], "acquisition_cost": [10.0]})
    table, _ = indicator_table(predictions, totals, relations)
    assert table["payback_days"].tolist() == pytest.approx([days])


def test_what_is_absent_is_said(table):
    del table
    bare, notes = indicator_table(PREDICTIONS)
    known = {name for name in CATALOGUE if bare[name].notna().any()}
    assert known == {name for name, each in CATALOGUE.items() if each.sources == ("predictions",)}
    assert "no credit: overdue_days and defaults unknown" in notes
    assert "no surveys or tickets: csat and satisfaction_trend unknown" in notes
    assert {note.split(":")[0].removeprefix("no ") for note in notes} == {
        *("transactions", "surveys", "surveys or tickets", "tickets", "customers", "interactions", "credit")
    }


def test_what_is_unknown_for_all_is_said():
    _, notes = indicator_table(PREDICTIONS, TOTALS, RELATIONS, margin_rate=0.5)
    assert notes[0] == "the log has no margin: 0.5 of revenue is used instead"
    (unknown_for_all,) = notes[1:]
    assert unknown_for_all.startswith("unknown for all customers: potential_value, servqual_reliability,")


@pytest.mark.parametrize("relation", COLUMNS)
def test_an_empty_relation_table_is_an_absent_one(relation):
    """A table that says nothing of anybody gives no zeros: nobody knows that nobody complained."""
    names = [name for name in COLUMNS[relation] if name in RELATIONS.columns]
    emptied = RELATIONS.assign(**dict.fromkeys(names, NAN))
    gone = RELATIONS.drop(columns=names)
    first, second = (indicator_table(PREDICTIONS, TOTALS, each)[0] for each in (emptied, gone))
    pd.testing.assert_frame_equal(first, second)
    depending = [name for name, each in CATALOGUE.items() if each.sources == (relation,)]
    if relation != "customers":  # Attributes are still there.
        assert first[depending].isna().all(axis=None)


@settings(max_examples=6, deadline=None)
@given(
    order=st.permutations(range(3)),
    others=st.permutations(range(3)),
    columns=st.permutations(list(RELATIONS.columns)),
)
def test_order_of_rows_and_columns_changes_nothing(order, others, columns):
    expected = indicator_table(PREDICTIONS, TOTALS, RELATIONS)[0].iloc[order].reset_index(drop=True)
    given_tables = PREDICTIONS.iloc[order], TOTALS.iloc[others], RELATIONS.iloc[others][columns]
    pd.testing.assert_frame_equal(indicator_table(*given_tables)[0], expected, check_exact=True)


def test_tables_of_other_customers_are_told():
    strange = RELATIONS.assign(customer_id=[1, 2, 3])
    _, notes = indicator_table(PREDICTIONS, TOTALS, strange)
    assert notes[1].startswith("no customer of the predictions is in the relations: check")


def test_everything_missing_or_constant_is_no_error():
    missing = RELATIONS.assign(**{name: NAN for name in RELATIONS.columns if name != "customer_id"})
    table, notes = indicator_table(PREDICTIONS, TOTALS, missing)
    assert any(note.startswith("no surveys: ") for note in notes)
    same = PREDICTIONS.assign(clv=1.0, value_at_risk=0.5)
    assert indicator_table(same)[0]["value_at_risk"].tolist() == [0.5] * 3
    assert table["revenue"].notna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": PREDICTIONS.iloc[:0]}, "no row"),
        ({"predictions": PREDICTIONS.drop(columns="customer_id")}, "no column customer_id"),
        ({"predictions": PREDICTIONS.assign(customer_id=["a", "a", "b"])}, "customer 'a' twice"),
        ({"relations": RELATIONS.assign(customer_id=["a", None, "x"])}, "1 rows without customer_id"),
        ({"totals": TOTALS.assign(revenue=[1.0, math.inf, 0.0])}, "revenue contains an infinite"),
        ({"relations": RELATIONS.assign(nps_score=["9", "x", "1"])}, "nps_score contains text"),
        ({"relations": RELATIONS.assign(share_of_wallet=[40.0, NAN, NAN])}, "between 0 and 1"),
        ({"relations": RELATIONS.assign(referred_by=["b", "a", None])}, "loop: .* was referred by"),
    ],
)
def test_bad_input_is_refused(change, message):
    tables = {"predictions": PREDICTIONS, "totals": TOTALS, "relations": RELATIONS} | change
    with pytest.raises(DataError, match=message):
        indicator_table(**tables)


def test_the_catalogue_is_complete():
    for name, indicator in CATALOGUE.items():
        assert name == indicator.name
        assert indicator.dimension in DIMENSIONS
        assert all(indicator.name in labels["indicators"] for labels in LABELS.values())
        assert indicator.formula
        assert all(indicator.unit in labels["units"] for labels in LABELS.values())
        assert all(indicator.period in labels["periods"] for labels in LABELS.values())
        assert indicator.missing
        assert indicator.reference
        parts = {part for source in indicator.sources for part in source.split(" or ")}
        assert parts <= {"predictions", "transactions", *COLUMNS}
        assert not set("|\n") & set("".join((indicator.formula, indicator.missing, indicator.reference)))
    lower = {name for name, indicator in CATALOGUE.items() if not indicator.higher_is_better}
    assert lower == {
        *("category_concentration", "payback_days", "complaints", "interaction_recency_days"),
        *("value_at_risk", "refund_share", "spend_volatility", "overdue_days", "defaults"),
    }


def catalogue_markdown(language: str = "en") -> str:
    """Write the catalogue as Markdown, a table for each dimension."""
    return "\n\n".join(_section(dimension, language) for dimension in DIMENSIONS) + "\n"


def _section(dimension: str, language: str) -> str:
    rows = [
        "| name | | formula | unit | period | better | from | missing means | reference |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(each, language) for each in CATALOGUE.values() if each.dimension == dimension),
    ]
    return f"## {LABELS[language]['dimensions'][dimension]}\n\n" + "\n".join(rows)


def _row(indicator: Indicator, language: str) -> str:
    better = "higher" if indicator.higher_is_better else "lower"
    cells = (
        f"`{indicator.name}`", LABELS[language]["indicators"][indicator.name],
        indicator.formula, LABELS[language]["units"][indicator.unit],
        LABELS[language]["periods"][indicator.period].format(days="horizon_days"), better,
        ", ".join(indicator.sources), indicator.missing, indicator.reference,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def test_the_page_holds_the_catalogue():
    """Put what ``catalogue_markdown()`` gives into the page again when this fails."""
    page = (Path(__file__).parents[3] / "docs" / "indicators.md").read_text(encoding="utf-8")
    assert catalogue_markdown() in page
    assert catalogue_markdown("zh").count("\n| `") == len(CATALOGUE)


def test_predictions_of_a_real_run(first_run, sample_log):
    """Every predicted customer has the indicators that a log without relations can give."""
    predictions = first_run.predictions
    totals = totals_at(sample_log, predictions["as_of"].iloc[0])
    table, notes = indicator_table(predictions, totals)
    assert table["customer_id"].tolist() == predictions["customer_id"].tolist()
    assert table["revenue"].sum() == pytest.approx(sample_log.events.amount.sum().execute())
    always = [
        "revenue",
        "current_value",
        "future_value",
        "tenure_days",
        "value_at_risk",
        "retention_probability",
    ]
    assert table[always].notna().all(axis=None)
    assert table["rhythm_kept"].notna().equals(predictions["frequency"] > 0)
    shares = ["repeat_rate", "rhythm_kept", "retention_probability", "probability_alive"]
    assert table[shares].min().min() >= 0
    assert table[shares].max().max() <= 1
    assert notes[0] == "the log has no margin: 1 of revenue is used instead"
