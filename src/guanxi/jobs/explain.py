"""``guanxi explain``: the explanation of one customer's prediction, with a waterfall plot."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from datetime import date
from functools import singledispatch
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.special import logit

from guanxi.data.attributes import read_attributes
from guanxi.data.contracts.log import ContractLog, read_contracts
from guanxi.data.one_customer import only_contracts, only_customer, similar_customers
from guanxi.data.sinks import files
from guanxi.data.sources.source import Source, is_source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import DataError, HistoryError, ParamsError
from guanxi.features.snapshots import features_at
from guanxi.jobs._contract_log import contract_day
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name
from guanxi.jobs.predict import _load_checked
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry.loaded_model import (
    LoadedContractModel,
    LoadedLabelModel,
    LoadedModel,
    LoadedTransactionModel,
)
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.report import story
from guanxi.report.story import Story
from guanxi.report.waterfall import waterfall
from guanxi.served.input_checks import MOST_DRIVERS

_LONGEST_NAME = 150  # bytes
_DOTS_PER_INCH = 144


@advises_in_python()
@leave_mlflow_alone()
def explain(
    customer_id: str | int,
    source: Source,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    horizon_days: int | None = None,
    progress: bool | Reporter = False,
) -> Story:
    """Explain one customer's prediction and draw it.

    Features are computed from this customer's rows only; they are the same as in a full run.

    Parameters
    ----------
    customer_id : str or int
        As in the prediction table.
    source : str, path or table
        Transactions, or attributes for a model trained on labels; as on the command line.
    output : path, optional
        The picture, a ``.png`` file; default: :func:`picture_path`.
    model, params, as_of, horizon_days : optional
        As for :func:`guanxi.predict`.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    ParamsError
        If the picture's name does not end in ``.png``, or a day or horizon is given for a model trained on
        labels.
    DataError
        If there is no such customer; similar ones are named.
    HistoryError
        If they had not bought by ``as_of``.
    SourceError, RegistryError, OutputError

    Examples
    --------
    >>> from guanxi.jobs.explain import explain
    >>> explain("0001", "cdnow-sample").log_odds  # doctest: +SKIP
    """
    base = params if params is not None else load_params()
    resolved = override(base, {"as_of": as_of, "horizon_days": horizon_days})
    horizon_days = None if horizon_days is None else resolved.horizon_days
    reporter = reporter_of(progress)
    reporter.expect(3)
    if not isinstance(customer_id, str | int):
        raise ParamsError(f"the customer {customer_id!r} is not an identifier: give text as in the source")
    customer_id = str(customer_id)
    _check_order(customer_id, source)
    picture = picture_path(customer_id) if output is None else files.output_path(output)
    if picture.suffix.lower() != ".png":
        raise ParamsError(f"{picture}: end the name in .png, which is the picture's format")
    files.check_output(picture)
    loaded = _load_checked(model, resolved, reporter)
    with reporter.step(f"read {source_name(source)}") as step:
        found = _explain(loaded, customer_id, source, resolved, horizon_days, step)
    with reporter.step(f"draw {picture}"):
        figure = waterfall(found.effects, found.texts, found.base, story.title(found), found.language)
        files.write_atomically(
            picture, lambda temporary: figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH)
        )
    return found


def picture_path(customer_id: str) -> Path:
    """Name the picture of a customer.

    Characters that file names do not allow become ``-``; then, or if it is cut, the name ends with a digest,
    so that no two customers share it.

    Examples
    --------
    >>> picture_path("A-7").name, picture_path("A/7").name
    ('explain-A-7.png', 'explain-A-7-2e35802b.png')
    """
    plain = re.sub(r"[^\w.]+", "-", customer_id).encode()[:_LONGEST_NAME].decode(errors="ignore")
    if plain != customer_id:
        plain += "-" + hashlib.sha256(customer_id.encode(errors="surrogatepass")).hexdigest()[:8]
    return Path(f"explain-{plain}.png")


def _check_order(customer_id: str, source: Source) -> None:
    """Refuse a source given as the customer."""
    if isinstance(source, str) and is_source(customer_id) and not is_source(source):
        raise ParamsError(
            f"{customer_id} is a source, not a customer, and {source} is not a source: give the customer "
            f"first, as in guanxi explain {source} {customer_id}"
        )


@singledispatch
def _explain(
    loaded: LoadedModel,
    customer_id: str,
    source: Source,
    params: Params,
    horizon_days: int | None,
    reporter: Reporter,
) -> Story:
    """Read one customer and explain the model's prediction."""
    raise NotImplementedError(loaded.served.task)


