from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.served.numerics import count_rows, distinct_rows

numbers = st.one_of(st.integers(0, 5).map(float), st.floats(-1e6, 1e6), st.just(2.0**40))
tables = st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=40)


def _columns(rows):
    return tuple(np.array(column) for column in zip(*rows, strict=True))


@given(rows=tables)
def test_distinct_rows_rebuild_the_table(rows):
    columns, inverse = distinct_rows(_columns(rows))
    distinct = list(zip(*columns, strict=True))
    assert distinct == sorted(set(rows))
    for given_column, column in zip(_columns(rows), columns, strict=True):
        np.testing.assert_array_equal(column[inverse], given_column)


@given(rows=tables)
def test_counts_equal_a_plain_count(rows):
    columns, counts = count_rows(_columns(rows))
    assert dict(zip(zip(*columns, strict=True), counts, strict=True)) == {
        row: rows.count(row) for row in set(rows)
    }


@given(rows=tables)
def test_weights_of_one_are_counts(rows):
    columns, counts = count_rows(_columns(rows))
    weighted_columns, weights = count_rows(_columns(rows), np.ones(len(rows)))
    np.testing.assert_array_equal(counts, weights)
    np.testing.assert_array_equal(columns, weighted_columns)


def test_keys_too_large_for_an_integer_are_sorted_by_column():
    generator = np.random.default_rng(0)
    columns = tuple(generator.integers(0, 2**31 - 1, 50).astype(float) for _ in range(3))
    doubled = tuple(np.tile(column, 2) for column in columns)
    distinct, counts = count_rows(doubled)
    assert len(distinct[0]) == 50
    assert counts == pytest.approx(2.0)
