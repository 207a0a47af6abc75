"""The gate between candidate and champion: the checks of a version, and the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import singledispatch
from typing import Protocol

from guanxi.errors import DataError, RegistryError
from guanxi.evaluation import contract_gate, gate
from guanxi.evaluation.gate import Check
from guanxi.jobs._twin_windows import check_alike, describe_window, score_window
from guanxi.jobs.reporter import Reporter
from guanxi.params import PromotionParams
from guanxi.registry.aliases import CHAMPION, LEAKS, REFUSED, make_champion, read_aliases, set_status, tags
from guanxi.registry.card import add_decision
from guanxi.registry.contract_log import ANY_WINDOW
from guanxi.registry.label_log import LABEL, log_loss_of
from guanxi.registry.loaded_model import (
    LoadedContractModel,
    LoadedLabelModel,
    LoadedModel,
    LoadedTransactionModel,
    load_model,
)
from guanxi.registry.registration import load_tested
from guanxi.registry.store import Store, answering
from guanxi.registry.twins import TWIN_TAG, load_twin, run_tags

_ALONE = "to judge it without the champion: --set promotion.compare=false"


@dataclass(frozen=True)
class Judgement:
    """The gate's verdict on a version.

    Attributes
    ----------
    version : str
    champion : str or None
        The champion at the time.
    measured : str
        What was compared on which data, in one line.
    checks : list of Check
    reasons : list of str
        Why it may not become champion; empty if it may.
    """

    version: str
    champion: str | None
    measured: str
    checks: list[Check]
    reasons: list[str]

    @property
    def passed(self) -> bool:
        """Whether the version may become champion."""
        return not self.reasons

    @property
    def text(self) -> str:
        """What was measured, and a line for each check."""
        lines = [f"  {'passed' if each.passed else 'FAILED'}  {each.text}" for each in self.checks]
        return "\n".join([self.measured, *lines])


class Registered(Protocol):
    """A training whose model is registered."""

    @property
    def version(self) -> str:
        """The new version."""

    @property
    def champion(self) -> str | None:
        """The version that is champion, if any."""

    @property
    def run_id(self) -> str:
        """Its MLflow run."""

    @property
    def store(self) -> Store:
        """Where it is registered."""


def through_the_gate(
    training: Registered, params: PromotionParams, reporter: Reporter, doubts: Sequence[str] = ()
) -> tuple[str | None, Judgement | None]:
    """Promote a version that is not champion, as the first is, if it passes the gate.

    Returns the champion and the verdict; None for the first version. ``doubts`` are further reasons why it
    may not become champion. If the registry refuses, the results are useful even without a promotion.
    """
    store, version = training.store, training.version
    if training.champion == version:
        return version, None
    with reporter.step(f"compare version {version} with the champion", extra=True) as step, answering(store):
        seen = read_aliases(store)
        try:
            judgement = evaluate_candidate(store, version, seen.get(CHAMPION), params, step)
            reasons = list(dict.fromkeys([*judgement.reasons, *doubts]))
            judgement = replace(judgement, reasons=reasons)
            decide(store, judgement, seen)
        except RegistryError as error:
            seen = read_aliases(store)
            judgement = Judgement(version, seen.get(CHAMPION), "nothing was decided", [], [str(error)])
    return version if judgement.passed else seen.get(CHAMPION), judgement


def evaluate_candidate(
    store: Store, version: str, champion: str | None, params: PromotionParams, reporter: Reporter
) -> Judgement:
    """Test a version as loaded from the registry, and compare it with the champion.

    Raises
    ------
    RegistryError
        If the version does not load or does not pass its smoke test.
    """
    reporter.detail("smoke test")
    candidate = load_tested(store, version)
    reporter.detail("comparison")
    rival = champion if params.compare else None
    try:
        measured, checks = _measure(candidate, store, rival, params)
    except (RegistryError, DataError) as error:
        against = f" with version {rival}, the champion" if rival else ""
        reason = f"it cannot be compared{against}: {error}" + (f"; {_ALONE}" if rival else "; train again")
        return Judgement(version, champion, "nothing was measured", [], [reason])
    leaks = [text for text in tags(store, version).get(LEAKS, "").split("\n") if text]
    reasons = leaks + gate.failures(checks) + ([] if rival else list(candidate.warnings))
    return Judgement(version, champion, measured, checks, reasons)


def decide(store: Store, judgement: Judgement, seen: Mapping[str, str]) -> None:
    """Move the aliases if the version passed, and record the decision in either case.

    Raises
    ------
    RegistryError
        If the aliases have changed since they were ``seen``.
    """
    version, reasons = judgement.version, "; ".join(judgement.reasons)
    if judgement.passed:
        make_champion(store, version, seen)
    elif seen.get(CHAMPION) != version:
        set_status(store, version, REFUSED, reasons)
    outcome = "Promoted to champion" if judgement.passed else f"Refused: {reasons}"
    instead = f", in place of version {judgement.champion}" if judgement.passed and judgement.champion else ""
    add_decision(store, version, f"{outcome}{instead} on {date.today()}.\n\n```\n{judgement.text}\n```\n")


@singledispatch
def _measure(
    candidate: LoadedModel, store: Store, champion: str | None, params: PromotionParams
) -> tuple[str, list[Check]]:
    """Measure a candidate, against the champion if given; return a description of the data and the checks."""
    raise NotImplementedError(candidate.served.task)


@_measure.register
def _(
    candidate: LoadedTransactionModel, store: Store, champion: str | None, params: PromotionParams
) -> tuple[str, list[Check]]:
    if champion is None:
        return _judge_alone(store, candidate.version, params)
    return _judge_against(store, candidate, champion, params)


def _judge_against(
    store: Store, candidate: LoadedTransactionModel, champion: str, params: PromotionParams
) -> tuple[str, list[Check]]:
    """Compare the twins on the later of their windows, and the served models on its customers."""
    twins = load_twin(store, candidate.version), load_twin(store, champion)
    own, other = twins
    # Neither twin was fitted to data after the later one's cutoff, so neither has seen this window.
    later = own if own.as_of >= other.as_of else other
    served = candidate, load_model(f"models:/{store.registered_model}/{champion}", store).of_transactions()
    check_alike(*served)
    models = [each.of_transactions() for each in (own.model, other.model, *served)]
    tables = [score_window(each, later, later.held_out(each.window_days)) for each in models]
    window, than = later.held_out(later.model.of_transactions().window_days), f"version {champion}"
    checks = [
        *gate.compare_errors(window, tables[0], tables[1], params, than),
        *gate.check_coverage(window, tables[0], later.interval, params),
        *gate.compare_means(tables[2], tables[3], params, than),
    ]
    days = f"twins fitted up to {own.as_of} and {other.as_of}"
    return f"Compared with {than} on {describe_window(later, window)}; {days}:", checks


def _judge_alone(store: Store, version: str, params: PromotionParams) -> tuple[str, list[Check]]:
    twin = load_twin(store, version)
    window = twin.held_out(twin.model.of_transactions().window_days)
    table = score_window(twin.model, twin, window)
    checks = [
        *gate.compare_with_constant(window, table, params),
        *gate.check_coverage(window, table, twin.interval, params),
    ]
    return f"Measured on {describe_window(twin, window)}; its twin was fitted up to {twin.as_of}:", checks


@_measure.register
def _(
    candidate: LoadedLabelModel, store: Store, champion: str | None, params: PromotionParams
) -> tuple[str, list[Check]]:
    if champion is not None:
        _check_one_label(store, candidate.version, champion)
    return _compare_folds(candidate, store, champion, params)


@_measure.register
def _(
    candidate: LoadedContractModel, store: Store, champion: str | None, params: PromotionParams
) -> tuple[str, list[Check]]:
    if TWIN_TAG not in run_tags(store, candidate.version):
        return _compare_folds(candidate, store, champion, params)
    twin = load_twin(store, candidate.version)
    if champion is None:
        window = twin.held_out(ANY_WINDOW)
        checks = contract_gate.judge_alone(
            window, score_window(twin.model, twin, window), twin.interval, params
        )
        return f"Measured on {describe_window(twin, window)}; its twin was fitted up to {twin.as_of}:", checks
    other = load_twin(store, champion)
    rival = load_model(f"models:/{store.registered_model}/{champion}", store)
    check_alike(candidate, rival)
    later = twin if twin.as_of >= other.as_of else other
    window, than = later.held_out(ANY_WINDOW), f"version {champion}"
    own, before, now, then = (
        score_window(each, later, window) for each in (twin.model, other.model, candidate, rival)
    )
    checks = [
        *contract_gate.compare(window, own, before, later.interval, params, than),
        *contract_gate.compare_means(now, then, params, than),
    ]
    days = f"twins fitted up to {twin.as_of} and {other.as_of}"
    return f"Compared with {than} on {describe_window(later, window)}; {days}:", checks


def _compare_folds(
    candidate: LoadedModel, store: Store, champion: str | None, params: PromotionParams
) -> tuple[str, list[Check]]:
    """Compare cross-validated log losses, each relative to that of predicting the churn rate for everyone."""
    own, name, key = (
        log_loss_of(store, candidate.version),
        "log loss of churn in cross-validation",
        "log_loss_increase",
    )
    limit = params.log_loss_increase
    if champion is None:
        check = Check(name, own, 1.0, "the share of churners", own - 1.0, limit, key)
        return "Measured in cross-validation:", [check]
    other = log_loss_of(store, champion)
    check = Check(name, own, other, f"version {champion}", own / other - 1.0, limit, key)
    measured = "Compared in cross-validation, each on its own customers, relative to a constant forecast:"
    return measured, [check]


def _check_one_label(store: Store, version: str, champion: str) -> None:
    """Refuse to compare models of different labels: the easier one would always win."""
    own, other = (tags(store, each).get(LABEL, "unknown") for each in (version, champion))
    if own != other:
        raise RegistryError(f"its label is {own}, that of version {champion} is {other}")
