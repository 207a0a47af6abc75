"""The scorecard's section, figures and workbook, also from scorecards that have little to show."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from xml.etree import ElementTree
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from guanxi.data.sinks.spreadsheet import write_spreadsheet
from guanxi.errors import DataError
from guanxi.report import RunReport, render, style
from guanxi.scorecard.report import _figures, _summaries
from guanxi.scorecard.report._content import ScorecardReport
from guanxi.scorecard.report._listings import Listing
from guanxi.scorecard.report._page import render_scorecard, render_section, section_content, weight_rows
from guanxi.scorecard.report._workbook import scorecard_sheets

DIMENSIONS = ("value", "loyalty", "satisfaction", "interaction", "risk", "advocacy")
INDICATORS = {
    "future_value": "value",
    "margin": "value",
    "repeat_rate": "loyalty",
    "csat": "satisfaction",
    "nps_score": "satisfaction",
    "interactions": "interaction",
    "refund_share": "risk",
    "overdue_days": "risk",
    "referrals": "advocacy",
    "promoter": "advocacy",
    "channel_mix": "interaction",
}
WEIGHTS = pd.DataFrame(
    {
        "indicator": list(INDICATORS),
        "dimension": list(INDICATORS.values()),
        "weight": np.arange(1, 12) / 66,
        "AHP": 1 / 11,
        "entropy": np.arange(11, 0, -1) / 66,
    }
)
MIGRATION = pd.DataFrame(
    [[40, 5, 1, 2], [4, 80, 9, 3], [0, 6, 150, 20], [2, 3, 9, 0]],
    index=["high", "middle", "low", "came"],
    columns=["high", "middle", "low", "left"],
)


def scores(customers: int, seed: int = 0) -> pd.DataFrame:
    """Customers whose score is the sum of the points, some of them without a satisfaction."""
    random = np.random.default_rng(seed)
    liking = random.normal(size=customers)
    table = pd.DataFrame({"customer_id": [f"C{i:06d}" for i in range(customers)]})
    for name, weight in zip(INDICATORS, WEIGHTS["weight"], strict=True):
        level = 1 / (1 + np.exp(-liking - random.normal(size=customers)))
        table[f"{name}_points"] = 100 * weight * level
    table["score"] = table.filter(like="_points").sum(axis=1)
    for name in DIMENSIONS:
        table[f"{name}_score"] = np.clip(50 + 15 * liking + 10 * random.normal(size=customers), 0, 100)
    table["rank"] = table["score"].rank(ascending=False, method="min")
    table["grade"] = np.where(table["score"] > 60, "A", "C")
    table["tier"] = np.where(table["rank"] <= 0.2 * customers, "high", np.where(liking > 0, "middle", "low"))
    table["known_weight"] = 1.0
    table["clv"] = np.exp(2 + liking + random.normal(size=customers)) - 1
    table["value_at_risk"] = table["clv"] / 3
    table["horizon_days"] = 90
    table["churn_probability"] = 1 / (1 + np.exp(liking + random.normal(size=customers)))
    return table


@pytest.fixture(scope="module")
def content() -> ScorecardReport:
    table = scores(400)
    return ScorecardReport(
        table=table,
        weights=WEIGHTS,
        method="AHP and entropy, multiplied",
        consistency={"value": 0.031, "risk": 0.0},
        notes=["No credit table was given: overdue_days has weight 0, the others were renormalised."],
        labels={"future_value": "Future value", "csat": "Satisfaction (CSAT)"},
        language="en",
        migration=MIGRATION,
        kept=np.where(np.arange(400) < 300, 1.0, 0.5),
        draws=1000,
    )


def drawn(figure) -> str:
    text = style._svg(figure)
    ElementTree.fromstring(text)
    return text


class TestSummaries:
    TABLE = pd.DataFrame(
        {
            "tier": ["low", "high", None, "low"],
            "score": [10.0, 90.0, np.nan, 30.0],
            "clv": [5.0, 30.0, 1.0, 15.0],
            "churn_probability": [0.9, 0.1, 0.5, 0.7],
            "value_score": [20.0, 80.0, np.nan, np.nan],
            "csat_points": [np.nan, 8.0, np.nan, 4.0],
        }
    )

    def test_tiers_by_hand(self):
        told = _summaries.by_tier(self.TABLE)
        assert list(told.index) == ["high", "low", ""]
        assert told["customers"].tolist() == [1, 2, 1]
        assert told["share"].tolist() == [0.25, 0.5, 0.25]
        assert told["value"].tolist() == [30.0, 20.0, 1.0]
        assert told["churn"].tolist() == pytest.approx([0.1, 0.8, 0.5])
        assert told["value_share"].sum() == pytest.approx(1.0)

    def test_what_was_not_predicted_is_unknown(self):
        told = _summaries.by_tier(self.TABLE[["tier", "score"]])
        assert told[["value", "value_share", "churn"]].isna().all(axis=None)

    def test_an_unknown_indicator_gives_no_points_and_an_unknown_dimension_does_not_count(self):
        assert _summaries.mean_points(self.TABLE, ["csat", "absent"]).to_dict() == {
            "csat": {"high": 8.0, "low": 2.0}
        }
        assert _summaries.dimension_means(self.TABLE, ["value"])["value"].to_dict() == {
            "high": 80.0,
            "low": 20.0,
        }

    def test_moves_add_up(self):
        moved = _summaries.moves(MIGRATION, ["high", "middle", "low"])
        assert (moved.stayed, moved.up, moved.down) == (270, 10, 15)

    def test_every_customer_is_in_one_cell(self):
        table = scores(5000)
        cells = _summaries.quadrants(table)
        assert cells.cells["customers"].sum() == 5000
        assert len(cells.cells) <= 32 * 24
        above = (table["clv"] > table["clv"].median()) & (table["churn_probability"] > 0.5)
        assert cells.leaving == above.sum()
        assert cells.leaving_share == pytest.approx(table["clv"][above].sum() / table["clv"].sum())

    @pytest.mark.parametrize("values", [[], [0.0, -1.0], [np.nan, np.nan]])
    def test_without_value_there_are_no_quadrants(self, values):
        rows = len(values)
        table = pd.DataFrame({"clv": values, "churn_probability": [0.5] * rows, "tier": ["low"] * rows})
        assert _summaries.quadrants(table.astype({"clv": float})) is None

    def test_the_order_of_customers_does_not_matter(self):
        table = scores(300)
        other = table.sample(frac=1.0, random_state=1)
        pd.testing.assert_frame_equal(_summaries.by_tier(table), _summaries.by_tier(other))
        pd.testing.assert_frame_equal(_summaries.quadrants(table).cells, _summaries.quadrants(other).cells)


class TestFigures:
    @pytest.mark.parametrize(("customers", "language"), [(0, "en"), (1, "en"), (400, "zh")])
    def test_any_number_of_customers(self, customers, language):
        table = scores(customers)
        drawn(_figures.radar(_summaries.dimension_means(table, DIMENSIONS), {}, language))
        drawn(_figures.contributions(_summaries.mean_points(table, list(INDICATORS)), {}, language))
        drawn(_figures.quadrant(_summaries.quadrants(table), _summaries.tiers_of(table), language))
        drawn(_figures.migration(MIGRATION.head(customers), language))

    @pytest.mark.parametrize("dimensions", [1, 2, 6])
    def test_any_number_of_dimensions(self, dimensions):
        means = _summaries.dimension_means(scores(50), DIMENSIONS[:dimensions])
        figure = _figures.radar(means, {})
        drawn(figure)
        named = [text.get_text() for text in figure.axes[0].texts]
        named += [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert set(DIMENSIONS[:dimensions]) <= set(named)

    def test_a_dimension_that_nobody_knows_is_left_out(self):
        means = _summaries.dimension_means(scores(50), DIMENSIONS).assign(risk=np.nan)
        assert "risk" not in [text.get_text() for text in _figures.radar(means, {}).axes[0].texts]

    def test_many_customers_weigh_little(self):
        table = scores(50_000)
        assert (
            len(drawn(_figures.quadrant(_summaries.quadrants(table), _summaries.tiers_of(table)))) < 200_000
        )

    def test_the_smallest_contributions_are_summed(self):
        points = pd.DataFrame([np.arange(1.0, 13.0)], columns=[f"i{k}" for k in range(1, 13)], index=["C-1"])
        axes = _figures.contributions(points, {}).axes[0]
        assert [label.get_text() for label in axes.get_yticklabels()][-2:] == ["i5", "4 other indicators"]
        assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(78.0)

    def test_tiers_of_other_names(self):
        table = scores(60).assign(tier=lambda rows: np.where(rows["score"] > 40, "gold $x$", "<b>"))
        drawn(_figures.quadrant(_summaries.quadrants(table), _summaries.tiers_of(table)))
        drawn(_figures.contributions(_summaries.mean_points(table, ["csat"]), {"csat": "c$_x$\x07"}))

    def test_shares_of_a_migration_are_of_the_tier_before(self):
        texts = [text.get_text() for text in _figures.migration(MIGRATION).axes[0].texts]
        assert texts[0] == "40\n83\u00a0%"
        assert texts[8] == "0\n0\u00a0%"

    def test_chinese_needs_a_font(self, monkeypatch):
        monkeypatch.setattr(style, "_fonts", lambda: ("DejaVu Sans",))
        means = _summaries.dimension_means(scores(50), DIMENSIONS)
        texts = [text.get_text() for text in _figures.radar(means, {"value": "价值"}, "zh").axes[0].texts]
        assert "value" in texts


class Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.alts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            self.alts.append(dict(attrs)["alt"])

    def handle_data(self, data):
        self.text.append(data.strip())


@pytest.fixture(scope="module")
def light():
    """A run without the figures that take time."""
    predictions = scores(40).assign(
        frequency=3,
        recency=10,
        T=100,
        probability_alive=0.9,
        expected_purchases=1.0,
        clv_lower=0.0,
        clv_upper=50.0,
        next_purchase_date=pd.NaT,
    )
    return RunReport(
        source="s.csv",
        as_of=date(2024, 1, 31),
        horizon_days=90,
        model_version="1",
        language="en",
        generated_by="guanxi",
        data_facts=[],
        rejected=pd.DataFrame(columns=["rule", "lines", "share"]),
        warnings=[],
        predictions=predictions,
        holdout=None,
        holdout_window=None,
        metrics=pd.DataFrame(columns=["target", "model", "metric", "value"]),
        tracking=pd.DataFrame(columns=["date", "actual", "expected"]),
        explanation=None,
    )


class TestPage:
    def test_without_a_scorecard_there_is_no_section(self, light):
        html = render(light)
        assert "scorecard" not in html
        assert "Relationship scorecard" not in html

    def test_the_section(self, light, content):
        page = Text(render(replace(light, sections=[render_section(content)])))
        text = " ".join(page.text)
        assert page.text.count("Relationship scorecard") == 2
        assert "Indicators: 11, in dimensions: 6. Customers scored: 400; mean score:" in text
        assert "Weighted by: AHP and entropy, multiplied." in text
        assert "Value 0.031; Risk 0.000." in text
        assert content.notes[0] in text
        assert "75\u00a0% of customers keep it in at least 90\u00a0% of them" in text
        assert "both times, 92\u00a0% stayed in their tier, 3\u00a0% rose and 5" in text
        assert len(page.alts) == 1 + 4
        assert all(page.alts)
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)
        assert {"Future value", "refund share", "AHP", "entropy"} <= set(page.text)

    def test_the_section_names_whom_to_see_to_first(self, light, content):
        table = content.table.assign(
            rfm_segment=["cannot_lose" if each == "high" else "loyal" for each in content.table["tier"]],
            value_at_risk=np.arange(len(content.table), dtype=float),
        )
        html = render(replace(light, sections=[render_section(replace(content, table=table))]))
        first = table[table["tier"] == "high"].sort_values("value_at_risk", ascending=False)["customer_id"]
        named = ", ".join(first.astype(str).head(5))
        assert html.index("Whom to see to first") < html.index(named) < html.index("Tier profiles")

    def test_weights_are_ordered_by_dimension_and_shown_by_method(self, content):
        rows = weight_rows(content)
        assert [row["dimension"] for row in rows[:3]] == ["Advocacy", "Advocacy", "Interaction"]
        assert rows[0] == {
            "indicator": "promoter",
            "dimension": "Advocacy",
            "unit": "−1, 0, 1",
            "period": "to date",
            "weight": "15.2\u00a0%",
            "own": ["9.1\u00a0%", "3.0\u00a0%"],
        }

    def test_value_of_a_year_and_value_of_the_horizon_say_so(self, content):
        assert content.period("current_value") == "last 365 days"
        assert content.period("future_value") == "next 90 days"
        assert content.unit("current_value") == content.unit("future_value") == "money, margin"
        chinese = replace(content, language="zh")
        assert chinese.heading("future_value", "未来价值") == "未来价值（未来 90 天）"
        assert content.heading("revenue", "Revenue to date") == "Revenue to date"
        assert replace(content, table=content.table.drop(columns="horizon_days")).period("future_value") == ""

    def test_little_to_show_in_chinese(self, light):
        table = pd.DataFrame({"customer_id": ["a", "b"], "score": [np.nan, 50.0], "tier": [None, "low"]})
        weights = pd.DataFrame({"indicator": ["csat"], "dimension": ["satisfaction"], "weight": [1.0]})
        bare = ScorecardReport(table, weights, "", {}, [], {}, "zh")
        page = Text(render(replace(light, language="zh", sections=[render_section(bare)])))
        text = " ".join(page.text)
        assert page.text.count("客户关系评分卡") == 2
        assert "因缺少任何已知指标而没有得分的客户：1。" in text
        assert {"满意", "无得分"} <= set(page.text)
        assert "稳定性" not in text
        assert "一致性" not in text
        assert not {"Relationship scorecard", "Mean score", "Weights", "Satisfaction"} & set(page.text)
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)

    def test_nobody_scored(self, content):
        nobody = replace(content, table=content.table.head(0), kept=[], migration=MIGRATION * 0)
        told = section_content(nobody)
        assert told["tiers"] == []
        assert [item.caption for item in told["pictures"]] == [
            *["nothing to show"] * 2,  # no value, no picture of it
            "No customer was scored both times.",
        ]

    def test_hostile_names_are_text(self, light, content):
        hostile = "<script>document.title='hacked'</script>"
        told = replace(
            content,
            table=content.table.head(9).assign(tier=hostile),
            labels=dict.fromkeys([*DIMENSIONS, *INDICATORS], hostile),
            weights=content.weights.rename(columns={"AHP": hostile}),
            notes=[hostile],
            method=hostile,
            consistency={hostile: 0.05},
        )
        html = render(replace(light, sections=[render_section(told)]))
        assert hostile not in html
        own = Text(render(replace(light, sections=[]))).tags.count("script")
        assert Text(html).tags.count("script") == own

    def test_a_missing_column_is_named(self, content):
        with pytest.raises(DataError, match="scorecard: table lacks the column 'tier'"):
            section_content(replace(content, table=content.table.drop(columns="tier")))

    def test_stability_leaves_out_who_has_no_tier(self, content):
        assert replace(content, kept=None).stability_text() == ""
        assert replace(content, kept=[np.nan]).stability_text() == ""
        told = replace(content, kept=[1.0, np.nan]).stability_text()
        assert "keeps the tier in 100\u00a0% of the draws" in told


class TestWorkbook:
    def test_every_column_has_a_heading_of_the_language(self, content):
        table = content.table.assign(
            why_1="future value: +8.1", driver_1_text="late", next_purchase_date=None
        )
        for language, telling in (
            ("en", ["Customer", "Future value, points", "Value score", "Reason 1", "Churn driver 1", "Rank"]),
            ("en", ["Expected value, next 90 days", "Value at risk, next 90 days"]),
            ("zh", ["客户", "Future value（点数）", "价值得分", "原因 1", "流失因素 1", "排名"]),
            ("zh", ["预期价值（未来 90 天）", "风险价值（未来 90 天）"]),
        ):
            cards, weights = scorecard_sheets(replace(content, table=table, language=language))
            headings = [column.heading for column in cards.columns.values()]
            assert set(telling) <= set(headings)
            assert len(headings) == len(set(headings)) == table.shape[1]
            assert len(weights.table) == len(WEIGHTS)

    def test_kinds(self, content):
        table = content.table.assign(vip=True, since=pd.Timestamp("2020-01-01"), orders=3)
        [cards, _] = scorecard_sheets(replace(content, table=table))
        kinds = {name: cards.columns[name].kind for name in table}
        assert kinds["customer_id"] == kinds["tier"] == kinds["vip"] == "text"
        assert (kinds["score"], kinds["value_score"], kinds["csat_points"]) == ("score", "score", "points")
        assert (kinds["clv"], kinds["churn_probability"], kinds["since"]) == ("money", "percent", "date")
        assert (kinds["rank"], kinds["orders"]) == ("count", "number")

    def test_written(self, content, tmp_path):
        write_spreadsheet(scorecard_sheets(content), tmp_path / "scores.xlsx")
        with ZipFile(tmp_path / "scores.xlsx") as parts:
            weights = parts.read("xl/worksheets/sheet2.xml").decode()
        for told in ("Weighted by: AHP and entropy", "No credit table was given", "Stability", "Value 0.031"):
            assert told in weights


class TestTables:
    def page(self, content, listing, language="en"):
        told = replace(content, language=language)
        about = {"source": "s.csv", "as_of": date(2024, 1, 31), "model_version": "1"}
        return Text(render_scorecard(told, [listing], generated_by="guanxi", **about)).text

    def test_ends_of_an_interval_stand_below_it(self, content):
        table = pd.DataFrame(
            {"driver": ["csat"], "estimate": [-0.123], "lower": [-0.2], "upper": [0.1], "elasticity": [1.5]}
        ).assign(elasticity_lower=1.25, elasticity_upper=np.nan)
        listing = Listing("elasticities", table, named=("driver",), interval="estimate", shares=("estimate",))
        text = self.page(content, listing)
        assert "Associations with value and churn" in text
        assert {"−12.3\u00a0%", "−20.0\u00a0% to 10.0\u00a0%"} <= set(text)
        assert "1.500" in text
        assert not {"1.250", "Lower limit", "lower", "elasticity lower"} & set(text)

    def test_values_of_ours_have_words_and_those_of_others_stay(self, content):
        table = pd.DataFrame({"country": ["reached"], "verdict": ["reached"], "drivers": ["rhythm, T_2"]})
        text = self.page(content, Listing("roll_up", table, of="account_owner"), "zh")
        assert "按 account owner 汇总的得分" in text
        assert {"reached", "达标", "购买节奏, T 2"} <= set(text)

    def test_what_is_left_out_is_counted(self, content):
        table = pd.DataFrame({"group": [f"g{place}" for place in range(70)], "small": True})
        text = self.page(content, Listing("roll_up", table, of="team"))
        assert {"g59", "10 more rows are in the files."} <= set(text)
        assert "g60" not in text
