"""Parameters of the models: fitting, storage, promotion and monitoring."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from guanxi.params._section import Section

_LIFETIMES_MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd")


class LifetimeValueParams(Section):
    """Purchases, spend and discounted lifetime value."""

    model: Literal[
        "bg_nbd", "mbg_nbd", "bg_cnbd", "mbg_cnbd", "pareto_nbd", "ggom_nbd", "nbd", "bg_bb", "auto"
    ] = "auto"
    engine: Literal["guanxi", "lifetimes"] = "guanxi"
    spend: Literal["gamma_gamma", "mean"] = "gamma_gamma"
    annual_discount_rate: float = Field(0.1, ge=0, lt=10)
    margin: float = Field(1.0, gt=0, le=1)
    interval: float = Field(0.9, gt=0, lt=1)

    @model_validator(mode="after")
    def _model_of_the_engine(self) -> Self:
        if self.engine == "lifetimes" and self.model not in (*_LIFETIMES_MODELS, "auto"):
            raise ValueError(f"lifetimes fits {', '.join(_LIFETIMES_MODELS)} only, not {self.model}")
        return self


class LightGBMParams(Section):
    """LightGBM settings, with the names of its scikit-learn interface."""

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
    """Budget of the hyperparameter search in each of the two fits of a training.

    The search ends at the first limit reached; 0 trials with ``seconds`` means no limit on trials. A limit in
    seconds is not reproducible, since the number of trials depends on the machine.
    """

    trials: int = Field(0, ge=0)
    seconds: float | None = Field(None, gt=0)


class OfferParams(Section):
    """An offer to stay, by which a churn model's profit is measured; by default that of the EMPC paper.

    The share of churners who accept follows a beta distribution with ``alpha`` and ``beta``.
    """

    value: float = Field(200.0, gt=0)
    incentive: float = Field(10.0, ge=0)
    contact: float = Field(1.0, ge=0)
    alpha: float = Field(6.0, gt=0)
    beta: float = Field(14.0, gt=0)


class ChurnParams(Section):
    """The churn classifier, its training snapshots, and the offer that its profit is measured by."""

    lightgbm: LightGBMParams = LightGBMParams()
    tuning: TuningParams = TuningParams()
    snapshot_spacing_days: int | None = Field(None, ge=1)
    offer: OfferParams = OfferParams()


class DriversParams(Section):
    """Number of drivers in each row of the prediction table."""

    top: int = Field(3, ge=0, le=20)


class MonitorParams(Section):
    """Limits above which a model should be watched or retrained; they are conventions."""

    psi_watch: float = Field(0.1, gt=0)
    psi_retrain: float = Field(0.25, gt=0)
    mean_watch: float = Field(0.1, gt=0)
    mean_retrain: float = Field(0.25, gt=0)
    unseen_rise: float = Field(0.05, gt=0, lt=1)
    rejected_rise: float = Field(0.05, gt=0, lt=1)
    auc_fall: float = Field(0.03, gt=0, lt=1)
    calibration_rise: float = Field(0.03, gt=0, lt=1)
    bias: float = Field(0.1, gt=0)


_LONGEST_NAME = 200


class MLflowParams(Section):
    """Where runs and models are stored; default: ``MLFLOW_TRACKING_URI``, else ``mlruns/`` here."""

    tracking_uri: str | None = None
    experiment: str = "guanxi"
    registered_model: str = "guanxi"

    @field_validator("tracking_uri")
    @classmethod
    def _not_empty(cls, address: str | None) -> str | None:
        if address is not None and not address.strip():
            raise ValueError("it is empty: leave it out, or set the variable it comes from")
        return address

    @field_validator("experiment")
    @classmethod
    def _experiment_name(cls, name: str) -> str:
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise ValueError(f"write a name of at most {_LONGEST_NAME} printable characters")
        return name

    @field_validator("registered_model")
    @classmethod
    def _model_name(cls, name: str) -> str:
        """Accept what MLflow does, and what an address such as ``models:/NAME@champion`` can hold."""
        if (
            not name.strip()
            or len(name) > _LONGEST_NAME
            or not name.isprintable()
            or set(name) & set("/:@?#'\"")
        ):
            raise ValueError(
                f"write a name of at most {_LONGEST_NAME} characters without / : @ ? # and quotes"
            )
        return name


class PromotionParams(Section):
    """Criteria for promoting a candidate; changes are relative to the champion."""

    compare: bool = True
    log_loss_increase: float = Field(0.02, ge=0)
    mae_increase: float = Field(0.02, ge=0)
    coverage_shortfall: float = Field(0.1, ge=0, lt=1)
    mean_change: float | None = Field(0.25, ge=0)
