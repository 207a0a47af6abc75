"""What a served model has learnt, and its JSON document: written and read here and nowhere else.

A model is built once, by training, and completed by :func:`dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

#: Version of the document; raised whenever a field is renamed, moved or given another meaning.
FORMAT = 1

Matrix = tuple[tuple[float, ...], ...]
Language = Literal["en", "zh"]


@dataclass(frozen=True)
class FittedProcess:
    """Parameters of a process, and the covariance of their logarithms; None where the data do not tell."""

    params: Mapping[str, float]
    log_covariance: Matrix | None


@dataclass(frozen=True)
class PurchaseModels:
    """Models of repeat purchases by name, and the names of those whose mean serves for counts and churn."""

    fitted: Mapping[str, FittedProcess]
    counts: tuple[str, ...]
    churn: tuple[str, ...]


@dataclass(frozen=True)
class SpendModel:
    """Model of the amount of a purchase; fields as in :class:`FittedProcess`."""

    model: str
    params: Mapping[str, float]
    log_covariance: Matrix | None


@dataclass(frozen=True)
class RegressionModel:
    """A regression on standardised logarithms of features; all but the intercept of equal length."""

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float


@dataclass(frozen=True)
class CorrectionModel:
    """What is added to a value model: see :class:`.corrections.Correction`.

    Attributes
    ----------
    model : str
        Which of the contenders it is.
    features : tuple of str
        Columns of the trees.
    regression : RegressionModel or None
    weights : tuple of float
        Of the members, trees first.
    window_days : int
        The window that all members learnt on.
    replaced : float
        Weight of the members that learnt from nothing.
    slope, level : float
    """

    model: str
    features: tuple[str, ...] = ()
    regression: RegressionModel | None = None
    weights: tuple[float, ...] = ()
    window_days: int = 0
    replaced: float = 0.0
    slope: float = 1.0
    level: float = 0.0


@dataclass(frozen=True)
class LifetimeValue:
    """Defaults of the customer lifetime value: yearly discount rate, margin, probability of the interval."""

    annual_discount_rate: float
    margin: float
    interval: float


@dataclass(frozen=True)
class Drivers:
    """How many drivers are named by default; histories ``(frequency, recency, T)`` of average customers."""

    top: int
    reference: Matrix = ()


@dataclass(frozen=True)
class DataRules:
    """Rules that the log was read under: features of other logs must follow them."""

    refunds: str
    duplicates: str
    event_grain: str
    timezone: str


@dataclass(frozen=True)
class Limits:
    """What the model has seen.

    Attributes
    ----------
    customers, repeat_customers : int
    history_days : int
    window_days : int
        The window that features and trees are made for: the horizon, or less where the history was short.
    longest_measurable_horizon_days : int
        Twice as long a history is needed to measure a horizon on a held-out window.
    """

    customers: int
    repeat_customers: int
    history_days: int
    window_days: int
    longest_measurable_horizon_days: int


@dataclass(frozen=True)
class ServedModel:
    """A model of transactions.

    Attributes
    ----------
    as_of : str
        The last day of the training data, ISO.
    horizon_days : int
    language : str
        Of the drivers' texts.
    data : DataRules
    purchases : PurchaseModels
    spend : SpendModel
    lifetime_value : LifetimeValue
    drivers : Drivers
    limits : Limits
    corrections : mapping of str to CorrectionModel
        By ``churn``, ``purchases`` and ``spend``.
    month_index : tuple of 12 floats or None
        How busy a day of each calendar month is: see :mod:`.business_time`.
    features : mapping of str to str
        Every feature column, and the driver it belongs to.
    warnings : tuple of str
        What must be said wherever its predictions are shown.
    grades : mapping of str to str or None
        Letter of ``churn``, ``purchases`` and ``spend`` on the held-out window.
    """

    task: ClassVar[str] = "transactions"
    text_features: ClassVar[tuple[str, ...]] = ()

    as_of: str
    horizon_days: int
    language: Language
    data: DataRules
    purchases: PurchaseModels
    spend: SpendModel
    lifetime_value: LifetimeValue
    drivers: Drivers
    limits: Limits
    corrections: Mapping[str, CorrectionModel] = field(default_factory=dict)
    month_index: tuple[float, ...] | None = None
    features: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    grades: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def defaults(self) -> dict[str, int | float | str]:
        """What can be asked for with a prediction, as trained."""
        return {
            "drivers": self.drivers.top,
            "as_of": self.as_of,
            "horizon_days": self.horizon_days,
            "annual_discount_rate": self.lifetime_value.annual_discount_rate,
            "interval": self.lifetime_value.interval,
        }

    @property
    def about(self) -> dict[str, Any]:
        """What a reader must know before the model is loaded."""
        return {
            "task": self.task,
            "as_of": self.as_of,
            "window_days": self.limits.window_days,
            "data": asdict(self.data),
            "warnings": list(self.warnings),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> ServedModel:
        """Read the fields of a document."""
        purchases, corrections = document["purchases"], document["corrections"]
        fitted = {name: FittedProcess(**each) for name, each in purchases["fitted"].items()}
        return cls(
            **{
                **document,
                "data": DataRules(**document["data"]),
                "purchases": PurchaseModels(**{**purchases, "fitted": fitted}),
                "spend": SpendModel(**document["spend"]),
                "lifetime_value": LifetimeValue(**document["lifetime_value"]),
                "drivers": Drivers(**document["drivers"]),
                "limits": Limits(**document["limits"]),
                "corrections": {name: _correction(each) for name, each in corrections.items()},
            }
        )


@dataclass(frozen=True)
class Attribute:
    """A column of customers' attributes.

    Attributes
    ----------
    name : str
    categories : tuple of str or None
        Those seen in training; None for a number.
    typical : float or tuple of float
        The median of a number, or each category's share.
    """

    name: str
    categories: tuple[str, ...] | None
    typical: Any


@dataclass(frozen=True)
class LabelLimits:
    """What a model of labels has seen."""

    customers: int


@dataclass(frozen=True)
class ServedLabelModel:
    """A model of labels.

    Attributes
    ----------
    id : str
        The column of the identifier.
    attributes : tuple of Attribute
    drivers : Drivers
    language : str
    limits : LabelLimits
    warnings : tuple of str
        Attributes left out, and those that may give the label away.
    """

    task: ClassVar[str] = "labels"

    id: str
    attributes: tuple[Attribute, ...]
    drivers: Drivers
    language: Language
    limits: LabelLimits
    warnings: tuple[str, ...] = ()

    @property
    def categories(self) -> dict[str, list[str] | None]:
        """Each attribute's categories, None for a number."""
        return {
            each.name: None if each.categories is None else list(each.categories) for each in self.attributes
        }

    @property
    def text_features(self) -> tuple[str, ...]:
        """Features that are text; all others are numbers."""
        return tuple(each.name for each in self.attributes if each.categories is not None)

    @property
    def defaults(self) -> dict[str, int | float | str]:
        """What can be asked for with a prediction, as trained."""
        return {"drivers": self.drivers.top}

    @property
    def about(self) -> dict[str, Any]:
        """What a reader must know before the model is loaded."""
        return {"task": self.task}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> ServedLabelModel:
        """Read the fields of a document."""
        return cls(
            **{
                **document,
                "attributes": tuple(Attribute(**each) for each in document["attributes"]),
                "drivers": Drivers(**document["drivers"]),
                "limits": LabelLimits(**document["limits"]),
            }
        )


