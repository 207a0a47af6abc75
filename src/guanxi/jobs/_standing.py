"""The place of a new version in the registry, in words."""

from __future__ import annotations

from collections.abc import Iterable

from guanxi.jobs._gate import Judgement, Registered


def standing(
    training: Registered, judgement: Judgement | None, doubt: str, grades: Iterable[str | None] = ()
) -> str:
    """Tell whether a version is champion, and how to use it if it is not.

    Parameters
    ----------
    training : Registered
    judgement : Judgement or None
        None if it did not have to pass the gate.
    doubt : str
        Why the first version is not champion, and what to do.
    grades : iterable of str or None
        Of what it forecasts.
    """
    if judgement is not None and judgement.passed:
        return (
            f"champion: it passed the gate; version {judgement.champion} is previous, and guanxi rollback "
            "goes back to it"
        )
    if training.champion == training.version:
        despite = " in spite of grade C: see above before you rely on it" if "C" in grades else ""
        return f"candidate and, as the first, champion{despite}"
    name = training.store.registered_model
    stays = f"candidate; version {training.champion} stays champion"
    if training.champion is None:
        return (
            f"candidate; there is no champion yet, because {doubt} and train again, or score with this one "
            f"by --model models:/{name}@candidate"
        )
    if judgement is None:
        return f"{stays} until guanxi promote: score with this one by --model models:/{name}@candidate"
    why = "; ".join(judgement.reasons)
    return f"{stays}: {why}; score with this one by --model models:/{name}@candidate"
