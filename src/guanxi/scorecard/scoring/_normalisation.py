"""Normalisation of indicators to one scale: 0 (worst) to 1 (best).

============  ========================================================================================
method        normalised value
============  ========================================================================================
``quantile``  mid-rank: the share of reference customers with a worse value, ties counting one half
``min_max``   position between the 1 % and the 99 % quantile; 0 or 1 beyond them
``target``    1 at or beyond a target, 0 at or beyond a floor on the worse side, linear in between
``vector``    position between the worst and the best (for TOPSIS, which weights distances: ``spread``)
============  ========================================================================================

All are piecewise linear curves, fitted on one table (the reference) and applicable to any, so that other
periods and groups share the scale. A better value never has a lower level. Missing values stay missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import DataError, ParamsError

Floats = NDArray[np.float64]
NormalisationMethod = Literal["quantile", "min_max", "target", "vector"]

_ENDS = (0.01, 0.99)
_MOST_KNOTS = 1000
_MIDDLE = 0.5


@dataclass(frozen=True)
class ScaleTarget:
    """Target of an indicator, in its own unit.

    Attributes
    ----------
    value : float
        Level 1 at or beyond it.
    floor : float, optional
        Level 0 at or beyond it on the worse side. Default: the 1 % quantile of the reference table (99 % if
        lower is better).
    """

    value: float
    floor: float | None = None


@dataclass(frozen=True)
class Curve:
    """The scale of one indicator.

    Attributes
    ----------
    knots : tuple of float
        Values in the indicator's own unit, increasing.
    levels : tuple of float
        Normalised values of the knots, 0 to 1; linear in between.
    higher_is_better : bool
        If true, values above the last knot are 1 and those below the first 0; otherwise the reverse.
    spread : float
        ``vector`` only: distance between worst and best after division by the Euclidean norm; otherwise 1.
    """

    knots: tuple[float, ...]
    levels: tuple[float, ...]
    higher_is_better: bool
    spread: float = 1.0

    @property
    def constant(self) -> bool:
        """Whether all reference customers had the same value."""
        return self.levels == (_MIDDLE,)

    def apply(self, values: ArrayLike) -> Floats:
        """Normalise values to 0 (worst) to 1 (best), shape (n,); NaN stays NaN."""
        below, above = (0.0, 1.0) if self.higher_is_better else (1.0, 0.0)
        given = np.asarray(values, dtype=np.float64)
        found = np.interp(given, self.knots, self.levels, left=below, right=above)
        return np.where(np.isnan(given), math.nan, found)  # with a single knot, interp turns NaN into a level


@dataclass(frozen=True)
class Normalisation:
    """The scales of all indicators, fitted on one table.

    Attributes
    ----------
    method : str
        See the module docstring.
    curves : mapping of str to Curve
        Indicators unknown for all reference customers are omitted.

    Examples
    --------
    >>> table = pd.DataFrame({"csat": [1.0, 4.0, 4.0], "complaints": [0.0, 2.0, 1.0]})
    >>> fitted = Normalisation.fit(table, {"csat": True, "complaints": False})
    >>> fitted.curves["csat"].apply([1.0, 4.0, 5.0]).round(2).tolist()
    [0.17, 0.67, 1.0]
    >>> fitted.curves["complaints"].apply([0.0, 2.0, float("nan")]).round(2).tolist()
    [0.83, 0.17, nan]
    """

    method: NormalisationMethod
    curves: Mapping[str, Curve]

    @classmethod
    def fit(
        cls,
        reference: pd.DataFrame,
        higher_is_better: Mapping[str, bool],
        method: NormalisationMethod = "quantile",
        targets: Mapping[str, ScaleTarget] | None = None,
    ) -> Self:
        """Fit a scale for each indicator.

        Parameters
        ----------
        reference : pandas.DataFrame
            One column per indicator, one row per customer; NaN is missing.
        higher_is_better : mapping of str to bool
            The indicators to fit, with their direction.
        method : {"quantile", "min_max", "target", "vector"}
        targets : mapping of str to ScaleTarget
            For the method ``target``: one for each indicator.

        Raises
        ------
        ParamsError
            If the method is unknown, or a target is missing or on the wrong side of its floor.
        DataError
            If a value is infinite or not a number.
        """
        if method not in get_args(NormalisationMethod):
            known = ", ".join(get_args(NormalisationMethod))
            raise ParamsError(f"normalisation {method!r} is not known: choose one of {known}")
        if method == "target":
            _check_targets(higher_is_better, targets or {})
        curves = {}
        for name, higher in higher_is_better.items():
            values = finite_column(reference, name)
            values = values[~np.isnan(values)]
            if values.size:
                curves[name] = _curve(values, higher, method, (targets or {}).get(name))
        return cls(method, curves)

    def document(self) -> dict[str, Any]:
        """Return the fitted numbers as plain lists and dicts, for JSON."""
        return {
            "method": self.method,
            "curves": {name: asdict(curve) for name, curve in self.curves.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Restore from :meth:`document`."""
        curves = {
            name: Curve(**each | {ends: tuple(each[ends]) for ends in ("knots", "levels")})
            for name, each in document["curves"].items()
        }
        return cls(document["method"], curves)


