"""Elasticities of customers with constant rates, whose value has a closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.decisions.scenarios._curve import Curve, curve_nodes
from guanxi.decisions.scenarios._customer_base import CustomerBase, Totals
from guanxi.decisions.scenarios._equity import NewCustomers, Setting, customer_equity
from guanxi.decisions.scenarios._levers import EVERYONE, Levers
from guanxi.decisions.scenarios._sensitivity import (
    elasticities,
    steady_elasticities,
    steady_value,
    tornado,
)


def test_value_of_gupta_lehmann_and_stuart():
    """Margin 100, retention .8, discount .12: 250 (Gupta, Lehmann & Stuart 2004)."""
    assert steady_value(100.0, 0.8, 0.12) == pytest.approx(250.0, abs=1e-9)


@given(st.floats(0.05, 0.95), st.floats(0.01, 0.5))
def test_elasticities_of_the_closed_form_are_its_derivatives(retention, rate):
    found, step = steady_elasticities(retention, rate), 1e-6
    now = steady_value(100.0, retention, rate)

    def slope(**changed: float) -> float:
        usual = {"margin": 100.0, "retention": retention, "discount_rate": rate}
        (name, level), = changed.items()  # fmt: skip
        higher, lower = (steady_value(**usual | {name: level * (1 + s)}) for s in (step, -step))
        return (higher - lower) / (2 * step) / now

    assert found["margin"] == pytest.approx(slope(margin=100.0), rel=1e-6)
    assert found["retention"] == pytest.approx(slope(retention=retention), rel=1e-5)
    assert found["discount_rate"] == pytest.approx(slope(discount_rate=rate), rel=1e-5)
    assert max(found, key=lambda name: abs(found[name])) == "retention"


def test_elasticities_at_the_published_levels():
    assert steady_elasticities(0.8, 0.12) == pytest.approx(
        {"margin": 1.0, "retention": 3.5, "discount_rate": -0.375}
    )


def steady_base(retention: float, rate: float, years: int) -> CustomerBase:
    """Customers who buy for 100 a year at a constant rate and leave at a constant rate; one group."""
    ends = 365.0 / 12 * np.arange(1, 12 * years + 1)
    hazard, nodes = -np.log(retention) / 365.0, curve_nodes(ends[:12], 8.0 * ends[-1])
    daily = 100.0 / 365.0
    curve = Curve(nodes, daily * -np.expm1(-hazard * nodes) / hazard, daily * nodes)
    return CustomerBase(
        curves=(curve,),
        totals=(Totals(1.0, 10.0, 1000.0, 100.0),),
        segments={EVERYONE: np.array([0])},
        ends=ends,
        model_ends=ends,
        model_year=365.0,
        within=12,
        discount_rate=rate,
        group=np.zeros(1, dtype=np.int64),
    )


@pytest.mark.parametrize(("retention", "rate"), [(0.8, 0.12), (0.5, 0.05), (0.9, 0.2)])
def test_curves_give_the_elasticities_of_constant_rates(retention, rate):
    """A geometric series over periods of a year's twelfth, and its derivatives, by hand."""
    years, period = 50, 1.0 / 12
    levers = Levers(steady_base(retention, rate, years))
    hazard, force = -np.log(retention), np.log1p(rate)

    def value(h: float, f: float) -> float:
        q = np.exp(-(h + f) * period)
        first = 100.0 * -np.expm1(-h * period) / h * np.exp(-f * period)
        return first * (1 - q ** (12 * years)) / (1 - q)

    exact, step = value(hazard, force), 1e-5
    equity = customer_equity(levers.base, Setting.today(levers.base)).total[0]
    assert equity == pytest.approx(exact, rel=1e-6)
    by_retention = (
        value(-np.log(retention * (1 + step)), force) - value(-np.log(retention * (1 - step)), force)
    ) / (2 * step * exact)
    by_rate = (value(hazard, np.log1p(rate * (1 + step))) - value(hazard, np.log1p(rate * (1 - step)))) / (
        2 * step * exact
    )
    table = elasticities(levers).set_index("lever")["elasticity"]
    assert table["retention"] == pytest.approx(by_retention, rel=1e-3)
    assert table["discount_rate"] == pytest.approx(by_rate, rel=1e-5)
    for lever in ("margin", "order_value", "purchase_rate"):
        assert table[lever] == pytest.approx(1.0, rel=1e-9)


def test_retention_matters_most():
    """Order of Gupta, Lehmann & Stuart (2004): retention, margin, discount rate; acquisition cost last."""
    base = steady_base(0.8, 0.12, 50)
    table = elasticities(Levers(base))
    assert table["lever"].tolist() == ["retention", "margin", "order_value", "purchase_rate", "discount_rate"]
    sizes = table.set_index("lever")["elasticity"].abs()
    assert sizes["retention"] > 2.5 * sizes["margin"]
    with_new = elasticities(Levers(base, NewCustomers(1.0, 20.0, 0.0, base.curves[0])))
    assert with_new["lever"].iloc[[0, -1]].tolist() == ["retention", "acquisition_cost"]
    assert with_new["elasticity"].iloc[-1] < 0
    assert tornado(Levers(base), 0.1)["lever"].iloc[0] == "retention"


def test_new_customers_by_hand():
    """Two years in months: each cohort has the months that are left; costs are paid when it comes."""
    base = steady_base(0.8, 0.12, 2)
    new = NewCustomers(240.0, 30.0, 25.0, base.curves[0])
    flows = base.curves[0].flows(base.ends, np.ones(1))[0]
    factors = 1.12 ** (-base.ends / 365.0)
    by_hand = sum(20.0 * factors[j] * (25.0 - 30.0 + (flows * factors)[: 23 - j].sum()) for j in range(24))
    equity = customer_equity(base, Setting.today(base, new), new)
    assert equity.new[0] == pytest.approx(by_hand, rel=1e-12)
    assert equity.total[0] == equity.within[0] + equity.beyond[0] + equity.new[0]
