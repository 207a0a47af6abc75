"""One MLflow run of a training on labels."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from guanxi import __version__
from guanxi.data.sources.source import redact
from guanxi.errors import RegistryError
from guanxi.pipeline.labelled import FittedLabels
from guanxi.registry.bundle import log_bundle
from guanxi.registry.log import TrainingRecord, flat_params, git_tags, log_dataset, metric_values
from guanxi.registry.store import Store, import_mlflow, quiet_warnings

LABEL = "guanxi.label"
_SUFFIX = "-labels"


def label_store(store: Store) -> Store:
    """Give the store with the registered model for labels, which has a champion of its own.

    Its name is that of the value model with ``-labels`` after it: ``guanxi-labels``.
    """
    return dataclasses.replace(store, registered_model=store.registered_model + _SUFFIX)


def log_label_training(store: Store, fitted: FittedLabels, record: TrainingRecord) -> tuple[str, str]:
    """Log a training on labels; return the run's identifier and the address of the logged model."""
    mlflow = import_mlflow()
    tags = {
        "guanxi.version": __version__,
        "guanxi.task": fitted.model["task"],
        "guanxi.findings": "; ".join(fitted.warnings)[:5000] or "none",
        **git_tags(),
    }
    with quiet_warnings(), mlflow.start_run(experiment_id=store.experiment_id, tags=tags) as run:
        mlflow.log_params(flat_params(record))
        mlflow.log_text(redact(record.params.to_yaml()), "params.yaml")
        mlflow.log_dict(dict(record.facts), "attributes.json")
        log_dataset(fitted.features, record)
        if record.metrics is not None:
            mlflow.log_metrics(metric_values(record.metrics))
            mlflow.log_text(record.metrics.to_csv(index=False), "holdout/metrics.csv")
        for name, draw in record.figures.items():
            mlflow.log_figure(draw(), f"figures/{name}.png")
        with tempfile.TemporaryDirectory() as folder:
            info = log_bundle(fitted, Path(folder), record.source, profile=record.profile)
    return str(run.info.run_id), str(info.model_uri)


def log_loss_of(store: Store, version: str) -> float:
    """Cross-validated log loss of a version, as a share of that of everyone given the share of churners.

    Raises
    ------
    RegistryError
        If the run that trained it has not kept them.
    """
    run_id = store.client.get_model_version(store.registered_model, version).run_id
    metrics = store.client.get_run(run_id).data.metrics
    own, constant = (metrics.get(f"churn_log_loss{ending}") for ending in ("", "_share"))
    if own is None or not constant:
        raise RegistryError(f"version {version} was trained without a measured log loss")
    return float(own / constant)