def finite_column(table: pd.DataFrame, name: str) -> Floats:
    """Values of an indicator, shape (n,); DataError if one is infinite or not a number."""
    try:
        values = table[name].to_numpy(dtype=np.float64, na_value=math.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"indicator {name} holds values that are not numbers: {error}") from error
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        who = f"customer {table['customer_id'].iloc[row]}" if "customer_id" in table else f"row {row}"
        raise DataError(
            f"indicator {name} is infinite for {who} ({int(infinite.sum())} in all): "
            f"leave unknown values missing"
        )
    return values


def _check_targets(higher_is_better: Mapping[str, bool], targets: Mapping[str, ScaleTarget]) -> None:
    missing = [name for name in higher_is_better if name not in targets]
    if missing:
        raise ParamsError(
            f"normalisation target: no target for {', '.join(missing)}; "
            f"give one in scorecard.targets, leave it out of scorecard.tree, or choose quantile or min_max"
        )
    for name, higher in higher_is_better.items():
        target = targets[name]
        if not all(math.isfinite(each) for each in (target.value, target.floor or 0.0)):
            raise ParamsError(f"target of {name}: {target.value} and floor {target.floor} must be finite")
        if target.floor is not None and (target.floor >= target.value) == higher:
            side, better = ("below", "higher") if higher else ("above", "lower")
            raise ParamsError(
                f"target of {name}: its floor {target.floor:g} must lie {side} the target {target.value:g}, "
                f"since {better} is better"
            )


def _curve(values: Floats, higher: bool, method: NormalisationMethod, target: ScaleTarget | None) -> Curve:
    if target is not None and method == "target":
        return _to_target(values, higher, target)
    low, high = float(values.min()), float(values.max())
    if low == high:
        return Curve((low,), (_MIDDLE,), higher, 0.0 if method == "vector" else 1.0)
    if method == "quantile":
        return _mid_ranks(values, higher)
    if method == "vector":
        # Scaled first, since the square of a large number would overflow.
        largest = max(abs(low), abs(high))
        norm = largest * float(np.sqrt(np.square(values / largest).sum()))
        return _line(low, high, higher, (high - low) / norm)
    first, last = (float(end) for end in np.quantile(values, _ENDS))
    if first == last:  # a rare event: nearly all values are the same
        first, last = low, high
    return _line(first, last, higher)


def _line(low: float, high: float, higher: bool, spread: float = 1.0) -> Curve:
    return Curve((low, high), (0.0, 1.0) if higher else (1.0, 0.0), higher, spread)


def _to_target(values: Floats, higher: bool, target: ScaleTarget) -> Curve:
    floor = target.floor
    if floor is None:
        floor = float(np.quantile(values, _ENDS[0] if higher else _ENDS[1]))
        if (floor >= target.value) == higher:  # nearly everyone has reached it: no interval to interpolate
            return Curve((target.value,), (1.0,), higher)
    return _line(min(floor, target.value), max(floor, target.value), higher)


def _mid_ranks(values: Floats, higher: bool) -> Curve:
    """Mid-ranks, exact at the knots; with over 1,000 distinct values knots are 0.001 apart."""
    distinct, counts = np.unique(values, return_counts=True)
    places = (np.cumsum(counts) - counts / 2.0) / values.size
    if distinct.size > _MOST_KNOTS:
        steps = np.linspace(0.0, 1.0, _MOST_KNOTS + 1)
        kept = np.unique(np.minimum(np.searchsorted(places, steps), distinct.size - 1))
        distinct, places = distinct[kept], places[kept]
    levels = places if higher else 1.0 - places
    return Curve(tuple(distinct.tolist()), tuple(levels.tolist()), higher)
