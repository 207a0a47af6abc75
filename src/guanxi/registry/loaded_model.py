"""Load registered models, and copy them to a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.sinks import files
from guanxi.data.sinks.own_files import check_only_own, remove_own
from guanxi.data.sources.redaction import redact
from guanxi.data.temporary import remove_abandoned, temporary_folder
from guanxi.errors import OutputError, ParamsError, RegistryError
from guanxi.params import MLflowParams
from guanxi.registry._sanity import impossible
from guanxi.registry.load_errors import STORE_SCHEMES, _check_description, _why_not_found, _why_not_loaded
from guanxi.registry.store import Store, _import_mlflow, _quiet_warnings, open_store
from guanxi.served.contracts.document import MONEY, ServedContracts
from guanxi.served.model import AnyServedModel, ServedLabelModel, ServedModel, from_json

_META = "registered_model_meta"
_EXPORTED = re.compile(
    rf"MLmodel|guanxi_model\.py|(requirements|conda|python_env)\.\w+|{_META}"
    r"|(serving_)?input_example\.json|artifacts/\w+\.json|artifacts/trees/[^/]+\.txt|(.+/)?__pycache__/[^/]+"
)


@dataclass(frozen=True)
class LoadedModel:
    """A model loaded from the registry or from a folder.

    Attributes
    ----------
    uri : str
        The address given.
    version : str
        Version in the registry, or the model's identifier if it has none.
    folder : pathlib.Path
        Local folder with its files.
    pyfunc : mlflow.pyfunc.PyFuncModel
    served : ServedModel, ServedLabelModel or ServedContracts
        The fitted model, read from its JSON document.
    features : list of str
        Its feature columns.
    source : str
        The training data.
    language : str or None
        Of the texts of the drivers; None: as trained.
    """

    uri: str
    version: str
    folder: Path
    pyfunc: Any
    served: AnyServedModel
    features: list[str]
    source: str
    language: str | None = None

    @property
    def as_of(self) -> str:
        """Last day of the training data, ISO; empty for a model without dates."""
        return ""

    @property
    def horizon_days(self) -> int:
        """The horizon it was trained for; 0 for a model without dates."""
        return 0

    @property
    def data_rules(self) -> dict[str, str]:
        """The rules of the data used in training, by their keys in params.yaml."""
        return {}

    @property
    def may_be_missing(self) -> tuple[str, ...]:
        """Columns of the predictions that may be missing for some customers."""
        return ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings to show with its predictions, such as a grade C."""
        return ()

    def of_transactions(self, advice: str = "") -> LoadedTransactionModel:
        """Return the model if it was trained on transactions.

        Raises
        ------
        ParamsError
            If it was not; the message ends with the advice.
        """
        raise ParamsError(f"model {redact(self.uri)} was trained on {self.served.task}{advice}")

    @property
    def profile(self) -> dict[str, Any]:
        """The training profile: :mod:`guanxi.evaluation.monitoring.profile`.

        Raises
        ------
        RegistryError
            If the model was trained by a version that stored none.
        """
        path = getattr(self.pyfunc.unwrap_python_model(), "profile", None)
        if path is None:
            raise RegistryError(
                f"model {redact(self.uri)} was trained by a version of guanxi that kept no training profile: "
                "train it again with guanxi train"
            )
        profile: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        return profile

    @property
    def scorer(self) -> Any:
        """The scorer inside: a ``Scorer`` or ``LabelScorer`` of the version that trained it."""
        return self.pyfunc.unwrap_python_model().scorer

    def predict(self, features: pd.DataFrame, **params: Any) -> pd.DataFrame:
        """Score a feature table; ``params`` as in the model's signature, None meaning as trained.

        Raises
        ------
        RegistryError
            If the table lacks a feature the model was trained with, or a prediction is missing or impossible.
        """
        amounts = features.get("monetary_value")
        # Data without amounts provide a column that is missing everywhere.
        absent = [] if amounts is None or amounts.notna().any() else ["monetary_value"]
        self.check_features(features.columns.difference(absent, sort=False))
        given = self.given(params)
        numbers = [name for name in self.features if name not in self.served.text_features]
        typed = features[self.features].astype(dict.fromkeys(numbers, "float64"))
        table: pd.DataFrame = self.pyfunc.predict(typed, params=given)
        found = impossible(table.drop(columns=[*self.served.left_empty]), self.may_be_missing)
        if found:
            raise RegistryError(
                f"model {redact(self.uri)} predicts what cannot be: {found}; train again, or name another one"
            )
        return table

    def given(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of a prediction that are not as trained; an older model speaks its own language only."""
        known = {each.name for each in self.pyfunc.metadata.signature.params}
        spoken = {"language": self.language} if "language" in known else {}
        return {name: value for name, value in (spoken | dict(params)).items() if value is not None}

    def check_features(self, columns: Iterable[str]) -> None:
        """Refuse a table that lacks a feature the model was trained with.

        Raises
        ------
        RegistryError
        """
        missing = sorted(set(self.features) - set(columns), key=self.features.index)
        if missing:
            raise RegistryError(
                f"model {redact(self.uri)} needs features that this data does not provide "
                f"({', '.join(missing[:3])}; it was trained on {self.source}): map the columns it was "
                "trained with, or name another model, as in --model models:/guanxi@candidate"
            )


@dataclass(frozen=True)
class LoadedDatedModel(LoadedModel):
    """A loaded model that was trained up to a day, for a horizon."""

    served: ServedModel | ServedContracts

    @property
    def as_of(self) -> str:
        """Last day of the training data, ISO."""
        return self.served.as_of

    @property
    def horizon_days(self) -> int:
        """The horizon it was trained for."""
        return self.served.horizon_days

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings to show with its predictions, such as a grade C."""
        return self.served.warnings


@dataclass(frozen=True)
class LoadedTransactionModel(LoadedDatedModel):
    """A loaded model of transactions."""

    served: ServedModel

    @property
    def window_days(self) -> int:
        """Feature window in days: the horizon, or less if the history was short."""
        return self.served.limits.window_days

    @property
    def data_rules(self) -> dict[str, str]:
        """The rules of the data used in training, by their keys in params.yaml."""
        return {f"data.{name}": rule for name, rule in asdict(self.served.data).items()}

    def of_transactions(self, advice: str = "") -> LoadedTransactionModel:
        """Return the model."""
        return self


@dataclass(frozen=True)
class LoadedLabelModel(LoadedModel):
    """A loaded model of labels."""

    served: ServedLabelModel

    def check_no_days(self, **options: Any) -> None:
        """Refuse command-line options that only apply to a model with dates.

        Raises
        ------
        ParamsError
            If any is given.
        """
        given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
        if given:
            raise ParamsError(
                f"model {redact(self.uri)} was trained on labels and has no dates: "
                f"leave {' and '.join(given)} out"
            )


@dataclass(frozen=True)
class LoadedContractModel(LoadedDatedModel):
    """A loaded model of customers under contract."""

    served: ServedContracts

    @property
    def data_rules(self) -> dict[str, str]:
        """The rules of the data used in training, by their keys in params.yaml."""
        return {"contracts.period": self.served.period}

    @property
    def may_be_missing(self) -> tuple[str, ...]:
        """Columns of the predictions that may be missing: those of money, for a contract without amount."""
        return MONEY


_LOADED: dict[str, type[LoadedModel]] = {
    ServedModel.task: LoadedTransactionModel,
    ServedLabelModel.task: LoadedLabelModel,
    ServedContracts.task: LoadedContractModel,
}


def load_model(uri: str, store: Store | None = None) -> LoadedModel:
    """Load a model by its MLflow address, such as ``models:/guanxi@champion`` or a folder.

    Without a store, an address in a registry is looked up in MLflow's current one. Loading runs the model's
    code: load only from registries you trust.

    Raises
    ------
    RegistryError
        If there is no such model, or it is not one of guanxi's.
    """
    try:
        with _quiet_warnings():
            version, location = _found(uri, store)
            folder = Path(_download(location, store))
    except Exception as error:
        raise RegistryError(f"cannot load model {redact(uri)}: {_why_not_found(error, uri)}") from error
    _check_description(uri, folder)
    try:
        with _quiet_warnings():
            pyfunc = _import_mlflow().pyfunc.load_model(str(folder), suppress_warnings=True)
            features = list(pyfunc.metadata.get_input_schema().input_names())
            source = str(pyfunc.metadata.metadata["source"])
    except Exception as error:
        raise RegistryError(f"cannot load model {redact(uri)}: {_why_not_loaded(error)}") from error
    served = _read_served(uri, folder)
    return _LOADED[served.task](
        uri=uri,
        version=version or pyfunc.metadata.model_uuid,
        folder=folder,
        pyfunc=pyfunc,
        served=served,
        features=features,
        source=source,
    )


def load_from_store(uri: str, params: MLflowParams) -> LoadedModel:
    """Load a model as :func:`load_model` does, from the store of the parameters if it is in one."""
    stored = uri.startswith(STORE_SCHEMES)
    return load_model(uri, open_store(params, create=False, write=False) if stored else None)


def _read_served(uri: str, folder: Path) -> AnyServedModel:
    try:
        return from_json(json.loads((folder / "artifacts" / "model.json").read_text(encoding="utf-8")))
    except ValueError as error:
        advice = "update guanxi, or train it again"
        raise RegistryError(f"cannot load model {redact(uri)}: {error}; {advice}") from error


def check_export(folder: Path) -> None:
    """Check before a job that the model folder can be written after it.

    Raises
    ------
    OutputError
        If the folder cannot be written, is a file or a link, or contains anything but an exported model.
    """
    if folder.is_file():
        raise OutputError(f"{folder} is a file: move it away, the champion's folder goes there")
    files.check_output(folder / "MLmodel")
    for each in (folder, _earlier(folder)):
        check_only_own(each, _EXPORTED)
        described = each / "MLmodel"
        if described.exists() and "guanxi_version" not in described.read_text("utf-8", errors="replace"):
            raise OutputError(f"{each} holds a model that is not of guanxi: move it away")


def export(store: Store, version: str, folder: Path) -> None:
    """Copy a registered version to a folder that MLflow loads; an earlier copy stays until it is complete.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    name = store.registered_model
    check_export(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder.parent)
        with temporary_folder(folder.parent) as staged:
            new = staged / folder.name
            new.mkdir()
            with _quiet_warnings():
                location = store.client.get_model_version_download_uri(name, version)
                _download(f"{location.rstrip('/')}/", store, new)
            about = f"model_name: {name}\nmodel_version: '{version}'\n"
            (new / _META).write_text(about, encoding="utf-8")
            remove_own(_earlier(folder), _EXPORTED)
            if folder.exists():
                folder.rename(_earlier(folder))
            new.rename(folder)
        remove_own(_earlier(folder), _EXPORTED)
    except OSError as error:
        raise OutputError(f"cannot export the model to {folder}: {error.strerror or error}") from error


def exported_name(folder: Path) -> str | None:
    """Name of the registered model that an exported folder was copied from; None if there is none."""
    path, key = folder / _META, "model_name: "
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix(key).strip("'\" ") for line in lines if line.startswith(key)), None)


def _earlier(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _found(uri: str, store: Store | None) -> tuple[str, str]:
    """Version number behind a registry address, empty for anything else, and where its files are."""
    from mlflow.store.artifact.utils.models import get_model_name_and_version

    if not uri.startswith("models:/"):
        return "", uri
    client = store.client if store else _import_mlflow().MlflowClient()
    # An alias is resolved once, since it may move while the model loads.
    *name, version = get_model_name_and_version(client, uri)  # type: ignore[no-untyped-call]
    if not name:
        return "", str(client.get_logged_model(version).artifact_location)
    return str(version), str(client.get_model_version_download_uri(*name, version))


def _download(location: str, store: Store | None, folder: Path | None = None) -> str:
    """Download files from where they are, by default into a temporary folder if they are not local."""
    uri = store.uri if store else None
    return str(
        _import_mlflow().artifacts.download_artifacts(
            location, dst_path=folder and str(folder), tracking_uri=uri, registry_uri=uri
        )
    )
