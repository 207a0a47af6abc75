"""Folds of a cross-validation over customers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FOLDS = 5


def stratified_folds(label: NDArray[np.float64], seed: int) -> NDArray[np.intp]:
    """Draw the fold of each customer, with the same share of churners in each.

    Examples
    --------
    >>> sorted(stratified_folds(np.tile([0.0, 1.0], 5), 0).tolist())
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    """
    from sklearn.model_selection import StratifiedKFold

    folds = np.empty(len(label), dtype=np.intp)
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(label, label)
    for fold, (_, held_out) in enumerate(split):
        folds[held_out] = fold
    return folds
