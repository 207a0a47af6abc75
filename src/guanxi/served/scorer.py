"""Predictions from features, for the package and for served models alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import driver_texts
from ._business_time import amount_factor, business_days, calendar_days
from ._customer_value import LEAST, purchase_curve, purchases_if_kept, value_columns
from .attribute_drivers import driver_columns
from .corrections import Correction, probability, share_coders
from .input_checks import (
    Features,
    _check_finite,
    _check_histories,
    _check_table,
    _checked_annual_discount_rate,
    _checked_day,
    _checked_drivers,
    _checked_horizon_days,
    _checked_interval,
    _checked_language,
    _FeatureMatrix,
    _float_columns,
)
from .intervals import posterior_predictive
from .intervals.predictive_distributions import PredictiveDistributions
from .model import LifetimeValue, ServedModel
from .numerics import distinct_rows
from .purchases.registry import PROCESSES, PurchaseMixture
from .spend import SPEND_PROCESSES, margin_rate

Floats = NDArray[np.float64]

RFM = ("frequency", "recency", "T", "monetary_value")
MARGIN_SHARE = "margin_share"
PRIOR = "purchase_pattern"
_PATTERNS_KEPT = 64


class Scorer:
    """Scores feature tables with one fitted model.

    Parameters
    ----------
    model : ServedModel
    trees : mapping of str to sequence of str
        Boosters of the correction of each target, in LightGBM's text format; no entry: no trees.
    """

    def __init__(self, model: ServedModel, trees: Mapping[str, Sequence[str]]) -> None:
        self.model = model
        self._corrections = {
            target: Correction(each, trees.get(target, ())) for target, each in model.corrections.items()
        }
        share_coders(self._corrections.values())
        self._counts, self._churn = (
            PurchaseMixture([member[:2] for member in self._members(names)])
            for names in (model.purchases.counts, model.purchases.churn)
        )
        corrected = [name for each in self._corrections.values() for name in each.features]
        self._history = RFM if model.spend.known else RFM[:3]
        margin = [MARGIN_SHARE] if model.margin else []
        self._names = list(dict.fromkeys([*self._history, *corrected, *margin]))
        self._usual_pattern = lru_cache(maxsize=_PATTERNS_KEPT)(self._mean_pattern)

    @property
    def purchases(self) -> PurchaseMixture:
        """Purchase model, or mean of several, of the expected purchases."""
        return self._counts

    def business_days(self, days: float, as_of: str) -> float:
        """Length of the ``days`` after ``as_of`` in the time of :attr:`purchases`."""
        return self._days(days, as_of)

    @property
    def features(self) -> list[str]:
        """Feature columns that a table must have."""
        return list(self._names)

    def score(
        self,
        features: pd.DataFrame,
        *,
        as_of: str | None = None,
        horizon_days: int | None = None,
        drivers: int | None = None,
        annual_discount_rate: float | None = None,
        interval: float | None = None,
        language: str | None = None,
    ) -> pd.DataFrame:
        """Predict every row.

        Parameters
        ----------
        features : pandas.DataFrame
            One row per customer with the columns of :attr:`features`, as of ``as_of``.
        as_of : str, optional
            ISO date of the features; default: the training day.
        horizon_days, drivers, annual_discount_rate, interval, language : optional
            Default: as trained, also the corrections of another horizon. Drivers are told in the language.

        Returns
        -------
        pandas.DataFrame
            The prediction table without ``customer_id`` and ``model_version``, in the order of the rows.

        Raises
        ------
        InputError
            If a column is missing, a history is impossible, or an argument is out of range.
        """
        value = self.model.lifetime_value
        if annual_discount_rate is not None:
            rate = _checked_annual_discount_rate(annual_discount_rate)
            value = replace(value, annual_discount_rate=rate)
        if interval is not None:
            value = replace(value, interval=_checked_interval(interval))
        horizon = _checked_horizon_days(self.model.horizon_days if horizon_days is None else horizon_days)
        top = _checked_drivers(self.model.drivers.top if drivers is None else drivers)
        day = _checked_day(self.model.as_of if as_of is None else as_of)
        as_of, rows = day.isoformat(), self._checked(features)
        columns = {
            "as_of": np.full(len(rows), day, dtype=object),
            "horizon_days": np.full(len(rows), horizon),
            **dict(zip(RFM, _columns(rows, RFM), strict=True)),
            **self._value_columns(rows, horizon, value, as_of),
            "next_purchase_date": self._next_purchase_date(rows, pd.Timestamp(day)),
        }
        if top:
            spoken = _checked_language(language or self.model.language)
            columns |= self._driver_columns(rows, self._effects(rows, horizon, as_of), top, spoken)
        return pd.DataFrame(columns, index=features.index)

    def _checked(self, features: pd.DataFrame) -> _FeatureMatrix:
        """Columns of the model, checked for impossible values; NaN for amounts that it does not know."""
        _check_table(features, self._names)
        values = _float_columns(features, self._names)
        _check_finite(features.index, self._names, values)
        _check_histories(features.index, dict(zip(self._history, values.T, strict=False)))
        if self.model.spend.known:
            return _FeatureMatrix(self._names, values)
        unknown = np.full(len(values), np.nan)
        return _FeatureMatrix([*self._names, RFM[3]], np.column_stack([values, unknown]))

    def base(self, target: str, features: Features, horizon_days: float, as_of: str | None = None) -> Floats:
        """Prediction of the value models alone, shape (n,).

        ``churn``: log odds of no purchase within the horizon; ``purchases``: logarithm of expected purchases;
        ``spend``: logarithm of the expected amount of a purchase. Here and below ``as_of`` is the date of the
        features, by default the training day.
        """
        days = self._days(horizon_days, as_of)
        if target == "spend":
            factor = amount_factor(self.model.intensity, as_of or self.model.as_of, horizon_days)
            return np.log(np.maximum(factor * self._expected_spend(features), LEAST))
        if target == "churn":
            (x, t_x, T), inverse = _histories(features)
            odds = _once(features, ("churn", days), lambda: self._churn.log_odds_no_purchase(x, t_x, T, days))
            return np.asarray(odds[inverse])
        return np.log(np.maximum(self._expected_purchases(features, days), LEAST))

    def corrected(
        self, target: str, features: Features, horizon_days: float, as_of: str | None = None
    ) -> Floats:
        """Corrected prediction on the scale of :meth:`base`, shape (n,)."""
        base, correction = self.base(target, features, horizon_days, as_of), self._corrections[target]
        training_base = base
        if correction.replaced and correction.window_days != horizon_days:
            training_base = self.base(target, features, correction.window_days, as_of)
        return correction.apply(base, correction.step(features, training_base))

    def forecast(
        self, features: Features, horizon_days: float, as_of: str | None = None
    ) -> dict[str, Floats]:
        """Churn probability, expected purchases and expected amount of a purchase, arrays of shape (n,).

        Expected purchases are at least the probability of buying at all.
        """
        churn = probability(self.corrected("churn", features, horizon_days, as_of))
        purchases = np.exp(self.corrected("purchases", features, horizon_days, as_of))
        return {
            "churn_probability": churn,
            "expected_purchases": np.maximum(purchases, 1.0 - churn),
            "expected_spend": np.exp(self.corrected("spend", features, horizon_days, as_of)),
        }

    def count_probabilities(
        self, features: Features, horizon_days: float, most: int, as_of: str | None = None
    ) -> Floats:
        """P(exactly n purchases within the horizon) for n = 0 ... most, shape (n, most + 1)."""
        x, t_x, T = _columns(features, RFM[:3])
        members, days = self._members(self.model.purchases.counts), self._days(horizon_days, as_of)
        adjusted = self._adjusted(self.forecast(features, horizon_days, as_of))
        return posterior_predictive._count_probabilities(members, x, t_x, T, days, most, adjusted=adjusted)

    def interval(
        self, features: Features, horizon_days: float, level: float, as_of: str | None = None
    ) -> dict[str, Floats]:
        """Central intervals of purchases and undiscounted spend: :func:`.posterior_predictive.interval`."""
        days = self._days(horizon_days, as_of)
        return self._interval(features, self.forecast(features, horizon_days, as_of), days, level)

    def distributions(
        self, features: Features, horizon_days: float, as_of: str | None = None
    ) -> PredictiveDistributions:
        """Distributions of purchases and undiscounted spend, those of :meth:`interval`."""
        forecast = self.forecast(features, horizon_days, as_of)
        return self._distributions(features, forecast, self._days(horizon_days, as_of))

    def _days(self, days: float, as_of: str | None) -> float:
        return business_days(self.model.intensity, as_of or self.model.as_of, days)

    def _members(self, names: Sequence[str]) -> list[tuple[Any, Mapping[str, float], Any]]:
        """Process, parameters and log-covariance of purchase models."""
        fitted = self.model.purchases.fitted
        return [(PROCESSES[name], fitted[name].params, fitted[name].log_covariance) for name in names]

    def _adjusted(self, forecast: Mapping[str, Floats]) -> tuple[Floats, Floats] | None:
        """P(no purchase) and mean count if they differ from the purchase model's, else None."""
        own = all(
            not each.has_members and each.slope == 1.0 and each.level == 0.0
            for each in (self._corrections["churn"], self._corrections["purchases"])
        )
        if own and self.model.purchases.counts == self.model.purchases.churn:
            return None
        return forecast["churn_probability"], forecast["expected_purchases"]

    def _interval(
        self, features: Features, forecast: Mapping[str, Floats], days: float, level: float
    ) -> dict[str, Floats]:
        return self._distributions(features, forecast, days).interval(level)

    def _distributions(
        self, features: Features, forecast: Mapping[str, Floats], days: float
    ) -> PredictiveDistributions:
        spend, (x, t_x, T, mean) = self.model.spend, _columns(features, RFM)
        return PredictiveDistributions(
            transactions=self._members(self.model.purchases.counts),
            spend=(SPEND_PROCESSES[spend.model], spend.params, spend.log_covariance),
            adjusted=self._adjusted(forecast),
            histories=(x, t_x, T, mean),
            factor=forecast["expected_spend"] / np.maximum(self._expected_spend(features), LEAST),
            horizon=days,
        )

    def _expected_spend(self, features: Features) -> Floats:
        spend = self.model.spend
        if not spend.known:
            return np.full(len(features), np.nan)
        (x, mean), inverse = distinct_rows(_columns(features, ("frequency", "monetary_value")))
        return np.asarray(SPEND_PROCESSES[spend.model].expected_spend(spend.params, x, mean)[inverse])

    def _expected_purchases(self, features: Features, days: float) -> Floats:
        """Purchases that the value model alone expects within a business time, shape (n,)."""
        (x, t_x, T), inverse = _histories(features)
        until = _once(features, "until", lambda: self._counts.purchases_until(x, t_x, T))
        found: Floats = _once(features, ("until", days), lambda: until(days)[inverse])
        return found

    def _value_columns(
        self, features: Features, horizon: int, value: LifetimeValue, as_of: str | None
    ) -> dict[str, Floats]:
        (x, t_x, T), inverse = _histories(features)
        forecast = self.forecast(features, horizon, as_of)

        def alone(days: float) -> Floats:
            return self._expected_purchases(features, self._days(days, as_of))

        business = self._days(horizon, as_of)
        kept = purchases_if_kept(
            self._corrections["purchases"],
            forecast["expected_purchases"],
            alone(float(horizon)),
            *(part[inverse] for part in self._counts.expected_purchases_kept(x, t_x, T, business)),
        )
        rate = self._margin_rate(features, value)
        money = value_columns(
            purchase_curve(forecast["expected_purchases"], alone, float(horizon)),
            # Without dropout the purchases are spread evenly over business time.
            lambda days: kept * (self._days(days, as_of) / business),
            forecast,
            rate,
            self._interval(features, forecast, business, value.interval),
            horizon,
            value,
        )
        return {
            "probability_alive": self._counts.probability_alive(x, t_x, T)[inverse],
            "expected_purchases": forecast["expected_purchases"],
            "expected_spend": forecast["expected_spend"],
            **({"margin_rate": rate} if self.model.margin else {}),
            **money,
            "churn_probability": forecast["churn_probability"],
        }

    def _margin_rate(self, features: Features, value: LifetimeValue) -> Floats:
        """Margin as a share of spend, shape (n,)."""
        if self.model.margin is None:
            return np.full(len(features), value.margin)
        frequency, share = _columns(features, (RFM[0], MARGIN_SHARE))
        return margin_rate(self.model.margin, frequency + 1.0, share)

    def churn_contributions(
        self, features: pd.DataFrame, horizon_days: float, as_of: str | None = None
    ) -> pd.DataFrame:
        """Exact SHAP values of churn by feature.

        With the column ``base`` they add up to the log odds of churn before slope and level of
        :meth:`churn_scale`. The contribution of the purchase model is ``purchase_pattern``: its log odds
        minus their mean over a sample kept with the model, so that no row depends on the others.
        """
        return pd.DataFrame(self._contributions(features, horizon_days, as_of), index=features.index)

    def driver_effects(
        self, features: pd.DataFrame, horizon_days: float, as_of: str | None = None
    ) -> pd.DataFrame:
        """Contributions to churn, summed over the features of each driver."""
        return pd.DataFrame(self._effects(features, horizon_days, as_of), index=features.index)

    def _contributions(self, features: Features, horizon_days: float, as_of: str | None) -> dict[str, Floats]:
        correction, usual = self._corrections["churn"], self._usual_pattern(horizon_days, as_of)
        parts = correction.contributions(features)
        pattern = self._pattern(features, horizon_days, as_of)
        columns = {"base": usual + parts[:, -1], PRIOR: pattern - usual}
        return columns | dict(zip(correction.features, parts[:, :-1].T, strict=True))

    def _effects(self, features: Features, horizon_days: float, as_of: str | None) -> dict[str, Floats]:
        effects: dict[str, Floats] = {}
        for name, contribution in self._contributions(features, horizon_days, as_of).items():
            driver = name if name in ("base", PRIOR) else driver_texts.driver_of(name)
            effects[driver] = effects.get(driver, 0.0) + contribution
        return effects

    def churn_scale(self) -> dict[str, float]:
        """Slope and level that turn the sum of the driver effects into the log odds of churn."""
        correction = self._corrections["churn"]
        return {"slope": correction.slope, "level": correction.level}

    def _mean_pattern(self, horizon_days: float, as_of: str | None) -> float:
        """Mean contribution of the purchase model over the sample kept with the model."""
        sample = pd.DataFrame(list(self.model.drivers.reference), columns=list(RFM[:3]))
        return float(self._pattern(sample, horizon_days, as_of).mean())

    def _pattern(self, rfm: Features, horizon_days: float, as_of: str | None) -> Floats:
        """Contribution of the purchase model to the log odds, before slope and level."""
        correction = self._corrections["churn"]
        base = self.base("churn", rfm, horizon_days, as_of)
        if not correction.replaced:
            return base
        same = correction.window_days == horizon_days
        training_base = base if same else self.base("churn", rfm, correction.window_days, as_of)
        return base - correction.replaced * training_base

    def _next_purchase_date(self, rfm: Features, day: pd.Timestamp) -> NDArray[Any]:
        """Median date of the next purchase given alive; None beyond pandas' last date."""
        (x, t_x, T), inverse = _histories(rfm)
        latest = (pd.Timestamp("2261-12-31") - day).days
        quantile = self._counts.next_purchase_quantile(x, t_x, T, 0.5)
        days = calendar_days(self.model.intensity, day, quantile, latest)
        known = days <= latest
        dates = np.full(len(days), None, dtype=object)
        whole = np.ceil(days[known]).astype("timedelta64[D]")
        dates[known] = (np.datetime64(day.date()) + whole).astype(object)
        return dates[inverse]

    def _driver_columns(
        self, features: Features, effects: Mapping[str, Floats], top: int, language: str
    ) -> dict[str, Any]:
        names = [name for name in effects if name != "base"]

        def describe(place: int, rows: NDArray[np.intp]) -> Any:
            return driver_texts._describe(features, names[place], rows, language)

        return driver_columns(np.column_stack([effects[name] for name in names]), names, top, describe)


def _once(features: Features, key: Hashable, make: Callable[[], Any]) -> Any:
    return features.once(key, make) if isinstance(features, _FeatureMatrix) else make()


def _histories(features: Features) -> tuple[tuple[Floats, ...], NDArray[np.int64]]:
    """Distinct frequency, recency and T, and the place of each row among them."""
    found: tuple[tuple[Floats, ...], NDArray[np.int64]] = _once(
        features, RFM[:3], lambda: distinct_rows(_columns(features, RFM[:3]))
    )
    return found


def _columns(table: Features, names: Sequence[str]) -> tuple[Floats, ...]:
    return tuple(_float_columns(table, names).T)
