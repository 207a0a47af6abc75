"""Segments found in the data: clusters of similar customers, their stability and rules.

The number of groups has the best silhouette among those for which every group is stable under the bootstrap.
A group's stability is the mean Jaccard similarity with its most similar group of each sample: .75 or more is
stable, below .5 dissolved (Hennig, C. 2007, Computational Statistics & Data Analysis 52(1)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from guanxi.errors import DataError, ParamsError
from guanxi.segments._attribute_space import AttributeSpace, learn_space, readable_attributes
from guanxi.segments._cluster_stability import (
    Floats,
    Groups,
    Method,
    Trial,
    fit_groups,
    jaccard_similarities,
    silhouette,
    try_number,
)
from guanxi.segments._conditions import parse_condition
from guanxi.segments._segment_rules import rule_quality, segment_rule
from guanxi.served.ordering import ROUNDING, first_highest
from guanxi.served.texts import Language, texts

NUMBERS = range(2, 9)
STABLE = 0.75
STRUCTURE = 0.25  # no substantial structure up to this silhouette (Kaufman & Rousseeuw 1990)
_FITTED, _TRIED = 50_000, 2_000
_AT_ONCE = 100_000
_FEWEST = 50


@dataclass(frozen=True)
class Segmentation:
    """Result of a segmentation.

    Attributes
    ----------
    customers : pandas.DataFrame
        ``customer_id, segment`` (1 is the largest), in the order given.
    segments : pandas.DataFrame
        ``segment, customers`` (count), ``share, stability`` (mean Jaccard similarity), ``rule, precision,
        recall`` (of the rule).
    numbers : pandas.DataFrame
        For each number of groups tried ``groups, silhouette, agreement`` (mean adjusted Rand index),
        ``least_stability`` (minimum over its groups).
    rules : dict of int to dict
        Rule of each segment, in the format of the playbook.
    left_out : dict of str to str
        Columns not used, and why.
    reason : str
        Reason for the number of groups, and an assessment.
    """

    customers: pd.DataFrame = field(repr=False)
    segments: pd.DataFrame
    numbers: pd.DataFrame = field(repr=False)
    rules: dict[int, dict[str, str]] = field(repr=False)
    left_out: dict[str, str]
    reason: str


def find_segments(
    customers: pd.DataFrame,
    *,
    method: Method = "k_means",
    groups: int | None = None,
    seed: int = 0,
    language: Language = "en",
) -> Segmentation:
    """Cluster customers by their attributes.

    The groups are fitted to a random sample of 50,000 customers, their number and stability to 2,000; then
    all customers are assigned. The result does not depend on the order of rows and columns.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``customer_id`` and attributes: numbers, text, booleans, possibly missing.
    method : {"k_means", "gaussian_mixture"}
        Groups of the mixture may differ in spread.
    groups : int, optional
        Number of groups, at least 2; default: chosen by silhouette and stability, at most 8.
    seed : int
    language : {"en", "zh"}
        Of the reason.

    Raises
    ------
    ParamsError
        If the method is unknown.
    DataError
        If there are fewer than 50 customers, fewer distinct ones than groups, or no attribute.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": range(60), "age": [20, 21, 60] * 20})
    >>> find_segments(customers, groups=2).segments[["customers", "rule"]].to_dict("records")
    [{'customers': 40, 'rule': 'age <= 40'}, {'customers': 20, 'rule': 'age > 40'}]
    """
    import sklearn.cluster  # noqa: F401  before its threads are limited

    if method not in get_args(Method):
        raise ParamsError(f"segments: method {method!r} is unknown: use {' or '.join(get_args(Method))}")
    say: Mapping[str, str] = texts("guanxi.segments", language)["group_reasons"]
    attributes, left_out = readable_attributes(customers)
    _check(attributes, left_out)
    # Equal rows are interchangeable, so that the result does not depend on the order of the rows.
    order = np.argsort(pd.util.hash_pandas_object(attributes, index=False).to_numpy())
    attributes = attributes.iloc[order].reset_index(drop=True)
    space = learn_space(attributes)
    points = space.coordinates(attributes)
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(points))[:_FITTED]
    trial = points[drawn[:_TRIED]]
    with threadpool_limits(1):  # multithreaded sums differ in their last digits
        trials = [try_number(trial, number, method, seed) for number in _numbers(trial, groups)]
        chosen, reason = _choose(trials, say)
        model = fit_groups(points[drawn], chosen.number, method, seed)
        segment, rank = _largest_first(_assign(model, points), chosen.number)
        tried = rank[model.predict(trial)]
    similarity = jaccard_similarities(tried, chosen.drawn, chosen.number)
    table, rules = _describe(attributes, space, segment, drawn, similarity)
    found = np.empty(len(segment), dtype=np.int64)
    found[order] = segment + 1
    return Segmentation(
        customers=pd.DataFrame({"customer_id": customers["customer_id"], "segment": found}),
        segments=table,
        numbers=_compare(trials),
        rules=rules,
        left_out=left_out,
        reason=say["joined"].format(first=reason, second=_structure(silhouette(trial, tried), say)),
    )


def _check(attributes: pd.DataFrame, left_out: dict[str, str]) -> None:
    if attributes.empty:
        reasons = "; ".join(f"{name!r} {why}" for name, why in left_out.items()) or "there is none"
        raise DataError(f"segments: no attribute is left to distinguish customers: {reasons}")
    if len(attributes) < _FEWEST:
        raise DataError(
            f"segments: {len(attributes)} customers are too few to find groups: give {_FEWEST} or more, "
            "or use the RFM cells"
        )


def _numbers(points: Floats, groups: int | None) -> list[int]:
    distinct = len(np.unique(points, axis=0))
    if groups is not None and not 2 <= groups <= distinct:
        raise DataError(
            f"segments: {groups} groups were asked for, but {distinct:,} different customers allow 2 to "
            f"{distinct:,}: ask for another number"
        )
    return [groups] if groups is not None else [number for number in NUMBERS if number <= distinct]


def _choose(trials: Sequence[Trial], say: Mapping[str, str]) -> tuple[Trial, str]:
    """Choose the best silhouette among stable numbers of groups, otherwise the most stable number."""
    if len(trials) == 1:
        (only,) = trials
        return only, say["only"].format(groups=only.number, stability=f"{only.least_stability:.2f}")
    stable = [trial for trial in trials if trial.least_stability >= STABLE - ROUNDING]
    if not stable:
        best = trials[first_highest(trial.least_stability for trial in trials)]
        return best, say["unstable"].format(
            groups=best.number,
            first=trials[0].number,
            last=trials[-1].number,
            limit=STABLE,
            stability=f"{best.least_stability:.2f}",
        )
    best = stable[first_highest(trial.silhouette for trial in stable)]
    return best, say["stable"].format(
        groups=best.number,
        stable=len(stable),
        tried=len(trials),
        stability=f"{best.least_stability:.2f}",
    )


def _structure(width: float, say: Mapping[str, str]) -> str:
    return say["continuum" if width <= STRUCTURE else "structure"].format(width=f"{width:.2f}")


def _assign(model: Any, points: Floats) -> Groups:
    parts = range(0, len(points), _AT_ONCE)
    return np.concatenate([model.predict(points[start : start + _AT_ONCE]) for start in parts])


def _largest_first(labels: Groups, number: int) -> tuple[Groups, NDArray[np.int64]]:
    """Renumber the groups by decreasing size from 0; ties in the order of their first customer."""
    sizes = np.bincount(labels, minlength=number)
    first = np.full(number, len(labels))
    np.minimum.at(first, labels, np.arange(len(labels)))
    rank = np.empty(number, dtype=np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(number)
    return rank[labels], rank


def _describe(
    attributes: pd.DataFrame, space: AttributeSpace, segment: Groups, drawn: Groups, similarity: Floats
) -> tuple[pd.DataFrame, dict[int, dict[str, str]]]:
    rows, rules = [], {}
    seen = attributes.iloc[drawn].reset_index(drop=True)
    for place in np.unique(segment):
        member = segment == place
        number = int(place) + 1
        rules[number] = segment_rule(seen, space, member[drawn])
        condition = parse_condition(rules[number], f"rule of segment {number}")
        precision, recall = rule_quality(condition, attributes, member)
        rows.append(
            {
                "segment": number,
                "customers": int(member.sum()),
                "share": float(member.mean()),
                "stability": float(similarity[place]),
                "rule": str(condition),
                "precision": precision,
                "recall": recall,
            }
        )
    return pd.DataFrame(rows), rules


def _compare(trials: Sequence[Trial]) -> pd.DataFrame:
    columns = ("number", "silhouette", "agreement", "least_stability")
    table = pd.DataFrame([{name: getattr(trial, name) for name in columns} for trial in trials])
    return table.rename(columns={"number": "groups"})
