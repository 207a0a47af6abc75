"""The transaction log on Spark: every rule, count and feature as on DuckDB."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.data._findings import DataFinding
from guanxi.data.spark import transactions as spark_log
from guanxi.data.spark.engine import open_spark
from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError, EngineError, SourceError
from guanxi.features.behaviour import feature_expression
from guanxi.features.snapshots import features_at
from guanxi.params import DataParams

pytestmark = [
    pytest.mark.slow,
    pytest.mark.spark,
    # PySpark 4.0 leaves the sockets open through which rows came here.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
COUNTS = (
    "has_amounts",
    "lines_read",
    "lines_accepted",
    "rejected_by_rule",
    "customers_without_purchase",
    "first_day",
    "last_day",
)


def dirty_lines(n: int = 4000) -> pd.DataFrame:
    """Lines with every kind of dirt a Parquet file can hold, and times with a zone."""
    random = np.random.default_rng(0)
    amount = np.round(random.gamma(2.0, 20.0, n), 2)
    amount[random.random(n) < 0.1] *= -1.0
    amount[:30] = [np.nan, np.inf, 0.0] * 10
    seconds = random.integers(0, 900 * 86_400, n)
    table = pd.DataFrame(
        {
            "Kunde Nr.": random.choice([f"c{i}" for i in range(150)] + ["", "  ", None], n),
            "bought": pd.Timestamp("2010-01-01", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
            "quantity": random.integers(1, 9, n),
            "price": amount,
            "order_id": random.choice([f"o{i}" for i in range(500)], n),
            "category": random.choice(["a", "b", "c", None], n),
            "margin": np.round(amount * 0.3, 2),
            "file": random.choice(["x", "y"], n),
        }
    ).astype({"bought": "datetime64[us, UTC]"})
    table.loc[:9, "quantity"] = 0
    table.loc[40:60, "bought"] = None
    table.loc[61:63, "bought"] = pd.Timestamp("2999-01-01", tz="UTC")
    again = table.sample(400, random_state=1).assign(file="z")
    return pd.concat([table, again], ignore_index=True)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dirty")
    table = dirty_lines()
    for i in range(4):
        table.iloc[i::4].to_parquet(folder / f"{i}.parquet")
    return folder


def features(log: spark_log.SparkLog, cutoff: dt.date, horizon: int = 90) -> pd.DataFrame:
    expression = feature_expression(log.events, log.lines, cutoff, horizon, log.params.event_grain)
    table = log.engine.rows(expression).sort_values("customer_id", ignore_index=True)
    return table.astype(dict.fromkeys(table.columns[1:], float))


def same_findings(got: tuple[DataFinding, ...], expected: tuple[DataFinding, ...]) -> None:
    """All but examples, which name lines, and the last digits of values."""
    assert [each.name for each in got] == [each.name for each in expected]
    for one, other in zip(got, expected, strict=True):
        assert (one.lines, one.setting) == (other.lines, other.setting)
        assert one.text == other.text or one.name == "unparsable_amount"  # Spark shows no reading of them
        assert one.value == (None if other.value is None else pytest.approx(other.value, rel=1e-9))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"duplicates": "drop", "duplicates_ignore": ("file",), "refunds": "drop"},
        {"refunds": "reject", "event_grain": "W", "timezone": "America/New_York"},
        {"event_grain": "M", "timezone": "Asia/Shanghai"},
    ],
    ids=["defaults", "drop", "weeks", "months"],
)
def test_counts_and_features_are_those_of_duckdb(
    spark_session: Any, source: Path, given: dict[str, Any]
) -> None:
    columns = {"customer_id": "Kunde Nr.", "timestamp": "bought", "amount": "quantity*price"}
    params = DataParams(columns=columns, **given)
    own = read_transactions(str(source), params)
    cutoff = dt.date(2012, 3, 10)
    with open_spark(params.timezone) as engine:
        log = spark_log.read_transactions(engine, str(source), params)
        for name in COUNTS:
            assert getattr(log, name) == getattr(own, name), name
        same_findings(log.findings, own.findings)
        got = features(log, cutoff)
    expected = features_at(own, cutoff, 90)
    assert {"quantity_mean", "margin_share", "category_concentration", "orders_mean"} <= set(expected)
    pd.testing.assert_frame_equal(got, expected, rtol=1e-12, atol=1e-12, check_dtype=False)
    own.close()


def test_columns_in_the_names_of_folders_are_read(spark_session: Any, tmp_path: Path) -> None:
    day = pd.Timestamp("2010-01-01").as_unit("us")
    for shop in ("a", "b"):
        folder = tmp_path / f"channel={shop}"
        folder.mkdir()
        lines = pd.DataFrame({"customer_id": [1, 2], "timestamp": [day, day], "amount": [1.0, 2.0]})
        lines.to_parquet(folder / "lines.parquet")
    own = read_transactions(str(tmp_path))
    with open_spark() as engine:
        log = spark_log.read_transactions(engine, str(tmp_path), DataParams())
        got = features(log, dt.date(2010, 1, 1))
    assert got["channel_count"].tolist() == [2.0, 2.0]
    pd.testing.assert_frame_equal(got, features_at(own, dt.date(2010, 1, 1), 90), check_dtype=False)
    own.close()


def test_lines_of_whole_years_are_dated_from_their_first_day(spark_session: Any, tmp_path: Path) -> None:
    days = pd.Series(pd.to_datetime([f"{2010 + i // 40}-12-31" for i in range(200)])).astype("datetime64[us]")
    lines = pd.DataFrame(
        {"customer_id": [f"c{i % 40}" for i in range(200)], "timestamp": days, "amount": 2.0}
    )
    lines.to_parquet(tmp_path / "years.parquet")
    params = DataParams(event_grain="Y")
    own = read_transactions(str(tmp_path), params)
    assert own.last_day == dt.date(2014, 1, 1)
    with open_spark() as engine:
        log = spark_log.read_transactions(engine, str(tmp_path), params, count_repeated=True)
        for name in (*COUNTS, "repeated_lines"):
            assert getattr(log, name) == getattr(own, name), name
        same_findings(log.findings, own.findings)
        got = features(log, own.last_day, 365)
    expected = features_at(own, own.last_day, 365)
    pd.testing.assert_frame_equal(got, expected, rtol=1e-12, check_dtype=False)
    own.close()


def test_a_log_without_amounts(spark_session: Any, tmp_path: Path) -> None:
    table = dirty_lines().rename(columns={"Kunde Nr.": "customer_id", "bought": "timestamp"})
    table[["customer_id", "timestamp", "order_id"]].to_parquet(tmp_path / "visits.parquet")
    own = read_transactions(str(tmp_path))
    with open_spark() as engine:
        log = spark_log.read_transactions(engine, str(tmp_path), DataParams())
        assert not log.has_amounts
        same_findings(log.findings, own.findings)
        assert "no_amounts" in {each.name for each in log.findings}
        got = features(log, dt.date(2012, 3, 10))
    expected = features_at(own, dt.date(2012, 3, 10), 90)
    pd.testing.assert_frame_equal(got, expected, rtol=1e-12, atol=1e-12, check_dtype=False)
    assert got["monetary_value"].isna().all()
    own.close()


def test_what_is_implausible_is_found(spark_session: Any, tmp_path: Path) -> None:
    """Also amounts written as text."""
    table = dirty_lines().rename(columns={"Kunde Nr.": "customer_id", "bought": "timestamp"})
    table["amount"] = table["price"].abs().fillna(1.0).clip(1.0, 99.0).astype("str")
    table.loc[500, "amount"], table.loc[501:504, "amount"] = "9999999", "ask"
    table.loc[505:1500, "customer_id"] = "counter"
    table.loc[1501, "timestamp"] = pd.Timestamp("1975-03-01", tz="UTC")
    table.loc[1502:1503, "customer_id"] = ["Anna", "anna"]
    table[["customer_id", "timestamp", "amount"]].to_parquet(tmp_path / "sales.parquet")
    own = read_transactions(str(tmp_path))
    assert {each.name for each in own.findings} >= {
        "amount_far_out", "days_far_before", "dominant_customer", "ids_in_two_cases", "unparsable_amount",
    }  # fmt: skip
    with open_spark() as engine:
        log = spark_log.read_transactions(engine, str(tmp_path), DataParams())
        same_findings(log.findings, own.findings)
    own.close()


class TestRefused:
    @pytest.fixture
    def read(self, spark_session: Any, tmp_path: Path) -> Any:
        def call(column: Any, **given: Any) -> Any:
            lines = pd.DataFrame({"customer_id": [1, 2], "timestamp": column, "amount": [1.0, 2.0]})
            lines.to_parquet(tmp_path / "lines.parquet")
            params = DataParams(**given)
            with open_spark(params.timezone) as engine:
                return spark_log.read_transactions(engine, str(tmp_path / "lines.parquet"), params)

        return call

    def test_times_as_text_or_numbers(self, read: Any) -> None:
        with pytest.raises(SourceError, match=r"'timestamp' has times of type string.*store them as times"):
            read(["2010-01-01", "2010-01-02"])
        with pytest.raises(SourceError, match="has times of type bigint"):
            read([20100101, 20100102])

    def test_nanoseconds(self, read: Any) -> None:
        days = pd.Series(pd.to_datetime(["2010-01-01", "2010-01-02"])).astype("datetime64[ns]")
        with pytest.raises(SourceError, match=r"'timestamp' has times in nanoseconds.*microseconds"):
            read(days)

    def test_nothing_left_says_why(self, read: Any) -> None:
        future = pd.Series(pd.to_datetime(["2990-01-01", "2990-01-02"])).astype("datetime64[us]")
        with pytest.raises(DataError, match=r"all 2 lines were rejected \(future_timestamp 2\).*future"):
            read(future)
        with pytest.raises(DataError, match=r"all 2 lines were rejected \(missing_timestamp 2\)"):
            read(pd.Series([None, None], dtype="datetime64[us]"))

    def test_no_line(self, spark_session: Any, tmp_path: Path) -> None:
        dirty_lines().head(0).to_parquet(tmp_path / "empty.parquet")
        columns = {"customer_id": "Kunde Nr.", "timestamp": "bought", "amount": "price"}
        with open_spark() as engine, pytest.raises(DataError, match="columns but no line"):
            spark_log.read_transactions(engine, str(tmp_path / "empty.parquet"), DataParams(columns=columns))

    def test_damaged_file(self, spark_session: Any, source: Path, tmp_path: Path) -> None:
        content = bytearray((source / "0.parquet").read_bytes())
        content[200:4000] = b"\0" * 3800
        (tmp_path / "damaged.parquet").write_bytes(bytes(content))
        columns = {"customer_id": "Kunde Nr.", "timestamp": "bought", "amount": "price"}
        with (
            pytest.raises(EngineError, match=r"Spark failed: .*damaged.parquet") as failed,
            open_spark() as engine,
        ):
            spark_log.read_transactions(
                engine, str(tmp_path / "damaged.parquet"), DataParams(columns=columns)
            )
        assert "\n" not in str(failed.value)
