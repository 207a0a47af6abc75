"""Members against matched others, and the whole chapter on a small log."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.decisions.answer import Answer
from guanxi.decisions.loyalty import (
    TABLES,
    add_loyalty,
    compare_members,
    loyalty_chapter,
    loyalty_economics,
    loyalty_tables,
)
from guanxi.decisions.loyalty._membership import joining_months
from guanxi.errors import DataError
from guanxi.params import LoyaltyParams, Params
from guanxi.report.chapters import render_chapter

AS_OF = date(2024, 12, 31)
TRUE = 2.0


def drawn(seed: int, n: int = 800) -> pd.DataFrame:
    """Members have more of x and y, which raise the outcome too; being a member adds 2."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, n))
    member = random.random(n) < 1 / (1 + np.exp(1.2 - 0.8 * x - 0.5 * y))
    outcome = 10 + 4 * x + 3 * y + TRUE * member + random.normal(scale=4, size=n)
    groups = random.integers(0, 3, n)
    return pd.DataFrame({"group": groups, "member": member, "x": x, "y": y, "spend": outcome})


class TestMatching:
    def test_recovers_what_membership_adds(self):
        found = compare_members(drawn(0, 5_000), ["x", "y"], ["spend"])
        [difference] = found.differences
        assert difference.difference == pytest.approx(TRUE, abs=0.4)
        assert difference.unmatched > TRUE + 2
        assert (found.balance["smd_before"] > 0.3).all()
        assert (found.balance["smd_after"].abs() < 0.1).all()

    def test_intervals_cover(self):
        hits = 0
        for seed in range(100):
            [found] = compare_members(drawn(seed), ["x", "y"], ["spend"], 0.95).differences
            hits += found.lower <= TRUE <= found.upper
        assert 90 <= hits <= 99  # 95 nominally, with its own error of 2.2

    def test_the_order_of_rows_and_scales_change_nothing(self):
        table = drawn(3)
        [one] = compare_members(table, ["x", "y"], ["spend"]).differences
        other = table.sample(frac=1, random_state=0).assign(x=table["x"] * 1000 + 5)
        [two] = compare_members(other, ["y", "x"], ["spend"]).differences
        assert two.difference == pytest.approx(one.difference)
        assert two.lower == pytest.approx(one.lower)

    def test_groups_without_either_are_left_out(self):
        alone = pd.DataFrame({"group": 9, "member": True, "x": 0.0, "y": 0.0, "spend": [1e6] * 20})
        table = drawn(4)
        [one] = compare_members(table, ["x", "y"], ["spend"]).differences
        [two] = compare_members(pd.concat([table, alone]), ["x", "y"], ["spend"]).differences
        assert two == one

    def test_too_few(self):
        table = drawn(5).groupby("member").head(5)
        with pytest.raises(DataError, match="at least 10 of each"):
            compare_members(table, ["x", "y"], ["spend"])


@pytest.fixture(scope="module")
def log():
    random = np.random.default_rng(0)
    rows = [
        (
            f"c{customer:03d}",
            pd.Timestamp("2023-01-01") + pd.Timedelta(days=int(day)),
            round(random.gamma(2, 10), 2),
        )
        for customer in range(300)
        for day in np.sort(random.choice(730, random.integers(3, 40), replace=False))
    ]
    table = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
    log = read_transactions(table, Params().data)
    yield log
    log.close()


@pytest.fixture(scope="module")
def points(log):
    """Every third customer joins at a purchase from some day in 2023 on, and redeems now and then."""
    events = log.events.execute().sort_values(["customer_id", "date"])
    events["date"] = pd.to_datetime(events["date"])
    number = events["customer_id"].str[1:].astype(int)
    start = pd.Timestamp("2023-06-01") + pd.to_timedelta(number, unit="D") / 2
    taking = events[(number % 3 == 0) & (events["date"] >= start)]
    earned = taking["amount"].to_numpy().round()
    before = taking.assign(earned=earned).groupby("customer_id")["earned"]
    redeemed = np.where(before.cumcount() % 3 == 2, before.shift(1).fillna(0.0), 0.0)
    return pd.DataFrame(
        {"customer_id": taking["customer_id"], "date": taking["date"], "earned": earned, "redeemed": redeemed}
    )


