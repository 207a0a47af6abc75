"""Parameters of a run as frozen objects, from ``params.yaml`` and the command line."""

from guanxi.params._campaign import CAMPAIGN_COLUMNS, CampaignParams
from guanxi.params._contracts import CONTRACT_COLUMNS, ContractParams
from guanxi.params._data import (
    OPTIONAL_COLUMNS,
    OTHER_COLUMNS,
    RELATION_COLUMNS,
    REQUIRED_COLUMNS,
    DataParams,
    RelationParams,
    RelationsParams,
)
from guanxi.params._loyalty import LoyaltyParams
from guanxi.params._models import (
    ChurnParams,
    DriversParams,
    LifetimeValueParams,
    LightGBMParams,
    MLflowParams,
    MonitorParams,
    OfferParams,
    PromotionParams,
    TuningParams,
)
from guanxi.params._plan import PlanAction, PlanChannel, PlanCustomer, PlanParams
from guanxi.params._profit import ChannelParams, ProfitParams
from guanxi.params._reading import load_params, override, parse_columns, parse_yaml
from guanxi.params._relationship_programme import CampaignEffectsParams, ProgrammeParams
from guanxi.params._report import ReportParams
from guanxi.params._run import Params
from guanxi.params._scenario import ScenarioCase, ScenarioChange, ScenarioParams
from guanxi.params._voice import VoiceParams
from guanxi.params.scorecard import PlaybookRule, ScorecardParams

__all__ = [
    "CAMPAIGN_COLUMNS",
    "CONTRACT_COLUMNS",
    "OPTIONAL_COLUMNS",
    "OTHER_COLUMNS",
    "RELATION_COLUMNS",
    "REQUIRED_COLUMNS",
    "CampaignEffectsParams",
    "CampaignParams",
    "ChannelParams",
    "ChurnParams",
    "ContractParams",
    "DataParams",
    "DriversParams",
    "LifetimeValueParams",
    "LightGBMParams",
    "LoyaltyParams",
    "MLflowParams",
    "MonitorParams",
    "OfferParams",
    "Params",
    "PlanAction",
    "PlanChannel",
    "PlanCustomer",
    "PlanParams",
    "PlaybookRule",
    "ProfitParams",
    "ProgrammeParams",
    "PromotionParams",
    "RelationParams",
    "RelationsParams",
    "ReportParams",
    "ScenarioCase",
    "ScenarioChange",
    "ScenarioParams",
    "ScorecardParams",
    "TuningParams",
    "VoiceParams",
    "load_params",
    "override",
    "parse_columns",
    "parse_yaml",
]
