"""A run on the CDNOW master data with crude but honest predictions: real shapes, no model needed."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import lightgbm
import numpy as np
import pandas as pd
import pytest

from guanxi.report import RunReport
from guanxi.report.stories import STEPS, Stories

if TYPE_CHECKING:
    import shap

HOSTILE = "<script>document.title='hacked'</script>"
CUTOFF, AS_OF = pd.Timestamp("1997-09-30"), pd.Timestamp("1998-06-30")
HORIZON = 273


@pytest.fixture(scope="session")
def hostile() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def transactions() -> pd.DataFrame:
    spec = importlib.util.find_spec("lifetimes")
    assert spec is not None
    folder = spec.submodule_search_locations[0]
    log = pd.read_csv(
        Path(folder, "datasets", "CDNOW_master.txt"),
        sep=r"\s+",
        skiprows=1,
        names=["customer_id", "date", "discs", "amount"],
        dtype={"customer_id": str, "date": str},
    )
    log["date"] = pd.to_datetime(log["date"], format="%Y%m%d")
    return log.groupby(["customer_id", "date"], as_index=False)["amount"].sum()


def rfm(log: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    past = log[log["date"] <= cutoff]
    table = past.groupby("customer_id").agg(
        first=("date", "min"), last=("date", "max"), days=("date", "size"), mean=("amount", "mean")
    )
    return pd.DataFrame(
        {
            "frequency": table["days"] - 1,
            "recency": (table["last"] - table["first"]).dt.days,
            "T": (cutoff - table["first"]).dt.days,
            "monetary_value": table["mean"],
        }
    )


def crude_predictions(table: pd.DataFrame) -> pd.DataFrame:
    """Shrunken rate times a chance of being alive that fades with the time since the last purchase."""
    rate = (table["frequency"] + 0.25) / (table["T"] + 60)
    alive = np.exp(-rate * (table["T"] - table["recency"]) / 2.2)
    purchases = rate * alive * HORIZON * 0.8
    return table.assign(
        probability_alive=alive,
        expected_purchases=purchases,
        expected_spend=(table["monetary_value"] * table["frequency"] + 60) / (table["frequency"] + 2),
        churn_probability=np.clip(np.exp(-purchases * 0.9), 0, 1),
    )


@pytest.fixture(scope="session")
def holdout(transactions: pd.DataFrame) -> pd.DataFrame:
    table = crude_predictions(rfm(transactions, CUTOFF))
    future = transactions[transactions["date"] > CUTOFF].groupby("customer_id")["amount"].agg(["size", "sum"])
    future = future.reindex(table.index, fill_value=0)
    return table.assign(
        purchases=future["size"],
        spend=future["sum"],
        expected_spend_total=table["expected_purchases"] * table["expected_spend"],
        churned=future["size"] == 0,
    ).reset_index()


@pytest.fixture(scope="session")
def predictions(transactions: pd.DataFrame) -> pd.DataFrame:
    table = crude_predictions(rfm(transactions, AS_OF)).reset_index()
    value = table["expected_purchases"] * table["expected_spend"]
    since = table["T"] - table["recency"]
    rhythm = (table["recency"] / table["frequency"].clip(lower=1)).round().astype(int)
    spread = np.sqrt(value * 30)
    table = table.assign(
        as_of=AS_OF.date(),
        horizon_days=HORIZON,
        clv=value,
        clv_lower=(value - spread).clip(lower=0),
        clv_upper=value + spread,
        value_at_risk=table["churn_probability"] * table["expected_spend"],
        next_purchase_date=AS_OF + pd.to_timedelta((table["T"] / (table["frequency"] + 1)).round(), unit="D"),
        driver_1="days_since_last",
        driver_1_effect=np.where(since > 2 * rhythm, 0.8, -0.9),
        driver_1_text=[
            f"last bought {s} days ago; usually every {r} days" for s, r in zip(since, rhythm, strict=True)
        ],
        driver_2="frequency",
        driver_2_effect=-0.4,
        driver_2_text=[
            f"{n} repeat purchases in {t} days" for n, t in zip(table["frequency"], table["T"], strict=True)
        ],
        model_version="7",
    )
    # The most valuable customer, who stands in a list, has a hostile name.
    top = table["clv"].idxmax()
    table.loc[top, ["customer_id", "driver_1_text"]] = [HOSTILE, f"likes {HOSTILE}"]
    return table


@pytest.fixture(scope="session")
def explanation(holdout: pd.DataFrame) -> shap.Explanation:
    with warnings.catch_warnings():
        # shap 0.51 uses calls that matplotlib 3.11 announces to deprecate.
        warnings.filterwarnings(
            "ignore", message="The set_(bad|over|under) function", category=PendingDeprecationWarning
        )
        import shap

    features = holdout[["frequency", "recency", "T", "monetary_value"]].assign(
        days_since_last=holdout["T"] - holdout["recency"]
    )
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_leaves": 15, "num_threads": 1},
        lightgbm.Dataset(features, holdout["churned"]),
        num_boost_round=40,
    )
    sample = features.iloc[::10]
    effects = np.asarray(booster.predict(sample, pred_contrib=True))
    return shap.Explanation(
        values=effects[:, :-1],
        base_values=effects[:, -1],
        data=sample.to_numpy(),
        feature_names=list(features.columns),
    )


@pytest.fixture(scope="session")
def tracking(transactions: pd.DataFrame) -> pd.DataFrame:
    repeats = transactions[transactions.duplicated("customer_id")].groupby("date").size()
    days = pd.date_range("1997-01-05", AS_OF, freq="7D")
    actual = repeats.sort_index().cumsum().reindex(days, method="ffill").fillna(0)
    week = np.arange(len(days))
    expected = actual.iloc[-1] * 1.04 * (week / week[-1]) ** 0.93
    return pd.DataFrame({"date": days, "actual": actual.to_numpy(), "expected": expected})


@pytest.fixture(scope="session")
def metrics() -> pd.DataFrame:
    """The anchors of GOLDEN.md for CDNOW, one column per model."""
    values = {
        ("purchases", "mae"): {"naive": 1.901, "BG/NBD": 0.819, "guanxi": 0.798},
        ("purchases", "bias"): {"naive": 1.21, "BG/NBD": -0.131, "guanxi": -0.064},
        ("spend", "mae"): {"naive": 71.1, "BG/NBD": 32.7, "guanxi": 31.9},
        ("spend", "spearman"): {"naive": 0.398, "BG/NBD": 0.421, "guanxi": 0.441},
        ("spend", "top_decile_capture"): {"naive": 0.654, "BG/NBD": 0.676, "guanxi": 0.675},
        ("churn", "auc"): {"naive": 0.759, "BG/NBD": 0.7466, "guanxi": 0.764},
        ("churn", "log_loss"): {"naive": 0.548, "BG/NBD": 0.5123, "guanxi": 0.501},
    }
    rows = [
        (target, model, metric, value)
        for (target, metric), row in values.items()
        for model, value in row.items()
    ]
    return pd.DataFrame(rows, columns=["target", "model", "metric", "value"])


@pytest.fixture(scope="session")
def spent(transactions: pd.DataFrame) -> pd.Series:
    return transactions.groupby("customer_id")["amount"].sum()


@pytest.fixture(scope="session")
def relationships(predictions: pd.DataFrame, spent: pd.Series) -> pd.DataFrame:
    alive = predictions["probability_alive"] > 0.5
    return pd.DataFrame(
        {
            "spent": spent.to_numpy(),
            "stage": np.where(alive, "Mature", "Declining"),
            "segment": pd.cut(spent, [-1, 50, 200, np.inf], labels=["Small", "Middle", "Large"]).astype(str),
            "action": np.where(alive, "Newsletter, nothing more", "Reminder with a reason to buy again"),
            "channel": "email",
        }
    ).reset_index(drop=True)


@pytest.fixture(scope="session")
def stories(transactions: pd.DataFrame, predictions: pd.DataFrame) -> Callable[[Sequence[str]], Stories]:
    """Histories as bought, and crude chances of being alive, of the customers asked for."""
    first = transactions.groupby("customer_id")["date"].min()
    [renamed] = set(first.index) - set(predictions["customer_id"])

    def tell(customer_ids: Sequence[str]) -> Stories:
        rows = predictions.set_index("customer_id").loc[list(customer_ids)]
        known = [renamed if each == HOSTILE else each for each in customer_ids]
        bought = transactions.assign(number=pd.Index(known).get_indexer(transactions["customer_id"]))
        bought = bought[bought["number"] >= 0].sort_values(["number", "date"])
        since = (bought["date"] - bought.groupby("number")["date"].transform("min")).dt.days
        churn = rows["churn_probability"].to_numpy()
        points = 100.0 * (churn - 0.8)
        half = pd.DataFrame({"text": rows["driver_1_text"].to_numpy(), "points": 0.75 * points})
        quarter = pd.DataFrame({"text": rows["driver_2_text"].to_numpy(), "points": 0.15 * points})
        steps = np.linspace(1.0, rows["probability_alive"].to_numpy(), STEPS).T
        return Stories(
            customer_ids=pd.Series(customer_ids),
            first_days=pd.Series(first.loc[known].to_numpy()),
            number=bought["number"].to_numpy(),
            day=since.to_numpy(),
            amount=bought["amount"].to_numpy(),
            alive=steps,
            average=np.full(len(rows), 0.8),
            drivers=[half, quarter],
            others=0.1 * points,
        )

    return tell


@pytest.fixture(scope="session")
def totals(predictions: pd.DataFrame) -> pd.DataFrame:
    expected = float((predictions["expected_purchases"] * predictions["expected_spend"]).sum())
    row = {"target": "spend", "segment": None, "expected": expected}
    return pd.DataFrame([row | {"lower": 0.8 * expected, "upper": 1.25 * expected}])


@pytest.fixture(scope="session")
def report(
    predictions: pd.DataFrame,
    relationships: pd.DataFrame,
    stories: Callable[[Sequence[str]], Stories],
    totals: pd.DataFrame,
    holdout: pd.DataFrame,
    metrics: pd.DataFrame,
    tracking: pd.DataFrame,
    explanation: shap.Explanation,
) -> RunReport:
    return RunReport(
        source="cdnow",
        as_of=AS_OF.date(),
        horizon_days=HORIZON,
        model_version="guanxi version 7 (champion)",
        language="en",
        generated_by="guanxi 0.1.0",
        data_facts=[
            ("Lines read", "69,659"),
            ("Lines accepted", "69,659"),
            ("Customers", "23,570"),
            ("Span", "1997-01-01 to 1998-06-30 (546 days)"),
            ("Customers who bought again", "50 %"),
        ],
        rejected=pd.DataFrame(
            {
                "rule": ["missing_customer", "refund_beyond_purchase"],
                "lines": [120, 4021],
                "share": [0.0017, 0.0577],
            }
        ),
        warnings=["255 lines are exact repeats of another line and were kept (data.duplicates: keep)."],
        predictions=predictions,
        holdout=holdout,
        holdout_window=(date(1997, 10, 1), AS_OF.date()),
        metrics=metrics,
        tracking=tracking,
        explanation=explanation,
        relationships=relationships,
        stories=stories,
        totals=totals,
        grades={"churn": "B", "purchases": "A", "spend": "B"},
        currency="USD",
    )
