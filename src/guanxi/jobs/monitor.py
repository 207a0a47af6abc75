"""``guanxi monitor``: check whether a model still fits new data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import singledispatch
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.attributes import read_attributes
from guanxi.data.sinks import files
from guanxi.data.sources.source import Source
from guanxi.data.usability import day_after_the_data
from guanxi.errors import HistoryError, ParamsError
from guanxi.evaluation.monitoring.drift import REJECTED, compare_with_profile, line_shares, unseen_shares
from guanxi.evaluation.monitoring.verdict import (
    Reason,
    Verdict,
    assess_drift,
    assess_realised_performance,
    assess_shares,
    index_measures,
    sort_reasons,
    worst_verdict,
)
from guanxi.features.snapshots import features_at
from guanxi.jobs._contract_log import contract_day, open_contracts
from guanxi.jobs._drift_words import drift_in_words, shares_in_words
from guanxi.jobs._opened_log import Engine, last_day_used, source_name, transactions_of
from guanxi.jobs._realised import RealisedPerformance, measure_realised_performance
from guanxi.jobs._realised_contracts import realised_contracts
from guanxi.jobs.predict import _load_checked
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.periods import parse_date
from guanxi.pipeline.contracts import customers_to_score
from guanxi.registry.job_log import log_monitoring
from guanxi.registry.loaded_model import (
    LoadedContractModel,
    LoadedLabelModel,
    LoadedModel,
    LoadedTransactionModel,
)
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import check_store, open_store

_MEASURES = {
    ("churn", "auc"): ("churn AUC", ".3f"),
    ("churn", "log_loss"): ("churn log loss", ".3f"),
    ("churn", "ece"): ("churn calibration error", ".3f"),
    ("churn", "bias"): ("churn bias", "+.1%"),
    ("purchases", "bias"): ("purchases bias", "+.1%"),
    ("spend", "bias"): ("spend bias", "+.1%"),
    ("value", "bias"): ("value bias", "+.1%"),
}
EXIT_CODES = {Verdict.ok: 0, Verdict.watch: 3, Verdict.retrain: 4}


@dataclass(frozen=True)
class Monitoring:
    """Result of monitoring a model with a new source.

    Attributes
    ----------
    verdict : Verdict
        ``ok``, ``watch`` or ``retrain``.
    reasons : list of Reason
    drift : pandas.DataFrame
        A row per score and feature: :func:`guanxi.evaluation.monitoring.drift.compare_with_profile`.
    shares : list of dict
        Of rejected lines and unseen categories: :mod:`guanxi.evaluation.monitoring.drift`.
    realised : RealisedPerformance or None
        Predictions against outcomes; None for a model trained on labels.
    facts : dict
        ``model, model_version, trained_on, trained_until, horizon_days, source, as_of, customers,
        customers_then``.
    run_id : str
        Its MLflow run.
    """

    verdict: Verdict
    reasons: list[Reason]
    drift: pd.DataFrame = field(repr=False)
    shares: list[dict[str, Any]] = field(repr=False)
    realised: RealisedPerformance | None = field(repr=False)
    facts: dict[str, Any] = field(repr=False)
    run_id: str = ""

    @property
    def exit_code(self) -> int:
        """Exit code of the command: 0 ok, 3 watch, 4 retrain."""
        return EXIT_CODES[self.verdict]


@advises_in_python()
@leave_mlflow_alone()
def monitor(
    source: Source,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    predictions: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    engine: Engine = "duckdb",
    progress: bool | Reporter = False,
) -> Monitoring:
    """Compare a new source with a model's training data, and earlier predictions with outcomes.

    Parameters
    ----------
    source : str, path or table
        The whole log up to now, or customers for a model trained on labels; no training data are needed.
    output : path, optional
        Where to write the report as JSON.
    model : str, optional
        MLflow address of a model; default: the champion, ``models:/guanxi@champion``.
    predictions : str, optional
        A table that :func:`guanxi.predict` wrote. Default: the model scores again as of one horizon ago,
        unless it was trained on that day.
    params : Params, optional
        Its ``monitor`` section sets the limits. Default: ``params.yaml`` in the working folder, if any.
    as_of : date or str, optional
        Default: the last day of the data; no later row is read.
    engine : {"duckdb", "spark"}
        As in :func:`guanxi.train`.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.monitor("cdnow-sample").verdict.name  # doctest: +SKIP
    'ok'
    """
    params = override(params if params is not None else load_params(), {"as_of": as_of})
    reporter = reporter_of(progress)
    reporter.expect(4)
    path = None if output is None else files.output_path(output)
    if path is not None:
        files.check_output(path)
    loaded = _load_checked(model, params, reporter)
    if engine != "duckdb":
        loaded.of_transactions(", one row per customer: leave --engine out, one machine is enough")
    profile = loaded.profile
    check_store(params.mlflow)
    found = _compare(loaded, source, profile, predictions, params, reporter, engine)
    with reporter.step("log the measures in MLflow"):
        report = _report(found)
        tags = {name: str(found.facts[name]) for name in ("model", "model_version", "source", "as_of")}
        run_id = log_monitoring(
            open_store(params.mlflow), tags | {"verdict": found.verdict.name}, _metrics(found), report
        )
        if path is not None:
            files.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", path)
    return replace(found, run_id=run_id)


@singledispatch
def _compare(
    loaded: LoadedModel,
    source: Source,
    profile: Mapping[str, Any],
    predictions: str | None,
    params: Params,
    reporter: Reporter,
    engine: Engine,
) -> Monitoring:
    """Read a source and compare it with a model's training data."""
    raise NotImplementedError(loaded.served.task)


