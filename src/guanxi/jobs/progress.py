"""What a person at a terminal sees while a job works."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Progress:
    """Silent progress: what the Python API uses."""

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Show that a step is under way."""
        yield self

    def detail(self, text: str) -> None:
        """Say what the current step does now."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def warn(self, text: str) -> None:
        """Say what whoever reads the result must know."""
        warnings.warn(text, stacklevel=3)


class ConsoleProgress(Progress):
    """Progress on the standard error: a spinner on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.markup import escape

        self._console: Any = Console(stderr=True, highlight=False, soft_wrap=True)
        self._escape = escape
        self._status: Any = None
        self._title = ""
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Show a step with its number, and its duration once it is done."""
        begin = time.perf_counter()
        self._number += 1
        self._title = f"{self._number}. {self._escape(title)}"
        with self._console.status(self._title) as status:
            self._status = status
            try:
                yield self
            finally:
                self._status = None
        self._console.print(f"{self._title} [dim]{time.perf_counter() - begin:.1f} s[/dim]")

    def detail(self, text: str) -> None:
        """Show beside the spinner what is being done."""
        if self._status is not None:
            self._status.update(f"{self._title}: {self._escape(text)}")

    def say(self, text: str) -> None:
        """Print a line as it is, without markup."""
        self._console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Print a warning that stays."""
        self.say(f"   warning: {text}")
