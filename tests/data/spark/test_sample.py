"""A sample of the customers of a log on Spark: in proportion, keyed, and its tables those of DuckDB."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from guanxi.data import datasets
from guanxi.data.spark import transactions as spark_log
from guanxi.data.spark.engine import open_spark
from guanxi.data.spark.sample import sample_customers
from guanxi.data.transactions import TransactionLog, data_digest, read_transactions
from guanxi.features.distinct_histories import DistinctHistories, number_of_customers
from guanxi.features.snapshots import features_at, snapshots_at
from guanxi.models import BetaGeoNBD, GammaGamma
from guanxi.models.purchase_models import transaction_model
from guanxi.params import DataParams
from guanxi.periods import add_days

pytestmark = [
    pytest.mark.slow,
    pytest.mark.spark,
    # PySpark 4.0 leaves the sockets open through which rows came here.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
CUSTOMERS = 500


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    table = datasets.load("cdnow-sample")
    return table.assign(category=[f"c{i % 7}" for i in range(len(table))])


@pytest.fixture(scope="module")
def whole(spark_session: Any, lines: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("sales") / "lines.parquet"
    lines.sample(frac=1.0, random_state=1).to_parquet(path)
    with open_spark() as engine:
        yield spark_log.read_transactions(engine, str(path), DataParams())


@pytest.fixture(scope="module")
def sample(whole: Any) -> Iterator[TransactionLog]:
    log = sample_customers(whole, whole.last_day, CUSTOMERS)
    yield log
    log.close()


@pytest.fixture(scope="module")
def own(lines: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransactionLog]:
    path: Path = tmp_path_factory.mktemp("own") / "lines.parquet"
    lines.to_parquet(path)
    log = read_transactions(str(path))
    yield log
    log.close()


@pytest.fixture(scope="module")
def known(own: TransactionLog) -> pd.DataFrame:
    """The customers with their groups, as told in the docstring."""
    events = own.events.execute()
    events["date"] = pd.to_datetime(events["date"])
    table = events.groupby("customer_id").agg(purchases=("date", "size"), first=("date", "min"))
    table["level"] = pd.cut(table["purchases"], [0, 1, 3, 7, 15, 1_000_000], labels=False)
    table["quarter"] = table["first"].dt.to_period("Q").astype(str)
    table["key"] = [hashlib.md5(str(each).encode()).hexdigest() for each in table.index]
    return table


@pytest.fixture(scope="module")
def counted(sample: TransactionLog) -> DistinctHistories:
    return DistinctHistories(sample, sample.last_day, features_at(sample, sample.last_day, 60))


@pytest.fixture(scope="module")
def every(own: TransactionLog) -> DistinctHistories:
    return DistinctHistories(own, own.last_day, features_at(own, own.last_day, 60))


def test_every_group_has_its_share(sample: TransactionLog, known: pd.DataFrame) -> None:
    chosen = set(sample.events.customer_id.execute())
    assert len(chosen) == sample.customers == CUSTOMERS
    assert sample.weight == len(known) / CUSTOMERS
    for _, group in known.groupby(["quarter", "level"]):
        inside = group.index.isin(chosen)
        assert abs(inside.sum() - len(group) / sample.weight) < 1.0
        assert group["key"][inside].max() < group["key"][~inside].min() or not inside.any() or inside.all()


def test_a_limit_of_purchases(whole: Any, known: pd.DataFrame) -> None:
    log = sample_customers(whole, whole.last_day, 10_000, most_purchases=2_000)
    assert abs(log.events.count().execute() - 2_000) < 100
    assert log.weight == pytest.approx(known["purchases"].sum() / 2_000, rel=0.01)
    log.close()


def test_nothing_after_the_day_comes_here(whole: Any, own: TransactionLog) -> None:
    day = add_days(own.last_day, -200)
    log = sample_customers(whole, day, 10_000)
    assert log.weight == 1.0
    assert log.events.date.max().execute() <= pd.Timestamp(day)
    pd.testing.assert_frame_equal(features_at(log, day, 60), features_at(own, day, 60), rtol=1e-12)
    log.close()


def test_snapshots_are_those_of_duckdb_from_the_same_customers(
    sample: TransactionLog, lines: pd.DataFrame, tmp_path: Path
) -> None:
    chosen = sample.events.customer_id.execute().unique()
    lines[lines["customer_id"].isin(chosen)].to_parquet(tmp_path / "chosen.parquet")
    own = read_transactions(str(tmp_path / "chosen.parquet"))
    days = [add_days(own.last_day, -days) for days in (300, 200, 100)]
    expected, got = snapshots_at(own, days, 60), snapshots_at(sample, days, 60)
    for day in days:
        assert "category_concentration" in got[day]
        pd.testing.assert_frame_equal(got[day], expected[day], rtol=1e-12)
    own.close()


class TestCountedHistories:
    """Fits to counts from Spark are fits to all customers, though only a sample of them is here."""

    def test_they_count_all_customers(self, counted: DistinctHistories, every: DistinctHistories) -> None:
        assert len(counted.features) == CUSTOMERS
        for name in ("histories", "amounts", "with_log_gaps"):
            customers = number_of_customers(getattr(counted, name))
            assert customers is not None
            assert customers.sum() == len(every.features)

    @pytest.mark.parametrize("name", ["bg_nbd", "pareto_nbd", "bg_cnbd"])
    def test_purchase_models(self, counted: DistinctHistories, every: DistinctHistories, name: str) -> None:
        table = "with_log_gaps" if name == "bg_cnbd" else "histories"
        rows = getattr(counted, table)
        one = transaction_model(name).fit(rows, number_of_customers(rows))
        other = transaction_model(name).fit(getattr(every, table))
        assert one.params_ == pytest.approx(other.params_, rel=1e-9)
        assert one.log_likelihood_ == pytest.approx(other.log_likelihood_, rel=1e-12)

    def test_spend(self, counted: DistinctHistories, every: DistinctHistories) -> None:
        one = GammaGamma().fit(counted.amounts, number_of_customers(counted.amounts))
        assert one.params_ == pytest.approx(GammaGamma().fit(every.amounts).params_, rel=1e-9)


def test_the_digest_tells_lines_not_their_order(
    whole: Any, sample: TransactionLog, own: TransactionLog, lines: pd.DataFrame, tmp_path: Path
) -> None:
    lines.to_parquet(tmp_path / "again.parquet")
    lines.iloc[1:].to_parquet(tmp_path / "fewer.parquet")
    with open_spark() as engine:
        again, fewer = (
            spark_log.read_transactions(engine, str(tmp_path / f"{name}.parquet"), DataParams()).digest()
            for name in ("again", "fewer")
        )
    assert data_digest(sample) == whole.digest() == again != fewer
    assert again != data_digest(own)


def test_the_fit_of_the_sample_alone_is_another(sample: TransactionLog, own: TransactionLog) -> None:
    """Or the tests above would show nothing."""
    one, other = (BetaGeoNBD().fit(features_at(log, log.last_day, 60)) for log in (sample, own))
    assert one.params_ != pytest.approx(other.params_, rel=1e-3)
