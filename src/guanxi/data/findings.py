"""What reading and plausibility rules found in a source."""

from __future__ import annotations

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
