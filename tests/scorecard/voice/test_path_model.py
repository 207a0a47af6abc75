"""The path model against SmartPLS, a second implementation on rows, and simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError, ParamsError
from guanxi.scorecard.voice._path_model import ECSI_PATHS, fit_path_model

# SmartPLS 2.0 M3 on the mobile phone data of Tenenhaus et al. (2005), path weighting, standardised data:
# tests/SmartPLS/results/ecsi of the R package semPLS (Monecke and Leisch 2012).
ECSI_COEFFICIENTS = {
    ("image", "expectation"): 0.50491393,
    ("image", "satisfaction"): 0.17873950,
    ("image", "loyalty"): 0.19575534,
    ("expectation", "quality"): 0.55674896,
    ("expectation", "value"): 0.04998839,
    ("expectation", "satisfaction"): 0.06252287,
    ("quality", "value"): 0.55830438,
    ("quality", "satisfaction"): 0.51202394,
    ("value", "satisfaction"): 0.19476510,
    ("satisfaction", "complaints"): 0.52806625,
    ("satisfaction", "loyalty"): 0.48547762,
    ("complaints", "loyalty"): 0.06692607,
}
ECSI_CONSTRUCTS = {
    "image": tuple(f"IMAG{place}" for place in range(1, 6)),
    "expectation": ("CUEX1", "CUEX2", "CUEX3"),
    "quality": tuple(f"PERQ{place}" for place in range(1, 8)),
    "value": ("PERV1", "PERV2"),
    "satisfaction": ("CUSA1", "CUSA2", "CUSA3"),
    "complaints": ("CUSCO",),
    "loyalty": ("CUSL1", "CUSL2", "CUSL3"),
}


@pytest.fixture(scope="module")
def mobi(shared_data) -> pd.DataFrame:
    return pd.read_parquet(shared_data / "nps_csat" / "ecsi_mobi.parquet")


def on_rows(table, constructs, paths) -> dict[tuple[str, str], float]:
    """A second implementation: scores by row, Lohmöller's algorithm with path weighting."""
    names = list(constructs)
    blocks = [table[list(own)].to_numpy(dtype=float) for own in constructs.values()]
    blocks = [(block - block.mean(0)) / block.std(0) for block in blocks]
    weights = [np.ones(block.shape[1]) for block in blocks]
    for _ in range(200):
        scores = np.column_stack([block @ own for block, own in zip(blocks, weights, strict=True)])
        scores /= scores.std(0)
        inner = np.zeros_like(scores)
        for target, sources in paths.items():
            t, s = names.index(target), [names.index(source) for source in sources]
            inner[:, t] += scores[:, s] @ np.linalg.lstsq(scores[:, s], scores[:, t], rcond=None)[0]
            for source in s:
                inner[:, source] += np.corrcoef(scores[:, source], scores[:, t])[0, 1] * scores[:, t]
        weights = [block.T @ inner[:, place] for place, block in enumerate(blocks)]
    scores = np.column_stack([block @ own for block, own in zip(blocks, weights, strict=True)])
    scores /= scores.std(0)
    found = {}
    for target, sources in paths.items():
        s = [names.index(source) for source in sources]
        coefficients = np.linalg.lstsq(scores[:, s], scores[:, names.index(target)], rcond=None)[0]
        found |= {(source, target): float(each) for source, each in zip(sources, coefficients, strict=True)}
    return found


def coefficients(found) -> dict[tuple[str, str], float]:
    paths = found.paths
    return dict(zip(zip(paths["source"], paths["target"], strict=True), paths["coefficient"], strict=True))


def test_ecsi_equals_smartpls(mobi):
    found = fit_path_model(mobi, ECSI_CONSTRUCTS, ECSI_PATHS, draws=0)
    assert found.answers == 250
    assert coefficients(found) == pytest.approx(ECSI_COEFFICIENTS, abs=1e-7)


def test_ecsi_equals_a_second_implementation_on_rows(mobi):
    found = fit_path_model(mobi, ECSI_CONSTRUCTS, ECSI_PATHS, draws=0)
    assert coefficients(found) == pytest.approx(on_rows(mobi, ECSI_CONSTRUCTS, ECSI_PATHS), abs=1e-7)


