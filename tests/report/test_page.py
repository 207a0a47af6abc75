"""The page: whole, escaped, self-contained, in both languages."""

from __future__ import annotations

import gzip
import itertools
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guanxi.data.rules import rule_descriptions
from guanxi.errors import DataError
from guanxi.evaluation._baselines import BASELINES
from guanxi.evaluation.holdout import COMPONENTS
from guanxi.evaluation.metrics import AMOUNTS, COUNTS, PROBABILITIES
from guanxi.report import RunReport, figures, render
from guanxi.report._sections import metric_tables, rejected
from guanxi.report.words import _measure, _model_in_words, words

VOID = {"meta", "link", "img", "rect", "input"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails on tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def html(report) -> str:
    return render(report)


def only(report: RunReport, rows: int) -> RunReport:
    """The first customers."""
    known = {"predictions": report.predictions, "relationships": report.relationships}
    return replace(report, **{name: table.head(rows) for name, table in known.items()})


@pytest.fixture(scope="module")
def light(report) -> RunReport:
    """The same run without the figures and stories that take time."""
    return replace(report, holdout=None, holdout_window=None, explanation=None, stories=None)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def policy_of(page: Page) -> str:
    return next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")


def test_nothing_comes_from_elsewhere(html, page):
    assert not {tag for tag, _ in page.elements} & {"iframe", "object", "embed", "form", "base"}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    links = [a for tag, a in page.elements if {"src", "href", "srcset", "action", "data"} & set(a)]
    for attributes in links:
        for name in {"src", "href", "srcset", "action", "data"} & set(attributes):
            assert attributes[name].startswith(("data:", "#")), attributes[name]
    assert "@import" not in html
    assert "url(" not in html
    assert policy_of(page).startswith("default-src 'none'; img-src data:;")


def test_only_what_the_policy_names_by_its_hash_runs(html, page):
    policy, inline = (
        policy_of(page),
        re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", html, re.DOTALL),
    )
    assert "unsafe" not in policy
    assert len(inline) == 2
    library = gzip.decompress(b64decode(re.search(r'id="page-library">(.*?)<', html)[1])).decode()
    for text in (*inline, library):
        assert b64encode(sha256(text.encode()).digest()).decode() in policy
    assert policy.count("sha256-") == 3


def test_hostile_names_are_text(html, page, hostile):
    assert hostile not in html
    assert hostile in page.text
    assert f"likes {hostile}" in page.text


def test_headline_and_concentration(page, predictions):
    assert f"{len(predictions):,}" in page.text
    assert f"{predictions['clv'].sum():,.0f} USD" in page.text
    top = predictions["clv"].nlargest(len(predictions) // 10).sum() / predictions["clv"].sum()
    sentence = f"The top 10 % of customers hold {top * 100:.0f} % of".replace(" %", "\u00a0%")
    assert sentence in " ".join(page.text)


def test_accessible(page):
    tags = [tag for tag, _ in page.elements]
    assert page.elements[0] == ("html", {"lang": "en"})
    assert tags.count("h1") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(attributes["alt"] for tag, attributes in page.elements if tag == "img")
    assert tags.count("img") == 6
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    chapters = {attributes["id"] for tag, attributes in page.elements if tag == "section"}
    assert links == {f"#{name}" for name in chapters}


def test_small_enough_to_mail(html):
    assert len(html.encode()) < 1_500_000


def test_same_content_same_bytes(report, html):
    assert render(report) == html


def test_chinese(report):
    page = Page(render(replace(report, language="zh")))
    assert page.elements[0] == ("html", {"lang": "zh-Hans"})
    assert "阅读说明" in page.text
    assert "How to read this" not in page.text


def test_shows_only_the_top(report, page):
    rows = sum(tag == "th" and attributes.get("class") == "id" for tag, attributes in page.elements)
    assert rows == 20 + 20


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_picture_that_fails_is_told_in_its_place(report, page, monkeypatch, caplog, language):
    def broken(*_given):
        raise ValueError("max() arg is an empty sequence")

    monkeypatch.setattr(figures, "lift", broken)
    found = Page(render(replace(report, language=language)))
    pictures = [attributes for tag, attributes in found.elements if tag == "img"]
    assert len(pictures) == len([tag for tag, _ in page.elements if tag == "img"]) - 1
    assert found.text.count(words(language)["not_drawn"]) == 1
    assert f"the picture {words(language)['lift']!r} was not drawn: max() arg is an empty" in caplog.text


def test_a_run_with_nothing_held_out(report):
    empty = replace(
        report,
        holdout=None,
        holdout_window=None,
        metrics=report.metrics.head(0),
        tracking=report.tracking.head(0),
        explanation=None,
        rejected=report.rejected.head(0),
        warnings=[],
        data_facts=[],
    )
    text = " ".join(Page(render(empty)).text)
    assert "the predictions have not been checked against outcomes" in text
    assert "Every line read was used." in text
    assert "Compared with simple methods" not in text


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_customers(report, rows):
    Page(render(replace(only(report, rows), holdout=report.holdout.head(rows))))


def test_missing_values_are_dashes(light):
    light = only(light, 3)
    predictions = light.predictions.assign(
        churn_probability=np.nan, next_purchase_date=pd.NaT, driver_1_text=None, clv_lower=np.nan
    )
    text = " ".join(Page(render(replace(light, predictions=predictions))).text)
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert "NaT" not in text


def test_without_drivers_the_silence_is_the_only_reason(light):
    columns = [name for name in light.predictions if not name.startswith("driver_")]
    page = Page(render(replace(light, predictions=light.predictions[columns])))
    assert page.text.count("Why") == 1  # in the list of who is slipping away
    assert [
        text for text in page.text if re.fullmatch(r"silent for \d+ times the usual gap of \d+ days", text)
    ]


def test_a_missing_column_is_named(report):
    with pytest.raises(DataError, match="report: predictions lacks the column 'clv'"):
        render(replace(report, predictions=report.predictions.drop(columns="clv")))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(alphabet="<>&'\"/!-=; abt关🙂", min_size=1))
def test_any_text_survives_as_text(light, text):
    light = only(light, 1)
    small = light.predictions.assign(
        customer_id=text, driver_1_text=text, driver_1_effect=0.8, probability_alive=0.9, clv=9.0
    )
    content = replace(
        light,
        source=text,
        model_version=text,
        warnings=[text],
        data_facts=[(text, text)],
        predictions=small,
        metrics=pd.DataFrame({"target": [text], "model": [text], "metric": [text], "value": [1.0]}),
    )
    page = Page(render(content))
    assert page.text.count(text) >= 7
    assert "b" not in {tag for tag, _ in page.elements}
    assert len([tag for tag, _ in page.elements if tag == "script"]) == 3


class TestMetricTables:
    def table(self, **rows):
        metrics = pd.DataFrame(
            [("churn", model, metric, value) for metric, row in rows.items() for model, value in row.items()],
            columns=["target", "model", "metric", "value"],
        )
        [table] = metric_tables(metrics, "en")
        return table

    def best(self, **rows):
        table = self.table(**rows)
        marked = zip(table["models"], table["rows"][0]["cells"], strict=True)
        return [model for model, cell in marked if cell["best"]]

    def test_guanxi_comes_first(self):
        assert self.table(auc={"naive": 0.6, "guanxi": 0.7})["models"] == ["guanxi", "naive"]

    def test_direction_decides(self):
        assert self.best(auc={"guanxi": 0.7, "naive": 0.8}) == ["naive"]
        assert self.best(log_loss={"guanxi": 0.7, "naive": 0.8}) == ["guanxi"]
        assert self.best(bias={"guanxi": -0.3, "naive": 0.2, "BG/NBD": -0.1}) == ["BG/NBD"]

    def test_of_several_naive_forecasts_the_best_is_shown(self):
        measured = {"guanxi": 0.7, "naive (a)": 0.6, "trees alone": 0.65, "naive (b)": 0.8, "naive (c)": 0.5}
        assert self.table(auc=measured)["models"] == ["guanxi", "trees alone", "naive (b)"]
        assert self.table(log_loss=measured)["models"] == ["guanxi", "trees alone", "naive (c)"]
        unknown = measured | {"naive (b)": np.nan}
        assert self.table(auc=unknown)["models"] == ["guanxi", "naive (a)", "trees alone"]
        nothing = dict.fromkeys(measured, np.nan)
        assert len(self.table(auc=nothing)["models"]) == 3
        # The first measure decides: not each row for itself.
        table = self.table(auc=measured, log_loss=measured)
        assert table["models"] == ["guanxi", "trees alone", "naive (b)"]
        assert [cell["text"] for cell in table["rows"][1]["cells"]] == ["0.700", "0.650", "0.800"]

    def test_what_reads_the_same_is_equally_good(self):
        assert self.best(auc={"guanxi": 0.70001, "naive": 0.70002}) == ["guanxi", "naive"]

    def test_nothing_to_compare_nothing_marked(self):
        assert self.best(auc={"guanxi": 0.7}) == []
        assert self.best(auc={"guanxi": 0.7, "naive": np.nan}) == []
        assert self.best(unheard_of={"guanxi": 0.7, "naive": 0.8}) == []

    def test_a_measure_that_a_model_lacks_is_a_dash(self):
        table = self.table(auc={"guanxi": 0.7, "naive": 0.6}, brier={"guanxi": 0.2})
        assert [cell["text"] for cell in table["rows"][1]["cells"]] == ["0.200", "–"]


def rule_in_words(rule: str, language: str) -> str:
    [line] = rejected(pd.DataFrame({"rule": [rule], "lines": [1], "share": [0.5]}), language)
    return line["description"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_rule_and_metric_has_words(language):
    for rule in rule_descriptions():
        assert rule_in_words(rule, language) != rule.replace("_", " ")
    for metric in {*COUNTS, *AMOUNTS, *PROBABILITIES, "empc", "empc_share"}:
        assert _measure(metric, language)


def test_every_model_has_a_chinese_name():
    for model in (*COMPONENTS, *BASELINES):
        assert _model_in_words(model, "en") == model
        assert re.search("[一-鿿]", _model_in_words(model, "zh"))
    assert len({_model_in_words(model, "zh") for model in BASELINES}) == len(BASELINES)
    assert _model_in_words("guanxi", "zh") == "guanxi"


def test_an_unknown_rule_keeps_its_name():
    assert rule_in_words("house_rule", "zh") == "house rule"
