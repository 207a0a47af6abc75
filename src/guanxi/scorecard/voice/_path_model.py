"""Structural paths between constructs by partial least squares (PLS path modelling)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import numpy as np
import pandas as pd

from guanxi.errors import DataError, FitError, ParamsError
from guanxi.scorecard.voice._resampling import Floats, correlation_draws, limits

# Sources by construct: the European customer satisfaction index.
ECSI_PATHS: dict[str, tuple[str, ...]] = {
    "expectation": ("image",),
    "quality": ("expectation",),
    "value": ("expectation", "quality"),
    "satisfaction": ("image", "expectation", "quality", "value"),
    "complaints": ("satisfaction",),
    "loyalty": ("image", "satisfaction", "complaints"),
}
_DRAWS = 300
_MOST_ROUNDS, _TOLERANCE = 300, 1e-9


@dataclass(frozen=True)
class PathModel:
    """A fitted path model.

    Attributes
    ----------
    paths : pandas.DataFrame
        One row per path: ``source, target, coefficient`` (standardised) with ``_lower`` and ``_upper``;
        ``total``, the effect along all paths.
    constructs : pandas.DataFrame
        One row per construct: ``construct, questions``; ``alpha`` (Cronbach), ``composite_reliability``
        (Dillon-Goldstein) and ``average_variance`` extracted, unknown for a single question; ``r_squared``,
        unknown without a path to it.
    questions : pandas.DataFrame
        One row per question: ``question, construct, loading, weight``.
    answers : int
        Complete answers used.
    """

    paths: pd.DataFrame = field(repr=False)
    constructs: pd.DataFrame = field(repr=False)
    questions: pd.DataFrame = field(repr=False)
    answers: int


def fit_path_model(
    answers: pd.DataFrame,
    constructs: Mapping[str, Sequence[str]],
    paths: Mapping[str, Sequence[str]],
    *,
    customers: Sequence[object] | pd.Series[str] | None = None,
    draws: int = _DRAWS,
    seed: int = 0,
) -> PathModel:
    """Estimate a path model: mode A (correlation weights), path weighting scheme, standardised questions.

    Parameters
    ----------
    answers : pandas.DataFrame
        Numbers by question; incomplete rows are left out.
    constructs : mapping of str to sequence of str
        Questions of each construct, one or more.
    paths : mapping of str to sequence of str
        Sources of each target, without circles. Constructs on no path are left out.
    customers : sequence, optional
        Who answered, by row, for the bootstrap; default: each row is another customer.
    draws, seed : int
        Of the bootstrap with 90 % percentile limits.

    Raises
    ------
    ParamsError
        If paths form a circle or name a construct without questions.
    DataError
        If there are fewer than 30 complete rows, or all answers to a question are equal.
    FitError
        If the weights do not converge.

    References
    ----------
    Tenenhaus, M., Esposito Vinzi, V., Chatelin, Y.-M. and Lauro, C. (2005), PLS path modeling, Computational
    Statistics & Data Analysis 48(1), algorithm of section 2.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> quality = generator.normal(size=400)
    >>> liking = 0.8 * quality + 0.6 * generator.normal(size=400)
    >>> table = pd.DataFrame({"q": quality, "s": liking})
    >>> constructs = {"quality": ["q"], "satisfaction": ["s"]}
    >>> found = fit_path_model(table, constructs, {"satisfaction": ["quality"]})
    >>> bool(abs(found.paths["coefficient"][0] - np.corrcoef(quality, liking)[0, 1]) < 1e-9)
    True
    """
    names = _order(paths, constructs)
    questions = [question for name in names for question in constructs[name]]
    known = answers[questions].notna().all(axis=1).to_numpy()
    complete = answers.loc[known, questions].to_numpy(dtype=np.float64)
    _check(complete, questions)
    who = np.arange(len(answers)) if customers is None else np.asarray(customers)
    drawn = correlation_draws(complete, who[known], draws, seed)
    blocks = np.repeat(np.arange(len(names)), [len(constructs[name]) for name in names])
    arrows = np.array([[source in paths.get(target, ()) for target in names] for source in names])
    weights = _weights(drawn[0], blocks, arrows)
    if weights is None:
        raise FitError("path model: the weights of the questions do not converge: use fewer constructs")
    again = [_weights(each, blocks, arrows) for each in drawn[1:]]
    resampled = [
        _coefficients(each.T @ correlations @ each, arrows)
        for each, correlations in zip(again, drawn[1:], strict=True)
        if each is not None
    ]
    between = weights.T @ drawn[0] @ weights
    return PathModel(
        _paths_table(names, arrows, _coefficients(between, arrows), resampled),
        _constructs_table(names, blocks, drawn[0], weights, arrows),
        _questions_table(names, questions, blocks, drawn[0], weights),
        len(complete),
    )


def _order(paths: Mapping[str, Sequence[str]], constructs: Mapping[str, Sequence[str]]) -> list[str]:
    """List the constructs on a path, sources first."""
    try:
        names = list(TopologicalSorter(paths).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise ParamsError(f"scorecard.voice.paths form a circle: {circle}: leave out one path") from None
    for name in names:
        if name not in constructs:
            raise ParamsError(
                f"scorecard.voice.paths: {name!r} has no questions: it is one of {', '.join(constructs)}"
            )
    return names


def _check(complete: Floats, questions: Sequence[str]) -> None:
    if len(complete) < 30:
        raise DataError(f"path model: only {len(complete)} complete answers, at least 30 are needed")
    constant = np.ptp(complete, axis=0) == 0
    if constant.any():
        raise DataError(f"path model: all answers to {questions[int(constant.argmax())]!r} are equal")


def _weights(correlations: Floats, blocks: np.ndarray, arrows: np.ndarray) -> Floats | None:
    """Weights of questions (rows) in constructs (columns) of variance 1; None without convergence."""
    member = np.equal.outer(blocks, np.arange(len(arrows))).astype(np.float64)
    weights = _standardise(member, correlations)
    for _ in range(_MOST_ROUNDS):
        between = weights.T @ correlations @ weights
        inner = _coefficients(between, arrows) + np.where(arrows.T, between, 0.0)
        new = _standardise(member * (correlations @ weights @ inner), correlations)
        if np.abs(new - weights).max() < _TOLERANCE:
            return _towards_questions(new, correlations, member)
        weights = new
    return None


def _standardise(weights: Floats, correlations: Floats) -> Floats:
    variance = np.einsum("qc,qr,rc->c", weights, correlations, weights)
    return weights / np.sqrt(np.where(variance > 0, variance, np.nan))


def _towards_questions(weights: Floats, correlations: Floats, member: Floats) -> Floats:
    """Turn each construct so that most of its questions agree with it."""
    agreeing = (member * np.sign(correlations @ weights)).sum(axis=0)
    return weights * np.where(agreeing < 0, -1.0, 1.0)


def _coefficients(between: Floats, arrows: np.ndarray) -> Floats:
    """Standardised regression coefficients by source (rows) and target (columns)."""
    found = np.zeros(arrows.shape)
    for target in np.flatnonzero(arrows.any(axis=0)):
        sources = np.flatnonzero(arrows[:, target])
        among = between[np.ix_(sources, sources)]
        found[sources, target] = np.linalg.lstsq(among, between[sources, target], rcond=None)[0]
    return found


def _paths_table(
    names: Sequence[str], arrows: np.ndarray, coefficients: Floats, resampled: Sequence[Floats]
) -> pd.DataFrame:
    sources, targets = np.nonzero(arrows)
    order = np.lexsort((sources, targets))
    sources, targets = sources[order], targets[order]
    named = np.array(names)
    total = np.linalg.inv(np.eye(len(names)) - coefficients) - np.eye(len(names))
    drawn = np.array([each[sources, targets] for each in resampled]).reshape(-1, len(sources))
    lower, upper = limits(drawn)
    return pd.DataFrame(
        {
            "source": named[sources],
            "target": named[targets],
            "coefficient": coefficients[sources, targets],
            "coefficient_lower": lower,
            "coefficient_upper": upper,
            "total": total[sources, targets],
        }
    )


def _constructs_table(
    names: Sequence[str], blocks: np.ndarray, correlations: Floats, weights: Floats, arrows: np.ndarray
) -> pd.DataFrame:
    between = weights.T @ correlations @ weights
    coefficients, loadings = _coefficients(between, arrows), correlations @ weights
    rows = []
    for place, name in enumerate(names):
        own = np.flatnonzero(blocks == place)
        loading, count = loadings[own, place], len(own)
        several, squares = count > 1, float((loading**2).sum())
        mean = (correlations[np.ix_(own, own)].sum() - count) / max(count * (count - 1), 1)
        explained = float(coefficients[:, place] @ between[:, place]) if arrows[:, place].any() else np.nan
        rows.append(
            {
                "construct": name,
                "questions": count,
                "alpha": count * mean / (1 + (count - 1) * mean) if several else np.nan,
                "composite_reliability": loading.sum() ** 2 / (loading.sum() ** 2 + count - squares)
                if several
                else np.nan,
                "average_variance": squares / count if several else np.nan,
                "r_squared": explained,
            }
        )
    return pd.DataFrame(rows)


def _questions_table(
    names: Sequence[str], questions: Sequence[str], blocks: np.ndarray, correlations: Floats, weights: Floats
) -> pd.DataFrame:
    rows = np.arange(len(questions))
    return pd.DataFrame(
        {
            "question": list(questions),
            "construct": [names[block] for block in blocks],
            "loading": (correlations @ weights)[rows, blocks],
            "weight": weights[rows, blocks],
        }
    )
