"""Parameters of the relationship scorecard and of the playbook."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from guanxi.params.section import Section


class WeightsParams(Section):
    """How indicators are weighed: by judgement, by data, or both.

    ``tree`` and the judgements are read by :mod:`guanxi.scorecard.weights`, where their forms are told.
    """

    method: Literal[
        "eigenvector",
        "geometric_mean",
        "fuzzy_geometric_mean",
        "fuzzy_extent_analysis",
        "direct",
        "delphi",
    ] = "eigenvector"
    judgements: dict[str, dict[str, Any]] = Field(default_factory=dict)
    expert_weights: dict[str, float] = Field(default_factory=dict)
    points: dict[str, float] = Field(default_factory=dict)
    rounds: tuple[Any, ...] = ()
    data: Literal["entropy", "critic", "principal_components", "factor_analysis"] | None = None
    combine: Literal["multiplicative", "least_squares", "linear"] = "multiplicative"
    share: float = Field(0.5, ge=0, le=1)
    accepted: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _what_the_method_takes(self) -> Self:
        taken = {"direct": "points", "delphi": "rounds"}.get(self.method, "judgements")
        if self.method in ("direct", "delphi") and not getattr(self, taken):
            raise ValueError(f"method {self.method} needs scorecard.weights.{taken}")
        for name in ("judgements", "points", "rounds"):
            if name != taken and getattr(self, name):
                raise ValueError(f"method {self.method} takes {taken}, not {name}: leave one out")
        return self


class TierParams(Section):
    """How customers are sorted into high, middle and low."""

    method: Literal["percentile", "pareto", "natural_breaks"] = "percentile"
    high: float | None = Field(None, gt=0, lt=1)
    middle: float | None = Field(None, gt=0, lt=1)


class ExportParams(Section):
    """Columns of the scorecard and what a customer system calls them; none: the system's usual ones."""

    fields: dict[str, str] | None = None


class ScorecardParams(Section):
    """The relationship scorecard."""

    tree: Any = None
    weights: WeightsParams = WeightsParams()
    normalisation: Literal["quantile", "min_max", "target"] = "quantile"
    method: Literal["weighted_sum", "topsis", "fuzzy"] = "weighted_sum"
    tiers: TierParams = TierParams()
    draws: int = Field(1000, ge=0)
    targets: dict[str, Any] = Field(default_factory=dict)
    benchmarks: dict[str, Any] = Field(default_factory=dict)
    by: tuple[str, ...] = ()
    groups: int | None = Field(None, ge=2, le=50)
    exports: dict[Literal["zoho", "salesforce", "hubspot", "fxiaoke"], ExportParams] = Field(
        default_factory=dict
    )


class PlaybookRule(Section):
    """What to do about a customer of whom the condition ``when`` holds.

    ``when`` maps columns to a value, a list of values, or comparisons in text such as ``"> 0.5"``: see
    :mod:`guanxi.segments.conditions`. ``cost`` is for one customer, in the unit of the amounts.
    """

    when: dict[str, Any]
    action: str = Field(min_length=1)
    channel: str | None = None
    cost: float = Field(0.0, ge=0)