def test_joining_uses_nothing_of_the_month_or_after(log, points):
    rows = joining_months(log, points, AS_OF, 90)
    assert {"group", "member"} <= set(rows)
    assert rows["member"].any()
    assert not rows.duplicated(["group", "customer_id"]).any()
    joined = points.groupby("customer_id")["date"].min()
    assert (
        joined[rows.loc[rows["member"], "customer_id"]].dt.strftime("%Y-%m-01")
        == rows.loc[rows["member"], "group"].to_numpy()
    ).all()
    # Whoever joined before the month is no longer there.
    when = joined.reindex(rows["customer_id"]).to_numpy()
    assert not (when < pd.to_datetime(rows["group"]).to_numpy()).any()
    earlier = log.events.filter(log.events.date < "2023-08-01").execute()
    one = rows[rows["group"] == "2023-08-01"].set_index("customer_id")
    counts = earlier.groupby("customer_id").size()
    assert (one["purchases_so_far"] == counts[one.index]).all()


def test_amounts_add_up(log, points):
    params = LoyaltyParams(point_value=0.05)
    found = loyalty_economics(log, points, params, as_of=AS_OF, days=90, margin=0.4)
    years = found.years
    assert years["earned"].sum() == points["earned"].sum()
    assert (years["earned"] - years["redeemed"] - years["expired"] - years["open"]).abs().max() < 1e-9
    assert (years["expected"] <= years["earned"] + 1e-9).all()
    joined = points.groupby("customer_id")["date"].min()
    events = log.events.execute()
    since = joined.reindex(events["customer_id"]).to_numpy()
    assert years["sales"].sum() == pytest.approx(
        events.loc[pd.to_datetime(events["date"]).to_numpy() >= since, "amount"].sum()
    )
    price = years["earned"] * found.redeemed_share * 0.05
    assert years["allocated"].to_numpy() == pytest.approx(
        (years["sales"] * price / (years["sales"] + price)).to_numpy()
    )
    assert found.deferred == pytest.approx(
        (years["allocated"] * (1 - years["redeemed"] / years["expected"])).sum()
    )
    assert found.break_even == pytest.approx(found.reward / (0.4 - found.reward))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_chapter(log, points, language):
    params = LoyaltyParams(point_value=0.05, decimals=2)
    found = loyalty_economics(log, points, params, as_of=AS_OF, days=90, margin=0.4)
    chapter = loyalty_chapter(found, params, as_of=AS_OF, margin=0.4, language=language)
    html = render_chapter(chapter, language).html
    assert {"en": "never an effect", "zh": "绝不是该计划的效果"}[language] in html
    assert {"en": "rounded to 2 decimals", "zh": "保留 2 位小数"}[language] in html
    assert "data:image/svg" in html
    assert set(loyalty_tables(found)) == {
        "loyalty_years",
        "loyalty_breakage",
        "loyalty_members",
        "loyalty_balance",
    }


def test_what_is_missing_is_said(log):
    few = pd.DataFrame({"customer_id": ["c000"], "date": ["2024-12-01"], "earned": [10]})
    with pytest.raises(DataError, match=r"loyalty\.redeemed_share"):
        loyalty_economics(log, few, LoyaltyParams(), as_of=AS_OF, days=90, margin=0.4)
    params = LoyaltyParams(redeemed_share=0.9)
    found = loyalty_economics(log, few, params, as_of=AS_OF, days=90, margin=0.4)
    assert found.notes == ("few_points", "no_value", "few_members")
    assert found.years["expected"].tolist() == [9]
    chapter = loyalty_chapter(found, params, as_of=AS_OF, margin=0.4, language="en")
    assert len(chapter.notices) == 3
    assert not chapter.pictures


def test_added_to_an_answer(log, points):
    answer = Answer("Profit", [], {}, {"profit": 1.0}, {}, {}, "")
    params = Params(loyalty={"point_value": 0.05}, clv={"margin": 0.4})
    found = add_loyalty(answer, log, points, params, AS_OF)
    assert [chapter.anchor for chapter in found.chapters] == ["loyalty"]
    assert set(found.tables) == set(TABLES)
    assert found.metrics["profit"] == 1
    assert found.metrics["deferred_revenue"] > 0
    assert set(found.figures) == {"loyalty_fates"}
