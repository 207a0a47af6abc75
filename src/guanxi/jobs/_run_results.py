"""The results of a run: their folder is checked before it, and all are written as one set after it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.contracts.log import ContractLog
from guanxi.data.sinks import files
from guanxi.data.sinks.file_sets import LOCK, check_replaceable, finish, replaced_together
from guanxi.data.transactions import TransactionLog
from guanxi.jobs import _page_record
from guanxi.jobs._gate import Registered
from guanxi.jobs._parts import only_writer
from guanxi.jobs.promote import export_folder
from guanxi.jobs.reporter import Reporter
from guanxi.params.tasks import Task
from guanxi.registry import loaded_model as registry
from guanxi.registry.log import log_page
from guanxi.registry.store import answering

_PREDICTIONS, _REJECTED, _METRICS = "predictions.parquet", "rejected.parquet", "metrics.json"
PAGE = "report.html"
#: Keys of ``metrics.json``, by which the results of a run are known.
_FIELDS: dict[Task, tuple[str, ...]] = {
    "purchases": ("holdout", "grades", "totals"),
    "labels": ("labels", "cross_validation"),
    "contracts": ("contracts", "measured"),
}


@contextmanager
def results_folder(folder: Path, task: Task, reporter: Reporter) -> Iterator[None]:
    """Hold the folder of a run, which may replace the results of an earlier one only.

    Raises
    ------
    OutputError
        If the folder, or that of the champion, cannot be written, another command is writing it, or files
        there are not of a run.
    """
    names = [_PREDICTIONS, _METRICS, PAGE, *([] if task == "labels" else [_REJECTED])]
    for name in names:
        files.check_output(folder / name)
    own = re.compile("|".join([*map(re.escape, names), _page_record.FILES]))
    check_replaceable(folder, own, _METRICS, _FIELDS[task])
    registry.check_export(export_folder(task))
    with only_writer(str(folder), folder / LOCK):
        if finish(folder):
            reporter.say(f"   {folder}: put the results of an interrupted run in their places")
        yield


def deliver(
    training: Registered,
    task: Task,
    folder: Path,
    reporter: Reporter,
    *,
    predictions: pd.DataFrame,
    metrics: Mapping[str, Any],
    page: Callable[[], str],
    record: _page_record.PageRecord,
    log: TransactionLog | ContractLog | None = None,
) -> None:
    """Write all results or none, log the page, and copy the champion to its folder.

    Parameters
    ----------
    training : Registered
        With the champion after the gate.
    task : Task
    folder : Path
        Held by :func:`results_folder`.
    reporter : Reporter
    predictions : pandas.DataFrame
    metrics : mapping
        For JSON.
    page : callable
        Renders the page.
    record : PageRecord
    log : TransactionLog or ContractLog, optional
        Whose rejected lines are written too.
    """
    results = reporter.step("write the results, the page and the champion's folder")
    with results, answering(training.store):
        html = page()
        with replaced_together(folder) as new:
            files.write_table(predictions, new / _PREDICTIONS)
            if log is not None:
                about = {"model_version": training.version}
                files.write_engine_table(log.connection, log.rejected, new / _REJECTED, about)
            files.write_text(json.dumps(metrics, indent=1) + "\n", new / _METRICS)
            files.write_text(html, new / PAGE)
            _page_record.write_record(record, new)
        log_page(training.store, training.run_id, html)
        if training.champion is not None:
            registry.export(training.store, training.champion, export_folder(task))
