"""Factor models of several groups against lavaan, and under laws."""

from __future__ import annotations

import numpy as np
import pytest

from guanxi.scorecard.voice._factor_model import LEVELS, fit_factor_model

# Nine tests in two schools: Holzinger and Swineford (1939), as in the R package lavaan. Size, means, lower
# triangle of the covariances (divided by n).
SCHOOLS = {
    "Pasteur": (
        156,
        "4.94123931 5.98397436 2.48717949 2.82264958 3.99519231 1.92216117 4.43227425 5.56314103 5.41773504",
        """
1.39522952
0.40210319 1.50374959
0.62010670 0.47675768 1.34578916
0.56792635 0.08850400 0.16466004 1.31968642
0.47193972 0.14255116 0.06644477 1.07980974 1.70790958
0.49756289 0.19403646 0.22210188 0.75512077 0.93392064 0.97444870
0.04616439 -0.20384455 -0.02469771 0.32155439 0.17090488 0.21910719 1.16992003
0.16519525 0.03851188 0.15161078 0.14698868 0.15150549 0.20564743 0.42609205 0.95199077
0.35114303 0.21867810 0.33207834 0.15516336 0.20842750 0.18618410 0.28722552 0.35242542 0.97755307
""",
    ),
    "Grant-White": (
        145,
        "4.92988506 6.20000000 1.99568966 3.31724138 4.71206897 2.46896552 3.92083958 5.48827586 5.32720306",
        """
1.31864711
0.41431034 1.22637931
0.53374951 0.47844828 1.07336504
0.43986788 0.28310344 0.38096512 1.25721231
0.41113357 0.20456897 0.34423306 0.93329766 1.34166468
0.41202764 0.24389163 0.40707066 0.90639714 0.89808391 1.28014172
0.12328525 0.07572714 0.07968128 0.24130486 0.30299437 0.20829506 1.06179961
0.36952279 0.19458621 0.25857015 0.12176536 0.23972771 0.14337999 0.63283504 1.09437979
0.57313340 0.28139847 0.39573507 0.36145946 0.42227705 0.31524489 0.44190187 0.56665227 1.05104799
""",
    ),
}
# lavaan's tutorial, "Multiple groups: measurement invariance": chi square, degrees of freedom, CFI, RMSEA.
SCHOOLS_FIT = {
    "configural": (115.851, 48, 0.923, 0.097),
    "metric": (124.044, 54, 0.921, 0.093),
    "scalar": (164.103, 60, 0.882, 0.107),
}


def schools() -> list[np.ndarray]:
    """Samples of the schools with exactly these means and covariances, all that the likelihood uses."""
    generator = np.random.default_rng(0)
    samples = []
    for size, means, triangle in SCHOOLS.values():
        lower = np.zeros((9, 9))
        lower[np.tril_indices(9)] = [float(each) for each in triangle.split()]
        covariance = lower + np.tril(lower, -1).T
        plain = generator.normal(size=(size, 9))
        plain -= plain.mean(axis=0)
        spread = np.linalg.cholesky(np.linalg.inv(plain.T @ plain / size))
        samples.append(
            plain @ spread @ np.linalg.cholesky(covariance).T + np.array(means.split(), dtype=float)
        )
    return samples


FACTORS = (0, 0, 0, 1, 1, 1, 2, 2, 2)


@pytest.mark.parametrize("level", LEVELS)
def test_schools_equal_lavaan(level):
    found = fit_factor_model(schools(), FACTORS, level)
    chi_square, degrees, comparative, root = SCHOOLS_FIT[level]
    assert found.chi_square == pytest.approx(chi_square, abs=2e-3)
    assert found.degrees == degrees
    assert found.comparative_fit == pytest.approx(comparative, abs=5e-4)
    assert found.root_mean_square_error == pytest.approx(root, abs=5e-4)


def groups(seed: int, size: int = 400) -> list[np.ndarray]:
    """Two groups with different means and variances of one factor, and equal questions."""
    generator = np.random.default_rng(seed)
    return [
        (place + (1 + place) * generator.normal(size=(size, 1))) * [1.0, 0.8, 1.2, 0.9]
        + generator.normal(size=(size, 4))
        for place in range(2)
    ]


def test_chi_square_rises_with_equality_and_does_not_depend_on_units():
    samples = groups(0)
    fits = [fit_factor_model(samples, (0,) * 4, level).chi_square for level in LEVELS]
    assert fits == sorted(fits)
    scaled = [sample * [2.0, 0.1, 30.0, 1.0] + 5.0 for sample in samples]
    again = [fit_factor_model(scaled, (0,) * 4, level).chi_square for level in LEVELS]
    assert again == pytest.approx(fits, abs=1e-3)


@pytest.mark.slow
def test_difference_of_chi_squares_has_its_nominal_mean_where_questions_are_equal():
    """Scalar against configural: 3 + 3 degrees of freedom; 60 samples, standard error .45."""
    differences = []
    for seed in range(60):
        free, equal = (fit_factor_model(groups(seed), (0,) * 4, level) for level in ("configural", "scalar"))
        assert equal.degrees - free.degrees == 6
        differences.append(equal.chi_square - free.chi_square)
    assert 4.6 < np.mean(differences) < 7.4
