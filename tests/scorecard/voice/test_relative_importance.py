"""Relative importance against relaimpo and against all orders of the drivers one by one."""

from __future__ import annotations

import itertools
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import DataError
from guanxi.scorecard.voice._relative_importance import relative_importance

# R's data set swiss (Mosteller and Tukey 1977, Data analysis and regression): 47 provinces, about 1888.
SWISS = pd.read_csv(
    StringIO(
        """Fertility,Agriculture,Examination,Education,Catholic,Infant.Mortality
80.2,17,15,12,9.96,22.2
83.1,45.1,6,9,84.84,22.2
92.5,39.7,5,5,93.4,20.2
85.8,36.5,12,7,33.77,20.3
76.9,43.5,17,15,5.16,20.6
76.1,35.3,9,7,90.57,26.6
83.8,70.2,16,7,92.85,23.6
92.4,67.8,14,8,97.16,24.9
82.4,53.3,12,7,97.67,21
82.9,45.2,16,13,91.38,24.4
87.1,64.5,14,6,98.61,24.5
64.1,62,21,12,8.52,16.5
66.9,67.5,14,7,2.27,19.1
68.9,60.7,19,12,4.43,22.7
61.7,69.3,22,5,2.82,18.7
68.3,72.6,18,2,24.2,21.2
71.7,34,17,8,3.3,20
55.7,19.4,26,28,12.11,20.2
54.3,15.2,31,20,2.15,10.8
65.1,73,19,9,2.84,20
65.5,59.8,22,10,5.23,18
65,55.1,14,3,4.52,22.4
56.6,50.9,22,12,15.14,16.7
57.4,54.1,20,6,4.2,15.3
72.5,71.2,12,1,2.4,21
74.2,58.1,14,8,5.23,23.8
72,63.5,6,3,2.56,18
60.5,60.8,16,10,7.72,16.3
58.3,26.8,25,19,18.46,20.9
65.4,49.5,15,8,6.1,22.5
75.5,85.9,3,2,99.71,15.1
69.3,84.9,7,6,99.68,19.8
77.3,89.7,5,2,100,18.3
70.5,78.2,12,6,98.96,19.4
79.4,64.9,7,3,98.22,20.2
65,75.9,9,9,99.06,17.8
92.2,84.6,3,3,99.46,16.3
79.3,63.1,13,13,96.83,18.1
70.4,38.4,26,12,5.62,20.3
65.7,7.7,29,11,13.79,20.5
72.7,16.7,22,13,11.22,18.9
64.4,17.6,35,32,16.92,23
77.6,37.6,15,7,4.97,20
67.6,18.7,25,7,8.65,19.5
35,1.2,37,53,42.34,18
44.7,46.6,16,29,50.43,18.2
42.8,27.7,22,29,58.33,19.3
"""
    )
)
# R package relaimpo (Grömping 2006): calc.relimp(lm(Fertility ~ ., swiss), type = "lmg").
SWISS_R_SQUARED = 0.706735001593
SWISS_LMG = {
    "Agriculture": 0.0570912207681,
    "Examination": 0.1711730289002,
    "Education": 0.2601346786244,
    "Catholic": 0.1055701503735,
    "Infant.Mortality": 0.1127659229265,
}


def r_squared(table: pd.DataFrame, outcome: str, drivers: list[str]) -> float:
    if not drivers:
        return 0.0
    y, x = table[outcome].to_numpy(dtype=float), table[drivers].to_numpy(dtype=float)
    design = np.column_stack([np.ones(len(x)), x])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - left @ left / ((y - y.mean()) @ (y - y.mean()))


def by_orders(table: pd.DataFrame, outcome: str, drivers: list[str]) -> dict[str, float]:
    """A second implementation: regressions on rows, averaged over every order of the drivers."""
    gains = dict.fromkeys(drivers, 0.0)
    orders = list(itertools.permutations(drivers))
    for order in orders:
        for place, driver in enumerate(order):
            before = r_squared(table, outcome, list(order[:place]))
            gains[driver] += (r_squared(table, outcome, list(order[: place + 1])) - before) / len(orders)
    return gains


