"""Correction of the log odds of churning by trees, at many opportunities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..attribute_scorer import matrix
from ..document_parts import Attribute
from ..trees._ensemble import Trees
from .document import HazardTrees

Floats = NDArray[np.float64]

RENEWALS, LEAD = "renewals", "lead"
OWN = (RENEWALS, LEAD)


class HazardCorrection:
    """The trees of a document.

    Parameters
    ----------
    model : HazardTrees or None
        None: no correction.
    texts : sequence of str
        The boosters in LightGBM's text format.
    attributes : sequence of Attribute
    """

    def __init__(
        self, model: HazardTrees | None, texts: Sequence[str], attributes: Sequence[Attribute]
    ) -> None:
        self._model = model
        self._trees = Trees(texts) if model else None
        known = {each.name: each for each in attributes}
        self._attributes = [known[name] for name in (model.features if model else ()) if name in known]

    def steps(self, features: pd.DataFrame, opportunities: int) -> Any:
        """Compute the steps at the next opportunities, shape (n, opportunities); 0 without trees."""
        if self._model is None or self._trees is None:
            return 0.0
        coded, renewals = self._coded(features)
        leads = [lead for lead in self._model.leads if lead <= opportunities]
        at_leads = np.column_stack([self._trees.predict(self._at(coded, renewals, lead)) for lead in leads])
        return _between(np.log(leads), at_leads, np.log(np.arange(1, opportunities + 1))) + self._model.level

    def contributions(self, features: pd.DataFrame) -> tuple[dict[str, Floats], float]:
        """SHAP values of each feature for the next opportunity, and their mean; nothing without trees."""
        if self._model is None or self._trees is None:
            return {}, 0.0
        coded, renewals = self._coded(features)
        values = self._trees.contributions(self._at(coded, renewals, 1))
        by_name = dict(zip(self._model.features, values.T[:-1], strict=True))
        # The lead is the same for all.
        by_name[RENEWALS] = by_name[RENEWALS] + by_name.pop(LEAD, 0.0)
        return by_name, float(values[0, -1]) + self._model.level

    def _coded(self, features: pd.DataFrame) -> tuple[dict[str, Floats], Floats]:
        names = [each.name for each in self._attributes]
        columns = dict(zip(names, matrix(features, self._attributes).T, strict=True)) if names else {}
        return columns, features[RENEWALS].to_numpy(dtype=np.float64)

    def _at(self, coded: dict[str, Floats], renewals: Floats, lead: int) -> Floats:
        """Columns of the trees at a lead."""
        assert self._model is not None
        own = {RENEWALS: renewals + (lead - 1.0), LEAD: np.full(len(renewals), float(lead))}
        return np.column_stack([own[name] if name in own else coded[name] for name in self._model.features])


def _between(known: Floats, values: Floats, wanted: Floats) -> Floats:
    """Interpolate each row linearly; beyond the ends it is constant.

    Examples
    --------
    >>> _between(np.array([0.0, 1.0]), np.array([[2.0, 4.0]]), np.array([0.5, 3.0]))
    array([[3., 4.]])
    """
    right = np.clip(np.searchsorted(known, wanted), 1, max(len(known) - 1, 1))
    if len(known) == 1:
        return np.broadcast_to(values, (len(values), len(wanted)))
    share = np.clip((wanted - known[right - 1]) / (known[right] - known[right - 1]), 0.0, 1.0)
    return values[:, right - 1] * (1.0 - share) + values[:, right] * share
