"""Input checks of a scorer, and independence of a score from the other rows."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from guanxi.params import load_params
from guanxi.served.input_checks import LARGEST, LAST_YEAR, MOST_DRIVERS, MOST_HORIZON_DAYS, InputError
from guanxi.served.intervals import posterior_predictive
from guanxi.served.numerics import FIXED
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
    ({"monetary_value": 1e308}, "'monetary_value' is above 1e+100"),
    ({"frequency": 1e10}, "'frequency' is above 1e+09"),
    ({"T": 1e300}, "'T' is above 1e+12"),
]
SYMBOLS = {"k": 2, "r": 0.55, "alpha": 70.0, "a": 0.48, "b": 2.1, "s": 0.6, "beta": 80.0}
SYMBOLS |= {"gamma": 0.66, "delta": 2.78, "period": 30.0}


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


def edges(seed):
    """Histories at the edges of what is accepted."""
    random = np.random.default_rng(seed)
    tiny_or_huge = [0.0, 5e-324, 1e-300, 1e-9, 1.0, 3650.0, 1e6]
    n = 40
    frequency = random.choice([0.0, 1.0, 2.0, 365.0, 3650.0, 32957.0, 1e6, LARGEST["frequency"]], n)
    T = random.choice([*tiny_or_huge, LARGEST["T"]], n)
    recency = np.where(frequency > 0, T * random.choice([0.0, 0.5, 1.0], n), 0.0)
    amount = random.choice([*tiny_or_huge, 1e50, LARGEST["monetary_value"]], n)
    columns = {"frequency": frequency, "recency": recency, "T": T, "monetary_value": amount}
    return pd.DataFrame(columns)


@pytest.mark.parametrize("seed", range(3))
def test_histories_at_the_edges_get_coherent_numbers_in_bounded_memory(scorer, seed):
    tracemalloc.start()
    table = scorer.score(edges(seed), drivers=0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 300e6
    numbers = table.drop(columns=["as_of", "next_purchase_date"]).astype(float)
    assert np.isfinite(numbers).all(axis=None)
    assert (numbers >= 0).all(axis=None)
    assert (table["expected_purchases"] >= 1.0 - table["churn_probability"]).all()
    assert (table["clv_lower"] <= table["clv"]).all()
    assert (table["clv"] <= table["clv_upper"]).all()


@pytest.mark.parametrize("amount", [1e50, LARGEST["monetary_value"]])
def test_an_absurd_amount_does_not_multiply_the_purchases(served, amount):
    """With a regression among the members, which is linear in the logarithm of the amount."""
    assert served.model.corrections["purchases"].regression is not None
    rows = served.features.nlargest(40, "frequency")
    usual, largest = rows["monetary_value"], served.features["monetary_value"].max()
    found, before, at_the_edge = (
        served.scorer.score(rows.assign(monetary_value=value), drivers=0)["expected_purchases"]
        for value in (amount, usual, largest)
    )
    assert (found <= 10.0 * np.maximum(before, at_the_edge)).all()


@pytest.mark.parametrize("name", PROCESSES)
def test_expectations_are_never_below_the_probability_of_buying(name):
    process, random = PROCESSES[name], np.random.default_rng(1)
    n = 2000
    params = {
        symbol: SYMBOLS[symbol] * np.exp(random.normal(size=n))
        for symbol in process.parameters
        if symbol != "k"
    }
    params |= {"k": 3} if name.endswith("cnbd") else {}
    T = np.exp(random.uniform(-5.0, 15.0, n))
    x = np.floor(np.exp(random.uniform(-1.0, 15.0, n)))
    t_x = np.where(x > 0, T * random.random(n) ** 0.3, 0.0)
    horizon = np.exp(random.uniform(-5.0, 8.0, n))
    expected = process.expected_purchases_alive(params, x, t_x, T, horizon)
    some = np.exp(process.log_no_purchase_alive(params, x, t_x, T, horizon)[1])
    assert (expected >= 0.0).all()
    assert (some <= expected * (1.0 + 1e-6) + 1e-15).all()


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
    covariance = 0.02 * np.eye(len([symbol for symbol in params if symbol not in FIXED]))
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
