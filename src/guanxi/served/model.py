"""The contents of a served model, and their JSON document, which only this module writes and reads.

Training builds a model and completes it by :func:`dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from ._json_values import check_finite, frozen
from .contracts.document import ServedContracts
from .document_parts import Attribute as Attribute
from .document_parts import Drivers as Drivers
from .document_parts import FittedProcess as FittedProcess
from .document_parts import Language as Language
from .document_parts import LifetimeValue as LifetimeValue
from .document_parts import Matrix as Matrix
from .document_parts import WithAttributes

#: Version of the document; raised whenever a field is added, removed, renamed, moved or changes its meaning.
FORMAT = 2


@dataclass(frozen=True)
class PurchaseModels:
    """Models of repeat purchases by name, and the names of those averaged for counts and for churn."""

    fitted: Mapping[str, FittedProcess]
    counts: tuple[str, ...]
    churn: tuple[str, ...]


@dataclass(frozen=True)
class SpendModel:
    """Model of the amount of a purchase; fields as in :class:`FittedProcess`."""

    model: str
    params: Mapping[str, float]
    log_covariance: Matrix | None

    @property
    def known(self) -> bool:
        """Whether the log had amounts; without, everything about spend is missing."""
        return self.model != "unknown"


@dataclass(frozen=True)
class MarginModel:
    """Margin as a share of spend; variances between customers and within: :func:`.spend.margin_rate`."""

    mean: float
    between_variance: float
    within_variance: float


@dataclass(frozen=True)
class RegressionModel:
    """A regression on standardised logarithms of features; all fields but the intercept have one length.

    Logarithms above ``highest`` count as that, so that an absurd value, such as an amount of 1e50, does not
    multiply the prediction by as much. Models trained before it existed have none.
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    highest: tuple[float, ...] = ()


@dataclass(frozen=True)
class CorrectionModel:
    """Correction of a value model: see :class:`.corrections.Correction`.

    Attributes
    ----------
    model : str
        Name of the selected candidate.
    features : tuple of str
        Columns of the trees.
    regression : RegressionModel or None
    weights : tuple of float
        Weights of the members, trees first.
    window_days : int
        Training window of all members.
    replaced : float
        Weight of the members fitted without offset.
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
class IntensityIndex:
    """Level of the forecasts by date: past, present and expected, in steps of equal length.

    Attributes
    ----------
    first_day : str
        First day of the first step, ISO.
    step_days : int
        7 or 28, so that a year of 364 days has whole steps. Days outside are like those of the same season.
    purchases : tuple of float
        Days of the purchase model that pass on each day of a step.
    amounts : tuple of float
        Mean amount of a purchase in each step, relative to the spend model's.
    """

    first_day: str
    step_days: int
    purchases: tuple[float, ...]
    amounts: tuple[float, ...]


@dataclass(frozen=True)
class DataRules:
    """Rules by which the log was read; features of other logs must follow them."""

    refunds: str
    duplicates: str
    event_grain: str
    timezone: str


@dataclass(frozen=True)
class Limits:
    """Size of the training data.

    Attributes
    ----------
    customers, repeat_customers : int
    history_days : int
    window_days : int
        Window of features and trees: the horizon, or less if the history was short.
    longest_measurable_horizon_days : int
        Longest horizon with a holdout window: half the history.
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
        Language of the driver texts.
    data : DataRules
    purchases : PurchaseModels
    spend : SpendModel
    lifetime_value : LifetimeValue
    drivers : Drivers
    limits : Limits
    corrections : mapping of str to CorrectionModel
        By ``churn``, ``purchases`` and ``spend``.
    intensity : IntensityIndex or None
    features : mapping of str to str
        Every feature column, and its driver.
    warnings : tuple of str
        To be shown with all predictions.
    grades : mapping of str to str or None
        Letter grades of ``churn``, ``purchases`` and ``spend`` on the holdout window.
    margin : MarginModel or None
        None if the log had no margins: ``lifetime_value.margin`` holds for all customers.
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
    intensity: IntensityIndex | None = None
    features: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    grades: Mapping[str, str | None] = field(default_factory=dict)
    margin: MarginModel | None = None

    @property
    def defaults(self) -> dict[str, int | float | str]:
        """What can be asked for with a prediction, as trained."""
        return {
            "drivers": self.drivers.top,
            "as_of": self.as_of,
            "horizon_days": self.horizon_days,
            "annual_discount_rate": self.lifetime_value.annual_discount_rate,
            "interval": self.lifetime_value.interval,
            "language": self.language,
        }

    @property
    def left_empty(self) -> tuple[str, ...]:
        """Columns of the predictions that are missing for every customer: those of spend without amounts."""
        of_spend = ("monetary_value", "expected_spend", "clv", "clv_lower", "clv_upper", "value_at_risk")
        return () if self.spend.known else of_spend

    @property
    def about(self) -> dict[str, Any]:
        """Facts needed before the model is loaded."""
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
                "margin": document["margin"] and MarginModel(**document["margin"]),
                "intensity": document["intensity"] and IntensityIndex(**document["intensity"]),
            }
        )


@dataclass(frozen=True)
class LabelLimits:
    """Size of the training data of a model of labels."""

    customers: int


@dataclass(frozen=True)
class ServedLabelModel(WithAttributes):
    """A model of labels.

    Attributes
    ----------
    id : str
        Column of the customer identifier.
    attributes : tuple of Attribute
    drivers : Drivers
    language : str
    limits : LabelLimits
    warnings : tuple of str
        On attributes left out, and on attributes that may leak the label.
    """

    task: ClassVar[str] = "labels"
    left_empty: ClassVar[tuple[str, ...]] = ()

    id: str
    attributes: tuple[Attribute, ...]
    drivers: Drivers
    language: Language
    limits: LabelLimits
    warnings: tuple[str, ...] = ()

    @property
    def defaults(self) -> dict[str, int | float | str]:
        """What can be asked for with a prediction, as trained."""
        return {"drivers": self.drivers.top, "language": self.language}

    @property
    def about(self) -> dict[str, Any]:
        """Facts needed before the model is loaded."""
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


AnyServedModel = ServedModel | ServedLabelModel | ServedContracts
_TASKS: dict[str, type[AnyServedModel]] = {
    each.task: each for each in (ServedModel, ServedLabelModel, ServedContracts)
}


def to_json(model: AnyServedModel) -> dict[str, Any]:
    """Convert a model to JSON values; a number that is not finite raises a ValueError."""
    fields = asdict(model)
    check_finite(fields, "model.json")
    return {"format": FORMAT, "task": model.task, **fields}


def from_json(document: Mapping[str, Any]) -> AnyServedModel:
    """Read a model written by :func:`to_json`.

    Raises
    ------
    ValueError
        If the format is not :data:`FORMAT`, the task is unknown, the fields are not those of the format, or a
        number is not finite.
    """
    fields = dict(document)
    version, task = fields.pop("format", None), fields.pop("task", None)
    if version != FORMAT:
        raise ValueError(f"model.json is of format {version}, and this version of guanxi reads {FORMAT}")
    if task not in _TASKS:
        raise ValueError(f"model.json is of the task {task!r}, which this version of guanxi does not know")
    check_finite(fields, "model.json")
    try:
        return _TASKS[task].read(frozen(fields))
    except (KeyError, TypeError) as error:
        raise ValueError(f"model.json does not have the fields of format {FORMAT}: {error}") from error


def _correction(document: Mapping[str, Any]) -> CorrectionModel:
    regression = document["regression"] and RegressionModel(**document["regression"])
    return CorrectionModel(**{**document, "regression": regression})