@_compare.register
def _(
    loaded: LoadedTransactionModel,
    source: Source,
    profile: Mapping[str, Any],
    predictions: str | None,
    params: Params,
    reporter: Reporter,
    engine: Engine,
) -> Monitoring:
    with transactions_of(source, params, reporter, engine) as log:
        for finding in log.findings:
            reporter.warn(str(finding))
        day = last_day_used(log, params, reporter)
        trained = parse_date(loaded.as_of, what="the model's as_of")
        horizons = abs((day - trained).days) / loaded.horizon_days
        with reporter.step("score and compare with the training profile"):
            features = features_at(log, day, loaded.window_days)
            if features.empty:
                raise HistoryError(
                    f"{log.source}: nobody had bought by {day}, the data begins on {log.first_day}"
                )
            # Scored as of the training day, so that seasonality does not count as drift.
            scores = loaded.predict(features, drivers=0)
            drift = compare_with_profile(profile, features, scores, horizons=horizons)
            shares = line_shares(log, profile, trained, day, horizons)
        with reporter.step("compare predictions with what happened", extra=True):
            realised = measure_realised_performance(log, loaded, profile, day, predictions, params)
    later = day_after_the_data(log, day)
    reasons = [
        *([] if later is None else [Reason(Verdict.watch, str(later))]),
        *assess_realised_performance(realised.measures, realised.then, profile["totals"], params.monitor),
        *assess_drift(drift, params.monitor),
        *assess_shares(shares, params.monitor),
    ]
    customers = round(len(features) * log.weight)
    facts = _facts(loaded, profile, log.source, customers) | {"as_of": day.isoformat()}
    return Monitoring(worst_verdict(reasons), sort_reasons(reasons), drift, shares, realised, facts)


@_compare.register
def _(
    loaded: LoadedLabelModel,
    source: Source,
    profile: Mapping[str, Any],
    predictions: str | None,
    params: Params,
    reporter: Reporter,
    engine: Engine,
) -> Monitoring:
    loaded.check_no_days(as_of=params.as_of, predictions=predictions)
    categories = loaded.served.categories
    with reporter.step(f"read {source_name(source)}"):
        customers = read_attributes(source, loaded.served.id, categories, params.data)
    with reporter.step("score and compare with the training profile"):
        scores = loaded.predict(customers.attributes, drivers=0)
        drift = compare_with_profile(profile, customers.attributes, scores, seen=categories)
        shares = unseen_shares(customers.attributes, categories, profile)
    reasons = [*assess_drift(drift, params.monitor), *assess_shares(shares, params.monitor)]
    facts = _facts(loaded, profile, customers.source, len(scores)) | {"as_of": ""}
    return Monitoring(worst_verdict(reasons), sort_reasons(reasons), drift, shares, None, facts)


