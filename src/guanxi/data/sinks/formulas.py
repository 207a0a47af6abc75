"""Texts that a spreadsheet would run as a formula."""

from __future__ import annotations

import re

import pandas as pd

# Characters that may start a formula, the last four with East Asian input; tabs and line ends because some
# programs strip them first (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_TEXTS = ("string", "mixed", "mixed-integer", "categorical")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def neutralise(text: str) -> str:
    """Prefix an apostrophe to a text that a spreadsheet would run as a formula.

    References
    ----------
    OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection

    Examples
    --------
    >>> neutralise("=1+1"), neutralise("a=1")
    ("'=1+1", 'a=1')
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _neutralise_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Apply :func:`neutralise` to the texts and headings of a table for CSV, except where a text is a number.

    Examples
    --------
    >>> _neutralise_texts(pd.DataFrame({"id": ["-1", "=1+1"]}))["id"].tolist()
    ['-1', "'=1+1"]
    """

    def safe(value: object) -> object:
        return value if not isinstance(value, str) or _NUMBER.fullmatch(value) else neutralise(value)

    texts = [name for name in table.columns if pd.api.types.infer_dtype(table[name]) in _TEXTS]
    changed = {name: table[name].astype("object").map(safe) for name in texts}
    return table.assign(**changed).rename(columns=safe)
