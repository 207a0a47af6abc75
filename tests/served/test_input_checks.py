"""Input checks of a scorer, and independence of a score from the other rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.params import load_params
from guanxi.served.input_checks import LAST_YEAR, MOST_DRIVERS, MOST_HORIZON_DAYS, InputError
from guanxi.served.intervals import posterior_predictive
from guanxi.served.purchases.registry import PROCESSES
from guanxi.served.spend import GAMMA_GAMMA

GOOD = {"frequency": 2.0, "recency": 30.0, "T": 38.0, "monetary_value": 22.35}
WRONG = [
    ({"frequency": -1.0}, "'frequency' is negative"),
    ({"frequency": 0.5}, "'frequency' is not a whole number"),
    ({"recency": 38.5}, "'recency' is greater than T"),
    ({"frequency": 0.0}, "'recency' is above 0 though frequency is 0"),
    ({"T": np.nan}, "'T' is missing"),
    ({"monetary_value": -0.01}, "'monetary_value' is negative"),
    ({"monetary_value": np.inf}, "'monetary_value' is infinite"),
]
SYMBOLS = {"k": 2, "r": 0.55, "alpha": 70.0, "a": 0.48, "b": 2.1, "s": 0.6, "beta": 80.0}


@pytest.fixture(scope="module")
def scorer(served):
    """A scorer without trees, which needs the histories only."""
    return served.contender("value model alone")


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_invalid_histories_are_errors_that_name_the_rows(scorer, change, said):
    rows = pd.DataFrame([GOOD, GOOD | change, GOOD], index=["Ann", "Bob", "Cy"])
    with pytest.raises(InputError) as caught:
        scorer.score(rows)
    assert str(caught.value) == f"column {said} in 1 of 3 rows (first: Bob): correct or drop them"


def test_boundary_cases_are_accepted(scorer):
    edge = [{"frequency": 0.0, "recency": 0.0, "T": 0.0, "monetary_value": 0.0}, {**GOOD, "recency": 38.0}]
    assert scorer.score(pd.DataFrame(edge))["clv"].notna().all()


def test_no_rows_and_missing_columns_are_errors(scorer):
    with pytest.raises(InputError, match="no rows: give at least one"):
        scorer.score(pd.DataFrame([GOOD]).head(0))
    with pytest.raises(InputError, match="lacks T, monetary_value: give every column"):
        scorer.score(pd.DataFrame([GOOD])[["frequency", "recency"]])


@pytest.mark.parametrize(
    "given",
    [
        *({"horizon_days": days} for days in (0, -1, MOST_HORIZON_DAYS + 1, 1.5)),
        *({"drivers": count} for count in (-1, MOST_DRIVERS + 1)),
        *({"interval": share} for share in (0.0, 1.0, -0.1, np.nan)),
        *({"annual_discount_rate": rate} for rate in (-1.0, 10.0, np.nan)),
        *({"as_of": day} for day in ("", "yesterday", "2024-02-30", f"{LAST_YEAR + 1}-01-01")),
    ],
)
def test_parameters_out_of_range_are_errors_that_name_them(scorer, given):
    ((name, value),) = given.items()
    with pytest.raises(InputError, match=f"^{name} is {value!r}: give "):
        scorer.score(pd.DataFrame([GOOD]), **given)


def test_limits_of_the_parameters_are_accepted():
    load_params(None, [f"horizon_days={MOST_HORIZON_DAYS}", f"drivers.top={MOST_DRIVERS}"], {})
    for wrong in (f"horizon_days={MOST_HORIZON_DAYS + 1}", f"drivers.top={MOST_DRIVERS + 1}"):
        with pytest.raises(Exception, match="less than or equal"):
            load_params(None, [wrong], {})


@pytest.mark.parametrize("name", PROCESSES)
def test_a_single_row_gets_bitwise_the_same_scores_as_among_many(name):
    process = PROCESSES[name]
    params = {symbol: SYMBOLS[symbol] for symbol in process.parameters}
    covariance = 0.02 * np.eye(len([symbol for symbol in params if symbol != "k"]))
    random = np.random.default_rng(0)
    T = random.integers(1, 500, 300).astype(float)
    x = random.poisson(2.0, 300).astype(float)
    t_x = np.where(x > 0, np.ceil(T * random.random(300)), 0.0)
    spend = (GAMMA_GAMMA, {"p": 6.0, "q": 4.0, "v": 15.0}, 0.01 * np.eye(3))
    none = np.clip(random.random(300), 0.1, 0.9)
    adjusted = none, 1.5 * (1.0 - none)

    def ends(rows, moved):
        columns = [column[rows] for column in (x, t_x, T, np.where(x > 0, 20.0, 0.0))]
        given = tuple(column[rows] for column in adjusted) if moved else None
        return posterior_predictive.interval(
            [(process, params, covariance)], spend, *columns, 90.0, adjusted=given
        )

    for moved in (True, False):
        together = ends(slice(None), moved)
        for place in (0, 17, 205):
            for side, value in ends([place], moved).items():
                assert value[0] == together[side][place], side
