"""The MLflow run of a training on labels."""

from __future__ import annotations

from guanxi.errors import RegistryError
from guanxi.pipeline.labelled import FittedLabels
from guanxi.registry.log import TrainingRecord, _log_run
from guanxi.registry.store import Store

LABEL = "guanxi.label"


def log_label_training(store: Store, fitted: FittedLabels, record: TrainingRecord) -> tuple[str, str]:
    """Log a training on labels; return the run's identifier and the address of the logged model."""
    tags = {
        "guanxi.task": fitted.model.task,
        "guanxi.fit_notes": "; ".join(fitted.model.warnings)[:5000] or "none",
    }
    return _log_run(
        store,
        fitted,
        record,
        tags,
        lambda run_id: store.client.log_dict(run_id, dict(record.facts), "attributes.json"),
    )


def log_loss_of(store: Store, version: str) -> float:
    """Cross-validated log loss of a version, relative to that of predicting the churn rate for everyone.

    Raises
    ------
    RegistryError
        If its training run did not log both losses.
    """
    run_id = store.client.get_model_version(store.registered_model, version).run_id
    metrics = store.client.get_run(run_id).data.metrics
    own, constant = (metrics.get(f"churn_log_loss{ending}") for ending in ("", "_share"))
    if own is None or not constant:
        raise RegistryError(f"version {version} was trained without a measured log loss")
    return float(own / constant)
