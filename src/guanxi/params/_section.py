"""Base of all sections of the parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from guanxi.errors import did_you_mean


class Section(BaseModel):
    """A frozen section in which unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, values: Any) -> Any:
        """Use the defaults for a section without keys, which YAML reads as null."""
        if not isinstance(values, dict):
            return values
        sections = {name for name, field in cls.model_fields.items() if isinstance(field.default, Section)}
        return {key: value for key, value in values.items() if value is not None or key not in sections}

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse a truth value, also of NumPy, for a number: pydantic would read 0 or 1."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if type(value).__name__ == "bool" and {annotation, *get_args(annotation)} & {int, float}:
            raise ValueError("write a number")
        return value

    @classmethod
    def section_at(cls, path: Iterable[str]) -> type[Section]:
        """Return the section at a path of keys below this one."""
        section: type[Section] = cls
        for key in path:
            # Keys of a map of sections are not fields.
            if key in section.model_fields:
                kind = section.model_fields[key].annotation
                kinds = (kind, *get_args(kind))
                section = next(each for each in kinds if isinstance(each, type) and issubclass(each, Section))
        return section

    @classmethod
    def did_you_mean(cls, key: str) -> str:
        """Suggest the known key most similar to an unknown one, or list all if none is similar."""
        return did_you_mean(key, cls.model_fields)
