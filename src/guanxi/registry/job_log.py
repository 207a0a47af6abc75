"""MLflow runs of jobs that do not train a model: monitoring, scorecard and decisions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from guanxi.registry._run_log import log_values, open_run
from guanxi.registry.log import _log_figures
from guanxi.registry.store import Store, _quiet_warnings

_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")
_LONGEST_NAME = 200


def log_monitoring(
    store: Store, tags: Mapping[str, str], metrics: Mapping[str, float | None], report: Mapping[str, Any]
) -> str:
    """Log measures, tags and the report (``monitor.json``) as a separate run; return its identifier.

    Measures that are None are omitted; characters that MLflow does not allow in names become ``_``.
    """
    with _run(store, "monitor", tags, {}, metrics) as run_id:
        store.client.log_dict(run_id, dict(report), "monitor.json")
    return run_id


def log_result(
    store: Store,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    documents: Mapping[str, Mapping[str, Any]],
    page: str,
    figures: Mapping[str, Callable[[], Any]],
) -> str:
    """Log the result of a command that answers a question as a separate run; return its identifier.

    Parameters
    ----------
    store : Store
    name : str
        Of the command; the page becomes ``NAME.html``.
    tags, params, metrics : mapping
        Metrics that are None are omitted; characters that MLflow does not allow in names become ``_``.
    documents : mapping of str to mapping
        File name to JSON content.
    page : str
    figures : mapping of str to callable
        File name to a function that draws the matplotlib figure.
    """
    with _run(store, name, tags, params, metrics) as run_id:
        for file, document in documents.items():
            store.client.log_dict(run_id, dict(document), file)
        store.client.log_text(run_id, page, f"{name}.html")
        _log_figures(store, run_id, figures)
    return run_id


@contextmanager
def _run(
    store: Store,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    metrics: Mapping[str, float | None],
) -> Iterator[str]:
    """Open a run with its tags, parameters and metrics; yield its identifier."""
    metrics = {_NOT_IN_NAMES.sub("_", key)[:_LONGEST_NAME]: value for key, value in metrics.items()}
    named = {f"guanxi.{tag}": value for tag, value in tags.items()}
    with _quiet_warnings(), open_run(store, named, name) as run_id:
        log_values(store, run_id, params, metrics)
        yield run_id
