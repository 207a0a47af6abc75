"""``params.yaml`` read into frozen objects: the only reader of YAML.

Order of precedence: command-line flags, ``--set`` overrides, the file, the defaults below. Unknown and
duplicate keys fail.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Hashable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from guanxi.errors import ParamsError
from guanxi.params.scorecard import PlaybookRule, ScorecardParams
from guanxi.params.section import Section

_LIFETIMES_MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd")
REQUIRED_COLUMNS = ("customer_id", "timestamp", "amount")
OPTIONAL_COLUMNS = ("order_id", "quantity", "unit_price", "category", "channel", "margin")
# Of each relation table: the columns it must have, and those it may have.
RELATION_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "customers": (
        ("customer_id",),
        ("acquired_on", "acquisition_channel", "acquisition_cost", "referred_by", "contract"),
    ),
    "interactions": (("customer_id", "timestamp"), ("channel", "kind", "direction", "responded")),
    "surveys": (
        ("customer_id", "timestamp", "instrument", "score"),
        ("scale_low", "scale_high", "dimension", "expectation"),
    ),
    "tickets": (("customer_id", "opened"), ("closed", "satisfaction", "complaint")),
    "costs": (("customer_id", "timestamp", "kind", "amount"), ()),
    "credit": (("customer_id", "timestamp"), ("credit_limit", "overdue_days", "defaults")),
}
_FORMS = {
    "model_type": "keys with values belong below it",
    "dict_type": 'write a map, as in {"amount": "Price"}',
    "tuple_type": 'write a list, as in ["sheet"]',
}


class DataParams(Section):
    """How a source becomes canonical transactions."""

    columns: dict[str, str] = Field(default_factory=dict)
    refunds: Literal["net", "drop", "reject"] = "net"
    duplicates: Literal["keep", "drop"] = "keep"
    duplicates_ignore: tuple[str, ...] = ()
    event_grain: Literal["D", "W", "M"] = "D"
    timezone: str = "UTC"
    timestamp_format: str | None = None
    encoding: str = "utf-8"

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        known = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
        for name in columns:
            if name not in known:
                raise ValueError(f"{name!r} is no canonical column: choose from {', '.join(known)}")
        return columns

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{timezone!r} is no IANA time zone such as UTC or Europe/London") from None
        return timezone


class RelationParams(Section):
    """Where a relation table is, and how it becomes canonical."""

    source: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    timestamp_format: str | None = None
    encoding: str | None = None

    @field_validator("constants", mode="before")
    @classmethod
    def _as_text(cls, constants: Any) -> Any:
        """Take numbers, dates, true and false as YAML reads them for the text they stand for."""
        if not isinstance(constants, dict):
            return constants
        plain = (bool, int, float, date)
        return {name: str(value) if isinstance(value, plain) else value for name, value in constants.items()}


class RelationsParams(Section):
    """Tables beside the transactions, all optional."""

    customers: RelationParams = RelationParams()
    interactions: RelationParams = RelationParams()
    surveys: RelationParams = RelationParams()
    tickets: RelationParams = RelationParams()
    costs: RelationParams = RelationParams()
    credit: RelationParams = RelationParams()

    @field_validator("*")
    @classmethod
    def _known_columns(cls, relation: RelationParams, info: ValidationInfo) -> RelationParams:
        required, optional = RELATION_COLUMNS[str(info.field_name)]
        for name in (*relation.columns, *relation.constants):
            if name not in (*required, *optional):
                known = ", ".join((*required, *optional))
                raise ValueError(f"{name!r} is no column of {info.field_name}: choose from {known}")
        both = sorted(relation.columns.keys() & relation.constants.keys())
        if both:
            raise ValueError(f"{both[0]!r} has both a column and a constant: keep one")
        return relation


class LifetimeValueParams(Section):
    """Purchases, spend and their discounted product."""

    model: Literal["bg_nbd", "mbg_nbd", "bg_cnbd", "mbg_cnbd", "pareto_nbd", "ggom_nbd", "nbd", "auto"] = (
        "bg_nbd"
    )
    engine: Literal["guanxi", "lifetimes"] = "guanxi"
    spend: Literal["gamma_gamma", "mean"] = "gamma_gamma"
    annual_discount_rate: float = Field(0.1, ge=0, lt=10)
    margin: float = Field(1.0, gt=0, le=1)
    interval: float = Field(0.9, gt=0, lt=1)

    @model_validator(mode="after")
    def _model_of_the_engine(self) -> Self:
        if self.engine == "lifetimes" and self.model not in _LIFETIMES_MODELS:
            raise ValueError(f"lifetimes fits {', '.join(_LIFETIMES_MODELS)} only, not {self.model}")
        return self


class LightGBMParams(Section):
    """The LightGBM settings that may be changed, under the names of its scikit-learn interface."""

    n_estimators: int = Field(1000, ge=1)
    early_stopping_rounds: int = Field(30, ge=1)
    learning_rate: float = Field(0.1, gt=0, le=1)
    num_leaves: int = Field(5, ge=2)
    max_depth: int = -1
    min_child_samples: int = Field(300, ge=1)
    colsample_bytree: float = Field(0.3, gt=0, le=1)
    subsample: float = Field(1.0, gt=0, le=1)
    subsample_freq: int = Field(0, ge=0)
    reg_alpha: float = Field(0.0, ge=0)
    reg_lambda: float = Field(50.0, ge=0)
    min_split_gain: float = Field(0.0, ge=0)
    max_bin: int = Field(255, ge=2)


class TuningParams(Section):
    """Budget of the search for better settings of the trees, in every fit: a training has two.

    The search ends with whichever is used up first; with ``seconds`` and 0 trials, with the seconds. Seconds
    do not give the same settings again: how many are tried depends on the machine.
    """

    trials: int = Field(0, ge=0)
    seconds: float | None = Field(None, gt=0)


class ChurnParams(Section):
    """The churn classifier and its training snapshots."""

    lightgbm: LightGBMParams = LightGBMParams()
    tuning: TuningParams = TuningParams()
    snapshot_spacing_days: int | None = Field(None, ge=1)


class DriversParams(Section):
    """How many drivers stand in each row of the prediction table."""

    top: int = Field(3, ge=0, le=20)


class MonitorParams(Section):
    """Limits from which on a model is to be watched or trained again: conventions, no laws."""

    psi_watch: float = Field(0.1, gt=0)
    psi_retrain: float = Field(0.25, gt=0)
    mean_watch: float = Field(0.1, gt=0)
    mean_retrain: float = Field(0.25, gt=0)
    unseen_rise: float = Field(0.05, gt=0, lt=1)
    rejected_rise: float = Field(0.05, gt=0, lt=1)
    auc_fall: float = Field(0.03, gt=0, lt=1)
    calibration_rise: float = Field(0.03, gt=0, lt=1)
    bias: float = Field(0.1, gt=0)


class MLflowParams(Section):
    """Where runs and models are kept; without an address, ``mlruns/`` in the working folder."""

    tracking_uri: str | None = None
    experiment: str = "guanxi"
    registered_model: str = "guanxi"

    @field_validator("tracking_uri")
    @classmethod
    def _not_empty(cls, address: str | None) -> str | None:
        if address is not None and not address.strip():
            raise ValueError("it is empty: leave it out, or set the variable that it comes from")
        return address


class PromotionParams(Section):
    """What a candidate must show to become champion; changes are shares of the champion's number."""

    compare: bool = True
    log_loss_increase: float = Field(0.02, ge=0)
    mae_increase: float = Field(0.02, ge=0)
    coverage_shortfall: float = Field(0.1, ge=0, lt=1)
    mean_change: float | None = Field(0.25, ge=0)


