"""The MLflow run of a training, with a child run for each model."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source_table import first_line
from guanxi.data.temporary import temporary_folder
from guanxi.params import Params
from guanxi.pipeline.fit import FittedModels, fit_notes
from guanxi.pipeline.tuning import TUNED, choice
from guanxi.registry._bundle import Fitted, log_bundle
from guanxi.registry._run_log import log_values, open_run
from guanxi.registry.store import Store, _quiet_warnings
from guanxi.registry.twins import TWIN, TWIN_DAY_TAG, TWIN_TAG, WINDOW_TAGS, _held_out_file

_ATTEMPTS = 3
_OWN = "guanxi"
#: What a training depends on; ``params.yaml`` has all settings.
_LOGGED = re.compile(
    r"(source|task|horizon_days|seed|language|(data|contracts|clv|churn|drivers|mlflow)\..+)"
)
#: Grades as metrics, which MLflow can sort and draw.
GRADE_POINTS = {"A": 3.0, "B": 2.0, "C": 1.0}


@dataclass(frozen=True)
class TrainingRecord:
    """What a training logs in MLflow in addition to the model.

    Attributes
    ----------
    params : Params
    source : str
        Without passwords.
    data_digest : str
        Of all accepted lines, independent of their order.
    facts : dict
        Usability report.
    metrics : pandas.DataFrame or None
        ``target, model, metric, value`` on the held-out window.
    figures : mapping of str to callable
        File name to a function that draws the matplotlib figure.
    totals : pandas.DataFrame or None
        Forecast purchases and spend of all customers and of segments.
    held_out : mapping of int to pandas.DataFrame
        Feature window in days, to features and outcomes of the held-out customers, from
        :func:`.held_out_customers`.
    profile : mapping or None
        Reference for later monitoring: :mod:`guanxi.evaluation.monitoring.profile`.
    started : float or None
        When the training began, in seconds since 1970.
    """

    params: Params
    source: str
    data_digest: str
    facts: Mapping[str, Any]
    metrics: pd.DataFrame | None
    figures: Mapping[str, Callable[[], Any]]
    totals: pd.DataFrame | None = None
    held_out: Mapping[int, pd.DataFrame] = field(default_factory=dict)
    profile: Mapping[str, Any] | None = None
    started: float | None = None


def log_training(
    store: Store, served: FittedModels, twin: FittedModels | None, record: TrainingRecord
) -> tuple[str, str]:
    """Log a training; return the run's identifier and the address of the logged model."""

    def details(run_id: str) -> None:
        client = store.client
        client.log_dict(run_id, dict(record.facts), "usability.json")
        if served.choice.losses is not None:
            client.log_text(run_id, served.choice.losses.to_csv(index=False), "selection/losses.csv")
        losses = pd.concat([each.losses for each in served.corrections.values()], ignore_index=True)
        client.log_text(run_id, losses.to_csv(index=False), "corrections/losses.csv")
        if record.totals is not None:
            client.log_text(run_id, record.totals.to_csv(index=False), "totals.csv")
        _log_children(store, run_id, served, record)
        _log_tuning(store, run_id, served, twin)
        _log_twin(store, run_id, twin, record)

    resolved = {"as_of": served.as_of.isoformat()}
    tags, model = _tags(served, twin), " + ".join(served.transactions)
    return _log_run(store, served, record, tags, details, resolved, model=model)


def _log_run(
    store: Store,
    fitted: Fitted,
    record: TrainingRecord,
    tags: Mapping[str, str],
    details: Callable[[str], None],
    resolved: Mapping[str, Any] | None = None,
    *,
    model: str,
    metrics: Mapping[str, float] | None = None,
) -> tuple[str, str]:
    """Log the record and the model of a training; return the run's identifier and the model's address.

    ``details`` is called with the run's identifier while it is open, to log what is specific to the task;
    ``resolved`` holds parameters determined by the data; ``model`` is named in the run's name; ``metrics``
    stand beside those of the record.
    """
    client, resolved = store.client, dict(resolved or {})
    grades = {name: letter for name, letter in getattr(fitted.model, "grades", {}).items() if letter}
    points = {f"grade_{name}": GRADE_POINTS[letter] for name, letter in grades.items()}
    measured = _metric_values(record.metrics) | points | dict(metrics or {})
    graded = {f"guanxi.grade.{name}": letter for name, letter in grades.items()}
    name = _run_name(record, resolved.get("as_of"), model)
    all_tags = {**tags, **graded, **_git_tags()}
    with _quiet_warnings(), open_run(store, all_tags, name, started=record.started) as run_id:
        log_values(store, run_id, _flat_params(record) | resolved, measured)
        _log_others(store, run_id, record.metrics)
        client.log_text(run_id, redact(record.params.to_yaml()), "params.yaml")
        _log_dataset(store, run_id, fitted.features, record)
        if record.metrics is not None:
            client.log_text(run_id, record.metrics.to_csv(index=False), "holdout/metrics.csv")
        _log_figures(store, run_id, {f"figures/{name}.png": draw for name, draw in record.figures.items()})
        details(run_id)
        with temporary_folder() as folder:
            model_uri = log_bundle(store, run_id, fitted, folder, record.source, profile=record.profile)
    return run_id, model_uri


