"""LightGBM for all boosted trees in guanxi: deterministic, with offsets, averaged over several seeds."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import FitError

Floats = NDArray[np.float64]
_ROWS_PER_LEAF_SHARE = 20
# One thread grows a tree on 80,000 rows x 40 features in 9 ms, as do two; on a busy machine, two threads that
# wait for each other took 240 ms.
_ROWS_FOR_THREADS = 300_000
_ROWS_FOR_BINS = 20_000  # bins from this sample take two thirds of the time
_NOT_LIGHTGBM = ("n_estimators", "early_stopping_rounds", "n_seeds", "random_state")


@dataclass(frozen=True)
class Rows:
    """Rows for training or early stopping.

    Attributes
    ----------
    X : array of shape (n, n_features), or Bins
        NaN is a missing value.
    y : array of shape (n,)
    offset : array of shape (n,), optional
        On the scale of the objective (log odds, or logarithm of a mean).
    weight : array of shape (n,), optional
    """

    X: Any
    y: Floats
    offset: Floats | None = None
    weight: Floats | None = None


def grow(
    rows: Rows,
    objective: str,
    settings: Mapping[str, Any],
    rounds: int,
    seed: int,
    *,
    later: Rows | None = None,
    categorical: Sequence[int] = (),
    cancelled: Event | None = None,
) -> Any:
    """Grow one booster.

    Parameters
    ----------
    rows : Rows
    objective : {"binary", "poisson", "gamma"}
    settings : mapping
        With the names of LightGBM's scikit-learn interface; ``min_child_samples`` is capped at a twentieth of
        the rows. ``early_stopping_rounds`` applies if there are later rows.
    rounds : int
        Maximum number of trees.
    seed : int
        Seed of the column and row samples.
    later : Rows, optional
        Rows of a later time for early stopping.
    categorical : sequence of int
        Columns of category codes.
    cancelled : threading.Event, optional
        Once it is set, training ends with the next tree.

    Returns
    -------
    lightgbm.Booster
        With ``best_iteration`` if there are later rows.

    Raises
    ------
    FitError
        If LightGBM fails, for example because predictions overflow.
    """
    lightgbm = _import_lightgbm()
    own = _parameters(settings, len(rows.y), seed) | {"objective": objective}
    data = _dataset(lightgbm, rows, own, categorical_feature=list(categorical))
    callbacks = [] if cancelled is None else [partial(_stop_if_cancelled, cancelled)]
    given: dict[str, Any] = {}
    if later is not None:
        callbacks.append(lightgbm.early_stopping(int(settings["early_stopping_rounds"]), verbose=False))
        given = {"valid_sets": [_dataset(lightgbm, later, own, reference=data)]}
    try:
        return lightgbm.train(own, data, rounds, callbacks=callbacks, **given)
    except lightgbm.basic.LightGBMError as error:
        reason = " ".join(str(error).split())[:200]
        raise FitError(f"LightGBM could not grow trees with these settings: {reason}") from error


class Bins:
    """A table of features in LightGBM's bins, for boosters that differ in outcome, weight or offset.

    Parameters
    ----------
    X : array of shape (n, n_features)
        NaN is a missing value.
    settings : mapping
        As for :func:`grow`, with the same number of leaves' rows.
    seed : int
    reference : Bins, optional
        Of the training rows, for rows of early stopping.
    """

    def __init__(
        self, X: Floats, settings: Mapping[str, Any], seed: int, reference: Bins | None = None
    ) -> None:
        lightgbm = _import_lightgbm()
        own = _parameters(settings, len(X), seed) if reference is None else reference._own
        given = {} if reference is None else {"reference": reference._data}
        self._own: dict[str, Any] = own
        self._all = np.arange(len(X), dtype=np.int32)
        self._data: Any = lightgbm.Dataset(X, np.zeros(len(X)), params=own, **given).construct()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._all)

    def dataset(self, rows: Rows) -> Any:
        """Make the LightGBM data set of rows in the order of the table."""
        data = self._data.subset(self._all).construct()
        return data.set_label(rows.y).set_weight(rows.weight).set_init_score(rows.offset)


def _parameters(settings: Mapping[str, Any], rows: int, seed: int) -> dict[str, Any]:
    """Return LightGBM's parameters for a number of rows."""
    own = {name: value for name, value in settings.items() if name not in _NOT_LIGHTGBM}
    return own | {
        "min_child_samples": max(1, min(int(settings["min_child_samples"]), rows // _ROWS_PER_LEAF_SHARE)),
        "seed": seed,
        "deterministic": True,
        # With a share of the features in each tree it is a quarter to a third faster than by rows.
        "force_col_wise": True,
        "bin_construct_sample_cnt": _ROWS_FOR_BINS,
        "num_threads": 0 if rows > _ROWS_FOR_THREADS else 1,
        "verbose": -1,
    }


def grow_in_parallel(growers: Sequence[Callable[..., Any]], rows: int) -> list[Any]:
    """Grow several boosters in parallel, in a thread each: LightGBM releases the interpreter lock.

    With so many ``rows`` that a booster uses all cores they are grown one after the other. An interruption or
    error cancels the others at their next tree.
    """
    alone = rows > _ROWS_FOR_THREADS
    cancelled = Event()
    with ThreadPoolExecutor(1 if alone else os.cpu_count()) as pool:
        grown = [pool.submit(grower, cancelled=cancelled) for grower in growers]
        try:
            return [each.result() for each in grown]
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _stop_if_cancelled(cancelled: Event, _: Any) -> None:
    if cancelled.is_set():
        raise CancelledError


def _dataset(lightgbm: Any, rows: Rows, settings: dict[str, Any], **given: Any) -> Any:
    if isinstance(rows.X, Bins):
        return rows.X.dataset(rows)
    return lightgbm.Dataset(
        rows.X, rows.y, init_score=rows.offset, weight=rows.weight, params=settings, **given
    )


def _import_lightgbm() -> Any:
    """Import LightGBM with threads that sleep while waiting."""
    # Spinning threads would block the cores: next to one busy process, 2.5 s instead of 1.2 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm

    return lightgbm
