"""One customer's waterfall: what is drawn adds up, and anything can be drawn."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from guanxi.report import style
from guanxi.report.waterfall import waterfall

MANY = pd.Series({f"driver_{i}": (-1) ** i * (15 - i) / 20 for i in range(14)})
TEXTS = {"rhythm": "90 days of silence; last gap 14 days, longest 63 days"}


def labels_of(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def bars_of(figure):
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in figure.axes[0].patches]


def drawn(figure):
    text = style._svg(figure)
    ElementTree.fromstring(text)
    return text


def test_bars_lead_from_the_average_customer_to_this_one_strongest_first():
    effects = pd.Series({"weak": 0.1, "rhythm": 0.9, "none": 0.0, "loyalty": -0.4})
    figure = waterfall(effects, TEXTS, -1.0, "C-1")
    assert labels_of(figure) == [
        "average customer: 27 %",
        "90 days of silence; last gap\n14 days, longest 63 days",
        "loyalty",
        "weak",
        "this customer: 40 %",
    ]
    np.testing.assert_allclose(bars_of(figure), [(-1.0, -0.1), (-0.1, -0.5), (-0.5, -0.4)], atol=1e-12)
    assert figure.axes[0].get_title() == "Why this customer may leave or stay\nC-1"


def test_the_weakest_drivers_are_summed():
    figure = waterfall(MANY, {}, 0.2, "C-1")
    assert labels_of(figure)[-2] == "other 5 drivers"
    bars = bars_of(figure)
    assert len(bars) == 10
    assert bars[-1][1] - bars[-1][0] == pytest.approx(MANY.iloc[9:].sum())
    assert bars[-1][1] == pytest.approx(0.2 + MANY.sum())
    assert len(bars_of(waterfall(MANY.iloc[:10], {}, 0.2, "C-1"))) == 10
    assert "other" not in " ".join(labels_of(waterfall(MANY.iloc[:10], {}, 0.2, "C-1")))


def test_no_effect_is_shown_as_zero():
    tiny = pd.Series({"rhythm": 0.5, "loyalty": 0.004, "season": -0.003})
    figure = waterfall(tiny, {}, 0.0, "C-1")
    assert labels_of(figure)[1:-1] == ["rhythm", "other 2 drivers"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["+0.50", "≈ 0"]
    assert labels_of(waterfall(tiny.iloc[:2], {}, 0.0, "C-1"))[1:-1] == ["rhythm", "loyalty"]


def test_probabilities_stand_over_their_log_odds():
    figure = waterfall(pd.Series({"rhythm": 4.0}), {}, -2.0, "C-1")
    (above,) = figure.axes[0].child_axes
    figure.draw_without_rendering()
    shares = [float(label.get_text()) / 100 for label in above.get_xticklabels()]
    np.testing.assert_allclose(above.get_xticks(), np.log(shares) - np.log1p(-np.array(shares)))
    assert {0.25, 0.5, 0.75} <= set(shares)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("effects", "base"),
    [
        (pd.Series(dtype=float), 0.3),
        (pd.Series({"rhythm": 0.0}), 0.0),
        (pd.Series({"rhythm": 900.0, "loyalty": -3.0}), -800.0),
        (pd.Series({"rhythm": 1e-9}), 4.0),
        (MANY, -0.5),
    ],
    ids=["nothing", "no effect", "huge", "tiny", "many"],
)
def test_draws_anything(effects, base, language):
    drawn(waterfall(effects, {"rhythm": "已 90 天未购买"}, base, "客户 $7$ \x07", language))


def test_texts_are_drawn_as_they_are():
    text = "100 $ of_a \\frac{1}{2} <b>" + " and on" * 40
    (label,) = labels_of(waterfall(pd.Series({"a": 1.0}), {"a": text}, 0.0, "C-1"))[1:-1]
    assert label.startswith("100 $ of a \\frac{1}{2} <b> and")
    assert len(label.split("\n")) == 3
    assert label.endswith("…")


def test_same_customer_same_picture():
    first, second = (drawn(waterfall(MANY, {}, 0.2, "C-1")) for _ in range(2))
    assert first == second
