"""``guanxi train``: fit, evaluate, log, register a candidate."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, data_digest
from guanxi.data.usability import Usability, holdout_days
from guanxi.evaluation.holdout import COMPONENTS, Holdout, evaluate_holdout
from guanxi.evaluation.monitoring.profile import transaction_profile
from guanxi.evaluation.portfolio.totals import forecast_totals
from guanxi.evaluation.realised_performance import held_out_customers
from guanxi.features.snapshots import features_at
from guanxi.jobs._opened_log import Engine, OpenedLog, opened_log, show_findings
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.models.drivers import churn_effects
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.periods import add_days
from guanxi.pipeline.fit import FittedModels, fit_models, fit_notes
from guanxi.registry import registration
from guanxi.registry.card import training_card, write_card
from guanxi.registry.log import TrainingRecord, log_training
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import Store, answering, check_store, open_store
from guanxi.registry.twins import champion_windows


@dataclass(frozen=True)
class Training:
    """Result of a training.

    Attributes
    ----------
    version : str
        Version in the registry, alias ``candidate``.
    champion : str or None
        The version that is champion: the first one that passes its test, unless its totals are far off; None
        if there is none.
    run_id : str
        Its MLflow run.
    as_of : date
    horizon_days : int
    holdout : Holdout
        The twin, fitted one horizon earlier, against the outcomes since.
    served : FittedModels
    usability : Usability
    fit_notes : list of str
        Notes on the fits, such as a model that replaces another, or what rests on a sample.
    totals : pandas.DataFrame
        Forecast purchases and spend of all customers and of segments: :func:`.totals.forecast_totals`.
    params : Params
    """

    version: str
    champion: str | None
    run_id: str
    as_of: date
    horizon_days: int
    holdout: Holdout
    served: FittedModels = field(repr=False)
    usability: Usability = field(repr=False)
    fit_notes: list[str] = field(repr=False)
    totals: pd.DataFrame = field(repr=False)
    params: Params = field(repr=False)
    store: Store = field(repr=False)
    explanation: Any = field(repr=False)

    def __repr__(self) -> str:
        """Say which version it is and how good, in a line."""
        grades = {str(name): each and each.letter for name, each in self.holdout.grades.items()}
        return (
            f"Training(version={self.version!r}, champion={self.champion!r}, as_of={self.as_of.isoformat()}, "
            f"horizon_days={self.horizon_days}, grades={grades})"
        )

    @property
    def is_champion(self) -> bool:
        """Whether this version is champion."""
        return self.champion == self.version


@advises_in_python()
@leave_mlflow_alone()
def train(
    source: Source,
    *,
    params: Params | None = None,
    horizon_days: int | None = None,
    as_of: date | str | None = None,
    engine: Engine = "duckdb",
    progress: bool | Reporter = False,
) -> Training:
    """Train on a source and register the model as candidate.

    Everything is fitted twice: the twin at ``as_of - horizon_days``, measured on the holdout window, and the
    served model at ``as_of``.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    params : Params, optional
        From :func:`guanxi.params.load_params`; default: ``params.yaml`` in the working folder, if any.
    horizon_days : int, optional
        Overrides ``params.horizon_days``.
    as_of : date or str, optional
        Default: the last day of the data.
    engine : {"duckdb", "spark"}
        ``spark`` for data too large for one machine, as Parquet: see `docs/spark.md`.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError
        If a parameter is not valid, or the data cannot be read or are too short for the horizon.
    RegistryError
        If the MLflow store does not accept the model.

    Examples
    --------
    >>> import guanxi
    >>> guanxi.train("cdnow-sample", horizon_days=90).holdout.value("churn", "auc")  # doctest: +SKIP
    """
    base = params if params is not None else load_params()
    resolved = override(base, {"horizon_days": horizon_days, "as_of": as_of})
    reporter = reporter_of(progress)
    reporter.expect(5)
    with opened_log(source, resolved, reporter, engine) as opened:
        show_findings(opened.log, reporter)
        return _train_log(opened, resolved, reporter)


def _train_log(opened: OpenedLog, params: Params, reporter: Reporter) -> Training:
    """Train on an open transaction log, and leave it open."""
    started = time.time()
    log, as_of, usability = opened.log, opened.as_of, opened.usability
    days = holdout_days(log, as_of, params.horizon_days)
    twin_day = add_days(as_of, -days)
    with reporter.step("look at the MLflow store"):
        check_store(params.mlflow)
    with reporter.step(
        f"fit the twin to the data up to {twin_day}, and measure it on the days after"
    ) as step:
        own = override(params, {"horizon_days": days})
        twin = fit_models(log, twin_day, own, step.detail, contenders=COMPONENTS)
        step.detail("evaluation")
        holdout = evaluate_holdout(
            log,
            twin,
            days,
            seed=params.seed,
            language=params.language,
            forecast_days=params.horizon_days,
            offer=params.churn.offer,
        )
    with reporter.step(f"fit the served model to the data up to {as_of}") as step:
        served = fit_models(log, as_of, params, step.detail, contenders=())
        step.detail("totals")
        totals = forecast_totals(log, served, params.horizon_days, params.clv.interval)
        grades = {name: each.letter if each else None for name, each in holdout.grades.items()}
        model = replace(served.model, warnings=tuple(holdout.warnings), grades=grades)
        served = replace(served, model=model)
        step.detail("profile")
        profile = transaction_profile(log, served, twin, holdout, totals, params.seed)
        step.detail("drivers")
        explanation = churn_effects(served.scorer, served.features, params.seed)
    store = open_store(params.mlflow)
    with reporter.step("log, register and test the model in MLflow") as step, answering(store):
        digest = data_digest(log)
        record = TrainingRecord(
            params=params,
            source=log.source,
            data_digest=digest,
            facts=usability.numbers | {"warnings": usability.warnings},
            metrics=holdout.metrics,
            totals=totals,
            figures=_figures(holdout, explanation, params.language),
            held_out=_held_out(log, served, twin, holdout, champion_windows(store), digest),
            profile=profile,
            started=started,
        )
        run_id, model_uri = log_training(store, served, twin, record)
        tags = {"guanxi.as_of": as_of.isoformat(), "guanxi.horizon_days": str(params.horizon_days)}
        version = registration.register(store, run_id, model_uri, tags)
        notes = [*_of_sample(log), *fit_notes(served, twin)]
        limits = [*holdout.warnings, *holdout.reasons, *notes, *usability.warnings]
        write_card(store, version, training_card(record, served, (holdout.cutoff, holdout.end), limits))
        step.detail("smoke test")
        champion = registration.make_candidate(store, version, served, holdout.biased)
    return Training(
        version=version,
        champion=champion,
        run_id=run_id,
        as_of=as_of,
        horizon_days=params.horizon_days,
        holdout=holdout,
        served=served,
        usability=usability,
        fit_notes=notes,
        totals=totals,
        params=params,
        store=store,
        explanation=explanation,
    )


def _of_sample(log: TransactionLog) -> list[str]:
    """Tell what rests on a sample of the customers, if anything does."""
    if log.weight == 1.0:
        return []
    return [
        f"value models are fitted to all customers, trees and measures to a sample of {log.customers:,}, "
        f"each of which stands for {log.weight:.3g} in the totals"
    ]


def _held_out(
    log: TransactionLog,
    served: FittedModels,
    twin: FittedModels,
    holdout: Holdout,
    of_champion: set[int],
    digest: str,
) -> dict[int, pd.DataFrame]:
    """Return the held-out customers with features for each window of the models to be compared.

    A short history shortens the window, so the champion's can differ from this version's.
    """
    tables = {
        days: twin.features if days == twin.window_days else features_at(log, twin.as_of, days)
        for days in sorted({served.window_days, twin.window_days} | of_champion)
    }
    return {days: held_out_customers(table, holdout.table, digest) for days, table in tables.items()}


def _figures(holdout: Holdout, explanation: Any, language: Any) -> dict[str, Callable[[], Any]]:
    from guanxi.report import figures

    table = holdout.table
    return {
        "calibration": functools.partial(figures.calibration, table, language),
        "purchases_by_frequency": functools.partial(figures.purchases_by_frequency, table, language),
        "tracking": functools.partial(figures.tracking, holdout.tracking, holdout.cutoff, language),
        "lift": functools.partial(figures.lift, table, language),
        "shap_summary": functools.partial(figures.shap_summary, explanation, language),
    }
