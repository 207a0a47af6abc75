"""Fuzzy comprehensive evaluation: degrees of membership in each grade, indicator by indicator.

Each normalised indicator has a membership in every grade. An operator combines weights and memberships, first
over the indicators of a dimension, then over the dimensions (second level). The resulting memberships add up
to 1 and are defuzzified to one score.

====================  ==========  =====================================================================
operator              literature  combination of weights and memberships
====================  ==========  =====================================================================
``weighted_average``  M(·,⊕)      sum of products: uses all of them
``product_or``        M(·,∨)      largest product: one indicator determines each grade, the others are
                                  ignored ("main factor prominent")
``and_bounded_sum``   M(∧,⊕)      sum of min(weight, membership), at most 1: many small weights truncate
                                  the memberships
``and_or``            M(∧,∨)      largest min(weight, membership): loses the most information ("main
                                  factor decisive")
====================  ==========  =====================================================================

Only the weighted average with the weighted score is monotone: a better value never lowers the score. With
triangular memberships that score equals the weighted sum, except for values beyond the best and the worst
grade; the memberships are additional information. All other choices can give a lower score for a better
value, because the operator ignores or truncates memberships.

References
----------
Wang, P. Z. (1983), Theory of fuzzy sets and its applications, Shanghai Science and Technology Press.
Feng, S. and Xu, L. D. (1999), Decision support for fuzzy comprehensive evaluation of urban development, Fuzzy
Sets and Systems 105.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import ParamsError
from guanxi.params.scorecard import FuzzyParams
from guanxi.scorecard.scoring._branches import Paths, branches_of
from guanxi.scorecard.scoring._scoring_methods import (
    Evaluation,
    Groups,
    Numbers,
    ScoringMethod,
    shares,
    weighted_averages,
)

Floats = NDArray[np.float64]
Operator = Literal["weighted_average", "product_or", "and_bounded_sum", "and_or"]
Defuzzification = Literal["weighted", "maximum"]

# Midpoints of four equal parts of the scale.
FUZZY_GRADES: Mapping[str, float] = {"excellent": 87.5, "good": 62.5, "fair": 37.5, "poor": 12.5}
_DECIMALS = 12
_STEPS = 1001


@dataclass(frozen=True)
class FuzzyEvaluation(ScoringMethod):
    """Fuzzy comprehensive evaluation on two levels: indicators within a dimension, then the dimensions.

    With the weighted average and the weighted score, points are the exact contributions of the indicators.
    With other choices the score is allocated in proportion to these.

    Attributes
    ----------
    grades : mapping of str to float
        Score of each grade, 0 to 100, best first. A normalised value at that score has membership 1 in the
        grade; so have values beyond the best and the worst grade.
    plateau : float
        Share of the interval between two grades with membership 1 in one of them, below 1: 0 gives
        triangular, larger values trapezoidal membership functions.
    operator : {"weighted_average", "product_or", "and_bounded_sum", "and_or"}
        See the module docstring.
    defuzzification : {"weighted", "maximum"}
        Mean of the grade scores weighted by membership, or the score of the grade with the largest membership
        (the better grade if tied).
    corners : mapping of str to tuple of float
        Trapezia of all grades, from 0 to 100: membership begins, is full from, is full to, ends. The best
        grade is full up to 100 and the worst from 0. Memberships of a value are divided by their sum. Empty:
        triangles, or trapezia by ``plateau``, between the scores of the grades.
    """

    name = "fuzzy"
    grades: Mapping[str, float] = field(default_factory=lambda: dict(FUZZY_GRADES))
    plateau: float = 0.0
    operator: Operator = "weighted_average"
    defuzzification: Defuzzification = "weighted"
    corners: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)

    @classmethod
    def from_params(cls, params: FuzzyParams) -> FuzzyEvaluation:
        """Configure it by the parameters; ParamsError if the grades are invalid.

        Examples
        --------
        >>> params = FuzzyParams(grades={"good": [40, 80, 100, 100], "bad": [0, 0, 40, 80]})
        >>> FuzzyEvaluation.from_params(params).memberships([0.5, 0.9]).tolist()
        [[0.25, 0.75], [1.0, 0.0]]
        """
        corners = {name: each for name, each in params.grades.items() if isinstance(each, tuple)}
        if corners and len(corners) < len(params.grades):
            raise ParamsError("scorecard.fuzzy.grades: give every grade a score, or every grade four corners")
        for name, (low, full, last, high) in corners.items():
            if not low <= full <= last <= high:
                raise ParamsError(
                    f"scorecard.fuzzy.grades.{name}: corners must not fall, from where membership begins "
                    f"to where it ends"
                )
        centres = {
            name: (each[1] + each[2]) / 2.0 if isinstance(each, tuple) else each
            for name, each in params.grades.items()
        }
        return cls(
            grades=centres or dict(FUZZY_GRADES),
            plateau=params.plateau,
            operator=params.operator,
            defuzzification=params.defuzzification,
            corners=corners,
        )

    def __post_init__(self) -> None:
        scores = list(self.grades.values())
        if len(scores) < 2 or scores[0] > 100 or scores[-1] < 0 or any(b >= a for a, b in pairwise(scores)):
            raise ParamsError(
                f"fuzzy grades must be two or more with scores that fall between 100 and 0, "
                f"not {', '.join(f'{name} {score:g}' for name, score in self.grades.items())}"
            )
        if not 0 <= self.plateau < 1:
            raise ParamsError(f"fuzzy plateau must be at least 0 and less than 1, not {self.plateau:g}")
        for what, given, known in (
            ("operator", self.operator, get_args(Operator)),
            ("defuzzification", self.defuzzification, get_args(Defuzzification)),
        ):
            if given not in known:
                raise ParamsError(f"fuzzy {what} {given!r} is not known: choose one of {', '.join(known)}")
        if self.corners and not self._trapezia(np.linspace(0.0, 1.0, _STEPS)).any(axis=1).all():
            raise ParamsError("scorecard.fuzzy.grades: some scores are in no grade: let the corners overlap")

    @property
    def scores(self) -> Floats:
        """Scores of the grades, best first, shape (n_grades,)."""
        return np.asarray(list(self.grades.values()), dtype=np.float64)

    @property
    def additive(self) -> bool:
        """Whether the score is a sum over indicators: only by weighted average and weighted score."""
        return (self.operator, self.defuzzification) == ("weighted_average", "weighted")

    def cut_points(self) -> dict[str, float]:
        """Lower bound of each grade: halfway to the next worse one, 0 for the worst."""
        middles = (self.scores[:-1] + self.scores[1:]) / 2.0
        return dict(zip(self.grades, [*middles.tolist(), 0.0], strict=True))

    def defuzzify(self, memberships: Floats) -> Floats:
        """Turn memberships, shape (..., n_grades), into scores from 0 to 100, shape (...)."""
        if self.defuzzification == "weighted":
            return np.asarray(memberships @ self.scores)
        return np.asarray(self.scores[memberships.round(_DECIMALS).argmax(axis=-1)])

    def memberships(self, values: ArrayLike) -> Floats:
        """Membership of each normalised value, shape (n,), in each grade, shape (n, n_grades).

        Each row adds up to 1.

        Examples
        --------
        >>> FuzzyEvaluation().memberships([0.95, 0.5]).tolist()
        [[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]]
        """
        if self.corners:
            return shares(self._trapezia(values))
        rising = self.scores[::-1]
        # Place on a scale where each grade is a whole number, 0 the worst.
        place = np.interp(100.0 * np.asarray(values, dtype=np.float64), rising, np.arange(rising.size))
        # Progress from each grade to the next better one.
        borders = np.arange(rising.size - 1) + 0.5
        passed = np.clip((place[:, None] - borders) / (1.0 - self.plateau) + 0.5, 0.0, 1.0)
        return np.diff(passed[:, ::-1], axis=1, prepend=0.0, append=1.0)

    def _trapezia(self, values: ArrayLike) -> Floats:
        """Membership in each grade before division by the sum, shape (n, n_grades)."""
        given = 100.0 * np.asarray(values, dtype=np.float64)
        columns = []
        for place, (low, full, last, high) in enumerate(self.corners[name] for name in self.grades):
            up = np.where(given >= full, 1.0, (given - low) / (full - low) if full > low else 0.0)
            down = np.where(given <= last, 1.0, (high - given) / (high - last) if high > last else 0.0)
            up = np.where(place == len(self.grades) - 1, 1.0, up)  # nothing is worse than the worst grade
            down = np.where(place == 0, 1.0, down)
            columns.append(np.clip(np.minimum(up, down), 0.0, 1.0))
        return np.column_stack(columns)

    def evaluate(self, values: Floats, weights: Floats, names: Sequence[str], groups: Groups) -> Evaluation:
        """Evaluate the indicators of each dimension, then the dimensions."""
        single = self.memberships(values.ravel()).reshape(*values.shape, -1)
        of_groups = np.zeros((len(values), len(groups), single.shape[2]))
        group_weights = np.zeros((len(values), len(groups)))
        for place, columns in enumerate(groups.values()):
            group_weights[:, place] = weights[:, columns].sum(axis=1)
            composed = compose(shares(weights[:, columns]), single[:, columns], self.operator)
            of_groups[:, place] = shares(composed)
        found = shares(compose(group_weights, of_groups, self.operator))
        score = self.defuzzify(found)
        points = shares(weights * (single @ self.scores)) * score[:, None]
        return Evaluation(score, points, self.defuzzify(of_groups), found)

    def score_sets(self, table: pd.DataFrame, weights: Numbers, paths: Paths | None = None) -> Numbers:
        """Score under many sets of weights: the weighted sum of the scores of single indicators.

        Raises
        ------
        ParamsError
            Unless the operator is the weighted average and the defuzzification the weighted score.
        """
        if not self.additive:
            raise ParamsError("fuzzy scores under many weights need the weighted average and weighted score")
        values = table.to_numpy(dtype=np.float64)
        alone = self.defuzzify(self.memberships(values.ravel())).reshape(values.shape)
        branches = branches_of(list(table.columns), paths)
        return weighted_averages((alone / 100.0).astype(weights.dtype), weights, branches)


def compose(weights: ArrayLike, memberships: ArrayLike, operator: Operator) -> Floats:
    """Combine the memberships of several factors: B = A ∘ R.

    A are weights, shape (..., m), each row adding up to 1; R are memberships, shape (..., m, n_grades). B,
    shape (..., n_grades), is not normalised to sum to 1. See the module docstring for the operators.

    Examples
    --------
    >>> clothes = [[0.2, 0.5, 0.2, 0.1], [0.7, 0.2, 0.1, 0], [0, 0.4, 0.5, 0.1], [0.2, 0.3, 0.5, 0]]
    >>> compose([0.1, 0.2, 0.3, 0.4], clothes, "and_or").tolist()
    [0.2, 0.3, 0.4, 0.1]
    """
    each, of = np.asarray(weights, dtype=np.float64)[..., None], np.asarray(memberships, dtype=np.float64)
    joined = np.minimum(each, of) if operator in ("and_or", "and_bounded_sum") else each * of
    if operator in ("and_or", "product_or"):
        return np.asarray(joined.max(axis=-2))
    return np.asarray(np.minimum(joined.sum(axis=-2), 1.0))
