"""Pages made of chapters."""

from __future__ import annotations

import re
from datetime import date

import pandas as pd
import pytest

from guanxi.report.chapters import Chapter, ShownTable, render_document, shown_numbers

EFFECTS = pd.DataFrame(
    {
        "arm": ["<b>mail</b>", None],
        "lift": [0.0766, 0.0],
        "lift_lower": [0.07, -0.01],
        "lift_upper": [0.083, float("nan")],
        "n": [21307, 12],
    }
)
HEADINGS = {"arm": "Arm", "lift": "Lift", "n": "Customers"}


def page(*chapters: Chapter, language="en", as_of=date(2026, 3, 1), model_version="7") -> str:
    return render_document(
        "Did it work?",
        chapters,
        source="sales & more.csv",
        as_of=as_of,
        model_version=model_version,
        language=language,
        generated_by="guanxi",
    )


@pytest.fixture
def table() -> Chapter:
    shown = ShownTable("Effects", EFFECTS, HEADINGS, shares=("lift",), note="By arm.")
    return Chapter("effects", "Effects", ["It <worked>."], ["A & B"], tables=[shown])


def test_texts_are_escaped(table):
    html = page(table)
    assert "It &lt;worked&gt;." in html
    assert "A &amp; B" in html
    assert "&lt;b&gt;mail&lt;/b&gt;" in html
    assert "<b>mail" not in html
    assert "sales &amp; more.csv" in html


def test_table_shows_shares_limits_and_missing_values(table):
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page(table))
    plain = [re.sub(r"<[^>]+>", " ", cell).split() for cell in cells]
    assert plain[1] == ["7.7", "%", "7.0", "%", "to", "8.3", "%"]
    assert plain[2] == ["21,307"]
    assert plain[3] == ["–"]
    assert plain[4] == ["0.0", "%"]  # without its upper limit no interval is shown


def test_a_long_table_says_how_many_rows_are_left():
    long = ShownTable("Rows", pd.DataFrame({"a": range(100)}), {"a": "A"})
    html = page(Chapter("rows", "Rows", tables=[long]))
    assert html.count("<tr>") == 61
    assert "40 more rows" in html


def test_contents_and_what_is_unknown():
    one, two = Chapter("one", "First"), Chapter("two", "Second")
    assert '<a href="#two">Second</a>' in page(one, two)
    assert "<nav" not in page(one)
    html = page(one, as_of=None, model_version="")
    assert "None" not in html
    assert "Model version" not in html
    assert 'lang="zh' in page(one, language="zh")


@pytest.mark.parametrize(
    ("values", "share", "told"),
    [
        ([1.0, 12500.0], False, ["1", "12,500"]),
        ([0.5], True, ["50.0\xa0%"]),
        ([0.5, -2], False, ["0.500", "−2.000"]),
    ],
)
def test_numbers_take_the_decimals_that_their_column_needs(values, share, told):
    assert shown_numbers(pd.Series(values), share=share) == told