class Params(Section):
    """All parameters of a run."""

    horizon_days: int = Field(90, ge=1, le=3650)
    as_of: date | None = None
    seed: int = Field(0, ge=0, lt=2**31)
    language: Literal["en", "zh"] = "en"
    data: DataParams = DataParams()
    relations: RelationsParams = RelationsParams()
    clv: LifetimeValueParams = LifetimeValueParams()
    churn: ChurnParams = ChurnParams()
    drivers: DriversParams = DriversParams()
    promotion: PromotionParams = PromotionParams()
    monitor: MonitorParams = MonitorParams()
    scorecard: ScorecardParams = ScorecardParams()
    playbook: tuple[PlaybookRule, ...] = ()
    mlflow: MLflowParams = MLflowParams()

    @field_validator("as_of", mode="before")
    @classmethod
    def _plain_date(cls, as_of: Any) -> Any:
        """Take only a date: numbers would be read as seconds since 1970."""
        if as_of is None or (isinstance(as_of, date) and not isinstance(as_of, datetime)):
            return as_of
        try:
            return date.fromisoformat(str(as_of))
        except ValueError:
            raise ValueError("write a date as YYYY-MM-DD") from None

    def to_yaml(self) -> str:
        """Write every key with its resolved value.

        Examples
        --------
        >>> Params().to_yaml().splitlines()[0]
        'horizon_days: 90'
        """
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def flat(self) -> dict[str, Any]:
        """Every key as ``section.key``, for MLflow."""
        return dict(_flatten(self.model_dump(mode="json")))


