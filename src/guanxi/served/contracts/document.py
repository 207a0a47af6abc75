"""The contents of a served model of customers under contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..document_parts import Attribute, Drivers, Language, LifetimeValue, Matrix, WithAttributes

#: Columns of the predictions that need a known amount.
MONEY = ("monetary_value", "mrr_expected", "clv", "clv_lower", "clv_upper", "value_at_risk")


@dataclass(frozen=True)
class Covariate:
    """A standardised covariate of the retention model; a missing value counts as the mean.

    Attributes
    ----------
    name : str
        Name of its coefficients.
    attribute : str
        The feature column.
    category : str or None
        The covariate is 1 for it and 0 otherwise, before it is standardised; None for a number.
    mean, scale : float
    lowest, highest : float
        Standardised values beyond those seen in training count as these.
    """

    name: str
    attribute: str
    category: str | None
    mean: float
    scale: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class RetentionModel:
    """The retention model; ``log_covariance`` is that of its log-parameters (None: not identified)."""

    model: str
    params: Mapping[str, float]
    log_covariance: Matrix | None
    covariates: tuple[Covariate, ...] = ()


@dataclass(frozen=True)
class HazardRegression:
    """A logistic regression that corrects the log odds of churning of the retention model.

    Attributes
    ----------
    covariates : tuple of Covariate
    coefficients : tuple of float
        Of the covariates, at the first opportunity.
    knots : tuple of int
        Numbers of renewals from which a step of the tenure is added.
    steps : tuple of float
    intercept : float
    slopes : tuple of float
        Change of each coefficient with the logarithm of 1 plus the renewals; empty: none changes.
    longest : int
        Coefficients stay as they are from this number of renewals on.
    """

    covariates: tuple[Covariate, ...]
    coefficients: tuple[float, ...]
    knots: tuple[int, ...]
    steps: tuple[float, ...]
    intercept: float
    slopes: tuple[float, ...] = ()
    longest: int = 0


@dataclass(frozen=True)
class HazardTrees:
    """How trees correct the log odds of churning of retention model and regression.

    Attributes
    ----------
    features : tuple of str
        Columns of the trees. ``renewals`` are those made before an opportunity, and ``lead`` is the place of
        the opportunity among those after the day of the features.
    leads : tuple of int
        Places at which the trees are evaluated; between them the correction is interpolated on the
        logarithm of the place, beyond the last it stays.
    level : float
        Constant added to the log odds.
    """

    features: tuple[str, ...] = ()
    leads: tuple[int, ...] = (1,)
    level: float = 0.0


@dataclass(frozen=True)
class CancellationLevel:
    """Season and slow level of cancellations, as differences of log odds by calendar month.

    Attributes
    ----------
    first_month : str
        ISO date of the first day of the first month.
    log_odds : tuple of float
        Months after the last are like those of the last year.
    """

    first_month: str
    log_odds: tuple[float, ...]


@dataclass(frozen=True)
class AmountProcess:
    """Change of the amount per period at each renewal (expansion and contraction).

    Attributes
    ----------
    change_probability : float
        Probability that the amount changes at a renewal.
    log_ratios : tuple of float
        Equally likely logarithms of the ratio of the new to the old amount, given a change.
    growth_error : float
        Standard error of the mean growth of the logarithm of the amount per period.
    """

    change_probability: float = 0.0
    log_ratios: tuple[float, ...] = ()
    growth_error: float = 0.0


@dataclass(frozen=True)
class ContractLimits:
    """Size of the training data: customers, opportunities to renew, and those at which a customer left."""

    customers: int
    opportunities: int
    churned: int
    longest_tenure: int


@dataclass(frozen=True)
class ServedContracts(WithAttributes):
    """A model of customers under contract.

    Attributes
    ----------
    as_of : str
        The last day of the training data, ISO.
    horizon_days : int
    language : str
    period : str
        Length of a contract period: ``D``, ``W``, ``M``, ``Q`` or ``Y``.
    period_days : float
    attributes : tuple of Attribute
        Feature columns beside ``renewals`` and ``amount``.
    timed : bool
        Whether ``periods_to_renewal`` says when each customer's next opportunity is; otherwise it is
        uniformly distributed over the period.
    retention : RetentionModel
    regression : HazardRegression or None
    trees : HazardTrees or None
    level : CancellationLevel or None
    amounts : AmountProcess or None
        None if the data have no amounts: everything about money is missing.
    lifetime_value : LifetimeValue
    drivers : Drivers
    usual_log_odds : float
        Mean of what retention model, regression and trees make of the renewals of the training day's
        customers.
    limits : ContractLimits
    warnings : tuple of str
    """

    task: ClassVar[str] = "contracts"

    as_of: str
    horizon_days: int
    language: Language
    period: str
    period_days: float
    attributes: tuple[Attribute, ...]
    timed: bool
    retention: RetentionModel
    regression: HazardRegression | None
    trees: HazardTrees | None
    level: CancellationLevel | None
    amounts: AmountProcess | None
    lifetime_value: LifetimeValue
    drivers: Drivers
    usual_log_odds: float
    limits: ContractLimits
    warnings: tuple[str, ...] = ()
    typical_renewals: float = 0.0
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
            "language": self.language,
        }

    @property
    def left_empty(self) -> tuple[str, ...]:
        """Columns of the predictions that are missing for every customer: those of money without amounts."""
        return () if self.amounts else MONEY

    @property
    def about(self) -> dict[str, Any]:
        """Facts needed before the model is loaded."""
        return {
            "task": self.task,
            "as_of": self.as_of,
            "period": self.period,
            "warnings": list(self.warnings),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> ServedContracts:
        """Read the fields of a document."""
        retention, regression = document["retention"], document["regression"]
        return cls(
            **{
                **document,
                "attributes": tuple(Attribute(**each) for each in document["attributes"]),
                "retention": RetentionModel(**_with_covariates(retention)),
                "regression": regression and HazardRegression(**_with_covariates(regression)),
                "trees": document["trees"] and HazardTrees(**document["trees"]),
                "level": document["level"] and CancellationLevel(**document["level"]),
                "amounts": document["amounts"] and AmountProcess(**document["amounts"]),
                "lifetime_value": LifetimeValue(**document["lifetime_value"]),
                "drivers": Drivers(**document["drivers"]),
                "limits": ContractLimits(**document["limits"]),
            }
        )


def _with_covariates(document: Mapping[str, Any]) -> dict[str, Any]:
    return {**document, "covariates": tuple(Covariate(**each) for each in document["covariates"])}
