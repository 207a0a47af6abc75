"""Fits of the value models to the histories of all customers known at a cutoff."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from guanxi.features.distinct_histories import DistinctHistories, number_of_customers
from guanxi.models import GammaGamma
from guanxi.models.purchase_models import CNBD_MODELS, transaction_model
from guanxi.models.transaction_model import TransactionModel
from guanxi.params import Params
from guanxi.periods import days_per_unit
from guanxi.pipeline.selection import CANDIDATES, USUAL, Choice, _with_one_inside, fit_quietly


def _fit_transactions(
    known: DistinctHistories, choice: Choice, params: Params
) -> tuple[dict[str, TransactionModel], Choice]:
    """Fit the chosen models. A fallback is served under its own name."""
    period = days_per_unit(params.data.event_grain)

    def fit(name: str) -> TransactionModel:
        rows = known.with_log_gaps if name in CNBD_MODELS else known.histories
        return fit_quietly(transaction_model(name, params.clv.engine, period), rows)

    fitted = {name: fit(name) for name in choice.names}
    if params.clv.model == "auto":
        choice = _with_one_inside(choice, fitted, fit, _candidates(params))
        fitted = {name: fitted[name] for name in choice.names}
    serving = {name: model.process_.name for name, model in fitted.items()}
    # Names may repeat: if two models fall back to the same one, their mean counts it twice.
    counts, churn = (tuple(serving[name] for name in names) for names in (choice.counts, choice.churn))
    # A requested model takes precedence over a fallback of the same name.
    own_last = sorted(fitted.items(), key=lambda pair: serving[pair[0]] == pair[0])
    return {serving[name]: model for name, model in own_last}, replace(choice, counts=counts, churn=churn)


def _fit_spend(amounts: pd.DataFrame, params: Params) -> GammaGamma:
    """Fit Gamma-Gamma, or a common mean amount if ``clv.spend`` is ``mean``."""
    if params.clv.spend == "gamma_gamma":
        return fit_quietly(GammaGamma(), amounts)
    repeaters = amounts["frequency"] > 0
    purchases, customers = amounts["frequency"], number_of_customers(amounts)
    if customers is not None:
        purchases = purchases * customers
    mean = np.average(amounts["monetary_value"][repeaters], weights=purchases[repeaters])
    equal = fit_quietly(GammaGamma(), amounts.assign(monetary_value=np.where(repeaters, mean, 0.0)))
    equal.fit_report_ |= {"fallback": None, "warnings": []}  # a common mean was requested
    return equal


def _candidates(params: Params) -> tuple[str, ...]:
    """Models that ``auto`` compares: lifetimes knows no regular gaps."""
    return USUAL if params.clv.engine == "lifetimes" else CANDIDATES
