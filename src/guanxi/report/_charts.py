"""Charts that the browser draws, as Vega-Lite specifications with the tables they are drawn from.

Colours are names that the page replaces by those of its theme, such as ``$teal``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.report import _summaries
from guanxi.report.figures import _effects, _strongest_drivers
from guanxi.report.words import feature_in_words, words

if TYPE_CHECKING:
    from datetime import date

    from guanxi.report.figures import Explanation
    from guanxi.served.texts import Language

_POINTS = 120  # of a curve, whatever the number of customers
_SWARM_CUSTOMERS = 250
_WIDEST_EFFECT = 6.0
_HEIGHT = 320

Spec = dict[str, Any]
_ONCE: Spec = {"values": [{}]}  # for what is drawn once, not for each row


@dataclass(frozen=True)
class Chart:
    """A specification without data, and its table."""

    spec: Spec
    table: pd.DataFrame = field(repr=False)


def concentration(predictions: pd.DataFrame, language: Language) -> Chart | None:
    """Share of the expected value held by the most valuable customers."""
    t, curve = words(language), _summaries.concentration(predictions)
    if curve is None:
        return None
    return _curves({t["expected_value"]: curve}, t, "concentration", t["equal"], ["$teal"])


def lift(holdout: pd.DataFrame, language: Language) -> Chart | None:
    """Share of leavers and of spend among the customers that rank highest."""
    t = words(language)
    curves = {t["leavers_by_churn"]: _summaries.gains(holdout["churn_probability"], holdout["churned"])}
    if "spend" in holdout:
        curves[t["spend_by_expected"]] = _summaries.gains(holdout["expected_spend_total"], holdout["spend"])
    known = {name: curve for name, curve in curves.items() if curve is not None}
    return _curves(known, t, "lift", t["chance"], ["$rust", "$teal"]) if known else None


def calibration(holdout: pd.DataFrame, language: Language) -> Chart | None:
    """Predicted and observed churn by group of predicted probability."""
    t, table = words(language), _summaries.reliability(holdout)
    if table.empty:
        return None
    shares = ["predicted", "observed", "lower", "upper"]
    table = table.assign(**{name: 100.0 * table[name] for name in shares})
    x = _axis("predicted", t["x_calibration"], scale={"domain": [0, 100]})
    y = _axis("observed", t["y_calibration"], scale={"domain": [0, 100]})
    tooltip = [
        _shown("predicted", t["predicted"], ".1f"),
        _shown("observed", t["observed"], ".1f"),
        _shown("lower", t["from"], ".1f"),
        _shown("upper", t["to"], ".1f"),
        _shown("customers", t["customers"], ",.0f"),
    ]
    ends = {"y": _axis("lower", t["y_calibration"]), "y2": {"field": "upper"}, "x": x}
    layers = [
        _diagonal(),
        {"mark": {"type": "rule", "color": "$teal"}, "encoding": ends},
        {
            "mark": {"type": "point", "filled": True, "size": 90, "color": "$teal", "opacity": 1},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        },
    ]
    return Chart(_spec(layers), table)


def by_frequency(holdout: pd.DataFrame, language: Language) -> Chart | None:
    """Actual and expected purchases by past repeat purchases."""
    t, table = words(language), _summaries.purchases_by_frequency(holdout)
    if table.empty:
        return None
    last = int(table["frequency"].iloc[-1])
    more = int(holdout["frequency"].max()) > last
    labels = [f"{each}+" if more and each == last else str(each) for each in table["frequency"]]
    long = pd.concat(
        table.assign(group=labels, series=t[name], value=table[name]) for name in ("actual", "expected")
    )
    encoding = {
        "x": {
            "field": "group", "type": "ordinal", "sort": labels, "title": t["x_by_frequency"],
            "axis": {"labelAngle": 0},
        },
        "y": _axis("value", t["y_by_frequency"]),
        "color": _series(t, ["$ink", "$teal"], ["actual", "expected"]),
        "tooltip": [
            _shown("series", t["series"]),
            _shown("group", t["x_by_frequency"]),
            _shown("value", t["y_by_frequency"], ".2f"),
            _shown("customers", t["customers"], ",.0f"),
        ],
    }  # fmt: skip
    mark = {"type": "line", "point": {"size": 70}, "strokeWidth": 2}
    return Chart(
        _spec([{"mark": mark, "encoding": encoding}]), long[["group", "series", "value", "customers"]]
    )


def tracking(table: pd.DataFrame, cutoff: date, language: Language) -> Chart | None:
    """Cumulative repeat purchases, actual against the model."""
    if table.empty:
        return None
    t = words(language)
    days = pd.to_datetime(table["date"]).dt.strftime("%Y-%m-%d")
    long = pd.concat(
        pd.DataFrame({"date": days, "series": t[name], "value": table[name]})
        for name in ("actual", "expected")
    )
    x = {"field": "date", "type": "temporal", "title": t["x_tracking"], "axis": {"format": "%Y-%m"}}
    encoding = {
        "x": x,
        "y": _axis("value", t["y_tracking"], axis={"format": ",.0f"}),
        "color": _series(t, ["$ink", "$teal"], ["actual", "expected"]),
    }
    shown = [
        {"field": "date", "type": "temporal", "title": t["x_tracking"], "format": "%Y-%m-%d"},
        _shown("series", t["series"]),
        _shown("value", t["y_tracking"], ",.0f"),
    ]
    day = {"datum": {"year": cutoff.year, "month": cutoff.month, "date": cutoff.day}, "type": "temporal"}
    layers = [
        {"mark": {"type": "line", "strokeWidth": 2.2}, "encoding": encoding},
        _hover(encoding, shown),
        {"data": _ONCE, "mark": {"type": "rule", "color": "$rust"}, "encoding": {"x": day}},
        {
            "data": _ONCE,
            "mark": {"type": "text", "align": "left", "dx": 5, "dy": -6, "color": "$ink"},
            "encoding": {"x": day, "y": {"value": _HEIGHT}, "text": {"datum": t["cutoff"]}},
        },
    ]  # fmt: skip
    return Chart(_spec(layers), long)


def drivers(explanation: Explanation, language: Language) -> Chart | None:
    """Effect of the strongest drivers, a dot per customer."""
    effects = _effects(explanation)
    columns = _strongest_drivers(explanation) if len(effects) else []
    if not columns:
        return None
    t = words(language)
    rows = np.unique(np.linspace(0, len(effects) - 1, min(_SWARM_CUSTOMERS, len(effects))).astype(int))
    data, parts = pd.DataFrame(explanation.data), []
    names = [feature_in_words(str(explanation.feature_names[column]), language) for column in columns]
    for name, column in zip(names, columns, strict=True):
        values = data.iloc[rows, column]
        numbers = pd.to_numeric(values, errors="coerce")
        parts.append(
            pd.DataFrame(
                {
                    "driver": name,
                    "effect": np.clip(effects[rows, column], -_WIDEST_EFFECT, _WIDEST_EFFECT),
                    "value": [_plain(value) for value in values],
                    "rank": numbers.rank(pct=True).to_numpy(),
                }
            )
        )
    table = pd.concat(parts)
    table["spread"] = (np.arange(len(table)) * 0.618034) % 1.0 - 0.5  # evenly, without a pattern
    colour = {
        "field": "rank", "type": "quantitative", "title": t["feature_value"],
        "scale": {"domain": [0, 0.5, 1], "range": ["$low", "$middle", "$high"]},
        "legend": {
            "orient": "top", "gradientLength": 140, "values": [0, 1],
            "labelExpr": f"datum.value < 0.5 ? '{t['low']}' : '{t['high']}'",
        },
    }  # fmt: skip
    encoding = {
        "x": _axis("effect", t["x_shap"]),
        "y": {
            "field": "driver", "type": "nominal", "sort": names, "title": None, "axis": {"labelLimit": 190},
        },
        "yOffset": {"field": "spread", "type": "quantitative", "scale": {"domain": [-0.7, 0.7]}},
        "color": colour,
        "tooltip": [
            _shown("driver", t["driver"]),
            _shown("value", t["feature_value"]),
            _shown("effect", t["effect"], "+.2f"),
        ],
    }  # fmt: skip
    layers: list[Spec] = [
        {"data": _ONCE, "mark": {"type": "rule", "color": "$muted"}, "encoding": {"x": {"datum": 0}}},
        {"mark": {"type": "circle", "size": 18, "opacity": 0.75}, "encoding": encoding},
    ]
    return Chart(_spec(layers) | {"height": 34 * len(names) + 110}, table.round({"spread": 3}))


def _plain(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, int | float) and np.isfinite(value) else str(value)


def _curves(
    curves: dict[str, _summaries.Gains], t: dict[str, str], plot: str, even: str, colours: list[str]
) -> Chart:
    shares = np.linspace(0.0, 1.0, _POINTS + 1)
    table = pd.concat(
        pd.DataFrame(
            {
                "share": 100.0 * shares,
                "series": name,
                "held": 100.0 * np.interp(shares, curve.customers, curve.captured),
            }
        )
        for name, curve in curves.items()
    )
    encoding: Spec = {
        "x": _axis("share", t[f"x_{plot}"], scale={"domain": [0, 100]}),
        "y": _axis("held", t[f"y_{plot}"], scale={"domain": [0, 100]}),
        "color": {
            "field": "series", "type": "nominal", "title": None,
            "scale": {"domain": list(curves), "range": colours},
            "legend": {"orient": "top", "labelLimit": 400} if len(curves) > 1 else None,
        },
    }  # fmt: skip
    shown = [
        _shown("series", t["series"]),
        _shown("share", t[f"x_{plot}"], ".1f"),
        _shown("held", t[f"y_{plot}"], ".1f"),
    ]
    layers = [
        _diagonal(even),
        {"mark": {"type": "line", "strokeWidth": 2.4}, "encoding": encoding},
        _hover(encoding, shown),
    ]
    return Chart(_spec(layers), table)


def _spec(layers: list[Spec]) -> Spec:
    return {"width": "container", "height": _HEIGHT, "layer": layers}


def _axis(field: str, title: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, **more}


def _shown(field: str, title: str, form: str | None = None) -> Spec:
    """Describe a line of the tooltip."""
    if form is None:
        return {"field": field, "type": "nominal", "title": title}
    return {"field": field, "type": "quantitative", "title": title, "format": form}


def _series(t: dict[str, str], colours: list[str], names: list[str]) -> Spec:
    return {
        "field": "series", "type": "nominal", "title": None,
        "scale": {"domain": [t[name] for name in names], "range": colours}, "legend": {"orient": "top"},
    }  # fmt: skip


def _hover(encoding: Spec, shown: list[Spec]) -> Spec:
    """Points that show where the pointer is, and their tooltip."""
    nearest = {"type": "point", "on": "pointerover", "nearest": True, "clear": "pointerout"}
    opacity = {"condition": {"param": "near", "value": 1, "empty": False}, "value": 0}
    return {
        "params": [{"name": "near", "select": nearest}],
        "mark": {"type": "point", "filled": True, "size": 80},
        "encoding": encoding | {"opacity": opacity, "tooltip": shown},
    }


def _diagonal(name: str = "") -> Spec:
    """Dashed line from corner to corner, of scales from 0 to 100."""
    ends = {"x": {"datum": 0}, "x2": {"datum": 100}, "y": {"datum": 0}, "y2": {"datum": 100}}
    line: Spec = {"mark": {"type": "rule", "color": "$muted", "strokeDash": [4, 3]}, "encoding": ends}
    line["data"] = _ONCE
    if not name:
        return line
    at = {"x": {"datum": 62}, "y": {"datum": 62}, "text": {"datum": name}}
    text = {"type": "text", "align": "left", "dx": 6, "dy": 10, "color": "$muted"}
    return {"layer": [line, {"data": _ONCE, "mark": text, "encoding": at}]}
