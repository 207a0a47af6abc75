"""Parameters of the relationship scorecard and of the playbook."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from guanxi.params._section import Section
from guanxi.params._voice import VoiceParams


def _written_as(form: str) -> WrapValidator:
    """Replace pydantic's errors for the forms of a value by one sentence."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("form", "write {form}", {"form": form}) from None

    return WrapValidator(check)


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("write a number such as 0.8")  # noqa: TRY004 - pydantic needs a ValueError
    return value


Number = Annotated[float, BeforeValidator(_no_truth_value)]
# Maps have branches as keys, lists have indicators; lists may contain maps, and a key may be an indicator.
Branches = TypeAliasType("Branches", "str | list[Branches] | dict[str, Branches | None]")
Tree = Annotated[Branches, _written_as("a list of indicators, or a map of branches")]
# A ratio such as 3 or "1/3", or [lower, modal, upper] for fuzzy judgements.
Comparison = StrictInt | StrictFloat | StrictStr | list[StrictInt | StrictFloat | StrictStr]
BranchJudgements = Annotated[
    dict[str, dict[str, Comparison]] | list[list[Comparison]],
    _written_as("pairs as in {price: {service: 3}}, or a matrix of ratios"),
]
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr | datetime | date | None
Criterion = Annotated[
    Scalar | list[Scalar], _written_as('a value, a list of values, or comparisons as text such as "> 0.5"')
]


class WeightsParams(Section):
    """How indicators are weighted: by judgement, by data, or both.

    Names of branches and indicators are validated by :mod:`guanxi.scorecard.weights`.
    """

    method: Literal[
        "eigenvector",
        "geometric_mean",
        "fuzzy_geometric_mean",
        "fuzzy_extent_analysis",
        "direct",
        "delphi",
    ] = "eigenvector"
    judgements: dict[str, dict[str, BranchJudgements]] = Field(default_factory=dict)
    expert_weights: dict[str, float] = Field(default_factory=dict)
    points: dict[str, float] = Field(default_factory=dict)
    rounds: tuple[dict[str, dict[str, Number]], ...] = ()
    data: Literal["entropy", "critic", "principal_components", "factor_analysis"] | None = None
    combine: Literal["multiplicative", "least_squares", "linear"] = "multiplicative"
    share: float = Field(0.5, ge=0, le=1)
    match: Literal["variance"] | None = None
    accepted: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _what_the_method_takes(self) -> Self:
        taken = {"direct": "points", "delphi": "rounds"}.get(self.method, "judgements")
        if self.method in ("direct", "delphi") and not getattr(self, taken):
            raise ValueError(f"method {self.method} needs scorecard.weights.{taken}")
        for name in ("judgements", "points", "rounds"):
            if name != taken and getattr(self, name):
                raise ValueError(f"method {self.method} takes {taken}, not {name}: leave out {name}")
        if self.match and self.accepted:
            raise ValueError("accepted weights are used as they are: leave out match, or accepted")
        return self


class TierParams(Section):
    """How customers are classified as high, middle or low."""

    method: Literal["percentile", "pareto", "natural_breaks"] = "percentile"
    high: float | None = Field(None, gt=0, lt=1)
    middle: float | None = Field(None, gt=0, lt=1)


class FuzzyParams(Section):
    """How memberships are combined with the method ``fuzzy``: see :mod:`guanxi.scorecard.scoring`.

    ``grades`` maps names, best first, to the score at which membership is full, or to the four corners of a
    trapezium; {}: excellent, good, fair, poor.
    """

    operator: Literal["weighted_average", "product_or", "and_bounded_sum", "and_or"] = "weighted_average"
    defuzzification: Literal["weighted", "maximum"] = "weighted"
    plateau: float = Field(0.0, ge=0, lt=1)
    grades: dict[str, Number | tuple[Number, Number, Number, Number]] = Field(default_factory=dict)


class ExportParams(Section):
    """Scorecard columns and their names in a CRM system; default: the usual ones of the system."""

    fields: dict[str, str] | None = None


class IndicatorTarget(Section):
    """Target and warning level: mean or median of an indicator, or the programme in its last period.

    ``by`` are columns of the customers: the target holds for each of their groups too.
    """

    target: Number
    warning: Number | None = None
    statistic: Literal["mean", "median"] = "mean"
    by: tuple[str, ...] = ()


class ReferenceValue(Section):
    """A benchmark mean of an indicator (industry, competitor or own), treated as exact."""

    value: Number
    by: tuple[str, ...] = ()
    source: Annotated[str, BeforeValidator(lambda given: "" if given is None else str(given))] = ""


class OwnIndicator(Section):
    """An indicator of the business's own.

    Its values stand in the table ``relations.indicators``, or are an attribute of the customers table, the
    answers to a survey instrument, or the interactions on a channel.
    """

    dimension: str = Field(min_length=1)
    unit: str = ""
    higher_is_better: StrictBool = True
    scale: tuple[Number, Number] | None = None
    missing: Number | None = None
    label: str = ""
    attribute: str | None = None
    survey: str | None = None
    channel: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [name for name in ("attribute", "survey", "channel") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"it comes from one of {' and '.join(given)}: keep one")
        if self.scale and not self.scale[0] < self.scale[1]:
            raise ValueError(f"the scale {self.scale[0]:g} to {self.scale[1]:g} does not rise")
        return self

    @property
    def origin(self) -> Literal["attribute", "survey", "channel", "table"]:
        """Where its values come from."""
        kinds: tuple[Literal["attribute", "survey", "channel"], ...] = ("attribute", "survey", "channel")
        return next((kind for kind in kinds if getattr(self, kind)), "table")

    @property
    def table(self) -> str:
        """Relation table with its values."""
        of = {"attribute": "customers", "survey": "surveys", "channel": "interactions"}
        return of.get(self.origin, "indicators")

    def column(self, name: str) -> str:
        """Name in that table."""
        return name if self.origin == "table" else str(getattr(self, self.origin))


class ScorecardParams(Section):
    """The relationship scorecard."""

    indicators: dict[str, OwnIndicator] = Field(default_factory=dict)
    tree: Tree | None = None
    weights: WeightsParams = WeightsParams()
    normalisation: Literal["quantile", "min_max", "target"] = "quantile"
    method: Literal["weighted_sum", "topsis", "fuzzy"] = "weighted_sum"
    fuzzy: FuzzyParams = FuzzyParams()
    tiers: TierParams = TierParams()
    draws: int = Field(1000, ge=0)
    targets: dict[str, IndicatorTarget] = Field(default_factory=dict)
    benchmarks: dict[str, ReferenceValue] = Field(default_factory=dict)
    by: tuple[str, ...] = ()
    groups: int | None = Field(None, ge=2, le=50)
    exports: dict[Literal["zoho", "salesforce", "hubspot", "fxiaoke"], ExportParams] = Field(
        default_factory=dict
    )
    voice: VoiceParams = VoiceParams()

    @model_validator(mode="after")
    def _what_the_score_allows(self) -> Self:
        if self.weights.match and self.method != "weighted_sum":
            raise ValueError(f"weights.match: variance needs the method weighted_sum, not {self.method}")
        return self


class PlaybookRule(Section):
    """An action for the customers who meet the condition ``when``.

    ``when`` maps columns to a value, a list of values, or comparisons as text such as ``"> 0.5"``: see
    :mod:`guanxi.segments._conditions`. ``cost`` is per customer, in the currency of the amounts.
    """

    when: dict[str, Criterion]
    action: str = Field(min_length=1)
    channel: str | None = None
    cost: float = Field(0.0, ge=0)
