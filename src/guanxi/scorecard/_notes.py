"""Notes on a scorecard: sentences that read as English and can be said in the language of a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guanxi.served.texts import Language, texts

Label = Callable[[str], str]


class Names(tuple[str, ...]):
    """Names of indicators in a note, which a page replaces with their labels."""


class Term(str):
    """A word of ours in a note, such as the name of a table, which a page says in its language."""


class Note(str):
    """A sentence on a scorecard, in English with the names of the parameters.

    Parameters
    ----------
    key : str
        Of a text of this room.
    values : str, number, Names, Term or Note
        For its placeholders.

    Examples
    --------
    >>> note = Note("unknown_for_all", names=Names(["csat", "ces"]))
    >>> str(note)
    'unknown for all customers: csat and ces'
    >>> note.said("zh", str.upper)
    '所有客户均未知：CSAT、CES'
    """

    _key: str
    _values: dict[str, Any]

    def __new__(cls, key: str, **values: Any) -> Note:
        """Write the sentence in English."""
        note = super().__new__(cls, _sentence(key, values, "en", str))
        note._key, note._values = key, values
        return note

    def said(self, language: Language, label: Label) -> str:
        """Say the sentence in a language; ``label`` gives the label of an indicator."""
        return _sentence(self._key, self._values, language, label)


def said(note: str, language: Language, label: Label) -> str:
    """Say a note in a language; a text of the user's or an error stays as it is."""
    return note.said(language, label) if isinstance(note, Note) else note


def _sentence(key: str, values: dict[str, Any], language: Language, label: Label) -> str:
    told = texts("guanxi.scorecard", language)
    # In English, where nothing has a label, names are those of the parameters.
    words: dict[str, str] = {} if label is str else told["words"]

    def shown(value: Any) -> Any:
        if isinstance(value, Names):
            return _listed([label(each) for each in value], told)
        if isinstance(value, Term):
            return words.get(value, value)
        return said(value, language, label)

    return str(told["notes"][key].format(**{name: shown(value) for name, value in values.items()}))


def _listed(names: list[str], told: dict[str, Any]) -> str:
    *first, last = names
    return f"{told['between'].join(first)}{told['before_last']}{last}" if first else last
