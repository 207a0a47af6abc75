"""Published matrices, and matrices drawn for laws."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

SCALE = [Fraction(1, k) for k in range(9, 1, -1)] + [Fraction(k) for k in range(1, 10)]


# Saaty (1990), How to make a decision, European Journal of Operational Research 48, 9-26, table 3.
HOUSE = """
1    5    3    7  6    6    1/3  1/4
1/5  1    1/3  5  3    3    1/5  1/7
1/3  3    1    6  3    4    6    1/5
1/7  1/5  1/6  1  1/3  1/4  1/7  1/8
1/6  1/3  1/3  3  1    1/2  1/5  1/6
1/6  1/3  1/4  4  2    1    1/5  1/6
3    5    1/6  7  5    5    1    1/2
4    7    5    8  6    6    2    1
"""
# Harker (1987), Incomplete pairwise comparisons in the analytic hierarchy process, Mathematical Modelling 9,
# 837-848, table 1: distance from Philadelphia of Cairo, Tokyo, Chicago, San Francisco, London, Montreal.
PHILADELPHIA = """
1    1/3  8    3    3    7
3    1    9    3    3    9
1/8  1/9  1    1/6  1/5  2
1/3  1/3  6    1    1/3  6
1/3  1/3  5    3    1    6
1/7  1/9  1/2  1/6  1/6  1
"""
# Saaty (2008), Decision making with the analytic hierarchy process, International Journal of Services
# Sciences 1, 83-98: drinks consumed in the United States: coffee, wine, tea, beer, sodas, milk, water.
DRINKS = """
1    9  5    2    1    1    1/2
1/9  1  1/3  1/9  1/9  1/9  1/9
1/5  3  1    1/3  1/4  1/3  1/9
1/2  9  3    1    1/2  1    1/3
1    9  4    2    1    2    1/2
1    9  3    1    1/2  1    1/3
2    9  9    3    2    3    1
"""


@pytest.fixture(scope="session")
def published():
    """Matrices of published examples."""
    texts = {"house": HOUSE, "philadelphia": PHILADELPHIA, "drinks": DRINKS}
    return {
        name: np.array([[float(Fraction(cell)) for cell in row.split()] for row in text.strip().splitlines()])
        for name, text in texts.items()
    }


@st.composite
def _reciprocal(draw, least=2, most=7):
    n = draw(st.integers(least, most))
    found = np.ones((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            found[i, j] = float(draw(st.sampled_from(SCALE)))
            found[j, i] = 1.0 / found[i, j]
    return found


@pytest.fixture(scope="session")
def reciprocal():
    """A strategy: judgements of ``least`` to ``most`` things on Saaty's scale, however contradictory."""
    return _reciprocal
