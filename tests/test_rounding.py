"""What people are told must not depend on the last digits, which differ between processors."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from guanxi.errors import ParamsError
from guanxi.evaluation._baselines import silence_rule
from guanxi.evaluation.grade import _best
from guanxi.evaluation.metrics import PROBABILITIES
from guanxi.params.scorecard import PlaybookRule
from guanxi.report._payload import most_valuable
from guanxi.report.waterfall import _strongest
from guanxi.scorecard.report._summaries import furthest_apart, tiers_of
from guanxi.scorecard.scoring._customer_scores import _reason_places
from guanxi.scorecard.scoring._tiers import TierCuts, TierRule, fit_tiers, natural_breaks
from guanxi.scorecard.weights._ahp import require_consistent, revisions
from guanxi.segments._conditions import parse_condition
from guanxi.segments.clusters import find_segments
from guanxi.segments.playbook import recommend_actions, summarise_actions
from guanxi.segments.rfm_cells import rfm_cells
from guanxi.segments.summary import summarise_segments
from guanxi.served.ordering import ROUNDING, falling, first_highest, first_lowest, ranks

LAST_BITS = 2.0**-52 * np.arange(-8, 9)


def extremes(*over):
    """Judgements of six items, each pair 9 or 1/9: many revisions are equally good."""
    rows, columns = np.triu_indices(6, 1)
    judged = np.ones((6, 6))
    judged[rows, columns] = [9.0 if each else 1 / 9 for each in over]
    judged[columns, rows] = 1.0 / judged[rows, columns]
    return judged


def refusal(judged):
    with pytest.raises(ParamsError) as refused:
        require_consistent(judged, list("abcdefgh"[: len(judged)]), "goal")
    return str(refused.value)


def decisions(shake) -> dict[str, object]:
    """Decisions between equals; ``shake`` changes the last digits of the numbers that they rest on."""
    found: dict[str, object] = {}
    for name, over in {"ten": "000111010001000", "thirteen": "100100111001000"}.items():
        judged = extremes(*map(int, over))
        found[f"revisions {name}"] = [revision[:2] for revision in revisions(shake(judged))[0]]
        found[f"refusal {name}"] = refusal(shake(judged))
    for cycle in ([2, 1 / 2, 2], [3, 1 / 3, 3], [9, 1 / 9, 9]):
        a, b, c = cycle
        found[f"cycle of {a}"] = refusal(shake(np.array([[1, a, b], [1 / a, 1, c], [1 / b, 1 / c, 1]])))
    found["natural breaks"] = np.round(
        natural_breaks(np.sort(shake(np.arange(1.0, 11.0) / 10.0))), 9
    ).tolist()
    value = shake(np.repeat([0.1 + 0.2, 0.7, 0.3], 4))
    cuts = fit_tiers(value, TierRule("pareto", high=0.6, middle=0.2))
    found["tiers"] = cuts.assign(value).tolist()
    found["tiers of cuts"] = TierCuts("pareto", "value", 0.7, 0.3).assign(value).tolist()
    customers = pd.DataFrame(
        {
            "customer_id": list("abcdefghijkl"),
            "stage": list("xyzxyzxyzxyz"),
            "T": 90.0,
            "recency": shake(np.repeat([30.0, 60.0, 90.0], 4)),
            "frequency": 2.0,
            "revenue": value,
            "clv": shake(np.full(12, 0.1)),
            "clv_lower": 0.0,
            "clv_upper": 1.0,
            "value_at_risk": shake(np.full(12, 0.1)),
            "churn_probability": shake(np.full(12, 0.3)),
            "expected_purchases": 1.0,
            "next_purchase_date": None,
        }
    )
    found["cells"] = rfm_cells(customers)["rfm_cell"].tolist()
    found["segments"] = summarise_segments(customers, "stage")["stage"].tolist()
    rules = [PlaybookRule(when={"stage": name}, action=f"action {name}") for name in "zyx"]
    acted = customers.join(recommend_actions(customers, rules).drop(columns="customer_id"))
    found["actions"] = summarise_actions(acted)["action"].tolist()
    limits = ("< 0.3", "<= 0.3", "> 0.3", ">= 0.3", "== 0.3", "!= 0.3", [0.1, 0.3])
    for limit in limits:
        condition = parse_condition({"churn_probability": limit}, "rule")
        found[f"churn {limit}"] = condition.holds(customers).tolist()
    standing = customers.assign(total_value=customers["clv"], purchases=3, slipping=False, protect=False)
    found["listed"] = standing["customer_id"].loc[most_valuable(standing).index].tolist()
    effects = pd.Series(shake(np.array([0.3, -0.3, 0.3, -0.5, 0.3, 0.3, 0.3])), index=list("abcdefg"))
    found["waterfall"] = list(_strongest(effects)[0].index)
    found["reasons"] = _reason_places(shake(np.array([[0.3, -0.3, 0.3], [-0.7, 0.7, 0.1]])), 2).tolist()
    scores = pd.DataFrame({"tier": list("hml"), "score": shake(np.array([0.3, 0.3, 0.1]))})
    found["order of tiers"] = tiers_of(scores)
    found["furthest"] = furthest_apart(pd.DataFrame({"a": shake(np.array([0.1, 0.4])), "b": [0.2, 0.5]}))
    forecast = shake(np.array([0.2, 0.8, 0.4, 0.6] * 10))
    known = {"naive (one)": forecast, "naive (two)": shake(forecast), "naive (three)": forecast[::-1]}
    found["baseline"] = _best(PROBABILITIES["log_loss"], [0, 1, 1, 0] * 10, known)
    past = pd.DataFrame({"T": 9.0, "recency": shake(np.arange(9.0)), "churned": [0, 1, 0, 1, 0, 1, 0, 1, 0]})
    found["silence"] = silence_rule(past, past)["churn_probability"].round(6).tolist()
    return found


def unshaken(numbers):
    return numbers


PLAIN = decisions(unshaken)


class TestOrdering:
    @pytest.mark.parametrize("numbers", [*itertools.permutations([0.1 + 0.2, 0.3, 0.5])])
    def test_equal_numbers_keep_their_order(self, numbers):
        large = numbers.index(0.5)
        rest = [place for place in range(3) if place != large]
        assert falling(numbers).tolist() == [large, *rest]
        assert first_highest(numbers) == large
        assert first_lowest(numbers) == rest[0]

    def test_clear_differences_decide(self):
        numbers = 1.0 + 2.0 * ROUNDING * np.array([3.0, 1.0, 2.0])
        assert ranks(numbers).tolist() == [2, 0, 1]
        assert_array_equal(falling(numbers), np.argsort(-numbers))

    def test_rows_are_ranked_on_their_own(self):
        numbers = np.array([[1e9, 1.0, 2.0], [1.0, 3.0, 2.0]])
        assert_array_equal(ranks(numbers), [[1, 0, 0], [0, 2, 1]])

    def test_unknown_and_infinite_ends(self):
        numbers = [np.nan, 1.0, np.inf, -np.inf, 2.0]
        assert falling(numbers).tolist() == [2, 4, 1, 3, 0]
        assert first_lowest(numbers) == 3
        assert first_highest(numbers) == 2
        assert ranks([]).tolist() == []
        assert ranks([1e308, -1e308]).tolist() == [1, 0]


@pytest.mark.parametrize("seed", range(10))
def test_last_bits_decide_nothing(seed):
    random = np.random.default_rng(seed)
    assert decisions(lambda numbers: numbers * (1.0 + random.choice(LAST_BITS, numbers.shape))) == PLAIN


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param(
            {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"},
            marks=pytest.mark.slow,
        ),
        pytest.param({"OPENBLAS_CORETYPE": "Sandybridge"}, marks=pytest.mark.slow),
        {"OPENBLAS_CORETYPE": "Haswell"},
    ],
    ids=lambda environment: environment["OPENBLAS_CORETYPE"],
)
@pytest.mark.slow
def test_other_processors_decide_alike(environment):
    """OpenBLAS can be told which processor to compute for; numpy which instructions to leave out."""
    program = "import json, test_rounding as t; print(json.dumps([t.PLAIN, t.clusters()]))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=os.path.dirname(__file__),
        env={**os.environ, **environment},
    )
    assert json.loads(done.stdout) == json.loads(json.dumps([PLAIN, clusters()]))


def clusters():
    """Segments of customers without structure, and of customers at four corners."""
    random = np.random.default_rng(1)
    plane = pd.DataFrame(random.normal(size=(300, 3)), columns=list("abc")).assign(customer_id=range(300))
    corners = pd.DataFrame({"customer_id": range(200), "a": [0.0, 0.0, 1.0, 1.0] * 50, "b": [0.0, 1.0] * 100})
    return [
        [found.customers["segment"].tolist(), found.segments["rule"].tolist(), found.reason]
        for found in map(find_segments, (plane, corners))
    ]
