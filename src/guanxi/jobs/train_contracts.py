"""``guanxi train --task contracts``: fit, evaluate, log, register a candidate from contracts."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.contracts.digest import contract_digest
from guanxi.data.contracts.log import ContractLog
from guanxi.data.sources.source import Source
from guanxi.errors import DataError, ParamsError
from guanxi.evaluation.contract_measures import KAPLAN_MEIER, SHARE, ContractEvaluation
from guanxi.evaluation.contracts import evaluate_contracts
from guanxi.evaluation.monitoring.profile import contract_profile
from guanxi.evaluation.realised_performance import held_out_customers
from guanxi.features.contracts.snapshots import contract_features
from guanxi.jobs._contract_log import contract_day, contract_facts, open_contracts
from guanxi.jobs._gate import Judgement
from guanxi.jobs._standing import standing
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.periods import add_days
from guanxi.pipeline.contracts import FittedContracts, fit_contracts
from guanxi.pipeline.contracts.leaks import contract_leaks
from guanxi.registry import registration
from guanxi.registry.aliases import LEAKS
from guanxi.registry.card import contract_card, write_card
from guanxi.registry.contract_log import ANY_WINDOW, log_contract_training
from guanxi.registry.log import TrainingRecord
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import Store, answering, check_store, open_store, task_store

_MODEL = "guanxi"
_LEAKS = "a column tells who left (see the notes): exclude it"
_OUTCOMES = ("churned", "paid")


@dataclass(frozen=True)
class ContractTraining:
    """Result of a training on contracts.

    Attributes
    ----------
    version : str
        Version in the registry, alias ``candidate``.
    champion : str or None
        The version that is champion: the first one that passes its test, unless a column tells the outcome.
    run_id : str
        Its MLflow run.
    digest : str
        Of the lines accepted.
    as_of : date
    horizon_days : int
    evaluation : ContractEvaluation
        On the last horizon, or of a file of customers in cross-validation.
    served : FittedContracts
    metrics : pandas.DataFrame
        ``target, model, metric, value, lower, upper``; models: ``guanxi``, ``share of churners`` and, of a
        file of customers, ``Kaplan-Meier``.
    facts : dict
        About the data.
    source : str
        Without passwords.
    params : Params
    store : Store
    """

    version: str
    champion: str | None
    run_id: str
    digest: str = field(repr=False)
    as_of: date
    horizon_days: int
    evaluation: ContractEvaluation = field(repr=False)
    served: FittedContracts = field(repr=False)
    metrics: pd.DataFrame = field(repr=False)
    facts: dict[str, Any] = field(repr=False)
    source: str
    params: Params = field(repr=False)
    store: Store = field(repr=False)

    @property
    def is_champion(self) -> bool:
        """Whether this version is champion."""
        return self.champion == self.version

    def value(self, target: str, metric: str, model: str = _MODEL) -> float:
        """Value of one metric; NaN if it was not measured."""
        return _value(self.metrics[self.metrics["model"] == model], target, metric)


@advises_in_python()
@leave_mlflow_alone()
def train_contracts(
    source: Source,
    *,
    params: Params | None = None,
    horizon_days: int | None = None,
    as_of: date | str | None = None,
    exclude: Sequence[str] = (),
    progress: bool | Reporter = False,
) -> ContractTraining:
    """Train on contracts and register the model as candidate.

    Everything is fitted twice: to what was known one horizon before ``as_of``, measured on the days since,
    and at ``as_of``. A file of customers, which knows one day only, is measured in cross-validation. The
    registered model is ``mlflow.registered_model`` with the suffix ``-contracts``.

    Parameters
    ----------
    source : str, path or table
        Contracts, a file of customers or a log of events: :func:`guanxi.data.contracts.log.read_contracts`.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    horizon_days : int, optional
    as_of : date or str, optional
        Default: the last day of the data; of a file of customers the day on which it was written (today).
    exclude : sequence of str
        Columns that are no attributes, besides ``data.exclude``.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError

    Examples
    --------
    >>> from guanxi.jobs.train_contracts import train_contracts
    >>> train_contracts("subscriptions.csv", horizon_days=365).value("churn", "auc")  # doctest: +SKIP
    """
    base = params if params is not None else load_params()
    resolved = override(
        base,
        {
            "task": "contracts",
            "horizon_days": horizon_days,
            "as_of": as_of,
            "data.exclude": [*base.data.exclude, *exclude],
        },
    )
    reporter = reporter_of(progress)
    reporter.expect(5)
    log = open_contracts(source, resolved, reporter)
    try:
        return train_log(log, resolved, reporter)
    finally:
        log.close()


def train_log(log: ContractLog, params: Params, reporter: Reporter) -> ContractTraining:
    """Train on open contracts, and leave them open."""
    if params.churn.tuning.trials or params.churn.tuning.seconds:
        raise ParamsError("--task contracts does not tune the trees: leave churn.tuning out")
    started = time.time()
    as_of = contract_day(log, params, reporter)
    if contract_features(log, as_of).empty:
        raise DataError(
            f"{log.source}: nobody is under contract on {as_of}, so that there is nobody to predict: give "
            "data with customers who are still there, or an earlier --as-of"
        )
    with reporter.step("look at the MLflow store"):
        check_store(params.mlflow)
    with reporter.step(_evaluation_in_words(log, as_of, params)) as step:
        evaluation = evaluate_contracts(log, as_of, params, on_step=step.detail)
    with reporter.step(f"fit the served model to the data up to {as_of}") as step:
        leaks = contract_leaks(log, as_of, params.seed)
        served = fit_contracts(log, as_of, params, on_step=step.detail)
        doubts = [*leaks.values(), *_doubts(evaluation)]
        served = _with_findings(served, log, evaluation, doubts)
        step.detail("profile")
        twin = None if evaluation.cutoff is None else evaluation.fitted
        profile = contract_profile(served, twin, evaluation.rows, params.seed)
    for doubt in doubts:
        reporter.warn(doubt)
    facts, digest, table = contract_facts(log), contract_digest(log), _with_baselines(evaluation)
    store = task_store(open_store(params.mlflow), "contracts")
    with reporter.step("log, register and test the model in MLflow") as step, answering(store):
        record = TrainingRecord(
            params=params,
            source=log.source,
            data_digest=digest,
            facts=facts,
            metrics=table,
            figures=_figures(evaluation, params.language),
            held_out=_held_out(evaluation, digest),
            profile=profile,
            started=started,
        )
        run_id, model_uri = log_contract_training(store, served, twin, record)
        tags = {"guanxi.as_of": as_of.isoformat(), "guanxi.horizon_days": str(params.horizon_days)}
        tags |= {LEAKS: "\n".join(leaks.values())} if leaks else {}
        version = registration.register(store, run_id, model_uri, tags)
        write_card(store, version, contract_card(record, served, _measured_in_words(evaluation)))
        step.detail("smoke test")
        champion = registration.make_candidate(store, version, served, list(leaks.values()))
    return ContractTraining(
        version=version,
        champion=champion,
        run_id=run_id,
        digest=digest,
        as_of=as_of,
        horizon_days=params.horizon_days,
        evaluation=evaluation,
        served=served,
        metrics=table,
        facts=facts,
        source=log.source,
        params=params,
        store=store,
    )


def _doubts(evaluation: ContractEvaluation) -> list[str]:
    """Say where a naive forecast is better: grade C, and a log loss above its."""
    grade, others = evaluation.grade, evaluation.baselines
    found = [grade.warning] if grade and grade.warning else []
    own = _value(evaluation.metrics, "churn", "log_loss")
    losses = others[(others["target"] == "churn") & (others["metric"] == "log_loss")]
    return found + [
        f"churn is forecast worse than by a naive method: log loss {own:.4g}, {row['model']} "
        f"{row['value']:.4g}: do not rely on these probabilities"
        for row in losses.to_dict("records")
        if own > row["value"]
    ]


def _with_findings(
    served: FittedContracts, log: ContractLog, evaluation: ContractEvaluation, doubts: Sequence[str]
) -> FittedContracts:
    """Add to the model its grade, and what its users should know of it and of the attributes."""
    left_out = (f"column {name!r} is left out: it {why}" for name, why in log.left_out.items())
    warnings = (*served.model.warnings, *left_out, *doubts)
    grades = {"churn": evaluation.grade.letter if evaluation.grade else None}
    return replace(served, model=replace(served.model, warnings=warnings, grades=grades))


def _value(table: pd.DataFrame, target: str, metric: str) -> float:
    found = table.loc[(table["target"] == target) & (table["metric"] == metric), "value"]
    return float(found.iloc[0]) if len(found) else float("nan")


def _evaluation_in_words(log: ContractLog, as_of: date, params: Params) -> str:
    if log.form == "customers":
        return "measure by models that have not seen the customers"
    return f"fit to the data up to {add_days(as_of, -params.horizon_days)}, and measure on the days after"


def _with_baselines(evaluation: ContractEvaluation) -> pd.DataFrame:
    own = evaluation.metrics.assign(model=_MODEL)
    columns = ["target", "model", "metric", "value", "lower", "upper"]
    table: pd.DataFrame = pd.concat([own, evaluation.baselines], ignore_index=True)[columns]
    return table


def _held_out(evaluation: ContractEvaluation, digest: str) -> dict[int, pd.DataFrame]:
    if evaluation.cutoff is None:
        return {}
    customers = held_out_customers(evaluation.fitted.features, evaluation.table, digest, _OUTCOMES)
    return {ANY_WINDOW: customers}


def _figures(evaluation: ContractEvaluation, language: Any) -> dict[str, Callable[[], Any]]:
    from guanxi.report import figures

    table = evaluation.rows[["churned", "churn_probability"]]
    return {
        "calibration": functools.partial(figures.calibration, table, language),
        "lift": functools.partial(figures.lift, table, language),
    }


def _measured_in_words(evaluation: ContractEvaluation) -> str:
    customers = f"{len(evaluation.table):,} customers"
    if evaluation.by_opportunity:
        return f"in {evaluation.kind} ({len(evaluation.rows):,} renewal opportunities of {customers})"
    if evaluation.cutoff is None:
        return f"in {evaluation.kind} ({customers}, at their last renewal opportunity)"
    until = add_days(evaluation.cutoff, evaluation.days)
    return f"on {add_days(evaluation.cutoff, 1)} to {until} ({evaluation.days} days, {customers})"


def summary_text(training: ContractTraining, judgement: Judgement | None = None) -> str:
    """Report accuracy on the later window, and the model's place in the registry."""
    evaluation, model, value = training.evaluation, training.served.model, training.value
    left = f"{evaluation.rows['churned'].mean():.1%} left" + (" at each" if evaluation.by_opportunity else "")
    grade = f"grade {model.grades['churn']}, " if model.grades.get("churn") else ""
    return "\n".join(
        [
            f"\nMeasured {_measured_in_words(evaluation)}; {left}:",
            f"  churn      {grade}AUC {value('churn', 'auc'):.3f}, log loss {value('churn', 'log_loss'):.4f} "
            f"({_naively(training, 'churn', 'log_loss')}), calibration error {value('churn', 'ece'):.3f}",
            *_survival_in_words(training),
            *_value_in_words(training),
            *_observed_in_words(training),
            f"  chosen: {training.served.choice.reason}; {training.served.correction.reason}",
            *(f"  note: {note}" for note in model.warnings),
            "",
            f"Model {training.store.registered_model} version {training.version} is "
            f"{standing(training, judgement, _LEAKS, model.grades.values())}.",
            *(judgement.text.splitlines() if judgement and judgement.checks else []),
        ]
    )