def test_ecsi_intervals_contain_the_coefficients_and_totals_add_up_along_the_paths(mobi):
    paths = fit_path_model(mobi, ECSI_CONSTRUCTS, ECSI_PATHS, draws=200).paths
    assert (paths["coefficient_lower"] < paths["coefficient"]).all()
    assert (paths["coefficient"] < paths["coefficient_upper"]).all()
    at = paths.set_index(["source", "target"])
    direct, total = at["coefficient"], at["total"]
    by_hand = direct["expectation", "value"] + direct["expectation", "quality"] * direct["quality", "value"]
    assert total["expectation", "value"] == pytest.approx(by_hand)


def test_reliability_by_hand(mobi):
    constructs = fit_path_model(mobi, ECSI_CONSTRUCTS, ECSI_PATHS, draws=0).constructs.set_index("construct")
    own = mobi[list(ECSI_CONSTRUCTS["quality"])]
    standard = (own - own.mean()) / own.std()
    alpha = 7 / 6 * (1 - 7 / standard.sum(axis=1).var())
    assert constructs.loc["quality", "alpha"] == pytest.approx(alpha)
    assert constructs.loc["complaints", ["alpha", "average_variance"]].isna().all()
    assert np.isnan(constructs.loc["image", "r_squared"])
    assert constructs.loc["satisfaction", "r_squared"] == pytest.approx(0.681, abs=5e-4)


def simulated(size: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    quality = generator.normal(size=size)
    liking = 0.6 * quality + 0.8 * generator.normal(size=size)
    loyal = 0.5 * liking + np.sqrt(0.75) * generator.normal(size=size)
    columns = {}
    for name, latent in (("q", quality), ("s", liking), ("l", loyal)):
        for place in range(6):
            columns[f"{name}{place}"] = latent + 0.25 * generator.normal(size=size)
    return pd.DataFrame(columns)


CONSTRUCTS = {
    name: tuple(f"{name[0]}{place}" for place in range(6)) for name in ("quality", "satisfaction", "loyalty")
}
CHAIN = {"satisfaction": ("quality",), "loyalty": ("satisfaction",)}


def test_recovers_the_paths_of_reliable_questions():
    found = coefficients(fit_path_model(simulated(20_000, 1), CONSTRUCTS, CHAIN, draws=0))
    assert found == pytest.approx(
        {("quality", "satisfaction"): 0.6, ("satisfaction", "loyalty"): 0.5}, abs=0.02
    )


def test_scale_order_and_direction_of_questions_change_nothing():
    table = simulated(500, 2)
    found = coefficients(fit_path_model(table, CONSTRUCTS, CHAIN, draws=0))
    other = (table * 3.0 + 5.0).sample(frac=1.0, random_state=0)[sorted(table.columns, reverse=True)]
    assert coefficients(fit_path_model(other, CONSTRUCTS, CHAIN, draws=0)) == pytest.approx(found, abs=1e-7)


def test_incomplete_answers_are_left_out():
    table = simulated(200, 3)
    table.loc[:49, "q1"] = np.nan
    found = fit_path_model(table, CONSTRUCTS, CHAIN, draws=0)
    assert found.answers == 150
    assert coefficients(found) == coefficients(fit_path_model(table.loc[50:], CONSTRUCTS, CHAIN, draws=0))


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            {"satisfaction": ("loyalty",), "loyalty": ("satisfaction",)},
            "form a circle: .*: leave out one path",
        ),
        (
            {"satisfaction": ("price",)},
            "'price' has no questions: it is one of quality, satisfaction, loyalty",
        ),
    ],
)
def test_paths_that_cannot_be(paths, message):
    with pytest.raises(ParamsError, match=message):
        fit_path_model(simulated(100, 4), CONSTRUCTS, paths)


def test_data_that_do_not_suffice():
    with pytest.raises(DataError, match="only 20 complete answers, at least 30"):
        fit_path_model(simulated(20, 5), CONSTRUCTS, CHAIN)
    with pytest.raises(DataError, match="all answers to 's2' are equal"):
        fit_path_model(simulated(50, 5).assign(s2=1.0), CONSTRUCTS, CHAIN)
