"""The MLflow run of a training on labels."""

from __future__ import annotations

from guanxi.errors import RegistryError
from guanxi.pipeline.labelled import FittedLabels
from guanxi.registry.log import TrainingRecord, _log_run
from guanxi.registry.store import Store

LABEL = "guanxi.label"
_RELATIVE = "churn_relative_log_loss"


def log_label_training(store: Store, fitted: FittedLabels, record: TrainingRecord) -> tuple[str, str]:
    """Log a training on labels; return the run's identifier and the address of the logged model."""
    tags = {
        "guanxi.task": fitted.model.task,
        "guanxi.fit_notes": "; ".join(fitted.model.warnings)[:5000] or "none",
    }
    metrics = {}
    if record.metrics is not None:
        losses = record.metrics[record.metrics["metric"] == "log_loss"].set_index("model")["value"]
        metrics[_RELATIVE] = float(losses["guanxi"] / losses["share of churners"])
    return _log_run(
        store,
        fitted,
        record,
        tags,
        lambda run_id: store.client.log_dict(run_id, dict(record.facts), "attributes.json"),
        model="labels",
        metrics=metrics,
    )


def log_loss_of(store: Store, version: str) -> float:
    """Cross-validated log loss of a version, relative to that of predicting the churn rate for everyone.

    Raises
    ------
    RegistryError
        If its training run did not log it.
    """
    run_id = store.client.get_model_version(store.registered_model, version).run_id
    loss = store.client.get_run(run_id).data.metrics.get(_RELATIVE)
    if loss is None:
        raise RegistryError(f"version {version} was trained without a measured log loss: train again")
    return float(loss)
