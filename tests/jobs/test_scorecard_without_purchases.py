"""``guanxi scorecard`` of customers without purchases: prospects, surveys, attributes, models of labels."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from guanxi.data.relations.tables import read_relations
from guanxi.errors import HistoryError
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.scorecard import _customers_of, scorecard
from guanxi.params import load_params
from guanxi.scorecard import ScorecardInputs, build_scorecard, without_purchases

CUSTOMERS = 300
PARAMS = """
relations:
  customers: {source: customers.csv}
  surveys: {source: surveys.csv, constants: {instrument: partner trust, scale_low: 1, scale_high: 7}}
  indicators: {source: ratings.csv}
scorecard:
  by: [country]
  draws: 50
  indicators:
    trust: {dimension: satisfaction, survey: partner trust, label: Vertrauen}
    potential: {dimension: partnership, scale: [0, 10], unit: points}
    late: {dimension: risk, attribute: days_late, higher_is_better: false, unit: days}
  targets: {trust: {target: 0.9, warning: 0.8, by: [country]}, retention_rate: {target: 0.8}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("prospects")
    rng = np.random.default_rng(1)
    ids = [f"p{number:03d}" for number in range(CUSTOMERS)]
    customers = pd.DataFrame({"customer_id": ids, "country": rng.choice(["DE", "FR"], CUSTOMERS)})
    customers.assign(days_late=rng.poisson(3, CUSTOMERS)).to_csv(place / "customers.csv", index=False)
    asked = ids[:200]
    answers = pd.DataFrame(
        {"customer_id": asked, "timestamp": "2024-05-01", "score": rng.integers(1, 8, 200)}
    )
    answers.assign(timestamp="2024-05-01").to_csv(place / "surveys.csv", index=False)
    experts = [(each, "potential", rng.integers(0, 11), who) for each in ids[50:] for who in ("ann", "bob")]
    ratings = pd.DataFrame(experts, columns=["customer_id", "name", "value", "expert"])
    ratings.to_csv(place / "ratings.csv", index=False)
    (place / "params.yaml").write_text(PARAMS)
    return place


@pytest.fixture(scope="module", params=["en", "zh"])
def ended(request, folder):
    from typer.testing import CliRunner

    from guanxi import cli

    given = [
        "--no-purchases",
        "-o",
        request.param,
        "--set",
        f"language={request.param}",
        "--fail-on",
        "target",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return CliRunner().invoke(cli.app, ["scorecard", *given], catch_exceptions=False), request.param


@pytest.mark.slow
def test_it_scores_and_says_what_it_lacks(ended, folder):
    found, name = ended
    assert found.exit_code == 3  # the target of trust is missed
    table = pd.read_parquet(folder / name / "scorecard.parquet").set_index("customer_id")
    assert len(table) == CUSTOMERS
    assert set(table["tier"]) == {"high", "middle", "low"}
    assert table["clv"].isna().all()
    assert "lifecycle_stage" not in table
    assert "no purchases: what follows from them is unknown" in found.stdout
    assert "300 customers as of 2024-05-01" in found.stdout
    assert "Target trust (country DE):" in found.stdout
    assert "Target retention_rate: no data" in found.stdout
    rated = pd.read_csv(folder / "ratings.csv").groupby("customer_id")["value"].mean()
    pd.testing.assert_series_equal(table["potential"].dropna(), rated, check_names=False)
    assert table["why_1"].str.contains("Vertrauen").any()
    assert "guanxi: needs attention: trust, trust (country DE)" in found.stderr


def test_the_page_and_the_tables_name_the_own_indicators(ended, folder):
    _, name = ended
    page = (folder / name / "scorecard.html").read_text("utf-8")
    assert "Vertrauen" in page
    assert "points" in page
    assert ("Importance: nominal and effective" if name == "en" else "重要性：名义与实际") in page
    # Names before method, and notes in the language of the page.
    places = [
        page.index(f'id="{anchor}"') for anchor in ("findings", "scorecard", "watch", "groups", "method")
    ]
    assert places == sorted(places)
    note = "no purchases: what follows" if name == "en" else "没有购买记录：由购买得出的内容未知"
    assert page.index(note) > places[-1]
    assert ("no purchases" in page) == (name == "en")
    summary = pd.read_csv(folder / name / "tables" / "indicators.csv").set_index("indicator")
    assert summary.loc["late", ["dimension", "unit"]].tolist() == ["risk", "days"]
    assert not summary.loc["late", "higher_is_better"]
    weights = json.loads((folder / name / "weights.json").read_text("utf-8"))["weights"]
    assert weights == pytest.approx({"trust": 1 / 3, "potential": 1 / 3, "late": 1 / 3})
    rolled = pd.read_csv(folder / name / "tables" / "roll_up_country.csv")
    assert {"trust", "potential", "late", "partnership_score"} <= set(rolled["measure"])


def test_customers_who_are_only_rated_are_customers():
    ratings = pd.DataFrame({"customer_id": ["b", "a"], "trust": [1.0, 2.0]})
    surveys = pd.DataFrame({"customer_id": ["c", "a"], "timestamp": "2024-05-01", "score": 4})
    tables = {"indicators": ratings, "surveys": surveys.assign(instrument="csat")}
    relations = read_relations(load_params(), tables=tables)
    try:
        found = _customers_of(relations, dt.date(2024, 5, 1))
        assert found["customer_id"].tolist() == ["a", "b", "c"]
        assert _customers_of(relations, dt.date(2024, 4, 1))["customer_id"].tolist() == ["a", "b"]
    finally:
        relations.close()


def test_there_are_no_earlier_days(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(HistoryError, match="leave out --history"):
        scorecard(None, tmp_path / "card", load_params(), Reporter(), history=1)


@pytest.mark.slow
def test_churn_of_a_model_of_labels_is_retention(folder, monkeypatch):
    """What such a model predicts enters as it does from purchases."""
    monkeypatch.chdir(folder)
    params = load_params()
    ids = pd.read_csv("customers.csv")["customer_id"]
    churn = pd.DataFrame({"customer_id": ids, "churn_probability": np.linspace(0, 1, len(ids))})
    relations = read_relations(params)
    try:
        inputs = ScorecardInputs(
            None, relations, lambda day: without_purchases(churn, day), 0, 0, 1.0, params
        )
        found = build_scorecard(inputs, Reporter())
    finally:
        relations.close()
    table = found.customers
    np.testing.assert_allclose(table["retention_probability"], 1 - churn["churn_probability"])
    assert found.relationship.weighting.weights["retention_probability"] == pytest.approx(0.5)
    leaving = set(table.loc[(table["tier"] != "low") & (table["churn_probability"] > 0.5), "customer_id"])
    assert leaving == set(found.movements.watch["customer_id"])
    assert len(leaving) > 10
    high, low = (table.loc[table["tier"] == tier, "churn_probability"].mean() for tier in ("high", "low"))
    assert high < low - 0.2
