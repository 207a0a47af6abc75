"""Texts on their way into cells of other programs: never a formula, never half a letter."""

from __future__ import annotations

import unicodedata

# What a spreadsheet may take for the beginning of a formula, the last four for East Asian input; tabs and
# line ends since some programs strip them before they look (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_JOINER = "\u200d"


def neutralise(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula.

    References
    ----------
    OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection

    Examples
    --------
    >>> neutralise("=1+1"), neutralise("a=1")
    ("'=1+1", 'a=1')
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def cut(text: str, units: int) -> str:
    """Cut a text to at most ``units`` UTF-16 units, so that it ends in ``…`` and in no half of a letter.

    Excel and the customer systems count in these units or in characters, of which there are never more. An
    accent, a variant or a joined sign stays with its letter, or both go.

    Examples
    --------
    >>> cut("关系客户", 3), cut("short", 5), cut("ab🙂🙂", 4)
    ('关系…', 'short', 'ab…')
    """
    if 2 * len(text) <= units:
        return text
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * units:
        return text
    kept = encoded[: 2 * (units - 1)].decode("utf-16-le", "ignore")
    while kept and (_joins(text[len(kept)]) or kept.endswith(_JOINER)):
        kept = kept[:-1]
    return f"{kept}…"


def _joins(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Mc", "Me", "Sk") or letter == _JOINER
