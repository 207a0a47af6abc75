"""The MLflow run of a training on contracts."""

from __future__ import annotations

from guanxi.pipeline.contracts import FittedContracts
from guanxi.registry.log import TrainingRecord, _log_run, _log_twin
from guanxi.registry.store import Store
from guanxi.registry.twins import TWIN_DAY_TAG

#: Key of the held-out customers: features of contracts do not depend on a window.
ANY_WINDOW = 0


def log_contract_training(
    store: Store, served: FittedContracts, twin: FittedContracts | None, record: TrainingRecord
) -> tuple[str, str]:
    """Log a training on contracts; return the run's identifier and the address of the logged model.

    ``twin`` is the model fitted one horizon earlier; None for a file of customers, which is cross-validated.
    """

    def details(run_id: str) -> None:
        store.client.log_dict(run_id, dict(record.facts), "usability.json")
        store.client.log_text(run_id, served.losses.to_csv(index=False), "selection/losses.csv")
        if twin is not None:
            _log_twin(store, run_id, twin, record)

    model = served.model
    tags = {
        "guanxi.task": model.task,
        "guanxi.as_of": model.as_of,
        TWIN_DAY_TAG: twin.model.as_of if twin is not None else "none",
        "guanxi.retention_model": model.retention.model,
        "guanxi.fit_notes": "; ".join(model.warnings)[:5000] or "none",
    }
    resolved = {"as_of": model.as_of}
    return _log_run(store, served, record, tags, details, resolved, model=model.retention.model)
