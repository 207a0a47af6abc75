"""``guanxi report``: the page of a run made again, in another language, currency or with other costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from guanxi.data.contracts.digest import contract_digest
from guanxi.data.relations.tables import read_relations
from guanxi.data.sinks import files
from guanxi.data.sources.source import Source
from guanxi.data.transactions import data_digest, read_transactions
from guanxi.errors import DataError, ParamsError, RegistryError
from guanxi.features.snapshots import features_at
from guanxi.jobs._contract_log import open_contracts
from guanxi.jobs._contract_page import contract_page
from guanxi.jobs._decision_chapters import check_planned
from guanxi.jobs._label_page import label_page
from guanxi.jobs._opened_log import THE_TABLE, source_name
from guanxi.jobs._page_record import PageRecord, check_trained_so, read_record
from guanxi.jobs._predict_contracts import contract_scoring
from guanxi.jobs._run_page import page_of_run
from guanxi.jobs._run_results import PAGE
from guanxi.jobs.predict import _score_customers
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.params.tasks import Task
from guanxi.registry.loaded_model import LoadedContractModel, LoadedModel, load_from_store
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.scorecard import check_parameters
from guanxi.served.texts import Language


@advises_in_python()
@leave_mlflow_alone()
def report(
    folder: str | Path = "output",
    output: str | Path | None = None,
    *,
    source: Source | None = None,
    language: Language | None = None,
    params: Params | None = None,
    progress: bool | Reporter = False,
) -> Path:
    """Make the page of a run again, without training.

    The data are read again, and scored with the model of the run; what the training measured is read from
    ``page`` in the folder. The page of a run on labels needs neither data nor model.

    Parameters
    ----------
    folder : path
        Of the run.
    output : path, optional
        HTML file; default: ``report.html`` in the folder, which is replaced.
    source : str, path or table, optional
        Where the same data are now; default: as in the run.
    language : {"en", "zh"}, optional
    params : Params, optional
        Default: those of the run, from :func:`params_of_run`, which alone can be changed in what no model
        depends on: language, currency, playbook, costs of actions and channels, scorecard, relations.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Returns
    -------
    pathlib.Path
        The HTML file.

    Raises
    ------
    ParamsError
        If a parameter on which the model depends is not as in the run.
    SourceError, DataError
        If the folder is not of a run, the data cannot be read, or are no longer the same.
    RegistryError
        If the model cannot be loaded, or is not that of the run.
    OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.report("output", "report-zh.html", language="zh")  # doctest: +SKIP
    """
    folder, reporter = files.output_path(folder), reporter_of(progress)
    path = folder / PAGE if output is None else files.output_path(output)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ParamsError(f"{path}: end the name of the page in .html")
    record = read_record(folder)
    params = override(record.params if params is None else params, {"language": language})
    check_trained_so(params, record)
    files.check_output(path)
    html = _MAKERS[record.task](record, _source(record, source, folder), params, reporter)
    with reporter.step(f"write {path}"):
        files.write_text(html, path)
    return path


def params_of_run(folder: str | Path = "output") -> Params:
    """Return the parameters of a run, with the day that was used.

    Raises
    ------
    SourceError
        If the folder is not of a run.
    """
    return read_record(files.output_path(folder)).params


def _source(record: PageRecord, given: Source | None, folder: Path) -> Source:
    if given is None and record.source == THE_TABLE and record.task != "labels":
        raise ParamsError(f"the run in {folder} read a table from Python: give it again as source")
    return record.source if given is None else given


def _page_of_purchases(record: PageRecord, source: Source, params: Params, reporter: Reporter) -> str:
    reporter.expect(4)
    check_parameters(params)
    check_planned(params.plan)
    with reporter.step(f"read {source_name(source)}"):
        log = read_transactions(source, params.data)
    try:
        _check_digest(record, data_digest(log), log.source)
        relations = read_relations(params, log)
        loaded = _model(record, params, reporter).of_transactions()
        day = record.params.as_of
        assert day is not None  # the record has the day that was used
        with reporter.step("score every customer with the registered model"):
            predictions = _score_customers(log, loaded, day)

        def features() -> Any:
            return features_at(log, day, loaded.window_days)

        return page_of_run(record, log, relations, loaded, predictions, features, params, reporter)()
    finally:
        log.close()


def _page_of_contracts(record: PageRecord, source: Source, params: Params, reporter: Reporter) -> str:
    reporter.expect(4)
    log = open_contracts(source, params, reporter)
    try:
        _check_digest(record, contract_digest(log), log.source)
        loaded = _model(record, params, reporter)
        assert isinstance(loaded, LoadedContractModel)
        assert record.params.as_of is not None  # the record has the day that was used
        with reporter.step("score every customer with the registered model"):
            predictions = contract_scoring(log, loaded, record.params.as_of).whole()
        return contract_page(record, predictions, params)
    finally:
        log.close()


def _page_of_labels(record: PageRecord, _: Source, params: Params, reporter: Reporter) -> str:
    reporter.expect(1)
    return label_page(record, params)


_MAKERS: dict[Task, Callable[[PageRecord, Source, Params, Reporter], str]] = {
    "purchases": _page_of_purchases,
    "contracts": _page_of_contracts,
    "labels": _page_of_labels,
}


def _check_digest(record: PageRecord, digest: str, source: str) -> None:
    if digest != record.digest:
        raise DataError(
            f"{source} is not what the run read: name the same data, or make all anew with guanxi run"
        )


def _model(record: PageRecord, params: Params, reporter: Reporter) -> LoadedModel:
    """Load the model of the run, to speak the language of the page."""
    uri = f"models:/{params.registered_model}/{record.version}"
    with reporter.step(f"load {uri}"):
        loaded = load_from_store(uri, params.mlflow)
    if loaded.pyfunc.metadata.run_id != record.run_id:
        raise RegistryError(
            f"{uri} is not the model of the run, but another of that number: name the store of the run with "
            "--tracking-uri, or make all anew with guanxi run"
        )
    return replace(loaded, language=params.language)
