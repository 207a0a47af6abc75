"""One MLflow run of a scorecard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guanxi import __version__
from guanxi.registry.store import Store, import_mlflow, quiet_warnings

RUN_NAME = "scorecard"


def log_scorecard(
    store: Store,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    documents: Mapping[str, Mapping[str, Any]],
    page: str,
    figures: Mapping[str, Callable[[], Any]],
) -> str:
    """Log a scorecard as a run of its own; return its identifier.

    Parameters
    ----------
    store : Store
    tags, params, metrics : mapping
        Metrics that are None are left out.
    documents : mapping of str to mapping
        File name to JSON content.
    page : str
        ``scorecard.html``.
    figures : mapping of str to callable
        File name to what draws the matplotlib figure.
    """
    mlflow = import_mlflow()
    all_tags = {"guanxi.version": __version__, **{f"guanxi.{name}": value for name, value in tags.items()}}
    with (
        quiet_warnings(),
        mlflow.start_run(run_name=RUN_NAME, experiment_id=store.experiment_id, tags=all_tags) as run,
    ):
        mlflow.log_params(dict(params))
        mlflow.log_metrics({name: value for name, value in metrics.items() if value is not None})
        for name, document in documents.items():
            mlflow.log_dict(dict(document), name)
        mlflow.log_text(page, "scorecard.html")
        for name, draw in figures.items():
            mlflow.log_figure(draw(), name)
    return str(run.info.run_id)
