"""Advice for callers from Python, who have no options of the command line."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from guanxi.errors import GuanxiError

Given = ParamSpec("Given")
Result = TypeVar("Result")
_OPTION = re.compile(r"""--(set|columns|exclude) ('[^']+'|"[^"]+"|[^\s;:)'"]+)""")
_END = re.compile(r"(?<!=)[.,]$")  # of the sentence; in data.decimal=, it is the setting
_NEXT = re.compile(r",(?=\w+=)")
_BEFORE = "in Python, such settings are"


def in_python(text: str, section: str = "") -> str:
    """Add to advice on ``--set``, ``--columns`` or ``--exclude`` how parameters are given in Python.

    Parameters
    ----------
    text : str
        A message; it stays as it is if it names no such option.
    section : str, optional
        Attribute of the parameters that the function takes, such as ``.data``; default: all of them.

    Examples
    --------
    >>> in_python("use --set seed=7")
    "use --set seed=7; in Python, such settings are params=guanxi.params.load_params(overrides=['seed=7'])"
    >>> in_python("leave it out: --exclude 'Final bill'")
    "leave it out: --exclude 'Final bill'; in Python, such settings are exclude=['Final bill']"
    """
    found = _OPTION.search(text)
    if found is None:
        return text
    given = _END.sub("", found[2].strip("'\""))
    if found[1] == "exclude":
        return f"{text}; {_BEFORE} exclude=[{given!r}]"
    settings = [given] if found[1] == "set" else [f"data.columns.{part}" for part in _NEXT.split(given)]
    return f"{text}; {_BEFORE} params=guanxi.params.load_params(overrides={settings}){section}"


def advises_in_python(
    section: str = "",
) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Decorate a public function so that its errors advise callers from Python.

    The command line, which gives a reporter as ``progress``, shows errors as they are. ``section`` as for
    :func:`in_python`.
    """

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @functools.wraps(function)
        def call(*given: Given.args, **named: Given.kwargs) -> Result:
            try:
                return function(*given, **named)
            except GuanxiError as error:
                if isinstance(named.get("progress", False), bool):
                    error.args = (in_python(str(error), section),)
                raise

        return call

    return decorate
