"""The simulated company: coherent, keyed by its seed, and its truth is what happens on average."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.errors import ParamsError
from guanxi.features.snapshots import snapshot
from guanxi.simulation import Effects, simulate_company
from guanxi.simulation.company._dataset import RELATIONS

CUTOFF = "2023-12-31"
LATER = pd.Timestamp("2100-01-01")
NOTHING = Effects(
    **dict.fromkeys(("dropout_satisfaction", "dropout_loyalty", "dropout_risk", "purchases_engagement"), 0.0)
)
TABLES = ("transactions", *RELATIONS)


@pytest.fixture(scope="module")
def company():
    return simulate_company(customers=4000, seed=1)


@pytest.fixture(scope="module")
def truth(company):
    return company.truth.set_index("customer_id")


def correlation(one, other):
    return pd.concat([one, other], axis=1, join="inner").corr().iloc[0, 1]


def test_the_same_seed_gives_the_same_company_and_another_seed_another():
    one, same, other = (simulate_company(customers=200, seed=seed) for seed in (3, 3, 4))
    for name in (*TABLES, "truth", "future"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(same, name))
        assert not getattr(one, name).equals(getattr(other, name))


def test_what_is_known_ends_with_the_last_day_and_begins_with_acquisition(company):
    end = pd.Timestamp(company.as_of) + pd.Timedelta(days=1)
    acquired = company.truth.set_index("customer_id")["acquired_on"]
    for name in TABLES:
        table = getattr(company, name)
        assert set(table["customer_id"]) <= set(acquired.index)
        for column in table.select_dtypes("datetime"):
            moments = table[column].dropna()
            assert (moments < end).all()
            first_day = table.loc[moments.index, "customer_id"].map(acquired).dt.normalize()
            assert (moments >= first_day).all(), f"{name}.{column} before the customer came"
    assert (company.future["timestamp"] >= end).all()


def test_who_has_left_buys_and_says_nothing(company, truth):
    dropout = truth["dropout_on"].fillna(LATER)
    active = company.interactions[company.interactions["direction"] == "inbound"]
    answered = company.interactions[company.interactions["responded"].fillna(value=False)]
    waves = company.surveys[company.surveys["instrument"] != "ces"]
    for table in (company.transactions, company.future, active, answered, waves):
        assert (table["timestamp"] <= table["customer_id"].map(dropout)).all()


def test_referrers_are_customers_when_they_refer_and_there_is_no_loop(company, truth):
    referred = truth[truth["referred_by"].notna()]
    referrer = truth.loc[referred["referred_by"]]
    assert len(referred) > 400
    assert (referrer["acquired_on"].to_numpy() < referred["acquired_on"].to_numpy()).all()
    left = referrer["dropout_on"].fillna(LATER).to_numpy()
    assert (left > referred["acquired_on"].to_numpy()).all()
    referrals = referred["referred_by"].value_counts().reindex(truth.index, fill_value=0)
    assert correlation(referrals, truth["loyalty"]) > 0.1


def test_what_is_measured_shows_the_truth_with_noise(company, truth):
    scores = company.surveys.pivot_table(index="customer_id", columns="instrument", values="score")
    assert 0.5 < correlation(scores["csat"], truth["satisfaction"]) < 0.9
    assert 0.5 < correlation(scores["nps"], truth["loyalty"]) < 0.9
    known = (pd.Timestamp("2025-01-01") - truth["acquired_on"]).dt.days
    tickets = company.tickets.groupby("customer_id").size().reindex(truth.index, fill_value=0)
    assert correlation(tickets / known, truth["service_quality"]) < -0.05
    complaints = company.tickets.groupby("customer_id")["complaint"].mean()
    assert correlation(complaints, truth["service_quality"]) < -0.2
    overdue = company.credit.groupby("customer_id")["overdue_days"].mean()
    assert correlation(overdue, truth["risk"]) > 0.5


def test_the_true_score_is_the_mean_answer(company, truth):
    surveys = company.surveys
    meant = surveys["customer_id"].map(truth["csat"])
    answers = (surveys["score"] - 1.0) / 4.0
    for low, high in ((0.3, 0.5), (0.5, 0.7), (0.7, 0.95)):
        picked = (surveys["instrument"] == "csat") & (meant >= low) & (meant < high)
        error = answers[picked] - meant[picked]
        assert abs(error.mean()) < 4.0 * error.std() / np.sqrt(picked.sum())
    servqual = surveys[surveys["instrument"] == "servqual"]
    gap = ((servqual["score"] - servqual["expectation"]) / 6.0).groupby(servqual["customer_id"]).mean()
    difference = gap - truth["servqual_gap"].reindex(gap.index)
    assert abs(difference.mean()) < 4.0 * difference.std() / np.sqrt(len(gap))


@pytest.mark.parametrize("cutoff", [CUTOFF, "2024-12-31"])
def test_the_expected_is_the_mean_of_the_realised(company, cutoff):
    realised = company.realised(cutoff, 365).set_index("customer_id")
    expected = company.expected(cutoff, 365).set_index("customer_id")
    assert set(realised.index) == set(expected.index)
    difference = (realised - expected.loc[realised.index])[["spend", "churned"]]
    error = difference.std() / np.sqrt(len(difference))
    assert (difference.mean().abs() < 4.0 * error).all()
    # Orders of one day are one purchase.
    assert -0.05 < realised["purchases"].sum() / expected["purchases"].sum() - 1.0 < 0.0


def test_the_realised_is_what_a_snapshot_of_the_log_says(company):
    log = read_transactions(company.transactions)
    try:
        assert not log.rejected_by_rule
        labels = snapshot(log, pd.Timestamp(CUTOFF).date(), 365)
    finally:
        log.close()
    realised = company.realised(CUTOFF, 365)
    assert labels["customer_id"].tolist() == realised["customer_id"].tolist()
    for name in ("purchases", "spend", "churned"):
        np.testing.assert_allclose(realised[name], labels[name], atol=1e-6)


def test_effects_are_what_moves_lifetimes():
    moved, unmoved = (simulate_company(customers=2500, seed=2, effects=e) for e in (Effects(), NOTHING))

    def slope(truth):
        return correlation(np.log(truth["dropout_rate"]), truth["satisfaction"])

    assert slope(moved.truth) < -0.3
    assert abs(slope(unmoved.truth)) < 0.05


@pytest.mark.parametrize("table_format", ["csv", "parquet"])
def test_it_writes_a_folder_that_guanxi_reads(tmp_path, table_format):
    company = simulate_company(customers=150, years=2, seed=5)
    company.write(tmp_path / "shop", table_format)
    written = {path.name for path in (tmp_path / "shop").iterdir()}
    assert written == {"params.yaml", *(f"{name}.{table_format}" for name in TABLES)}
    log = read_transactions(str(tmp_path / "shop" / f"transactions.{table_format}"))
    try:
        assert not log.rejected_by_rule
        assert log.last_day <= company.as_of
    finally:
        log.close()
    for name in RELATIONS:
        assert f"{name}: {{source: {name}.{table_format}}}" in (tmp_path / "shop" / "params.yaml").read_text()


def test_prospects_are_customers_without_a_purchase(company, truth):
    bought = set(company.transactions["customer_id"])
    assert set(company.customers["customer_id"]) - bought == set(truth.index[truth["prospect"]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"customers": 0}, "customers is 0: give at least 1"),
        ({"years": 0}, "give at least a day"),
        ({"years": 101}, "a century at most"),
        ({"future_days": -1}, "give at least a day"),
        ({"as_of": "last week"}, "as_of 'last week' is not a date"),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments, message):
    with pytest.raises(ParamsError, match=message):
        simulate_company(**arguments)


def test_days_that_were_not_simulated_are_refused():
    company = simulate_company(customers=20, years=1, future_days=30)
    with pytest.raises(ParamsError, match="31 days after 2024-12-31 are not simulated"):
        company.realised("2024-12-31", 31)
    assert len(company.realised("2024-12-31", 30)) > 0


def test_one_customer_is_enough():
    company = simulate_company(customers=1, years=1, seed=0)
    assert len(company.truth) == len(company.customers) == 1
