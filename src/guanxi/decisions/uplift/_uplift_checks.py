"""Checks of a campaign before any uplift is learned from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError, did_you_mean

Floats = NDArray[np.float64]

FEWEST = 50  # responders and others of each arm: ten for each fold
CONTROL = "control"


def read_arms(table: pd.DataFrame, arm: str) -> tuple[Floats, str]:
    """Read which customers were treated, and the name of the treated arm.

    Controls are ``"control"``, False or 0.

    Raises
    ------
    DataError
        If the column is not in the table, an arm is missing, or there are not exactly a control and one
        other arm.
    """
    values = _column(table, arm, "arm")
    if values.isna().any():
        raise DataError(f"{values.isna().sum():,} customers have no {arm!r}: say for each one its arm")
    names = values.astype("object").map(_arm_name)
    found = sorted(names.unique())
    others = [name for name in found if name != CONTROL]
    if CONTROL not in found or not others:
        what = f"no {CONTROL!r} in {arm!r}" if CONTROL not in found else f"only {CONTROL!r} in {arm!r}"
        raise DataError(f"there is {what}, only {', '.join(found)}: uplift compares an arm with a control")
    if len(others) > 1:
        raise DataError(
            f"{arm!r} has the arms {', '.join(others)} beside {CONTROL!r}: keep the rows of one of them and "
            f"of {CONTROL!r}, and learn each uplift by itself"
        )
    return np.asarray(names != CONTROL, dtype=np.float64), others[0]


def read_outcome(table: pd.DataFrame, outcome: str) -> Floats:
    """Read an outcome of yes or no.

    Raises
    ------
    DataError
        If the column is not in the table, or holds anything but 0 and 1 or False and True.
    """
    values = _column(table, outcome, "outcome")
    if values.isna().any():
        raise DataError(
            f"{values.isna().sum():,} customers have no {outcome!r}: drop them if it is not yet known, or "
            f"give 0 if nothing happened"
        )
    if not pd.api.types.is_numeric_dtype(values) or not values.isin([0, 1]).all():
        raise DataError(f"the outcome {outcome!r} is not of yes or no: give 0 and 1, or False and True")
    return values.to_numpy(dtype=np.float64)


def check_numbers(outcome: Floats, treated: Floats, names: dict[str, str]) -> None:
    """Check that both arms have enough responders and others to learn from and to hold out.

    Raises
    ------
    DataError
        If there is one outcome value only, or an arm has fewer than 50 customers of one outcome.
    """
    if outcome.min() == outcome.max():
        raise DataError(
            f"all {len(outcome):,} customers have {names['outcome']!r} = {outcome[0]:.0f}: "
            f"an uplift needs both outcomes"
        )
    for value, name in ((0, CONTROL), (1, names["arm"])):
        part = outcome[treated == value]
        fewest = int(min(part.sum(), len(part) - part.sum()))
        if fewest < FEWEST:
            rare = "with" if part.sum() <= len(part) / 2 else "without"
            raise DataError(
                f"the arm {name!r} has {fewest:,} of {len(part):,} customers {rare} {names['outcome']!r}: "
                f"uplift by customer needs at least {FEWEST}; measure the effect of the campaign instead"
            )


def check_features(features: Sequence[str], arm: str, outcome: str) -> None:
    """Check that no feature is the arm or the outcome, or given twice.

    Raises
    ------
    DataError
    """
    for name in (arm, outcome):
        if name in features:
            raise DataError(f"{name!r} is among the features: name only what was known before the campaign")
    twice = sorted({name for name in features if list(features).count(name) > 1})
    if twice:
        raise DataError(f"the feature {twice[0]!r} is named twice: name it once")


def _column(table: pd.DataFrame, name: str, what: str) -> pd.Series:
    if name not in table.columns:
        raise DataError(f"the {what} {name!r} is not in the table: {did_you_mean(name, table)}")
    return table[name]


def _arm_name(value: object) -> str:
    if isinstance(value, (bool, np.bool_, int, float, np.integer, np.floating)) and value in (0, 1):
        return "treated" if value else CONTROL
    return str(value)
