"""Commands that know only purchases, and what they say to other models."""

from __future__ import annotations

from dataclasses import replace

from guanxi.errors import ParamsError
from guanxi.params import Params
from guanxi.registry.loaded_model import LoadedModel, LoadedTransactionModel


def refuse_contracts(command: str, params: Params) -> None:
    """Refuse ``task: contracts``, before anything is read (ParamsError)."""
    if params.task == "contracts":
        raise ParamsError(
            f"guanxi {command} works on purchases and their costs, not on contracts: give the payments as "
            "transactions, without task=contracts; guanxi predict, scorecard and plan value contracts"
        )


def valuing_purchases(loaded: LoadedModel, params: Params) -> LoadedTransactionModel:
    """Return a model that values purchases; refuse any other (ParamsError)."""
    found = loaded.of_transactions(
        ", and this command needs the value of purchases: name one trained on transactions, as in --model "
        "models:/guanxi@champion"
    )
    return replace(found, language=params.language)
