"""Each euro of referred value is credited once, however long the chains."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import DataError
from guanxi.scorecard.indicators._advocacy import credit_referrals


def credited(referred_by: dict[object, object], clv: dict[object, float]) -> dict[object, float]:
    table = credit_referrals(pd.Series(referred_by, dtype=object), pd.Series(clv))
    return table["referral_value"].to_dict()


def test_a_chain_by_hand():
    """C gets 4/7, B 2/7, A 1/7 of D's 70; B gets 2/3, A 1/3 of C's 30; A gets B's 10."""
    chain = credited({"a": None, "b": "a", "c": "b", "d": "c"}, {"a": 5.0, "b": 10.0, "c": 30.0, "d": 70.0})
    assert chain == pytest.approx({"a": 10 + 10 + 10, "b": 20 + 20, "c": 40, "d": 0})


def test_an_unknown_referrer_ends_the_chain():
    assert credited({"b": "nobody", "c": "b"}, {"b": 1.0, "c": 6.0}) == {"b": 6.0, "c": 0.0}


def test_a_referrer_without_value_is_credited_and_a_customer_without_value_brings_none():
    assert credited({"b": "a", "a": None, "c": "a"}, {"b": 3.0}) == {"b": 0.0, "a": 3.0, "c": 0.0}


def test_numbers_as_ids():
    table = credit_referrals(pd.Series([np.nan, 7.0], index=[7, 8]), pd.Series([1.0, 4.0], index=[7, 8]))
    assert table.loc[7].tolist() == [1.0, 4.0]


@st.composite
def forests(draw):
    count = draw(st.integers(1, 40))
    by = [draw(st.one_of(st.none(), st.integers(0, i - 1))) if i else None for i in range(count)]
    names = draw(st.permutations(range(count)))
    values = draw(st.lists(st.integers(0, 1000), min_size=count, max_size=count))
    referred = pd.Series([None if b is None else names[b] for b in by], index=names, dtype=object)
    return referred, pd.Series(values, index=names, dtype="float64")


@settings(max_examples=30, deadline=None)
@given(forest=forests(), seed=st.integers(0, 9))
def test_credits_add_up_to_the_value_of_all_referred_customers(forest, seed):
    referred_by, clv = forest
    table = credit_referrals(referred_by, clv)
    assert table["referral_value"].sum() == pytest.approx(clv[referred_by.notna()].sum())
    assert table["referrals"].sum() == referred_by.notna().sum()
    assert (table["referral_value"] >= 0).all()
    shuffled = credit_referrals(referred_by.sample(frac=1, random_state=seed), clv.sample(frac=1))
    pd.testing.assert_frame_equal(shuffled.loc[table.index], table, check_exact=True)


@pytest.mark.parametrize(
    ("referred_by", "named"),
    [
        ({"a": "a"}, r"loop: a was referred by a \(1 in all\)"),
        (
            {"a": "b", "b": "a", "c": "a"},
            r"(a was referred by b was referred by a|b was .* by b) \(2 in all\)",
        ),
        ({i: (i + 1) % 9 for i in range(9)}, r"was referred by … was referred by \d \(9 in all\)"),
    ],
)
def test_a_loop_is_refused_and_named(referred_by, named):
    with pytest.raises(DataError, match=named):
        credited(referred_by, dict.fromkeys(referred_by, 1.0))


def test_a_chain_of_a_hundred_thousand_is_no_trouble():
    ids = np.arange(100_000)
    begun = time.perf_counter()
    table = credit_referrals(pd.Series(ids - 1, index=ids).where(ids > 0), pd.Series(1.0, index=ids))
    assert table["referral_value"].sum() == pytest.approx(len(ids) - 1)
    assert time.perf_counter() - begun < 20
