"""One MLflow run of a monitoring."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from guanxi import __version__
from guanxi.registry.store import Store, import_mlflow, quiet_warnings

RUN_NAME = "monitor"
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")
_LONGEST_NAME = 200


def log_monitoring(
    store: Store, tags: Mapping[str, str], metrics: Mapping[str, float | None], report: Mapping[str, Any]
) -> str:
    """Log measures, tags and the report (``monitor.json``) as a run of its own; return its identifier.

    Measures that are None are left out; signs that MLflow does not take in names become ``_``.
    """
    mlflow = import_mlflow()
    named = {
        _NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME]: value
        for name, value in metrics.items()
        if value is not None
    }
    all_tags = {"guanxi.version": __version__, **{f"guanxi.{name}": value for name, value in tags.items()}}
    with (
        quiet_warnings(),
        mlflow.start_run(run_name=RUN_NAME, experiment_id=store.experiment_id, tags=all_tags) as run,
    ):
        mlflow.log_metrics(named)
        mlflow.log_dict(dict(report), "monitor.json")
    return str(run.info.run_id)
