"""``guanxi promote``: candidate to champion, through the gate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from guanxi.errors import OutputError, ParamsError, PromotionError, RegistryError
from guanxi.jobs._gate import Judgement, decide, evaluate_candidate
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.tasks import MODEL_SUFFIXES, Task
from guanxi.registry import loaded_model as registry
from guanxi.registry.aliases import CANDIDATE, CHAMPION, ROLLED_BACK, read_aliases, settle, status
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import Store, answering, open_store

EXPORT_FOLDER = Path("models") / "guanxi"
_EXPORT_FOLDERS = {task: Path(f"{EXPORT_FOLDER}{suffix}") for task, suffix in MODEL_SUFFIXES.items()}
_SCHEME = "models:/"


@dataclass(frozen=True)
class Promotion:
    """Result of a promotion.

    Attributes
    ----------
    model : str
        Name of the registered model.
    version : str
        The version that is champion.
    previous : str or None
        The version it replaced; None for the first champion.
    judgement : Judgement or None
        None if the version was already champion.
    """

    model: str
    version: str
    previous: str | None
    judgement: Judgement | None


@leave_mlflow_alone()
def promote(
    params: Params | None = None, *, model: str | None = None, progress: bool | Reporter = False
) -> Promotion:
    """Make the candidate champion if it passes the gate.

    It is loaded from the registry and tested. Its twin and the champion's are compared on the later of their
    holdout windows, which neither has seen. Limits: ``promotion`` in ``params.yaml``.

    Parameters
    ----------
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    model : str, optional
        A registered version, as in ``models:/guanxi/3``; default: the alias ``candidate``.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    PromotionError
        If it does not pass; the message names every limit exceeded. All aliases stay.
    RegistryError
        If there is no such version, it fails its smoke test, or the aliases were moved meanwhile.
    OutputError
        If the champion's folder, ``models/guanxi``, holds files of others or cannot be written.

    Examples
    --------
    >>> from guanxi.jobs.promote import promote
    >>> promote(model="models:/guanxi/3").previous  # doctest: +SKIP
    '2'
    """
    params = override(load_params() if params is None else params, {})
    reporter = reporter_of(progress)
    reporter.expect(2)
    name, wanted = _parse(model, params.registered_model)
    with reporter.step("look at the MLflow store"):
        store = dataclasses.replace(open_store(params.mlflow, create=False), registered_model=name)
    _check_export(store)
    with answering(store):
        seen = read_aliases(store)
        version = _version(store, wanted, seen)
        if seen.get(CHAMPION) == version:
            settle(store)  # an earlier promotion may have been killed after it moved the champion
            _refresh_export(store, version)
            return Promotion(name, version, None, None)
        if model is None and status(store, version) == ROLLED_BACK:
            raise PromotionError(
                f"version {version} of {name}, the candidate, was rolled back: train another, or name it if "
                f"you mean it: guanxi promote --model models:/{name}/{version}"
            )
        with reporter.step(f"test version {version} and compare it") as step:
            judgement = evaluate_candidate(store, version, seen.get(CHAMPION), params.promotion, step)
        reporter.say(judgement.text)
        decide(store, judgement, seen)
        if not judgement.passed:
            raise PromotionError(_refusal(name, judgement))
    _refresh_export(store, version)
    return Promotion(name, version, judgement.champion, judgement)


def _refusal(name: str, judgement: Judgement) -> str:
    """Say why a version is not promoted; for the first, how it can be used on purpose."""
    version, champion = judgement.version, judgement.champion
    stays = f"version {champion} stays champion" if champion else "no champion yet"
    refused = f"version {version} of {name} is not promoted, {stays}: {'; '.join(judgement.reasons)}"
    if champion:
        return refused
    return (
        f"{refused}; to use it all the same, name it, as in guanxi predict --model models:/{name}/{version}, "
        "or give it the alias champion in mlflow ui"
    )


def export_folder(task: Task) -> Path:
    """Folder to which ``guanxi run`` copies the champion of a task."""
    return _EXPORT_FOLDERS[task]


def _exported(store: Store) -> Path | None:
    """Return the folder to which an earlier run copied the champion of this registered model, if any."""
    folders = _EXPORT_FOLDERS.values()
    return next((each for each in folders if registry.exported_name(each) == store.registered_model), None)


def _check_export(store: Store) -> None:
    """Check the champion's folder before an alias moves, if it is to follow.

    Raises
    ------
    OutputError
    """
    folder = _exported(store)
    if folder is not None:
        registry.check_export(folder)


def _refresh_export(store: Store, version: str) -> None:
    """Update the champion's folder if an earlier run exported this registered model.

    Raises
    ------
    OutputError
        If it cannot be written; the aliases have already moved.
    """
    folder = _exported(store)
    if folder is None:
        return
    try:
        registry.export(store, version, folder)
    except OutputError as error:
        raise OutputError(
            f"version {version} is champion now, but {folder} still holds the previous one: {error}"
        ) from error


def summary_text(promotion: Promotion) -> str:
    """Report the new champion and how to go back."""
    name, version = promotion.model, promotion.version
    if promotion.judgement is None:
        return f"Version {version} of {name} is already champion: nothing to do."
    if promotion.previous is None:
        return f"Version {version} of {name} is the first champion."
    return (
        f"Version {version} of {name} is champion; version {promotion.previous}, the champion until now, is "
        f"previous: guanxi rollback --name {name} goes back to it."
    )


def _parse(model: str | None, name: str) -> tuple[str, str]:
    """Parse ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``."""
    if model is None:
        return name, f"@{CANDIDATE}"
    model = str(model)
    given = model.removeprefix(_SCHEME)
    name, at, alias = given.partition("@")
    if not at:
        name, _, alias = given.partition("/")
    if not model.startswith(_SCHEME) or not name or not alias or not (at or alias.isdecimal()):
        raise ParamsError(f"--model {model!r} is not a registered version: write models:/guanxi/3")
    return name, at + alias


def _version(store: Store, wanted: str, seen: Mapping[str, str]) -> str:
    if not wanted.startswith("@"):
        return wanted
    found = seen.get(wanted[1:])
    if found is None:
        known = ", ".join(f"{alias} (version {version})" for alias, version in sorted(seen.items()))
        raise RegistryError(
            f"model {store.registered_model} has no alias {wanted[1:]}; it has {known or 'none'}: train a "
            "model with guanxi train, or name a version, as in --model models:/guanxi/3"
        )
    return found
