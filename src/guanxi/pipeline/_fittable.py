"""What a model cannot be fitted to, told before the fit."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from guanxi.data.usability import MINIMUM_REPEATERS
from guanxi.errors import DataError, HistoryError, ParamsError
from guanxi.params import Params
from guanxi.periods import days_per_unit


def check_horizon(params: Params) -> None:
    """Refuse a part of a period: all purchases of the period fall on one day, within the window or not."""
    grain, least = params.data.event_grain, int(days_per_unit(params.data.event_grain))
    if params.clv.model == "bg_bb" and params.horizon_days < least:
        raise ParamsError(
            f"horizon_days={params.horizon_days} is shorter than a period of clv.model=bg_bb with "
            f"data.event_grain={grain}: use --horizon {least} or longer"
        )


def check_fittable(features: pd.DataFrame, as_of: date, spend: str | None) -> None:
    """Raise a HistoryError or DataError for a customer base to which value models cannot be fitted."""
    if features.empty:
        raise HistoryError(
            f"no customer had bought by {as_of}: choose a later --as-of or a shorter --horizon"
        )
    repeaters = int((features["frequency"] > 0).sum())
    if repeaters < MINIMUM_REPEATERS:
        raise DataError(
            f"only {repeaters} of {len(features):,} customers had bought again by {as_of}, at least "
            f"{MINIMUM_REPEATERS} are needed to fit a model: use a longer history or a shorter --horizon"
        )
    amounts = features.loc[features["frequency"] > 0, "monetary_value"]
    if spend == "gamma_gamma" and np.ptp(amounts) <= 1e-9 * amounts.max():
        raise DataError(
            f"every repeat purchase amounts to {amounts.iloc[0]:g}, so spend does not vary between "
            "customers: map amount to the column of prices, or use one mean for all customers with "
            "--set clv.spend=mean"
        )
