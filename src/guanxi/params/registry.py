"""The parameters of what happens to a trained model: where it is kept, promoted and watched."""

from __future__ import annotations

from pydantic import Field, field_validator

from guanxi.params.section import Section


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