@_explain.register
def _(
    loaded: LoadedTransactionModel,
    customer_id: str,
    source: Source,
    params: Params,
    horizon_days: int | None,
    reporter: Reporter,
) -> Story:
    log = read_transactions(source, params.data)
    try:
        show_findings(log, reporter)
        as_of = last_day_used(log, params, reporter)
        own = only_customer(log, customer_id)
        purchases = own.events.select("date", "amount").execute()
        if purchases.empty:
            raise _unknown(customer_id, log.source, _customers(log))
        features = features_at(own, as_of, loaded.window_days)
    finally:
        log.close()
    dates = pd.to_datetime(purchases["date"]).dt.date
    if features.empty:
        raise HistoryError(
            f"{log.source}: customer {customer_id!r} had not bought by {as_of}: "
            f"ask for {dates.min()} or a later day"
        )
    scorer, day = loaded.scorer, as_of.isoformat()
    effects = scorer.driver_effects(features, horizon_days or loaded.horizon_days, day).iloc[0]
    scores = loaded.predict(features, as_of=day, horizon_days=horizon_days, drivers=_most_drivers(effects))
    return _story(
        customer_id,
        loaded,
        scores,
        effects,
        purchases=purchases[dates <= as_of],
        interval=loaded.served.lifetime_value.interval,
        **scorer.churn_scale(),
    )


@_explain.register
def _(
    loaded: LoadedLabelModel,
    customer_id: str,
    source: Source,
    params: Params,
    horizon_days: int | None,
    _reporter: Reporter,
) -> Story:
    loaded.check_no_days(as_of=params.as_of, horizon=horizon_days)
    customers = read_attributes(source, loaded.served.id, loaded.served.categories, params.data)
    attributes = customers.attributes[customers.ids.astype(str) == customer_id]
    if attributes.empty:
        raise _unknown(customer_id, customers.source, customers.ids)
    effects = loaded.scorer.driver_effects(attributes).iloc[0]
    return _story(customer_id, loaded, loaded.predict(attributes, drivers=_most_drivers(effects)), effects)


@_explain.register
def _(
    loaded: LoadedContractModel,
    customer_id: str,
    source: Source,
    params: Params,
    horizon_days: int | None,
    reporter: Reporter,
) -> Story:
    from guanxi.pipeline.contracts import customers_to_score  # a second, which purchases do without

    log = read_contracts(source, params)
    try:
        for finding in log.findings:
            reporter.warn(str(finding))
        day = contract_day(log, params, reporter)
        own = only_contracts(log, customer_id)
        if not own.contracts.count().execute():
            raise _unknown(customer_id, log.source, _customers(log))
        features = customers_to_score(own, day)
    finally:
        log.close()
    if features.empty:
        raise HistoryError(f"{log.source}: customer {customer_id!r} was not under contract on {day}")
    effects = loaded.scorer.driver_effects(features).iloc[0]
    scores = loaded.predict(
        features, as_of=day.isoformat(), horizon_days=horizon_days, drivers=_most_drivers(effects)
    )
    # What is the same for everyone, season and level of the month, goes to the average customer.
    shift = float(logit(1.0 - scores["renewal_probability"].iloc[0])) - float(effects.sum())
    interval = loaded.served.lifetime_value.interval
    told = _story(customer_id, loaded, scores, effects, interval=interval, level=shift)
    return dataclasses.replace(told, contract=features.iloc[0])


def _most_drivers(effects: pd.Series[float]) -> int:
    """Drivers to describe; the weaker ones are shown as a sum."""
    return min(len(effects) - 1, MOST_DRIVERS)


def _story(
    customer_id: str,
    loaded: LoadedModel,
    scores: pd.DataFrame,
    effects: pd.Series[float],
    *,
    purchases: pd.DataFrame | None = None,
    interval: float = float("nan"),
    slope: float = 1.0,
    level: float = 0.0,
) -> Story:
    """Scale the effects to the log odds of the shown probability; the first one is the average customer's."""
    row = scores.assign(model_version=loaded.version).iloc[0]
    ranks = range(1, _most_drivers(effects) + 1)
    return Story(
        customer_id=customer_id,
        scores=row,
        purchases=purchases,
        interval=interval,
        base=slope * float(effects.iloc[0]) + level,
        effects=slope * effects.iloc[1:],
        texts={row[f"driver_{rank}"]: row[f"driver_{rank}_text"] for rank in ranks if row[f"driver_{rank}"]},
        slope=slope,
        level=level,
        language=loaded.served.language,
    )


def _customers(log: TransactionLog | ContractLog) -> pd.Series[Any]:
    ids: pd.Series[Any] = log.lines.select("customer_id").distinct().execute()["customer_id"]
    return ids


def _unknown(customer_id: str, source: str, ids: pd.Series[Any]) -> DataError:
    similar = " and ".join(repr(other) for other in similar_customers(ids, customer_id))
    return DataError(
        f"{source}: no customer {customer_id!r} among its {len(ids):,} customers: similar are {similar}"
    )
