"""Parameters of what customers say: questionnaires, their constructs, and free text."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from guanxi.params._section import Section


class VoiceParams(Section):
    """How answers of questionnaires and surveys are put together, and how free text is summarised.

    Names of questions and constructs are validated by :mod:`guanxi.scorecard.voice`.
    """

    outcome: str = Field("satisfaction", min_length=1)
    constructs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    paths: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    scale: tuple[float, float] | None = None
    culture: str | None = None
    topics: int | None = Field(None, ge=2, le=30)

    @model_validator(mode="after")
    def _each_question_once(self) -> Self:
        seen: dict[str, str] = {}
        for name, questions in self.constructs.items():
            if not questions:
                raise ValueError(f"construct {name!r} has no question: name at least one")
            for question in questions:
                if question in seen:
                    raise ValueError(f"question {question!r} is in {seen[question]} and {name}: keep one")
                seen[question] = name
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError("scale: write the lowest and the highest answer, as in [1, 10]")
        return self