def load_params(
    path: Path | None = None,
    overrides: Iterable[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Params:
    """Resolve the parameters of a run.

    Parameters
    ----------
    path : Path, optional
        A YAML file. Without one, ``params.yaml`` in the working folder if it is there.
    overrides : iterable of str
        ``dotted.key=value``; lists and maps as JSON.
    flags : mapping, optional
        Dotted keys set by command-line flags; ``None`` means not given.

    Raises
    ------
    ParamsError
        If the file is missing or no YAML map, or a key is unknown, given twice, or of a wrong value.

    Examples
    --------
    >>> load_params(overrides=["horizon_days=30"]).horizon_days
    30
    """
    tree: dict[str, Any] = _read(path)
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key.strip():
            raise ParamsError(f"--set {override!r} is not key=value: write for example --set horizon_days=30")
        _put(tree, key.strip(), _value(key, text))
    return _resolve(tree, flags or {})


def override(params: Params, flags: Mapping[str, Any]) -> Params:
    """Replace some keys of resolved parameters; ``flags`` as in :func:`load_params`.

    Raises
    ------
    ParamsError
        If a key is unknown or a value is not valid.

    Examples
    --------
    >>> override(Params(), {"horizon_days": 30, "drivers.top": None}).horizon_days
    30
    """
    return _resolve(params.model_dump(), flags)


def parse_columns(text: str) -> dict[str, str]:
    """Read the ``--columns`` shorthand ``canonical=Source,canonical=A*B``.

    Raises
    ------
    ParamsError
        If a part is not ``name=column``, or a name stands twice.

    Examples
    --------
    >>> parse_columns("customer_id=CustomerID,amount=Quantity*Price")
    {'customer_id': 'CustomerID', 'amount': 'Quantity*Price'}
    """
    columns: dict[str, str] = {}
    for part in text.split(","):
        name, separator, column = (piece.strip() for piece in part.partition("="))
        if not (name and separator and column):
            raise ParamsError(f"--columns part {part!r} is not name=column, as in customer_id=CustomerID")
        if name in columns:
            raise ParamsError(f"--columns names {name!r} twice: keep one")
        columns[name] = column
    return columns


def _resolve(tree: dict[str, Any], flags: Mapping[str, Any]) -> Params:
    for key, value in flags.items():
        if value is not None:
            _put(tree, key, value)
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        raise ParamsError(_explain(error)) from None


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        path = Path("params.yaml")
        if not path.is_file():
            return {}
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ParamsError(f"cannot read {path}: {reason}") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {_where(error)}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ParamsError(f"{path} holds no map of keys to values: see the commented params.yaml")
    return tree


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        if tree.get(parent) is None:
            tree[parent] = {}
        child = tree[parent]
        if not isinstance(child, dict):
            raise ParamsError(f"{dotted} is unknown: {parent} has no keys below it")
        tree = child
    if isinstance(value, dict) and isinstance(tree.get(leaf), dict):
        value = {**tree[leaf], **value}
    tree[leaf] = value


def _value(key: str, text: str) -> Any:
    text = text.strip()
    if text == "null":
        return None
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ParamsError(f"--set {key}: {text!r} is not JSON ({error.msg})") from None
    return text


def _where(error: yaml.YAMLError) -> str:
    """Say in one line what the parser met, and where."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _explain(error: ValidationError) -> str:
    """Put pydantic's first complaint, and the number of others, in one line.

    A key that is unknown comes first: it may be why another one is missing.
    """
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    parts = first["loc"] if first["type"] != "invalid_key" else tuple(map(str, first["loc"]))
    path = [part for part in parts if isinstance(part, str)]
    dotted = _dotted(parts)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _keys_at(path[:-1])
        close = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        return f"parameter {dotted} is unknown: {hint}{more}"
    message = _FORMS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return f"parameter {dotted} = {first['input']!r} is not valid: {message}{more}"


def _dotted(path: Iterable[str | int]) -> str:
    """Write where a value stands; places in a list are counted from 1."""
    return ".".join(f"#{part + 1}" if isinstance(part, int) else part for part in path).replace(".#", " #")


def _keys_at(path: list[str]) -> list[str]:
    section: Any = Params
    for part in path:
        kind = section.model_fields[part].annotation
        section = get_args(kind)[0] if get_args(kind) else kind
    return list(section.model_fields)


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, (given, _) in zip(keys, node.value, strict=True):
            if keys.count(key) > 1:
                line = given.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: key {key!r} stands twice: keep one")
        return super().construct_mapping(node, deep)
