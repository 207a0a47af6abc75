"""Progress of a job, as shown on a terminal."""

from __future__ import annotations

import importlib.util
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Reporter:
    """Silent progress, the default of the Python API."""

    def expect(self, steps: int) -> None:
        """Say how many steps there will be, besides those that only some of such jobs take."""

    @contextmanager
    def step(self, title: str, *, extra: bool = False) -> Iterator[Reporter]:
        """Show that a step is running; ``extra`` ones were not expected."""
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
    """Progress on the standard error: live on a terminal and in notebooks, elsewhere a line a step."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.markup import escape

        # Without ipywidgets, rich can draw nothing that moves in a notebook.
        plain = None if importlib.util.find_spec("ipywidgets") else False
        self._console: Any = Console(stderr=True, highlight=False, soft_wrap=True, force_jupyter=plain)
        self._escape = escape
        self._live: Any = None
        self._number = self._expected = 0
        self._counted_from: tuple[float, int] | None = None
        self._printed_at = 0.0

    def expect(self, steps: int) -> None:
        """Let the steps be numbered as "step 3 of 9"; of jobs that call others, the outermost counts."""
        self._expected = self._expected or steps

    @contextmanager
    def step(self, title: str, *, extra: bool = False) -> Iterator[Reporter]:
        """Show a step with its number and the time elapsed; once it is done, a line with its duration."""
        begin = time.perf_counter()
        self._number += 1
        self._expected += extra and self._expected > 0
        of_all = f" of {max(self._expected, self._number)}" if self._expected else ""
        name = f"step {self._number}{of_all}: {self._escape(printable(title))}"
        self._counted_from = None
        with self._moving(name):
            yield self
        self._console.print(f"{name} [dim]{time.perf_counter() - begin:.1f} s[/dim]")

    @contextmanager
    def _moving(self, name: str) -> Iterator[None]:
        """Show the name, the time elapsed and the current detail, where things can move."""
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        # FORCE_COLOR makes rich take a file for a terminal.
        if not (self._console.file.isatty() or self._console.is_jupyter):
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        detail = TextColumn("[dim]{task.fields[detail]}[/dim]")
        with Progress(*columns, detail, console=self._console, transient=True) as live:
            live.add_task(name, total=None, detail="")
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def detail(self, text: str) -> None:
        """Show beside the step what is being done."""
        if self._live is not None:
            self._live.update(self._live.task_ids[0], detail=self._escape(printable(text)))

    def count(self, done: int, total: int, unit: str) -> None:
        """Show count, rate and time left beside the step; where nothing moves, print a line now and then."""
        now = time.monotonic()
        if self._counted_from is None:
            self._counted_from, self._printed_at = (now, done), now
        text = _count_text(done, total, unit, done - self._counted_from[1], now - self._counted_from[0])
        if self._live is not None:
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


class _PythonReporter(ConsoleReporter):
    """Progress for callers from Python, to whom warnings are ``UserWarning``."""

    def warn(self, text: str) -> None:
        from guanxi.params.python_advice import in_python

        warnings.warn(in_python(text), stacklevel=3)


def reporter_of(progress: bool | Reporter) -> Reporter:
    """Return who is told of progress.

    Examples
    --------
    >>> type(reporter_of(False)).__name__
    'Reporter'
    """
    if isinstance(progress, Reporter):
        return progress
    return _PythonReporter() if progress else Reporter()


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