@_compare.register
def _(
    loaded: LoadedContractModel,
    source: Source,
    profile: Mapping[str, Any],
    predictions: str | None,
    params: Params,
    reporter: Reporter,
    engine: Engine,
) -> Monitoring:
    if predictions is not None:
        raise ParamsError(
            "models of contracts are compared by their own predictions: leave --predictions out"
        )
    log = open_contracts(source, params, reporter)
    try:
        day = contract_day(log, params, reporter)
        trained = parse_date(loaded.as_of, what="the model's as_of")
        horizons = abs((day - trained).days) / loaded.horizon_days
        with reporter.step("score and compare with the training profile"):
            features = customers_to_score(log, day)
            if features.empty:
                raise HistoryError(f"{log.source}: nobody was under contract on {day}")
            scores = loaded.predict(features, drivers=0)
            categories = loaded.served.categories
            drift = compare_with_profile(profile, features, scores, horizons=horizons, seen=categories)
            shares = unseen_shares(features, categories, profile)
        with reporter.step("compare predictions with what happened", extra=True):
            realised = realised_contracts(log, loaded, profile, day, params)
    finally:
        log.close()
    reasons = [
        *assess_realised_performance(realised.measures, realised.then, None, params.monitor),
        *assess_drift(drift, params.monitor),
        *assess_shares(shares, params.monitor),
    ]
    facts = _facts(loaded, profile, log.source, len(features)) | {"as_of": day.isoformat()}
    return Monitoring(worst_verdict(reasons), sort_reasons(reasons), drift, shares, realised, facts)


def _facts(loaded: LoadedModel, profile: Mapping[str, Any], source: str, customers: int) -> dict[str, Any]:
    return {
        "model": source_name(loaded.uri),
        "model_version": loaded.version,
        "trained_on": loaded.source,
        "trained_until": loaded.as_of,
        "horizon_days": loaded.horizon_days,
        "source": source,
        "customers": customers,
        "customers_then": profile["customers"],
    }


def _metrics(found: Monitoring) -> dict[str, float | None]:
    """Return the measures by their names in MLflow."""
    drift = found.drift.to_dict("records")
    scores = [row for row in drift if row["kind"] == "score"]
    measures = found.realised.measures if found.realised else []
    return {
        "verdict": float(found.verdict),
        **{f"psi_{row['name']}": row["psi"] for row in drift},
        **{f"drift_{row['name']}": row["drift"] for row in drift},
        **{f"mean_{row['name']}": row["mean"] for row in scores},
        **{
            f"{'' if row['name'] == REJECTED else 'unseen_'}{row['name']}_share": row["share"]
            for row in found.shares
        },
        **{f"{row['target']}_{row['metric']}": row["value"] for row in measures},
    }


def _report(found: Monitoring) -> dict[str, Any]:
    drift = found.drift.astype(object).where(found.drift.notna(), None)
    realised = found.realised and dataclasses.asdict(found.realised)
    if realised:
        realised |= {name: realised[name].isoformat() for name in ("as_of", "until")}
    return {
        "verdict": found.verdict.name,
        "reasons": [{"verdict": each.verdict.name, "text": each.text} for each in found.reasons],
        **found.facts,
        "drift": drift.to_dict("records"),
        "shares": found.shares,
        "realised": realised,
    }


def summary_text(found: Monitoring) -> str:
    """Report drift, realised performance, and the verdict with its reasons."""
    facts = found.facts
    day = f" up to {facts['as_of']}" if facts["as_of"] else ""
    trained = f" up to {facts['trained_until']}" if facts["trained_until"] else ""
    return "\n".join(
        [
            f"\n{facts['model']} (version {facts['model_version']}), "
            f"trained on {facts['trained_on']}{trained}, {facts['customers_then']:,} customers;",
            f"compared with {facts['source']}{day}, {facts['customers']:,} customers.",
            "",
            *drift_in_words(found.drift),
            *shares_in_words(found.shares),
            *(_realised(found.realised) if found.realised else []),
            "",
            f"Verdict: {found.verdict.name}" + ("" if found.reasons else ", nothing beyond the limits"),
            *(f"  {reason.verdict.name}: {reason.text}" for reason in found.reasons),
        ]
    )


def _realised(found: RealisedPerformance) -> list[str]:
    if not found.measures:
        return ["", f"Predictions against what happened: not yet; {found.note}."]
    now, then = index_measures(found.measures), index_measures(found.then)
    lines = [
        f"  {words:<24} {_measure(now[key], form)}"
        + (f"   {_measure(then[key], form)}" if key in then else "")
        for key, (words, form) in _MEASURES.items()
        if key in now
    ]
    return [
        "",
        f"Predictions of {found.source} on {found.as_of} against what happened up to {found.until}, "
        f"{found.customers:,} customers"
        + (" (second: held out in training)" if found.then else "")
        + (f"; {found.note}" if found.note else "")
        + ":",
        *lines,
    ]


def _measure(row: Any, form: str) -> str:
    if row["value"] is None:
        return "unknown"
    value, lower, upper = (format(row[name], form) for name in ("value", "lower", "upper"))
    return f"{value:>7} ({lower} to {upper})"