def _log_figures(store: Store, run_id: str, figures: Mapping[str, Callable[[], Any]]) -> None:
    """Draw and log figures, by file name; one that cannot be drawn is left out with a warning."""
    for name, draw in figures.items():
        with temporary_folder() as folder:
            path = folder / Path(name).name
            try:
                draw().savefig(path)  # many faults of a figure show only when it is rendered
            except Exception as error:
                logging.getLogger("guanxi").warning("%s was not drawn: %s", name, first_line(error))
            else:
                store.client.log_artifact(run_id, str(path), os.path.dirname(name) or None)


def log_page(store: Store, run_id: str, html: str) -> None:
    """Add the report to a finished run."""
    store.client.log_text(run_id, html, "report.html")


def _run_name(record: TrainingRecord, as_of: str | None, model: str) -> str:
    """Say the data, the horizon, the day and the model, as in ``cdnow 90 d from 1998-06-30 bg_nbd``.

    >>> table = TrainingRecord(Params(), "shop/sales.csv", "", {}, None, {})
    >>> _run_name(table, "2024-12-31", "bg_nbd")
    'sales.csv 90 d from 2024-12-31 bg_nbd'
    """
    day = f"{record.params.horizon_days} d from {as_of} " if as_of else ""
    return f"{_data_name(record.source)} {day}{model}"


def _data_name(source: str) -> str:
    """Return the last part of an address: a file's name, or a table's."""
    return re.split(r"[/\\]|::", source)[-1][-60:] or "data"


def _log_others(store: Store, parent: str, metrics: pd.DataFrame | None) -> None:
    """Log each model that guanxi was compared with as a child, its metrics under the same names."""
    if metrics is None:
        return
    for name, measured in metrics[metrics["model"] != _OWN].groupby("model", sort=False):
        with open_run(store, {"guanxi.model": str(name)}, str(name), parent) as run_id:
            log_values(store, run_id, {}, _metric_values(measured, str(name)))


def _log_children(store: Store, parent: str, served: FittedModels, record: TrainingRecord) -> None:
    for name, target, params, metrics, report in _children(served):
        tags = {"guanxi.model": name, "guanxi.fitted_model": str(report.get("model", name))}
        if record.metrics is not None:
            metrics = metrics | _metric_values(record.metrics[record.metrics["target"] == target])
        with open_run(store, tags, name, parent) as run_id:
            log_values(store, run_id, params, metrics)
            store.client.log_dict(run_id, report, "fit_report.json")


def _log_twin(store: Store, run_id: str, twin: Fitted | None, record: TrainingRecord) -> None:
    """Log the twin with its code, and its window, so that later versions can be compared with it."""
    with temporary_folder() as folder:
        if twin is not None:
            uri = log_bundle(store, run_id, twin, folder, record.source, TWIN)
            store.client.set_tag(run_id, TWIN_TAG, uri)
        for days, customers in record.held_out.items():
            path = Path(folder, _held_out_file(days))
            path.parent.mkdir(exist_ok=True)
            customers.to_parquet(path, index=False)
            store.client.log_artifact(run_id, str(path), path.parent.name)


def _log_tuning(store: Store, parent: str, served: FittedModels, twin: FittedModels | None) -> None:
    """Log the trials of the served model as child runs, and those of its twin as a table only."""
    if twin is not None and twin.tuning is not None:
        store.client.log_text(parent, twin.tuning.to_csv(index=False), "tuning/twin_trials.csv")
    if served.tuning is None:
        return
    store.client.log_text(parent, served.tuning.to_csv(index=False), "tuning/trials.csv")
    measured = [name for name in served.tuning if name not in (*TUNED, "trial", "chosen")]
    for row in served.tuning.to_dict("records"):
        name, tags = f"tuning {row['trial']}", {"guanxi.tuning.chosen": str(row["chosen"]).lower()}
        with open_run(store, tags, name, parent) as run_id:
            params = {setting: row[setting] for setting in TUNED}
            log_values(store, run_id, params, {str(metric): row[metric] for metric in measured})


