"""Relation tables under their rules: every line is accepted or stands beside its rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.relations.rules import _customers_on_loops, describe
from guanxi.data.relations.tables import RelationLines, Relations, read_relations
from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError, ParamsError, SourceError
from guanxi.params import RELATION_COLUMNS, Params, RelationParams, load_params

DAY = "2024-05-01"
GOOD: dict[str, dict[str, Any]] = {
    "customers": {},
    "interactions": {"timestamp": DAY},
    "surveys": {"timestamp": DAY, "instrument": "csat", "score": "4", "dimension": "price"},
    "tickets": {"opened": DAY},
    "costs": {"timestamp": DAY, "kind": "serve", "amount": "2.5"},
    "credit": {"timestamp": DAY},
    "points": {"date": DAY, "earned": "10"},
    "owners": {"date": DAY, "owner": "ann"},
    "investments": {"phase": "act", "date": DAY, "amount": "5000"},
}
BROKEN: dict[str, list[tuple[dict[str, Any], str]]] = {
    "customers": [
        ({"acquired_on": "2999-01-01"}, "future_acquired_on"),
        ({"acquired_on": "x"}, "unparsable_acquired_on"),
        ({"acquisition_cost": "much"}, "unparsable_acquisition_cost"),
        ({"acquisition_cost": "-1"}, "negative_acquisition_cost"),
        ({"customer_id": "good"}, "customer_twice"),
    ],
    "interactions": [
        ({"customer_id": " "}, "missing_customer"),
        ({"timestamp": ""}, "missing_timestamp"),
        ({"timestamp": "soon"}, "unparsable_timestamp"),
        ({"timestamp": "infinity"}, "unparsable_timestamp"),
        ({"timestamp": "0000-01-01"}, "unparsable_timestamp"),
        ({"timestamp": "2999-01-01"}, "future_timestamp"),
        ({"direction": "sideways"}, "unknown_direction"),
        ({"responded": "maybe"}, "unparsable_responded"),
        ({"customer_id": None, "timestamp": "soon", "direction": "up"}, "missing_customer"),
    ],
    "surveys": [
        ({"instrument": None}, "missing_instrument"),
        ({"instrument": "gut"}, "missing_scale"),
        ({"score": None}, "missing_score"),
        ({"score": "good"}, "unparsable_score"),
        ({"score": "inf"}, "unparsable_score"),
        ({"score": "nan"}, "missing_score"),
        ({"score": "6"}, "score_off_scale"),
        ({"instrument": "ces", "score": "0"}, "score_off_scale"),
        ({"instrument": "nps", "score": "11"}, "score_off_scale"),
        ({"scale_high": "3"}, "score_off_scale"),
        ({"scale_high": "1"}, "empty_scale"),
        ({"scale_low": "low"}, "unparsable_scale_low"),
        ({"instrument": "servqual", "dimension": " "}, "missing_dimension"),
        ({"instrument": "servqual", "dimension": "price"}, "unknown_dimension"),
        ({"expectation": "9"}, "expectation_off_scale"),
        ({"expectation": "much"}, "unparsable_expectation"),
    ],
    "tickets": [
        ({"opened": None}, "missing_opened"),
        ({"opened": "2999-01-01"}, "future_opened"),
        ({"closed": "2024-04-30"}, "closed_before_opened"),
        ({"closed": "later"}, "unparsable_closed"),
        ({"satisfaction": "0"}, "satisfaction_off_scale"),
        ({"satisfaction": "5.5"}, "satisfaction_off_scale"),
        ({"complaint": "2"}, "unparsable_complaint"),
    ],
    "costs": [
        ({"kind": "travel"}, "unknown_kind"),
        ({"kind": None}, "missing_kind"),
        ({"amount": "-0.01"}, "negative_amount"),
        ({"amount": None}, "missing_amount"),
    ],
    "credit": [
        ({"overdue_days": "-1"}, "negative_overdue_days"),
        ({"credit_limit": "-1"}, "negative_credit_limit"),
        ({"defaults": "-1"}, "negative_defaults"),
        ({"defaults": "many"}, "unparsable_defaults"),
    ],
    "points": [
        ({"date": "soon"}, "unparsable_date"),
        ({"earned": None}, "missing_earned"),
        ({"redeemed": "-1"}, "negative_redeemed"),
        ({"expired": "all"}, "unparsable_expired"),
    ],
    "owners": [({"owner": None}, "missing_owner"), ({"date": None}, "missing_date")],
    "investments": [
        ({"phase": "plan"}, "unknown_phase"),
        ({"amount": "-1"}, "negative_amount"),
    ],
}


def read(relation: str, table: str | pd.DataFrame, log: Any = None, **own: Any) -> RelationLines:
    params = Params.model_validate({"relations": {relation: own}})
    return read_relations(params, log, tables={relation: table}).lines[relation]


def frame(*rows: tuple[Any, ...], columns: str) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns.split())


@pytest.mark.parametrize("relation", BROKEN)
def test_each_rule_rejects_its_lines_and_no_other(relation: str) -> None:
    good = {"customer_id": "good"} | GOOD[relation]
    broken = [good | {"customer_id": f"c{i}"} | change for i, (change, _) in enumerate(BROKEN[relation])]
    table = pd.DataFrame([good, *broken], dtype=object)
    rules = [rule for _, rule in BROKEN[relation]]
    lines = read(relation, table)
    rejected = lines.rejected.execute()
    assert rejected["rule"].tolist() == rules
    assert rejected["line_number"].tolist() == list(range(2, len(rules) + 2))
    given_columns = rejected[list(table)].astype(object)
    pd.testing.assert_frame_equal(
        given_columns.where(given_columns.notna(), None),
        table.iloc[1:].reset_index(drop=True).where(table.iloc[1:].reset_index(drop=True).notna(), None),
        check_dtype=False,
    )
    assert lines.rejected_by_rule == {rule: rules.count(rule) for rule in rules}
    assert (lines.lines_read, lines.lines_accepted) == (len(table), 1)
    if relation != "investments":  # of the company, not of a customer
        assert lines.table.execute()["customer_id"].tolist() == ["good"]
    assert all(describe(rule) for rule in rules)


def test_a_servqual_answer_without_a_column_of_dimensions() -> None:
    table = frame(
        ("a", DAY, "servqual", 3), ("a", DAY, "nps", 3), columns="customer_id timestamp instrument score"
    )
    assert read("surveys", table).rejected_by_rule == {"missing_dimension": 1}


class TestValues:
    def test_booleans_in_all_their_spellings(self) -> None:
        words = ["true", "T", "Yes", "y", "1", " no ", "F", "false", "N", "0", None, ""]
        table = pd.DataFrame({"customer_id": "a", "timestamp": DAY, "responded": words})
        found = read("interactions", table).table.execute()["responded"].tolist()
        assert [None if pd.isna(value) else value for value in found] == [True] * 5 + [False] * 5 + [None] * 2

    @pytest.mark.parametrize("values", [[1.0, 0.0, None], [True, False, None]])
    def test_booleans_that_are_no_text(self, values: list[Any]) -> None:
        table = pd.DataFrame({"customer_id": "a", "opened": DAY, "complaint": values})
        found = read("tickets", table).table.execute()["complaint"].tolist()
        assert (found[:2], pd.isna(found[2])) == ([True, False], True)

    def test_words_in_any_capitals_and_the_scales_of_each_instrument(self) -> None:
        table = frame(
            ("a", DAY, " CSAT", 5, None, None),
            ("a", DAY, "Nps", 10, None, None),
            ("a", DAY, "CES", 7, None, None),
            ("a", DAY, "csat", 90, 0, 100),
            ("a", DAY, "csat", 6, None, 7),
            columns="customer_id timestamp instrument score scale_low scale_high",
        )
        found = read("surveys", table).table.execute()
        assert found["instrument"].tolist() == ["csat", "nps", "ces", "csat", "csat"]
        assert found[["scale_low", "scale_high"]].to_numpy().tolist() == [
            [1, 5],
            [0, 10],
            [1, 7],
            [0, 100],
            [1, 7],
        ]

    def test_a_ticket_closed_on_the_day_it_was_opened(self) -> None:
        table = frame(("a", "2024-05-01 18:30", DAY), columns="customer_id opened closed")
        assert read("tickets", table).rejected_by_rule == {}

    def test_times_with_a_format_and_a_constant_as_yaml_reads_it(self, tmp_path: Path) -> None:
        (tmp_path / "tickets.csv").write_text("customer_id,closed\na,03/05/2024\n")
        (tmp_path / "my.yaml").write_text(
            f"relations:\n  tickets:\n    source: {tmp_path}/tickets.csv\n"
            "    constants: {opened: 2024-05-01, satisfaction: 4, complaint: yes}\n"
            "    timestamp_format: '%d/%m/%Y'\n"
        )
        found = read_relations(load_params(tmp_path / "my.yaml")).table("tickets").execute()
        assert found.to_dict("records") == [
            {
                "customer_id": "a",
                "opened": dt.datetime(2024, 5, 1),
                "closed": dt.datetime(2024, 5, 3),
                "satisfaction": 4.0,
                "complaint": True,
            }
        ]


class TestCustomers:
    def test_other_columns_are_attributes(self) -> None:
        table = pd.DataFrame(
            {
                "Kunde": ["a", "b"],
                "CONTRACT": ["x", "y"],
                "line_number": [7, 8],
                "rule": ["p", "q"],
                "vip": [True, False],
                "born": pd.to_datetime(["1980-01-01", "1990-01-01"]),
            }
        )
        lines = read("customers", table, columns={"customer_id": "Kunde"})
        found = lines.table.execute()
        assert list(found) == ["customer_id", "CONTRACT_", "line_number_", "rule", "vip"]
        assert found["vip"].tolist() == ["true", "false"]
        assert lines.left_out == {"born": "is a date: convert it to a number, such as days before today"}

    def test_the_first_acceptable_line_of_a_customer_is_kept(self) -> None:
        table = frame(("a", -1), ("a", 2), ("a", 3), ("b", 4), columns="customer_id acquisition_cost")
        lines = read("customers", table)
        assert lines.rejected.execute()["rule"].tolist() == ["negative_acquisition_cost", "customer_twice"]
        assert lines.table.execute()["acquisition_cost"].tolist() == [2.0, 4.0]

    def test_a_referral_loop_is_left_out_and_told_of_and_attributes_stay(self) -> None:
        table = frame(
            *(tuple(pair) for pair in ("ab", "bc", "ca", "da", "ed", "fx", "ss")),
            ("g", None),
            columns="customer_id referred_by",
        )
        relations = read_relations(Params(), tables={"customers": table})
        assert relations.lines["customers"].rejected_by_rule == {}
        kept = relations.table("customers").execute().set_index("customer_id")["referred_by"]
        assert kept.dropna().to_dict() == {"d": "a", "e": "d", "f": "x"}
        assert sorted(kept.index) == [*"abcdefgs"]
        [warning] = relations.warnings
        assert "4 customers are given as referrers of one another in a circle" in warning
        assert "(a; b; c)" in warning

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.integers(-1, 14), max_size=15))
    def test_loops_as_by_walking(self, referrer: list[int]) -> None:
        def returns(start: int) -> bool:
            place = start
            for _ in referrer:
                place = referrer[place] if place < len(referrer) else -1
                if place == start:
                    return True
                if place < 0:
                    return False
            return False

        table = pd.DataFrame({"customer_id": range(len(referrer)), "referred_by": referrer}, dtype="int64")
        assert _customers_on_loops(table).tolist() == [i for i in range(len(referrer)) if returns(i)]

    def test_a_long_chain_and_a_long_way_into_a_loop(self) -> None:
        size = 100_000
        chain = pd.DataFrame({"customer_id": np.arange(size), "referred_by": np.arange(size) - 1})
        assert _customers_on_loops(chain).empty
        chain.loc[0, "referred_by"] = 1
        assert _customers_on_loops(chain).tolist() == [0, 1]


class TestIdentifiers:
    @pytest.mark.parametrize(
        ("ours", "theirs", "known"),
        [
            ([1, 2, 3], ["1", "2.0", "x", "2.5"], 2),
            ([1.0, 2.0, 3.0], ["1", "2.0", "x", "2.5"], 2),
            (["1", "2", "3"], [1.0, 2.0, 2.5], 2),
            (["1", "2", "3"], [1, 2, 7], 2),
            (["01", "2"], ["01", "2"], 2),
        ],
    )
    @pytest.mark.slow
    def test_they_are_written_as_in_the_transactions(self, ours: Any, theirs: Any, known: int) -> None:
        log = read_transactions(pd.DataFrame({"customer_id": ours, "timestamp": DAY, "amount": 1.0}))
        lines = read("costs", pd.DataFrame({"customer_id": theirs, **GOOD["costs"]}), log)
        assert lines.customers_known == known
        assert lines.table.customer_id.type() == log.lines.customer_id.type()
        assert lines.lines_accepted + lines.rejected_by_rule.get("unparsable_customer", 0) == len(theirs)

    def test_few_known_customers_are_told_of_and_a_second_reading_takes_the_place_of_the_first(self) -> None:
        log = read_transactions(frame(("a", DAY, 1.0), columns="customer_id timestamp amount"))
        for ids, warned in ((["a", "b"], False), (["a", "b", "c"], True)):
            table = pd.DataFrame({"customer_id": ids, **GOOD["credit"]})
            relations = read_relations(Params(), log, tables={"credit": table})
            assert any("only 1 of its 3 customers have" in text for text in relations.warnings) == warned
            assert relations.table("credit").count().execute() == len(ids)
        assert log.lines.count().execute() == 1
        assert log.rejected.count().execute() == 0


class TestDuplicates:
    def test_kept_with_a_warning_or_dropped(self) -> None:
        table = pd.DataFrame([{"customer_id": "a", **GOOD["tickets"]}] * 3)
        kept = read_relations(Params(), tables={"tickets": table})
        assert (kept.lines["tickets"].lines_accepted, kept.lines["tickets"].repeated_lines) == (3, 2)
        assert any("2 lines repeat an earlier one" in text for text in kept.warnings)
        dropped = read_relations(load_params(overrides=["data.duplicates=drop"]), tables={"tickets": table})
        assert dropped.lines["tickets"].rejected_by_rule == {"duplicate_line": 2}
        assert not [text for text in dropped.warnings if "are kept" in text]


@pytest.fixture
def costs(tmp_path: Path) -> Path:
    """The same three lines as CSV, Parquet and a table of DuckDB; one of them breaks a rule."""
    table = frame(
        ("a", "2024-05-01 10:00:00", "serve", 2.5),
        ("a", "2024-05-02 00:00:00", "Retain", 1.0),
        ("b", "2024-05-03 00:00:00", "serve", -1.0),
        columns="Client timestamp kind Sum",
    )
    table.to_csv(tmp_path / "costs.csv", index=False)
    table.assign(timestamp=pd.to_datetime(table["timestamp"])).to_parquet(tmp_path / "costs.parquet")
    with duckdb.connect(str(tmp_path / "costs.db")) as connection:
        connection.execute(f"CREATE TABLE costs AS FROM '{tmp_path}/costs.parquet'")
    return tmp_path


class TestSources:
    @pytest.mark.parametrize("source", ["{}/costs.csv", "{}/costs.parquet", "duckdb://{}/costs.db::costs"])
    def test_all_kinds_tell_the_same(self, costs: Path, source: str) -> None:
        given_columns = {"customer_id": "Client", "amount": "Sum"}
        own = {"source": source.format(costs), "columns": given_columns}
        relations = read_relations(Params.model_validate({"relations": {"costs": own}}))
        assert relations.table("costs").order_by("timestamp").execute().to_dict("list") == {
            "customer_id": ["a", "a"],
            "timestamp": [pd.Timestamp("2024-05-01 10:00"), pd.Timestamp("2024-05-02")],
            "kind": ["serve", "retain"],
            "amount": [2.5, 1.0],
        }
        assert relations.lines["costs"].rejected_by_rule == {"negative_amount": 1}
        relations.close()

    def test_ragged_lines_are_rejected_too(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("customer_id,timestamp,kind,amount\na,2024-05-01,serve,1\nb,2024\n")
        lines = read("costs", str(tmp_path / "a.csv"))
        assert (lines.rejected_by_rule, lines.lines_read) == ({"ragged_line": 1}, 2)

    def test_an_encoding_of_its_own(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes("customer_id,Stadt\na,Köln\n".encode("latin-1"))
        assert (
            read("customers", str(tmp_path / "a.csv"), encoding="latin-1").table.execute()["Stadt"][0]
            == "Köln"
        )

    def test_what_is_absent_is_named(self) -> None:
        relations = read_relations(Params())
        assert relations.absent == tuple(RELATION_COLUMNS)
        assert relations.table("costs") is None

    def test_a_table_without_lines_is_told_of(self) -> None:
        relations = read_relations(Params(), tables={"tickets": frame(columns="customer_id opened")})
        assert relations.lines["tickets"].lines_read == 0
        assert relations.warnings == (
            "tickets: the table of tickets has columns but no lines: all its measures are unknown",
        )

    def test_an_unknown_relation(self) -> None:
        with pytest.raises(DataError, match="'visits' is not a relation table: choose from customers, "):
            read_relations(Params(), tables={"visits": "x.csv"})

    @pytest.mark.parametrize(
        ("own", "message"),
        [
            (
                {"columns": {"customer_id": "Client", "amount": "Sums"}},
                r"relations.costs: .*costs.csv: no column 'Sums' for amount; "
                r"it has Client, timestamp, kind, Sum: map it with "
                r"--set 'relations.costs.columns=\{\"amount\": \"NAME\"\}', "
                "or set relations.costs.constants.amount for all lines",
            ),
            (
                {"columns": {}},
                r"no column 'customer_id' for customer_id; it has .*\{\"customer_id\": \"NAME\"\}'$",
            ),
            ({"source": "none.csv"}, "relations.costs: none.csv: no such file"),
        ],
    )
    def test_sources_that_cannot_be_read(self, costs: Path, own: dict[str, Any], message: str) -> None:
        given_columns = {"customer_id": "Client", "amount": "Sum"}
        own = {"source": f"{costs}/costs.csv", "columns": given_columns} | own
        with pytest.raises(SourceError, match=message) as caught:
            read_relations(Params.model_validate({"relations": {"costs": own}}))
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"timestamp": "31/12"},
                r"look like '31/12': give their format with --set relations.costs.timestamp_format=",
            ),
            (
                {"kind": "gift"},
                r"\(unknown_kind 1\): kind is not one of acquire, serve, retain: check relations.costs$",
            ),
        ],
    )
    @pytest.mark.slow
    def test_all_lines_rejected_says_why_and_what_to_do(self, change: dict[str, str], message: str) -> None:
        table = pd.DataFrame([{"customer_id": "a"} | GOOD["costs"] | change])
        with pytest.raises(
            DataError, match=r"^relations.costs: the table of costs: all 1 lines .*" + message
        ):
            read("costs", table)

    def test_writings_are_found_as_in_transactions(self) -> None:
        rows = [("a", "31.12.2023", "serve", "1.234,50 €"), ("b", "01.02.2024", "serve", "7")]
        lines = read("costs", frame(*rows, columns="customer_id timestamp kind amount"))
        costs = lines.table.order_by("customer_id").execute()
        assert costs["timestamp"].tolist() == [pd.Timestamp("2023-12-31"), pd.Timestamp("2024-02-01")]
        assert costs["amount"].tolist() == [1234.5, 7]
        settings = [finding.setting for finding in lines.findings]
        assert settings == ["relations.costs.timestamp_format=%d.%m.%Y", None]

    @pytest.mark.parametrize(
        ("amounts", "decimal", "expected"),
        [
            (["1,234.50", "7.25"], ",", [1234.5, 7.25]),
            (["1.234,50", "7,25"], ".", [1234.5, 7.25]),
            (["12.500", "950"], ",", [12500.0, 950.0]),
            (["12.500", "950"], ".", [12.5, 950.0]),
        ],
    )
    def test_its_own_numbers_decide_before_the_setting_of_transactions(
        self, amounts: list[str], decimal: str, expected: list[float]
    ) -> None:
        rows = [(str(i), DAY, "serve", amount) for i, amount in enumerate(amounts)]
        table = frame(*rows, columns="customer_id timestamp kind amount")
        params = Params.model_validate({"data": {"decimal": decimal}})
        lines = read_relations(params, tables={"costs": table}).lines["costs"]
        found = lines.table.order_by("customer_id").execute()
        assert found["amount"].tolist() == expected

    def test_two_readings_of_a_time_name_the_relation_s_own_setting(self) -> None:
        table = pd.DataFrame([{"customer_id": "a"} | GOOD["costs"] | {"timestamp": "03/04/2023"}])
        match = r"^relations.costs: the table of costs: timestamp: .*'relations.costs.timestamp_format=%d/%m"
        with pytest.raises(DataError, match=match):
            read("costs", table)

    def test_a_format_that_is_none(self) -> None:
        table = pd.DataFrame([{"customer_id": "a"} | GOOD["costs"]])
        with pytest.raises(ParamsError, match=r"relations.costs.timestamp_format '%Q' is not valid"):
            read("costs", table, timestamp_format="%Q")

    @pytest.mark.parametrize(
        ("given_keys", "message"),
        [
            (
                'relations.surveys.columns={"scor": "A"}',
                "'scor' is not a column of surveys: choose from customer_id, ",
            ),
            ('relations.surveys.constants={"what": "A"}', "'what' is not a column of surveys"),
            (
                'relations.surveys={"columns": {"score": "A"}, "constants": {"score": 1}}',
                "a column and a constant",
            ),
            ("relations.survey.source=a.csv", "relations.survey is unknown: did you mean surveys?"),
            ("relations.surveys.sauce=a.csv", "relations.surveys.sauce is unknown: did you mean source?"),
        ],
    )
    def test_parameters_that_cannot_be_used(self, given_keys: str, message: str) -> None:
        with pytest.raises(ParamsError, match=message):
            load_params(overrides=[given_keys])

    def test_every_column_has_a_kind_or_is_text(self) -> None:
        assert set(Params().relations.model_dump()) == set(RELATION_COLUMNS)
        assert RelationParams(constants={"a": True, "b": 1.5}).constants == {"a": "True", "b": "1.5"}


dirty_ticket = st.tuples(
    st.sampled_from(["a", "b", "", None]),
    st.sampled_from(["2024-05-01", "2024-05-01 12:00", "x", None]),
    st.sampled_from(["2024-05-01", "2024-04-01", "2024-06-01", "y", None, None]),
    st.sampled_from(["1", "5", "6", "z", None, None]),
)


def broken_rule(row: tuple[Any, ...], repeated: bool) -> str | None:
    customer, opened, closed, satisfaction = row
    if not customer:
        return "missing_customer"
    if opened in (None, "x"):
        return "unparsable_opened" if opened else "missing_opened"
    if closed == "y":
        return "unparsable_closed"
    if satisfaction == "z":
        return "unparsable_satisfaction"
    if satisfaction == "6":
        return "satisfaction_off_scale"
    if closed == "2024-04-01":
        return "closed_before_opened"
    return "duplicate_line" if repeated else None


@settings(max_examples=4, deadline=None)
@given(rows=st.lists(dirty_ticket, max_size=40))
@pytest.mark.slow
def test_lines_add_up_and_rules_agree_with_a_line_by_line_reading(rows: list[tuple[Any, ...]]) -> None:
    rows = [*rows, ("sure", "2020-01-03", None, None)]
    table = pd.DataFrame(rows, columns=["customer_id", "opened", "closed", "satisfaction"], dtype="str")
    params = load_params(overrides=["data.duplicates=drop"])
    relations: Relations = read_relations(params, tables={"tickets": table})
    expected = [broken_rule(row, row in rows[:i]) for i, row in enumerate(rows)]
    rejected = relations.lines["tickets"].rejected.execute()
    assert rejected["line_number"].tolist() == [i + 1 for i, rule in enumerate(expected) if rule]
    assert rejected["rule"].tolist() == [rule for rule in expected if rule]
    assert relations.lines["tickets"].lines_accepted == expected.count(None)
    assert relations.lines["tickets"].lines_read == len(rows)
    relations.close()


@pytest.mark.slow
def test_guanxi_validate_tells_of_them(command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text(
        "customer_id,timestamp,score\n0001,1998-06-01,9\n0002,1998-06-01,12\n"
    )
    (tmp_path / "params.yaml").write_text(
        "relations:\n  surveys: {source: answers.csv, constants: {instrument: nps}}\n"
    )
    ended = command("validate", "cdnow-sample")
    assert ended.code == 0, ended.err
    assert (
        "  table surveys                           1 of 2 lines accepted, 1 of 1 customers in the"
        in ended.out
    )
    assert (
        "  tables not given                        customers, interactions, tickets, costs, credit"
        in ended.out
    )
    assert "  surveys: score_off_scale             1   50.0%" in ended.out
    assert "surveys: 50.0% of the lines (1, first: line 2) were rejected because the score is" in ended.out
