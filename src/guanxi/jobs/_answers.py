"""The answer of a decision: checked, written as one set of files, and logged."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from guanxi import __version__
from guanxi.data.sinks import files
from guanxi.data.sinks.file_sets import LOCK, check_replaceable, replaced_together
from guanxi.decisions.answer import Answer
from guanxi.jobs._parts import only_writer
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params
from guanxi.registry.job_log import log_result
from guanxi.registry.store import answering, open_store
from guanxi.report.chapters import render_document

# A longer table is for programs: Parquet only.
_MOST_IN_CSV = 100_000
_FIELDS = ("guanxi", "metrics", "settings")


def check_answer_folder(folder: Path, name: str, tables: Collection[str]) -> None:
    """Check that an answer can be written and replaces an earlier one only.

    Parameters
    ----------
    folder : pathlib.Path
    name : str
        Of the command.
    tables : collection of str
        Names of all tables that it may write.

    Raises
    ------
    OutputError
    """
    files.check_output(folder / f"{name}.html")
    check_replaceable(folder, _own(name, tables), f"{name}.json", _FIELDS)


def deliver(
    answer: Answer,
    folder: Path,
    name: str,
    tables: Collection[str],
    params: Params,
    reporter: Reporter,
    *,
    source: str,
    as_of: date | None,
    model_version: str = "",
) -> None:
    """Write the page, the tables and ``NAME.json`` as one set; log them as a run of MLflow.

    Parameters
    ----------
    answer : Answer
    folder, name, tables
        As in :func:`check_answer_folder`; of these tables, those that the answer lacks are removed.
    params : Params
    reporter : Reporter
    source : str
        As shown on the page.
    as_of : datetime.date or None
    model_version : str
        Empty without a model.

    Raises
    ------
    OutputError, RegistryError
    """
    page = render_document(
        answer.title,
        answer.chapters,
        source=source,
        as_of=as_of,
        model_version=model_version,
        language=params.language,
        generated_by=f"guanxi {__version__}",
    )
    document = {
        "guanxi": __version__,
        "as_of": as_of and as_of.isoformat(),
        "metrics": _known(answer),
        "settings": dict(answer.settings),
    }
    with reporter.step(f"write {folder}"), only_writer(str(folder), folder / LOCK):
        _write(answer, folder, name, tables, page, document)
    with reporter.step("log the result"):
        tags = {"source": source, "as_of": str(as_of or ""), "model_version": model_version}
        store = open_store(params.mlflow)
        figures = {f"{file}.png": draw for file, draw in answer.figures.items()}
        with answering(store):
            log_result(
                store,
                name,
                {key: value for key, value in tags.items() if value},
                answer.settings,
                _known(answer),
                {f"{name}.json": document},
                page,
                figures,
            )


def _write(
    answer: Answer, folder: Path, name: str, tables: Collection[str], page: str, document: dict[str, Any]
) -> None:
    with replaced_together(folder) as new:
        for file, table in answer.tables.items():
            files.write_table(table, new / f"{file}.parquet")
            if len(table) <= _MOST_IN_CSV:
                files.write_table(table, new / f"{file}.csv")
        files.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", new / f"{name}.json")
        files.write_text(page, new / f"{name}.html")
        written = {path.name for path in new.iterdir()}
    for path in folder.iterdir():
        if _own(name, tables).fullmatch(path.name) and path.name not in written:
            path.unlink(missing_ok=True)


def _own(name: str, tables: Collection[str]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, tables))
    return re.compile(rf"{re.escape(name)}\.(html|json)|({names})\.(parquet|csv)")


def _known(answer: Answer) -> dict[str, float | None]:
    """Metrics for JSON, which has no NaN."""
    return {
        key: None if value is None or not math.isfinite(value) else float(value)
        for key, value in answer.metrics.items()
    }
