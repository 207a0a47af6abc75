"""Contracts from tables, files of customers and logs of events: rules, ends, and what lines add up to."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.contracts.log import ContractLog, read_contracts
from guanxi.errors import DataError, SourceError
from guanxi.params import Params

DAY = "2024-06-30"


def table(*rows: tuple[Any, ...], columns: str = "customer_id start end amount plan") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split()[: len(rows[0])])


def canonical(log: ContractLog) -> list[tuple[Any, ...]]:
    rows = log.contracts.order_by("line_number").execute()
    return [
        tuple(
            None if pd.isna(value) else str(value.date()) if isinstance(value, pd.Timestamp) else value
            for value in row
        )
        for row in rows[["customer_id", "start", "end", "amount", "plan"]].itertuples(index=False)
    ]


def names(log: ContractLog) -> set[str]:
    return {finding.name for finding in log.findings}


CONTRACTS = table(
    ("a", "2023-01-31", "2023-02-28", 10.0, "basic"),
    ("a", "2023-02-28", None, 12.0, "plus"),
    ("b", "2023-03-01", "2023-05-01", 20.0, "plus"),
)
EXPECTED = [
    ("a", "2023-01-31", "2023-02-28", 10.0, "basic"),
    ("a", "2023-02-28", None, 12.0, "plus"),
    ("b", "2023-03-01", "2023-05-01", 20.0, "plus"),
]


@pytest.mark.parametrize("kind", ["frame", "csv", "parquet", "database"])
def test_every_source_gives_the_same_contracts(kind: str, tmp_path: Path) -> None:
    source: Any = CONTRACTS
    if kind == "csv":
        source = tmp_path / "contracts.csv"
        CONTRACTS.to_csv(source, index=False)
    elif kind == "parquet":
        source = tmp_path / "contracts.parquet"
        CONTRACTS.to_parquet(source)
    elif kind == "database":
        with duckdb.connect(str(tmp_path / "crm.duckdb")) as connection:
            connection.register("given", CONTRACTS)
            connection.execute("CREATE TABLE contracts AS FROM given")
        source = f"duckdb://{tmp_path / 'crm.duckdb'}::contracts"
    log = read_contracts(source)
    assert canonical(log) == EXPECTED
    assert (log.form, log.customers, log.first_day, log.last_day) == (
        *("contracts", 2),
        *(date(2023, 1, 31), date(2023, 5, 1)),
    )


@pytest.mark.parametrize(
    "end", ["", "active", "Open", "9999-12-31", "2099-12-31", "31/12/9999", "n/a", "0000-00-00", "laufend"]
)
def test_ends_that_are_none(end: str) -> None:
    given = table(("a", "13/01/2023", end, "$1,200.50"), ("b", "14/02/2023", "15/03/2023", "$20"))
    assert canonical(read_contracts(given))[0][:4] == ("a", "2023-01-13", None, 1200.5)


def test_days_before_the_next_contract_are_last_days() -> None:
    given = table(
        ("a", "2023-01-01", "2023-01-31"), ("a", "2023-02-01", "2023-02-28"), ("b", "2023-01-05", None)
    )
    log = read_contracts(given)
    assert [row[2] for row in canonical(log)] == ["2023-02-01", "2023-03-01", None]
    assert "inclusive_ends" in names(log)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ((None, "2023-01-01", None, 5.0), "missing_customer"),
        (("Total", "2023-01-01", None, 5.0), "total_line"),
        (("x", None, None, 5.0), "missing_start"),
        (("x", "soon", None, 5.0), "unparsable_start"),
        (("x", "2091-01-01", None, 5.0), "future_start"),
        (("x", "2023-01-01", "whenever", 5.0), "unparsable_end"),
        (("x", "2023-01-02", "2023-01-01", 5.0), "end_before_start"),
        (("x", "2023-01-02", None, -5.0), "negative_amount"),
        (("x", "2023-01-02", None, None), "missing_amount"),
        (("x", "2023-01-02", None, 1e13), "amount_too_large"),
    ],
)
@pytest.mark.slow
def test_a_bad_contract_is_rejected_by_its_rule(line: tuple[Any, ...], rule: str) -> None:
    good = [(f"c{number}", "2023-01-01", "2023-04-01", 5.0) for number in range(40)]
    log = read_contracts(table(*good, line))
    assert log.rejected_by_rule == {rule: 1}
    assert log.lines_read == log.lines_accepted + 1 == 41
    assert log.rejected.execute()["line_number"].tolist() == [41]
    assert rule in names(log)
    assert all(finding.in_words("zh") for finding in log.findings)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (("x", -1, "no", 5), "negative_tenure"),
        (("x", None, "no", 5), "missing_tenure"),
        (("x", "long", "no", 5), "unparsable_tenure"),
        (("x", 1300, "no", 5), "tenure_too_long"),
        (("x", 3, None, 5), "missing_churned"),
        (("x", 3, "perhaps", 5), "unparsable_churned"),
        (("c1", 3, "no", 5), "customer_twice"),
    ],
)
def test_a_bad_line_of_a_file_of_customers(line: tuple[Any, ...], rule: str) -> None:
    good = [(f"c{number}", number, "no", 5) for number in range(1, 30)]
    log = read_contracts(table(*good, line, columns="customer_id tenure churned amount"), Params(as_of=DAY))
    assert log.rejected_by_rule == {rule: 1}
    assert log.lines_read == 30


def test_tenures_become_contracts_up_to_the_day_of_the_file() -> None:
    given = table(
        *(("a", 0, "No"), ("b", 0, "Yes"), ("c", 3, "1"), ("d", 3, "False"), ("e", 2.5, "churned")),
        columns="customer_id tenure churned",
    )
    log = read_contracts(given, Params(as_of=DAY))
    assert [row[1:3] for row in canonical(log)] == [
        *(("2024-06-30", None), ("2024-05-30", "2024-06-30"), ("2024-03-30", "2024-06-30")),
        *(("2024-03-30", None), ("2024-03-30", "2024-06-30")),
    ]
    assert log.last_day == date(2024, 6, 30)
    assert not log.has_amounts


def test_events_become_contracts() -> None:
    columns = "customer_id timestamp event amount plan"
    given = table(
        ("a", "2024-01-01", "signup", 10, "basic"),
        ("a", "2024-02-01", "Renewal", None, None),
        ("a", "2024-02-10", "upgrade", 20, "plus"),
        ("a", "2024-05-01", "cancelled", None, None),
        ("a", "2024-06-01", "renew", None, None),
        ("a", "2024-07-01", "start", 5, "basic"),
        ("b", "2024-07-01", "cancel", None, None),
        ("b", "2024-07-02", "hello", None, None),
        columns=columns,
    )
    log = read_contracts(given)
    assert log.rejected_by_rule == {"event_without_contract": 2, "unknown_event": 1}
    assert canonical(log) == [
        ("a", "2024-01-01", "2024-02-01", 10.0, "basic"),
        ("a", "2024-02-01", "2024-02-10", 10.0, "basic"),
        ("a", "2024-02-10", "2024-05-01", 20.0, "plus"),
        ("a", "2024-07-01", None, 5.0, "basic"),
    ]
    assert log.customers_without_contract == 1


def test_amounts_of_other_billing_periods() -> None:
    periods = {"monthly": 12.0, "annual": 1.0, "2 years": 0.5, "Quarterly": 4.0, "6 months": 2.0, "": 12.0}
    given = table(
        *(
            (str(number), "2024-01-01", period, 1200.0 / count)
            for number, (period, count) in enumerate(periods.items())
        ),
        columns="customer_id start period amount",
    )
    assert [row[3] for row in canonical(read_contracts(given))] == pytest.approx([100.0] * 6)
    with pytest.raises(DataError, match="write billing periods as monthly"):
        read_contracts(given[:1].assign(period="fortnightly"))


class TestReach:
    """The last day that the data tell of, and what is said of ends."""

    def test_ends_in_the_future_are_planned(self) -> None:
        log = read_contracts(table(("a", "2024-01-01", "2090-01-01"), ("b", "2024-02-01", "2024-09-01")))
        assert log.last_day == date(2024, 2, 1)
        assert "planned_ends" in names(log)

    def test_all_gone(self) -> None:
        log = read_contracts(table(("a", "2024-01-01", "2024-03-01"), ("b", "2024-02-01", "2024-09-01")))
        assert log.last_day == date(2024, 9, 1)
        assert "all_contracts_ended" in names(log)

    def test_all_there(self) -> None:
        log = read_contracts(table(("a", "2024-01-01", None), ("b", "2024-02-01", None)))
        assert "no_contract_ended" in names(log)

    def test_without_a_column_of_ends_contracts_follow_one_another(self) -> None:
        log = read_contracts(table(("a", "2024-01-01"), ("a", "2024-02-01")))
        assert [row[2] for row in canonical(log)] == ["2024-02-01", None]
        assert "open_lines" in names(log)

    def test_overlaps_are_told(self) -> None:
        log = read_contracts(table(("a", "2024-01-01", None), ("a", "2024-02-01", "2024-03-01")))
        finding = next(each for each in log.findings if each.name == "overlapping_contracts")
        assert finding.lines == 1


def test_no_form_fits() -> None:
    proposal = re.escape("map them with --columns customer_id=Kunde,tenure=Months,churned=Exited")
    given = table(("a", 1, "no"), columns="Kunde Months Exited")
    with pytest.raises(SourceError, match=f"no form of contract data fits .*{proposal}"):
        read_contracts(given, Params(data={"columns": {"tenure": "Months"}}))
    with pytest.raises(SourceError, match="no column 'Ende' for end; it has customer_id, start"):
        read_contracts(table(("a", "2024-01-01")), Params(data={"columns": {"end": "Ende"}}))
    with pytest.raises(DataError, match="all 1 lines were rejected"):
        read_contracts(table(("a", "2024-01-02", "2024-01-01")))


class TestAttributes:
    """The other columns of a file of customers."""

    FILE = pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(60)],
            "tenure": [number % 20 for number in range(60)],
            "churned": ["yes" if number % 7 == 0 else "no" for number in range(60)],
            "amount": [10.0 + number % 9 for number in range(60)],
            "Age": [str(20 + number % 50) for number in range(60)],
            "Income": [f"${1 + number % 4},000.50" for number in range(60)],
            "Internet": ["fiber" if number % 3 else " " for number in range(60)],
            "Country": ["DE"] * 60,
        }
    )
    FILE["Total Charges"] = FILE["tenure"] * FILE["amount"]

    def read(self, **data: Any) -> ContractLog:
        return read_contracts(self.FILE, Params(as_of=DAY, **data))

    def test_numbers_and_text(self) -> None:
        attributes = self.read().attributes.order_by("customer_id").execute()
        assert list(attributes) == ["customer_id", "Age", "Income", "Internet"]
        assert attributes["Age"].dtype == attributes["Income"].dtype == "float64"
        assert attributes["Internet"].isna().sum() == 20

    @pytest.mark.slow
    def test_what_adds_up_over_the_tenure_is_left_out(self) -> None:
        left_out = self.read().left_out
        assert set(left_out) == {"Country", "Total Charges"}
        assert left_out["Total Charges"].startswith("adds up over the tenure")
        assert "Total Charges" not in self.read(contracts={"observed": "last_period"}).left_out

    @pytest.mark.slow
    def test_excluded(self) -> None:
        log = self.read(data={"exclude": ["Age"]})
        assert log.left_out["Age"] == "is excluded"
        with pytest.raises(SourceError, match="no attribute 'Aeg' to exclude: did you mean Age"):
            self.read(data={"exclude": ["Aeg"]})

    def test_table_of_customers(self) -> None:
        customers = pd.DataFrame({"customer_id": ["a", "b", "b"], "size": [1.0, 2.0, 3.0]})
        log = read_contracts(CONTRACTS, customers=customers)
        assert log.attributes.execute()["size"].tolist() == [1.0, 2.0]


lines = st.tuples(
    st.sampled_from(["a", "b", "c", None, "total"]),
    st.sampled_from(["2023-01-01", "2023-02-11", "2023-05-31", None]),
    st.sampled_from(["2023-01-01", "2023-04-30", "2023-07-01", "active", None]),
    st.sampled_from([0.0, 5.0, -1.0, None]),
)


@settings(max_examples=6, deadline=None)
@given(st.lists(lines, min_size=1, max_size=12))
def test_accepted_and_rejected_lines_add_up(rows: list[tuple[Any, ...]]) -> None:
    given_lines = table(("z", "2023-01-01", None, 1.0), *rows)
    log = read_contracts(given_lines)
    assert log.lines_read == len(given_lines) == log.lines_accepted + sum(log.rejected_by_rule.values())
    numbers = [*log.contracts.execute()["line_number"], *log.rejected.execute()["line_number"]]
    assert sorted(numbers) == list(range(1, len(given_lines) + 1))
    log.close()
