"""Stories of the customers in the table of the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from guanxi.data.transactions import TransactionLog
from guanxi.features.histories import histories_of
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.report.stories import Stories, history_steps
from guanxi.report.story import probability_points

_DRIVERS = 6


def customer_stories(
    log: TransactionLog,
    loaded: LoadedTransactionModel,
    everyone: pd.DataFrame,
    day: date,
    customer_ids: Sequence[Any],
) -> Stories:
    """Tell the stories of some customers; ``everyone`` has the features of all as of the day."""
    features = everyone.set_index("customer_id").loc[list(customer_ids)].reset_index()
    T = features["T"].to_numpy(dtype=np.float64)
    histories = histories_of(log, day, customer_ids)
    since = _since_first(histories.customer, histories.day)
    x, t_x, at = history_steps(histories.customer, since, T)
    alive = loaded.scorer.purchases.probability_alive(x.ravel(), t_x.ravel(), at.ravel())
    average, drivers, others = _drivers(loaded, features, day)
    return Stories(
        customer_ids=features["customer_id"],
        first_days=pd.Series(pd.Timestamp(day) - pd.to_timedelta(T, unit="D")),
        number=histories.customer,
        day=since,
        amount=histories.amount,
        alive=np.asarray(alive).reshape(at.shape),
        average=average,
        drivers=drivers,
        others=others,
    )


def _since_first(number: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Days since the first purchase of each customer."""
    first = np.searchsorted(number, number, side="left")
    return day - day[first]


def _drivers(
    loaded: LoadedTransactionModel, features: pd.DataFrame, day: date
) -> tuple[NDArray[np.float64], list[pd.DataFrame], NDArray[np.float64]]:
    """Probability of the average customer, the strongest drivers of each, and the points of the others."""
    scorer, as_of = loaded.scorer, day.isoformat()
    effects = scorer.driver_effects(features, loaded.horizon_days, as_of)
    scale = scorer.churn_scale()
    base = scale["slope"] * effects["base"].to_numpy() + scale["level"]
    names = [name for name in effects if name != "base"]
    points = probability_points(base, scale["slope"] * effects[names].to_numpy())
    shown = loaded.predict(features, as_of=as_of, drivers=min(_DRIVERS, len(names)))
    others, drivers = points.sum(axis=1), []
    place: dict[Any, int] = {name: column for column, name in enumerate(names)}
    for rank in range(1, min(_DRIVERS, len(names)) + 1):
        chosen = shown[f"driver_{rank}"].map(place)
        known = chosen.notna().to_numpy()
        column = chosen.fillna(0).to_numpy(dtype=np.int64)
        own = np.where(known, points[np.arange(len(points)), column], 0.0)
        drivers.append(pd.DataFrame({"text": shown[f"driver_{rank}_text"].to_numpy(), "points": own}))
        others = others - own
    return np.asarray(expit(base)), drivers, others
