"""Progress of a job, as shown on a terminal."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Reporter:
    """Silent progress, used by the Python API."""

    @contextmanager
    def step(self, title: str) -> Iterator[Reporter]:
        """Show that a step is running."""
        yield self

    def detail(self, text: str) -> None:
        """Show what the current step is doing."""

    def count(self, done: int, total: int, unit: str) -> None:
        """Show how much of the current step is done; the first call starts the clock."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def warn(self, text: str) -> None:
        """Warn about the result."""
        from guanxi.params.python_advice import in_python

        warnings.warn(in_python(text), stacklevel=3)


_SECONDS_BETWEEN_LINES = 30.0
# All but tabs and line feeds.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class ConsoleReporter(Reporter):
    """Progress on the standard error: a spinner on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.markup import escape

        self._console: Any = Console(stderr=True, highlight=False, soft_wrap=True)
        self._escape = escape
        self._status: Any = None
        self._title = ""
        self._number = 0
        self._counted_from: tuple[float, int] | None = None
        self._printed_at = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator[Reporter]:
        """Show a step with its number, and its duration once it is done."""
        begin = time.perf_counter()
        self._number += 1
        self._title = f"{self._number}. {self._escape(printable(title))}"
        self._counted_from = None
        with self._console.status(self._title) as status:
            self._status = status
            try:
                yield self
            finally:
                self._status = None
        self._console.print(f"{self._title} [dim]{time.perf_counter() - begin:.1f} s[/dim]")

    def detail(self, text: str) -> None:
        """Show next to the spinner what is being done."""
        if self._status is not None:
            self._status.update(f"{self._title}: {self._escape(printable(text))}")

    def count(self, done: int, total: int, unit: str) -> None:
        """Show count, rate and time left next to the spinner; without one, print a line now and then."""
        now = time.monotonic()
        if self._counted_from is None:
            self._counted_from, self._printed_at = (now, done), now
        text = _count_text(done, total, unit, done - self._counted_from[1], now - self._counted_from[0])
        if self._console.is_terminal:
            self.detail(text)
        elif now - self._printed_at >= _SECONDS_BETWEEN_LINES:
            self._printed_at = now
            self.say(f"   {text}")

    def say(self, text: str) -> None:
        """Print a line as it is, without markup."""
        self._console.print(printable(text), markup=False)

    def warn(self, text: str) -> None:
        """Print a warning that stays."""
        self.say(f"   warning: {text}")


def printable(text: str) -> str:
    r"""Escape characters that would control the terminal, or turn the direction of the text around them.

    Examples
    --------
    >>> printable("amount\x1b[2J")
    'amount\\x1b[2J'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _count_text(done: int, total: int, unit: str, of_these: int, seconds: float) -> str:
    """Describe how much is done, how fast, and the time left.

    Examples
    --------
    >>> _count_text(300, 1000, "customers", 200, 10.0)
    '300 of 1,000 customers, 20 a second, 35 s left'
    """
    text = f"{done:,} of {total:,} {unit}"
    if not (of_these and seconds):
        return text
    rate = of_these / seconds
    left = round((total - done) / rate)
    minutes, rest = divmod(left, 60)
    return f"{text}, {rate:,.0f} a second, {f'{minutes} min ' if minutes else ''}{rest} s left"
