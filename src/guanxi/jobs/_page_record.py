"""What a run found that its page shows, kept beside the page so that it can be made again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from guanxi import __version__
from guanxi.data.sinks import files
from guanxi.data.sources.redaction import redact
from guanxi.errors import ParamsError, SourceError
from guanxi.models.drivers import ChurnEffects
from guanxi.params import Params, load_params
from guanxi.params.tasks import Task

#: Folder of the record, in that of the run.
FOLDER = "page"
_FACTS, _PARAMS = f"{FOLDER}/page.json", f"{FOLDER}/params.yaml"
#: Matches the names of its files, in the folder of the run.
FILES = rf"{FOLDER}/(page\.json|params\.yaml|\w+\.parquet)"
# What a model depends on, by the sections of the parameters: the page of a model trained otherwise would lie.
_TRAINED = ("task", "horizon_days", "as_of", "seed", "data", "contracts", "clv", "churn", "drivers")


@dataclass(frozen=True)
class PageRecord:
    """What a run found that its page shows.

    Attributes
    ----------
    task : Task
    params : Params
        Those of the run, with the day that was used.
    source, digest : str
        Address of the data as given, without passwords, and the digest of the lines accepted.
    version, run_id : str
        Of the model.
    facts : dict
        For JSON.
    tables : dict of str to pandas.DataFrame
    """

    task: Task
    params: Params
    source: str
    digest: str
    version: str
    run_id: str
    facts: dict[str, Any] = field(repr=False)
    tables: dict[str, pd.DataFrame] = field(repr=False)


def write_record(record: PageRecord, folder: Path) -> None:
    """Write a record into the folder of a run; passwords are left out."""
    for name, table in record.tables.items():
        files.write_table(table, folder / FOLDER / f"{name}.parquet")
    document = {
        "guanxi": __version__,
        **{name: getattr(record, name) for name in ("task", "source", "digest", "version", "run_id")},
        "facts": record.facts,
        "tables": list(record.tables),
    }
    files.write_text(redact(record.params.to_yaml()), folder / _PARAMS)
    files.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", folder / _FACTS)


def read_record(folder: Path) -> PageRecord:
    """Read the record of a run.

    Raises
    ------
    SourceError
        If there is none, or it is damaged or of another version.
    """
    path = folder / _FACTS
    if not path.is_file():
        raise SourceError(
            f"{folder} has no {_FACTS}, from which its page could be made again: name the folder of a "
            "guanxi run of this version"
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document.pop("guanxi")
        names = document.pop("tables")
        tables = {name: pd.read_parquet(folder / FOLDER / f"{name}.parquet") for name in names}
        params = load_params(folder / _PARAMS)
        record = PageRecord(params=params, tables=tables, **document)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException, ParamsError) as error:
        raise SourceError(f"{path} cannot be read ({error}): guanxi run makes it anew") from error
    if version != __version__:
        raise SourceError(f"{path} is of guanxi {version}, this is {__version__}: guanxi run makes it anew")
    return record


def check_trained_so(params: Params, record: PageRecord) -> None:
    """Refuse parameters on which the model depends, other than those of the run.

    Raises
    ------
    ParamsError
    """
    asked, trained = params.flat(), record.params.flat()
    for name in {**trained, **asked}:
        if name.partition(".")[0] in _TRAINED and asked.get(name) != trained.get(name):
            raise ParamsError(
                f"{name} is {asked.get(name)}, but the model of the page was trained with "
                f"{trained.get(name)}: leave it out, or train with guanxi run"
            )


def effects_table(explanation: Any) -> pd.DataFrame:
    """Put the effects and the values of the drivers side by side: ``effect NAME`` and ``value NAME``."""
    names = list(explanation.feature_names)
    effects = pd.DataFrame(np.asarray(explanation.values), columns=[f"effect {name}" for name in names])
    values = pd.DataFrame(np.asarray(explanation.data), columns=[f"value {name}" for name in names])
    return pd.concat([effects, values.infer_objects()], axis=1)


def effects_of(table: pd.DataFrame) -> Any:
    """Return the effects of :func:`effects_table`.

    Examples
    --------
    >>> given = ChurnEffects(np.array([[0.5]]), np.array([0.0]), np.array([[3.0]]), ["T"])
    >>> effects_of(effects_table(given)).feature_names
    ['T']
    """
    columns = map(str, table.columns)
    names = [name.removeprefix("effect ") for name in columns if name.startswith("effect ")]
    data = table[[f"value {name}" for name in names]]
    return ChurnEffects(
        values=table[[f"effect {name}" for name in names]].to_numpy(),
        base_values=np.zeros(len(table)),
        data=data.to_numpy(),
        feature_names=names,
    )