def _children(
    served: FittedModels,
) -> list[tuple[str, str, dict[str, Any], dict[str, float], dict[str, Any]]]:
    """Name, target, parameters, metrics and fit report of each model."""
    several = len(served.transactions) > 1
    models = [
        (f"transactions {name}" if several else "transactions", "purchases", model)
        for name, model in served.transactions.items()
    ]
    value = [
        (name, target, model.params_, {"log_likelihood": model.log_likelihood_}, _plain(model.fit_report_))
        for name, target, model in [*models, *([("spend", "spend", served.spend)] if served.spend else [])]
    ]
    correction = served.corrections["churn"]
    return [
        *value,
        (
            "churn",
            "churn",
            {"chosen": correction.chosen, "slope": correction.model.slope, "level": correction.model.level},
            {"rounds": float(correction.rounds)},
            {"reason": correction.reason},
        ),
    ]


def _flat_params(record: TrainingRecord) -> dict[str, Any]:
    """Return the parameters by name, without passwords such as in the tracking address."""
    values = record.params.flat() | {"source": record.source}
    return {
        name: redact(value) if isinstance(value, str) else value
        for name, value in values.items()
        if _LOGGED.fullmatch(name) and value not in (None, {}, [])
    }


def _metric_values(table: pd.DataFrame | None, model: str = _OWN) -> dict[str, float]:
    """Name the metrics of a model as MLflow shows them: ``TARGET_METRIC``."""
    if table is None:
        return {}
    rows = table[table["model"] == model].dropna(subset="value").to_dict("records")
    return {f"{row['target']}_{row['metric']}": float(row["value"]) for row in rows}


def _log_dataset(store: Store, run_id: str, features: pd.DataFrame, record: TrainingRecord) -> None:
    """Log the training data with our digest, since MLflow's covers only the first 10,000 rows."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.pandas_dataset import PandasDataset

    source = CodeDatasetSource(tags={"source": record.source})
    data = PandasDataset(features, source, name=record.source[-100:], digest=record.data_digest)
    _log_input(store, run_id, data, "training")


def _log_input(store: Store, run_id: str, data: Any, context: str) -> None:
    from mlflow.entities import DatasetInput, InputTag
    from mlflow.exceptions import MlflowException

    given = DatasetInput(data._to_mlflow_entity(), [InputTag("mlflow.data.context", context)])
    for left in reversed(range(_ATTEMPTS)):
        try:
            store.client.log_inputs(run_id, [given])
        except MlflowException:
            # If several runs log the same new data at once, the store refuses all but one.
            if not left:
                raise
        else:
            return


def _tags(served: FittedModels, twin: FittedModels | None) -> dict[str, str]:
    windows = [str(each.window_days) for each in (served, twin) if each]
    tags = {
        "guanxi.as_of": served.as_of.isoformat(),
        TWIN_DAY_TAG: twin.as_of.isoformat() if twin else "none",
        "guanxi.purchase_models": served.choice.reason,
        **{f"guanxi.correction.{name}": each.reason for name, each in served.corrections.items()},
        "guanxi.tuning": "none" if served.tuning is None else choice(served.tuning)[1],
        "guanxi.fit_notes": "; ".join(fit_notes(served, twin)) or "none",
    }
    return tags | dict(zip(WINDOW_TAGS, windows, strict=False))


def _git_tags() -> dict[str, str]:
    """Return tags with the commit of the working folder and whether it has changes; none outside git."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return {}
    # `git status` runs the filters that a repository names.
    filters = _git("config", "--local", "--includes", "--get-regexp", r"^filter\.")
    changes = "" if filters else _git("status", "--porcelain", "--ignore-submodules=all")
    dirty = "unknown" if filters else str(bool(changes)).lower()
    return {"mlflow.source.git.commit": commit, "guanxi.git_dirty": dirty}


def _git(*arguments: str) -> str:
    try:
        # A repository of somebody else may name programs to run: none of them.
        quiet = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")
        done = subprocess.run(
            ["git", *quiet, *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _plain(report: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a report's values to JSON types."""
    return {
        name: value if isinstance(value, str | int | float | bool | None) else str(value)
        for name, value in report.items()
    }
