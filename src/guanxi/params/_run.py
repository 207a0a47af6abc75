"""All parameters of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from guanxi.errors import ParamsError
from guanxi.params._campaign import CampaignParams
from guanxi.params._contracts import ContractParams
from guanxi.params._data import DataParams, RelationsParams
from guanxi.params._loyalty import LoyaltyParams
from guanxi.params._models import (
    ChurnParams,
    DriversParams,
    LifetimeValueParams,
    MLflowParams,
    MonitorParams,
    PromotionParams,
)
from guanxi.params._plan import PlanParams
from guanxi.params._profit import ProfitParams
from guanxi.params._relationship_programme import ProgrammeParams
from guanxi.params._report import ReportParams
from guanxi.params._scenario import ScenarioParams
from guanxi.params._section import Section
from guanxi.params.scorecard import PlaybookRule, ScorecardParams
from guanxi.params.tasks import MODEL_SUFFIXES, Task
from guanxi.periods import parse_date


class Params(Section):
    """All parameters of a run."""

    task: Task = "purchases"
    horizon_days: int = Field(90, ge=1, le=3650)
    as_of: date | None = None
    seed: int = Field(0, ge=0, lt=2**31)
    language: Literal["en", "zh"] = "en"
    data: DataParams = DataParams()
    relations: RelationsParams = RelationsParams()
    contracts: ContractParams = ContractParams()
    clv: LifetimeValueParams = LifetimeValueParams()
    churn: ChurnParams = ChurnParams()
    drivers: DriversParams = DriversParams()
    promotion: PromotionParams = PromotionParams()
    monitor: MonitorParams = MonitorParams()
    scorecard: ScorecardParams = ScorecardParams()
    loyalty: LoyaltyParams = LoyaltyParams()
    programme: ProgrammeParams = ProgrammeParams()
    profit: ProfitParams = ProfitParams()
    playbook: tuple[PlaybookRule, ...] = ()
    plan: PlanParams = PlanParams()
    campaign: CampaignParams = CampaignParams()
    scenario: ScenarioParams = ScenarioParams()
    report: ReportParams = ReportParams()
    mlflow: MLflowParams = MLflowParams()

    @field_validator("as_of", mode="before")
    @classmethod
    def _plain_date(cls, as_of: Any) -> Any:
        """Accept dates of any type; numbers would be read as seconds since 1970."""
        try:
            return None if as_of is None else parse_date(as_of, what="as_of")
        except ParamsError:
            raise ValueError("write a date as YYYY-MM-DD") from None

    @model_validator(mode="after")
    def _periods_of_the_model(self) -> Self:
        if self.clv.model == "bg_bb" and self.data.event_grain == "D":
            raise ValueError("clv.model=bg_bb counts whole periods: set data.event_grain=W, M or Y")
        return self

    @property
    def registered_model(self) -> str:
        """Name of the registered model of the task.

        Examples
        --------
        >>> Params(task="labels").registered_model
        'guanxi-labels'
        """
        return self.mlflow.registered_model + MODEL_SUFFIXES[self.task]

    def to_yaml(self) -> str:
        """Format all keys with their resolved values.

        Examples
        --------
        >>> Params().to_yaml().splitlines()[0]
        'task: purchases'
        """
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def flat(self) -> dict[str, Any]:
        """All values by ``section.key``, for MLflow."""
        return dict(_flatten(self.model_dump(mode="json")))


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
