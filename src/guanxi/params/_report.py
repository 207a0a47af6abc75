"""Parameters of the page."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from guanxi.params._section import Section


class ReportParams(Section):
    """How the page shows amounts: ``currency`` is a sign or code such as ``EUR``; empty: none is shown."""

    currency: Annotated[str, StringConstraints(strip_whitespace=True, max_length=12)] = ""
