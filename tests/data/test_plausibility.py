"""What is far out of line is named, weighed by lines and value, with the setting that acts on it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data._findings import DataFinding
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.data.usability import assess, check_readable
from guanxi.errors import DataError
from guanxi.params import DataParams, load_params


def shop(n: int = 600, seed: int = 1) -> pd.DataFrame:
    """Honest lines of 60 customers over two years."""
    random = np.random.default_rng(seed)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 700, n), unit="D")
    return pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in random.integers(0, 60, n)],
            "timestamp": days.strftime("%Y-%m-%d"),
            "amount": np.round(random.gamma(2.0, 6.0, n) + 0.5, 2),
        }
    )


def read(table: pd.DataFrame, **params: Any) -> TransactionLog:
    return read_transactions(table, DataParams(**params))


def named(log: TransactionLog) -> dict[str, DataFinding]:
    return {finding.name: finding for finding in log.findings}


def as_set(finding: DataFinding) -> dict[str, Any]:
    """The parameters after its setting was passed to --set."""
    assert finding.setting is not None
    key = finding.setting.partition("=")[0].removeprefix("data.")
    return {key: getattr(load_params(overrides=[finding.setting]).data, key)}


@pytest.mark.parametrize("source", ["cdnow", "cdnow-sample"])
def test_honest_data_give_no_finding(source: str) -> None:
    assert read_transactions(source).findings == ()


def test_an_honest_shop_gives_no_finding() -> None:
    assert read(shop()).findings == ()


class TestAmounts:
    def test_one_amount_of_ten_million_is_named_with_its_line_and_share(self) -> None:
        table = shop()
        table.loc[99, "amount"] = 9_999_999.0
        log = read(table)
        found = named(log)["amount_far_out"]
        assert (found.lines, found.value, found.examples) == (1, 9_999_999.0, ("line 100: 9,999,999",))
        assert "and 99.9% of the value: kept" in found.text
        mended = read(table, **as_set(found))
        assert mended.rejected_by_rule == {"amount_too_large": 1}
        assert set(named(mended)) == {"amount_too_large"}
        assert mended.lines_accepted == len(table) - 1

    @pytest.mark.parametrize("amount", [-9_999_999.0, 50_000.0])
    def test_refunds_and_several_lines_too(self, amount: float) -> None:
        table = shop()
        table.loc[[3, 5], "amount"] = amount
        log = read(table, refunds="drop" if amount < 0 else "net")
        if amount < 0:
            assert "amount_far_out" not in named(log)  # already left out
        else:
            assert named(log)["amount_far_out"].lines == 2

    def test_equal_amounts_and_zeros_are_no_reason(self) -> None:
        assert "amount_far_out" not in named(read(shop().assign(amount=5.0)))
        assert read(shop().assign(amount=0.0)).findings == ()

    @pytest.mark.parametrize("amount", [1e308, -1e308, 1e160, 1.1e12])
    def test_amounts_that_no_business_has_are_rejected_by_name(self, amount: float) -> None:
        table = shop()
        table.loc[0, "amount"] = amount
        log = read(table)
        assert log.rejected_by_rule == {"amount_too_large": 1}
        assert np.isfinite(log.events.execute()["amount"]).all()
        assert "--set data.max_amount=1e15" in named(log)["amount_too_large"].text

    def test_a_day_of_huge_amounts_does_not_net_to_nothing(self) -> None:
        rows = [("a", "2020-01-01", amount) for amount in (1e308, 1e308, -1e308)] + [("b", "2020-01-01", 1.0)]
        log = read(pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"]))
        assert log.rejected_by_rule == {"amount_too_large": 3}

    def test_other_numbers_are_bounded_too(self) -> None:
        table = shop().assign(margin=1.0)
        table.loc[0, "margin"] = 1e300
        table.loc[1, "margin"] = np.inf
        assert read(table).rejected_by_rule == {"amount_too_large": 1, "non_finite_amount": 1}

    def test_the_largest_allowed_sums_stay_finite(self) -> None:
        with pytest.raises(ValueError, match="less than or equal to 1000000000000000"):
            DataParams(max_amount=1e16)


class TestTimes:
    @pytest.mark.parametrize("share", [0.002, 0.4])
    @pytest.mark.parametrize("day", ["1900-01-01", "1970-01-01"])
    @pytest.mark.slow
    def test_first_days_of_calendars_stand_for_no_day(self, day: str, share: float) -> None:
        table = shop()
        table.loc[: int(share * len(table)), "timestamp"] = day
        log = read(table)
        assert set(log.rejected_by_rule) == {"sentinel_date"}
        assert log.first_day >= dt.date(2020, 1, 1)
        assert "--set data.first_day=1900-01-01" in named(log)["sentinel_date"].text
        kept = read(table, first_day=dt.date(1900, 1, 1))
        assert kept.rejected_by_rule == {}
        assert str(kept.first_day) == day

    def test_in_a_log_of_that_time_they_are_days(self) -> None:
        days = pd.date_range("1969-06-01", periods=600).strftime("%Y-%m-%d")
        assert read(shop().assign(timestamp=days)).rejected_by_rule == {}

    @pytest.mark.parametrize(
        ("day", "name", "key"),
        [("1987-05-05", "days_far_before", "first_day"), ("1955-01-02", "days_far_before", "first_day")],
    )
    def test_a_lone_day_far_out_is_named_and_can_be_rejected(self, day: str, name: str, key: str) -> None:
        table = shop()
        table.loc[7, "timestamp"] = day
        log = read(table)
        found = named(log)[name]
        assert (found.lines, found.examples) == (1, (day,))
        mended = read(table, **as_set(found))
        assert mended.rejected_by_rule == {"outside_period": 1}
        assert set(named(mended)) == {"outside_period"}

    def test_days_far_after(self) -> None:
        table = shop().assign(timestamp=lambda table: table.timestamp.str.replace("202", "199", n=1))
        table.loc[7, "timestamp"] = "2019-05-05"
        found = named(read(table))["days_far_after"]
        assert read(table, **as_set(found)).rejected_by_rule == {"outside_period": 1}

    def test_a_long_history_is_no_outlier(self) -> None:
        days = pd.date_range("1985-01-01", periods=600, freq="23D").strftime("%Y-%m-%d")
        assert read(shop().assign(timestamp=days)).findings == ()

    def test_a_day_in_the_future_is_rejected_with_advice(self) -> None:
        table = shop()
        table.loc[7, "timestamp"] = "9999-12-31"
        log = read(table)
        assert log.rejected_by_rule == {"future_timestamp": 1}
        assert named(log)["future_timestamp"].examples == ("line 8: 9999-12-31",)

    @pytest.mark.parametrize(
        ("freq", "name", "grain"),
        [("MS", "monthly_log", "M"), ("ME", "monthly_log", "M"), ("YS", "yearly_log", "Y")],
    )
    @pytest.mark.slow
    def test_logs_by_month_and_year_are_said(self, freq: str, name: str, grain: str) -> None:
        days = pd.date_range("1999-01-01", periods=20, freq=freq).strftime("%Y-%m-%d")
        table = shop().assign(timestamp=np.resize(days, 600))
        found = named(read(table))[name]
        assert found.setting == f"data.event_grain={grain}"
        assert f"--set data.event_grain={grain} --set clv.model=bg_bb" in found.text
        assert ("--set horizon_days=365" in found.text) == (grain == "Y")
        assert name not in named(read(table, **as_set(found)))

    def test_a_short_log_is_not_called_monthly(self) -> None:
        days = pd.date_range("2021-01-10", periods=8, freq="37D").strftime("%Y-%m-%d")
        for lines, names in ((16, set()), (24, {"monthly_log"})):
            assert set(named(read(shop(lines).assign(timestamp=np.resize(days, lines))))) == names


class TestCustomers:
    @pytest.mark.parametrize("column", ["lines", "value"])
    @pytest.mark.slow
    def test_one_with_an_outlying_share_is_named(self, column: str) -> None:
        table = shop(1200)
        if column == "lines":
            table.loc[:500, "customer_id"] = "walk-in"
        else:
            table.loc[:60, ["customer_id", "amount"]] = ["walk-in", 200.0]
        log = read(table)
        found = named(log)["dominant_customer"]
        assert found.examples == ("walk-in",)
        mended = read(table, **as_set(found))
        assert mended.rejected_by_rule == {"missing_customer": found.lines}

    def test_several_are_one_finding_whose_setting_names_all(self) -> None:
        table = shop(1200)
        table.loc[:199, "customer_id"] = "walk-in"
        table.loc[200:449, "customer_id"] = "shop"
        table["customer_id"] += np.where(table["customer_id"].str.len() < 4, np.arange(1200).astype(str), "")
        found = [each for each in read(table).findings if each.name == "dominant_customer"]
        assert [(each.lines, each.examples) for each in found] == [(450, ("shop", "walk-in"))]
        assert "2 customers, each with an outlying share, have 37.5% of the lines" in found[0].text
        assert read(table, **as_set(found[0])).rejected_by_rule == {"missing_customer": 450}

    def test_without_amounts_there_is_no_value(self) -> None:
        table = shop(1200).drop(columns="amount")
        table.loc[:500, "customer_id"] = "walk-in"
        table.loc[600, ["customer_id", "timestamp"]] = ["c7", "1955-01-01"]
        table.loc[601, "timestamp"] = "soon"
        found = named(read(table))
        assert {"dominant_customer", "ids_in_two_cases", "days_far_before"} < set(found)
        assert [each.value for each in found.values()] == [None] * len(found)
        assert not any("value" in each.text for each in found.values())

    def test_identifiers_that_differ_in_case_only(self) -> None:
        table = shop()
        table.loc[0, "customer_id"] = "c7"
        found = named(read(table))["ids_in_two_cases"]
        assert found.examples == ("C7 and c7",)

    def test_identifiers_that_a_spreadsheet_shortened(self) -> None:
        table = shop()
        table.loc[[0, 5, 9], "customer_id"] = ["1.23457E+11", "1.23457E+11", "9E+15"]
        found = named(read(table))["shortened_ids"]
        assert (found.lines, found.examples) == (3, ("1.23457E+11", "9E+15"))
        assert "3 lines of 2 customers" in found.text
        assert "shortened_ids" not in named(read(shop()))


class TestAdvice:
    def test_few_of_many_lines_are_still_some(self) -> None:
        table = shop(3000)
        table.loc[0, "customer_id"] = None
        assert "less than 0.1% of the lines (1) and " in named(read(table))["missing_customer"].text

    def test_one_line_for_each_rule_by_lines_and_value(self) -> None:
        table = shop(100).astype({"amount": object})
        table.loc[0, "customer_id"] = None
        table.loc[1, "amount"] = "soon"
        log = read(table)
        findings = named(log)
        assert findings["missing_customer"].value == table.loc[0, "amount"]
        assert "1.0% of the lines (1) and " in findings["missing_customer"].text
        assert findings["unparsable_amount"].value is None
        assert findings["unparsable_amount"].examples == ("line 2: soon",)
        report = assess(log, log.last_day, 30)
        for finding in log.findings:
            assert str(finding) in report.warnings
        assert [each["name"] for each in report.numbers["findings"]] == list(findings)

    def test_examples_of_products_show_all_factors(self) -> None:
        table = shop().rename(columns={"amount": "price"}).assign(quantity="2")
        table["price"] = table["price"].astype(str)
        table.loc[1, "price"] = "soon"
        log = read(table, columns={"amount": "quantity*price"})
        assert named(log)["unparsable_amount"].examples == ("line 2: 2 * soon",)

    dirt = st.tuples(
        st.sampled_from(["a", "b", "0", "", "NULL", "Total", "c "]),
        st.sampled_from(["2020-01-01", "2020-02-03", "soon", "", "1970-01-01", "1950-01-01", "2999-01-01"]),
        st.sampled_from(["1", "2.5", "-3", "x", "", "inf", "1e300", "99999999"]),
    )

    @settings(max_examples=10, deadline=None)
    @given(rows=st.lists(dirt, max_size=40), refunds=st.sampled_from(["net", "drop", "reject"]))
    @pytest.mark.slow
    def test_accepted_and_rejected_are_all_and_every_rule_has_advice(
        self, rows: list[tuple[str, str, str]], refunds: str
    ) -> None:
        rows = [*rows, ("sure", "2020-01-03", "1")]
        log = read(
            pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"], dtype="str"), refunds=refunds
        )
        assert log.lines_accepted + sum(log.rejected_by_rule.values()) == log.lines_read == len(rows)
        findings = named(log)
        for rule, lines in log.rejected_by_rule.items():
            assert findings[rule].lines == lines
            assert "were rejected because" in findings[rule].text
            assert findings[rule].text.count(": ") >= 1
        assert all("\n" not in str(each) for each in log.findings)
        log.close()

    def test_what_the_source_says_stays_on_one_line_without_escapes(self) -> None:
        text = str(
            DataFinding(
                "x", "found", examples=("a\nb", "\x1b[2J", "1\u202f000\xa0Ft"), setting="data.decimal=,"
            )
        )
        assert text == r"found (a\nb; \x1b[2J; 1 000 Ft) (--set data.decimal=,)"


class TestUnreadable:
    def dirty(self, share: float) -> TransactionLog:
        table = shop(200)
        table.loc[: int(share * 200) - 1, "timestamp"] = "soon"
        return read(table)

    def test_few_unreadable_lines_are_said_only(self) -> None:
        report = assess(self.dirty(0.03), dt.date(2021, 11, 1), 30)
        assert report.unreadable is None
        assert any("the time cannot be read" in warning for warning in report.warnings)

    def test_many_are_a_reason_to_stop_looking(self) -> None:
        log = self.dirty(0.2)
        report = assess(log, dt.date(2021, 11, 1), 30)
        assert report.unreadable is not None
        assert report.unreadable.startswith("20.0% of the lines and ")
        check_readable(log)

    def test_most_are_a_reason_to_refuse(self) -> None:
        with pytest.raises(
            DataError, match=r"^DataFrame: 60.0% of the lines and .* could not be read; "
        ) as error:
            check_readable(self.dirty(0.6))
        assert "\n" not in str(error.value)

    def test_lines_without_a_customer_never_are(self) -> None:
        table = shop(200)
        table.loc[:150, "customer_id"] = None
        log = read(table)
        assert assess(log, dt.date(2021, 11, 1), 30).unreadable is None
        check_readable(log)
