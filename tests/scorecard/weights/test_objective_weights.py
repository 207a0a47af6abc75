"""Entropy and CRITIC weights: published numbers, laws, unknown values and bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import DataError
from guanxi.scorecard.weights import _objective
from guanxi.scorecard.weights._objective import critic_weights, entropy_weights, measure

METHODS = [entropy_weights, critic_weights]


def normalised(matrix, *, lower_better=()):
    """Min-max to 0-1, higher the better."""
    table = pd.DataFrame(matrix, dtype=float).rename(columns=str)
    table = (table - table.min()) / (table.max() - table.min())
    for name in lower_better:
        table[name] = 1.0 - table[name]
    return table


def positive(matrix):
    """Brought to at most 1 by a factor, which entropy does not see."""
    table = pd.DataFrame(matrix, dtype=float).rename(columns=str)
    return table / table.max()


def tables(*, fewest=3, missing=True):
    """Random tables of 2 to 5 indicators, the first of which varies; numbers of three digits."""

    def table(seed):
        generator = np.random.default_rng(seed)
        n, k = generator.integers(fewest, 12), generator.integers(2, 6)
        values = generator.integers(0, 1001, (n, k)) / 1000
        values[:, 1] *= generator.integers(0, 2)
        if missing:
            values[generator.random((n, k)) < generator.choice([0.0, 0.2])] = np.nan
        values[:3, 0] = [0.2, 0.6, 0.9]
        return pd.DataFrame(values, columns=[f"i{j}" for j in range(k)])

    return st.integers(0, 2**32).map(table)


def approximately(weights):
    return pytest.approx(weights, abs=1e-9)


class TestPublished:
    def test_entropy_of_xu_2004(self):
        # Xu, X. (2004), A note on the subjective and objective integrated approach to determine attribute
        # weights, European Journal of Operational Research 156, 530-532.
        matrix = [[30, 30, 38, 29], [19, 54, 86, 29], [19, 15, 85, 28.9], [68, 70, 60, 29]]
        found = entropy_weights(positive(matrix)).weights
        assert [round(w, 4) for w in found.values()] == [0.4630, 0.3992, 0.1378, 0.0000]

    def test_entropy_of_zavadskas_and_podvezko_2016(self):
        # Zavadskas, E. K. & Podvezko, V. (2016), Integrated determination of objective criteria weights in
        # MCDM, International Journal of Information Technology & Decision Making 15, 267-283.
        matrix = [[3.0, 100, 10, 7], [2.5, 80, 8, 5], [1.8, 50, 20, 11], [2.2, 70, 12, 9]]
        found = entropy_weights(positive(matrix)).weights
        assert [round(w, 4) for w in found.values()] == [0.1146, 0.1981, 0.4185, 0.2689]

    def test_critic_of_diakoulaki_mavrotas_and_papayannakis_1995(self):
        # Determining objective weights in multiple criteria problems: the CRITIC method, Computers &
        # Operations Research 22, 763-770: eight pharmaceutical companies, profitability, market share and
        # productivity. More digits as scikit-criteria gives them.
        matrix = [
            *([61, 1.08, 4.33], [20.7, 0.26, 4.34], [16.3, 1.98, 2.53], [9, 3.29, 1.65]),
            *([5.4, 2.77, 2.33], [4, 4.12, 1.21], [-6.1, 3.52, 2.10], [-34.6, 3.31, 0.98]),
        ]
        found = critic_weights(normalised(matrix)).weights
        assert [round(w, 8) for w in found.values()] == [0.20222554, 0.48090173, 0.31687273]

    def test_critic_of_tus_and_aytac_adali_2019(self):
        # Tuş, A. & Aytaç Adalı, E. (2019), The new combination with CRITIC and WASPAS methods for the time
        # and attendance software selection problem, Opsearch 56, 528-538.
        matrix = [
            *([5000, 3, 3, 4, 3, 2], [680, 5, 3, 2, 2, 1], [2000, 3, 2, 3, 4, 3]),
            *([600, 4, 3, 1, 2, 2], [800, 2, 4, 3, 3, 4]),
        ]
        found = critic_weights(normalised(matrix)).weights
        assert [round(w, 3) for w in found.values()] == [0.157, 0.249, 0.168, 0.121, 0.154, 0.151]


@pytest.mark.parametrize("method", METHODS)
class TestLaws:
    @given(table=tables())
    @settings(max_examples=30, deadline=None)
    def test_weights_are_shares(self, method, table):
        found = method(table)
        assert sum(found.weights.values()) == pytest.approx(1.0)
        assert min(found.weights.values()) >= 0.0
        assert list(found.weights) == list(table.columns) == list(found.table["indicator"])
        assert list(found.weights.values()) == list(found.table["weight"])

    @given(table=tables(), seed=st.integers(0, 2**32))
    @settings(max_examples=30, deadline=None)
    def test_order_of_customers_and_indicators_is_nothing(self, method, table, seed):
        generator = np.random.default_rng(seed)
        other = table.iloc[generator.permutation(len(table)), generator.permutation(table.shape[1])]
        assert method(other).weights == approximately(method(table).weights)

    @given(table=tables(), times=st.integers(2, 4))
    @settings(max_examples=30, deadline=None)
    def test_the_same_customers_again_change_nothing(self, method, table, times):
        if measure(table).pairs.min() < 3:
            return  # pairs known of too few are measured once there are copies
        again = pd.concat([table] * times, ignore_index=True)
        assert method(again).weights == approximately(method(table).weights)

    @given(table=tables())
    @settings(max_examples=30, deadline=None)
    def test_an_indicator_that_tells_nothing_changes_nothing(self, method, table):
        wider = table.assign(constant=0.3, unknown=np.nan)
        assert method(wider).weights == approximately(method(table).weights | {"constant": 0, "unknown": 0})

    def test_blocks_change_nothing(self, method, monkeypatch):
        table = pd.DataFrame(np.random.default_rng(1).random((100, 4))).rename(columns=str)
        table = table.mask(np.random.default_rng(2).random(table.shape) < 0.3)
        whole = method(table).weights
        monkeypatch.setattr(_objective.blocks, "__defaults__", (7,))
        assert method(table).weights == approximately(whole)


class TestUnknown:
    def test_entropy_measures_those_known(self):
        full = pd.DataFrame({"a": [0.1, 0.2, 0.9], "b": [0.5, 0.6, 0.7]})
        sparse = pd.concat([full, pd.DataFrame({"a": [np.nan] * 5, "b": [0.5, 0.6, 0.7, 0.6, 0.6]})])
        one, other = entropy_weights(full).table, entropy_weights(sparse).table
        assert other.loc[0, "divergence"] == pytest.approx(one.loc[0, "divergence"])
        assert other.loc[0, "known"] == 3 / 8

    def test_correlations_are_those_of_pandas(self):
        generator = np.random.default_rng(5)
        table = pd.DataFrame(generator.random((200, 4)) ** 3, columns=list("abcd"))
        table["d"] = 0.7 * table["a"] + 0.3 * table["d"]
        table = table.mask(generator.random(table.shape) < 0.4)
        found = measure(table)
        np.testing.assert_allclose(found.correlation, table.corr().to_numpy(), atol=1e-12)
        np.testing.assert_allclose(found.deviation, table.std(ddof=0).to_numpy(), rtol=1e-12)
        assert found.pairs[0, 1] == table[["a", "b"]].notna().all(axis=1).sum()

    def test_correlations_hold_where_values_hardly_differ(self):
        generator = np.random.default_rng(6)
        table = pd.DataFrame(0.5 + 1e-7 * generator.random((500, 3)), columns=list("abc"))
        np.testing.assert_allclose(measure(table).correlation, table.corr().to_numpy(), atol=1e-6)

    def test_pairs_that_nobody_knows_are_said(self):
        table = pd.DataFrame({"a": [0.1, 0.5, 0.8, *[np.nan] * 3], "b": [*[np.nan] * 3, 0.3, 0.9, 0.4]})
        found = critic_weights(table)
        assert found.notes == (
            "pairs of indicators with too few customers known in both, or constant, taken as uncorrelated: 1",
        )
        assert sum(found.weights.values()) == pytest.approx(1.0)

    @pytest.mark.parametrize("method", METHODS)
    def test_constant_and_unknown_indicators_are_said(self, method):
        table = pd.DataFrame({"a": [0.1, 0.5, 0.8], "b": [0.1, 0.9, 0.2], "same": 0.1, "none": np.nan})
        assert method(table).notes == (
            "same is the same for all customers: weight 0",
            "none is unknown for all customers: weight 0",
        )

    def test_one_indicator_or_all_alike_go_by_deviations(self):
        table = pd.DataFrame({"a": [0.0, 0.5, 1.0], "half": [0.0, 0.25, 0.5]})
        found = critic_weights(table)
        assert found.weights == approximately({"a": 2 / 3, "half": 1 / 3})
        assert found.notes == ("no two indicators disagree: CRITIC weights follow the deviations alone",)
        assert critic_weights(table[["a"]]).weights == {"a": 1.0}


@pytest.mark.parametrize("method", METHODS)
class TestBadInput:
    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"a": [0.5, 0.5], "b": [np.nan, np.nan]}, "no indicator varies between customers"),
            ({"a": [0.5, 1.2]}, "indicator a ranges from 0.5 to 1.2: normalise it to 0 to 1 first"),
            ({"a": [-0.1, 0.2]}, "indicator a ranges from -0.1 to 0.2: normalise"),
            ({"a": [0.1, np.inf]}, "indicator a ranges from 0.1 to inf: normalise"),
            ({"a": ["low", "high"]}, "indicator a is not numeric"),
            ({"a": []}, "there is nothing to weigh"),
            ({"customer_id": [1, 2]}, "there is nothing to weigh"),
        ],
    )
    def test_is_refused(self, method, table, message):
        with pytest.raises(DataError, match=message):
            method(pd.DataFrame(table))

    def test_a_name_twice_is_refused(self, method):
        table = pd.DataFrame([[0.1, 0.2], [0.5, 0.9]], columns=["a", "a"])
        with pytest.raises(DataError, match="two indicators have the same name"):
            method(table)

    def test_customer_ids_are_left_aside(self, method):
        table = pd.DataFrame({"customer_id": ["x", "y", "z"], "a": [0.1, 0.5, 0.8], "b": [0.1, 0.9, 0.2]})
        assert list(method(table).weights) == ["a", "b"]