AnyServedModel = ServedModel | ServedLabelModel
_TASKS: dict[str, type[AnyServedModel]] = {each.task: each for each in (ServedModel, ServedLabelModel)}


def to_json(model: AnyServedModel) -> dict[str, Any]:
    """Write a model as what JSON holds."""
    return {"format": FORMAT, "task": model.task, **asdict(model)}


def from_json(document: Mapping[str, Any]) -> AnyServedModel:
    """Read a model that :func:`to_json` wrote.

    Raises
    ------
    ValueError
        If the format is not :data:`FORMAT`, or the task is none that is known.
    """
    fields = dict(document)
    version, task = fields.pop("format", None), fields.pop("task", None)
    if version != FORMAT:
        raise ValueError(f"model.json is of format {version}, and this version of guanxi reads {FORMAT}")
    if task not in _TASKS:
        raise ValueError(f"model.json is of the task {task!r}, which this version of guanxi does not know")
    return _TASKS[task].read(_frozen(fields))


def _correction(document: Mapping[str, Any]) -> CorrectionModel:
    regression = document["regression"] and RegressionModel(**document["regression"])
    return CorrectionModel(**{**document, "regression": regression})


def _frozen(value: Any) -> Any:
    """Turn lists into tuples, however deep."""
    if isinstance(value, Mapping):
        return {name: _frozen(each) for name, each in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
