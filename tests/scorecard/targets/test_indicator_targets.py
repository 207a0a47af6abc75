"""Targets and benchmarks: by hand, in both directions, and refused where they make no sense."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from guanxi.errors import ParamsError
from guanxi.params import Params
from guanxi.params._reading import override
from guanxi.params.scorecard import IndicatorTarget, ReferenceValue, ScorecardParams
from guanxi.scorecard import check_parameters
from guanxi.scorecard.targets._estimates import sample_of
from guanxi.scorecard.targets._indicator_targets import check_targets
from guanxi.scorecard.targets._reference_values import compare_with_references

NAN = math.nan


def table(csat: list[float], complaints: list[float], first: int = 0) -> pd.DataFrame:
    ids = [f"c{i}" for i in range(first, first + len(csat))]
    return pd.DataFrame({"customer_id": ids, "csat": csat, "complaints": complaints, "ces": NAN})


TABLE = table([0.5, 0.7, 0.9, NAN], [0.0, 1.0, 2.0, 5.0])


def targets_of(document: dict[str, object]) -> dict[str, IndicatorTarget]:
    return ScorecardParams(targets=document).targets


def references_of(document: dict[str, object]) -> dict[str, ReferenceValue]:
    return ScorecardParams(benchmarks=document).benchmarks


def checked(document: dict[str, object], earlier: pd.DataFrame | None = None) -> pd.Series:
    return check_targets(TABLE, targets_of(document), earlier).iloc[0]


@pytest.mark.parametrize(
    ("document", "verdict", "gap", "attainment", "reaching"),
    [
        ({"csat": {"target": 0.7}}, "reached", 0.0, 1.0, 2 / 3),
        ({"csat": {"target": 0.8}}, "missed", -0.1, 7 / 8, 1 / 3),
        ({"csat": {"target": 0.8, "warning": 0.6}}, "missed", -0.1, 7 / 8, 1 / 3),
        ({"csat": {"target": 0.8, "warning": 0.75}}, "warning", -0.1, 7 / 8, 1 / 3),
        ({"complaints": {"target": 2.5}}, "reached", 0.5, 2.5 / 2, 3 / 4),
        ({"complaints": {"target": 1.0, "warning": 3}}, "missed", -1.0, 0.5, 1 / 2),
        ({"complaints": {"target": 1.0, "warning": 1.5}}, "warning", -1.0, 0.5, 1 / 2),
        ({"complaints": {"target": 1.5, "statistic": "median"}}, "reached", 0.0, 1.0, 1 / 2),
        ({"complaints": {"target": 0}}, "missed", -2.0, NAN, 1 / 4),
        ({"ces": {"target": 0.5, "warning": 0.4}}, "unknown", NAN, NAN, NAN),
    ],
)
def test_attainment_in_both_directions(document, verdict, gap, attainment, reaching):
    row = checked(document)
    assert row["verdict"] == verdict
    assert row[["gap", "attainment", "reaching"]].tolist() == pytest.approx(
        [gap, attainment, reaching], nan_ok=True
    )
    assert row["trend"] == "unknown"


def test_no_targets_give_an_empty_table():
    assert list(check_targets(TABLE, targets_of({})).columns)[:2] == ["indicator", "statistic"]


def test_trend_by_hand_without_common_customers():
    earlier = table([0.1, 0.2, 0.3], [0.0] * 3, first=100)
    row = checked({"csat": {"target": 0.7}}, earlier)
    reach = stats.norm.ppf(0.95) * math.sqrt(0.04 / 3 + 0.01 / 3)
    expected = [0.2, 0.5, 0.5 - reach, 0.5 + reach]
    assert row[["earlier", "change", "change_lower", "change_upper"]].tolist() == pytest.approx(expected)
    assert row["trend"] == "better"


def test_the_same_customers_make_a_small_change_sure():
    """A gain of .02 for everybody is seen with the same customers, and drowns in the noise of others."""
    rng = np.random.default_rng(0)
    scores = rng.random(200)
    now, then = (table(list(each), [0.0] * 200) for each in (scores + 0.02, scores))
    targets = targets_of({"csat": {"target": 0.5}})
    same = check_targets(now, targets, then).iloc[0]
    assert same["trend"] == "better"
    assert same["change_lower"] == pytest.approx(0.02)
    others = then.assign(customer_id=[f"x{i}" for i in range(200)])
    assert check_targets(now, targets, others).iloc[0]["trend"] == "steady"


@pytest.mark.parametrize(
    ("now", "then", "trend"), [(9.0, 1.0, "worse"), (1.0, 9.0, "better"), (5.0, 5.0, "steady")]
)
@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_the_trend_knows_the_direction(now, then, trend, statistic):
    wobble = [-0.1, 0.0, 0.1] * 10
    tables = [table([0.5] * 30, [level + each for each in wobble]) for level in (now, then)]
    targets = targets_of({"complaints": {"target": 1.0, "statistic": statistic}})
    assert check_targets(tables[0], targets, tables[1]).iloc[0]["trend"] == trend


def test_the_interval_of_a_change_covers_it():
    """Half of the customers stay, the others are new; their mean truly grows by .1."""
    rng, hits = np.random.default_rng(0), 0
    targets = targets_of({"csat": {"target": 0.5}})
    for _ in range(150):
        then = rng.normal(size=60)
        stay = 0.8 * then[:30] + rng.normal(0.1, 0.6, 30)
        now = np.append(stay, rng.normal(0.1, 1.0, 30))
        fresh = table(list(now), [0.0] * 60)
        fresh.loc[30:, "customer_id"] = [f"new{i}" for i in range(30)]
        row = check_targets(fresh, targets, table(list(then), [0.0] * 60)).iloc[0]
        hits += row["change_lower"] <= 0.1 <= row["change_upper"]
    assert hits / 150 == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("n", [8, 200])
def test_median_intervals_cover(n):
    draws = np.random.default_rng(0).lognormal(size=(600, n))
    samples = [sample_of(pd.Series(row), "median") for row in draws]
    share = np.mean([each.lower <= 1.0 <= each.upper for each in samples])
    assert 0.87 <= share <= 0.98
    assert np.mean([each.error for each in samples]) == pytest.approx(
        np.std([each.value for each in samples]), rel=0.35
    )


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_too_few_values_have_no_interval(statistic):
    for values in ([], [1.0]):
        sample = sample_of(pd.Series(values, dtype="float64"), statistic)
        assert math.isnan(sample.lower)
        assert math.isnan(sample.error)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"csatt": {"target": 1}}, r"^scorecard.targets: no indicator 'csatt': did you mean csat\?$"),
        ({"zzz": {"target": 1}}, "scorecard.targets: no indicator 'zzz': known here: revenue, "),
        ({"csat": {"targt": 1}}, r"parameter scorecard.targets.csat.targt is unknown: did you mean target\?"),
        ({"csat": {"warning": 1}}, "scorecard.targets.csat.target is missing"),
        ({"csat": {"target": "high"}}, "targets.csat.target = 'high' is not valid: .* valid number"),
        ({"csat": {"target": True}}, "targets.csat.target = True is not valid: write a number"),
        ({"csat": {"target": math.nan}}, "targets.csat.target = nan is not valid: .* finite number"),
        ({"csat": 0.8}, "targets.csat = 0.8 is not valid: keys with values belong below it"),
        ([1], r"targets = \[1\] is not valid: write a map"),
        ({"csat": {"target": 0.8, "warning": 0.9}}, "warning 0.9 is better than the target 0.8, since"),
        ({"complaints": {"target": 2, "warning": 1}}, "warning 1 is better than the target 2, since lower"),
        ({"csat": {"target": 0.8, "statistic": "mode"}}, "statistic = 'mode' is not valid"),
    ],
)
def test_targets_that_make_no_sense_are_refused(document, message):
    with pytest.raises(ParamsError, match=message):
        check_parameters(override(Params(), {"scorecard.targets": document}))


def test_benchmarks_by_hand_in_both_directions():
    many = pd.concat([TABLE] * 10, ignore_index=True)
    document = {
        "csat": {"value": 0.6, "source": "ACSI 2024"},
        "complaints": {"value": 1.0},
        "ces": {"value": 0.5},
    }
    rows = compare_with_references(many, references_of(document)).set_index("indicator")
    lower, upper = stats.t.interval(0.9, 29, loc=0.7, scale=stats.sem(many["csat"].dropna()))
    csat = rows.loc["csat"]
    assert csat[["known", "value", "lower", "upper"]].tolist() == pytest.approx([30, 0.7, lower, upper])
    assert csat[["gap", "gap_lower", "gap_upper"]].tolist() == pytest.approx([0.1, lower - 0.6, upper - 0.6])
    assert rows["verdict"].tolist() == ["better", "worse", "unknown"]
    assert rows["source"].tolist() == ["ACSI 2024", "", ""]
    complaints = rows.loc["complaints"]
    assert complaints["gap"] == pytest.approx(-1.0)
    assert complaints["gap_lower"] < -1.0 < complaints["gap_upper"] < 0
    (few,) = compare_with_references(TABLE, references_of({"csat": {"value": 0.6}}))["verdict"]
    assert few == "level"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"npss_score": {"value": 1}},
            r"scorecard.benchmarks: no indicator 'npss_score': did you mean nps_score\?",
        ),
        ({"csat": {"source": "x"}}, "scorecard.benchmarks.csat.value is missing"),
        ({"csat": {"value": None}}, "benchmarks.csat.value = None is not valid: .* valid number"),
        ({"csat": {"value": 1, "sorce": "x"}}, r"benchmarks.csat.sorce is unknown: did you mean source\?"),
    ],
)
def test_benchmarks_that_make_no_sense_are_refused(document, message):
    with pytest.raises(ParamsError, match=message):
        check_parameters(override(Params(), {"scorecard.benchmarks": document}))
