"""MLflow runs of jobs that do not train a model: monitoring and scorecard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from guanxi import __version__
from guanxi.registry.store import Store, _import_mlflow, _quiet_warnings

_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")
_LONGEST_NAME = 200


def log_monitoring(
    store: Store, tags: Mapping[str, str], metrics: Mapping[str, float | None], report: Mapping[str, Any]
) -> str:
    """Log measures, tags and the report (``monitor.json``) as a separate run; return its identifier.

    Measures that are None are omitted; characters that MLflow does not allow in names become ``_``.
    """
    named = {_NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME]: value for name, value in metrics.items()}
    with _run(store, "monitor", tags, named) as (mlflow, run_id):
        mlflow.log_dict(dict(report), "monitor.json")
    return run_id


def log_scorecard(
    store: Store,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    documents: Mapping[str, Mapping[str, Any]],
    page: str,
    figures: Mapping[str, Callable[[], Any]],
) -> str:
    """Log a scorecard as a separate run; return its identifier.

    Parameters
    ----------
    store : Store
    tags, params, metrics : mapping
        Metrics that are None are omitted.
    documents : mapping of str to mapping
        File name to JSON content.
    page : str
        ``scorecard.html``.
    figures : mapping of str to callable
        File name to a function that draws the matplotlib figure.
    """
    with _run(store, "scorecard", tags, metrics) as (mlflow, run_id):
        mlflow.log_params(dict(params))
        for name, document in documents.items():
            mlflow.log_dict(dict(document), name)
        mlflow.log_text(page, "scorecard.html")
        for name, draw in figures.items():
            mlflow.log_figure(draw(), name)
    return run_id


@contextmanager
def _run(
    store: Store, name: str, tags: Mapping[str, str], metrics: Mapping[str, float | None]
) -> Iterator[tuple[Any, str]]:
    """Open a run with its tags and metrics; yield the mlflow module and the run's identifier."""
    mlflow = _import_mlflow()
    all_tags = {"guanxi.version": __version__, **{f"guanxi.{tag}": value for tag, value in tags.items()}}
    with (
        _quiet_warnings(),
        mlflow.start_run(run_name=name, experiment_id=store.experiment_id, tags=all_tags) as run,
    ):
        mlflow.log_metrics({metric: value for metric, value in metrics.items() if value is not None})
        yield mlflow, str(run.info.run_id)
