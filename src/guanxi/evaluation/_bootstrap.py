"""How sure a metric is, and a difference between two models: customers drawn again with replacement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from guanxi.errors import DataError
from guanxi.evaluation.metrics import Metric

Floats = NDArray[np.float64]

DRAWS = 200
LEVEL = 0.9
_MOST_ROWS = 50_000  # of one draw: more would tell no more than the scaling below does, and take longer


@dataclass(frozen=True)
class Bootstrap:
    """Metrics of several models on all customers, and on samples that all models share.

    Attributes
    ----------
    models : tuple of str
    metrics : mapping of str to Metric
    values : array, shape (n_models, n_metrics)
        On all customers.
    draws : array, shape (n_draws, n_models, n_metrics)
        On each sample, spread about ``values`` as samples of all customers would be; NaN where a sample
        could not be measured (one class only).
    """

    models: tuple[str, ...]
    metrics: Mapping[str, Metric]
    values: Floats
    draws: Floats

    def intervals(self, *, level: float = LEVEL) -> pd.DataFrame:
        """Percentile interval of each metric: ``model, metric, value, lower, upper``; NaN if not measured.

        Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. It concerns these customers
        only: another window may differ by more. Sampling adds noise to gaps that cannot be negative (ECE), so
        that their intervals lie high.
        """
        lower, upper = _ends(self.draws, level)
        rows = [
            {"model": model, "metric": metric, "value": v, "lower": low, "upper": high}
            for model, *columns in zip(self.models, self.values, lower, upper, strict=True)
            for metric, v, low, high in zip(self.metrics, *columns, strict=True)
        ]
        return pd.DataFrame(rows)

    def gain(self, metric: str, model: str, reference: str, *, level: float = LEVEL) -> dict[str, float]:
        """How much better a model is than the reference: ``gain``, with its interval ``lower, upper``.

        Above 0 the model is better, whatever the direction of the metric (for a bias: by how much it is
        nearer to 0). Both are measured on the same samples, so that what they share cancels.
        """
        i, r = (self._place(name) for name in (model, reference))
        j = list(self.metrics).index(metric)
        gain = self.metrics[metric].gain
        lower, upper = _ends(gain(self.draws[:, i, j], self.draws[:, r, j]), level)
        value = gain(float(self.values[i, j]), float(self.values[r, j]))
        return {"gain": value, "lower": float(lower), "upper": float(upper)}

    def _place(self, model: str) -> int:
        if model not in self.models:
            raise DataError(f"model {model!r} was not measured: use one of {', '.join(self.models)}")
        return self.models.index(model)


def bootstrap(
    actual: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    metrics: Mapping[str, Metric],
    *,
    seed: int,
    draws: int = DRAWS,
) -> Bootstrap:
    """Measure models on all customers and on samples of them, drawn with replacement.

    The order of the customers changes nothing. Of more than 50,000 customers, 50,000 are drawn, and the
    spread about the value of all is scaled by the root of the ratio (Bickel, Götze & van Zwet 1997,
    Resampling fewer than n observations, Statistica Sinica 7).

    Parameters
    ----------
    actual : array, shape (n,)
        What happened.
    predictions : mapping of model to array, shape (n,)
    metrics : mapping of name to Metric
    seed, draws : int
        200 samples give the ends of a 90 % interval within about a tenth of its width.

    Raises
    ------
    DataError
        If there is no model, no customer, or an array does not fit the others.

    Examples
    --------
    >>> from guanxi.evaluation.metrics import PROBABILITIES
    >>> churned, rule = [0, 0, 1, 1] * 50, [0.2, 0.4, 0.3, 0.9] * 50
    >>> two = bootstrap(churned, {"rule": rule, "chance": [0.5] * 200}, PROBABILITIES, seed=1)
    >>> gain = two.gain("auc", "rule", "chance")
    >>> gain["gain"], 0.1 < gain["lower"] < 0.25 < gain["upper"] < 0.4
    (0.25, True)
    """
    if not predictions:
        raise DataError("there is no model to measure: give at least one model's predictions")
    happened = np.asarray(actual, dtype=np.float64)
    forecasts = {name: np.asarray(forecast, dtype=np.float64) for name, forecast in predictions.items()}
    values = np.array(
        [[metric(happened, forecast) for metric in metrics.values()] for forecast in forecasts.values()]
    )
    # Customers alike in all columns are the same to every metric, so this order is of the data alone.
    order = np.lexsort([forecasts[name] for name in sorted(forecasts)] + [happened])
    columns = [_Column(happened[order], forecast[order]) for forecast in forecasts.values()]
    n, m = len(happened), min(len(happened), _MOST_ROWS)
    generator = np.random.default_rng(seed)
    samples = np.empty((draws, *values.shape))
    with threadpool_limits(1):  # threads that wait for each other take longer than one alone
        for sample in samples:
            rows = generator.integers(0, n, m)
            for measured, column in zip(sample, columns, strict=True):
                drawn = column.of(rows)
                measured[:] = [metric(*drawn) for metric in metrics.values()]
    return Bootstrap(tuple(forecasts), dict(metrics), values, values + math.sqrt(m / n) * (samples - values))


class _Column:
    """One model's rows in the order of its predictions: a sample of them is in order too, cheap to rank."""

    def __init__(self, actual: Floats, predicted: Floats) -> None:
        order = np.argsort(predicted, kind="stable")
        self._actual, self._predicted = actual[order], predicted[order]
        self._place = np.empty_like(order)
        self._place[order] = np.arange(len(order))

    def of(self, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        places = np.sort(self._place[rows])
        return self._actual[places], self._predicted[places]


def _ends(draws: Floats, level: float) -> tuple[Floats, Floats]:
    """Quantiles over the first axis, of the draws that were measured."""
    if not 0.0 < level < 1.0:
        raise DataError(f"the level of an interval is {level!r}: give a number between 0 and 1")
    tail = (1.0 - level) / 2.0
    measured = np.where(np.isnan(draws).all(axis=0), 0.0, draws)
    ends = np.nanquantile(measured, [tail, 1.0 - tail], axis=0)
    lower, upper = np.where(np.isnan(draws).all(axis=0), np.nan, ends)
    return lower, upper
