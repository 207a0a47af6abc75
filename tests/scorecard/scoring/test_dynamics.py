"""Migration between tiers, drift of weights beyond chance, and what new weights would do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from guanxi.errors import DataError
from guanxi.scorecard.scoring import _dynamics
from guanxi.scorecard.scoring._dynamics import migration, propose_weights, weight_drift
from guanxi.scorecard.scoring._normalisation import Normalisation
from guanxi.scorecard.scoring._scoring_methods import Topsis
from guanxi.scorecard.weights._objective import critic_weights, entropy_weights

TIERS = ["high", "middle", "low"]
CURRENT = {"a": 0.4, "b": 0.2, "c": 0.2, "d": 0.1, "e": 0.1}
RECOMPUTED = {"a": 0.2, "b": 0.3, "c": 0.1, "d": 0.1, "e": 0.3}


def tiers(**by_customer):
    return pd.DataFrame({"customer_id": list(by_customer), "tier": list(by_customer.values())})


def period(n, *, seed, common=0.3, spread=1.0):
    """Five normalised indicators that share a factor; the last is spread as told."""
    generator = np.random.default_rng(seed)
    values = common * generator.normal(size=(n, 1)) + generator.normal(size=(n, 5))
    values[:, 4] *= spread
    table = pd.DataFrame(1 / (1 + np.exp(-values)), columns=list("abcde"))
    table.insert(0, "customer_id", np.arange(n))
    return table


class TestMigration:
    def test_counts_who_stayed_moved_came_and_left(self):
        found = migration(
            tiers(a="high", b="high", c="middle", d="low", e="low"),
            tiers(b="high", a="middle", c="middle", d="high", f="low", g="high"),
            TIERS,
        )
        assert found.counts.index.tolist() == [*TIERS, "came"]
        assert found.counts.columns.tolist() == [*TIERS, "left"]
        assert found.counts.to_numpy().tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1], [1, 0, 1, 0]]
        assert found.shares.loc["low"].tolist() == [0.5, 0.0, 0.0, 0.5]
        assert found.moved == 2

    def test_all_customers_are_counted_once(self):
        generator = np.random.default_rng(1)
        names = np.array([*TIERS, None], dtype=object)
        one, two = (
            pd.DataFrame(
                {
                    "customer_id": generator.permutation(500)[:300],
                    "tier": names[generator.integers(0, 4, 300)],
                }
            )
            for _ in range(2)
        )
        found = migration(one, two, TIERS)
        everyone = set(one["customer_id"]) | set(two["customer_id"])
        assert found.counts.to_numpy().sum() == len(everyone)
        assert found.counts.drop(index="came").to_numpy().sum() == 300
        assert found.counts.drop(columns="left").to_numpy().sum() == 300
        assert found.counts.loc["unknown"].sum() == one["tier"].isna().sum()
        both = one.merge(two, on="customer_id")
        moved = (both["tier_x"].fillna("unknown") != both["tier_y"].fillna("unknown")).sum()
        assert found.moved == moved

    def test_a_tier_of_nobody_stays_in_the_matrix(self):
        found = migration(tiers(a="high"), tiers(a="high"), TIERS)
        assert found.counts.to_numpy().tolist() == [[1, 0, 0, 0], *[[0] * 4] * 3]
        assert found.shares.loc["low"].isna().all()
        assert found.moved == 0

    def test_bad_input_is_refused(self):
        with pytest.raises(DataError, match="customer a appears twice"):
            migration(pd.concat([tiers(a="high")] * 2), tiers(a="high"), TIERS)
        with pytest.raises(DataError, match="tier gold is not one of high, middle, low"):
            migration(tiers(a="high"), tiers(a="gold"), TIERS)


class TestDrift:
    @pytest.mark.slow
    def test_chance_is_rarely_called_drift(self):
        # Two separate samples of one population, 40 times; at a level of .9 one alarm in ten at most, and
        # more than 10 of 40 in 15 of 10,000 cases.
        alarms = 0
        for seed in range(40):
            one, two = period(300, seed=2 * seed), period(300, seed=2 * seed + 1)
            two["customer_id"] += 300
            found = weight_drift(one, two, critic_weights, seed=seed, draws=40, level=0.9)
            alarms += bool(found["clear"].any())
        assert alarms <= 10

    def test_a_spread_that_grew_is_clear(self):
        one, two = period(2_000, seed=1), period(2_000, seed=2, spread=2.5)
        found = weight_drift(one, two, critic_weights, seed=1, draws=60)
        row = found.set_index("indicator").loc["e"]
        assert row["clear"]
        assert row["lower"] > 0.0
        assert row["after"] - row["before"] == pytest.approx(row["change"])
        assert found["change"].sum() == pytest.approx(0.0, abs=1e-12)

    def test_customers_of_both_periods_are_drawn_together(self):
        # Nearly the same rows: their common noise falls out of the change.
        one = period(500, seed=1)
        two = one.assign(a=(one["a"] + 0.001).clip(upper=1.0))
        strangers = two.assign(customer_id=two["customer_id"] + 500)
        together = weight_drift(one, two, entropy_weights, seed=1, draws=50)
        apart = weight_drift(one, strangers, entropy_weights, seed=1, draws=50)
        width = [(table["upper"] - table["lower"]).mean() for table in (together, apart)]
        assert width[0] < 0.05 * width[1]

    def test_the_error_is_that_of_customers_drawn_anew(self):
        one, two = period(1_000, seed=3), period(1_000, seed=4)
        two["customer_id"] += 1_000
        found = weight_drift(one, two, entropy_weights, seed=1, draws=100)
        z = 2.576  # of .99 = 1 - .05 / 5, both sides
        error = (found["upper"] - found["change"]) / z
        many = [
            [entropy_weights(period(1_000, seed=100 + i)).weights[name] for name in "abcde"]
            for i in range(100)
        ]
        np.testing.assert_allclose(error, np.sqrt(2) * np.std(many, axis=0), rtol=0.35)

    def test_samples_of_large_tables_have_their_error(self, monkeypatch):
        one, two = period(2_000, seed=3), period(2_000, seed=4)
        whole = weight_drift(one, two, critic_weights, seed=1, draws=80)
        monkeypatch.setattr(_dynamics, "_MOST_CUSTOMERS", 300)
        small = weight_drift(one, two, critic_weights, seed=1, draws=80)
        np.testing.assert_allclose(
            small["upper"] - small["lower"], whole["upper"] - whole["lower"], rtol=0.35
        )

    def test_order_of_customers_is_nothing(self):
        one, two = period(200, seed=1), period(150, seed=2)
        found = weight_drift(one, two, critic_weights, seed=1, draws=20)
        other = weight_drift(
            one.sample(frac=1, random_state=1),
            two.sample(frac=1, random_state=2),
            critic_weights,
            seed=1,
            draws=20,
        )
        np.testing.assert_allclose(other["upper"], found["upper"], atol=1e-12)

    def test_bad_input_is_refused(self):
        one = period(20, seed=1)
        with pytest.raises(DataError, match=r"the two periods have different indicators \(e\)"):
            weight_drift(one, one.drop(columns="e"), critic_weights, seed=1)
        with pytest.raises(DataError, match="too few customers to distinguish drift from noise"):
            weight_drift(one.head(2), one.head(2), critic_weights, seed=1)
        with pytest.raises(DataError, match="customer 0 appears twice"):
            weight_drift(one, pd.concat([one, one]), critic_weights, seed=1)
        with pytest.raises(DataError, match=r"level of an interval is 1.5"):
            weight_drift(one, one, critic_weights, seed=1, level=1.5)


class TestProposal:
    def propose(self, *clear, table=None, **more):
        drift = pd.DataFrame({"indicator": list("abcde"), "clear": [name in clear for name in "abcde"]})
        return propose_weights(
            period(1_000, seed=1) if table is None else table,
            CURRENT,
            RECOMPUTED,
            drift,
            lambda s: np.where(s >= np.quantile(s, 0.8), "high", "low"),
            ["high", "low"],
            **more,
        )

    def test_noise_changes_nothing(self):
        found = self.propose()
        assert found.weights == pytest.approx(CURRENT)
        assert found.migration.moved == 0
        assert found.spearman == pytest.approx(1.0)

    def test_clear_indicators_take_the_new_weight_and_the_others_share_the_rest(self):
        found = self.propose("e")
        assert found.weights == pytest.approx(
            {"a": 0.4 * 7 / 9, "b": 0.2 * 7 / 9, "c": 0.2 * 7 / 9, "d": 0.1 * 7 / 9, "e": 0.3}
        )
        assert found.table["change"].sum() == pytest.approx(0.0)
        assert found.table.loc[found.table["clear"], "indicator"].tolist() == ["e"]

    def test_what_changes_is_told_by_the_method_of_the_scorecard(self):
        table = period(1_000, seed=1)
        topsis = Topsis().on(Normalisation.fit(table, dict.fromkeys("abcde", True), "min_max"))
        found = self.propose("e", table=table, method=topsis)
        now, new = (topsis.score(table, each) for each in (CURRENT, found.weights))
        assert found.spearman == pytest.approx(spearmanr(now, new).statistic)
        moved = (now >= np.quantile(now, 0.8)) != (new >= np.quantile(new, 0.8))
        assert found.migration.moved == moved.sum() > 0
        assert found.spearman != self.propose("e", table=table).spearman

    def test_all_alike_have_no_ranking(self):
        table = pd.DataFrame(dict.fromkeys("abcde", [0.37] * 2_885)).assign(customer_id=range(2_885))
        found = self.propose("e", table=table)
        assert np.isnan(found.spearman)
        assert found.migration.moved == 0

    def test_all_clear_is_all_new(self):
        found = self.propose(*"abcde")
        assert found.weights == pytest.approx(RECOMPUTED)
        assert 0 < found.migration.moved < 400
        assert found.migration.counts.loc["high", "low"] == found.migration.counts.loc["low", "high"]
        assert 0.5 < found.spearman < 1.0

    def test_customers_without_score_are_left_out(self):
        table = period(100, seed=1)
        table.loc[:9, list("abcde")] = np.nan
        assert self.propose("e", table=table).customers == 90

    def test_scores_all_alike_have_no_rank_correlation(self):
        table = period(10, seed=1)
        table[list("abcde")] = 0.5
        assert np.isnan(self.propose("e", table=table).spearman)

    def test_nobody_to_score_is_refused(self):
        table = period(3, seed=1)
        table[list("abcde")] = np.nan
        with pytest.raises(DataError, match="no customer has a known indicator"):
            self.propose("e", table=table)


class TestRegressionToTheMean:
    def tiers(self, scores):
        return pd.DataFrame(
            {"customer_id": range(len(scores)), "tier": np.where(scores > 0.8, "high", "low")}
        )

    def test_noise_alone_shows_no_shift(self):
        """Scores are the truth and noise on both days: a third of the best fall, and as many rise."""
        rng = np.random.default_rng(1)
        truth = rng.normal(size=5000)
        before, after = (self.tiers(truth + rng.normal(size=5000)) for _ in range(2))
        found = migration(before, after, ["high", "low"]).against_chance().loc[0]
        assert found["fell"] > 500
        assert abs(found["shift"]) < 0.1 * found["by_chance"]
        assert found["p_value"] > 0.05

    def test_a_shift_is_told_from_noise(self):
        rng = np.random.default_rng(1)
        truth = rng.normal(size=5000)
        before, after = (self.tiers(truth - fall + rng.normal(size=5000)) for fall in (0.0, 0.3))
        found = migration(before, after, ["high", "low"]).against_chance().loc[0]
        assert found["shift"] == pytest.approx((found["fell"] - found["rose"]) / 2)
        assert found["p_value"] < 1e-6

    @pytest.mark.slow
    def test_false_alarms_are_at_the_nominal_rate(self):
        rng = np.random.default_rng(8)
        alarms = 0
        for _ in range(200):
            truth = rng.normal(size=400)
            before, after = (self.tiers(truth + rng.normal(size=400)) for _ in range(2))
            alarms += migration(before, after, ["high", "low"]).against_chance().loc[0, "p_value"] < 0.05
        assert alarms <= 20  # 5 %, and no more than 4 standard errors
