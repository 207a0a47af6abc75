"""``guanxi rollback``: return to the previous champion."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from guanxi.jobs.promote import _check_export, _refresh_export
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.registry.aliases import predecessor, read_aliases, roll_back
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.registration import load_tested
from guanxi.registry.store import answering, open_store


@dataclass(frozen=True)
class Rollback:
    """Result of a rollback.

    Attributes
    ----------
    model : str
        Name of the registered model.
    version : str
        The version that is champion again.
    instead : str
        The version that was champion.
    previous : str or None
        The version that a further rollback would bring back.
    """

    model: str
    version: str
    instead: str
    previous: str | None


@leave_mlflow_alone()
def rollback(
    params: Params | None = None, *, name: str | None = None, progress: bool | Reporter = False
) -> Rollback:
    """Make the previous champion champion again, once it has passed its smoke test.

    Parameters
    ----------
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    name : str, optional
        Name of the registered model, such as ``guanxi-labels``; default: that of ``params.task``.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    RegistryError
        If there is no previous champion, it no longer loads, or the aliases were moved meanwhile.
    OutputError
        If the champion's folder, ``models/guanxi``, holds files of others or cannot be written.

    Examples
    --------
    >>> from guanxi.jobs.rollback import rollback
    >>> rollback().version  # doctest: +SKIP
    '1'
    """
    params = override(load_params() if params is None else params, {})
    reporter = reporter_of(progress)
    reporter.expect(2)
    with reporter.step("look at the MLflow store"):
        store = open_store(params.mlflow, create=False)
        store = dataclasses.replace(store, registered_model=name or params.registered_model)
    _check_export(store)
    with answering(store):
        seen = read_aliases(store)
        version = predecessor(store, seen)
        with reporter.step(f"test version {version}"):
            load_tested(store, version)
        instead, previous = roll_back(store, version, seen)
    _refresh_export(store, version)
    return Rollback(store.registered_model, version, instead, previous)


def summary_text(done: Rollback) -> str:
    """Report the champion and the next possible rollback."""
    further = (
        f"guanxi rollback --name {done.model} once more goes back to version {done.previous}"
        if done.previous
        else "there is no earlier one"
    )
    return (
        f"Version {done.version} of {done.model} is champion again, version {done.instead} is rolled back; "
        f"{further}."
    )