def parts(table: pd.DataFrame, outcome: str, drivers: list[str]) -> dict[str, float]:
    found = relative_importance(table, outcome, drivers, draws=0).table
    return dict(zip(found["driver"], found["importance"], strict=True))


def test_swiss_equals_relaimpo():
    found = relative_importance(SWISS, "Fertility", list(SWISS_LMG), draws=0)
    assert found.r_squared == pytest.approx(SWISS_R_SQUARED, abs=1e-11)
    assert dict(zip(found.table["driver"], found.table["importance"], strict=True)) == pytest.approx(
        SWISS_LMG, abs=1e-11
    )
    assert list(found.table["driver"])[:2] == ["Education", "Examination"]


def test_swiss_equals_regressions_in_every_order():
    drivers = list(SWISS_LMG)
    assert parts(SWISS, "Fertility", drivers) == pytest.approx(
        by_orders(SWISS, "Fertility", drivers), abs=1e-10
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_parts_add_up_are_not_negative_and_do_not_depend_on_units_or_order(seed, count):
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(60, count)) @ generator.normal(size=(count, count))
    names = [f"d{place}" for place in range(count)]
    table = pd.DataFrame(mixed, columns=names)
    table["y"] = mixed @ generator.normal(size=count) + generator.normal(size=60)
    found = parts(table, "y", names)
    assert sum(found.values()) == pytest.approx(r_squared(table, "y", names), abs=1e-9)
    assert min(found.values()) > -1e-9
    shuffled = table.sample(frac=1.0, random_state=seed)[[*reversed(names), "y"]] * 7.0 + 3.0
    assert parts(shuffled, "y", names[::-1]) == pytest.approx(found, abs=1e-9)


@pytest.mark.slow
def test_intervals_cover_the_truth():
    """Two independent drivers of variances 4 and 1, noise of 5: parts .4 and .1; 200 samples of 300."""
    inside = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        table = pd.DataFrame(generator.normal(size=(300, 2)), columns=["a", "b"])
        table["y"] = 2 * table["a"] + table["b"] + np.sqrt(5) * generator.normal(size=300)
        row = (
            relative_importance(table, "y", ["a", "b"], draws=200, seed=seed)
            .table.set_index("driver")
            .loc["a"]
        )
        inside.append(row["importance_lower"] <= 0.4 <= row["importance_upper"])
    assert 0.84 <= np.mean(inside) <= 0.96  # 90 %, standard error 2


def test_customers_are_drawn_with_all_their_answers():
    generator = np.random.default_rng(3)
    once = pd.DataFrame(generator.normal(size=(80, 2)), columns=["a", "b"])
    once["y"] = once["a"] + generator.normal(size=80)
    ten = pd.concat([once] * 10, ignore_index=True)
    alone = relative_importance(once, "y", ["a", "b"], customers=list(range(80)))
    repeated = relative_importance(ten, "y", ["a", "b"], customers=list(range(80)) * 10)
    naive = relative_importance(ten, "y", ["a", "b"])

    def width(found):
        return (found.table["share_upper"] - found.table["share_lower"]).iloc[0]

    assert width(repeated) == pytest.approx(width(alone), rel=1e-6)
    assert width(naive) < 0.5 * width(alone)


@pytest.mark.parametrize(
    ("table", "drivers", "message"),
    [
        (SWISS, ["Education"], "1 drivers of Fertility, from 2 to 12 are possible: group questions in"),
        (
            SWISS.head(9),
            ["Education", "Catholic"],
            "only 9 complete answers for 2 drivers of .*, at least 10",
        ),
        (SWISS.assign(Catholic=1.0), ["Education", "Catholic"], "all answers to 'Catholic' are equal"),
    ],
)
def test_data_that_do_not_suffice(table, drivers, message):
    with pytest.raises(DataError, match=message):
        relative_importance(table, "Fertility", drivers)
