"""From features to predictions: what the package computes and what the served model computes.

This file, ``words.py`` and the formulas are copied into every served model, so they import nothing of
guanxi but each other, by relative imports.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from . import words
from .formulas import posterior
from .formulas.distinct import distinct_rows
from .formulas.lifetime_value import discounted
from .formulas.mixture import PurchaseMixture
from .formulas.processes import PROCESSES
from .formulas.spend_processes import SPEND_PROCESSES

Floats = NDArray[np.float64]

RFM = ("frequency", "recency", "T", "monetary_value")
PRIOR = "purchase_pattern"
_DISCOUNT_PERIOD_DAYS = 30.0
_DAYS_PER_YEAR = 365.0


def calibrated(log_odds: ArrayLike, *, slope: float, intercept: float) -> Floats:
    """Probability of calibrated log odds: ``1 / (1 + exp(-(intercept + slope * log_odds)))``."""
    z = intercept + slope * np.asarray(log_odds, dtype=np.float64)
    # Both halves are written with exp of a negative number, so that none overflows.
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0 / (1.0 + small), small / (1.0 + small)))


class Scorer:
    """Scores feature tables with one fitted model.

    Parameters
    ----------
    model : mapping
        The model's JSON document: ``transactions`` (``fitted``: each model's name to its ``params`` and
        ``log_covariance``; ``counts`` and ``churn``: the names of those whose mean is taken), ``spend``
        (``model``, ``params``, ``log_covariance``), ``churn`` (``features``, ``calibration``; or null),
        ``lifetime_value``, ``drivers`` (``top``, ``reference``), ``language``, ``horizon_days``, ``as_of``.
    booster_text : str or None
        The trees in LightGBM's own text format; None where there are none.
    """

    def __init__(self, model: Mapping[str, Any], booster_text: str | None) -> None:
        self.model = model
        self._booster_text = booster_text
        self._booster: Any = None
        self._counts, self._churn = (
            PurchaseMixture([member[:2] for member in self._members(target)])
            for target in ("counts", "churn")
        )

    @property
    def purchases(self) -> PurchaseMixture:
        """The purchase model, or the mean of several, behind the expected purchases."""
        return self._counts

    @property
    def features(self) -> list[str]:
        """Feature columns that a table must have."""
        churn = self.model["churn"]
        return list(dict.fromkeys([*RFM, *(churn["features"] if churn else ())]))

    def score(
        self,
        features: pd.DataFrame,
        *,
        as_of: str | None = None,
        horizon_days: int | None = None,
        drivers: int | None = None,
        annual_discount_rate: float | None = None,
        interval: float | None = None,
    ) -> pd.DataFrame:
        """Predict every row.

        Parameters
        ----------
        features : pandas.DataFrame
            One row per customer with the columns of :attr:`features`, as of ``as_of``.
        as_of : str, optional
            ISO date the features belong to; default: the training day.
        horizon_days, drivers, annual_discount_rate, interval : optional
            Default: as trained. Another horizon moves the churn probability along the purchase model's
            own curve and keeps the trees' correction.

        Returns
        -------
        pandas.DataFrame
            The prediction table without ``customer_id`` and ``model_version``, in the order of the rows.
        """
        value = dict(self.model["lifetime_value"])
        if annual_discount_rate is not None:
            value["annual_discount_rate"] = annual_discount_rate
        if interval is not None:
            value["interval"] = interval
        horizon = int(horizon_days or self.model["horizon_days"])
        top = self.model["drivers"]["top"] if drivers is None else drivers
        day = pd.Timestamp(as_of or self.model["as_of"])
        table = pd.DataFrame({"horizon_days": horizon}, index=features.index)
        for name in RFM:
            table[name] = features[name].to_numpy(dtype=np.float64)
        table.insert(0, "as_of", pd.Series([day.date()] * len(table), index=table.index, dtype=object))
        for name, column in self._value_columns(table, horizon, value).items():
            table[name] = column
        table["churn_probability"] = self._churn_probability(features, horizon)
        table["next_purchase_date"] = self._next_purchase_date(table, day)
        if top == 0:
            return table
        effects = self.driver_effects(features, horizon)
        return pd.concat([table, self._driver_columns(features, effects, top)], axis=1)

    def log_odds_prior(self, rfm: pd.DataFrame, horizon_days: float) -> Floats:
        """Log odds of no purchase within the horizon by the purchase model alone, shape (n,)."""
        (x, t_x, T), inverse = distinct_rows(_columns(rfm, RFM[:3]))
        return self._churn.log_odds_no_purchase(x, t_x, T, horizon_days)[inverse]

    def count_probabilities(self, rfm: pd.DataFrame, horizon_days: float, most: int) -> Floats:
        """P(exactly n purchases within the horizon) for n = 0 ... most, shape (n, most + 1)."""
        x, t_x, T = _columns(rfm, RFM[:3])
        return posterior.count_probabilities(self._members("counts"), x, t_x, T, float(horizon_days), most)

    def interval(self, rfm: pd.DataFrame, horizon_days: float, level: float) -> dict[str, Floats]:
        """Central intervals of purchases and of undiscounted spend: see :mod:`.formulas.posterior`."""
        rows, inverse = distinct_rows(_columns(rfm, RFM))
        return {name: end[inverse] for name, end in self._interval(rows, horizon_days, level).items()}

    def tree_contributions(self, features: pd.DataFrame) -> Floats:
        """Exact SHAP values of the trees in log odds, shape (n, n_features + 1); the last is their mean."""
        return np.asarray(self._trees().predict(self._matrix(features), pred_contrib=True))

    def _members(self, target: str) -> list[tuple[Any, Mapping[str, float], Any]]:
        """Process, parameters and log-covariance of the purchase models behind ``counts`` or ``churn``."""
        transactions = self.model["transactions"]
        fitted = [(name, transactions["fitted"][name]) for name in transactions[target]]
        return [(PROCESSES[name], each["params"], each["log_covariance"]) for name, each in fitted]

    def _interval(self, rows: tuple[Floats, ...], horizon_days: float, level: float) -> dict[str, Floats]:
        x, t_x, T, mean = rows
        spend = self.model["spend"]
        amounts = (SPEND_PROCESSES[spend["model"]], spend["params"], spend["log_covariance"])
        purchases = self._members("counts")
        return posterior.interval(purchases, amounts, x, t_x, T, mean, float(horizon_days), level=level)

    def _value_columns(self, rfm: pd.DataFrame, horizon: int, value: Mapping[str, Any]) -> dict[str, Floats]:
        (x, t_x, T, mean), inverse = distinct_rows(_columns(rfm, RFM))
        (hx, ht_x, hT), which = distinct_rows((x, t_x, T))
        spend = self.model["spend"]
        process = SPEND_PROCESSES[spend["model"]]

        def purchases(days: float) -> Floats:
            return self._counts.expected_purchases(hx, ht_x, hT, days)[which]

        expected_purchases = purchases(float(horizon))
        expected_spend = process.expected_spend(spend["params"], x, mean)
        clv = discounted(
            purchases,
            expected_spend,
            float(horizon),
            annual_discount_rate=value["annual_discount_rate"],
            margin=value["margin"],
            period=_DISCOUNT_PERIOD_DAYS,
            year=_DAYS_PER_YEAR,
        )
        ends = self._interval((x, t_x, T, mean), horizon, value["interval"])
        # The interval is of undiscounted spend: margin and mean discount turn it into value.
        factor = np.divide(clv, expected_purchases * expected_spend, out=np.ones_like(clv), where=clv > 0)
        columns = {
            "probability_alive": self._counts.probability_alive(hx, ht_x, hT)[which],
            "expected_purchases": expected_purchases,
            "expected_spend": expected_spend,
            "clv": clv,
            "clv_lower": ends["spend_lower"] * factor,
            "clv_upper": ends["spend_upper"] * factor,
        }
        return {name: column[inverse] for name, column in columns.items()}

    def prior_base(self, horizon_days: float) -> float:
        """Mean log odds of no purchase within the horizon of the customers the model was trained on.

        Taken over a sample kept with the model, so that a row's effects depend on no other row scored.
        """
        sample = pd.DataFrame(self.model["drivers"]["reference"], columns=list(RFM[:3]))
        return float(self.log_odds_prior(sample, horizon_days).mean())

    def driver_effects(self, features: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
        """Effects on the log odds of churn by driver; with ``base`` they add up to it, before calibration."""
        churn = self.model["churn"]
        base = self.prior_base(horizon_days)
        effects = {
            "base": np.full(len(features), base),
            PRIOR: self.log_odds_prior(features, horizon_days) - base,
        }
        if churn is None:
            return pd.DataFrame(effects)
        contributions = self.tree_contributions(features)
        effects["base"] = effects["base"] + contributions[:, -1]
        for name, column in zip(churn["features"], contributions[:, :-1].T, strict=True):
            driver = words.driver_of(name)
            effects[driver] = effects.get(driver, 0.0) + column
        return pd.DataFrame(effects)

    def _churn_probability(self, features: pd.DataFrame, horizon_days: int) -> Floats:
        log_odds = self.log_odds_prior(features, horizon_days)
        churn = self.model["churn"]
        if churn is None:
            return calibrated(log_odds, slope=1.0, intercept=0.0)
        trees = self._trees().predict(self._matrix(features), raw_score=True)
        return calibrated(log_odds + np.asarray(trees), **churn["calibration"])

    def _matrix(self, features: pd.DataFrame) -> Floats:
        return np.column_stack(_columns(features, self.model["churn"]["features"]))

    def _trees(self) -> Any:
        if self._booster is None:
            import lightgbm

            self._booster = lightgbm.Booster(model_str=self._booster_text)
        return self._booster

    def _next_purchase_date(self, rfm: pd.DataFrame, day: pd.Timestamp) -> list[Any]:
        """Median date of the next purchase given alive; none beyond the last date pandas can write."""
        (x, t_x, T), inverse = distinct_rows(_columns(rfm, RFM[:3]))
        days = self._counts.next_purchase_quantile(x, t_x, T, 0.5)
        latest = (pd.Timestamp("2261-12-31") - day).days
        dates = [
            (day + pd.Timedelta(days=int(np.ceil(value)))).date() if value <= latest else None
            for value in days
        ]
        return [dates[i] for i in inverse]

    def _driver_columns(self, features: pd.DataFrame, effects: pd.DataFrame, top: int) -> pd.DataFrame:
        drivers = effects.drop(columns="base")
        names, values = np.asarray(drivers.columns), drivers.to_numpy()
        order = np.argsort(-np.abs(values), axis=1, kind="stable")
        rows = np.arange(len(features))
        columns: dict[str, Any] = {}
        for rank in range(1, top + 1):
            if rank > len(names):
                columns |= _blank_driver(rank, len(features))
                continue
            chosen = order[:, rank - 1]
            effect = values[rows, chosen]
            driver = names[chosen].astype(object)
            text = words.driver_texts(features, driver, self.model["language"])
            driver[effect == 0.0] = text[effect == 0.0] = None
            columns[f"driver_{rank}"] = driver
            columns[f"driver_{rank}_effect"] = np.where(effect == 0.0, np.nan, effect)
            columns[f"driver_{rank}_text"] = text
        return pd.DataFrame(columns, index=features.index)


def _blank_driver(rank: int, rows: int) -> dict[str, Any]:
    nothing = np.full(rows, None, dtype=object)
    return {
        f"driver_{rank}": nothing,
        f"driver_{rank}_effect": np.full(rows, np.nan),
        f"driver_{rank}_text": nothing,
    }


def _columns(table: pd.DataFrame, names: Any) -> tuple[Floats, ...]:
    return tuple(table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names)
