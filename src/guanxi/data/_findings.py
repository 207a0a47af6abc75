"""What reading and plausibility rules found in a source."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from guanxi.served.texts import Language, texts


@dataclass(frozen=True)
class Phrase:
    """Part of a sentence, by its group and key in ``en.toml`` and ``zh.toml``, and what fills it."""

    group: str
    key: str
    facts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Write the phrase in English, as errors do."""
        return self.in_words("en")

    def in_words(self, language: Language) -> str:
        """Fill the phrase in a language."""
        return str(texts("guanxi.data", language)[self.group][self.key].format(**dict(self.facts)))


@dataclass(frozen=True)
class DataFinding:
    """Something in a source that its reader should know, and the setting that acts on it.

    Attributes
    ----------
    name : str
        Name of the rule, such as ``decimal_comma`` or ``amount_far_out``.
    text : str
        One sentence: what was found, and what was done with it.
    lines : int
        Number of lines concerned.
    value : float or None
        Absolute amount of these lines; None if it is unknown.
    examples : tuple of str
        Up to three values, as in the source.
    setting : str or None
        The ``--set`` that acts on it; None if there is none.
    sentence : str
        Key of the sentence in ``en.toml`` and ``zh.toml``; empty if it is told in English only.
    facts : tuple of (str, str or Phrase)
        What fills the sentence.
    """

    name: str
    text: str
    lines: int = 0
    value: float | None = None
    examples: tuple[str, ...] = ()
    setting: str | None = None
    sentence: str = ""
    facts: tuple[tuple[str, str | Phrase], ...] = ()

    def __str__(self) -> str:
        """Write the finding as one line, with examples and the setting.

        Examples
        --------
        >>> print(DataFinding("decimal_comma", "amounts were read with a comma", 3, setting="data.decimal=,"))
        amounts were read with a comma (--set data.decimal=,)
        """
        return self._line(self.text)

    def in_words(self, language: Language) -> str:
        """Write the finding as one line in a language; in English if it has no sentence in the other.

        Examples
        --------
        >>> told("no_amounts", setting="data.columns.amount=NAME").in_words("zh")
        '没有列对应 amount：可预测购买和流失，与消费金额有关的一切从略 (--set data.columns.amount=NAME)'
        """
        return self._line(_sentence(language, self.sentence, self.facts) if self.sentence else self.text)

    def as_dict(self) -> dict[str, Any]:
        """Return all but what other languages need, for JSON."""
        return {key: value for key, value in asdict(self).items() if key not in ("sentence", "facts")}

    def _line(self, text: str) -> str:
        shown = f" ({'; '.join(self.examples)})" if self.examples else ""
        setting = shlex.quote(self.setting.removeprefix("--set ")) if self.setting else ""
        setting = f" (--set {setting})" if setting and setting not in text else ""
        # Examples are as in the source, where line breaks and terminal escapes may stand.
        return "".join(map(_plain, text + shown + setting))


def _plain(character: str) -> str:
    """Write blanks of any width as one, and what is not printable as its escape."""
    if unicodedata.category(character) == "Zs":
        return " "
    return character if character.isprintable() else repr(character)[1:-1]


def told(
    name: str,
    sentence: str = "",
    facts: Mapping[str, str | Phrase] | None = None,
    *,
    lines: int = 0,
    value: float | None = None,
    examples: tuple[str, ...] = (),
    setting: str | None = None,
) -> DataFinding:
    """Make a finding whose sentence, by default that of its name, stands in ``en.toml`` and ``zh.toml``.

    Examples
    --------
    >>> told("yearly_log", facts={"days": "9 days"}, setting="data.event_grain=Y").lines
    0
    """
    key, filled = sentence or name, tuple((facts or {}).items())
    return DataFinding(
        name=name,
        text=_sentence("en", key, filled),
        lines=lines,
        value=value,
        examples=examples,
        setting=setting,
        sentence=key,
        facts=filled,
    )


def _sentence(language: Language, key: str, facts: tuple[tuple[str, str | Phrase], ...]) -> str:
    values = {name: fact.in_words(language) if isinstance(fact, Phrase) else fact for name, fact in facts}
    return str(texts("guanxi.data", language)["findings"][key].format(**values))


def counted(what: str, count: int) -> Phrase:
    """Phrase for a number of lines, or of customers.

    Examples
    --------
    >>> counted("lines", 1).in_words("en"), counted("lines", 1200).in_words("zh")
    ('1 line', '1,200 行')
    """
    return Phrase("phrases", f"one_{what}" if count == 1 else what, (("count", f"{count:,}"),))


def share_of(part: float, whole: float) -> str | Phrase:
    """Write a share of a whole, of which a small part is still some.

    Examples
    --------
    >>> share_of(1, 8), share_of(0, 8)
    ('12.5%', '0.0%')
    >>> share_of(1, 5000).in_words("en")
    'less than 0.1%'
    """
    share = part / whole
    return Phrase("phrases", "less_than", (("share", "0.1%"),)) if 0 < share < 0.0005 else f"{share:.1%}"
