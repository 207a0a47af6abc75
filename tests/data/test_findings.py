"""Findings are told in English on the terminal, and in the language of the page there."""

from __future__ import annotations

import re
from string import Formatter

import numpy as np
import pandas as pd
import pytest

from guanxi.data._findings import DataFinding, Phrase, counted, told
from guanxi.data.transactions import read_transactions
from guanxi.data.usability import assess
from guanxi.served.texts import texts

CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def dirty() -> pd.DataFrame:
    """Lines of which nearly every rule finds something."""
    random, n = np.random.default_rng(0), 3000
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 400, n), unit="D")
    table = pd.DataFrame(
        {
            "customer_id": random.integers(1, 150, n).astype(str),
            "timestamp": days.strftime("%d.%m.%Y"),
            "amount": [f"{amount:.2f}".replace(".", ",") for amount in random.gamma(2.0, 10.0, n)],
        }
    )
    table.loc[2, "amount"] = "90000000,00"
    table.loc[3:9, "customer_id"] = None
    table.loc[20, "amount"], table.loc[30, "timestamp"] = "ask", "soon"
    table.loc[40:41, "timestamp"] = ["01.01.2999", "01.05.1950"]
    table.loc[60:600, "customer_id"] = "counter"
    table.loc[1900:1901, "customer_id"] = ["Anna", "anna"]
    return pd.concat([table, table.tail(3)])


def test_pages_tell_them_in_their_language_and_the_terminal_in_english(dirty: pd.DataFrame) -> None:
    log = read_transactions(dirty)
    found = assess(log, log.last_day, 90)
    names = {each.name for each in found.noticed}
    assert names >= {
        "timestamp_format", "number_format", "missing_customer", "unparsable_amount", "unparsable_timestamp",
        "future_timestamp", "amount_far_out", "days_far_before", "dominant_customer", "ids_in_two_cases",
        "repeated_lines",
    }  # fmt: skip
    assert found.warnings_in("en") == found.warnings
    assert not any(CHINESE.search(each) for each in found.warnings)
    chinese = found.warnings_in("zh")
    assert len(chinese) == len(found.warnings)
    assert all(CHINESE.search(each) for each in chinese)
    for each in found.noticed:
        told_so = each.in_words("zh")
        assert each.setting is None or each.setting.removeprefix("data.") in told_so.replace("'", "")
        assert all(example in told_so for example in each.examples)
    log.close()


def test_every_sentence_is_filled_in_both_languages() -> None:
    for key, sentence in texts("guanxi.data", "en")["findings"].items():
        facts = {name: f"<{name}>" for _, name, _, _ in Formatter().parse(sentence) if name}
        finding = told("any", key, facts)
        for language in ("en", "zh"):
            written = finding.in_words(language)
            assert all(fact in written for fact in facts.values())
            assert not re.search(r"[{}]", written.replace("data.guests=[]", ""))


def test_rules_and_advice_are_those_of_the_language() -> None:
    facts = {"share": "1%", "count": "2", "why": Phrase("rules", "missing_time"), "advice": "do"}
    with pytest.raises(KeyError, match="missing_time"):
        told("missing_timestamp", "rejected", facts)
    facts |= {"why": Phrase("rules", "missing_timestamp"), "advice": Phrase("advice", "otherwise")}
    finding = told("missing_timestamp", "rejected", facts)
    assert str(finding) == (
        "1% of the lines (2) were rejected because no time is given: correct these lines in the source"
    )
    assert finding.in_words("zh") == "1% 的行（2 行）被拒收，原因：缺少时间。请在来源中更正这些行"
    assert finding.as_dict().keys() == {"name", "text", "lines", "value", "examples", "setting"}


def test_what_has_no_sentence_is_told_in_english() -> None:
    finding = DataFinding("layout", "fields are divided by blanks", examples=("a b",))
    assert finding.in_words("zh") == str(finding) == "fields are divided by blanks (a b)"


@pytest.mark.parametrize(("count", "english"), [(1, "1 line"), (0, "0 lines"), (1200, "1,200 lines")])
def test_counts(count: int, english: str) -> None:
    assert str(counted("lines", count)) == english
