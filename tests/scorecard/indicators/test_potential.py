"""Potential value: the best tenth of look-alikes, without the customer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.scorecard.indicators import indicator_table
from guanxi.scorecard.indicators._potential import potential_clv


def company(customers: int = 4000, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Three kinds of customers whose CLV is exponential with means 10, 40 and 160."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, customers)
    index = pd.Index([f"c{i}" for i in range(customers)], name="customer_id")
    attributes = pd.DataFrame(
        {"kind": np.array(["small", "middle", "large"])[kind], "noise": rng.random(customers)}
    )
    return attributes.set_index(index), pd.Series(rng.exponential(10.0 * 4.0**kind), index=index)


def test_the_quantile_of_each_kind_is_found():
    attributes, clv = company()
    potential = potential_clv(attributes, clv)
    for kind, mean in (("small", 10.0), ("middle", 40.0), ("large", 160.0)):
        own = attributes["kind"] == kind
        assert potential[own].median() == pytest.approx(mean * np.log(10), rel=0.15)
        assert (clv[own] <= potential[own]).mean() == pytest.approx(0.9, abs=0.03)


def test_nobody_predicts_themselves_and_order_changes_nothing():
    attributes, clv = company(1000)
    potential = potential_clv(attributes, clv)
    richer = clv.copy()
    richer.iloc[0] = 1e6
    assert potential_clv(attributes, richer).iloc[0] == potential.iloc[0]
    order = np.random.default_rng(1).permutation(len(clv))
    shuffled = potential_clv(attributes.iloc[order, ::-1], clv.iloc[order])
    pd.testing.assert_series_equal(shuffled.loc[clv.index], potential, check_exact=True)


def test_unknown_without_attributes_or_with_few_customers():
    attributes, clv = company(300)
    attributes.iloc[:3] = None
    clv.iloc[3] = np.nan
    potential = potential_clv(attributes, clv)
    assert potential.isna().to_numpy().nonzero()[0].tolist() == [0, 1, 2, 3]
    assert potential_clv(attributes[[]], clv).isna().all()
    assert potential_clv(attributes.assign(kind="same")[["kind"]], clv).isna().all()
    assert potential_clv(attributes.iloc[:150], clv.iloc[:150]).isna().all()


def test_the_table_takes_channel_and_contract_for_attributes_and_floors_at_zero():
    attributes, clv = company(1000)
    predictions = clv.rename("clv").reset_index()
    relations = attributes.reset_index().rename(columns={"kind": "contract"})
    table, _ = indicator_table(predictions, None, relations.sample(frac=1, random_state=0))
    expected = (potential_clv(attributes.rename(columns={"kind": "contract"}), clv) - clv).clip(lower=0)
    assert table["potential_value"].tolist() == pytest.approx(expected.tolist())
    assert (table["potential_value"] == 0).any()
