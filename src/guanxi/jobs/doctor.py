"""``guanxi doctor``: problems of the environment and the store, with advice."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from guanxi.data.sinks.file_sets import WAITING, is_unfinished
from guanxi.data.sources.redaction import redact
from guanxi.errors import GuanxiError
from guanxi.jobs.promote import EXPORT_FOLDER
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import MLflowParams, Params, load_params, override
from guanxi.registry.health import Finding, database_findings, model_findings
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import answering, local_database, open_store, store_uri

_STORE_FOLDER = "mlruns"
_LEFTOVERS = (".*.partial", ".guanxi-*-*", ".*.lock", ".*.old")


@leave_mlflow_alone()
def doctor(params: Params | None = None, *, progress: bool | Reporter = False) -> list[Finding]:
    """Check Python, packages, the store, its models and the leftovers of interrupted jobs.

    Parameters
    ----------
    params, progress : optional
        As in :func:`guanxi.predict`.

    Examples
    --------
    >>> from guanxi.jobs.doctor import doctor
    >>> [finding.text for finding in doctor() if finding.level == "wrong"]  # doctest: +SKIP
    []
    """
    params = override(load_params() if params is None else params, {})
    reporter = reporter_of(progress)
    reporter.expect(2)
    with reporter.step("look at Python and its packages"):
        found = [*_environment(), _java()]
    with reporter.step("look at the MLflow store and its models"):
        found += _store(params.mlflow)
    return [*found, *_leftovers(Path())]


def findings_text(findings: list[Finding]) -> str:
    """Write a line for each finding, and the number of problems."""
    width = max(len(each.subject) for each in findings)
    wrong = sum(each.level == "wrong" for each in findings)
    lines = [f"{each.level:<5}  {each.subject:<{width}}  {each.text}" for each in findings]
    return "\n".join([*lines, "", "All well." if not wrong else f"{wrong} wrong: see above for advice."])


def _environment() -> Iterator[Finding]:
    try:
        about = metadata.metadata("guanxi")
        required = [Requirement(line) for line in metadata.requires("guanxi") or []]
    except metadata.PackageNotFoundError:
        yield Finding("wrong", "guanxi", "it is not installed, only found on the path: pip install guanxi")
        return
    python, wanted = platform.python_version(), about["Requires-Python"]
    if SpecifierSet(wanted).contains(python, prereleases=True):
        yield Finding("ok", "python", python)
    else:
        yield Finding(
            "wrong", "python", f"{python}, guanxi needs {wanted}: make an environment with that version"
        )
    needed = [each for each in required if each.marker is None or each.marker.evaluate({"extra": ""})]
    wrong = [finding for each in needed if (finding := _package(each))]
    yield from wrong or [Finding("ok", "packages", f"{len(needed)} as guanxi {about['Version']} requires")]


def _package(needed: Requirement) -> Finding | None:
    advice = f"pip install '{needed.name}{needed.specifier}'"
    try:
        version = metadata.version(needed.name)
    except metadata.PackageNotFoundError:
        return Finding("wrong", needed.name, f"is not installed: {advice}")
    if needed.specifier.contains(version, prereleases=True):
        return None
    return Finding("wrong", needed.name, f"{version} is installed, guanxi needs {needed.specifier}: {advice}")


def _java() -> Finding:
    found = shutil.which("java")
    return Finding("note", "java", found or "not found: only Spark needs it (Java 17)")


def _store(params: MLflowParams) -> list[Finding]:
    database = local_database(params)
    found = [] if database is None else list(database_findings(database))
    if any(each.level == "wrong" for each in found):
        return found
    try:
        store = open_store(params, create=False, write=False)
        if database is None:
            found.append(Finding("ok", "store", f"{redact(store_uri(params))} answers"))
        with answering(store):
            found += model_findings(store)
    except GuanxiError as error:
        found.append(Finding("wrong", "store", str(error)))
    return found


def _leftovers(folder: Path) -> Iterator[Finding]:
    """Find what killed processes left in the working folder."""
    old = EXPORT_FOLDER.with_name(f".{EXPORT_FOLDER.name}.old")
    if (folder / old).exists() and not (folder / EXPORT_FOLDER).exists():
        yield Finding("wrong", "export", f"interrupted: rename {old} to {EXPORT_FOLDER}")
    elif (folder / old).exists():
        yield Finding("note", "export", f"interrupted earlier: {old} may be deleted")
    for place in (folder, *sorted(path for path in folder.glob("[!.]*") if path.is_dir())):
        if is_unfinished(place):
            text = (
                f"{place}: old and new files are mixed: repeat the command, or move {place / WAITING}/* there"
            )
            yield Finding("wrong", "results", text)
    for pattern in _LEFTOVERS:
        for path in sorted([*folder.glob(pattern), *folder.glob(f"[!.]*/{pattern}")]):
            if path.parent.name not in (_STORE_FOLDER, EXPORT_FOLDER.parent.name):
                yield _leftover(path)


def _leftover(path: Path) -> Finding:
    whole = path.with_name(path.name[1:].removesuffix(path.suffix))
    if path.suffix == ".old" and not whole.exists():
        return Finding("wrong", "leftover", f"{path}: an earlier table, interrupted: rename it to {whole}")
    if (path / "_plan.json").exists():
        return Finding("note", "leftover", f"{path}: continue with guanxi predict --resume, or delete it")
    return Finding("note", "leftover", f"{path}: it may be deleted if no job is running")
