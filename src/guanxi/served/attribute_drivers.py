"""The strongest drivers among the effects of customers' attributes, with descriptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .document_parts import Attribute
from .ordering import falling
from .text_columns import as_column, gathered, taken
from .texts import five_digits, texts

Floats = NDArray[np.float64]


def driver_columns(
    effects: Floats, names: Sequence[str], top: int, describe: Callable[[int, Any], NDArray[Any]]
) -> dict[str, Any]:
    """Columns ``driver_1, driver_1_effect, driver_1_text`` and so on; missing where there is no effect.

    Parameters
    ----------
    effects : array, shape (n, len(names))
    names : sequence of str
    top : int
        Number of drivers.
    describe : callable
        Returns the texts of the effect at a place, for an array of rows.
    """
    order, rows_count = falling(np.abs(effects)), len(effects)
    columns: dict[str, Any] = {}
    for rank in range(top):
        effect = np.full(rows_count, np.nan)
        chosen = np.full(rows_count, -1)
        if rank < effects.shape[1]:
            found = effects[np.arange(rows_count), order[:, rank]]
            effect = np.where(found == 0.0, np.nan, found)
            chosen = np.where(found == 0.0, -1, order[:, rank])
        places = np.unique(chosen[chosen >= 0])
        rows = {int(place): np.flatnonzero(chosen == place) for place in places}
        columns |= {
            f"driver_{rank + 1}": as_column(taken(names, chosen)),
            f"driver_{rank + 1}_effect": effect,
            f"driver_{rank + 1}_text": gathered(
                rows_count, [(each, describe(place, each)) for place, each in rows.items()]
            ),
        }
    return columns


def describe_values(name: str, attribute: Attribute, values: Floats, language: str) -> NDArray[Any]:
    """Describe an attribute by each customer's value (a category by its index) and the typical one."""
    distinct, inverse = np.unique(values, return_inverse=True)
    described = [f"{name}: {_description(value, attribute, language)}" for value in distinct]
    return np.array(described, dtype=object)[inverse]


def _description(value: float, attribute: Attribute, language: str) -> str:
    phrases = texts(__package__, language)["attributes"]
    if np.isnan(value):
        return str(phrases["missing"])
    categories, typical = attribute.categories, attribute.typical
    if categories is None:
        return str(phrases["typical"].format(value=five_digits(value), typical=five_digits(typical)))
    return str(phrases["share"].format(value=categories[int(value)], share=100.0 * typical[int(value)]))
