"""What reading and plausibility rules found in a source."""

from __future__ import annotations

import shlex
import unicodedata
from dataclasses import dataclass


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
    """

    name: str
    text: str
    lines: int = 0
    value: float | None = None
    examples: tuple[str, ...] = ()
    setting: str | None = None

    def __str__(self) -> str:
        """Write the finding as one line, with examples and the setting.

        Examples
        --------
        >>> print(DataFinding("decimal_comma", "amounts were read with a comma", 3, setting="data.decimal=,"))
        amounts were read with a comma (--set data.decimal=,)
        """
        shown = f" ({'; '.join(self.examples)})" if self.examples else ""
        setting = shlex.quote(self.setting.removeprefix("--set ")) if self.setting else ""
        setting = f" (--set {setting})" if setting and setting not in self.text else ""
        # Examples are as in the source, where line breaks and terminal escapes may stand.
        return "".join(map(_plain, self.text + shown + setting))


def _plain(character: str) -> str:
    """Write blanks of any width as one, and what is not printable as its escape."""
    if unicodedata.category(character) == "Zs":
        return " "
    return character if character.isprintable() else repr(character)[1:-1]


def share_of(part: float, whole: float) -> str:
    """Write a share of a whole, of which a small part is still some.

    Examples
    --------
    >>> share_of(1, 8), share_of(1, 5000), share_of(0, 8)
    ('12.5%', 'less than 0.1%', '0.0%')
    """
    share = part / whole
    return "less than 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"
