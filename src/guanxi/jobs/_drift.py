"""Whether the customers scored resemble those a model was trained on."""

from __future__ import annotations

from datetime import date

import pandas as pd

from guanxi.errors import RegistryError
from guanxi.evaluation.monitoring.drift import compare_with_profile
from guanxi.evaluation.monitoring.verdict import assess_drift
from guanxi.jobs.reporter import Reporter
from guanxi.params import MonitorParams
from guanxi.periods import parse_date
from guanxi.registry.loaded_model import LoadedTransactionModel

_ROWS = 20_000


class FeatureSample:
    """Every n-th customer of the chunks that were scored.

    Parameters
    ----------
    customers : int
        Number of customers of all chunks.
    """

    def __init__(self, customers: int) -> None:
        self._customers, self._step = customers, customers // _ROWS + 1
        self._seen = 0
        self._kept: list[pd.DataFrame] = []

    def take(self, features: pd.DataFrame) -> pd.DataFrame:
        """Sample a chunk, and return it whole."""
        self._seen += len(features)
        self._kept.append(features.iloc[:: self._step])
        return features

    def warn(
        self, loaded: LoadedTransactionModel, as_of: date, limits: MonitorParams, reporter: Reporter
    ) -> None:
        """Warn of features that drifted beyond the limits of ``guanxi monitor``.

        Scores are not compared: a day in another season changes them. Nor are days more than a horizon from
        that of the training, which differ without any fault of the customers. A resumed job has not seen all
        chunks, and a model of an earlier version may have no profile.
        """
        trained = parse_date(loaded.as_of, what="the model's as_of")
        horizons = abs((as_of - trained).days) / loaded.horizon_days
        if horizons > 1.0 or self._seen < self._customers:
            return
        try:
            profile = {**loaded.profile, "scores": {}}
        except RegistryError:
            return
        drift = compare_with_profile(profile, pd.concat(self._kept), pd.DataFrame(), horizons=horizons)
        for found in assess_drift(drift, limits):
            reporter.warn(
                f"these customers differ from those of {loaded.source} that the model was trained on: "
                f"{found.text}; guanxi monitor says more"
            )
