"""A params.yaml of a few settings, each with the reason for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Setting:
    """A setting by its dotted key; ``inactive`` ones are written as comments."""

    key: str
    value: Any
    comment: str
    inactive: bool = False


def commented_file(head: Iterable[str], settings: Iterable[Setting]) -> str:
    """Write settings as YAML with comments.

    Parameters
    ----------
    head : iterable of str
        Lines of the comment at the top.
    settings : iterable of Setting
        Those of one section follow each other.

    Examples
    --------
    >>> print(commented_file(["Of sales.csv."], [Setting("data.columns.amount", "Menge*Preis", "by name")]))
    # Of sales.csv.
    <BLANKLINE>
    data:
      columns:
        amount: Menge*Preis  # by name
    <BLANKLINE>
    """
    lines, above = [*(f"# {_one_line(line)}" for line in head), ""], list[str]()
    for setting in settings:
        *section, leaf = setting.key.split(".")
        common = 0
        while common < min(len(above), len(section)) and above[common] == section[common]:
            common += 1
        lines += [f"{'  ' * depth}{section[depth]}:" for depth in range(common, len(section))]
        above = section
        sign = "# " if setting.inactive else ""
        value = f"{leaf}: {_scalar(setting.value)}"
        lines.append(f"{'  ' * len(section)}{sign}{value}  # {_one_line(setting.comment)}")
    return "\n".join([*lines, ""])


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.removesuffix("...\n").strip()


def _one_line(text: str) -> str:
    """Take out what would end the comment or control a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
