"""Features of customers under contract and renewal opportunities: values, laws, no leak, simulated truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.contracts.log import read_contracts
from guanxi.errors import ParamsError
from guanxi.features.contracts.snapshots import ContractChunks, contract_features, person_periods
from guanxi.params import Params
from guanxi.simulation import SubscriptionEffects, simulate_subscriptions

COLUMNS = ["customer_id", "start", "end", "amount", "plan"]


def table(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS[: len(rows[0])])


def opportunities(contracts: pd.DataFrame, as_of: str | None = None, **options: Any) -> pd.DataFrame:
    log = read_contracts(contracts, Params(contracts=options))
    rows = person_periods(log, as_of)
    log.close()
    return rows


def days(rows: pd.DataFrame) -> list[str]:
    return [str(day.date()) for day in rows["opportunity"]]


def test_each_month_has_an_opportunity_with_what_was_known_the_day_before() -> None:
    rows = opportunities(
        table(
            ("a", "2024-01-31", "2024-03-15", 10.0, "basic"),
            ("a", "2024-03-15", "2024-06-30", 12.0, "plus"),
        )
    )
    assert days(rows) == ["2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30"]
    assert rows["renewals"].tolist() == [0, 1, 2, 3, 4]
    assert rows["churned"].tolist() == [0, 0, 0, 0, 1]
    assert rows["amount"].tolist() == [10, 12, 12, 12, 12]
    assert rows["plan"].tolist() == ["basic", *["plus"] * 4]
    assert rows["amount_changes"].tolist() == [0, 1, 1, 1, 1]
    assert rows["last_change"].tolist() == pytest.approx([0, 0.2, 0.2, 0.2, 0.2])
    assert rows["periods_since_change"].tolist() == [0, 0, 1, 2, 3]


def test_a_customer_who_comes_back_has_another_spell() -> None:
    contracts = table(("a", "2024-01-01", "2024-03-01"), ("a", "2024-05-20", None))
    rows = opportunities(contracts, "2024-06-30")
    assert rows[["spell", "renewals", "churned"]].to_numpy().tolist() == [[1, 0, 0], [1, 1, 1], [2, 0, 0]]
    assert rows["periods_away"].tolist()[-1] == 2
    late = opportunities(contracts.assign(start=["2024-01-01", "2024-03-06"]), "2024-06-30", grace_days=5)
    assert late["spell"].unique().tolist() == [1]
    assert late["churned"].sum() == 0


def test_grace_is_waited_for_before_a_customer_counts_as_lost() -> None:
    log = read_contracts(
        table(("a", "2024-01-01", "2024-03-01"), ("b", "2024-01-01", None)),
        Params(contracts={"grace_days": 10}),
    )
    assert person_periods(log, "2024-03-10")["churned"].tolist() == [0, 0]
    assert contract_features(log, "2024-03-10")["customer_id"].tolist() == ["a", "b"]
    assert person_periods(log, "2024-03-11")["churned"].tolist() == [0, 1, 0, 0]
    assert contract_features(log, "2024-03-11")["customer_id"].tolist() == ["b"]


def test_parallel_contracts_add_up_or_replace_one_another() -> None:
    contracts = table(("a", "2024-01-01", None, 10.0, "x"), ("a", "2024-02-15", None, 5.0, "y"))
    added = opportunities(contracts, "2024-04-01")
    assert added["amount"].tolist() == [10, 15, 15]
    replaced = opportunities(contracts, "2024-04-01", overlaps="replace")
    assert replaced["amount"].tolist() == [10, 5, 5]
    assert replaced["plan"].tolist() == ["x", "y", "y"]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("D", ["2024-01-02", "2024-01-03", "2024-01-04"]),
        ("W", ["2024-01-08", "2024-01-15", "2024-01-22"]),
        ("Q", ["2024-04-01", "2024-07-01", "2024-10-01"]),
        ("Y", ["2025-01-01", "2026-01-01"]),
    ],
)
def test_periods(period: str, expected: list[str]) -> None:
    rows = opportunities(table(("a", "2024-01-01", None)), "2026-06-01", period=period)
    assert days(rows)[:3] == expected


def test_who_left_within_a_period_or_at_once_is_lost_at_its_end() -> None:
    contracts = table(
        ("a", "2024-01-01", "2024-02-10"), ("b", "2024-01-01", "2024-01-01"), ("c", "2024-01-01", None)
    )
    rows = opportunities(contracts, "2024-03-01")
    assert rows.loc[rows["churned"] == 1, ["customer_id", "renewals"]].to_numpy().tolist() == [
        ["a", 1],
        ["b", 0],
    ]
    log = read_contracts(contracts)
    assert contract_features(log, "2024-02-20")["customer_id"].tolist() == ["c"]


def test_observed_from_a_day_on() -> None:
    contracts = table(("a", "2023-10-01", "2024-03-01"), ("b", "2024-01-15", None))
    log = read_contracts(contracts, Params(contracts={"observed": "2024-01-01"}))
    rows = person_periods(log, "2024-03-01")
    assert rows["renewals"].tolist() == [3, 4, 0]
    features = contract_features(log, "2024-02-20")
    assert features[["renewals", "entry"]].to_numpy().tolist() == [[4, 3], [1, 0]]


class TestFileOfCustomers:
    """Tenures without dates."""

    FILE = pd.DataFrame(
        {
            "customer_id": list("abcd"),
            "tenure": [0, 3, 3, 1],
            "churned": ["no", "no", "yes", "yes"],
            "age": [1, 2, 3, 4],
        }
    )

    def test_history(self) -> None:
        log = read_contracts(self.FILE, Params(as_of="2024-08-31"))
        rows = person_periods(log)
        assert rows.groupby("customer_id")["churned"].agg(list).to_dict() == {
            "b": [0, 0, 0],
            "c": [0, 0, 1],
            "d": [1],
        }
        assert rows["age"].tolist() == [2, 2, 2, 3, 3, 3, 4]
        assert contract_features(log)["renewals"].tolist() == [0, 3]

    def test_last_period(self) -> None:
        log = read_contracts(self.FILE, Params(as_of="2024-08-31", contracts={"observed": "last_period"}))
        rows = person_periods(log)
        assert rows[["customer_id", "renewals", "churned"]].to_numpy().tolist() == [
            ["b", 2, 0],
            ["c", 2, 1],
            ["d", 0, 1],
        ]

    def test_tells_of_one_day(self) -> None:
        with pytest.raises(ParamsError, match="as_of 2024-01-01: DataFrame is a file of customers"):
            contract_features(read_contracts(self.FILE, Params(as_of="2024-08-31")), "2024-01-01")

    def test_last_period_needs_such_a_file(self) -> None:
        with pytest.raises(
            ParamsError, match="last_period is for a file of customers, but DataFrame has contracts"
        ):
            read_contracts(table(("a", "2024-01-01")), Params(contracts={"observed": "last_period"}))


starts = st.dates(min_value=pd.Timestamp("2022-01-01").date(), max_value=pd.Timestamp("2023-06-30").date())
histories = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        starts,
        st.one_of(st.none(), st.integers(0, 400)),
        st.sampled_from([5.0, 7.0, 9.0]),
        st.sampled_from(["x", "y"]),
    ),
    min_size=1,
    max_size=8,
)
CUTOFF = "2022-12-31"


def dated(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    contracts = table(*rows)
    length = pd.to_timedelta(contracts["end"].astype("float64"), unit="D")
    start = pd.to_datetime(contracts["start"])
    return contracts.assign(start=start, end=start + length)


@settings(max_examples=3, deadline=None)
@given(histories)
@pytest.mark.slow
def test_nothing_after_the_cutoff_changes_anything(rows: list[tuple[Any, ...]]) -> None:
    whole = dated([("z", pd.Timestamp("2022-02-01").date(), None, 5.0, "x"), *rows])
    known = whole[whole["start"] <= CUTOFF]
    known = known.assign(end=known["end"].where(known["end"] <= CUTOFF))
    logs = [read_contracts(contracts) for contracts in (whole, known)]
    for compute in (contract_features, person_periods):
        first, second = (compute(log, CUTOFF) for log in logs)
        pd.testing.assert_frame_equal(first, second)
    for log in logs:
        log.close()


@settings(max_examples=3, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=2, max_size=6), st.booleans())
@pytest.mark.slow
def test_contracts_without_a_gap_are_as_one(lengths: list[int], running: bool) -> None:
    bounds = pd.Timestamp("2022-01-31") + pd.to_timedelta(np.cumsum([0, *lengths]), unit="D")
    parts = pd.DataFrame(
        {"customer_id": "a", "start": bounds[:-1], "end": bounds[1:], "amount": 5.0, "plan": "x"}
    )
    if running:
        parts.loc[len(parts) - 1, "end"] = pd.NaT
    one = parts.iloc[:1].assign(end=parts["end"].iloc[-1])
    logs = [read_contracts(contracts) for contracts in (parts, one)]
    as_of = bounds[-1] + pd.Timedelta(days=100)
    for compute in (contract_features, person_periods):
        first, second = (compute(log, as_of) for log in logs)
        pd.testing.assert_frame_equal(first, second)
    for log in logs:
        log.close()


@pytest.fixture(scope="module")
def told() -> Any:
    """Subscribers of known truth."""
    effects = SubscriptionEffects({"size": 0.5}, months={1: 0.8}, price=2.0, changes=0.1, change_spread=0.2)
    return simulate_subscriptions(
        {"gamma": 1.0, "delta": 9.0, "c": 1.0}, n=4000, periods=18, seed=3, cohorts=12, effects=effects
    )


@pytest.fixture(scope="module")
def log(told: Any) -> Any:
    return read_contracts(told.contracts, customers=told.customers.drop(columns="theta"))


class TestSimulated:
    """Subscribers of known truth."""

    def test_renewals_and_next_opportunities_are_the_true_ones(self, told: Any, log: Any) -> None:
        features = contract_features(log, told.as_of)
        following = told.future[told.future["ahead"] == 1].reset_index(drop=True)
        assert features["customer_id"].tolist() == following["customer_id"].tolist()
        assert features["renewals"].tolist() == following["renewals"].tolist()
        assert features["next_opportunity"].tolist() == following["opportunity"].tolist()
        assert "size" in features

    def test_chunks_hold_the_same(self, told: Any, log: Any) -> None:
        chunks = ContractChunks(log, told.as_of, customers=400)
        parts = pd.concat(chunks.ahead(range(len(chunks.bounds) - 1)), ignore_index=True)
        whole = contract_features(log, told.as_of)
        assert len(chunks.bounds) == -(-len(whole) // 400) + 1 == 6
        pd.testing.assert_frame_equal(parts, whole)

    def test_a_window_and_a_sample_are_parts_of_the_whole(self, told: Any, log: Any) -> None:
        rows = person_periods(log, told.as_of)
        last = person_periods(log, told.as_of, window=90)
        recent = rows[rows["opportunity"] > pd.Timestamp(told.as_of) - pd.Timedelta(days=90)]
        pd.testing.assert_frame_equal(last, recent.reset_index(drop=True))
        some = person_periods(log, told.as_of, customers=500)
        assert some["customer_id"].nunique() <= 500
        merged = some.merge(rows, on=["customer_id", "spell", "renewals", "churned"])
        assert len(merged) == len(some)

    def test_first_opportunities_are_lost_with_the_mean_probability(self, told: Any, log: Any) -> None:
        """E(theta) is .1; effects of January and of the size move it."""
        rows = person_periods(log, told.as_of)
        first = rows[(rows["renewals"] == 0) & (rows["opportunity"].dt.month != 1)]
        theta = told.customers.set_index("customer_id").loc[first["customer_id"]]
        expected = 1 - (1 - theta["theta"]) ** np.exp(0.5 * theta["size"])
        error = np.sqrt((expected * (1 - expected)).sum()) / len(first)
        assert first["churned"].mean() == pytest.approx(expected.mean(), abs=4 * error)


def test_telco(shared_data: Path) -> None:
    """7,043 customers, 1,869 of whom left, in four files joined by the customer."""
    files = [
        pd.read_parquet(shared_data / "telco_satisfaction" / f"telco_{name}.parquet")
        for name in ("services", "demographics", "location")
    ]
    status = pd.read_parquet(shared_data / "telco_satisfaction" / "telco_status.parquet")
    joined = status[["Customer ID", "Churn Label"]]
    for each in files:
        joined = joined.merge(each.drop(columns=["Count", "Quarter"], errors="ignore"), on="Customer ID")
    columns = {
        "customer_id": "Customer ID",
        "tenure": "Tenure in Months",
        "churned": "Churn Label",
        "amount": "Monthly Charge",
    }
    log = read_contracts(joined, Params(as_of="2024-09-30", data={"columns": columns}))
    assert (log.lines_accepted, log.customers) == (7043, 7043)
    assert set(log.left_out) == {
        *("Country", "State", "Total Charges", "Total Revenue", "Total Long Distance Charges"),
    }
    assert len(contract_features(log)) == 7043 - 1869
    rows = person_periods(log, customers=1000)
    tenure = joined.set_index("Customer ID")["Tenure in Months"]
    assert len(rows) == tenure[rows["customer_id"].unique()].sum()


def test_ravenstack(shared_data: Path) -> None:
    """5,000 subscriptions of 500 accounts, many of them parallel."""
    columns = {
        "customer_id": "account_id",
        "start": "start_date",
        "end": "end_date",
        "amount": "mrr_amount",
        "plan": "plan_tier",
    }
    source = shared_data / "saas_ravenstack" / "subscriptions.parquet"
    log = read_contracts(source, Params(data={"columns": columns}))
    given = pd.read_parquet(source)
    running = given[given["end_date"].isna() | (given["end_date"] > str(log.last_day))]
    expected = running.groupby("account_id")["mrr_amount"].sum()
    features = contract_features(log).set_index("customer_id")
    assert features["amount"].to_dict() == expected.to_dict()
