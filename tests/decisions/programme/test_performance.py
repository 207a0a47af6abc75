"""Teams and account owners: equal skill is not told apart, intervals cover, and skill is found."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.programme import performance, team_performance
from guanxi.errors import DataError, HistoryError

OWNERS = 8


def owned(seed: int, spread: float, *, kept: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers of eight owners, better and more of them for the later ones; and the true ratios.

    Spend is a compound of purchases and amounts about a forecast that is wrong for each customer by chance.
    """
    random = np.random.default_rng(seed)
    skill = 1 + spread * random.normal(size=OWNERS)
    parts = []
    for place in range(OWNERS):
        size = int(random.integers(30, 200))
        if kept:
            forecast = random.beta(1 + place, 3, size)
            actual = (random.random(size) < np.clip(forecast * skill[place], 0, 1)).astype(float)
        else:
            level = np.exp(random.normal() + 2 * place / OWNERS)
            forecast = level * random.gamma(0.8, 1, size)
            purchases = random.poisson(3 * random.gamma(2, 0.5, size) * forecast / level * skill[place])
            actual = np.where(purchases > 0, random.gamma(np.maximum(2 * purchases, 1), level / 6), 0.0)
        parts.append(pd.DataFrame({"owner": f"o{place}", "actual": actual, "forecast": forecast}))
    table = pd.concat(parts, ignore_index=True)
    expected = table.groupby("owner")["forecast"].sum().to_numpy()
    return table, skill / np.average(skill, weights=expected)


def compared(seed: int, spread: float, *, kept: bool) -> tuple[float, float]:
    """Shares of owners told apart, and of intervals that cover."""
    table, true = owned(seed, spread, kept=kept)
    found = performance(table, "owner", "actual", "forecast", probability=kept)
    covered = (found["shrunk_lower"] <= true) & (true <= found["shrunk_upper"])
    return float((found["verdict"] != "not_told_apart").mean()), float(covered.mean())


@pytest.mark.parametrize("kept", [False, True])
def test_equal_skill_with_unlike_customers_is_not_told_apart(kept):
    told = [compared(seed, 0.0, kept=kept)[0] for seed in range(40)]
    assert np.mean(told) <= 0.05


@pytest.mark.parametrize("kept", [False, True])
def test_intervals_cover(kept):
    covered = [compared(seed, 0.2, kept=kept)[1] for seed in range(40)]
    assert 0.91 <= np.mean(covered) <= 0.99  # 95 nominally, of 320 intervals


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.25])
def test_rates_of_500_repetitions(spread, kept):
    told, covered = np.mean([compared(seed, spread, kept=kept) for seed in range(500)], axis=0)
    assert covered >= 0.93
    if spread == 0:
        assert told <= 0.05
    elif spread == 0.25:
        assert told >= 0.1


def test_the_ratios_by_hand():
    table = pd.DataFrame(
        {"owner": ["a", "a", "b", "b"], "y": [4.0, 0.0, 1.0, 1.0], "e": [1.0, 1.0, 1.0, 3.0]}
    )
    found = performance(table, "owner", "y", "e").set_index("name")
    assert found["expected"].to_dict() == {"a": 2.0, "b": 4.0}  # as many as happened in all
    assert found["ratio"].to_dict() == {"a": 2.0, "b": 0.5}
    assert found["customers"].to_dict() == {"a": 2, "b": 2}
    assert 1 < found.loc["a", "shrunk"] < 2
    assert 0.5 < found.loc["b", "shrunk"] < 1


def test_a_forecast_wrong_for_all_alike_changes_nothing():
    table, _ = owned(1, 0.2)
    one = performance(table, "owner", "actual", "forecast")
    two = performance(table.assign(forecast=table["forecast"] * 3), "owner", "actual", "forecast")
    pd.testing.assert_frame_equal(one, two)


def test_a_clear_difference_is_told():
    random = np.random.default_rng(0)
    table = pd.DataFrame({"owner": np.repeat(["a", "b", "c"], 400), "forecast": 2.0})
    table["actual"] = random.poisson(np.repeat([1.5, 2.0, 2.5], 400))
    found = performance(table, "owner", "actual", "forecast").set_index("name")
    assert found["verdict"].to_dict() == {"a": "below", "b": "not_told_apart", "c": "above"}
    assert found["ratio"].to_numpy() == pytest.approx([0.75, 1, 1.25], abs=0.08)


def test_one_owner_cannot_be_compared():
    table = pd.DataFrame({"owner": ["a"], "y": [1.0], "e": [1.0]})
    with pytest.raises(DataError, match="at least two"):
        performance(table, "owner", "y", "e")


class TestHandovers:
    """Hand-overs of customers whom a model expects to buy once."""

    @staticmethod
    def score(day):
        if day < date(2024, 12, 1):
            raise HistoryError("nobody had bought")
        names = [f"c{i}" for i in range(40)]
        return pd.DataFrame(
            {
                "customer_id": names,
                "expected_purchases": 1.0,
                "expected_spend": 10.0,
                "churn_probability": 0.5,
            }
        )

    @staticmethod
    def realised(day, days):
        assert days == 60
        assert day.day >= 28  # the last of a month
        return pd.DataFrame(
            {"customer_id": [f"c{i}" for i in range(0, 40, 2)], "purchases": 2, "spend": 20.0}
        )

    def compare(self, owners):
        return team_performance(owners, self.score, self.realised, as_of=date(2025, 6, 30), days=60)

    def test_what_is_compared(self):
        owners = pd.DataFrame(
            {
                "customer_id": [f"c{i}" for i in range(40)],
                "date": "2025-02-10",
                "owner": ["ann", "ann", "bo", "bo"] * 10,
                "team": ["east"] * 20 + ["west"] * 20,
            }
        )
        found = self.compare(owners)
        assert set(zip(found.table["by"], found.table["measure"], strict=True)) == {
            (by, measure) for by in ("owner", "team") for measure in ("spend", "purchases", "kept")
        }
        assert (found.table["ratio"] == 1).all()
        assert (found.table["verdict"] == "not_told_apart").all()
        assert found.left_out == 0

    def test_who_is_left_out(self):
        owners = pd.DataFrame(
            [
                *((f"c{i}", "2025-02-10", "ann" if i % 2 else "bo") for i in range(30)),
                ("c30", "2025-02-10", "ann"),  # handed on within the days
                ("c30", "2025-03-10", "bo"),
                ("c31", "2025-06-10", "bo"),  # the days are not over
                ("c32", "2024-11-10", "bo"),  # before the first purchase of all
                ("new", "2025-02-10", "bo"),  # who had not bought
            ],
            columns=["customer_id", "date", "owner"],
        )
        found = self.compare(owners)
        assert set(found.handovers["customer_id"]) == {f"c{i}" for i in range(31)}
        assert found.handovers.set_index("customer_id").loc["c30", "owner"] == "bo"
        assert found.left_out == 4

    def test_none_left(self):
        owners = pd.DataFrame({"customer_id": ["c1"], "date": ["2025-06-10"], "owner": ["ann"]})
        with pytest.raises(DataError, match="no customer was handed over early enough"):
            self.compare(owners)
