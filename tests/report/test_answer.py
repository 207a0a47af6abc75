"""The answer: each sentence and each list against the tables it is made from."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import features_at
from guanxi.models import BetaGeoNBD, GammaGamma
from guanxi.params import DataParams
from guanxi.report.answer import build_answer, sentences
from guanxi.report.standing import standing
from guanxi.report.words import feature_in_words
from guanxi.served.driver_texts import _SENTENCES
from guanxi.served.texts import texts

DAYS = 273


@pytest.fixture(scope="module")
def table(predictions, relationships):
    return standing(predictions.reset_index(drop=True), relationships["spent"], 1.0, DAYS)


@pytest.fixture(scope="module")
def answer(table, relationships, totals, holdout):
    return build_answer(
        table,
        days=DAYS,
        level=0.9,
        totals=totals,
        holdout=holdout,
        window=(date(1997, 10, 1), date(1998, 6, 30)),
        actions=relationships["action"],
        grades={"churn": "B", "spend": "A"},
    )


@pytest.fixture(scope="module")
def said(answer):
    return [sentence.replace("\u00a0", " ") for _, sentence in sentences(answer, "en", "USD")]


def percents(sentence: str) -> list[int]:
    return [int(each) for each in re.findall(r"(\d+) %", sentence)]


def test_there_are_five_in_both_languages(answer):
    for language in ("en", "zh"):
        assert len(sentences(answer, language)) == 5
        assert not [text for _, text in sentences(answer, language) if "{" in text or "nan" in text]


def test_worth(said, predictions):
    value = predictions["clv"].sum()
    assert f"{len(predictions):,} customers are worth {value:,.0f} USD" in said[0]
    assert f"({0.8 * value:,.0f} to {1.25 * value:,.0f} USD) over the next {DAYS} days" in said[0]
    top = predictions["clv"].nlargest(len(predictions) // 10).sum() / value
    share, lower, upper, level = percents(said[0])
    assert share == round(100 * top)
    assert lower < share < upper
    assert level == 90


def test_the_range_of_the_top_tenth_covers_what_the_holdout_missed(answer, holdout):
    order = holdout["expected_spend_total"].sort_values(ascending=False).index
    first = order[: len(order) // 10]
    forecast, came = (
        holdout.loc[first, name].sum() / holdout[name].sum() for name in ("expected_spend_total", "spend")
    )
    share, lower, upper = answer.top_share
    assert upper - share == pytest.approx(share - lower)
    assert upper - share >= 1.64 * abs(forecast - came) - 1e-3


def test_risk(said, predictions, holdout):
    risk, churn = predictions["value_at_risk"].sum(), predictions["churn_probability"]
    assert f"{risk:,.0f} USD ({0.8 * risk:,.0f} to {1.25 * risk:,.0f} USD) is at risk" in said[1]
    missed = (holdout["churn_probability"] - holdout["churned"]).mean() * len(churn)
    spread = 1.6448536 * np.sqrt((churn * (1 - churn)).sum() + missed**2)
    ends = f"({churn.sum() - spread:,.0f} to {churn.sum() + spread:,.0f})"
    assert f"{churn.sum():,.0f} customers {ends}" in said[1]


def test_who_and_why(said, predictions, relationships):
    silence = predictions["T"] - predictions["recency"]
    spent = relationships["spent"].to_numpy()
    gone = predictions[
        (spent >= np.quantile(spent, 0.8))
        & (predictions["frequency"] >= 2).to_numpy()
        & (silence >= 3 * predictions["recency"] / predictions["frequency"]).to_numpy()
        & (silence <= 2 * DAYS).to_numpy()
        & (predictions["churn_probability"] > 0.5).to_numpy()
    ].assign(spent=lambda found: spent[found.index])
    first = gone.sort_values("spent", ascending=False).head(5)
    named = ", ".join(f"{row.customer_id} (spent {row.spent:,.0f} USD)" for row in first.itertuples())
    assert f"{len(gone):,} valuable customers are slipping away" in said[2]
    assert f"spending {gone['spent'].sum():,.0f} USD in all, first {named};" in said[2]
    share = (gone["driver_1_effect"] > 0).mean()
    why = f"(100 % of them), days since last purchase ({share * 100:.0f} % of them)."
    assert said[2].endswith(f"what points to leaving: silent for three usual gaps or longer {why}")


def test_what_to_do(said, answer, relationships):
    assert f"Win back the {len(answer.slipping):,}" in said[3]
    assert f"the {len(answer.protect):,} to protect" in said[3]
    assert f"expected to bring {answer.protect['clv'].sum():,.0f} USD" in said[3]
    for action, count in relationships["action"].value_counts().items():
        assert f"{action} ({count:,})" in said[3]


def test_how_far_to_trust_it(said, holdout):
    expected, actual = holdout["expected_spend_total"].sum(), holdout["spend"].sum()
    assert f"forecast total was {abs(expected / actual - 1) * 100:.1f} % too low" in said[4]
    order = holdout["expected_spend_total"].sort_values(ascending=False).index
    captured = holdout.loc[order[: len(order) // 10], "spend"].sum() / actual
    assert f"brought {captured * 100:.0f} % of what came" in said[4]
    assert said[4].endswith("grades (A best): Churn B, Spend A.")


def test_nothing_known_is_said_to_be_unknown(table):
    unknown = table.assign(clv=np.nan, value_at_risk=np.nan, spent=np.nan, slipping=False, protect=False)
    bare = build_answer(
        unknown[[name for name in unknown if not str(name).startswith("driver_")]],
        days=90, level=0.9, totals=None, holdout=None, window=None, actions=None, grades={},
    )  # fmt: skip
    said = " ".join(sentence for _, sentence in sentences(bare, "en"))
    assert "is not known, since the data have no amounts" in said
    assert "not computed for this run" in said
    assert "have not been checked" in said
    assert "nan" not in said


class TestStanding:
    def customer(self, **known):
        usual = {
            "frequency": 41, "recency": 460, "T": 735, "clv": 100.0, "probability_alive": 0.02,
            "churn_probability": 0.97,
        }  # fmt: skip
        return usual | known

    def slipping(self, spent=54_074.0, horizon_days=182, **known):
        others = [self.customer(recency=735, churn_probability=0.1) for _ in range(9)]
        customers = pd.DataFrame([self.customer(**known), *others])
        amounts = pd.Series([spent, *np.linspace(100, 900, 9)])
        return bool(standing(customers, amounts, 1.0, horizon_days)["slipping"].iloc[0])

    def test_a_large_regular_customer_who_fell_silent_is_slipping_away(self):
        assert self.slipping()

    @pytest.mark.parametrize(
        "known",
        [
            {"spent": 50.0},
            {"frequency": 1},
            {"recency": 710},  # silent for two gaps only
            {"churn_probability": 0.4},
            {"T": 735 + 400},  # gone for longer than a year
        ],
        ids=["small", "no rhythm", "not silent", "likely to buy", "long gone"],
    )
    def test_others_are_not(self, known):
        assert not self.slipping(**known)

    def test_a_long_horizon_looks_back_longer(self):
        assert self.slipping(T=735 + 400, horizon_days=365)

    def test_nobody_is_on_both_lists(self, table):
        assert not (table["slipping"] & table["protect"]).any()
        assert table["slipping"].any()
        assert table["protect"].any()

    def test_past_value_is_the_margin_of_what_was_spent(self):
        customers = pd.DataFrame([self.customer(), self.customer(margin_rate=0.5)]).fillna(0.25)
        found = standing(customers, pd.Series([100.0, 100.0]), 1.0, 90)
        assert found["past_value"].tolist() == [25.0, 50.0]
        assert found["total_value"].tolist() == [125.0, 150.0]


@pytest.mark.slow
def test_the_large_customer_who_fell_silent_is_the_first_to_win_back(retail):
    """Customer 13093 of Online Retail II spent 54,000, bought every 11 days, is silent for 275."""
    found = retail[retail["slipping"]].sort_values("spent", ascending=False)
    first = found.iloc[0]
    assert str(first["customer_id"]) == "13093"
    assert first["spent"] == pytest.approx(54_100, abs=150)
    assert first["purchases"] in (42, 43)
    assert (round(first["usual_gap"]), first["silence"]) == (11, 275)
    assert first["churn_probability"] > 0.95
    assert not retail.loc[found.index, "protect"].any()


@pytest.fixture(scope="module")
def retail(shared_data) -> pd.DataFrame:
    """Where the customers of Online Retail II stand, by BG/NBD and Gamma-Gamma."""
    columns = {"customer_id": "CustomerID", "timestamp": "InvoiceDate", "amount": "Quantity*Price"}
    source = str(shared_data / "online_retail_ii.parquet")
    given = DataParams(columns=columns, duplicates="drop", duplicates_ignore=("sheet",))
    log = read_transactions(source, given)
    features = features_at(log, log.last_day, 182)
    spent = log.events.group_by("customer_id").agg(spent=log.events.amount.sum()).execute()
    log.close()
    purchases, spend = BetaGeoNBD().fit(features), GammaGamma().fit(features)
    table = features.assign(
        probability_alive=purchases.probability_alive(features),
        churn_probability=purchases.purchase_probability(features, 0, 182),
        clv=purchases.expected_purchases(features, 182) * spend.expected_spend(features),
    )
    amounts = table["customer_id"].map(spent.set_index("customer_id")["spent"])
    return standing(table, amounts, 1.0, 182)


def test_every_feature_has_a_name_in_words():
    log = read_transactions("cdnow-sample")
    features = [name for name in features_at(log, log.last_day, 90) if name != "customer_id"]
    log.close()
    named = texts("guanxi.report", "en")["features"]
    for language in ("en", "zh"):
        words = [feature_in_words(name, language) for name in features]
        assert len(set(words)) == len(words)
        assert not [word for name, word in zip(features, words, strict=True) if word == name]
    made = {re.sub(r"_\d+$", "", name) for name in features}
    optional = {"purchase_pattern", "quantity_mean", "quantity_last", "margin_share"}
    breadth = {f"{kind}_{what}" for kind in ("category", "channel") for what in ("count", "concentration")}
    assert set(named) == made | optional | breadth


def test_no_reason_is_named_by_a_code(answer):
    drivers = [name for name in texts("guanxi.report", "en")["drivers"] if name != "silence"]
    assert set(drivers) == set(_SENTENCES)
    for language in ("en", "zh"):
        for driver in drivers:
            why = sentences(replace(answer, reasons=[(driver, 0.5)]), language)[2][1]
            assert driver not in why or "_" not in driver
