"""The watch list: who is on it, why, and whether regression to the mean is told from a real change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.report.chapters import render_chapter
from guanxi.scorecard.scoring._branches import Branches
from guanxi.scorecard.scoring._scores import SCORING_METHODS, Scorecard
from guanxi.scorecard.watch._move_probability import move_probabilities
from guanxi.scorecard.watch._movements import Movements
from guanxi.scorecard.watch._score_changes import declining_since, expected_changes, strongest_reasons
from guanxi.scorecard.watch._watch_chapter import watch_chapter
from guanxi.scorecard.watch._watch_list import watch_list

DAYS = [date(2024, 1, 1) + timedelta(days=90 * place) for place in range(4)]
LABELS = {"csat": "Satisfaction", "spend": "Spend"}


def noisy_cards(customers: int, days: int, seed: int, spread: float = 8.0) -> dict[date, pd.DataFrame]:
    """Scores that are a constant level and chance: whoever moves, moves by chance."""
    random = np.random.default_rng(seed)
    level, cards = random.normal(50, 12, customers), {}
    for day in DAYS[:days]:
        csat = level / 2 + random.normal(0, spread / np.sqrt(2), customers)
        spend = level / 2 + random.normal(0, spread / np.sqrt(2), customers)
        score = csat + spend
        cards[day] = pd.DataFrame(
            {
                "customer_id": [f"C{place:05d}" for place in range(customers)],
                "score": score,
                "value_score": level,
                "tier": np.select([score > 62, score > 50], ["high", "middle"], "low"),
                "csat_points": csat,
                "spend_points": spend,
            }
        )
    return cards


def positions(cards: dict[date, pd.DataFrame]) -> dict[date, np.ndarray]:
    return {day: card["score"].to_numpy() for day, card in cards.items()}


def customers(card: pd.DataFrame) -> pd.DataFrame:
    return card.assign(
        clv=card["score"],
        churn_probability=0.1,
        value_at_risk=100 - card["score"],
        lifecycle_stage="mature",
        as_of=pd.Timestamp("2024-06-30"),
        recency=50.0,
        T=60.0,
    )


def scorecard(card: pd.DataFrame) -> Scorecard:
    """A card of two indicators that share the weight."""
    fixed: dict[str, Any] = {"method": SCORING_METHODS["weighted_sum"], "normalisation": None, "tiers": None}
    weights, levels = dict.fromkeys(LABELS, 0.5), dict.fromkeys(LABELS, 50.0)
    return Scorecard(
        table=card, weights=weights, mean_levels=levels, branches=Branches((0, 1)), notes=(), **fixed
    )


class TestRegressionToTheMean:
    def test_changes_by_chance_are_expected_and_clear_as_often_as_chance_has_it(self):
        before, now = (card["score"].to_numpy() for card in noisy_cards(20_000, 2, 1).values())
        expected, share = expected_changes(before, now - before)
        slope = 12.0**2 / (12.0**2 + 8.0**2) - 1.0
        np.testing.assert_allclose(np.polyfit(before, expected, 1)[0], slope, atol=0.02)
        top = before > np.quantile(before, 0.9)
        assert (now - before)[top].mean() < -4  # the best fall on average, and that is expected
        assert abs((now - before - expected)[top].mean()) < 0.3
        assert (share <= 0.1).mean() == pytest.approx(0.2, abs=0.01)  # a tenth of each side
        assert (share[top] <= 0.1).mean() == pytest.approx(0.2, abs=0.03)

    def test_a_real_fall_stands_out(self):
        before, now = (card["score"].to_numpy(copy=True) for card in noisy_cards(5000, 2, 2).values())
        now[:100] -= 30
        _, share = expected_changes(before, now - before)
        assert (share[:100] <= 0.1).mean() > 0.95

    def test_unknown_scores_stay_unknown(self):
        expected, share = expected_changes(np.array([np.nan, 50.0]), np.array([1.0, np.nan]))
        assert np.isnan([*expected, *share]).all()


class TestProbabilities:
    @pytest.mark.parametrize("days", [2, 4])
    def test_they_are_calibrated_and_better_than_the_rate_of_the_tier(self, days):
        cards = noisy_cards(6000, days, 3)
        found = move_probabilities(cards, positions(cards))
        check = found.check.set_index("direction")
        np.testing.assert_allclose(check["expected"], check["moved"], atol=0.03)
        assert (check["brier_skill"] > 0.05).all()
        assert (check["auc"] > 0.7).all()
        assert (check["listed_moved"] > 0.5).all()
        truth = noisy_cards(6000, days, 3) | {DAYS[3]: noisy_cards(6000, 4, 3)[DAYS[3]]}
        now, later = cards[DAYS[days - 1]]["tier"], truth[DAYS[3]]["tier"]
        if days == 2:  # the fourth day is not among those learnt from
            fell = ((now == "high") & (later != "high")) | ((now == "middle") & (later == "low"))
            deciles = pd.qcut(found.table["fall_probability"][now != "low"], 5)
            seen, told = (
                each[now != "low"].groupby(deciles, observed=True).mean()
                for each in (fell, found.table["fall_probability"])
            )
            np.testing.assert_allclose(seen, told, atol=0.06)

    def test_there_is_no_tier_below_the_lowest(self):
        cards = noisy_cards(500, 2, 4)
        cards[DAYS[1]].loc[0, ["score", "tier"]] = [np.nan, None]
        found, tier = move_probabilities(cards, positions(cards)).table, cards[DAYS[1]]["tier"]
        assert (found.loc[tier == "low", "fall_probability"] == 0).all()
        assert (found.loc[tier == "high", "rise_probability"] == 0).all()
        assert found.loc[0].isna().all()
        assert found.loc[1:].notna().all().all()

    def test_with_few_moves_the_rate_of_the_tier_is_used(self):
        cards = noisy_cards(60, 2, 5, spread=1.0)
        found = move_probabilities(cards, positions(cards)).table
        assert found["fall_probability"].nunique() <= 3
        assert found["fall_probability"].between(0, 0.5).all()


class TestList:
    @pytest.fixture(scope="class")
    @staticmethod
    def cards():
        return noisy_cards(400, 3, 6)

    def test_everybody_who_moved_is_on_it_once(self, cards):
        found = watch_list(customers(cards[DAYS[2]]), cards, None, None, LABELS, scorecard(cards[DAYS[2]]))
        before, now = cards[DAYS[1]]["tier"], cards[DAYS[2]]["tier"]
        place = {"high": 0, "middle": 1, "low": 2}
        fell, rose = now.map(place) > before.map(place), now.map(place) < before.map(place)
        assert found["movement"].value_counts().to_dict() == {"fell": fell.sum(), "rose": rose.sum()}
        assert found["customer_id"].is_unique
        assert set(found.loc[found["movement"] == "fell", "customer_id"]) == set(
            now.index[fell].map("C{:05d}".format)
        )
        down = found[found["movement"] == "fell"]
        assert down["value_at_risk"].is_monotonic_decreasing
        assert (found["last_purchase"] == "2024-06-20").all()

    def test_reasons_are_what_moved_the_score_most(self, cards):
        found = watch_list(
            customers(cards[DAYS[2]]), cards, None, None, LABELS, scorecard(cards[DAYS[2]])
        ).set_index("customer_id")
        both = [card.set_index("customer_id") for card in (cards[DAYS[1]], cards[DAYS[2]])]
        for customer, row in found.groupby("movement").head(20).iterrows():
            changes = {
                name: both[1].loc[customer, f"{key}_points"] - both[0].loc[customer, f"{key}_points"]
                for key, name in LABELS.items()
            }
            sign = -1 if row["movement"] == "fell" else 1
            largest = max(changes, key=lambda name: sign * changes[name])
            assert row["why_1"].startswith(largest)
            assert row["reason"] == "change"

    def test_what_is_the_same_for_all_is_no_reason(self, cards):
        """Its points are more where the other indicator is unknown and gives it its weight."""
        card = cards[DAYS[2]].copy()
        known = np.arange(len(card)) % 2 == 0
        card["csat_points"] = np.where(known, 25.0, 50.0)
        card["spend_points"] = np.where(known, card["score"] - 25.0, np.nan)
        table = customers(card).assign(churn_probability=0.9, lifecycle_stage="lost")
        found = watch_list(table, {DAYS[2]: card}, None, None, LABELS, scorecard(card))
        why = pd.concat([found[f"why_{place}"].dropna() for place in (1, 2, 3)])
        assert len(why) > 20
        assert why.astype(str).str.startswith("Spend").all()

    def test_who_will_move_or_leave_is_on_it_too(self, cards):
        card = cards[DAYS[2]]
        table = customers(card)
        stayed = card.index[(card["tier"] == "middle") & (cards[DAYS[1]]["tier"] == "middle")]
        falling, rising, leaving = stayed[:3]
        table.loc[leaving, ["churn_probability", "lifecycle_stage"]] = [0.8, "declining"]
        chances = pd.DataFrame({"fall_probability": 0.1, "rise_probability": 0.1}, index=card.index)
        chances.loc[falling, "fall_probability"] = chances.loc[rising, "rise_probability"] = 0.6
        values = pd.DataFrame({"now": 10.0, "stayed": 30.0, "below": 0.0, "above": 50.0}, index=card.index)
        found = watch_list(table, cards, chances, values, LABELS, scorecard(card)).set_index("customer_id")
        ids = card["customer_id"]
        assert found.loc[ids[[falling, rising, leaving]], "movement"].tolist() == [
            "will_fall",
            "will_rise",
            "leaving",
        ]
        changes = found.loc[ids[[falling, rising, leaving]], "value_change"]
        np.testing.assert_allclose(changes, [-6.0, 24.0, np.nan])
        assert (found.loc[found["movement"].isin(["fell", "rose"]), "value_change"] == -20).all()

    def test_without_a_history_it_tells_who_is_leaving_and_by_which_level(self, cards):
        card = cards[DAYS[2]]
        table = customers(card)
        rows = card.index[card["tier"] == "high"][:2]
        table.loc[rows, ["churn_probability", "lifecycle_stage"]] = [0.9, "lost"]
        found = watch_list(table, {DAYS[2]: card}, None, None, LABELS, scorecard(card))
        assert found["movement"].tolist() == ["leaving", "leaving"]
        assert found["reason"].unique().tolist() == ["level"]
        assert found[["tier_before", "since", "change"]].isna().all().all()

    def test_since_when_and_equal_points(self):
        scores = pd.DataFrame([[3, 2, 1], [1, 1, 1], [np.nan, 3, 2]], columns=list("abc"))
        assert declining_since(scores).tolist() == ["a", None, "b"]
        none = strongest_reasons(pd.DataFrame({"csat": [0.0]}), np.array([-1.0]), LABELS)
        assert none["why_1"].tolist() == [None]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_chapter_without_history_says_what_it_lacks(language):
    card = noisy_cards(50, 1, 7)[DAYS[0]]
    watch = watch_list(customers(card), {DAYS[0]: card}, None, None, LABELS, scorecard(card))
    risk = pd.DataFrame({"default_probability": [np.nan]})
    segments = pd.DataFrame(columns=["segmentation", "segment", "customers", "return_per_risk"])
    found = Movements(watch, None, None, risk, segments, False, {}, pd.DataFrame(), ())
    chapter = watch_chapter(found, language)
    assert len(chapter.paragraphs) == 1
    assert "--history 2" in chapter.notices[0]
    assert "--history" not in watch_chapter(replace(found, dated=False), language).notices[0]
    assert chapter.heading in render_chapter(chapter, language).html
