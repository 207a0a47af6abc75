"""Targets of the programme, for all customers and by team: the last complete period against its target."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from guanxi.params.scorecard import IndicatorTarget, ReferenceValue
from guanxi.scorecard.targets._indicator_targets import check_targets
from guanxi.scorecard.targets._programme_targets import PROGRAMME, check_programme, compare_programme

PERIODS = pd.DataFrame(
    {
        "period": [dt.date(2024, month, 1) for month in (1, 2, 3, 4)],
        "complete": [True, True, True, False],
        "buyers": [200, 100, 100, 10],
        "retention_rate": [np.nan, 0.5, 0.3, 0.01],
        "retention_rate_lower": [np.nan, 0.44, 0.23, 0.0],
        "retention_rate_upper": [np.nan, 0.56, 0.38, 0.1],
        "acquired": [5, 6, 7, 8],
        "acquisition_cost": [20.0, 25.0, 30.0, 99.0],
        "nps": [10.0, 30.0, np.nan, np.nan],
        "nps_lower": [0.0, 25.0, np.nan, np.nan],
        "nps_upper": [20.0, 35.0, np.nan, np.nan],
        "nps_answers": [40, 50, 0, 0],
    }
).assign(churn_rate=lambda table: 1 - table["retention_rate"])
GROUPS = pd.DataFrame({"customer_id": list("abc"), "team": ["north", "north", "south"]})


def programme(only):
    """The south retains fewer; nothing is asked of it in the last period."""
    if only is None or "a" in only:
        return PERIODS
    return PERIODS.assign(retention_rate=PERIODS["retention_rate"] / 2, nps=np.nan)


def checked(**targets):
    given = {name: IndicatorTarget(**each) for name, each in targets.items()}
    return check_programme(given, programme, GROUPS).set_index("indicator")


def test_the_last_complete_period_is_judged():
    found = checked(retention_rate={"target": 0.4, "warning": 0.35}).loc["retention_rate"]
    assert (found["value"], found["period"], found["verdict"]) == (0.3, dt.date(2024, 3, 1), "warning")
    assert (found["lower"], found["upper"], found["known"]) == (0.23, 0.38, 100)
    assert found["attainment"] == pytest.approx(0.75)
    assert found["gap"] == pytest.approx(-0.1)
    # Half of the intervals' widths are .075 and .06: a fall of .2 is beyond both together.
    assert found["change"] == pytest.approx(-0.2)
    assert found["change_upper"] == pytest.approx(-0.2 + np.hypot(0.075, 0.06))
    assert found["trend"] == "worse"
    assert found["statistic"] == "period"


def test_lower_is_better_for_churn_and_cost():
    found = checked(churn_rate={"target": 0.8, "warning": 0.9}, acquisition_cost={"target": 25.0})
    assert found["verdict"].tolist() == ["reached", "missed"]
    assert found["attainment"].tolist() == pytest.approx([0.8 / 0.7, 25 / 30])
    assert found.loc["churn_rate", ["lower", "upper"]].tolist() == pytest.approx([0.62, 0.77])
    assert found["trend"].tolist() == ["worse", "unknown"]


def test_a_period_without_answers_is_passed_over():
    found = checked(nps={"target": 20}).loc["nps"]
    assert (found["value"], found["period"], found["trend"]) == (30.0, dt.date(2024, 2, 1), "better")


def test_every_team_has_a_row():
    found = check_programme(
        {"retention_rate": IndicatorTarget(target=0.2, by=("team",)), "nps": IndicatorTarget(target=0)},
        programme,
        GROUPS,
    )
    assert found[["indicator", "group", "verdict"]].fillna("all").to_numpy().tolist() == [
        ["retention_rate", "all", "reached"],
        ["retention_rate", "north", "reached"],
        ["retention_rate", "south", "missed"],
        ["nps", "all", "reached"],
    ]
    assert found.loc[2, "value"] == pytest.approx(0.15)


def test_nothing_known_is_said():
    empty = PERIODS.assign(retention_rate=np.nan)
    found = check_programme({"retention_rate": IndicatorTarget(target=0.2)}, lambda _: empty, GROUPS)
    assert found["verdict"].tolist() == ["unknown"]


def test_benchmarks():
    given = {"retention_rate": ReferenceValue(value=0.5, source="industry", by=("team",))}
    found = compare_programme(given, programme, GROUPS)
    assert found["verdict"].tolist() == ["worse", "worse", "worse"]
    assert found.loc[0, "gap"] == pytest.approx(-0.2)


def test_indicators_of_customers_by_team():
    table = pd.DataFrame({"customer_id": list("abc"), "csat": [0.9, 0.7, 0.2]})
    found = check_targets(table, {"csat": IndicatorTarget(target=0.5, by=("team",))}, groups=GROUPS)
    assert found[["group", "value", "verdict"]].fillna("all").to_numpy().tolist() == [
        ["all", pytest.approx(0.6), "reached"],
        ["north", pytest.approx(0.8), "reached"],
        ["south", pytest.approx(0.2), "missed"],
    ]
    assert set(PROGRAMME).isdisjoint(found["indicator"])
