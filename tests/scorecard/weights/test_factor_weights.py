"""Principal components, factor analysis and whether they make sense: published numbers and laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import DataError
from guanxi.scorecard.weights._factors import (
    factor_analysis_weights,
    factor_scores,
    principal_component_weights,
    sampling_adequacy,
    sphericity,
    varimax,
)

METHODS = [principal_component_weights, factor_analysis_weights]
CARS = """
21.0 6 160.0 110 3.90 2.620 16.46 0 1 4 4|21.0 6 160.0 110 3.90 2.875 17.02 0 1 4 4
22.8 4 108.0 93 3.85 2.320 18.61 1 1 4 1|21.4 6 258.0 110 3.08 3.215 19.44 1 0 3 1
18.7 8 360.0 175 3.15 3.440 17.02 0 0 3 2|18.1 6 225.0 105 2.76 3.460 20.22 1 0 3 1
14.3 8 360.0 245 3.21 3.570 15.84 0 0 3 4|24.4 4 146.7 62 3.69 3.190 20.00 1 0 4 2
22.8 4 140.8 95 3.92 3.150 22.90 1 0 4 2|19.2 6 167.6 123 3.92 3.440 18.30 1 0 4 4
17.8 6 167.6 123 3.92 3.440 18.90 1 0 4 4|16.4 8 275.8 180 3.07 4.070 17.40 0 0 3 3
17.3 8 275.8 180 3.07 3.730 17.60 0 0 3 3|15.2 8 275.8 180 3.07 3.780 18.00 0 0 3 3
10.4 8 472.0 205 2.93 5.250 17.98 0 0 3 4|10.4 8 460.0 215 3.00 5.424 17.82 0 0 3 4
14.7 8 440.0 230 3.23 5.345 17.42 0 0 3 4|32.4 4 78.7 66 4.08 2.200 19.47 1 1 4 1
30.4 4 75.7 52 4.93 1.615 18.52 1 1 4 2|33.9 4 71.1 65 4.22 1.835 19.90 1 1 4 1
21.5 4 120.1 97 3.70 2.465 20.01 1 0 3 1|15.5 8 318.0 150 2.76 3.520 16.87 0 0 3 2
15.2 8 304.0 150 3.15 3.435 17.30 0 0 3 2|13.3 8 350.0 245 3.73 3.840 15.41 0 0 3 4
19.2 8 400.0 175 3.08 3.845 17.05 0 0 3 2|27.3 4 79.0 66 4.08 1.935 18.90 1 1 4 1
26.0 4 120.3 91 4.43 2.140 16.70 0 1 5 2|30.4 4 95.1 113 3.77 1.513 16.90 1 1 5 2
15.8 8 351.0 264 4.22 3.170 14.50 0 1 5 4|19.7 6 145.0 175 3.62 2.770 15.50 0 1 5 6
15.0 8 301.0 335 3.54 3.570 14.60 0 1 5 8|21.4 4 121.0 109 4.11 2.780 18.60 1 1 4 2
"""
CAR_COLUMNS = ["mpg", "cyl", "disp", "hp", "drat", "wt", "qsec", "vs", "am", "gear", "carb"]
# Six ability tests of 112 people: Smith & Stanley (1983), Clocking g, Intelligence 7, as R's ability.cov.
TESTS = ["general", "picture", "blocks", "maze", "reading", "vocab"]
LOWER = """
24.641 5.991 6.700 33.520 18.137 149.831 6.023 1.782 19.424 12.711
20.755 4.936 31.430 4.757 52.604 29.701 7.204 50.753 9.075 66.762 135.292
"""


@pytest.fixture(scope="module")
def cars():
    """Henderson & Velleman (1981), Building multiple regression models interactively, Biometrics 37."""
    rows = [line.split() for line in CARS.strip().replace("|", "\n").splitlines()]
    table = pd.DataFrame(rows, columns=CAR_COLUMNS, dtype=float)
    return (table - table.min()) / (table.max() - table.min())


@pytest.fixture(scope="module")
def abilities():
    """Rows with exactly the published covariances, brought to 0-1."""
    covariance = np.zeros((6, 6))
    covariance[np.tril_indices(6)] = [float(number) for number in LOWER.split()]
    covariance += np.tril(covariance, -1).T
    half = np.linalg.cholesky(covariance).T
    table = pd.DataFrame(np.concatenate([half, -half]), columns=TESTS)
    return (table - table.min()) / (table.max() - table.min())


class TestPublished:
    def test_kmo_and_bartlett_of_cars(self, cars):
        # As printed by check_factorstructure(mtcars) in the documentation of the R package performance.
        found = principal_component_weights(cars)
        assert round(found.kmo, 2) == 0.83
        assert found.table["kmo"].round(2).tolist() == [
            *(0.93, 0.90, 0.76, 0.84, 0.95, 0.74),
            *(0.74, 0.91, 0.88, 0.85, 0.62),
        ]
        assert round(found.bartlett["chi_squared"], 2) == 408.01
        assert found.bartlett["degrees_of_freedom"] == 55
        assert found.bartlett["p_value"] < 0.001

    def test_principal_components_of_cars(self, cars):
        # As printed by summary(prcomp(mtcars, scale. = TRUE)) in R.
        found = principal_component_weights(cars)
        assert np.sqrt(found.eigenvalues[:2]).round(4).tolist() == [2.5707, 1.6280]
        assert np.sqrt(found.eigenvalues[2]).round(5) == 0.79196
        assert list(found.loadings) == ["factor_1", "factor_2"]
        assert found.explained["share"].sum() == pytest.approx(0.6008 + 0.2409, abs=1e-4)

    def test_factor_analysis_of_abilities(self, abilities):
        # As printed by factanal(factors = 2, covmat = ability.cov) in R.
        found = factor_analysis_weights(abilities, factors=2)
        alone = 1 - found.table["communality"].to_numpy()
        assert alone.round(3).tolist() == [0.455, 0.589, 0.218, 0.769, 0.052, 0.334]
        printed = np.array(
            [
                *([0.499, 0.543], [0.156, 0.622], [0.206, 0.860]),
                *([0.109, 0.468], [0.956, 0.182], [0.785, 0.225]),
            ]
        )
        # R stops turning at a gain of 1e-5: ours is the larger criterion, a quarter of a degree further.
        assert criterion(found.loadings.to_numpy()) > criterion(printed)
        np.testing.assert_allclose(found.loadings, printed, atol=0.004)

    def test_weights_of_abilities_are_shares_of_communality(self, abilities):
        shared = 1 - np.array([0.455, 0.589, 0.218, 0.769, 0.052, 0.334])
        found = factor_analysis_weights(abilities, factors=2)
        np.testing.assert_allclose(list(found.weights.values()), shared / shared.sum(), atol=2e-4)


def criterion(loadings):
    """What varimax makes as large as it can be, rows scaled to length 1."""
    return ((loadings**2 / (loadings**2).sum(axis=1, keepdims=True)).var(axis=0)).sum()


class TestVarimax:
    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=50, deadline=None)
    def test_keeps_communalities_and_finds_no_worse_criterion(self, seed):
        generator = np.random.default_rng(seed)
        loadings = generator.normal(size=(generator.integers(3, 9), generator.integers(1, 4)))
        turned = varimax(loadings)
        np.testing.assert_allclose(turned @ turned.T, loadings @ loadings.T, atol=1e-9)
        assert criterion(turned) >= criterion(loadings) - 1e-12
        rotation, _ = np.linalg.qr(generator.normal(size=(loadings.shape[1],) * 2))
        if loadings.shape[1] == 2:  # one plane: no other start ends elsewhere
            assert criterion(varimax(loadings @ rotation)) == pytest.approx(criterion(turned))
        assert np.all(np.diff((turned**2).sum(axis=0)) <= 1e-9)
        assert np.all(turned.sum(axis=0) >= -1e-9)

    def test_finds_simple_structure(self):
        simple = np.array([[0.9, 0.0], [0.8, 0.0], [0.0, 0.7], [0.0, 0.6]])
        angle = np.array([[0.8, -0.6], [0.6, 0.8]])
        np.testing.assert_allclose(varimax(simple @ angle), simple, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
class TestLaws:
    def factors(self, seed, n=400):
        """Seven indicators, three of one factor and three of another."""
        generator = np.random.default_rng(seed)
        two = generator.normal(size=(n, 2))
        loadings = np.array([[0.9, 0.8, 0.7, 0, 0, 0, 0], [0, 0, 0, 0.9, 0.8, 0.7, 0]])
        values = two @ loadings + generator.normal(size=(n, 7)) * [0.4, 0.6, 0.7, 0.4, 0.6, 0.7, 1]
        return pd.DataFrame(1 / (1 + np.exp(-values)), columns=list("abcdefg"))

    def test_weights_are_shares(self, method):
        found = method(self.factors(1))
        assert sum(found.weights.values()) == pytest.approx(1.0)
        assert min(found.weights.values()) >= 0.0
        assert found.eigenvalues.sum() == pytest.approx(7)

    def test_order_of_customers_and_indicators_is_nothing(self, method):
        table = self.factors(2)
        other = table.sample(frac=1, random_state=1)[list("gcadbfe")]
        assert method(other).weights == pytest.approx(method(table).weights, abs=1e-5)

    def test_the_same_customers_again_change_nothing_but_the_test(self, method):
        table = self.factors(3)
        one, two = method(table), method(pd.concat([table, table]))
        assert two.weights == pytest.approx(one.weights, abs=1e-9)
        assert two.kmo == pytest.approx(one.kmo)
        assert two.bartlett["chi_squared"] > one.bartlett["chi_squared"]

    def test_unknown_values_cost_no_customer(self, method):
        table = self.factors(4, n=20_000)
        gaps = table.mask(np.random.default_rng(1).random(table.shape) < 0.3)
        assert method(gaps).weights == pytest.approx(method(table).weights, abs=0.02)

    def test_constant_indicators_have_weight_0(self, method):
        found = method(self.factors(5).assign(same=0.2))
        assert found.weights["same"] == 0
        assert found.weights == pytest.approx(method(self.factors(5)).weights | {"same": 0})
        assert np.isnan(found.table.set_index("indicator").loc["same", "kmo"])

    def test_an_indicator_that_follows_from_others_is_said(self, method):
        table = self.factors(6)
        found = method(table.assign(h=(table["a"] + table["b"]) / 2))
        assert found.notes[-1].startswith("the correlations are singular (smallest eigenvalue ")
        assert found.notes[-1].endswith("0.001 was added to each variance")
        assert found.eigenvalues[-1] == pytest.approx(0.001)
        assert sum(found.weights.values()) == pytest.approx(1.0)

    def test_too_many_factors_are_refused(self, method):
        with pytest.raises(DataError, match=r"12 (components|factors) of 7 varying indicators: ask for 1"):
            method(self.factors(7), **{"components" if method is METHODS[0] else "factors": 12})

    def test_too_few_indicators_are_refused(self, method):
        with pytest.raises(DataError, match=r"1 indicator varies, too few for .* \(at least [23]\)"):
            method(self.factors(8)[["a"]])


def test_factors_find_what_was_put_in():
    table = TestLaws().factors(9, n=20_000)
    found = factor_analysis_weights(table)
    assert found.loadings.shape == (7, 2)
    groups = found.loadings.abs().idxmax(axis=1)
    assert groups["a"] == groups["b"] == groups["c"] != groups["d"]
    assert groups["d"] == groups["e"] == groups["f"]
    assert found.weights["g"] < 0.01
    assert principal_component_weights(table).weights["g"] < 0.03


def test_an_eigenvalue_of_1_is_no_factor_whatever_rounding_makes_of_it(monkeypatch):
    # c correlates with nothing: the eigenvalues are 1.5, 1 and .5, the middle one above or below by a trace.
    x = np.array([1.0, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1])
    y = np.array([1.0, 1, 1, 1, -1, -1, -1, -1, -1, -1, 1, 1]) + 0.5 * x
    table = (pd.DataFrame({"a": x, "b": y, "c": np.tile([1.0, -1.0], 6)}) + 2) / 4
    exact = np.linalg.eigh
    counts = set()
    for trace in (-1e-15, 0.0, 1e-15):
        monkeypatch.setattr(np.linalg, "eigh", lambda m, t=trace: (exact(m)[0] + t, exact(m)[1]))
        counts.add(principal_component_weights(table).loadings.shape[1])
    assert counts == {1}


def test_no_correlation_is_no_reason_for_factors():
    overall, each = sampling_adequacy(np.eye(3))
    assert np.isnan(overall)
    assert np.isnan(each).all()
    assert sphericity(np.eye(3), 100)["p_value"] == 1.0


def test_sphericity_is_rarely_refused_without_correlation():
    # 200 tables of independent columns: 5 % of p-values lie below .05; 1 in 1,000 quantiles of the binomial.
    generator = np.random.default_rng(11)
    p = [sphericity(np.corrcoef(generator.normal(size=(100, 6)).T), 100)["p_value"] for _ in range(200)]
    assert 1 <= sum(value < 0.05 for value in p) <= 21


class TestScores:
    def test_components_are_those_of_scikit_learn(self):
        from sklearn.decomposition import PCA

        rng = np.random.default_rng(4)
        common = rng.normal(size=(300, 2))
        values = common @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(300, 5))
        table = pd.DataFrame(values, columns=list("abcde"))
        table = (table - table.min()) / (table.max() - table.min())
        found = principal_component_weights(table, components=2)
        scores = factor_scores(found, table).to_numpy()
        standard = (table - table.mean()) / table.std(ddof=0)
        oracle = PCA(n_components=2, whiten=True).fit_transform(standard)
        # Rotated: the same plane, uncorrelated, each with variance 1.
        np.testing.assert_allclose(scores.T @ scores / 300, np.eye(2), atol=1e-8)
        turned = oracle @ (oracle.T @ scores) / 299
        np.testing.assert_allclose(turned, scores, atol=1e-8)

    def test_factor_scores_recover_the_factors_also_where_indicators_are_missing(self):
        rng = np.random.default_rng(5)
        common = rng.normal(size=(3000, 2))
        loadings = np.array([[0.8, 0], [0.8, 0], [0.8, 0], [0, 0.8], [0, 0.8], [0, 0.8]]).T
        table = pd.DataFrame(common @ loadings + 0.6 * rng.normal(size=(3000, 6)), columns=list("abcdef"))
        table = (table - table.min()) / (table.max() - table.min())
        table = table.mask(rng.random(table.shape) < 0.2)
        table.loc[7] = np.nan
        scores = factor_scores(factor_analysis_weights(table, factors=2), table)
        assert scores.loc[7].isna().all()
        both = pd.DataFrame(common).corrwith(scores.set_axis([0, 1], axis=1)).abs()
        swapped = pd.DataFrame(common).corrwith(scores.set_axis([1, 0], axis=1)).abs()
        assert max(both.min(), swapped.min()) > 0.8
