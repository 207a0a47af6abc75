"""Properties of every model of repeat purchases, at random parameters and histories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyperu

from guanxi.served.purchases.registry import PROCESSES

SPANS = {
    "k": st.integers(1, 3),
    "r": st.floats(0.05, 5),
    "alpha": st.floats(0.5, 50),
    "a": st.floats(0.05, 5),
    "b": st.floats(0.1, 10),
    "s": st.floats(0.05, 5),
    "beta": st.floats(0.5, 100),
    "gamma": st.floats(0.05, 5),
    "delta": st.floats(0.1, 10),
    "period": st.sampled_from([1.0, 7.0, 365 / 12]),
}
SPANS_OF_GGOM = {**SPANS, "b": st.floats(1e-3, 0.3), "beta": st.floats(0.05, 100)}
CDNOW = {
    "k": 2,
    "r": 0.5,
    "alpha": 5.0,
    "a": 0.79,
    "b": 2.43,
    "s": 0.61,
    "beta": 11.67,
    "gamma": 0.66,
    "delta": 2.78,
    "period": 7.0,
}
TIMES = {"alpha": 1, "beta": 1}  # parameters in units of time
TIMES_OF_GGOM = {"alpha": 1, "b": -1}

every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=list(PROCESSES))
with_dropout = pytest.mark.parametrize(
    "process", [each for name, each in PROCESSES.items() if name != "nbd"], ids=lambda each: each.name
)
in_continuous_time = pytest.mark.parametrize(
    "process", [each for name, each in PROCESSES.items() if name != "bg_bb"], ids=lambda each: each.name
)
law = settings(deadline=None, max_examples=30)
heavy_law = settings(deadline=None, max_examples=12)


def params_of(process):
    spans = SPANS_OF_GGOM if process.name == "ggom_nbd" else SPANS
    return st.fixed_dictionaries({name: spans[name] for name in process.parameters})


def cdnow_like(process):
    values = {**CDNOW, "b": 0.02, "beta": 0.3} if process.name == "ggom_nbd" else CDNOW
    return {name: values[name] for name in process.parameters}


@st.composite
def histories(draw):
    x = draw(st.integers(0, 60))
    T = draw(st.floats(0.5, 400))
    return float(x), T * draw(st.floats(0.01, 1)) if x else 0.0, T


@every_process
@law
@given(data=st.data(), history=histories())
def test_probability_alive_is_a_probability_and_falls_without_purchases(process, data, history):
    params = data.draw(params_of(process))
    x, t_x, T = history
    longer = np.arange(5.0) * 10.0
    silent = process.probability_alive(params, x, t_x, T + longer)
    later = np.concatenate([process.probability_alive(params, x, t_x, T, time) for time in longer])
    for values in (silent, later):
        assert ((values >= 0) & (values <= 1)).all()
        assert (np.diff(values) <= 1e-12).all()
    assert later[0] == silent[0]


@every_process
@law
@given(data=st.data(), history=histories())
def test_expected_purchases_rise_from_zero_with_the_horizon(process, data, history):
    params = data.draw(params_of(process))
    values = process.expected_purchases(params, *history, np.array([0.0, 1.0, 10.0, 100.0, 1000.0]))
    assert values[0] == 0.0
    assert (np.diff(values) >= -1e-12 * values[1:]).all()
    assert np.isfinite(values).all()


@every_process
@heavy_law
@given(data=st.data(), x=st.integers(0, 10), horizon=st.floats(0.5, 20))
def test_distribution_sums_to_one_with_the_expected_purchases_as_mean(process, data, x, horizon):
    params = data.draw(
        params_of(process).filter(lambda params: params["alpha"] > 5 and params.get("r", 0) < 3)
    )
    history = [np.array([value]) for value in (float(x), 30.0 if x else 0.0, 40.0)]
    distribution = process.count_distribution(params, *history, horizon, 200)[0]
    n = np.arange(201.0)
    assert distribution.sum() == pytest.approx(1.0, abs=1e-9)
    expected = process.expected_purchases(params, *history, horizon)[0]
    assert n @ distribution == pytest.approx(expected, rel=1e-7)
    one_by_one = process.purchase_probability(params, *history, n, horizon)
    np.testing.assert_allclose(distribution, one_by_one, rtol=1e-7, atol=1e-11)


@in_continuous_time
@law
@given(data=st.data(), history=histories(), horizon=st.floats(0.1, 500))
def test_no_purchase_is_a_ratio_of_likelihoods(process, data, history, horizon):
    params = data.draw(params_of(process))
    x, t_x, T = history
    longer = process.log_likelihood(params, x, t_x, T + horizon)
    ratio = np.exp(longer - process.log_likelihood(params, x, t_x, T))
    none = process.probability_no_purchase(params, x, t_x, T, horizon)
    assert none == pytest.approx(ratio, rel=1e-8)
    assert none == pytest.approx(process.purchase_probability(params, x, t_x, T, 0, horizon), rel=1e-9)


@every_process
@law
@given(data=st.data(), history=histories(), horizon=st.floats(0.1, 500))
def test_log_odds_are_the_logit_of_no_purchase(process, data, history, horizon):
    params = data.draw(params_of(process))
    log_odds = process.log_odds_no_purchase(params, *history, horizon)
    probability = process.probability_no_purchase(params, *history, horizon)
    assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(probability, rel=1e-8)


@in_continuous_time
@law
@given(data=st.data(), history=histories(), factor=st.sampled_from([1 / 7, 7.0, 365.0]))
def test_time_unit_shifts_the_log_likelihood_only(process, data, history, factor):
    params = data.draw(params_of(process))
    powers = TIMES_OF_GGOM if process.name == "ggom_nbd" else TIMES
    rescaled = {name: value * factor ** powers.get(name, 0) for name, value in params.items()}
    x, t_x, T = history
    stretched = (x, t_x * factor, T * factor)
    shift = -x * np.log(factor)
    value = process.log_likelihood(rescaled, *stretched)
    assert value == pytest.approx(process.log_likelihood(params, *history) + shift, rel=1e-9, abs=1e-8)
    for formula, times in {
        "probability_alive": [],
        "expected_purchases": [20.0],
        "probability_no_purchase": [20.0],
    }.items():
        method = getattr(process, formula)
        in_unit = method(rescaled, *stretched, *(time * factor for time in times))
        assert in_unit == pytest.approx(method(params, *history, *times), rel=1e-7)
    wait = process.next_purchase_quantile(rescaled, *stretched, 0.5)
    assert wait == pytest.approx(factor * process.next_purchase_quantile(params, *history, 0.5), rel=1e-7)


@in_continuous_time
@law
@given(data=st.data(), history=histories(), q=st.floats(0.01, 0.9))
def test_next_purchase_quantile_inverts_the_waiting_time(process, data, history, q):
    params = data.draw(params_of(process))
    never = {"a": 1e-60, "s": 1e-60}  # given no dropout before it
    staying = {name: never.get(name, value) for name, value in params.items()}
    wait = process.next_purchase_quantile(params, *history, q)
    none, some = process.log_no_purchase_alive(staying, *history, wait)
    assert np.exp(none) == pytest.approx(1 - q, rel=1e-6)
    assert np.exp(some) == pytest.approx(q, rel=1e-6)


@every_process
@law
@given(
    data=st.data(),
    history=histories(),
    rate=st.sampled_from([1e-3, 1e-2, 0.1]),
    horizon=st.floats(1.0, 300.0),
)
def test_discounted_purchases_lie_between_sums_over_many_short_periods(process, data, history, rate, horizon):
    params = data.draw(params_of(process))
    # shorter periods first, where purchases are more frequent
    ends = np.linspace(0.0, 1.0, 51) ** 2 * horizon
    made = np.diff(process.expected_purchases(params, *history, ends))
    most, least = (made @ np.exp(-rate * times) for times in (ends[:-1], ends[1:]))
    value = process.discounted_purchases(params, *history, rate, horizon)[0]
    assert least * (1 - 1e-6) <= value <= most * (1 + 1e-6)


@every_process
def test_discounted_purchases_of_a_long_horizon_approach_those_of_an_infinite_one(process):
    params, rate = cdnow_like(process), 1e-3
    rows = np.array([(0.0, 0.0, 30.0), (4.0, 20.0, 30.0), (26.0, 30.857, 31.0)]).T
    endless = process.discounted_purchases(params, *rows, rate)
    by_horizon = [process.discounted_purchases(params, *rows, rate, times / rate) for times in (2, 8, 40)]
    assert (np.diff(by_horizon, axis=0) > 0).all()
    # Two different quadratures; at k = 12 their errors against a fine sum are 2e-6 and 9e-6.
    assert by_horizon[-1] == pytest.approx(endless, rel=2e-5)
    assert process.discounted_purchases(params, *rows, 0.0, 52.0) == pytest.approx(
        process.expected_purchases(params, *rows, 52.0)
    )


@law
@given(data=st.data(), rate=st.floats(5e-4, 0.05))
def test_dert_of_pareto_nbd_is_the_closed_form_of_fader_hardie_lee_2005(data, rate):
    process = PROCESSES["pareto_nbd"]
    params = data.draw(params_of(process))
    x, _, T = history = data.draw(histories())
    r, alpha, s, beta = (params[name] for name in process.parameters)
    z = rate * (beta + T)
    # With the likelihood in the denominator of their equation (4), the factors of Psi become P(alive).
    purchases = process.probability_alive(params, *history) * (r + x) / (alpha + T) / rate
    value = process.discounted_purchases(params, *history, rate)
    lasting, _ = quad(lambda t: np.exp(-t) * (1 + t / z) ** -s, 0, np.inf, epsabs=0, epsrel=1e-10)
    assert value == pytest.approx(purchases * lasting, rel=1e-8)
    if z < 5 and s < 2:  # SciPy's Psi has an error of 6e-7 against the integral at z = 12
        assert value == pytest.approx(purchases * z**s * hyperu(s, s, z), rel=1e-8)


# --- whole periods -----------------------------------------------------------------------------------------


@st.composite
def opportunities(draw):
    T = draw(st.integers(0, 200))
    t_x = draw(st.integers(0, T))
    return float(draw(st.integers(min(t_x, 1), t_x))), float(t_x), float(T)


@law
@given(data=st.data(), history=opportunities(), horizon=st.integers(1, 60))
def test_bg_bb_is_the_ratio_of_likelihoods_in_whole_periods_of_any_unit(data, history, horizon):
    process = PROCESSES["bg_bb"]
    params = data.draw(params_of(process))
    period, in_opportunities = params["period"], {**params, "period": 1.0}
    x, t_x, T = history
    days = x, t_x * period, T * period
    longer = process.log_likelihood(params, x, days[1], days[2] + horizon * period)
    ratio = np.exp(longer - process.log_likelihood(params, *days))
    none = process.probability_no_purchase(params, *days, horizon * period)
    assert none == pytest.approx(ratio, rel=1e-8)
    for formula in ("expected_purchases", "probability_no_purchase", "probability_alive"):
        method = getattr(process, formula)
        same = method(in_opportunities, *history, horizon)
        assert method(params, *days, horizon * period) == pytest.approx(same, rel=1e-9)
        ends = [method(in_opportunities, *history, end)[0] for end in (horizon, horizon + 1)]
        between = method(in_opportunities, *history, horizon + 0.25)
        assert between == pytest.approx(0.75 * ends[0] + 0.25 * ends[1], rel=1e-9)


@law
@given(data=st.data(), history=opportunities(), q=st.floats(0.01, 0.7))
def test_bg_bb_waits_for_whole_periods(data, history, q):
    process = PROCESSES["bg_bb"]
    params = data.draw(params_of(process))
    x, t_x, T = history
    days = x, t_x * params["period"], T * params["period"]
    wait = process.next_purchase_quantile(params, *days, q)[0] / params["period"]
    assert wait == pytest.approx(round(wait))
    staying = {**params, "gamma": 1e-60, "period": 1.0}
    if wait <= 10_000:
        none = [np.exp(process.log_no_purchase_alive(staying, *history, j)[0][0]) for j in (wait - 1, wait)]
        assert none[1] <= 1 - q + 1e-9
        assert none[0] > 1 - q - 1e-9


def test_bg_bb_counts_no_more_than_one_purchase_in_each_period():
    process, params = PROCESSES["bg_bb"], cdnow_like(PROCESSES["bg_bb"])
    days = [np.array(column) for column in ([9.0, 2.0, 1.0], [15.0, 13.0, 3.0], [30.0, 29.0, 3.0])]
    whole = [np.array(column) for column in ([2.0, 2.0, 0.0], [14.0, 14.0, 0.0], [28.0, 28.0, 0.0])]
    np.testing.assert_array_equal(
        process.expected_purchases(params, *days, 70.0), process.expected_purchases(params, *whole, 70.0)
    )
    assert process.most_purchases(params, 71.0) == 11


# --- limiting cases ----------------------------------------------------------------------------------------

LIMITS = {
    "bg_nbd to nbd": ("bg_nbd", {"a": 1e-60, "b": 1.0}, "nbd", {}),
    "mbg_nbd to nbd": ("mbg_nbd", {"a": 1.0, "b": 1e60}, "nbd", {}),
    "pareto_nbd to nbd": ("pareto_nbd", {"s": 1e-60, "beta": 10.0}, "nbd", {}),
    "ggom_nbd to nbd": ("ggom_nbd", {"b": 0.05, "s": 1e-60, "beta": 10.0}, "nbd", {}),
    "ggom_nbd to pareto_nbd": (
        "ggom_nbd",
        {"b": 1e-9, "s": 0.6, "beta": 12e-9},
        "pareto_nbd",
        {"s": 0.6, "beta": 12.0},
    ),
    "bg_cnbd to bg_nbd": ("bg_cnbd", {"k": 1, "a": 0.8, "b": 2.5}, "bg_nbd", {"a": 0.8, "b": 2.5}),
    "mbg_cnbd to mbg_nbd": ("mbg_cnbd", {"k": 1, "a": 0.8, "b": 2.5}, "mbg_nbd", {"a": 0.8, "b": 2.5}),
}


@pytest.mark.parametrize(("name", "own", "limit_name", "limit_own"), LIMITS.values(), ids=list(LIMITS))
@law
@given(
    r=SPANS["r"],
    alpha=SPANS["alpha"],
    # Even rare dropout is the best explanation of a sufficiently long silence.
    history=histories().filter(lambda history: history[1] > history[2] / 4 or history[0] == 0),
    horizon=st.floats(0.1, 100.0),
)
def test_a_limiting_case_equals_another_model(name, own, limit_name, limit_own, r, alpha, history, horizon):
    process, limit = PROCESSES[name], PROCESSES[limit_name]
    params, limit_params = {"r": r, "alpha": alpha, **own}, {"r": r, "alpha": alpha, **limit_own}
    for formula, times in {
        "log_likelihood": (),
        "expected_purchases_alive": (horizon,),
        "count_probability_alive": (3.0, horizon),
    }.items():
        expected = getattr(limit, formula)(limit_params, *history, *times)
        assert getattr(process, formula)(params, *history, *times) == pytest.approx(
            expected, rel=1e-5, abs=1e-5
        )


# --- extremes ----------------------------------------------------------------------------------------------

EXTREME_HISTORIES = {
    "CLVTools": (221.0, 103.42857, 103.57143),
    "many purchases, long ago": (5000.0, 1.0, 20000.0),
    "many purchases, to the end": (5000.0, 20000.0, 20000.0),
    "never again": (0.0, 0.0, 20000.0),
    "new": (0.0, 0.0, 0.0),
    "one day": (1.0, 0.5, 0.5),
}
EXTREME_PARAMS = {
    "usual": {},
    "all large": {"r": 1e4, "alpha": 1e5, "a": 1e5, "b": 1e6, "s": 1e4, "beta": 1e6},
    "all small": {"r": 1e-4, "alpha": 1e-3, "a": 1e-4, "b": 1e-4, "s": 1e-4, "beta": 1e-4},
    "dropout at once": {"a": 1e5, "b": 1e-3, "s": 1e3, "beta": 1e-3},
    "no dropout": {"a": 1e-8, "b": 1e4, "s": 1e-8, "beta": 1e4},
}


@every_process
@pytest.mark.parametrize("change", EXTREME_PARAMS.values(), ids=list(EXTREME_PARAMS))
def test_extremes_are_finite(process, change):
    if process.name == "ggom_nbd":  # its b is a rate, beta is dimensionless
        change = {
            **change,
            "b": np.clip(change.get("b", 0.02), 1e-3, 1.0),
            "s": min(change.get("s", 0.6), 1e3),
        }
    params = {name: change.get(name, value) for name, value in cdnow_like(process).items()}
    rows = np.array(list(EXTREME_HISTORIES.values())).T
    probabilities = [process.probability_alive(params, *rows, later) for later in (0.0, 1.0, 20000.0)]
    amounts = [process.next_purchase_quantile(params, *rows, q) for q in (0.0, 0.01, 0.5, 0.999)]
    amounts += [process.discounted_purchases(params, *rows, 1e-3, horizon) for horizon in (365.0, np.inf)]
    for horizon in (1e-6, 1.0, 20000.0):
        assert np.isfinite(process.log_odds_no_purchase(params, *rows, horizon)).all()
        amounts.append(process.expected_purchases(params, *rows, horizon))
        probabilities += [process.purchase_probability(params, *rows, n, horizon) for n in (0, 1, 5000)]
    probabilities.append(process.count_distribution(params, *rows, 90.0, 50))
    assert np.isfinite(process.log_likelihood(params, *rows)).all()
    assert all(((values >= 0.0) & (values < np.inf)).all() for values in amounts)
    assert all(((values >= 0.0) & (values <= 1.0 + 1e-9)).all() for values in probabilities)


@with_dropout
def test_survival_is_one_at_once_and_falls(process):
    values = process.survival(cdnow_like(process), 4.0, 20.0, 30.0, np.array([0.0, 10.0, 100.0, 1e4]))
    assert values[0] == pytest.approx(1.0, abs=1e-12)
    assert (np.diff(values) < 0).all()


@every_process
def test_formulas_broadcast(process):
    params = cdnow_like(process)
    horizons = np.array([[1.0], [10.0]])
    assert process.expected_purchases(params, pd.Series([1, 2]), 5, 9, [3.0, 4.0]).shape == (2,)
    assert process.probability_alive(params, pd.Series([1, 2]), 5, 9).shape == (2,)
    flat = process.expected_purchases(params, 2.0, 5.0, 9.0, horizons.ravel())
    assert flat.shape == (2,)


@every_process
@heavy_law
@given(data=st.data(), rows=st.lists(histories(), min_size=2, max_size=30))
def test_rows_do_not_depend_on_their_neighbours(process, data, rows):
    params = data.draw(params_of(process))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    for formula, times in {
        "expected_purchases": [30.0],
        "probability_alive": [0.0],
        "log_likelihood": [],
    }.items():
        method = getattr(process, formula)
        together = method(params, *columns, *times)
        alone = np.concatenate([method(params, *row, *times) for row in rows])
        np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-300)