def _naively(training: ContractTraining, target: str, metric: str) -> str:
    """List what naive forecasts reach."""
    values = {model: training.value(target, metric, model) for model in (SHARE, KAPLAN_MEIER)}
    return ", ".join(f"{model} {value:.4f}" for model, value in values.items() if not np.isnan(value))


def _survival_in_words(training: ContractTraining) -> list[str]:
    brier, gap = training.value("survival", "integrated_brier"), training.evaluation.largest_gap
    if np.isnan(brier):
        return []
    naively, concordance = (
        _naively(training, "survival", "integrated_brier"),
        training.value("survival", "concordance"),
    )
    return [
        f"  survival   integrated Brier score {brier:.4f} ({naively}), concordance {concordance:.3f}, off "
        f"by at most {gap:.3f} in a tenth of the customers"
    ]


def _value_in_words(training: ContractTraining) -> list[str]:
    bias, coverage = (training.value("value", metric) for metric in ("bias", "coverage"))
    interval = training.served.model.lifetime_value.interval
    if np.isnan(coverage):
        return []
    return [
        f"  value      bias of the total {bias:+.1%}, {coverage:.0%} of the {interval:.0%} intervals hold"
    ]


def _observed_in_words(training: ContractTraining) -> list[str]:
    """Say what a file of customers implies if other customers are in it than those told."""
    evaluation = training.evaluation
    if not evaluation.by_opportunity:
        return []
    each, last = evaluation.rows["churned"].mean(), evaluation.table["churned"].mean()
    return [
        "  note: if everyone who ever left is in the file (contracts.observed: history), "
        f"{each:.1%} left at each renewal; if only those who left in the last period are (last_period), "
        f"{last:.1%} did. The file alone cannot tell: see which is near your churn rate"
    ]
