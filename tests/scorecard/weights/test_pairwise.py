"""Judgements as YAML gives them: both forms, and every way of getting them wrong."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import ParamsError
from guanxi.scorecard.weights._pairwise import as_text, fuzzified, parse_fuzzy_matrix, parse_matrix

NAMES = ("price", "service", "speed")
EXPECTED = np.array([[1, 3, 5], [1 / 3, 1, 2], [1 / 5, 1 / 2, 1]])


def parse(text, read=parse_matrix):
    return read(yaml.safe_load(text), NAMES, "weights.judgements.goal")


class TestCrisp:
    @pytest.mark.parametrize(
        "text",
        [
            "{price: {service: 3, speed: 5}, service: {speed: 2}}",
            "{speed: {price: 1/5, service: 0.5}, price: {service: 3}}",
            "{price: {price: 1, service: 3, speed: 5}, service: {price: 1/3, speed: 2}}",
            "[[1, 3, 5], [1/3, 1, 2], [1/5, 1/2, 1]]",
            "[[1, 3, 5], [~, 1, 2], [~, ~, 1]]",
            "[[~, ~, ~], [1/3, ~, ~], [1/5, 1/2, ~]]",
        ],
    )
    def test_all_forms_are_the_same_matrix(self, text):
        np.testing.assert_allclose(parse(text), EXPECTED, rtol=1e-12)

    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_a_written_matrix_is_read_back(self, reciprocal, data):
        judged = data.draw(reciprocal())
        names = [f"c{i}" for i in range(len(judged))]
        text = [[as_text(cell) for cell in row] for row in judged]
        np.testing.assert_allclose(parse_matrix(text, names, "x"), judged, rtol=1e-12)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{price: {service: 3}}", "goal is incomplete: judge price and speed; service and speed$"),
            ("[[1, 3], [1/3, 1]]", "2 rows of length 2, 2, not 3 x 3: one row and one column each for price"),
            ("[[1, 3, 5], [1/3, 1], [1/5, 1/2, 1]]", "rows of length 3, 2, 3, not 3 x 3"),
            (
                "[[1, 3, 5], [3, 1, 2], [1/5, 1/2, 1]]",
                "price against service is judged 3, but service against price 3: make the latter 1/3",
            ),
            ("[[1, 3, 5], [0.33, 1, 2], [~, ~, 1]]", "service against price 1/3.03: make the latter 1/3"),
            ("{price: {price: 2}}", "price against price is judged 2: an item against itself is 1"),
            ("{price: {service: 0}}", "price against service is judged 0: Saaty's scale goes from 1/9"),
            ("{price: {service: 12}}", "price against service is judged 12: Saaty's scale goes"),
            ("{price: {service: 1/12}}", "price against service is judged 1/12: Saaty's scale"),
            ("{price: {service: -3}}", "is judged -3: Saaty's scale"),
            ("{price: {service: much}}", "is judged 'much': write a number, or a fraction such as 1/3"),
            ("{price: {service: 1/0}}", "is judged '1/0': write a number"),
            ("{price: {service: true}}", "is judged True: write a number"),
            ("{price: {service: .nan}}", "is judged nan: write a number"),
            ("{price: {service: .inf}}", "is judged inf: write a number"),
            ("{price: {service: [2, 3, 4]}}", r"is judged \[2, 3, 4\]: write a number"),
            ("{price: {servise: 3}}", "'servise' is not compared here: did you mean service?"),
            ("{prise: {service: 3}}", "'prise' is not compared here: did you mean price?"),
            ("{price: 3}", "goal.price = 3: write a map as in"),
            ("7", "goal = 7: write a map as in"),
        ],
    )
    def test_refuses_in_one_line(self, text, message):
        with pytest.raises(ParamsError, match=message) as refused:
            parse(text)
        assert str(refused.value).startswith("weights.judgements.goal")
        assert "\n" not in str(refused.value)

    def test_counts_what_is_missing_beyond_three_pairs(self):
        with pytest.raises(ParamsError, match=r"judge a and b; a and c; a and d \(and 3 more pairs\)$"):
            parse_matrix({}, "abcd", "x")

    def test_refuses_more_than_the_random_index_knows(self):
        with pytest.raises(ParamsError, match="compares 16 items, more than 15: group them into branches"):
            parse_matrix({}, [f"c{i}" for i in range(16)], "x")


class TestFuzzy:
    def test_triangles_are_turned_over_for_the_other_half(self):
        found = parse(
            "{price: {service: [2, 3, 4], speed: [4, 5, 6]}, service: {speed: 2}}", parse_fuzzy_matrix
        )
        np.testing.assert_allclose(found[..., 1], EXPECTED)
        np.testing.assert_allclose(found[1, 0], [1 / 4, 1 / 3, 1 / 2])
        np.testing.assert_allclose(found[1, 2], [1, 2, 3])
        np.testing.assert_allclose(found[0, 0], 1.0)

    @pytest.mark.parametrize(
        ("judged", "triangle"),
        # Kilic, Zaim & Delen (2014), table 1.
        [(1, (1, 1, 1)), (2, (1, 2, 3)), (3, (2, 3, 4)), (5, (4, 5, 6)), (8, (7, 8, 9)), (9, (9, 9, 9))],
    )
    def test_numbers_become_triangles_of_the_published_scale(self, judged, triangle):
        np.testing.assert_allclose(fuzzified(judged), triangle)
        np.testing.assert_allclose(fuzzified(1 / judged), 1 / np.array(triangle)[::-1])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{price: {service: [4, 3, 2]}}", r"is judged \[4, 3, 2\]: lower <= modal <= upper must hold"),
            ("{price: {service: [2, 3]}}", r"is judged \[2, 3\]: write \[lower, modal, upper\]"),
            ("{price: {service: [2, 3, 12]}}", "is judged 12: Saaty's scale"),
            ("{price: {service: [2, 3, x]}}", "is judged 'x': write a number"),
            ("{price: {price: [1/2, 1, 2]}}", "an item against itself is 1, or left out"),
            ("{price: {service: [2, 3, 4]}, service: {price: [1/4, 1/3, 1]}}", "make the latter 1/4 1/3 1/2"),
        ],
    )
    def test_refuses_in_one_line(self, text, message):
        with pytest.raises(ParamsError, match=message) as refused:
            parse(text, parse_fuzzy_matrix)
        assert "\n" not in str(refused.value)
