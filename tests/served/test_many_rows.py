"""The compiled loops for many rows against the NumPy code for few."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import nbinom

from guanxi.served.intervals import _many_rows, posterior_predictive
from guanxi.served.intervals._exponential_tilting import tilted
from guanxi.served.intervals.posterior_predictive import NAMES, _count_quantiles, interval
from guanxi.served.purchases.beta_geometric_process import BG_CNBD, BG_NBD, MBG_NBD
from guanxi.served.purchases.bg_bb_process import BG_BB
from guanxi.served.purchases.lifetime_process import PARETO_NBD
from guanxi.served.spend import GAMMA_GAMMA, LOG_NORMAL

loops = pytest.importorskip("guanxi.served.intervals._loops")
BG = {"r": 0.25, "alpha": 31.0, "a": 0.8, "b": 2.5}
REGULAR = {"k": 3, "r": 0.8, "alpha": 25.0, "a": 0.8, "b": 2.5}
PARETO = {"r": 0.55, "alpha": 74.0, "s": 0.61, "beta": 82.0}
OPPORTUNITIES = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78, "period": 30.0}
COVARIANCE = np.diag([0.002, 0.005, 0.03, 0.06])
SPENDS = [
    (GAMMA_GAMMA, {"p": 6.0, "q": 4.0, "v": 15.0}, np.diag([0.02, 0.005, 0.05])),
    (LOG_NORMAL, {"mean": 30.0, "level": 36.0, "between_variance": 0.4, "within_variance": 0.6}, None),
]
MODELS = [
    [(BG_NBD, BG, COVARIANCE), (MBG_NBD, BG, None)],
    [(BG_CNBD, REGULAR, None)],
    [(PARETO_NBD, PARETO, None)],
    [(BG_BB, OPPORTUNITIES, None)],
]


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(6)
    T = np.ceil(generator.uniform(1.0, 730.0, 500))
    x = np.minimum(generator.geometric(0.25, 500) - 1.0, T)
    x[:4] = [700.0, 2000.0, 0.0, 30.0]  # with more purchases to come than any table has
    T[:4] = [730.0, 2000.0, 1.0, 31.0]
    t_x = np.where(x > 0, np.ceil(T * generator.random(500) ** 0.3), 0.0)
    t_x[:4] = T[:4] * (x[:4] > 0)
    return x, t_x, T, np.where(x > 0, generator.gamma(4.0, 8.0, 500), 0.0)


@pytest.mark.parametrize("spend", SPENDS, ids=["gamma_gamma", "log_normal"])
@pytest.mark.parametrize("models", MODELS, ids=lambda models: models[0][0].name)
@pytest.mark.parametrize("is_adjusted", [True, False])
def test_intervals_of_many_rows_are_those_of_few(monkeypatch, rows, models, spend, is_adjusted):
    generator = np.random.default_rng(7)
    none = generator.uniform(0.01, 0.99, len(rows[0]))
    mean = (1.0 - none) * generator.uniform(1.0, 4.0, len(none))
    asked = {"adjusted": (none, mean)} if is_adjusted else {}
    few = interval(models, spend, *rows, 180.0, **asked)
    monkeypatch.setattr(posterior_predictive, "loops_for", lambda _: loops)
    many = interval(models, spend, *rows, 180.0, **asked)
    for name in NAMES:
        np.testing.assert_allclose(many[name], few[name], rtol=1e-12, atol=0, err_msg=name)


@pytest.mark.parametrize("bounded", [True, False])
def test_tilted_distributions_and_their_quantiles(bounded):
    generator = np.random.default_rng(8)
    for counts in (np.arange(73.0), np.append(np.arange(20.0), [25.0, 40.0, 90.0])):
        shapes, successes = generator.uniform(0.05, 5.0, 500), generator.uniform(0.05, 0.95, 500)
        chances = nbinom.pmf(counts, shapes[:, None], successes[:, None])
        chances[:3, 1:] = 0.0
        none = np.clip(chances[:, 0] + generator.uniform(-0.3, 0.3, 500), 0.0, 1.0)
        mean = (1.0 - none) * generator.uniform(1.0, 9.0, 500)
        found = loops.tilted(counts, chances, none, mean, bounded)
        np.testing.assert_allclose(found, tilted(counts, chances, none, mean, bounded=bounded), atol=1e-14)
        levels = (0.05, 0.5, 0.95)
        quantiles = loops.count_quantiles(counts, found, levels)
        np.testing.assert_array_equal(quantiles, _count_quantiles(counts, found, levels))


def test_few_rows_do_without_numba():
    code = "import sys, guanxi.served.scorer; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert _many_rows.loops_for(1000) is None
